"""Who says when and where: runs, windows, one place, agreement and the whole way, on cases worked out by hand."""

from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
import torch

from sqlib.data.frames import make_frameset, make_index
from sqlib.errors import SqError
from sqlib.judge import cases
from sqlib.learn.lowpass import solarized_low_pass

ONE, OTHER = "2012_05_08_13_02_00", "2012_07_06_13_26_00"


def brightest(frames, runs):
    """A detector that names the brightest pixel, of a frame and of a run's mean."""

    def place(picture):
        y, x = np.unravel_index(picture.argmax(), picture.shape)
        return {"x": x + 0.5, "y": y + 0.5, "score": picture.max() / 255,
                "x0": x - 4, "y0": y - 4, "x1": x + 5, "y1": y + 5}

    runs = np.asarray(runs)
    own = [place(frames[runs == run].mean(0)) | {"run": run} for run in np.unique(runs)]
    each = [place(one) | {"run": run} for one, run in zip(frames, runs)]
    return SimpleNamespace(frames=pd.DataFrame(each), runs=pd.DataFrame(own))


@pytest.fixture
def by_brightest(monkeypatch):
    monkeypatch.setattr(cases.locator, "find_sources", brightest)


def table(event, frames, labels=None, boxes=()):
    labels = np.zeros(len(frames), int) if labels is None else labels
    return pd.DataFrame({"event": event, "frame": frames, "label": labels,
                         "boxes": [boxes if one == 1 else () for one in labels]})


def places(points):
    points = np.array(points, float)
    return pd.DataFrame({"x": points[:, 0], "y": points[:, 1], "score": points[:, 2]})


def test_windows_are_rows_of_consecutive_frames_of_one_event():
    index = pd.concat([table(ONE, [1, 2, 3, 5]), table(OTHER, [4, 5, 6])], ignore_index=True)
    assert cases.windows(index, 3).tolist() == [[0, 1, 2], [4, 5, 6]]  # 3 to 5 has a gap
    with pytest.raises(SqError, match="8 consecutive"):
        cases.windows(index)


def test_models_choose_together_and_none_counts_more_for_its_larger_numbers():
    index = table(ONE, np.arange(30))
    quiet, loud = np.zeros(30), np.zeros(30)
    quiet[4:12] = 1
    loud[20:28] = 1000
    rows = cases.windows(index)

    def window(**decisions):
        spots = cases.same_spot(places([(5, 5, 1)] * 30), rows)
        return cases.agreement(index, rows, decisions, spots)["window"].tolist()

    assert window(a=quiet) == window(a=quiet, b=1e-6 * loud + quiet) == [4]
    loud[4:12] = 2000
    assert window(a=quiet, b=loud) == [4]


def test_one_place_has_the_sum_of_the_scores_that_agree():
    # four frames name (10, 10) or 3 px from it, with .5 each; two name (40, 40) with .9; the support is 2.0 against 1.8
    points = [(10, 10, 0.5), (40, 40, 0.9), (10, 13, 0.5), (10, 10, 0.5), (40, 40, 0.9), (10, 10, 0.5)]
    spot = cases.same_spot(places(points), np.arange(6)[None]).iloc[0]
    assert spot["score"] == pytest.approx(2.0 / 6)
    assert spot["frames"] == 4
    jumping = places([(20 * i, 0, 1.0) for i in range(8)])
    assert cases.same_spot(jumping, np.arange(8)[None])["score"][0] == pytest.approx(1 / 8)


def test_agreement_is_the_rank_of_the_detector_s_score_where_the_models_look():
    index, decision = table(ONE, np.arange(40)), np.zeros(40)
    decision[10:18] = 1
    score = np.full(40, 0.1)
    score[10:18] = 0.9
    among = cases.windows(index)

    def agreed(scores):
        spots = cases.same_spot(places([(5, 5, score) for score in scores]), among)
        return cases.agreement(index, among, {"a": decision}, spots).iloc[0]

    assert cases.rank(np.array([5.0, 1, 3, 3])).tolist() == [0.875, 0.125, 0.5, 0.5]
    there = agreed(score)
    assert there["rank"] == pytest.approx(1 - 0.5 / 33)  # 33 windows, and no other is as good
    assert there["frames"] == 8
    assert agreed(1 - score)["rank"] == pytest.approx(0.5 / 33)
    assert agreed([0.3] * 40)["rank"] == pytest.approx(0.5)


def test_inside_counts_the_edge_and_the_tolerance():
    box = ((10.0, 20.0, 20.0, 30.0),)
    found = cases.inside([15, 20, 22, 22.1, 15], [25, 30, 25, 25, 33], [box] * 5)
    assert found.tolist() == [True, True, True, False, False]
    assert cases.inside([1.0], [1.0], [()]).tolist() == [False]
    assert cases.inside([31, 15], [41, 25], [(*box, (30, 40, 35, 45))] * 2).tolist() == [True, True]


def test_the_spot_of_the_low_pass_is_where_the_filtered_frame_is_turned_round():
    y, x = np.mgrid[:128, :128]
    strong, weak = (np.exp(-((x - a) ** 2 + (y - b) ** 2) / 50) for a, b in ((40, 90), (100, 20)))
    frame = (200 * strong + 120 * weak).astype(np.uint8)
    found = cases.low_pass_spots(frame[None]).iloc[0]
    assert (found["x"], found["y"]) == (pytest.approx(40.5, abs=0.5), pytest.approx(90.5, abs=0.5))
    assert found["spots"] == 2
    low = solarized_low_pass(torch.from_numpy(frame[None]))[0].numpy()
    assert low[90, 40] == 255 - found["level"] < 255 - 50  # its brightest levels are dark in the picture that is shown
    faint = cases.low_pass_spots((frame // 5)[None]).iloc[0]
    assert (faint["spots"], faint["area"]) == (0, 0)
    assert (faint["x"], faint["y"]) == (pytest.approx(40.5, abs=1), pytest.approx(90.5, abs=1))


def test_the_detector_is_told_which_frames_belong_together_and_asked_once(rng, sq_home, monkeypatch):
    frames = np.zeros((7, 64, 64), np.uint8)
    spots = rng.integers(5, 59, (7, 2))
    frames[np.arange(7), spots[:, 0], spots[:, 1]] = 250
    index = pd.concat([table(ONE, [7, 8, 20]), table(OTHER, [21, 22, 23, 24])], ignore_index=True)
    index = make_index(index.assign(cycle=24, time=pd.Timestamp("2012-05-08")))
    seen, rows = [], np.arange(6)

    def watching(pixels, runs):
        seen.extend(runs)
        return brightest(pixels, runs)

    monkeypatch.setattr(cases.locator, "find_sources", watching)
    for _ in range(2):
        found = cases.look(make_frameset(frames, index, "twin", "cube"), rows)
        assert found[["x", "y"]].to_numpy() == pytest.approx(spots[rows, ::-1] + 0.5)
    assert seen == [0, 0, 1, 2, 2, 2]  # 7, 8; then 20, twelve frames later; then the other event


def test_the_whole_way_counts_when_where_and_what_is_false(by_brightest):
    frames = np.arange(50)
    labels = np.where((frames >= 20) & (frames <= 29), 1, 0)
    box = (10.0, 10.0, 20.0, 20.0)
    index = pd.concat([table(one, frames, labels, (box,)) for one in (ONE, OTHER)], ignore_index=True)
    pixels = np.zeros((100, 64, 64), np.uint8)
    pixels[:50, 15, 15] = 200  # the first event's source is in its box, the other's beside it
    pixels[50:, 40, 40] = 200
    said = np.zeros(100, bool)
    said[[*range(22, 32), *range(40, 49), *range(50 + 18, 50 + 27)]] = True
    found = cases.way(index, said, pixels).set_index("event")
    assert found.loc[ONE].tolist()[:-1] == [2, True, True, 1]
    assert found.loc[OTHER].tolist()[:-1] == [1, True, False, 0]
    silent = cases.way(index, np.zeros(100, bool), pixels).set_index("event")
    assert silent.loc[ONE].tolist() == [0, False, False, 0, 0]
    assert cases.told(index, pixels).to_numpy().tolist() == [
        [ONE, 20, 29, 15.5, 15.5, True], [OTHER, 20, 29, 40.5, 40.5, False]]


def test_who_always_says_yes_finds_every_event_by_chance(by_brightest):
    frames = np.arange(40)
    index = table(ONE, frames, np.where((frames >= 10) & (frames < 20), 1, 0), ((1, 1, 5, 5),))
    pixels = np.zeros((40, 8, 8), np.uint8)

    def chance(*span):
        return cases.way(index, (frames >= span[0]) & (frames < span[1]), pixels)["chance"][0]

    assert chance(0, 40) == 1
    assert chance(30, 38) == pytest.approx(17 / 40)  # moved to 40 starts, eight meet the ten frames at 17 of them
    assert chance(30, 37) == 0  # seven are no run


def test_a_place_that_a_method_names_counts_by_the_box_of_its_frame():
    pixels, box = np.zeros((3, 64, 64), np.uint8), (10.0, 10.0, 20.0, 20.0)
    pixels[0, 15, 15], pixels[1, 40, 40] = 200, 60  # what the filter leaves of the latter is below 50
    index = table(ONE, [1, 2, 3], [1, 1, 0], (box,))
    found = cases.pointed(pixels, index, places([(21, 15, 1), (30, 30, 1), (15, 15, 1)]))
    assert found["brightest pixel"].tolist() == found["detector"].tolist() == [True, False]
    assert found["Solarized Low-Pass"].tolist() == found["spot"].tolist() == [True, False]
    assert found["chance"].tolist() == [14**2 / 64**2] * 2
    assert not len(cases.pointed(pixels, index.assign(boxes=[()] * 3), places([(1, 1, 1)] * 3)))


@pytest.mark.parametrize(("spots", "found", "verdict"), [
    ([0, 0, 0, 0], [1, 1, 1, 1], "reproduced"), ([1, 1, 1, 1], [1, 1, 1, 1], "contradicted"),
    ([1, 0, 0, 0], [1, 1, 1, 1], "undecided"), ([0, 0, 0, 0], [0, 0, 0, 0], "not testable here")])
def test_the_filter_is_held_against_the_detector(spots, found, verdict):
    hits = pd.DataFrame({"event": list("abcd"), "Solarized Low-Pass": spots, "detector": found, "chance": 0.02})
    judged = cases.unshared(hits, 1, 200)
    assert judged.verdict == verdict
    if verdict != "not testable here":
        assert judged.value == pytest.approx(0.25 - (np.mean(spots) - 0.02) / 0.98)
