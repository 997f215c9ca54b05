"""Shadows of active regions, and sources in them, as the second reference has them (`reference_quantiles.csv`).

Measured on published frames of cycle 24: shadows on 21 events with four frames or more outside of the annotated
intervals, sources on 24 events over their whole intervals (those frames are not at hand, their quantiles are).
"""

from importlib import resources

import numpy as np
import pandas as pd
from scipy.ndimage import gaussian_filter, label

FRAMES = 4  # of an event, evenly spread: the more, the less speckle is left in their mean
SHADOW, PIECE = 0.7, 60  # of the median level; px^2, the least area that counts as a piece
SPECKLE, NARROW, WIDE = 4, 1.2, 5  # px, sigma: for the mean frame, for a source, for the darkest place
RING = (4, 10)  # px outside of a box: from there comes the level around a source


def quantiles() -> pd.DataFrame:
    """The reference: quantity, unit, low, middle and high (10, 50 and 90 % of the published events)."""
    with resources.files("sqlib.data").joinpath("reference_quantiles.csv").open() as file:
        return pd.read_csv(file)


def spread_out(numbers: np.ndarray, count: int = FRAMES) -> np.ndarray:
    """Positions of `count` of the frames, as evenly spread as can be."""
    return np.linspace(0, len(numbers) - 1, count).round().astype(int)


def _mean(frames: np.ndarray) -> np.ndarray:
    return (frames / frames.mean((1, 2), keepdims=True)).mean(0)


def shadow_shape(frames: np.ndarray) -> dict[str, float]:
    """Depth, edges and size of the shadow in the mean of a few frames (N, H, W), in units of its median level.

    The mean frame is smoothed with sigma 4 px; gradients are of its logarithm.
    """
    mean = gaussian_filter(_mean(frames), SPECKLE, mode="reflect")
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


def source_place(frames: np.ndarray, box) -> dict[str, float]:
    """Where a source stands, from the frames (N, H, W) of its interval and its box (x0, y0, x1, y1, px).

    Means of power over the frame's mean; the level is that of a ring outside of the box, the peak the largest pixel in
    it after a Gaussian of 1.2 px.
    """
    mean = _mean(frames)
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


def shapes_and_places(views) -> pd.DataFrame:
    """A row per event, or source, of the `statistics.View`s: event and what the two functions above measure.

    Shadows from four frames outside of the annotated intervals (events with fewer are left out), sources from all
    frames of theirs (four at least).
    """
    rows = []
    for view in views:
        numbers, frames = np.asarray(view.numbers), np.asarray(view.frames, dtype=np.float32)
        spans = [(numbers >= first) & (numbers <= last) for (first, last), _ in view.sources]
        rest = np.flatnonzero(~np.any([np.zeros(len(numbers), bool), *spans], axis=0))
        if len(rest) >= FRAMES:
            rows.append({"event": view.event.key, **shadow_shape(frames[rest[spread_out(rest)]])})
        for span, (_, box) in zip(spans, view.sources):
            if span.sum() >= FRAMES:
                rows.append({"event": view.event.key, **source_place(frames[span], box)})
    return pd.DataFrame(rows, columns=["event", *quantiles()["quantity"]])


def compare_quantiles(measured: pd.DataFrame, name: str = "twin") -> pd.DataFrame:
    """The reference with 10, 25, 50, 75 and 90 % of what was `measured`, and whether these lie inside."""
    table = quantiles()
    found = measured.drop(columns="event").astype(float).quantile([0.1, 0.25, 0.5, 0.75, 0.9]).T.loc[table["quantity"]]
    for share, values in found.items():
        table[f"{name}, {share:.0%}"] = values.to_numpy()
    middle = table[[f"{name}, {share:.0%}" for share in (0.25, 0.5, 0.75)]]
    inside = middle.ge(table["low"], axis=0) & middle.le(table["high"], axis=0)
    return table.assign(inside=inside.iloc[:, 1], quartiles=inside.all(axis=1))
