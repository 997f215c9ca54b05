"""The check that within the built book every link arrives, every id is single, and every picture has words."""

from collections import Counter
from html.parser import HTMLParser
from pathlib import Path
from posixpath import dirname, join, normpath
from urllib.parse import unquote, urlsplit

from sqlib.errors import SqError

ADDRESSES = ("href", "src", "poster", "data")
REFERENCES = ("for", "aria-labelledby", "aria-describedby", "aria-controls")  # ids on the same page


class _Page(HTMLParser):
    """Collects a page's ids, its addresses, what it refers to, and its pictures without alt."""

    def __init__(self):
        super().__init__()
        self.ids: Counter[str] = Counter()
        self.names: set[str] = set()
        self.links: list[str] = []
        self.references: list[str] = []
        self.dumb: list[str] = []

    def handle_starttag(self, tag, attrs):
        values = {name: value or "" for name, value in attrs}
        self.ids.update([values["id"]] if "id" in values else [])
        self.names |= {values["name"]} if tag == "a" and "name" in values else set()
        self.links += [values[name] for name in ADDRESSES if name in values]
        self.links += [part.split()[0] for part in values.get("srcset", "").split(",") if part.strip()]
        self.references += [name for key in REFERENCES for name in values.get(key, "").split()]
        if tag == "img" and "alt" not in values:
            self.dumb.append(values.get("src", "")[:60])


def read_page(html: str) -> _Page:
    """Return what `html` holds: ids, addresses, references, pictures without alt."""
    page = _Page()
    page.feed(html)
    page.close()
    return page


def check_links(site: Path) -> int:
    """Return the number of links within the book under `site`; `SqError` lists what leads nowhere, by page and link.

    Also refused: an id twice on a page, a label of no element, a picture without alt. An empty alt is for ornaments.
    """
    paths = [path for path in sorted(Path(site).rglob("*.html")) if "_static" not in path.parts]
    pages = {path.relative_to(site).as_posix(): read_page(path.read_text(encoding="utf-8")) for path in paths}
    found, count = [], 0
    for name, page in pages.items():
        found += [f"{name}: id {one!r} {times} times" for one, times in page.ids.items() if times > 1]
        found += [f"{name}: picture without alt: {source}" for source in page.dumb]
        found += [f"{name}: refers to the id {one!r}, which is not there" for one in page.references if one not in page.ids]
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
