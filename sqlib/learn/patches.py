"""Patches round sources, and others without: what a step of training sees of long frames with small sunquakes in them.

Everything is drawn on the device, a batch at a time: no step makes the host wait.
"""

from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from sqlib.errors import SqError
from sqlib.learn.samples import Samples, channels

REACH = 1 / 8  # of its side: how far at most a patch is moved off its source
TRIES = 8  # places that are drawn for each negative; the first without a source is taken
MARGIN = 3  # frames before and after an annotated interval that are neither positive nor negative


class Drawn(NamedTuple):
    """A batch of patches: sample, middle (y, x; pixels of the pool) and class (0 or 1), on the device."""

    which: Tensor
    middle: Tensor
    labels: Tensor


class Sources(NamedTuple):
    """Where the sunquakes of some samples are, and from which samples to draw; tensors on their device.

    `table`: float32 (S, 5): event (number), first and last frame, y and x (px of the pool). `begin`, `count`: int64
    (S,), the stretch of `inside` that is of each source: int64 positions of samples within its interval. `pool`: int64
    (M,), the samples to draw from, by event; `event`, `frame`: their events (numbers) and frames. `first`, `length`:
    int64 (E,), the stretch of `pool` of each event.
    """

    table: Tensor
    begin: Tensor
    count: Tensor
    inside: Tensor
    pool: Tensor
    event: Tensor
    frame: Tensor
    first: Tensor
    length: Tensor


def find_sources(samples: Samples, part: np.ndarray) -> Sources:
    """The sources that the boxes of the samples `part` (positions) tell of.

    Raises `SqError` where none of them has a box inside of the pool's frames.
    """
    rows = samples.index.iloc[part].assign(position=part).sort_values(["event", "frame"])
    side = samples.pool.shape[-1]
    boxed = rows[(rows["label"] == 1).to_numpy() & (rows["boxes"].map(len) > 0).to_numpy()]
    boxed = boxed[["event", "frame", "position", "boxes"]].explode("boxes")
    corners = np.array(boxed["boxes"].tolist(), float).reshape(-1, 4) - samples.cut
    boxed = boxed.assign(y=corners[:, 1::2].mean(1), x=corners[:, ::2].mean(1))
    boxed = boxed[boxed["y"].between(0, side) & boxed["x"].between(0, side)]
    if boxed.empty:
        raise SqError("patches are cut round sources, and none of these frames has a box in its middle "
                      f"{side} pixels: train on whole frames (patch=0), or take a larger crop")
    events = {event: number for number, event in enumerate(dict.fromkeys(rows["event"]))}
    groups = boxed.groupby(["event", "y", "x"], sort=False)
    table = groups["frame"].agg(["min", "max", "size"]).reset_index()
    numbers = rows["event"].map(events).to_numpy()
    length = np.bincount(numbers)
    count, device = table["size"].to_numpy(), samples.device
    facts = np.stack([table["event"].map(events), table["min"], table["max"], table["y"], table["x"]], 1)
    order = boxed.assign(group=groups.ngroup()).sort_values("group", kind="stable")["position"].to_numpy()
    parts = (facts.astype(np.float32), np.cumsum(count) - count, count, order, rows["position"].to_numpy(), numbers,
             rows["frame"].to_numpy(), np.cumsum(length) - length, length)
    return Sources(*(torch.from_numpy(np.array(each)).to(device) for each in parts))


def draw(samples: Samples, sources: Sources, count: int, patch: int, generator: torch.Generator) -> Drawn:
    """`count` patches of samples, half of them round sources.

    A positive is any source, each with the same odds, in a frame of its interval. For each there is a negative: half of
    them at the same place at another time, the others anywhere, half of these in the same event; none has a source
    within it, or within `MARGIN` frames.
    """

    def uniform(*shape: int) -> Tensor:
        return torch.rand(shape, generator=generator, device=generator.device)

    positives, negatives, half, size = count - count // 2, count // 2, patch / 2, samples.pool.shape[-1]
    source = (uniform(positives) * len(sources.table)).long()
    own = sources.inside[sources.begin[source] + (uniform(positives) * sources.count[source]).long()]
    facts = sources.table[source][:negatives, None]
    event, kind = facts[..., 0].long(), uniform(negatives, TRIES)
    foreign = (uniform(negatives, TRIES) * len(sources.pool)).long()
    same = sources.first[event] + (uniform(negatives, TRIES) * sources.length[event]).long()
    place = torch.where(kind < 0.75, same, foreign)
    middle = half + uniform(negatives, TRIES, 2) * (size - patch)
    middle = torch.where((kind < 0.5)[..., None], facts[..., 3:], middle)
    moved = half + REACH * patch + 1  # a patch may be moved off its middle
    free = ~_occupied(sources, place, middle, moved)  # where none is free, the first: one in many thousands
    best = free.to(torch.uint8).argmax(1, keepdim=True)
    place, middle = place.gather(1, best)[:, 0], middle.gather(1, best[..., None].expand(-1, -1, 2))[:, 0]
    labels = (torch.arange(count, device=generator.device) < positives).long()
    return Drawn(torch.cat([own, sources.pool[place]]), torch.cat([sources.table[source, 3:], middle]), labels)


def _occupied(sources: Sources, place: Tensor, middle: Tensor, reach: float) -> Tensor:
    """bool (B, TRIES): whether a source shines within `reach` pixels of places (B, TRIES), give or take `MARGIN`."""
    event, frame = sources.event[place][..., None], sources.frame[place][..., None]
    table = sources.table
    shines = (event == table[:, 0]) & (frame >= table[:, 1] - MARGIN) & (frame <= table[:, 2] + MARGIN)
    near = (middle[..., None, 0] - table[:, 3]).abs().maximum((middle[..., None, 1] - table[:, 4]).abs()) < reach
    return (shines & near).any(-1)


def cut(samples: Samples, drawn: Drawn, patch: int, generator: torch.Generator,
        filtered: Tensor | None = None) -> Tensor:
    """The patches uint8 (B, window · planes, patch, patch), each moved off its middle by up to `REACH` of its side."""
    moved = (2 * torch.rand(drawn.middle.shape, generator=generator, device=generator.device) - 1) * REACH * patch
    corner = (drawn.middle + moved - patch / 2).round().long().clamp(0, samples.pool.shape[-1] - patch)
    side = torch.arange(patch, device=samples.device)
    rows, down, across = channels(samples, drawn.which, filtered), corner[:, :1] + side, corner[:, 1:] + side
    return samples.pool[rows[:, :, None, None], down[:, None, :, None], across[:, None, None, :]]
