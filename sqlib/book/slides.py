"""A slide deck of an executed chapter: one file without a network, a slide per heading and one per further picture.

nbconvert's own slides load reveal.js from the network, and no locked package holds it.
"""

import re
import sysconfig
from dataclasses import dataclass, field
from html import escape
from pathlib import Path

from sqlib.book.card import read_card
from sqlib.book.params import read_notebook
from sqlib.book.provenance import PUBLISHED
from sqlib.book.student import DROPDOWN
from sqlib.errors import SqError
from sqlib.paths import home, replacing

ROWS = 12  # of a table that a slide shows; longer ones are for reading
WHOLE = ("Exercises", "Summary")  # sections of which everything is shown; of the others the first sentences
FENCE = re.compile(r"^(`{3,}|:{3,})\{(\w+)\} *([^\n]*)\n((?::\w+:[^\n]*\n)*)(.*?)^\1[ \t]*$", re.MULTILINE | re.DOTALL)
STYLE = """
:root { color-scheme: light; --pst-color-text-base: #1b1f24; --pst-color-text-muted: #4b5563; --pst-color-border: #c5ccd6;
  --pst-color-surface: #f3f5f8; --pst-color-primary: #0a5a9c; --pst-color-background: #fff; }
* { box-sizing: border-box; }
body { margin: 0; background: #fff; color: #1b1f24; font: clamp(16px, 1.7vw, 24px)/1.45 system-ui, sans-serif; }
section { padding: 2.2rem 4vw 4rem; border-bottom: 1px solid #c5ccd6; }
h1, h2 { line-height: 1.2; margin: 0 0 1rem; overflow-wrap: anywhere; } h1 { font-size: 2em; } h2 { font-size: 1.5em; }
:is(h1, h2):focus { outline: none; } code { overflow-wrap: anywhere; } a { color: var(--pst-color-primary); }
.facts, figcaption, caption { font-size: .75em; color: #4b5563; } .words { min-width: 0; }
mjx-container[display] svg { max-width: 100%; height: auto; }
.shown { min-width: 0; } .shown .sq-figure { margin: 0; }
.shown .sq-figure > img { max-height: 66vh; width: auto; } .sq-table table { font-size: .7em; }
nav { position: fixed; right: 1rem; bottom: .7rem; display: flex; gap: .6rem; align-items: center; font-size: 1rem; }
nav[hidden] { display: none; }
nav button { font: inherit; padding: .2rem .8rem; border: 1px solid #6b7280; border-radius: .3rem; background: #fff; }
@media (min-width: 900px) { .two { display: grid; grid-template-columns: 2fr 3fr; gap: 0 3vw; align-content: start; }
  .two > h2 { grid-column: 1 / -1; } }
@media screen { .paged main { position: relative; height: 100vh; overflow: hidden; }
  .paged section { position: absolute; inset: 0; overflow: auto; visibility: hidden; border: 0; }
  .paged section.on { visibility: visible; } }
@media print { @page { size: A4 landscape; margin: 10mm; } nav, .sq-controls { display: none !important; }
  body { font-size: 14px; } section { break-after: page; break-inside: avoid; border: 0; padding: 0; }
  .shown .sq-figure > img { max-height: 130mm; } }
"""
# Slides are hidden, not taken away: MathJax and the players measure them.
SCRIPT = """
(() => {
  const slides = [...document.querySelectorAll('main > section')], nav = document.querySelector('nav');
  const [back, on] = nav.querySelectorAll('button'), say = nav.querySelector('output');
  let at = 0;
  const show = (i, focus) => {
    at = Math.max(0, Math.min(slides.length - 1, i));
    slides.forEach((slide, j) => slide.classList.toggle('on', j === at));
    say.textContent = `${at + 1} / ${slides.length}`;
    back.disabled = at === 0; on.disabled = at === slides.length - 1;
    if (focus) { history.replaceState(null, '', `#${slides[at].id}`); slides[at].querySelector('h1, h2').focus(); }
  };
  const find = () => slides.indexOf(document.getElementById(location.hash.slice(1))?.closest('section'));
  const steps = { ArrowRight: 1, PageDown: 1, ' ': 1, ArrowLeft: -1, PageUp: -1, Home: -1e9, End: 1e9 };
  addEventListener('keydown', (event) => {
    const step = steps[event.key], own = event.target.closest('main :is(input, select, button, a, summary, [tabindex="0"])');
    if (!step || own || event.altKey || event.ctrlKey || event.metaKey) return;
    if (event.key === ' ' && event.target.closest('nav')) return;
    event.preventDefault(); show(at + step, true);
  });
  back.addEventListener('click', () => show(at - 1, true));
  on.addEventListener('click', () => show(at + 1, true));
  addEventListener('hashchange', () => { if (find() >= 0) show(find()); });
  document.documentElement.classList.add('paged'); nav.hidden = false; show(Math.max(0, find()));
})();
"""
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
            if made and PUBLISHED.search(html) and (html.startswith("<figure") or html.count("<tr>") <= ROWS + 1):
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
    origin = "simulated twin" if card["data"] == "twin" else "observed, SunquakeNet"
    facts = f"data: {origin} · profile: {card['profile']} · run {card['key']}, {card['made'][:10]} · commit {card['commit'] or '–'}"
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
