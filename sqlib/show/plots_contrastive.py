"""Figures and tables of the chapter on contrastive learning; each takes what was computed and draws or arranges it."""

import math

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd

from sqlib.show.style import BLUE, GREEN, VERMILION, guide, lines, picture, stretched, whole_numbers

SCORES = {"precision": "P", "recall": "R", "f1": "F1", "accuracy": "acc.", "average": "mean"}


def contrast(views: np.ndarray, others: np.ndarray):
    """Figure 2: what is pulled to an anchor and what is pushed away, without labels (left) and with them (right).

    views, others : uint8 (4, H, W), two views of four samples; the first two are sunquakes, the last two are not
    """
    fig = plt.figure(figsize=(7, 5.3))
    rows = {
        "self-supervised": [("near", [(others, 0)]), ("away", [(views, 1), (views, 2), (views, 3)])],
        "supervised": [("near", [(others, 0), (views, 1), (others, 1)]), ("away", [(views, 2), (others, 2), (views, 3)])],
    }
    names = ("anchor", "sunquake", "no sunquake", "no sunquake")
    for half, (title, parts) in zip(fig.subfigures(1, 2, wspace=0.04), rows.items()):
        half.suptitle(title, fontsize=12, fontweight="bold")
        axes = half.subplots(3, 3)
        for ax in axes.ravel():
            ax.axis("off")
        for row, (kind, shown) in enumerate([("anchor", [(views, 0)]), *parts]):
            ink = {"anchor": BLUE, "near": GREEN, "away": VERMILION}[kind]
            head = {"anchor": "", "near": "pulled near:", "away": "pushed away:"}[kind]
            for column, (source, which) in enumerate(shown):
                ax = axes[row, column + (kind == "anchor")]
                ax.axis("on")
                picture(ax, stretched(source[which]))
                ax.spines[:].set(visible=True, color=ink, linewidth=2.5)
                ax.set_xlabel("its other view" if source is others else names[which], fontsize=9, labelpad=3)
            if head:
                axes[row, 0].set_title(head, color=ink, fontsize=10, fontweight="bold")
    return fig


def histories(runs: dict[str, pd.DataFrame], floor: float):
    """Loss as a share of its chance level, and spread of the projections, per epoch of each run; `floor`: least share of
    a supervised loss where both classes are equally many."""
    fig, (left, right) = plt.subplots(1, 2, figsize=(7, 4.6))
    lines(left, {name: (own["epoch"], own["loss"] / own["chance"]) for name, own in runs.items()})
    lines(right, {name: (own["epoch"], own["spread"]) for name, own in runs.items()})
    guide(left, "chance", y=1, ink="black", ls="-")
    guide(left, "two points, equal classes", y=floor)
    left.set(ylabel="loss / chance level", ylim=(min(0.8, left.get_ylim()[0]), None))
    right.set(ylabel="spread of the projections", ylim=(-0.03, 1.05))
    for ax in (left, right):
        whole_numbers(ax)
        ax.set(xlabel="epoch", xlim=(0.5, max(len(history) for history in runs.values()) + 0.5))
    fig.legend(*left.get_legend_handles_labels(), loc="outside upper left", ncols=2, fontsize=9)
    return fig


def temperatures(table: pd.DataFrame, prevalence: float, limits: dict[str, float]):
    """Fall of the loss below chance, and average precision, against temperature (columns τ, fall, ap, low, high)."""
    fig, (left, right) = plt.subplots(1, 2, figsize=(7, 3.9))
    left.plot(table["τ"], 100 * table["fall"], "-o")
    right.errorbar(table["τ"], table["ap"], [table["ap"] - table["low"], table["high"] - table["ap"]], fmt="-o", capsize=4)
    guide(right, y=prevalence, ls="--")
    guide(left, y=0, ls="--")
    left.set(ylabel="fall of the loss below chance (%)")
    right.set(ylabel="average precision, 95 % interval", ylim=(0, None))
    ticks = [t for i, t in enumerate(table["τ"]) if i == 0 or t / table["τ"].iloc[i - 1] > 1.5]
    for ax in (left, right):
        ax.set(xscale="log", xlabel="temperature τ")
        ax.set_xticks(ticks, [f"{t:g}" for t in ticks])
        ax.minorticks_off()
        for (words, at), style in zip(limits.items(), (":", "-")):
            ax.axvline(at, color=VERMILION, lw=1, ls=style, label=words, zorder=0)
    handles, words = right.get_legend_handles_labels()
    fig.legend(handles[:2], words[:2], loc="outside upper left", ncols=2, fontsize=9)
    return fig


def leak(bars: dict[str, float], away: pd.DataFrame):
    """Macro F1 with and without a leak (`bars`), and the score of test frames by their distance in time from training frames.

    away : columns distance (words), ap, prevalence, frames
    """
    fig, (left, right) = plt.subplots(2, 1, figsize=(7, 6.2), height_ratios=[1.25, 1])
    places = np.arange(len(bars))[::-1]
    inks = [VERMILION if "sample" in name else BLUE for name in bars]
    left.barh(places, list(bars.values()), 0.62, color=inks)
    left.set_yticks(places, list(bars))
    for place, value in zip(places, bars.values()):
        left.text(value + 0.01, place, f"{value:.2f}", va="center", fontsize=9)
    left.set(xlabel="macro F1 (orange: split by samples; blue: split by events)", xlim=(0, 1.08))
    at = np.arange(len(away))
    right.bar(at, away["ap"], 0.55, color=[BLUE if "by event" in words else VERMILION for words in away["distance"]])
    for place, row in zip(at, away.itertuples()):
        right.hlines(row.prevalence, place - 0.4, place + 0.4, color="black", lw=1.4)
        right.text(place, max(row.ap, row.prevalence) + 0.02, f"{row.frames:,}", ha="center", fontsize=9)
    right.set_xticks(at, away["distance"])
    right.set(ylabel="average precision", xlabel="nearest training frame (black: share of positives)", ylim=(0, 1.12))
    return fig


def beside(ours: pd.DataFrame, printed: pd.DataFrame | None = None) -> pd.DataFrame:
    """The rows of `tables.score` with the paper's printed scores before ours, and average precision with its interval in words."""
    keys = ["classifier", "smote"]
    both = ours if printed is None else ours.merge(printed, "left", keys, suffixes=("", ", paper"))
    columns = {"classifier": both["classifier"], "balancing": both["smote"]}
    for score, short in SCORES.items():
        if printed is not None:
            columns[f"{short}, paper"] = both[f"{score}, paper"]
        columns[f"{short}, here" if printed is not None else short] = both[score]
    columns |= {"said yes": both["yes"], "AP": both["ap"], "95 %": [words(*pair) for pair in zip(both["ap_low"], both["ap_high"])]}
    return pd.DataFrame(columns)


def words(low, high) -> str | None:
    """An interval in words, or None where there is none."""
    return None if low is None or not (math.isfinite(low) and math.isfinite(high)) else f"{low:.2f} … {high:.2f}"
