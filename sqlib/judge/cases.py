"""Case studies: when a sunquake is seen, where it is seen, and whether the two agree (Section 4.3).

The contrastive models say when: frames that their classifier takes for a sunquake, eight in a row or more. A detector
says where: a place (px) per frame, which must stay. `index` has a row per frame (event, frame, label, boxes).
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
PLACE = ["x", "y", "score", "x0", "y0", "x1", "y1"]


class Windows(NamedTuple):
    """Rows of consecutive frames of one event: positions int64 (W, length) in the index, and event (W,) of each."""

    rows: np.ndarray
    event: np.ndarray


def windows(index: pd.DataFrame, length: int = LENGTH) -> Windows:
    """All rows of `length` consecutive frames. `SqError` where no event has so many."""
    order, event, frame = _in_time(index)
    last = np.arange(length - 1, len(order))
    first = last - (length - 1)
    starts = first[(event[first] == event[last]) & (frame[last] - frame[first] == length - 1)]
    if not len(starts):
        raise SqError(f"no event has {length} consecutive frames: its candidates cannot be told from single frames")
    return Windows(order[starts[:, None] + np.arange(length)], event[starts])


def _in_time(index: pd.DataFrame) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The order of event and time, and events and frame numbers in it."""
    order = np.lexsort((index["frame"], index["event"]))
    return order, index["event"].to_numpy()[order], index["frame"].to_numpy()[order]


def spells(index: pd.DataFrame, said, length: int = LENGTH) -> pd.DataFrame:
    """The `duration.runs` of `length` or more frames that were `said` (bool, (M,)) to be positive."""
    found = duration.runs(index, said)
    return found[found["frames"] >= length].reset_index(drop=True)


def rank(values: np.ndarray) -> np.ndarray:
    """Share of the values that are below each (M,), ties by half: 0…1, the mean is 0.5."""
    return (rankdata(values) - 0.5) / len(values)


def chosen(among: Windows, decisions: dict[str, np.ndarray]) -> dict[str, int]:
    """Per event, the window (its number) that the models like best: greatest mean of ranks, over frames and models.

    decisions : values (M,) of each model, greater the more like a sunquake. Ranks are within the event, so that no
    model counts for more because its numbers are larger. Of equal windows the first.
    """
    best = {}
    for event, own in pd.Series(range(len(among.event))).groupby(among.event, sort=False).indices.items():
        frames, place = np.unique(among.rows[own], return_inverse=True)
        mean = np.mean([rank(np.asarray(values)[frames]) for values in decisions.values()], axis=0)
        best[event] = int(own[mean[place].mean(1).argmax()])
    return best


def look(pixels, index: pd.DataFrame, find: Callable) -> pd.DataFrame:
    """The detector's place in each frame (M rows, in the index's order): x, y, score, x0, y0, x1, y1.

    pixels : uint8 (M, H, W); find : `sqlib.learn.locator.find_sources`, or another with its answer. It is told which
    frames belong together, and sees them in the order of time. `SqError` where it does not answer with a place a frame.
    """
    order, event, frame = _in_time(index)
    runs = np.cumsum(np.r_[False, (event[1:] != event[:-1]) | (np.diff(frame) > GAP)])
    found = find(np.ascontiguousarray(pixels[order]), runs=runs).frames
    if len(found) != len(index):
        raise SqError(f"the detector answered for {len(found)} of {len(index)} frames; it must say one place a frame")
    return pd.DataFrame(found[PLACE].to_numpy(float)[np.argsort(order)], columns=PLACE)


def one_place(pixels, find: Callable) -> pd.Series:
    """The detector's one place for consecutive frames, uint8 (L, H, W), in the order of time; columns as of `look`."""
    found = find(np.ascontiguousarray(pixels), runs=np.zeros(len(pixels), int)).runs
    return found.loc[found["score"].idxmax(), PLACE].astype(float)


def same_spot(places: pd.DataFrame, among: Windows, near: float = NEAR) -> pd.DataFrame:
    """The one place that a window (of W) has most to say for: x, y (weighted by score), score, frames that name it.

    Of the places in a window's frames, the one about which (within `near` px) the scores sum to most; that sum over the
    window's length is its score: a detector that jumps about has little, however sure it is of each frame.
    """
    x, y, score = (places[name].to_numpy()[among.rows] for name in ("x", "y", "score"))
    close = np.hypot(x[:, :, None] - x[:, None], y[:, :, None] - y[:, None]) <= near  # (W, length, length)
    support = (close * score[:, None]).sum(2)
    member = close[np.arange(len(close)), support.argmax(1)]
    weight = np.maximum(member * score, 1e-12 * member)
    x, y = ((weight * at).sum(1) / weight.sum(1) for at in (x, y))
    return pd.DataFrame({"event": among.event, "x": x, "y": y, "score": support.max(1) / among.rows.shape[1],
                         "frames": member.sum(1)})


def agreement(among: Windows, decisions: dict[str, np.ndarray], spots: pd.DataFrame) -> pd.DataFrame:
    """Claim C21, per event: the window that the models choose, the detector's one place in it, and where that stands.

    decisions : as for `chosen`; spots : (W rows) of `same_spot`. Columns: event, window, x, y, score, frames, and rank,
    that of the place's score among all windows of the event (0.5 by chance).
    """
    best = pd.Series(chosen(among, decisions))
    ranks = spots.groupby("event")["score"].transform(rank)
    found = spots.iloc[best.to_numpy()].reset_index(drop=True).assign(rank=ranks.iloc[best.to_numpy()].to_numpy())
    found.insert(1, "window", best.to_numpy())
    return found


def inside(x, y, boxes, tolerance: float = TOLERANCE) -> np.ndarray:
    """bool (M,): whether each place is in one of its frame's boxes ((x0, y0, x1, y1), …), or `tolerance` px off."""
    return np.array([any(x0 - tolerance <= a <= x1 + tolerance and y0 - tolerance <= b <= y1 + tolerance
                         for x0, y0, x1, y1 in own) for a, b, own in zip(x, y, boxes)], dtype=bool)


def low_pass_spots(pixels, threshold: int = 50) -> pd.DataFrame:
    """What the Solarized Low-Pass shows (Figs. 12, 14; M rows): its brightest spot's x, y, level, area (px²); spots.

    pixels : uint8 (M, H, W). Solarizing inverts gray levels from `threshold` up; that is what makes a spot stand out.
    The brightest is the connected patch of such pixels that holds the greatest low-passed level; its centre is weighted
    by level. A frame that does not reach the threshold has no spot (spots 0), and its brightest pixel is given. `spots`
    counts the patches. Raises `SqError` as `low_pass` does.
    """
    rows = []
    for some in torch.as_tensor(np.ascontiguousarray(pixels)).split(64):
        for counts in to_counts(low_pass(some, threshold), "symmetric").numpy():
            patches, count = label(counts >= threshold)
            y, x = np.unravel_index(counts.argmax(), counts.shape)
            own = (patches == patches[y, x]) & (count > 0)
            middle = center_of_mass(counts, own) if count else (y, x)
            rows.append((middle[1] + 0.5, middle[0] + 0.5, int(counts[y, x]), int(own.sum()), count))
    return pd.DataFrame(rows, columns=["x", "y", "level", "area", "spots"])


def by_chance(index: pd.DataFrame, said, length: int = LENGTH) -> float:
    """Share of annotated events that runs touch if each event's answers are moved in time: the mean over all moves.

    What passes the end comes in again at the beginning. A classifier that says yes to everything finds every event:
    this is what its finds are worth. NaN without annotated events.
    """
    order, event, _ = _in_time(index)
    yes, marked, shares = np.asarray(said, bool)[order], (index["label"] == 1).to_numpy()[order], []
    for own in pd.Series(range(len(order))).groupby(event).indices.values():
        if marked[own].any():
            kept = np.zeros(len(own), bool)
            for run in duration.unbroken(np.flatnonzero(yes[own])):
                kept[run] = len(run) >= length
            shares.append(np.mean([(np.roll(kept, by) & marked[own]).any() for by in range(len(own))]))
    return float(np.mean(shares)) if shares else float("nan")


def way(index: pd.DataFrame, said, pixels, find: Callable, length: int = LENGTH) -> pd.DataFrame:
    """The paper's way on events whose truth is known, a row an event: does it find them, when and where?

    said : bool (M,), the classifier's answer; pixels : uint8 (M, H, W); find : as in `look`. Columns: event, runs
    (spells of `length` frames), when (a spell touches the annotation), where (the one place over it is inside the box),
    false (spells that touch none), told (where, had the annotated interval been told: the detector's part alone).
    """
    found, rows = spells(index, said, length), []
    for event, own in index.groupby("event", sort=False):
        own = own.sort_values("frame")
        marked = own[own["label"] == 1]
        if len(marked):
            boxes = {box for some in marked["boxes"] for box in some}

            def right(among, boxes=boxes):
                place = one_place(pixels[index.index.get_indexer(among.index)], find)
                return bool(inside([place["x"]], [place["y"]], [boxes])[0])

            spell = found[found["event"] == event]
            hits = [own[own["frame"].between(run.first, run.last)] for run in spell[spell["hit"]].itertuples()]
            false = int((~spell["hit"]).sum())
            rows.append((event, len(spell), bool(hits), any(map(right, hits)), false, right(marked)))
    return pd.DataFrame(rows, columns=["event", "runs", "when", "where", "false", "told"])
