"""A movie as one picture (a sprite sheet) with a slider and buttons; an event's has boxes to switch on."""

import numpy as np
import pandas as pd
import torch

from sqlib.data.frames import FrameSet, resize, to_bytes
from sqlib.errors import SqError
from sqlib.judge import lightcurves, sources
from sqlib.show import sprites
from sqlib.show.bundle import Player
from sqlib.show.style import AMBER, GREEN, PINK, SKY, VERMILION

INKS = (AMBER, SKY, VERMILION, GREEN, PINK)  # of the boxes, a switch after the other


def player(frames, *, fps: float = 8, times=None, still: int | None = None, boxes: dict | None = None,
           region: tuple[float, float] | None = None, numbers=None, limit: int = 425_000) -> Player:
    """A player of `frames`, uint8 (T, H, W) or (T, H, W, 3) (see `style.colour`).

    fps : frames a second; times : a text per frame ("t = 12 min"), by default its number; still : the frame shown
        first, and the only one without scripts, by default the middle one; numbers : see `Player`; limit : bytes of the
        sprite sheet
    boxes : by what a switch says ("Annotated box"), for each frame (T) the boxes (x0, y0, x1, y1) that it draws; off at
        first
    region : gray levels, of 0…255, that become black and white at the switch "Active-region contrast"

    `SqError` for another type or shape, and for under two frames.
    """
    frames, boxes = np.asarray(frames), boxes or {}
    if frames.dtype != np.uint8 or frames.ndim not in (3, 4) or len(frames) < 2:
        raise SqError(f"a movie is uint8 (T, H, W) or (T, H, W, 3) of two frames or more, not {frames.dtype} "
                      f"{frames.shape}")
    count, height, width = frames.shape[:3]
    words = [str(t) for t in times] if times is not None else [f"{i + 1} of {count}" for i in range(count)]
    still, (low, high) = count // 2 if still is None else still, region or (0, 255)
    sheet, cols, rows = sprites.sheet(frames, limit)
    contrast = 1 + 2 * low / (high - low)
    stretch = f"brightness({255 / (high - low) / contrast:.4f}) contrast({contrast:.4f})"
    layers = [[[np.round(box, 1).tolist() for box in own] for own in layer] for layer in boxes.values()]
    shown = {"kind": "movie", "width": width, "height": height, "still": still, "switches": list(boxes),
             "inks": [INKS[place % len(INKS)] for place in range(len(boxes))], "stretch": stretch if region else "",
             "facts": {"cols": cols, "rows": rows, "fps": fps, "words": words, "layers": layers}}
    return Player(shown, sheet, numbers=numbers)


def episode(frameset: FrameSet, event: str = "", around: int = 10, most: int = 44, side: int = 208,
            span: tuple[int, int] | None = None, found: dict[str, pd.DataFrame] | None = None) -> dict:
    """What `player` takes to show an event round its annotation, at most `most` frames, at most `side` pixels a side.

    event : its key; default the one whose annotated sources are clearest, of those with frames before and after if
        there are
    around : frames shown before and after those of `span` (default: the annotated ones, or all where there are none)
    found : by what a switch says, boxes (frame, x0, y0, x1, y1) that somebody else drew in this event, in the frames'
        pixels Grays are stretched alike in all frames, black at 0 and white at the quantile .997; `region` holds the
        levels that fill the scale within the active region. `SqError` where no event has two frames.
    """
    event = event or _clearest(frameset)
    facts = frameset.index[frameset.index["event"] == event].sort_values("frame", kind="stable")
    marked = span or facts["frame"][facts["label"] == 1]
    if len(marked):
        facts = facts[facts["frame"].between(min(marked) - around, max(marked) + around)]
    facts = facts[:most]
    if len(facts) < 2:
        raise SqError(f"a movie needs two frames of an event: {event} has {len(facts)} in these data")
    size = frameset.pixels.shape[1]
    scale = min(side, size) / size
    frames = resize(np.asarray(frameset.pixels[frameset.index.index.get_indexer(facts.index)]), round(scale * size))
    frames = to_bytes(frames * (255 / max(float(np.quantile(frames, 0.997)), 1)))
    layers = {"Annotated box": facts["boxes"]}
    for what, table in (found or {}).items():
        own = {frame: rows.to_numpy() for frame, rows in table.groupby("frame")[["x0", "y0", "x1", "y1"]]}
        layers[what] = [own.get(frame, ()) for frame in facts["frame"]]
    boxes = {what: [[[scale * value for value in box] for box in own] for own in layer]
             for what, layer in layers.items() if any(map(len, layer))}
    return {"frames": frames, "times": [f"frame {row.frame}, {row.time:%H:%M:%S} UT" for row in facts.itertuples()],
            "boxes": boxes or None, "region": _region(frames), "still": len(facts) // 2,
            "numbers": {"event": event, "first": int(facts["frame"].min()), "last": int(facts["frame"].max()),
                        "annotated": int((facts["label"] == 1).sum())}}


def _clearest(frameset: FrameSet) -> str:
    """Key of an event worth a movie: with frames before and after the annotated ones, then of the greatest contrast."""
    index, rows = frameset.index, sources.annotated(frameset)
    if not len(rows):  # no boxes, or no annotation
        return index["event"].value_counts().index[0] if len(index) else ""
    marks, pixels = index.iloc[rows], torch.from_numpy(np.array(frameset.pixels[rows]))
    bright = sources.contrast(pixels, sources.masks(marks, frameset.pixels.shape[1]))
    means = marks.assign(bright=bright).groupby("event")["bright"].agg(["median", "size"])
    quiet = means.index.isin(index["event"][index["label"] == 0])
    return means.assign(quiet=quiet, several=means["size"] > 1).sort_values(["quiet", "several", "median"]).index[-1]


def _region(frames: np.ndarray) -> tuple[float, float] | None:
    """Gray levels between which the active region's pixels lie; None where the frames are too small to find it."""
    try:
        own = frames[:, lightcurves.regions_of(frames.mean(0)).active]
    except SqError:
        return None
    low, high = np.quantile(own, (0.01, 0.99))
    return (float(low), float(high)) if high > low else None
