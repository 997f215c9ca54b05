"""An event of a frame set as a movie: which frames, in which grays, with which boxes."""

import numpy as np
import pandas as pd
import torch

from sqlib.data.frames import FrameSet, resize, to_bytes
from sqlib.errors import SqError
from sqlib.judge import lightcurves, sources


def episode(frameset: FrameSet, event: str = "", around: int = 10, most: int = 44, side: int = 208,
            span: tuple[int, int] | None = None, found: dict[str, pd.DataFrame] | None = None) -> dict:
    """What `publish.movie` takes to show an event round its annotation: at most `most` frames, no larger than `side`
    pixels.

    event : its key; default the one whose annotated sources are clearest, of those with frames before and after if
        there are
    around : frames shown before and after the annotated ones (or those of `span`), as far as they are at hand
    span : first and last frame that it is about; default the annotated ones, and all where there are none
    found : by what a switch says, boxes (frame, x0, y0, x1, y1) that somebody else drew in this event, in the frames'
        pixels
    Grays are stretched alike in all frames, black at 0 and white at the quantile .997; `region` holds the levels that
    fill the scale within the active region. Raises `SqError` where no event has two frames.
    """
    index, event = frameset.index, event or _clearest(frameset)
    rows = np.flatnonzero((index["event"] == event).to_numpy())
    rows = rows[index["frame"].to_numpy()[rows].argsort(kind="stable")]
    facts = index.iloc[rows]
    marked = span or facts["frame"][facts["label"] == 1]
    if len(marked):
        rows = rows[facts["frame"].between(min(marked) - around, max(marked) + around)]
    rows = rows[:most]
    if len(rows) < 2:
        raise SqError(f"a movie needs two frames of an event: {event} has {len(rows)} in these data")
    facts, scale = index.iloc[rows], min(side, frameset.pixels.shape[1]) / frameset.pixels.shape[1]
    frames = resize(np.asarray(frameset.pixels[rows]), round(scale * frameset.pixels.shape[1]))
    frames = to_bytes(frames * (255 / max(float(np.quantile(frames, 0.997)), 1)))
    layers = {"Annotated box": facts["boxes"]}
    layers |= {what: _boxes(table, facts["frame"]) for what, table in (found or {}).items()}
    layers = {what: [[[scale * value for value in box] for box in own] for own in boxes]
              for what, boxes in layers.items()}
    return {
        "frames": frames,
        "times": [f"frame {row.frame}, {row.time:%H:%M:%S} UT" for row in facts.itertuples()],
        "boxes": {what: boxes for what, boxes in layers.items() if any(boxes)} or None,
        "region": _region(frames), "still": len(rows) // 2,
        "numbers": {"event": event, "first": int(facts["frame"].min()), "last": int(facts["frame"].max()),
                    "annotated": int((facts["label"] == 1).sum())},
    }


def _boxes(table: pd.DataFrame, frames: pd.Series) -> list[list[tuple]]:
    """For each of the frames (by number) its boxes in the table."""
    own = table.groupby("frame")[["x0", "y0", "x1", "y1"]]
    drawn = {frame: list(rows.itertuples(index=False, name=None)) for frame, rows in own}
    return [drawn.get(frame, []) for frame in frames]


def _clearest(frameset: FrameSet) -> str:
    """Key of an event worth a movie: with frames before and after the annotated ones, then of the greatest contrast."""
    index, rows = frameset.index, sources.annotated(frameset)
    if not len(rows):  # no boxes, or no annotation
        return index["event"].value_counts().index[0] if len(index) else ""
    marks = index.iloc[rows]
    pixels = torch.from_numpy(np.array(frameset.pixels[rows]))
    bright = sources.contrast(pixels, sources.masks(marks, frameset.pixels.shape[1]))
    means = marks.assign(bright=bright).groupby("event")["bright"].agg(["median", "size"])
    quiet = index[index["label"] == 0].groupby("event").size().reindex(means.index, fill_value=0) > 0
    return means.assign(quiet=quiet, several=means["size"] > 1).sort_values(["quiet", "several", "median"]).index[-1]


def _region(frames: np.ndarray) -> tuple[float, float] | None:
    """Gray levels between which the active region's pixels lie; None where the frames are too small to find it."""
    try:
        own = frames[:, lightcurves.regions_of(frames.mean(0)).active]
    except SqError:
        return None
    low, high = np.quantile(own, (0.01, 0.99))
    return (float(low), float(high)) if high > low else None
