"""Simulated cubes with many sunquakes each, to learn where a source is: the twin's physics in more varied scenes.

The scenes are drawn more widely than the twin's own (several shadows, bright rims, faint and strong sources, sources
off the region, doubles), so that what is learned from them does not hang on one set of distributions. A source's
strength is relative to the level around it, as it is in the twin. No real frame enters.
"""

import math
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime
from typing import NamedTuple

import numpy as np
from scipy.ndimage import gaussian_filter

from sqlib.data.catalogue import INSTRUMENTS, Event
from sqlib.data.statistics import as_published
from sqlib.sun.scene import (
    POPULATIONS,
    SOLAR_RADIUS,
    Scene,
    draw_quake,
    draw_region,
    generator_of,
    levels_of,
    smooth_noise,
)
from sqlib.sun.twin import TwinSettings, simulate

DURATIONS = {"MDI": (13.7, 3.3), "HMI": (15.0, 3.4)}  # annotated frames, mean and spread (chapter 01)
QUIET = 8  # every so-many-th cube has no source


class Practice(NamedTuple):
    """Frames of one practice cube, uint8 (T, S, S), scaled to their own maximum and most of them through JPEG as the
    published ones are, and its sources (Q, 4): first and last frame, y and x in pixels."""

    frames: np.ndarray
    sources: np.ndarray


def draw_event(number: int, rng: np.random.Generator, frames: int = 256) -> Event:
    """An event of MDI or HMI that Table 1 does not list, with one annotated interval after the other in its `frames`,
    or with none; its frame 0 is at its made-up time."""
    instrument = str(rng.choice(["MDI", "HMI"], p=[0.35, 0.65]))
    intervals, at = [], int(rng.integers(2, 10))
    while number % QUIET != QUIET - 1:
        length = int(np.clip(round(rng.normal(*DURATIONS[instrument])), 8, 24))
        if at + length > frames - 2:
            break
        intervals.append((at, at + length - 1))
        at += length + int(rng.integers(9, 14))
    return Event(f"practice {number}", datetime(2000, 1, 1), 23 if instrument == "MDI" else 24, instrument,
                 *INSTRUMENTS[instrument], bool(intervals), tuple(intervals))


def draw_scene(event: Event, size: int, rim: int, first: int, frames: int, seed: int, limb: bool = True,
               level: tuple[float, float] = (0.42, 0.22), beside: tuple[float, ...] = (0.5, 0.3, 0.15, 0.05),
               apart: tuple[float, float] = (14, 45)) -> Scene:
    """A scene for all intervals of an event, in the place of `sqlib.sun.scene.draw_scene`.

    level : of the emission round a source, over the quiet Sun's, mean and spread; beside : chances of 0, 1, 2 …
    smaller shadows beside the region, and how far these lie from it, px in y and x
    """
    rng = generator_of(seed, event.key)
    n, population = size + 2 * rim, POPULATIONS[event.instrument]
    area = min(0.75 * population.area[0] * math.exp(0.45 * rng.standard_normal()), 0.4 * size * size)
    weight, shape = draw_region(n, n / 2, area, population.edge, rng)
    weight = np.roll(weight, rng.normal(0, 12, 2).astype(int), (0, 1))
    depth = float(rng.uniform(0.1, 0.32))
    emission = 1 - weight * (1 - depth)
    for _ in range(int(rng.choice(len(beside), p=beside))):  # smaller shadows beside it, mostly east and west
        small = math.exp(rng.uniform(math.log(200), math.log(2000)))
        small, _ = draw_region(n, n / 2, small, population.edge, rng)
        small = np.roll(small, rng.normal(0, apart).astype(int), (0, 1))
        emission *= 1 - small * (1 - rng.uniform(0.1, 0.5))
        weight = np.maximum(weight, small)
    if rng.random() < 0.5:  # the acoustic halo
        emission *= 1 + rng.uniform(0.1, 0.8) * gaussian_filter(weight, rng.uniform(8, 18)) * (1 - weight)
    mottle = rng.uniform(0.05, 0.15)
    emission *= np.exp(mottle * smooth_noise(n, rng.uniform(15, 30), rng) - mottle**2 / 2)
    emission *= 1 + rng.uniform(-0.3, 0.3) * np.linspace(-1, 1, n)
    longitude = 0.0
    if limb and rng.random() < 0.2:  # near the limb, where speckle is drawn out east and west
        longitude = float(rng.choice([-1, 1]) * rng.uniform(45, 72))
    elif limb:
        longitude = float(np.clip(rng.normal(0, 32), -68, 68))
    theta = math.radians(longitude) + (np.arange(n) - n / 2) * event.pixel / SOLAR_RADIUS
    gain = np.clip(np.cos(theta) / math.cos(math.radians(longitude)), 0.3, 2)[None, :] ** rng.uniform(0.1, 0.5)
    population = replace(population, level=level, contrast=(14, 0.5), faint=0.15)
    levels = levels_of(emission)
    quakes = [_quake(interval, levels, rim, size, population, rng)
              for interval in event.intervals for _ in range(2 if rng.random() < 0.12 else 1)]
    return Scene(emission, np.broadcast_to(gain, (n, n)), shape, depth, longitude, tuple(quakes), ())


def _quake(interval, levels, rim, size, population, rng: np.random.Generator):
    quake = draw_quake(interval, levels, rim, size, population, rng)
    grains = quake.grains.copy()
    grains[1:, 3] *= rng.uniform(0.5, 1.3)
    grains[1:, :2] *= rng.uniform(0.7, 1.3)
    return quake._replace(time=quake.time + float(rng.normal(0, 1.2)), grains=grains)


def practise(number: int, seed: int, size: int = 256, frames: int = 256, draw: Callable = draw_scene) -> Practice:
    """The practice cube `number` of a seed, its scene from `draw`: the same whenever it is made."""
    rng = generator_of(seed, f"practice {number}, frames")
    cube = simulate(draw_event(number, rng, frames), TwinSettings(size, frames, seed), draw)
    if rng.random() < 0.85:
        pixels = as_published(cube.power, int(rng.integers(75, 96)))
    else:
        pixels = np.rint(cube.power * (255 / cube.power.max((1, 2), keepdims=True))).astype(np.uint8)
    sources = [(*quake["interval"], quake["y"], quake["x"]) for quake in cube.truth["quakes"]]
    return Practice(pixels, np.array(sources, np.float32).reshape(-1, 4))

