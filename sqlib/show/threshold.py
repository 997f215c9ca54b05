"""A slider over the threshold of a detector: precision, recall, events found."""

import numpy as np
import pandas as pd

from sqlib.errors import SqError
from sqlib.show.bundle import Player
from sqlib.show.style import BLUE, VERMILION, curves

WIDE, HIGH, LEFT, LOW = 640, 240, 44, 34  # px of the drawing, and of its margins at the axes
LOOKS = (("precision", BLUE, "", "-"), ("recall", VERMILION, "7 4", "--"), ("events found", "currentColor", "2 4", ":"))


def levels(scores, labels, events) -> pd.DataFrame:
    """What each of 61 thresholds gives, from one that lets all frames pass to one that lets a single one pass.

    scores : (M,), greater for a sunquake; labels : (M,) 1 or 0; events : (M,) the event of each frame
    A row each: threshold, share (of frames that pass), precision, recall, found (events with a positive frame that
    passes), events (with any), false (frames that pass and are none). `SqError` without a positive frame.
    """
    scores, labels, events = (np.asarray(column) for column in (scores, labels, events))
    if not (labels == 1).any():
        raise SqError("a threshold needs a positive among the frames: use more events")
    ranks = np.maximum(np.round(np.geomspace(1, 1 / len(scores), 61) * len(scores)), 1).astype(int)
    thresholds, true = np.sort(scores)[::-1][ranks - 1], labels == 1
    passed = scores >= thresholds[:, None]  # (61, M)
    right, yes = (passed & true).sum(1), passed.sum(1)
    return pd.DataFrame({
        "threshold": thresholds, "share": passed.mean(1), "precision": right / yes, "recall": right / true.sum(),
        "found": [len(np.unique(events[one & true])) for one in passed], "events": len(np.unique(events[true])),
        "false": yes - right})


def sentence(row) -> str:
    """A row of `levels` in words."""
    return (f"{row.share:.1%} of frames pass: precision {row.precision:.0%}, recall {row.recall:.0%}, "
            f"{row.found} of {row.events} events found, {row.false} false frames")


def slider(table: pd.DataFrame) -> Player:
    """A slider over the rows of `levels`, which begins at the middle one."""
    drawn = table.assign(**{"events found": table["found"] / table["events"]})
    x = LEFT + (WIDE - LEFT - 10) * np.linspace(0, 1, len(table))
    shares = np.array([0, 0.5, 1])
    ticks, y = ((HIGH - LOW - (HIGH - LOW - 10) * of).round(1) for of in (shares, drawn[[look[0] for look in LOOKS]]))
    lines = [{"words": words, "ink": ink, "dash": dash,
              "points": " ".join(f"{a:.1f},{b:.1f}" for a, b in zip(x, y[words]))} for words, ink, dash, _ in LOOKS]
    shown = {"kind": "threshold", "width": WIDE, "height": HIGH, "left": LEFT, "bottom": HIGH - LOW, "curves": lines,
             "ticks": [(f"{share:.0%}", place) for share, place in zip(shares, ticks.tolist())],
             "still": len(table) // 2,
             "facts": {"words": [sentence(row) for row in table.itertuples()], "places": x.round(1).tolist()}}
    looks = [("black" if ink == "currentColor" else ink, style, "") for _, ink, _, style in LOOKS]
    still = curves({"": {words: (table["share"], drawn[words]) for words, *_ in LOOKS}}, "share of frames that pass",
                   high=3.4, looks=looks, xscale="log", ylim=(0, 1.02), ncols=3)
    still.axes[0].invert_xaxis()
    return Player(shown, still=still, table=table, numbers=table)
