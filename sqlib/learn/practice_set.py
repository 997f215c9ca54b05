"""Sets of practice cubes on disk: what networks that learn "when" are taught with, as many sources as one asks for."""

import json
from pathlib import Path

import numpy as np
import pandas as pd

from sqlib.data.catalogue import Event
from sqlib.data.frames import FrameSet, frame_time, make_index
from sqlib.errors import SqError, in_words
from sqlib.keys import code_hash, derived, key, with_code
from sqlib.learn.practice import QUIET, draw_event, practise
from sqlib.paths import alone, check_room, clean, home, replacing
from sqlib.sun.scene import generator_of
from sqlib.sun.twin import EDITION, TwinSettings, check_settings
from sqlib.workers import each, workers_for

MOST = 80_000  # sources; the cubes of more would fill any disk
SEED = 530013  # of the practice cubes that encoders learn from
BOX = 16  # pixels a side of the boxes round their sources, about what annotators drew on HMI's frames
PHYSICS = code_hash(["sqlib.learn.practice"], ("sun", "data"))


def practice_frames(sources: int, size: int, frames: int = 256, seed: int = SEED, progress: bool = True) -> FrameSet:
    """`sources` practice sources as a frame set: as many cubes, (frames, size, size) each, as hold them.

    Each cube is an event "practice 0", …, with about ten sources, but every eighth has none; boxes of `BOX` pixels
    stand round its sources. Frames with a source that is not to be learned from have the label -1. Cubes are made on
    the first call and found afterwards: more sources go on from fewer, and a call that was cut off from where it
    stopped; of two at once the second waits. Raises `SqError` for numbers out of range, for want of room on the disk,
    and, after all others are made, for cubes that failed.
    """
    if isinstance(sources, bool) or not isinstance(sources, int) or not 1 <= sources <= MOST:
        raise SqError(f"practice sources: a whole number from 1 to {MOST}, not {sources!r}")
    check_settings(TwinSettings(size, frames, seed))
    events, held = [], 0
    while held < sources:  # doubles come on top
        events.append(_event(len(events), seed, frames))
        held += len(events[-1].intervals)
    made = with_code(key(EDITION, seed, size, frames), PHYSICS)
    pixels, found = _cubes(home() / "data" / "practice" / made, len(events), seed, (frames, size, size), progress)
    parts, left = [], sources
    for event, own in zip(events, found):
        label, boxes = np.zeros(frames, int), [()] * frames
        for first, last, y, x in own[:left]:
            label[first : last + 1] = 1
            box = (x + 0.5 - BOX / 2, y + 0.5 - BOX / 2, x + 0.5 + BOX / 2, y + 0.5 + BOX / 2)
            for place in range(first, last + 1):
                boxes[place] = (*boxes[place], box)
        for first, last, _, _ in own[left:]:
            label[first : last + 1] = -1
        parts.append(_rows(event, label, boxes))
        left -= len(own)
        if left <= 0:
            break
    made = derived([derived([made], len(parts), sources)], BOX)
    index = make_index(pd.concat(parts, ignore_index=True))
    return FrameSet(pixels[: len(parts)].reshape(-1, size, size), index, "twin", made, "frame", made)


def _event(number: int, seed: int, frames: int) -> Event:
    """The event of a practice cube, as `practise` draws it."""
    return draw_event(number, generator_of(seed, f"practice {number}, frames"), frames)


def _cubes(folder: Path, cubes: int, seed: int, shape: tuple, progress: bool) -> tuple[np.ndarray, list]:
    """The first practice cubes of a seed, in a folder of their own: pixels, uint8 (cubes, T, S, S), a read-only memory
    map; and of each its sources, first and last frame, both inclusive, y and x in pixels."""
    if _missing(folder, cubes):
        with alone(folder, told=progress):
            clean(folder)
            if missing := _missing(folder, cubes):
                _make(folder, missing, cubes, seed, shape, progress)
    with in_words(f"{folder} holds no whole practice set", "delete it, and it is made again"):
        facts = [json.loads(_facts(folder, number).read_text(encoding="utf-8")) for number in range(cubes)]
        found = [[(int(first), int(last), y, x) for first, last, y, x in one["sources"]] for one in facts]
        return np.memmap(folder / "pixels.u8", np.uint8, "r", shape=(cubes, *shape)), found


def _facts(folder: Path, number: int) -> Path:
    return folder / f"cube-{number:05d}.json"


def _missing(folder: Path, cubes: int) -> list[int]:
    return [number for number in range(cubes) if not _facts(folder, number).exists()]


def _make(folder: Path, missing: list[int], cubes: int, seed: int, shape: tuple, progress: bool) -> None:
    from tqdm import tqdm

    bytes_each = int(np.prod(shape))
    check_room(folder, len(missing) * bytes_each, "the practice cubes")
    with open(folder / "pixels.u8", "ab") as file:  # a place for each cube, where the workers write
        file.truncate(max(file.tell(), cubes * bytes_each))
    jobs = [(folder, number, seed, shape) for number in missing]
    done = tqdm(each(_make_cube, jobs, workers_for(len(missing) * bytes_each)), total=len(jobs), desc="practice",
                unit="cube", disable=not progress)
    if failures := {missing[place]: error for place, error in done if error is not None}:
        first = next(iter(failures.values()))
        raise SqError(f"{len(failures)} of {len(missing)} practice cubes failed ({', '.join(map(str, failures))}); the "
                      f"next call goes on from the others. The first said: {first}") from first


def _make_cube(folder: Path, number: int, seed: int, shape: tuple) -> None:
    frames, size, _ = shape
    cube = practise(number, seed, size, frames)
    place = np.memmap(folder / "pixels.u8", np.uint8, "r+", offset=number * cube.frames.nbytes, shape=shape)
    place[:] = cube.frames
    place.flush()
    with replacing(_facts(folder, number)) as new:  # last: a cube with this file is complete
        new.write_text(json.dumps({"sources": cube.sources.astype(float).round(3).tolist()}), encoding="utf-8")


def quiet_frames(cubes: int, size: int, frames: int = 256, seed: int = SEED) -> FrameSet:
    """As `practice_frames` so many cubes without any source, the quiet ones after the first `cubes` practice cubes of
    the seed. They are made anew in each call, some seconds each."""
    numbers = [number for number in range(cubes, cubes * (QUIET + 1) + QUIET) if number % QUIET == QUIET - 1][:cubes]
    parts = [_rows(_event(number, seed, frames), np.zeros(frames, int), [()] * frames) for number in numbers]
    pixels = np.concatenate([practise(number, seed, size, frames).frames for number in numbers])
    made = derived([with_code(key(EDITION, seed, size, frames), PHYSICS)], "quiet", numbers)
    return FrameSet(pixels, make_index(pd.concat(parts, ignore_index=True)), "twin", made, "frame", made)


def _rows(event: Event, label: np.ndarray, boxes: list[tuple]) -> pd.DataFrame:
    """The index of a practice cube's frames."""
    number = np.arange(len(label))
    return pd.DataFrame({
        "event": event.key, "cycle": event.cycle, "frame": number,
        "time": [frame_time(event.time, event.cadence, int(n)) for n in number], "label": label, "boxes": boxes})
