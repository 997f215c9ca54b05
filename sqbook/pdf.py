"""The whole book as one PDF for reading offline: every page joined in the order of the contents, printed by Chromium."""

import os
import re
import shutil
import tempfile
from html import escape
from pathlib import Path
from posixpath import dirname, join, normpath, relpath
from urllib.parse import unquote, urlsplit

from sqlib.errors import SqError
from sqlib.paths import home, replacing

BROWSERS = ("chromium", "chromium-browser", "google-chrome")
WIDTH = 680  # CSS pixels between the margins of a sheet of A4
MARGINS = {"top": "16mm", "bottom": "18mm", "left": "15mm", "right": "15mm"}
FOOT = '<div style="font-size:8px;width:100%;text-align:center"><span class="pageNumber"></span></div>'
# Of no use on paper. The code that chapters fold draws their figures, and took 45 sheets of 294.
DROPPED = "script, .headerlink, .sq-controls, .sq-panel, .sq-made, .sq-ground, .onlyprint, .tag_hide-input > details.above-input"
LEFT_OUT = "Code that the pages of the book fold is left out here; it stands in the notebooks."
REFERENCES = ("for", "aria-labelledby", "aria-describedby", "aria-controls")
# What is wider than the sheet is made smaller by itself; Chromium would shrink the whole book to its widest table.
FIT = """(width) => document.querySelectorAll('.bd-article table, .bd-article mjx-container[display]').forEach((one) => {
  const box = (one.closest('.sq-table') || one.parentElement).getBoundingClientRect(), own = one.getBoundingClientRect();
  const inner = one.matches('mjx-container') ? one.firstElementChild.getBoundingClientRect() : own;
  const ratio = Math.min(box.width, width) / Math.max(inner.width, one.scrollWidth);
  if (ratio < 1) one.style.zoom = Math.max(0.3, 0.98 * ratio);
})"""


def find_chromium() -> str:
    """Path of the system's Chromium; `SqError` where there is none."""
    path = next(filter(None, map(shutil.which, BROWSERS)), None)
    if path is None:
        raise SqError("no Chromium on this machine, which prints the book; install it (Debian: apt install chromium)")
    return path


def contents() -> list[tuple[str, list[str]]]:
    """The pages in the order of _toc.yml: (caption of the part, names of its pages); the first is the root alone."""
    import yaml

    toc = yaml.safe_load((home() / "_toc.yml").read_text(encoding="utf-8"))
    parts = [(part.get("caption", ""), [chapter["file"] for chapter in part["chapters"]]) for part in toc["parts"]]
    return [("", [toc["root"]]), *parts]


def join_pages(site: Path, parts: list[tuple[str, list[str]]]) -> str:
    """Return one HTML page that holds all pages of `parts`, to lie in `site` beside the first of them.

    Ids get their page's name in front, and links within the book lead to them. What moves is still; what unfolds is open, but for
    code that a chapter folds away from its output, which is left out.
    """
    from bs4 import BeautifulSoup

    names = [name for _, pages in parts for name in pages]
    read = {name: (site / f"{name}.html").read_text(encoding="utf-8") for name in names}
    soups = {name: BeautifulSoup(text, "html.parser", multi_valued_attributes=None) for name, text in read.items()}
    articles = {name: _article(soup, name, names) for name, soup in soups.items()}
    head = soups[names[0]].head
    for script in head.select("script, link[rel=preload], link[rel=next], link[rel=prev]"):
        script.decompose()
    maths = next((tags for soup in soups.values() if len(tags := _mathjax(soup)) > 1), [])
    title = escape(head.title.get_text().rsplit("—", 1)[-1].strip())
    head.title.string = title
    rows = []
    for caption, pages in parts:
        words = {name: articles[name].select_one("h1").get_text().strip() for name in pages}
        items = "".join(f'<li><a href="#{_mark(name)}">{escape(word)}</a></li>' for name, word in words.items())
        rows.append((f"<p>{escape(caption)}</p>" if caption else "") + f"<ul>{items}</ul>")
    body = "".join(f'<section class="sq-page" id="{_mark(name)}">{article.decode_contents()}</section>'
                   for name, article in articles.items())  # fmt: skip
    return (f'<!doctype html>\n<html lang="en" data-theme="light" data-mode="light"><head>{head.decode_contents()}'
            f'{"".join(map(str, maths))}</head><body class="sq-whole"><main class="bd-content"><article class="bd-article">'
            f'<section class="sq-page sq-contents"><h1>{title}</h1><nav aria-label="Contents"><h2>Contents</h2>{"".join(rows)}'
            f"</nav><p>{LEFT_OUT}</p></section>{body}</article></main></body></html>\n")  # fmt: skip


def write_pdf(site: Path, target: Path) -> Path:
    """Print the built book under `site` to the PDF `target`, with bookmarks, and return it; `SqError` without Chromium."""
    chromium = find_chromium()
    try:
        from playwright.sync_api import sync_playwright
    except ImportError as error:
        raise SqError("playwright is not installed, which drives Chromium: make setup") from error
    parts = contents()
    handle, name = tempfile.mkstemp(suffix=".html", dir=(site / parts[0][1][0]).parent)
    page_file = Path(name)
    try:
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            file.write(join_pages(site, parts))
        with sync_playwright() as playwright, replacing(target) as aside:
            browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox", "--disable-gpu"])
            context = browser.new_context(offline=True, viewport={"width": WIDTH, "height": 1000}, color_scheme="light")
            page = context.new_page()
            page.set_default_timeout(600_000)
            page.emulate_media(media="print")
            page.goto(page_file.as_uri())
            page.evaluate("() => window.MathJax?.startup?.promise?.then(() => null)")
            page.evaluate("() => Promise.all([...document.images].map((image) => image.decode().catch(() => null)))")
            page.evaluate(FIT, WIDTH)
            page.pdf(path=aside, format="A4", margin=MARGINS, print_background=True, outline=True, tagged=True,
                     display_header_footer=True, header_template="<span></span>", footer_template=FOOT)  # fmt: skip
            browser.close()
    finally:
        page_file.unlink(missing_ok=True)
    return target


def _article(soup, name: str, names: list[str]):
    """The article of a page, its ids and addresses turned to those of the joined page."""
    article = soup.select_one("article.bd-article")
    for element in article.select(DROPPED):
        element.decompose()
    for still in article.select("noscript"):  # Chromium prints with scripts on, and these are dropped
        still.unwrap()
    for details in article.select("details"):
        details["open"] = ""
    for element in article.find_all(True):
        if element.get("id"):
            element["id"] = _mark(name, element["id"])
        for key in REFERENCES:
            if element.get(key):
                element[key] = " ".join(_mark(name, one) for one in element[key].split())
        if element.get("src", "").startswith(".."):
            element["src"] = relpath(join(dirname(name), element["src"]), dirname(names[0]))
        element.attrs.pop("loading", None)
        if element.get("href"):
            parts = urlsplit(element["href"])
            if not parts.scheme and not parts.netloc:
                target = normpath(join(dirname(name), unquote(parts.path))).removesuffix(".html") if parts.path else name
                if target in names:
                    element["href"] = "#" + _mark(target, unquote(parts.fragment))
                else:
                    del element["href"]  # a file beside the book, which one PDF does not hold
    return article


def _mark(name: str, ident: str = "") -> str:
    return f"{re.sub(r'[^a-zA-Z0-9_-]', '-', name)}--{ident or 'top'}"


def _mathjax(soup) -> list:
    return [tag for tag in soup.head.select("script") if "mathjax" in tag.get("src", "").lower() or "window.MathJax" in tag.text]
