"""Methods compared on trial events, against slow loops."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import average_precision_score

from sqlib.data.build import Listed, build_twin
from sqlib.data.trial import CODE, SEED, trial_events
from sqlib.judge import trials
from sqlib.sun.twin import TwinSettings, simulate


def events(rng, number=40, frames=30, strength=2.0):
    """An index of events with frames 10 to 14 annotated, and scores of two seeds that are higher there."""
    index = pd.DataFrame({"event": np.repeat([f"e{n}" for n in range(number)], frames),
                          "frame": np.tile(np.arange(frames), number)})
    index["label"] = index["frame"].between(10, 14).astype(int)
    return index, [rng.normal(size=len(index)) + strength * index["label"].to_numpy() for _ in range(2)]


def test_a_share_of_the_ideal_is_a_ratio_whose_interval_knows_that_both_saw_the_same_events(rng):
    index, own = events(rng)
    best = own[0] + own[1] + index["label"]
    found, low, high = trials.share_of(own, best, index, 1, 200)
    by_hand = [average_precision_score(index["label"], one) for one in (*own, best)]
    assert found == pytest.approx(np.mean(by_hand[:2]) / by_hand[2])
    assert low < found < high
    assert trials.share_of([best, best], best, index, 1, 50) == (1, 1, 1)


def test_an_event_is_found_where_its_highest_score_lies_in_the_annotated_frames(rng):
    index, own = events(rng, number=25)
    quiet = index.assign(event="quiet", label=0)[:30]
    index = pd.concat([index, quiet], ignore_index=True)
    own = [np.append(one, rng.normal(size=30)) for one in own]
    row = trials.find({"net": own}, index).iloc[0]
    slow = []
    for one in own:
        tops = [index.loc[rows.index[np.argmax(one[rows.index])], "label"]
                for name, rows in index.groupby("event") if name != "quiet"]
        slow.append(np.mean(tops))
    assert (row["found"], row["least"], row["most"]) == pytest.approx((np.mean(slow), min(slow), max(slow)))
    assert row["events"] == 25 and row["low"] < row["found"] < row["high"]
    sure = trials.find({"sure": [index["label"].to_numpy(float)]}, index).iloc[0]
    assert sure["found"] == 1 and sure["low"] < 1  # 25 of 25 do not make it certain


def test_a_source_is_ranked_among_the_quiet_frames_of_its_own_event():
    index = pd.DataFrame({"event": list("aaaaab"), "frame": [0, 1, 2, 3, 4, 0], "label": [0, 1, 0, 1, 0, 0]})
    sources = pd.DataFrame({"event": list("aaa"), "first": [1, 3, 9], "last": [1, 3, 9], "contrast": [5.0, 9.0, 2.0]})
    scores = {"net": [np.array([0.1, 0.5, 0.9, 1.0, 0.2, 7.0]), np.array([0.1, 0.5, 0.2, 1.0, 0.2, 7.0])]}
    found = trials.by_source(scores, index, sources)
    assert found["contrast"].tolist() == [5, 9]  # of the third no frame is there
    assert found["net"].tolist() == [(0.5 + 1) / 2, 1]  # the other source's frame, higher than the first's, is no rival


def test_a_test_on_fewer_events_says_less(rng):
    index, own = events(rng, strength=1.0)
    few, many = (trials.redrawn({"a": own, "b": own[:1]}, index, count, 3, 150) for count in (5, 40))
    assert few.shape == (150, 2) and few["a"].std() > 1.8 * many["a"].std()
    whole = np.mean([average_precision_score(index["label"], one) for one in own])
    assert many["a"].mean() == pytest.approx(whole, abs=0.02)
    assert trials.redrawn({"a": own, "b": own[:1]}, index, 5, 3, 150).equals(few)


def test_the_cubes_of_trial_events_tell_their_sources(sq_home):
    settings, listed = TwinSettings(64, 40), trial_events(2)
    build_twin(replace(settings, seed=SEED), 0, progress=False, listed=Listed(listed, "trial-2", CODE))
    found = trials.quakes(2, settings)
    truth = [(event, quake) for event in listed
             for quake in simulate(event, replace(settings, seed=SEED)).truth["quakes"]]
    assert found["event"].tolist() == [event.key for event, _ in truth]
    assert found["instrument"].tolist() == [event.instrument for event, _ in truth]
    assert np.allclose(found["contrast"], [quake["strength"] / quake["level"] for _, quake in truth])
    assert list(zip(found["first"], found["last"])) == [tuple(quake["interval"]) for _, quake in truth]
