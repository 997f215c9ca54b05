"""Sphinx extension of the book: what a notebook has published becomes nodes that Sphinx knows, and pages stay offline.

`sqbook.site.build` lays beside the pages, in the folder PUBLISHED of the source, the pictures and records of each
chapter's run.
"""

import textwrap
from pathlib import Path

from docutils import nodes
from markupsafe import Markup
from myst_nb.core.render import MimeRenderPlugin
from sphinx import addnodes
from sphinx.util.docutils import SphinxDirective

from sqbook.site import nodes as ours
from sqbook.site.api import as_rst
from sqbook.site.pages import render
from sqlib.show.bundle import MIME
from sqlib.show.records import read_json

PUBLISHED = "_published"
GENERATED = ("book/api", "book/rerun", "book/scorecard", "book/what_to_believe")  # by the build: no file to edit
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
        made = [ours.published(renderer.renderer.document, env.docname, folder, content)]
        if "note" in content:
            made.append(nodes.raw("", render("note.html", record=content["record"], **content["note"]), format="html"))
        return made


class Borrowed(SphinxDirective):
    """```{published} 00_holography fig-event``` shows a chapter's figure on a page of prose."""

    required_arguments = 2

    def run(self) -> list[nodes.Node]:
        """The figure; nothing where this build's run has none of that name, as of other data or another size."""
        chapter, name = self.arguments
        folder = Path(self.env.srcdir) / PUBLISHED / chapter
        path = folder / "records" / f"{name}.json"
        return [ours.borrowed(self.env.docname, folder, read_json(path))] if path.is_file() else []


def setup(app) -> dict:
    """Add what the book needs to Sphinx."""
    ours.add_to(app)
    for name in ("autodoc", "autosummary"):
        app.setup_extension(f"sphinx.ext.{name}")
    app.connect("autodoc-process-docstring", translate)
    app.connect("doctree-read", shorten)
    app.add_directive("published", Borrowed)
    app.connect("config-inited", configure, priority=900)
    app.connect("html-page-context", complete, priority=900)
    return {"parallel_read_safe": True, "parallel_write_safe": True}


def configure(app, config) -> None:
    """Put our templates before the theme's; figures have the paper's labels, and no numbers of Sphinx's.

    The page of sqlib's functions has its own list of them, and types that lead nowhere, as NumPy's.
    """
    config.templates_path.insert(0, str(THEME))
    config.numfig = False
    config.add_module_names = config.toc_object_entries = config.autosummary_generate = False
    config.autodoc_preserve_defaults = True
    config.html_use_index = False  # its long names do not fit a phone, and the page of functions has them all
    config.nitpick_ignore_regex = [*config.nitpick_ignore_regex, ("py:.*", ".*")]


def translate(app, what, name, found, options, lines) -> None:
    """Give Sphinx a docstring of ours as it understands it."""
    lines[:] = as_rst(lines)


def shorten(app, doctree) -> None:
    """Write what a function takes and returns as one text: Sphinx's elements for each word make a page slow to open."""
    for part in [*doctree.findall(addnodes.desc_parameterlist), *doctree.findall(addnodes.desc_returns)]:
        words = part.astext().replace("->", "→")
        part.replace_self(nodes.raw("", render("signature.html", words=words), format="html"))


def complete(app, pagename, templatename, context, doctree) -> None:
    """Describe the page; take from it scripts of the network, thebe's, and edit buttons that lead nowhere.

    MathJax (1.2 MB) stays where there is a formula: Sphinx has it also on a page whose chapters have one.
    """
    maths = doctree and any(isinstance(node, nodes.math | nodes.math_block) for node in doctree.findall())
    for key in ("script_files", "css_files"):
        context[key] = [item for item in context.get(key, []) if not _unwanted(item, bool(maths))]
    context.setdefault("default_mode", "auto")  # light or dark as the reader's machine; the theme complains without it
    if doctree and (paragraph := next(doctree.findall(nodes.paragraph), None)):
        words = textwrap.shorten(paragraph.astext(), 160, placeholder=" …")
        described = Markup('<meta name="description" content="{}">\n').format(words)
        context["metatags"] = context.get("metatags", "") + str(described)
    if pagename in GENERATED:
        for button in context.get("header_buttons", []):
            kept = [one for one in button.get("buttons", []) if one.get("label") != "source-edit-button"]
            button |= {"buttons": kept} if "buttons" in button else {}


def _unwanted(item, maths: bool) -> bool:
    name = str(getattr(item, "filename", item) or "")
    words = f"{name} {getattr(item, 'attributes', {}).get('body') or ''}".lower()
    return "//" in name or "thebe" in words or ("mathjax" in words and not maths)
