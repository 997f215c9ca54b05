"""Light curves of a place: egression power over its average, in kernels of several sizes, and their noise (Fig. 16).

The power of noise in one pixel is exponential, so the mean of n independent ones has Gamma's law with shape n: mean 1,
deviation 1/√n, and a tail that is fatter than a Gaussian's. Places are in pixels, x right, y down; the middle of the
first pixel is at 0.5.
"""

from typing import NamedTuple

import numpy as np
from scipy.ndimage import gaussian_filter, label
from scipy.optimize import brentq
from scipy.special import gammaln
from scipy.stats import gamma, norm

from sqlib.data.statistics import SMOOTH
from sqlib.errors import SqError
from sqlib.judge.duration import BAND, RULE, unbroken

APART = 15.0  # px: what is nearer to the source than this is no background
LEAST = 40  # frames that an average in time needs: some ten independent looks


class Regions(NamedTuple):
    """bool (H, W) each: the shadow of the active region, and the quiet Sun; between them lies what is neither."""

    active: np.ndarray
    quiet: np.ndarray


class Above(NamedTuple):
    """An unbroken time above a level: positions of the first and the last frame (-1: none), and its seconds."""

    first: int
    last: int
    seconds: float


class Light(NamedTuple):
    """Light curves of a place, one a radius in px, as P/P_avg (T,); the rest is of the first, smallest kernel.

    `sigma`: deviation of such kernels in the active region and in the quiet Sun, in P_avg; `run`: the candidate's time
    above three of the former; `n`: its independent pixels, 1/σ²; `facts`: what a table says of it, by column.
    """

    curves: dict[float, np.ndarray]
    sigma: tuple[float, float]
    run: Above
    n: float
    facts: dict[str, float | str]


def check(power: np.ndarray) -> np.ndarray:
    """Power (T, H, W) as an array, or `SqError`: too few frames for an average in time, not finite, or no cube."""
    power = np.asarray(power)
    if power.ndim != 3 or len(power) < LEAST:
        raise SqError(f"a light curve needs {LEAST} frames or more (T, H, W), to know what is usual; not {power.shape}")
    if not np.isfinite(power).all():
        raise SqError("a light curve needs finite power; fill the gaps first")
    return power


def kernel(shape, x: float, y: float, radius: float) -> np.ndarray:
    """bool (H, W): the pixels whose middles are at most `radius` from (x, y); `SqError` where the frame has none."""
    down, right = (np.arange(size) + 0.5 for size in shape)
    inside = np.hypot(down[:, None] - y, right - x) <= radius
    if not inside.any():
        raise SqError(f"no pixel of a {shape[0]}×{shape[1]} frame lies within {radius:g} px of x = {x:g}, y = {y:g}")
    return inside


def usual(values: np.ndarray) -> float:
    """Average in time of a light curve (T,); `SqError` unless it is above 0."""
    average = float(np.mean(values))
    if not average > 0:
        raise SqError("the place has no power outside of the event: nothing to compare it with")
    return average


def regions_of(average: np.ndarray) -> Regions:
    """The shadow and the quiet Sun in an average (H, W), which is blurred by 5 px.

    Shadow: the connected patch round the least of it that is below half of its depth. Quiet: what has lost under a
    quarter of it. Raises `SqError` for frames that are hardly more than their rim.
    """
    mean = gaussian_filter(average, SMOOTH, mode="reflect")
    rim, inner = 2 * SMOOTH, np.zeros(mean.shape, bool)
    inner[rim:-rim, rim:-rim] = True
    if not inner.any():
        raise SqError(f"frames of {mean.shape} hold no pixel farther than {rim} px from their edge")
    quiet = float(np.median(mean[inner & (mean > np.median(mean[inner]))]))
    low = float(mean[inner].min())
    patches, _ = label(inner & (mean <= (low + quiet) / 2))
    lowest = np.unravel_index(np.where(inner, mean, np.inf).argmin(), mean.shape)
    return Regions(patches == patches[lowest], inner & (mean > (low + 3 * quiet) / 4))


def deviation(power: np.ndarray, where: np.ndarray, x: float, y: float, radius: float, rng: np.random.Generator,
              average: float = 0.0, places: int = 60) -> float:
    """Standard deviation in time of the power of kernels, root mean square over `places` drawn from `where` (H, W).

    The kernels are that of the source at (x, y), px, moved by whole pixels: about a corner a disc has other pixels than
    about a pixel's middle, 16 instead of 21 for 2.5 px, and another deviation. Left out are places within 15 px of the
    source, and those from which the kernel reaches out of the frame. In units of `average`, or, where none is given, of
    each kernel's own average in time. NaN where fewer than five places remain; errors as for `kernel` and `usual`.
    """
    shape = power.shape[1:]
    offsets = np.argwhere(kernel(shape, x, y, radius)) - np.floor([y, x]).astype(int)
    middles = np.argwhere(where)
    far = np.hypot(middles[:, 1] + 0.5 - x, middles[:, 0] + 0.5 - y) >= APART
    within = (middles + offsets.min(0) >= 0).all(1) & (middles + offsets.max(0) < shape).all(1)
    middles = middles[far & within]
    if len(middles) < 5:
        return float("nan")
    drawn = middles[rng.choice(len(middles), min(places, len(middles)), replace=False)]
    curves = [power[:, *(middle + offsets).T].mean(1, dtype=np.float64) for middle in drawn]
    return float(np.sqrt(np.mean([(one / (average or usual(one))).var() for one in curves])))


def measure(power: np.ndarray, x: float, y: float, during: tuple[int, int], radii, cadence: float,
            rng: np.random.Generator) -> Light:
    """The light curves of a place of power (T, H, W) and what they say (Section 4.3.3); `SqError` as above.

    during : positions in the cube of the candidate's first and last frame; cadence : s
    """
    power, curves, average = check(power), {}, {}
    areas = regions_of(power.mean(0, dtype=np.float64))
    for radius in radii:
        own = power[:, kernel(power.shape[1:], x, y, radius)].mean(1, dtype=np.float64)
        average[radius] = usual(own)
        curves[radius] = own / average[radius]
    least = radii[0]
    region = deviation(power, areas.active, x, y, least, rng)
    quiet = deviation(power, areas.quiet, x, y, least, rng, average[least])
    run, n = above(curves[least], 1 + 3 * region, cadence, during), 1 / region**2
    peak, seconds, places = float(curves[least].max()), len(power) * cadence, power[0].size / (np.pi * least**2)
    facts = {"peak P/P_avg": peak, "in σ of the region": (peak - 1) / region,
             "in σ of the quiet Sun": (peak - 1) / quiet, "above 3σ (s)": run.seconds,
             "480 s": "yes" if run.seconds >= RULE else "no", "noise once in this cube": once(seconds, n),
             "anywhere in the frame": once(seconds * places, n)}
    return Light(curves, (region, quiet), run, n, facts)


def above(values: np.ndarray, level: float, cadence: float, during: tuple[int, int]) -> Above:
    """How long a light curve (T,) is above `level` without a break: the longest such time that touches `during`.

    during : first and last position of the candidate. Frames times `cadence` (s), as the paper counts.
    """
    first, last = during
    runs = [run for run in unbroken(np.flatnonzero(np.asarray(values) > level)) if run[0] <= last and run[-1] >= first]
    best = max(runs, key=len, default=[])
    return Above(int(best[0]), int(best[-1]), len(best) * cadence) if len(best) else Above(-1, -1, 0.0)


def sigma_level(k: float, n: float) -> float:
    """P/P_avg at k deviations for the mean of n independent exponentials: 1 + k/√n."""
    return 1 + k / np.sqrt(n)


def chance(level, n: float):
    """Share of the time that noise is above `level` (P/P_avg): the upper tail of Gamma(n) with mean 1."""
    return gamma.sf(np.asarray(level, float), n, scale=1 / n)


def honest_level(k: float, n: float) -> float:
    """P/P_avg that noise exceeds as rarely as a Gaussian exceeds k deviations; above `sigma_level` by Gamma's tail."""
    return float(gamma.isf(norm.sf(k), n, scale=1 / n))


def log_upcrossings(level, n: float):
    """Logarithm of how often (1/s) the mean power of n independent waves in the band rises through `level` (P/P_avg).

    √(λ/π) (n u)^(n − 1/2) exp(−n u) / Γ(n), with λ = (2π Δν)²/12 of a flat band of width Δν. Source: Rice (1945), DOI
    10.1002/j.1538-7305.1945.tb00453.x, for the sum of n squared envelopes.
    """
    return np.log(np.sqrt(np.pi / 3) * BAND) + (n - 0.5) * np.log(n * level) - n * level - gammaln(n)


def once(seconds: float, n: float) -> float:
    """P/P_avg through which noise in a kernel of n independent pixels rises once in so many seconds, on average."""
    busiest = max((n - 0.5) / n, 0.1)  # below this level the rate falls again
    if log_upcrossings(busiest, n) + np.log(seconds) <= 0:
        return busiest
    return float(brentq(lambda u: log_upcrossings(u, n) + np.log(seconds), busiest, 200 + 1e3 / n))


def noise(seconds: float, cadence: float, n: float, rng: np.random.Generator) -> np.ndarray:
    """A light curve of nothing but noise: the mean power of round(n) independent random waves in the band, mean 1 (T,).

    Its autocorrelation is sinc²(2 mHz · τ), as `duration.correlation` says.
    """
    count, waves = round(seconds / cadence), max(1, round(n))
    inside = np.abs(np.fft.fftfreq(count, cadence)) <= BAND / 2
    spectrum = (rng.standard_normal((waves, count)) + 1j * rng.standard_normal((waves, count))) * inside
    power = np.abs(np.fft.ifft(spectrum, axis=1)) ** 2
    return (power / power.mean()).mean(0)
