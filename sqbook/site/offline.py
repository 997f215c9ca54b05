"""Sphinx extension: a page of the book loads nothing from elsewhere, and the check that this is so."""

import re
from html.parser import HTMLParser
from pathlib import Path

from sqlib.errors import SqError

REMOTE = re.compile(r"^\s*(?:[a-z][a-z0-9+.-]*:)?//", re.IGNORECASE)
FETCHED = ("src", "data", "href", "poster")  # on any tag but those that only name an address
NAMED = ("a", "area", "link", "base")
LINKED = {"stylesheet", "icon", "preload", "prefetch", "preconnect", "dns-prefetch", "modulepreload", "manifest"}
STYLE_URL = re.compile(r"(?:url\(\s*['\"]?|@import\s+['\"])\s*((?:https?:)?//[^'\")\s]+)", re.IGNORECASE)
SCRIPT_URL = re.compile(r"['\"`](https?://[^'\"`\s]+)", re.IGNORECASE)
NAMESPACE = "http://www.w3.org/"  # names of SVG and MathML, never fetched


def setup(app):
    """Take away what jupyter-book adds to every page: thebe's and other scripts' addresses on the network."""
    app.connect("html-page-context", drop_remote, priority=900)
    return {"parallel_read_safe": True, "parallel_write_safe": True}


def drop_remote(app, pagename, templatename, context, doctree) -> None:
    """Keep of the page's scripts and style sheets those that lie in the book, and none of thebe's."""
    for key in ("script_files", "css_files"):
        context[key] = [item for item in context.get(key, []) if not _unwanted(item)]
    context.setdefault("default_mode", "auto")  # light or dark as the reader's machine; the theme complains without it


def _unwanted(item) -> bool:
    name = str(getattr(item, "filename", item) or "")
    body = str(getattr(item, "attributes", {}).get("body") or "")
    return bool(REMOTE.match(name)) or "thebe" in name.lower() or "thebe" in body.lower()


class _Remote(HTMLParser):
    """Collects the addresses that a browser would fetch from elsewhere when it opens the page."""

    def __init__(self):
        super().__init__()
        self.found: list[str] = []
        self.inside = ""

    def handle_starttag(self, tag, attrs):
        values = {name: value or "" for name, value in attrs}
        self.inside = tag  # scripts and styles hold text alone
        if tag not in NAMED or LINKED & set(values.get("rel", "").lower().split()):
            urls = [*(values.get(name, "") for name in FETCHED), *values.get("srcset", "").split(",")]
            self.found += [f"<{tag}>: {url.strip()}" for url in urls if REMOTE.match(url)]
        self.found += [f"style of <{tag}>: {url}" for url in STYLE_URL.findall(values.get("style", ""))]

    def handle_endtag(self, tag):
        self.inside = ""

    def handle_data(self, data):
        if self.inside == "script":
            self.found += [f"<script>: {url}" for url in SCRIPT_URL.findall(data) if not url.startswith(NAMESPACE)]
        if self.inside == "style":
            self.found += [f"<style>: {url}" for url in STYLE_URL.findall(data)]


def remote_references(html: str) -> list[str]:
    """Return what a browser would fetch from elsewhere on opening the page `html`; links to follow do not count."""
    parser = _Remote()
    parser.feed(html)
    return parser.found


def check_offline(site: Path) -> int:
    """Return the number of pages under `site`; `SqError` lists what any page or style sheet fetches from elsewhere."""
    pages = sorted(Path(site).rglob("*.html"))
    found = [f"{p.relative_to(site)}: {r}" for p in pages for r in remote_references(p.read_text(encoding="utf-8"))]
    for sheet in sorted(Path(site).rglob("*.css")):
        urls = STYLE_URL.findall(sheet.read_text(encoding="utf-8", errors="replace"))
        found += [f"{sheet.relative_to(site)}: {url}" for url in urls]
    if found:
        raise SqError("the book would fetch from the network:\n  " + "\n  ".join(found[:20]))
    return len(pages)
