"""Figures of the chapter on augmentations: what is computed for them."""

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest

from sqlib.show import plots_augmentations as plots
from sqlib.show import style as figures


@pytest.fixture(autouse=True)
def _close():
    yield
    plt.close("all")


def test_a_stretched_frame_has_few_levels_between_black_and_white():
    frame = np.arange(100).reshape(10, 10)
    shown = figures.stretched(frame, 50)
    assert shown.min() == 0 and shown.max() == 1
    assert (shown[5:] == 1).all()
    assert len(np.unique(shown)) <= plots.LEVELS + 1
    assert (figures.stretched(np.zeros((4, 4))) == 0).all()


def test_panels_draw_the_boxes_of_each_picture_and_hide_what_is_over():
    fig = plots.panels([np.zeros((8, 8))] * 3, "abc", 2, boxes=[(), ((1, 2, 4, 6),), ()])
    assert [len(ax.patches) for ax in fig.axes] == [0, 1, 0, 0]
    assert fig.axes[1].patches[0].get_xy() == (0.5, 1.5)
    assert [ax.get_visible() for ax in fig.axes] == [True, True, True, False]


@pytest.mark.parametrize(("last", "shown"), [(1, [1]), (4, [1, 2, 3, 4]), (20, [1, 4, 7, 10, 13, 16, 19])])
def test_epochs_on_an_axis_are_whole_and_few(last, shown):
    assert plots.whole_epochs(pd.DataFrame({"epoch": range(1, last + 1)})) == shown


def test_the_ablation_has_a_mark_for_each_seed_and_one_for_the_mean():
    scores = pd.DataFrame({"variant": ["a", "a", "b"], "fall": [1.0, 2, 3], "spread": [0.1, 0.2, 0.3], "AP": [0.1, 0.3, 0.2],
                           "low": [0.1, 0.1, 0.1], "high": [0.4, 0.4, 0.3]})  # fmt: skip
    fig = plots.ablation(scores, 0.15)
    marks = [line.get_xdata() for line in fig.axes[0].lines]
    assert list(marks[0]) == [1, 2] and list(marks[1]) == [1.5]
    assert [t.get_text() for t in fig.axes[0].get_yticklabels()] == ["a", "b"]
