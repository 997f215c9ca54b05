"""A reader's own cubes of egression power, with two tables beside them, as frames that every notebook reads.

`FOLDER/cubes.csv` lists the cubes (FITS or NumPy), `FOLDER/regions.csv` the annotated intervals and boxes; lines that
begin with # are remarks. The frames go to `FOLDER/frames`, in SunquakeNet's layout, with the cubes' facts in own.json.
"""

import json
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import numpy as np
import pandas as pd

from sqlib.data.catalogue import catalogue, make_event
from sqlib.data.cubes import Cube, read_power
from sqlib.data.export import export_frames
from sqlib.data.frames import check_size, frames_from_cube, make_frameset
from sqlib.data.tables import FROM, Column, intervals, read_table
from sqlib.errors import SqError
from sqlib.paths import new_folder, real, replacing

YEARS = pd.Interval(pd.Timestamp(1900, 1, 1), pd.Timestamp(2200, 1, 1), "left")
CUBES = {
    "file": Column(says="the cube, .fits or .npy: numbers of the shape (frames, height, width), height equal to width"),
    "start": Column(datetime, YEARS, says="UTC of frame 0, such as 2014-03-29T16:48:00; no two of the same minute"),
    "cadence": Column(float, pd.Interval(0, 86_400), says="seconds from one frame to the next"),
    "pixel": Column(float, pd.Interval(0, 696), says="side of a pixel, Mm (HMI: 0.36; the paper: 1.09 and 1.45)"),
    "annotated": Column(words=("yes", "no"), says="yes: no sunquake outside the intervals of regions.csv; no: unknown"),
    "source": Column(words=("observed", "simulated"), says="observed or simulated; every figure says it"),
}
SIDES = ("x0", "y0", "x1", "y1")
REGIONS = {
    "file": Column(says="a cube of cubes.csv with annotated = yes"),
    "first": Column(int, FROM, says="first annotated frame; the first frame of a cube has the number 0"),
    "last": Column(int, FROM, says="last annotated frame, included"),
    **{side: Column(float, FROM, optional=True) for side in SIDES},
}
BOX = "x0 ... y1: a box round the source, in pixels of the cube: x right, y down, from 0; leave all empty if unknown"
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
class OwnCube:
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


def read_tables(folder: Path) -> tuple[OwnCube, ...]:
    """The cubes that cubes.csv and regions.csv in `folder` describe; no cube is read.

    Raises `SqError` as `tables.read_table` does, for a file that leads out of `folder`, by itself or by a link, and
    where the tables contradict each other or cubes.csv mixes sources.
    """
    folder, regions = Path(folder), {}
    for row in intervals(read_table(folder / "regions.csv", REGIONS), "first", "last", (SIDES,)).itertuples():
        boxes = regions.setdefault(row.file, {}).setdefault((row.first, row.last), [])
        boxes += row.boxes
    cubes, found = [], {event.key: "an event of Table 1" for event in catalogue()}
    table = read_table(folder / "cubes.csv", CUBES)
    for row in table.itertuples():
        name, place = Path(row.file), row.Index
        out = "\0" in row.file or name.is_absolute() or ".." in name.parts
        if out or not real(folder / name).is_relative_to(real(folder)):
            advice = "copy the cube into that folder"
            raise SqError(f"{place} file: {row.file!r} is absolute or leads out of {folder}; {advice}")
        boxes = tuple((interval, tuple(own)) for interval, own in regions.pop(row.file, {}).items())
        if boxes and row.annotated == "no":
            raise SqError(f"{place} annotated: no, but regions.csv has intervals of {row.file}")
        facts = (row.start.to_pydatetime(), row.cadence, row.pixel, row.annotated == "yes", row.source, boxes)
        own = OwnCube(folder / name, *facts)
        if own.key in found:
            advice = "which names the event; shift one by a minute"
            raise SqError(f"{place} start: {found[own.key]} has the same minute, {advice}")
        found[own.key] = row.file
        cubes.append(own)
    if regions:
        names = ", ".join([*regions][:5])
        raise SqError(f"{folder / 'regions.csv'} has intervals of {names}, which cubes.csv does not list")
    if table["source"].nunique() != 1:
        held = "simulated and observed cubes" if cubes else "no cube"
        raise SqError(f"{folder / 'cubes.csv'} lists {held}: a folder holds cubes of one source, at least one")
    return tuple(cubes)


def read_own(own: OwnCube) -> np.ndarray:
    """The cube's power, float32 (T, H, H).

    Raises `SqError` as `cubes.read_power` does, for frames that are not square, and where the tables contradict it.
    """
    path, (power, header, *_) = own.path, read_power(own.path)
    count, height, width = power.shape
    if height != width:
        raise SqError(f"{path}: frames of {width}×{height} pixels; cut them square, or shapes would be distorted")
    if header.get("SOURCE") == "simulated" and own.source != "simulated":
        raise SqError(f"{path} says in its header that it is simulated; cubes.csv must say so, too")
    for (first, last), boxes in own.boxes:
        if last >= count:
            raise SqError(f"{path} has the frames 0 to {count - 1}; regions.csv annotates {first} to {last}")
        if outside := [box for box in boxes if max(box) > width]:
            raise SqError(f"{path} has {width} pixels a side; regions.csv has the box {outside[0]}")
    return power


def import_cubes(folder: Path, size: int = 256, progress: bool = True) -> Path:
    """Make frames of `size` pixels, scaled one by one, of the cubes of a `folder`; returns their folder, FOLDER/frames.

    The frames there are replaced as a whole. Raises `SqError` as `read_tables` and `read_own` do, where the cubes have
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
            power = read_own(own)
            shape = shape or power.shape[1:]
            if power.shape[1:] != shape:
                raise SqError(f"{own.path} has frames of {power.shape[1]} pixels a side, {cubes[0].path.name} of "
                              f"{shape[0]}; give each size a folder of its own")
            cube = Cube(power, own.key, "", own.cadence, own.pixel, own.start, source=own.source, boxes=own.boxes)
            frames = frames_from_cube(cube, size, "frame")
            index = frames.index if own.boxes or not own.annotated else frames.index.assign(label=0)
            export_frames(make_frameset(frames.pixels, index, own.source, "frame"), new / own.key, progress=False)
        facts = {own.key: {"file": str(own.path.relative_to(folder)), "start": own.start.isoformat(),
                           "cadence": own.cadence, "pixel": own.pixel} for own in cubes}
        card = {"name": folder.name, "source": cubes[0].source, "size": size, "cubes": facts}
        (new / "own.json").write_text(json.dumps(card, indent=1), encoding="utf-8")
    return target


def write_template(folder: Path, seed: int = 1265) -> Path:
    """Write a worked example to the new folder: small simulated cubes (one as FITS), both tables and a README.md.

    Six events are the fewest of which the event split puts one of each solar cycle on either side. Raises `SqError`
    where the folder is not empty.
    """
    from astropy.io import fits

    from sqlib.sun.twin import TwinSettings, simulate

    cubes, regions = [], []
    with new_folder(folder) as new:
        (new / "cubes").mkdir()
        for number in range(6):
            event = make_event(datetime(2003 if number < 3 else 2014, 6, 1 + number, 12), ((16, 32),), labelled=True)
            made = simulate(event, TwinSettings(64, 48, seed))
            name = f"cubes/example_{number + 1}.{'npy' if number else 'fits'}"
            write = np.save if number else fits.writeto
            write(new / name, made.power)
            cubes.append((name, event.start.isoformat(), event.cadence, event.pixel, "yes", "simulated"))
            for (first, last), boxes in made.boxes:
                interval = (first - made.first_frame, last - made.first_frame)
                regions += [(name, *interval, *np.clip(box, 0, 64).round(1).tolist()) for box in boxes]
        for table, columns, rows in (("cubes.csv", CUBES, cubes), ("regions.csv", REGIONS, regions)):
            says = [f"{name}: {column.says}" for name, column in columns.items() if column.says]
            remarks = [f"# {words}\n" for words in (says if columns is CUBES else [*says, BOX])]
            content = pd.DataFrame(rows, columns=list(columns)).to_csv(index=False, lineterminator="\n")
            (new / table).write_text("".join(remarks) + content, encoding="utf-8")
        (new / "README.md").write_text(README.format(folder=folder), encoding="utf-8")
    return Path(folder)
