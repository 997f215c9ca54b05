"""Case studies: when a sunquake is seen, where it is seen, and whether the two agree (Section 4.3).

The contrastive models say when: frames that their classifier takes for a sunquake, eight in a row or more. A detector,
the locator that comes with sqlib, says where: a place (px) per frame, which must stay. `index` has a row per frame
(event, frame, label, boxes), those of an event in the order of time, as frame sets and samples have them; `pixels` are
its frames, uint8 (M, H, W).
"""

from typing import NamedTuple

import numpy as np
import pandas as pd
import torch
from scipy.ndimage import center_of_mass, label
from scipy.stats import rankdata

from sqlib import answers, keys
from sqlib.data.frames import FrameSet
from sqlib.errors import SqError
from sqlib.judge import claims, duration
from sqlib.judge.duration import LENGTH, NEAR
from sqlib.judge.metrics import middle, named, share
from sqlib.judge.sources import inside_of
from sqlib.learn import explain, locator
from sqlib.learn.boxes import clean
from sqlib.learn.lowpass import low_pass, to_counts
from sqlib.learn.samples import Samples

GAP = 4  # frames that may be missing in a run: speckle is still much the same after them
SOLARIZED = 50  # gray level from which on the paper's low-pass inverts
TOLERANCE = 2.0  # px beyond a box that still count as inside
PLACE = ["x", "y", "score", "x0", "y0", "x1", "y1"]
CODE = keys.code_hash([__name__], ("sun", "data", "learn", "judge"))


class Attention(NamedTuple):
    """Where a model looks: rows (R,) of samples, boxes in their pixels, maps {method: (R, H, W)}, and a `table` with
    method, event and the columns of `explain.inside_of_boxes`, a row a method and sample."""

    rows: np.ndarray
    boxes: list
    maps: dict[str, np.ndarray]
    table: pd.DataFrame


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


def look(frameset: FrameSet, rows: np.ndarray) -> pd.DataFrame:
    """The detector's place in each of the frames `rows` (M positions) of a frame set: the columns `PLACE`; some hundred
    frames a second. Kept (`sqlib.answers`). `SqError` as `find_sources` raises."""
    def ask() -> np.ndarray:
        index = frameset.index.iloc[rows]
        event, frame = index["event"].to_numpy(), index["frame"].to_numpy()
        apart = (event[1:] != event[:-1]) | (np.diff(frame) > GAP)
        runs = np.cumsum(np.r_[False, apart])
        return locator.find_sources(frameset.pixels[rows], runs=runs).frames[PLACE].to_numpy(float)

    key = answers.key_of("places", CODE, frameset, answers.hash_of(locator.WEIGHTS), rows=rows)
    return pd.DataFrame(answers.kept(key, ask), columns=PLACE)


def one_place(pixels) -> pd.Series:
    """The detector's one place for consecutive frames, uint8 (L, H, W), in the order of time: `PLACE`."""
    found = locator.find_sources(pixels, runs=np.zeros(len(pixels), int)).runs
    return found.loc[found["score"].idxmax(), PLACE].astype(float)


def same_spot(places: pd.DataFrame, rows: np.ndarray, near: float = NEAR) -> pd.DataFrame:
    """How much each window (`rows` (W, length) of `windows`) has to say for one place: score, and frames that name it.

    places : of `look`. Of the places in a window's frames the one counts about which, within `near` px, the scores sum
    to most; that sum over the window's length is its score: a detector that jumps about has little, however sure it is
    of each frame.
    """
    x, y, score = places[["x", "y", "score"]].to_numpy().T[:, rows]
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


def inside(x, y, boxes) -> np.ndarray:
    """bool (M,): whether each place is in one of its frame's boxes ((x0, y0, x1, y1), …), or `TOLERANCE` px off."""
    return np.array([any(x0 <= a <= x1 and y0 <= b <= y1 for x0, y0, x1, y1 in grown(own))
                     for a, b, own in zip(x, y, boxes)], dtype=bool)


def grown(boxes) -> list[tuple[float, ...]]:
    """Boxes with the pixels round them that still count as inside."""
    return [(x0 - TOLERANCE, y0 - TOLERANCE, x1 + TOLERANCE, y1 + TOLERANCE) for x0, y0, x1, y1 in boxes]


def low_pass_spots(pixels) -> pd.DataFrame:
    """What the Solarized Low-Pass shows (Figs. 12, 14; M rows): its brightest spot's x, y, level, area (px²); spots.

    Solarizing inverts gray levels from `SOLARIZED` up; that is what makes a spot stand out. The brightest is the
    connected patch of such pixels that holds the greatest low-passed level; its centre is weighted by level. A frame
    that does not reach the threshold has no spot (spots 0), and its brightest pixel is given. `spots` counts the
    patches.
    """
    rows = []
    for some in torch.as_tensor(np.ascontiguousarray(pixels)).split(64) if len(pixels) else ():
        for counts in to_counts(low_pass(some, SOLARIZED), "symmetric").numpy():
            patches, count = label(counts >= SOLARIZED)
            y, x = np.unravel_index(counts.argmax(), counts.shape)
            own = (patches == patches[y, x]) & (count > 0)
            centre = center_of_mass(counts, own) if count else (y, x)
            rows.append((centre[1] + 0.5, centre[0] + 0.5, int(counts[y, x]), int(own.sum()), count))
    return pd.DataFrame(rows, columns=["x", "y", "level", "area", "spots"])


def pointed(pixels, index: pd.DataFrame, places: pd.DataFrame) -> pd.DataFrame:
    """Claim C22: is the place that a method names inside a box? A row per frame of `index` that has boxes.

    places : of `look`. Columns: event; Solarized Low-Pass, brightest pixel, detector (bool, see `inside`); chance, the
    share of the frame that the boxes and the tolerance take; spot, whether the low-pass reaches its threshold.
    """
    rows, side = np.flatnonzero((index["label"] == 1) & (index["boxes"].map(len) > 0)), pixels.shape[2]
    spot, top = low_pass_spots(pixels[rows]), pixels[rows].reshape(len(rows), side * side).argmax(1)
    boxes, seen = index["boxes"].iloc[rows], places.iloc[rows]
    return pd.DataFrame({
        "event": index["event"].to_numpy()[rows], "Solarized Low-Pass": inside(spot["x"], spot["y"], boxes),
        "brightest pixel": inside(top % side + 0.5, top // side + 0.5, boxes),
        "detector": inside(seen["x"], seen["y"], boxes), "spot": spot["spots"].to_numpy() > 0,
        "chance": [float(inside_of(clean(grown(own), side), side).float().mean()) for own in boxes]})


def unshared(hits: pd.DataFrame, seed: int, draws: int) -> claims.Verdict:
    """Verdict on C22 by its second rule, from `pointed`: a quarter less the share of the detector's hits above chance
    that the filter has, with its 95 % interval over events. Not testable where the detector is near chance.
    """
    def lacks(values: np.ndarray) -> float:
        spots, found, luck = values.mean(0)
        return 0.25 - (spots - luck) / max(found - luck, 1e-9)

    columns = hits[["Solarized Low-Pass", "detector", "chance"]].astype(float)
    _, sees, luck = columns.mean()
    found = middle(columns, hits["event"], seed, draws, lacks) if sees > 2 * luck else ()
    return claims.judge("C22", *found, note=f"a random place is inside in {luck:.1%}, the detector in {sees:.1%}",
                        second=True)


def told(index: pd.DataFrame, pixels) -> pd.DataFrame:
    """Where the detector sees a source if the annotated interval is told, a row an annotated event: event, first, last
    (annotated frames), x, y (its one place over them), right (whether that is inside a box)."""
    rows = []
    for event, own in index[index["label"] == 1].groupby("event", sort=False):
        x, y = one_place(pixels[index.index.get_indexer(own.index)])[["x", "y"]]
        right = inside([x], [y], [set().union(*own["boxes"])])[0]
        rows.append((event, own["frame"].min(), own["frame"].max(), x, y, bool(right)))
    return pd.DataFrame(rows, columns=["event", "first", "last", "x", "y", "right"])


def way(index: pd.DataFrame, said, pixels) -> pd.DataFrame:
    """The paper's way on events whose truth is known, a row an event: does it find them, when and where?

    said : bool (M,), the classifier's answer. Columns: event, runs (of `LENGTH` frames or more), when (a run touches
    the annotation), where (the one place over it is inside the box), false (runs that touch none), chance (when, if the
    answers are moved in time: share of all moves; what passes the end comes in again at the beginning. A classifier
    that says yes to everything finds every event: this is what its finds are worth).
    """
    found, rows = duration.runs(index, said, least=LENGTH), []
    for event, own in index.groupby("event", sort=False):
        marked = (own["label"] == 1).to_numpy()
        if marked.any():
            runs = found[found["event"] == event]
            spans = [own["frame"].between(run.first, run.last).to_numpy() for run in runs.itertuples()]
            seen = [one_place(pixels[index.index.get_indexer(own.index[span])])
                    for span, hit in zip(spans, runs["hit"]) if hit]
            boxes = set().union(*own["boxes"][marked])
            where = any(inside([place["x"]], [place["y"]], [boxes])[0] for place in seen)
            kept = np.any([np.zeros(len(own), bool), *spans], axis=0)
            chance = np.mean([(np.roll(kept, by) & marked).any() for by in range(len(own))])
            rows.append((event, len(runs), bool(runs["hit"].any()), where, int((~runs["hit"]).sum()), chance))
    return pd.DataFrame(rows, columns=["event", "runs", "when", "where", "false", "chance"])


def attention(reader: explain.Reader, samples: Samples, events, label: int, most: int) -> Attention:
    """Where a model looks in the annotated frames of `events` (label 1), or in quiet ones of the same events (label 0).

    most : frames of an event, spread over these; never more than are annotated. Frames whose annotated boxes lie
    outside of what the samples show are left out. Maps and table are empty where no frame is left.
    """
    index, side, rows = samples.index, samples.pixels.shape[-1], []
    for _, own in index[index["event"].isin(events)].groupby("event", sort=False):
        pool, count = own.index[own["label"] == label], min(most, int((own["label"] == 1).sum()))
        if count and len(pool):
            rows += pool[np.unique(np.linspace(0, len(pool) - 1, count).round().astype(int))].tolist()
    boxes = index[index["label"] == 1].groupby("event")["boxes"].agg(lambda own: set().union(*own))
    boxes = [clean([tuple(edge - samples.cut for edge in box) for box in boxes[event]], side)
             for event in index["event"][rows]]
    shown = [place for place, own in enumerate(boxes) if inside_of(own, side).any()]
    rows, boxes = np.array(rows, int)[shown], [boxes[place] for place in shown]
    maps = explain.explain(reader, samples, rows, max(8, side // 8), max(4, side // 8)) if shown else {}
    within = [inside_of(own, side).numpy() for own in boxes]
    parts = [explain.inside_of_boxes(one, np.stack(within)).assign(method=method, event=index["event"].to_numpy()[rows])
             for method, one in maps.items()]
    return Attention(rows, boxes, maps, pd.concat(parts, ignore_index=True) if parts else pd.DataFrame())


def evidence(seen: dict[str, Attention], seed: int, draws: int) -> pd.DataFrame:
    """How much of the evidence lies in the boxes, a row a method and case: case, method, label, frames, luck (share of
    frames whose peak is in the box by chance), and with 95 % intervals over events, `…_low` and `…_high`:

    excess : evidence in the box over its share of the area, 1 for a network that looks everywhere alike
    points : share of frames whose peak is in the box
    less : excess of the first case less that of this one, mean over the events of both; no ends (NaN) for one event
    """
    rows, first = [], {}
    for case, (*_, table) in seen.items():
        for method, own in table.groupby("method", sort=False) if len(table) else ():
            by_event, whole = own.groupby("event")["excess"].mean(), own.dropna(subset="excess")
            less = (first.setdefault(method, by_event) - by_event).dropna()
            rows.append({"case": case, "method": method, "label": f"{method}, {case}", "frames": len(own),
                         "luck": own["luck"].mean(),
                         **named(middle(whole["excess"], whole["event"], seed, draws), "excess"),
                         **named(share(own["points"], own["event"]), "points"),
                         **named(middle(less, None, seed, draws), "less")})
    return pd.DataFrame(rows)
