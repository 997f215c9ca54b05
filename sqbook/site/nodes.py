"""What is published as nodes that Sphinx knows: figures with real images, tables with real heads, places of claims."""

import posixpath
from pathlib import Path
from urllib.parse import quote

from docutils import nodes
from sphinx import addnodes
from sphinx.writers.html5 import HTML5Translator

from sqlib.show.bundle import render


class published_figure(nodes.figure):
    """A figure or player; `label` ("Figure 1") is what a reference without words of its own says."""


class published_table(nodes.table):
    """A table that scrolls by itself, and by keyboard."""


class scoped_entry(nodes.entry, nodes.TextElement):
    """A cell, which holds words and no paragraphs; `scope` is "col" or "row" where it is a header."""


class sized_image(nodes.image):
    """An image of known size that loads when it comes into view."""


def published(document: nodes.document, docname: str, folder: Path, content: dict) -> list[nodes.Element]:
    """Nodes of what a notebook published: `content` of its bundle (see `sqlib.show.bundle`), its files in `folder`."""
    record, player = content["record"], content.get("player")
    if record["kind"] == "claim":
        return [_named(document, nodes.container(classes=["sq-claim"]), record["name"])]
    if "table" in content:
        shown = table(record["label"], caption(record), **content["table"])
    else:
        shown = published_figure("", label=record["label"], classes=["sq-figure"])
        if player:
            place = "../" * docname.count("/") + f"players/{record['notebook']}/{record['name']}"
            pictures = {"sheet": f"{place}.webp", "still": f"{place}.png"}
            html = render(f"{player['kind']}.html", record=record, player=player, **pictures)
            shown += nodes.raw("", html, format="html")
        else:
            shown += image(record, folder)
        shown += nodes.caption("", "", *caption(record))
    return [_named(document, shown, record["name"])]


def borrowed(docname: str, folder: Path, record: dict) -> nodes.Element:
    """A chapter's figure on a page of prose: its picture, its caption, and where it comes from."""
    link = _link(docname, record["name"], "Where it comes from")
    shown = published_figure("", label=record["label"], classes=["sq-figure"])
    shown += [image(record, folder), nodes.caption("", "", *caption(record), nodes.Text(" "), link, nodes.Text("."))]
    return shown


def image(record: dict, folder: Path) -> sized_image:
    """The picture of a record whose files lie under `folder`, a folder of the source with the chapter's name."""
    from PIL import Image

    width, height = Image.open(folder / record["file"]).size
    uri = "/" + posixpath.join(folder.parent.name, folder.name, record["file"])
    plain = ["no-scaled-link"]  # else Sphinx links it to its file
    return sized_image(uri=uri, alt=record["alt"], width=str(width), height=str(height), classes=plain)


def caption(record: dict) -> list[nodes.Node]:
    """Label, caption and mark of a record."""
    mark = nodes.inline("", record["mark"], classes=["sq-mark", f"sq-{record['source'][0]}"])
    return [nodes.strong("", f"{record['label']}."), nodes.Text(f" {record['caption']} "), mark]


def table(label: str, words: list[nodes.Node], columns: list, rows: list[list], docname: str = "",
          classes=()) -> published_table:
    """A table of cells, whose first column heads the rows.

    A cell is a text, or a dict with `text` and where it matters `look` (class of the cell), `class` (of the text;
    "code" for code) and `to` (the label that it leads to), or a list of such.
    """
    made = published_table("", label=label, classes=["sq-table", *classes])
    made += nodes.title("", "", *words)
    group = nodes.tgroup(cols=len(columns))
    head, body = nodes.thead(), nodes.tbody()
    head += nodes.row("", *(_entry(cell, docname, "col") for cell in columns))
    body += [nodes.row("", *(_entry(cell, docname, "" if i else "row") for i, cell in enumerate(row))) for row in rows]
    made += group
    group += [*(nodes.colspec(colwidth=1) for _ in columns), head, body]
    return made


def _entry(cell, docname: str, scope: str) -> scoped_entry:
    parts = [{"text": part} if isinstance(part, str) else part for part in (cell if isinstance(cell, list) else [cell])]
    length = sum(len(part["text"]) for part in parts)
    look = parts[0].get("look") if len(parts) == 1 else ""
    look = look or ("sq-words" if length > 40 else "sq-text" if length > 16 else "") * (scope != "col")
    made = scoped_entry("", scope=scope, classes=[look] if look else [])
    for part in parts:
        shown = nodes.Text(part["text"])
        if part.get("class"):
            kind = nodes.literal if part["class"] == "code" else nodes.inline
            shown = kind("", part["text"], classes=[part["class"]])
        made += _link(docname, part["to"], shown) if part.get("to") else shown
    return made


def _link(docname: str, label: str, shown) -> addnodes.pending_xref:
    """A link to a label of the book, which Sphinx checks."""
    shown = nodes.inline("", shown) if isinstance(shown, str) else shown
    return addnodes.pending_xref("", nodes.inline("", "", shown), refdomain="std", reftype="ref", refdoc=docname,
                                 reftarget=label.lower(), refexplicit=True, refwarn=True)


def _named(document: nodes.document, node: nodes.Element, name: str) -> nodes.Element:
    """The node with its record's name as id, and as a label that all of the book can refer to."""
    node["ids"], node["names"] = [name], [nodes.fully_normalize_name(name)]
    document.note_explicit_target(node, node)
    return node


def _visit_table(self, node) -> None:
    self._table_row_indices.append(0)
    how = {"tabindex": "0", "role": "region", "aria-label": node["label"]}
    self.body.append(self.starttag({}, "div", CLASS=" ".join(node["classes"]), **how))
    self.body.append(self.starttag(nodes.table(ids=node["ids"]), "table"))


def _depart_table(self, node) -> None:
    self._table_row_indices.pop()
    self.body.append("</table></div>\n")


def _visit_entry(self, node) -> None:
    how = {"scope": node["scope"]} if node["scope"] else {}
    self.body.append(self.starttag(node, "th" if node["scope"] else "td", "", **how))


def _depart_entry(self, node) -> None:
    self.body.append("</th>" if node["scope"] else "</td>")


def _visit_image(self, node) -> None:
    source = posixpath.join(self.builder.imgpath, quote(self.builder.images[node["uri"]]))
    size = {name: node[name] for name in ("width", "height")}
    self.body.append(self.emptytag(node, "img", "\n", src=source, alt=node["alt"], loading="lazy", **size))


def _visit_citation(self, node) -> None:
    """As docutils does, without its roles: it calls a list what has no list items, and entries' role is deprecated."""
    if not isinstance(node.previous_sibling(), nodes.citation):
        self.body.append('<div class="citation-list">\n')
    self.body.append(self.starttag(node, "div", classes=["citation"]))


def add_to(app) -> None:
    """Tell Sphinx these nodes, and how they are written as HTML."""

    def nothing(self, node) -> None:
        pass

    def label(node) -> str:
        return node["label"]

    as_figure = (lambda self, node: self.visit_figure(node), lambda self, node: self.depart_figure(node))
    app.add_enumerable_node(published_figure, "figure", label, html=as_figure)
    app.add_enumerable_node(published_table, "table", label, html=(_visit_table, _depart_table))
    app.add_node(scoped_entry, html=(_visit_entry, _depart_entry))
    app.add_node(sized_image, html=(_visit_image, nothing))
    app.add_node(nodes.citation, override=True, html=(_visit_citation, HTML5Translator.depart_citation))
