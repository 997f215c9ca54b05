"""Many pictures in one (a sprite sheet), of which a player shows one at a time."""

import io
import math

import numpy as np

from sqlib.errors import SqError


def montage(frames: np.ndarray):
    """One picture (PIL) of `frames` uint8 (T, H, W[, 3]) in rows, nearly square; its columns and rows.

    Raises `SqError` where it would be larger than a WebP can be.
    """
    from PIL import Image

    count, height, width = frames.shape[:3]
    cols = math.ceil(math.sqrt(count * height / width))
    rows = math.ceil(count / cols)
    if max(cols * width, rows * height) > 16383:
        raise SqError(f"{count} frames of {width}x{height} are too large for one picture: show fewer or smaller")
    padded = np.zeros((rows * cols, *frames.shape[1:]), np.uint8)
    padded[:count] = frames
    tiles = padded.reshape(rows, cols, *frames.shape[1:]).swapaxes(1, 2)
    return Image.fromarray(tiles.reshape(rows * height, cols * width, *frames.shape[3:])), cols, rows


def _webp(picture, **options) -> bytes:
    picture.save(buffer := io.BytesIO(), format="webp", **options)
    return buffer.getvalue()


def sheet(frames: np.ndarray, limit: int = 600_000, worst: int = 40) -> tuple[bytes, int, int]:
    """A sprite sheet of `frames` (T, H, W[, 3]) uint8 as WebP in at most `limit` bytes; its columns and rows.

    Lossless where that is small enough, else lossy down to quality `worst`; beyond that `SqError`.
    """
    picture, cols, rows = montage(frames)
    for quality in (100, 85, 70, 55, 40, 25, 10):
        if quality < worst:
            break
        data = _webp(picture, lossless=quality == 100, **({} if quality == 100 else {"quality": quality}))
        if len(data) <= limit:
            return data, cols, rows
    raise SqError(f"{len(frames)} frames take {len(data) // 1000} kB at the lowest quality, over {limit // 1000} kB: "
                  "show fewer or smaller frames")


def thumbnails(pixels: np.ndarray, room: int) -> tuple[bytes, int, int]:
    """Frames (N, h, w), each stretched to its own contrast, in at most `room` bytes: as large and then as good as that
    allows.

    Returns the picture as WebP, and its columns and rows of frames; `SqError` where not even 8 pixels a side fit.
    """
    from sqlib.data.frames import resize  # needs torch, which a movie does without

    side = min(64, *pixels.shape[1:])
    while side >= 8:
        blocks = (pixels[at : at + 64] for at in range(0, len(pixels), 64))  # never all of them as floats
        picture, cols, rows = montage(np.concatenate([_stretched(resize(block, side)) for block in blocks]))
        best = b""
        for quality in (15, 25, 40, 60, 80):
            data = _webp(picture, quality=quality)
            if len(data) > room:
                break
            best = data
        if best:
            return best, cols, rows
        side = min(side - 1, int(side * math.sqrt(room / len(data))))
    raise SqError(f"{len(pixels)} frames do not fit {room // 1000} kB: show every n-th frame")


def _stretched(frames) -> np.ndarray:
    """Frames (N, s, s), each stretched to its own contrast: black at its least pixel, white at its 99th percentile."""
    from sqlib.data.frames import to_bytes

    low = frames.amin((1, 2), keepdim=True)
    high = frames.flatten(1).quantile(0.99, dim=1)[:, None, None]
    return to_bytes((frames - low) * (255 / (high - low).clamp(min=1)))
