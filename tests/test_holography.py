"""Holography refocuses what was put in, by physics it does not share, and says clearly what it cannot look at."""

import math

import numpy as np
import pytest
import torch

from sqlib.errors import SqError
from sqlib.sun.holography import Holography, egression_power, fill_gaps, make_kernel
from sqlib.sun.rays import polytrope_rays, solar_rays
from sqlib.sun.waves import Polytrope, bins_of, move, point_source, skip_sum, time_distance

SPECTRUM = (4.0, 8.0)
SMALL = Holography(45.0, 1.09)


def impulse(frames, size, cadence, pixel, frame, y, x):
    return point_source((frames, size, size), cadence, pixel, frame, (y, x), SPECTRUM)


def noise(shape, seed=0):
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed))


@pytest.mark.parametrize(("cadence", "pixel", "seed"), [(60.0, 1.45, 0), (45.0, 1.09, 1)], ids=["MDI", "HMI"])
def test_a_source_comes_out_where_and_when_it_was_put_in(cadence, pixel, seed):
    rng = np.random.default_rng(seed)
    frames, size = 170, 180
    frame, (y, x) = int(rng.integers(20, 100)), rng.integers(60, 120, 2)
    movie = impulse(frames, size, cadence, pixel, frame, y, x)
    power = egression_power(movie, Holography(cadence, pixel), polytrope_rays(1.82))
    f, i, j = np.unravel_index(int(power.argmax()), power.shape)
    assert abs(f - frame) <= 1 and abs(i - y) <= 1 and abs(j - x) <= 1
    course = np.interp(np.linspace(0, frames - 1, 50 * frames), np.arange(frames), power[:, i, j].numpy())
    fwhm = (course > course.max() / 2).mean() * frames * cadence
    assert 400 <= fwhm <= 600  # Eq. 1 of the paper: 1 / 2 mHz = 500 s
    assert power.max() > 1e3 * power.mean()


def test_with_the_suns_travel_times_the_twin_still_focuses_because_they_agree():
    power = egression_power(impulse(170, 180, 45.0, 1.09, 60, 90, 84), SMALL, solar_rays())
    f, i, j = np.unravel_index(int(power.argmax()), power.shape)
    assert abs(i - 90) <= 1 and abs(j - 84) <= 1 and abs(f - 60) <= 3  # group and phase differ by 1.2 min in the Sun


def test_a_wrong_sign_of_time_does_not_focus():
    """The check that failed once: running the movie backwards must lose the focus, not find it."""
    movie = impulse(170, 180, 45.0, 1.09, 60, 90, 84)
    right, wrong = (egression_power(m, SMALL, polytrope_rays(1.82)).max() for m in (movie, movie.flip(0)))
    assert right > 5 * wrong


@pytest.mark.parametrize("edges", ["pad", "drop"])
def test_ingression_of_the_reversed_movie_is_the_egression(edges):
    movie = noise((120, 100, 104))
    there = egression_power(movie, SMALL, edges=edges)
    back = egression_power(movie.flip(0), SMALL, edges=edges, incoming=True).flip(0)
    assert torch.allclose(there, back, atol=1e-4 * float(there.max()))


def test_power_is_the_square_of_the_egression_as_its_equation_reads():
    """FFTs over all frequencies, the kernel, and back: the plain way, which takes longer."""
    movie = noise((100, 100, 100))
    movie -= movie.mean(0)
    time = torch.arange(100.0) - 49.5
    movie -= time[:, None, None] * (torch.einsum("t,thw->hw", time, movie) / time.square().sum())
    kernel = make_kernel(movie.shape, SMALL)
    long, *wide = kernel.padded
    response = torch.zeros((long // 2 + 1, *wide), dtype=torch.complex64)
    bins = torch.round(kernel.omega * long * 45.0 / (2 * math.pi)).long()
    response[bins] = kernel.green
    wave = torch.fft.ifft2(torch.fft.fft2(torch.fft.rfft(movie, n=long, dim=0), s=wide) * response)
    plain = 2 * torch.fft.ifft(wave, n=long, dim=0)[:100, :100, :100]
    assert torch.allclose(plain.abs() ** 2, egression_power(movie, kernel), rtol=1e-3, atol=1e-5)


def test_waves_of_skips_arrive_after_the_group_travel_time_and_again_where_the_surface_reflects():
    """A second skip reaches a distance after sqrt(2) times the time, since travel times go as sqrt(distance)."""
    frames, size, cadence, pixel, second = 160, 160, 45.0, 1.09, {}
    source = torch.zeros((len(bins_of(frames, cadence, SPECTRUM)), size, size), dtype=torch.complex64)
    source[:, size // 2, size // 2] = 1
    for reflection in (0.0, 0.5):
        green = skip_sum((frames, size, size), cadence, pixel, SPECTRUM, (10, 70), Polytrope(reflection=reflection))
        movie = move(source, green, frames, cadence, SPECTRUM)
        distance, power = time_distance(movie.square(), (size // 2, size // 2), pixel, 2.0, 50.0)
        course = power[:, np.abs(distance - 40).argmin()]
        expected = float(polytrope_rays(Polytrope().index).group(40.0)) / cadence
        assert abs(course.argmax() - expected) <= 2
        again = round(2**0.5 * expected)
        second[reflection] = course[again - 3 : again + 4].max() / course.max()
    assert second[0.5] > 0.08 and second[0.5] > 4 * second[0.0], second


def test_mean_and_drift_of_a_pixel_do_not_matter():
    movie = noise((100, 100, 100))
    drift = 2000 + 30 * torch.arange(100.0)[:, None, None] + 500 * noise((100, 100), 5)
    clean, dirty = egression_power(movie, SMALL), egression_power((movie.double() + drift).float(), SMALL)
    assert (clean - dirty).abs().max() < 0.01 * clean.max()


def test_dropped_edges_are_those_of_the_padded_result():
    movie = noise((120, 110, 110))
    padded, dropped = egression_power(movie, SMALL), egression_power(movie, SMALL, edges="drop")
    t, h, w = dropped.shape
    reach = (110 - h) // 2
    # the two know different frequencies (the padded cube is longer), so they agree as speckle does, not to rounding
    a, b = padded[:t, reach : reach + h, reach : reach + w], dropped
    correlation = torch.corrcoef(torch.stack([a[10:-10].flatten(), b[10:-10].flatten()]))[0, 1]
    assert h == w == 110 - 2 * math.ceil(45 / 1.09) and correlation > 0.9


def test_nothing_wraps_round():
    """A wave at one edge, or at the end, must not appear at the other edge, or at the start."""
    movie = 1e-6 * noise((120, 128, 128))  # frames that are constant would be gaps
    movie[80:, :, :20] = noise((40, 128, 20))
    power = egression_power(movie, SMALL)
    assert power[:, :, 70:].max() < 1e-6 * power.max()
    late = 1e-6 * noise((160, 100, 100))
    late[150:] = noise((10, 100, 100))
    kernel = make_kernel(late.shape, SMALL)
    power = egression_power(late, kernel)
    assert power[:60].mean() < 0.02 * power[100:140].mean()  # what is left are the side lobes of the band


def test_quiet_power_is_flat_and_exponential():
    """White noise: mean power uniform within its statistics, standard deviation = mean, quantiles exponential."""
    power = egression_power(noise((200, 240, 240), 3), SMALL, edges="drop").numpy()
    q = power / power.mean()
    assert q.std() == pytest.approx(1, abs=0.03)
    assert np.quantile(q, [0.5, 0.9, 0.99]) == pytest.approx([0.693, 2.303, 4.605], rel=0.05)
    half = q.shape[1] // 2
    blocks = q[:, : 2 * half, : 2 * half].reshape(len(q), 2, half, 2, half).mean((0, 2, 4))
    independent = q.size / 4 / (10 * 4)  # one speckle lasts about ten frames and covers about four pixels
    assert np.abs(blocks - 1).max() < 4 / math.sqrt(independent)


@pytest.mark.skipif(not torch.cuda.is_available(), reason="no GPU here")
def test_the_gpu_says_the_same():
    movie = noise((120, 128, 128))
    cpu, gpu = egression_power(movie, SMALL), egression_power(movie, SMALL, device="cuda").cpu()
    assert (cpu - gpu).abs().max() < 1e-4 * cpu.max()


def test_short_gaps_are_interpolated_in_time():
    movie = torch.arange(60.0)[:, None, None] + noise((1, 4, 4))
    broken = movie.clone()
    broken[20:27], broken[40] = torch.nan, 0.0  # seven empty frames, and one that is constant
    assert torch.allclose(fill_gaps(broken), movie, atol=1e-4)
    broken = movie.clone()
    broken[:2] = torch.nan
    assert torch.equal(fill_gaps(broken)[0], movie[2])


def test_long_gaps_are_refused_with_their_place():
    broken = noise((60, 8, 8))
    broken[20:28], broken[50:60] = torch.nan, torch.nan
    with pytest.raises(SqError, match="frames 20–27, frames 50–59"):
        fill_gaps(broken)


BAD = {
    "shape": (dict(), (120, 100), "shape"),
    "cadence": (dict(cadence=0.0), (120, 100, 100), "cadence"),
    "pixel nan": (dict(pixel=math.nan), (120, 100, 100), "pixel"),
    "pupil larger than the field": (dict(), (120, 40, 40), "half the field"),
    "pupil smaller than a pixel": (dict(pupil=(0.0, 1.0)), (120, 100, 100), "needs a pixel"),
    "pupil upside down": (dict(pupil=(45.0, 15.0)), (120, 100, 100), "inner < outer"),
    "band above Nyquist": (dict(band=(5.0, 12.0)), (120, 100, 100), "Nyquist"),
    "band upside down": (dict(band=(7.0, 5.0)), (120, 100, 100), "low < high"),
    "band between the frequencies": (dict(band=(5.0, 5.001)), (120, 100, 100), "longer cube"),
}


@pytest.mark.parametrize(("settings", "shape", "words"), BAD.values(), ids=BAD)
def test_what_cannot_be_looked_at_is_refused(settings, shape, words):
    look = Holography(**({"cadence": 45.0, "pixel": 1.09} | settings))
    with pytest.raises(SqError, match=words):
        egression_power(noise(shape), look)


def test_broken_cubes_are_refused():
    look, movie = SMALL, noise((100, 100, 100))
    for broken, words in (
        (torch.full_like(movie, torch.nan), "every frame"),
        (torch.ones_like(movie), "every frame"),
        (movie.index_put(tuple(torch.tensor([7, 3, 5])), torch.tensor(torch.inf)), r"frame 7 .*\(3, 5\)"),
    ):
        with pytest.raises(SqError, match=words):
            egression_power(broken, look)
    with pytest.raises(SqError, match="no place and time"):
        egression_power(noise((30, 100, 100)), look, edges="drop")
    with pytest.raises(SqError, match="pad"):
        egression_power(movie, look, edges="wrap")
    with pytest.raises(SqError, match="kernel is for"):
        egression_power(noise((99, 100, 100)), make_kernel(movie.shape, look))
    with pytest.raises(SqError, match=r"shape \(T, H, W\)"):
        egression_power([[1, 2]], look)
