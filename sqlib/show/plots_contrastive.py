"""Figures and tables of the chapters on contrastive learning: what was computed, drawn or arranged."""

from textwrap import fill

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd

from sqlib.learn.losses import fallen
from sqlib.show.style import BLUE, GREEN, VERMILION, curves, legend, picture, stretched, ticks

SCORES = {"precision": "P", "recall": "R", "f1": "F1", "accuracy": "acc.", "average": "mean"}
FORMATS = {name: ".2f" for one in SCORES.values() for name in (f"{one}, paper", f"{one}, here")} | {"AP": ".3f"}


def contrast(views: np.ndarray, others: np.ndarray):
    """Figure 2: what is pulled to an anchor and what is pushed away, without labels (left) and with them (right).

    views, others : uint8 (4, 3, H, W), two views of four samples, of which the first two are sunquakes: what is marked
        in the frame (above 127), the frame itself, and what is not drawn
    """
    halves = {"self-supervised": ([(others, 0)], [(views, 1), (views, 2), (views, 3)]),
              "supervised": ([(others, 0), (views, 1), (others, 1)], [(views, 2), (others, 2), (views, 3)])}
    names = ("anchor", "sunquake", "no sunquake", "no sunquake")
    fig = plt.figure(figsize=(7, 5.3))
    for half, (title, (near, away)) in zip(fig.subfigures(1, 2, wspace=0.04), halves.items()):
        half.suptitle(title, fontsize=12, fontweight="bold")
        axes = half.subplots(3, 3)
        for ax in axes.flat:
            picture(ax, None)
        for own, head, ink, shown in ((axes[0, 1:], "", BLUE, [(views, 0)]), (axes[1], "pulled near:", GREEN, near),
                                      (axes[2], "pushed away:", VERMILION, away)):
            own[0].set_title(head, color=ink, fontsize=10, fontweight="bold")
            for ax, (source, which) in zip(own, shown):
                marked, frame, _ = source[which]
                rows, columns = (np.flatnonzero((marked > 127).any(axis)) for axis in (1, 0))
                boxes = [(columns[0], rows[0], columns[-1] + 1, rows[-1] + 1)] if len(rows) else []
                picture(ax, stretched(frame), boxes=boxes, room=1)
                ax.spines[:].set(visible=True, color=ink, linewidth=2.5)
                ax.set_xlabel("its other view" if source is others else names[which], fontsize=9, labelpad=3)
    return fig


def temperatures(table: pd.DataFrame, chance: float):
    """What short runs learn at several temperatures: the fall of the loss, and average precision with its interval
    (columns τ, rising, fall, ap, low, high); chance : share of positives."""
    fig = curves({"share of the attainable fall (%)": {"": (table["τ"], 100 * table["fall"])},
                  "AP, trial events": {"": tuple(table[name] for name in ("τ", "ap", "low", "high"))}},
                 "temperature τ", xscale="log", across={"": (0, chance)}, each=({}, {"ylim": (0, None)}))
    for ax in fig.axes:
        ticks(ax, table["τ"][table["τ"] > 1.5 * table["τ"].shift(fill_value=0)])  # nearer ones would touch
        ax.axvline(0.07, color=VERMILION, lw=1, ls=":", label="0.07, the paper's least", zorder=0)
        ax.axvline(1 / np.log(65_504), color=VERMILION, lw=1, label="1 / ln 65504 (fp16)", zorder=0)
    return legend(fig)


def beside(ours: pd.DataFrame, printed: pd.DataFrame) -> pd.DataFrame:
    """The rows of `tables.score`, the paper's printed scores before ours, and average precision with its interval."""
    both = ours.merge(printed, "left", ["classifier", "smote"], suffixes=("", ", paper"))
    columns = {"classifier": "classifier", "smote": "balancing"}
    for score, short in SCORES.items():
        columns |= {f"{score}, paper": f"{short}, paper", score: f"{short}, here"}
    columns |= {"yes": "said yes", "ap": "AP", "95 %": "95 %"}
    both = both.assign(**{"95 %": [words(*pair) for pair in zip(both["ap_low"], both["ap_high"])]})
    return both[[name for name in columns if name in both]].rename(columns=columns)


def words(low, high) -> str | None:
    """An interval in words, or None where there is none."""
    return None if pd.isna([low, high]).any() else f"{low:.2f} … {high:.2f}"


def progress(histories: dict[str, list[pd.DataFrame]]):
    """Training of several methods, a small panel each with lines for each seed (`histories`: epoch, loss, chance,
    least, ap): the share of what the loss can fall that it has fallen, and the average precision on events kept aside,
    if watched."""
    parts = {}
    for name, runs in histories.items():
        each = [one.set_index("epoch") for one in runs]
        fall = pd.concat([fallen(one) for one in each], axis=1)
        own = parts[fill(name, 24)] = {"share of the attainable fall of the loss": fall}
        if all("ap" in one for one in each):
            own["average precision on events kept aside"] = pd.concat([one["ap"] for one in each], axis=1)
    return curves(parts, "epoch", " ", columns=min(3, len(parts)), high=1.7, whole=True, share="xy", across={"": 0})
