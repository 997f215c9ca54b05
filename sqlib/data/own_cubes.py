"""A reader's own cubes of egression power, with two tables beside them, as frames that every notebook reads.

`FOLDER/cubes.csv` lists the cubes (FITS or NumPy), `FOLDER/regions.csv` the annotated intervals and boxes; lines that
begin with # are remarks. The frames go to `FOLDER/frames`, in SunquakeNet's layout, with the cubes' facts in own.json.
"""

import json
import re
from datetime import datetime
from pathlib import Path
from typing import Annotated, Literal
from unicodedata import normalize

import numpy as np
import pandas as pd
from pydantic import BeforeValidator, Field

from sqlib.data.catalogue import catalogue, make_event
from sqlib.data.cubes import Cube, check_filled, read_power
from sqlib.data.export import export_frames
from sqlib.data.frames import frames_from_cube, make_frameset
from sqlib.data.tables import Count, From0, Number, Row, Text, Time, empty, intervals, read_table, spelt
from sqlib.errors import SqError
from sqlib.paths import files_of, new_folder, real, replacing

Side = Annotated[From0 | None, empty]
Name = Annotated[Text, BeforeValidator(lambda word: normalize("NFC", word).replace("\\", "/"))]  # of a file
MEANT = (".npy", ".npz", ".fits", ".fit", ".fts", ".gz", ".fz", ".csv", ".xlsx", ".ods", ".tsv")  # cubes and tables
MADE = r"own\.json|[0-9_]{19}/(README\.txt|data_c2[34]\.csv|C2[34]_(TEST_)?pos/(poz|neg)/img_poz_[0-9_]+\.png)"
SIDES = ("x0", "y0", "x1", "y1")
BOX = "with y0, x1 and y1 a box round the source, in pixels of the cube: x right, y down, from 0; all empty if unknown"


class CubeRow(Row):
    """A row of cubes.csv; the template explains the columns by these descriptions."""

    file: Name = Field(description="the cube, .fits or .npy: numbers (frames, height, width), height equal to width")
    start: Time = Field(description="UTC of frame 0, such as 2014-03-29T16:48:00; no two of the same minute")
    cadence: Number = Field(gt=0, le=86_400, description="seconds from one frame to the next")
    pixel: Number = Field(gt=0, le=696, description="side of a pixel, Mm (HMI: 0.36; the paper: 1.09 and 1.45)")
    annotated: Annotated[Literal["yes", "no"], spelt] = Field(
        description="yes: no sunquake outside the intervals of regions.csv; no: unknown"
    )
    source: Annotated[Literal["observed", "simulated"], spelt] = Field(
        description="observed or simulated; every figure says it"
    )


class RegionRow(Row):
    """A row of regions.csv."""

    file: Name = Field(description="a cube of cubes.csv with annotated = yes")
    first: Count = Field(description="first annotated frame; the first frame of a cube has the number 0")
    last: Count = Field(description="last annotated frame, included")
    x0: Side = Field(description=BOX)
    y0: Side
    x1: Side
    y1: Side


def read_tables(folder: Path) -> list:
    """What cubes.csv and regions.csv in `folder` say, a named tuple per cube; no cube is read.

    Its fields are those of `CubeRow`, path, key (of its event: the minute of its start) and boxes (as `Cube` has them).
    Raises `SqError` as `tables.read_table` does, for a file that leads out of `folder`, by itself or by a link, and
    where the tables contradict each other or cubes.csv mixes sources.
    """
    folder, regions = Path(folder), {}
    for row in intervals(read_table(folder / "regions.csv", RegionRow), "first", "last", (SIDES,)).itertuples():
        own = regions.setdefault(row.file, {})
        own[row.first, row.last] = own.get((row.first, row.last), ()) + row.boxes
    table = read_table(folder / "cubes.csv", CubeRow)
    found = {event.key: "an event of Table 1" for event in catalogue()}
    # however the letters with accents in a name are composed on the disk
    there = {normalize("NFC", path.relative_to(folder).as_posix()): path for path in files_of(folder)[0]}
    paths, keys, boxes, places = [], [], [], {}
    for place, name, start, annotated in zip(table.index, table["file"], table["start"], table["annotated"]):
        paths.append(there.get(name, folder / name))
        out = "\0" in name or Path(name).is_absolute() or ".." in Path(name).parts
        if out or not real(paths[-1]).is_relative_to(real(folder)):
            raise SqError(f"{place} file: {name!r} is absolute or leads out of {folder}; copy the cube into it")
        if place != (before := places.setdefault(real(paths[-1]), place)):
            raise SqError(f"{place} file: {name!r} is there already ({before}); a cube has one row")
        boxes.append(tuple(regions.pop(name, {}).items()))
        if boxes[-1] and annotated == "no":
            raise SqError(f"{place} annotated: no, but regions.csv has intervals of {name}")
        keys.append(make_event(start.to_pydatetime().replace(second=0, microsecond=0)).key)
        if keys[-1] in found:
            advice = "which names the event; shift one by a minute"
            raise SqError(f"{place} start: {found[keys[-1]]} has the same minute, {advice}")
        found[keys[-1]] = name
    if regions:
        names = ", ".join([*regions][:5])
        raise SqError(f"{folder / 'regions.csv'} has intervals of {names}, which cubes.csv does not list")
    if table["source"].nunique() != 1:
        held = "simulated and observed cubes" if keys else "no cube"
        raise SqError(f"{folder / 'cubes.csv'} lists {held}: a folder holds cubes of one source, at least one")
    return list(table.assign(path=paths, key=keys, boxes=boxes).itertuples(index=False))


def read_own(own) -> np.ndarray:
    """The power, float32 (T, H, H), of a cube of `read_tables`.

    Raises `SqError` as `cubes.read_power` and `check_filled` do, for frames that are not square, and where the tables
    contradict it.
    """
    path, (power, header, *_) = own.path, read_power(own.path)
    count, height, width = power.shape
    if height != width:
        advice = "put the axes in the order (frames, height, width)" if width < count == height else "cut them square"
        raise SqError(f"{path}: frames of {width}×{height} pixels; {advice}, or shapes would be distorted")
    check_filled(power, str(path))
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

    The frames there are replaced as a whole. Their own.json tells what was brought and is in no frame (`left_out`).
    Raises `SqError` as `read_tables` and `read_own` do, where the cubes have several shapes, and where FOLDER/frames,
    or a file in it, came from elsewhere.
    """
    from tqdm import tqdm

    folder = real(folder)
    cubes, target, shape = read_tables(folder), folder / "frames", None
    if target.exists() and not (target / "own.json").is_file():
        raise SqError(f"{target} was not made by sq data import; move it away first")
    theirs = files_of(target)[0] if target.exists() else []
    if theirs := [path for path in theirs if not re.fullmatch(MADE, path.relative_to(target).as_posix())]:
        raise SqError(f"{theirs[0]} was not made by sq data import, which would remove it; move it away first")
    files, strays = files_of(folder)
    used = {folder / "cubes.csv", folder / "regions.csv", *(own.path for own in cubes)}
    spare = [path for path in files if path.suffix.lower() in MEANT and target not in path.parents and path not in used]
    kinds = {"cubes that cubes.csv does not list, or other tables": spare, "strays": strays}
    left = [f"{told}: {len(some)}, the first {some[0].relative_to(folder)}" for told, some in kinds.items() if some]
    with replacing(target) as new:
        new.mkdir()
        for own in tqdm(cubes, desc="making frames", unit="cube", disable=not progress):
            power = read_own(own)
            shape = shape or power.shape[1:]
            if power.shape[1:] != shape:
                raise SqError(f"{own.path} has frames of {power.shape[1]} pixels a side, {cubes[0].path.name} of "
                              f"{shape[0]}; give each size a folder of its own")
            facts = (own.key, "", own.cadence, own.pixel, own.start.to_pydatetime())
            frames = frames_from_cube(Cube(power, *facts, source=own.source, boxes=own.boxes), size, "frame")
            if blank := sorted({*range(len(power))} - {*frames.index["frame"]}):
                told = f"blank frames of {own.path.relative_to(folder)}"
                left.append(f"{told}: {len(blank)} of {len(power)}, the first {blank[0]}")
            index = frames.index if own.boxes or own.annotated == "no" else frames.index.assign(label=0)
            export_frames(make_frameset(frames.pixels, index, own.source, "frame"), new / own.key, progress=False)
        facts = {own.key: {"file": str(own.path.relative_to(folder)), "start": own.start.isoformat(),
                           "cadence": own.cadence, "pixel": own.pixel} for own in cubes}
        name = folder.name.encode("utf-8", "backslashreplace").decode()  # figures show it
        card = {"name": name, "source": cubes[0].source, "size": size, "cubes": facts, "left_out": left}
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
        for table, model, rows in (("cubes.csv", CubeRow, cubes), ("regions.csv", RegionRow, regions)):
            says = {name: field.description for name, field in model.model_fields.items() if field.description}
            remarks = "".join(f"# {name}: {words}\n" for name, words in says.items())
            content = pd.DataFrame(rows, columns=list(model.model_fields)).to_csv(index=False, lineterminator="\n")
            (new / table).write_text(remarks + content, encoding="utf-8")
        text = Path(__file__).with_suffix(".md").read_text(encoding="utf-8").format(folder=folder)
        (new / "README.md").write_text(text, encoding="utf-8", errors="backslashreplace")
    return Path(folder)
