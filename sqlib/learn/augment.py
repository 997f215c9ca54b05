"""Augmentations of a batch on its device: every sample decides for itself, by an explicit generator (Section 3.2, App. C).

A batch is uint8 (B, C, H, W), its channels being frames in time order, which no augmentation of ours mixes.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch.nn.functional import affine_grid, grid_sample
from torchvision.transforms import v2
from torchvision.transforms.v2 import functional as tv

from sqlib.errors import SqError
from sqlib.learn.lowpass import at_a_time, check, check_counts, solarized_low_pass

RECTANGLES = tuple(two for two in ((0.05, 0.04, 0.05), (0.1, 0.03, 0.04), (0.2, 0.02, 0.03), (0.5, 0.01, 0.02)) for _ in "ab")
"""Random Erasing's rectangles: probability, least and largest share of the frame's area (eight calls in the authors' code)."""
ASPECTS = (0.2, 0.6)
"""Height over width of an erased rectangle, drawn uniformly in its logarithm."""

# the symmetries of a square are numbered 4·transpose + 2·upside down + mirrored, in this order of application
SYMMETRIES = {"as it is": 0, "h-flip": 1, "v-flip": 2, "180°": 3, "transpose": 4, "270°": 5, "90°": 6, "other transpose": 7}
POSITIONAL = {
    "none": {"as it is": 1.0},
    "turns": {"as it is": 0.5, "h-flip": 0.1, "v-flip": 0.1, "90°": 0.1, "180°": 0.1, "270°": 0.1},
    "published": {"as it is": 0.5, "h-flip": 0.1, "v-flip": 0.1, "180°": 0.3},
    "dihedral": dict.fromkeys(SYMMETRIES, 1 / 8),
}
"""Probability of each symmetry: the paper's choice (weights .2/.2/.6, applied with p = .5), the same as the authors' code
does it, where 90°, 180° and 270° follow one another and make 180°, and all eight alike."""


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
        object.__setattr__(self, "extra", (self.extra,) if isinstance(self.extra, str) else tuple(self.extra))  # JSON has lists
        check(self.threshold, self.variant)
        known("positional augmentation", self.positional, POSITIONAL)
        known("erasing", self.erasing, ("paper", "none"))
        for name in self.extra:
            known("extra augmentation", name, EXTRAS)
        for name in ("low_pass", "extra_probability"):
            if not 0 <= getattr(self, name) <= 1:
                raise SqError(f"{name}={getattr(self, name)}: a probability lies in 0…1")


@dataclass(frozen=True, eq=False)
class Draws:
    """What chance decided for B samples.

    `low_pass`: bool (B,). `symmetry`: int64 (B,), numbers of SYMMETRIES. `boxes`: int64 (B, R, 4), top, left, bottom and
    right of what is erased, of no height where nothing is.
    """

    low_pass: torch.Tensor
    symmetry: torch.Tensor
    boxes: torch.Tensor


def augment(
    batch: torch.Tensor, views: Views, generator: torch.Generator, filtered: torch.Tensor | None = None
) -> torch.Tensor:
    """One view of each sample, in the paper's order: Solarized Low-Pass, a positional choice, Random Erasing, then extras.

    `batch`: uint8 (B, C, H, W), unchanged; the result is of its shape and type, on its device, where `generator` must
    be. `filtered`: bool (B,) of `decide_low_pass`, where the batch was gathered from frames low-passed beforehand: that
    step is left out then. Either way the same seed draws the same.
    Raises `SqError` for other types and shapes, and for quarter turns of frames that are not square.
    """
    check_counts(batch)
    if batch.ndim != 4:
        raise SqError(f"a batch is (B, C, H, W), not {tuple(batch.shape)}")
    if generator.device.type != batch.device.type:
        raise SqError(f"the generator is on {generator.device}, the batch on {batch.device}: make one on the batch's device")
    low_passed = decide_low_pass(len(batch), views, generator) if filtered is None else filtered
    drawn = draw(low_passed, batch.shape[-2:], views, generator)
    batch = apply(batch, drawn, views, already_filtered=filtered is not None)
    for name in views.extra:
        chosen = chance(len(batch), views.extra_probability, generator).nonzero()[:, 0]
        if len(chosen):  # whole samples are copied, which masks do not do: a twentieth of the time
            changed = EXTRAS[name](batch.index_select(0, chosen), generator)
            batch = changed if len(chosen) == len(batch) else batch.index_copy(0, chosen, changed)
    return batch


def decide_low_pass(count: int, views: Views, generator: torch.Generator, device=None) -> torch.Tensor:
    """bool (count,): the samples that are to be low-passed. Drawn before all else, so that frames can be gathered by it."""
    return chance(count, views.low_pass, generator, device)


def draw(low_passed: torch.Tensor, shape: tuple[int, int], views: Views, generator: torch.Generator) -> Draws:
    """The other decisions for samples of frames `shape` (H, W), of which `low_passed` (B,) are low-passed."""
    rectangles = RECTANGLES if views.erasing == "paper" else ()
    count = len(low_passed)
    symmetry = draw_symmetry(count, views.positional, generator)
    return Draws(low_passed, symmetry, draw_boxes(count, shape, generator, rectangles))


def apply(batch: torch.Tensor, draws: Draws, views: Views, already_filtered: bool = False) -> torch.Tensor:
    """A new batch: `draws` carried out on `batch` (B, C, H, W), some samples at a time, which a processor's cache holds."""
    done, step = torch.empty_like(batch), at_a_time(batch)
    parts = zip(*(each.split(step) for each in (batch, draws.low_pass, draws.symmetry, draws.boxes, done)))
    for part, low_passed, symmetry, boxes, result in parts:
        if views.low_pass > 0 and not already_filtered:
            part = filter_some(part, low_passed, views)
        erase(turn(part, symmetry, result), boxes)
    return done


def filter_some(batch: torch.Tensor, chosen: torch.Tensor, views: Views) -> torch.Tensor:
    """A new batch, of which the `chosen` (B,) are low-passed."""
    chosen = chosen.nonzero()[:, 0]
    filtered = solarized_low_pass(batch.index_select(0, chosen), views.threshold, views.variant)
    source = torch.arange(len(batch), device=batch.device)
    source[chosen] = len(batch) + torch.arange(len(chosen), device=batch.device)
    return torch.cat([batch, filtered]).index_select(0, source)  # copies whole samples, which batch[chosen] = … does not


def positional(batch: torch.Tensor, kind: str, generator: torch.Generator) -> torch.Tensor:
    """Each sample in one of a square's symmetries, by the probabilities of POSITIONAL[kind] (Appendix C.1)."""
    return turn(batch, draw_symmetry(len(batch), kind, generator))


def draw_symmetry(count: int, kind: str, generator: torch.Generator) -> torch.Tensor:
    """int64 (count,): numbers of SYMMETRIES by the probabilities of POSITIONAL[kind]; `SqError` for an unknown kind."""
    known("positional augmentation", kind, POSITIONAL)
    odds = [POSITIONAL[kind].get(name, 0.0) for name in SYMMETRIES]
    # in double precision: a sum that falls short of 1 by a single's rounding would now and then give what has no odds
    bounds = torch.tensor(odds, dtype=torch.float64, device=generator.device).cumsum(0)[:-1]
    return torch.bucketize(uniform((count,), generator).double(), bounds, right=True)


def turn(batch: torch.Tensor, symmetry: torch.Tensor, out: torch.Tensor | None = None) -> torch.Tensor:
    """A new batch (or `out`, written over), each sample (C, H, W) in its symmetry (B,).

    Raises `SqError` for quarter turns of frames not square.
    """
    order = symmetry.argsort()
    groups = order.split(torch.bincount(symmetry, minlength=len(SYMMETRIES)).tolist())  # the one wait for a GPU
    if batch.shape[-2] != batch.shape[-1] and any(len(group) for group in groups[4:]):
        raise SqError(f"a quarter turn needs square frames, not {batch.shape[-2]} × {batch.shape[-1]}: take 'published' or 'none'")
    turned = torch.empty_like(batch) if out is None else out
    for number, group in enumerate(groups):
        # a processor copies one sample after the other faster than it gathers and scatters them
        for part in (group.tolist() if batch.device.type == "cpu" else [group]) if len(group) else []:
            own = batch[part].transpose(-1, -2) if number & 4 else batch[part]
            axes = [axis for axis, bit in ((-2, 2), (-1, 1)) if number & bit]
            turned[part] = own.flip(axes) if axes else own
    return turned


def random_erasing(
    batch: torch.Tensor, generator: torch.Generator, rectangles: tuple = RECTANGLES, fill: int = 100
) -> torch.Tensor:
    """Each sample with each rectangle (probability, least and largest share of the area) erased or not (Section 3.2 iii)."""
    return erase(batch.clone(), draw_boxes(len(batch), batch.shape[-2:], generator, rectangles), fill)


def draw_boxes(count: int, shape: tuple[int, int], generator: torch.Generator, rectangles: tuple = RECTANGLES) -> torch.Tensor:
    """int64 (count, R, 4): top, left, bottom, right of rectangles in frames (H, W), sized as torchvision's RandomErasing.

    One that is not drawn has no height, and so has one that does not fit a long frame (torchvision draws that anew).
    """
    height, width = shape
    probability, least, largest = torch.tensor(rectangles, device=generator.device).reshape(-1, 3).T
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
    if batch.device.type == "cpu":  # few boxes are drawn: a processor does best with these, one by one
        drawn = boxes[..., 2] > boxes[..., 0]
        for sample, (top, left, bottom, right) in zip(drawn.nonzero()[:, 0].tolist(), boxes[drawn].tolist()):
            batch[sample, :, top:bottom, left:right] = fill
        return batch
    top, left, bottom, right = boxes.unsqueeze(-1).unbind(2)
    row, column = (torch.arange(size, device=batch.device) for size in batch.shape[-2:])
    rows, columns = ((row >= top) & (row < bottom)).float(), ((column >= left) & (column < right)).float()
    covered = (rows.mT @ columns).to(torch.int32).to(torch.uint8).clamp_(max=1).unsqueeze(1)
    return batch.mul_(1 - covered).add_(fill * covered)  # arithmetic on uint8 is fast, masks and float -> uint8 are not


# What the paper tried and dropped: (part (n, C, H, W), generator) -> part, for the samples that chance chose.


def crop(part: torch.Tensor, generator: torch.Generator) -> torch.Tensor:
    """A piece of each sample, of a fifth to all of its area and sides as 3:4 to 4:3, blown up to the sample's size (App. C.1)."""
    area, ratio, down, across = uniform((4, len(part)), generator)
    aspect = torch.exp(math.log(4 / 3) * (2 * ratio - 1))
    area = 0.2 + 0.8 * area
    tall, wide = (area * aspect).sqrt().clamp(max=1), (area / aspect).sqrt().clamp(max=1)
    none = torch.zeros_like(area)
    map_ = torch.stack([wide, none, (2 * across - 1) * (1 - wide), none, tall, (2 * down - 1) * (1 - tall)], 1).reshape(-1, 2, 3)
    grid = affine_grid(map_, list(part.shape), align_corners=False)
    return grid_sample(part.float(), grid, padding_mode="border", align_corners=False).round().to(torch.uint8)


def shift(part: torch.Tensor, generator: torch.Generator, reach: float = 1 / 8) -> torch.Tensor:
    """Each sample moved by up to `reach` of its side on both axes, what leaves on one side coming in on the other.

    A translation, which the paper avoids (Appendix C.1). Unlike a crop it keeps every source whole and as sharp as it was.
    """
    count, channels, height, width = part.shape
    sides = torch.tensor([[[height]], [[width]]], device=part.device)
    down, across = ((2 * uniform((2, count, 1), generator) - 1) * reach * sides).round().long()
    if part.device.type == "cpu":  # a processor moves one sample after the other faster than it gathers pixels
        return torch.stack([one.roll((-y, -x), (-2, -1)) for one, y, x in zip(part, down[:, 0].tolist(), across[:, 0].tolist())])
    rows = (torch.arange(height, device=part.device) + down) % height
    columns = (torch.arange(width, device=part.device) + across) % width
    sample, channel = (torch.arange(n, device=part.device) for n in (count, channels))
    return part[sample[:, None, None, None], channel[:, None, None], rows[:, None, :, None], columns[:, None, None, :]]


def gaussian_blur(part: torch.Tensor, generator: torch.Generator) -> torch.Tensor:
    """A blur of 0.1 to 2 pixels, one for all, within a kernel of a tenth of the side (SimCLR's; Appendix C.2)."""
    sigma = 0.1 + 1.9 * float(uniform((), generator))
    return tv.gaussian_blur(part, [max(3, part.shape[-1] // 10 | 1)] * 2, [sigma] * 2)


def jitter(part: torch.Tensor, generator: torch.Generator, strength: float = 0.4) -> torch.Tensor:
    """Brightness and contrast of each sample times 1 ± `strength` (Appendix C.5)."""
    brightness, contrast = 1 + strength * (2 * uniform((2, len(part), 1, 1, 1), generator) - 1)
    values = (part * brightness).clamp(0, 255)
    mean = values.mean((1, 2, 3), keepdim=True)
    return (mean + contrast * (values - mean)).clamp(0, 255).round().to(torch.uint8)


def auto_augment(part: torch.Tensor, generator: torch.Generator, policy: v2.AutoAugmentPolicy) -> torch.Tensor:
    """One of torchvision's learned sub-policies for each sample (Appendix C.4); mixes channels. `SqError` for other than 1 or 3."""
    if part.shape[1] not in (1, 3):
        raise SqError(f"AutoAugment's policies are made for 1 or 3 channels, not {part.shape[1]}: take a window of 1 or 3 frames")
    seed = int(torch.randint(2**62, (), generator=generator, device=generator.device))
    transform = v2.AutoAugment(policy)
    with torch.random.fork_rng(devices=[]):  # the transform draws from the CPU's default generator
        torch.default_generator.manual_seed(seed)
        return torch.stack([transform(sample) for sample in part])


def by_channel(change: Callable) -> Callable:
    """An extra that treats each channel as a picture of one colour: torchvision's functions want 1 or 3 channels."""
    return lambda part, generator: change(part.reshape(-1, 1, *part.shape[-2:])).reshape(part.shape)


EXTRAS: dict[str, Callable] = {
    "crop": crop,
    "shift": shift,
    "gaussian_blur": gaussian_blur,
    "jitter": jitter,
    "sharpness": by_channel(lambda part: tv.adjust_sharpness(part, 2.0)),
    "posterize": by_channel(lambda part: tv.posterize(part, 4)),
    "solarize": by_channel(lambda part: tv.solarize(part, 128)),
    "auto_contrast": by_channel(tv.autocontrast),
    "invert": by_channel(tv.invert),
    "auto_augment_imagenet": lambda part, generator: auto_augment(part, generator, v2.AutoAugmentPolicy.IMAGENET),
    "auto_augment_cifar10": lambda part, generator: auto_augment(part, generator, v2.AutoAugmentPolicy.CIFAR10),
}
"""The augmentations that the paper tried and dropped, and shifts, which it avoids, by name."""


def chance(count: int, probability: float, generator: torch.Generator, device=None) -> torch.Tensor:
    """bool (count,), each true with `probability`, on `device` (the generator's where not given)."""
    return (uniform((count,), generator) < probability).to(device or generator.device)


def uniform(shape: tuple[int, ...], generator: torch.Generator) -> torch.Tensor:
    """float32 in 0…1 (1 excluded), on the generator's device."""
    return torch.rand(shape, generator=generator, device=generator.device)


def known(what: str, name: str, names) -> None:
    """Raise `SqError` where `name` is not among `names`."""
    if name not in names:
        raise SqError(f"{what} {name!r} is unknown: {', '.join(names)}")
