"""Figures of the chapter on object detection; each takes what was computed and returns a matplotlib figure."""

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd

from sqlib.show.style import AMBER, GRAY, GREEN, SKY, VERMILION, dots, draw_boxes, guide, key, lines, stretched, whole_numbers


def losses(histories: dict[str, pd.DataFrame]):
    """Left: the whole loss of each detector against epochs. Right: the four parts of the first detector's."""
    fig, (left, right) = plt.subplots(1, 2, figsize=(7, 4.4))
    lines(left, {name: (history["epoch"], history["loss"]) for name, history in histories.items()})
    first = next(iter(histories.values()))
    words = {"objectness": "1: source or not", "rpn_box_reg": "1: place of the region", "classifier": "2: source or not",
             "box_reg": "2: place of the box"}  # fmt: skip
    lines(right, {label: (first["epoch"], first[part].clip(lower=1e-5)) for part, label in words.items()})
    left.set(xlabel="epoch", ylabel="loss", ylim=(0, None))
    right.set(xlabel="epoch", ylabel="parts, first detector", yscale="log")
    for ax in (left, right):
        whole_numbers(ax)
        ax.legend(loc="lower left", bbox_to_anchor=(0, 1), fontsize=8)
    return fig


def boxes_on_frames(frames: np.ndarray, truth: list, found: pd.DataFrame, titles: list[str], reach: int = 32):
    """Cut-outs of frames (N, S, S) about the annotated boxes `truth` (a tuple of boxes each) and the boxes `found` (N rows).

    A cut-out reaches `reach` px beyond the middle of what it shows, further where a found box lies further away.
    """
    columns = min(len(frames), 4 if len(frames) > 6 else 3)
    rows = -(-len(frames) // columns)
    fig, axes = plt.subplots(rows, columns, figsize=(7, 0.5 + 7 / columns * 1.14 * rows), squeeze=False)
    for ax in axes.ravel()[len(frames) :]:
        ax.set_visible(False)
    size = frames.shape[-1]
    for ax, frame, own, (_, box), title in zip(axes.ravel(), frames, truth, found.iterrows(), titles):
        corners = np.array([*own, *([] if np.isnan(box["x0"]) else [box[["x0", "y0", "x1", "y1"]].to_numpy(float)])])
        low, high = corners[:, :2].min(0), corners[:, 2:].max(0)
        middle, half = (low + high) / 2, max(reach, (high - low).max() / 2 + 6)
        left, top = np.clip(middle - half, 0, max(size - 2 * half, 0))
        part = frame[int(top) : int(top + 2 * half), int(left) : int(left + 2 * half)].astype(float)
        extent = (int(left), int(left) + part.shape[1], int(top) + part.shape[0], int(top))  # edges of pixels
        ax.imshow(stretched(part, share=0.997), cmap="gray", vmin=0, vmax=1, extent=extent)
        draw_boxes(ax, np.array(own) + 0.5, width=1.8)
        if not np.isnan(box["x0"]):
            draw_boxes(ax, [box[["x0", "y0", "x1", "y1"]] + 0.5], SKY, 1.6, ls="--")
        ax.set_title(title, fontsize=9, loc="center")
        ax.tick_params(labelsize=8)
        ax.xaxis.set_major_locator(plt.MaxNLocator(3))
        ax.yaxis.set_major_locator(plt.MaxNLocator(3))
    key(fig, {"annotated": {"color": AMBER}, "detected": {"color": SKY, "ls": "--"}})
    fig.supxlabel("x (pixels)", fontsize=9)
    fig.supylabel("y (pixels, down)", fontsize=9)
    return fig


def area_and_iou(found: pd.DataFrame, correct):
    """IoU against area of the detected box over area of the annotated one, and the most that this ratio allows: min(r, 1/r)."""
    fig, ax = plt.subplots(figsize=(7, 4.6))
    ratio = np.geomspace(0.02, 50, 400)
    ax.plot(ratio, np.minimum(ratio, 1 / ratio), color="black", lw=1.5, label="one box within the other: the most there can be")
    correct = np.asarray(correct, bool)
    kinds = ((~correct, GRAY, "x", "centre elsewhere"), (correct, GREEN, "o", "centre in the annotated box"))
    for own, colour, mark, words in kinds:
        ax.plot(found["ratio"][own], found["iou"][own], mark, color=colour, ms=5, alpha=0.6, label=f"{words}: {own.sum()} frames")
    guide(ax, "usual threshold", y=0.5, ink=VERMILION, ls="--")
    ax.set(xscale="log", xlabel="area of the detected box / area of the annotated box", ylabel="intersection over union")
    ax.set(xlim=(0.02, 50), ylim=(-0.03, 1.05))
    fig.legend(loc="outside upper left", ncols=1)
    return fig


def beside_the_printed(table: pd.DataFrame):
    """Table 5 as marks (columns metric, cycle, value, low, high, printed; in %), an axis per cycle."""
    cycles = sorted(set(table["cycle"]))
    fig, axes = plt.subplots(1, len(cycles), figsize=(7, 4.2), sharey=True, squeeze=False)
    for ax, cycle in zip(axes[0], cycles):
        own = table[table["cycle"] == cycle]
        dots(ax, own["metric"], own["value"], own["low"], own["high"], label="here, 95 %")
        ax.plot(own["printed"], np.arange(len(own))[::-1], "D", color="black", mfc="none", ms=7, label="printed")
        ax.set(xlabel="%", xlim=(-3, 103))
        ax.set_title(f"cycle {cycle}", fontsize=11, loc="center")
    axes[0, 0].figure.legend(*axes[0, 0].get_legend_handles_labels(), loc="outside upper left", ncols=2)
    return fig


def reach(distances: dict[str, np.ndarray], size: int, spot: float):
    """Share of frames whose place lies within so many pixels of an annotated centre, a line per method; NaN counts as never."""
    fig, ax = plt.subplots(figsize=(7, 4.6))
    most = size / 2
    grid = np.linspace(0, most, 400)
    lines(ax, {name: (grid, [(np.asarray(own, float) <= g).mean() for g in grid]) for name, own in distances.items()}, marker="")
    ax.plot(grid, np.minimum(np.pi * grid**2 / size**2, 1), color="black", lw=1, label="a random place (but for edges)")
    guide(ax, f"{spot:g} px", x=spot)
    ax.set(xlabel="distance from the nearest annotated centre (pixels)", ylabel="share of annotated frames")
    ax.set(xlim=(0, most), ylim=(0, 1.02))
    fig.legend(loc="outside upper left", ncols=2)
    return fig


def methods(table: pd.DataFrame):
    """Frames marked rightly (columns method, value, low, high: shares) and events with one box for all frames (fused)."""
    fig, ax = plt.subplots(figsize=(7, 1.4 + 0.42 * len(table)))
    dots(ax, table["method"], table["value"], table["low"], table["high"], lift=0.12, label="frame by frame, 95 %")
    ax.plot(table["fused"], np.arange(len(table))[::-1] - 0.18, "s", color=VERMILION, ms=6, label="one box an event")
    ax.set(xlabel="share with the centre in the annotated box, or 2 px off", xlim=(-0.02, 1.02))
    fig.legend(loc="outside upper left", ncols=2)
    return fig
