"""Pairs of frames to guess about: which of the two has the sunquake, or which of them was observed."""

from dataclasses import replace

import numpy as np
import pandas as pd
import torch
from scipy import ndimage

from sqlib.data.catalogue import catalogue
from sqlib.data.frames import FrameSet, resize, to_bytes
from sqlib.data.measurements import frame_views, simulated_views, spread, twin_views
from sqlib.data.statistics import View
from sqlib.judge import metrics, sources
from sqlib.show import sprites
from sqlib.show.bundle import Player
from sqlib.show.plots_embedding import event_name
from sqlib.show.records import mark
from sqlib.show.style import AMBER, panels, stretched
from sqlib.sun.twin import TwinSettings

SIDE = 160  # pixels a side of a frame as it is shown, or fewer
FRAMES = 48  # of a cube that is simulated for this
QUAKE, OBSERVED = "has the sunquake", "was observed"  # what is asked


def sunquake_or_not(settings: TwinSettings, count: int, rng: np.random.Generator) -> pd.DataFrame:
    """Pairs of two twins of one event, with the seed of `settings` and the next one: a sunquake, and a quiet frame.

    The sunquake is in the frame of its interval in which it stands out most; the quiet frame is the farthest in time
    from the intervals. The pairs with the clearest sunquakes come first. Rows as of `observed_or_not`.
    """
    other, pairs = replace(settings, seed=settings.seed + 1, frames=min(settings.frames, FRAMES)), []
    events = spread(catalogue(), count)
    for views in zip(twin_views(settings, events), simulated_views(other, events)):
        turn = rng.permutation(2)
        (shows, lit), (quiet, dark) = ((views[i], (settings, other)[i].seed) for i in turn)
        clear = _contrasts(shows)
        pair = [_row(shows, int(np.nanargmax(clear)), "simulated", lit, True),
                _row(quiet, int(_away(quiet).argmax()), "simulated", dark, False)]
        pairs.append((np.nanmax(clear), pair))
    return _laid([pair for _, pair in sorted(pairs, key=lambda one: -one[0])], QUAKE, rng)


def observed_or_not(frameset: FrameSet, origin: str, settings: TwinSettings, count: int,
                    rng: np.random.Generator) -> pd.DataFrame:
    """Pairs of a random frame of a data set and one of a twin: of the same event, if Table 1 lists it, and both with an
    annotated sunquake or both without.

    origin : of the data set, a word of `records.MARKS`; settings : of the twin
    Two rows a pair, of which none is left where the data set has no event with four frames: pair, side ("A", "B"),
    asked (what is asked about both), right (whether it is so), pixels (S, S) uint8, stretched to their own contrast,
    boxes in these pixels, peak (over the mean), event, frame, sunquake (annotated or not), source and seed.
    """
    views, listed = frame_views(frameset), {event.key: event for event in catalogue()}
    chosen = [views[place] for place in rng.permutation(len(views))[:count]]
    spare = spread(catalogue(), max(1, len(chosen)))
    events = [listed.get(view.event.key, other) for view, other in zip(chosen, spare)]
    pairs, size = [], frameset.pixels.shape[1]
    for view, twin in zip(chosen, simulated_views(replace(settings, frames=FRAMES), events)):
        place = rng.integers(len(view.frames))
        alike = np.flatnonzero((_away(twin) == 0) == (_away(view)[place] == 0))
        pairs.append([_row(view, place, origin, None, True),
                      _row(twin, rng.choice(alike), "simulated", settings.seed, False, size)])
    return _laid(pairs, OBSERVED, rng)


def by_peak(pairs: pd.DataFrame) -> tuple[float, float, float]:
    """Share of pairs in which the frame with the higher peak over its mean is the right answer; its 95 % interval."""
    return metrics.share(pairs["right"][pairs["peak"].groupby(pairs["pair"]).idxmax()])


def player(pairs: pd.DataFrame, own: str = "") -> Player:
    """Pairs side by side, each with two answers that unfold, without a script; as a still, the pairs without answers.

    own : the name of a reader's folder of cubes
    """
    pixels = np.stack(pairs["pixels"])
    sheet, cols, rows = sprites.sheet(pixels, 150_000)
    tiles = [{"x": place % cols * pixels.shape[2], "y": place // cols * pixels.shape[1], "side": row.side,
              "right": row.right, "boxes": row.boxes, "alt": f"Frame {row.side}: {seen(row.pixels)}",
              "words": _told(row), "source": row.source, "mark": mark([row.source], row.seed, own)}
             for place, row in enumerate(pairs.itertuples())]
    asked = pairs["asked"].iloc[0].replace(OBSERVED, f"is from {own}") if own else pairs["asked"].iloc[0]
    shown = {"kind": "guess", "width": pixels.shape[2], "height": pixels.shape[1], "cols": cols, "rows": rows,
             "ink": AMBER, "asked": asked, "pairs": [tiles[at : at + 2] for at in range(0, len(tiles), 2)]}
    titles = [f"{row.pair}, {row.side}" for row in pairs.itertuples()]
    still = panels([stretched(one, 255) for one in pixels], titles, 4)
    return Player(shown, sheet, still, pairs.drop(columns=["pixels", "boxes"]), {"pairs": len(pairs) // 2})


def seen(pixels: np.ndarray) -> str:
    """What a frame (S, S) shows, in words that a guess can begin with: its darkest and its brightest part."""
    names = [f"{up} {across}" if up != across else up
             for up in ("upper", "middle", "lower") for across in ("left", "middle", "right")]
    ninths = resize(pixels[None], 3)[0].numpy()
    y, x = 3 * np.array(np.unravel_index(ndimage.uniform_filter(pixels, 3).argmax(), pixels.shape)) // len(pixels)
    return (f"gray speckle, darkest in the {names[ninths.argmin()]}, on average brightest in the "
            f"{names[ninths.argmax()]}, with its brightest spot in the {names[3 * y + x]}.")


def _told(row) -> str:
    quake = ("with a sunquake" + ", marked by a box" * bool(row.boxes)) if row.sunquake else "without a sunquake"
    return f"{event_name(row.event)}, frame {row.frame}, {quake}."


def _row(view: View, place: int, source: str, seed: int | None, right: bool, size: int = 0) -> dict:
    """Facts of the frame at `place` of a view; a frame is first brought to `size` pixels, where one is given."""
    raw, number = view.frames[place], view.numbers[place]
    small = resize(resize(raw[None], size) if size else raw[None], min(SIDE, size or len(raw)))[0].numpy()
    scale = len(small) / len(raw)
    boxes = [np.round(scale * np.array(box), 1).tolist() for (first, last), box in view.sources
             if first <= number <= last]
    pixels = to_bytes(torch.from_numpy(255 * stretched(small, levels=255)))
    return {"pixels": pixels, "boxes": boxes, "peak": float(small.max() / max(small.mean(), 1e-6)),
            "event": view.event.key, "frame": int(number), "sunquake": bool(_away(view)[place] == 0),
            "source": source, "seed": seed, "right": right}


def _laid(pairs: list[list[dict]], asked: str, rng: np.random.Generator) -> pd.DataFrame:
    """Rows of pairs, each in random order."""
    rows = pd.DataFrame([{"pair": number, "side": side, "asked": asked, **pair[i]}
                         for number, pair in enumerate(pairs, 1) for side, i in zip("AB", rng.permutation(2))])
    return rows.astype({"seed": "Int64"}) if len(rows) else rows  # an observed frame has none


def _away(view: View) -> np.ndarray:
    """Frames (N,) from each frame of a view to the nearest annotated interval, 0 inside; infinite without any."""
    intervals = np.array([*view.event.intervals, *(interval for interval, _ in view.sources)], float).reshape(-1, 2)
    ends = np.maximum(intervals[:, :1] - view.numbers, view.numbers - intervals[:, 1:]).clip(min=0)
    return ends.min(0, initial=np.inf)


def _contrasts(view: View) -> np.ndarray:
    """How far the annotated source stands out in each frame (N,) of a view; NaN outside the intervals."""
    size = view.frames.shape[1]
    inside = torch.stack([sources.inside_of([box for (first, last), box in view.sources if first <= number <= last],
                                            size) for number in view.numbers])
    return sources.contrast(torch.from_numpy(view.frames), inside)
