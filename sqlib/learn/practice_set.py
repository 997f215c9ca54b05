"""Sets of practice cubes on disk: what networks that learn "when" are taught with, as many sources as one asks for."""

import json
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path

import numpy as np
import pandas as pd

from sqlib.data.catalogue import INSTRUMENTS
from sqlib.data.frames import FrameSet, frame_time, make_index
from sqlib.errors import SqError, in_words
from sqlib.keys import code_hash, derived, key, with_code
from sqlib.learn.practice import QUIET, draw_event, practise
from sqlib.paths import alone, check_room, clean, home, replacing
from sqlib.sun.scene import generator_of
from sqlib.sun.twin import EDITION, TwinSettings, check_settings
from sqlib.workers import check_workers, each, workers_for

MOST = 10_000  # cubes
SEED = 530013  # of the practice cubes that encoders learn from
BOX = 16  # pixels a side of the boxes round their sources, about what annotators drew on HMI's frames
COLUMNS = ["first", "last", "y", "x"]
PHYSICS = code_hash(["sqlib.learn.practice"], ("sun", "data"))


@dataclass(frozen=True, eq=False)
class PracticeSet:
    """The first C practice cubes of a seed, and the sources in them that may be learned from.

    `pixels`: uint8 (C, T, S, S), a read-only memory map. `sources`: a row each with `cube` (0 … C − 1), `first` and
    `last` frame, both inclusive, `y` and `x` in pixels. `left_out`: rows of sources that are there but not to be
    learned from (see `take`): their frames are no negatives either. `instruments`: (C,), "MDI" or "HMI". `made`: key
    of seed, size and frames, and after a dash of the physics.
    """

    pixels: np.ndarray
    sources: pd.DataFrame
    left_out: pd.DataFrame
    instruments: np.ndarray
    made: str

    @property
    def origin(self) -> str:
        """How the set was made: the same on every processor, and for the same cubes and sources however taken."""
        return derived([self.made], len(self.pixels), len(self.sources))


def practice_set(cubes: int, seed: int, size: int = 128, frames: int = 256, progress: bool = True,
                 workers: int | None = None) -> PracticeSet:
    """The first `cubes` practice cubes of a seed, (frames, size, size) each: made on the first call, found afterwards.

    About ten sources in each but every eighth, which has none. A larger set goes on from a smaller one, and one that
    was cut off from where it stopped; of two at once the second waits. `workers` as for `build_twin`. Raises `SqError`
    for numbers out of range, for want of room on the disk, and, after all others are made, for cubes that failed.
    """
    if isinstance(cubes, bool) or not isinstance(cubes, int) or not 1 <= cubes <= MOST:
        raise SqError(f"a practice set has from 1 to {MOST} cubes, not {cubes!r}")
    check_settings(TwinSettings(size, frames, seed))
    check_workers(workers)
    made = with_code(key(EDITION, seed, size, frames), PHYSICS)
    folder, shape = home() / "data" / "practice" / made, (frames, size, size)
    if _missing(folder, cubes):
        with alone(folder, told=progress):
            clean(folder)
            if missing := _missing(folder, cubes):
                _make(folder, missing, cubes, seed, shape, progress, workers)
    facts, rows = [], []
    with in_words(f"{folder} holds no whole practice set", "delete it, and it is made again"):
        for number in range(cubes):
            facts.append(json.loads(_facts(folder, number).read_text(encoding="utf-8")))
            rows += [(number, *source) for source in facts[-1]["sources"]]
        pixels = np.memmap(folder / "pixels.u8", np.uint8, "r", shape=(cubes, *shape))
        instruments = np.array([one["instrument"] for one in facts])
        kinds = {"cube": int, "first": int, "last": int}
        sources = pd.DataFrame(rows, columns=["cube", *COLUMNS]).astype(kinds)
    return PracticeSet(pixels, sources, sources[:0], instruments, made)


def _facts(folder: Path, number: int) -> Path:
    return folder / f"cube-{number:05d}.json"


def _missing(folder: Path, cubes: int) -> list[int]:
    return [number for number in range(cubes) if not _facts(folder, number).exists()]


def _make(folder: Path, missing: list[int], cubes: int, seed: int, shape: tuple, progress: bool, workers) -> None:
    from tqdm import tqdm

    bytes_each = int(np.prod(shape))
    check_room(folder, len(missing) * bytes_each, "the practice cubes")
    with open(folder / "pixels.u8", "ab") as file:  # a place for each cube, where the workers write
        file.truncate(max(file.tell(), cubes * bytes_each))
    workers = workers_for(len(missing) * bytes_each) if workers is None else workers
    jobs = [(folder, number, seed, shape) for number in missing]
    done = tqdm(each(_make_cube, jobs, workers), total=len(jobs), desc="practice", unit="cube", disable=not progress)
    if failures := {missing[place]: error for place, error in done if error is not None}:
        first = next(iter(failures.values()))
        raise SqError(f"{len(failures)} of {len(missing)} practice cubes failed ({', '.join(map(str, failures))}); the "
                      f"next call goes on from the others. The first said: {first}") from first


def _make_cube(folder: Path, number: int, seed: int, shape: tuple) -> None:
    frames, size, _ = shape
    cube = practise(number, seed, size, frames)
    event = draw_event(number, generator_of(seed, f"practice {number}, frames"), frames)  # as `practise` draws it
    place = np.memmap(folder / "pixels.u8", np.uint8, "r+", offset=number * cube.frames.nbytes, shape=shape)
    place[:] = cube.frames
    place.flush()
    with replacing(_facts(folder, number)) as new:  # last: a cube with this file is complete
        facts = {"instrument": event.instrument, "sources": cube.sources.astype(float).round(3).tolist()}
        new.write_text(json.dumps(facts), encoding="utf-8")


def take(some: PracticeSet, sources: int) -> PracticeSet:
    """The first cubes of a set that hold at least so many sources, cut to exactly so many: the others are `left_out`.

    Raises `SqError` where the set has fewer, and for a number below 1.
    """
    if isinstance(sources, bool) or not isinstance(sources, int) or not 1 <= sources <= len(some.sources):
        raise SqError(f"{sources!r} sources cannot be taken of {len(some.sources)}: ask for 1 up to that, or make a "
                      "larger practice set")
    kept = some.sources.iloc[:sources]
    cubes = int(kept["cube"].iloc[-1]) + 1
    rest = pd.concat([some.left_out, some.sources.iloc[sources:]], ignore_index=True)
    rest = rest[rest["cube"] < cubes].reset_index(drop=True)
    return replace(some, pixels=some.pixels[:cubes], sources=kept, left_out=rest, instruments=some.instruments[:cubes])


def practice_frames(sources: int, size: int, frames: int = 256, seed: int = SEED, progress: bool = True) -> FrameSet:
    """`sources` practice sources as a frame set in memory: as many cubes, (frames, size, size) each, as hold them.

    Each cube is an event "practice 0", …; boxes of `BOX` pixels stand round its sources. Frames with a source that is
    not to be learned from have the label -1.
    """
    cubes, held = 0, 0
    while held < sources:  # doubles come on top
        event = draw_event(cubes, generator_of(seed, f"practice {cubes}, frames"), frames)
        cubes, held = cubes + 1, held + len(event.intervals)
    some = take(practice_set(cubes, seed, size, frames, progress), sources)
    parts = []
    for cube, instrument in enumerate(some.instruments):
        label, boxes = np.zeros(frames, int), [()] * frames
        for row in some.sources[some.sources["cube"] == cube].itertuples():
            label[row.first : row.last + 1] = 1
            box = (row.x + 0.5 - BOX / 2, row.y + 0.5 - BOX / 2, row.x + 0.5 + BOX / 2, row.y + 0.5 + BOX / 2)
            for place in range(row.first, row.last + 1):
                boxes[place] = (*boxes[place], box)
        for row in some.left_out[some.left_out["cube"] == cube].itertuples():
            label[row.first : row.last + 1] = -1
        parts.append(_rows(cube, instrument, label, boxes))
    index = make_index(pd.concat(parts, ignore_index=True))
    made = derived([some.origin], BOX)
    return FrameSet(some.pixels.reshape(-1, size, size), index, "twin", made, "frame", made)


def quiet_frames(cubes: int, size: int, frames: int = 256, seed: int = SEED) -> FrameSet:
    """As `practice_frames` so many cubes without any source, the quiet ones after the first `cubes` practice cubes of
    the seed. They are made anew in each call, some seconds each."""
    numbers = [number for number in range(cubes, cubes * (QUIET + 1) + QUIET) if number % QUIET == QUIET - 1][:cubes]
    instruments = [draw_event(number, generator_of(seed, f"practice {number}, frames"), frames).instrument
                   for number in numbers]
    parts = [_rows(*one, np.zeros(frames, int), [()] * frames) for one in zip(numbers, instruments)]
    pixels = np.concatenate([practise(number, seed, size, frames).frames for number in numbers])
    made = derived([with_code(key(EDITION, seed, size, frames), PHYSICS)], "quiet", numbers)
    return FrameSet(pixels, make_index(pd.concat(parts, ignore_index=True)), "twin", made, "frame", made)


def _rows(cube: int, instrument: str, label: np.ndarray, boxes: list[tuple]) -> pd.DataFrame:
    """The index of a practice cube's frames."""
    cadence, number = INSTRUMENTS[instrument][0], np.arange(len(label))
    return pd.DataFrame({
        "event": f"practice {cube}", "cycle": 23 if instrument == "MDI" else 24, "frame": number,
        "time": [frame_time(datetime(2000, 1, 1), cadence, int(n)) for n in number], "label": label, "boxes": boxes})
