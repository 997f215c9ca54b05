"""Figures of the chapter on detection; each takes tables and returns a matplotlib figure."""

import numpy as np
import pandas as pd

from sqlib.judge.metrics import share
from sqlib.show import style

FOUND, TRUE = style.AMBER, style.SKY


def in_cube(frames: np.ndarray, odds: np.ndarray, found: pd.DataFrame, true: pd.DataFrame, side: float = 16):
    """What a search found in a cube, beside the truth: the mean of the surest candidate's frames with both places, and
    the log odds of all frames with the candidates and the true intervals.

    frames : (T, H, W); odds : (T,); found : of `event_search.find_events`; true : rows with first, last, y and x
    """
    fig, (left, right) = style.grid(2, 2, 3.4, width_ratios=[1, 1.3])
    best, half = found.iloc[0], side / 2
    style.picture(left, style.stretched(frames[int(best["first"]) : int(best["last"]) + 1].mean(0)),
                  f"mean of frames {best['first']:.0f} to {best['last']:.0f}")
    style.draw_boxes(left, [tuple(best[["x0", "y0", "x1", "y1"]])], FOUND)
    boxes = [(row.x - half, row.y - half, row.x + half, row.y + half) for row in true.itertuples()]
    style.draw_boxes(left, boxes, TRUE, room=4, ls="--")
    style.shade(right, zip(true["first"], true["last"]))
    right.plot(odds, color=style.BLUE, lw=1.2)
    right.plot(found[["first", "last"]].mean(1), found["odds"], "v", color=FOUND, mec="black", ms=7)
    right.set(xlabel="frame", ylabel="log odds of a sunquake", xlim=(0, len(odds) - 1))
    return style.legend(fig, 4, {"found": {"color": FOUND}, "true": {"color": TRUE, "ls": "--"},
                                 "annotated": {"color": style.BAND, "lw": 8},
                                 "candidate": {"color": FOUND, "ls": "", "marker": "v", "mec": "black"}})


def reliability(table: pd.DataFrame):
    """Share of hits against the probability that was said, with intervals: `table` of `free_response.reliability`."""
    fig, (ax,) = style.grid(1, 1, 3.6)
    ax.plot([0, 1], [0, 1], color=style.GRAY, lw=1, ls=":", label="said as it is")
    ax.vlines(table["said"], table["low"], table["high"], color=style.BLUE, lw=2)
    ax.scatter(table["said"], table["hit"], 12 + 6 * np.sqrt(table["candidates"]), color=style.BLUE, zorder=3,
               label="candidates; larger for more")
    ax.set(xlabel="probability that was said", ylabel="share that is a sunquake", xlim=(0, 1), ylim=(-0.02, 1.02))
    return style.legend(fig)


def limits(parts: dict[str, pd.DataFrame], fits: dict[str, dict], classes: int = 5):
    """Share of sources found against their contrast, rows with contrast and found by kind (`parts`): means of classes
    with intervals, and the contrasts at which the fitted laws (`free_response.limits`, by kind) reach 50 and 90 %."""
    fig, axes = style.grid(len(parts), min(3, len(parts)), 2.7, sharey=True, sharex=True)
    for ax, (kind, own) in zip(axes, parts.items()):
        for rows in np.array_split(own["contrast"].argsort(), max(1, min(classes, len(own)))):
            hit, low, high = share(own["found"].iloc[rows])
            ax.errorbar(own["contrast"].iloc[rows].median(), hit, [[hit - low], [high - hit]], fmt="o", ms=6, lw=2,
                        color=style.BLUE, label="found, with 95 % interval")
        ax.plot([at for at, _, _ in fits[kind].values()], list(fits[kind]), "x", color=style.VERMILION, ms=8, mew=2,
                label="50 and 90 % by the fitted law")
        ax.set(title=f"{kind} ({len(own)})", xscale="log", ylim=(-0.03, 1.03))
    style.ticks(axes[0], (2, 4, 7, 10, 15, 20, 40, 70))
    fig.supxlabel("peak over surroundings")
    fig.supylabel("share found")
    return style.legend(fig)
