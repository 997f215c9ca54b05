"""Augmentations of a batch on its device: each sample has draws of its own, by an explicit generator (Section 3.2).

A batch is uint8 (B, C, H, W), its channels being frames in time order, which no augmentation of ours mixes. A processor
does best with one sample after the other; a GPU takes the batch as a whole, and the host never waits for its answer
(AutoAugment excepted, which is torchvision's and decides on the host).
"""

import math
from dataclasses import dataclass
from functools import cache
from typing import NamedTuple

import torch

from sqlib.errors import SqError
from sqlib.learn.extras import EXTRAS, by_sample, crop, shift, uniform  # noqa: F401  (called by these names, too)
from sqlib.learn.lowpass import at_a_time, check, check_counts, solarized_low_pass

RECTANGLES = ((0.05, 0.04, 0.05),) * 2 + ((0.1, 0.03, 0.04),) * 2 + ((0.2, 0.02, 0.03),) * 2 + ((0.5, 0.01, 0.02),) * 2
"""Random Erasing's rectangles: probability, least and largest share of the frame's area (the authors' eight calls)."""
ASPECTS = (0.2, 0.6)
"""Height over width of an erased rectangle, drawn uniformly in its logarithm."""

# the symmetries of a square are numbered 4·transpose + 2·upside down + mirrored, in this order of application
SYMMETRIES = {"as it is": 0, "h-flip": 1, "v-flip": 2, "180°": 3,
              "transpose": 4, "270°": 5, "90°": 6, "other transpose": 7}
POSITIONAL = {
    "none": {"as it is": 1.0},
    "turns": {"as it is": 0.5, "h-flip": 0.1, "v-flip": 0.1, "90°": 0.1, "180°": 0.1, "270°": 0.1},
    "published": {"as it is": 0.5, "h-flip": 0.1, "v-flip": 0.1, "180°": 0.3},
    "dihedral": dict.fromkeys(SYMMETRIES, 1 / 8),
}
"""Probability of each symmetry: the paper's choice (weights .2/.2/.6, applied with p = .5), the same as the authors'
code does it, where 90°, 180° and 270° follow one another and make 180°, and all eight alike."""


@dataclass(frozen=True)
class Views:
    """Settings of the pipeline that makes a view of a sample.

    `low_pass`: probability of the Solarized Low-Pass, with its `threshold` and `variant`; `positional`: a key of
    POSITIONAL; `erasing`: "paper" or "none"; `extra`: keys of EXTRAS, each of which meets a sample with probability
    `extra_probability`. Raises `SqError` for names that are unknown, and numbers out of range.
    """

    low_pass: float = 0.5
    threshold: int = 50
    variant: str = "symmetric"
    positional: str = "turns"
    erasing: str = "paper"
    extra: tuple[str, ...] = ()
    extra_probability: float = 0.5

    def __post_init__(self):
        extra = (self.extra,) if isinstance(self.extra, str) else tuple(self.extra)  # JSON has lists
        object.__setattr__(self, "extra", extra)
        check(self.threshold, self.variant)
        known("positional augmentation", self.positional, POSITIONAL)
        known("erasing", self.erasing, ("paper", "none"))
        for name in extra:
            known("extra augmentation", name, EXTRAS)
        for name, value in (("low_pass", self.low_pass), ("extra_probability", self.extra_probability)):
            if not 0 <= value <= 1:
                raise SqError(f"{name}={value}: a probability lies in 0…1")


class Draws(NamedTuple):
    """What chance decided for B samples.

    `low_pass`: bool (B,). `symmetry`: int64 (B,), numbers of SYMMETRIES. `boxes`: int64 (B, R, 4), top, left, bottom
    and right of what is erased, of no height where nothing is.
    """

    low_pass: torch.Tensor
    symmetry: torch.Tensor
    boxes: torch.Tensor


def augment(batch: torch.Tensor, views: Views, generator: torch.Generator,
            filtered: torch.Tensor | None = None) -> torch.Tensor:
    """One view of each sample, in the paper's order: Solarized Low-Pass, a positional choice, Random Erasing; extras.

    `batch`: uint8 (B, C, H, W), unchanged; the result is of its shape and type, on its device, where `generator` must
    be. `filtered`: bool (B,) of `decide_low_pass`, where the batch was gathered from frames low-passed beforehand: that
    step is left out then. Either way the same seed draws the same.
    Raises `SqError` for other types and shapes, and for quarter turns of frames that are not square.
    """
    check_counts(batch)
    if batch.ndim != 4:
        raise SqError(f"a batch is (B, C, H, W), not {tuple(batch.shape)}")
    if generator.device.type != batch.device.type:
        raise SqError(f"the generator is on {generator.device}, the batch on {batch.device}: make one on its device")
    low_passed = decide_low_pass(len(batch), views, generator) if filtered is None else filtered
    drawn = draw(low_passed, batch.shape[-2:], views, generator)
    batch = apply(batch, drawn, views, already_filtered=filtered is not None)
    for name in views.extra:
        met = chance(len(batch), views.extra_probability, generator)
        if not by_sample(batch):
            changed = EXTRAS[name](batch, generator)
            batch = changed if views.extra_probability == 1 else torch.where(met[:, None, None, None], changed, batch)
        elif len(chosen := met.nonzero()[:, 0]):  # whole samples are copied: a twentieth of the time of masks
            changed = EXTRAS[name](batch.index_select(0, chosen), generator)
            batch = changed if len(chosen) == len(batch) else batch.index_copy(0, chosen, changed)
    return batch


def decide_low_pass(count: int, views: Views, generator: torch.Generator) -> torch.Tensor:
    """bool (count,): the samples to be low-passed. Drawn before all else, so that frames can be gathered by it."""
    return chance(count, views.low_pass, generator)


def draw(low_passed: torch.Tensor, shape: tuple[int, int], views: Views, generator: torch.Generator) -> Draws:
    """The other decisions for samples of frames `shape` (H, W), of which `low_passed` (B,) are low-passed."""
    symmetry = draw_symmetry(len(low_passed), views.positional, generator)
    rectangles = RECTANGLES if views.erasing == "paper" else ()
    return Draws(low_passed, symmetry, draw_boxes(len(low_passed), shape, generator, rectangles))


def apply(batch: torch.Tensor, draws: Draws, views: Views, already_filtered: bool = False) -> torch.Tensor:
    """A new batch: `draws` carried out on `batch` (B, C, H, W), as many samples at a time as a cache holds."""
    done = torch.empty_like(batch)
    parts = (each.split(at_a_time(batch)) for each in (batch, *draws, done))
    for part, low_passed, symmetry, boxes, result in zip(*parts):
        if views.low_pass > 0 and not already_filtered:
            part = part.clone()
            part[low_passed] = solarized_low_pass(part[low_passed], views.threshold, views.variant)
        erase(turn(part, symmetry, result), boxes)
    return done


def positional(batch: torch.Tensor, kind: str, generator: torch.Generator) -> torch.Tensor:
    """Each sample in one of a square's symmetries, by the odds of POSITIONAL[kind] (Appendix C.1)."""
    return turn(batch, draw_symmetry(len(batch), kind, generator))


def draw_symmetry(count: int, kind: str, generator: torch.Generator) -> torch.Tensor:
    """int64 (count,): numbers of SYMMETRIES by the probabilities of POSITIONAL[kind]; `SqError` for an unknown kind."""
    known("positional augmentation", kind, POSITIONAL)
    odds = tuple(POSITIONAL[kind].get(name, 0.0) for name in SYMMETRIES)
    # in double precision: a sum that falls short of 1 by a single's rounding would now and then give what has no odds
    bounds = constant(odds, generator.device).cumsum(0)[:-1]
    return torch.bucketize(uniform((count,), generator).double(), bounds, right=True)


def turn(batch: torch.Tensor, symmetry: torch.Tensor, out: torch.Tensor | None = None) -> torch.Tensor:
    """A new batch (or `out`, written over), each sample in its symmetry (B,).

    Raises `SqError` for quarter turns of frames not square.
    """
    height, width = batch.shape[-2:]
    if height != width and bool((symmetry >= 4).any()):
        raise SqError(f"a quarter turn needs square frames, not {height} × {width}: take 'published' or 'none'")
    turned = torch.empty_like(batch) if out is None else out
    if not by_sample(batch):
        bits = [(symmetry & bit).bool()[:, None, None, None] for bit in (4, 2, 1)]
        once = torch.where(bits[0], batch.mT, batch) if height == width else batch
        twice = torch.where(bits[1], once.flip(-2), once)
        return turned.copy_(torch.where(bits[2], twice.flip(-1), twice))
    for sample, image, number in zip(batch, turned, symmetry.tolist()):
        own = sample.mT if number & 4 else sample
        axes = [axis for axis, bit in ((-2, 2), (-1, 1)) if number & bit]
        image.copy_(own.flip(axes) if axes else own)
    return turned


def random_erasing(batch: torch.Tensor, generator: torch.Generator, rectangles: tuple = RECTANGLES,
                   fill: int = 100) -> torch.Tensor:
    """Each sample with each rectangle (probability, least and largest share) erased or not (Section 3.2 iii)."""
    return erase(batch.clone(), draw_boxes(len(batch), batch.shape[-2:], generator, rectangles), fill)


def draw_boxes(count: int, shape: tuple[int, int], generator: torch.Generator,
               rectangles: tuple = RECTANGLES) -> torch.Tensor:
    """int64 (count, R, 4): top, left, bottom, right of rectangles in frames (H, W), as torchvision's RandomErasing's.

    One that is not drawn has no height, and so has one that does not fit a long frame (torchvision draws that anew).
    """
    height, width = shape
    probability, least, largest = constant(rectangles, generator.device).float().reshape(-1, 3).T
    met, size, ratio, down, across = uniform((5, count, len(rectangles)), generator)
    area = height * width * torch.lerp(least, largest, size)
    aspect = torch.exp(math.log(ASPECTS[0]) + math.log(ASPECTS[1] / ASPECTS[0]) * ratio)
    tall, wide = (area * aspect).sqrt().round(), (area / aspect).sqrt().round()
    tall = tall * ((met < probability) & (tall < height) & (wide < width))
    top, left = (down * (height - tall + 1)).floor(), (across * (width - wide + 1)).floor()
    return torch.stack([top, left, top + tall, left + wide], dim=-1).long()


def erase(batch: torch.Tensor, boxes: torch.Tensor, fill: int = 100) -> torch.Tensor:
    """`batch` with the boxes (B, R, 4) of each sample filled in all its channels, in place."""
    if not boxes.shape[1]:
        return batch
    if by_sample(batch):  # few boxes are drawn: these, one by one
        drawn = boxes[..., 2] > boxes[..., 0]
        for sample, (top, left, bottom, right) in zip(drawn.nonzero()[:, 0].tolist(), boxes[drawn].tolist()):
            batch[sample, :, top:bottom, left:right] = fill
        return batch
    top, left, bottom, right = boxes.unsqueeze(-1).unbind(2)
    row, column = (torch.arange(size, device=batch.device) for size in batch.shape[-2:])
    rows, columns = ((row >= top) & (row < bottom)).float(), ((column >= left) & (column < right)).float()
    covered = (rows.mT @ columns).to(torch.int32).to(torch.uint8).clamp_(max=1).unsqueeze(1)
    return batch.mul_(1 - covered).add_(fill * covered)  # arithmetic on uint8 is fast, masks are not


def chance(count: int, probability: float, generator: torch.Generator) -> torch.Tensor:
    """bool (count,), each true with `probability`, on the generator's device."""
    return uniform((count,), generator) < probability


@cache
def constant(values: tuple, device: torch.device) -> torch.Tensor:
    """Numbers as a float64 tensor, taken to the device once: a copy to a GPU makes the host wait."""
    return torch.tensor(values, dtype=torch.float64, device=device)


def known(what: str, name: str, names) -> None:
    """Raise `SqError` where `name` is not among `names`."""
    if name not in names:
        raise SqError(f"{what} {name!r} is unknown: {', '.join(names)}")
