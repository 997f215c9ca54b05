"""Figures of the pitfalls laboratory; each takes what was computed and returns a matplotlib figure."""

import numpy as np
import pandas as pd

from sqlib.show.style import BLUE, GREEN, VERMILION, curves, grid, guide, legend, lines, series

SPLITS = {"sample": ("frames shuffled", VERMILION, "//"), "event": ("whole events held out", BLUE, "")}


def leak(table: pd.DataFrame, least: float):
    """Macro F1 of readers on two splits (columns reader, split, f1, f1_low, f1_high); `least`: of always no."""
    readers = list(dict.fromkeys(table["reader"]))
    fig, (ax,) = grid(1, 1, 4)
    for shift, (split, (words, ink, hatch)) in zip((-0.19, 0.19), SPLITS.items()):
        own = table[table["split"] == split].set_index("reader").loc[readers]
        places = np.arange(len(readers)) + shift
        ax.bar(places, own["f1"], 0.36, color=ink, hatch=hatch, ec="white", lw=0, label=words)
        ax.vlines(places, own["f1_low"], own["f1_high"], color="black", lw=1.5)
        for x, value, top in zip(places, own["f1"], own[["f1", "f1_high"]].max(axis=1)):
            ax.text(x, top + 0.01, f"{value:.2f}", ha="center", va="bottom", fontsize=9)
    ax.set_xticks(range(len(readers)), readers, fontsize=9)
    guide(ax, "always no", y=least, ls="--")
    ax.set(ylabel="macro F1 on test frames", ylim=(0, 1.12), xlim=(-0.5, len(readers)))
    legend(fig)
    return fig


def sides(table: pd.DataFrame, chosen: dict[str, float], typical: float):
    """Measures of the same places against the side of the box about them (columns detector, side, and each measure).

    chosen : side at which each detector is compared; typical : middle side of the annotated boxes
    """
    looks = ((GREEN, "-", "o"), (VERMILION, "--", "s"))
    parts = {words: series(table, "detector", "side", words) for words in table.columns.drop(["detector", "side"])}
    fig = curves(parts, "side of the detector's box (px)", "mean over frames", columns=2, high=2.8, share="x",
                 looks=looks, marks={"": typical})
    at = table[table["side"] == table["detector"].map(chosen)]
    for ax, words in zip(fig.axes, parts):
        lines(ax, series(at, "detector", "side", words), looks, {"ms": 10, "mec": "black", "ls": ""},
              ylim=(0, max(1.1 * table[words].max(), 0.01)))
    return fig
