"""The simulated twin on disk: one FITS cube per event, made once and in parallel, and the frame sets made of them."""

import hashlib
import json
import multiprocessing
import os
import sys
from dataclasses import asdict, dataclass
from pathlib import Path

import pandas as pd

from sqlib import __version__
from sqlib.data.catalogue import Event, catalogue
from sqlib.data.cubes import Cube, read_cube, write_cube
from sqlib.data.frames import FrameSet, check_frames, events_of, frames_from_cube, load_frames_from, save_frames
from sqlib.errors import SqError
from sqlib.keys import code_hash, derived, key, with_code
from sqlib.paths import alone, check_room, clean, home, replacing
from sqlib.sun.twin import EDITION, TwinSettings, check_settings, facts_of
from sqlib.sun.twin import simulate as simulate_twin
from sqlib.workers import check_workers, each, workers_for

GUARD = "a script that builds the twin with workers must do so under “if __name__ == '__main__'”"


# Code and tables that decide what a cube holds, and how frames are made of it. They are hashed when this module is
# loaded: a file edited since then says nothing about the cubes that this process makes.
PHYSICS_OF = ("sqlib.sun.twin", "sqlib.data.catalogue", "sqlib.data.cubes"), ("sun",), ("data/table1.csv",)
RECIPE_OF = ("sqlib.data.frames",), ()
PHYSICS, RECIPE = code_hash(*PHYSICS_OF), code_hash(*RECIPE_OF)


@dataclass(frozen=True)
class Listed:
    """Events to simulate. Of others than Table 1's: the `name` of their list, and the hash of the `code` that drew it.

    The cubes of lists of one code lie together, so one that begins as another does finds its cubes there.
    """

    events: tuple[Event, ...]
    name: str = ""
    code: str = ""

    @property
    def ending(self) -> str:
        """What the names of this list's card and frames end in."""
        return self.name and f"-{self.name}"


def twin_folder(settings=None, simulate=None, code: str = "") -> Path:
    """Where the twin of these settings lies, made yet or not; a changed physics makes another one.

    code : of the list of events (see `Listed`). Raises `SqError` for settings out of range.
    """
    settings = settings or TwinSettings()
    if isinstance(settings, TwinSettings):
        check_settings(settings)
    made_by = simulate and f"{simulate.__module__}.{simulate.__qualname__}"
    return home() / "data" / "twin" / with_code(key(facts_of(settings), EDITION, made_by), PHYSICS, code)


def cube_path(folder: Path, event: Event) -> Path:
    """The cube of `event` in the folder of a twin."""
    return folder / "cubes" / f"{event.key}.fits"


def make_cube(event: Event, settings, path: Path, simulate=None) -> None:
    """Simulate one event and write its cube."""
    twin = (simulate or simulate_twin)(event, settings)
    facts = (event.key, event.instrument, event.cadence, event.pixel, event.start)
    write_cube(Cube(twin.power, *facts, first_frame=twin.first_frame, boxes=twin.boxes, truth=twin.truth), path)


def build_twin(settings=None, workers: int | None = None, scheduler: str | None = None, progress: bool = True,
               simulate=None, listed: Listed | None = None) -> Path:
    """Make the cubes of all 57 events that are not there yet, and return the folder of the twin.

    settings : TwinSettings (None: the defaults)
    workers : processes, each with one thread; 0 or 1 works in this process; None: one a core, but none for a small twin
        or on two cores
    scheduler : address of a Dask scheduler whose workers see the same folder, instead of processes of our own
    simulate : function (event, settings) -> TwinCube (None: sqlib.sun.twin.simulate)
    listed : other events than Table 1's 57

    A build that was cut off goes on where it stopped; of two builds at once the second waits. Raises `SqError` naming
    the events that failed, after all others are done, and before it begins for settings or workers out of range and for
    want of room on the disk.
    """
    if getattr(multiprocessing.current_process(), "_inheriting", False):
        # a worker is importing the script that asks for it: it would wait for the lock of its own parent for ever
        raise SqError(GUARD)
    check_workers(workers)
    listed, settings = listed or Listed(catalogue()), settings or TwinSettings()
    folder = twin_folder(settings, simulate, listed.code)
    card, paths = _card(folder, listed), [cube_path(folder, event) for event in listed.events]

    def complete() -> bool:
        return all(path.exists() for path in (card, *paths))

    if complete():
        return folder
    with alone(folder, told=progress):
        if complete():
            return folder
        clean(folder)
        clean(folder / "cubes")
        missing = [event for event in listed.events if not cube_path(folder, event).exists()]
        missing.sort(key=lambda event: event.instrument)  # a worker then makes the kernels of one instrument at a time
        check_room(folder, len(missing) * settings.frames * settings.size**2 * 2, "the cubes")
        if failures := _make_cubes(missing, settings, folder, simulate, workers, scheduler, progress):
            raise SqError(
                f"{len(failures)} of {len(missing)} cubes failed ({', '.join(failures)}); the others are kept in "
                f"{folder}, and the next build goes on from them. The first said: {next(iter(failures.values()))}"
            ) from next(iter(failures.values()))
        digest = hashlib.sha256()
        for path in paths:
            digest.update(path.read_bytes())
        facts = {"settings": asdict(settings), "version": __version__, "source": "simulated", "physics": PHYSICS}
        with replacing(card) as new:
            new.write_text(json.dumps({**facts, "fingerprint": digest.hexdigest()}, indent=1), encoding="utf-8")
    return folder


def _card(folder: Path, listed: Listed) -> Path:
    return folder / f"card{listed.ending}.json"


def _make_cubes(events, settings, folder, simulate, workers, scheduler, progress) -> dict[str, Exception]:
    """Make the cubes of `events`; returns the errors of those that failed, by the name of the event."""
    from tqdm import tqdm

    if workers is None and scheduler is None:
        workers = workers_for(len(events) * settings.frames * settings.size**2)
    jobs = [(event, settings, cube_path(folder, event), simulate) for event in events]
    made = each(make_cube, jobs, workers or 0, scheduler, f"{GUARD}. workers=0 does without")
    done = tqdm(made, total=len(events), desc="simulating", unit="cube", disable=not progress)
    return {events[place].name: error for place, error in done if error is not None}


def load_frames(data: str = "twin", root: str | os.PathLike = "", size: int = 224, scaling: str = "cube", settings=None,
                progress: bool = True, workers: int | None = None, simulate=None,
                listed: Listed | None = None) -> FrameSet:
    """The frame set that a notebook asks for: made on the first call, found on the next ones.

    `data="twin"` builds the simulated cubes (`settings`, `workers`, `simulate`, `listed` as in `build_twin`) and makes
    frames of `size` pixels of them with `scaling` "cube" or "frame"; their pixels are a read-only memory map.
    `data="sunquakenet"` reads the published frames from the folder `root`, or fetches them, and resizes them; they are
    scaled already, so `scaling` and `settings` have no effect; stderr says what was left out of them. Raises `SqError`
    for anything else.
    """
    from tqdm import tqdm

    check_frames(size, scaling)
    if data == "sunquakenet":
        from sqlib.data.sunquakenet import fetch, left_out, load_sunquakenet

        frames, report = load_sunquakenet(Path(root) if root else fetch(), size, progress=progress)
        for told in left_out(report):
            print(f"{root or 'SunquakeNet'}: {told}", file=sys.stderr)
        if frames.source == "twin":
            raise SqError(f"{root} holds simulated frames, exported from the twin, not observed ones: use data=twin")
        return frames
    if data != "twin":
        raise SqError(f"data is one of twin, sunquakenet, not {data!r}")
    listed = listed or Listed(catalogue())
    folder = build_twin(settings, workers, progress=progress, simulate=simulate, listed=listed)
    frames = folder / f"frames-{size}-{scaling}-{RECIPE[:8]}{listed.ending}"
    if not frames.exists():
        with alone(folder, told=progress):
            if not frames.exists():
                clean(folder)
                events = tqdm(listed.events, desc="making frames", unit="cube", disable=not progress, delay=1)
                parts = (frames_from_cube(read_cube(cube_path(folder, event)), size, scaling) for event in events)
                made = {"origin": derived([folder.name, f"-{RECIPE}"], listed.name, size, scaling)}
                made["cubes"] = json.loads(_card(folder, listed).read_text(encoding="utf-8"))
                save_frames(parts, frames, made)
    return load_frames_from(frames)


def info(frameset: FrameSet) -> dict:
    """Counts of a frame set, JSON-able: in all, per solar cycle and per event."""
    index = frameset.index

    def counts(rows: pd.DataFrame) -> dict:
        kinds = {"positives": 1, "negatives": 0, "unlabelled": -1}
        return {"frames": len(rows)} | {kind: int((rows["label"] == label).sum()) for kind, label in kinds.items()}

    def summed(rows: pd.DataFrame) -> dict:
        labelled = rows["event"][rows["label"] >= 0].nunique()
        return {"events": rows["event"].nunique(), "labelled": labelled, **counts(rows)}

    per_event = [
        {"event": key, "name": event.name, "cycle": event.cycle, "labelled": bool((rows["label"] >= 0).any()),
         **counts(rows), "intervals": [list(interval) for interval in event.intervals]}
        for (key, rows), event in zip(index.groupby("event", sort=False), events_of(index).values())]
    facts = {"source": frameset.source, "scaling": frameset.scaling, "size": int(frameset.pixels.shape[1])}
    cycles = {str(cycle): summed(rows) for cycle, rows in index.groupby("cycle")}
    return {**facts, "fingerprint": frameset.fingerprint, **summed(index), "cycles": cycles, "per_event": per_event}
