"""What egression-power frames look like, in numbers: the same measurements for the twin and for the real frames.

`reference.csv` holds what was measured on 721 published frames of 52 events (spreads between events: mean ± standard
deviation, or the 10–90 % range; where only a middle is known, a tolerance of ours; rows with a colon are quantiles of
cycle 24, of shadows in 21 events with four frames or more outside of the annotated intervals and of sources in 24
events over their whole intervals). Its measurements were not made by this code; on a sample of real frames this code
gives values inside those spreads but for one (see `tests/test_statistics.py`). P / local mean divides a frame by its
Gaussian mean (sigma 10 px).
"""

import io
import re
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd
from scipy.interpolate import CubicSpline
from scipy.ndimage import gaussian_filter, label

from sqlib.data.catalogue import Event

LOCAL = 10  # px, sigma of the local mean
SMOOTH = 5  # px, sigma for shadows
CLEAR = 0.6  # share of random boxes that a clear source outshines
QUANTILES = (0.5, 0.9, 0.99, 0.999)
RINGS = {"2–3": (2.5, 1), "4": (4, 0.5), "5": (5, 0.5)}  # round a source: middle and half width, px
MEDIANS = re.compile("area|:|peak|FWHM|local mean at")  # quantities of which the median is taken, not the mean
FRAMES = 4  # of an event, for the shape of its shadow: the more, the less speckle is left in their mean
SHADOW, PIECE = 0.7, 60  # of the median level; px^2, the least area that counts as a piece
SPECKLE, NARROW, WIDE = 4, 1.2, 5  # px, sigma: for the mean frame, for a source, for the darkest place
RING = (4, 10)  # px outside of a box: from there comes the level around a source


class View(NamedTuple):
    """Frames of one event as they are measured, and the annotated boxes on them."""

    event: Event
    frames: np.ndarray  # (N, H, W), any scaling
    numbers: np.ndarray  # (N,) frame numbers
    sources: list  # ((first, last), box) pairs

    @property
    def annotated(self) -> np.ndarray:
        """bool (N,): whether a frame is inside an annotated interval."""
        return within(self.numbers, (interval for interval, _ in self.sources))


def within(numbers: np.ndarray, intervals) -> np.ndarray:
    """bool (N,): which frame `numbers` lie in one of the `intervals`, (first, last) each."""
    return np.isin(numbers, [number for first, last in intervals for number in range(first, last + 1)])


def reference() -> pd.DataFrame:
    """Measurements of the published frames: quantity, cycle, unit, low, middle, high."""
    return pd.read_csv(Path(__file__).with_name("reference.csv"))


def as_published(frames: np.ndarray, quality: int = 85) -> np.ndarray:
    """Frames (N, H, W) as they are published, uint8: each scaled to its maximum, and through JPEG of a `quality`."""
    from PIL import Image

    published = []
    for frame in frames:
        gray = (frame * (255 / max(float(frame.max()), 1e-12)) + 0.5).astype(np.uint8)
        Image.fromarray(gray).save(file := io.BytesIO(), "JPEG", quality=quality)
        published.append(np.asarray(Image.open(file)))
    return np.stack(published)


def relative(frames: np.ndarray) -> np.ndarray:
    """P / local mean of frames (N, H, W), float32."""
    frames = np.asarray(frames, dtype=np.float32)
    return frames / np.maximum(gaussian_filter(frames, (0, LOCAL, LOCAL), mode="reflect"), 1e-6)


def half_width(lags: np.ndarray, acf: np.ndarray) -> float:
    """Where an even autocorrelation `acf` at `lags` (both (L + 1,), from 0) falls to a half (cubic spline), or NaN."""
    curve = CubicSpline(np.concatenate([-lags[:0:-1], lags]), np.concatenate([acf[:0:-1], acf]))
    fine = np.linspace(0, lags[-1], 4001)
    below = np.flatnonzero(curve(fine) < 0.5)
    return float(fine[below[0]]) if len(below) else float("nan")


def speckle_width(ratio: np.ndarray) -> tuple[float, float]:
    """Half-widths (px, along x and y) of the autocorrelation of P / local mean (N, H, W), interpolated by Fourier."""
    d = ratio - ratio.mean((1, 2), keepdims=True)
    window = np.hanning(d.shape[1])[:, None] * np.hanning(d.shape[2])[None, :]
    power = (np.abs(np.fft.fft2(d * window)) ** 2).mean(0)
    fine = np.linspace(0, 4, 2001)
    widths = []
    for axis in (1, 0):
        spectrum = power.sum(1 - axis)
        acf = np.cos(2 * np.pi * np.fft.fftfreq(len(spectrum)) * fine[:, None]) @ spectrum / spectrum.sum()
        widths.append(float(fine[np.argmax(acf < 0.5)]))
    return widths[0], widths[1]


def spatial_acf(ratio: np.ndarray, lags: int = 3) -> np.ndarray:
    """Autocorrelation (lags + 1,) of P / local mean (N, H, W) at 0…lags px, the mean of both directions."""
    d = ratio - ratio.mean()
    power = (d * d).mean()
    pairs = [0.5 * ((d[:, :, k:] * d[:, :, :-k]).mean() + (d[:, k:] * d[:, :-k]).mean()) for k in range(1, lags + 1)]
    return np.array([1.0, *(p / power for p in pairs)])


def temporal_acf(ratio: np.ndarray, numbers: np.ndarray, lags: int) -> np.ndarray:
    """Autocorrelation (lags + 1,) of P / local mean (N, H, W), frames `numbers` (N,), at 0…lags frames.

    From all pairs of frames that far apart; NaN without a pair.
    """
    d, place = ratio - ratio.mean(), {int(number): i for i, number in enumerate(numbers)}
    power, acf = (d * d).mean(), []
    for lag in range(lags + 1):
        pairs = [(i, place[n + lag]) for n, i in place.items() if n + lag in place]
        acf.append(np.mean([(d[i] * d[j]).mean() for i, j in pairs]) / power if pairs else np.nan)
    return np.array(acf)


def scaled(frames: np.ndarray) -> np.ndarray:
    """Frames (N, H, W), each over its own mean."""
    return frames / frames.mean((1, 2), keepdims=True)


def shadow(frames: np.ndarray) -> dict[str, float]:
    """Depth and size of the active region's shadow in the mean of frames (N, H, W).

    Minimum over the quiet level, area below half depth round the minimum (px²), and the relative rms of the
    large-scale brightness (sigma 10 px, the shadow included).
    """
    average, rim = scaled(frames).mean(0), 2 * SMOOTH
    inner, large = (gaussian_filter(average, sigma, mode="reflect")[rim:-rim, rim:-rim] for sigma in (SMOOTH, rim))
    quiet = float(np.median(inner[inner > np.median(inner)]))  # the upper half is free of the shadow
    lowest = np.unravel_index(inner.argmin(), inner.shape)
    low = float(inner[lowest])
    patches, _ = label(inner < (low + quiet) / 2)
    return {
        "shadow minimum / quiet level": low / quiet,
        "shadow area below half depth": float((patches == patches[lowest]).sum()),
        "large-scale brightness rms": float(large.std() / large.mean()),
    }


def shadow_shape(frames: np.ndarray) -> dict[str, float]:
    """Depth, edges and size of the shadow in the mean of a few frames (N, H, W), in units of its median level.

    The mean frame is smoothed with sigma 4 px; gradients are of its logarithm.
    """
    mean = gaussian_filter(scaled(frames).mean(0), SPECKLE, mode="reflect")
    mean /= np.median(mean)
    dark, (dy, dx) = mean < SHADOW, np.gradient(np.log(mean))
    pieces = np.bincount(label(dark)[0].ravel())[1:]
    return {
        "shadow: minimum": float(mean.min()),
        **{f"shadow: {q:.0%} quantile": float(np.quantile(mean, q)) for q in (0.01, 0.05, 0.99)},
        "shadow: pieces below 0.7": float((pieces > PIECE).sum()),
        "shadow: area below 0.7": float(dark.sum()),
        "shadow: share of it below 0.5": float((mean < 0.5).sum() / max(dark.sum(), 1)),
        "shadow: steepest logarithmic gradient": float(np.quantile(np.hypot(dy, dx), 0.995)),
    }


def shadow_of(view: View) -> dict[str, float]:
    """`shadow_shape` of four frames outside of the annotated intervals; {} where there are fewer."""
    rest = np.flatnonzero(~view.annotated)
    if len(rest) < FRAMES:
        return {}
    chosen = rest[np.linspace(0, len(rest) - 1, FRAMES).round().astype(int)]
    return shadow_shape(np.asarray(view.frames)[chosen].astype(np.float32))


def source_place(frames: np.ndarray, box) -> dict[str, float]:
    """Where a source stands, from the frames (N, H, W) of its interval and its box (x0, y0, x1, y1, px).

    Means of power over the frame's mean; the level is that of a ring outside of the box, the peak the largest pixel in
    it after a Gaussian of 1.2 px.
    """
    mean = scaled(frames).mean(0)
    y, x = np.ogrid[: mean.shape[0], : mean.shape[1]]
    outside = np.maximum(np.maximum(box[0] - x, x - box[2]), np.maximum(box[1] - y, y - box[3]))  # px, from its edge
    level = float(mean[(outside >= RING[0]) & (outside <= RING[1])].mean())
    bright = np.where(outside <= 0, gaussian_filter(mean, NARROW), -np.inf)
    dark = gaussian_filter(mean, WIDE)
    (sy, sx), (dy, dx) = (np.unravel_index(i, mean.shape) for i in (bright.argmax(), dark.argmin()))
    return {
        "source: level around it / frame mean": level,
        "source: peak / frame mean": float(bright.max()),
        "source: peak / level around it": float(bright.max()) / level,
        "source: darkest place / frame mean": float(dark.min()),
        "source: distance from the darkest place": float(np.hypot(sy - dy, sx - dx)),
    }


def source(frames: np.ndarray, box, others: np.ndarray, rng: np.random.Generator, cadence: float = 1.0) -> dict:
    """What an annotated box (x0, y0, x1, y1, px) shows in the frames (N, H, W) of its interval, by rows of `reference`.

    others : (M, H, W) frames outside of the interval, for the local mean (the interval's own where there are none)
    rng : for 300 random boxes of the same size in the same frames, which say how bright chance is

    A source is clear where it is brighter than three in five random boxes; only then its course in time, of frames
    `cadence` s apart, and its halo, the share of the peak's excess in each of `RINGS`, are measured.
    """
    own = scaled(frames)
    _, height, width = own.shape
    x0, y0 = (max(int(np.floor(v)), 0) for v in box[:2])
    x1, y1 = min(int(np.ceil(box[2])), width), min(int(np.ceil(box[3])), height)
    inside, brightest = own[:, y0:y1, x0:x1], own.max(0)
    tall, wide = inside.shape[1:]
    corners = rng.integers(0, (height - tall, width - wide), (300, 2))
    chance = np.array([brightest[y : y + tall, x : x + wide].max() for y, x in corners])
    clear = bool(np.mean(chance < inside.max()) > CLEAR)
    _, y, x = np.unravel_index(inside.argmax(), inside.shape)
    y, x = y + y0, x + x0
    around = gaussian_filter(scaled(others if len(others) else frames).mean(0), SMOOTH)
    found = {
        "share of clear sources": float(clear),
        f"peak / frame mean, {'clear' if clear else 'other'} sources": float(inside.max()),
        "local mean at the source / frame mean": float(around[y, x]),
        "box width": box[2] - box[0],
        "box height": box[3] - box[1],
        "annotated duration": len(frames),
    }
    if not clear:
        return found
    course, places = own[:, y, x], np.arange(len(frames))
    fine = np.interp(np.linspace(0, len(course) - 1, 50 * len(course)), places, course)
    found["source FWHM in time"] = float((fine > fine.max() / 2).sum() / 50) * cadence
    eighths = np.interp((np.arange(8) + 0.5) / 8 * len(course) - 0.5, places, course / course.max())
    quarters = eighths.reshape(4, 2).mean(1).tolist()
    found |= {f"profile, quarter {i} of the interval": level for i, level in enumerate(quarters, 1)}
    yy, xx = np.ogrid[:height, :width]
    mean, distance = own.mean(0), np.hypot(yy - y, xx - x)
    far = float(mean[(distance >= 7) & (distance < 10)].mean())  # nothing is left of a source there
    rings = {name: mean[abs(distance - r) <= half].mean() for name, (r, half) in RINGS.items()}
    return found | {f"halo at {name} px": float((ring - far) / (mean[y, x] - far)) for name, ring in rings.items()}


def event_statistics(view: View, rng: np.random.Generator) -> dict:
    """All measurements on one event, by rows of `reference`; under "sources" those on each source (with `rng`)."""
    frames, numbers, cadence = np.asarray(view.frames, dtype=np.float32), np.asarray(view.numbers), view.event.cadence
    ratio = relative(frames[:: max(1, len(frames) // 24)])
    result = {"std / mean of P / local mean": float(ratio.std() / ratio.mean())}
    levels = np.quantile(ratio, QUANTILES).tolist()
    result |= {f"{100 * q:g} % quantile of P / local mean": level for q, level in zip(QUANTILES, levels)}
    result["spatial ACF at 1 px"] = float(spatial_acf(ratio, 1)[1])
    result["spatial ACF half-width"] = float(np.mean(speckle_width(ratio)))
    run = view.annotated  # where there are enough, as in the reference
    if run.sum() < 8:
        run[:60] = True
    course = temporal_acf(relative(frames[run]), numbers[run], int(np.ceil(540 / cadence)))
    course = course[: np.argmin(np.append(np.isfinite(course), False))]
    if (len(course) - 1) * cadence >= 360:
        time = cadence * np.arange(len(course))
        result |= {f"temporal ACF at {t} s": float(np.interp(t, time, course)) for t in (180, 360)}
        result["temporal half-width"] = half_width(time, course)
    shaped = view.event.cycle == 24  # there is a reference for shapes and places
    result |= shadow(frames) | (shadow_of(view) if shaped else {})
    result["sources"] = []
    for (first, last), box in view.sources:
        inside = (numbers >= first) & (numbers <= last)
        if inside.sum() >= 4:
            found = source(frames[inside], box, frames[~inside], rng, cadence)
            result["sources"].append(found | (source_place(frames[inside], box) if shaped else {}))
    return result


def summarise(events: list[dict]) -> dict[str, float]:
    """One number per quantity over the events of a cycle and their sources, from `event_statistics` of each.

    Means; medians for `MEDIANS`: shadow areas and shapes, and the sources' peaks, times, places and local means.
    """
    found = {}
    for row in (row for event in events for row in (event, *event["sources"])):
        for name in row.keys() - {"sources"}:
            found.setdefault(name, []).append(row[name])
    return {name: float((np.median if MEDIANS.search(name) else np.mean)(own)) for name, own in found.items()}


def quartiles(events: list[dict], name: str = "twin") -> pd.DataFrame:
    """Rows with a colon: the reference beside 10, 25, 50, 75 and 90 % of `events`, of `event_statistics`.

    inside : median and quartiles lie between the reference's 10 and 90 %
    """
    table = reference().query("quantity.str.contains(':')", engine="python").drop(columns="cycle")
    found = pd.DataFrame([e for event in events for e in (event, *event["sources"])])
    table[[f"{name}, {share} %" for share in (10, 25, 50, 75, 90)]] = [
        found[quantity].quantile([0.1, 0.25, 0.5, 0.75, 0.9]).tolist() if quantity in found else [np.nan] * 5
        for quantity in table["quantity"]]
    middle = table[[f"{name}, {share} %" for share in (25, 50, 75)]]
    return table.assign(inside=(middle.ge(table["low"], axis=0) & middle.le(table["high"], axis=0)).all(axis=1))


def compare(measured: dict[int, dict[str, float]], name: str = "twin") -> pd.DataFrame:
    """The reference table with a column `name` of what was `measured` (per cycle, by `summarise`), and if inside."""
    table = reference()
    places = zip(table["cycle"], table["quantity"])
    table[name] = [measured.get(cycle, {}).get(quantity, np.nan) for cycle, quantity in places]
    table["inside"] = (table[name] >= table["low"]) & (table[name] <= table["high"])
    return table
