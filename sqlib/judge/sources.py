"""How an annotated source stands out in its frame, and what a transform does to that (Section 3.2, Appendix C)."""

import numpy as np
import pandas as pd
import torch
from sklearn.metrics import roc_auc_score

from sqlib.data.frames import FrameSet
from sqlib.learn import augment
from sqlib.learn.lowpass import solarized_low_pass


def inside_of(boxes, size: int) -> torch.Tensor:
    """bool (size, size): the pixels whose centres lie in one of the boxes (x0, y0, x1, y1) of a frame."""
    centre, found = torch.arange(size) + 0.5, torch.zeros(size, size, dtype=torch.bool)
    for x0, y0, x1, y1 in boxes:
        found |= ((centre >= y0) & (centre < y1))[:, None] & ((centre >= x0) & (centre < x1))
    return found


def masks(index: pd.DataFrame, size: int) -> torch.Tensor:
    """bool (N, size, size): the annotated pixels of each frame of `index` (N rows)."""
    return torch.stack([inside_of(boxes, size) for boxes in index["boxes"]])


def annotated(frameset: FrameSet) -> np.ndarray:
    """Positions (N,) of the positive frames of which a box holds at least one pixel of the frame."""
    size, index = frameset.pixels.shape[1], frameset.index
    own = np.flatnonzero((index["label"] == 1).to_numpy())
    return own[[bool(inside_of(boxes, size).any()) for boxes in index["boxes"].iloc[own]]]


def controls(frameset: FrameSet, positives: np.ndarray) -> tuple[np.ndarray, torch.Tensor]:
    """As many frames (K,) without a sunquake of each event of `positives`, evenly spread, or fewer where it has fewer,
    and where its sources are: bool (K, size, size), the annotated pixels of all frames of an event."""
    size, index = frameset.pixels.shape[1], frameset.index
    places, where = [np.empty(0, int)], [torch.zeros(0, size, size, dtype=torch.bool)]
    for event, rows in index.iloc[positives].groupby("event", sort=False):
        others = np.flatnonzero(((index["event"] == event) & (index["label"] == 0)).to_numpy())
        spread = np.linspace(0, len(others) - 1, len(rows)).round().astype(int)
        places.append(others[np.unique(spread)] if len(others) else others)
        own = inside_of({box for boxes in rows["boxes"] for box in boxes}, size)
        where.append(own.expand(len(places[-1]), size, size))
    return np.concatenate(places), torch.cat(where)


def contrast(frames: torch.Tensor, inside: torch.Tensor) -> np.ndarray:
    """(N,): greatest pixel `inside` (N, H, W) of frames (N, H, W), less the mean of the rest, in the rest's deviations.

    A deviation is at least what rounding to whole gray levels leaves, 1/√12: nothing is infinitely bright in a flat
    frame. NaN where nothing is inside; 0 where the frame is flat.
    """
    found = []
    for some, own in zip(frames.split(8), inside.split(8)):  # in double precision, as many as a cache can hold
        values, own = some.double().flatten(1), own.flatten(1)
        rest = (~own).double()
        mean = (values * rest).sum(1) / rest.sum(1)
        spread = ((values - mean[:, None]).square() * rest).sum(1).div(rest.sum(1)).sqrt().clamp(min=12**-0.5)
        peak = values.masked_fill(~own, -np.inf).amax(1)
        each = torch.where(peak == mean, 0.0, (peak - mean) / spread)
        found.append(torch.where(own.any(1), each, torch.nan))
    return torch.cat(found).numpy()


def told_apart(values, labels, events) -> pd.Series:
    """Per event with both labels: share of pairs of a positive and another frame where the positive has more (ROC AUC).

    `values`, `labels` (0 and 1, or bool), `events`: (M,).
    """
    groups = pd.DataFrame({"values": values, "labels": labels, "event": events}).groupby("event", sort=False)
    return pd.Series({event: roc_auc_score(own["labels"], own["values"])
                      for event, own in groups if own["labels"].nunique() == 2}, dtype=float)


def brightest(frames: torch.Tensor, inside: torch.Tensor) -> np.ndarray:
    """float (N,): 1 where the greatest pixel of a frame (N, H, W) is `inside`, a share where several are so great."""
    top = frames.flatten(1) == frames.flatten(1).amax(1, keepdim=True)
    return ((top & inside.flatten(1)).sum(1) / top.sum(1)).double().numpy()


def altered(kind: str, frames: torch.Tensor, inside: torch.Tensor,
            generator: torch.Generator) -> tuple[torch.Tensor, torch.Tensor]:
    """Samples uint8 (N, C, H, W) after one alteration, and where what was `inside`, bool (N, H, W), is then.

    kind : "low-pass", "erasing", one of `augment.SYMMETRIES` or `augment.EXTRAS`
    """
    changes = {"low-pass": lambda part, _: solarized_low_pass(part), "erasing": augment.random_erasing,
               **augment.EXTRAS}
    if kind in augment.SYMMETRIES:
        number = torch.full((len(frames),), augment.SYMMETRIES[kind])
        return augment.turn(frames, number), augment.turn(inside[:, None], number)[:, 0]
    if kind in ("crop", "shift"):  # the annotation goes through it as one more channel
        both = changes[kind](torch.cat([frames, 255 * inside[:, None].to(torch.uint8)], 1), generator)
        return both[:, :-1], both[:, -1] > 127
    return changes[kind](frames, generator), inside


def hidden(erased: torch.Tensor, inside: torch.Tensor) -> tuple[np.ndarray, np.ndarray]:
    """Shares (N,) of a frame and of its source (N, H, W) that rectangles (N, R, 4: top, left, bottom, right) cover."""
    covered = augment.erase(torch.zeros_like(inside, dtype=torch.uint8)[:, None], erased, fill=1)[:, 0]
    both, own, source = ((covered & inside).flatten(1), covered.flatten(1), inside.to(torch.uint8).flatten(1))
    # of bytes torch finds a sum in a sixth of the time that it takes for bool
    area, shared, all_of = (each.sum(1, dtype=torch.int32).numpy() for each in (own, both, source))
    return area / own.shape[1], shared / all_of


def spectrum(frames: torch.Tensor) -> np.ndarray:
    """Root mean square amplitude (S/2 + 1,) of frames (N, S, S) less their means, by waves a frame, along x or y."""
    size = frames.shape[-1]
    waves = torch.fft.fftfreq(size, 1 / size).abs().round().long()
    ring = torch.maximum(waves[:, None], waves).flatten()
    power = torch.fft.fft2(frames.float() - frames.float().mean((-2, -1), keepdim=True)).abs().square().mean(0)
    total = torch.zeros(size // 2 + 1).index_add_(0, ring, power.flatten())
    return (total / torch.bincount(ring)).sqrt().numpy() / size
