"""A map of embeddings to explore: one mark a frame, its picture beside it; offline, by keyboard, a still without scripts.

The marks are one SVG path per class, so that thousands of them stay light; the script finds a mark by where its sub-path
begins, and its picture in one sprite sheet by its number.
"""

import json
from html import escape

import numpy as np
import pandas as pd

from sqlib.errors import SqError
from sqlib.show import sprites
from sqlib.show.plots_embedding import PALE, classes, event_name

MOST = 3000  # marks; more do not fit a page's weight with a picture each
LIMIT = 400_000  # bytes of HTML, the sprite sheet included
WIDTH, HEIGHT, MARGIN, RADIUS = 4800, 4000, 180, 34  # of the drawing; whole numbers keep the paths short
SHAPES = {  # sub-paths from a mark's middle, for markers that matplotlib draws alike; a dot is a stroke with round ends
    "o": "h0",
    "s": "m-{r}-{r}h{d}v{d}h-{d}z",
    "D": "m0-{l}l{l} {l}l-{l} {l}l-{l}-{l}z",
    "^": "m0-{l}l{l} {d}h-{w}z",
    "v": "m0 {l}l{l}-{d}h-{w}z",
    "x": "m-{r}-{r}l{d} {d}m-{d} 0l{d}-{d}",
}

SCRIPT = """
const svg = one('.sq-sides svg'), ring = one('.sq-ring'), tile = one('.sq-tile img'), say = one('output');
const choose = one('select'), slider = one('input'), marks = [];
box.querySelectorAll('path[data-at]').forEach((path) => {
  for (const [, x, y] of path.getAttribute('d').matchAll(/M(\\d+) (\\d+)/g))
    marks.push({x: +x, y: +y, path, event: facts.of[marks.length], frame: facts.frames[marks.length], i: marks.length});
});
const runs = facts.events.map(() => []);
marks.forEach((mark) => runs[mark.event].push(mark));
runs.forEach((run) => run.sort((a, b) => a.frame - b.frame));
let now = null;
const show = (mark) => {
  if (mark === now) return;
  now = mark;
  const run = runs[mark.event], words = `frame ${mark.frame}, ${mark.path.dataset.class}`;
  choose.value = mark.event;
  slider.max = run.length - 1;
  slider.value = run.indexOf(mark);
  slider.setAttribute('aria-valuetext', words);
  ring.setAttribute('transform', `translate(${mark.x} ${mark.y})`);
  ring.removeAttribute('visibility');
  turn(tile, mark.i);
  say.textContent = `${facts.events[mark.event]}, ${words}`;
};
const seek = (event) => {
  const at = new DOMPoint(event.clientX, event.clientY).matrixTransform(svg.getScreenCTM().inverse());
  let best = null, least = 300 ** 2;
  for (const mark of marks) {
    const far = (mark.x - at.x) ** 2 + (mark.y - at.y) ** 2;
    if (far < least && mark.path.style.display !== 'none') [best, least] = [mark, far];
  }
  if (best) show(best);
};
svg.addEventListener('pointermove', seek);
svg.addEventListener('click', (event) => { seek(event); slider.focus({preventScroll: true}); });
choose.addEventListener('change', () => show(runs[choose.value][0]));
slider.addEventListener('input', () => show(runs[choose.value][slider.value]));
box.querySelectorAll('.sq-legend button').forEach((button) => {
  button.disabled = false;
  button.addEventListener('click', () => {
    const on = !pressed(button);
    press(button, on);
    one(`path[data-at="${button.value}"]`).style.display = on ? '' : 'none';
  });
});
one('.sq-panel').hidden = false;
show(marks[facts.first]);
"""


def embedding_map(points, index: pd.DataFrame, pixels, status, name: str, alt: str, axes=("UMAP 1", "UMAP 2")) -> str:
    """Return the HTML of a map of embeddings, at most `LIMIT` bytes of it.

    points : (M, 2), M at most `MOST`; index : a row per mark with event and frame; pixels : uint8 (M, h, w), each shown
    small and stretched to its own contrast; status : class of each mark (M,), see `plots_embedding.classes`
    name : unique on the page; alt : what the map shows, in words

    `SqError` where these do not belong together, or the frames do not fit.
    """
    points, pixels, status = np.asarray(points, float), np.asarray(pixels), np.asarray(status).astype(str)
    count = len(points)
    fits = points.shape == (count, 2) and np.isfinite(points).all() and {len(index), len(pixels), len(status)} == {count}
    if not fits or pixels.dtype != np.uint8 or pixels.ndim != 3 or not 0 < count <= MOST:
        raise SqError(f"map {name!r} shows 1 to {MOST} frames (every n-th of more), at finite points (M, 2), uint8 (M, h, w): not "
                      f"{points.shape}, {pixels.dtype} {pixels.shape}, {len(index)} rows, {len(status)} classes")  # fmt: skip
    looks = classes(status)
    keys, frames = index["event"].to_numpy().astype(str), index["frame"].to_numpy()
    rank = {label: place for place, label in enumerate(looks)}
    order = np.lexsort((frames, keys, [rank[one] for one in status]))  # a class's marks stand together, as in its path
    status, keys = status[order], keys[order]
    known, of = np.unique(keys, return_inverse=True)
    names, name = [event_name(key) for key in known], escape(name)
    facts = {
        "events": names,
        "of": of.tolist(),
        "frames": frames[order].tolist(),
        "first": int(np.argmax(status == list(looks)[-1])),
    }
    drawing = _legend(status, looks) + '<div class="sq-sides">' + _drawing(_places(points)[order], status, looks, alt, axes)

    def whole(data: bytes, cols: int, rows: int) -> str:
        text = escape(json.dumps({**facts, "cols": cols, "rows": rows}, separators=(",", ":")))
        return (f'<div class="sq-map" data-sq-map="{name}" data-facts="{text}">{drawing}{_panel(name, names, data, cols, rows)}'
                f"</div></div>{sprites.script('map', SCRIPT)}")  # fmt: skip

    room = LIMIT - len(whole(b"", 99, 99).encode()) - 100
    return whole(*sprites.thumbnails(pixels[order], room * 3 // 4))


def _places(points: np.ndarray) -> np.ndarray:
    """Points as whole numbers in the drawing, both axes to the same scale, the second upward."""
    low, span = points.min(axis=0), np.ptp(points, axis=0)
    room = np.array([WIDTH, HEIGHT]) - 2 * MARGIN
    scaled = (points - low - span / 2) * min(room / np.maximum(span, 1e-12))
    return np.round(np.array([WIDTH, HEIGHT]) / 2 + scaled * [1, -1]).astype(int)


def _look(colour: str, marker: str, radius: int) -> tuple[str, str]:
    """A class's attributes and the sub-path of one of its marks."""
    radius = round(radius * (0.75 if colour == PALE or marker == "x" else 1))
    wide = round(1.3 * radius)
    shape = SHAPES[marker].format(r=radius, d=2 * radius, l=wide, w=2 * wide)
    if marker in "ox":
        stroke, ends = (2 * radius, "round") if marker == "o" else (radius // 3, "butt")
        return f'fill="none" stroke="{colour}" stroke-width="{stroke}" stroke-linecap="{ends}"', shape
    return f'fill="{colour}" stroke="#fff" stroke-width="{radius // 3}" paint-order="stroke"', shape  # a halo under the marks


def _drawing(places, status, looks: dict, alt: str, axes) -> str:
    paths = ""
    for at, (label, (colour, marker, words)) in enumerate(looks.items()):
        look, shape = _look(colour, marker, RADIUS)
        marks = "".join(f"M{x} {y}{shape}" for x, y in places[status == label])
        paths += f'<path data-at="{at}" data-class="{escape(words)}" {look} d="{marks}"/>'
    across, upward = map(escape, axes)
    return (
        f'<svg viewBox="0 0 {WIDTH} {HEIGHT}" role="img" aria-label="{escape(alt)}" style="background:#fff;width:100%;'
        f'height:auto;flex:1 1 24rem;min-width:0;touch-action:pan-y"><g fill="#444" font-size="165">'
        f'<text x="{WIDTH - 60}" y="{HEIGHT - 50}" text-anchor="end">{across} →</text>'
        f'<text transform="translate(160 60) rotate(-90)" text-anchor="end">{upward} →</text></g>{paths}'
        f'<circle class="sq-ring" r="90" fill="none" stroke="#000" stroke-width="24" visibility="hidden"/></svg>'
    )


def _legend(status, looks: dict) -> str:
    keys = []
    for at, (label, (colour, marker, words)) in enumerate(looks.items()):
        look, shape = _look(colour, marker, 40)
        icon = f'<svg viewBox="-60 -60 120 120" width="14" height="14" aria-hidden="true"><path {look} d="M0 0{shape}"/></svg>'
        count = f"{escape(words)} ({(status == label).sum():,})"
        keys.append(f'<button type="button" value="{at}" aria-pressed="true" disabled>{icon} {count}</button>')
    return f'<div class="sq-legend" role="group" aria-label="Classes shown">{"".join(keys[::-1])}</div>'


def _panel(name: str, events: list[str], data: bytes, cols: int, rows: int) -> str:
    options = "".join(f'<option value="{at}">{escape(event)}</option>' for at, event in enumerate(events))
    tile = sprites.window(sprites.address(data), cols, rows, 0, "", (1, 1), "width:9rem")
    return (
        f'<div class="sq-panel" hidden style="flex:1 1 11rem"><div class="sq-tile">{tile}</div>'
        f'<output for="{name}-event {name}-frame"></output>'
        f'<label for="{name}-event">Event</label><select id="{name}-event">{options}</select>'
        f'<label for="{name}-frame">Frame</label><input id="{name}-frame" type="range" min="0" step="1"></div>'
    )
