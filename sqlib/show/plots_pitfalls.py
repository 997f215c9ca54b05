"""Figures of the pitfalls laboratory; each takes what was computed and returns a matplotlib figure."""

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd

from sqlib.show.style import BLUE, GREEN, VERMILION, guide

LOOKS = {"sample": (VERMILION, "//", "frames shuffled"), "event": (BLUE, "", "whole events held out")}


def leak(table: pd.DataFrame, least: float):
    """Macro F1 of readers on two splits (columns reader, split, f1, f1_low, f1_high), and that of always no, `least`."""
    readers = list(dict.fromkeys(table["reader"]))
    fig, ax = plt.subplots(figsize=(7, 4))
    for shift, (split, (colour, hatch, words)) in zip((-0.19, 0.19), LOOKS.items()):
        own = table[table["split"] == split].set_index("reader").loc[readers]
        x = np.arange(len(readers)) + shift
        ax.bar(x, own["f1"], 0.36, color=colour, hatch=hatch, ec="white", lw=0, label=words)
        ax.vlines(x, own["f1_low"], own["f1_high"], color="black", lw=1.5)
        for at, value, high in zip(x, own["f1"], own[["f1", "f1_high"]].max(axis=1)):
            ax.text(at, high + 0.01, f"{value:.2f}", ha="center", va="bottom", fontsize=9)
    guide(ax, "always no", y=least, ls="--")
    ax.set_xticks(range(len(readers)), readers, fontsize=9)
    ax.set(ylabel="macro F1 on test frames", ylim=(0, 1.12), xlim=(-0.5, len(readers)))
    fig.legend(loc="outside upper left", ncols=2)
    return fig


def sides(table: pd.DataFrame, chosen: dict[str, float], typical: float):
    """Measures of the same places against the side of the box drawn about them (columns detector, side, and a measure each).

    chosen : side at which each detector is compared; typical : middle side of the annotated boxes
    """
    measures = list(table.columns.drop(["detector", "side"]))
    fig, axes = plt.subplots(2, 2, figsize=(7, 5.6), sharex=True)
    for ax, measure in zip(axes.flat, measures):
        for (name, own), colour, style in zip(table.groupby("detector", sort=False), (GREEN, VERMILION), ("-o", "--s")):
            ax.plot(own["side"], own[measure], style, color=colour, ms=4, label=name)
            at = own[own["side"] == chosen[name]]
            ax.plot(at["side"], at[measure], style[-1], color=colour, ms=10, mec="black")
        guide(ax, x=typical)
        ax.set_title(measure, fontsize=10)
        ax.set(ylabel="mean over frames", ylim=(0, max(1.1 * table[measure].max(), 0.01)))
    for ax in axes[1]:
        ax.set_xlabel("side of the detector's box (px)")
    fig.legend(*axes[0, 0].get_legend_handles_labels(), loc="outside upper left", ncols=2)
    return fig


def optimism(table: pd.DataFrame, used: int):
    """Honest and tuned macro F1, and their difference, against test events (columns held, quantity, low, middle, high)."""
    fig, (left, right) = plt.subplots(1, 2, figsize=(7, 3.8))
    looks = {"tuned": (left, VERMILION, "--s", "threshold of the test events"),
             "honest": (left, BLUE, "-o", "threshold of the others"),
             "optimism": (right, GREEN, "-^", "difference")}  # fmt: skip
    for name, (ax, colour, style, words) in looks.items():
        own = table[table["quantity"] == name]
        ax.fill_between(own["held"], own["low"], own["high"], color=colour, alpha=0.15, lw=0)
        ax.plot(own["held"], own["middle"], style, color=colour, ms=5, label=words)
    guide(right, y=0, ink="black", ls="-")
    for ax in (left, right):
        guide(ax, x=used)
        ax.set_xlabel("test events")
    left.set(ylabel="macro F1 on test frames")
    right.set(ylabel="optimism: F1 tuned − F1 honest")
    fig.legend(loc="outside upper left", ncols=3, fontsize=9)
    return fig
