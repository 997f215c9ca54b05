"""Solarized Low-Pass: a frame's large scales alone, with the bright ones turned round (Section 3.2 ii)."""

import math

import torch

from sqlib.errors import SqError

VARIANTS = ("symmetric", "published")
BLOCK = {"cpu": 2**19, "cuda": 2**25}  # pixels at a time: what a processor's cache holds, what keeps a GPU busy


def low_pass(frames: torch.Tensor, threshold: int = 50, variant: str = "symmetric") -> torch.Tensor:
    """The part of each frame whose spatial frequencies lie in the middle of its discrete Fourier transform.

    `frames`: uint8 or float (..., H, W); `threshold`: side of the square that is kept, in frequencies (whole waves a
    frame). Returns float32 (..., H, W) in the frames' counts, overshoots below 0 and above 255 among them.
    "symmetric" keeps −threshold/2 … threshold/2 on both axes, so that the result is real. "published" is what the
    authors' code does: it keeps −threshold/2 … threshold/2 − 1, which leaves the result complex, and takes its absolute
    value. Frames no larger than the square come back as they are (up to their sign, for "published").
    Raises `SqError` for an unknown variant, a threshold that is not positive and even, and a tensor that holds no frame.

    A projection on so few waves is two thin matrix products an axis, and needs no FFT.
    """
    check(threshold, variant)
    if frames.ndim < 2 or frames.is_complex():
        raise SqError(f"low_pass wants real frames (..., H, W), not {frames.dtype} of shape {tuple(frames.shape)}")
    return by_blocks(frames, threshold, variant, torch.float32, lambda values: values)


def solarize(frames: torch.Tensor, threshold: int = 50) -> torch.Tensor:
    """uint8 frames (..., H, W) with the values from `threshold` up turned round: 255 − value. Raises `SqError` for other types."""
    check_counts(frames)
    if not 0 < threshold < 256:
        return frames.clone() if threshold > 0 else 255 - frames
    bright = frames.clamp(threshold - 1, threshold).sub_(threshold - 1).neg_()  # 255 or 0: comparisons of uint8 are slow
    return bright.bitwise_xor_(frames)


def solarized_low_pass(frames: torch.Tensor, threshold: int = 50, variant: str = "symmetric") -> torch.Tensor:
    """`low_pass`, cast to counts, then `solarize`, both with one threshold. uint8 (..., H, W) -> uint8 (..., H, W).

    The cast of "symmetric" rounds and keeps to 0…255. That of "published" drops the fraction and wraps, as NumPy's
    `astype(uint8)` does to the authors' frames: an overshoot of 299 becomes 43.
    Raises `SqError` as `low_pass` does, and for frames that are not uint8.
    """
    check(threshold, variant)
    check_counts(frames)
    return by_blocks(frames, threshold, variant, torch.uint8, lambda values: solarize(to_counts(values, variant), threshold))


def to_counts(values: torch.Tensor, variant: str) -> torch.Tensor:
    """The cast of low-passed frames to uint8: by rounding within 0…255, or "published", by truncation modulo 256."""
    if variant == "symmetric":
        values = values.round().clamp_(0, 255)
    return values.to(torch.int32).to(torch.uint8)  # from int32 the wrap is defined, and this is faster than at one go


def by_blocks(frames: torch.Tensor, threshold: int, variant: str, dtype: torch.dtype, finish) -> torch.Tensor:
    """The low-passed frames after `finish`, some at a time, so that memory stays bounded."""
    # double precision on a GPU: TF32, which a trainer may have switched on, would be off by tenths of a count
    exact = torch.float64 if frames.is_cuda else torch.float32
    rows, columns = (waves(size, threshold // 2, variant, frames.device, exact) for size in frames.shape[-2:])
    stack = frames.reshape(-1, *frames.shape[-2:])
    done = torch.empty(stack.shape, dtype=dtype, device=frames.device)
    step = at_a_time(frames)
    with torch.autocast(frames.device.type, enabled=False):
        for old, new in zip(stack.split(step), done.split(step)):
            new.copy_(finish(project(old.to(exact), rows, columns)))
    return done.reshape(frames.shape)


def waves(size: int, reach: int, variant: str, device, dtype) -> tuple[torch.Tensor, torch.Tensor | None, torch.Tensor | None]:
    """The waves that are kept along an axis, as orthonormal columns (size, K): a constant, cosines, sines, to `reach`.

    Also the two parts of the (K, K) matrix by which "published" weights them, None for "symmetric". Of the shortest
    kept wave it has exp(−i·reach·x) without its conjugate, which is half of the cosine and half of the sine, and i times
    half of the one for the other.
    """
    order = torch.arange(1, min(reach, size // 2) + 1, dtype=torch.float64)
    phase = 2 * math.pi / size * torch.arange(size, dtype=torch.float64)[:, None] * order
    cosines, sines = phase.cos() * math.sqrt(2 / size), phase.sin() * math.sqrt(2 / size)
    if 2 * len(order) == size:  # the wave of two pixels has no sine
        cosines[:, -1], sines = cosines[:, -1] / math.sqrt(2), sines[:, :-1]
    kept = torch.cat([torch.full((size, 1), 1 / math.sqrt(size), dtype=torch.float64), cosines, sines], dim=1)
    real = imaginary = None
    if variant == "published":
        real, imaginary = torch.eye(kept.shape[1], dtype=torch.float64), torch.zeros(kept.shape[1], kept.shape[1])
        if len(order) == reach and 2 * reach < size:
            cosine, sine = reach, 2 * reach
            real[cosine, cosine] = real[sine, sine] = 0.5
            imaginary[cosine, sine], imaginary[sine, cosine] = 0.5, -0.5
    return tuple(None if part is None else part.to(device, dtype) for part in (kept, real, imaginary))


def project(frames: torch.Tensor, rows: tuple, columns: tuple) -> torch.Tensor:
    """Frames (B, H, W) on the waves of both axes: real, or the absolute value where the waves have complex weights."""
    (high, real, imaginary), (wide, other_real, other_imaginary) = rows, columns
    amplitudes = high.T @ frames @ wide
    if real is None:
        return high @ (amplitudes @ wide.T)
    down, across = real @ amplitudes, imaginary @ amplitudes
    parts = (down @ other_real - across @ other_imaginary.T, down @ other_imaginary.T + across @ other_real)
    first, second = (high @ (part @ wide.T) for part in parts)
    return first.square_().addcmul_(second, second).sqrt_()


def at_a_time(frames: torch.Tensor) -> int:
    """How many frames (..., H, W) make a block on their device."""
    return max(1, BLOCK.get(frames.device.type, BLOCK["cpu"]) // max(1, math.prod(frames.shape[-2:])))


def check(threshold: int, variant: str) -> None:
    """Raise `SqError` for settings of the low-pass that mean nothing."""
    if variant not in VARIANTS:
        raise SqError(f"low-pass variant {variant!r} is unknown: {' or '.join(VARIANTS)}")
    if not (isinstance(threshold, int) and threshold > 0 and threshold % 2 == 0):
        raise SqError(f"low-pass threshold {threshold!r}: it counts frequencies on both sides of zero, so take an even number: 50")


def check_counts(frames: torch.Tensor) -> None:
    """Raise `SqError` unless frames hold 8-bit counts."""
    if frames.dtype != torch.uint8 or frames.ndim < 2:
        raise SqError(f"frames (..., H, W) of uint8 counts are wanted, not {frames.dtype} of shape {tuple(frames.shape)}")
