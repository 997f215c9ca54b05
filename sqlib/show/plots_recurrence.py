"""Figures of the chapter on recurrence; each takes what was computed and returns a matplotlib figure."""

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import torch
from matplotlib.patches import FancyBboxPatch

from sqlib.data.catalogue import INSTRUMENTS
from sqlib.judge.duration import LENGTH, NEAR, correlation
from sqlib.learn.settings import Settings
from sqlib.show import style
from sqlib.show.style import BLUE, DARK, GRAY, GREEN, LEVELS, VERMILION

INKS = {"MDI": (BLUE, "o"), "HMI": (VERMILION, "s")}
# kinds of boxes: words, fill, edge, line
KINDS = {"data": ("data", "#e3eef6", BLUE, "-"), "custom": ("the paper's own", "#fbe3cf", VERMILION, "-"),
         "standard": ("standard", "#e6e6e6", "#555555", "-"), "learning": ("learning", "#d9f0e7", GREEN, "-"),
         "off": ("off in this run", "white", "#999999", "--")}
LOSSES = {"simclr": "SimCLR", "supcon": "SupCon", "weighted": "weighted SupCon"}
PITCH, WIDE, HIGH, STEP = 0.98, 2.06, 0.66, 2.4  # inches: from row to row, of a box, from box to box


def lifetimes(measured: dict, courses: pd.DataFrame):
    """How long power lasts: its autocorrelation in time (top), `measured` {instrument: (seconds, values)} beside the
    band's law and how far windows of frames reach; sunquakes and speckles about their peak (bottom),
    `duration.courses`."""
    fig, (top, bottom) = style.grid(2, 1, 3.8)
    lag = np.linspace(0, 720, 300)
    style.lines(top, {"sinc²(2 mHz · τ)": (lag, correlation(lag))}, how={"color": "black", "marker": ""})
    style.lines(top, {f"frames of {name}": own for name, own in measured.items()},
                [(INKS[name][0], "", INKS[name][1]) for name in measured], {"mfc": "white", "ms": 5})
    for height, (name, (cadence, _)) in zip((-0.1, -0.23), INSTRUMENTS.items()):
        ink, reach = INKS[name][0], cadence * np.arange(2, 12, 2)
        top.plot([0, reach[-1]], [height] * 2, color=ink, lw=1)
        for window, end in zip(range(3, 13, 2), reach):
            top.text(end, height, str(window), ha="center", va="center", fontsize=9, color="white",
                     bbox={"boxstyle": "circle,pad=0.25", "fc": ink, "ec": "none"})
        top.text(reach[-1] + 22, height, f"{name}, {cadence:g} s", va="center", fontsize=9, color=ink)
    top.plot([500, 500], [0, 1], color=GRAY, lw=1, ls=":")
    top.text(505, 0.6, "Eq. 1: 500 s", fontsize=9, color=DARK)
    top.set(xlabel="time lag τ; first to last frame of a window (s)", ylabel="autocorrelation of power",
            xlim=(0, 720), ylim=(-0.32, 1.05))
    kinds = {}
    for kind, own in courses.groupby("kind"):
        low, middle, high = own.groupby("seconds")["value"].quantile([0.1, 0.5, 0.9]).unstack().T.to_numpy()
        kinds[f"{kind}s: median of {own['event'].nunique()} events"] = (np.unique(own["seconds"]), middle, low, high)
    style.lines(bottom, kinds, ((GRAY, "--", ""), (GREEN, "-", "")), xlabel="time from the peak (s)",
                ylabel="power over its peak", ylim=(0, 1.45))
    top.legend(loc="upper right")
    if kinds:
        bottom.legend(loc="upper right", title="shaded: 10–90 % of them", title_fontsize=9)
    else:
        bottom.text(0.5, 0.5, "no boxes in these data", ha="center", transform=bottom.transAxes)
    return fig


@torch.no_grad()
def responses(net: torch.nn.Module, sample: torch.Tensor) -> list[np.ndarray]:
    """A network's answer to one sample (1, C, H, W): the last map (C, h, w) of each size in its trunk, the encoding."""
    found = {}
    hooks = [part.register_forward_hook(lambda _, __, out: found.update({out.shape[-2:]: out[0].float().cpu()}))
             for part in net.trunk]
    code = net.encode(sample.float())[0]
    for hook in hooks:
        hook.remove()
    return [one.numpy() for one in found.values()] + [code.float().cpu().numpy()]


def through_network(frames: np.ndarray, numbers, made: list[np.ndarray], boxes=()):
    """Figure 4: frames (window, H, W), their `numbers` and `boxes`, and a network's `responses`, first to last."""
    first, *layers, code = made
    shapes = [" × ".join(map(str, layer.shape)) for layer in (frames, first, *layers)]
    shown, titles = list(style.stretched(frames)), [f"channel {i}: frame {n}" for i, n in enumerate(numbers, 1)]
    if len(frames) == 3:
        shown, titles = [*shown, style.stretched(frames).transpose(1, 2, 0)], [*titles, "as red, green, blue"]
    best = first[np.argsort(-first.std((1, 2)))[:8]]
    high = max(side for side in range(1, len(code) + 1) if len(code) % side == 0 and side**2 <= len(code))
    fig = plt.figure(figsize=(7, 8.2))
    upper, middle, lower = fig.subfigures(3, 1, height_ratios=[1.2, 1.75, 1.15])
    style.panels(shown, titles, len(shown), [boxes] * len(frames) + [()], fig=upper, size=10)
    style.panels([_map(response) for response in best], [""] * 8, 4, fig=middle)
    style.panels([*(_map(layer.mean(0)) for layer in layers), _map(code.reshape(high, -1))],
                 [*shapes[2:], f"{len(code)} numbers"], len(layers) + 1, fig=lower, size=10)
    some = ", 8 of them shown" if len(first) > 8 else ""
    for part, words in ((upper, f"1. Time-Based Mixing: {shapes[0]}"), (middle, f"2. First layer: {shapes[1]}{some}"),
                        (lower, "3. Further layers (a mean over maps each), pooled into the encoding")):
        part.suptitle(words, fontsize=11, x=0.01, ha="left")
    return fig


def _map(values: np.ndarray) -> np.ndarray:
    low, high = np.quantile(values, [0.005, 0.995])
    return style.colour(np.round(np.clip((values - low) / max(high - low, 1e-9), 0, 1) * LEVELS), "cividis", 0, LEVELS)


def rule(most: dict[str, pd.Series], kept: pd.DataFrame, events: int):
    """The most events, of `events`, found with at most so many false runs (an index) of some detectors, and what one
    threshold gives: `kept`, by detector the columns events and false."""
    fig = style.curves({"test events found": most}, "false runs in all test events", high=4.8, whole=True,
                       across={"": events}, how={"marker": "", "drawstyle": "steps-post"}, xlim=(-0.3, None),
                       ylim=(0, events + 0.5))
    for name, (ink, _, marker) in zip(most, style.LOOKS):
        fig.axes[0].plot(kept["false"][name], kept["events"][name], marker, color=ink, ms=9, mec="black")
    return fig


def stages(run: Settings, resolution: int) -> list[list[tuple[str, str, str]]]:
    """The chain of a run (and of the one it starts from), in rows of boxes: name, detail, and a key of `KINDS`: what
    the paper made itself is "custom", other transforms "standard"; what the run does not use is "off"."""
    views, model, extra = run.views, run.model, ", ".join(name.replace("_", " ") for name in run.views.extra)

    def part(name, on, detail, kind):
        return (name, detail, kind) if on else (name, "not in this run", "off")

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
        [*((LOSSES.get(one.objective, one.objective), f"step {number}, τ = {one.temperature:g}", "learning")
           for number, one in enumerate(filter(None, (run.start, run)), 1)),
         ("class head", "teaches too" if run.joint else "watches only", "learning")],
        [("raw frames", "encoded once more", "data"), ("SMOTE", "and under-sampling", "standard"),
         ("classifier", "sunquake or not", "standard")],
        [("candidate", f"{LENGTH} frames in a row", "data"), ("detector", "says where", "standard"),
         ("one place", f"within {NEAR:g} px", "standard")],
    ]


def chain(rows: list[list[tuple[str, str, str]]]):
    """The chain of `stages`, read like text, row by row."""
    fig, (ax,) = style.grid(1, 1, PITCH * len(rows), 0.3)
    ax.set(xlim=(0, 7), ylim=(-PITCH * len(rows), 0))
    ax.axis("off")
    line, end = {"color": DARK, "lw": 1.4}, 0
    arrow = {**line, "arrowstyle": "-|>", "mutation_scale": 13, "shrinkA": 0, "shrinkB": 0}
    for row, boxes in enumerate(rows):
        y = -PITCH * (row + 0.5)
        for place, (name, detail, kind) in enumerate(boxes):
            x, (_, fill, edge, dashes) = 1.1 + place * STEP, KINDS[kind]
            ax.add_patch(FancyBboxPatch((x - WIDE / 2, y - HIGH / 2), WIDE, HIGH, "round,pad=0,rounding_size=0.06",
                                        fc=fill, ec=edge, ls=dashes, lw=1.5))
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
    return style.legend(fig, 5, {words: {"ls": "", "marker": "s", "ms": 11, "mfc": fill, "mec": edge}
                                 for kind, (words, fill, edge, _) in KINDS.items() if kind in drawn})
