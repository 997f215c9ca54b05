"""Readings of embeddings (M, D): distances in time, maps, and numbers per event for claims C1, C2, C16–C18.

`index` has a row per embedding (event, frame, label), those of an event in the order of time, as samples have them.
Tables are per frame, or per event, so that an interval can be had by resampling events. Embeddings that are not finite
or do not fit the index: `SqError`.
"""

from typing import Literal

import numpy as np
import pandas as pd
from scipy.stats import rankdata
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
from sklearn.model_selection import StratifiedGroupKFold, cross_val_predict

from sqlib import answers, keys
from sqlib.errors import SqError
from sqlib.learn import encoders
from sqlib.learn.samples import Samples
from sqlib.learn.sequences import reduced
from sqlib.learn.trained import Trained

SECTORS = 12  # of 30 degrees, in which a ring is looked for
DRAWN = 4  # maps of an event's codes: UMAP draws each another way
CODE = keys.code_hash([__name__], ("sun", "data", "learn", "judge"))


def consecutive(embeddings, index: pd.DataFrame, metric: Literal["cosine", "euclidean"] = "cosine") -> pd.DataFrame:
    """Distance of each embedding to that of the event's frame before (Fig. 6), cosine (0…2) or Euclidean: event,
    frame, step (frames between the two, above 1 at a gap), distance; NaN at an event's first frame."""
    vectors, frames = _checked(embeddings, index), index["frame"].to_numpy()
    if metric == "cosine":
        vectors = vectors / np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), 1e-30)
    step, distance = np.full((2, len(vectors)), np.nan)
    for _, own in index.groupby("event").indices.items():
        apart = np.linalg.norm(np.diff(vectors[own], axis=0), axis=1)
        # half the squared chord of unit vectors is 1 − cos, without its loss of digits where they are nearly parallel
        distance[own[1:]] = apart**2 / 2 if metric == "cosine" else apart
        step[own[1:]] = np.diff(frames[own])
    return index[["event", "frame"]].assign(step=step, distance=distance)


def edge_peaks(distances: pd.DataFrame, index: pd.DataFrame) -> pd.DataFrame:
    """Claim C16, per annotated event: where distances (of `consecutive`) at onset and end stand among all of its own.

    Returns event and edges: mean percentile rank, 0…1 with chance at 0.5, of the first annotated frame's distance
    from the one before, and of the first one's after from the last. Distances across gaps do not enter.
    """
    labels, rows = index["label"].to_numpy(), []
    for event, own in index.groupby("event").indices.items():
        step, distance = (distances[name].to_numpy()[own] for name in ("step", "distance"))
        valid, inside = step == np.fmin.reduce(step), labels[own] == 1
        change = valid & (inside != np.roll(inside, 1))
        if change.any():
            rank = np.where(valid, rankdata(np.where(valid, distance, np.inf)) - 0.5, np.nan) / valid.sum()
            rows.append((event, rank[change].mean()))
    return pd.DataFrame(rows, columns=["event", "edges"])


def lower_edges(embeddings, index: pd.DataFrame) -> pd.DataFrame:
    """Claim C16, second rule: `edge_peaks` by Euclidean distance or by cosine distance of centred embeddings, of each
    event whichever is lower."""
    vectors = _checked(embeddings, index)
    each = [edge_peaks(consecutive(own, index, metric), index).set_index("event")["edges"]
            for own, metric in ((vectors, "euclidean"), (vectors - vectors.mean(0), "cosine"))]
    return pd.concat(each, axis=1).min(axis=1).rename("edges").reset_index()


def mean_shift(embeddings, index: pd.DataFrame, chosen) -> pd.DataFrame:
    """Claim C17, per event: how far the chosen frames' means (of their D numbers) lie above the other frames'.

    chosen : bool (M,), such as the true positives. Returns event, chosen (count), shift in standard deviations over the
    event's other frames. Left out: events without chosen frames, without others, or whose others are all alike.
    """
    values, rows = _checked(embeddings, index).mean(axis=1), []
    for event, own in index.groupby("event").indices.items():
        here, others = own[chosen[own]], own[~chosen[own]]
        if len(here) and len(others) and np.ptp(values[others]) > 0:
            rows.append((event, len(here), (values[here].mean() - values[others].mean()) / values[others].std()))
    return pd.DataFrame(rows, columns=["event", "chosen", "shift"])


def shift_ranks(embeddings, index: pd.DataFrame) -> pd.DataFrame:
    """Claim C17, second rule, per event: rank, 0…1 with chance at 0.5, of how far the annotated frames' mean lies
    from the others', by size, among all runs of as many frames. Left out: events half of which is annotated."""
    values, rows = _checked(embeddings, index).mean(axis=1), []
    for event, own in index.groupby("event").indices.items():
        inside, one = index["label"].to_numpy()[own] == 1, values[own]
        if 0 < (count := int(inside.sum())) < len(own) // 2:
            means = np.convolve(one, np.ones(count) / count, "valid")
            away = np.abs(means - (one.sum() - count * means) / (len(one) - count))
            rows.append((event, float((away < abs(one[inside].mean() - one[~inside].mean())).mean())))
    return pd.DataFrame(rows, columns=["event", "rank"])


def separability(embeddings, groups, events, seed: int) -> pd.DataFrame:
    """Claims C1 and C18, per frame: how a linear discriminant that never saw the frame's event tells two groups apart.

    groups : two values (M,), such as cycle or label; events : event of each embedding (M,)
    Returns event, group (1: the larger value) and score (above 0: taken for group 1). `SqError` unless there are two
    groups of two events or more.
    """
    frame = pd.DataFrame({"event": np.asarray(events), "group": np.asarray(groups)})
    vectors, values = _checked(embeddings, frame), np.unique(frame["group"])
    folds = min(5, *frame.groupby("group")["event"].nunique())
    if len(values) != 2 or folds < 2:
        raise SqError(f"separability compares two groups of two events or more each, not {values.tolist()[:9]}")
    frame["group"] = (frame["group"] == values[1]).astype(int)
    # equal priors, for the groups are of unequal size; shrinkage by Ledoit and Wolf, for D may exceed M
    model = LinearDiscriminantAnalysis(solver="lsqr", shrinkage="auto", priors=[0.5, 0.5])
    cv = StratifiedGroupKFold(folds, shuffle=True, random_state=seed)
    score = cross_val_predict(model, vectors, frame["group"], groups=frame["event"], cv=cv, method="decision_function")
    return frame.assign(score=score)


def maps(embeddings, neighbours: int = 15, seed: int = 1265) -> np.ndarray:
    """Embeddings on a plane (M, 2), by UMAP (McInnes et al. 2018) (Figs. 5, 8, 10, 19).

    `neighbours` are at most M − 1. `SqError` for fewer than 5 frames, and fewer than 2 neighbours.
    """
    vectors = _checked(embeddings)
    if len(vectors) < 5 or neighbours < 2:
        raise SqError(f"a map takes 5 frames and 2 neighbours or more, not {len(vectors)} and {neighbours}")
    return reduced("umap", 2, neighbours, seed, vectors)


def remoteness(frames, inside) -> np.ndarray:
    """Frames (M,) from each of an event's `frames` (M,) to the nearest of those `inside` (bool, or positions)."""
    return np.abs(frames[:, None] - frames[inside]).min(axis=1)


def ring(map2d, index: pd.DataFrame) -> pd.DataFrame:
    """Claim C2, per annotated event: does a map (M, 2) lay the event's frames in rings round those of the sunquake?

    Returns event, rho (Spearman's, of distance from the middle of the annotated frames with `remoteness`), grows (share
    of `SECTORS` directions from there in which three other frames or more are the farther in the map, the farther in
    time: 1 for rings, one half of those that it fills for a map without order, few for a thread) and elsewhere: median
    rho with the annotation moved to other times, which a map that only keeps the order of time has too (NaN: no room
    to move).
    """
    points, inside, rows = _checked(map2d, index), index["label"].to_numpy() == 1, []
    for event, own in index.groupby("event").indices.items():
        at, where, frames = np.flatnonzero(inside[own]), points[own], index["frame"].to_numpy()[own]
        if 0 < len(at) < len(own):
            x, y = (where[~inside[own]] - np.median(where[at], axis=0)).T
            sector = np.floor((np.arctan2(y, x) / (2 * np.pi) + 0.5) * SECTORS) % SECTORS
            far, away = np.hypot(x, y), remoteness(frames, at)[~inside[own]]
            each = [sector == one for one in np.unique(sector)]
            grows = sum(one.sum() > 2 and _ranked_alike(far[one], away[one]) > 0 for one in each)
            moved = [at + by for by in range(-at[0], len(own) - at[-1]) if not inside[own][at + by].any()]
            others = np.median([_rho(where, frames, one) for one in moved]) if moved else np.nan
            rows.append((event, _rho(where, frames, at), grows / SECTORS, others))
    return pd.DataFrame(rows, columns=["event", "rho", "grows", "elsewhere"])


def rings(run: Trained, samples: Samples, rows: np.ndarray, neighbours, seed: int) -> pd.DataFrame:
    """`ring` of UMAP maps of a network's encodings of each event among the samples `rows` (positions), with the most
    and with the fewest of `neighbours`: event, many and few (rho of both), elsewhere (of the most), grows_many and
    grows_few. Means over `DRAWN` maps, for one map says as much of the draw as of the event. Left out: events of fewer
    than ten frames, or of one class only. Some seconds an event; kept (`sqlib.answers`)."""
    index = samples.index.iloc[rows].reset_index(drop=True)
    parts = {event: own for event, own in index.groupby("event") if len(own) >= 10 and set(own["label"]) == {0, 1}}

    def ask() -> np.ndarray:
        codes = encoders.encodings(run, samples, rows).astype(np.float32)
        return np.array([np.mean([_both(codes[own.index], own.reset_index(drop=True), neighbours, seed + draw)
                                  for draw in range(DRAWN)], axis=0) for own in parts.values()]).reshape(-1, 5)

    facts = max(neighbours), min(neighbours), seed, DRAWN
    found = answers.kept(answers.key_of("rings", CODE, samples, *facts, rows=rows, nets=[run.key]), ask)
    found = pd.DataFrame(found, columns=["many", "few", "elsewhere", "grows_many", "grows_few"])
    return found.assign(event=list(parts))


def _both(codes: np.ndarray, index: pd.DataFrame, neighbours, seed: int) -> tuple[float, ...]:
    many, few = (ring(maps(codes, count, seed), index).iloc[0] for count in (max(neighbours), min(neighbours)))
    return many["rho"], few["rho"], many["elsewhere"], many["grows"], few["grows"]


def _rho(points, frames, at) -> float:
    """Spearman's correlation of distance from the median of points `at` with `remoteness`; 0 where undefined."""
    return _ranked_alike(np.linalg.norm(points - np.median(points[at], axis=0), axis=1), remoteness(frames, at))


def _ranked_alike(one, other) -> float:
    """Spearman's correlation; 0 where either is constant."""
    return float(np.corrcoef(rankdata(one), rankdata(other))[0, 1]) if np.ptp(one) and np.ptp(other) else 0.0


def _checked(vectors, index: pd.DataFrame | None = None) -> np.ndarray:
    vectors = np.asarray(vectors, np.float64)
    if vectors.ndim != 2 or not np.isfinite(vectors).all() or (index is not None and len(index) != len(vectors)):
        raise SqError(f"embeddings are finite, a row per row of the index ({0 if index is None else len(index)} rows), "
                      f"not {vectors.shape}")
    return vectors
