"""The whole book as one page and one PDF: every page in order, links within it, formulas, and no browser needed to say so."""

import re
import shutil
import subprocess

import pytest
from browser import chromium
from tinybook import TITLES, add_prose, make_home

from sqbook import execute as runs
from sqbook import pdf as whole
from sqbook.cli import main
from sqbook.site.build import build_book
from sqbook.site.links import check_links
from sqlib.errors import SqError

CHAPTER = """<!doctype html><html><head><title>{0} — Book</title></head><body><nav id="side"></nav><article class="bd-article">
<h1 id="{0}">{0}<a class="headerlink" href="#{0}">#</a></h1>
<p id="same">See <a href="{1}.html#same">there</a>, <a href="#same">here</a>,
<a href="x.csv">numbers</a>, <a href="https://example.org/#a">far</a>.</p><details><summary>Solution</summary>S</details>
<div class="cell tag_hide-input"><details class="hide above-input"><summary>Show</summary>plt.plot</details>drawn</div>
<label for="same">L</label><img src="../_images/a.png" alt="A" loading="lazy"><div class="sq-controls">Play</div>
<noscript><img alt="still" src="../_images/a.png"></noscript><div class="sq-ground" hidden>ground</div>
<script>go()</script></article></body></html>"""


@pytest.fixture
def joined(tmp_path):
    (tmp_path / "a").mkdir()
    (tmp_path / "b").mkdir()
    (tmp_path / "a/one.html").write_text(CHAPTER.format("One", "../b/two"))
    (tmp_path / "b/two.html").write_text(CHAPTER.format("Two", "../a/one"))
    return whole.join_pages(tmp_path, [("", ["a/one"]), ("Part", ["b/two"])])


def test_pages_are_joined_and_their_ids_and_links_stay_apart(joined, tmp_path):
    assert joined.index('id="a-one--top"') < joined.index('id="b-two--top"')
    assert joined.count('href="#b-two--same"') == joined.count('href="#a-one--same"') == 2
    assert 'href="#b-two--top">Two</a>' in joined and "<p>Part</p>" in joined  # contents
    assert 'href="https://example.org/#a"' in joined and "x.csv" not in joined
    (tmp_path / "_images").mkdir()
    (tmp_path / "_images/a.png").write_bytes(b"")
    (tmp_path / "a/whole.html").write_text(joined)
    for name in ("a/one.html", "b/two.html"):
        (tmp_path / name).unlink()
    assert check_links(tmp_path) > 0  # every link arrives, and no id is there twice


def test_what_moves_or_unfolds_is_still_and_open(joined):
    assert "go()" not in joined and "Play" not in joined and "lazy" not in joined and "headerlink" not in joined
    assert joined.count('<details open="">') == 2
    assert joined.count('alt="still"') == 2 and "noscript" not in joined and "ground" not in joined  # no scripts on paper
    assert "side" not in joined


def test_code_that_a_chapter_folds_is_left_out_and_its_output_stays(joined):
    assert "plt.plot" not in joined and joined.count("drawn") == 2
    assert whole.LEFT_OUT in joined


def test_without_chromium_the_command_says_so_before_anything_runs(monkeypatch, tmp_path, capsys):
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setenv("SQ_HOME", str(make_home(tmp_path / "home")))
    assert main(["book", "--pdf", "--profile", "smoke"]) == 2
    assert "no Chromium" in capsys.readouterr().err
    assert not (tmp_path / "home/runs").exists()


def test_pdf_holds_every_page_with_formulas_and_solutions(tmp_path, monkeypatch):
    with chromium():
        pass  # skips where there is none
    home = add_prose(make_home(tmp_path / "home"))
    monkeypatch.setenv("SQ_HOME", str(home))
    site = build_book({name: runs.run_notebook(name, {}, "smoke", progress=False) for name in TITLES})
    before = sorted(site.rglob("*"))
    data = (pdf := whole.write_pdf(site, tmp_path / "book.pdf")).read_bytes()
    assert sorted(site.rglob("*")) == before  # the joined page is gone again
    assert data.startswith(b"%PDF") and len(re.findall(rb"/Type /Page\b", data)) > 10
    assert b"/Outlines" in data and data.count(b"/Subtype /Image") >= 2
    if shutil.which("pdftotext"):
        text = subprocess.run(["pdftotext", str(pdf), "-"], capture_output=True, text=True, check=True).stdout
        for words in (*TITLES.values(), "Contents", "Bibliography", "SIMULATED (twin, seed 1265)", "Run card"):
            assert words in text
        assert "\\psi" not in text and "\\(" not in text  # formulas are set, not printed as TeX
    with pytest.raises(SqError, match="cannot write"):
        whole.write_pdf(site, tmp_path / "book.pdf" / "below.pdf")
