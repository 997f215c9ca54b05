"""Figures of the chapter on pitfalls; each takes what was computed and returns a matplotlib figure."""

import numpy as np
import pandas as pd

from sqlib.show import style
from sqlib.show.style import BLUE, GREEN, LOOKS, VERMILION

SPLITS = {"sample": ("frames shuffled", VERMILION, "//"), "event": ("whole events held out", BLUE, "")}


def splits(table: pd.DataFrame, least: float):
    """Macro F1 on two splits (columns classifier, split, f1, f1_low, f1_high); `least`: of always no."""
    fig, (ax,) = style.grid(1, 1, 4)
    names = table["classifier"].unique()
    for shift, (split, (words, ink, hatch)) in zip((-0.19, 0.19), SPLITS.items()):
        own, places = table[table["split"] == split].set_index("classifier").loc[names], np.arange(len(names)) + shift
        ax.bar(places, own["f1"], 0.36, color=ink, hatch=hatch, ec="white", lw=0, label=words)
        ax.vlines(places, own["f1_low"], own["f1_high"], color="black", lw=1.5)
        for x, value, top in zip(places, own["f1"], own[["f1", "f1_high"]].max(axis=1)):
            ax.text(x, top + 0.01, f"{value:.2f}", ha="center", va="bottom", fontsize=9)
    ax.set_xticks(range(len(names)), [name.replace(", ", ",\n") for name in names], fontsize=9)
    style.guide(ax, "always no", y=least, ls="--")
    ax.set(ylabel="macro F1 on test frames", ylim=(0, 1.12), xlim=(-0.5, len(names)))
    return style.legend(fig)


def sides(sweep: pd.DataFrame, chosen: dict[str, float], typical: float):
    """Four measures against the side of the box that detectors draw (columns detector, side, measures); large marks at
    the sides `chosen`, a dotted line at the side that is `typical` of annotated boxes."""
    at, looks = sweep[sweep["side"] == sweep["detector"].map(chosen)], ((GREEN, "-", "o"), (VERMILION, "--", "s"))
    parts = {words: style.series(sweep, "detector", "side", words)
             for words in sweep.columns.drop(["detector", "side", "centre within 5 px"])}
    fig = style.curves(parts, "side of the detector's box (px)", "mean over frames", columns=2, high=2.8, share="x",
                       looks=looks, marks={"": typical})
    for ax, words in zip(fig.axes, parts):
        style.lines(ax, style.series(at, "detector", "side", words), looks, {"ms": 10, "mec": "black", "ls": ""},
                    ylim=(0, max(1.1 * sweep[words].max(), 0.01)))
    return fig


def thresholds(optimism: pd.DataFrame, used: int):
    """Macro F1 against the number of test events (columns held, quantity, middle, low, high); a line at `used`."""
    own = style.series(optimism, "quantity", "held", "middle", "low", "high")
    both = {"threshold from the test events": own["tuned"], "threshold from the other events": own["honest"]}
    parts = {"macro F1 on test frames": both, "optimism: tuned − honest F1": {"difference": own["optimism"]}}
    return style.curves(parts, "test events", looks=[LOOKS[place] for place in (1, 0, 2)],
                        marks={f"{used} events": used}, across={"": (None, 0)})


def views(shown: dict[str, tuple]):
    """Pictures in a grid with the box of the source: {augmentation: (frame, pixels inside the box, centre kept)}."""
    pictures, titles, boxes = [], [], []
    for name, (frame, inside, kept) in shown.items():
        y, x = np.nonzero(np.asarray(inside))
        pictures.append(style.stretched(np.asarray(frame)))
        boxes.append([(x.min(), y.min(), x.max() + 1.0, y.max() + 1.0)] if len(x) else [])
        titles.append(name.split(" (")[0].split(", ")[0] + ("" if kept else ": lost"))
    return style.panels(pictures, titles, 4, boxes)
