"""Samples: what a network is shown. A frame with its neighbours in time, gathered on the device (Section 3.2 i)."""

from dataclasses import dataclass, replace

import numpy as np
import pandas as pd
import torch

from sqlib.data.catalogue import catalogue
from sqlib.data.frames import FrameSet
from sqlib.data.splits import divide, paper_split
from sqlib.errors import SqError
from sqlib.learn.levels import LEVELS, pictures
from sqlib.learn.lowpass import solarized_low_pass
from sqlib.learn.settings import Views


@dataclass(frozen=True, eq=False)
class Samples:
    """Frames on a device, and the M samples that can be gathered from them.

    `pool`: uint8 (P N or 2 P N, H, W), `planes` P pictures of each of N frames (`levels.pictures`), one plane after the
    other, and after them the same once more after Solarized Low-Pass where `filtered`. `rows`: int64 (M,), position of
    each sample's middle frame among the N. `labels`: int64 (M,), 1, 0 or -1. `index`: a row per sample (event, cycle,
    frame, time, label, boxes). `window`: times in a sample, `spacing` frames apart; times and planes become its
    channels. `cut`: pixels that were cut from each side of the frames. `origin`: of the frame set.
    """

    pool: torch.Tensor
    filtered: bool
    rows: torch.Tensor
    labels: torch.Tensor
    index: pd.DataFrame
    window: int
    origin: str
    planes: int = 1
    spacing: int = 1
    cut: int = 0

    @property
    def device(self) -> torch.device:
        """Where the frames lie, and the samples are gathered."""
        return self.pool.device

    @property
    def pixels(self) -> torch.Tensor:
        """The frames as they are, uint8 (N, H, W): of several planes the first."""
        return self.pool[: self.count]

    @property
    def count(self) -> int:
        """Number N of frames."""
        return len(self.pool) // self.planes // (1 + self.filtered)

    def __len__(self) -> int:
        return len(self.rows)


def places(index: pd.DataFrame, window: int, spacing: int = 1) -> tuple[np.ndarray, np.ndarray]:
    """The rows of an index by event and frame, and among these the places of the frames that are samples: those whose
    neighbours are all there. Raises `SqError` as `make_samples` does."""
    for name, value in (("window", window), ("spacing", spacing)):
        if value < 1 or value % 2 == 0:
            raise SqError(f"{name}={value}: a frame stands in the middle of its neighbours, so it is odd: 1, 3, 5 …")
    event, frame = index["event"].to_numpy(), index["frame"].to_numpy()
    order, reach = np.lexsort((frame, event)), spacing * (window // 2) + spacing // 2
    event, frame = event[order], frame[order]
    middle = np.arange(reach, len(order) - reach)
    # the frames are sorted, so `reach` places further is `reach` frames later only where none is missing or foreign
    whole = np.ones(len(middle), bool)
    for side in (-reach, reach):
        whole &= (event[middle + side] == event[middle]) & (frame[middle + side] == frame[middle] + side)
    middle = middle[whole]
    if not len(middle):
        raise SqError(f"no frame has its {2 * reach} neighbours in time: there is no sample of window {window}")
    return order, middle


def make_samples(frameset: FrameSet, window: int = 3, crop: int = 0, views: Views | None = None, device="cpu",
                 spacing: int = 1, levels: str = "gray") -> Samples:
    """Samples of a frame set by Time-Based Mixing: frame i with (window − 1)/2 neighbours on both sides as channels.

    A frame whose neighbours are not all there (the ends of a cube, gaps in a folder of frames) is no sample, so a
    sample never mixes events. `crop`: pixels a side of the middle of each frame that are kept; 0 keeps all. `views`
    that use the Solarized Low-Pass have it computed here, once a frame and on whole frames, for it has no random part.
    `spacing`: frames from one neighbour to the next, each the mean of so many. `levels`: see `levels.pictures`.
    Raises `SqError` for an even window or spacing, a crop larger than the frames, and a frame set without any sample.
    """
    size, (order, _) = frameset.pixels.shape[1], places(frameset.index, window, spacing)
    if not 0 <= crop <= size:
        raise SqError(f"crop={crop} does not fit frames of {size} pixels; 0 keeps the whole frame")
    event = frameset.index["event"].to_numpy()[order]
    side, cut = crop or size, (size - (crop or size)) // 2
    inner = slice(cut, cut + side)
    filtered, count, planes = views is not None and views.low_pass > 0, len(order), LEVELS[levels]
    pool = torch.empty(((1 + filtered) * planes, count, side, side), dtype=torch.uint8, device=device)
    starts = np.flatnonzero(np.r_[True, event[1:] != event[:-1]])
    for at, end in zip(starts, [*starts[1:], count]):  # the frame set may be a map of a file: never all of it at once
        block = torch.from_numpy(np.ascontiguousarray(frameset.pixels[order[at:end]])).to(device)
        kinds = [block, solarized_low_pass(block, views.threshold, views.variant)] if filtered else [block]
        pool[:, at:end] = torch.cat([pictures(kind, levels, spacing, inner) for kind in kinds])
    labels = torch.from_numpy(frameset.index["label"].to_numpy()[order]).to(device)
    every = Samples(pool.flatten(0, 1), filtered, torch.arange(count, device=device), labels, frameset.index, 1,
                    frameset.origin, planes, spacing, cut)
    return with_window(every, frameset.index, window)


def with_window(samples: Samples, index: pd.DataFrame, window: int) -> Samples:
    """Samples of another window, of the same pool; `index`: of the frame set that they were made of. Raises `SqError`
    as `make_samples` does."""
    order, middle = places(index, window, samples.spacing)
    index = index.iloc[order[middle]].reset_index(drop=True)
    labels = torch.from_numpy(index["label"].to_numpy(copy=True)).to(samples.device)
    return replace(samples, rows=torch.from_numpy(middle).to(samples.device), labels=labels, index=index, window=window)


def channels(samples: Samples, which: torch.Tensor, filtered: torch.Tensor | None = None) -> torch.Tensor:
    """Positions int64 (B, window · planes) in the pool of what samples `which` (B,) are made of; see `gather`."""
    reach = samples.window // 2
    times = samples.spacing * torch.arange(-reach, reach + 1, device=samples.device)
    planes = samples.count * torch.arange(samples.planes, device=samples.device)
    rows = samples.rows[which][:, None] + (times[:, None] + planes).flatten()
    if filtered is not None and samples.filtered:
        rows = rows + filtered[:, None] * (len(samples.pool) // 2)
    return rows


def gather(samples: Samples, which: torch.Tensor, filtered: torch.Tensor | None = None) -> torch.Tensor:
    """Samples `which` (B,) as uint8 (B, window · planes, H, W), in time order, those in `filtered` (B,) low-passed."""
    rows = channels(samples, which, filtered)
    return samples.pool.index_select(0, rows.flatten()).unflatten(0, rows.shape)


def sparse(samples: Samples, every: int) -> Samples:
    """The samples whose frame number divides by `every`, of the same pool: neighbours in time are much alike."""
    kept = np.flatnonzero((samples.index["frame"] % every == 0).to_numpy())
    rows = torch.from_numpy(kept).to(samples.device)
    return replace(samples, rows=samples.rows[rows], labels=samples.labels[rows],
                   index=samples.index.iloc[kept].reset_index(drop=True))


def split(samples: Samples, how: str = "event", seed: int = 1265, cycles=(23, 24)) -> tuple[np.ndarray, np.ndarray]:
    """Positions of the training and the test samples among the labelled samples of some solar cycles.

    "event": the paper's 42 and 11 events (Section 4.1.1), and events that Table 1 does not list in the same way.
    "sample": all samples shuffled, four fifths to train, which puts neighbouring frames on both sides (the bias of
    Section 4.1.2). Raises `SqError` for an unknown split and a part without both classes.
    """
    known = ((samples.index["label"] >= 0) & samples.index["cycle"].isin(cycles)).to_numpy()
    if how == "event":
        event = samples.index["event"]
        listed, parts = {one.key for one in catalogue()}, paper_split(catalogue())
        practice = {key for key in set(event[known]) if key.startswith("practice")}  # all to learn from
        others = divide(sorted(set(event[known]) - listed - practice))  # keys sort by time
        train, test = ({one.key for one in part}.union(own) for part, own in zip(parts, others))
        train |= practice
        parts = tuple(np.flatnonzero(known & event.isin(keys).to_numpy()) for keys in (train, test))
    elif how == "sample":
        shuffled = np.random.default_rng(seed).permutation(np.flatnonzero(known))
        cut = int(0.8 * len(shuffled))
        parts = np.sort(shuffled[:cut]), np.sort(shuffled[cut:])
    else:
        raise SqError(f"split {how!r} is unknown: event or sample")
    labels = samples.index["label"].to_numpy()
    for name, part in zip(("training", "test"), parts):
        if name == "test" and how == "event" and not len(part) and practice:
            continue  # practice alone: it is tested elsewhere
        missing = [word for word, label in (("positive", 1), ("negative", 0)) if not (labels[part] == label).any()]
        if missing:
            raise SqError(f"the {name} part of the {how} split has no {' and no '.join(missing)} sample; "
                          "learning needs both classes on both sides: add frames")
    return parts


def hold_out(index: pd.DataFrame, part: np.ndarray, share: float, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Divide the samples `part` once more by event: those that train, and about `share` of the events for watching.

    Raises `SqError` where the samples are of one event.
    """
    if share <= 0:
        return part, part[:0]
    events = np.random.default_rng(seed).permutation(sorted(set(index["event"].iloc[part])))
    if len(events) < 2:
        raise SqError("the samples to train on are of one event: none can be held out to watch the loss "
                      "(validation = 0)")
    held = np.isin(index["event"].iloc[part], events[: max(1, round(share * len(events)))])
    return part[~held], part[held]
