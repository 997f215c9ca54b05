"""Figures of the chapter on object detection; each takes what was computed and returns a matplotlib figure."""

import numpy as np
import pandas as pd

from sqlib.show import style
from sqlib.show.style import AMBER, LOOKS, SKY


def boxes_on_frames(frames: np.ndarray, truth: list, found: pd.DataFrame, titles: list[str], reach: int = 32):
    """Cut-outs of frames (N, S, S) about the boxes `truth` (a tuple of them each) and the boxes `found` (N rows).

    A cut-out reaches `reach` px beyond the middle of what it shows, further where a found box lies further away.
    """
    columns, size = min(len(frames), 4 if len(frames) > 6 else 3), frames.shape[-1]
    fig, axes = style.grid(len(frames), columns, 7 / columns * 1.14, 0.5)
    places = found[["x0", "y0", "x1", "y1"]].to_numpy(float)
    for ax, frame, own, box, title in zip(axes, frames, truth, places, titles):
        detected = [] if np.isnan(box[0]) else [box]
        corners = np.array([*own, *detected])
        low, high = corners[:, :2].min(0), corners[:, 2:].max(0)
        half = max(reach, (high - low).max() / 2 + 6)
        left, top = first = np.clip((low + high) / 2 - half, 0, max(size - 2 * half, 0)).astype(int)
        right, bottom = np.minimum(first + int(2 * half), size)
        brightest = max(1, np.quantile(frame[top:bottom, left:right], 0.997))
        ax.imshow(style.stretched(frame, brightest), cmap="gray", vmin=0, vmax=1)
        style.draw_boxes(ax, own, width=1.8)
        style.draw_boxes(ax, detected, SKY, 1.6, ls="--")
        ax.set(xlim=(left - 0.5, right - 0.5), ylim=(bottom - 0.5, top - 0.5))
        ax.set_title(title, fontsize=9, loc="center")
        ax.tick_params(labelsize=8)
        ax.locator_params(nbins=3)
    style.legend(fig, 2, {"annotated": {"color": AMBER}, "detected": {"color": SKY, "ls": "--"}})
    fig.supxlabel("x (pixels)", fontsize=9)
    fig.supylabel("y (pixels, down)", fontsize=9)
    return fig


def reach(distances: dict[str, np.ndarray], size: int, spot: float):
    """Share of frames whose place lies within so many pixels of an annotated centre, by method; NaN is never."""
    near = np.linspace(0, size / 2, 400)
    shown = {name: (near, (np.asarray(own, float)[:, None] <= near).mean(0)) for name, own in distances.items()}
    shown["a random place (but for edges)"] = near, np.minimum(np.pi * near**2 / size**2, 1)
    return style.curves({"share of annotated frames": shown}, "distance from the nearest annotated centre (pixels)",
                        looks=[*LOOKS[: len(distances)], ("black", "-", "")], marks={f"{spot:g} px": spot}, high=4.6,
                        how={"marker": ""}, xlim=(0, size / 2), ylim=(0, 1.02))
