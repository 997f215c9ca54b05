"""Scores against scikit-learn, intervals against slow loops and theory, and the table that joins both."""

import numpy as np
import pytest
from scipy.stats import binomtest
from sklearn.metrics import accuracy_score, average_precision_score, precision_recall_fscore_support, roc_auc_score

from sqlib.errors import SqError
from sqlib.judge.metrics import average_precision, interval, macro, middle, named, of_columns, possible, scores, share
from sqlib.judge.tables import score
from sqlib.learn.classify import classify


def mean(labels, values):
    return float(np.mean(values))


def events_of(rng, events, frames, between, within=1.0):
    """Values that share an event's own offset (standard deviation `between`) and the events they belong to."""
    values = between * rng.normal(size=(events, 1)) + within * rng.normal(size=(events, frames))
    return values.ravel(), np.repeat(np.arange(events), frames)


def test_scores_of_columns_are_those_of_each_classifier(rng):
    labels, said = rng.integers(0, 2, 90), rng.integers(0, 2, (90, 3))
    found = of_columns(labels, said)
    for row, one in zip(found.itertuples(), said.T):
        own = scores(labels, one)
        assert (row.precision, row.recall, row.F1, row.accuracy) == pytest.approx(
            [own[name] for name in ("precision", "recall", "f1", "accuracy")])


def test_possible_outcomes_hold_the_true_one_and_nothing_that_rounds_otherwise():
    true = macro(5, 8, 21, 163).iloc[0]
    found = possible(26, 171, precision=round(true["precision"], 2), recall=round(true["recall"], 2))
    assert (found - true).abs().max(axis=1).min() < 1e-12
    assert ((found["precision"] - true["precision"]).abs() < 0.0101).all()


@pytest.mark.parametrize("share", [0.0, 0.07, 0.5, 1.0])
def test_scores_are_those_of_scikit_learn_on_random_predictions(rng, share):
    for _ in range(20):
        labels = rng.permutation(np.repeat([1, 0], [12, 40]))
        predictions, decision = (rng.random(52) < share).astype(int), labels + rng.normal(size=52).round(1)  # with ties
        ours = scores(labels, predictions, decision)
        theirs = precision_recall_fscore_support(labels, predictions, average="macro", zero_division=0)[:3]
        four = [*theirs, accuracy_score(labels, predictions)]
        assert [ours[name] for name in ("precision", "recall", "f1", "accuracy")] == pytest.approx(four)
        assert ours["average"] == pytest.approx(np.mean(four))
        assert ours["ap"] == pytest.approx(average_precision_score(labels, decision))
        assert ours["auc"] == pytest.approx(roc_auc_score(labels, decision))


def test_there_is_no_ranking_without_decision_values_or_with_one_class():
    assert np.isnan([scores([1, 0], [1, 0])[name] for name in ("ap", "auc")]).all()
    assert np.isnan([scores([0, 0], [1, 0], [0.2, 0.1])[name] for name in ("ap", "auc")]).all()
    assert average_precision([1, 1], [0.3, 0.2]) == 1 and average_precision([0, 0], [0.3, 0.2]) == 0


def test_scores_refuse_what_they_cannot_count():
    for labels, predictions in (([1, 0, -1], [1, 0, 0]), ([1, 0], [1, 0, 0]), ([], [])):
        with pytest.raises(SqError, match="unlabelled"):
            scores(labels, predictions)
    with pytest.raises(SqError, match="finite"):
        average_precision([1, 0], [0.5, np.nan])


def slow(labels, values, events, statistic, seed, draws):
    """The bootstrap as it reads: draw events, put their frames together, score them, unless a class is missing."""
    rng, names, found = np.random.default_rng(seed), list(dict.fromkeys(events)), []
    for _ in range(draws):
        rows = np.concatenate([np.flatnonzero(events == names[i]) for i in rng.integers(0, len(names), len(names))])
        if set(labels[rows]) == set(labels):
            found.append(statistic(labels[rows], values[rows]))
    return tuple(np.quantile(found, [(1 - 0.95) / 2, (1 + 0.95) / 2]))


@pytest.mark.parametrize("events", [2, 9])
@pytest.mark.parametrize("digits", [0, 1, 9])
def test_intervals_are_but_for_rounding_those_of_drawing_frames_and_sorting_them_anew(rng, events, digits):
    event = rng.permutation(np.r_[np.arange(events), rng.integers(0, events, 60)])
    labels = np.r_[1, (rng.random(len(event) - 1) < 0.15).astype(int)]
    one, other = (labels + rng.normal(size=len(event)).round(digits) for _ in range(2))  # with ties
    expected = slow(labels, one, event, average_precision_score, 3, 40)
    assert interval(labels, one, event, average_precision, 3, 40) == pytest.approx(expected, rel=1e-12, abs=1e-12)
    assert interval(labels, one, event, roc_auc_score, 3, 40) == slow(labels, one, event, roc_auc_score, 3, 40)
    both = slow(labels, np.column_stack([one, other]), event,
                lambda y, v: average_precision_score(y, v[:, 0]) - average_precision_score(y, v[:, 1]), 3, 40)
    found = interval(labels, one, event, average_precision, 3, 40, less=other)
    assert found == pytest.approx(both, rel=1e-12, abs=1e-12)


def test_a_bootstrap_interval_by_event_covers_a_known_value_at_about_its_level(rng):
    def coverage(trials, frames, clustered):
        held = 0
        for trial in range(trials):
            values, events = events_of(rng, events=40, frames=frames, between=1.0)  # the true mean is 0
            _, low, high = middle(values, events if clustered else None, trial, draws=150)
            held += low <= 0 <= high
        return held / trials

    assert 0.88 < coverage(200, frames=4, clustered=True) < 0.99
    assert coverage(40, frames=10, clustered=False) < 0.8  # frames taken as independent promise far too much


@pytest.mark.parametrize(("hits", "count"), [(0, 3), (3, 3), (2, 7), (0, 1), (40, 41)])
def test_the_interval_of_a_share_of_events_is_wilsons_and_has_a_width_where_all_agree(hits, count):
    value, low, high = share(np.arange(count) < hits)
    theirs = binomtest(hits, count).proportion_ci(method="wilson")
    assert value == hits / count and [low, high] == pytest.approx([theirs.low, theirs.high], abs=1e-12)
    assert 0 <= low <= value <= high <= 1 and high - low > 0.05
    assert np.isnan(share([])).all()


def test_frames_of_an_event_count_the_less_the_more_they_are_alike():
    event, alike = np.repeat(np.arange(10), 10), np.repeat(np.arange(10) < 4, 10)
    mixed = np.tile(np.arange(10) < 4, 10)
    assert share(alike, event) == pytest.approx(share(np.arange(10) < 4))  # as 10 events
    assert share(mixed, event) == pytest.approx(share(np.arange(100) < 40))  # as 100 frames
    assert share(np.full(10, 0.4), samples=np.full(10, 10)) == pytest.approx(share(mixed, event))  # of shares per event
    assert share(np.zeros(100), event)[2] == share(np.zeros(10))[2] == share(np.zeros(10), samples=10)[2]


@pytest.mark.parametrize("p", [0.1, 0.5, 0.9])
def test_the_interval_of_a_share_over_few_events_covers_it_where_the_bootstrap_does_not(rng, p):
    held, drawn, event = 0, 0, np.repeat(np.arange(5), 10)
    for trial in range(120):
        hits = (rng.random((5, 10)) < rng.beta(p, 1 - p, (5, 1))).ravel().astype(float)
        held += share(hits, event)[1] <= p <= share(hits, event)[2]
        drawn += middle(hits, event, trial, 60)[1] <= p <= middle(hits, event, trial, 60)[2]
    assert held / 120 > 0.93 > 0.9 > drawn / 120


def test_what_is_found_becomes_columns_by_its_name():
    assert named((1, 0, 2), value="ap") == {"ap": 1, "low": 0, "high": 2}
    assert named((1, 0, 2), "ap") == {"ap": 1, "ap_low": 0, "ap_high": 2}


def test_one_event_gives_no_interval_and_one_seed_one_interval(rng):
    assert np.isnan(interval(np.ones(4), np.arange(4), np.zeros(4), mean, 0, draws=7)).all()
    values, events = events_of(rng, 6, 5, 1.0)
    one, same, other = (interval(np.ones(30), values, events, mean, seed, draws=50) for seed in (1, 1, 2))
    assert one == same != other
    with pytest.raises(SqError, match="29 events"):
        interval(np.ones(30), values, events[1:], mean, 0)


def test_the_table_of_classifiers_has_a_row_for_each_with_and_without_smote(rng):
    def part(events):
        labels = np.tile(np.repeat([1, 0], [4, 36]), events)
        return rng.normal(size=(len(labels), 3)) + 2 * labels[:, None], labels, np.repeat(np.arange(events), 40)

    train, labels, _ = part(5)
    test, truth, events = part(4)
    names = ["SVC (poly)", "logistic regression"]
    answers = {smote: classify(train, labels, test, smote, 0, names) for smote in (False, True)}
    table = score(answers, truth, events, 0, draws=50)
    assert table.equals(score(answers, truth, events, 0, draws=50, always_no=True).iloc[:-1].astype(table.dtypes))
    assert list(zip(table["classifier"], table["smote"])) == [(name, on) for name in names for on in ("None", "SMOTE")]
    assert ((table["ap_low"] <= table["ap"]) & (table["ap"] <= table["ap_high"])).all()
    assert (table["ap_low"] < table["ap_high"]).all()
    always = score(answers, truth, events, 0, draws=50, always_no=True).iloc[-1]
    assert (always["yes"], always["ap"], always["precision"]) == (0, 0.1, 0.45)
    four = table[["precision", "recall", "f1", "accuracy"]]
    assert np.allclose(four.mean(axis=1), table["average"]) and four.to_numpy().min() > 0.5
