"""Scores of predictions (Section 3), and how sure they are: bootstrap intervals by event."""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
import pandas as pd
from sklearn.metrics import average_precision_score, roc_auc_score

from sqlib.errors import SqError


def macro(tp, fp, fn, tn) -> pd.DataFrame:
    """Macro-averaged precision, recall and F1, and accuracy, of confusion counts (numbers or arrays); 0 where 0/0."""
    tp, fp, fn, tn = (np.atleast_1d(np.asarray(x, dtype=float)) for x in (tp, fp, fn, tn))

    def share(a, b):
        return np.divide(a, b, out=np.zeros_like(b), where=b > 0)

    precision = (share(tp, tp + fp) + share(tn, tn + fn)) / 2
    recall = (share(tp, tp + fn) + share(tn, tn + fp)) / 2
    f1 = (share(2 * tp, 2 * tp + fp + fn) + share(2 * tn, 2 * tn + fp + fn)) / 2
    return pd.DataFrame({"precision": precision, "recall": recall, "F1": f1, "accuracy": (tp + tn) / (tp + fp + fn + tn)})


def possible(positives: int, negatives: int, **printed: float) -> pd.DataFrame:
    """All outcomes on so many samples whose `macro` scores round to the `printed` ones (two decimals)."""
    tp, fp = (grid.ravel() for grid in np.mgrid[: positives + 1, : negatives + 1])
    scores = macro(tp, fp, positives - tp, negatives - fp)
    fits = np.all([(scores[name] - value).abs() <= 0.005 + 1e-9 for name, value in printed.items()], axis=0)
    return scores[fits].reset_index(drop=True)


def average_precision(labels, decision) -> float:
    """Area under the precision-recall steps of decision values (M,); the share of positives for values without any knowledge."""
    return float(average_precision_score(labels, decision))


def scores(labels, predictions, decision=None) -> dict[str, float]:
    """Macro precision, recall and f1, accuracy, their average (the "Metric Avg." of the tables), ap and auc.

    `labels`, `predictions`: (M,) of 0 and 1. `decision`: (M,), greater the more like a sunquake; without it, or where
    the labels hold one class only, ap (average precision) and auc (area under the ROC curve) are NaN. 0 where 0/0.
    Raises `SqError` for unequal lengths, no samples, and labels or predictions other than 0 and 1.
    """
    labels, predictions = np.asarray(labels), np.asarray(predictions)
    if labels.ndim != 1 or labels.shape != predictions.shape or not len(labels):
        raise SqError(f"labels of shape {labels.shape} and predictions of shape {predictions.shape}: scores need one each a sample")
    if not (np.isin(labels, (0, 1)).all() and np.isin(predictions, (0, 1)).all()):
        raise SqError("labels and predictions are 0 and 1; leave out frames of unlabelled events (-1) before scoring")
    tp, fp, fn, tn = (np.sum((labels == y) & (predictions == p)) for y, p in ((1, 1), (0, 1), (1, 0), (0, 0)))
    found = {name.lower(): float(value) for name, value in macro(tp, fp, fn, tn).iloc[0].items()}
    found["average"] = float(np.mean(list(found.values())))
    ranked = decision is not None and 0 < labels.sum() < len(labels)
    found["ap"] = average_precision(labels, decision) if ranked else float("nan")
    found["auc"] = float(roc_auc_score(labels, decision)) if ranked else float("nan")
    return found


class Interval(NamedTuple):
    """Bootstrap interval, and how many of the draws were skipped for want of a class."""

    low: float
    high: float
    skipped: int


def interval(
    labels, values, events, statistic: Callable[..., float], seed: int, draws: int = 1000, level: float = 0.95
) -> Interval:
    """Percentile interval of `statistic(labels, values)` when events are drawn anew with replacement (cluster bootstrap).

    `labels` (M,) classes, `values` (M,) or (M, K), `events` (M,): the event of each sample. Frames of one event resemble
    each other, so events are drawn and each brings all its frames. A draw that lacks a class of the whole set is skipped.
    NaN where there are fewer than two events or every draw is skipped: one event does not tell how events differ. With
    few events (the paper's test set has 11) percentile intervals come out somewhat short.
    Raises `SqError` for unequal lengths, no samples, fewer than one draw, and a level outside of 0…1.
    Source: Efron & Tibshirani (1993), An Introduction to the Bootstrap, chapter 13, DOI 10.1201/9780429246593.
    """
    labels, values, events = np.asarray(labels), np.asarray(values), np.asarray(events)
    if not len(labels) == len(values) == len(events) > 0:
        raise SqError(f"{len(labels)} labels, {len(values)} values and {len(events)} events: an interval needs one each a sample")
    if draws < 1 or not 0 < level < 1:
        raise SqError(f"draws={draws}, level={level}: a bootstrap needs at least one draw and a level between 0 and 1")
    members = [np.flatnonzero(events == event) for event in pd.unique(events)]
    if len(members) < 2:
        return Interval(float("nan"), float("nan"), draws)
    rng, classes, found = np.random.default_rng(seed), len(np.unique(labels)), []
    for _ in range(draws):
        rows = np.concatenate([members[i] for i in rng.integers(0, len(members), len(members))])
        if len(np.unique(labels[rows])) == classes:
            found.append(statistic(labels[rows], values[rows]))
    if not found:
        return Interval(float("nan"), float("nan"), draws)
    low, high = np.quantile(found, [(1 - level) / 2, (1 + level) / 2])
    return Interval(float(low), float(high), draws - len(found))


def middle(values, events, seed: int, draws: int = 1000, statistic: Callable[..., float] = np.mean) -> tuple[float, float, float]:
    """A statistic of `values` (M,) that have no classes, and its 95 % `interval` (low, high); NaN without any value."""
    values = np.asarray(values, float)
    if not len(values):
        return np.nan, np.nan, np.nan
    low, high, _ = interval(np.zeros(len(values)), values, events, lambda _, v: float(statistic(v)), seed, draws)
    return float(statistic(values)), low, high


def difference(labels, one, other, events, statistic: Callable[..., float], seed: int, **how) -> Interval:
    """Interval of `statistic(labels, one) - statistic(labels, other)` with the same events drawn for both.

    Paired, because what makes an event hard makes it hard for both. `one`, `other`: (M,). `how`: `draws` and `level` of
    `interval`, whose errors this has.
    """
    both = np.column_stack([one, other])
    return interval(labels, both, events, lambda y, v: statistic(y, v[:, 0]) - statistic(y, v[:, 1]), seed, **how)
