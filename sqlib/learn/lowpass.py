"""Solarized Low-Pass: a frame's large scales only, with the bright ones inverted (Section 3.2 ii)."""

import math

import torch

BLOCK = 2**21  # pixels at a time, so that memory stays bounded


def low_pass(frames: torch.Tensor, threshold: int = 50, variant: str = "symmetric") -> torch.Tensor:
    """The part of each frame whose spatial frequencies lie in the middle of its discrete Fourier transform.

    `frames`: uint8 or float (..., H, W); `threshold`: side of the square that is kept, in frequencies (whole waves a
    frame), even. Returns float32 (..., H, W) in the frames' counts, overshoots below 0 and above 255 among them.
    "symmetric" keeps −threshold/2 … threshold/2 on both axes, so that the result is real. "published" is what the
    authors' code does: it keeps −threshold/2 … threshold/2 − 1, which leaves the result complex, and takes its
    absolute value. Frames no larger than the square come back as they are (up to their sign, for "published").
    """
    reach = threshold // 2
    rows, columns = (torch.fft.fftfreq(size, 1 / size, device=frames.device) for size in frames.shape[-2:])
    rows, columns = ((each >= -reach) & (each <= reach - (variant == "published")) for each in (rows, columns))
    waves = torch.fft.ifft2(torch.fft.fft2(frames.float()) * (rows[:, None] & columns))
    return waves.real if variant == "symmetric" else waves.abs()


def solarize(frames: torch.Tensor, threshold: int = 50) -> torch.Tensor:
    """uint8 frames (..., H, W) with values from `threshold` up inverted, 255 − value."""
    return torch.where(frames.int() >= threshold, 255 - frames, frames)


def solarized_low_pass(frames: torch.Tensor, threshold: int = 50, variant: str = "symmetric") -> torch.Tensor:
    """`low_pass`, cast to counts, then `solarize`, both with one threshold. uint8 (..., H, W) -> uint8 (..., H, W).

    The cast of "symmetric" rounds and keeps to 0…255. That of "published" drops the fraction and wraps, as NumPy's
    `astype(uint8)` does to the authors' frames: an overshoot of 299 becomes 43.
    """
    some = frames.reshape(-1, *frames.shape[-2:]).split(max(1, BLOCK // math.prod(frames.shape[-2:])))
    return torch.cat([solarize(to_counts(low_pass(each, threshold, variant), variant), threshold)
                      for each in some]).view_as(frames)


def to_counts(values: torch.Tensor, variant: str) -> torch.Tensor:
    """The cast of low-passed frames to uint8: by rounding within 0…255, or "published", by truncation modulo 256."""
    if variant == "symmetric":
        values = values.round().clamp_(0, 255)
    return values.to(torch.int32).to(torch.uint8)  # from int32 the wrap is defined, and this is faster than at one go
