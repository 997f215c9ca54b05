"""A slide deck of an executed chapter: one file without a network, a slide per heading and one per further picture.

nbconvert's own slides load reveal.js from the network, and no locked package holds it.
"""

import re
import sysconfig
from dataclasses import dataclass, field
from html import escape
from pathlib import Path

from sqbook.parameters import read_notebook
from sqbook.student import DROPDOWN
from sqlib.errors import SqError
from sqlib.paths import home, replacing
from sqlib.show.bundle import MIME
from sqlib.show.provenance import origin, read_card

ROWS = 12  # of a table that a slide shows; longer ones are for reading
WHOLE = ("Exercises", "Summary")  # sections of which everything is shown; of the others the first sentences
FENCE = re.compile(r"^(`{3,}|:{3,})\{(\w+)\} *([^\n]*)\n((?::\w+:[^\n]*\n)*)(.*?)^\1[ \t]*$", re.MULTILINE | re.DOTALL)
STYLE, SCRIPT = (Path(__file__).with_name(f"slides.{kind}").read_text(encoding="utf-8") for kind in ("css", "js"))
MATHS = "window.MathJax = {options: {enableMenu: false}, svg: {fontCache: 'local'}};"


@dataclass
class Slide:
    """A slide: its title, HTML of its sentences, and of the one figure, movie or table that it shows ("" for none)."""

    title: str
    words: list[str] = field(default_factory=list)
    shown: str = ""


def slides(notebook: dict, where: str = "the notebook") -> list[Slide]:
    """The slides of an executed notebook, in its order; `SqError` for one that does not begin with a title."""
    made: list[Slide] = []
    for cell in notebook["cells"]:
        if cell["cell_type"] == "markdown":
            for title, text in _sections("".join(cell["source"])):
                if title or (made and made[-1].shown):
                    made.append(Slide(title or made[-1].title))
                if not made:
                    break
                made[-1].words += [_html(text if made[-1].title in WHOLE else first_sentences(text))] if text else []
        for output in cell.get("outputs", []):
            html = "".join(output.get("data", {}).get("text/html", ""))
            known = html and MIME in output["data"]
            if made and known and (html.startswith("<figure") or html.count("<tr>") <= ROWS + 1):
                if made[-1].shown:
                    made.append(Slide(made[-1].title))
                made[-1].shown = html
    if not made:
        raise SqError(f"a deck begins with the chapter's title: the first cell of {where} must be text that begins with '# '")
    # what a section says after its last picture is for reading
    return [one for one, before in zip(made, [None, *made]) if one.shown or not before or one.title != before.title]


def write_slides(run_folder: Path) -> Path:
    """Write home()/runs/slides/NAME.html, the deck of a run (its folder), and return its path."""
    card, executed = read_card(run_folder), run_folder / "executed.ipynb"
    made = slides(read_notebook(executed), str(executed))
    facts = (f"data: {origin(card)} · profile: {card['profile']} · run {card['key']}, {card['made'][:10]} · "
             f"commit {card['commit'] or '–'}")  # fmt: skip
    parts = []
    for number, slide in enumerate(made, 1):
        level = 1 if number == 1 else 2
        words = "".join(slide.words) + (f'<p class="facts">{escape(facts)}</p>' if number == 1 else "")
        inner = f'<div class="words">{words}</div>' * bool(words) + f'<div class="shown">{slide.shown}</div>' * bool(slide.shown)
        how = ' class="two"' if words and slide.shown else ""
        head = f'<h{level} tabindex="-1">{_html(slide.title, html=False)[3:-5]}</h{level}>'
        parts.append(f'<section id="slide-{number}"{how} aria-label="Slide {number}">{head}{inner}</section>')
    body = "".join(parts)
    ids = set(re.findall(r'\bid="([\w-]+)"', body))
    body = re.sub(r'<a href="#([\w-]+)">(.*?)</a>', lambda m: m[0] if m[1] in ids else m[2], body)
    sheet = home() / "book" / "static" / "custom.css"
    style = (sheet.read_text(encoding="utf-8") if sheet.is_file() else "") + STYLE
    text = (f'<!doctype html>\n<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width">'
            f"<title>{escape(made[0].title)}</title><style>{style}</style></head><body><main>{body}</main>"
            '<nav aria-label="Slides" hidden><button type="button">Back</button><output></output>'
            f'<button type="button">Next</button></nav><script>{SCRIPT}</script>{_mathjax(body)}</body></html>\n')  # fmt: skip
    path = home() / "runs" / "slides" / f"{card['notebook']}.html"
    with replacing(path) as aside:
        aside.write_text(text, encoding="utf-8")
    return path


def first_sentences(text: str, most: int = 2) -> str:
    """The first paragraph's first sentences (a list is kept whole), and the first displayed formula."""
    blocks = [block.strip() for block in re.split(r"\n\s*\n", re.sub(r"\$\$(.*?)\$\$", "", text, flags=re.DOTALL))]
    first = next((block for block in blocks if block), "")
    if not re.match(r"[-*] |\d+\. |\|", first):
        first = " ".join(re.split(r"(?<=[.!?])\s+(?=[A-Z*$\[<“*])", first)[:most])
    formula = re.search(r"\$\$.*?\$\$", text, flags=re.DOTALL)
    return f"{first}\n\n{formula[0]}" if formula else first


def _sections(text: str) -> list[tuple[str, str]]:
    """A text cell as (title, text) pairs, "" for what stands before its first heading; directives are taken out."""
    text = FENCE.sub(_directive, DROPDOWN.sub("", text))
    parts = re.split(r"^#{1,6} +(.+)$", re.sub(r"^\([\w-]+\)=\n", "", text, flags=re.MULTILINE), flags=re.MULTILINE)
    pairs = [("", parts[0].strip()), *zip(parts[1::2], (part.strip() for part in parts[2::2]))]
    return [pair for pair in pairs if any(pair)]


def _directive(match: re.Match) -> str:
    _, name, title, _, body = match.groups()
    return "" if name != "admonition" else body if title == "Overview" else f"**{title}.** {body}"


def _html(text: str, html: bool = True) -> str:
    """HTML of Markdown with formulas; roles and links to other pages become plain words, and without `html` markup, too."""
    from markdown_it import MarkdownIt
    from mdit_py_plugins.dollarmath import dollarmath_plugin

    text = re.sub(r" ?\{cite:?p?\}`([^`]+)`", lambda m: f" ({_names(m[1])})", text)
    text = re.sub(r"\{cite:t\}`([^`]+)`", lambda m: _names(m[1]), text)
    text = re.sub(r"\{[\w:-]+\}`([^`<]+?)(?: *<[^>`]*>)?`", r"\1", text)
    text = re.sub(r"(?<!!)\[([^\]]+)\]\((?!https?:|#)[^)\s]*\)", r"\1", text)
    render = MarkdownIt("commonmark", {"html": html}).enable("table").use(dollarmath_plugin, renderer=_formula).render
    return render(text)


def _formula(content: str, options: dict) -> str:
    left, right = (r"\[", r"\]") if options["display_mode"] else (r"\(", r"\)")
    return left + escape(content) + right


def _names(keys: str) -> str:
    return ", ".join(re.sub(r"^(\D+?)(\d+)", lambda m: f"{m[1].capitalize()} {m[2]}", key.strip()) for key in keys.split(","))


def _mathjax(body: str) -> str:
    """The vendored MathJax, in the page itself, where it has a formula."""
    if 'class="math' not in body:
        return ""
    path = Path(sysconfig.get_path("purelib"), "sphinx-mathjax-offline/static/mathjax/tex-svg.js")
    code = path.read_text(encoding="utf-8").replace("</script", "<\\/script").replace("<!--", "<\\!--")
    return f"<script>{MATHS}</script><script>{code}</script>"
