"""Figure 17: the chain of a recipe as a diagram, drawn from its settings, so that another recipe makes another one."""

from matplotlib.patches import FancyBboxPatch

from sqlib.judge.cases import LENGTH, NEAR
from sqlib.learn.settings import Settings
from sqlib.show.style import BLUE, DARK, GRAY, GREEN, VERMILION, grid, legend

KINDS = {"data": ("data", "#e3eef6", BLUE, "-"), "custom": ("the paper's own", "#fbe3cf", VERMILION, "-"),
         "standard": ("standard", "#e6e6e6", "#555555", "-"), "learning": ("learning", "#d9f0e7", GREEN, "-"),
         "off": ("off in this run", "white", "#999999", "--")}
"""Kinds of boxes: words, fill, edge, line."""
LOSSES = {"simclr": "SimCLR", "supcon": "SupCon", "weighted": "weighted SupCon", "authors": "SupCon"}
PITCH, WIDE, HIGH, STEP = 0.98, 2.06, 0.66, 2.4  # inches: from row to row, of a box, from box to box


def stages(run: Settings, resolution: int) -> list[list[tuple[str, str, str]]]:
    """The chain of a run (and of the one it starts from), in rows of boxes: name, detail, and a key of `KINDS`.

    Transforms that the paper made itself are "custom", others "standard"; what the run does not use is "off".
    """
    views, model, extra = run.views, run.model, ", ".join(name.replace("_", " ") for name in run.views.extra)

    def part(name, on, detail, kind):
        return (name, detail, kind) if on else (name, "not in this run", "off")

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
    ]


def draw(rows: list[list[tuple[str, str, str]]]):
    """The chain of `stages`, read like text, row by row."""
    fig, (ax,) = grid(1, 1, PITCH * len(rows), 0.3)
    ax.set(xlim=(0, 7), ylim=(-PITCH * len(rows), 0))
    ax.axis("off")
    line, end = {"color": DARK, "lw": 1.4}, 0
    arrow = {**line, "arrowstyle": "-|>", "mutation_scale": 13, "shrinkA": 0, "shrinkB": 0}
    for row, boxes in enumerate(rows):
        y = -PITCH * (row + 0.5)
        for place, (name, detail, kind) in enumerate(boxes):
            x, (_, fill, edge, style) = 1.1 + place * STEP, KINDS[kind]
            ax.add_patch(FancyBboxPatch((x - WIDE / 2, y - HIGH / 2), WIDE, HIGH, "round,pad=0,rounding_size=0.06",
                                        fc=fill, ec=edge, ls=style, lw=1.5))
            look = {"ha": "center", "va": "center", "color": GRAY if kind == "off" else "#111111"}
            ax.text(x, y + 0.11, name, fontsize=12, fontweight="bold", **look)
            ax.text(x, y - 0.14, detail[:24], fontsize=11, **look)
            if place:
                ax.annotate("", (x - WIDE / 2, y), (x - STEP + WIDE / 2, y), arrowprops=arrow)
            elif row:  # from the last box of the row above
                turn = y + PITCH / 2
                ax.plot([end, end, x], [y + PITCH - HIGH / 2, turn, turn], solid_joinstyle="round", **line)
                ax.annotate("", (x, y + HIGH / 2), (x, turn), arrowprops=arrow)
        end = x
    drawn = {kind for boxes in rows for _, _, kind in boxes}
    legend(fig, 5, {words: {"ls": "", "marker": "s", "ms": 11, "mfc": fill, "mec": edge}
                    for kind, (words, fill, edge, _) in KINDS.items() if kind in drawn})
    return fig
