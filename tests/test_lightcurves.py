"""Light curves: kernels by hand, levels against the Gamma law of the mean of exponentials, and noise against Rice's formula."""

import numpy as np
import pytest
from scipy.stats import norm

from sqlib.errors import SqError
from sqlib.judge import duration
from sqlib.judge import lightcurves as light


def exponential(rng, frames=60, size=48):
    return rng.exponential(size=(frames, size, size))


def test_a_kernel_holds_the_pixels_whose_middles_are_near():
    inside = light.kernel((6, 8), 3.5, 2.5, 1.0)  # the middle of column 3, row 2, and its four neighbours
    assert sorted(zip(*np.nonzero(inside))) == [(1, 3), (2, 2), (2, 3), (2, 4), (3, 3)]
    assert light.kernel((6, 8), 4.0, 3.0, 0.8).sum() == 4  # a corner that four pixels share
    with pytest.raises(SqError, match="no pixel"):
        light.kernel((6, 8), 20, 3, 1)


def test_a_light_curve_is_the_mean_of_its_kernel_over_its_average():
    power = np.ones((50, 8, 8))
    power[10, 2:4, 2:4] = 9.0  # four pixels, of which each weighs a quarter
    curve = light.course(power, 3.0, 3.0, 0.8)
    assert curve[10] == 9 and curve[11] == 1
    assert light.usual(curve) == pytest.approx((49 + 9) / 50)
    with pytest.raises(SqError, match="no power"):
        light.usual(np.zeros(50))


def test_the_deviation_of_exponential_noise_is_that_of_the_mean_of_n_pixels(rng):
    power = exponential(rng, frames=400)
    for radius in (0.6, 2.1, 4.0):
        n = light.kernel((48, 48), 20.5, 20.5, radius).sum()
        sigma = light.deviation(power, np.ones((48, 48), bool), radius, (-99, -99), rng)
        full = light.course(power, 20.5, 20.5, radius)
        assert full.std() == pytest.approx(1 / np.sqrt(n), rel=0.15)
        if radius < 3:  # of larger kernels many are cut by the edge, and have fewer pixels
            assert sigma == pytest.approx(1 / np.sqrt(n), rel=0.08)
            assert light.independent(sigma) == pytest.approx(n, rel=0.16)


def test_the_deviation_in_units_of_an_average_grows_with_the_background(rng):
    power = 3 * exponential(rng, frames=300)
    where = np.ones((48, 48), bool)
    own = light.deviation(power, where, 1.1, (-99, -99), np.random.default_rng(1))
    other = light.deviation(power, where, 1.1, (-99, -99), np.random.default_rng(1), average=1.0)
    assert other == pytest.approx(3 * own, rel=0.05)


@pytest.mark.parametrize("n", [1, 3, 12])
@pytest.mark.parametrize("k", [2, 3])
def test_noise_exceeds_a_sigma_level_as_often_as_the_gamma_law_says(rng, n, k):
    means = rng.exponential(size=(n, 400_000)).mean(0)
    level = light.sigma_level(k, n)
    share = float(light.chance(level, n))
    assert (means > level).mean() == pytest.approx(share, rel=0.1)
    assert share > norm.sf(k)  # its tail is fatter than a Gaussian's
    if n == 1:
        assert share == pytest.approx(np.exp(-1 - k))


def test_the_honest_level_is_exceeded_as_rarely_as_a_gaussian_exceeds_it():
    for n in (1, 5, 50):
        assert light.chance(light.honest_level(3, n), n) == pytest.approx(norm.sf(3))
        assert light.honest_level(3, n) > light.sigma_level(3, n)
    assert light.honest_level(3, 1e6) == pytest.approx(light.sigma_level(3, 1e6), rel=1e-4)  # many pixels: Gaussian


def test_the_time_above_a_level_is_the_longest_unbroken_one():
    values = np.array([0, 5, 5, 0, 5, 5, 5, 0, 5.0])
    assert light.above(values, 3, 45) == (4, 6, 135.0)
    assert light.above(values, 9, 45) == (-1, -1, 0.0)
    assert light.above(np.r_[np.zeros(3), np.full(11, 4.0)], 3, 45).seconds == 495  # the paper's, eleven frames of HMI
    assert light.above(np.array([1.0, 3.0, 1.0]), 3, 45).seconds == 0  # above, not at


def test_simulated_noise_has_the_band_s_lifetime_and_the_deviation_of_n_pixels(rng):
    curves = np.stack([light.noise(86400, 60, 4, rng) for _ in range(20)])
    assert curves.mean() == pytest.approx(1, abs=0.01)
    assert curves.std() == pytest.approx(0.5, rel=0.06)
    away = curves - 1
    for lag in (2, 4, 8):
        measured = (away[:, lag:] * away[:, :-lag]).mean() / away.var()
        assert measured == pytest.approx(duration.correlation(60 * lag), abs=0.05)


@pytest.mark.parametrize("n", [1, 5])
def test_noise_rises_through_a_level_as_often_as_rices_formula_says(rng, n):
    level = light.once(10800, n)
    assert np.exp(light.log_upcrossings(level, n)) * 10800 == pytest.approx(1)
    curves = np.stack([light.noise(86400, 10, n, rng) for _ in range(60)])
    rises = ((curves[:, 1:] > level) & (curves[:, :-1] <= level)).sum(1)
    assert rises.mean() == pytest.approx(8, rel=0.15)  # eight times three hours in a day
    assert light.once(86400, n) > level
    assert light.once(1, n) <= 1  # too short for anything


def test_the_shadow_and_the_quiet_sun_are_told_apart(rng):
    power = exponential(rng, frames=80, size=96)
    y, x = np.ogrid[:96, :96]
    dark = np.hypot(x - 50, y - 40) < 16
    power[:, dark] *= 0.3
    areas = light.regions_of(power.mean(0))
    assert (areas.active & dark).sum() > 0.9 * areas.active.sum() > 0.6 * dark.sum()
    assert not (areas.active & areas.quiet).any()
    assert (areas.quiet & dark).sum() < 0.02 * areas.quiet.sum()


def test_a_planted_brightening_stands_out_by_its_strength_in_sigma(rng):
    power = exponential(rng, frames=120)
    n = light.kernel((48, 48), 24.5, 24.5, 2.1).sum()
    power[50:61, 22:27, 22:27] += 3.0
    curve = light.course(power, 24.5, 24.5, 2.1)
    average = light.usual(np.r_[curve[:50], curve[61:]])
    run = light.above(curve / average, light.sigma_level(3, n), 45)
    assert (run.first, run.last, run.seconds) == (50, 60, 495)


def test_a_place_is_measured_in_one_go(rng):
    power = exponential(rng, frames=120, size=96)
    power[:, 30:60, 30:60] *= 0.3  # the shadow, where the source is
    power[50:61, 42:47, 42:47] += 1.5
    found = light.measure(power, 44.5, 44.5, (2.1, 4.0), 45, rng)
    assert list(found.curves) == [2.1, 4.0] and found.curves[2.1].mean() == pytest.approx(1)
    assert found.sigma[0] == pytest.approx(1 / np.sqrt(13), rel=0.2)  # of 13 pixels; in the quiet Sun they scatter more
    assert found.sigma[1] > 1.3 * found.sigma[0]
    assert found.n == pytest.approx(found.sigma[0] ** -2)
    assert found.run == light.above(found.curves[2.1], 1 + 3 * found.sigma[0], 45)
    assert 50 <= found.run.first <= found.run.last <= 60
    peak = found.curves[2.1].max()
    assert found.facts["in σ of the region"] == pytest.approx((peak - 1) / found.sigma[0])
    assert found.facts["in σ of the quiet Sun"] == pytest.approx((peak - 1) / found.sigma[1])
    assert found.facts["480 s"] == ("yes" if found.facts["above 3σ (s)"] >= 480 else "no")
    assert found.facts["anywhere in the frame"] > found.facts["noise once in this cube"] == light.once(120 * 45, found.n)


@pytest.mark.parametrize(("power", "words"), [
    (np.ones((12, 9, 9)), "40 frames"), (np.ones((9, 9)), "40 frames"), (np.full((50, 9, 9), np.nan), "finite"),
])  # fmt: skip
def test_cubes_without_a_usable_average_are_refused(power, words):
    with pytest.raises(SqError, match=words):
        light.check(power)


def test_without_other_places_there_is_no_deviation(rng):
    assert np.isnan(light.deviation(exponential(rng), np.ones((48, 48), bool) & False, 2, (24, 24), rng))
    with pytest.raises(SqError, match="edge"):
        light.regions_of(exponential(rng, size=16).mean(0))
