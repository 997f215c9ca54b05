"""Figures of the chapters: what they show, also where data lack something."""

from dataclasses import replace

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest

from sqlib.data.frames import FrameSet
from sqlib.learn.augment import Views
from sqlib.learn.settings import Settings
from sqlib.show import plots_dataset, plots_detection, plots_holography
from sqlib.show import plots_recurrence as recurrence

TRUTH, NEAR, FAR = (20.0, 30.0, 30.0, 42.0), (22.0, 31.0, 28.0, 36.0), (90.0, 31.0, 96.0, 36.0)
FOUND = pd.DataFrame([NEAR, [np.nan] * 4, FAR], columns=["x0", "y0", "x1", "y1"])  # in three frames


@pytest.fixture(autouse=True)
def closed():
    yield
    plt.close("all")


def test_examples_stand_in_two_rows_and_a_folder_without_positives_says_so(rng):
    index = pd.DataFrame({"event": "2012_07_06_13_26_00", "cycle": 24, "frame": range(4), "time": pd.NaT,
                          "label": [0, 0, 1, 1], "boxes": [(), (), ((1, 1, 4, 4),), ((1, 1, 4, 4), (5, 5, 7, 7))]})
    frames = FrameSet(rng.integers(0, 255, (4, 8, 8), dtype=np.uint8), index, "twin", "x", "frame", "x")
    fig = plots_dataset.examples(frames, [0, 1], [2, 3])
    assert [ax.get_title() for ax in fig.axes] == [
        "06 July 2012 13:26\nframe 0", "06 July 2012 13:26\nframe 1", "", "06 July 2012 13:26\nframe 2",
        "06 July 2012 13:26\nframe 3", ""]
    assert [len(ax.patches) for ax in fig.axes] == [0, 0, 0, 1, 2, 0]
    assert [ax.get_ylabel() for ax in fig.axes[::3]] == ["negative", "positive"]
    titles = [ax.get_title() for ax in plots_dataset.examples(frames, [0], []).axes[3:]]
    assert titles == ["", "no positive frame\nin this folder", ""]


def test_a_cut_out_shows_every_box_whole_and_a_frame_without_detection_only_the_truth(rng):
    frames = rng.integers(0, 255, (3, 128, 128)).astype(np.uint8)
    fig = plots_detection.boxes_on_frames(frames, [(TRUTH,)] * 3, FOUND, ["a", "b", "c"])
    own = [ax.patches for ax in fig.axes if ax.get_visible()]
    assert [len(each) for each in own] == [2, 1, 2]
    for ax, each in zip(fig.axes, own):
        (left, right), (bottom, top) = ax.get_xlim(), ax.get_ylim()
        assert bottom > top  # y runs down, as in the frames
        for box in each:
            assert left <= box.get_x() and box.get_x() + box.get_width() <= right
            assert top <= box.get_y() and box.get_y() + box.get_height() <= bottom


def test_a_cut_out_shows_the_pixels_where_they_are():
    frames = np.full((1, 128, 128), 1, np.uint8)
    frames[0, 33:37, 25:29] = 200  # from row 33 from the top and column 25 on
    image = plots_detection.boxes_on_frames(frames, [(TRUTH,)], FOUND.iloc[:1], ["a"]).axes[0].images[0]
    left, _, _, top = image.get_extent()
    y, x = np.unravel_index(np.argmax(image.get_array()), image.get_array().shape)
    assert (x + left + 0.5, y + top + 0.5) == (25, 33)


def test_no_box_lies_above_the_limit_that_its_area_sets_and_frames_without_a_box_are_left_out():
    found = pd.DataFrame({"score": [0.9, 0.8, np.nan], "correct": [True, False, False], "ratio": [0.25, 2, np.nan],
                          "iou": [0.25, 0.1, 0]})
    ax = plots_detection.law(found).axes[0]
    limit, elsewhere, inside = ax.lines[:3]
    assert (elsewhere.get_xydata().tolist(), inside.get_xydata().tolist()) == ([[2, 0.1]], [[0.25, 0.25]])
    for area, iou in ((2, 0.1), (0.25, 0.25)):
        assert iou <= np.interp(area, *limit.get_data()) + 1e-3
    assert "centre elsewhere: 1 frames" in elsewhere.get_label()


def test_table5_stands_beside_the_printed_values_with_a_row_a_metric():
    rows = [("IoU", cycle, printed, 20.0, 10.4, 29.6) for cycle, printed in ((23, 29.5), (24, 21.5))]
    both = pd.DataFrame(rows, columns=["metric", "cycle", "printed", "value", "low", "high"])
    assert plots_detection.beside(both).iloc[0].tolist() == ["IoU", 29.5, 20, "10 … 30", 21.5, 20, "10 … 30"]
    left, right = plots_detection.table5(both).axes
    assert [ax.collections[-1].get_offsets()[0, 0] for ax in (left, right)] == [29.5, 21.5]  # the open diamonds


def test_a_frame_without_a_box_never_counts_as_near():
    ax = plots_detection.reach({"a": np.array([1.0, 3.0, np.nan, np.nan])}, 128, 4).axes[0]
    x, y = ax.lines[0].get_data()
    assert y[-1] == 0.5 and np.interp(2, x, y) == 0.25
    chance = ax.lines[1].get_ydata()
    assert chance[-1] == pytest.approx(np.pi / 4, abs=1e-6)  # a disc of half the side in a square


def kinds(run):
    return {name: kind for row in recurrence.stages(run, 224) for name, _, kind in row}


def test_a_changed_recipe_changes_the_diagram():
    paper = Settings("weighted", window=3, start=Settings("simclr"))
    assert {kinds(paper)[name] for name in ("Solarized Low-Pass", "Time-Based Mixing", "Random Erasing")} == {"custom"}
    assert {"SimCLR", "weighted SupCon"} <= kinds(paper).keys()
    bare = replace(paper, window=1, views=Views(low_pass=0, positional="none", erasing="none"), start=None)
    off = {name for name, kind in kinds(bare).items() if kind == "off"}
    assert off == {"Time-Based Mixing", "Solarized Low-Pass", "turns and flips", "Random Erasing"}
    assert kinds(replace(paper, views=Views(extra=("gaussian_blur",))))["further transforms"] == "standard"
    assert "further transforms" not in kinds(paper)
    assert "SimCLR" not in kinds(bare)


def test_travel_times_and_rays_have_one_legend_outside_of_the_axes_and_the_pupil_shaded():
    times = {words: ([10, 20], [15, 20]) for words in ("closed form", "traced", "phase", "group")}
    fig = plots_holography.travel_times([([0, 5, 10], [0, 3, 0])], times, (15, 45))
    left, right = fig.axes
    assert [text.get_text() for text in fig.legends[0].texts] == list(times)
    assert left.get_legend() is right.get_legend() is None
    assert left.yaxis_inverted() and (right.patches[0].get_x(), right.patches[0].get_width()) == (15, 30)
    assert right.lines[1].get_linestyle() == "None" and right.lines[1].get_marker() == "o"


def test_a_time_distance_diagram_draws_each_bounce_over_the_ridges_with_its_words():
    distances, minutes = np.arange(1.0, 5), np.arange(-2.0, 60)
    fig = plots_holography.time_distance(distances, minutes, np.zeros((62, 4)), {"bounce 1": (distances, (2, 30))})
    ax = fig.axes[0]
    assert [text.get_text() for text in ax.texts] == ["bounce 1"]
    assert ax.lines[0].get_ydata().tolist() == distances.tolist() and ax.lines[0].get_path_effects()
    assert ax.get_ylim() == (0, 59)


def test_speckle_without_consecutive_frames_shows_only_the_law_of_its_lifetime():
    level, lag = np.linspace(0, 8, 5), np.arange(0, 541, 45)
    fig = plots_holography.speckle(level, np.exp(-level), lag, {}, np.sinc(2e-3 * lag) ** 2)
    assert [line.get_label() for line in fig.axes[1].lines] == ["law"]
    assert fig.axes[0].lines[1].get_color() == fig.axes[1].lines[0].get_color()  # the same law, the same look


def test_the_box_of_an_event_is_around_the_same_pixels_in_the_close_views(rng):
    power, box = rng.exponential(size=(64, 64)), (30.0, 20.0, 40.0, 28.0)
    fig = plots_holography.event(100 * rng.standard_normal((64, 64)), power, power, box, (16, 8), 32, 15.0)
    boxes = [ax.patches[0] for ax in fig.axes]
    assert [(one.get_x(), one.get_y()) for one in boxes] == [(28.5, 18.5)] * 2 + [(12.5, 10.5)] * 2  # room of 1
    assert {(one.get_width(), one.get_height()) for one in boxes} == {(12.0, 10.0)}
    assert [ax.images[0].get_array().shape[:2] for ax in fig.axes] == [(64, 64)] * 2 + [(32, 32)] * 2


def test_means_over_events_are_said_for_each_cycle_that_has_any():
    events = {23: [{"a": 1.0}, {"a": 3.0}, {"b": 9.0}], 24: [{"b": 1.0}]}
    assert plots_dataset.in_words(events, "a", ".1f", 1) == "2.0 (1.0 … 3.0) in cycle 23"
    assert plots_dataset.in_words(events, "c", ".1f", 1) == ""
