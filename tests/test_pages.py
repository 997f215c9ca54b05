"""The real book at the smoke profile: built once by the command, then looked at page by page."""

import json
import re
from itertools import pairwise
from pathlib import Path

import pytest
from browser import maths, opened, pages, serious
from bs4 import BeautifulSoup
from conftest import run_of

from sqbook.site.api import defined
from sqbook.site.checks import check_links, check_offline, read_pages
from sqbook.slides import write_slides
from sqlib.show.records import read_records

CHECKOUT = Path(__file__).resolve().parents[1]
NOTEBOOKS = sorted(path.stem for path in (CHECKOUT / "notebooks").glob("*.ipynb"))
PROSE = ("intro", "what_to_believe", "scorecard", "rerun", "observations", "own_data", "api", "teaching", "instructors",
         "glossary", "bibliography", "cite")

CUT = """() => {  // what of the slide that is shown lies outside of the screen, and cannot be scrolled to
  const slide = Reveal.getCurrentSlide(), found = [];
  for (const one of slide.querySelectorAll(':is(img, h1, h2, p, li, td, figcaption, mjx-container):not(.notes *)')) {
    let within = one.parentElement;
    while (within !== slide && getComputedStyle(within).overflowX === 'visible') within = within.parentElement;
    if (within !== slide) continue;  // a wide table scrolls by itself, a movie shows one frame of its sheet
    const box = one.getBoundingClientRect();
    if (box.right > innerWidth + 1 || (box.bottom > innerHeight + 1 && slide.scrollHeight <= slide.clientHeight + 1))
      found.push(`${location.hash}: ${one.tagName} ${one.textContent.slice(0, 40)}`);
  }
  return found;
}"""


@pytest.mark.parametrize("name", NOTEBOOKS)
def test_executed_notebook_holds_no_error_no_warning_and_records(smoke_book, name):
    folder = run_of(smoke_book, name)
    executed = json.loads((folder / "executed.ipynb").read_text())
    cells = [cell for cell in executed["cells"] if cell["cell_type"] == "code"]
    outputs = [output for cell in cells for output in cell["outputs"]]
    assert [output for output in outputs if output["output_type"] == "error"] == []
    assert [output["text"] for output in outputs if output.get("name") == "stderr"] == []
    records = read_records(folder)
    assert records
    for record in records.values():
        assert record["profile"] == "smoke"
        assert record["simulated"] == ("simulated" in record["source"])
        if "file" in record:
            assert (folder / record["file"]).stat().st_size > 0
    assert json.loads((folder / "card.json").read_text())["versions"]["torch"]


@pytest.mark.parametrize("name", NOTEBOOKS)
def test_what_is_shown_has_words_and_a_mark_stays_small_and_says_how_it_was_made(smoke_book, name):
    """That links arrive, `check_links` sees."""
    folder = run_of(smoke_book, name)
    page = BeautifulSoup((smoke_book / "_build/html/notebooks" / f"{name}.html").read_text(), "html.parser")
    shown = set()
    for record in read_records(folder).values():
        (place,) = page.find_all(id=record["name"])
        if record["kind"] != "claim":
            shown.add(record["name"])
            assert record["label"] in place.get_text() and place.select_one(f".sq-mark.sq-{record['source'][0]}")
        if record["kind"] == "figure":
            assert record["alt"].strip()
            assert (folder / record["file"]).stat().st_size <= 250_000
    notes = page.select("details.sq-made")
    assert len(notes) == len(shown) > 2
    for note in notes:
        assert note.pre.get_text() == f"sq run {name} --profile smoke"
        assert {"Data", "Commit"} < {term.get_text() for term in note.select("dt")}
    assert {Path(link["href"]).stem for link in page.select("details.sq-made a[download]")} == shown  # their numbers
    named = [code for code in page.select("details.sq-made dd code") if defined(code.get_text())]
    assert [code.get_text() for code in named if code.parent.name != "a"] == []
    assert all(code.parent["href"].startswith("../book/api.html#sqlib.") for code in named)


def test_page_of_functions_has_text_where_docstrings_have_markup(smoke_book):
    page = BeautifulSoup((smoke_book / "_build/html/book/api.html").read_text(), "html.parser")
    assert len(page.select("dl.py > dt")) > 250 and page.find(id="sqlib.learn.losses.supcon")
    for math in page.select("pre, .math"):
        math.decompose()
    text = page.article.get_text()
    marks = re.finditer(r"`|:math:|\\\\|\*\*\w+\*\*", text)
    assert [text[max(0, at.start() - 40) : at.end() + 40] for at in marks] == []
    assert page.select(".system-message, .problematic") == []


def test_the_first_page_shows_a_sunquake_and_says_that_it_is_simulated(smoke_book):
    page = BeautifulSoup((smoke_book / "_build/html/book/intro.html").read_text(), "html.parser")
    figure = page.select_one("figure.sq-figure")
    assert figure.img and "SIMULATED" in figure.get_text()
    assert figure.figcaption.a["href"] == "../notebooks/00_holography.html#fig-event"


def test_the_detector_finds_sources_in_events_that_it_never_saw(smoke_book):
    """Within 2 px of the annotated box in a fifth of the frames; a random place does so in less than 3 %."""
    rows = read_records(run_of(smoke_book, "06_object_detection"))["table-od-methods"]["numbers"]
    assert {row["method"]: row["value"] for row in rows}["Faster R-CNN, as in the paper"] > 0.2


def test_labels_of_records_are_single_in_the_book_and_every_pair_is_declared(smoke_book):
    found = [record for name in NOTEBOOKS for record in read_records(run_of(smoke_book, name)).values()]
    names = [record["name"] for record in found]
    assert len(set(names)) == len(names)
    pairs = {record["name"]: sum(map(len, record["compare"].values())) for record in found if record["compare"]}
    wanted = {"table-counts": 9, "table-split": 1, "table2": 50, "table3": 33, "table4": 50, "table5": 14, "table6": 40,
              "fig05": 4, "fig10": 2}
    assert {name: count for name, count in pairs.items() if name != "fig21"} == wanted  # which needs a weak detection


def test_nothing_is_fetched_every_link_arrives_and_every_page_has_title_description_and_orderly_headings(smoke_book):
    site = smoke_book / "_build/html"
    read = read_pages(site)
    check_offline(site, read)
    assert check_links(site, read) > 500
    titles = []
    for path in site.glob("*/*.html"):
        if path.parent.name not in ("book", "notebooks"):
            continue
        html = path.read_text()
        page = BeautifulSoup(html, "html.parser")
        assert page.html["lang"] == "en"
        titles.append(page.title.get_text())
        assert len(page.find("meta", attrs={"name": "description"})["content"]) > 40, path
        levels = [int(head.name[1]) for head in page.article.find_all(re.compile("^h[1-6]$"))]
        assert levels[0] == 1 and levels.count(1) == 1, path
        assert all(after <= before + 1 for before, after in pairwise(levels)), path
        ids = [one["id"] for one in page.find_all(id=True)]
        assert len(set(ids)) == len(ids) and "main-content" in ids, path
    assert len(set(titles)) == len(titles) == len(NOTEBOOKS) + len(PROSE)


def overflow(page, width: int) -> list[str]:
    """What makes a page wider than the screen: a table scrolls by itself, but its words stay; that of claims fits."""
    right = page.locator(".sq-table > table > caption").evaluate_all(
        "all => all.map((one) => one.getBoundingClientRect().right)")
    wide = {"page": page.evaluate("document.documentElement.scrollWidth"), "a caption": max(right, default=0)}
    wide["table of claims"] = width + page.locator(".sq-claims").evaluate_all(
        "all => Math.max(0, ...all.map((one) => one.scrollWidth - one.clientWidth))")
    return [f"{what} of {pixels} at {width}" for what, pixels in wide.items() if pixels > width]


def test_the_first_page_leads_to_the_book_and_every_page_is_looked_at(smoke_book, browser):
    site = smoke_book / "_build/html"
    with opened(browser, site / "index.html") as (page, complaints):
        page.wait_for_url("**/intro.html")
        assert complaints == []
    made = {"index", "search"}  # by Sphinx
    assert {path.stem for path in pages(site)} - made == {*NOTEBOOKS, *PROSE}


@pytest.mark.parametrize("name", [*NOTEBOOKS, *PROSE, "search"])
def test_a_page_opens_offline_with_its_maths_is_light_and_fits_and_axe_finds_nothing_serious(smoke_book, browser, name):
    path, loaded = next(path for path in pages(smoke_book / "_build/html") if path.stem == name), set()
    with opened(browser, path, loaded, viewport={"width": 390, "height": 844}) as (page, complaints):
        formulas = maths(page)
        weight = sum(Path(file).stat().st_size for file in loaded if file.startswith("/"))
        assert 100_000 < weight <= 3_000_000
        complaints += overflow(page, 390) + serious(page, "light") + serious(page, "dark")
        page.set_viewport_size({"width": 1280, "height": 800})
        assert complaints + overflow(page, 1280) == []
        assert formulas > 0 or name != "00_holography"


@pytest.mark.parametrize("name", NOTEBOOKS)
def test_slides_of_a_chapter_show_its_figures_whole_and_without_a_complaint(smoke_book, browser, name, monkeypatch):
    monkeypatch.setenv("SQ_HOME", str(smoke_book))
    deck = write_slides(run_of(smoke_book, name))
    with opened(browser, deck, viewport={"width": 1280, "height": 720}) as (page, complaints):
        maths(page)
        records = read_records(run_of(smoke_book, name)).values()
        figures = {one["name"] for one in records if one["kind"] in ("figure", "movie", "map")}
        shown = page.evaluate("[...document.querySelectorAll('section section')].map("
                              "s => [...s.querySelectorAll('.shown > [id]')].map(one => one.id))")
        assert max(map(len, shown)) == 1  # one message a slide
        drawn = page.evaluate("[...document.querySelectorAll('figure')].map(f => f.id)")
        assert sorted(drawn) == sorted(figures)  # each once
        cut = []
        for _ in range(page.evaluate("Reveal.getTotalSlides()")):
            cut += page.evaluate(CUT)
            page.keyboard.press("PageDown")
        assert cut == [] and complaints == []
