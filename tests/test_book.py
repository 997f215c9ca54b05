"""A tiny book of two tiny chapters: built whole, offline, legible, and refused where something is wrong."""

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from browser import opened, pages
from bs4 import BeautifulSoup
from conftest import REPOSITORY
from tinybook import PARAMETERS, TITLES, add_prose, make_home, write_notebook

from sqbook.cli import main
from sqbook.site.build import _add_chapter, build_book, chapters
from sqbook.site.pages import rerun_page
from sqlib.errors import SqError


@pytest.fixture
def book(tiny_book, monkeypatch):
    """Home folder of a tiny book."""
    monkeypatch.setenv("SQ_HOME", str(tiny_book))
    monkeypatch.setenv("SQ_REPOSITORY", REPOSITORY)
    return tiny_book


def test_book_shows_each_chapter_with_its_facts_its_figures_and_its_run_card(book):
    for name, title in TITLES.items():
        page = (book / "_build/html/notebooks" / f"{name}.html").read_text()
        assert title in page
        assert "time to read: 1 min · time to run: " in page
        assert "profile: smoke · data: simulated twin" in page
        assert "caption-number" not in page  # of Sphinx: labels are the paper's
        assert 'alt="A histogram that falls off exponentially."' in page
        assert "Speckle of &lt;one&gt; source &amp; noise." in page  # captions are text, not markup
        assert page.count("SIMULATED (twin, seed 1265)") == 3  # figure, table, movie
        assert page.count("data:image") == page.count("<script>(") == 0  # pictures and the viewer are files
        assert "<summary>Run card</summary>" in page
        assert "Show the parameters" in page and "size = 32" in page.partition("<summary>Run card")[2]
        source = json.loads((book / "_build/book/notebooks" / f"{name}.ipynb").read_text())
        assert "papermill" not in json.dumps([one["metadata"] for one in [source, *source["cells"]]])


def test_two_books_at_once_both_end_with_the_whole_book(book, tmp_path):
    home = tmp_path / "home"
    shutil.copytree(book, home, ignore=shutil.ignore_patterns("_build"))
    words = [sys.executable, "-m", "sqbook.cli", "book", "--profile", "smoke", "--workers", "1"]
    both = [subprocess.Popen(words, env={**os.environ, "SQ_HOME": str(home)}, stdout=subprocess.PIPE,
                             stderr=subprocess.PIPE)
            for _ in range(2)]
    told = [process.communicate(timeout=300)[1].decode() for process in both]
    assert [process.returncode for process in both] == [0, 0], told
    files = [{path.relative_to(folder) for path in folder.rglob("*")}
             for folder in (book / "_build/html", home / "_build/html")]
    assert files[0] == files[1]
    assert {path.name for path in (home / "_build").iterdir()} == {".lock", "book", "html"}


def test_the_theme_is_patched_where_it_still_needs_to_be(book):
    """Each patch of sqbook/site: what it mends is still so in the theme, and no longer so on the pages."""
    import docutils.writers._html_base
    import pydata_sphinx_theme

    theme = Path(pydata_sphinx_theme.__file__).parent / "theme/pydata_sphinx_theme"
    macros = (theme / "static/webpack-macros.html").read_text()
    assert re.findall(r"macro (\w+)", macros) == ["head_pre_assets", "head_js_preload", "body_post"]
    assert "scripts/fontawesome.js" in macros.split("macro head_js_preload")[1].split("endmacro")[0]
    assert "<div id=\"pst-primary-sidebar\" class" in (theme / "layout.html").read_text()  # no landmark
    assert (theme / "components/navbar-logo.html").is_file()
    writer = Path(docutils.writers._html_base.__file__).read_text()
    assert 'role="list" class="citation-list"' in writer and "doc-biblioentry" in writer
    for path in pages(book / "_build/html"):
        if path.parent.name not in ("book", "notebooks"):
            continue
        text, page = path.read_text(), BeautifulSoup(path.read_text(), "html.parser")
        assert "fontawesome.js" not in text and "doc-biblioentry" not in text
        assert page.select_one(".logo__title").find_parent(attrs={"role": "region"})["aria-label"] == "The book"
        assert bool(page.select("script[src*=mathjax]")) == bool(page.select(".math")), path
        assert len(page.select("meta[name=description]")) == 1
    bibliography = BeautifulSoup((book / "_build/html/book/bibliography.html").read_text(), "html.parser")
    assert len(bibliography.select("div.citation-list > div.citation")) > 10


def test_prose_shows_what_a_chapter_published_and_what_the_build_measured(book):
    intro = BeautifulSoup((book / "_build/html/book/intro.html").read_text(), "html.parser")
    figure = intro.select_one("figure.sq-figure")
    assert figure.img["alt"] == "A histogram that falls off exponentially."
    assert figure.select_one("figcaption a")["href"] == "../notebooks/00_first.html#fig01"
    said = intro.select("#what-this-build-found li")
    assert [line.select_one("a")["href"] for line in said] == [f"../notebooks/{name}.html#fig0{number}"
                                                              for number, name in enumerate(TITLES, 1)]
    assert "(0.50 … 1.50)" in said[0].get_text() and "the two cannot be told apart" in said[1].get_text()
    assert [line.select_one(".sq-simulated").get_text() for line in said] == ["SIMULATED"] * 2
    teaching = BeautifulSoup((book / "_build/html/book/instructors.html").read_text(), "html.parser")
    rows = [row.td.get_text() for row in teaching.select("tbody tr")]
    assert set(TITLES) <= set(rows)
    score = BeautifulSoup((book / "_build/html/book/scorecard.html").read_text(), "html.parser")
    assert score.select_one("#scorecard-tables tbody a")["href"] == "../notebooks/00_first.html#table1"
    assert [row.th.get_text() for row in score.select("#scorecard-figures tbody tr")][:2] == ["Figure 1", "Figure 2"]
    rows = [[cell.get_text() for cell in row.select("th, td")] for row in score.select("#scorecard-headlines tbody tr")]
    assert [(row[0], row[2], row[3]) for row in rows] == [("mean <power> & interval", "0.50 … 1.50", "Figure 1"),
                                                          ("mean <power> & interval", "0.50 … 1.50", "Figure 1")]


def test_every_chapter_has_a_table_of_its_parameters_on_the_rerun_page(book):
    page = rerun_page(list(TITLES))
    assert all(f"sq run {name}\n" in page for name in TITLES)
    own = page.split("## 01_second")[1].split("\n## ")[0]
    assert "| Parameter | What it is | Type | Default | laptop | smoke |" in own
    assert "| `level` | mean of the noise | float | `1.0` | | `2.0` |" in own
    html = BeautifulSoup((book / "_build/html/book/rerun.html").read_text(), "html.parser")
    assert len(html.select("table")) >= 6 and html.find("code", string="page.settings")


def test_parameters_fold_and_the_values_of_a_run_are_left_to_its_card(book, tmp_path):
    folder = next(path.parent for path in (book / "runs/00_first").glob("*/card.json"))
    (tmp_path / "notebooks").mkdir()
    _add_chapter(tmp_path, "00_first", folder, set())
    cells = json.loads((tmp_path / "notebooks/00_first.ipynb").read_text())["cells"]
    values = next(cell for cell in cells if "injected-parameters" in cell["metadata"].get("tags", []))
    assert "remove-cell" in values["metadata"]["tags"]
    defaults = next(cell for cell in cells if "parameters" in cell["metadata"].get("tags", []))
    assert "hide-input" in defaults["metadata"]["tags"]
    assert defaults["metadata"]["mystnb"]["code_prompt_show"] == "Show the parameters"


def test_broken_link_stops_the_build_and_keeps_the_book_that_is_there(book, tmp_path, monkeypatch):
    home = shutil.copytree(book, tmp_path / "home")
    monkeypatch.setenv("SQ_HOME", str(home))
    before = (home / "_build/html/index.html").stat().st_mtime_ns
    with (home / "book" / "intro.md").open("a") as page:
        page.write("\n[nowhere](no-such-page.md)\n")
    runs = {name: next(p.parent for p in (home / "runs" / name).glob("*/card.json")) for name in TITLES}
    with pytest.raises(SqError, match="no-such-page"):
        build_book(runs)
    assert (home / "_build/html/index.html").stat().st_mtime_ns == before


def test_contents_that_name_an_absent_notebook_are_refused(sq_home, monkeypatch):
    sq_home.mkdir()
    (sq_home / "_toc.yml").write_text("root: book/intro\nchapters:\n  - file: notebooks/07_missing\n")
    with pytest.raises(SqError, match="07_missing"):
        chapters()


def test_failing_chapter_stops_the_book(tmp_path, monkeypatch, capsys):
    home = add_prose(make_home(tmp_path / "home"))
    write_notebook(home / "notebooks/01_second.ipynb", "raise ValueError('clouds')", PARAMETERS)
    monkeypatch.setenv("SQ_HOME", str(home))
    write_notebook(home / "notebooks/00_first.ipynb", "1 + 1")
    assert main(["book", "--profile", "smoke", "--workers", "1"]) == 2
    assert "01_second.ipynb failed in cell 5 (In [3]): ValueError: clouds" in capsys.readouterr().err
    assert not (home / "_build" / "html").exists()


def test_figure_keeps_its_white_ground_in_the_dark_and_the_page_its_width_on_a_phone(book, browser):
    path = book / "_build/html/notebooks/00_first.html"
    with opened(browser, path, color_scheme="dark", viewport={"width": 390, "height": 800}) as (page, _):
        assert page.evaluate("document.documentElement.scrollWidth") <= 390
        style = page.evaluate("(({backgroundColor, filter}) => [backgroundColor, filter])"
                              "(getComputedStyle(document.querySelector('#fig01 img')))")
        assert style == ["rgb(255, 255, 255)", "none"]
        assert page.locator("body").inner_text().lstrip().startswith(("Skip", "Finding", "Back"))  # no stray markup


def test_movie_plays_by_keyboard_and_shows_a_still_without_scripts(book, browser):
    path = book / "_build/html/notebooks/00_first.html"
    place = "getComputedStyle(document.querySelector('#mov01 img')).transform"
    with opened(browser, path) as (page, _):
        slider = page.locator("#mov01 input")
        before = page.evaluate(place)
        slider.focus()
        page.keyboard.press("ArrowRight")
        assert slider.get_attribute("aria-valuetext") == "8 of 12"
        assert page.evaluate(place) != before
        page.locator("#mov01 button").press("Enter")
        page.wait_for_function("document.querySelector('#mov01 input').value !== '7'")
        assert page.locator("#mov01 button").inner_text() == "Pause"
    with opened(browser, path, java_script_enabled=False) as (page, _):
        assert page.locator("#mov01 .sq-controls").is_hidden()
        assert page.locator("#mov01 img").is_visible()
