"""The whole book as one PDF for reading offline: Sphinx's page of all chapters, printed by Chromium."""

import shutil
from pathlib import Path

from docutils import nodes
from sphinx import addnodes
from sphinx.builders.singlehtml import SingleFileHTMLBuilder

from sqlib.errors import SqError
from sqlib.paths import replacing

BROWSERS = ("chromium", "chromium-browser", "google-chrome")
WIDTH = 680  # CSS pixels between the margins of a sheet of A4
MARGINS = {"top": "16mm", "bottom": "18mm", "left": "15mm", "right": "15mm"}
FOOT = '<div style="font-size:8px;width:100%;text-align:center"><span class="pageNumber"></span></div>'
STYLE, SCRIPT = (Path(__file__).with_name(f"pdf.{kind}") for kind in ("css", "js"))


class OnePage(SingleFileHTMLBuilder):
    """Sphinx's builder, but its links from one document to a place in another keep the document's name.

    Sphinx drops it, so that each "Summary" and each citation's number would lead to the first of them. `pdf.js` gives
    the places the same names.
    """

    def assemble_doctree(self) -> nodes.document:
        """The documents in one, each below a mark with its name, the first as well."""
        tree = super().assemble_doctree()
        tree.insert(0, addnodes.start_of_file(docname=self.config.root_doc))
        return tree

    def fix_refuris(self, tree: nodes.Node) -> None:
        """Turn `#document-NAME#place` to `#document-NAME--place`."""
        for link in tree.findall(nodes.reference):
            if link.get("refuri", "").startswith("#document-"):
                link["refuri"] = "#" + link["refuri"][1:].replace("#", "--")


def setup(app) -> dict:
    """Sphinx's hook: `OnePage` replaces the builder of that name."""
    app.add_builder(OnePage, override=True)
    return {"parallel_read_safe": True, "parallel_write_safe": True}


def find_chromium() -> str:
    """Path of the system's Chromium; `SqError` where there is none."""
    path = next(filter(None, map(shutil.which, BROWSERS)), None)
    if path is None:
        raise SqError("no Chromium on this machine, which prints the book; install it (Debian: apt install chromium)")
    return path


def write_pdf(page_file: Path, target: Path) -> Path:
    """Print the page of all chapters (see `sqbook.site.build.one_page`) to the PDF `target`, and return that.

    The PDF has bookmarks, page numbers and links within it. Code that the pages of the book fold is left out, and
    players show a still. Raises `SqError` without Chromium.
    """
    chromium = find_chromium()
    try:
        from playwright.sync_api import sync_playwright
    except ImportError as error:
        raise SqError("playwright is not installed, which drives Chromium: make setup") from error
    with sync_playwright() as playwright, replacing(target) as aside:
        browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox", "--disable-gpu"])
        context = browser.new_context(offline=True, viewport={"width": WIDTH, "height": 1000}, color_scheme="light")
        page = context.new_page()
        page.set_default_timeout(600_000)
        page.emulate_media(media="print")
        page.goto(page_file.as_uri())
        page.evaluate("() => window.MathJax?.startup?.promise?.then(() => null)")
        page.add_style_tag(path=STYLE)
        page.evaluate(SCRIPT.read_text(encoding="utf-8"), WIDTH)
        page.evaluate("() => Promise.all([...document.images].map((image) => image.decode().catch(() => null)))")
        page.pdf(path=aside, format="A4", margin=MARGINS, print_background=True, outline=True, tagged=True,
                 display_header_footer=True, header_template="<span></span>", footer_template=FOOT)
        browser.close()
    return target
