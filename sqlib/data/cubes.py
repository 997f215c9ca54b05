"""Egression-power cubes as FITS files whose header says all that a reader needs to know."""

import json
import math
import warnings
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

import numpy as np

from sqlib import __version__
from sqlib.errors import SqError, in_words
from sqlib.paths import replacing

LARGEST = 2**28  # values of a cube: 256 frames of 1024×1024, the widest that `sq data ingest` makes; 1 GiB as float32


@dataclass(frozen=True, eq=False)
class Cube:
    """Egression power of one event.

    `power`: float32 (T, H, W), in units of its quiet-Sun mean; frame i has the number `first_frame + i` in the event's
    own count. `cadence` s, `pixel` Mm, `start` time of frame number 0 (UTC), `band` mHz, `pupil` Mm (inner and outer
    radius), `boxes` per annotated interval ((first, last), ((x0, y0, x1, y1), ...)) in pixels, x right and y down,
    `truth` what a simulation put in (JSON-able).
    """

    power: np.ndarray
    event: str
    instrument: str
    cadence: float
    pixel: float
    start: datetime
    band: tuple[float, float] = (5.0, 7.0)
    pupil: tuple[float, float] = (15.0, 45.0)
    source: str = "simulated"
    first_frame: int = 0
    boxes: tuple = ()
    version: str = __version__
    truth: dict = field(default_factory=dict)


def check_power(power: np.ndarray, what: str) -> tuple[float, float]:
    """Least and greatest value of a cube (T, H, W) that is finite throughout; `SqError` for any other array."""
    if power.ndim != 3 or 0 in power.shape:
        raise SqError(f"{what}: a cube has three dimensions (frames, height, width), this one has shape {power.shape}")
    low, high = float(power.min()), float(power.max())
    if not (math.isfinite(low) and math.isfinite(high)):
        raise SqError(f"{what}: {_first(power, ~np.isfinite(power), 'not finite')}; interpolate or cut the gap first")
    return low, high


def _first(power: np.ndarray, bad: np.ndarray, told: str) -> str:
    frame, y, x = np.unravel_index(int(bad.argmax()), bad.shape)
    place = f"the first in frame {frame}, row {y}, column {x} ({power[frame, y, x]:g})"
    return f"{int(bad.sum())} values are {told}, {place}"


def check_filled(power: np.ndarray, what: str) -> None:
    """Raise `SqError` for a cube of finite power (T, H, W) with values that stand for missing ones, such as -9999.

    They are below zero, or so far above the others as no source is: thirty times the next lower value, or a million
    times the median.
    """
    low, high = float(power.min()), float(power.max())
    rest, few = float(power.max(where=power < high, initial=0)), power.ravel()[:: max(1, power.size // 10**6)]
    median = float(np.median(few[few > 0])) if (few > 0).any() else high
    if low < -1e-6 * high or low < high <= 0:  # a cube stored as integers may come back just below zero
        told, bad = "negative", power < 0
    elif high > 30 * rest > 0 or high > 1e6 * median:
        told, bad = f"far above all others (median: {median:g})", power > min(30 * rest or high, 1e6 * median)
    else:
        return
    raise SqError(f"{what}: {_first(power, bad, told)}; no power is: interpolate or cut missing pixels first")


def write_cube(cube: Cube, path: Path) -> None:
    """Write `cube` as 16-bit scaled FITS: values come back within half a step, (max - min) / 65535 / 2.

    Boxes go to the table extension BOXES, `truth` as JSON to TRUTH. Raises `SqError` for cubes that are not finite or
    not three-dimensional, and for disks that are full or read-only.
    """
    from astropy.io import fits

    low, high = check_power(cube.power, str(path))
    step = (high - low) / 65535 or 1.0
    stored = np.empty(cube.power.shape, ">i2")
    for i, frame in enumerate(cube.power):  # by frame, so that no second cube of floats is needed
        stored[i] = np.rint((frame.astype(np.float64) - low) / step - 32768)
    image = fits.PrimaryHDU(stored)
    image.header.extend(
        [
            ("BSCALE", step, "step of the stored integers"),
            ("BZERO", low + 32768 * step, "value of a stored zero"),
            ("BUNIT", "1", "egression power over its quiet-Sun mean"),
            ("EVENT", cube.event, "key of the event"),
            ("INSTRUME", cube.instrument, "instrument of the Dopplergrams"),
            ("DATE-OBS", cube.start.isoformat(timespec="milliseconds"), "UTC, start of frame number 0"),
            ("FRAME0", cube.first_frame, "number of the first frame kept here"),
            ("CADENCE", cube.cadence, "[s] time between frames"),
            ("PIXSCALE", cube.pixel, "[Mm] side of a pixel"),
            ("BANDLO", cube.band[0], "[mHz] lower end of the band"),
            ("BANDHI", cube.band[1], "[mHz] upper end of the band"),
            ("PUPILIN", cube.pupil[0], "[Mm] inner radius of the pupil"),
            ("PUPILOUT", cube.pupil[1], "[Mm] outer radius of the pupil"),
            ("SOURCE", cube.source, "simulated or observed"),
            ("VERSION", cube.version, "sqlib that made this cube"),
        ],
        strip=False,  # or astropy drops BSCALE and BZERO
    )
    nothing = (math.nan,) * 4  # an interval without boxes keeps its row
    rows = [(*interval, *box) for interval, boxes in cube.boxes for box in (boxes or (nothing,))]
    kinds = [("FIRST", "i4"), ("LAST", "i4"), *((name, "f8") for name in ("X0", "Y0", "X1", "Y1"))]
    table = fits.BinTableHDU(np.array(rows, dtype=kinds), name="BOXES")
    for i, unit in enumerate(("frame", "frame", "pixel", "pixel", "pixel", "pixel"), 1):
        table.header[f"TUNIT{i}"] = unit
    truth = json.dumps(cube.truth, default=lambda value: value.tolist())
    truth = fits.BinTableHDU.from_columns([fits.Column("JSON", f"{len(truth)}A", array=[truth])], name="TRUTH")
    with replacing(path) as new:
        fits.HDUList([image, table, truth]).writeto(new)


def read_power(path: Path) -> tuple[np.ndarray, dict, tuple, dict]:
    """Numbers of a cube, float32 (T, H, W), with the header, boxes and truth that a FITS file has beside them.

    From the first image of a FITS file of any BITPIX, scaled or not, packed or not, or from NumPy's `.npy`. Raises
    `SqError` for an absent, truncated or foreign file, for one that claims more than `LARGEST` values, before they are
    read, and for what is not finite throughout or not three-dimensional.
    """
    path = Path(path)
    advice = f"it holds numbers (frames, height, width), at most {LARGEST:,}, as FITS or .npy; make or fetch it again"
    with in_words(f"cannot read the cube {path}", advice), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        warnings.filterwarnings("error", message=".*truncated")
        if path.suffix.lower() == ".npz":
            raise ValueError("an .npz holds several arrays; write the one of the cube with numpy.save")
        if path.suffix.lower() == ".npy":
            stored = np.lib.format.open_memmap(path, mode="r")  # no pickle; a claim of more than there is is an error
            if stored.dtype.kind not in "fiub" or stored.size > LARGEST:
                raise ValueError(f"it claims {stored.dtype} of the shape {stored.shape}")
            found = np.array(stored, np.float32), {}, (), {}
        else:
            found = _from_fits(path)
    check_power(found[0], str(path))
    return found


def _from_fits(path: Path) -> tuple[np.ndarray, dict, tuple, dict]:
    from astropy.io import fits

    from sqlib.fits_files import check_tiles, unpacked  # here, as astropy is

    with fits.open(unpacked(path, 8 * LARGEST + 2**20, "a cube"), memmap=False) as units:
        image = next((unit for unit in units if unit.is_image and unit.header["NAXIS"]), units[0])
        if math.prod(image.shape) > LARGEST:
            raise ValueError(f"it claims the shape {image.shape}")
        check_tiles(image, path, 4 * LARGEST)
        header = dict(image.header)  # before the data are scaled, which takes BSCALE out
        intervals = {}
        for first, last, *box in units["BOXES"].data if "BOXES" in units else ():
            boxes = intervals.setdefault((int(first), int(last)), [])
            boxes += [] if np.isnan(box).any() else [tuple(map(float, box))]
        truth = json.loads(units["TRUTH"].data["JSON"][0]) if "TRUTH" in units else {}
        boxes = tuple((interval, tuple(found)) for interval, found in intervals.items())
        return np.asarray(image.data, np.float32), header, boxes, truth


def read_cube(path: Path) -> Cube:
    """Read a cube that `write_cube` wrote. Raises `SqError` as `read_power` does, and for another header."""
    power, header, boxes, truth = read_power(path)
    with in_words(f"{path} is no cube that sq wrote", "delete it, and it is made again"):
        event, instrument, source, version = (str(header[key]) for key in ("EVENT", "INSTRUME", "SOURCE", "VERSION"))
        cadence, pixel, *ends = (float(header[key]) for key in (
            "CADENCE", "PIXSCALE", "BANDLO", "BANDHI", "PUPILIN", "PUPILOUT"))
        start, first = datetime.fromisoformat(header["DATE-OBS"]), int(header["FRAME0"])
    facts = (event, instrument, cadence, pixel, start, tuple(ends[:2]), tuple(ends[2:]), source, first)
    return Cube(power, *facts, boxes, version, truth)
