"""Frame sets: the 8-bit pictures that the models see, with a row of facts for each (paper, Section 2.3)."""

import hashlib
import json
import math
import os
from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path

import numpy as np
import pandas as pd
import torch

from sqlib import keys
from sqlib.data.catalogue import Event, catalogue, make_event
from sqlib.data.cubes import Cube, check_power
from sqlib.errors import SqError, in_words
from sqlib.paths import replacing

SCALINGS = ("cube", "frame")  # what a cube can be scaled by; published frames come scaled: "published"
BATCH = 64  # frames turned into floats at a time
MADE = ("fingerprint", "origin")  # what of a frame set says how it was made


@dataclass(frozen=True, eq=False)
class FrameSet:
    """Frames and what is known of them.

    `pixels`: uint8 (N, H, W), read-only where it lies on disk. `index`: a row per frame with `event` (key), `cycle`,
    `frame` (number in the event's own count), `time` (UTC), `label` (1 inside an annotated interval, 0 outside, -1 for
    events without annotation) and `boxes` (tuple of (x0, y0, x1, y1) in pixels of the stored frame, x right, y down).
    `source`: "twin", "sunquakenet", "observed", or "simulated" by a reader. `scaling`: "cube", "frame" or "published".
    `fingerprint`: sha256 over pixels, index, source and scaling; when and where the set was made does not enter.
    `origin`: how it was made, where this program made it: a key of settings and edition, and after a dash of the code
    (`keys.with_code`). It is the same on a processor that rounds otherwise, so what is learned from the set is kept
    under it. Of what people brought, the fingerprint.
    """

    pixels: np.ndarray
    index: pd.DataFrame
    source: str
    fingerprint: str
    scaling: str
    origin: str


def check_frames(size: int, scaling: str = "cube") -> None:
    """Raise `SqError` unless `size` is a whole number above 0, and `scaling` one that frames are made with."""
    if isinstance(size, bool) or not isinstance(size, (int, np.integer)) or size <= 0:
        raise SqError(f"size is a whole number above 0, not {size!r}")
    if scaling not in SCALINGS:
        raise SqError(f"scaling is one of {', '.join(SCALINGS)}, not {scaling!r}")


def make_index(content) -> pd.DataFrame:
    """Index of a frame set from its rows or columns, as `pandas.DataFrame` takes them, with every index's types."""
    kinds = {"event": "str", "cycle": "int64", "frame": "int64", "time": "datetime64[ms]", "label": "int64"}
    return pd.DataFrame(content).astype(kinds)


def frame_time(start: datetime, cadence: float, number: int) -> np.datetime64:
    """Time (UTC) of frame `number` to the millisecond, of frames `cadence` s apart, frame 0 at `start`."""
    return np.datetime64(start, "ms") + np.timedelta64(round(1000 * number * cadence), "ms")


def events_of(index: pd.DataFrame) -> dict[str, Event]:
    """The events of an index by key: Table 1's, and of others what their own frames say (pixel: not a number)."""
    listed = {event.key: event for event in catalogue()}
    return {key: listed.get(key) or _unlisted(key, rows) for key, rows in index.groupby("event", sort=False)}


def _unlisted(key: str, rows: pd.DataFrame) -> Event:
    event, rows = make_event(datetime.strptime(key, "%Y_%m_%d_%H_%M_%S")), rows.sort_values("frame")
    (first, last), (begin, end) = rows["frame"].iloc[[0, -1]], rows["time"].iloc[[0, -1]]
    cadence = (end - begin).total_seconds() / (last - first) if last > first else event.cadence
    numbers = rows["frame"][rows["label"] == 1].to_numpy()
    runs = np.split(numbers, np.flatnonzero(np.diff(numbers) > 1) + 1) if len(numbers) else []
    intervals = tuple((int(run[0]), int(run[-1])) for run in runs)
    labelled = bool((rows["label"] >= 0).any())
    return replace(event, cadence=cadence, pixel=math.nan, labelled=labelled, intervals=intervals)


def make_frameset(pixels: np.ndarray, index: pd.DataFrame, source: str, scaling: str) -> FrameSet:
    """Frame set of `pixels` uint8 (N, H, W) and `index` (N rows), with its fingerprint."""
    facts = _csv(index), pixels.shape[1:], source, scaling
    fingerprint = _fingerprint(hashlib.sha256(np.ascontiguousarray(pixels)), *facts)
    return FrameSet(pixels, index, source, fingerprint, scaling, fingerprint)


def middles(frameset: FrameSet, size: int) -> FrameSet:
    """The middle `size` pixels a side of each frame, in memory, boxes moved along.

    Raises `SqError` where the frames are smaller.
    """
    cut = (frameset.pixels.shape[1] - size) // 2
    if cut < 0:
        raise SqError(f"frames of {frameset.pixels.shape[1]} pixels have no middle of {size}")
    pixels = np.ascontiguousarray(frameset.pixels[:, cut : cut + size, cut : cut + size])
    boxes = [tuple(tuple(corner - cut for corner in box) for box in own) for own in frameset.index["boxes"]]
    return replace(frameset, pixels=pixels, index=frameset.index.assign(boxes=boxes),
                   **{name: keys.derived([getattr(frameset, name)], "middle", size) for name in MADE})


def frames_at(frameset: FrameSet, rows: np.ndarray) -> FrameSet:
    """The frames at positions `rows` (K,) of a frame set, in memory, as a set of their own."""
    index = frameset.index.iloc[rows].reset_index(drop=True)
    return replace(frameset, pixels=frameset.pixels[rows], index=index,
                   **{name: keys.derived([getattr(frameset, name)], "part", rows.tolist()) for name in MADE})


def join(first: FrameSet, second: FrameSet) -> FrameSet:
    """Two frame sets of frames of one size as one, in memory; source and scaling are those of the first."""
    pixels, index = (np.concatenate([first.pixels, second.pixels]),
                     pd.concat([first.index, second.index], ignore_index=True))
    named = {name: keys.derived([getattr(first, name), getattr(second, name)]) for name in MADE}
    return replace(first, pixels=pixels, index=index, **named)


def _csv(index: pd.DataFrame) -> str:
    index = index.assign(boxes=[json.dumps(boxes) for boxes in index["boxes"]])
    return index.to_csv(index=False, lineterminator="\n", date_format="%Y-%m-%dT%H:%M:%S.%f")


def _fingerprint(digest, rows: str, *facts) -> str:
    digest.update((rows + json.dumps(facts)).encode())
    return digest.hexdigest()


def resize(frames, size: int) -> torch.Tensor:
    """Frames (N, H, W) of any type as float32 (N, size, size), by antialiased bilinear interpolation."""
    floats = torch.as_tensor(np.ascontiguousarray(frames, dtype=np.float32))
    if floats.shape[1:] == (size, size):
        return floats
    return torch.nn.functional.interpolate(floats[:, None], (size, size), mode="bilinear", antialias=True)[:, 0]


def to_bytes(frames: torch.Tensor) -> np.ndarray:
    """Frames (any shape) with values 0…255 as uint8, rounded to the nearest; `frames` is overwritten."""
    return frames.round_().clamp_(0, 255).to(torch.uint8).numpy()


def frames_from_cube(cube: Cube, size: int = 224, scaling: str = "cube") -> FrameSet:
    """Frames of a cube by the paper's recipe: MinMax, 8 bits, `size` x `size` pixels, labels by interval.

    `scaling="cube"` takes minimum and maximum over the cube, as Section 2.3 says; `scaling="frame"` over each frame, as
    the published frames show. Blank frames (all values equal) are dropped. Labels follow Table 1, and the cube's own
    intervals where Table 1 does not list its event. Raises `SqError` for a cube that is constant, not finite or not
    (T, H, W), an unknown scaling, and a size that is none.
    """
    check_frames(size, scaling)
    check_power(cube.power, f"cube {cube.event}")
    lows, highs = cube.power.min(axis=(1, 2)), cube.power.max(axis=(1, 2))
    kept = np.flatnonzero(lows < highs)
    if not len(kept):
        raise SqError(f"cube {cube.event} is constant (frame by frame): there is nothing to see in it")
    low, high = float(lows[kept].min()), float(highs[kept].max())
    pixels = np.empty((len(kept), size, size), np.uint8)
    for at in range(0, len(kept), BATCH):
        frames = resize(cube.power[kept[at : at + BATCH]], size)  # indexing has copied: free to change
        if scaling == "frame":
            low, high = frames.amin((1, 2), keepdim=True), frames.amax((1, 2), keepdim=True)
            high = torch.maximum(high, low + torch.finfo(torch.float32).tiny)  # a stripe pattern may average out
        pixels[at : at + BATCH] = to_bytes(frames.sub_(low).mul_(255 / (high - low)))
    source = "twin" if cube.source == "simulated" else "observed"
    return make_frameset(pixels, _index(cube, (kept + cube.first_frame).tolist(), size), source, scaling)


def _index(cube: Cube, numbers: list[int], size: int) -> pd.DataFrame:
    event = {event.key: event for event in catalogue()}.get(cube.event)
    intervals = event.intervals if event else [interval for interval, _ in cube.boxes]
    height, width = cube.power.shape[1:]
    scale = np.array([size / width, size / height] * 2)
    rows = []
    for number in numbers:
        inside = any(first <= number <= last for first, last in intervals)
        near = [box for (first, last), own in cube.boxes if first <= number <= last for box in own]
        rows.append({
            "event": cube.event,
            "cycle": (event or make_event(cube.start)).cycle,
            "frame": number,
            "time": frame_time(cube.start, cube.cadence, number),
            "label": int(inside) if intervals else -1,
            "boxes": tuple(dict.fromkeys(tuple((box * scale).tolist()) for box in near)),  # shaken twice, listed once
        })
    return make_index(rows)


def own_card(root: Path) -> dict:
    """What own.json in a folder of frames says of the cubes that they were made of (`own_cubes`); {} without one.

    name (of the reader's folder), source ("observed" or "simulated"), cubes ({key of event: file, start, cadence,
    pixel}), left_out (sentences on what is in no frame; older ones lack it). Raises `SqError` where it is broken.
    """
    path = Path(root) / "own.json"
    if not os.path.lexists(path):
        return {}
    with in_words(f"{path} is broken", "make the frames again: sq data import"):
        card = json.loads(path.read_text(encoding="utf-8"))
        starts = [datetime.fromisoformat(cube["start"]).tzinfo for cube in card["cubes"].values()]
        cadences = [0 < cube["cadence"] <= 86400 for cube in card["cubes"].values()]
        known = card["source"] in ("observed", "simulated") and isinstance(card["name"], str) and card["name"]
        told = all(isinstance(one, str) for one in card.get("left_out", ()))
        if not (known and starts and all(cadences) and told) or any(starts):
            raise ValueError("a wrong entry")
        return card


def save_frames(parts: Iterable[FrameSet], folder: Path, card: dict) -> None:
    """Write frame sets of one kind, made one at a time, as one, to a new folder that appears when it is complete.

    `pixels.u8` (bytes), `index.csv` (boxes as JSON) and `card.json` (fingerprint, source, scaling, shape of a frame,
    and the entries of `card`, among them `origin`). Raises `SqError` where the folder cannot be written.
    """
    digest, indices = hashlib.sha256(), []
    with replacing(folder) as new:
        new.mkdir()
        with open(new / "pixels.u8", "wb") as file:
            for part in parts:
                pixels = np.ascontiguousarray(part.pixels)
                digest.update(pixels)
                file.write(pixels)
                indices.append(part.index)
        rows = _csv(pd.concat(indices, ignore_index=True))
        (new / "index.csv").write_text(rows, encoding="utf-8")
        facts = {"shape": part.pixels.shape[1:], "source": part.source, "scaling": part.scaling}
        facts |= {"fingerprint": _fingerprint(digest, rows, *facts.values()), **card}
        (new / "card.json").write_text(json.dumps(facts, indent=1), encoding="utf-8")


def load_frames_from(folder: Path) -> FrameSet:
    """Read a frame set that `save_frames` wrote; its pixels stay on disk until they are used (a read-only memory map).

    Raises `SqError` where the folder is absent, incomplete or not a frame set.
    """
    folder = Path(folder)
    with in_words(f"{folder} holds no complete frame set", "delete it and make it again"):
        card = json.loads((folder / "card.json").read_text(encoding="utf-8"))
        index = pd.read_csv(folder / "index.csv", keep_default_na=False)
        boxes = [tuple(tuple(box) for box in json.loads(text)) for text in index["boxes"]]
        index = make_index(index.assign(boxes=boxes, time=pd.to_datetime(index["time"], format="ISO8601")))
        pixels = np.memmap(folder / "pixels.u8", np.uint8, "r", shape=(len(index), *card["shape"]))
        if pixels.size != (folder / "pixels.u8").stat().st_size:
            raise ValueError(f"it is not {len(index)} frames of the shape {card['shape']}")
        origin = card.get("origin", card["fingerprint"])
        return FrameSet(pixels, index, card["source"], card["fingerprint"], card["scaling"], origin)
