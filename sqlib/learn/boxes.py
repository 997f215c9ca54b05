"""Annotated boxes: made fit to learn from, divided into training and test, turned with their frames (Section 3.4)."""

import numpy as np
import pandas as pd
import torch

from sqlib.data.frames import FrameSet
from sqlib.data.splits import divide
from sqlib.errors import SqError


def clean(boxes, size: int) -> tuple[tuple[float, float, float, float], ...]:
    """Boxes (x0, y0, x1, y1), px, of a frame of `size` cut at its edges, without those that have no area inside.

    Raises `SqError` for a box whose corners are swapped or no numbers: that is an error of the table, not of the frame.
    """
    kept = []
    for box in boxes:
        if len(box) != 4 or not np.isfinite(box).all() or box[2] < box[0] or box[3] < box[1]:
            raise SqError(f"box {tuple(box)} is none: x0, y0, x1, y1 with x0 <= x1 and y0 <= y1 were expected")
        x0, y0, x1, y1 = (min(max(float(side), 0.0), float(size)) for side in box)
        if x0 < x1 and y0 < y1:
            kept.append((x0, y0, x1, y1))
    return tuple(kept)


def annotated(frameset: FrameSet) -> tuple[pd.DataFrame, dict[str, int]]:
    """The positive frames that have a box to learn from or be tested on, and how many of what was left out.

    The table has a row per frame: place (position in the frame set), event, cycle, frame, boxes (cleaned). The counts:
    frames, boxes, clipped, dropped (boxes), without (frames left without a box). Raises `SqError` as `clean` does.
    """
    size = frameset.pixels.shape[1]
    rows = frameset.index[frameset.index["label"] == 1]
    boxes = [clean(own, size) for own in rows["boxes"]]
    table = rows[["event", "cycle", "frame"]].assign(boxes=boxes)
    table.insert(0, "place", rows.index.to_numpy())
    given, kept = rows["boxes"].map(len), table["boxes"].map(len)
    clipped = sum(box not in own for own, cut in zip(rows["boxes"], boxes) for box in cut)
    whole = kept > 0
    counts = {"frames": int(whole.sum()), "boxes": int(kept.sum()), "clipped": clipped,
              "dropped": int((given - kept).sum()), "without": int((~whole).sum())}
    return table[whole].reset_index(drop=True), counts


def parts(table: pd.DataFrame, train_on: str = "sc23") -> tuple[pd.DataFrame, pd.DataFrame]:
    """Rows of `annotated` to train on, and those of all events that were not trained on.

    The rule is applied to the events of each cycle that have boxes. Raises `SqError` where either part is empty.
    """
    taught = []
    for cycle, own in table.groupby("cycle"):
        if cycle == 23 or train_on == "all":
            taught += divide(sorted(set(own["event"])))[0]  # keys sort by time
    own = table["event"].isin(taught)
    if own.all() or not own.any():
        have = f"{table['event'].nunique()} events with boxes"
        raise SqError(f"{have}, {len(taught)} of them to train on ({train_on}): a detector needs some to learn from "
                      "and others to be tested on; add frames with their region tables (data_c23.csv, data_c24.csv)")
    return table[own].reset_index(drop=True), table[~own].reset_index(drop=True)


def flipped(frame: torch.Tensor, boxes: torch.Tensor, which: int) -> tuple[torch.Tensor, torch.Tensor]:
    """A frame (…, S, S) and its boxes (K, 4) in one of 8 symmetries: bit 1 left-right, 2 up-down, 4 transposed."""
    size, boxes = frame.shape[-1], boxes.clone()
    for bit, axis in ((1, 0), (2, 1)):
        if which & bit:
            frame = frame.flip(-1 - axis)
            boxes[:, [axis, axis + 2]] = size - boxes[:, [axis + 2, axis]]
    return (frame.mT, boxes[:, [1, 0, 3, 2]]) if which & 4 else (frame, boxes)


def cropped(frame: torch.Tensor, boxes: torch.Tensor, side: int, rng: np.random.Generator) -> tuple:
    """A random part (…, side, side) of a frame (…, S, S) with the middle of one of its boxes (K, 4), and its boxes.

    Boxes are cut at the edge of the part; one of which less than a quarter is left is no longer listed. The whole frame
    for a side of 0 or more than it has.
    """
    size = frame.shape[-1]
    if not 0 < side < size:
        return frame, boxes
    middle = (boxes[:, :2] + boxes[:, 2:])[int(rng.integers(len(boxes)))].tolist()
    low = [max(0, min(int(m / 2), size - 1) - side + 1) for m in middle]
    high = [min(size - side, int(m / 2)) for m in middle]
    left, top = (int(rng.integers(a, b + 1)) for a, b in zip(low, high))
    own = boxes - boxes.new_tensor([left, top, left, top])
    cut = own.clamp(0, side)
    left_over = (cut[:, 2:] - cut[:, :2]).prod(1) / (own[:, 2:] - own[:, :2]).prod(1)
    return frame[..., top : top + side, left : left + side], cut[left_over >= 0.249]
