"""The page of sqlib's functions: it has what the book uses of it, and a docstring's text comes through as it is."""

import inspect
import json
import re
from importlib import import_module
from pathlib import Path
from pkgutil import resolve_name

import pytest
from bs4 import BeautifulSoup
from docutils.core import publish_doctree
from docutils.frontend import get_default_settings
from docutils.parsers.rst import Parser
from docutils.utils import new_document
from sphinx.ext.autosummary import extract_summary

from sqbook.site.api import FLOORS, api_page, as_rst, python_cells, python_of, used

CHECKOUT = Path(__file__).resolve().parents[1]
CHAPTERS = {path.stem: python_cells(json.loads(path.read_text())) for path in (CHECKOUT / "notebooks").glob("*.ipynb")}
PAGES = [python_of(path.read_text()) for path in (CHECKOUT / "book").glob("*.md")]
ENTRIES = {name for cells in [*CHAPTERS.values(), *PAGES] for names in used(cells) for name in names}


def test_what_a_cell_uses_has_the_name_of_where_it_is_defined():
    cells = ["from sqlib.data import load_frames, splits, paper_split as split\nfrom sqlib.learn import augment\n"
             "from sqlib.errors import SqError\nimport numpy as np",
             "splits.paper_split(np.array(x))\naugment.SYMMETRIES.items()\nsplits.divide(1).active",
             "split(load_frames)", "try:\n    1\nexcept SqError:\n    2", "%a magic ("]
    divided = {"sqlib.data.splits.paper_split", "sqlib.data.splits.divide"}  # no constant, nothing that is not sqlib's
    assert used(cells) == [set(), divided, {"sqlib.data.splits.paper_split", "sqlib.data.build.load_frames"},
                           {"sqlib.errors.SqError"}, set()]


def test_python_of_a_page_is_what_stands_in_its_blocks_of_python():
    assert python_of("a\n```python\nx = 1\n```\n```bash\nsq\n```\n") == ["x = 1\n"]


@pytest.mark.parametrize("name", CHAPTERS)
def test_what_a_chapter_imports_or_calls_has_an_entry(name):
    """By another way than `used`: as its text has it."""
    code = "\n".join(CHAPTERS[name])
    imports = [(package, one.split(" as ")) for package, names in re.findall(
        r"^from (sqlib[\w.]*) import ([\w, ]+)$", code, flags=re.MULTILINE) for one in names.split(", ")]
    things = {names[-1]: resolve_name(f"{package}.{names[0]}") for package, names in imports}
    called = [*things.values(), *(getattr(thing, one) for short, thing in things.items() if inspect.ismodule(thing)
                                  for one in re.findall(rf"\b{short}\.(\w+)\(", code))]
    names = {f"{one.__module__}.{one.__qualname__}" for one in called if callable(one) and not inspect.ismodule(one)}
    assert len(names) > 10 and names <= ENTRIES


def test_every_entry_is_used_somewhere_has_a_docstring_and_stands_once_on_its_floor():
    code = "\n".join(cell for cells in [*CHAPTERS.values(), *PAGES] for cell in cells)
    page = api_page(ENTRIES)
    heads = re.findall(r"^## (?:sqlib\.(\w+): )?(.*)$", page, flags=re.MULTILINE)
    assert [floor for floor, _ in heads] == list(FLOORS) and [words for _, words in heads] == list(FLOORS.values())
    for name in ENTRIES:
        module, _, last = name.rpartition(".")
        said = {"sqlib.learn.locator.load": "shipped"}.get(name, last)  # which is `load`, cached
        assert re.search(rf"\b{said}\b", code) and inspect.getdoc(resolve_name(f"{module}:{last}"))
        assert len(re.findall(rf"^\.\. auto\w+:: {re.escape(name)}$", page, flags=re.MULTILINE)) == 1


def document(docstring: str):
    """What docutils makes of a docstring, with its complaints; literals and formulas are those of Sphinx."""
    text = "\n".join(as_rst(inspect.cleandoc(docstring).splitlines()))
    return publish_doctree(text, settings_overrides={"report_level": 1, "halt_level": 5, "warning_stream": False})


def words(text: str) -> str:
    """Text without what sets it: spaces, backticks, lines of dashes, and the colon and semicolon of definitions."""
    text = re.sub(r"^ *-{4,}$| : |; (?=[\w, ()]+ : )|:math:", "", text, flags=re.MULTILINE)
    return re.sub(r"[\s`]", "", text)


def complaints(made) -> list[str]:
    return [str(one) for one in made.findall() if one.tagname in ("system_message", "problematic")]


def test_every_docstring_comes_through_whole_and_without_a_complaint():
    found = {}
    for name in ENTRIES | {one.rpartition(".")[0] for one in ENTRIES}:  # and of modules
        module, _, last = name.rpartition(".")
        docstring = inspect.getdoc(resolve_name(f"{module}:{last}") if name in ENTRIES else import_module(name))
        made = document(docstring)
        if complaints(made) or words(made.astext()) != words(docstring):
            found[name] = made.pformat()
    assert found == {}


EVIL = """One *star, |bar|, under_ and a_b_ with `code_` and `two`s: 3 × 4 :role:`x`.

- no list
  either
.. nor: a directive::

size, other : how wide; more : what else, which goes on
    here, with :math:`\\alpha_i`
*args : and [1]_ the rest

Raises
------
SqError : for `x`, and so on, until the line has no room for the word that follows it, which is unreasonably-long-indeed
no entry : of this
here; there : is text

The sum of all is

    a_i * b = <b>

over i."""


def test_what_sphinx_would_take_for_markup_stays_text():
    made = document(EVIL)
    assert complaints(made) == []
    kinds = [one.tagname for one in made.findall() if one.tagname in ("paragraph", "literal_block", "definition")]
    assert kinds.count("literal_block") == 1 and kinds.count("definition") == 5
    assert [one.astext() for one in made.findall() if one.tagname == "term"] == [
        "size, other", "more", "*args", "SqError", "no entry"]
    assert [one.astext() for one in made.findall() if one.tagname in ("literal", "math", "strong")] == [
        "code_", "two", "x", "\\alpha_i", "Raises", "x"]
    markup = {"bullet_list", "comment", "emphasis", "reference", "footnote_reference", "substitution_reference"}
    assert markup.isdisjoint(one.tagname for one in made.findall())


def test_abbreviation_ends_no_summary():
    settings = get_default_settings(Parser)
    lines = as_rst(["Figure of two (Figs. 12, 14) as in Guo et al. 2017, here. Another sentence."])
    assert extract_summary(lines, new_document("", settings)).replace("\\ ", "") == (
        "Figure of two (Figs. 12, 14) as in Guo et al. 2017, here.")


def test_book_has_the_page_and_notes_that_lead_to_it(tiny_book):
    site = tiny_book / "_build/html"
    page = BeautifulSoup((site / "book/api.html").read_text(), "html.parser")
    shown = {entry["id"] for entry in page.select("dl.py > dt[id]")}
    assert {"sqlib.show.publish.figure", "sqlib.show.movie.player", "sqlib.learn.locator.find_sources"} <= shown
    listed = {link["href"].removeprefix("#") for link in page.select("table.autosummary a")}
    assert listed == shown  # each floor begins with the list of its functions
    player = page.find(id="sqlib.show.movie.player")
    assert "fps: float = 8, times=None, still: int | None = None" in " ".join(player.get_text().split())
    colour = page.find(id="sqlib.show.style.colour")
    assert colour.find_next("dd").p.get_text().startswith("Map values (…, H, W), from low to high, through a colour ")
    chapter = BeautifulSoup((site / "notebooks/00_first.html").read_text(), "html.parser")
    links = {link["href"] for link in chapter.select("details.sq-made a") if "api.html" in link["href"]}
    assert links == {f"../book/api.html#{name}" for name in ("sqlib.show.movie.player", "sqlib.show.style.colour")}
