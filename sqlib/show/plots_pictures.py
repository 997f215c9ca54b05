"""Figures of the primer on learning from pictures; each takes numbers and returns a matplotlib figure."""

import numpy as np
from sklearn.metrics import precision_recall_curve

from sqlib.show import style

LOOKS = {"learned": (style.VERMILION, "--", "s"), "watched": (style.BLUE, "-", "o")}


def numbers(frame: np.ndarray, patch: np.ndarray, corner, count: int = 6):
    """A frame (H, W), a patch of it (h, w) with the upper left pixel `corner` (y, x), and the gray levels at its peak.

    count : of rows and columns of numbers
    """
    fig, (left, middle, right) = style.grid(3, 3, 2.7)
    (top, first), (high, wide) = corner, patch.shape
    style.picture(left, style.stretched(frame), "a frame", [(first, top, first + wide, top + high)], size=10)
    peak = np.unravel_index(patch.argmax(), patch.shape)
    begin = [min(max(at - count // 2, 0), size - count) for at, size in zip(peak, (high, wide))]
    box = (begin[1], begin[0], begin[1] + count, begin[0] + count)
    style.picture(middle, style.stretched(patch), "a patch of it", [box], size=10)
    inner = patch[begin[0] : begin[0] + count, begin[1] : begin[1] + count]
    style.picture(right, style.stretched(inner, float(patch.max())), "what the computer has", size=10)
    for (y, x), level in np.ndenumerate(inner):
        dark = level < 0.55 * patch.max()
        right.text(x, y, level, ha="center", va="center", fontsize=8.5, color="white" if dark else "black")
    return fig


def steps(weights: np.ndarray, losses: np.ndarray, paths: dict[str, tuple[np.ndarray, np.ndarray]]):
    """The loss against one weight; for each {words: (weights, losses)} the steps taken on it, the first red."""
    fig, axes = style.grid(len(paths), len(paths), 3.0, sharey=True)
    for ax, (words, (own, reached)) in zip(axes, paths.items()):
        ax.plot(weights, losses, color=style.GRAY, lw=1.4)
        ax.plot(own, reached, "-o", color=style.BLUE, ms=4, lw=1)
        ax.plot(own[0], reached[0], "o", color=style.VERMILION, ms=8)
        ax.set(title=words, xlim=(weights[0], weights[-1]))
    axes[len(paths) // 2].set_xlabel("weight w")
    axes[0].set_ylabel("loss")
    return fig


def courses(history, chance: float, share: float):
    """Loss and average precision against the epoch, learned and watched: a row of panels each, a column per run.

    history : table with run, epoch, frames (a key of `LOOKS`), loss, ap; chance, share : loss of who says the share of
    positives for every picture, and average precision of random scores, of what is watched
    """
    runs = list(dict.fromkeys(history["run"]))
    fig, axes = style.grid(2 * len(runs), len(runs), 2.5, extra=0.5, sharex=True, sharey="row")
    for place, (value, level) in enumerate((("loss", chance), ("ap", share))):
        for ax, run in zip(axes[place * len(runs) :], runs):
            own = style.series(history[history["run"] == run], "frames", "epoch", value)
            style.lines(ax, own, [LOOKS[words] for words in own], {"ms": 3})
            style.guide(ax, "chance level", y=level, ink="black", ls="--")
            if value == "loss":
                ax.set(title=run)
            else:
                ax.set(xlabel="epoch", ylim=(0, 1.05))
    for ax, words in zip(axes[:: len(runs)], ("loss", "average precision")):
        ax.set_ylabel(words)
    style.legend(fig, 2)
    return fig


def ranking(labels: np.ndarray, chances: np.ndarray, limits, ap: float):
    """Histograms of the probabilities (M,) of both classes, and precision against recall; marks at thresholds `limits`.

    labels : (M,), 1 is positive; ap : average precision, the shaded area
    """
    fig, (left, right) = style.grid(2, 2, 3.5)
    bins = np.linspace(0, 1, 21)
    left.hist(chances[labels == 0], bins, histtype="stepfilled", color=style.GRAY, alpha=0.45, label="no sunquake")
    left.hist(chances[labels == 1], bins, histtype="step", color=style.BLUE, lw=2, label="sunquake")
    left.set(xlabel="probability of a sunquake", ylabel="patches", xlim=(0, 1))
    precision, recall, _ = precision_recall_curve(labels, chances)
    right.fill_between(recall, precision, color=style.SKY, alpha=0.25, lw=0, step="post")
    right.plot(recall, precision, color=style.BLUE, drawstyle="steps-post")
    right.axhline(labels.mean(), color="black", lw=1, ls="--")
    right.text(0.02, labels.mean() - 0.02, "chance level: share of positives", fontsize=9, va="top")
    for limit, marker in zip(limits, "sD^"):
        left.axvline(limit, color=style.VERMILION, lw=1.2, ls=":")
        yes = chances >= limit
        right.plot((yes & (labels == 1)).sum() / labels.sum(), labels[yes].mean(), marker, color=style.VERMILION, ms=8,
                   ls="", label=f"threshold {limit:g}")
    right.set(xlabel="recall", ylabel="precision", xlim=(0, 1.02), ylim=(0, 1.05), title=f"AP = {ap:.2f}, the area")
    style.legend(fig, 3)
    return fig
