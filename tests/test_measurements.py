"""Surveys of a data set: what the data-set chapter counts and checks."""

import numpy as np
import pandas as pd
import pytest

from sqlib.data import catalogue, find_event, info, measurements
from sqlib.data.frames import make_frameset, make_index


def frameset(events=("2001_04_06_19_13_00", "2012_03_06_07_52_00"), frames=range(15, 30), size=24, seed=0):
    """Noise with one bright corner an event, so that frames of one event resemble each other; labels by Table 1."""
    rng, rows, pixels = np.random.default_rng(seed), [], []
    for place, key in enumerate(events):
        event = find_event(key)
        for frame in frames:
            picture = rng.integers(0, 60, (size, size))
            picture[: size // 2, place * size // 2 : (place + 1) * size // 2] += 150
            pixels.append(picture)
            label = int(frame in event.positives)
            rows.append({"event": key, "cycle": event.cycle, "frame": frame, "time": event.start, "label": label,
                         "boxes": ((3.0, 4.0, 9.0, 8.0),) if label else ()})  # fmt: skip
    return make_frameset(np.array(pixels, np.uint8), make_index(rows), "twin", "cube")


def test_neighbouring_frames_of_one_event_correlate_more_than_frames_of_another():
    frames = frameset(("2012_03_06_07_52_00", "2012_03_06_12_23_00"))  # of one cycle
    table = measurements.frame_correlations(frames, np.random.default_rng(0), lags=(1, 400)).set_index("frames")
    assert table.loc["1 frame apart", "as they are"] > 0.8
    assert table.loc["of different events", "as they are"] < 0.1
    assert table.loc["400 frames apart", "pairs"] == 0 and pd.isna(table.loc["400 frames apart", "blurred"])


def test_picked_frames_are_of_the_label_of_different_events_and_of_both_cycles():
    frames = frameset()
    chosen = frames.index.loc[measurements.pick(frames, 0, 2, np.random.default_rng(3))]
    assert set(chosen["label"]) == {0} and chosen["event"].is_unique and set(chosen["cycle"]) == {23, 24}
    assert measurements.pick(frames, -1, 3, np.random.default_rng(3)) == []


def test_views_take_the_boxes_that_all_frames_of_an_interval_share():
    views = {view.event.key: view for view in measurements.frame_views(frameset())}
    assert views["2001_04_06_19_13_00"].sources == [((21, 36), (3.0, 4.0, 9.0, 8.0))]
    assert views["2012_03_06_07_52_00"].sources == []
    assert set(range(21, 30)) <= set(views["2001_04_06_19_13_00"].numbers)


def test_counts_leave_the_share_empty_where_a_class_is_absent():
    counts = {"cubes": [1, 1, 2], "positives": [1, 2, 3], "negatives": [9, 8, 17]}
    printed = pd.DataFrame({"cycle": ["23", "24", "all"], **counts})
    table = measurements.counts_beside(info(frameset()), printed).set_index("cycle")
    assert list(table["%, paper"]) == [10, 20, 15]
    assert table.loc["23", "positives, here"] == 9 and table.loc["23", "%, here"] == 60
    assert table.loc["24", "positives, here"] == 0 and pd.isna(table.loc["24", "%, here"])


def test_events_are_spread_over_both_cycles():
    assert len(measurements.spread(catalogue(), 53)) == 53 == len(measurements.spread(catalogue(), 1000))
    assert {event.cycle for event in measurements.spread(catalogue(), 4)} == {23, 24}


def test_speckle_grows_in_pixels_as_pixels_shrink_and_with_blur():
    coarse, fine = measurements.expected_speckle(1.45), measurements.expected_speckle(0.57)
    blurred = measurements.expected_speckle(1.45, blur=0.75)
    assert coarse[0] == fine[0] == pytest.approx(1)
    assert coarse[1] < blurred[1] < fine[1]


def test_an_interpolated_gap_takes_power_away_before_it_and_leaves_the_rest():
    found = measurements.gap_errors(find_event("06 July 2012 13:26"), (7,), seed=1)
    worst, after = found.errors[7].argmax(), found.minutes > 5
    assert -35 < found.minutes[worst] < -15
    assert found.means[7].min() < 0.8 and np.abs(found.means[7][after] - 1).max() < 0.05
