"""Figures and tables of the chapter on object detection: what was computed, drawn or arranged."""

import numpy as np
import pandas as pd

from sqlib.show import style
from sqlib.show.style import AMBER, GRAY, GREEN, LOOKS, SKY

STAGES = {"objectness": "stage 1: source or not", "rpn_box_reg": "stage 1: place of the proposal",
          "classifier": "stage 2: source or not", "box_reg": "stage 2: place of the box"}
BOX_COLUMNS = ["event", "frame", "x0", "y0", "x1", "y1", "score", "iou", "outside", "pixels"]


def boxes_on_frames(frames: np.ndarray, truth: list, found: pd.DataFrame, titles: list[str], reach: int = 32):
    """Cut-outs of frames (N, S, S) about the boxes `truth` (a tuple of them each) and the boxes `found` (N rows):
    `reach` px beyond the middle of what they show, or as far as a found box lies."""
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
    fig.supxlabel("x (pixels)", fontsize=9)
    fig.supylabel("y (pixels, down)", fontsize=9)
    return style.legend(fig, 2, {"annotated": {"color": AMBER}, "detected": {"color": SKY, "ls": "--"}})


def losses(histories: dict[str, pd.DataFrame], first: str):
    """Loss of each detector (its history: epoch, loss and the four terms), and the terms of the detector `first`."""
    whole = {name: history.set_index("epoch")["loss"] for name, history in histories.items()}
    parts = histories[first].set_index("epoch")[list(STAGES)].rename(columns=STAGES).clip(lower=1e-5)
    names = {"loss": whole, f"terms of the loss, {first}": dict(parts.items())}
    return style.curves(names, "epoch", high=4.4, whole=True, each=({"ylim": (0, None)}, {"yscale": "log"}))


def dated(found: pd.DataFrame) -> list[str]:
    """Titles of cut-outs: date, frame and IoU of each row of `detection.compare`."""
    return [f"{row.event[:10].replace('_', '-')}\nframe {row.frame}, IoU {row.iou:.2f}" for row in found.itertuples()]


def beside(both: pd.DataFrame) -> pd.DataFrame:
    """Table 5 with a row a metric, from rows (metric, cycle, printed, value, low, high), all in percent."""
    wide = {"metric": list(dict.fromkeys(both["metric"]))}
    for cycle, part in both.groupby("cycle"):
        part = part.set_index("metric").loc[wide["metric"]]
        wide |= {f"cycle {cycle}: paper (%)": part["printed"].to_numpy(),
                 f"cycle {cycle}: here (%)": part["value"].to_numpy(),
                 f"cycle {cycle}: 95 %": [f"{a:.0f} … {b:.0f}" for a, b in zip(part["low"], part["high"])]}
    return pd.DataFrame(wide)


def table5(both: pd.DataFrame):
    """The rows that `beside` takes as a figure, a panel a cycle."""
    wide = both.pivot(index="metric", columns="cycle").loc[both["metric"].unique()].reset_index()
    marks = {"here, 95 % interval": ("value", "low", "high"), "printed in the paper": ("printed",)}
    parts = {f"cycle {cycle} (%)": {words: [(name, cycle) for name in names] for words, names in marks.items()}
             for cycle in sorted(both["cycle"].unique())}
    return style.rows(wide, "metric", parts, xlim=(-3, 103))


def law(found: pd.DataFrame):
    """IoU of the box of each frame (rows of `detection.compare` with `correct`) under the most that its area allows."""
    areas, boxed = np.geomspace(0.02, 50, 400), found[found["score"].notna()]
    shown = {"upper limit: one box within the other": (areas, np.minimum(areas, 1 / areas))}
    for words, inside in {"centre elsewhere": False, "centre in the annotated box": True}.items():
        own = boxed[boxed["correct"] == inside]
        shown[f"{words}: {len(own)} frames"] = own["ratio"], own["iou"]
    looks = ("black", "-", ""), (GRAY, "", "x"), (GREEN, "", "o")
    return style.curves({"intersection over union": shown}, "area of the detected box / area of the annotated box",
                        looks=looks, ncols=1, high=4.6, across={"usual threshold": 0.5}, xscale="log", xlim=(0.02, 50),
                        ylim=(-0.03, 1.05))


def reach(distances: dict[str, np.ndarray], size: int, spot: float):
    """Share of frames whose place lies within so many pixels of an annotated centre, by method; NaN is never."""
    near = np.linspace(0, size / 2, 400)
    shown = {name: (near, (np.asarray(own, float)[:, None] <= near).mean(0)) for name, own in distances.items()}
    shown["random place (without edge effects)"] = near, np.minimum(np.pi * near**2 / size**2, 1)
    return style.curves({"share of annotated frames": shown}, "distance from the nearest annotated centre (pixels)",
                        looks=[*LOOKS[: len(distances)], ("black", "-", "")], marks={f"{spot:g} px": spot}, high=4.6,
                        how={"marker": ""}, xlim=(0, size / 2), ylim=(0, 1.02))
