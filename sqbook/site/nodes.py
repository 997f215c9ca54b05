"""What is published as nodes that Sphinx knows: figures with real images, tables with real heads, places of claims."""

import posixpath
from pathlib import Path
from urllib.parse import quote

from docutils import nodes
from sphinx import addnodes
from sphinx.writers.html5 import HTML5Translator

from sqlib.show import bundle


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
    mark = nodes.inline("", record["mark"], classes=["sq-mark", f"sq-{record['source'][0]}"])
    words = [nodes.strong("", f"{record['label']}."), nodes.Text(f" {record['caption']} "), mark, *more]
    return published_figure("", shown, nodes.caption("", "", *words), label=record["label"], classes=["sq-figure"])


def image(record: dict, folder: Path) -> sized_image:
    """The picture of a record whose files lie under `folder`, a folder of the source with the chapter's name."""
    from PIL import Image

    width, height = Image.open(folder / record["file"]).size
    uri = "/" + posixpath.join(folder.parent.name, folder.name, record["file"])
    return sized_image(uri=uri, alt=record["alt"], width=str(width), height=str(height),
                       classes=["no-scaled-link"])  # else Sphinx links it to its file


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


def add_to(app) -> None:
    """Tell Sphinx these nodes, and how they are written as HTML."""
    as_figure = (lambda self, node: self.visit_figure(node), lambda self, node: self.depart_figure(node))
    app.add_enumerable_node(published_figure, "figure", lambda node: node["label"], html=as_figure)
    app.add_enumerable_node(published_table, "table", lambda node: node["label"], html=(_nothing, _nothing))
    app.add_node(sized_image, html=(_visit_image, _nothing))
    app.add_node(nodes.citation, override=True, html=(_visit_citation, HTML5Translator.depart_citation))
