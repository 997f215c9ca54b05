"""Case studies: when a sunquake is seen, where it is seen, and whether the two agree (Section 4.3).

The contrastive models say when: frames that their classifier takes for a sunquake, eight in a row or more. A detector
says where: a place (px) per frame, which must stay. `index` has a row per frame (event, frame, label, boxes), those of
an event in the order of time, as frame sets and samples have them.
"""

from collections.abc import Callable

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


def windows(index: pd.DataFrame, length: int = LENGTH) -> np.ndarray:
    """Positions int64 (W, length) of all rows of `length` consecutive frames of an event; `SqError` without any."""
    event, frame = index["event"].to_numpy(), index["frame"].to_numpy()
    rows = np.arange(len(index) - length + 1)[:, None] + np.arange(length)
    first, last = rows[:, 0], rows[:, -1]
    rows = rows[(event[first] == event[last]) & (frame[last] - frame[first] == length - 1)]
    if not len(rows):
        raise SqError(f"no event has {length} consecutive frames: its candidates cannot be told from single frames")
    return rows


def rank(values: np.ndarray) -> np.ndarray:
    """Share of the values that are below each (M,), ties by half: 0…1, the mean is 0.5."""
    return (rankdata(values) - 0.5) / len(values)


def look(pixels, index: pd.DataFrame, find: Callable) -> pd.DataFrame:
    """The detector's place in each frame (M rows): x, y, score, x0, y0, x1, y1.

    pixels : uint8 (M, H, W); find : `sqlib.learn.locator.find_sources`, or another with its answer, which is told what
    frames belong together. `SqError` where it does not answer with a place a frame.
    """
    event, frame = index["event"].to_numpy(), index["frame"].to_numpy()
    apart = (event[1:] != event[:-1]) | (np.diff(frame) > GAP)
    found = find(np.ascontiguousarray(pixels), runs=np.cumsum(np.r_[False, apart])).frames
    if len(found) != len(index):
        raise SqError(f"the detector answered for {len(found)} of {len(index)} frames; it must say one place a frame")
    return found[PLACE].astype(float).reset_index(drop=True)


def one_place(pixels, find: Callable) -> pd.Series:
    """The detector's one place for consecutive frames, uint8 (L, H, W), in the order of time; columns as of `look`."""
    found = find(np.ascontiguousarray(pixels), runs=np.zeros(len(pixels), int)).runs
    return found.loc[found["score"].idxmax(), PLACE].astype(float)


def same_spot(places: pd.DataFrame, rows: np.ndarray, near: float = NEAR) -> pd.DataFrame:
    """How much each window has to say for one place (W rows): score, and frames that name that place.

    places : of `look`; rows : (W, length) of `windows`. Of the places in a window's frames the one counts about which,
    within `near` px, the scores sum to most; that sum over the window's length is its score: a detector that jumps
    about has little, however sure it is of each frame.
    """
    x, y, score = (places[name].to_numpy()[rows] for name in ("x", "y", "score"))
    close = np.hypot(x[:, :, None] - x[:, None], y[:, :, None] - y[:, None]) <= near  # (W, length, length)
    support = (close * score[:, None]).sum(2)
    frames = close[np.arange(len(close)), support.argmax(1)].sum(1)
    return pd.DataFrame({"score": support.max(1) / rows.shape[1], "frames": frames})


def agreement(index: pd.DataFrame, rows: np.ndarray, decisions: dict[str, np.ndarray],
              spots: pd.DataFrame) -> pd.DataFrame:
    """Claim C21, per event: the window that the models like best, and what the detector has to say in it.

    rows : (W, length) of `windows`; spots : of `same_spot`; decisions : values (M,) of each model, greater the more
    like a sunquake. The models choose by the greatest mean of ranks, over frames and models: ranks within the event, so
    that no model counts for more because its numbers are larger; of equal windows the first. Columns: event, window
    (its number), score and frames of `spots`, and rank, that of the score among all of the event (0.5 by chance).
    """
    event, best = index["event"].to_numpy()[rows[:, 0]], []
    for own in pd.Series(range(len(event))).groupby(event, sort=False).indices.values():
        frames, place = np.unique(rows[own], return_inverse=True)
        mean = np.mean([rank(np.asarray(values)[frames]) for values in decisions.values()], axis=0)
        best.append(own[mean[place].mean(1).argmax()])
    found = spots.assign(event=event, window=range(len(event)), rank=spots["score"].groupby(event).transform(rank))
    return found.iloc[best].reset_index(drop=True)


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


def way(index: pd.DataFrame, said, pixels, find: Callable, length: int = LENGTH) -> pd.DataFrame:
    """The paper's way on events whose truth is known, a row an event: does it find them, when and where?

    said : bool (M,), the classifier's answer; pixels : uint8 (M, H, W); find : as in `look`. Columns: event, runs (of
    `length` frames or more), when (a run touches the annotation), where (the one place over it is inside the box),
    false (runs that touch none), told (where, had the annotated interval been told: the detector's part alone), chance
    (when, if the answers are moved in time: share of all moves; what passes the end comes in again at the beginning. A
    classifier that says yes to everything finds every event: this is what its finds are worth).
    """
    found, rows = duration.runs(index, said, least=length), []
    for event, own in index.groupby("event", sort=False):
        marked = (own["label"] == 1).to_numpy()
        if marked.any():
            boxes = {box for some in own["boxes"][marked] for box in some}

            def right(among, boxes=boxes):
                place = one_place(pixels[index.index.get_indexer(among.index)], find)
                return bool(inside([place["x"]], [place["y"]], [boxes])[0])

            runs = found[found["event"] == event]
            spans = [own["frame"].between(run.first, run.last).to_numpy() for run in runs.itertuples()]
            where = any(right(own[span]) for span, hit in zip(spans, runs["hit"]) if hit)
            kept = np.any([np.zeros(len(own), bool), *spans], axis=0)
            chance = np.mean([(np.roll(kept, by) & marked).any() for by in range(len(own))])
            when, false = bool(runs["hit"].any()), int((~runs["hit"]).sum())
            rows.append((event, len(runs), when, where, false, right(own[marked]), chance))
    return pd.DataFrame(rows, columns=["event", "runs", "when", "where", "false", "told", "chance"])
