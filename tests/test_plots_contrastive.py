"""Tables and choices of the chapter on contrastive learning."""

import numpy as np
import pandas as pd
import pytest

from sqbook.parameters import resolve
from sqlib.errors import SqError
from sqlib.judge import published, tables
from sqlib.learn import classify
from sqlib.show import plots_contrastive as plots

NAMES = ["linear", "logistic regression"]


def clusters(seed, apart):
    """Embeddings of six events with 12 frames each, a third of them positive and `apart` from the others."""
    rng, labels = np.random.default_rng(seed), np.tile([1, 0, 0], 24)
    events = np.repeat([f"e{i}" for i in range(6)], 12)
    return rng.normal(size=(72, 4)) + apart * labels[:, None], labels, events


def test_the_table_of_departures_marks_as_equal_only_what_equals_the_paper():
    same = {}
    for profile in ("smoke", "paper"):
        _, parameters = resolve("03_contrastive", profile, {})
        table = published.departures(parameters).set_index("setting")
        same[profile] = table["same"] == "yes"
        assert pd.isna(table.loc["samples in a batch", "same"])  # the paper does not print it
    assert same["paper"].sum() > same["smoke"].sum()
    assert same["paper"]["backbone"] and not same["smoke"]["backbone"]


def test_scores_stand_beside_the_printed_ones_of_the_same_row_and_one_who_says_no_ends_the_table():
    codes, labels, events = clusters(0, 3)
    answers = {on: classify.classify(codes, labels, codes, on, 0, NAMES) for on in (False, True)}
    printed = published.table("table2")
    table = plots.beside(tables.score(answers, labels, events, 0, 20, always_no=True), printed)
    row = table[(table["classifier"] == "logistic regression") & (table["balancing"] == "SMOTE")].iloc[0]
    assert row["P, paper"] == 0.64
    assert row["F1, here"] > 0.9
    lazy = table.iloc[-1]
    assert lazy[["said yes", "acc., here", "AP"]].tolist() == [0, pytest.approx(2 / 3), pytest.approx(1 / 3)]
    assert pd.isna(lazy["P, paper"])


def test_the_choice_of_a_classifier_never_asks_about_an_event_that_it_learned_from():
    codes, labels, events = clusters(1, 0)
    codes = np.hstack([codes, 9.0 * (events[:, None] == np.unique(events)) * np.where(labels, 1, -1)[:, None]])
    inside = classify.classify(codes, labels, codes, True, 0, NAMES)["linear"].predictions
    assert (inside == labels).mean() > 0.95  # who has seen the event can look up the answer
    assert tables.choose(codes, labels, events, 0, NAMES).max() < 0.8


def test_positives_of_one_event_cannot_be_cross_validated_by_event():
    codes, labels, events = clusters(2, 1)
    with pytest.raises(SqError, match="one training event"):
        tables.choose(codes, np.where(events == "e0", labels, 0), events, 0, NAMES)


def test_progress_has_a_panel_a_method_and_a_line_a_seed():
    history = pd.DataFrame({"epoch": [1, 2], "loss": [4.0, 3.5], "chance": 4.0, "least": 3.0, "ap": [0.1, 0.3]})
    fig = plots.progress({"one": [history, history.assign(loss=3.0)], "other": [history.drop(columns="ap")] * 2})
    fall = [line.get_ydata().tolist() for line in fig.axes[0].lines[:2]]
    assert fall == [[0, 0.5], [1, 1]]  # of what the loss can fall
    assert [ax.get_title() or ax.get_title("left") for ax in fig.axes] == ["one", "other"]  # where the style has it
    assert [line.get_ydata().tolist() for line in fig.axes[0].lines[2:4]] == [[0.1, 0.3]] * 2
    assert len(fig.axes[1].lines) == 3  # no average precision was watched; the line at zero


def test_temperatures_stand_on_a_logarithmic_axis_with_the_papers_limit():
    table = pd.DataFrame({"τ": [0.02, 0.07, 0.1], "fall": [0.1, 0.5, 0.4], "ap": 0.3, "low": 0.2, "high": 0.4})
    left, right = plots.temperatures(table, 0.1).axes
    assert left.get_xscale() == "log" and list(left.lines[0].get_ydata()) == [10, 50, 40]
    assert [line.get_xdata()[0] for line in right.lines[-2:]] == pytest.approx([0.07, 1 / np.log(65504)])
    assert [tick.get_text() for tick in right.get_xticklabels()] == ["0.02", "0.07"]  # 0.1 would touch it
