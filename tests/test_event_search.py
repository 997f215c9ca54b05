"""Searching whole cubes: candidates where sources were put, odds that mean what they say, cubes of any length."""

from datetime import datetime
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from sqlib.data.catalogue import catalogue
from sqlib.data.cubes import Cube
from sqlib.data.frames import frames_from_cube
from sqlib.errors import SqError
from sqlib.learn import event_search as search
from sqlib.learn import practice
from sqlib.learn.locator import Locator


def scan_of(box, length=12, stride=4):
    box = np.asarray(box, np.float32)
    return search.Scan(box, stride * np.arange(len(box)), length)


def test_candidates_are_maxima_in_space_and_time_that_are_apart_from_one_another():
    box = np.full((20, 64, 64), -9.0)
    box[3, 10, 20], box[4, 11, 20], box[5, 10, 20] = 5, 4, 2  # one source over three windows
    box[4, 50, 50] = 3  # another one at the same time
    box[15, 10, 20] = 1  # and one later at the first place
    found = search.candidates(scan_of(box))
    assert found["odds"].tolist() == [5, 3, 1]
    assert found[["x", "y"]].to_numpy().tolist() == [[41, 21], [101, 101], [41, 21]]
    assert (found["first"] <= found["last"]).all() and found.loc[0, "first"] < found.loc[2, "first"]


def test_a_candidate_is_right_once_in_space_and_time():
    found = pd.DataFrame({"first": [10, 12, 100, 10], "last": [20, 22, 110, 20], "x": [30.0, 31, 30, 60],
                          "y": [40.0, 40, 40, 40]})
    assert search.right(found, [(15, 29, 41, 33)]).tolist() == [True, False, False, False]
    assert search.right(found, [(15, 29, 41, 33), (90, 100, 40, 30)]).tolist() == [True, False, True, False]


def test_what_odds_are_worth_is_found_again(rng):
    """Candidates whose chance is known, in cubes with other usual odds: the law is found, and so is the number of false
    alarms in a cube."""
    odds, usual = rng.uniform(-6, 4, 20_000), rng.uniform(-4, 0, 1000).repeat(20)
    hits = rng.random(len(odds)) < 1 / (1 + np.exp(-(1.5 * odds - 0.8 * usual - 2)))
    law = search.calibrate(odds, usual, hits, 1000)
    assert (law.slope, law.usual, law.offset) == pytest.approx((1.5, -0.8, -2), abs=0.1)
    logits = law.logits(odds, usual)
    for level in (-5, -1.3, 2):
        assert law.false_alarms(level) == pytest.approx((logits[~hits] >= level).sum() / 1000, rel=0.06)
    assert 1 / (1 + np.exp(-law.logits(np.array([2 / 1.5]), 0.0))) == pytest.approx([0.5], abs=0.03)


def test_what_a_cube_usually_has_is_told_by_its_many_windows_and_not_by_a_source():
    """The same odds added to all windows of a cube are added to the usual ones, and to those of its frames."""
    box = np.full((20, 8, 8), -9.0)
    box[:, 3, 3], box[7, 5, 5] = np.linspace(-3, -1, 20), 4
    seen, raised = scan_of(box), scan_of(box + 2.5)
    assert seen.usual == pytest.approx(-2, abs=0.12) and raised.usual - seen.usual == pytest.approx(2.5, abs=1e-5)
    frames = search.of_frames(seen, 88)
    assert abs(frames.argmax() - seen.middles[7]) <= 0.5 and 3 < frames.max() < 4
    assert np.allclose(search.of_frames(raised, 88) - frames, 2.5)


@pytest.fixture(scope="module")
def cube():
    return practice.practise(0, 4, 128, 96)


def test_the_shipped_locator_finds_simulated_events_with_what_its_odds_are_worth(cube):
    """Of the three surest candidates in a movie with several sources at least two are some of them."""
    found = search.find_events(cube.frames)
    right = search.right(found, cube.sources)
    assert found["odds"].is_monotonic_decreasing and found["probability"].between(0, 1).all()
    assert found["false_alarms"].is_monotonic_increasing and right[:3].sum() >= 2
    assert found["probability"][0] > 0.2


@pytest.mark.parametrize("shape", [(7, 64, 64), (30, 75, 90)])
def test_cubes_of_any_length_and_size_are_searched(cube, shape):
    frames = np.ascontiguousarray(cube.frames[: shape[0], : shape[1], : shape[2]])
    found = search.find_events(frames)
    assert found["first"].ge(0).all() and found["last"].lt(shape[0]).all()
    assert found["x"].between(0, shape[2]).all() and found["y"].between(0, shape[1]).all()


def test_another_locator_needs_what_its_odds_are_worth_and_no_cube_is_refused(cube):
    with pytest.raises(SqError, match="calibration="):
        search.find_events(cube.frames[:8], net=Locator().eval())
    with pytest.raises(SqError, match="uint8"):
        search.find_events(cube.frames[:8].astype(float))


def short(cube):
    """Forty of the cube's frames, as a frame set."""
    event = catalogue()[-1]
    return frames_from_cube(Cube(cube.frames[:40].astype(np.float32), event.key, event.instrument, event.cadence,
                                 event.pixel, datetime(2012, 1, 1), first_frame=0, boxes=(), truth={}), 128, "frame")


def test_a_search_of_some_cubes_finds_what_each_holds_and_is_not_done_twice(cube, sq_home, monkeypatch):
    own = short(cube)
    event = own.index["event"].iloc[0]
    found = search.search(own, [event], progress=False)
    alone = search.find_events(own.pixels)
    assert len(found) and found.drop(columns="event").equals(alone[search.CANDIDATE]) and set(found["event"]) == {event}
    monkeypatch.setattr(search, "find_events", None)
    assert search.search(own, [event], progress=False).equals(found)


def test_frames_are_scored_event_by_event(cube, sq_home):
    own = short(cube)
    scores = search.score_frames(own, progress=False)
    assert scores.shape == (40,) and np.isfinite(scores).all()
    alone = search.of_frames(search.scan(own.pixels, search.shipped(search.WEIGHTS)), 40)
    assert np.allclose(scores, alone)


def test_the_lines_on_the_landing_page_run_as_they_stand(sq_home):
    page = (Path(__file__).resolve().parents[1] / "book" / "intro.md").read_text(encoding="utf-8")
    lines, names = page.partition("```python\n")[2].partition("```")[0], {}
    exec(lines.replace("find_events(movies", "found = find_events(movies"), names)
    assert len(lines.strip().splitlines()) == 5 and len(names["found"])
