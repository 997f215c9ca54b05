"""A tiny book of two tiny chapters: built whole, offline, legible, and refused where something is wrong."""

import json
import shutil
import subprocess
import sys

import pytest
from browser import chromium, maths, opened, pages
from tinybook import CHECKOUT, PARAMETERS, TITLES, add_prose, make_home, write_notebook

from sqbook.site.build import build_book, chapters, dress, reading, rerun_page, with_header
from sqbook.site.offline import check_offline, remote_references
from sqlib.errors import SqError


@pytest.fixture(scope="module")
def book(tmp_path_factory):
    """Home folder of a tiny book, built by the command itself."""
    home = add_prose(make_home(tmp_path_factory.mktemp("book")))
    done = subprocess.run(
        [sys.executable, "-m", "sqbook.cli", "book", "--profile", "smoke"],
        env={**_environment(), "SQ_HOME": str(home)}, capture_output=True, text=True, timeout=300,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == str(home / "_build" / "html" / "index.html")
    return home


@pytest.fixture
def home(book, monkeypatch):
    monkeypatch.setenv("SQ_HOME", str(book))
    return book


def _environment():
    import os

    return dict(os.environ)


def test_book_shows_each_chapter_with_its_facts_its_figures_and_its_run_card(book):
    for name, title in TITLES.items():
        page = (book / "_build/html/notebooks" / f"{name}.html").read_text()
        assert title in page
        assert "time to read: 1 min · time to run: " in page
        assert "profile: smoke · data: simulated twin" in page
        assert 'alt="A histogram that falls off exponentially."' in page
        assert "Speckle of &lt;one&gt; source &amp; noise." in page  # captions are text, not markup
        assert page.count("SIMULATED (twin, seed 1265)") == 3  # figure, table, movie
        assert "<summary>Run card</summary>" in page
        assert "Show the values of this run" in page
        assert "papermill" not in json.dumps(_metadata(book / "_build/book/notebooks" / f"{name}.ipynb"))


def test_two_books_at_once_both_end_with_the_whole_book(book, tmp_path):
    home = tmp_path / "home"
    shutil.copytree(book, home, ignore=shutil.ignore_patterns("_build"))
    words = [sys.executable, "-m", "sqbook.cli", "book", "--profile", "smoke", "--workers", "1"]
    both = [subprocess.Popen(words, env={**_environment(), "SQ_HOME": str(home)}, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
            for _ in range(2)]  # fmt: skip
    told = [process.communicate(timeout=300)[1].decode() for process in both]
    assert [process.returncode for process in both] == [0, 0], told
    files = [{path.relative_to(folder) for path in folder.rglob("*")} for folder in (book / "_build/html", home / "_build/html")]
    assert files[0] == files[1]
    assert {path.name for path in (home / "_build").iterdir()} == {path.name for path in (book / "_build").iterdir()}


def _metadata(path):
    content = json.loads(path.read_text())
    return [content["metadata"], *(cell["metadata"] for cell in content["cells"])]


def test_book_loads_nothing_from_the_network(book):
    assert check_offline(book / "_build/html") >= 7
    page = book / "_build/html/book/intro.html"
    assert remote_references(page.read_text()) == []
    assert "../mathjax/tex-mml-chtml.js" in (book / "_build/html/notebooks/00_first.html").read_text()
    assert (book / "_build/html/mathjax/tex-mml-chtml.js").stat().st_size > 1e6


@pytest.mark.parametrize(
    "html",
    [
        '<script src="https://cdn.example/x.js"></script>',
        '<script src="//cdn.example/x.js"></script>',
        '<link rel="stylesheet" href="http://cdn.example/x.css">',
        '<img src="https://cdn.example/x.png" alt="">',
        '<img srcset="a.png 1x, https://cdn.example/x.png 2x" alt="">',
        '<iframe src="https://cdn.example/"></iframe>',
        '<style>@import "https://cdn.example/x.css";</style>',
        '<p style="background: url(//cdn.example/x.png)">',
        '<script>load("https://cdn.example/x.js")</script>',
    ],
)
def test_remote_reference_is_found(html, tmp_path):
    assert len(remote_references(html)) == 1
    (tmp_path / "page.html").write_text(html)
    with pytest.raises(SqError, match=r"page\.html: .*cdn\.example"):
        check_offline(tmp_path)


def test_link_to_follow_is_no_remote_reference():
    html = '<a href="https://doi.org/x">x</a><link rel="canonical" href="https://x.org"><img src="data:image/png;base64,AA">'
    assert remote_references(html) == []


def test_style_sheet_with_a_remote_font_is_found(tmp_path):
    (tmp_path / "x.css").write_text("@font-face { src: url('https://cdn.example/x.woff2'); }")
    with pytest.raises(SqError, match=r"x\.css: https://cdn\.example"):
        check_offline(tmp_path)


def test_every_chapter_has_a_table_of_its_parameters_on_the_rerun_page(home):
    page = rerun_page(list(TITLES))
    for name in TITLES:
        assert f"sq run {name}" in page
    row = next(line for line in page.split("<tr>") if ">level<" in line and "2.0" in line)
    assert "mean of the noise" in row
    assert "float" in row
    assert (home / "_build/html/book/rerun.html").is_file()


def test_injected_values_fold_and_the_header_stands_under_the_title():
    cells = [
        {"cell_type": "markdown", "metadata": {}, "source": ["# Title\n", "\n", "Words."]},
        {"cell_type": "code", "metadata": {"tags": ["injected-parameters"], "papermill": {"status": "completed"}},
         "source": "# Parameters\nseed = 1", "outputs": [], "execution_count": 1},
    ]  # fmt: skip
    card = {"data": "sunquakenet", "seconds_in_all": 200.0, "threads": 2, "profile": "laptop"}
    title, values = dress({"cells": cells, "metadata": {"papermill": {"duration": 1}}}, card)["cells"]
    assert title["source"].splitlines()[0] == "# Title"
    assert "time to run: 3 min (2 threads)" in title["source"]
    assert "data: observed, SunquakeNet" in title["source"]
    assert values["source"] == "# The values of this run\nseed = 1"
    assert "hide-input" in values["metadata"]["tags"]
    assert "papermill" not in values["metadata"]


def test_page_without_title_keeps_its_text_and_reading_time_counts_words():
    assert with_header("No title.", ["fact"]) == "No title."
    assert reading("word " * 900) == "time to read: 5 min"
    assert reading("one") == "time to read: 1 min"


def test_broken_link_stops_the_build_and_keeps_the_book_that_is_there(home, tmp_path, monkeypatch):
    before = (home / "_build/html/index.html").stat().st_mtime_ns
    page = home / "book" / "intro.md"
    text = page.read_text()
    page.write_text(text + "\n[nowhere](no-such-page.md)\n")
    try:
        runs = {name: next(p.parent for p in (home / "runs" / name).glob("*/card.json")) for name in TITLES}
        with pytest.raises(SqError, match="no-such-page"):
            build_book(runs)
    finally:
        page.write_text(text)
    assert (home / "_build/html/index.html").stat().st_mtime_ns == before


def test_contents_that_name_an_absent_notebook_are_refused(sq_home, monkeypatch):
    sq_home.mkdir()
    (sq_home / "_toc.yml").write_text("root: book/intro\nchapters:\n  - file: notebooks/07_missing\n")
    with pytest.raises(SqError, match="07_missing"):
        chapters()


def test_configuration_never_executes_a_notebook_while_building():
    import yaml

    config = yaml.safe_load((CHECKOUT / "_config.yml").read_text())
    assert config["execute"]["execute_notebooks"] == "off"


def test_failing_chapter_stops_the_book(tmp_path, monkeypatch, capsys):
    from sqbook.cli import main

    home = add_prose(make_home(tmp_path / "home"))
    write_notebook(home / "notebooks/01_second.ipynb", "raise ValueError('clouds')", PARAMETERS)
    monkeypatch.setenv("SQ_HOME", str(home))
    assert main(["book", "--profile", "smoke"]) == 2
    assert "01_second.ipynb failed in cell 5 (In [3]): ValueError: clouds" in capsys.readouterr().err
    assert not (home / "_build" / "html").exists()


def test_pages_open_offline_without_a_complaint_and_with_their_maths(book):
    with chromium() as browser:
        for path in pages(book / "_build/html"):
            with opened(browser, path) as (page, complaints):
                formulas = maths(page)
                assert complaints == []
                if path.parent.name == "notebooks":
                    assert formulas == 2


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_figure_keeps_its_white_ground_and_the_page_its_width_on_a_phone(book, scheme):
    with chromium() as browser:
        path = book / "_build/html/notebooks/00_first.html"
        with opened(browser, path, color_scheme=scheme, viewport={"width": 390, "height": 800}) as (page, _):
            assert page.evaluate("document.documentElement.scrollWidth") <= 390
            style = page.evaluate("(({backgroundColor, filter}) => [backgroundColor, filter])"
                                  "(getComputedStyle(document.querySelector('#fig01 img')))")  # fmt: skip
            assert style == ["rgb(255, 255, 255)", "none"]


def test_movie_plays_by_keyboard_and_shows_a_still_without_scripts(book):
    path = book / "_build/html/notebooks/00_first.html"
    place = "getComputedStyle(document.querySelector('#mov01 img')).transform"
    with chromium() as browser:
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
