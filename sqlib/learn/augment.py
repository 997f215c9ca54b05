"""Augmentations of a batch on its device: each sample has draws of its own, by an explicit generator (Section 3.2).

A batch is uint8 (B, C, H, W), its channels being frames in time order, which no augmentation of ours mixes. A processor
does best with one sample after the other; a GPU takes the batch as a whole, and the host never waits for its answer
(AutoAugment excepted, which is torchvision's and decides on the host).
"""

import math
from collections.abc import Callable
from functools import cache
from typing import NamedTuple

import torch
from torch.nn.functional import affine_grid, conv2d, grid_sample, pad
from torchvision.transforms import v2
from torchvision.transforms.v2 import functional as tv

from sqlib.errors import SqError
from sqlib.learn.lowpass import at_a_time, check_counts, solarized_low_pass
from sqlib.learn.settings import Views

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
    rectangles = () if views.erasing == "none" else RECTANGLES
    return Draws(low_passed, symmetry, draw_boxes(len(low_passed), shape, generator, rectangles))


def apply(batch: torch.Tensor, draws: Draws, views: Views, already_filtered: bool = False) -> torch.Tensor:
    """A new batch: `draws` carried out on `batch` (B, C, H, W), as many samples at a time as a cache holds."""
    done = torch.empty_like(batch)
    parts = (each.split(at_a_time(batch)) for each in (batch, *draws, done))
    for part, low_passed, symmetry, boxes, result in zip(*parts):
        if views.low_pass > 0 and not already_filtered:
            part = part.clone()
            part[low_passed] = solarized_low_pass(part[low_passed], views.threshold, views.variant)
        turned = turn(part, symmetry, result)
        erase(turned, boxes, 100 if views.erasing == "paper" else gray_mean(turned))
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


def gray_mean(batch: torch.Tensor) -> torch.Tensor:
    """Mean gray level uint8 (B,) of each sample: erased with it, a rectangle is no brighter than what is round it."""
    return batch.float().mean((1, 2, 3)).round_().to(torch.uint8)


def erase(batch: torch.Tensor, boxes: torch.Tensor, fill: int | torch.Tensor = 100) -> torch.Tensor:
    """`batch` with the boxes (B, R, 4) of each sample filled in all its channels, in place; `fill`: one gray level, or
    uint8 (B,), one of each sample."""
    if not boxes.shape[1]:
        return batch
    if isinstance(fill, int):
        fill = torch.full((len(batch),), fill, dtype=torch.uint8, device=batch.device)
    if by_sample(batch):  # few boxes are drawn: these, one by one
        drawn = boxes[..., 2] > boxes[..., 0]
        for sample, (top, left, bottom, right) in zip(drawn.nonzero()[:, 0].tolist(), boxes[drawn].tolist()):
            batch[sample, :, top:bottom, left:right] = fill[sample]
        return batch
    top, left, bottom, right = boxes.unsqueeze(-1).unbind(2)
    row, column = (torch.arange(size, device=batch.device) for size in batch.shape[-2:])
    rows, columns = ((row >= top) & (row < bottom)).float(), ((column >= left) & (column < right)).float()
    covered = (rows.mT @ columns).to(torch.int32).to(torch.uint8).clamp_(max=1).unsqueeze(1)
    return batch.mul_(1 - covered).add_(fill[:, None, None, None] * covered)  # fast on uint8, as masks are not


def chance(count: int, probability: float, generator: torch.Generator) -> torch.Tensor:
    """bool (count,), each true with `probability`, on the generator's device."""
    return uniform((count,), generator) < probability


@cache
def constant(values: tuple, device: torch.device) -> torch.Tensor:
    """Numbers as a float64 tensor, taken to the device once: a copy to a GPU makes the host wait."""
    return torch.tensor(values, dtype=torch.float64, device=device)


def by_sample(batch: torch.Tensor) -> bool:
    """Whether samples are taken one after the other, as a processor does best, or all at once without a wait."""
    return batch.device.type == "cpu"


def uniform(shape: tuple[int, ...], generator: torch.Generator) -> torch.Tensor:
    """float32 in 0…1 (1 excluded), on the generator's device."""
    return torch.rand(shape, generator=generator, device=generator.device)


def known(what: str, name: str, names) -> None:
    """Raise `SqError` where `name` is not among `names`."""
    if name not in names:
        raise SqError(f"{what} {name!r} is unknown: {', '.join(names)}")


# the extras, which the paper tried and dropped (Appendix C), and shifts, which it avoids: each takes the samples that
# chance chose, uint8 (n, C, H, W), and a generator, and returns them changed


def crop(part: torch.Tensor, generator: torch.Generator) -> torch.Tensor:
    """A piece of each sample, of a fifth to all of its area, sides as 3:4 to 4:3, enlarged to its size (App. C.1)."""
    area, ratio, down, across = uniform((4, len(part)), generator)
    aspect = torch.exp(math.log(4 / 3) * (2 * ratio - 1))
    area = 0.2 + 0.8 * area
    tall, wide = (area * aspect).sqrt().clamp(max=1), (area / aspect).sqrt().clamp(max=1)
    none = torch.zeros_like(area)
    affine = [wide, none, (2 * across - 1) * (1 - wide), none, tall, (2 * down - 1) * (1 - tall)]
    grid = affine_grid(torch.stack(affine, 1).reshape(-1, 2, 3), list(part.shape), align_corners=False)
    return grid_sample(part.float(), grid, padding_mode="border", align_corners=False).round().to(torch.uint8)


def shift(part: torch.Tensor, generator: torch.Generator, reach: float = 1 / 8) -> torch.Tensor:
    """Each sample moved by up to `reach` of its side on both axes, what leaves on one side coming in on the other.

    A translation, which the paper avoids (Appendix C.1). Unlike a crop it keeps each source whole and as sharp.
    """
    count, channels, height, width = part.shape
    shares = (2 * uniform((2, count, 1), generator) - 1) * reach
    down, across = ((share * side).round().long() for share, side in zip(shares, (height, width)))
    if by_sample(part):
        steps = zip(part, down[:, 0].tolist(), across[:, 0].tolist())
        return torch.stack([one.roll((-y, -x), (-2, -1)) for one, y, x in steps])
    rows = (torch.arange(height, device=part.device) + down) % height
    columns = (torch.arange(width, device=part.device) + across) % width
    sample, channel = (torch.arange(n, device=part.device) for n in (count, channels))
    return part[sample[:, None, None, None], channel[:, None, None], rows[:, None, :, None], columns[:, None, None, :]]


def gaussian_blur(part: torch.Tensor, generator: torch.Generator) -> torch.Tensor:
    """A blur of 0.1 to 2 pixels, one for all, within a kernel of a tenth of the side (SimCLR's; Appendix C.2).

    torchvision's own, which takes the width of the Gaussian only as a number of the host.
    """
    sigma, side = 0.1 + 1.9 * uniform((), generator).double(), max(3, part.shape[-1] // 10 | 1)
    reach, end = side // 2, (side - 1) / (2 * math.sqrt(2))
    offsets = torch.linspace(-end, end, side, device=part.device)
    line = (offsets / sigma).square().neg().softmax(0)
    kernel = (line[:, None] * line).expand(part.shape[1], 1, side, side)
    blurred = conv2d(pad(part.float(), [reach] * 4, mode="reflect"), kernel, groups=part.shape[1])
    return blurred.round_().to(torch.uint8)


def jitter(part: torch.Tensor, generator: torch.Generator, strength: float = 0.4) -> torch.Tensor:
    """Brightness and contrast of each sample times 1 ± `strength` (Appendix C.5)."""
    brightness, contrast = 1 + strength * (2 * uniform((2, len(part), 1, 1, 1), generator) - 1)
    values = (part * brightness).clamp(0, 255)
    mean = values.mean((1, 2, 3), keepdim=True)
    return (mean + contrast * (values - mean)).clamp(0, 255).round().to(torch.uint8)


def auto_augment(part: torch.Tensor, generator: torch.Generator, policy: v2.AutoAugmentPolicy) -> torch.Tensor:
    """One of torchvision's learned sub-policies for each sample (Appendix C.4). `SqError` unless 1 or 3 channels."""
    if part.shape[1] not in (1, 3):
        raise SqError(f"AutoAugment's policies are made for 1 or 3 channels, not {part.shape[1]}: take window 1 or 3")
    seed = int(torch.randint(2**62, (), generator=generator, device=generator.device))
    transform = v2.AutoAugment(policy)
    with torch.random.fork_rng(devices=[]):  # the transform draws from the CPU's default generator
        torch.default_generator.manual_seed(seed)
        return torch.stack([transform(sample) for sample in part])


def by_channel(change: Callable) -> Callable:
    """An extra that treats each channel as a picture of one colour: torchvision's functions want 1 or 3 channels."""
    return lambda part, generator: change(part.reshape(-1, 1, *part.shape[-2:])).reshape(part.shape)


EXTRAS: dict[str, Callable] = {
    "crop": crop, "shift": shift, "gaussian_blur": gaussian_blur, "jitter": jitter,
    "sharpness": by_channel(lambda part: tv.adjust_sharpness(part, 2.0)),
    "posterize": by_channel(lambda part: tv.posterize(part, 4)),
    "solarize": by_channel(lambda part: tv.solarize(part, 128)),
    "auto_contrast": by_channel(tv.autocontrast),
    "invert": by_channel(tv.invert),
    "auto_augment_imagenet": lambda part, generator: auto_augment(part, generator, v2.AutoAugmentPolicy.IMAGENET),
    "auto_augment_cifar10": lambda part, generator: auto_augment(part, generator, v2.AutoAugmentPolicy.CIFAR10),
}
"""All of them by name."""
