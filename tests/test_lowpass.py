"""Solarized Low-Pass: by FFT and by matrix products the same, and each variant what it says."""

import numpy as np
import pytest
import torch
from PIL import Image, ImageOps
from torchvision.transforms.v2.functional import solarize as torchvision_solarize

from sqlib.learn.lowpass import low_pass, solarize, solarized_low_pass, to_counts

# larger, as large as the square and smaller, even and odd
SIZES = [(60, 70), (50, 50), (51, 51), (52, 49), (31, 40), (112, 112)]


def counts(*shape, seed=0):
    return torch.randint(0, 256, shape, dtype=torch.uint8, generator=torch.Generator().manual_seed(seed))


def by_fft(frames: np.ndarray, threshold: int, variant: str) -> np.ndarray:
    """The complex low-passed frames, with the kept frequencies written down."""
    last = threshold // 2 - (variant == "published")
    rows, columns = ((-(threshold // 2) <= k) & (k <= last) for k in (np.arange(n) - n // 2 for n in frames.shape[-2:]))
    waves = np.fft.fftshift(np.fft.fft2(frames), axes=(-2, -1)) * (rows[:, None] & columns)
    return np.fft.ifft2(np.fft.ifftshift(waves, axes=(-2, -1)))


@pytest.mark.parametrize("size", SIZES)
def test_symmetric_low_pass_equals_the_fft_and_is_real(size):
    frames = counts(2, 3, *size)
    expected = by_fft(frames.numpy(), 50, "symmetric")
    assert np.abs(expected.imag).max() < 1e-10
    found = low_pass(frames)
    assert found.dtype == torch.float32 and found.shape == frames.shape
    assert np.abs(found.numpy() - expected.real).max() < 1e-3


@pytest.mark.parametrize("size", SIZES)
def test_published_low_pass_equals_the_absolute_value_of_the_fft(size):
    frames = counts(2, 3, *size)
    assert (
        np.abs(low_pass(frames, 50, "published").numpy() - np.abs(by_fft(frames.numpy(), 50, "published"))).max() < 1e-3
    )


def test_published_low_pass_is_complex_where_the_square_is_smaller_than_the_frame():
    assert np.abs(by_fft(counts(112, 112).numpy(), 50, "published").imag).max() > 1
    assert (low_pass(counts(112, 112), 50, "published") - low_pass(counts(112, 112))).abs().max() > 1


def test_overshoots_are_clamped_by_symmetric_and_wrap_by_published():
    values = torch.tensor([[-3.2, 0.4, 254.6, 255.7, 299.0]])
    assert to_counts(values, "symmetric").tolist() == [[0, 0, 255, 255, 255]]
    assert to_counts(values.abs(), "published").tolist() == [[3, 0, 254, 255, 43]]
    bright = torch.zeros(64, 64, dtype=torch.uint8)
    bright[20:40, 20:40] = 255
    overshoot = low_pass(bright, 20, "published")
    assert overshoot.max() > 257  # so the wrap is met
    expected = np.abs(by_fft(bright.numpy(), 20, "published")).astype(np.int64).astype(np.uint8)
    same = to_counts(overshoot, "published").numpy() == expected
    assert same.mean() > 0.99 and same[overshoot.numpy() > 257].mean() > 0.9


@pytest.mark.parametrize("threshold", [0, 1, 50, 255, 256])
def test_solarize_is_that_of_pil_and_of_torchvision(threshold):
    frames = torch.arange(256, dtype=torch.uint8).reshape(16, 16)
    found = solarize(frames, threshold)
    assert (found.numpy() == np.asarray(ImageOps.solarize(Image.fromarray(frames.numpy()), threshold))).all()
    if threshold < 256:
        assert (found == torchvision_solarize(frames[None], threshold)[0]).all()


@pytest.mark.parametrize("variant", ["symmetric", "published"])
def test_solarized_low_pass_is_low_pass_then_cast_then_solarize(variant):
    frames = counts(30, 3, 80, 80)  # more than a block
    found = solarized_low_pass(frames, 50, variant)
    assert found.dtype == torch.uint8 and found.shape == frames.shape
    assert (found == solarize(to_counts(low_pass(frames, 50, variant), variant), 50)).float().mean() > 0.9999


def test_automatic_mixed_precision_leaves_the_low_pass_exact():
    frames = counts(2, 64, 64)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        assert (low_pass(frames) - torch.from_numpy(by_fft(frames.numpy(), 50, "symmetric").real)).abs().max() < 1e-3
