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

REQUIRED = ("EVENT", "INSTRUME", "DATE-OBS", "CADENCE", "PIXSCALE", "BANDLO", "BANDHI", "PUPILIN", "PUPILOUT", "SOURCE")
SOURCES = ("simulated", "observed")


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
        bad = ~np.isfinite(power)
        frame, y, x = np.unravel_index(int(bad.argmax()), bad.shape)
        raise SqError(
            f"{what}: {int(bad.sum())} values are not finite, the first in frame {frame}, row {y}, column {x}; "
            "interpolate or cut the gap first"
        )
    return low, high


def write_cube(cube: Cube, path: Path) -> None:
    """Write `cube` as 16-bit scaled FITS: values come back within half a step, (max - min) / 65535 / 2.

    Boxes go to the table extension BOXES, `truth` as JSON to TRUTH. Raises `SqError` for cubes that are not finite or
    not three-dimensional, an unknown source, and disks that are full or read-only.
    """
    from astropy.io import fits

    low, high = check_power(cube.power, str(path))
    if cube.source not in SOURCES:
        raise SqError(f"{path}: the source of a cube is one of {', '.join(SOURCES)}, not {cube.source!r}")
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
    truth = json.dumps(cube.truth)
    truth = fits.BinTableHDU.from_columns([fits.Column("JSON", f"{len(truth)}A", array=[truth])], name="TRUTH")
    with replacing(path) as new:
        fits.HDUList([image, table, truth]).writeto(new)


def read_cube(path: Path) -> Cube:
    """Read a FITS cube of any BITPIX, scaled or not; its image is the first one in the file.

    Raises `SqError` for an absent, truncated or foreign file, for missing or impossible header keys, for values that
    are not finite and for images that are not three-dimensional.
    """
    from astropy.io import fits
    from astropy.utils.exceptions import AstropyUserWarning

    path = Path(path)
    if not path.is_file():
        raise SqError(f"no cube {path}")
    with in_words(f"{path} is no complete FITS file", "delete it and make or fetch it again"), warnings.catch_warnings():
        warnings.simplefilter("ignore", AstropyUserWarning)
        warnings.filterwarnings("error", message=".*truncated", category=AstropyUserWarning)
        with fits.open(path, memmap=False, do_not_scale_image_data=True) as units:
            image = next((unit for unit in units if unit.is_image and unit.header["NAXIS"]), units[0])
            header, stored = dict(image.header), image.data
            table = units["BOXES"].data if "BOXES" in units else []
            boxes = [(int(first), int(last), *map(float, box)) for first, last, *box in table]
            truth = json.loads(units["TRUTH"].data["JSON"][0]) if "TRUTH" in units else {}
    missing = [key for key in REQUIRED if key not in header]
    if missing:
        raise SqError(
            f"{path}: the header lacks {', '.join(missing)}; add each with astropy.io.fits.setval(file, key, value=…) "
            "(units: s, Mm, mHz; DATE-OBS is the start of frame 0)"
        )
    if stored is None:
        raise SqError(f"{path} holds no image")
    power = stored.astype(np.float32)
    if (step := header.get("BSCALE", 1.0)) != 1.0:
        power *= np.float32(step)
    if zero := header.get("BZERO", 0.0):
        power += np.float32(zero)
    if "BLANK" in header and stored.dtype.kind in "iu":
        power[stored == header["BLANK"]] = np.nan
    check_power(power, str(path))
    intervals = {}
    for first, last, *box in boxes:
        found = intervals.setdefault((first, last), [])
        if not any(map(math.isnan, box)):
            found.append(tuple(box))
    numbers = {key: _positive(header, key, path) for key in ("CADENCE", "PIXSCALE", "BANDHI", "PUPILOUT")}
    lower = {key: _positive(header, key, path, zero=True) for key in ("BANDLO", "PUPILIN", "FRAME0")}
    try:
        start = datetime.fromisoformat(str(header["DATE-OBS"])).replace(tzinfo=None)
    except ValueError as error:
        raise SqError(f"{path}: DATE-OBS {header['DATE-OBS']!r} is no date like 2001-04-06T19:13:00") from error
    if header["SOURCE"] not in SOURCES:
        raise SqError(f"{path}: SOURCE is {header['SOURCE']!r}, it must be one of {', '.join(SOURCES)}")
    return Cube(
        power,
        event=str(header["EVENT"]),
        instrument=str(header["INSTRUME"]),
        cadence=numbers["CADENCE"],
        pixel=numbers["PIXSCALE"],
        start=start,
        band=(lower["BANDLO"], numbers["BANDHI"]),
        pupil=(lower["PUPILIN"], numbers["PUPILOUT"]),
        source=header["SOURCE"],
        first_frame=int(lower["FRAME0"]),
        boxes=tuple((interval, tuple(found)) for interval, found in intervals.items()),
        version=str(header.get("VERSION", "unknown")),
        truth=truth,
    )


def _positive(header, key: str, path: Path, zero: bool = False) -> float:
    value = header.get(key, 0)  # FRAME0 alone may be absent: a whole cube
    if isinstance(value, (int, float)) and math.isfinite(value) and (value > 0 or (zero and value == 0)):
        return float(value)
    raise SqError(f"{path}: {key} is {value!r}, it must be a number {'from 0 up' if zero else 'above 0'}")
