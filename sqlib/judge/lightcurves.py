"""Light curves of a place: egression power over its average, in kernels of several sizes, and their noise (Fig. 16).

The power of noise in one pixel is exponential, so the mean of n independent ones has Gamma's law with shape n: mean 1,
deviation 1/√n, and a tail that is fatter than a Gaussian's. Places are in pixels, x right, y down; the middle of the
first pixel is at 0.5.
"""

from pathlib import Path
from typing import NamedTuple

import numpy as np
from scipy.ndimage import gaussian_filter, label
from scipy.optimize import brentq
from scipy.special import gammaln

from sqlib.data.cubes import read_cube
from sqlib.data.frames import FrameSet
from sqlib.data.statistics import SMOOTH
from sqlib.errors import SqError
from sqlib.judge.duration import BAND, RULE, unbroken

APART = 15.0  # px: what is nearer to the source than this is no background
LEAST = 40  # frames that an average in time needs: some ten independent looks


class Regions(NamedTuple):
    """bool (H, W) each: the shadow of the active region, and the quiet Sun; between them lies what is neither."""

    active: np.ndarray
    quiet: np.ndarray


class Light(NamedTuple):
    """Light curves of a place, one a radius in px, as P/P_avg (T,); the rest is of the first, smallest kernel.

    `sigma`: deviation of such kernels in the active region and in the quiet Sun, in P_avg; `run`: positions (K,) of the
    candidate's frames `above` three of the former; `n`: its independent pixels, 1/σ²; `facts`: a row of a table.
    """

    curves: dict[float, np.ndarray]
    sigma: tuple[float, float]
    run: np.ndarray
    n: float
    facts: dict[str, float | str]


def power_of(frameset: FrameSet, event: str, cube: Path | None = None) -> tuple[np.ndarray, np.ndarray]:
    """Power (T, H, W) of an event, by its key, and the numbers (T,) of its frames: of its `cube`, where there is one,
    else of its frames over their means, for published ones have a gray scale each."""
    if cube:
        read = read_cube(cube)
        return read.power, read.first_frame + np.arange(len(read.power))
    rows = frameset.index[frameset.index["event"] == event].sort_values("frame")
    values = np.asarray(frameset.pixels[frameset.index.index.get_indexer(rows.index)], np.float32)
    return values / np.maximum(values.mean((1, 2), keepdims=True), 1e-6), rows["frame"].to_numpy()


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
    """The light curves of a place of power (T, H, W) and what they say (Section 4.3.3).

    during : positions in the cube of the candidate's first and last frame; cadence : s
    `SqError` for too few frames to know what is usual, and as above.
    """
    if len(power) < LEAST:
        raise SqError(f"a light curve needs {LEAST} frames or more, not {len(power)}")
    curves, average = {}, {}
    areas = regions_of(power.mean(0, dtype=np.float64))
    for radius in radii:
        own = power[:, kernel(power.shape[1:], x, y, radius)].mean(1, dtype=np.float64)
        average[radius] = usual(own)
        curves[radius] = own / average[radius]
    least = radii[0]
    region = deviation(power, areas.active, x, y, least, rng)
    if np.isnan(region):
        raise SqError(f"the active region has no five places {APART:g} px from the source: its noise is not known")
    quiet = deviation(power, areas.quiet, x, y, least, rng, average[least])
    run, n = above(curves[least], 1 + 3 * region, during), 1 / region**2
    peak, places = float(curves[least].max()), power[0].size / (np.pi * least**2)
    lasting, seconds = len(run) * cadence, len(power) * cadence  # frames times cadence, as the paper counts
    facts = {"peak P/P_avg": peak, "in σ of the region": (peak - 1) / region,
             "in σ of the quiet Sun": (peak - 1) / quiet, "above 3σ (s)": lasting,
             "480 s": "yes" if lasting >= RULE else "no", "noise once in this cube": once(seconds, n),
             "anywhere in the frame": once(seconds * places, n)}
    return Light(curves, (region, quiet), run, n, facts)


def above(values: np.ndarray, level: float, during: tuple[int, int]) -> np.ndarray:
    """Positions (K,) of the longest unbroken time of a light curve (T,) above `level` that touches the candidate's
    first to last position (`during`); K = 0 where it is never above."""
    first, last = during
    runs = [run for run in unbroken(np.flatnonzero(np.asarray(values) > level)) if run[0] <= last and run[-1] >= first]
    return max(runs, key=len, default=np.empty(0, int))


def once(seconds: float, n: float) -> float:
    """P/P_avg through which noise in a kernel of n independent pixels rises once in so many seconds, on average.

    The mean power of n independent waves in the band rises through a level u so often in a second:
    √(λ/π) (n u)^(n − 1/2) exp(−n u) / Γ(n), with λ = (2π Δν)²/12 of a flat band of width Δν. Source:
    Rice (1945), DOI 10.1002/j.1538-7305.1945.tb00453.x, for the sum of n squared envelopes.
    """
    def expected(u):  # its logarithm, in so many seconds
        often = np.log(np.sqrt(np.pi / 3) * BAND) + (n - 0.5) * np.log(n * u) - n * u - gammaln(n)
        return often + np.log(seconds)

    busiest = max((n - 0.5) / n, 0.1)  # below this level the rate falls again
    return busiest if expected(busiest) <= 0 else float(brentq(expected, busiest, 200 + 1e3 / n))


def noise(seconds: float, cadence: float, n: float, rng: np.random.Generator) -> np.ndarray:
    """A light curve of nothing but noise: the mean power of round(n) independent random waves in the band, mean 1 (T,);
    its autocorrelation is `duration.correlation`."""
    count, waves = round(seconds / cadence), max(1, round(n))
    inside = np.abs(np.fft.fftfreq(count, cadence)) <= BAND / 2
    spectrum = (rng.standard_normal((waves, count)) + 1j * rng.standard_normal((waves, count))) * inside
    power = np.abs(np.fft.ifft(spectrum, axis=1)) ** 2
    return (power / power.mean()).mean(0)
