"""SunquakeNet, the published frames (Section 2.2; Kaggle vanessamercea/sunquake-net-c23-c24): fetched and read.

Layout: `<set>/poz/` and `<set>/neg/` with the sets C23_pos, C24_pos and C24_TEST_pos (events without annotation), files
`img_poz_YYYY_MM_DD_HH_MM_SS_FRAME[_Tk].jpg`, where the middle "poz" speaks of the cube and `_T0`…`_T4` marks an
upsampled copy (flips and turns); region tables `data_c23.csv` and `data_c24.csv` in pixels of the frame, x
right and y down.
"""

import re
from contextlib import suppress
from datetime import datetime
from pathlib import Path
from typing import Annotated

import numpy as np
import pandas as pd
from pydantic import BeforeValidator, Field, create_model

from sqlib.data.catalogue import catalogue, make_event
from sqlib.data.frames import FrameSet, check_frames, frame_time, make_frameset, make_index, own_card
from sqlib.data.pictures import read_pictures
from sqlib.data.tables import Count, Number, Row, empty, intervals, read_table, readings
from sqlib.errors import SqError, in_words
from sqlib.paths import files_of, real

HANDLE = "vanessamercea/sunquake-net-c23-c24"
LAYOUT = "expected <set>/poz/img_poz_YYYY_MM_DD_HH_MM_SS_FRAME.jpg and <set>/neg/… (C23_pos, C24_pos, C24_TEST_pos)"
NAME = r"(?:^|/)img_(?:poz|pos|neg)_(\d{4}(?:_\d\d){5})_(\d{1,5})(_t[0-4])?\.(?:jpe?g|png)$"
CORNERS = tuple(tuple(f"b{box}_{corner}" for corner in ("x0", "y0", "x1", "y1")) for box in (1, 2))
CENTRES = tuple(tuple(f"b{box}_{part}" for part in ("cx", "cy", "w", "h")) for box in (1, 2))
COLUMNS = ("Time", "FS", "FE", *CENTRES[0], *CENTRES[1], "box_cnt", *CORNERS[0], *CORNERS[1])


def _day(word: str) -> datetime:
    try:
        return datetime.strptime(re.sub(r"(:[0-9]{2}):00$", r"\1", word), "%d.%m.%Y %H:%M")
    except ValueError as error:
        raise ValueError(f"{error}{readings(word)}") from None


# Of a region table what is read: the other columns say again what the corners say.
Day = Annotated[datetime, BeforeValidator(_day)]
Said = Annotated[str, Field("")]  # a table may lack it
Side = Annotated[Number | None, empty]
REGION = create_model("Region", __base__=Row, Time=Day, FS=Count, FE=Count, box_cnt=Said,
                      **dict.fromkeys(sum(CORNERS, ()), Side))


LEFT_OUT = {
    "strange_files": "files not named as frames",  # in poz/ or neg/, or so named elsewhere
    "duplicates": "frames that are there already",  # in another file, which is read
    "older_versions": "older versions",  # kagglehub's, beside a newer, complete one
    "tables_left_out": "tables not read",  # that might be region tables, and why
    "regions_left_out": "rows of region tables told before",  # place, and where
    "swapped_dates": "rows of region tables of a known event only with day and month swapped",  # place, written, meant
    "box_counts": "rows of region tables with other boxes than they say",  # place, box_cnt, boxes by corners (used)
    "strays": "strays of a system, an editor or a browser",  # such as ._x or Thumbs.db
    "turned": "pictures turned as EXIF says",
    "coloured": "pictures in colour, read by their luminance",
    "cubes_left_out": "kinds of input in no frame",  # when `own_cubes` made the frames
}
"""What of a report `left_out` tells, and in which words."""


def left_out(report: dict) -> list[str]:
    """What was brought and is not used, or not as it is: a line for each kind, how many and the first.

    report : of `load_sunquakenet`
    """
    lines = []
    for kind, words in LEFT_OUT.items():
        if those := report[kind]:
            first = those[0] if isinstance(those[0], str) else ": ".join(map(str, those[0]))
            lines.append(f"{words}: {len(those)}, the first {first}")
    return lines


def fetch() -> Path:
    """Folder of SunquakeNet, downloaded by kagglehub (about 14,000 pictures) unless it is in its cache already.

    Raises `SqError` without a network, or where Kaggle asks for an account.
    """
    advice = f"check the network and the Kaggle account, or download {HANDLE} from Kaggle by hand and name its folder: "
    with in_words("cannot fetch SunquakeNet", f"{advice}root=…, or work on data=twin"):
        import kagglehub

        return Path(kagglehub.dataset_download(HANDLE))


def _files(root: Path) -> tuple[list[Path], list[Path], list[str]]:
    """Files under `root`, of kagglehub's versions those of the newest; strays; older versions. No link may lead out."""
    if not root.is_dir():
        raise SqError(f"no folder {root}; {LAYOUT}")
    root = real(root)
    files, strays = files_of(root)
    for path in files + strays:
        if path.is_symlink() and not real(path).is_relative_to(root):
            raise SqError(f"{path} is a link that leads out of {root}; copy the files into the folder instead")
    tops = {folder for path in files for folder in path.parents if folder.name.isdecimal()
            and folder.parent.name == "versions" and folder != root and folder.is_relative_to(root)}
    whole = [top for top in tops if (top.parents[1] / f"{top.name}.complete").exists()]  # kagglehub's mark
    newest = {top.parent: top for top in sorted(tops, key=lambda top: (top in whole, int(top.name)))}
    older = sorted(tops - set(newest.values()), key=lambda top: int(top.name))
    return [path for path in files if not {*path.parents} & {*older}], strays, [_name(path, root) for path in older]


def _name(path: Path, root: Path) -> str:
    return path.relative_to(root).as_posix()


def _tables(files: list[Path], root: Path) -> tuple[list[Path], list[tuple[str, str]]]:
    """Region tables, those with the plainest places and names first, and what might be one, with the reason."""
    maybe = [path for path in files if re.search(r"data_c[0-9]", path.name, re.IGNORECASE)]
    maybe.sort(key=lambda path: (len(path.parts), len(path.name), path))
    found = [path for path in maybe if re.match(r"data_c[0-9].*\.csv$", path.name, re.IGNORECASE)]
    return found, [(_name(path, root), "not named data_cNN.csv") for path in maybe if path not in found]


def read_regions(path: Path) -> pd.DataFrame:
    """Rows of a region table (`data_c23.csv`, `data_c24.csv`): event (key), first, last (annotated frames), boxes.

    A row has up to two boxes (x0, y0, x1, y1), in pixels. Raises `SqError` as `tables.read_table` and `intervals` do.
    """
    table = intervals(read_table(path, REGION, more=True), "FS", "FE", CORNERS)
    table["event"] = [make_event(time.to_pydatetime()).key for time in table["Time"]]
    return table[["event", "first", "last", "boxes", "box_cnt"]]


def _regions(tables: list[Path], root: Path) -> tuple[pd.DataFrame, list[tuple[str, str]]]:
    """Rows of region tables by place, an event's from the first table that has it; those left out, and why."""
    parts = [part.assign(table=_name(table, root)) for table in tables if len(part := read_regions(table))]
    if not parts:
        return pd.DataFrame(columns=["event", "first", "last", "boxes", "box_cnt"]), []
    rows = pd.concat(parts)
    rows.index = rows.index.str.removeprefix(f"{root}/").str.removesuffix(", column")
    place = rows.index.to_series()
    same = place.groupby([rows[name] for name in ("event", "first", "last", "boxes")]).transform("first")
    table = rows.groupby("event")["table"].transform("first")
    why = np.where(same != place, "as in " + same, np.where(table != rows["table"], "not as in " + table, ""))
    return rows[why == ""], [(at, told) for at, told in zip(place, why) if told]


def load_sunquakenet(root: Path, size: int | None = None, progress: bool = True) -> tuple[FrameSet, dict]:
    """Frames of a SunquakeNet folder, by time and frame number, and a report of what was odd in it.

    The folders `poz` and `neg`, at any depth, give the label; events that Table 1 leaves without annotation get -1, as
    do events unknown to it in a set called TEST. Upsampled copies are counted and left out. Boxes come from the
    `data_cNN.csv` under `root`, those of an event from the plainest table that has it, and are clipped to the frame. Of
    kagglehub's versions the newest is read. `size` resizes the frames (None keeps them as they are).
    The source is "sunquakenet", but "twin" for a folder that holds an export of the twin (its README.txt says so), and
    that of the cubes, with their own starts and cadences, for a folder that `own_cubes` made.
    Nothing in the report stops the reading; files are named relative to `root`.

    Raises `SqError` for a folder that is absent or holds no frame, unreadable or huge pictures, several sizes (region
    tables fit only one), links that lead out of the folder, and malformed region tables.
    """
    check_frames(1 if size is None else size)
    root = real(root)
    files, strays, older = _files(root)
    own, events = own_card(root), {event.key: event for event in catalogue()}
    named = _named(files, root)
    placed = named[named["event"].notna() & named["folder"].notna()]
    originals = placed[placed["copy"].isna()]
    again = originals.duplicated(["key", "frame"])
    frames = originals[~again].astype({"frame": int}).sort_values(["key", "frame"])  # keys are in order of time
    if frames.empty:
        raise SqError(f"{root} holds no frame; {LAYOUT}")
    listed = frames["key"].isin(list(events))
    looked = np.where(listed, [event.labelled for event in frames["event"]], ~frames["test"])
    frames = frames.assign(label=np.where(looked, frames["folder"] == "poz", -1),
                           table=[int(row.frame in row.event.positives) for row in frames.itertuples()])
    contradicted = frames[listed & looked & (frames["label"] != frames["table"])].sort_index()
    pixels, shape, odd = read_pictures(frames["path"].tolist(), size, progress)
    tables, other_tables = _tables(files, root)
    regions, again_told = _regions(tables, root)
    outside, boxes = [], dict.fromkeys(frames.index, ())
    for region in regions.itertuples():
        inside = _clip(region, shape, pixels.shape[1:], outside)
        for place in frames.index[(frames["key"] == region.event) & frames["frame"].between(region.first, region.last)]:
            boxes[place] = tuple(dict.fromkeys(boxes[place] + inside))
    clocks = {event.key: (event.start, event.cadence) for event in frames["event"]}
    own_clocks = own.get("cubes", {}).items()
    clocks |= {key: (datetime.fromisoformat(cube["start"]), cube["cadence"]) for key, cube in own_clocks}
    time = [frame_time(*clocks[key], frame) for key, frame in zip(frames["key"], frames["frame"])]
    facts = {"cycle": [event.cycle for event in frames["event"]], "time": time, "boxes": boxes.values()}
    columns = ["event", "cycle", "frame", "time", "label", "boxes"]
    index = make_index(frames.assign(**facts, event=frames["key"])[columns]).reset_index(drop=True)
    source = own.get("source", "sunquakenet")
    readmes = [path for path in files if path.name.lower().startswith("readme") and path.is_file()]
    if source != "simulated" and any("SIMULATED:" in path.read_text("utf-8", "replace") for path in readmes):
        source = "twin"  # an export of simulated frames never passes for the Sun
    annotated = [(row.event, (row.first, row.last)) for row in regions.itertuples() if row.event in events]
    known = {*events, *frames["key"]}
    swapped = [(row.Index, row.event, meant) for row in regions.itertuples() if row.event not in known
               and (meant := re.sub(r"_(..)_(..)_", r"_\2_\1_", row.event, count=1)) in known]
    counts = [(row.Index, row.box_cnt, len(row.boxes)) for row in regions.itertuples()]
    return make_frameset(pixels, index, source, "frame" if own else "published"), dict(
        upsampled=len(placed) - len(originals),  # copies seen, and left out
        # file, label by folder (kept), label by Table 1
        label_disagreements=tuple(contradicted[["name", "label", "table"]].itertuples(index=False, name=None)),
        # event, interval that Table 1 does not list
        region_disagreements=tuple((key, span) for key, span in annotated if span not in events[key].intervals),
        boxes_outside=tuple(outside),  # event, box, "clipped" or "dropped"
        # that Table 1 does not list; their frames are kept, label by folder
        unknown_events=tuple(sorted({*regions["event"], *frames["key"]} - set(events))),
        tables=tuple(_name(path, root) for path in tables),  # region tables read
        strange_files=tuple(named["name"].drop(placed.index)),
        duplicates=tuple(originals["name"][again]),
        older_versions=tuple(older),
        tables_left_out=tuple(other_tables),
        regions_left_out=tuple(again_told),
        swapped_dates=tuple(swapped),
        box_counts=tuple(one for one in counts if not one[2] or re.sub("[.,]0$", "", one[1]) not in ("", str(one[2]))),
        strays=tuple(_name(path, root) for path in strays),
        **{kind: tuple(_name(path, root) for path in paths) for kind, paths in odd.items()},
        cubes_left_out=tuple(own.get("left_out", ())),
    )


def _named(files: list[Path], root: Path) -> pd.DataFrame:
    """What the names of files say: path, name, key, frame, copy, folder (poz or neg), test, event.

    Without those that are neither named as a frame nor in such a folder.
    """
    names = pd.Series([_name(path, root) for path in files], dtype=object)  # may hold bytes that are not UTF-8
    lower = names.str.lower()
    table = lower.str.extract(NAME).set_axis(["key", "frame", "copy"], axis=1)
    table = table.assign(path=files, name=names, folder=lower.str.extract(r"^(?:.*/)?(poz|neg)/")[0],
                         test=lower.str.contains("test.*/"))
    events = {event.key: event for event in catalogue()}
    for key in set(table["key"].dropna()) - set(events):
        with suppress(ValueError):  # an impossible date
            events[key] = make_event(datetime.strptime(key, "%Y_%m_%d_%H_%M_%S"))
    table = table.assign(event=table["key"].map(events), frame=pd.to_numeric(table["frame"]).astype("Int64"))
    return table[table["key"].notna() | table["folder"].notna()]


def _clip(region, shape, stored, outside: list) -> tuple:
    """Boxes of a region inside a frame of `shape`, in pixels of the `stored` frames; what was cut goes to `outside`."""
    limits, kept = np.array(shape[::-1] * 2), []
    for box in region.boxes:
        x0, y0, x1, y1 = cut = np.clip(box, 0, limits)
        inside = x0 < x1 and y0 < y1
        kept += [tuple((cut * (np.array(stored[::-1] * 2) / limits)).tolist())] * bool(inside)
        if tuple(cut.tolist()) != box:
            outside.append((region.event, box, "clipped" if inside else "dropped"))
    return tuple(kept)
