"""Travel times of acoustic rays: how long a wave needs from the surface, through the interior, back to the surface.

Distances are in Mm, times in s, speeds in Mm/s. A `Rays` tells holography how waves travel; there is one for a
polytrope (closed form) and one for the Sun (first-bounce rays of Model S at 6 mHz).
"""

import math
from collections.abc import Callable
from functools import partial
from typing import NamedTuple

import numpy as np
from scipy.interpolate import PchipInterpolator
from scipy.optimize import brentq

from sqlib.errors import SqError

GRAVITY = 274e-6  # Mm/s^2 at the solar surface
DEEPEST = 300.0  # Mm, down to which a ray is followed

# Model S (Christensen-Dalsgaard et al. 1996, doi:10.1126/science.272.5266.1286), a row per ray at 6 mHz
MODEL_S = np.column_stack([
    (10.0, 15.0, 20.0, 30.0, 45.0, 60.0, 100.0, 120.0),  # distance, Mm
    (15.4, 19.8, 22.9, 27.6, 33.3, 37.8, 47.1, 50.8),  # group travel time, min
    (14.2, 18.6, 21.8, 26.5, 32.2, 36.7, 46.0, 49.8),  # phase travel time, min
    (2.5, 4.8, 7.6, 10.9, 16.0, 21.8, 35.6, 42.5),  # turning depth, Mm
])


class Rays(NamedTuple):
    """Travel times of a stratification: functions from distances in Mm, an array, to times in s."""

    phase: Callable  # of a wave
    group: Callable  # of a packet of waves
    name: str


class Ray(NamedTuple):
    """One ray from the surface to its first return: skip distance, travel time, and the path to the turning point."""

    distance: float
    time: float
    path: np.ndarray  # (2, P): horizontal distance and depth, Mm


def polytrope_travel_time(distance, index: float = 1.5) -> np.ndarray:
    r"""Travel time :math:`\tau = 2\sqrt{\pi m \Delta / g}` of a plane adiabatic polytrope.

    Parameters
    ----------
    distance : array of skip distances, Mm
    index : polytropic index m; the sound speed is c^2 = g z / m

    Returns an array of the same shape, s. Group and phase time agree: rays of a polytrope know no frequency. Raises
    `SqError` for an index that is not above 0.
    """
    if not index > 0:
        raise SqError(f"the index of a polytrope must be positive, not {index}")
    return 2 * np.sqrt(math.pi * index * np.asarray(distance, dtype=float) / GRAVITY)


def polytrope_sound_speed(index: float = 1.5) -> Callable[[np.ndarray], np.ndarray]:
    """Sound speed c(z) = sqrt(g z / m) in Mm/s of a polytrope, as a function of depth in Mm."""
    return lambda depth: np.sqrt(GRAVITY * np.asarray(depth, dtype=float) / index)


def trace_ray(sound_speed: Callable, phase_speed: float, nodes: int = 400) -> Ray:
    r"""Follow a ray of horizontal phase speed v down to where c(z) = v and back.

    :math:`\Delta = 2\int_0^{z_t} \frac{c\,dz}{\sqrt{v^2-c^2}}` and
    :math:`\tau = 2\int_0^{z_t} \frac{v\,dz}{c\sqrt{v^2-c^2}}`; with z = z_t sin^2(theta) both ends are regular
    wherever c grows like a root of the depth.

    Parameters
    ----------
    sound_speed : c(z), Mm/s, growing with the depth z in Mm
    phase_speed : v = omega / k_h, Mm/s
    nodes : points of the quadrature

    Raises `SqError` where the ray does not turn above `DEEPEST`, and for a phase speed that is not above 0.
    """
    if phase_speed <= 0 or sound_speed(DEEPEST) <= phase_speed:
        raise SqError(f"a ray of phase speed {phase_speed} Mm/s does not turn above {DEEPEST:g} Mm")
    turning = brentq(lambda z: float(sound_speed(z)) - phase_speed, 1e-9, DEEPEST, xtol=1e-13, rtol=1e-14)
    theta = (np.arange(nodes) + 0.5) * (math.pi / 2 / nodes)  # mid-points: the ends are never touched
    depth = turning * np.sin(theta) ** 2
    step = turning * np.sin(2 * theta) * (math.pi / 2 / nodes)
    c = sound_speed(depth)
    slowness = np.sqrt(phase_speed**2 - c**2)
    along = np.cumsum(c / slowness * step)
    return Ray(2 * along[-1], 2 * float(np.sum(phase_speed / (c * slowness) * step)), np.stack([along, depth]))


def polytrope_rays(index: float = 1.5) -> Rays:
    """`Rays` of a polytrope of this index; they raise `SqError` as `polytrope_travel_time` does."""
    times = partial(polytrope_travel_time, index=index)
    return Rays(times, times, f"polytrope m={index}")


def solar_rays() -> Rays:
    """`Rays` of the Sun: `MODEL_S`, interpolated monotonically in ln(distance), ln(time); `SqError` outside of it."""
    def table(column: int) -> Callable:
        curve = PchipInterpolator(np.log(MODEL_S[:, 0]), np.log(60 * MODEL_S[:, column]), extrapolate=False)

        def times(distance):
            distance = np.asarray(distance, dtype=float)
            if distance.size and (distance.min() < MODEL_S[0, 0] or distance.max() > MODEL_S[-1, 0]):
                raise SqError(f"travel times of the Sun are known from {MODEL_S[0, 0]:g} to {MODEL_S[-1, 0]:g} Mm, not "
                              f"at {distance.min():g}…{distance.max():g} Mm; choose a pupil inside that range")
            return np.exp(curve(np.log(distance)))

        return times

    return Rays(table(2), table(1), "Model S at 6 mHz")
