"""Augmentations that the paper tried and dropped (Appendix C), and shifts, which it avoids.

Each takes the samples that chance chose, uint8 (n, C, H, W), and a generator, and returns them changed.
"""

import math
from collections.abc import Callable

import torch
from torch.nn.functional import affine_grid, conv2d, grid_sample, pad
from torchvision.transforms import v2
from torchvision.transforms.v2 import functional as tv

from sqlib.errors import SqError


def by_sample(batch: torch.Tensor) -> bool:
    """Whether samples are taken one after the other, as a processor does best, or all at once without a wait."""
    return batch.device.type == "cpu"


def uniform(shape: tuple[int, ...], generator: torch.Generator) -> torch.Tensor:
    """float32 in 0…1 (1 excluded), on the generator's device."""
    return torch.rand(shape, generator=generator, device=generator.device)


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
