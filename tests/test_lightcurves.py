"""Light curves: kernels by hand, levels against the Gamma law of a mean, noise against Rice's formula."""

import numpy as np
import pytest

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


EVERYWHERE = np.ones((48, 48), bool)


@pytest.mark.parametrize(("at", "n"), [(20.5, 21), (20.0, 16)])
def test_noise_has_the_deviation_of_as_many_pixels_as_the_source_s_own_kernel_has(rng, at, n):
    """2.5 px about the middle of a pixel hold 21 pixels, about a corner 16: to mix them is to be off by a seventh."""
    power = exponential(rng, frames=400)
    assert light.kernel((48, 48), at, at, 2.5).sum() == n
    sigma = light.deviation(power, EVERYWHERE, at, at, 2.5, rng)
    assert sigma == pytest.approx(1 / np.sqrt(n), rel=0.03)
    brighter = light.deviation(3 * power, EVERYWHERE, at, at, 2.5, rng, average=1.0)
    assert brighter == pytest.approx(3 * sigma, rel=0.05)  # in units of an average of another place


def test_the_kernels_of_the_background_are_that_of_the_source_moved_and_wholly_in_the_frame():
    power, where = np.ones((50, 48, 48)), np.zeros((48, 48), bool)
    where[40, 38:43], where[0, :5] = True, True  # from the second row of places a disc reaches out
    power[10, 39:41, 37:43] = 2  # two rows: those of a disc of 1 px about the corner (x, 40)
    sigma = light.deviation(power, where, 10.0, 20.0, 1.0, np.random.default_rng(0))
    average = 1 + 1 / 50
    assert sigma == pytest.approx(np.sqrt(49 * (1 - average) ** 2 / 50 + (2 - average) ** 2 / 50) / average)
    where[40] = False
    assert np.isnan(light.deviation(power, where, 10.0, 20.0, 1.0, np.random.default_rng(0)))


def test_places_near_the_source_are_no_background(rng):
    power, where = exponential(rng), np.zeros((48, 48), bool)
    where[10:20, 10:20] = True
    assert np.isnan(light.deviation(power, where, 15, 15, 2, rng)) and light.deviation(power, where, 40, 40, 2, rng) > 0


def test_the_time_above_a_level_is_the_longest_unbroken_one_that_touches_the_candidate():
    values = np.array([0, 5, 5, 0, 5, 5, 5, 0, 5.0])
    assert light.above(values, 3, (0, 8)).tolist() == [4, 5, 6]
    assert light.above(values, 3, (0, 1)).tolist() == [1, 2]  # it may go on beyond, and one elsewhere is another's
    assert len(light.above(values, 3, (3, 3))) == len(light.above(values, 9, (0, 8))) == 0
    assert len(light.above(np.array([1.0, 3.0, 1.0]), 3, (0, 2))) == 0  # above, not at


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


def test_a_place_is_measured_in_one_go(rng):
    power = exponential(rng, frames=120, size=96)
    power[:, 30:60, 30:60] *= 0.3  # the shadow, where the source is
    power[50:61, 42:47, 42:47] += 1.5
    power[90:110, 42:47, 42:47] += 1.5  # brighter for longer, but another time
    found = light.measure(power, 44.5, 44.5, (52, 57), (2.1, 4.0), 45, rng)
    assert list(found.curves) == [2.1, 4.0] and found.curves[2.1].mean() == pytest.approx(1)
    assert found.curves[2.1][0] == pytest.approx(power[0][light.kernel((96, 96), 44.5, 44.5, 2.1)].mean() / (
        power[:, light.kernel((96, 96), 44.5, 44.5, 2.1)].mean()))
    assert found.sigma[0] == pytest.approx(1 / np.sqrt(13), rel=0.1)  # of 13 pixels; in the quiet Sun they scatter more
    assert found.sigma[1] > 1.3 * found.sigma[0]
    assert found.n == pytest.approx(found.sigma[0] ** -2)
    assert found.run.tolist() == light.above(found.curves[2.1], 1 + 3 * found.sigma[0], (52, 57)).tolist()
    assert 50 <= found.run[0] <= found.run[-1] <= 60
    assert found.facts["above 3σ (s)"] == 45 * (found.run[-1] - found.run[0] + 1)
    peak = found.curves[2.1].max()
    assert found.facts["in σ of the region"] == pytest.approx((peak - 1) / found.sigma[0])
    assert found.facts["in σ of the quiet Sun"] == pytest.approx((peak - 1) / found.sigma[1])
    assert found.facts["480 s"] == ("yes" if found.facts["above 3σ (s)"] >= 480 else "no")
    assert found.facts["noise once in this cube"] == light.once(120 * 45, found.n)
    assert found.facts["anywhere in the frame"] > found.facts["noise once in this cube"]


def test_cubes_without_a_usable_average_are_refused():
    with pytest.raises(SqError, match="40 frames"):
        light.measure(np.ones((12, 9, 9)), 4, 4, (0, 1), (2,), 45, np.random.default_rng(0))


def test_a_dark_place_and_frames_that_are_only_rim_are_refused(rng):
    with pytest.raises(SqError, match="no power"):
        light.usual(np.zeros(50))
    with pytest.raises(SqError, match="edge"):
        light.regions_of(exponential(rng, size=16).mean(0))
    power, dark = exponential(rng), np.hypot(*np.mgrid[-24:24, -24:24]) < 9  # a region that ends near the source
    power[:, dark] *= 0.2
    with pytest.raises(SqError, match="no five places"):
        light.measure(power, 24.5, 24.5, (0, 1), (2,), 45, rng)
