"""A map of embeddings to explore: one mark a frame, its picture beside it.

The marks are one SVG path per class, so that thousands of them stay light; the script finds a mark by where its
sub-path begins, and its picture in one sprite sheet by its number.
"""

import numpy as np
import pandas as pd

from sqlib.errors import SqError
from sqlib.show import sprites
from sqlib.show.bundle import Player
from sqlib.show.plots_embedding import PALE, classes, clusters, event_name

MOST = 3000  # marks; more do not fit a page's weight with a picture each
LIMIT = 400_000  # bytes of HTML, the sprite sheet included
WORDS, MARK = 10_000, 45  # bytes of them that are left for words, and for each mark
WIDTH, HEIGHT, MARGIN, RADIUS = 4800, 4000, 180, 34  # of the drawing; whole numbers keep the paths short
SHAPES = {  # sub-paths from a mark's middle, for markers that matplotlib draws alike; a dot is a stroke with round ends
    "o": "h0",
    "s": "m-{r}-{r}h{d}v{d}h-{d}z",
    "D": "m0-{l}l{l} {l}l-{l} {l}l-{l}-{l}z",
    "^": "m0-{l}l{l} {d}h-{w}z",
    "v": "m0 {l}l{l}-{d}h-{w}z",
    "x": "m-{r}-{r}l{d} {d}m-{d} 0l{d}-{d}",
}


def embedding_map(points, index: pd.DataFrame, pixels, status) -> Player:
    """A map of at most `MOST` frames, of at most `LIMIT` bytes as one HTML; its table has points and classes.

    points : (M, 2); index : a row per mark with event and frame; pixels : uint8 (M, h, w), each shown small and
        stretched to its own contrast; status : class of each mark (M,), see `plots_embedding.classes`
    `SqError` for none and for more.
    """
    points, pixels, status = np.asarray(points, float), np.asarray(pixels), np.asarray(status).astype(str)
    count = len(points)
    if not 0 < count <= MOST:
        raise SqError(f"a map shows 1 to {MOST} frames, not {count}: show every n-th of more")
    x, y = points.round(4).T
    table = index[["event", "frame"]].reset_index(drop=True).assign(x=x, y=y, **{"class": status})
    looks = classes(status)
    rank = {label: place for place, label in enumerate(looks)}
    # a class's marks stand together, as in its path
    order = np.lexsort((table["frame"], table["event"].to_numpy(str), table["class"].map(rank)))
    low, span, size = points.min(axis=0), np.ptp(points, axis=0), np.array([WIDTH, HEIGHT])
    scaled = (points - low - span / 2) * min((size - 2 * MARGIN) / np.maximum(span, 1e-12))  # both axes alike
    places, drawn = np.round(size / 2 + scaled * [1, -1]).astype(int)[order], table.iloc[order]
    shown = []
    for label, (colour, marker, words) in looks.items():
        look, shape = _look(colour, marker, RADIUS)
        own = places[(drawn["class"] == label).to_numpy()]
        shown.append({"words": words, "count": len(own), "look": look, "icon": _look(colour, marker, 40)[1],
                      "marks": "".join(f"M{x} {y}{shape}" for x, y in own)})
    known, of = np.unique(drawn["event"].to_numpy(str), return_inverse=True)
    # three bytes of a sheet are four in HTML
    sheet, cols, rows = sprites.thumbnails(pixels[order], (LIMIT - WORDS - MARK * count) * 3 // 4)
    facts = {"events": [event_name(key) for key in known], "of": of.tolist(), "frames": drawn["frame"].tolist(),
             "first": count - shown[-1]["count"], "cols": cols, "rows": rows}
    player = {"kind": "map", "across": WIDTH, "upward": HEIGHT, "classes": shown, "facts": facts, "width": 1,
              "height": 1}
    return Player(player, sheet, clusters(points, status), table)


def _look(colour: str, marker: str, radius: int) -> tuple[dict[str, str], str]:
    """A class's attributes and the sub-path of one of its marks."""
    radius = round(radius * (0.75 if colour == PALE or marker == "x" else 1))
    wide = round(1.3 * radius)
    shape = SHAPES[marker].format(r=radius, d=2 * radius, l=wide, w=2 * wide)
    if marker in "ox":
        stroke, ends = (2 * radius, "round") if marker == "o" else (radius // 3, "butt")
        return {"fill": "none", "stroke": colour, "stroke-width": str(stroke), "stroke-linecap": ends}, shape
    halo = str(radius // 3)  # under the marks
    return {"fill": colour, "stroke": "#fff", "stroke-width": halo, "paint-order": "stroke"}, shape
