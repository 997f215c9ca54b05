"""SunquakeNet, the published frames (Section 2.2; Kaggle vanessamercea/sunquake-net-c23-c24): fetched and read.

Layout: `<set>/poz/` and `<set>/neg/` with the sets C23_pos, C24_pos and C24_TEST_pos (events without annotation), files
`img_poz_YYYY_MM_DD_HH_MM_SS_FRAME[_Tk].jpg`, where the middle "poz" speaks of the cube and `_T0`…`_T4` marks an
upsampled copy (flips and turns); region tables `data_c23.csv` and `data_c24.csv` in pixels of the frame, x
right and y down.
"""

import os
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Annotated

import numpy as np
import pandas as pd
from pydantic import BeforeValidator, create_model

from sqlib.data.catalogue import catalogue, make_event
from sqlib.data.frames import FrameSet, check_frames, frame_time, make_frameset, make_index, own_card, resize, to_bytes
from sqlib.data.tables import Count, Row, empty, intervals, read_table
from sqlib.errors import SqError, in_words
from sqlib.paths import real

HANDLE = "vanessamercea/sunquake-net-c23-c24"
LAYOUT = "expected <set>/poz/img_poz_YYYY_MM_DD_HH_MM_SS_FRAME.jpg and <set>/neg/… (C23_pos, C24_pos, C24_TEST_pos)"
NAME = r"(?:^|/)img_(?:poz|pos|neg)_(\d{4}(?:_\d\d){5})_(\d{1,5})(_t[0-4])?\.(?:jpe?g|png)$"
LARGEST = 4096  # pixels a side; a larger picture is no frame, and might be a decompression bomb
CORNERS = tuple(tuple(f"b{box}_{corner}" for corner in ("x0", "y0", "x1", "y1")) for box in (1, 2))
CENTRES = tuple(tuple(f"b{box}_{part}" for part in ("cx", "cy", "w", "h")) for box in (1, 2))
COLUMNS = ("Time", "FS", "FE", *CENTRES[0], *CENTRES[1], "box_cnt", *CORNERS[0], *CORNERS[1])

# Of a region table what is read: the other columns say again what the corners say.
Day = Annotated[datetime, BeforeValidator(lambda word: datetime.strptime(word, "%d.%m.%Y %H:%M"))]
Side = Annotated[float | None, empty]
REGION = create_model("Region", __base__=Row, Time=Day, FS=Count, FE=Count, **dict.fromkeys(sum(CORNERS, ()), Side))


@dataclass(frozen=True)
class Report:
    """What was found while reading SunquakeNet. Files are named relative to its root; none of this stops it."""

    frames: int
    positives: int
    negatives: int
    unlabelled: int
    upsampled: int  # upsampled copies seen, and left out
    label_disagreements: tuple[tuple[str, int, int], ...]  # file, label by folder (kept), label by Table 1
    region_disagreements: tuple[tuple[str, tuple[int, int]], ...]  # event, interval that Table 1 does not list
    boxes_outside: tuple[tuple[str, tuple, str], ...]  # event, box, "clipped" or "dropped"
    unknown_events: tuple[str, ...]  # events that Table 1 does not list; their frames are kept, label by folder
    strange_files: tuple[str, ...]  # in poz/ or neg/ without such a name, or with such a name elsewhere; left out
    duplicates: tuple[str, ...]  # a frame that was already read from another file; left out
    tables: tuple[str, ...]  # region tables read


def fetch() -> Path:
    """Folder of SunquakeNet, downloaded by kagglehub (about 14,000 pictures) unless it is in its cache already.

    Raises `SqError` without a network, or where Kaggle asks for an account.
    """
    advice = f"check the network and the Kaggle account, or download {HANDLE} from Kaggle by hand and name its folder: "
    with in_words("cannot fetch SunquakeNet", f"{advice}root=…, or work on data=twin"):
        import kagglehub

        return Path(kagglehub.dataset_download(HANDLE))


def _walk(root: Path) -> list[Path]:
    """All files under `root`, sorted; links may not lead out of it."""
    if not root.is_dir():
        raise SqError(f"no folder {root}; {LAYOUT}")
    root, found = real(root), []

    def refuse(error):
        raise SqError(f"cannot read {error.filename}: {error.strerror}") from error

    for folder, folders, names in os.walk(root, onerror=refuse):
        for path in (Path(folder, name) for name in folders + names):
            if path.is_symlink() and not real(path).is_relative_to(root):
                raise SqError(f"{path} is a link that leads out of {root}; copy the files into the folder instead")
        folders[:] = [name for name in folders if not name.startswith(".")]  # half-removed or half-written ones
        found += [Path(folder, name) for name in names if not name.startswith(".")]
    return sorted(found)


def read_regions(path: Path) -> pd.DataFrame:
    """Rows of a region table (`data_c23.csv`, `data_c24.csv`): event (key), first, last (annotated frames), boxes.

    A row has up to two boxes (x0, y0, x1, y1), in pixels. Raises `SqError` as `tables.read_table` and `intervals` do.
    """
    table = intervals(read_table(path, REGION, more=True), "FS", "FE", CORNERS)
    table["event"] = [make_event(time.to_pydatetime()).key for time in table["Time"]]
    return table[["event", "first", "last", "boxes"]]


def load_sunquakenet(root: Path, size: int | None = None, progress: bool = True) -> tuple[FrameSet, Report]:
    """Frames of a SunquakeNet folder, by time and frame number, and a report of what was odd in it.

    The folders `poz` and `neg`, at any depth, give the label; events that Table 1 leaves without annotation get -1, as
    do events unknown to it in a set called TEST. Upsampled copies are counted and left out. Boxes come from every
    `data_c*.csv` under `root`, and are clipped to the frame. `size` resizes the frames (None keeps them as they are).
    The source is "sunquakenet", but "twin" for a folder that holds an export of the twin (its README.txt says so), and
    that of the cubes, with their own starts and cadences, for a folder that `own_cubes` made.

    Raises `SqError` for a folder that is absent or holds no frame, unreadable or huge pictures, several sizes (region
    tables fit only one), links that lead out of the folder, and malformed region tables.
    """
    check_frames(1 if size is None else size)
    files, root = _walk(Path(root)), real(root)
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
    pixels, shape = _pictures(frames["path"].tolist(), size, progress)
    tables = [path for path in files if path.name.lower().startswith("data_c") and path.suffix.lower() == ".csv"]
    regions = pd.concat([pd.DataFrame(columns=["event", "first", "last", "boxes"]), *map(read_regions, tables)])
    outside, boxes = [], dict.fromkeys(frames.index, ())
    for region in regions.itertuples():
        inside = _clip(region, shape, pixels.shape[1:], outside)
        for place in frames.index[(frames["key"] == region.event) & frames["frame"].between(region.first, region.last)]:
            boxes[place] += inside
    clocks = {event.key: (event.start, event.cadence) for event in frames["event"]}
    own_clocks = own.get("cubes", {}).items()
    clocks |= {key: (datetime.fromisoformat(cube["start"]), cube["cadence"]) for key, cube in own_clocks}
    time = [frame_time(*clocks[key], frame) for key, frame in zip(frames["key"], frames["frame"])]
    facts = {"cycle": [event.cycle for event in frames["event"]], "time": time, "boxes": boxes.values()}
    columns = ["event", "cycle", "frame", "time", "label", "boxes"]
    index = make_index(frames.assign(**facts, event=frames["key"])[columns]).reset_index(drop=True)
    source, readmes = own.get("source", "sunquakenet"), [path for path in files if path.name == "README.txt"]
    if source != "simulated" and any("SIMULATED:" in path.read_text("utf-8", "replace") for path in readmes):
        source = "twin"  # an export of simulated frames never passes for the Sun
    annotated = [(row.event, (row.first, row.last)) for row in regions.itertuples() if row.event in events]
    return make_frameset(pixels, index, source, "frame" if own else "published"), Report(
        frames=len(frames),
        positives=int((frames["label"] == 1).sum()),
        negatives=int((frames["label"] == 0).sum()),
        unlabelled=int((frames["label"] == -1).sum()),
        upsampled=len(placed) - len(originals),
        label_disagreements=tuple(contradicted[["name", "label", "table"]].itertuples(index=False, name=None)),
        region_disagreements=tuple((key, span) for key, span in annotated if span not in events[key].intervals),
        boxes_outside=tuple(outside),
        unknown_events=tuple(sorted({*regions["event"], *frames["key"]} - set(events))),
        strange_files=tuple(named["name"].drop(placed.index)),
        duplicates=tuple(originals["name"][again]),
        tables=tuple(str(path.relative_to(root)) for path in tables),
    )


def _named(files: list[Path], root: Path) -> pd.DataFrame:
    """What the names of files say: path, name, key, frame, copy, folder (poz or neg), test, event.

    Without those that are neither named as a frame nor in such a folder.
    """
    names = pd.Series([path.relative_to(root).as_posix() for path in files], dtype=str)
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


def _pictures(paths, size: int | None, progress: bool) -> tuple[np.ndarray, tuple[int, int]]:
    """Gray pixels uint8 (N, H, W) of JPEG and PNG files, and the shape (H, W) that all have on disk."""
    from PIL import Image
    from tqdm import tqdm

    pixels = shape = None
    for i, path in enumerate(tqdm(paths, desc="reading frames", unit="frame", disable=not progress, delay=1)):
        told = in_words(f"{path} is truncated or no JPEG or PNG", "fetch it again or delete it")
        with told, Image.open(path, formats=("JPEG", "PNG")) as image:
            if max(image.size) > LARGEST:
                raise SqError(f"{path} has {image.width}×{image.height} pixels; a frame has 256×256")
            if image.mode not in ("1", "L", "LA", "P", "RGB", "RGBA"):
                raise SqError(f"{path} has pixels of mode {image.mode}; a frame is 8-bit gray or RGB")
            picture = np.asarray(image.convert("L"))
        if pixels is None:
            shape = picture.shape
            pixels = np.empty((len(paths), size or shape[0], size or shape[1]), np.uint8)
        if picture.shape != shape:
            sizes = f"{picture.shape[1]}×{picture.shape[0]} pixels, others {shape[1]}×{shape[0]}"
            raise SqError(f"{path} has {sizes}: region boxes would not fit; put each size in its own folder")
        pixels[i] = picture if size is None else to_bytes(resize(picture[None], size))[0]
    return pixels, shape


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
