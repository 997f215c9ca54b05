"""Checks of built pages: nothing comes from the network, every link arrives, ids are single, pictures have words."""

import re
from collections import Counter
from html.parser import HTMLParser
from pathlib import Path
from posixpath import dirname, join, normpath
from urllib.parse import unquote, urlsplit

from sqlib.errors import SqError

REMOTE = re.compile(r"^\s*(?:[a-z][a-z0-9+.-]*:)?//", re.IGNORECASE)
STYLE_URL = re.compile(r"(?:url\(\s*['\"]?|@import\s+['\"])\s*((?:https?:)?//[^'\")\s]+)", re.IGNORECASE)
SCRIPT_URL = re.compile(r"['\"`](https?://[^'\"`\s]+)", re.IGNORECASE)
ADDRESSES = ("href", "src", "poster", "data")
REFERENCES = ("for", "aria-labelledby", "aria-describedby", "aria-controls")  # ids on the same page
NAMED = ("a", "area", "link", "base")  # name an address, which a browser fetches only of a link of these kinds
FETCHED = {"stylesheet", "icon", "preload", "prefetch", "preconnect", "dns-prefetch", "modulepreload", "manifest"}
NAMESPACE = "http://www.w3.org/"  # names of SVG and MathML, never fetched


class Page(HTMLParser):
    """What a page holds: ids, addresses, references, pictures without alt, and what a browser would fetch from afar."""

    def __init__(self, html: str):
        super().__init__()
        self.ids: Counter[str] = Counter()
        self.names: set[str] = set()
        self.links: list[str] = []
        self.references: list[str] = []
        self.dumb: list[str] = []
        self.remote: list[str] = []
        self.inside = ""
        self.feed(html)
        self.close()

    def handle_starttag(self, tag, attrs):
        values = {name: value or "" for name, value in attrs}
        self.inside = tag  # scripts and styles hold text alone
        self.ids.update([values["id"]] if "id" in values else [])
        self.names |= {values["name"]} if tag == "a" and "name" in values else set()
        sets = [part.split()[0] for part in values.get("srcset", "").split(",") if part.strip()]
        addresses = [values[name] for name in ADDRESSES if name in values] + sets
        self.links += addresses
        self.references += [name for key in REFERENCES for name in values.get(key, "").split()]
        if tag == "img" and "alt" not in values:
            self.dumb.append(values.get("src", "")[:60])
        if tag not in NAMED or FETCHED & set(values.get("rel", "").lower().split()):
            self.remote += [f"<{tag}>: {url.strip()}" for url in addresses if REMOTE.match(url)]
        self.remote += [f"style of <{tag}>: {url}" for url in STYLE_URL.findall(values.get("style", ""))]

    def handle_endtag(self, tag):
        self.inside = ""

    def handle_data(self, data):
        if self.inside == "script":
            self.remote += [f"<script>: {url}" for url in SCRIPT_URL.findall(data) if not url.startswith(NAMESPACE)]
        if self.inside == "style":
            self.remote += [f"<style>: {url}" for url in STYLE_URL.findall(data)]


def read_pages(site: Path) -> dict[str, Page]:
    """The pages under `site` by their path, without the theme's own leftovers among its static files."""
    paths = [path for path in sorted(Path(site).rglob("*.html")) if "_static" not in path.parts]
    return {path.relative_to(site).as_posix(): Page(path.read_text(encoding="utf-8")) for path in paths}


def check_offline(site: Path, pages: dict[str, Page]) -> int:
    """Return the number of pages; `SqError` lists what any page or style sheet under `site` fetches from elsewhere.

    Links to follow do not count.
    """
    found = [f"{name}: {url}" for name, page in pages.items() for url in page.remote]
    for sheet in sorted(Path(site).rglob("*.css")):
        urls = STYLE_URL.findall(sheet.read_text(encoding="utf-8", errors="replace"))
        found += [f"{sheet.relative_to(site)}: {url}" for url in urls]
    if found:
        raise SqError("the book would fetch from the network:\n  " + "\n  ".join(found[:20]))
    return len(pages)


def check_links(site: Path, pages: dict[str, Page]) -> int:
    """Return the number of links within the book under `site`; `SqError` lists what leads nowhere, by page and link.

    Also refused: an id twice on a page, a label of no element, a picture without alt. An empty alt is for ornaments.
    """
    found, count = [], 0
    for name, page in pages.items():
        found += [f"{name}: id {one!r} {times} times" for one, times in page.ids.items() if times > 1]
        found += [f"{name}: picture without alt: {source}" for source in page.dumb]
        absent = [one for one in page.references if one not in page.ids]
        found += [f"{name}: refers to the id {one!r}, which is not there" for one in absent]
        for link in dict.fromkeys(page.links):
            parts = urlsplit(link)
            if parts.scheme or parts.netloc:
                continue
            count += 1
            target = normpath(join(dirname(name), unquote(parts.path))) if parts.path else name
            fragment = unquote(parts.fragment)
            if target not in pages and not (Path(site) / target).is_file():
                found.append(f"{name}: {link} leads to no file")
            elif fragment and target in pages and fragment not in pages[target].ids.keys() | pages[target].names:
                found.append(f"{name}: {link} leads to no place on that page")
    if found:
        raise SqError("the book has broken links:\n  " + "\n  ".join(found[:20]))
    return count
