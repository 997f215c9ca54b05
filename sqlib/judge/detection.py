"""Table 5: what a detector's boxes are worth beside the annotated ones (Section 4.2, Appendix D).

The paper gives names to its measures, and hardly definitions. Those here: a frame counts with its best-scored box only;
a frame without a box has an IoU of 0 and no signature. An event's value is the mean over its annotated frames, a
cycle's the mean over its events.

IoU                     area common to both boxes over the area of either, the greatest over the frame's annotated boxes
correct signature       the centre of the box lies in an annotated box ("centre"; see `DEFINITIONS` for others)
coverage                share of an event's annotated frames with a correct signature
minimum duration n      share of events with n frames or more in a row, each with a correct signature, no centre further
                        than `SPOT` px from the one before: a signature that stays at one place
boxes inside the truth  share of frames whose box lies wholly within an annotated one
"""

import numpy as np
import pandas as pd
import torch
from scipy.ndimage import gaussian_filter
from torchvision.ops import box_iou

from sqlib.data.catalogue import catalogue
from sqlib.data.statistics import LOCAL
from sqlib.judge.metrics import middle, named, share
from sqlib.learn.detector import best

SPOT = 4.0  # px, how far the centre may go from one frame to the next
DURATIONS = {f"minimum duration {n}": n for n in (1, 4, 6, 8)}
COVERAGE, INSIDE = "correct-signature coverage", "boxes inside the truth"
CORNERS = ["x0", "y0", "x1", "y1"]
CENTRE = "centre in the annotated box"
DEFINITIONS = {  # what one could call a correct signature, by name; the first is what we use
    CENTRE: "outside <= 0", "centre in it, or 2 px off": "outside <= 2", "boxes touch": "iou > 0",
    "IoU of 0.2 or more": "iou >= 0.2", "IoU of 0.5 or more": "iou >= 0.5"}


def iou(one: np.ndarray, other: np.ndarray) -> np.ndarray:
    """Intersection over union (N, K) of boxes (N, 4) and (K, 4), x0, y0, x1, y1; 0 where neither has an area."""
    one, other = (torch.as_tensor(np.array(boxes, float).reshape(-1, 4)) for boxes in (one, other))
    return box_iou(one, other).nan_to_num().numpy()


def compare(table: pd.DataFrame, boxes: pd.DataFrame, scale: float = 1.0) -> pd.DataFrame:
    """The best box of each annotated frame beside the truth.

    table : annotated frames (event, cycle, frame, boxes), such as `boxes.annotated` gives
    boxes : `detector.best` of the stack of these frames: position (row of `table`), x0, y0, x1, y1, score
    scale : pixels of the cube in a pixel of the frame

    Returns `table` with x0 … y1, score (NaN without a box); iou; outside, how far the centre lies outside the nearest
    annotated box (px, 0 inside); pixels and Mm, distance of the centre from that of the nearest annotated box; inside,
    whether the whole box lies in an annotated one; ratio, its area over that of the annotated box that it overlaps most
    or is nearest to. Without a box iou is 0, outside infinite, inside False, the others NaN; Mm is NaN for events not
    in Table 1.
    """
    table, size = table.reset_index(drop=True), {event.key: scale * event.pixel for event in catalogue()}
    found = boxes.set_index("position").reindex(range(len(table)))[[*CORNERS, "score"]].astype(float)
    rows = [_beside(np.asarray(truth, float), own) for truth, own in zip(table["boxes"], found[CORNERS].to_numpy())]
    measured = pd.DataFrame(rows, columns=["iou", "outside", "pixels", "inside", "ratio"], dtype=float)
    found = found.reset_index(drop=True).join(measured.astype({"inside": bool}))
    found.insert(8, "Mm", found["pixels"] * table["event"].map(size).astype(float))
    return table.join(found)


def _beside(truth: np.ndarray, box: np.ndarray) -> tuple[float, float, float, bool, float]:
    if np.isnan(box).any():
        return 0.0, np.inf, np.nan, False, np.nan
    centre, others = (box[:2] + box[2:]) / 2, (truth[:, :2] + truth[:, 2:]) / 2
    off = np.maximum(np.maximum(truth[:, :2] - centre, centre - truth[:, 2:]), 0)
    away, overlap = np.hypot(*(others - centre).T), iou(box[None], truth)[0]
    inside = ((truth[:, :2] <= box[:2]) & (box[2:] <= truth[:, 2:])).all(1).any()
    nearest = overlap.argmax() if overlap.any() else away.argmin()
    ratio = (box[2:] - box[:2]).prod() / (truth[nearest, 2:] - truth[nearest, :2]).prod()
    return overlap.max(), np.hypot(*off.T).min(), away.min(), inside, ratio


def correct(found: pd.DataFrame, definition: str = CENTRE) -> pd.Series:
    """Whether the box of each frame of `compare` marks the signature, by one of `DEFINITIONS`."""
    return found.eval(DEFINITIONS[definition])


def longest(found: pd.DataFrame, said, spot: float = SPOT) -> int:
    """Most frames in a row of one event, in the order of time, `said` (bool) to be correct, each centre within `spot`
    px of the one before."""
    frame, place, said = found["frame"].to_numpy(), _centres(found), np.asarray(said, bool)
    goes_on = said[1:] & said[:-1] & (np.diff(frame) == 1) & (np.hypot(*np.diff(place, axis=0).T) <= spot)
    run = np.cumsum(np.r_[True, ~goes_on])[: len(said)]
    return int(np.bincount(run[said]).max()) if said.any() else 0


def _centres(boxes: pd.DataFrame) -> np.ndarray:
    corners = boxes[CORNERS].to_numpy(float)
    return (corners[:, :2] + corners[:, 2:]) / 2


def by_event(found: pd.DataFrame, definition: str = CENTRE) -> pd.DataFrame:
    """Table 5's measures of each event, from rows of `compare`: event, cycle, frames, shares 0…1."""
    rows = []
    for event, own in found.groupby("event", sort=False):
        said = correct(own, definition)
        rows.append({"event": event, "cycle": int(own["cycle"].iloc[0]), "frames": len(own), "IoU": own["iou"].mean(),
                     COVERAGE: said.mean(), **{name: float(longest(own, said) >= n) for name, n in DURATIONS.items()},
                     INSIDE: own["inside"].mean()})
    return pd.DataFrame(rows)


def table5(events: pd.DataFrame, seed: int, draws: int = 1000) -> pd.DataFrame:
    """Averages of `by_event` over the events of each cycle: cycle, metric, value, low, high (95 %), events; the IoU's
    interval is by events drawn anew, the others are shares of events or of frames (`metrics.share`)."""
    rows = []
    for cycle, own in events.groupby("cycle"):
        rows.append((cycle, "IoU", *middle(own["IoU"], None, seed, draws), len(own)))
        rows += [(cycle, name, *share(own[name], samples=1 if name in DURATIONS else own["frames"]), len(own))
                 for name in (COVERAGE, *DURATIONS, INSIDE)]
    return pd.DataFrame(rows, columns=["cycle", "metric", "value", "low", "high", "events"])


def errors(found: pd.DataFrame, seed: int, draws: int = 1000) -> pd.DataFrame:
    """Distance of the boxes' centres from the nearest annotated centre, over frames with a box, in px and in Mm: unit,
    median, low, high (95 %, events drawn anew), frames."""
    own = found[found["pixels"].notna()]
    rows = [(unit, *middle(own[unit], own["event"], seed, draws, np.median), len(own)) for unit in ("pixels", "Mm")]
    return pd.DataFrame(rows, columns=["unit", "median", "low", "high", "frames"])


def coco_ap(table: pd.DataFrame, detections: pd.DataFrame, thresholds=(0.1, 0.3, 0.5, 0.75)) -> dict[str, float]:
    """Average precision as in COCO, by torchmetrics, over the annotated frames of `table` and all their `detections`.

    "AP" is the mean over IoU thresholds from 0.50 to 0.95, and "AP at 0.1" … that of one. Only frames with a sunquake
    are asked about, so it says nothing of false alarms in others.
    """
    from torchmetrics.detection import MeanAveragePrecision

    def labelled(boxes, **more):
        corners = torch.tensor(np.array(boxes, np.float32).reshape(-1, 4))
        return {"boxes": corners, "labels": torch.ones(len(corners), dtype=torch.int64), **more}

    truth, groups = [labelled(boxes) for boxes in table["boxes"]], detections.groupby("position").indices
    own = [detections.iloc[groups.get(position, [])] for position in range(len(table))]
    asked = [labelled(one[CORNERS], scores=torch.tensor(one["score"].to_numpy(np.float32))) for one in own]
    found = {}
    for name, wanted in (("AP", None), *((f"AP at {t:g}", [float(t)]) for t in thresholds)):
        metric = MeanAveragePrecision(iou_thresholds=wanted)
        metric.update(asked, truth)
        found[name] = max(float(metric.compute()["map"]), 0.0)
    return found


# ---------------------------------------------------------------- what learns nothing, and one place for a whole event


def brightest(pixels: np.ndarray, side: float = 12.0) -> pd.DataFrame:
    """Box of `side` px about the greatest pixel of each frame (N, S, S), as of `detector.best`; score: its level."""
    flat, half = np.asarray(pixels, np.float32).reshape(len(pixels), -1), side / 2
    y, x = (place + 0.5 for place in np.unravel_index(flat.argmax(1), np.shape(pixels)[1:]))  # the middle of the pixel
    return pd.DataFrame({"position": range(len(flat)), **dict(zip(CORNERS, (x - half, y - half, x + half, y + half))),
                         "score": flat.max(1)})


def stands_out(pixels: np.ndarray, side: float = 12.0, sigma: float = 2.0) -> pd.DataFrame:
    """The same about the greatest ratio of a frame blurred by `sigma` px to the frame blurred by `LOCAL` px."""
    ratio = np.empty(np.shape(pixels), np.float32)
    for frame, own in zip(pixels, ratio):  # a frame at a time: floats of all would not fit
        frame = np.asarray(frame, np.float32)
        wide = gaussian_filter(frame, LOCAL, mode="reflect") + 0.05 * frame.mean()
        own[:] = gaussian_filter(frame, sigma, mode="reflect") / np.maximum(wide, 1e-6)
    return brightest(ratio, side)


def fuse(detections: pd.DataFrame, groups, spot: float = SPOT) -> pd.DataFrame:
    """One box for each group of frames: where the scores of all its detections add up to most.

    groups : (N,) group of each position, in order of appearance. The winner is the detection about whose centre, within
    `spot` px, the sum of scores is greatest; the box is the mean of these boxes weighted by score. A row per group that
    has a detection: position (number of the group), x0, y0, x1, y1, score (their sum over the frames of the group).
    """
    codes, _ = pd.factorize(np.asarray(groups))
    rows = []
    for group, own in detections.groupby(codes[detections["position"].to_numpy()]):
        centre, score, corners = _centres(own), own["score"].to_numpy(float), own[CORNERS].to_numpy(float)
        near = np.hypot(*(centre[:, None] - centre).transpose(2, 0, 1)) <= spot
        winner = (near @ score).argmax()
        weight = score * near[winner]
        box = (weight @ corners) / weight.sum() if weight.sum() > 0 else corners[winner]
        rows.append((group, *box, weight.sum() / np.sum(codes == group)))
    return pd.DataFrame(rows, columns=["position", *CORNERS, "score"]).astype({"position": int})


def method(table: pd.DataFrame, detections: pd.DataFrame, definition: str, scale: float = 1.0) -> dict[str, float]:
    """A way to find the place on the frames of `table`: value, low, high (coverage, mean over events, 95 %), fused
    (share of events that one box for all frames marks rightly), median (px, distance of the best boxes' centres)."""
    found = compare(table, best(detections), scale)
    events = by_event(found, definition)
    groups = table.groupby("event", sort=False)  # each event as one frame, with all of its boxes
    boxes = groups["boxes"].agg(lambda own: tuple(dict.fromkeys(box for each in own for box in each)))
    merged = groups[["cycle", "frame"]].first().assign(boxes=boxes).reset_index()
    fused = compare(merged, fuse(detections, table["event"]), scale)
    return {**named(share(events[COVERAGE], samples=events["frames"]), value="value"),
            "fused": correct(fused, definition).mean(), "median": found["pixels"].median()}
