"""A reader's own cubes of egression power, with two tables beside them, as frames that every notebook reads.

`FOLDER/cubes.csv` lists the cubes (FITS or NumPy), `FOLDER/regions.csv` the annotated intervals and boxes; lines that begin
with # are remarks. The frames go to `FOLDER/frames`, in SunquakeNet's layout, with the cubes' facts in own.json.
"""

import csv
import json
import math
import warnings
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import numpy as np

from sqlib.data.catalogue import catalogue, make_event
from sqlib.data.cubes import SOURCES, Cube, check_power
from sqlib.data.export import export_frames
from sqlib.data.frames import check_size, frames_from_cube, make_frameset
from sqlib.errors import SqError, in_words
from sqlib.paths import real, replacing

CUBES = {
    "file": "the cube, .fits or .npy: numbers of the shape (frames, height, width), height and width the same",
    "start": "UTC of frame 0, such as 2014-03-29T16:48:00; two cubes must not begin in the same minute",
    "cadence": "seconds from one frame to the next",
    "pixel": "side of a pixel, Mm (HMI at full resolution: 0.36; the paper's frames: 1.09 and 1.45)",
    "annotated": "yes: frames outside the intervals of regions.csv hold no sunquake; no: nobody has looked",
    "source": "observed or simulated; every figure says it",
}
REGIONS = {
    "file": "a cube of cubes.csv with annotated = yes",
    "first": "first annotated frame; the first frame of a cube has the number 0",
    "last": "last annotated frame, included",
    **dict.fromkeys(("x0", "y0", "x1", "y1"), ""),
}
BOX = "x0 ... y1: a box round the source, in pixels of the cube: columns x, rows y, from 0; leave all four empty if unknown"
LARGEST = 2**28  # values of a cube: 256 frames of 1024×1024, the widest that `sq data ingest` makes; 1 GiB as float32
LONGEST = 4096  # characters of a value in a table; no path has more
README = """# Your own cubes

Here lie small cubes of egression power that `sq data template` has SIMULATED, and the two tables that describe them:
`cubes.csv`, a row a cube, and `regions.csv`, a row for each annotated interval or box. Both explain their columns. Try

    sq data import {folder}
    sq data info --data sunquakenet --root {folder}/frames
    sq run 01_dataset --data sunquakenet --root {folder}/frames --profile smoke

then put your own cubes here instead, change the tables (source: observed), and import again.
The page "Your own data" of the book says more.
"""


@dataclass(frozen=True)
class Own:
    """One row of cubes.csv, and what regions.csv says of it ((first, last) with its boxes, as `Cube` has them).

    `start` is in UTC, `cadence` in s, `pixel` in Mm.
    """

    path: Path
    start: datetime
    cadence: float
    pixel: float
    annotated: bool
    source: str
    boxes: tuple

    @property
    def key(self) -> str:
        """Key of its event: the minute of its start."""
        return make_event(self.start.replace(second=0, microsecond=0)).key


def _words(path: Path):
    """Yield (number of the line, stripped words) of a table without its remarks; `SqError` for what is no table."""
    try:
        content = path.read_bytes()
        lines = content.decode("utf-8-sig").splitlines()
    except UnicodeDecodeError as error:
        where = f"{path}, line {len(content[: error.start + 1].splitlines())}"
        raise SqError(f"{where}: this is no text in UTF-8 ({error.reason}); save the table in UTF-8") from error
    except OSError as error:
        raise SqError(f"cannot read {path}: {error}; `sq data template FOLDER` writes one to begin with") from error
    numbers = [i for i, line in enumerate(lines, 1) if line.strip(" ,;\t") and not line.lstrip().startswith("#")]
    table, row = csv.reader([lines[i - 1] for i in numbers], skipinitialspace=True), 0
    try:
        for words in table:
            if max(map(len, words), default=0) > LONGEST:
                raise csv.Error(f"a value has more than {LONGEST} characters")
            yield numbers[row], [word.strip() for word in words]
            row = table.line_num  # a quoted value may go on in the next line
    except csv.Error as error:
        raise SqError(f"{path}, line {numbers[row]}: {error}; is a quote not closed, or this no table?") from error


def _rows(path: Path, columns: dict):
    """Yield (place for an error, row of stripped words) of a table with remarks; `SqError` for missing or unknown columns."""
    table = _words(path)
    number, head = next(table, (1, []))
    wrong = [f"lacks {name}" for name in columns if name not in head] + [f"has {name!r}" for name in head if name not in columns]
    if wrong or len(set(head)) < len(head):
        raise SqError(f"{path}, line {number}: its columns are {','.join(columns)}; this one "
                      f"{', '.join(wrong[:9])[:500] or 'has one twice'}")  # fmt: skip
    for number, words in table:
        if len(words) != len(head):
            raise SqError(f"{path}, line {number}: {len(words)} values for {len(head)} columns")
        yield f"{path}, line {number}, column", dict(zip(head, words))


def _inside(folder: Path, name: str, where: str) -> Path:
    """The file `name` of `folder`; `SqError` where it leads out of it, by itself or by a link."""
    path = Path(name)
    if "\0" in name or path.is_absolute() or ".." in path.parts or not real(folder / path).is_relative_to(real(folder)):
        raise SqError(f"{where} file: {name!r} is absolute or leads out of {folder}; copy the cube into that folder")
    return folder / path


def _number(where: str, row: dict, name: str, whole: bool = False) -> float:
    try:
        value = int(row[name]) if whole else float(row[name])
        if math.isfinite(value):
            return value
    except ValueError:
        pass
    raise SqError(f"{where} {name}: {row[name]!r} is no {'whole ' * whole}number")


def read_tables(folder: Path) -> tuple[Own, ...]:
    """The cubes that cubes.csv and regions.csv in `folder` describe; no cube is read.

    Raises `SqError` with file, line and column for what is missing, unknown, no number, no time or no interval, for a file
    that leads out of `folder`, and where the tables contradict each other or cubes.csv mixes sources.
    """
    folder = Path(folder)
    regions, found, listed = {}, {}, {event.key for event in catalogue()}
    for where, row in _rows(folder / "regions.csv", REGIONS):
        first, last = (_number(where, row, name, whole=True) for name in ("first", "last"))
        if not 0 <= first <= last:
            raise SqError(f"{where} first, last: {first} to {last} is no interval of frames")
        own = regions.setdefault(row["file"], {}).setdefault((first, last), [])
        sides = ("x0", "y0", "x1", "y1")
        if any(row[side] for side in sides):
            x0, y0, x1, y1 = box = tuple(_number(where, row, side) for side in sides)
            if not (0 <= x0 < x1 and 0 <= y0 < y1):
                raise SqError(f"{where} x0 … y1: {box} is no box of pixels (0 ≤ x0 < x1, 0 ≤ y0 < y1)")
            own.append(box)
    for where, row in _rows(folder / "cubes.csv", CUBES):
        name = row["file"]
        path = _inside(folder, name, where)
        try:
            start = datetime.fromisoformat(row["start"])
            start = start.astimezone(UTC).replace(tzinfo=None) if start.tzinfo else start
            if not 1900 <= start.year < 2200:
                raise ValueError("a year that no cube is of")
        except (ValueError, OverflowError) as error:
            raise SqError(f"{where} start: {row['start']!r} is no time like 2014-03-29T16:48:00") from error
        cadence, pixel = (_number(where, row, which) for which in ("cadence", "pixel"))
        if not (0 < cadence <= 86400 and 0 < pixel <= 696):
            raise SqError(f"{where} cadence, pixel: {cadence:g} s and {pixel:g} Mm must be above 0, up to 86400 s and 696 Mm")
        if row["annotated"] not in ("yes", "no") or row["source"] not in SOURCES:
            raise SqError(f"{where} annotated, source: yes or no, and {' or '.join(SOURCES)}; not {row['annotated']!r}, "
                          f"{row['source']!r}")  # fmt: skip
        boxes = tuple((interval, tuple(own)) for interval, own in regions.pop(name, {}).items())
        if boxes and row["annotated"] == "no":
            raise SqError(f"{where} annotated: no, but regions.csv has intervals of {name}")
        own = Own(path, start, cadence, pixel, row["annotated"] == "yes", row["source"], boxes)
        if own.key in found or own.key in listed:
            other = found[own.key].path.name if own.key in found else "an event of Table 1"
            raise SqError(f"{where} start: {other} has the same minute, which names the event; shift one by a minute")
        found[own.key] = own
    if regions:
        raise SqError(f"{folder / 'regions.csv'} has intervals of {', '.join([*regions][:5])}, which cubes.csv does not list")
    if len(sources := {own.source for own in found.values()}) != 1:
        raise SqError(f"{folder / 'cubes.csv'} lists {'simulated and observed cubes' if sources else 'no cube'}: a folder holds "
                      "cubes of one source, at least one")  # fmt: skip
    return tuple(found.values())


def _from_fits(path: Path) -> tuple[np.ndarray, bool]:
    """Numbers of a FITS file's first image, and whether its header says that they are simulated."""
    from astropy.io import fits

    from sqlib.compressed_fits import check_tiles, unpacked  # here, as astropy is

    with fits.open(unpacked(path, 8 * LARGEST + 2**20, "a cube"), memmap=False) as units:
        image = next((unit for unit in units if unit.is_image and unit.header["NAXIS"]), units[0])
        if math.prod(image.shape) > LARGEST:
            raise ValueError(f"it claims the shape {image.shape}")
        check_tiles(image, path, 4 * LARGEST)
        return np.array(image.data, np.float32), image.header.get("SOURCE") == "simulated"


def read_power(own: Own) -> np.ndarray:
    """The cube's power, float32 (T, H, H).

    Raises `SqError` for a file that is absent, broken, of another shape or not finite, for one of more than `LARGEST` values
    (before it is read), and for one that the tables contradict.
    """
    path, advice = own.path, f"a cube has numbers (frames, height, width), at most {LARGEST:,}; shorten it or write it again"
    with in_words(f"cannot read the cube {path} as FITS or .npy", advice), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        warnings.filterwarnings("error", message=".*truncated")
        if path.suffix.lower() == ".npy":
            stored = np.lib.format.open_memmap(path, mode="r")  # no pickle; a claim of more than the file holds is an error
            if stored.dtype.kind not in "fiub" or stored.size > LARGEST:
                raise ValueError(f"it claims {stored.dtype} of the shape {stored.shape}")
            power, simulated = np.array(stored, np.float32), False
        else:
            power, simulated = _from_fits(path)
    check_power(power, str(path))
    if power.shape[1] != power.shape[2]:
        raise SqError(f"{path}: frames of {power.shape[2]}×{power.shape[1]} pixels; cut them square, or shapes would be distorted")
    if simulated and own.source != "simulated":
        raise SqError(f"{path} says in its header that it is simulated; cubes.csv must say so, too")
    for (first, last), boxes in own.boxes:
        if last >= len(power):
            raise SqError(f"{path} has the frames 0 to {len(power) - 1}; regions.csv annotates {first} to {last}")
        if outside := [box for box in boxes if max(box) > power.shape[1]]:
            raise SqError(f"{path} has {power.shape[1]} pixels a side; regions.csv has the box {outside[0]}")
    return power


def import_cubes(folder: Path, size: int = 256, progress: bool = True) -> Path:
    """Make frames of `size` pixels, scaled one by one, of the cubes that `folder` describes; returns their folder, FOLDER/frames.

    The frames there are replaced as a whole. Raises `SqError` as `read_tables` and `read_power` do, where the cubes have
    several shapes, and where FOLDER/frames came from elsewhere.
    """
    from tqdm import tqdm

    check_size(size)
    folder = real(folder)
    cubes, target, shape = read_tables(folder), folder / "frames", None
    if target.exists() and not (target / "own.json").is_file():
        raise SqError(f"{target} was not made by sq data import; move it away first")
    with replacing(target) as new:
        new.mkdir()
        for own in tqdm(cubes, desc="making frames", unit="cube", disable=not progress):
            power = read_power(own)
            shape = shape or power.shape[1:]
            if power.shape[1:] != shape:
                raise SqError(f"{own.path} has frames of {power.shape[1]} pixels a side, {cubes[0].path.name} of {shape[0]}; give "
                              "each size a folder of its own")  # fmt: skip
            cube = Cube(power, own.key, "", own.cadence, own.pixel, own.start, source=own.source, boxes=own.boxes)
            frames = frames_from_cube(cube, size, "frame")
            index = frames.index if own.boxes or not own.annotated else frames.index.assign(label=0)
            export_frames(make_frameset(frames.pixels, index, own.source, "frame"), new / own.key, progress=False)
        card = {"name": folder.name, "source": cubes[0].source, "size": size, "cubes": {
            own.key: {"file": str(own.path.relative_to(folder)), "start": own.start.isoformat(), "cadence": own.cadence,
                      "pixel": own.pixel} for own in cubes}}  # fmt: skip
        (new / "own.json").write_text(json.dumps(card, indent=1), encoding="utf-8")
    return target


def write_template(folder: Path, seed: int = 1265) -> Path:
    """Write a worked example to the new folder: small simulated cubes (one as FITS), both tables and a README.md.

    Six events are the fewest of which the event split puts one of each solar cycle on either side. Raises `SqError` where the
    folder is not empty.
    """
    from astropy.io import fits

    from sqlib.sun.twin import TwinSettings, simulate

    folder = Path(folder)
    if folder.exists() and not (folder.is_dir() and not any(folder.iterdir())):
        raise SqError(f"{folder} exists and is not empty; choose a new folder")
    rows, regions = [], []
    with replacing(folder) as new:
        (new / "cubes").mkdir(parents=True)
        for number in range(6):
            event = make_event(datetime(2003 if number < 3 else 2014, 6, 1 + number, 12), ((16, 32),), labelled=True)
            made = simulate(event, TwinSettings(64, 48, seed))
            name = f"cubes/example_{number + 1}.{'npy' if number else 'fits'}"
            if number:
                np.save(new / name, made.power)
            else:
                fits.writeto(new / name, made.power)
            rows.append((name, event.start.isoformat(), event.cadence, event.pixel, "yes", "simulated"))
            for (first, last), boxes in made.boxes:
                for box in boxes:
                    x0, y0, x1, y1 = np.clip(box, 0, 64).round(1).tolist()
                    regions.append((name, first - made.first_frame, last - made.first_frame, x0, y0, x1, y1))
        _write(new / "cubes.csv", CUBES, rows, [f"{name}: {what}" for name, what in CUBES.items()])
        _write(new / "regions.csv", REGIONS, regions, [*(f"{n}: {what}" for n, what in REGIONS.items() if what), BOX])
        (new / "README.md").write_text(README.format(folder=folder), encoding="utf-8")
    return folder


def _write(path: Path, columns: dict, rows: list, remarks: list[str]) -> None:
    lines = [*(f"# {remark}" for remark in remarks), ",".join(columns), *(",".join(map(str, row)) for row in rows)]
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
