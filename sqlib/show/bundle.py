"""What an output of a notebook holds: HTML for JupyterLab, made from templates, and the record for the book."""

import base64
from functools import cache
from pathlib import Path

MIME = "application/vnd.sunquakes+json"
VIEWER = Path(__file__).parent / "players" / "viewer.js"  # the one script of all players; JupyterLab gets it in each
KINDS = {".png": "png", ".webp": "webp"}


@cache
def _environment():
    from jinja2 import Environment, PackageLoader

    made = Environment(loader=PackageLoader("sqlib.show"), autoescape=True, trim_blocks=True, lstrip_blocks=True)
    made.policies["json.dumps_kwargs"] = {"separators": (",", ":"), "ensure_ascii": False}
    return made


def render(template: str, **facts) -> str:
    """HTML of a template of `sqlib/show/templates`; every word among `facts` is escaped."""
    return _environment().get_template(template).render(**facts)


def address(data: bytes, kind: str = "webp") -> str:
    """The picture itself as an address, for a page that loads nothing."""
    return f"data:image/{kind};base64,{base64.b64encode(data).decode()}"


def bundle(record: dict, *, still: bytes = b"", sheet: bytes = b"", player: dict | None = None,
           table: dict | None = None) -> dict:
    """The MIME bundle of a record: `text/html`, and `MIME` with the record, and its player or table.

    record : as `sqlib.show.records.record` returns it, with the words of its `mark`
    still, sheet : PNG of a figure or of a player without scripts; sprite sheet (WebP) of a player
    player, table : what the templates PLAYER["kind"].html and table.html show; JSON-able
    """
    from markupsafe import Markup

    content = {"record": record} | ({"player": player} if player else {}) | ({"table": table} if table else {})
    if record["kind"] == "claim":  # has a place on the page, and nothing to see
        return {"text/html": "", MIME: content}
    html = render("table.html" if table else "figure.html", record=record, player=player, table=table,
                  still=address(still, "png"), sheet=address(sheet),
                  viewer=Markup(VIEWER.read_text(encoding="utf-8")))
    return {"text/html": html, MIME: content}
