"""Travel times: closed form, ray tracer and table say the same."""

import numpy as np
import pytest

from sqlib.errors import SqError
from sqlib.sun.rays import MODEL_S, polytrope_rays, polytrope_sound_speed, polytrope_travel_time, solar_rays, trace_ray


def test_closed_form_gives_the_times_of_the_reference():
    assert np.allclose(polytrope_travel_time([15, 30, 45], index=1.5) / 60, [16.9, 23.9, 29.3], atol=0.05)


@pytest.mark.parametrize("index", [1.5, 1.82, 3.0])
@pytest.mark.parametrize("phase_speed", [0.015, 0.03, 0.05])
def test_a_traced_ray_keeps_to_the_closed_form(index, phase_speed):
    ray = trace_ray(polytrope_sound_speed(index), phase_speed)
    assert ray.time == pytest.approx(float(polytrope_travel_time(ray.distance, index)), rel=1e-4)
    assert ray.distance == pytest.approx(np.pi * index * phase_speed**2 / 274e-6, rel=1e-4)
    assert ray.path[1].max() == pytest.approx(index * phase_speed**2 / 274e-6, rel=1e-3)  # turns where c = v


def test_a_ray_in_uniform_gradient_is_an_arc_of_a_circle():
    """c = a + b z is no polytrope: rays are circles round the height where c would vanish."""
    a, b, v = 0.008, 0.0006, 0.03
    ray = trace_ray(lambda z: a + b * np.asarray(z), v, nodes=20000)
    assert ray.distance == pytest.approx(2 * np.sqrt((v / b) ** 2 - (a / b) ** 2), rel=1e-3)
    assert ray.time == pytest.approx(2 / b * np.arccosh(v / a), rel=1e-3)


def test_a_ray_that_never_turns_is_refused():
    with pytest.raises(SqError, match="does not turn"):
        trace_ray(polytrope_sound_speed(), 5.0)


def test_the_sun_passes_through_its_table_and_near_its_fit():
    rays = solar_rays()
    listed, group, phase, _ = MODEL_S.T
    assert np.allclose(rays.phase(listed), 60 * phase) and np.allclose(rays.group(listed), 60 * group)
    distance = np.linspace(10, 60, 101)
    fit = np.exp(-0.0422 * np.log(distance) ** 2 + 0.7545 * np.log(distance) + 1.2455)
    assert np.abs(rays.group(distance) / 60 - fit).max() < 0.45  # the fit's own tolerance and the interpolation's
    assert np.all(np.diff(rays.phase(distance)) > 0)


def test_outside_of_its_table_the_sun_is_not_guessed():
    with pytest.raises(SqError, match="10 to 120 Mm"):
        solar_rays().phase([5.0])


def test_the_twins_polytrope_has_the_suns_phase_times_in_the_pupil():
    distance = np.linspace(15, 45, 31)
    assert np.abs(polytrope_rays(1.82).phase(distance) - solar_rays().phase(distance)).max() < 0.35 * 60


def test_a_polytrope_needs_a_positive_index():
    with pytest.raises(SqError, match="positive"):
        polytrope_travel_time(10.0, index=0)
