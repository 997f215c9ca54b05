"""Figures of the pitfalls laboratory; each takes what was computed and returns a matplotlib figure."""

import numpy as np
import pandas as pd

from sqlib.show.style import BLUE, VERMILION, grid, guide, legend

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
