"""A slide deck of an executed chapter, by nbconvert and reveal.js: one file, which needs no network.

The notebook's cells are tagged as JupyterLab does it (`slideshow` metadata). A text cell that begins a slide, subslide
or fragment shows its lead: its heading, its first two sentences and its first displayed formula; with `"whole": true`
beside the tag, all of it. Published figures and tables are shown, one a slide. Texts without a tag, and what the
chapter prints or says of its findings, are notes for the speaker, like cells tagged `notes`; findings of a cell with
`"whole": true` stand on the slide. What is tagged `skip` is left out.

One message a slide: a slide with a picture has the message of its caption as the title, with this run's number. The
hints of an exercise are notes. What a slide shall say otherwise stands beside its tag: `"title"`, `"words"` (Markdown)
and `"notes"`, which come before the notes that it has anyway.
"""

import re
import sysconfig
from html import escape
from pathlib import Path

from jinja2 import FileSystemLoader
from markdown_it import MarkdownIt
from mdit_py_plugins.dollarmath import dollarmath_plugin
from nbconvert import SlidesExporter
from nbformat import NotebookNode
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook

from sqbook.parameters import read_notebook
from sqlib.errors import SqError, in_words
from sqlib.paths import home, replacing
from sqlib.show.bundle import MIME
from sqlib.show.provenance import origin, read_card

HERE = Path(__file__).parent
REVEAL = Path(sysconfig.get_path("purelib"), "sphinx_revealjs/_static/revealjs")  # no package holds reveal.js alone
MATHJAX = Path(sysconfig.get_path("purelib"), "sphinx-mathjax-offline/static/mathjax/tex-svg.js")
SENTENCE = re.compile(r"(?<=[.!?])\s+(?=[A-Z*$\[<“])")
FOLDED = re.compile(r"^<details><summary>Hint</summary>\n(.*?)^</details>$", flags=re.MULTILINE | re.DOTALL)


def write_slides(run_folder: Path) -> Path:
    """Write home()/runs/slides/NAME.html, the deck of a run (its folder), and return its path."""
    card = read_card(run_folder)
    facts = (f"data: {origin(card)}", f"profile: {card['profile']}", f"run {card['key']}, {card['made'][:10]}",
             f"commit {card['commit'] or '–'}")
    executed = run_folder / "executed.ipynb"
    with in_words(f"{executed} makes no deck", "run its notebook again", told=False):
        made = deck(read_notebook(executed), f'<p class="facts">{escape(" · ".join(facts))}</p>')
    scripts = [REVEAL / "dist/reveal.js", REVEAL / "plugin/notes/notes.js", HERE / "slides.js", MATHJAX]
    sheets = [path for path in (home() / "book/static/custom.css", HERE / "slides.css") if path.is_file()]
    resources = {
        "heading": made.metadata.heading,
        "reveal_css": _text(REVEAL / "dist/reveal.css"),
        "css": "".join(map(_text, sheets)),
        "scripts": [_text(path).replace("</script", r"<\/script").replace("<!--", r"<\!--") for path in scripts],
    }
    exporter = SlidesExporter(extra_loaders=[FileSystemLoader(HERE)], template_file="slides.html.j2",
                              filters={"markdown2html": as_html})
    path = home() / "runs" / "slides" / f"{card['notebook']}.html"
    with replacing(path) as aside:
        aside.write_text(exporter.from_notebook_node(made, resources)[0], encoding="utf-8")
    return path


def deck(notebook: NotebookNode, facts: str) -> NotebookNode:
    """Return a notebook of what the slides of an executed `notebook` show, for nbconvert.

    facts : HTML below the title
    Raises `SqError` for a notebook that does not begin with a title.
    """
    if not notebook.cells or not notebook.cells[0].source.startswith("# "):
        raise SqError("a deck begins with the chapter's title: the first cell must be text that begins with '# '")
    made, title, filled, top = [], "", False, None  # the last: text that began a slide, if a picture may name that

    def add(kind: str, source: str, *shown: NotebookNode) -> None:
        cell = new_code_cell(outputs=[*shown]) if shown else new_markdown_cell(source)
        cell.metadata = {"slideshow": {"slide_type": kind}}
        made.append(cell)

    for cell in notebook.cells:
        says = dict(cell.metadata.get("slideshow", {}))
        kind, whole = says.get("slide_type", "-") if made else "slide", says.get("whole", False)
        begins = kind in ("slide", "subslide")
        if kind == "skip":
            continue
        if cell.cell_type == "markdown":
            heading, words = lead(cell.source, whole)
            if begins:
                title, filled, level = heading or title, False, "##" if made else "#"
                add(kind, f"{level} {says.get('title', title)}\n\n{unfolded(says.get('words', words))}"
                    + f"\n\n{facts}" * (not made))
                top = made[-1] if level == "##" and "title" not in says else None
            elif kind == "fragment":
                add(kind, words)
            for note in (says.get("notes"), cell.source if not whole or "words" in says else folded(words)):
                if note:
                    add("notes", note)
        for output in cell.get("outputs", []):
            if output.get("data", {}).get("text/html"):  # a claim has nothing to see
                said = message(output)
                if filled or begins:
                    add("subslide", f"## {says.pop('title', said) or title}\n\n{says.pop('words', '')}".strip())
                elif top and said:
                    top.source = f"## {said}{top.source.removeprefix(f'## {title}')}"
                add(kind if kind == "fragment" else "-", "", output)
                filled = True
                if cell.cell_type == "code" and "notes" in says:
                    add("notes", says.pop("notes"))
            elif words := output.get("data", {}).get("text/markdown"):  # a finding
                add("-" if whole else "notes", words)
            elif "text" in output:
                add("notes", f"```text\n{output.text}\n```")
    return new_notebook(cells=made, metadata={"heading": lead(made[0].source)[0]})


def lead(text: str, whole: bool = False) -> tuple[str, str]:
    """The first heading of a Markdown text ("" for none), and the beginning of what follows it: see the module's text.

    whole : all of the text but the heading
    """
    heading = re.search(r"^#+ +(.+)$", text, flags=re.MULTILINE)
    name, rest = (heading[1], text[heading.end() :]) if heading else ("", text)
    if whole:
        return name, rest.lstrip("\n")
    blocks = [block for block in re.split(r"\n\s*\n", plain(rest).strip()) if not block.startswith("$$")]
    first = blocks[0] if blocks else ""
    if not re.match(r"[-*|] |\|", first):  # a list or a table stays whole
        first = " ".join(SENTENCE.split(first)[:2])
    formula = re.search(r"^\$\$.*?\$\$", rest, flags=re.MULTILINE | re.DOTALL)
    return name, f"{first}\n\n{formula[0] if formula else ''}".strip()


def message(output: NotebookNode) -> str:
    """The first sentence of a published picture's caption; "" without one."""
    caption = output.data.get(MIME, {}).get("record", {}).get("caption", "")
    return escape(SENTENCE.split(caption)[0].rstrip("."), quote=False)


def folded(text: str) -> str:
    """The hints of an exercise, which the book folds: for the speaker."""
    return "\n\n".join(map(str.strip, FOLDED.findall(text)))


def unfolded(text: str) -> str:
    """A text without its hints."""
    return FOLDED.sub("", text).strip()


def plain(text: str) -> str:
    """MyST as common Markdown: of roles the words, of citations names and years, of admonitions the content."""
    text = re.sub(r"^```\{admonition\}.*\n(?::.*\n)*((?:.*\n)*?)```$", r"\1", text, flags=re.MULTILINE)
    text = re.sub(r"\{cite(:\w)?\}`(.+?)`", _cited, text)
    return re.sub(r"\{[\w:-]+\}`([^`<]+?)( <[^`]*)?`", r"\1", text)


def _cited(match: re.Match) -> str:
    names = re.sub(r"([a-z]+)(\d+),?", lambda one: f", {one[1].capitalize()} {one[2]}", match[2]).removeprefix(", ")
    return names if match[1] == ":t" else f"({names})"


def as_html(text: str) -> str:
    """Markdown of a notebook as HTML, with formulas for MathJax."""
    def formula(content: str, options: dict) -> str:
        return rf"\[{escape(content)}\]" if options["display_mode"] else rf"\({escape(content)}\)"

    made = MarkdownIt("commonmark", {"html": True}).enable("table").use(dollarmath_plugin, renderer=formula)
    return made.render(plain(text))


def _text(path: Path) -> str:
    return path.read_text(encoding="utf-8")
