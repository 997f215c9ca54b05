"""A slider over the threshold of a detector: precision, recall, events found. Offline, by keyboard, readable without scripts."""

import json
from html import escape

import numpy as np
import pandas as pd

from sqlib.errors import SqError
from sqlib.show.sprites import script
from sqlib.show.style import BLUE, VERMILION

WIDE, HIGH, LEFT, LOW = 640, 240, 44, 34  # px of the drawing, and of its margins at the axes
LOOKS = (("precision", BLUE, ""), ("recall", VERMILION, "7 4"), ("events found", "currentColor", "2 4"))  # and its dashes
SCRIPT = """
const slider = one('input'), say = one('output');
const show = () => {
  const words = facts.words[slider.value];
  say.textContent = words;
  slider.setAttribute('aria-valuetext', words);
  one('.sq-now').setAttribute('transform', `translate(${facts.places[slider.value]} 0)`);
};
slider.addEventListener('input', show);
one('.sq-controls').hidden = false;
show();
"""


def levels(scores, labels, events, count: int = 61) -> pd.DataFrame:
    """What each of `count` thresholds gives, from one that lets all frames pass to one that lets a single one pass.

    scores : (M,), greater for a sunquake; labels : (M,) 1 or 0; events : (M,) the event of each frame
    A row each: threshold, share (of frames that pass), precision, recall, found (events with a positive frame that passes),
    events (with any), false (frames that pass and are none). Raises `SqError` without a positive frame, or for lengths that differ.
    """
    scores, labels, events = (np.asarray(column) for column in (scores, labels, events))
    if not len(scores) == len(labels) == len(events) or not np.isin(labels, (0, 1)).all() or not (labels == 1).any():
        raise SqError("a threshold needs scores, labels of 0 and 1 with a positive among them, and events, of equal lengths")
    rows, asked = [], np.unique(events[labels == 1])
    shares = np.geomspace(1, 1 / len(scores), count)
    for share in shares:
        threshold = np.sort(scores)[::-1][max(round(share * len(scores)), 1) - 1]
        passed = scores >= threshold
        right = passed & (labels == 1)
        found = len(np.unique(events[right]))
        rows.append((threshold, passed.mean(), right.sum() / passed.sum(), right.sum() / (labels == 1).sum(), found, len(asked),
                     int((passed & (labels == 0)).sum())))  # fmt: skip
    return pd.DataFrame(rows, columns=["threshold", "share", "precision", "recall", "found", "events", "false"])


def sentence(row) -> str:
    """A row of `levels` in words."""
    return (f"{row.share:.1%} of frames pass: precision {row.precision:.0%}, recall {row.recall:.0%}, "
            f"{row.found} of {row.events} events found, {row.false} false frames")  # fmt: skip


def slider(table: pd.DataFrame, name: str, alt: str, first: int | None = None) -> str:
    """HTML of the slider over the rows of `levels`; `first` is the row that it shows at first (default the middle one)."""
    first = len(table) // 2 if first is None else first
    x = LEFT + (WIDE - LEFT - 10) * np.arange(len(table)) / (len(table) - 1)
    words, name = [sentence(row) for row in table.itertuples()], escape(name)
    facts = {"words": words, "places": x.round(1).tolist()}
    drawn = table.assign(**{"events found": table["found"] / table["events"]})
    lines = "".join(_line(x, drawn[column], ink, dash) for column, ink, dash in LOOKS)
    ticks = "".join(f'<text x="{LEFT - 6}" y="{_y(v) + 4:.0f}" text-anchor="end">{v:.0%}</text>'
                    f'<line x1="{LEFT}" x2="{WIDE - 10}" y1="{_y(v):.1f}" y2="{_y(v):.1f}" stroke="currentColor" opacity=".15"/>'
                    for v in (0, 0.5, 1))  # fmt: skip
    legend = "".join(f'<span><svg width="30" height="10" aria-hidden="true"><line x1="0" x2="30" y1="5" y2="5" stroke="{ink}" '
                     f'stroke-width="3" stroke-dasharray="{dash}"/></svg> {column}</span> '
                     for column, ink, dash in LOOKS)  # fmt: skip
    return (
        f'<div class="sq-threshold" data-sq-threshold="{name}" data-facts="{escape(json.dumps(facts))}">'
        f'<p class="sq-legend">{legend}</p>'
        f'<svg viewBox="0 0 {WIDE} {HIGH}" role="img" aria-label="{escape(alt)}" font-size="13" fill="currentColor">{ticks}{lines}'
        f'<g class="sq-now" transform="translate({x[first]:.1f} 0)"><line y1="10" y2="{HIGH - LOW}" stroke="currentColor" '
        f'stroke-width="2"/></g><text x="{WIDE - 10}" y="{HIGH - 10}" text-anchor="end">stricter threshold →</text></svg>'
        f'<div class="sq-controls" hidden><label for="{name}-slider">Threshold</label> <input id="{name}-slider" type="range" '
        f'min="0" max="{len(table) - 1}" step="1" value="{first}"></div>'
        f'<output for="{name}-slider">{escape(words[first])}</output></div>{script("threshold", SCRIPT)}'
    )


def _y(value: float) -> float:
    return 10 + (HIGH - LOW - 10) * (1 - value)


def _line(x, values, ink: str, dash: str) -> str:
    points = " ".join(f"{a:.1f},{_y(b):.1f}" for a, b in zip(x, values))
    return f'<polyline points="{points}" fill="none" stroke="{ink}" stroke-width="2.5" stroke-dasharray="{dash}"/>'


def still(table: pd.DataFrame):
    """The same curves as a figure, for the record: precision, recall and share of events found against the share that passes."""
    import matplotlib.pyplot as plt

    fig, ax = plt.subplots(figsize=(7, 3.4))
    ax.plot(table["share"], table["precision"], color=BLUE, label="precision")
    ax.plot(table["share"], table["recall"], color=VERMILION, ls="--", label="recall")
    ax.plot(table["share"], table["found"] / table["events"], color="black", ls=":", label="events found")
    ax.set(xscale="log", xlabel="share of frames that pass", ylim=(0, 1.02))
    ax.invert_xaxis()
    fig.legend(loc="outside upper left", ncols=3)
    return fig
