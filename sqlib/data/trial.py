"""Trial events: simulated sunquakes that Table 1 does not list, to test on, as many as one likes.

They are of the same populations as Table 1's and share no seed with the events that anything is learned from or chosen
by, so what they say of a method holds beyond the paper's few test events.
"""

from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path

from sqlib.data.build import Listed, build_twin, load_frames
from sqlib.data.catalogue import Event, catalogue, make_event
from sqlib.data.frames import FrameSet
from sqlib.errors import SqError
from sqlib.keys import code_hash
from sqlib.sun.scene import generator_of
from sqlib.sun.twin import TwinSettings

SEED = 530011  # another than the twin's and those of practice cubes
MOST = 10_000  # more would run into other years' dates, and fill any disk
# Made-up dates, one a day, on which no one can have observed: a key says the cycle, and no list of flares has it.
FIRST_DAYS = {23: datetime(1923, 1, 1, 12), 24: datetime(2124, 1, 1, 12)}
CODE = code_hash(["sqlib.data.trial"], ())


def trial_events(number: int = 100, seed: int = SEED) -> tuple[Event, ...]:
    """The first `number` trial events of a seed: instrument, cadence and intervals of labelled events of Table 1.

    Each is drawn with replacement, so cycles, durations and frame numbers have the paper's shares. More events begin
    with the same ones. Raises `SqError` for a number or a seed out of range.
    """
    for name, value, low, high in (("number", number, 1, MOST), ("seed", seed, 0, 2**63 - 1)):
        if isinstance(value, bool) or not isinstance(value, int) or not low <= value <= high:
            raise SqError(f"trial events: {name} is a whole number from {low} to {high}, not {value!r}")
    labelled, events = [event for event in catalogue() if event.labelled], []
    for place in range(number):
        like = labelled[generator_of(seed, f"trial {place}").integers(len(labelled))]
        events.append(make_event(FIRST_DAYS[like.cycle] + timedelta(days=place), like.intervals, labelled=True))
    return tuple(events)


def trial_frames(number: int = 100, seed: int = SEED, settings=None, size: int = 224, scaling: str = "cube",
                 **how) -> FrameSet:
    """Frames of `number` trial events, made on the first call (about a second an event) and found on the next ones.

    settings : TwinSettings (None: the defaults); their seed is replaced by `seed`, that of the trial
    size, scaling, how : as for `load_frames`, whose errors it raises beside those of `trial_events`

    The index has the usual columns, and `source` is "twin". A larger number finds the cubes of a smaller one.
    """
    return load_frames("twin", size=size, scaling=scaling, **_cubes(number, seed, settings), **how)


def build_trial(number: int = 100, seed: int = SEED, settings=None, **how) -> Path:
    """Make the cubes of `number` trial events, as `build_twin` makes Table 1's, and return their folder.

    settings : as for `trial_frames`; how : workers, scheduler and progress, and errors, as for `build_twin`
    """
    return build_twin(**_cubes(number, seed, settings), **how)


def _cubes(number: int, seed: int, settings) -> dict:
    return {"settings": replace(settings or TwinSettings(), seed=seed),
            "listed": Listed(trial_events(number, seed), f"trial-{number}", CODE)}


def quiet_frames(settings=None, size: int = 224, scaling: str = "cube", progress: bool = True) -> FrameSet:
    """Frames of cubes without a sunquake: regions and noise as those of Table 1's unlabelled events, of the trial seed.

    settings, size, scaling, progress : as for `trial_frames`
    """
    listed = Listed(tuple(event for event in catalogue() if not event.labelled), "quiet", CODE)
    return load_frames("twin", size=size, scaling=scaling, settings=replace(settings or TwinSettings(), seed=SEED),
                       progress=progress, listed=listed)
