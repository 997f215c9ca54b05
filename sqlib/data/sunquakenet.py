"""SunquakeNet, the published frames (Section 2.2; Kaggle vanessamercea/sunquake-net-c23-c24): fetched and read.

Layout: `<set>/poz/` and `<set>/neg/` with the sets C23_pos, C24_pos and C24_TEST_pos (events without annotation), files
`img_poz_YYYY_MM_DD_HH_MM_SS_FRAME[_Tk].jpg`, where the middle "poz" speaks of the cube and `_T0`…`_T4` marks an
upsampled copy (flips and turns); region tables `data_c23.csv` and `data_c24.csv` in pixels of the frame, x
right and y down.
"""

import csv
import math
import os
import re
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import numpy as np

from sqlib.data.catalogue import Event, catalogue, make_event
from sqlib.data.frames import FrameSet, check_size, frame_time, make_frameset, make_index, own_card, resize, to_bytes
from sqlib.errors import SqError
from sqlib.paths import real

HANDLE = "vanessamercea/sunquake-net-c23-c24"
LAYOUT = "expected <set>/poz/img_poz_YYYY_MM_DD_HH_MM_SS_FRAME.jpg and <set>/neg/… (C23_pos, C24_pos, C24_TEST_pos)"
NAME = re.compile(r"img_(?:poz|pos|neg)_(\d{4}(?:_\d\d){5})_(\d{1,5})(?:_T([0-4]))?", re.IGNORECASE)
SUFFIXES = (".jpg", ".jpeg", ".png")
LARGEST = 4096  # pixels a side; a larger picture is no frame, and might be a decompression bomb
CORNERS = tuple(tuple(f"b{box}_{corner}" for corner in ("x0", "y0", "x1", "y1")) for box in (1, 2))
CENTRES = tuple(tuple(f"b{box}_{part}" for part in ("cx", "cy", "w", "h")) for box in (1, 2))
COLUMNS = ("Time", "FS", "FE", *CENTRES[0], *CENTRES[1], "box_cnt", *CORNERS[0], *CORNERS[1])


@dataclass(frozen=True)
class Region:
    """One row of a region table: annotated frames (inclusive) and up to two boxes (x0, y0, x1, y1), pixels."""

    event: str
    first: int
    last: int
    boxes: tuple[tuple[float, float, float, float], ...]


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
    try:
        import kagglehub

        return Path(kagglehub.dataset_download(HANDLE))
    except Exception as error:  # network, account and disk each raise errors of their own kind
        raise SqError(
            f"cannot fetch SunquakeNet ({type(error).__name__}: {error}); check the network and the Kaggle account, or "
            f"download {HANDLE} from Kaggle by hand and name its folder: root=…, or work on data=twin"
        ) from error


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


def _picture(path: Path) -> np.ndarray:
    """Gray pixels uint8 (H, W) of a JPEG or PNG."""
    from PIL import Image

    try:
        with Image.open(path, formats=("JPEG", "PNG")) as image:
            if max(image.size) > LARGEST:
                raise SqError(f"{path} has {image.width}×{image.height} pixels; a frame has 256×256")
            if image.mode not in ("1", "L", "LA", "P", "RGB", "RGBA"):
                raise SqError(f"{path} has pixels of mode {image.mode}; a frame is 8-bit gray or RGB")
            return np.asarray(image.convert("L"))
    except SqError:
        raise
    except (OSError, SyntaxError, ValueError, Image.DecompressionBombError) as error:
        raise SqError(f"{path} is truncated or no JPEG or PNG ({error}); fetch it again or delete it") from error


def read_regions(path: Path) -> tuple[Region, ...]:
    """Rows of a region table (`data_c23.csv`, `data_c24.csv`).

    Raises `SqError` naming file, line and column for missing columns, wrong dates and numbers, and boxes without area.
    """
    path = Path(path)
    try:
        text = path.read_text(encoding="utf-8-sig", errors="replace")  # the remarks come in several encodings
    except OSError as error:
        raise SqError(f"cannot read {path}: {error.strerror}") from error
    reader = csv.DictReader(text.splitlines(), skipinitialspace=True)
    reader.fieldnames = [name.strip() for name in reader.fieldnames or ()]
    if missing := [name for name in COLUMNS if name not in reader.fieldnames]:
        raise SqError(f"{path}, line 1: missing column {', '.join(missing)}")

    def number(name):
        try:
            if not math.isfinite(result := float(row[name])):
                raise ValueError
            return result
        except ValueError as error:
            raise SqError(f"{where} {name}: {row[name]!r} is no number") from error

    regions = []
    for line in reader:
        row = {name: (line[name] or "").strip() for name in COLUMNS}
        where = f"{path}, line {reader.line_num}, column"
        if not any(row.values()):
            continue
        try:
            time = datetime.strptime(row["Time"], "%d.%m.%Y %H:%M")
        except ValueError as error:
            raise SqError(f"{where} Time: {row['Time']!r} is no date like 09.07.1996 09:01") from error
        first, last = number("FS"), number("FE")
        if not (0 <= first <= last and first.is_integer() and last.is_integer()):
            raise SqError(f"{where} FS, FE: {row['FS']}–{row['FE']} is no interval of frames")
        boxes = []
        for names in CORNERS:
            if any(row[name] for name in names):
                x0, y0, x1, y1 = box = tuple(map(number, names))
                if not (x0 < x1 and y0 < y1):
                    raise SqError(f"{where} {names[0]}…{names[3]}: the box {box} has no area")
                boxes.append(box)
        regions.append(Region(make_event(time).key, int(first), int(last), tuple(boxes)))
    return tuple(regions)


def _simulated(files: list[Path]) -> bool:
    """Whether an export of simulated frames is among `files`: it must never pass for the Sun."""
    readmes = (path.read_text(encoding="utf-8", errors="replace") for path in files if path.name == "README.txt")
    return any("SIMULATED:" in text for text in readmes)


def load_sunquakenet(root: Path, size: int | None = None, progress: bool = True) -> tuple[FrameSet, Report]:
    """Frames of a SunquakeNet folder, by time and frame number, and a report of what was odd in it.

    The folders `poz` and `neg`, at any depth, give the label; events that Table 1 leaves without annotation get -1, as
    do events unknown to it in a set called TEST. Upsampled copies are counted and left out. Boxes come from every
    `data_c*.csv` under `root`, and are clipped to the frame. `size` resizes the frames (None keeps them as they are).
    The source is "sunquakenet", but "twin" for a folder that holds an export of the twin (its README.txt says so), and
    that of the cubes, with their own starts and cadences, for a folder that `sqlib.data.own` made.

    Raises `SqError` for a folder that is absent or holds no frame, unreadable or huge pictures, several sizes (region
    tables fit only one), links that lead out of the folder, and malformed region tables.
    """
    if size is not None:
        check_size(size)
    files, root = _walk(Path(root)), real(root)
    own = own_card(root)
    events = {event.key: event for event in catalogue()}
    frames, copies, strange, duplicates, disagreements = {}, 0, [], [], []
    for path in files:
        name = str(path.relative_to(root))
        parts = [part.lower() for part in Path(name).parent.parts]
        folder = next((part for part in reversed(parts) if part in ("poz", "neg")), None)
        match = NAME.fullmatch(path.stem) if path.suffix.lower() in SUFFIXES else None
        event = match and (events.get(match[1]) or _unlisted(match[1]))
        if not (folder and event):
            if folder or match:
                strange.append(name)
        elif match[3]:
            copies += 1
        elif (place := (event.time, int(match[2]))) in frames:
            duplicates.append(name)
        else:
            label, listed = int(folder == "poz"), event.key in events
            if not event.labelled if listed else any("test" in part for part in parts):
                label = -1
            elif listed and label != (table := int(place[1] in event.positives)):
                disagreements.append((name, label, table))
            frames[place] = (path, event, label)
    if not frames:
        raise SqError(f"{root} holds no frame; {LAYOUT}")

    frames = dict(sorted(frames.items()))
    paths, owners, labels = zip(*frames.values())
    pixels, shape = _pictures(paths, size, progress)
    tables = [path for path in files if re.fullmatch(r"data_c.*\.csv", path.name, re.IGNORECASE)]
    regions = [region for path in tables for region in read_regions(path)]
    outside, boxes = [], dict.fromkeys(frames, ())
    for region in regions:
        inside = _clip(region, shape, pixels.shape[1:], outside)
        for place, event in zip(frames, owners):
            if event.key == region.event and region.first <= place[1] <= region.last:
                boxes[place] += inside
    intervals = [(region.event, (region.first, region.last)) for region in regions if region.event in events]
    index = make_index(
        {
            "event": [event.key for event in owners],
            "cycle": [event.cycle for event in owners],
            "frame": [frame for _, frame in frames],
            "time": [frame_time(*_at(event, frame, own)) for event, (_, frame) in zip(owners, frames)],
            "label": labels,
            "boxes": list(boxes.values()),
        }
    )
    source = own.get("source", "sunquakenet")
    source = "twin" if source != "simulated" and _simulated(files) else source
    return make_frameset(pixels, index, source, "frame" if own else "published"), Report(
        frames=len(frames),
        positives=labels.count(1),
        negatives=labels.count(0),
        unlabelled=labels.count(-1),
        upsampled=copies,
        label_disagreements=tuple(disagreements),
        region_disagreements=tuple((key, one) for key, one in intervals if one not in events[key].intervals),
        boxes_outside=tuple(outside),
        unknown_events=tuple(sorted({one.event for one in regions}.union(index["event"]) - set(events))),
        strange_files=tuple(strange),
        duplicates=tuple(duplicates),
        tables=tuple(str(path.relative_to(root)) for path in tables),
    )


def _at(event: Event, frame: int, own: dict) -> tuple[datetime, int, float]:
    """Start, number and cadence of a frame."""
    cube = own.get("cubes", {}).get(event.key)
    return (datetime.fromisoformat(cube["start"]), frame, cube["cadence"]) if cube else (event.start, frame, event.cadence)


def _unlisted(key: str) -> Event | None:
    """Event of a file name that Table 1 does not list; None for an impossible date."""
    try:
        return make_event(datetime.strptime(key, "%Y_%m_%d_%H_%M_%S"))
    except ValueError:
        return None


def _pictures(paths, size: int | None, progress: bool) -> tuple[np.ndarray, tuple[int, int]]:
    """Pixels uint8 (N, H, W) of all files, and the shape (H, W) that they have on disk."""
    from tqdm import tqdm

    shape = _picture(paths[0]).shape
    pixels = np.empty((len(paths), size or shape[0], size or shape[1]), np.uint8)
    for i, path in enumerate(tqdm(paths, desc="reading frames", unit="frame", disable=not progress, delay=1)):
        picture = _picture(path)
        if picture.shape != shape:
            sizes = f"{picture.shape[1]}×{picture.shape[0]} pixels, others {shape[1]}×{shape[0]}"
            raise SqError(f"{path} has {sizes}: region boxes would not fit; put each size in its own folder")
        pixels[i] = picture if size is None else to_bytes(resize(picture[None], size))[0]
    return pixels, shape


def _clip(region: Region, shape, stored, outside: list) -> tuple:
    """Boxes of a region inside a frame of `shape`, in pixels of the `stored` frames; what was cut goes to `outside`."""
    height, width = shape
    kept = []
    for box in region.boxes:
        x0, x1 = np.clip(box[::2], 0, width).tolist()
        y0, y1 = np.clip(box[1::2], 0, height).tolist()
        inside = x0 < x1 and y0 < y1
        if inside:
            sx, sy = stored[1] / width, stored[0] / height
            kept.append((x0 * sx, y0 * sy, x1 * sx, y1 * sy))
        if (x0, y0, x1, y1) != box:
            outside.append((region.event, box, "clipped" if inside else "dropped"))
    return tuple(kept)
