"""Figure 17: the chain of a recipe as a diagram, drawn from its settings, so that another recipe makes another diagram."""

from itertools import pairwise

import matplotlib.pyplot as plt
from matplotlib.patches import FancyBboxPatch

from sqlib.judge.cases import LENGTH, NEAR
from sqlib.learn.settings import Settings

STAGES = {"data": ("#e3eef6", "#0072B2", "-"), "standard": ("#e6e6e6", "#555555", "-"), "custom": ("#fbe3cf", "#D55E00", "-"),
          "off": ("white", "#999999", "--"), "learning": ("#d9f0e7", "#009E73", "-")}  # fmt: skip
"""Kinds of boxes: fill, edge, line."""
WORDS = {"data": "data", "custom": "the paper's own", "standard": "standard", "learning": "learning", "off": "off in this run"}
LOSSES = {"simclr": "SimCLR", "supcon": "SupCon", "weighted": "weighted SupCon", "authors": "SupCon"}
OFF = "not in this run"
PITCH, WIDE, STEP = 0.98, 2.06, 2.4  # inches: from row to row, of a box, from box to box


def stages(run: Settings, resolution: int) -> list[list[tuple[str, str, str]]]:
    """The chain of a run (and of the one it starts from), in rows of boxes: name, detail, and a key of `STAGES`.

    Transforms that the paper made itself are "custom", others "standard"; what the run does not use is "off".
    """
    views, model, extra = run.views, run.model, ", ".join(name.replace("_", " ") for name in run.views.extra)

    def part(name, on, detail, kind):
        return (name, detail, kind) if on else (name, OFF, "off")

    def step(one, number):
        return LOSSES.get(one.objective, one.objective), f"step {number}, τ = {one.temperature:g}", "learning"

    steps = [one for one in (run.start, run) if one is not None]
    return [
        [("egression power", "5–7 mHz", "data"), ("frames", f"{resolution}×{resolution}, 8 bits", "data"),
         (f"split by {run.split}", f"middle {run.crop}×{run.crop}" if run.crop else "whole frames", "data")],
        [part("Time-Based Mixing", run.window > 1, f"{run.window} frames", "custom"),
         part("Solarized Low-Pass", views.low_pass > 0, f"p = {views.low_pass:g}", "custom"),
         part("turns and flips", views.positional != "none", views.positional, "standard")],
        [part("Random Erasing", views.erasing != "none", "up to 8 rectangles", "custom"),
         *([("further transforms", extra, "standard")] if extra else [])],
        [(model.backbone, f"{model.pool} pooling", "standard"), ("encoding", f"{model.encoding} numbers", "standard"),
         ("projection", f"{model.projection} numbers", "standard")],
        [*(step(one, number) for number, one in enumerate(steps, 1)),
         ("class head", "teaches too" if run.joint else "watches only", "learning")],
        [("raw frames", "encoded once more", "data"), ("SMOTE", "and under-sampling", "standard"),
         ("classifier", "sunquake or not", "standard")],
        [("candidate", f"{LENGTH} frames in a row", "data"), ("detector", "says where", "standard"),
         ("one place", f"within {NEAR:g} px", "standard")],
    ]  # fmt: skip


def draw(rows: list[list[tuple[str, str, str]]]):
    """The chain of `stages`, read like text, row by row."""
    bottom = PITCH * len(rows)
    fig, ax = plt.subplots(figsize=(7, bottom + 0.3))
    ax.set(xlim=(0, 7), ylim=(-bottom - 0.2, 0.02))
    ax.axis("off")
    arrow, ends = {"arrowstyle": "-|>", "color": "#444444", "lw": 1.4, "mutation_scale": 13, "shrinkA": 0, "shrinkB": 0}, []
    for row, boxes in enumerate(rows):
        y = -PITCH * row - 0.38
        for place, (name, detail, kind) in enumerate(boxes):
            x = 0.07 + place * STEP
            _box(ax, x, y - 0.33, WIDE, 0.66, kind)
            ink = "#777777" if kind == "off" else "#111111"
            ax.text(x + WIDE / 2, y + 0.11, name, ha="center", va="center", fontsize=12, fontweight="bold", color=ink)
            ax.text(x + WIDE / 2, y - 0.14, detail[:24], ha="center", va="center", fontsize=11, color=ink)
            if place:
                ax.annotate("", (x, y), (x - STEP + WIDE, y), arrowprops=arrow)
        ends.append((0.07 + (len(boxes) - 1) * STEP + WIDE / 2, y))
    first = 0.07 + WIDE / 2
    for (x, y), (_, below) in pairwise(ends):  # from a row's last box to the first of the next
        turn = (y + below) / 2
        ax.plot([x, x, first], [y - 0.33, turn, turn], color="#444444", lw=1.4, solid_joinstyle="round")
        ax.annotate("", (first, below + 0.33), (first, turn), arrowprops=arrow)
    x = 0.07
    for kind in (kind for kind in WORDS if any(kind == box[2] for boxes in rows for box in boxes)):
        _box(ax, x, -bottom - 0.12, 0.22, 0.16, kind)
        ax.text(x + 0.28, -bottom - 0.04, WORDS[kind], va="center", fontsize=11)
        x += 0.52 + 0.1 * len(WORDS[kind])
    return fig


def _box(ax, x: float, y: float, wide: float, high: float, kind: str) -> None:
    fill, edge, style = STAGES[kind]
    ax.add_patch(FancyBboxPatch((x, y), wide, high, "round,pad=0,rounding_size=0.06", fc=fill, ec=edge, ls=style, lw=1.5))
