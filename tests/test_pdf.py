"""The whole book as one PDF: every page in order, links that arrive, formulas, and what paper cannot show left out."""

import re
import shutil
import subprocess
from concurrent.futures import ThreadPoolExecutor

import pytest
from browser import chromium, maths, opened
from tinybook import TITLES, make_home

from sqbook import pdf
from sqbook.cli import main
from sqlib.errors import SqError


@pytest.fixture(scope="module")
def printed(tiny_book):
    """The PDF that the command makes of a tiny book."""
    with chromium():
        pass  # skips where there is none
    return tiny_book / "_build" / "finding-sunquakes.pdf"


@pytest.fixture(scope="module")
def page_file(printed):
    """The page of all chapters of which it is a print."""
    return printed.parent / "book/_build/singlehtml/whole.html"


@pytest.fixture(scope="module")
def page(page_file):
    """That page, made ready for print."""
    size = {"width": pdf.WIDTH, "height": 1000}
    with chromium() as browser, opened(browser, page_file, viewport=size) as (page, complaints):
        page.emulate_media(media="print")
        assert maths(page) > 2
        page.add_style_tag(path=pdf.STYLE)
        page.evaluate(pdf.SCRIPT.read_text(), pdf.WIDTH)
        yield page
        assert [one for one in complaints if one.startswith(("remote:", "script:"))] == []


def test_every_page_stands_in_its_order_below_the_contents(page):
    marks = page.locator('[id^="document-"]:empty').evaluate_all("all => all.map((one) => one.id)")
    marks = [mark for mark in marks if "--" not in mark]
    assert marks[:3] == ["document-book/intro", "document-notebooks/00_first", "document-notebooks/01_second"]
    listed = page.locator("#jb-print-toc a").evaluate_all("all => all.map((one) => one.getAttribute('href'))")
    assert listed == [f"#{mark}" for mark in marks[1:]] and len(listed) > 8
    assert page.locator(".bd-article h2").get_by_text("The second chapter").is_visible()


def test_every_link_arrives_and_each_chapter_keeps_its_own_places(page):
    ids = page.locator(".bd-article [id]:not(svg *)").evaluate_all("all => all.map((one) => one.id)")
    assert len(set(ids)) == len(ids) > 50
    links = page.locator(".bd-article a[href]").evaluate_all(
        "all => all.map((one) => [one.textContent, one.getAttribute('href')])")
    assert [href for _, href in links if not href.startswith(("https:", "mailto:")) and href[1:] not in ids] == []
    first, second = "document-notebooks/00_first", "document-notebooks/01_second"
    found = dict(links)
    expected = {"it": second, "there": f"{second}--far-place", "its spot": f"{first}--spot",
                "the spot here": f"{second}--spot", "the other": f"{first}--spot"}
    assert {words: found[words] for words in expected} == {words: f"#{place}" for words, place in expected.items()}
    assert "the numbers" not in found  # a file beside the book
    assert any(href.startswith("#document-book/bibliography--id") for _, href in links)


def test_what_moves_is_still_what_unfolds_is_open_and_folded_code_is_left_out(page):
    seen = ".sq-figure img, .cell_output img, .tag_hide-cell .output"
    assert page.locator(seen).count() >= 6 and all(one.is_visible() for one in page.locator(seen).all())
    page.wait_for_function("[...document.querySelectorAll('.bd-article img')].every((one) => one.naturalWidth > 0)")
    gone = page.locator(".tag_hide-input .cell_input, .sq-controls, .sq-made, .headerlink, .bd-sidebar-primary")
    assert gone.count() > 10 and not any(one.is_visible() for one in gone.all())
    left_out = page.evaluate("getComputedStyle(document.querySelector('#jb-print-toc'), '::after').content")
    assert "left out here" in left_out


def test_wide_tables_fit_the_sheet(page):
    right = page.locator(".bd-article table").evaluate_all("all => all.map((one) => one.getBoundingClientRect().right)")
    assert len(right) > 5 and max(right) <= pdf.WIDTH + 1


def test_the_pdf_has_sheets_bookmarks_pictures_and_words(printed):
    data = printed.read_bytes()
    assert data.startswith(b"%PDF") and len(re.findall(rb"/Type /Page\b", data)) > 10
    assert b"/Outlines" in data and data.count(b"/Subtype /Image") >= 2
    if shutil.which("pdftotext"):
        text = subprocess.run(["pdftotext", str(printed), "-"], capture_output=True, text=True, check=True).stdout
        for words in (*TITLES.values(), "Contents", "Bibliography", "SIMULATED (twin, seed 1265)", "Run card"):
            assert words in text
        assert "\\psi" not in text and "\\(" not in text  # formulas are set, not printed as TeX


def test_a_file_that_cannot_be_written_is_named(page_file, printed):
    with ThreadPoolExecutor(1) as other, pytest.raises(SqError, match="cannot write"):  # playwright runs once a thread
        other.submit(pdf.write_pdf, page_file, printed / "below.pdf").result()


def test_without_chromium_the_command_says_so_before_anything_runs(monkeypatch, tmp_path, capsys):
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setenv("SQ_HOME", str(make_home(tmp_path / "home")))
    assert main(["book", "--pdf", "--profile", "smoke"]) == 2
    assert "no Chromium" in capsys.readouterr().err
    assert not (tmp_path / "home/runs").exists()
