"""A movie as one picture (a sprite sheet) with a slider and buttons: offline, by keyboard, a still without scripts.

A movie of a cube's frames can have layers of boxes, switched on and off, and a second stretch of its grays.
"""

import json
from html import escape

import numpy as np

from sqlib.errors import SqError
from sqlib.show import sprites
from sqlib.show.style import AMBER, SKY, VERMILION

# Never starts by itself, and runs through once only where the reader asked for reduced motion.
SCRIPT = """
const sheet = one('img'), slider = one('input'), button = one('button'), say = one('output');
const {words, layers} = facts, n = words.length, calm = matchMedia('(prefers-reduced-motion: reduce)');
const switches = [...box.querySelectorAll('[data-layer]')], paths = box.querySelectorAll('.sq-boxes path');
let timer = null;
const show = (i) => {
  slider.value = i;
  turn(sheet, i);
  let text = words[i];
  switches.forEach((layer, j) => {
    const boxes = pressed(layer) ? layers[j][i] : [];
    draw(paths[j], boxes);
    if (boxes.length) text += ', ' + layer.textContent.toLowerCase();
  });
  say.textContent = text;
  slider.setAttribute('aria-valuetext', text);
};
const stop = () => { clearInterval(timer); timer = null; button.textContent = 'Play'; say.ariaLive = 'polite'; };
const step = () => {
  const i = +slider.value + 1;
  if (i < n) show(i); else if (calm.matches) stop(); else show(0);
};
button.addEventListener('click', () => {
  if (timer !== null) return stop();
  if (+slider.value === n - 1) show(0);
  timer = setInterval(step, 1000 / facts.fps);
  button.textContent = 'Pause';
  say.ariaLive = 'off';
});
slider.addEventListener('input', () => { stop(); show(+slider.value); });
switches.forEach((layer) => layer.addEventListener('click', () => { press(layer, !pressed(layer)); show(+slider.value); }));
one('[data-filter]')?.addEventListener('click', ({currentTarget: own}) => {
  press(own, !pressed(own));
  sheet.style.setProperty('filter', pressed(own) ? own.dataset.filter : 'none', 'important');
});
one('.sq-controls').hidden = false;
show(+slider.value);
"""


def player(frames, name: str, alt: str, words: list[str], fps: float, still: int, limit: int, boxes: dict | None = None,
           region: tuple[float, float] | None = None) -> tuple[str, bytes]:  # fmt: skip
    """Return the player's HTML and the sprite sheet's bytes.

    frames : uint8 (T, H, W) or (T, H, W, 3)
    words : what to say beside each frame (T)
    still : the frame shown first, and the only one without scripts
    boxes : by what a switch says ("Annotated box"), for each frame (T) the boxes (x0, y0, x1, y1) that it draws; off at first
    region : gray levels that become black and white at the switch "Active-region contrast"
    limit : bytes that the player may have

    `SqError` for another type or shape, under two frames, or what is not one per frame.
    """
    frames, boxes = np.asarray(frames), boxes or {}
    if frames.dtype != np.uint8 or not (frames.ndim == 3 or (frames.ndim == 4 and frames.shape[3] == 3)):
        raise SqError(f"a movie is uint8 (T, H, W) or (T, H, W, 3), not {frames.dtype} {frames.shape}")
    count, height, width = frames.shape[:3]
    lengths = {len(words), *map(len, boxes.values())}
    if count < 2 or lengths != {count} or not 0 <= still < count or not fps > 0:
        raise SqError(f"movie {name!r}: {count} frames, {lengths} labels or boxes, still {still}, {fps} frames a second")
    data, cols, rows = sprites.sheet(frames, limit - 4_000)
    layers = [[[np.round(box, 1).tolist() for box in own] for own in layer] for layer in boxes.values()]
    facts = {"cols": cols, "rows": rows, "fps": fps, "words": words, "layers": layers}
    switches = {what: f'data-layer="{j}"' for j, what in enumerate(boxes)}
    switches |= {"Active-region contrast": f'data-filter="{stretch(*region)}"'} if region else {}
    buttons = "".join(f'<button type="button" aria-pressed="false" {how}>{escape(what)}</button>' for what, how in switches.items())
    over = sprites.overlay((height, width), (AMBER, SKY, VERMILION)[: len(boxes)]) if boxes else ""
    ident = f"{escape(name)}-slider"
    html = (
        f'<div class="sq-movie" data-sq-movie="{escape(name)}" data-facts="{escape(json.dumps(facts, separators=(",", ":")))}">'
        + sprites.window(sprites.address(data), cols, rows, still, alt, (height, width),
                         f"max-width:100%;width:{max(width, 420)}px;margin:auto", over)
        + f'<div class="sq-controls" hidden><button type="button">Play</button> '
        f'<label for="{ident}">Frame</label> <input id="{ident}" type="range" min="0" max="{count - 1}" step="1" '
        f'value="{still}"> <output for="{ident}"{" class=sq-wide" * bool(buttons)}>{escape(words[still])}</output>'
        f"{buttons}</div></div>{sprites.script('movie', SCRIPT)}"
    )  # fmt: skip
    return html, data


def stretch(low: float, high: float) -> str:
    """A CSS filter that makes gray level `low` (of 0…255) black and `high` white, and is linear between.

    `SqError` unless 0 <= low < high <= 255.
    """
    if not 0 <= low < high <= 255:
        raise SqError(f"gray levels of a stretch rise from 0 to 255, not from {low} to {high}")
    contrast = 1 + 2 * low / (high - low)
    return f"brightness({255 / (high - low) / contrast:.4f}) contrast({contrast:.4f})"
