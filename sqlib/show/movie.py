"""A movie as one picture (a sprite sheet) with a slider and buttons; one of a cube's frames can have boxes, switched on
and off.

The player is templates/movie.html and players/viewer.js: offline, by keyboard, a still without scripts.
"""

import numpy as np

from sqlib.errors import SqError
from sqlib.show import sprites
from sqlib.show.style import AMBER, SKY, VERMILION


def movie(frames, name: str, words: list[str], fps: float, still: int, limit: int, boxes: dict | None = None,
          region: tuple[float, float] | None = None) -> tuple[dict, bytes]:
    """Return what the movie's template shows, and the sprite sheet's bytes, at most `limit`.

    frames : uint8 (T, H, W) or (T, H, W, 3)
    words : what to say beside each frame (T)
    still : the frame shown first, and the only one without scripts
    boxes : by what a switch says ("Annotated box"), for each frame (T) the boxes (x0, y0, x1, y1) that it draws; off at
        first
    region : gray levels that become black and white at the switch "Active-region contrast"

    `SqError` for another type or shape, under two frames, or what is not one per frame.
    """
    frames, boxes = np.asarray(frames), boxes or {}
    if frames.dtype != np.uint8 or not (frames.ndim == 3 or (frames.ndim == 4 and frames.shape[3] == 3)):
        raise SqError(f"a movie is uint8 (T, H, W) or (T, H, W, 3), not {frames.dtype} {frames.shape}")
    count, height, width = frames.shape[:3]
    lengths = {len(words), *map(len, boxes.values())}
    if count < 2 or lengths != {count} or not 0 <= still < count or not fps > 0:
        raise SqError(f"movie {name!r}: {count} frames, {lengths} labels or boxes, still {still}, "
                      f"{fps} frames a second")
    data, cols, rows = sprites.sheet(frames, limit)
    layers = [[[np.round(box, 1).tolist() for box in own] for own in layer] for layer in boxes.values()]
    player = {"kind": "movie", "width": width, "height": height, "still": still, "switches": list(boxes),
              "inks": [AMBER, SKY, VERMILION][: len(boxes)], "stretch": stretch(*region) if region else "",
              "facts": {"cols": cols, "rows": rows, "fps": fps, "words": words, "layers": layers}}
    return player, data


def stretch(low: float, high: float) -> str:
    """A CSS filter that makes gray level `low` (of 0…255) black and `high` white, and is linear between.

    `SqError` unless 0 <= low < high <= 255.
    """
    if not 0 <= low < high <= 255:
        raise SqError(f"gray levels of a stretch rise from 0 to 255, not from {low} to {high}")
    contrast = 1 + 2 * low / (high - low)
    return f"brightness({255 / (high - low) / contrast:.4f}) contrast({contrast:.4f})"
