"""A movie as one picture (a sprite sheet) with a slider and a button: offline, by keyboard, a still without scripts."""

import base64
import io
import json
import math
from html import escape

import numpy as np

from sqlib.errors import SqError

# Kept free of names in the page's scope; wired once however often the page shows it. Never starts by itself, and runs
# through once only where the reader asked for reduced motion.
SCRIPT = """
(() => document.querySelectorAll('[data-sq-movie]:not([data-ready])').forEach((box) => {
  box.dataset.ready = '1';
  const sheet = box.querySelector('img'), slider = box.querySelector('input'), button = box.querySelector('button');
  const say = box.querySelector('output'), n = +box.dataset.n, cols = +box.dataset.cols, rows = +box.dataset.rows;
  const words = JSON.parse(box.dataset.words), calm = matchMedia('(prefers-reduced-motion: reduce)');
  let timer = null;
  const show = (i) => {
    slider.value = i;
    sheet.style.transform = `translate(${-100 * (i % cols) / cols}%, ${-100 * Math.floor(i / cols) / rows}%)`;
    say.textContent = words[i];
    slider.setAttribute('aria-valuetext', words[i]);
  };
  const stop = () => { clearInterval(timer); timer = null; button.textContent = 'Play'; };
  const step = () => {
    const i = +slider.value + 1;
    if (i < n) show(i); else if (calm.matches) stop(); else show(0);
  };
  button.addEventListener('click', () => {
    if (timer !== null) return stop();
    if (+slider.value === n - 1) show(0);
    timer = setInterval(step, 1000 / +box.dataset.fps);
    button.textContent = 'Pause';
  });
  slider.addEventListener('input', () => { stop(); show(+slider.value); });
  box.querySelector('.sq-controls').hidden = false;
  show(+slider.value);
}))();
"""


def sheet(frames: np.ndarray, limit: int = 600_000) -> tuple[bytes, str, int]:
    """Return a sprite sheet of `frames` (T, H, W[, 3]) uint8, its MIME type and its columns, in at most `limit` bytes.

    Lossless WebP where that is small enough, else lossy down to quality 40; beyond that `SqError`.
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
    picture = Image.fromarray(tiles.reshape(rows * height, cols * width, *frames.shape[3:]))
    for options in ({"lossless": True}, *({"quality": quality} for quality in (85, 70, 55, 40))):
        buffer = io.BytesIO()
        picture.save(buffer, format="webp", **options)
        if buffer.tell() <= limit:
            return buffer.getvalue(), "image/webp", cols
    raise SqError(f"the movie takes {buffer.tell() // 1000} kB at the lowest quality, over {limit // 1000} kB: "
                  "show fewer or smaller frames")  # fmt: skip


def player(frames, name: str, alt: str, words: list[str], fps: float, still: int, limit: int) -> tuple[str, bytes]:
    """Return the player's HTML and the sprite sheet's bytes.

    frames : uint8 (T, H, W) or (T, H, W, 3)
    words : what to say beside each frame (T)
    still : the frame shown first, and the only one without scripts
    """
    frames = np.asarray(frames)
    if frames.dtype != np.uint8 or not (frames.ndim == 3 or (frames.ndim == 4 and frames.shape[3] == 3)):
        raise SqError(f"a movie is uint8 (T, H, W) or (T, H, W, 3), not {frames.dtype} {frames.shape}")
    count, height, width = frames.shape[:3]
    if count < 2 or len(words) != count or not 0 <= still < count or not fps > 0:
        raise SqError(f"movie {name!r}: {count} frames, {len(words)} labels, still {still}, {fps} frames a second")
    data, mime, cols = sheet(frames, limit - 4_000)
    rows = math.ceil(count / cols)
    shift = f"translate({-100 * (still % cols) / cols}%, {-100 * (still // cols) / rows}%)"
    picture = f"data:{mime};base64,{base64.b64encode(data).decode()}"
    ident = f"{escape(name)}-slider"
    html = (
        f'<div class="sq-movie" data-sq-movie="{escape(name)}" data-n="{count}" data-cols="{cols}" data-rows="{rows}" '
        f'data-fps="{fps}" data-words="{escape(json.dumps(words))}">'
        f'<div class="sq-screen" style="overflow:hidden;max-width:100%;width:{max(width, 420)}px;'
        f'aspect-ratio:{width}/{height};margin:auto">'
        f'<img alt="{escape(alt)}" src="{picture}" '
        f'style="display:block;max-width:none;width:{100 * cols}%;height:auto;margin:0;transform:{shift}"></div>'
        f'<div class="sq-controls" hidden><button type="button">Play</button> '
        f'<label for="{ident}">Frame</label> <input id="{ident}" type="range" min="0" max="{count - 1}" step="1" '
        f'value="{still}"> <output for="{ident}">{escape(words[still])}</output></div></div><script>{SCRIPT}</script>'
    )
    return html, data
