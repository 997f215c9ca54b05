"""The check of built pages: every link arrives. What a browser fetches and what axe sees, the tests ask a browser."""

from pathlib import Path
from posixpath import dirname, join, normpath
from urllib.parse import unquote, urlsplit

from lxml import html

from sqlib.errors import SqError


def check_links(site: Path) -> int:
    """Return the number of links within the book under `site`; `SqError` lists what leads nowhere, by page and link."""
    paths = [path for path in sorted(site.rglob("*.html")) if "_static" not in path.parts]  # there lie the theme's own
    parser = html.HTMLParser(encoding="utf-8", huge_tree=True)
    pages = {path.relative_to(site).as_posix(): html.parse(path, parser).getroot() for path in paths}
    places, found, count = {name: {*page.xpath("//@id | //a/@name")} for name, page in pages.items()}, [], 0
    for name, page in pages.items():
        for link in dict.fromkeys(url for *_, url, _ in page.iterlinks()):
            parts = urlsplit(link)
            if parts.scheme or parts.netloc:
                continue
            count += 1
            target = normpath(join(dirname(name), unquote(parts.path))) if parts.path else name
            if target not in pages and not (site / target).is_file():
                found.append(f"{name}: {link} leads to no file")
            elif target in pages and unquote(parts.fragment) not in {"", *places[target]}:
                found.append(f"{name}: {link} leads to no place on that page")
    if found:
        raise SqError("the book has broken links:\n  " + "\n  ".join(found[:20]))
    return count
