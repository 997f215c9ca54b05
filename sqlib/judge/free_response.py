"""Free response: sunquakes found against false alarms in a cube, and how strong a source must be to be found.

An alarm is a maximum in time of a method's score. A lower threshold finds more sunquakes at the price of more false
alarms, and a survey is planned at a number of false alarms that it can bear. Source: Bunch et al. (1977), "A free-
response approach to the measurement and characterization of radiographic observer performance", DOI 10.1117/12.955926.
"""

from collections.abc import Mapping

import numpy as np
import pandas as pd
from sklearn.linear_model import LogisticRegression

from sqlib.judge.metrics import named, share

APART = 16  # frames, about 12 minutes: nearer maxima are one alarm
NEAR = 4  # frames: an alarm so far from the annotated interval has found it, for annotators and methods differ
ENDS = [0.025, 0.975]


def alarms(scores: np.ndarray, index: pd.DataFrame) -> pd.DataFrame:
    """The alarms of a method: columns event, frame, score and hit, the highest score first.

    scores : (M,), greater the more like a sunquake; index : of these samples, columns event, frame and label (1: in an
    annotated interval)

    The highest score of an event is an alarm, then the next highest at least `APART` frames away, and so on. `hit` is
    true where an alarm lies in an annotated interval or at most `NEAR` frames off, and is the first to do so; what else
    rings for an interval that is found counts as nothing, and is left out.
    """
    rows = []
    for event, own in index.assign(score=np.asarray(scores, float)).groupby("event", sort=False):
        numbers, values, marked = *own[["frame", "score"]].to_numpy().T, own["frame"][own["label"] == 1].to_numpy()
        interval = np.cumsum(np.diff(marked, prepend=marked[:1]) > APART)  # number of each marked frame's interval
        found, free = set(), np.ones(len(values), bool)
        while free.any():
            top = np.flatnonzero(free)[values[free].argmax()]
            free &= np.abs(numbers - numbers[top]) >= APART
            touched = set(interval[np.abs(marked - numbers[top]) <= NEAR])
            if not touched or touched - found:
                rows.append((event, int(numbers[top]), values[top], bool(touched)))
            found |= touched
    return pd.DataFrame(rows, columns=["event", "frame", "score", "hit"]).sort_values(
        "score", ascending=False, ignore_index=True)


def curve(rung: pd.DataFrame, index: pd.DataFrame) -> pd.DataFrame:
    """The free-response curve of `alarms` of these samples by falling threshold: threshold, `found` (share of the
    annotated intervals) and `false` (alarms per cube that are none)."""
    return pd.DataFrame({"threshold": rung["score"], "found": rung["hit"].cumsum() / max(_sources(index).sum(), 1),
                         "false": (~rung["hit"]).cumsum() / index["event"].nunique()})


def found_at(rung: Mapping[str, pd.DataFrame], index: pd.DataFrame, rate: float = 1.0, seed: int = 0,
             draws: int = 500, beside: str = "") -> pd.DataFrame:
    """A row per method with the share of sunquakes `found` at `rate` false alarms per cube, its 95 % interval `low`,
    `high` over events, and the `threshold` for it; with `beside` also `share`, `share_low`, `share_high`: found, over
    what that method finds of the same events. rung : `alarms` of each method; index : of the samples that they were
    asked about."""
    events = pd.unique(index["event"])
    drawn = np.random.default_rng(seed).integers(0, len(events), (draws, len(events)))
    weights = np.vstack([np.ones(len(events)), *(np.bincount(one, minlength=len(events)) for one in drawn)])
    counted, rows = np.maximum(weights @ _sources(index).reindex(events, fill_value=0).to_numpy(), 1), {}
    for name, own in rung.items():
        each = weights[:, pd.Index(events).get_indexer(own["event"])]
        false, hits = (np.cumsum(each * kind, 1) for kind in (~own["hit"].to_numpy(), own["hit"].to_numpy()))
        last = (false / len(events) <= rate).sum(1)  # alarms above the threshold
        found = np.where(last > 0, np.take_along_axis(hits, np.maximum(last - 1, 0)[:, None], 1)[:, 0], 0)
        rows[name] = found / counted, own["score"].iloc[max(last[0] - 1, 0)]
    table = []
    for name, (found, threshold) in rows.items():
        row = {"method": name, **_with_ends(found, value="found"), "threshold": threshold}
        if beside:
            row |= _with_ends(found / np.maximum(rows[beside][0], 1e-9), "share")
        table.append(row)
    return pd.DataFrame(table)


def _sources(index: pd.DataFrame) -> pd.Series:
    """Annotated intervals of each event."""
    marked = index[index["label"] == 1].sort_values(["event", "frame"])
    return marked.groupby("event")["frame"].agg(lambda frames: 1 + int((frames.diff() > APART).sum()))


def _with_ends(values: np.ndarray, name: str = "", value: str = "") -> dict[str, float]:
    """The first of `values` (1 + draws,), with its interval by the draws."""
    return named((values[0], *np.quantile(values[1:], ENDS)), name, value)


def limits(strength: np.ndarray, found: np.ndarray, shares=(0.5, 0.9), seed: int = 0,
           draws: int = 300) -> dict[float, tuple[float, float, float]]:
    """Strengths at which each of some shares of the sources is found, with 95 % intervals over sources.

    strength : (N,) above 0; found : bool (N,). A logistic law in the logarithm of strength is fitted; NaN where all or
    none are found, or the fit does not rise with strength.
    """
    def at(rows):
        x, y = np.log(strength[rows])[:, None], found[rows]
        if y.all() or not y.any():  # as of no source
            return [np.nan] * len(shares)
        fitted = LogisticRegression(C=100.0).fit(x, y)
        slope, offset = float(fitted.coef_[0, 0]), float(fitted.intercept_[0])
        wanted = [(np.log(share / (1 - share)) - offset) / slope if slope > 0 else np.nan for share in shares]
        return np.exp(np.clip(wanted, -20, 20))

    strength, found, rng = np.asarray(strength, float), np.asarray(found, bool), np.random.default_rng(seed)
    count = len(strength)
    drawn = np.array([at(rng.integers(0, max(count, 1), count)) for _ in range(draws)])
    ends = np.nanquantile(drawn, ENDS, axis=0) if np.isfinite(drawn).any(0).all() else np.full((2, len(shares)), np.nan)
    return {share: tuple(map(float, three)) for share, *three in zip(shares, at(np.arange(count)), *ends)}


def reliability(probability: np.ndarray, hits: np.ndarray, bins: int = 10) -> tuple[pd.DataFrame, float]:
    """Whether probabilities (N,) are true: the candidates in classes of equal width with said (mean), hit (share), low,
    high (Wilson's 95 % interval) and candidates; and the expected calibration error, the mean difference of said and
    hit over all candidates. Source: Guo et al. (2017), arXiv 1706.04599."""
    probability, hits = np.asarray(probability, float), np.asarray(hits, bool)
    kind = np.minimum((probability * bins).astype(int), bins - 1)
    rows = [(probability[own].mean(), *share(hits[own]), int(own.sum()))
            for own in (kind == number for number in np.unique(kind))]
    table = pd.DataFrame(rows, columns=["said", "hit", "low", "high", "candidates"])
    return table, float(np.average((table["said"] - table["hit"]).abs(), weights=table["candidates"]))


def error_by_chance(probability: np.ndarray, seed: int, draws: int = 200) -> float:
    """The calibration error (`reliability`), mean of so many draws, that probabilities (N,), 0 to 1, of which each is
    exactly true, show for want of candidates."""
    probability, rng = np.asarray(probability, float), np.random.default_rng(seed)
    return float(np.mean([reliability(probability, rng.random(len(probability)) < probability)[1]
                          for _ in range(draws)]))
