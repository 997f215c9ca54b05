"""What egression-power frames look like, in numbers: the same measurements for the twin and for the real frames.

`reference.csv` holds what was measured on 721 published frames of 52 events (spreads between events: mean ± standard
deviation, or the 10–90 % range; where only a middle is known, a tolerance of ours; rows of `shadows` are quantiles).
Its measurements were not made by this code; on a sample of real frames this code gives values inside those spreads but
for one (see `tests/test_statistics.py`). P / local mean divides a frame by its Gaussian mean (sigma 10 px).
"""

import io
from importlib import resources
from typing import NamedTuple

import numpy as np
import pandas as pd
from scipy.interpolate import CubicSpline
from scipy.ndimage import gaussian_filter, label

from sqlib.data.catalogue import Event
from sqlib.data.shadows import FRAMES, shadow_shape, source_place

LOCAL = 10  # px, sigma of the local mean
SMOOTH = 5  # px, sigma for shadows
CLEAR = 0.6  # share of random boxes that a clear source outshines
QUANTILES = (0.5, 0.9, 0.99, 0.999)
RINGS = {"2–3": (2.5, 1), "4": (4, 0.5), "5": (5, 0.5)}  # round a source: middle and half width, px


class View(NamedTuple):
    """Frames of one event as they are measured, and the annotated boxes on them."""

    event: Event
    frames: np.ndarray  # (N, H, W), any scaling
    numbers: np.ndarray  # (N,) frame numbers
    sources: list  # ((first, last), box) pairs


def reference() -> pd.DataFrame:
    """Measurements of the published frames: quantity, cycle, unit, low, middle, high."""
    with resources.files("sqlib.data").joinpath("reference.csv").open() as file:
        return pd.read_csv(file)


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


def shadow(frames: np.ndarray) -> dict[str, float]:
    """Depth and size of the active region's shadow in the mean of frames (N, H, W).

    Minimum over the quiet level, area below half depth round the minimum (px²), and the relative rms of the
    large-scale brightness (sigma 10 px, the shadow included).
    """
    scaled = frames / frames.mean((1, 2), keepdims=True)
    mean = gaussian_filter(scaled.mean(0), SMOOTH, mode="reflect")
    rim = 2 * SMOOTH
    inner = mean[rim:-rim, rim:-rim]
    quiet = float(np.median(inner[inner > np.median(inner)]))  # the upper half is free of the shadow
    y, x = np.unravel_index(inner.argmin(), inner.shape)
    low = float(inner[y, x])
    patches, _ = label(inner < (low + quiet) / 2)
    large = gaussian_filter(scaled.mean(0), 2 * SMOOTH, mode="reflect")[rim:-rim, rim:-rim]
    return {
        "shadow minimum / quiet level": low / quiet,
        "shadow area below half depth": float((patches == patches[y, x]).sum()),
        "large-scale brightness rms": float(large.std() / large.mean()),
    }


def source(frames: np.ndarray, box, others: np.ndarray, rng: np.random.Generator) -> dict:
    """What an annotated box (x0, y0, x1, y1, px) shows in the frames (N, H, W) of its interval.

    others : (M, H, W) frames outside of the interval, for the local mean (the interval's own where there are none)
    rng : for 300 random boxes of the same size in the same frames, which say how bright chance is

    Peak (over the frame's mean), clear (brighter than three in five random boxes), local (mean over the frame's),
    profile (8,) over its own peak, fwhm (frames), halo (share of the peak's excess in each of `RINGS`), box (width and
    height, px), duration (frames).
    """
    scaled = frames / frames.mean((1, 2), keepdims=True)
    _, height, width = scaled.shape
    x0, y0 = (max(int(np.floor(v)), 0) for v in box[:2])
    x1, y1 = min(int(np.ceil(box[2])), width), min(int(np.ceil(box[3])), height)
    inside = scaled[:, y0:y1, x0:x1]
    brightest = scaled.max(0)
    tall, wide = inside.shape[1:]
    corners = rng.integers(0, (height - tall, width - wide), (300, 2))
    chance = np.array([brightest[y : y + tall, x : x + wide].max() for y, x in corners])
    _, y, x = np.unravel_index(inside.argmax(), inside.shape)
    y, x = y + y0, x + x0
    background = others if len(others) else frames
    course, places = scaled[:, y, x], np.arange(len(frames))
    fine = np.interp(np.linspace(0, len(course) - 1, 50 * len(course)), places, course)
    yy, xx = np.ogrid[:height, :width]
    mean, distance = scaled.mean(0), np.hypot(yy - y, xx - x)
    far = float(mean[(distance >= 7) & (distance < 10)].mean())  # nothing is left of a source there
    rings = [mean[abs(distance - r) <= half].mean() for r, half in RINGS.values()]
    return {
        "peak": float(inside.max()),
        "clear": bool(np.mean(chance < inside.max()) > CLEAR),
        "local": float(gaussian_filter((background / background.mean((1, 2), keepdims=True)).mean(0), SMOOTH)[y, x]),
        "profile": np.interp((np.arange(8) + 0.5) / 8 * len(course) - 0.5, places, course / course.max()),
        "fwhm": float((fine > fine.max() / 2).sum() / 50),
        "halo": [float((ring - far) / (mean[y, x] - far)) for ring in rings],
        "box": (box[2] - box[0], box[3] - box[1]),
        "duration": len(frames),
    }


def shadow_of(view: View) -> dict[str, float]:
    """Rows of `shadows.shadow_shape` from four frames outside of the annotated intervals; {} where there are fewer."""
    annotated = [number for (first, last), _ in view.sources for number in range(first, last + 1)]
    rest = np.flatnonzero(~np.isin(view.numbers, annotated))
    chosen = rest[np.linspace(0, len(rest) - 1, FRAMES).round().astype(int)] if len(rest) >= FRAMES else []
    return shadow_shape(np.asarray(view.frames)[chosen].astype(np.float32)) if len(chosen) else {}


def event_statistics(view: View, rng: np.random.Generator) -> dict:
    """All measurements on one event: scalars, and under "sources" a list of what `source` (with `rng`) returns."""
    frames, numbers, cadence = np.asarray(view.frames, dtype=np.float32), np.asarray(view.numbers), view.event.cadence
    ratio = relative(frames[:: max(1, len(frames) // 24)])
    result = {"std / mean of P / local mean": float(ratio.std() / ratio.mean())}
    levels = np.quantile(ratio, QUANTILES).tolist()
    result |= {f"{100 * q:g} % quantile of P / local mean": level for q, level in zip(QUANTILES, levels)}
    result["spatial ACF at 1 px"] = float(spatial_acf(ratio, 1)[1])
    result["spatial ACF half-width"] = float(np.mean(speckle_width(ratio)))
    run = np.zeros(len(frames), dtype=bool)  # annotated frames where there are enough, as in the reference
    for (first, last), _ in view.sources:
        run |= (numbers >= first) & (numbers <= last)
    if run.sum() < 8:
        run[:60] = True
    course = temporal_acf(relative(frames[run]), numbers[run], int(np.ceil(540 / cadence)))
    course = course[: np.argmin(np.append(np.isfinite(course), False))]
    if (len(course) - 1) * cadence >= 360:
        time = cadence * np.arange(len(course))
        result |= {f"temporal ACF at {t} s": float(np.interp(t, time, course)) for t in (180, 360)}
        result["temporal half-width"] = half_width(time, course)
    result |= shadow(frames)
    result |= shadow_of(view) if view.event.cycle == 24 else {}  # there is a reference for them
    measured = []
    for (first, last), box in view.sources:
        inside = (numbers >= first) & (numbers <= last)
        if inside.sum() >= 4:
            found = source(frames[inside], box, frames[~inside], rng) | {"cadence": cadence}
            measured.append(found | (source_place(frames[inside], box) if view.event.cycle == 24 else {}))
    return result | {"sources": measured}


def summarise(events: list[dict]) -> dict[str, float]:
    """One number per quantity over the events of a cycle, from `event_statistics` of each.

    Means; medians for shadow areas and shapes and for the sources' peaks, times, places and local means; shares for
    classes.
    """
    names = dict.fromkeys(k for event in events for k in event if k != "sources")
    middle = {name: np.median if "area" in name or ":" in name else np.mean for name in names}
    result = {name: float(middle[name]([e[name] for e in events if name in e])) for name in names}
    found = [s for event in events for s in event["sources"]]
    if not found:
        return result
    places = [name for name in found[0] if ":" in name]
    result |= {name: float(np.median([s[name] for s in found])) for name in places}
    clear, other = [s for s in found if s["clear"]], [s for s in found if not s["clear"]]
    result["share of clear sources"] = len(clear) / len(found)
    if clear:
        result["peak / frame mean, clear sources"] = float(np.median([s["peak"] for s in clear]))
        result["source FWHM in time"] = float(np.median([s["fwhm"] * s["cadence"] for s in clear]))
        quarters = np.mean([s["profile"] for s in clear], axis=0).reshape(4, 2).mean(1).tolist()
        result |= {f"profile, quarter {i} of the interval": level for i, level in enumerate(quarters, 1)}
        halo = np.mean([s["halo"] for s in clear], axis=0).tolist()
        result |= {f"halo at {r} px": share for r, share in zip(RINGS, halo)}
    if other:
        result["peak / frame mean, other sources"] = float(np.median([s["peak"] for s in other]))
    result["local mean at the source / frame mean"] = float(np.median([s["local"] for s in found]))
    for i, side in enumerate(("width", "height")):
        result[f"box {side}"] = float(np.mean([s["box"][i] for s in found]))
    return result | {"annotated duration": float(np.mean([s["duration"] for s in found]))}


def quartiles(events: list[dict], name: str = "twin") -> pd.DataFrame:
    """Rows of `shadows` (cycle 24): the reference beside 10, 25, 50, 75 and 90 % of `events`, of `event_statistics`.

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
