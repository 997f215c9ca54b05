"""Scores of predictions (Section 3), and how sure they are: bootstrap intervals by event, and Wilson's for shares.

What is found with its 95 % interval is (value, low, high) everywhere; the ends are NaN where there is no interval.
"""

from collections.abc import Callable

import numpy as np
import pandas as pd
from scipy.stats import norm, t
from sklearn.metrics import roc_auc_score

from sqlib.errors import SqError


def macro(tp, fp, fn, tn) -> pd.DataFrame:
    """Macro-averaged precision, recall and F1, and accuracy, of confusion counts (numbers or arrays); 0 where 0/0."""
    tp, fp, fn, tn = (np.atleast_1d(np.asarray(x, dtype=float)) for x in (tp, fp, fn, tn))

    def ratio(a, b):
        return np.divide(a, b, out=np.zeros_like(b), where=b > 0)

    precision = (ratio(tp, tp + fp) + ratio(tn, tn + fn)) / 2
    recall = (ratio(tp, tp + fn) + ratio(tn, tn + fp)) / 2
    f1 = (ratio(2 * tp, 2 * tp + fp + fn) + ratio(2 * tn, 2 * tn + fp + fn)) / 2
    accuracy = (tp + tn) / (tp + fp + fn + tn)
    return pd.DataFrame({"precision": precision, "recall": recall, "F1": f1, "accuracy": accuracy})


def of_columns(labels, said) -> pd.DataFrame:
    """`macro` scores of each column of `said` (M, K): what K classifiers say, 0 or 1, of samples with `labels` (M,)."""
    hits, yes, positives = labels @ said, said.sum(0), labels.sum()
    return macro(hits, yes - hits, positives - hits, len(labels) - positives - yes + hits)


def possible(positives: int, negatives: int, **printed: float) -> pd.DataFrame:
    """All outcomes on so many samples whose `macro` scores round to the `printed` ones (two decimals)."""
    tp, fp = (grid.ravel() for grid in np.mgrid[: positives + 1, : negatives + 1])
    scores = macro(tp, fp, positives - tp, negatives - fp)
    fits = np.all([(scores[name] - value).abs() <= 0.005 + 1e-9 for name, value in printed.items()], axis=0)
    return scores[fits].reset_index(drop=True)


def average_precision(labels, decision) -> float:
    """Area under the precision-recall steps of decision values (M,): of random values, the share of positives.

    `labels` (M,): 1 is positive. 0 without positives. `SqError` for unequal lengths and values that are not finite.
    """
    return float(_average_precisions(labels, decision, np.zeros(len(labels), int), np.ones((1, 1)))[0])


def _average_precisions(labels, decision, groups: np.ndarray, times: np.ndarray) -> np.ndarray:
    """`average_precision` (R,) of samples that come as often as their group: `times` (G, R), by `groups` (M,).

    Sorted once: only positives add to the sum, so of each group is counted how many samples rank at least as high as
    each of them.
    """
    positive, decision = np.asarray(labels) == 1, np.asarray(decision, float)
    if decision.shape != positive.shape or not np.isfinite(decision).all():
        raise SqError(f"average precision needs a finite decision value for each of {len(positive)} labels")
    levels = np.unique(decision[positive])[::-1]
    if not len(levels):
        return np.zeros(times.shape[1])
    place = np.searchsorted(-levels, -decision)  # of each sample, the first of these levels that it reaches
    counts = np.zeros((2, len(levels) + 1, len(times)))
    np.add.at(counts, (positive.astype(int), place, groups), 1)
    seen, hits = counts.sum(0)[:-1].cumsum(0) @ times, counts[1, :-1].cumsum(0) @ times
    gained = np.diff(hits, axis=0, prepend=0)
    return (gained * hits / np.maximum(seen, 1)).sum(0) / np.maximum(hits[-1], 1)


def scores(labels, predictions, decision=None) -> dict[str, float]:
    """Macro precision, recall and f1, accuracy, their average (the "Metric Avg." of the tables), ap and auc.

    `labels`, `predictions`: (M,) of 0 and 1. `decision`: (M,), greater the more like a sunquake; without it, or where
    the labels hold one class only, ap (average precision) and auc (area under the ROC curve) are NaN. 0 where 0/0.
    Raises `SqError` for unequal lengths, no samples, and labels or predictions other than 0 and 1.
    """
    labels, predictions = np.asarray(labels), np.asarray(predictions)
    alike = labels.ndim == 1 and labels.shape == predictions.shape and len(labels)
    if not (alike and np.isin(labels, (0, 1)).all() and np.isin(predictions, (0, 1)).all()):
        raise SqError(f"labels {labels.shape} and predictions {predictions.shape} are 0 or 1, one each a sample; "
                      "leave out frames of unlabelled events (-1) before scoring")
    tp, fp, fn, tn = (np.sum((labels == y) & (predictions == p)) for y, p in ((1, 1), (0, 1), (1, 0), (0, 0)))
    found = {name.lower(): float(value) for name, value in macro(tp, fp, fn, tn).iloc[0].items()}
    found["average"] = float(np.mean(list(found.values())))
    ranked = decision is not None and 0 < labels.sum() < len(labels)
    found["ap"] = average_precision(labels, decision) if ranked else float("nan")
    found["auc"] = float(roc_auc_score(labels, decision)) if ranked else float("nan")
    return found


def interval(labels, values, events, statistic: Callable[..., float], seed: int, draws: int = 1000,
             less=None) -> tuple[float, float]:
    """95 % percentile interval of `statistic(labels, values)` with events drawn anew with replacement (low, high).

    `labels` (M,) classes, `values` (M,) or (M, K), `events` (M,): the event of each sample. Frames of one event
    resemble each other, so events are drawn and each brings all its frames (cluster bootstrap). Average precision of
    several columns is the mean over them. With `less`, like `values`, it is of the difference of both statistics, the
    same events being drawn for both. A draw that lacks a class of the whole set is skipped. NaN where there are fewer
    than two events or every draw is skipped. With few events (the paper's test set has 11) percentile intervals come
    out somewhat short. `SqError` for unequal lengths and no samples.
    Source: Efron & Tibshirani (1993), An Introduction to the Bootstrap, chapter 13, DOI 10.1201/9780429246593.
    """
    labels, events = np.asarray(labels), np.asarray(events)
    if not len(labels) == len(values) == len(events) > 0:
        raise SqError(f"{len(labels)} labels, {len(values)} values and {len(events)} events: "
                      "an interval needs one each a sample")
    which, names = pd.factorize(events)
    classes, kind = np.unique(labels, return_inverse=True)
    holds = np.zeros((len(names), len(classes)), bool)
    holds[which, kind] = True
    drawn = np.random.default_rng(seed).integers(0, len(names), (draws, len(names)))
    drawn = drawn[holds[drawn].any(1).all(1)]
    if len(names) < 2 or not len(drawn):
        return np.nan, np.nan
    members = [np.flatnonzero(which == event) for event in range(len(names))]

    def resampled(own):
        if statistic is average_precision:  # by weights: the same numbers without a sort for each draw
            times = np.stack([np.bincount(one, minlength=len(names)) for one in drawn], 1).astype(float)
            return np.mean([_average_precisions(labels, column, which, times)
                            for column in own.reshape(len(labels), -1).T], 0)
        rows = (np.concatenate([members[event] for event in one]) for one in drawn)
        return np.array([statistic(labels[some], own[some]) for some in rows])

    found = resampled(np.asarray(values))
    if less is not None:
        found = found - resampled(np.asarray(less))
    low, high = np.quantile(found, [(1 - 0.95) / 2, (1 + 0.95) / 2])
    return float(low), float(high)


def with_interval(labels, values, events, statistic: Callable[..., float], seed: int,
                  draws: int = 1000) -> tuple[float, float, float]:
    """A statistic of labels and values, and its 95 % `interval` (low, high) over events."""
    return statistic(labels, values), *interval(labels, values, events, statistic, seed, draws)


def middle(values, events, seed: int, draws: int = 1000,
           statistic: Callable[..., float] = np.mean) -> tuple[float, float, float]:
    """A statistic of `values` (M,) that have no classes, and its 95 % `interval` (low, high); NaN without any value.

    `events` (M,): the event of each, or None for one each.
    """
    values = np.asarray(values, float)
    if not len(values):
        return np.nan, np.nan, np.nan
    events = np.arange(len(values)) if events is None else events
    return with_interval(np.zeros(len(values)), values, events, lambda _, v: float(statistic(v)), seed, draws)


def named(found: tuple[float, float, float], name: str = "", value: str = "") -> dict[str, float]:
    """What is found with its interval as columns: `name` (or `value`), `name`_low and `name`_high; low, high for ""."""
    return dict(zip((value or name, *(f"{name}_{end}".lstrip("_") for end in ("low", "high"))), map(float, found)))


def beside(values, other, events, seed: int, draws: int = 500, hit=None) -> dict[str, float]:
    """How often `values` (M,) hit, with its 95 % interval: `share`, low, high; and how far they lie from `other` (M,)
    on the same samples, with its own: difference, difference_low, difference_high.

    hit : (M,), 0…1 or bool, where it is not the values themselves; events : (M,), the event of each
    """
    ends = interval(np.ones(len(values)), values, events, lambda _, one: one.mean(), seed, draws, other)
    hit = values if hit is None else hit
    return named(share(hit, events), value="share") | named(((values - other).mean(), *ends), "difference")


def share(values, events=None, samples=1) -> tuple[float, float, float]:
    """Mean of shares (V,), each of so many `samples` (V,), and Wilson's 95 % interval of it (low, high); NaN for none.

    `values` are 0…1, or bool; `events` (V,): the event of each, by default one each. Samples of an event are alike,
    so the interval is that of n = p (1 - p) / v independent samples, where v is the variance of the mean that
    the differences between events give, times (z / t)² for the few events that v is known from. n is at least the
    number of events, as if all samples of an event said the same, and at most that of samples; with p = 0 or 1 it is
    the former. Unlike a bootstrap interval it has a width where all samples agree.
    Sources: Wilson (1927), DOI 10.1080/01621459.1927.10502953; Korn & Graubard (1998), Survey Methodology 24, 193.
    """
    values = np.asarray(values, float)
    if not len(values):
        return np.nan, np.nan, np.nan
    which, names = pd.factorize(np.arange(len(values)) if events is None else np.asarray(events))
    p, count, z = float(values.mean()), len(names), norm.ppf(0.975)
    n = len(values) ** 2 / np.square(np.bincount(which)).sum()  # events of unequal size count for fewer
    if 0 < p < 1 and count > 1:
        most = len(values) ** 2 / np.sum(1 / np.broadcast_to(samples, values.shape))
        v = np.square(np.bincount(which, values - p)).sum() * count / (count - 1) / len(values) ** 2
        n = np.clip(p * (1 - p) / max(v, 1e-300) * (z / t.ppf(0.975, count - 1)) ** 2, n, most)
    w = z**2 / (2 * n)
    half = np.sqrt(2 * w * p * (1 - p) + w**2)
    low, high = ((p + w + side) / (1 + 2 * w) for side in (-half, half))
    return p, max(0.0, min(p, float(low))), min(1.0, max(p, float(high)))
