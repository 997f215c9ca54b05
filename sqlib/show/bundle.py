"""What an output of a notebook holds: HTML for JupyterLab, made from templates, and the record for the book."""

import base64
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

MIME = "application/vnd.sunquakes+json"
VIEWER = Path(__file__).parent / "players" / "viewer.js"  # the one script of all players; JupyterLab gets it in each


@dataclass(frozen=True, eq=False)
class Player:
    """What a reader can play with: offline, by keyboard, a still without scripts; `publish.figure` shows it.

    shown : what the template shown["kind"].html shows; its `facts` are what players/viewer.js reads; JSON-able
    sheet : sprite sheet (WebP) of the pictures that it shows
    still : the same as a figure (matplotlib), for the record and where scripts are off; a movie's is in its sheet
    table, numbers : what goes to the CSV and, where the chapter gives none, to the record
    """

    shown: dict[str, Any]
    sheet: bytes = b""
    still: Any = None
    table: Any = None
    numbers: Any = None


@cache
def environment(package: str):
    """Jinja's environment of the templates of a package; in HTML (not Markdown) every word is escaped."""
    from jinja2 import Environment, PackageLoader, select_autoescape

    made = Environment(loader=PackageLoader(package), autoescape=select_autoescape(["html"]), trim_blocks=True,
                       lstrip_blocks=True)
    made.policies["json.dumps_kwargs"] = {"separators": (",", ":"), "ensure_ascii": False}
    return made


def render(template: str, **facts) -> str:
    """HTML of a template of `sqlib/show/templates`; every word among `facts` is escaped."""
    return environment("sqlib.show").get_template(template).render(**facts)


def address(data: bytes, kind: str = "webp") -> str:
    """The picture itself as an address, for a page that loads nothing."""
    return f"data:image/{kind};base64,{base64.b64encode(data).decode()}"


def bundle(record: dict, *, still: bytes = b"", player: Player = Player({}), table: dict | None = None) -> dict:
    """The MIME bundle of a record: `text/html`, and `MIME` with the record, and its player or table.

    record : as `sqlib.show.records.record` returns it, with the words of its `mark`
    still : PNG of a figure or of a player without scripts; table : what table.html shows; JSON-able
    """
    from markupsafe import Markup

    if record["kind"] == "claim":  # has a place on the page, and nothing to see
        return {"text/html": "", MIME: {"record": record}}
    shown = {"table": table} if table else {"player": player.shown} if player.shown else {}
    html = render("table.html" if table else "figure.html", record=record, **shown, still=address(still, "png"),
                  sheet=address(player.sheet), viewer=Markup(VIEWER.read_text(encoding="utf-8")))
    return {"text/html": html, MIME: {"record": record, **shown}}
