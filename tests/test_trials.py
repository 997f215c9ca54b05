"""Methods compared over seeds: on trial events and the paper's, and by a difference that holds for every seed."""

import numpy as np
import pandas as pd
import pytest

from sqlib.judge import trials
from sqlib.judge.metrics import average_precision


@pytest.fixture
def asked(rng):
    """Scores of two seeds of a method that knows much, of one that knows little, and of a baseline; 20 events."""
    index = pd.DataFrame({"event": np.repeat([f"e{i:02}" for i in range(20)], 15), "label": np.tile([1, 0, 0], 100)})
    labels = index["label"].to_numpy()
    answers = {f"{name}, seed {seed}": rng.normal(size=300) + apart * labels
               for name, apart in (("much", 2.0), ("much, and more", 2.2), ("little", 0.2)) for seed in (1, 2)}
    return answers | {"baseline": rng.normal(size=300)}, index


def aps(asked, name):
    return [average_precision(asked[1]["label"], asked[0][f"{name}, seed {seed}"]) for seed in (1, 2)]


def test_a_difference_is_the_mean_over_seeds_and_its_interval_holds_for_each(asked):
    value, low, high = trials.difference(asked, ["much"], ["little"], 1, 100)
    each = np.subtract(aps(asked, "much"), aps(asked, "little"))
    assert value == pytest.approx(each.mean()) and 0 < low <= each.min() <= each.max() <= high
    back = trials.difference(asked, ["little"], ["much"], 1, 100)
    assert back == pytest.approx((-value, -high, -low))


def test_one_seed_that_says_otherwise_leaves_a_difference_undecided(asked):
    answers = asked[0] | {"much, seed 2": -asked[0]["much, seed 1"]}
    _, low, high = trials.difference((answers, asked[1]), ["much"], ["little"], 1, 100)
    assert low < 0 < high


def test_a_statistic_of_several_methods_has_an_interval_that_holds_for_each_seed(asked):
    def best_less_last(labels, values):
        each = np.reshape([average_precision(labels, one) for one in values.T], (3, -1)).mean(1)
        return each[:2].max() - each[2]

    pairs = [np.column_stack([asked[0][f"{name}, seed {seed}"] for seed in (1, 2)])
             for name in ("little", "much", "much, and more")]
    value, low, high = trials.by_seed(pairs, asked[1], best_less_last, 1, 100)
    names = ("little", "much", "much, and more")
    each = [max(aps(asked, name)[seed] for name in names[:2]) - aps(asked, names[2])[seed] for seed in (0, 1)]
    assert value == pytest.approx(np.mean(aps(asked, "much")) - np.mean(aps(asked, names[2])))
    assert low <= min(each) <= max(each) <= high


def test_several_methods_count_as_their_mean(asked):
    value, *_ = trials.difference(asked, ["much", "little"], ["little", "little"], 1, 50)
    assert value == pytest.approx((np.mean(aps(asked, "much")) - np.mean(aps(asked, "little"))) / 2)


def test_both_sets_of_events_stand_in_one_row_and_a_baseline_has_one_run(asked):
    answers, index = asked
    few = index["event"].isin(["e00", "e01", "e02"]).to_numpy()
    paper = {name: values[few] for name, values in answers.items()}, index[few].reset_index(drop=True)
    found = trials.on_both(asked, paper, ["much", "baseline"], 1, 100, "baseline").set_index("method")
    assert found["seeds"].tolist() == [2, 1]
    assert found.loc["much", "ap"] == pytest.approx(np.mean(aps(asked, "much")))
    assert found.loc["much", "paper"] == pytest.approx(np.mean(aps(paper, "much")))
    wide = (found["paper_high"] - found["paper_low"]) > (found["high"] - found["low"])
    assert wide["much"]  # three events instead of twenty


def test_scores_less_their_events_median_forget_what_a_whole_event_has(asked):
    """Each event's scores are raised by another number: less their median they rank samples as before."""
    answers, index = asked
    scores, raised = answers["much, seed 1"], np.repeat(np.arange(20) * 3.0, 15)
    less = trials.less_usual(scores + raised, index)
    assert np.allclose(less, trials.less_usual(scores, index))
    assert np.allclose(pd.Series(less).groupby(index["event"]).median(), 0)
    whole, spoilt, mended = (average_precision(index["label"], one) for one in (scores, scores + raised, less))
    assert mended > 0.9 * whole > spoilt + 0.2
