"""What the built pages still need: lighter, with pictures that load when they are reached, and mended where the theme errs."""

import base64
import hashlib
import io
import re
import textwrap
from functools import partial
from html import escape, unescape
from pathlib import Path

PICTURE = re.compile(r'(<img\b[^>]*?\bsrc=")data:image/(png|webp|jpeg);base64,([^"]+)"([^>]*>)')
FONTAWESOME = re.compile(r'\s*<script defer src="[^"]*/fontawesome\.js[^"]*"></script>')
MATHJAX = re.compile(r'\s*<script[^>]* src="[^"]*/mathjax/tex-[^"]*"></script>')
EDIT = re.compile(r'<li>\s*<a href="[^"]*/edit/[^"]*/book/(?:rerun|scorecard)\.md"(?:(?!</li>).)*</li>', re.DOTALL)
PARAGRAPH = re.compile(r"<article\b.*?<p>(.*?)</p>", re.DOTALL)
MENDED = (
    # docutils calls this a list, but its entries are no list items; and the entries' role is deprecated
    ('<div role="list" class="citation-list">', '<div class="citation-list">'),
    (' role="doc-biblioentry"', ""),
    # the theme's side bar holds the book's title outside any landmark
    ('<div id="pst-primary-sidebar" class=', '<div id="pst-primary-sidebar" role="region" aria-label="The book" class='),
)


def finish(site: Path) -> None:
    """Change the pages of a fresh build in place.

    Pictures become files in _images that load when they come into view. Font Awesome's script (1.5 MB) goes, for the
    theme's style sheet draws the same icons from a font; MathJax (1.2 MB) stays only where there is a formula.
    """
    folder = Path(site) / "_images"
    folder.mkdir(exist_ok=True)
    for path in sorted(Path(site).rglob("*.html")):
        if "_static" in path.parts:
            continue
        up = "../" * (len(path.relative_to(site).parts) - 1)
        text = FONTAWESOME.sub("", path.read_text(encoding="utf-8"))
        if not re.search(r'class="[^"]*\bmath\b', text):
            text = MATHJAX.sub("", text)
        for old, new in MENDED:
            text = text.replace(old, new)
        text = EDIT.sub("", text)  # pages that `sq book` writes: no file of the repository to edit
        if words := description(text):
            text = text.replace("</title>", f'</title>\n    <meta name="description" content="{escape(words)}">', 1)
        path.write_text(PICTURE.sub(partial(_as_file, folder, up), text), encoding="utf-8")


def description(html: str) -> str:
    """The first paragraph of a page's article as plain words, cut to what search engines show; "" where there is none."""
    found = PARAGRAPH.search(html)
    words = unescape(re.sub(r"<[^>]+>", "", found[1])) if found else ""
    return textwrap.shorten(words, 160, placeholder=" …")


def _as_file(folder: Path, up: str, match: re.Match) -> str:
    """The <img> of `match` with its picture written to `folder`; its size keeps the page from jumping."""
    from PIL import Image

    before, kind, code, after = match.groups()
    data = base64.b64decode(code)
    name = f"{hashlib.sha256(data).hexdigest()[:16]}.{kind}"
    (folder / name).write_bytes(data)
    width, height = Image.open(io.BytesIO(data)).size
    return f'{before}{up}_images/{name}" width="{width}" height="{height}" loading="lazy"{after}'
