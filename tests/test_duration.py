"""Rules over time: the law of the band, the detector without learning, runs of frames, and courses about a peak."""

import numpy as np
import pandas as pd
import pytest

from sqlib.data.catalogue import catalogue
from sqlib.data.frames import make_frameset, make_index
from sqlib.judge import duration

HMI = next(event for event in catalogue() if event.instrument == "HMI" and event.labelled)
MDI = next(event for event in catalogue() if event.instrument == "MDI")


def index_of(labels, event=HMI, first=100):
    """Index of consecutive frames of one event with the given labels."""
    return pd.DataFrame({"event": event.key, "frame": first + np.arange(len(labels)), "label": labels})


def test_noise_in_a_band_of_2_mhz_is_forgotten_after_500_s_and_half_of_it_after_221():
    assert duration.correlation([0, 221.5, 500]) == pytest.approx([1, 0.5, 0], abs=0.002)


def test_frames_far_apart_are_as_many_looks_and_near_ones_are_one():
    assert duration.looks(7, 500.0) == pytest.approx(7)
    assert duration.looks(7, 1e-3) == pytest.approx(1)


def test_the_classical_detector_sees_a_bright_spot_and_not_a_bright_place(rng):
    index = pd.concat([index_of([0] * 40), index_of([0] * 40, MDI)], ignore_index=True)
    pixels = rng.exponential(20, (80, 32, 32)).astype(np.float32)
    pixels[:40, 8:24, 8:24] *= 4  # always bright
    pixels[50:55, 16, 16] += 400
    found = duration.classical(pixels, index, 5)
    assert 50 <= found.argmax() < 55
    assert found[40:].max() > 2 * found[:40].max()
    scaled = pixels * rng.uniform(0.2, 3, (80, 1, 1))  # as if each frame had been scaled by itself
    assert duration.classical(scaled, index, 5) == pytest.approx(found, rel=0.2)


def test_runs_break_at_gaps_and_events_and_last_as_long_as_their_frames():
    index = pd.concat([index_of([0, 1, 1, 0, 0]), index_of([0, 0, 0], MDI)], ignore_index=True)
    said = np.array([0, 0, 1, 1, 1, 1, 1, 0])
    runs = duration.runs(index, said)
    assert runs.set_index("event")["seconds"].to_dict() == {HMI.key: 3 * 45.0, MDI.key: 2 * 60.0}
    assert runs.set_index("event")["hit"].to_dict() == {HMI.key: True, MDI.key: False}
    gap = index.assign(frame=index["frame"] + (np.arange(8) >= 4) * 3)
    assert len(duration.runs(gap, said)) == 3
    found = [duration.exchange(index, said, [0.5], shortest)[["events", "false"]] for shortest in (0.0, 130.0, 500.0)]
    assert np.concatenate(found).tolist() == [[1, 1], [1, 0], [0, 0]]


def test_a_run_of_eight_frames_is_kept_and_one_of_eleven_meets_the_rule_of_eight_minutes():
    said = np.isin(np.arange(60), [*range(2, 9), *range(15, 23), *range(30, 41)])  # 7, 8 and 11 frames
    found = duration.runs(index_of(np.isin(np.arange(60), [22, 23]), first=0), said, least=8)
    assert found[["first", "last", "frames"]].to_numpy().tolist() == [[15, 22, 8], [30, 40, 11]]
    assert found["rule"].tolist() == [False, True] and found["hit"].tolist() == [True, False]


def test_courses_follow_the_brightest_pixel_of_the_box_and_a_speckle_elsewhere(rng):
    count, lag = 40, np.arange(-20, 20) * 45.0
    pixels = rng.integers(10, 20, (count, 64, 64)).astype(np.uint8)
    pixels[:, 30, 33] = 20 + 200 * np.exp(-((lag / 200) ** 2))
    rows = [{"event": HMI.key, "cycle": 24, "frame": i, "time": HMI.time, "label": int(15 <= i <= 25),
             "boxes": ((28.0, 26.0, 38.0, 36.0),) if 15 <= i <= 25 else ()} for i in range(count)]
    found = duration.courses(make_frameset(pixels, make_index(rows), "twin", "cube"), rng)
    course = found[found["kind"] == "sunquake"].set_index("seconds")["value"]
    assert course[0] == 1
    assert course[180] == pytest.approx((20 + 200 * np.exp(-0.81)) / 220, abs=0.03)
    assert found[found["kind"] == "speckle"]["value"].median() > course.median()  # it has nothing but noise to follow
    assert duration.courses(make_frameset(pixels, make_index(rows[:10]), "twin", "cube"), rng).empty
