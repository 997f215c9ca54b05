"""Gray levels that a network is shown: as the paper has them, or as logarithms of power over what surrounds it.

A source of a sunquake is no brighter than the speckle of the quiet Sun: it stands out from its own dark surroundings
(`sqlib.data.statistics`). Logarithms give speckle the same strength everywhere.
"""

import math

import torch
from torch import Tensor
from torch.nn import functional as F

LEVELS = {"gray": 1, "logarithm": 1, "relative": 2, "region": 2}  # pictures that are made of a frame
LEAST, STEPS = 0.1, 40.0  # what is added before the logarithm; gray levels to a factor of e
ONE = round(STEPS * math.log((1 + LEAST) / LEAST))  # gray level of power that equals what it is compared with
AROUND, COARSE, FRAMES = 5.0, 4, 41  # sigma in pixels, what it is computed on (px), and frames of the surroundings
NEEDED = 24  # px: three sigmas, rounded up to COARSE, and what the interpolation reads
SHADOW, RIM = 0.75, 6  # share of the quiet Sun's power below which it is a region's shadow; px kept around one


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


def region(power: Tensor) -> Tensor:
    """bool (H, W): the shadow of the active region in power float32 (T, H, W) of one event, and `RIM` px around it.

    There the mean of all frames, smoothed as `surroundings` does, is below `SHADOW` of the quiet Sun's, its 90th
    percentile. A source, which shines in few of the frames, leaves hardly a trace in it.
    """
    smooth = surroundings(power.mean(0, keepdim=True), frames=1)
    dark = (smooth < SHADOW * torch.quantile(smooth.flatten(), 0.9)).float()
    return F.max_pool2d(dark, 2 * RIM + 1, 1, RIM)[0] > 0


def in_gray(ratio: Tensor) -> Tensor:
    """uint8 levels of a ratio of powers: `STEPS` of them to a factor of e, `ONE` where both are equal."""
    return ((ratio + LEAST) / LEAST).log_().mul_(STEPS).round_().clamp_(0, 255).to(torch.uint8)


def pictures(frames: Tensor, levels: str, spacing: int = 1, inner: slice = slice(None)) -> Tensor:
    """What a network sees of the frames of one event, uint8 (T, H, W), in the `inner` rows and columns of them: uint8
    (`LEVELS`[levels], T, h, w).

    "gray": the frames, each the mean of `spacing` (odd) about it. "logarithm": power, so averaged, over the mean of its
    frame, by `in_gray`. "relative": this, and power over its surroundings by `in_gray`. Neighbours in time are those
    that the frames have as they stand. "region": as "relative", and outside of the `region` all is `ONE`: as bright as
    the mean of the frame, and as its surroundings.
    """
    if levels == "gray":
        seen = frames[:, inner, inner]
        return (seen if spacing == 1 else running_mean(seen.float(), spacing).round_().to(torch.uint8))[None]
    level = torch.stack([frame.float().mean() for frame in frames])[:, None, None].clamp_min(1e-3)
    begin, end, _ = inner.indices(frames.shape[-1])
    if levels != "region":  # what lies farther off than the surroundings reach is not needed
        wide = slice(max(0, begin // COARSE * COARSE - NEEDED), end + NEEDED)
        frames, inner = frames[:, wide, wide], slice(begin - wide.start, end - wide.start)
    power = frames.float() / level
    if levels == "logarithm":
        return in_gray(running_mean(power[:, inner, inner], spacing))[None]
    around, shadow = surroundings(power).clamp_min(0.02), levels == "region" and region(power)
    power, around = running_mean(power[:, inner, inner], spacing), around[:, inner, inner]
    both = torch.stack([in_gray(power), in_gray(power / around)])
    return both if shadow is False else both.masked_fill_(~shadow[inner, inner], ONE)
