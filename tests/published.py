"""What tests need of published outputs: to catch them, and to set a player on a page for a browser."""

from html.parser import HTMLParser
from pathlib import Path

import numpy as np

from sqlib.show.bundle import Player, bundle
from sqlib.show.style import png

STYLE = Path(__file__).parents[1] / "book" / "static" / "custom.css"
RECORD = {"label": "Movie 1", "caption": "Of a test.", "mark": "SIMULATED", "source": ["simulated"], "kind": "movie"}

EVIL = ("<img src=x onerror=alert(1)>", '"><script>alert(1)</script>', "' onload='alert(1)",
        "one\n\n<script>alert(1)</script>")
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
