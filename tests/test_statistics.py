"""The measurements, tried on real frames and on processes whose answers are known."""

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter

from sqlib.data.measurements import told_apart
from sqlib.data.statistics import (
    View,
    compare,
    event_statistics,
    half_width,
    reference,
    shadow_shape,
    source,
    source_place,
    speckle_width,
    summarise,
)

# the small sample: sources have repaired pixels and only five clear ones are left; four to twelve frames an event
KNOWN_TO_DIFFER = {("source FWHM in time", 23)}


def test_real_frames_lie_inside_the_spreads_of_the_reference(real):
    from sqlib.data import catalogue, load_sunquakenet

    frames, _ = load_sunquakenet(real, progress=False)
    events = {event.key: event for event in catalogue()}
    measured = {23: [], 24: []}
    for key, rows in frames.index[frames.index["label"] >= 0].groupby("event"):
        boxes = {box for row in rows["boxes"] for box in row}
        sources = [(interval, box) for interval in events[key].intervals for box in sorted(boxes)]
        pixels, numbers = frames.pixels[rows.index.to_numpy()], rows["frame"].to_numpy()
        statistics = event_statistics(View(events[key], pixels, numbers, sources), np.random.default_rng(0))
        measured[events[key].cycle].append(statistics)
    table = compare({cycle: summarise(own) for cycle, own in measured.items()}, "sample").dropna(subset=["sample"])
    assert len(table) >= 25
    outside = {(row.quantity, row.cycle) for row in table[~table["inside"]].itertuples()}
    assert outside <= KNOWN_TO_DIFFER, table[~table["inside"]].to_string()


def test_the_reference_is_in_order():
    table = reference()
    assert ((table["low"] < table["middle"]) & (table["middle"] < table["high"])).all()
    assert not table.duplicated(["quantity", "cycle"]).any()


@pytest.mark.parametrize("sigma", [0.6, 1.0])
def test_width_of_blurred_noise(sigma):
    """Gaussian noise blurred by sigma has the autocorrelation exp(-x^2 / 4 sigma^2): half at 2 sigma sqrt(ln 2)."""
    k = np.exp(-2 * (np.pi * sigma * np.hypot(np.fft.fftfreq(128)[:, None], np.fft.rfftfreq(128)[None])) ** 2)
    noise = np.fft.irfft2(np.fft.rfft2(np.random.default_rng(0).standard_normal((20, 128, 128))) * k, s=(128, 128))
    assert speckle_width(noise) == pytest.approx((2 * sigma * np.log(2) ** 0.5,) * 2, rel=0.03)


def test_half_width_of_a_gaussian():
    lags = np.arange(5.0)
    assert half_width(lags, np.exp(-(lags**2) / 4)) == pytest.approx(2 * np.log(2) ** 0.5, rel=0.01)


def test_a_disc_is_a_shadow_of_its_area_depth_and_edge():
    """Depth 0.3 inside of 30 px, a logistic edge of 6 px: its logarithm is steepest where the level is sqrt(0.3)."""
    y, x = np.mgrid[:200, :200] - 100
    level = 0.3 + 0.7 / (1 + np.exp((30 - np.hypot(y, x)) / 6))
    found = shadow_shape(np.stack([level] * 4))
    blurred = gaussian_filter(level, 4)
    below = {limit: int((blurred < limit).sum()) for limit in (0.7, 0.5)}
    assert found["shadow: pieces below 0.7"] == 1
    assert found["shadow: area below 0.7"] == pytest.approx(below[0.7], rel=0.02)
    assert found["shadow: share of it below 0.5"] == pytest.approx(below[0.5] / below[0.7], rel=0.05)
    assert found["shadow: minimum"] == pytest.approx(0.3, abs=0.02)
    slope = 0.7 / 4 / 6 / 0.65  # d ln P / d r of the logistic at its middle: an upper limit once it is blurred
    assert 0.5 * slope < found["shadow: steepest logarithmic gradient"] < 1.3 * slope


def test_a_source_in_a_shadow_is_measured_against_its_own_surroundings():
    y, x = np.mgrid[:160, :160]
    level = np.where(np.hypot(y - 80, x - 60) < 50, 0.4, 1.0)
    level[56:69, 32:45] = 0.1
    spot = 3 * np.exp(-((y - 85) ** 2 + (x - 70) ** 2) / (2 * 2.0**2))
    found = source_place(np.stack([level + spot] * 5), (63, 78, 77, 92))
    mean = (level + spot).mean()
    assert found["source: level around it / frame mean"] == pytest.approx(0.4 / mean, rel=0.02)
    assert found["source: peak / frame mean"] == pytest.approx((0.4 + 3 * 4 / (4 + 1.2**2)) / mean, rel=0.02)
    assert found["source: distance from the darkest place"] == pytest.approx(np.hypot(85 - 62, 70 - 38), abs=1)


def test_a_classifier_tells_deep_shadows_from_shallow_ones_and_nothing_from_nothing(rng):
    def events(depth):
        return [{"shadow: minimum": depth + 0.03 * rng.standard_normal()} for _ in range(20)]

    assert told_apart(events(0.2), events(0.4), 0)[0] > 0.95
    assert 0.2 < told_apart(events(0.2), events(0.2), 0)[0] < 0.8
    assert np.isnan(told_apart(events(0.2)[:4], events(0.2), 0)[0])


def test_a_planted_source_is_measured():
    """A Gaussian spot of ten times the mean, lasting six frames at half height, on speckle."""
    rng = np.random.default_rng(0)
    time = np.arange(15) - 7
    y, x = np.mgrid[:96, :96]
    spot = np.exp(-((y - 40) ** 2 + (x - 50) ** 2) / 2) * np.exp(-4 * np.log(2) * (time / 6) ** 2)[:, None, None]
    frames = rng.exponential(0.2, (15, 96, 96)) + 0.8 + 10 * spot
    found = source(frames, (44, 35, 56, 46), frames[:0], rng)
    peak = found["peak / frame mean, clear sources"]
    assert found["share of clear sources"] == 1 and peak == pytest.approx(11, abs=1)
    assert found["source FWHM in time"] == pytest.approx(6, abs=1.2)  # frames
    assert found["halo at 2–3 px"] == pytest.approx(np.exp(-(2.5**2) / 2) * 1.6, abs=0.06)
    hidden = source(rng.exponential(1, (15, 96, 96)), (44, 35, 56, 46), frames[:0], rng)
    assert max(value for name, value in hidden.items() if name.startswith("peak")) < peak
