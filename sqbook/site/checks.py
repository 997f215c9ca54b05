"""Checks of built pages: nothing comes from the network, and every link arrives. What axe sees, the tests ask it."""

import re
from pathlib import Path
from posixpath import dirname, join, normpath
from urllib.parse import unquote, urlsplit

from lxml import html

from sqlib.errors import SqError

STYLE_URL = re.compile(r"(?:url\(\s*['\"]?|@import\s+['\"])\s*((?:https?:)?//[^'\")\s]+)", re.IGNORECASE)
SCRIPT_URL = re.compile(r"['\"`](https?://(?!www\.w3\.org/)[^'\"`\s]+)", re.IGNORECASE)  # not names of SVG and MathML
NAMED = ("a", "area", "link", "base")  # name an address, which a browser fetches only of a link of these kinds
FETCHED = {"stylesheet", "icon", "preload", "prefetch", "preconnect", "dns-prefetch", "modulepreload", "manifest"}


def read_pages(site: Path) -> dict[str, html.HtmlElement]:
    """The pages under `site` by their path, without the theme's own leftovers among its static files."""
    paths = [path for path in sorted(Path(site).rglob("*.html")) if "_static" not in path.parts]
    parser = html.HTMLParser(encoding="utf-8", huge_tree=True)
    return {path.relative_to(site).as_posix(): html.parse(path, parser).getroot() for path in paths}


def remote(page: html.HtmlElement) -> list[str]:
    """What a browser would fetch for a page from elsewhere; links to follow do not count."""
    links = [(one, url) for one, _, url, _ in page.iterlinks() if urlsplit(url).netloc]  # also those of styles
    links += [(text.getparent(), url) for text in page.xpath("//script/text()") for url in SCRIPT_URL.findall(text)]
    return [f"<{one.tag}>: {url}" for one, url in links
            if one.tag not in NAMED or FETCHED & set(one.get("rel", "").lower().split())]


def check_offline(site: Path, pages: dict[str, html.HtmlElement]) -> None:
    """Raise `SqError` with what any page or style sheet under `site` fetches from elsewhere."""
    found = [f"{name}: {url}" for name, page in pages.items() for url in remote(page)]
    for sheet in sorted(Path(site).rglob("*.css")):
        urls = STYLE_URL.findall(sheet.read_text(encoding="utf-8", errors="replace"))
        found += [f"{sheet.relative_to(site)}: {url}" for url in urls]
    if found:
        raise SqError("the book would fetch from the network:\n  " + "\n  ".join(found[:20]))


def check_links(site: Path, pages: dict[str, html.HtmlElement]) -> int:
    """Return the number of links within the book under `site`; `SqError` lists what leads nowhere, by page and link."""
    places, found, count = {name: {*page.xpath("//@id | //a/@name")} for name, page in pages.items()}, [], 0
    for name, page in pages.items():
        for link in dict.fromkeys(url for *_, url, _ in page.iterlinks()):
            parts = urlsplit(link)
            if parts.scheme or parts.netloc:
                continue
            count += 1
            target = normpath(join(dirname(name), unquote(parts.path))) if parts.path else name
            if target not in pages and not (Path(site) / target).is_file():
                found.append(f"{name}: {link} leads to no file")
            elif target in pages and unquote(parts.fragment) not in {"", *places[target]}:
                found.append(f"{name}: {link} leads to no place on that page")
    if found:
        raise SqError("the book has broken links:\n  " + "\n  ".join(found[:20]))
    return count
