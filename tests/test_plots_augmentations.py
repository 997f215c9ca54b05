"""Figures of the chapter on augmentations: what they show."""

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest

from sqlib.show import plots_augmentations as plots


@pytest.fixture(autouse=True)
def closed():
    yield
    plt.close("all")


def test_the_ablation_has_a_mark_for_each_seed_and_one_for_the_mean():
    scores = pd.DataFrame({"variant": ["a", "a", "b"], "fall": [1.0, 2, 3], "spread": [0.1, 0.2, 0.3],
                           "AP": [0.1, 0.3, 0.2], "low": [0.1, 0.1, 0.1], "high": [0.4, 0.4, 0.3]})
    fig = plots.ablation(scores, 0.15)
    fall, _, ap = fig.axes
    assert fall.collections[0].get_offsets().tolist() == [[1.5, 1], [3, 0]]
    assert np.column_stack(fall.lines[-1].get_data()).tolist() == [[1, 1], [2, 1], [3, 0]]
    assert [t.get_text() for t in fall.get_yticklabels()] == ["a", "b"]
    assert [len(ax.collections) for ax in fig.axes] == [1, 1, 2]  # an interval of the average precision only
    assert ap.lines[0].get_xdata()[0] == 0.15
    assert [text.get_text() for text in fig.legends[0].texts] == ["mean, 95 % interval", "a seed"]


def test_every_seed_has_a_curve_in_the_panel_of_its_variant():
    runs = [{"variant": variant, "seed": seed, "epoch": epoch, "loss": 2.0 - seed / 10, "chance": 2.0}
            for variant, seeds in (("crop", 2), ("shift", 1)) for seed in range(seeds) for epoch in (1, 2)]
    fig = plots.training(pd.DataFrame(runs))
    assert [ax.get_title(loc="left") or ax.get_title() for ax in fig.axes] == ["crop", "shift"]
    first, second, chance = fig.axes[0].lines
    assert (first.get_ydata()[0], second.get_ydata()[0], chance.get_ydata()[0]) == (1, 0.95, 1)
    assert len(fig.axes[1].lines) == 2


def test_a_way_of_pretraining_has_one_look_for_all_its_seeds():
    runs = [{"way": way, "seed": seed, "epoch": epoch, "loss": 1.0, "chance": 2.0, "f1": 0.1 * seed}
            for way in ("without", "mask") for seed in (1, 2) for epoch in (1, 2)]
    loss, score = plots.everyday(pd.DataFrame(runs)).axes
    looks = [(line.get_color(), line.get_label()) for line in score.lines]
    assert looks[0] == looks[1] != looks[2] == looks[3]
    assert sorted(line.get_ydata()[0] for line in score.lines[:2]) == [0.1, 0.2]
    assert loss.get_ylabel() == "loss / chance level" and loss.lines[0].get_ydata()[0] == 0.5
    assert [text.get_text() for text in loss.figure.legends[0].texts] == ["without", "mask"]


def test_the_shares_of_the_symmetries_stand_in_percent_beneath_their_pictures():
    found = pd.DataFrame({"paper": [0.5, 0.5], "code": [0.9, 0.1], "alike": [0.5, 0.5]}, ["as it is", "other turn"])
    fig = plots.square({name: np.zeros((4, 4)) for name in found.index}, found)
    bars = fig.axes[-1]
    assert [bar.get_height() for drawn in bars.containers for bar in drawn] == [50, 50, 90, 10, 50, 50]
    assert {bar.get_hatch() for bar in bars.containers[1]} == {"//"} and "%" in bars.get_ylabel()
    assert [len(ax.images) for ax in fig.axes] == [1, 1, 0]
