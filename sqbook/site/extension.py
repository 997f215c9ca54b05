"""Sphinx extension of the book: what a notebook has published becomes nodes that Sphinx knows, and pages stay offline.

`sqbook.site.build` lays beside the pages, in the folder PUBLISHED of the source, the pictures and records of each
chapter's run.
"""

import posixpath
import textwrap
from pathlib import Path
from urllib.parse import quote

from docutils import nodes
from markupsafe import Markup
from myst_nb.core.render import MimeRenderPlugin
from sphinx import addnodes
from sphinx.util.docutils import SphinxDirective
from sphinx.writers.html5 import HTML5Translator

from sqbook.site.api import as_rst
from sqbook.site.pages import render, repository
from sqlib.show import bundle
from sqlib.show.bundle import MIME
from sqlib.show.records import mark, read_json

PUBLISHED = "_published"
GENERATED = ("book/api", "book/rerun", "book/scorecard", "book/what_to_believe")  # by the build: no file to edit
THEME = Path(__file__).parent / "theme"  # templates that take the place of the theme's
BUTTONS = {
    **dict.fromkeys(("use_repository_button", "use_edit_page_button", "use_issues_button"), True),
    "launch_buttons": {"binderhub_url": "https://mybinder.org", "colab_url": "https://colab.research.google.com",
                       "notebook_interface": "jupyterlab"},
}


class published_figure(nodes.figure):
    """A figure or player; `label` ("Figure 1") is what a reference without words of its own says."""


class published_table(nodes.General, nodes.Element):
    """A table, which a template writes; `label` as for a figure."""


class sized_image(nodes.image):
    """An image of known size that loads when it comes into view."""


def published(document: nodes.document, docname: str, folder: Path, content: dict) -> nodes.Element:
    """Node of what a notebook published: `content` of its bundle (see `sqlib.show.bundle`), its files in `folder`.

    Its id is the record's name, which is also a label that all of the book can refer to.
    """
    record, player = content["record"], content.get("player")
    if record["kind"] == "claim":
        shown = nodes.container(classes=["sq-claim"])
    elif "table" in content:
        html = bundle.render("table.html", record=record, table=content["table"])
        shown = published_table("", nodes.raw("", html, format="html"), label=record["label"])
    elif player:
        place = "../" * docname.count("/") + f"players/{record['notebook']}/{record['name']}"
        pictures = {"sheet": f"{place}.webp", "still": f"{place}.png"}
        html = bundle.render(f"{player['kind']}.html", record=record, player=player, **pictures)
        shown = figure(record, nodes.raw("", html, format="html"))
    else:
        shown = figure(record, image(record, folder))
    shown["ids"], shown["names"] = [record["name"]], [nodes.fully_normalize_name(record["name"])]
    document.note_explicit_target(shown, shown)
    return shown


def borrowed(docname: str, folder: Path, record: dict) -> nodes.Element:
    """A chapter's figure on a page of prose: its picture, its caption, and where it comes from."""
    link = addnodes.pending_xref("", nodes.inline("", "Where it comes from"), refdomain="std", reftype="ref",
                                 refdoc=docname, reftarget=record["name"].lower(), refexplicit=True, refwarn=True)
    return figure(record, image(record, folder), nodes.Text(" "), link, nodes.Text("."))


def figure(record: dict, shown: nodes.Node, *more: nodes.Node) -> published_figure:
    """A figure with its label, caption and mark, and what `more` there is to say."""
    origin = mark(record["source"], record["seed"], record.get("own", ""))
    words = [nodes.strong("", f"{record['label']}."), nodes.Text(f" {record['caption']} "),
             nodes.inline("", origin, classes=["sq-mark", f"sq-{record['source'][0]}"]), *more]
    return published_figure("", shown, nodes.caption("", "", *words), label=record["label"], classes=["sq-figure"])


def image(record: dict, folder: Path) -> sized_image:
    """The picture of a record whose files lie under `folder`, a folder of the source with the chapter's name."""
    from PIL import Image

    width, height = Image.open(folder / record["file"]).size
    uri = "/" + posixpath.join(folder.parent.name, folder.name, record["file"])
    return sized_image(uri=uri, alt=record["alt"], width=str(width), height=str(height),
                       classes=["no-scaled-link"])  # else Sphinx links it to its file


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
        made = [published(renderer.renderer.document, env.docname, folder, content)]
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
        return [borrowed(self.env.docname, folder, read_json(path))] if path.is_file() else []


def _visit_image(self, node) -> None:
    source = posixpath.join(self.builder.imgpath, quote(self.builder.images[node["uri"]]))
    size = {name: node[name] for name in ("width", "height")}
    self.body.append(self.emptytag(node, "img", "\n", src=source, alt=node["alt"], loading="lazy", **size))


def _visit_citation(self, node) -> None:
    """As docutils does, without its roles: it calls a list what has no list items, and entries' role is deprecated."""
    if not isinstance(node.previous_sibling(), nodes.citation):
        self.body.append('<div class="citation-list">\n')
    self.body.append(self.starttag(node, "div", classes=["citation"]))


def _nothing(self, node) -> None:
    pass


def setup(app) -> dict:
    """Add what the book needs to Sphinx."""
    as_figure = (lambda self, node: self.visit_figure(node), lambda self, node: self.depart_figure(node))
    app.add_enumerable_node(published_figure, "figure", lambda node: node["label"], html=as_figure)
    app.add_enumerable_node(published_table, "table", lambda node: node["label"], html=(_nothing, _nothing))
    app.add_node(sized_image, html=(_visit_image, _nothing))
    app.add_node(nodes.citation, override=True, html=(_visit_citation, HTML5Translator.depart_citation))
    app.add_directive("published", Borrowed)
    app.connect("autodoc-process-docstring", translate)
    app.connect("doctree-read", shorten)
    app.connect("config-inited", configure, priority=900)
    app.connect("html-page-context", complete, priority=900)
    return {"parallel_read_safe": True, "parallel_write_safe": True}


def configure(app, config) -> None:
    """Put our templates before the theme's, and buttons that lead to the repository, where one is known."""
    config.templates_path.insert(0, str(THEME))
    config.numfig = False  # figures and tables have the paper's labels; an extension of jupyter-book sets it
    if known := repository():
        config.html_theme_options |= {**BUTTONS, **dict(zip(("repository_url", "repository_branch"), known))}


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
