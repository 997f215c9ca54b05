"""Case studies: who says when, who says where, and whether they agree (Section 4.3).

The contrastive models say when: frames that their classifier takes for a sunquake, eight in a row or more. A detector says
where: a place per frame, which must stay. `index` has a row per frame (event, frame, label, boxes); places are in pixels.
"""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
import pandas as pd
import torch
from scipy.ndimage import center_of_mass, label
from scipy.stats import rankdata

from sqlib.errors import SqError
from sqlib.judge import duration
from sqlib.learn.lowpass import low_pass, to_counts

LENGTH = 8  # frames in a row that make a candidate: the paper's shortest (15–22), and its rule for gaps
NEAR = 4.0  # px within which places are one spot: a source's core and the halo about it
GAP = 4  # frames that may be missing in a run: speckle is still much the same after them
TOLERANCE = 2.0  # px beyond a box that still count as inside


class Windows(NamedTuple):
    """Rows of `length` consecutive frames of one event: positions int64 (W, length) in the index, and event (W,) of each."""

    rows: np.ndarray
    event: np.ndarray


def windows(index: pd.DataFrame, length: int = LENGTH) -> Windows:
    """All rows of `length` consecutive frames. `SqError` where no event has so many."""
    event, frame = index["event"].to_numpy(), index["frame"].to_numpy()
    order = np.lexsort((frame, event))
    first, last = order[: len(order) - length + 1], order[length - 1 :]
    whole = (event[first] == event[last]) & (frame[last] - frame[first] == length - 1)
    starts = np.flatnonzero(whole)
    if not len(starts):
        raise SqError(f"no event has {length} consecutive frames: its candidates cannot be told from single frames")
    return Windows(order[starts[:, None] + np.arange(length)], event[first[starts]])


def spells(index: pd.DataFrame, said, length: int = LENGTH) -> pd.DataFrame:
    """Runs of `length` or more consecutive frames that were `said` (bool, (M,)) to be positive.

    A row a run: event, first, last, frames, seconds, rule (whether it lasts 480 s, Section 2.1), hit (whether it touches
    an annotated frame).
    """
    found = duration.runs(index, said)
    found["frames"] = found["last"] - found["first"] + 1
    found["rule"] = found["seconds"] >= duration.RULE
    return found[found["frames"] >= length].reset_index(drop=True)


def rank(values: np.ndarray) -> np.ndarray:
    """Share of the values that are below each (M,), ties by half: 0…1, the mean is 0.5."""
    return (rankdata(values) - 0.5) / len(values)


def chosen(among: Windows, decisions: dict[str, np.ndarray]) -> dict[str, int]:
    """Per event, the window (its number) that the models like best: greatest mean, over frames and models, of their ranks.

    decisions : values (M,) of each model, greater the more like a sunquake. Ranks are within the event, so that no model
    counts for more because its numbers are larger. Of equal windows the first.
    """
    best = {}
    for event in dict.fromkeys(among.event):
        own = np.flatnonzero(among.event == event)
        frames = np.unique(among.rows[own])
        mean = np.mean([rank(np.asarray(values)[frames]) for values in decisions.values()], axis=0)
        best[event] = int(own[mean[np.searchsorted(frames, among.rows[own])].mean(1).argmax()])
    return best


def look(pixels, index: pd.DataFrame, find: Callable) -> pd.DataFrame:
    """The detector's place in each frame (M rows, in the index's order): x, y, score, x0, y0, x1, y1.

    pixels : uint8 (M, H, W); find : `sqlib.learn.locator.find_sources`, or another with its answer. It is told which frames
    belong together, and sees them in the order of time. `SqError` where it does not answer with a place a frame.
    """
    order = np.lexsort((index["frame"], index["event"]))
    event, frame = (index[name].to_numpy()[order] for name in ("event", "frame"))
    runs = np.cumsum(np.r_[False, (event[1:] != event[:-1]) | (np.diff(frame) > GAP)])
    found = find(np.ascontiguousarray(pixels[order]), runs=runs).frames
    if len(found) != len(index):
        raise SqError(f"the detector answered for {len(found)} of {len(index)} frames; it must say one place a frame")
    columns = ["x", "y", "score", "x0", "y0", "x1", "y1"]
    return pd.DataFrame(found[columns].to_numpy(float)[np.argsort(order)], columns=columns)


def same_spot(places: pd.DataFrame, among: Windows, near: float = NEAR) -> pd.DataFrame:
    """The one place that a window (of W) has most to say for: x, y (weighted by score), score, frames that name it.

    Of the places in a window's frames, the one about which (within `near` px) the scores sum to most; that sum over the
    window's length is its score: a detector that jumps about has little, however sure it is of each frame.
    """
    x, y, score = (places[name].to_numpy()[among.rows] for name in ("x", "y", "score"))
    close = np.hypot(x[:, :, None] - x[:, None], y[:, :, None] - y[:, None]) <= near  # (W, length, length)
    support = (close * score[:, None]).sum(2)
    best = support.argmax(1)
    member = close[np.arange(len(close)), best]
    weight = np.maximum(member * score, 1e-12 * member)
    total = weight.sum(1)
    return pd.DataFrame({"event": among.event, "x": (weight * x).sum(1) / total, "y": (weight * y).sum(1) / total,
                         "score": support.max(1) / among.rows.shape[1], "frames": member.sum(1)})  # fmt: skip


def agreement(among: Windows, decisions: dict[str, np.ndarray], spots: pd.DataFrame) -> pd.DataFrame:
    """Claim C21, per event: the window that the models choose, the detector's one place in it, and the rank of that place's
    score among all windows of the event (0.5 by chance). decisions : as for `chosen`; spots : (W rows) of `same_spot`."""
    rows = []
    for event, window in chosen(among, decisions).items():
        own = np.flatnonzero(among.event == event)
        place = spots.iloc[window]
        where = rank(spots["score"].to_numpy()[own])[np.searchsorted(own, window)]
        rows.append((event, window, place["x"], place["y"], place["score"], int(place["frames"]), float(where)))
    return pd.DataFrame(rows, columns=["event", "window", "x", "y", "score", "frames", "rank"])


def inside(x, y, boxes, tolerance: float = TOLERANCE) -> np.ndarray:
    """bool (M,): whether each place lies in one of its frame's boxes ((x0, y0, x1, y1), …), or at most `tolerance` px off."""
    return np.array([
        any(x0 - tolerance <= a <= x1 + tolerance and y0 - tolerance <= b <= y1 + tolerance for x0, y0, x1, y1 in own)
        for a, b, own in zip(x, y, boxes)
    ], dtype=bool)  # fmt: skip


def low_pass_spots(pixels, threshold: int = 50) -> pd.DataFrame:
    """What the Solarized Low-Pass shows (Figs. 12, 14; M rows): its brightest spot's x and y, gray level, area (px²), spots.

    pixels : uint8 (M, H, W). Solarizing turns levels from `threshold` up round; that is what makes a spot stand out. The
    brightest is the connected patch of such pixels that holds the greatest low-passed level; its centre is weighted by
    level. Where a frame does not reach the threshold nothing is turned (spots 0), and the brightest pixel is given. `spots`
    counts the patches. Raises `SqError` as `low_pass` does.
    """
    rows = []
    for some in torch.as_tensor(np.ascontiguousarray(pixels)).split(64):
        for counts in to_counts(low_pass(some, threshold), "symmetric").numpy():
            patches, count = label(counts >= threshold)
            y, x = np.unravel_index(counts.argmax(), counts.shape)
            own = patches == patches[y, x] if count else np.zeros(counts.shape, bool)
            middle = center_of_mass(counts, own) if count else (y, x)
            rows.append((middle[1] + 0.5, middle[0] + 0.5, int(counts[y, x]), int(own.sum()), count))
    return pd.DataFrame(rows, columns=["x", "y", "level", "area", "spots"])


def one_place(pixels, find: Callable) -> pd.Series:
    """The detector's one place for consecutive frames, uint8 (L, H, W), in the order of time: x, y, score, x0, y0, x1, y1."""
    found = find(np.ascontiguousarray(pixels), runs=np.zeros(len(pixels), int)).runs
    return found.loc[found["score"].idxmax(), ["x", "y", "score", "x0", "y0", "x1", "y1"]].astype(float)


def by_chance(index: pd.DataFrame, said, length: int = LENGTH) -> float:
    """Share of annotated events that runs touch if each event's answers are moved in time, mean over all moves (round the end).

    Who says yes to everything finds every event: this is what his finds are worth.
    """
    order = np.lexsort((index["frame"], index["event"]))
    yes, marked, shares = np.asarray(said, bool)[order], (index["label"] == 1).to_numpy()[order], []
    for own in pd.Series(range(len(order))).groupby(index["event"].to_numpy()[order]).groups.values():
        own = np.asarray(own)
        if not marked[own].any():
            continue
        kept = np.zeros(len(own), bool)
        at = np.flatnonzero(yes[own])
        for run in np.split(at, np.flatnonzero(np.diff(at) > 1) + 1) if len(at) else ():
            kept[run] = len(run) >= length
        shares.append(np.mean([(np.roll(kept, by) & marked[own]).any() for by in range(len(own))]))
    return float(np.mean(shares)) if shares else float("nan")


def way(index: pd.DataFrame, said, pixels, find: Callable, length: int = LENGTH) -> pd.DataFrame:
    """The paper's way on events whose truth is known, a row an event: does it find them, when and where?

    said : bool (M,), the classifier's answer; pixels : uint8 (M, H, W); find : as in `look`. Columns: event, runs (spells of
    `length` frames), when (a spell touches the annotation), where (the one place over that spell is inside the box), false
    (spells that touch none), told (where, had the annotated interval been told: the detector's part alone).
    """
    found, rows = spells(index, said, length), []
    frame, label_of = index["frame"].to_numpy(), index["label"].to_numpy()
    for event, own in index.groupby("event", sort=False).indices.items():
        own = own[frame[own].argsort()]
        marked = own[label_of[own] == 1]
        if not len(marked):
            continue
        boxes = tuple({box for some in index["boxes"].iloc[marked] for box in some})

        def right(among, boxes=boxes):
            place = one_place(pixels[among], find)
            return bool(inside([place["x"]], [place["y"]], [boxes])[0])

        spell = found[found["event"] == event]
        hits = [own[(frame[own] >= a) & (frame[own] <= b)] for a, b in spell.loc[spell["hit"], ["first", "last"]].to_numpy()]
        rows.append((event, len(spell), bool(hits), any(map(right, hits)), int((~spell["hit"]).sum()), right(marked)))
    return pd.DataFrame(rows, columns=["event", "runs", "when", "where", "false", "told"])
