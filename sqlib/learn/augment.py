"""Augmentations of a batch on its device: each sample has draws of its own, by an explicit generator (Section 3.2).

A batch is uint8 (B, C, H, W), its channels being frames in time order, which no augmentation of ours mixes. It is taken
as a whole, so that a GPU does not make the host wait; AutoAugment and the Gaussian blur do, which are torchvision's and
take numbers of the host.
"""

import math
from collections.abc import Callable
from functools import cache

import torch
from torch.nn.functional import affine_grid, grid_sample
from torchvision.transforms import v2
from torchvision.transforms.v2 import functional as tv

from sqlib.errors import SqError
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


def augment(batch: torch.Tensor, views: Views, generator: torch.Generator) -> torch.Tensor:
    """One view of each sample, in the paper's order: a positional choice, Random Erasing; then the extras.

    `batch`: uint8 (B, C, H, W), unchanged, gathered with some of its samples low-passed (by `chance`, drawn before
    all else); the result is of its shape and type, on its device, where `generator` must be.
    Raises `SqError` for quarter turns of frames that are not square.
    """
    symmetry = draw_symmetry(len(batch), views.positional, generator)
    boxes = draw_boxes(len(batch), batch.shape[-2:], generator, () if views.erasing == "none" else RECTANGLES)
    batch = turn(batch, symmetry)
    # erased with its mean, a rectangle is no brighter than what is round it
    mean = batch.float().mean((1, 2, 3), keepdim=True).round().to(torch.uint8) if views.erasing == "mean" else 100
    batch = erase(batch, boxes, mean)
    for name in views.extra:
        met = chance(len(batch), views.extra_probability, generator)
        changed = EXTRAS[name](batch, generator)
        batch = changed if views.extra_probability == 1 else chosen(met, changed, batch)
    return batch


def draw_symmetry(count: int, kind: str, generator: torch.Generator) -> torch.Tensor:
    """int64 (count,): numbers of SYMMETRIES by the probabilities of POSITIONAL[kind] (Appendix C.1)."""
    odds = tuple(POSITIONAL[kind].get(name, 0.0) for name in SYMMETRIES)
    # in double precision: a sum that falls short of 1 by a single's rounding would now and then give what has no odds
    bounds = constant(odds, generator.device).cumsum(0)[:-1]
    return torch.bucketize(uniform((count,), generator).double(), bounds, right=True)


def turn(batch: torch.Tensor, symmetry: torch.Tensor) -> torch.Tensor:
    """A new batch, each sample in its symmetry (B,). Raises `SqError` for quarter turns of frames not square."""
    height, width = batch.shape[-2:]
    if height == width:
        batch = chosen(symmetry & 4 > 0, batch.mT, batch)
    elif bool((symmetry >= 4).any()):
        raise SqError(f"a quarter turn needs square frames, not {height} × {width}: take 'published' or 'none'")
    batch = chosen(symmetry & 2 > 0, batch.flip(-2), batch)
    return chosen(symmetry & 1 > 0, batch.flip(-1), batch)


def chosen(met: torch.Tensor, changed: torch.Tensor | int, batch: torch.Tensor) -> torch.Tensor:
    """`changed` where `met`, bool (B,) or (B, H, W), and `batch`, of uint8 or truths, elsewhere. As bits they are
    exchanged in a third of the time that `torch.where` takes on a processor."""
    met = met.reshape(len(met), 1, *(met.shape[1:] or (1, 1))).to(batch.dtype)
    return (batch ^ changed).mul_(met).bitwise_xor_(batch)


def random_erasing(batch: torch.Tensor, generator: torch.Generator, rectangles: tuple = RECTANGLES,
                   fill: int = 100) -> torch.Tensor:
    """Each sample with each rectangle (probability, least and largest share) erased or not (Section 3.2 iii)."""
    return erase(batch, draw_boxes(len(batch), batch.shape[-2:], generator, rectangles), fill)


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


def erase(batch: torch.Tensor, boxes: torch.Tensor, fill: int | torch.Tensor = 100) -> torch.Tensor:
    """`batch` with the boxes (B, R, 4) of each sample filled in all its channels; `fill`: one gray level, or uint8
    (B, 1, 1, 1), one of each sample."""
    top, left, bottom, right = boxes.unsqueeze(-1).unbind(2)
    row, column = (torch.arange(size, device=batch.device) for size in batch.shape[-2:])
    rows, columns = ((row >= top) & (row < bottom)).float(), ((column >= left) & (column < right)).float()
    return chosen(rows.mT @ columns > 0, fill, batch)


def chance(count: int, probability: float, generator: torch.Generator) -> torch.Tensor:
    """bool (count,), each true with `probability`, on the generator's device."""
    return uniform((count,), generator) < probability


@cache
def constant(values: tuple, device: torch.device) -> torch.Tensor:
    """Numbers as a float64 tensor, taken to the device once: a copy to a GPU makes the host wait."""
    return torch.tensor(values, dtype=torch.float64, device=device)


def uniform(shape: tuple[int, ...], generator: torch.Generator) -> torch.Tensor:
    """float32 in 0…1 (1 excluded), on the generator's device."""
    return torch.rand(shape, generator=generator, device=generator.device)


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
    sides = part.shape[2:]
    shares = (2 * uniform((2, len(part), 1), generator) - 1) * reach
    rows, columns = ((torch.arange(side, device=part.device) + (share * side).round().long()) % side
                     for share, side in zip(shares, sides))
    return part.take_along_dim(rows[:, None, :, None], 2).take_along_dim(columns[:, None, None], 3)


def gaussian_blur(part: torch.Tensor, generator: torch.Generator) -> torch.Tensor:
    """A blur of 0.1 to 2 pixels, one for all, within a kernel of a tenth of the side (SimCLR's; Appendix C.2)."""
    sigma, side = [0.1 + 1.9 * float(uniform((), generator))] * 2, max(3, part.shape[-1] // 10 | 1)
    rows = tv.gaussian_blur(part.float(), [side, 1], sigma)  # one direction after the other: a third of the time
    return tv.gaussian_blur(rows, [1, side], sigma).round_().to(torch.uint8)


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
