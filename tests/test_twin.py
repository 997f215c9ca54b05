"""The twin: sources come out where and when they went in, it is deterministic, and it looks like the real frames."""

from dataclasses import replace

import numpy as np
import pytest
import torch

import sqlib.sun.twin as twin
from sqlib.data import catalogue, find_event, measurements
from sqlib.data.statistics import (
    View,
    as_published,
    compare,
    quartiles,
    reference,
    shadow_of,
    source_place,
    summarise,
    temporal_acf,
)
from sqlib.errors import SqError
from sqlib.learn import practice
from sqlib.sun.scene import draw_scene
from sqlib.sun.twin import TwinSettings, dopplergrams, first_frame, simulate

SMALL = TwinSettings(size=128, frames=48)
LABELLED = [event for event in catalogue() if event.labelled]


@pytest.fixture
def silent(monkeypatch):
    """A Sun without stochastic sources, seen by instruments without noise or gaps: only the sunquakes are left."""

    def quiet(*arguments):
        scene = draw_scene(*arguments)
        return scene._replace(emission=1e-12 * scene.emission, gaps=())

    monkeypatch.setattr(twin, "draw_scene", quiet)
    monkeypatch.setattr(twin, "INSTRUMENTS", {name: replace(one, noise=0.0) for name, one in twin.INSTRUMENTS.items()})


@pytest.mark.parametrize("name", ["2001-04-06", "2012-07-04 09:47"])
def test_a_sunquake_comes_out_in_its_place_at_its_time_and_with_its_strength(silent, name):
    event = find_event(name)
    cube = simulate(event, replace(SMALL, limb=False))
    quake = cube.truth["quakes"][0]
    f, y, x = np.unravel_index(cube.power.argmax(), cube.power.shape)
    assert abs(f + cube.first_frame - quake["time"]) <= 1
    assert abs(y - quake["y"]) <= 1 and abs(x - quake["x"]) <= 1
    assert cube.power.max() == pytest.approx(quake["strength"], rel=0.1)
    (first, last), (box,) = cube.boxes[0]
    assert (first, last) == event.intervals[0] and box[0] <= x <= box[2] and box[1] <= y <= box[3]


def test_the_double_event_shakes_twice(silent):
    event = find_event("2014-02-02")
    cube = simulate(event, replace(SMALL, limb=False))
    assert [interval for interval, _ in cube.boxes] == list(event.intervals) and len(cube.truth["quakes"]) == 2
    for quake in cube.truth["quakes"]:
        f, y, x = round(quake["time"]) - cube.first_frame, round(quake["y"]), round(quake["x"])
        patch = cube.power[max(f - 1, 0) : f + 2, y - 1 : y + 2, x - 1 : x + 2]
        assert patch.max() == pytest.approx(quake["strength"], rel=0.2)


def test_the_same_seed_and_event_make_the_same_cube_whatever_was_made_before():
    a, b = LABELLED[20], LABELLED[2]
    first = simulate(a, SMALL)
    simulate(b, SMALL)
    again, other = simulate(a, SMALL), simulate(a, replace(SMALL, seed=7))
    assert np.array_equal(first.power, again.power) and first.truth == again.truth
    assert not np.array_equal(first.power, other.power)


def test_few_frames_are_a_window_round_the_annotated_intervals():
    for event in LABELLED:
        first = first_frame(event, 48)
        (start, _), (_, end) = event.intervals[0], event.intervals[-1]
        assert 0 <= first <= start and end < first + 48 <= 256
    assert first_frame(LABELLED[0], 256) == 0


def test_an_event_without_annotation_has_no_source():
    cube = simulate(next(event for event in catalogue() if not event.labelled), SMALL)
    assert cube.boxes == () and cube.truth["quakes"] == [] and cube.power.shape == (48, 128, 128)


def test_the_quiet_sun_has_unit_power(monkeypatch):
    def plain(*arguments):
        scene = draw_scene(*arguments)
        return scene._replace(emission=np.ones_like(scene.emission), gaps=(), quakes=())

    monkeypatch.setattr(twin, "draw_scene", plain)
    monkeypatch.setattr(twin, "INSTRUMENTS", {name: replace(one, noise=0.0) for name, one in twin.INSTRUMENTS.items()})
    for event in (LABELLED[0], LABELLED[-1]):
        assert simulate(event, replace(SMALL, limb=False)).power.mean() == pytest.approx(1, abs=0.08)


def test_dopplergrams_are_metres_per_second_with_gaps_that_holography_accepts():
    settings = TwinSettings(size=64)
    for event in LABELLED[14:26]:
        seen = dopplergrams(event, settings)
        missing = torch.isnan(seen.doppler).all(dim=2).all(dim=1)
        assert int(missing.sum()) == sum(length for _, length in seen.scene.gaps)
        assert 20 < float(seen.doppler[~missing].std()) < 120
        if seen.scene.gaps:
            assert np.isfinite(simulate(event, settings).power).all()
            return
    pytest.fail("none of twelve events has a gap")


def test_near_the_limb_speckle_is_longer_east_west():
    from sqlib.data.statistics import relative, speckle_width

    event = LABELLED[5]
    ratio = {}
    for longitude in (0.0, 65.0):
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(twin, "draw_scene", lambda *a, angle=longitude: draw_scene(*a)._replace(longitude=angle))
            x, y = speckle_width(relative(simulate(event, SMALL).power))
            ratio[longitude] = x / y
    assert ratio[0.0] == pytest.approx(1, abs=0.15) and ratio[65.0] > 1.3


@pytest.mark.parametrize("bad", [{"limb": 1}, {"size": 8}, {"size": 128.0}, {"frames": 300}, {"seed": "x"}])
def test_bad_settings_are_refused_by_name(bad):
    with pytest.raises(SqError, match=next(iter(bad))):
        simulate(LABELLED[0], replace(SMALL, **bad))


def test_temporal_acf_of_a_known_process():
    """An AR(1) process has the autocorrelation a^lag; frames that are missing only cost pairs."""
    rng, a = np.random.default_rng(0), 0.7
    series = [rng.standard_normal((60, 60))]
    for _ in range(79):
        series.append(a * series[-1] + np.sqrt(1 - a * a) * rng.standard_normal((60, 60)))
    numbers = np.delete(np.arange(80), [10, 11, 40])
    assert temporal_acf(np.array(series)[numbers], numbers, 4) == pytest.approx(a ** np.arange(5), abs=0.02)


def test_a_published_frame_touches_255_and_carries_four_counts_of_noise():
    power = simulate(LABELLED[30], SMALL).power[:6]
    frames = as_published(power)
    assert frames.max(axis=(1, 2)).min() >= 245
    noise = frames - power * (255 / power.max((1, 2), keepdims=True))
    assert 2.5 < noise.std() < 5.5


def looked_at(view: View) -> dict:
    """Shadows and places of sources of one event, as `statistics.event_statistics` has them."""
    spans = [((view.numbers >= first) & (view.numbers <= last), box) for (first, last), box in view.sources]
    return shadow_of(view) | {"sources": [source_place(view.frames[span], box) for span, box in spans]}


def test_practice_sources_reach_both_ends_of_what_was_published():
    events = []
    for number in (0, 1, 2, 4, 5):  # of HMI
        made = practice.practise(number, 5, 256, 64)
        sources = [((int(a), int(b)), (x - 8, y - 8, x + 8, y + 8)) for a, b, y, x in made.sources]
        events.append(looked_at(View(None, made.frames, np.arange(64), sources)))
    table = quartiles(events, "practice").set_index("quantity")
    assert sum(len(event["sources"]) for event in events) >= 8
    for name in ("level around it / frame mean", "peak / level around it", "distance from the darkest place"):
        row = table.loc[f"source: {name}"]
        assert row["low"] < row["practice, 50 %"] < row["high"], name
        assert row["practice, 10 %"] < row["middle"] < row["practice, 90 %"], name


def test_the_full_twin_looks_like_the_published_frames():
    """Every quantity, measured on the 53 labelled events as in chapter 01, lies in the spread of the real frames, but
    for two of MDI, which the second edition misses by less than a twentieth."""
    views = measurements.simulated_views(TwinSettings(), LABELLED)
    events = measurements.by_event(views, TwinSettings().seed)
    table = compare({cycle: summarise(own) for cycle, own in events.items()})
    assert len(table) == len(reference()) and table["twin"].notna().all()
    missed = table[~table["inside"]]
    known = {("temporal ACF at 180 s", 23), ("source FWHM in time", 23)}
    assert set(zip(missed["quantity"], missed["cycle"])) <= known, missed.to_string()
    assert (missed["twin"] < 1.05 * missed["high"]).all() and (missed["twin"] > 0.95 * missed["low"]).all()
