"""Gray levels that a network is shown: as the paper has them, or as logarithms of power over what surrounds it.

A source of a sunquake is no brighter than the speckle of the quiet Sun: it stands out from its own dark surroundings
(`sqlib.data.statistics`). Logarithms give speckle the same strength everywhere.
"""

import math

import torch
from torch import Tensor
from torch.nn import functional as F

LEVELS = {"gray": 1, "logarithm": 1, "relative": 2}  # pictures that are made of a frame
LEAST, STEPS = 0.1, 40.0  # what is added before the logarithm; gray levels to a factor of e
ONE = round(STEPS * math.log((1 + LEAST) / LEAST))  # gray level of power that equals what it is compared with
AROUND, COARSE, FRAMES = 5.0, 4, 41  # sigma in pixels, what it is computed on (px), and frames of the surroundings


def running_mean(frames: Tensor, count: int) -> Tensor:
    """Mean of `count` (odd) frames about each of float32 (T, H, W), the first and the last being repeated."""
    if count == 1:
        return frames
    reach = count // 2
    longer = torch.cat([frames[:1].expand(reach, -1, -1), frames, frames[-1:].expand(reach, -1, -1)])
    total = F.pad(longer.cumsum(0), (0, 0, 0, 0, 1, 0))
    return (total[count:] - total[:-count]) / count


def surroundings(power: Tensor, around: float = AROUND, frames: int = FRAMES) -> Tensor:
    """Local level of power float32 (T, H, W): a Gaussian of sigma `around` px, over `frames` frames. Computed on means
    of `COARSE` x `COARSE` pixels, for it is smooth."""
    size = power.shape[-2:]
    coarse = running_mean(F.avg_pool2d(power[:, None], COARSE, ceil_mode=True, count_include_pad=False)[:, 0], frames)
    sigma = around / COARSE
    reach = min(math.ceil(3 * sigma), min(coarse.shape[-2:]) - 1)
    line = torch.exp(-0.5 * (torch.arange(-reach, reach + 1, device=power.device) / sigma) ** 2)
    line /= line.sum()
    smooth = F.pad(coarse[:, None], [reach] * 4, mode="reflect") if reach else coarse[:, None]
    smooth = F.conv2d(F.conv2d(smooth, line[None, None, :, None]), line[None, None, None])
    grown = [COARSE * n for n in coarse.shape[-2:]]
    return F.interpolate(smooth, size=grown, mode="bilinear")[:, 0, : size[0], : size[1]]


def in_gray(ratio: Tensor) -> Tensor:
    """uint8 levels of a ratio of powers: `STEPS` of them to a factor of e, `ONE` where both are equal."""
    return ((ratio + LEAST) / LEAST).log_().mul_(STEPS).round_().clamp_(0, 255).to(torch.uint8)


def pictures(frames: Tensor, levels: str, spacing: int = 1) -> Tensor:
    """What a network sees of the frames of one event, uint8 (T, H, W): uint8 (`LEVELS`[levels], T, H, W).

    "gray": the frames, each the mean of `spacing` (odd) about it. "logarithm": power, so averaged, over the mean of its
    frame, by `in_gray`. "relative": this, and power over its surroundings by `in_gray`. Neighbours in time are those
    that the frames have as they stand.
    """
    power = frames.float()
    if levels == "gray":
        return (frames if spacing == 1 else running_mean(power, spacing).round_().to(torch.uint8))[None]
    power = power / power.mean((1, 2), keepdim=True).clamp_min(1e-3)
    if levels == "logarithm":
        return in_gray(running_mean(power, spacing))[None]
    around, power = surroundings(power).clamp_min(0.02), running_mean(power, spacing)
    return torch.stack([in_gray(power), in_gray(power / around)])
