"""Figures of the chapters on the data set and on recurrence: what they show, also where data lack something."""

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest

from sqlib.data.frames import FrameSet
from sqlib.show import plots_dataset as plots
from sqlib.show import plots_recurrence as recurrence


@pytest.fixture(autouse=True)
def closed():
    yield
    plt.close("all")


def test_examples_stand_in_two_rows_and_a_folder_without_positives_says_so(rng):
    index = pd.DataFrame({"event": "2012_07_06_13_26_00", "cycle": 24, "frame": range(4), "time": pd.NaT,
                          "label": [0, 0, 1, 1], "boxes": [(), (), ((1, 1, 4, 4),), ((1, 1, 4, 4), (5, 5, 7, 7))]})
    frames = FrameSet(rng.integers(0, 255, (4, 8, 8), dtype=np.uint8), index, "twin", "x", "frame")
    fig = plots.examples(frames, [0, 1], [2, 3])
    assert [ax.get_title() for ax in fig.axes] == [
        "06 July 2012 13:26\nframe 0", "06 July 2012 13:26\nframe 1", "", "06 July 2012 13:26\nframe 2",
        "06 July 2012 13:26\nframe 3", ""]
    assert [len(ax.patches) for ax in fig.axes] == [0, 0, 0, 1, 2, 0]
    assert [ax.get_ylabel() for ax in fig.axes[::3]] == ["negative", "positive"]
    titles = [ax.get_title() for ax in plots.examples(frames, [0], []).axes[3:]]
    assert titles == ["", "no positive frame\nin this folder", ""]


def test_frames_are_counted_per_cycle_and_positive_ones_per_labelled_event():
    events = [{"cycle": cycle, "labelled": cycle > 22, "positives": positives}
              for cycle, positives in ((23, 5), (22, 9), (24, 7), (24, 0))]
    facts = {"cycles": {"23": {"negatives": 1200, "positives": 5}, "24": {"negatives": 30, "positives": 7}},
             "per_event": events}
    left, right = plots.counts(facts).axes
    assert [bar.get_height() for bar in left.patches] == [1200, 5, 30, 7]
    assert [text.get_text() for text in left.texts] == ["1,200", "5", "30", "7"]
    assert [(bar.get_x() + 0.4, bar.get_height()) for bar in right.patches] == [(0, 5), (1, 7)]


def test_the_network_figure_shows_channels_maps_and_encoding_also_of_a_network_that_says_nothing(rng):
    frames = rng.integers(0, 255, (3, 16, 16)).astype(float)
    made = [rng.random((10, 8, 8)), rng.random((4, 4, 4)), np.zeros(6)]
    fig = recurrence.through_network(frames, [7, 8, 9], made, ((2, 2, 5, 5),))
    shown = [ax for ax in fig.axes if ax.images]
    assert len(shown) == 4 + 8 + 2 and [len(ax.patches) for ax in shown[:4]] == [1, 1, 1, 0]
    assert shown[-1].get_title() == "6 numbers" and shown[-1].images[0].get_array().shape[:2] == (2, 3)
