"""What stands on the simulated Sun in one event: the active region, the brightness of its surroundings, the sunquakes.

Every draw comes from a generator seeded by the twin's seed and the event's name. The distributions are those of the
annotated real frames (their spreads are in `sqlib/data/reference.csv`, and the data set's chapter compares both).
"""

import math
import zlib
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from scipy.ndimage import gaussian_filter

SOLAR_RADIUS = 696.0  # Mm, RSUN_REF of both instruments
GRAIN_SPREAD, GRAIN_DELAY, GRAIN_AMPLITUDE = 2.7, 135.0, 5.2  # px; s; all grains together, relative to the core


class Quake(NamedTuple):
    """One impulsive source: a clump of grains, each with a place, a time, a width and an amplitude."""

    interval: tuple[int, int]  # annotated frames, inclusive
    level: float  # of the emission around it, over the quiet Sun's
    strength: float  # peak of its own egression power over the quiet Sun's mean
    y: float  # pixels of the field
    x: float
    time: float  # frames, of the peak
    box: tuple[float, float, float, float]  # x0, y0, x1, y1 as an annotator would draw it, pixels of the field
    grains: np.ndarray  # (G, 4): dy, dx in pixels, dt in s, relative amplitude; the first is the core
    stretch: tuple[float, float]  # FWHM of the core along its long axis in pixels, position angle in rad


class Scene(NamedTuple):
    """One event's surface, on a field of (size, size) pixels with a rim of `rim` pixels all round."""

    emission: np.ndarray  # (n, n) power of the stochastic sources, 1 in the quiet Sun
    gain: np.ndarray  # (n, n) how much of the motion the instrument sees
    shape: str
    depth: float  # emission left inside the active region
    longitude: float  # degrees
    quakes: tuple[Quake, ...]
    gaps: tuple[tuple[int, int], ...]  # first frame, length


@dataclass(frozen=True)
class Population:
    """Distributions for one instrument: (median, spread of the logarithm), (mean, standard deviation) or (from, to)."""

    depth: tuple[float, float]  # uniform from … to
    area: tuple[float, float]  # px^2, log-normal
    edge: float  # px, width of the edges of a region and of its core
    mottle: float  # rms of the logarithm of the quiet Sun's brightness over tens of Mm
    tilt: float  # rise of the brightness from the middle to the east or west end of the field, at most
    halo: tuple[float, float]  # how much brighter the Sun is round a region, uniform from … to
    level: tuple[float, float]  # emission round a source, normal
    contrast: tuple[float, float]  # strength of a source over that level, log-normal
    faint: float  # share of sources that have `FAINT` of that only
    box_width: tuple[float, float]  # px
    box_height: tuple[float, float]
    peak_at: float  # where in the interval the source peaks


POPULATIONS = {
    "MDI": Population(depth=(0.12, 0.32), area=(3700, 0.45), edge=4.5, mottle=0.12, tilt=0.1, halo=(0.0, 0.3),
                      level=(0.52, 0.17), contrast=(23, 0.3), faint=0.5,
                      box_width=(10.5, 4.0), box_height=(9.7, 3.0), peak_at=0.55),
    "HMI": Population(depth=(0.17, 0.25), area=(7600, 0.27), edge=5.4, mottle=0.107, tilt=0.26, halo=(0.1, 0.3),
                      level=(0.43, 0.15), contrast=(17, 0.35), faint=0.12,
                      box_width=(15.8, 3.6), box_height=(15.3, 3.5), peak_at=0.44),
}
FAINT = 0.15
AROUND, AT = 12, 4  # px, sigma of the level round a source and at its place
CORE, PLAGE = 0.70, 0.46  # radius of a region's dark core over its own; weight of what lies round the core
HALO = 14  # px, sigma of a region's bright surroundings


def generator_of(seed: int, key: str) -> np.random.Generator:
    """The generator of one event: the same for the same seed and name, whatever else is made."""
    return np.random.default_rng([seed, zlib.crc32(key.encode())])


def smooth_noise(n: int, scale: float, rng: np.random.Generator) -> np.ndarray:
    """Periodic Gaussian random field (n, n) of unit variance, correlated over `scale` pixels."""
    k = np.hypot(np.fft.fftfreq(n)[:, None], np.fft.rfftfreq(n)[None, :])
    field = np.fft.irfft2(np.fft.rfft2(rng.standard_normal((n, n))) * np.exp(-2 * (math.pi * scale * k) ** 2), s=(n, n))
    return (field - field.mean()) / field.std()


def draw_region(n: int, centre: float, area: float, edge: float, rng: np.random.Generator) -> tuple[np.ndarray, str]:
    """Active region of about `area` px^2: weight (n, n) from 0 (quiet) to 1 (heart), and its shape's name.

    Its middle is about ten pixels from (`centre`, `centre`), its edges are `edge` px wide; the shapes are "blob",
    "pair" and "band".
    """
    shape = str(rng.choice(["blob", "pair", "band"], p=[0.25, 0.5, 0.25]))
    y0, x0 = centre + rng.normal(0, 10, 2)
    angle = rng.normal(0, 0.25)  # regions lie nearly east–west
    y, x = np.mgrid[:n, :n]
    u = (x - x0) * math.cos(angle) + (y - y0) * math.sin(angle)
    v = -(x - x0) * math.sin(angle) + (y - y0) * math.cos(angle)
    outline = 0.22 * smooth_noise(n, 7, rng)

    def spot(centre_u: float, share: float, ratio: float) -> np.ndarray:
        short = math.sqrt(area * share / (math.pi * ratio))
        rho = np.hypot((u - centre_u) / (short * ratio), v / short) + outline
        outer, core = (1 / (1 + np.exp(np.clip((rho - r) * short / edge, -50, 50))) for r in (1, CORE))
        return PLAGE * outer + (1 - PLAGE) * core

    if shape == "blob":
        weight = spot(0, 1, rng.uniform(1, 1.8))
    elif shape == "pair":
        share, ratio = rng.uniform(0.35, 0.65), rng.uniform(1, 1.6)
        apart = rng.uniform(1.3, 2.2) * math.sqrt(area / math.pi)
        parts = spot(-apart * (1 - share), share, ratio), spot(apart * share, 1 - share, ratio)
        weight = np.maximum(*parts)
    else:
        weight = spot(0, 1, rng.uniform(2.5, 4))
    return weight, shape


def levels_of(emission: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Means of an emission (n, n) around each place and at it, both (n, n)."""
    return gaussian_filter(emission, AROUND), gaussian_filter(emission, AT)


def draw_quake(interval, levels, rim, size, population, rng) -> Quake:
    """A sunquake in the given annotated interval, somewhere in the region, as the population has them.

    interval : first and last frame; levels : of `levels_of` the scene, n = size + 2 rim; rim, size : px, see `Scene`
    """
    margin = 24 if size >= 128 else size // 6
    inner = slice(rim + margin, rim + size - margin)
    around, at = (level[inner, inner] for level in levels)
    wanted = float(np.clip(rng.normal(*population.level), 0.15, 1))
    off = abs(around - wanted) + np.maximum(around - at, 0)  # on a flank or a bridge, not in the darkest place
    places = np.argwhere(off <= max(0.03, off.min()))
    place = places[rng.integers(len(places))]
    level = float(around[tuple(place)])
    y, x = place + margin + rng.uniform(-0.5, 0.5, 2)
    median, spread = population.contrast
    contrast = median * math.exp(spread * rng.standard_normal()) * (FAINT if rng.random() < population.faint else 1)
    first, last = interval
    time = first + (last - first) * population.peak_at + rng.normal(0, 0.5)
    # a core and about twenty weaker grains: calibrated, like `POPULATIONS`, to the profile and the halo of real sources
    count = int(rng.integers(16, 26))
    grains = np.zeros((1 + count, 4))
    grains[0, 3] = 1
    grains[1:, :2] = rng.normal(0, GRAIN_SPREAD, (count, 2))
    grains[1:, 2] = rng.normal(0, GRAIN_DELAY, count)
    grains[1:, 3] = GRAIN_AMPLITUDE * rng.standard_normal(count) / math.sqrt(count)
    width, height = (float(np.clip(rng.normal(*pair), 4, 28)) for pair in (population.box_width, population.box_height))
    cy, cx = y + rng.normal(0, 1.2), x + rng.normal(0, 1.2)
    box = (cx - width / 2, cy - height / 2, cx + width / 2, cy + height / 2)
    box = tuple(float(np.clip(b, 0, size)) for b in box)
    stretch = (float(rng.uniform(1.8, 3.2)), float(rng.uniform(0, math.pi)))
    return Quake(tuple(interval), level, level * contrast, float(y), float(x), float(time), box, grains, stretch)


def draw_gaps(first: int, frames: int, intervals, rng: np.random.Generator) -> tuple[tuple[int, int], ...]:
    """Missing frames, as (first frame, length): up to two runs, away from the annotation, as the paper interpolates."""
    gaps = []
    for _ in range(int(rng.choice([0, 1, 2], p=[0.7, 0.2, 0.1]))):
        length = int(rng.integers(1, 8))
        start = first + int(rng.integers(2, frames - length - 2))
        apart = all(abs(start - other) > 20 for other, _ in gaps)
        if apart and all(start + length < a - 20 or start > b + 80 for a, b in intervals):
            gaps.append((start, length))
    return tuple(gaps)


def draw_scene(event, size: int, rim: int, first: int, frames: int, seed: int, limb: bool = True) -> Scene:
    """The scene of one event; see `Scene`.

    Parameters
    ----------
    event : has key, instrument, cadence (s), pixel (Mm), intervals
    size, rim : pixels of the field, and of the margin round it
    first, frames : number of the first frame that is observed, and how many are (for the gaps)
    seed : of the twin
    limb : with foreshortening (longitudes to ±52 degrees) or at disk centre
    """
    rng = generator_of(seed, event.key)
    population, n = POPULATIONS[event.instrument], size + 2 * rim
    area = min(population.area[0] * math.exp(population.area[1] * rng.standard_normal()), 0.2 * size * size)
    weight, shape = draw_region(n, n / 2, area, population.edge, rng)
    depth = float(rng.uniform(*population.depth))
    mottle = np.exp(population.mottle * smooth_noise(n, 22, rng) - population.mottle**2 / 2)
    longitude = float(np.clip(rng.normal(0, 27), -52, 52)) if limb else 0.0
    theta = math.radians(longitude) + (np.arange(n) - n / 2) * event.pixel / SOLAR_RADIUS
    gain = np.clip(np.cos(theta) / math.cos(math.radians(longitude)), 0.3, 2)[None, :] ** 0.2
    tilt = 1 + population.tilt * rng.uniform(-1, 1) * np.linspace(-1, 1, n)
    halo = 1 + rng.uniform(*population.halo) * 2 * gaussian_filter(weight, HALO) * (1 - weight)
    emission = mottle * tilt * halo * (1 - weight * (1 - depth))
    levels = levels_of(emission)
    quakes = tuple(draw_quake(interval, levels, rim, size, population, rng) for interval in event.intervals)
    gaps = draw_gaps(first, frames, event.intervals, rng)
    return Scene(emission, np.broadcast_to(gain, (n, n)), shape, depth, longitude, quakes, gaps)
