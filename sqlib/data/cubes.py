"""Egression-power cubes as FITS files whose header says all that a reader needs to know."""

import json
import math
import warnings
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Literal

import numpy as np
from pydantic import Field

from sqlib import __version__
from sqlib.data.tables import Above0, Count, From0, Row, Text, Time, row_of
from sqlib.errors import SqError, in_words
from sqlib.paths import replacing

LARGEST = 2**28  # values of a cube: 256 frames of 1024×1024, the widest that `sq data ingest` makes; 1 GiB as float32


class Header(Row):
    """What the header of a cube says beside the numbers themselves, in this order."""

    event: Text = Field(alias="EVENT", description="key of the event")
    instrument: Text = Field(alias="INSTRUME", description="instrument of the Dopplergrams")
    start: Time = Field(alias="DATE-OBS", description="UTC, start of frame number 0")
    first_frame: Count = Field(0, alias="FRAME0", description="number of the first frame kept here")
    cadence: Above0 = Field(alias="CADENCE", description="[s] time between frames")
    pixel: Above0 = Field(alias="PIXSCALE", description="[Mm] side of a pixel")
    band_low: From0 = Field(alias="BANDLO", description="[mHz] lower end of the band")
    band_high: Above0 = Field(alias="BANDHI", description="[mHz] upper end of the band")
    pupil_inner: From0 = Field(alias="PUPILIN", description="[Mm] inner radius of the pupil")
    pupil_outer: Above0 = Field(alias="PUPILOUT", description="[Mm] outer radius of the pupil")
    source: Literal["simulated", "observed"] = Field(alias="SOURCE", description="simulated or observed")
    version: Text = Field("unknown", alias="VERSION", description="sqlib that made this cube")


HEADER = {one.alias: one for one in Header.model_fields.values()}


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
    facts = [
        cube.event, cube.instrument, cube.start.isoformat(timespec="milliseconds"), cube.first_frame,
        cube.cadence, cube.pixel, *cube.band, *cube.pupil, cube.source, cube.version,
    ]
    image = fits.PrimaryHDU(stored)
    image.header.extend(
        [
            ("BSCALE", step, "step of the stored integers"),
            ("BZERO", low + 32768 * step, "value of a stored zero"),
            ("BUNIT", "1", "egression power over its quiet-Sun mean"),
            *((key, value, HEADER[key].description) for key, value in zip(HEADER, facts, strict=True)),
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
    """Read a FITS cube. Raises `SqError` as `read_power` does, and for missing or impossible header keys."""
    power, header, boxes, truth = read_power(path)
    if missing := [key for key, field in HEADER.items() if field.is_required() and key not in header]:
        raise SqError(f"{path}: the header lacks {', '.join(missing)}; add each with astropy.io.fits.setval(file, key, "
                      "value=…) (units: s, Mm, mHz; DATE-OBS is the start of frame 0)")
    own = row_of(Header, {key: str(header[key]) for key in HEADER if key in header}, f"{path}, header,")
    band, pupil = (own.band_low, own.band_high), (own.pupil_inner, own.pupil_outer)
    facts = (own.event, own.instrument, own.cadence, own.pixel, own.start, band, pupil, own.source, own.first_frame)
    return Cube(power, *facts, boxes, own.version, truth)
