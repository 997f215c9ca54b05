"""Figures of the chapter on augmentations; each takes what was computed and returns a matplotlib figure."""

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.patches import Rectangle

from sqlib.book.figures import BLUE, GRAY, GREEN, LEVELS, VERMILION, draw_boxes, stretched


def panels(pictures, titles, columns: int, boxes=None, rows=(), height: float | None = None):
    """Pictures, (H, W) or (H, W, 3) of 0…1, side by side in so many columns, each with its title and its boxes.

    rows : words to the left of each row
    """
    lines = -(-len(pictures) // columns)
    side = 7 / columns
    fig, axes = plt.subplots(lines, columns, figsize=(7, height or lines * (side + 0.28)), squeeze=False)
    for ax in axes.flat:
        ax.set(xticks=[], yticks=[])
        ax.spines[:].set_visible(False)
    for ax in axes.flat[len(pictures) :]:
        ax.set_visible(False)
    for ax, words in zip(axes[:, 0], rows):
        ax.set_ylabel(words, fontsize=10)
    for ax, picture, title, own in zip(axes.flat, pictures, titles, boxes or [()] * len(pictures)):
        ax.imshow(picture, cmap="gray", vmin=0, vmax=1, interpolation="nearest")
        ax.set_title(title, fontsize=8 if columns > 3 else 9, loc="center")
        draw_boxes(ax, own)
    return fig


def steps(picture: np.ndarray, low: np.ndarray, done: np.ndarray, threshold: int, boxes):
    """A frame, its spectrum with the square that is kept, what the low-pass leaves, the solarizing curve and the result."""
    fig, axes = plt.subplots(2, 3, figsize=(7, 5))
    size = len(picture)
    shown = {(0, 0): (stretched(picture), "frame (stretched)"), (0, 2): (stretched(low), "low-passed (stretched)"),
             (1, 2): (stretched(done, 255), "solarized (0–255)")}  # fmt: skip
    for place, (pixels, title) in shown.items():
        axes[place].imshow(pixels, cmap="gray", vmin=0, vmax=1)
        axes[place].set(xticks=[], yticks=[])
        axes[place].set_title(title, fontsize=10)
        draw_boxes(axes[place], boxes)
    amplitude = np.fft.fftshift(np.abs(np.fft.fft2(picture - picture.mean())))
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
    for pixels, colour, words in ((picture, GRAY, "frame"), (low, GREEN, "low-passed")):
        axes[1, 0].hist(np.clip(pixels, 0, 255).ravel(), bins, histtype="step", color=colour, label=words)
    axes[1, 0].axvline(threshold, color=VERMILION, lw=1)
    axes[1, 0].set(yscale="log", xlabel="gray level", ylabel="pixels")
    axes[1, 0].legend(fontsize=8)
    return fig


def spectra(curves: dict[str, np.ndarray], reach: int):
    """Amplitude against the number of waves a frame, a line per kind of frame, with the edge of the low-pass."""
    fig, ax = plt.subplots(figsize=(7, 3.6))
    for (words, curve), style in zip(curves.items(), ("-", "--", "-.", ":")):
        ax.semilogy(np.arange(1, len(curve)), np.maximum(curve[1:], 1e-3), style, label=words)
    ax.axvline(reach, color=GRAY, lw=1)
    ax.text(reach + 0.5, ax.get_ylim()[1], " end of the low-pass", va="top", fontsize=9)
    ax.set(xlabel="waves a frame", ylabel="amplitude (gray levels)", ylim=(0.5, None))
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
    for ax, (name, picture) in zip(axes, pictures.items()):
        ax.imshow(picture, cmap="gray", vmin=0, vmax=1)
        ax.set(xticks=[], yticks=[])
        ax.set_title(name.replace("other transpose", "other\ntranspose"), fontsize=8, loc="center")
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
    lines = -(-len(names) // columns)
    fig, axes = plt.subplots(lines, columns, figsize=(7, 0.6 + 1.7 * lines), sharex=True, sharey=True, squeeze=False)
    for ax, name in zip(axes.flat, names):
        for (_, own), style, marker in zip(
            history[history["variant"] == name].groupby("seed"), ("-", "--", "-.", ":") * 9, "os^Dv" * 9
        ):
            ax.plot(own["epoch"], own["loss"] / own["chance"], style, marker=marker, ms=4, color=BLUE)
        ax.axhline(1, color=VERMILION, lw=1.2)
        ax.set_title(name, fontsize=10)
        ax.set_xticks(whole_epochs(history))
        ax.set_xlim(0.5, history["epoch"].max() + 0.5)
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
        if line is not None:
            ax.axvline(line, color=VERMILION, lw=1.2)
        ax.set_xlabel(words, fontsize=9)
        ax.tick_params(labelsize=9)
    axes[0].set_yticks(range(len(names)), names)
    axes[0].set_ylim(len(names) - 0.5, -0.5)
    return fig


def everyday(history: pd.DataFrame):
    """Macro F1 on test pictures and loss over chance against the epoch, a line per way and seed (columns way, seed, …)."""
    fig, axes = plt.subplots(1, 2, figsize=(7, 3.6))
    looks = ((GRAY, "-", "o"), (BLUE, "--", "s"), (VERMILION, ":", "^"))
    for (way, own), (colour, style, marker) in zip(history.groupby("way", sort=False), looks):
        for number, (_, one) in enumerate(own.groupby("seed")):
            label = way if number == 0 else None
            axes[0].plot(one["epoch"], one["loss"] / one["chance"], style, marker=marker, ms=4, color=colour)
            axes[1].plot(one["epoch"], one["f1"], style, marker=marker, ms=4, color=colour, label=label)
    axes[0].axhline(1, color="black", lw=0.8)
    axes[0].set(xlabel="epoch", ylabel="loss / chance level")
    axes[1].set(xlabel="epoch", ylabel="macro F1 on test pictures")
    axes[1].legend(fontsize=9)
    for ax in axes:
        ax.set_xticks(whole_epochs(history))
    return fig
