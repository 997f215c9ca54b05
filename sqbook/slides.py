"""A slide deck of an executed chapter, by nbconvert and reveal.js: one file, which needs no network.

The notebook's cells are tagged as JupyterLab does it (`slideshow` metadata). A text cell that begins a slide, subslide
or fragment shows its lead: its heading, its first two sentences and its first displayed formula; with `"whole": true`
beside the tag, all of it. Published figures and tables are shown, one a slide. Texts without a tag, and what the
chapter prints or says of its findings, are notes for the speaker, like cells tagged `notes`; findings of a cell with
`"whole": true` stand on the slide. What is tagged `skip` is left out.
"""

import re
import sysconfig
from html import escape
from pathlib import Path

from jinja2 import FileSystemLoader
from markdown_it import MarkdownIt
from markdown_it.renderer import RendererHTML
from mdit_py_plugins.dollarmath import dollarmath_plugin
from mdit_py_plugins.myst_role import myst_role_plugin
from nbconvert import SlidesExporter
from nbformat import NotebookNode
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output

from sqbook.parameters import read_notebook
from sqlib.errors import SqError, in_words
from sqlib.paths import home, replacing
from sqlib.show.provenance import origin, read_card

HERE = Path(__file__).parent
REVEAL = Path(sysconfig.get_path("purelib"), "sphinx_revealjs/_static/revealjs")  # no package holds reveal.js alone
MATHJAX = Path(sysconfig.get_path("purelib"), "sphinx-mathjax-offline/static/mathjax/tex-svg.js")
BEGINS = ("slide", "subslide")
SENTENCES = 2  # of a text's first paragraph


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
                              filters={"markdown2html": markdown().render})
    path = home() / "runs" / "slides" / f"{card['notebook']}.html"
    with replacing(path) as aside:
        aside.write_text(exporter.from_notebook_node(made, resources)[0], encoding="utf-8")
    return path


def deck(notebook: NotebookNode, facts: str) -> NotebookNode:
    """Return a notebook of what the slides of an executed `notebook` show, for nbconvert.

    facts : HTML below the title
    Raises `SqError` for a notebook that does not begin with a title.
    """
    made, title, filled = [], "", False

    def add(kind: str, source: str, html: bool = False) -> None:
        about = {"slideshow": {"slide_type": kind}}
        if html:
            made.append(new_code_cell(outputs=[new_output("display_data", {"text/html": source})], metadata=about))
        else:
            made.append(new_markdown_cell(source, metadata=about))

    for cell in notebook.cells:
        slideshow = cell.metadata.get("slideshow", {})
        kind, whole = slideshow.get("slide_type", "-") if made else "slide", slideshow.get("whole", False)
        if kind == "skip":
            continue
        if cell.cell_type == "markdown" and kind in (*BEGINS, "fragment"):
            heading, words = lead(cell.source, whole)
            title = heading or title
            add(kind, f"{'##' if made else '#'} {title}\n\n{words}" if kind in BEGINS else words)
            filled = filled and kind == "fragment"
            if len(made) == 1:
                add("-", facts, html=True)
        if not title:
            break
        if cell.cell_type == "markdown" and not whole:
            add("notes", cell.source)
        for output in cell.get("outputs", []):
            if html := output.get("data", {}).get("text/html"):  # a claim has nothing to see
                if filled or kind in BEGINS:
                    add("subslide", f"## {title}")
                add(kind if kind == "fragment" else "-", html, html=True)
                filled = True
            elif words := output.get("data", {}).get("text/markdown"):  # a finding
                add("-" if whole else "notes", words)
            elif "text" in output:
                add("notes", f"```text\n{output.text}\n```")
    if not title:
        raise SqError("a deck begins with the chapter's title: the first cell must be text that begins with '# '")
    return new_notebook(cells=made, metadata={"heading": lead(made[0].source)[0]})


def lead(text: str, whole: bool = False) -> tuple[str, str]:
    """The first heading of a Markdown text ("" for none), and the beginning of what follows it: see the module's text.

    whole : all of the text but the heading
    """
    lines, heading, words, formula = text.splitlines(), "", "", ""
    tokens = markdown().parse(text)
    for token, inner in zip(tokens, [*tokens[1:], None]):
        if token.level or not token.map:
            continue
        block = "\n".join(lines[slice(*token.map)])
        if token.type == "heading_open" and not heading:
            heading, words = inner.content, ""
            if whole:
                return heading, "\n".join(lines[token.map[1] :])
        elif token.type == "fence" and token.info.startswith("{admonition}"):
            words = words or lead(_content(token))[1]
        elif token.type == "math_block":
            formula = formula or block
        elif token.type == "paragraph_open":
            words = words or " ".join(re.split(r"(?<=[.!?])\s+(?=[A-Z*$\[<“*])", block)[:SENTENCES])
        elif token.type.endswith(("list_open", "table_open")):
            words = words or block
    return heading, text if whole else f"{words}\n\n{formula}".strip()


def markdown() -> MarkdownIt:
    """A renderer of MyST's Markdown for slides: formulas for MathJax, and of roles the words."""
    made = MarkdownIt("commonmark", {"html": True}).enable("table").use(myst_role_plugin)
    made.use(dollarmath_plugin, renderer=_formula)
    made.add_render_rule("myst_role", _role)
    made.add_render_rule("fence", _fence)
    for kind in ("html_inline", "html_block"):
        made.add_render_rule(kind, _html)
    return made


def _formula(content: str, options: dict) -> str:
    left, right = (r"\[", r"\]") if options["display_mode"] else (r"\(", r"\)")
    return left + escape(content) + right


def _role(self, tokens, at, options, env) -> str:
    name, words = tokens[at].meta["name"], tokens[at].content
    if not name.startswith("cite"):
        return escape(words.split(" <")[0])
    names = ", ".join(re.sub(r"^(\D+?)(\d+)", lambda m: f"{m[1].capitalize()} {m[2]}", key) for key in words.split(","))
    return escape(names if name == "cite:t" else f"({names})")


def _fence(self, tokens, at, options, env) -> str:
    if not tokens[at].info.startswith("{admonition}"):
        return RendererHTML.fence(self, tokens, at, options, env)
    title = tokens[at].info.removeprefix("{admonition}")
    return f"<p><strong>{escape(title.strip())}</strong></p>{markdown().render(_content(tokens[at]))}"


def _html(self, tokens, at, options, env) -> str:
    """Of HTML only links within the chapter; the rest is shown as it stands."""
    words = tokens[at].content
    return words if re.fullmatch(r'<a\s+href="#[\w-]+">|</a>', words) else escape(words)


def _content(token) -> str:
    """The text of a directive, without its options."""
    return re.sub(r"^:\w+:.*\n", "", token.content, flags=re.MULTILINE)


def _text(path: Path) -> str:
    return path.read_text(encoding="utf-8")
