"""A slider over the threshold of a detector: precision, recall, events found.

The player is templates/threshold.html and players/viewer.js: offline, by keyboard, readable without scripts.
"""

import numpy as np
import pandas as pd

from sqlib.errors import SqError
from sqlib.show.style import BLUE, VERMILION

WIDE, HIGH, LEFT, LOW = 640, 240, 44, 34  # px of the drawing, and of its margins at the axes
LOOKS = (("precision", BLUE, ""), ("recall", VERMILION, "7 4"), ("events found", "currentColor", "2 4"))


def levels(scores, labels, events, count: int = 61) -> pd.DataFrame:
    """What each of `count` thresholds gives, from one that lets all frames pass to one that lets a single one pass.

    scores : (M,), greater for a sunquake; labels : (M,) 1 or 0; events : (M,) the event of each frame
    A row each: threshold, share (of frames that pass), precision, recall, found (events with a positive frame that
    passes), events (with any), false (frames that pass and are none). Raises `SqError` without a positive frame, or for
    lengths that differ.
    """
    scores, labels, events = (np.asarray(column) for column in (scores, labels, events))
    if not len(scores) == len(labels) == len(events) or not np.isin(labels, (0, 1)).all() or not (labels == 1).any():
        raise SqError("a threshold needs scores, labels of 0 and 1 with a positive among them, and events, "
                      "of equal lengths")
    rows, asked = [], np.unique(events[labels == 1])
    shares = np.geomspace(1, 1 / len(scores), count)
    for share in shares:
        threshold = np.sort(scores)[::-1][max(round(share * len(scores)), 1) - 1]
        passed = scores >= threshold
        right = passed & (labels == 1)
        found = len(np.unique(events[right]))
        rows.append((threshold, passed.mean(), right.sum() / passed.sum(), right.sum() / (labels == 1).sum(), found,
                     len(asked), int((passed & (labels == 0)).sum())))
    return pd.DataFrame(rows, columns=["threshold", "share", "precision", "recall", "found", "events", "false"])


def sentence(row) -> str:
    """A row of `levels` in words."""
    return (f"{row.share:.1%} of frames pass: precision {row.precision:.0%}, recall {row.recall:.0%}, "
            f"{row.found} of {row.events} events found, {row.false} false frames")


def slider(table: pd.DataFrame, first: int | None = None) -> dict:
    """What the slider's template shows of the rows of `levels`; it begins at row `first` (default the middle one)."""
    x = LEFT + (WIDE - LEFT - 10) * np.arange(len(table)) / (len(table) - 1)
    drawn = table.assign(**{"events found": table["found"] / table["events"]})
    curves = [{"words": column, "ink": ink, "dash": dash,
               "points": " ".join(f"{a:.1f},{_y(b):.1f}" for a, b in zip(x, drawn[column]))}
              for column, ink, dash in LOOKS]
    return {"kind": "threshold", "width": WIDE, "height": HIGH, "left": LEFT, "bottom": HIGH - LOW, "curves": curves,
            "ticks": [(f"{share:.0%}", round(_y(share), 1)) for share in (0, 0.5, 1)],
            "still": len(table) // 2 if first is None else first,
            "facts": {"words": [sentence(row) for row in table.itertuples()], "places": x.round(1).tolist()}}


def _y(value: float) -> float:
    return 10 + (HIGH - LOW - 10) * (1 - value)


def still(table: pd.DataFrame):
    """The same curves as a figure, for the record: precision, recall and events found against the share that passes."""
    import matplotlib.pyplot as plt

    fig, ax = plt.subplots(figsize=(7, 3.4))
    ax.plot(table["share"], table["precision"], color=BLUE, label="precision")
    ax.plot(table["share"], table["recall"], color=VERMILION, ls="--", label="recall")
    ax.plot(table["share"], table["found"] / table["events"], color="black", ls=":", label="events found")
    ax.set(xscale="log", xlabel="share of frames that pass", ylim=(0, 1.02))
    ax.invert_xaxis()
    fig.legend(loc="outside upper left", ncols=3)
    return fig
