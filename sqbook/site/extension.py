"""Sphinx extension of the book: what a notebook has published becomes nodes that Sphinx knows, and pages stay offline.

`sqbook.site.build` lays beside the pages, in the folder PUBLISHED of the source: for each chapter the pictures and
records of its run, tables that the build makes, and facts.json, what stands under each page's title.
"""

import textwrap
from pathlib import Path

from docutils import nodes
from markupsafe import Markup
from myst_nb.core.render import MimeRenderPlugin
from sphinx.util.docutils import SphinxDirective

from sqbook.site import nodes as ours
from sqbook.site.pages import render
from sqlib.show.bundle import MIME
from sqlib.show.records import read_json

PUBLISHED = "_published"
GENERATED = ("book/rerun", "book/scorecard", "book/what_to_believe")  # by the build: no file of the repository to edit
THEME = Path(__file__).parent / "theme"  # templates that take the place of the theme's


class Published(MimeRenderPlugin):
    """Renders outputs of the type that `sqlib.show.publish` gives them."""

    mime_priority_overrides = (("*", MIME, 1),)

    @staticmethod
    def handle_mime(renderer, data, inline):
        """The nodes of a bundle, with the note on how it was made; None, so that another may, for another type."""
        if data.mime_type != MIME:
            return None
        env, content = renderer.renderer.sphinx_env, data.content
        folder = Path(env.srcdir) / PUBLISHED / content["record"]["notebook"]
        made = ours.published(renderer.renderer.document, env.docname, folder, content)
        if "note" in content:
            made.append(nodes.raw("", render("note.html", **content["note"]), format="html"))
        return made


class FromTheBuild(SphinxDirective):
    """```{published} 00_holography fig-event``` shows a chapter's figure; with one word, a table of the build."""

    required_arguments, optional_arguments = 1, 1

    def run(self) -> list[nodes.Node]:
        """The nodes in the directive's place; none where this build's run has no such figure."""
        folder = Path(self.env.srcdir) / PUBLISHED
        if len(self.arguments) == 1:
            return [ours.table(name=self.arguments[0], **read_json(folder / "tables" / f"{self.arguments[0]}.json"))]
        chapter, name = self.arguments
        path = folder / chapter / "records" / f"{name}.json"
        if not path.is_file():  # a run of other data or another size need not have it
            return []
        return [ours.borrowed(self.env.docname, folder / chapter, read_json(path))]


def setup(app) -> dict:
    """Add what the book needs to Sphinx."""
    ours.add_to(app)
    app.add_directive("published", FromTheBuild)
    app.connect("config-inited", configure, priority=900)
    app.connect("doctree-read", add_facts)
    app.connect("html-page-context", complete, priority=900)
    return {"parallel_read_safe": True, "parallel_write_safe": True}


def configure(app, config) -> None:
    """Put our templates before the theme's; figures have the paper's labels, and no numbers of Sphinx's."""
    config.templates_path.insert(0, str(THEME))
    config.numfig = False


def add_facts(app, doctree) -> None:
    """Set one line of facts under the page's title: time to read, and of a chapter what its run was."""
    facts = read_json(Path(app.srcdir) / PUBLISHED / "facts.json").get(app.env.docname)
    section = next(doctree.findall(nodes.section), None)
    if facts and section is not None:
        section.insert(1, nodes.paragraph("", " · ".join(facts), classes=["sq-meta"]))


def complete(app, pagename, templatename, context, doctree) -> None:
    """Describe the page; take from it scripts of the network, thebe's, and edit buttons that lead nowhere.

    MathJax (1.2 MB) stays where there is a formula: Sphinx has it also on a page whose chapters have one.
    """
    maths = doctree and any(isinstance(node, nodes.math | nodes.math_block) for node in doctree.findall())
    kinds = ("thebe",) if maths else ("thebe", "mathjax")
    for key in ("script_files", "css_files"):
        context[key] = [item for item in context.get(key, []) if not _unwanted(item, kinds)]
    context.setdefault("default_mode", "auto")  # light or dark as the reader's machine; the theme complains without it
    if words := description(doctree):
        described = Markup('<meta name="description" content="{}">\n').format(words)
        context["metatags"] = context.get("metatags", "") + str(described)
    if pagename in GENERATED:
        for button in context.get("header_buttons", []):
            kept = [one for one in button.get("buttons", []) if one.get("label") != "source-edit-button"]
            button |= {"buttons": kept} if "buttons" in button else {}


def description(doctree) -> str:
    """The first paragraph of a page as plain words, cut to what search engines show; "" where there is none."""
    paragraphs = doctree.findall(nodes.paragraph) if doctree else ()
    first = next((one for one in paragraphs if "sq-meta" not in one["classes"]), None)
    return textwrap.shorten(first.astext(), 160, placeholder=" …") if first else ""


def _unwanted(item, kinds: tuple[str, ...]) -> bool:
    name = str(getattr(item, "filename", item) or "")
    words = f"{name} {getattr(item, 'attributes', {}).get('body') or ''}".lower()
    return "//" in name or any(kind in words for kind in kinds)
