"""Figures of the chapter on augmentations; each takes what was computed and returns a matplotlib figure."""

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.patches import Rectangle

from sqlib.show.style import BLUE, GRAY, GREEN, LEVELS, VERMILION, guide, lines, panels, picture, stretched  # noqa: F401

ROOM = 4  # pixels between a box of these pictures and the annotation


def steps(frame: np.ndarray, low: np.ndarray, done: np.ndarray, threshold: int, boxes):
    """A frame, its spectrum with the square that is kept, what the low-pass leaves, the solarizing curve and the result."""
    fig, axes = plt.subplots(2, 3, figsize=(7, 5))
    size = len(frame)
    shown = {(0, 0): (stretched(frame), "frame (stretched)"), (0, 2): (stretched(low, levels=255), "low-passed (stretched)"),
             (1, 2): (stretched(done, 255, levels=255), "solarized (0–255)")}  # fmt: skip
    for place, (pixels, title) in shown.items():
        picture(axes[place], pixels, title, boxes, size=10, room=ROOM)
    amplitude = np.fft.fftshift(np.abs(np.fft.fft2(frame - frame.mean())))
    shades = np.floor(LEVELS * np.clip(np.log10(np.maximum(amplitude, 1) / amplitude.max()) / 3 + 1, 0, 1)) / LEVELS
    edges = (-size / 2 - 0.5, size / 2 - 0.5)
    axes[0, 1].imshow(shades, cmap="gray", extent=(*edges, *edges[::-1]))
    reach = threshold // 2 + 0.5
    axes[0, 1].add_patch(Rectangle((-reach, -reach), 2 * reach, 2 * reach, fill=False, ec=VERMILION, lw=1.5))
    axes[0, 1].set_title("amplitude of its waves", fontsize=10)
    axes[0, 1].set(xlabel="waves a frame")
    level = np.arange(256)
    axes[1, 1].plot(level, np.where(level < threshold, level, 255 - level), ".", ms=2, color=BLUE)
    axes[1, 1].set(xlabel="gray level before", ylabel="after", xlim=(0, 255), ylim=(0, 255), title="solarizing")
    bins = np.arange(0, 261, 5)
    for pixels, colour, words in ((frame, GRAY, "frame"), (low, GREEN, "low-passed")):
        axes[1, 0].hist(np.clip(pixels, 0, 255).ravel(), bins, histtype="step", color=colour, label=words)
    axes[1, 0].axvline(threshold, color=VERMILION, lw=1)
    axes[1, 0].set(yscale="log", xlabel="gray level", ylabel="pixels")
    axes[1, 0].legend(fontsize=8)
    return fig


def spectra(curves: dict[str, np.ndarray], reach: int):
    """Amplitude against the number of waves a frame, a line per kind of frame, with the edge of the low-pass."""
    fig, ax = plt.subplots(figsize=(7, 3.6))
    lines(ax, {words: (np.arange(1, len(curve)), np.maximum(curve[1:], 1e-3)) for words, curve in curves.items()}, marker="")
    guide(ax, "end of the low-pass", x=reach, ls="-")
    ax.set(xlabel="waves a frame", ylabel="amplitude (gray levels)", yscale="log", ylim=(0.5, None))
    ax.legend()
    return fig


def violins(groups: dict[str, dict[str, np.ndarray]], label: str):
    """Distributions by kind, a panel per group; the bar is the median, the thick line the middle half."""
    fig, axes = plt.subplots(1, len(groups), figsize=(7, 4), sharey=True, squeeze=False)
    for ax, (title, kinds) in zip(axes[0], groups.items()):
        parts = ax.violinplot(list(kinds.values()), showextrema=False)
        for body, colour in zip(parts["bodies"], (GRAY, GREEN, BLUE, VERMILION)):
            body.set(facecolor=colour, alpha=0.6)
        for place, values in enumerate(kinds.values(), 1):
            low, middle, high = np.quantile(values, (0.25, 0.5, 0.75))
            ax.plot([place, place], [low, high], color="black", lw=3)
            ax.plot([place - 0.15, place + 0.15], [middle, middle], color="black", lw=1.5)
        ax.axhline(0, color=GRAY, lw=0.8, ls=":")
        ax.set_xticks(range(1, len(kinds) + 1), list(kinds), fontsize=9)
        ax.set_title(title, fontsize=10)
    axes[0, 0].set_ylabel(label)
    return fig


def square(pictures: dict[str, np.ndarray], found: pd.DataFrame):
    """A picture in the eight symmetries of the square, over how often each is drawn (columns of `found`, indexed alike)."""
    fig = plt.figure(figsize=(7, 4.6))
    top, bottom = fig.subfigures(2, 1, height_ratios=[1, 2.2])
    axes = top.subplots(1, len(pictures))
    for ax, (name, shown) in zip(axes, pictures.items()):
        picture(ax, shown, name.replace("other transpose", "other\ntranspose"), size=8)
    ax = bottom.subplots()
    for shift, (kind, colour, hatch) in zip((-0.27, 0, 0.27), zip(found.columns, (GREEN, VERMILION, GRAY), ("", "//", ""))):
        ax.bar(np.arange(len(found)) + shift, 100 * found[kind], 0.26, color=colour, hatch=hatch, ec="white", lw=0, label=kind)
    ax.set_xticks(range(len(found)), [name.replace("other ", "other\n") for name in found.index], fontsize=9)
    ax.set_ylabel("share of samples (%)")
    ax.legend()
    return fig


def whole_epochs(history: pd.DataFrame) -> list[int]:
    """At most seven epochs, evenly spread, to write on an axis."""
    last = int(history["epoch"].max())
    return list(range(1, last + 1, -(-last // 7)))


def curves(history: pd.DataFrame):
    """Loss over its chance level against the epoch, a panel per variant and a line per seed (columns variant, seed, …)."""
    names = list(dict.fromkeys(history["variant"]))
    columns = min(3, len(names))
    rows = -(-len(names) // columns)
    fig, axes = plt.subplots(rows, columns, figsize=(7, 0.6 + 1.7 * rows), sharex=True, sharey=True, squeeze=False)
    for ax, name in zip(axes.flat, names):
        seeds = history[history["variant"] == name].groupby("seed")
        lines(ax, {seed: (own["epoch"], own["loss"] / own["chance"]) for seed, own in seeds}, color=BLUE)
        guide(ax, y=1, ink=VERMILION, ls="-")
        ax.set_title(name, fontsize=10)
        ax.set(xticks=whole_epochs(history), xlim=(0.5, history["epoch"].max() + 0.5))
    for ax in axes.flat[len(names) :]:
        ax.set_visible(False)
    fig.supxlabel("epoch", fontsize=10)
    fig.supylabel("loss / chance level", fontsize=10)
    return fig


def ablation(scores: pd.DataFrame, prevalence: float):
    """Fall of the loss, spread of the projections and average precision per variant: a mark a seed, the mean, an interval.

    `scores`: a row per run with variant, fall (%), spread, AP; low and high, of the mean AP, the same in a variant's rows.
    """
    names = list(dict.fromkeys(scores["variant"]))
    fig, axes = plt.subplots(1, 3, figsize=(7, 1.1 + 0.34 * len(names)), sharey=True)
    heads = (
        ("fall", "fall of the loss\nbelow chance (%)", 0),
        ("spread", "spread of\nprojections", None),
        ("AP", "average precision,\nheld-out events", prevalence),
    )
    for ax, (column, words, line) in zip(axes, heads):
        for place, name in enumerate(names):
            own = scores[scores["variant"] == name]
            ax.plot(own[column], [place] * len(own), "o", ms=5, mfc="none", color=GRAY)
            ax.plot(own[column].mean(), place, "D", ms=5, color=BLUE)
            if column == "AP":
                ax.plot(own[["low", "high"]].iloc[0], [place, place], color=BLUE, lw=1.5)
        guide(ax, x=line, ink=VERMILION, ls="-")
        ax.set_xlabel(words, fontsize=9)
        ax.tick_params(labelsize=9)
    axes[0].set_yticks(range(len(names)), names)
    axes[0].set_ylim(len(names) - 0.5, -0.5)
    return fig


def everyday(history: pd.DataFrame):
    """Macro F1 on test pictures and loss over chance against the epoch, a line per way and seed (columns way, seed, …)."""
    fig, axes = plt.subplots(1, 2, figsize=(7, 3.6))
    looks = ((GRAY, "-", "o"), (BLUE, "--", "s"), (VERMILION, ":", "^"))
    for (way, own), look in zip(history.groupby("way", sort=False), looks):
        for number, (_, one) in enumerate(own.groupby("seed")):
            lines(axes[0], {way: (one["epoch"], one["loss"] / one["chance"])}, [look])
            lines(axes[1], {None if number else way: (one["epoch"], one["f1"])}, [look])
    guide(axes[0], y=1, ink="black", ls="-")
    axes[0].set(xlabel="epoch", ylabel="loss / chance level")
    axes[1].set(xlabel="epoch", ylabel="macro F1 on test pictures")
    axes[1].legend(fontsize=9)
    for ax in axes:
        ax.set_xticks(whole_epochs(history))
    return fig
