"""Figures of the primer on learning from pictures; each takes numbers and returns a matplotlib figure."""

import numpy as np
from sklearn.metrics import precision_recall_curve

from sqlib.show import style
from sqlib.show.style import BLUE, GRAY, SKY, VERMILION

LOOKS = {"learned": (VERMILION, "--", "s"), "watched": (BLUE, "-", "o")}


def numbers(frame: np.ndarray, patch: np.ndarray, corner, count: int = 6):
    """A frame (H, W), a patch of it (h, w) with the upper left pixel `corner` (y, x), and `count` rows and columns of
    the gray levels at its peak."""
    (top, first), (high, wide) = corner, patch.shape
    peak = np.unravel_index(patch.argmax(), patch.shape)
    y0, x0 = (min(max(at - count // 2, 0), size - count) for at, size in zip(peak, (high, wide)))
    inner = patch[y0 : y0 + count, x0 : x0 + count]
    fig = style.panels([style.stretched(frame), style.stretched(patch), style.stretched(inner, float(patch.max()))],
                       ["a frame", "a patch of it", "what the computer has"], 3,
                       [[(first, top, first + wide, top + high)], [(x0, y0, x0 + count, y0 + count)], []], size=10)
    for (y, x), level in np.ndenumerate(inner):
        dark = level < 0.55 * patch.max()
        fig.axes[2].text(x, y, level, ha="center", va="center", fontsize=8.5, color="white" if dark else "black")
    return fig


def steps(weights: np.ndarray, losses: np.ndarray, paths: dict[str, tuple[np.ndarray, np.ndarray]]):
    """The loss against one weight; for each {words: (weights, losses)} the steps taken on it, the first red."""
    looks = {"": (GRAY, "-", ""), "steps": (BLUE, "-", "o"), "the first": (VERMILION, "", "o")}
    parts = {words: dict(zip(looks, ((weights, losses), (own, reached), (own[:1], reached[:1]))))
             for words, (own, reached) in paths.items()}
    return style.curves(parts, "weight w", "loss", high=3.0, looks=looks, share="y", xlim=(weights[0], weights[-1]))


def courses(history, chance: float, share: float):
    """Loss and average precision against the epoch, learned and watched: a row of panels each, a column per run.

    history : table with run, epoch, frames (a key of `LOOKS`), loss, ap; chance, share : loss of who says the share of
    positives for every picture, and average precision of random scores, of what is watched
    """
    runs = history["run"].unique()
    fig, axes = style.grid(2 * len(runs), len(runs), 2.5, extra=0.5, sharex=True, sharey="row")
    for at, (value, words, level) in enumerate((("loss", "loss", chance), ("ap", "average precision", share))):
        for place, (ax, run) in enumerate(zip(axes[at * len(runs) :], runs)):
            own = style.series(history[history["run"] == run], "frames", "epoch", value)
            style.lines(ax, own, [LOOKS[frames] for frames in own], {"ms": 3})
            style.guide(ax, "chance level", y=level, ink="black", ls="--")
            ax.set(ylabel="" if place else words, **({"xlabel": "epoch", "ylim": (0, 1.05)} if at else {"title": run}))
    return style.legend(fig)


def ranking(labels: np.ndarray, chances: np.ndarray, limits, ap: float):
    """Histograms of the probabilities (M,) of both classes (`labels` (M,), 1 is positive), and precision against recall
    with the area `ap`; marks at thresholds `limits`."""
    fig, (left, right) = style.grid(2, 2, 3.5)
    bins = np.linspace(0, 1, 21)
    left.hist(chances[labels == 0], bins, histtype="stepfilled", color=GRAY, alpha=0.45, label="no sunquake")
    left.hist(chances[labels == 1], bins, histtype="step", color=BLUE, lw=2, label="sunquake")
    left.set(xlabel="probability of a sunquake", ylabel="patches", xlim=(0, 1))
    precision, recall, _ = precision_recall_curve(labels, chances)
    right.fill_between(recall, precision, color=SKY, alpha=0.25, lw=0, step="post")
    right.plot(recall, precision, color=BLUE, drawstyle="steps-post")
    right.axhline(labels.mean(), color="black", lw=1, ls="--")
    right.text(0.02, labels.mean() - 0.02, "chance level: share of positives", fontsize=9, va="top")
    for limit, marker in zip(limits, "sD^"):
        left.axvline(limit, color=VERMILION, lw=1.2, ls=":")
        yes = chances >= limit
        right.plot((yes & (labels == 1)).sum() / labels.sum(), labels[yes].mean(), marker, color=VERMILION, ms=8, ls="",
                   label=f"threshold {limit:g}")
    right.set(xlabel="recall", ylabel="precision", xlim=(0, 1.02), ylim=(0, 1.05), title=f"AP = {ap:.2f}, the area")
    return style.legend(fig, 3)
