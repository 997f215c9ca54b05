"""A slide deck of an executed chapter: every figure, by keyboard, in print, without scripts, and without a network."""

import json
import re

import pytest
from browser import chromium, opened
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output
from tinybook import CODE, make_home, write_notebook

from sqbook import slides as module
from sqbook.cli import main
from sqbook.slides import first_sentences, slides
from sqlib.errors import SqError
from sqlib.show.provenance import make_card

WIDE = {"width": 1280, "height": 720}


@pytest.fixture(scope="module")
def deck(tmp_path_factory):
    """The deck that the command makes of a chapter with a figure, a table and a movie under one heading."""
    with pytest.MonkeyPatch.context() as patch:
        home = make_home(tmp_path_factory.mktemp("home"))
        patch.setenv("SQ_HOME", str(home))
        code = CODE.replace("<one>", "<script>alert(1)</script>")
        write_notebook(home / "notebooks/00_first.ipynb", code, title="The *first* one")
        assert main(["slides", "00_first", "--profile", "smoke"]) == 0
        yield home / "runs" / "slides" / "00_first.html"


def on(page) -> list[str]:
    """The slides that can be seen, by their ids."""
    return page.evaluate("[...document.querySelectorAll('main > section')]"
                         ".filter(s => getComputedStyle(s).visibility === 'visible').map(s => s.id)")  # fmt: skip


def test_arrow_keys_turn_the_slides_one_at_a_time_and_stop_at_the_ends(deck):
    with chromium() as browser, opened(browser, deck, viewport=WIDE) as (page, complaints):
        page.wait_for_function("document.querySelector('mjx-container')")
        assert page.locator("mjx-container").count() == page.locator(".math").count() == 2
        assert page.locator("mjx-merror").count() == 0
        assert page.locator("section h1 em").inner_text() == "first"
        seen = [on(page)]
        for key in ("ArrowLeft", "ArrowRight", "PageDown", " ", "ArrowRight", "ArrowLeft", "Home", "End"):
            page.keyboard.press(key)
            seen.append(on(page))
        numbers = [1, 1, 2, 3, 4, 4, 3, 1, 4]
        assert seen == [[f"slide-{n}"] for n in numbers]
        assert page.locator("nav output").inner_text() == "4 / 4"
        assert page.url.endswith("#slide-4") and page.evaluate("document.activeElement.tagName") == "H2"
        assert page.get_by_role("button", name="Next").is_disabled()
        page.get_by_role("button", name="Back").click()
        assert on(page) == ["slide-3"]
        assert complaints == []


def test_each_picture_has_a_slide_its_words_and_its_mark(deck):
    with chromium() as browser, opened(browser, deck, viewport=WIDE) as (page, complaints):
        shown = page.evaluate("[...document.querySelectorAll('section')].map(s => [s.querySelector('h1,h2').textContent, "
                              "[...s.querySelectorAll('.shown > [id]')].map(e => e.id).join()])")  # fmt: skip
        assert shown == [["The first one", ""], ["The noise", "fig01"], ["The noise", "table1"], ["The noise", "mov01"]]
        pictures = page.evaluate("[...document.images].map(i => [i.naturalWidth > 0, i.alt, i.src.slice(0, 11)])")
        assert pictures == [[True, "A histogram that falls off exponentially.", "data:image/"], [True, "Noise.", "data:image/"]]
        assert page.locator(".sq-mark").all_text_contents() == ["SIMULATED (twin, seed 1265)"] * 3
        facts = page.locator(".facts").text_content()
        assert "data: simulated twin" in facts and "profile: smoke" in facts
        assert "<script>alert(1)" in page.locator("#fig01 figcaption").text_content()  # words, not markup
        assert complaints == []


def test_keys_within_a_movie_move_the_movie_and_not_the_slides(deck):
    with chromium() as browser, opened(browser, deck, viewport=WIDE) as (page, _):
        page.keyboard.press("End")
        slider = page.locator("#mov01 input")
        before = slider.get_attribute("aria-valuetext")
        slider.focus()
        page.keyboard.press("ArrowRight")
        assert slider.get_attribute("aria-valuetext") != before
        assert on(page) == ["slide-4"]


def test_address_of_a_figure_opens_its_slide(deck):
    with chromium() as browser, opened(browser, deck, viewport=WIDE) as (page, _):
        page.evaluate("location.hash = '#table1'")
        page.wait_for_function("document.querySelector('#slide-3.on')")
        page.reload()
        assert on(page) == ["slide-3"]


def test_without_scripts_and_on_a_phone_everything_is_there(deck):
    with chromium() as browser:
        with opened(browser, deck, java_script_enabled=False) as (page, _):
            assert all(page.locator(name).is_visible() for name in ("#fig01", "#table1", "#mov01 img", "h1"))
            assert page.locator("nav").is_hidden()
        with opened(browser, deck, viewport={"width": 390, "height": 800}) as (page, _):
            assert page.evaluate("document.documentElement.scrollWidth") <= 390


def test_a_slide_prints_on_a_page(deck):
    with chromium() as browser, opened(browser, deck, viewport=WIDE) as (page, _):
        page.wait_for_function("document.querySelector('mjx-container')")
        sheets = re.findall(rb"/Type\s*/Page\b", page.pdf(prefer_css_page_size=True))
        assert len(sheets) in (4, 5)  # a last, empty one may follow


def _notebook(*cells) -> dict:
    """Cells: a string is text, a tuple is a code cell's published outputs."""
    made = []
    for cell in cells:
        if isinstance(cell, str):
            made.append(new_markdown_cell(cell))
        else:
            made.append(new_code_cell(outputs=[new_output("display_data", {"text/html": html}) for html in cell]))
    return new_notebook(cells=made)


FIGURE, TABLE = '<figure class="sq-figure" id="f"></figure>', '<div class="sq-table" id="t"><table>{}</table></div>'


def test_sections_figures_and_short_tables_make_slides_and_the_rest_is_for_reading():
    long, short = (TABLE.format("<tr></tr>" * n) for n in (14, 13))
    cells = ("# T\n\nOne. Two. Three.", "## A\n\nFour.", (FIGURE, long, short), "Aside.", (FIGURE,), "After.", "## B")
    made = slides(_notebook(*cells))
    assert [(one.title, one.words, one.shown) for one in made] == [
        ("T", ["<p>One. Two.</p>\n"], ""),
        ("A", ["<p>Four.</p>\n"], FIGURE),
        ("A", [], short),
        ("A", ["<p>Aside.</p>\n"], FIGURE),
        ("B", [], ""),
    ]


def test_exercises_are_shown_whole_and_their_solutions_never():
    text = "## Exercises\n\n**1.** Why? And how? And when?\n\n````{dropdown} Solution\nBecause.\n\n## So\n````\n\n**2.** Where?"
    (_, one) = slides(_notebook("# T", text))
    assert "And when?" in one.words[0] and "Where?" in one.words[0]
    assert "Because" not in one.words[0]


def test_directives_roles_and_links_become_words():
    text = ("# T\n\n```{admonition} Overview\n:class: tip\n**You will learn** of {term}`pupils <pupil>` "
            "{cite:p}`mercea2023,chen2020`, after {cite:t}`ionescu2010` and [a chapter](00_holography).\n```\n\nMore.")  # fmt: skip
    words = slides(_notebook(text))[0].words[0]
    assert words.removeprefix("<p><strong>You will learn</strong> of ") == (
        "pupils (Mercea 2023, Chen 2020), after Ionescu 2010 and a chapter.</p>\n"
    )


@pytest.mark.parametrize(
    ("text", "short"),
    [
        ("One. Two. Three.", "One. Two."),
        ("It is $x < 1.5$ here. Two.\n\nThree.", "It is $x < 1.5$ here. Two."),
        ("One.\n\n$$ a = b $$\n\nTwo.\n\n$$ c $$", "One.\n\n$$ a = b $$"),
        ("- One. Two. Three.\n- Four.\n\nFive.", "- One. Two. Three.\n- Four."),
        ("", ""),
    ],
)
def test_first_sentences(text, short):
    assert first_sentences(text) == short


def test_formula_is_escaped_and_a_deck_without_one_carries_no_mathjax():
    assert module._html("$a < b$") == '<p><span class="math inline">\\(a &lt; b\\)</span></p>\n'
    assert module._mathjax("<p>no formula</p>") == ""


def test_link_to_what_is_not_in_the_deck_is_plain_text(deck, tmp_path, monkeypatch):
    monkeypatch.setenv("SQ_HOME", str(tmp_path))
    text = '# T\n\nSee <a href="#f">this</a> and <a href="#table-setup">that</a>.'
    card = make_card("x", {"data": "twin", "profile": "smoke", "seed": 1}) | {"key": "k", "seconds_in_all": 1.0}
    (tmp_path / "card.json").write_text(json.dumps(card))
    (tmp_path / "executed.ipynb").write_text(json.dumps(_notebook(text, (FIGURE,))))
    assert 'See <a href="#f">this</a> and that.' in module.write_slides(tmp_path).read_text()


def test_notebook_without_a_title_or_without_a_run_is_refused(tmp_path):
    with pytest.raises(SqError, match="begins with the chapter's title"):
        slides(_notebook("words"))
    with pytest.raises(SqError, match="begins with the chapter's title"):
        slides({"cells": []})
    with pytest.raises(SqError, match="cannot be read"):
        module.write_slides(tmp_path)


def test_unknown_notebook_is_refused_with_the_nearest(deck, capsys):
    assert main(["slides", "00_frist"]) == 2
    assert "did you mean '00_first'" in capsys.readouterr().err
