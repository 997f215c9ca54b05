"""Shadows of active regions, and where sources stand in them: measurements on a few frames of an event.

In `reference.csv` these rows are quantiles over published events of cycle 24 (10, 50 and 90 %): shadows in 21 events
with four frames or more outside of the annotated intervals, sources in 24 events over their whole intervals.
"""

import numpy as np
from scipy.ndimage import gaussian_filter, label

FRAMES = 4  # of an event: the more, the less speckle is left in their mean
SHADOW, PIECE = 0.7, 60  # of the median level; px^2, the least area that counts as a piece
SPECKLE, NARROW, WIDE = 4, 1.2, 5  # px, sigma: for the mean frame, for a source, for the darkest place
RING = (4, 10)  # px outside of a box: from there comes the level around a source


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
