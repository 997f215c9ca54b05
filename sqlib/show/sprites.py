"""Many pictures in one (a sprite sheet), of which a player shows one at a time."""

import io
import math
from bisect import bisect_left

import numpy as np
from PIL import Image

from sqlib.data.frames import resize, to_bytes
from sqlib.errors import SqError

LOSSLESS = 100  # quality
QUALITIES = (LOSSLESS, 85, 70, 55, 40, 25, 10)


def _packed(frames: np.ndarray, quality: int) -> tuple[bytes, int, int]:
    """Frames (T, H, W[, 3]) in nearly square rows as WebP; its columns and rows; `SqError` beyond a WebP's size."""
    count, height, width = frames.shape[:3]
    cols = math.ceil(math.sqrt(count * height / width))
    rows = math.ceil(count / cols)
    if max(cols * width, rows * height) > 16383:
        raise SqError(f"{count} frames of {width}x{height} are too large for one picture: show fewer or smaller")
    padded = np.zeros((rows * cols, *frames.shape[1:]), np.uint8)
    padded[:count] = frames
    tiles = padded.reshape(rows, cols, *frames.shape[1:]).swapaxes(1, 2)
    picture, buffer = Image.fromarray(tiles.reshape(rows * height, cols * width, *frames.shape[3:])), io.BytesIO()
    picture.save(buffer, "webp", **({"lossless": True} if quality == LOSSLESS else {"quality": quality}))
    return buffer.getvalue(), cols, rows


def sheet(frames: np.ndarray, limit: int) -> tuple[bytes, int, int]:
    """A sprite sheet of `frames` uint8 (T, H, W[, 3]) as WebP; its columns and rows: the first of `QUALITIES` that
    takes at most `limit` bytes; `SqError` where none does."""
    packed = {}

    def fits(quality: int) -> bool:
        packed[quality] = _packed(frames, quality)
        return len(packed[quality][0]) <= limit

    found = bisect_left(QUALITIES, True, key=fits)  # worse ones are smaller, and each takes a second to find out
    if found < len(QUALITIES):
        return packed[QUALITIES[found]]
    raise SqError(f"{len(frames)} frames take {len(packed[QUALITIES[-1]][0]) // 1000} kB at the lowest quality, "
                  f"over {limit // 1000} kB: show fewer or smaller frames")


def thumbnails(pixels: np.ndarray, limit: int) -> tuple[bytes, int, int]:
    """A sprite sheet of frames (N, h, w), as large as `limit` allows at four pixels of speckle a byte; see `sheet`.

    Each is stretched to its own contrast: black at its least pixel, white at its 99th percentile.
    """
    side, small = min(64, *pixels.shape[1:], int(math.sqrt(4 * limit / len(pixels)))), []
    for at in range(0, len(pixels), 64):  # never all of them as floats
        frames = resize(pixels[at : at + 64], side)
        low, high = frames.amin((1, 2), keepdim=True), frames.flatten(1).quantile(0.99, dim=1)[:, None, None]
        small.append(to_bytes((frames - low) * (255 / (high - low).clamp(min=1))))
    return sheet(np.concatenate(small), limit)
