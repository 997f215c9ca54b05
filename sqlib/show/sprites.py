"""Many pictures in one (a sprite sheet), the window that shows one of them, and the frame of a script: what players share."""

import base64
import io
import math
from html import escape

import numpy as np

from sqlib.errors import SqError

# What scripts share. Kept free of names in the page's scope; a box is wired once however often the page shows it.
TOOLS = """
const one = (what) => box.querySelector(what), facts = JSON.parse(box.dataset.facts);
const turn = (img, i) => {
  const {cols, rows} = facts;
  img.style.transform = `translate(${-100 * (i % cols) / cols}%, ${-100 * Math.floor(i / cols) / rows}%)`;
};
const draw = (path, boxes) => path.setAttribute('d', boxes.map(([a, b, c, d]) => `M${a} ${b}H${c}V${d}H${a}z`).join(''));
const press = (button, on) => button.setAttribute('aria-pressed', on);
const pressed = (button) => button.getAttribute('aria-pressed') === 'true';
"""


def script(kind: str, body: str) -> str:
    """A script that runs `body` for each element `box` with data-sq-KIND on the page; TOOLS and its `facts` are at hand."""
    return (f"<script>(() => document.querySelectorAll('[data-sq-{kind}]:not([data-ready])').forEach((box) => {{\n"
            f"box.dataset.ready = '1';{TOOLS}{body}}}))();</script>")  # fmt: skip


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
    for options in ({"lossless": True}, *({"quality": quality} for quality in (85, 70, 55, 40, 25, 10) if quality >= worst)):
        data = _webp(picture, **options)
        if len(data) <= limit:
            return data, cols, rows
    raise SqError(f"{len(frames)} frames take {len(data) // 1000} kB at the lowest quality, over {limit // 1000} kB: "
                  "show fewer or smaller frames")  # fmt: skip


def thumbnails(pixels: np.ndarray, room: int) -> tuple[bytes, int, int]:
    """Frames (N, h, w), each stretched to its own contrast, in at most `room` bytes: as large and then as good as that allows.

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


def address(data: bytes, kind: str = "webp") -> str:
    """The picture itself as an address, for a page that loads nothing."""
    return f"data:image/{kind};base64,{base64.b64encode(data).decode()}"


def window(source: str, cols: int, rows: int, at: int, alt: str, shape, style: str, over: str = "") -> str:
    """A window as wide as `style` says on picture `at`, of `shape` (H, W), of a sheet; `over` is drawn upon it."""
    place = f"translate({-100 * (at % cols) / cols}%, {-100 * (at // cols) / rows}%)"
    how = f'src="{source}"' if source else 'loading="lazy"'  # a script that gives it a picture loads none before it is in view
    return (
        f'<div class="sq-screen" style="position:relative;overflow:hidden;aspect-ratio:{shape[1]}/{shape[0]};{style}">'
        f'<img alt="{escape(alt)}" {how} '
        f'style="display:block;max-width:none;width:{100 * cols}%;height:auto;margin:0;transform:{place}">{over}</div>'
    )


def overlay(shape, inks) -> str:
    """An SVG over a window on a picture of `shape` (H, W), with an empty path of each colour, which a script fills."""
    paths = "".join(f'<path fill="none" stroke="{ink}" stroke-width="2" vector-effect="non-scaling-stroke"/>' for ink in inks)
    return (f'<svg class="sq-boxes" viewBox="0 0 {shape[1]} {shape[0]}" aria-hidden="true" '
            f'style="position:absolute;inset:0;width:100%;height:100%">{paths}</svg>')  # fmt: skip
