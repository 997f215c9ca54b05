"""Checks of built pages: nothing comes from the network, every link arrives, ids are single, pictures have words."""

import re
from collections import Counter
from pathlib import Path
from posixpath import dirname, join, normpath
from urllib.parse import unquote, urlsplit

from lxml import html

from sqlib.errors import SqError

STYLE_URL = re.compile(r"(?:url\(\s*['\"]?|@import\s+['\"])\s*((?:https?:)?//[^'\")\s]+)", re.IGNORECASE)
SCRIPT_URL = re.compile(r"['\"`](https?://(?!www\.w3\.org/)[^'\"`\s]+)", re.IGNORECASE)  # not names of SVG and MathML
ADDRESSES = "//@href | //@src | //@poster | //@data"
REFERENCES = "//@for | //@aria-labelledby | //@aria-describedby | //@aria-controls"  # ids on the same page
NAMED = ("a", "area", "link", "base")  # name an address, which a browser fetches only of a link of these kinds
FETCHED = {"stylesheet", "icon", "preload", "prefetch", "preconnect", "dns-prefetch", "modulepreload", "manifest"}


def read_pages(site: Path) -> dict[str, html.HtmlElement]:
    """The pages under `site` by their path, without the theme's own leftovers among its static files."""
    paths = [path for path in sorted(Path(site).rglob("*.html")) if "_static" not in path.parts]
    parser = html.HTMLParser(encoding="utf-8", huge_tree=True)
    return {path.relative_to(site).as_posix(): html.parse(path, parser).getroot() for path in paths}


def addresses(page: html.HtmlElement) -> list[tuple[html.HtmlElement, str]]:
    """The elements of a page that have an address, each with it."""
    sets = [(one.getparent(), part.split()[0]) for one in page.xpath("//@srcset") for part in one.split(",")]
    return [(one.getparent(), str(one).strip()) for one in page.xpath(ADDRESSES)] + sets


def remote(page: html.HtmlElement) -> list[str]:
    """What a browser would fetch for a page from elsewhere; links to follow do not count."""
    found = [f"<{one.tag}>: {url}" for one, url in addresses(page) if urlsplit(url).netloc
             if one.tag not in NAMED or FETCHED & set(one.get("rel", "").lower().split())]
    places = (("//@style", STYLE_URL), ("//style/text()", STYLE_URL), ("//script/text()", SCRIPT_URL))
    return found + [f"<{text.getparent().tag}>: {url}" for place, known in places for text in page.xpath(place)
                    for url in known.findall(text)]


def check_offline(site: Path, pages: dict[str, html.HtmlElement]) -> int:
    """Return the number of pages; `SqError` lists what any page or style sheet under `site` fetches from elsewhere."""
    found = [f"{name}: {url}" for name, page in pages.items() for url in remote(page)]
    for sheet in sorted(Path(site).rglob("*.css")):
        urls = STYLE_URL.findall(sheet.read_text(encoding="utf-8", errors="replace"))
        found += [f"{sheet.relative_to(site)}: {url}" for url in urls]
    if found:
        raise SqError("the book would fetch from the network:\n  " + "\n  ".join(found[:20]))
    return len(pages)


def check_links(site: Path, pages: dict[str, html.HtmlElement]) -> int:
    """Return the number of links within the book under `site`; `SqError` lists what leads nowhere, by page and link.

    Also refused: an id twice on a page, a label of no element, a picture without alt. An empty alt is for ornaments.
    """
    found, count = [], 0
    ids = {name: Counter(page.xpath("//@id")) for name, page in pages.items()}
    for name, page in pages.items():
        found += [f"{name}: id {one!r} {times} times" for one, times in ids[name].items() if times > 1]
        found += [f"{name}: picture without alt: {one.get('src', '')[:60]}" for one in page.xpath("//img[not(@alt)]")]
        found += [f"{name}: refers to the id {one!r}, which is not there"
                  for words in page.xpath(REFERENCES) for one in words.split() if one not in ids[name]]
        for link in dict.fromkeys(url for _, url in addresses(page)):
            parts = urlsplit(link)
            if parts.scheme or parts.netloc:
                continue
            count += 1
            target = normpath(join(dirname(name), unquote(parts.path))) if parts.path else name
            place = unquote(parts.fragment)
            if target not in pages and not (Path(site) / target).is_file():
                found.append(f"{name}: {link} leads to no file")
            elif place and target in pages and place not in {*ids[target], *pages[target].xpath("//a/@name")}:
                found.append(f"{name}: {link} leads to no place on that page")
    if found:
        raise SqError("the book has broken links:\n  " + "\n  ".join(found[:20]))
    return count
