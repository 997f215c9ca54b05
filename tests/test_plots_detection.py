"""Figures of the chapter on object detection: what they show."""

import matplotlib
import numpy as np
import pandas as pd
import pytest
from matplotlib.patches import Rectangle

from sqlib.show import plots_detection as plots

matplotlib.use("Agg")
TRUTH = ((20.0, 30.0, 30.0, 42.0),)


@pytest.fixture(autouse=True)
def closed():
    yield
    matplotlib.pyplot.close("all")


def found(**more):
    row = {"x0": 22.0, "y0": 31.0, "x1": 28.0, "y1": 36.0, "score": 0.9, "iou": 0.25, "ratio": 0.25}
    far = {**row, "iou": 0.0, "x0": 90.0, "x1": 96.0, "ratio": 4.0}
    return pd.DataFrame([row, dict.fromkeys(row, np.nan), far]).assign(**more)


def rectangles(ax):
    return [patch for patch in ax.patches if isinstance(patch, Rectangle)]


def test_a_cut_out_shows_every_box_whole_and_a_frame_without_detection_only_the_truth(rng):
    frames = rng.integers(0, 255, (3, 128, 128)).astype(np.uint8)
    fig = plots.boxes_on_frames(frames, [TRUTH] * 3, found(), ["a", "b", "c"])
    own = [rectangles(ax) for ax in fig.axes if ax.get_visible()]
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
    image = plots.boxes_on_frames(frames, [TRUTH], found().iloc[:1], ["a"]).axes[0].images[0]
    left, _, _, top = image.get_extent()
    y, x = np.unravel_index(np.argmax(image.get_array()), image.get_array().shape)
    assert (x + left + 0.5, y + top + 0.5) == (25, 33)


def test_no_mark_lies_above_the_law_of_areas():
    ax = plots.area_and_iou(found().dropna(), [True, False]).axes[0]
    law, wrong, right = ax.lines[:3]
    assert (law.get_ydata() == np.minimum(law.get_xdata(), 1 / law.get_xdata())).all()
    assert law.get_ydata().max() == pytest.approx(1, abs=0.02)
    assert right.get_ydata().tolist() == [0.25] and wrong.get_ydata().tolist() == [0]
    assert "1 frames" in right.get_label()


def test_both_cycles_stand_side_by_side_with_the_printed_values():
    rows = [(cycle, metric, 40.0 + cycle, 20.0, 60.0, 30.0) for cycle in (23, 24) for metric in ("IoU", "coverage")]
    fig = plots.beside_the_printed(pd.DataFrame(rows, columns=["cycle", "metric", "value", "low", "high", "printed"]))
    assert [ax.get_xlabel() for ax in fig.axes] == ["cycle 23 (%)", "cycle 24 (%)"]
    rows = dict(zip((label.get_text() for label in fig.axes[0].get_yticklabels()), fig.axes[0].get_yticks()))
    assert rows == {"IoU": 1, "coverage": 0}  # the first on top
    here, intervals, printed = fig.axes[1].collections
    assert here.get_offsets()[:, 0].tolist() == [64, 64] and printed.get_offsets()[:, 0].tolist() == [30, 30]
    assert [path.vertices[:, 0].tolist() for path in intervals.get_paths()] == [[20, 60], [20, 60]]


def test_a_frame_without_a_box_never_counts_as_near():
    ax = plots.reach({"a": np.array([1.0, 3.0, np.nan, np.nan])}, 128, 4).axes[0]
    x, y = ax.lines[0].get_data()
    assert y[-1] == 0.5 and np.interp(2, x, y) == 0.25
    chance = ax.lines[1].get_ydata()
    assert chance[-1] == pytest.approx(np.pi / 4, abs=1e-6)  # a disc of half the side in a square


def test_the_losses_and_the_methods_have_a_line_or_a_row_each():
    history = pd.DataFrame({"epoch": [1, 2], "loss": [2.0, 1.0], "objectness": [1.0, 0.1], "rpn_box_reg": [0.5, 0.4],
                            "classifier": [0.5, 0.4], "box_reg": [0.0, 0.1]})
    left, right = plots.losses({"one": history, "other": history * 2}).axes
    assert [line.get_label() for line in left.lines] == ["one", "other"]
    assert len(right.lines) == 4 and right.get_yscale() == "log"
    table = pd.DataFrame({"method": ["a", "b"], "value": [0.2, 0.4], "low": [0.1, 0.3], "high": [0.3, 0.6],
                          "fused": [0.5, 0.7]})
    ax = plots.methods(table).axes[0]
    assert [label.get_text() for label in ax.get_yticklabels()] == ["a", "b"]
    assert ax.collections[-1].get_offsets()[:, 0].tolist() == [0.5, 0.7]
