"""Figures of the chapter on augmentations; each takes what was computed and returns a matplotlib figure."""

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd

from sqlib.show import style
from sqlib.show.style import BLUE, GRAY, GREEN, VERMILION, panels

ROOM = 4  # pixels between a box of these pictures and the annotation


def steps(frame: np.ndarray, low: np.ndarray, done: np.ndarray, threshold: int, boxes):
    """The Solarized Low-Pass: a frame, its spectrum with the square that is kept, what is left, solarized."""
    fig, (first, waves, second, gray, curve, last) = style.grid(6, 3, 2.5)
    for ax, pixels, title in ((first, style.stretched(frame), "frame (stretched)"),
                              (second, style.stretched(low, levels=255), "low-passed (stretched)"),
                              (last, style.stretched(done, 255, levels=255), "solarized (0–255)")):
        style.picture(ax, pixels, title, boxes, size=10, room=ROOM)
    amplitude = np.fft.fftshift(np.abs(np.fft.fft2(frame - frame.mean())))
    decades = np.clip(np.log10(np.maximum(amplitude, 1) / amplitude.max()) / 3 + 1, 0, 1)
    edge, kept = len(frame) / 2, threshold // 2
    waves.imshow(style.stretched(decades, 1), cmap="gray", extent=(-edge - 0.5, edge - 0.5, edge - 0.5, -edge - 0.5))
    style.draw_boxes(waves, [(-kept, -kept, kept + 1, kept + 1)], VERMILION)
    waves.set(xlabel="waves a frame", title="amplitude of its waves")
    for pixels, ink, words in ((frame, GRAY, "frame"), (low, GREEN, "low-passed")):
        gray.hist(np.clip(pixels, 0, 255).ravel(), np.arange(0, 261, 5), histtype="step", color=ink, label=words)
    style.guide(gray, x=threshold, ink=VERMILION, ls="-")
    gray.set(yscale="log", xlabel="gray level", ylabel="pixels")
    gray.legend(fontsize=8)
    level = np.arange(256)
    style.lines(curve, {"": (level, np.where(level < threshold, level, 255 - level))}, [(BLUE, "", ".")], {"ms": 2},
                xlabel="gray level before", ylabel="after", xlim=(0, 255), ylim=(0, 255), title="solarizing")
    return fig


def violins(groups: dict[str, dict[str, np.ndarray]], label: str):
    """Distributions by kind, a panel per group; the bar is the median, the thick line the middle half."""
    fig, axes = style.grid(len(groups), len(groups), 4, sharey=True)
    for ax, (title, kinds) in zip(axes, groups.items()):
        drawn = ax.violinplot(list(kinds.values()), showextrema=False)
        for body, ink in zip(drawn["bodies"], (GRAY, GREEN, BLUE, VERMILION)):
            body.set(facecolor=ink, alpha=0.6)
        places = range(1, len(kinds) + 1)
        low, middle, high = np.transpose([np.quantile(values, (0.25, 0.5, 0.75)) for values in kinds.values()])
        ax.vlines(places, low, high, color="black", lw=3)
        ax.plot(places, middle, "_", color="black", ms=13, mew=1.5)
        style.guide(ax, y=0)
        ax.set_xticks(places, list(kinds), fontsize=9)
        ax.set_title(title)
    axes[0].set_ylabel(label)
    return fig


def square(pictures: dict[str, np.ndarray], found: pd.DataFrame):
    """A picture in the eight symmetries of the square, over how often each is drawn (columns of `found`)."""
    fig = plt.figure(figsize=(7, 4.6))
    top, bottom = fig.subfigures(2, 1, height_ratios=[1, 2.2])
    panels(list(pictures.values()), [name.replace("other ", "other\n") for name in pictures], len(pictures), fig=top)
    ax = bottom.subplots()
    (100 * found).rename(lambda name: name.replace("other ", "other\n")).plot.bar(
        ax=ax, color=[GREEN, VERMILION, GRAY], width=0.8, ec="white", rot=0, fontsize=9, ylabel="share of samples (%)")
    for bar in ax.containers[1]:
        bar.set_hatch("//")
    ax.legend()  # without it the hatch is not told
    return fig


def ablation(scores: pd.DataFrame, prevalence: float):
    """Fall of the loss, spread of the projections and average precision per variant: a mark a seed, the mean.

    `scores`: a row per run with variant, fall (% of the attainable), spread, AP; low and high, of the mean AP, the same
    for a variant.
    """
    mean = scores.groupby("variant", sort=False)[["fall", "spread", "AP", "low", "high"]].mean()
    words = "mean, 95 % interval"
    fig = style.rows(mean.reset_index(), "variant", {
        "share of the\nattainable fall (%)": {words: ("fall",)}, "spread of\nprojections": {words: ("spread",)},
        "average precision,\ntrial events": {words: ("AP", "low", "high")}},
        [("", 0), ("", None), ("", prevalence)])
    places = len(mean) - 1 - mean.index.get_indexer(scores["variant"])
    for ax, column in zip(fig.axes, ("fall", "spread", "AP")):
        ax.plot(scores[column], places, "o", mfc="none", color=GRAY, label="a seed")
    style.legend(fig)
    return fig
