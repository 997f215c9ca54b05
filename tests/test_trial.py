"""Trial events: of the paper's populations, under names and a seed of their own, and kept as the twin is."""

from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from standin import Settings, simulate

from sqlib.data import catalogue, events_of
from sqlib.data.build import load_frames
from sqlib.data.trial import SEED, trial_events, trial_frames
from sqlib.errors import SqError
from sqlib.learn.locator_training import SHIPPED
from sqlib.sun.twin import TwinSettings

QUIET = {"workers": 0, "progress": False, "simulate": simulate, "size": 8}


@pytest.fixture
def logged(sq_home, tmp_path):
    return Settings(frames=128, log=str(tmp_path / "log"))


def simulated(settings) -> Counter:
    return Counter(Path(settings.log).read_text().split())


def test_trial_events_have_the_papers_intervals_in_the_papers_shares():
    """Of 2,000 draws with replacement each of the 53 comes 38 times, give or take 6."""
    facts = [Counter((event.instrument, event.cadence, event.intervals) for event in events)
             for events in ((event for event in catalogue() if event.labelled), trial_events(2000))]
    assert set(facts[0]) == set(facts[1])
    for kind, count in facts[0].items():
        assert abs(facts[1][kind] - count * 2000 / 53) < 5 * (count * 2000 / 53) ** 0.5


def test_no_trial_event_has_the_name_or_the_seed_of_another_event():
    events, listed = trial_events(10_000), {event.key for event in catalogue()}
    keys = {event.key for event in events}
    assert len(keys) == len(events) and not keys & listed
    assert all((event.cycle == 23) == (event.instrument == "MDI") == (event.time.year < 2009) for event in events)
    assert SEED not in (TwinSettings().seed, SHIPPED.seed)
    assert trial_events(30) == events[:30]
    assert [event.intervals for event in trial_events(30, 1)] != [event.intervals for event in events[:30]]


def test_frames_of_trial_events_carry_their_labels_and_are_read_as_events(logged):
    frames, events = trial_frames(6, 4, logged, **QUIET), trial_events(6, 4)
    assert frames.source == "twin" and frames.pixels.shape == (6 * 128, 8, 8)
    for event, found in zip(events, events_of(frames.index).values()):
        rows = frames.index[frames.index["event"] == event.key]
        assert (found.key, found.cycle, found.instrument, found.cadence) == (
            event.key, event.cycle, event.instrument, event.cadence)
        assert set(rows["frame"][rows["label"] == 1]) == {n for n in event.positives if n < 128}
        assert all(bool(boxes) == (label == 1) for boxes, label in zip(rows["boxes"], rows["label"]))
        assert set(rows["cycle"]) == {event.cycle} and set(rows["label"]) == {0, 1}


def test_more_trial_events_begin_with_those_that_are_there(logged):
    few = trial_frames(5, 4, logged, **QUIET)
    many = trial_frames(8, 4, logged, **QUIET)
    assert np.array_equal(many.pixels[: len(few.pixels)], few.pixels) and many.origin != few.origin
    assert trial_frames(5, 4, logged, **QUIET).fingerprint == few.fingerprint
    assert len(simulated(logged)) == 8 and set(simulated(logged).values()) == {1}
    other = trial_frames(5, 5, logged, **QUIET)
    assert other.fingerprint != few.fingerprint and other.origin != few.origin


def test_the_catalogues_twin_is_another_set_of_the_same_settings(logged):
    trial = trial_frames(3, logged.seed, logged, **QUIET)
    twin = load_frames(settings=logged, **QUIET)
    assert not set(trial.index["event"]) & set(twin.index["event"]) and trial.origin != twin.origin


@pytest.mark.parametrize(("bad", "told"), [
    ({"number": 1e2}, "number"), ({"number": 10_001}, "number"), ({"seed": "1"}, "seed"), ({"seed": 2**63}, "seed"),
    ({"settings": TwinSettings(frames=7)}, "frames"),
])
def test_numbers_out_of_range_are_refused_before_anything_is_made(sq_home, bad, told):
    with pytest.raises(SqError, match=told):
        trial_frames(**bad)
    assert not sq_home.exists()
