"""What tests need of published outputs: to catch them, what players show, and a page for a browser with one on it."""

from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pandas as pd
import torch

from sqlib.data.frames import FrameSet, make_frameset, make_index
from sqlib.show.bundle import Player, bundle
from sqlib.show.style import png

STYLE = Path(__file__).parents[1] / "book" / "static" / "custom.css"
RECORD = {"label": "Movie 1", "caption": "Of a test.", "mark": "SIMULATED", "source": ["simulated"], "kind": "movie"}

EVIL = ("<img src=x onerror=alert(1)>", '"><script>alert(1)</script>', "' onload='alert(1)",
        "one\n\n<script>alert(1)</script>")
QUAKE, ANNOTATED, SIDE = "2012_07_06_13_26_00", range(4, 9), 40
FRAMES = np.random.default_rng(1).integers(0, 255, (4, 16, 16), dtype=np.uint8)


class Live(HTMLParser):
    """Collects what a browser would run: event handlers, and scripts with the evil word."""

    def __init__(self):
        super().__init__()
        self.found, self.inside = [], ""

    def handle_starttag(self, tag, attrs):
        self.inside = tag
        self.found += [f"<{tag} {name}>" for name, value in attrs
                       if name.startswith("on") or "javascript:" in (value or "")]

    def handle_endtag(self, tag):
        self.inside = ""

    def handle_data(self, data):
        self.found += ["<script>"] * (self.inside == "script" and "alert(1)" in data)


def live(html: str) -> list[str]:
    parser = Live()
    parser.feed(html)
    return parser.found


def caught(monkeypatch) -> list:
    """A list that fills with what notebooks show from now on: bundles by MIME type, or HTML."""
    out = []
    monkeypatch.setattr("IPython.display.display", lambda one, raw=False: out.append(one if raw else one.data))
    return out


def html_of(player: Player, name: str = "m", alt: str = "A player.") -> str:
    """A player as JupyterLab shows it."""
    still = png(player.still) if player.still else b""
    return bundle(RECORD | {"name": name, "alt": alt}, player=player, still=still)["text/html"]


def page_with(folder: Path, html: str) -> Path:
    """A page in `folder` with the book's style and `html` on it."""
    path = folder / "page.html"
    path.write_text('<!doctype html><html lang="en"><meta charset="utf-8">'
                    '<meta name="viewport" content="width=device-width">'
                    f'<title>t</title><style>{STYLE.read_text()}</style><main style="max-width:700px">{html}</main>')
    return path


def film() -> FrameSet:
    """Twelve frames of 40 pixels of an event, annotated from 4 to 8, with a dark region; and two of a later event."""
    boxes = [((10, 12, 16, 18),) if i in ANNOTATED else () for i in range(12)] + [((1, 1, 4, 4),)] * 2
    index = make_index({"event": [QUAKE] * 12 + ["2013_01_01_00_00_00"] * 2, "cycle": 24, "frame": [*range(12), 0, 1],
                        "time": pd.date_range("2012-07-06 13:00", periods=14, freq="45s"),
                        "label": [int(i in ANNOTATED) for i in range(12)] + [1, 1],
                        "boxes": boxes})
    pixels = np.random.default_rng(1265).integers(40, 90, size=(14, SIDE, SIDE)).astype(np.uint8)
    pixels[:, 14:30, 14:30] //= 4
    return make_frameset(pixels, index, "twin", "cube")


def mapped() -> tuple:
    """Points, index, pixels and classes of two events of six frames; frame f has its bright pixel in column f."""
    index = pd.DataFrame({"event": [QUAKE] * 6 + ["<b>x</b>"] * 6, "frame": [5, 4, 3, 2, 1, 0] * 2})
    pixels = np.zeros((12, 8, 8), np.uint8)
    pixels[np.arange(12), :, index["frame"]] = 255
    points = np.c_[np.arange(12.0), np.random.default_rng(1).normal(size=12)]
    return points, index, pixels, np.array(["TN", "TP", "FN", "FP", "TN", "TN"] * 2)


def altered() -> tuple:
    """Two samples: a source in the upper left, and the same place without one, whose name is wild; boxes and facts."""
    rng = np.random.default_rng(1265)
    frames = torch.from_numpy(rng.exponential(18, size=(2, 3, SIDE, SIDE)).clip(0, 200).astype(np.uint8))
    frames[0, :, 6:10, 8:12] = 250
    inside = torch.zeros(2, SIDE, SIDE, dtype=torch.bool)
    inside[:, 5:11, 7:13] = True
    return frames, inside, pd.DataFrame({"event": [QUAKE, "<b>x</b>"], "frame": [85, 12], "label": [1, 0]})


def row_of(table, event: int, threshold: int, then: str, draw: int = 0) -> int:
    """Row of the playground's attempt at an event, by its number, with these settings."""
    own = (table["event"] == table["event"].unique()[event]) & (table["threshold"] == threshold)
    return int(np.flatnonzero(own & (table["then"] == then) & (table["draw"] == draw))[0])
