"""A slide deck of an executed chapter: from tagged cells, by keyboard, in print, without scripts, without a network."""

import re
from itertools import pairwise

import nbformat
import pytest
from browser import maths, opened
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output
from tinybook import CHECKOUT, CODE, make_home, write_notebook

from sqbook.cli import main
from sqbook.slides import as_html, deck, lead
from sqbook.student import exercises
from sqlib.errors import SqError
from sqlib.show.bundle import MIME

WIDE = {"width": 1280, "height": 720}
SHOWN = """[...document.querySelectorAll('.slides > section > section')].map((slide) => [
    slide.querySelector('h1, h2').textContent,
    [...slide.querySelectorAll('.shown > [id]')].map((one) => one.id).join()])"""


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """The deck that the command makes of a chapter with a figure, a table and a movie under one heading."""
    with pytest.MonkeyPatch.context() as patch:
        home = make_home(tmp_path_factory.mktemp("home"))
        patch.setenv("SQ_HOME", str(home))
        code, end = CODE.replace("<one>", "<script>alert(1)</script>").split("publish.close")
        title = "The *first* one, of [many](01_second)"
        path = write_notebook(home / "notebooks/00_first.ipynb", code + "print('Half of them.')", title=title)
        notebook = nbformat.read(path, as_version=4)
        notebook.cells[2].metadata["slideshow"] = {"slide_type": "slide"}
        notebook.cells.append(new_code_cell("publish.close" + end, metadata={"slideshow": {"slide_type": "skip"}}))
        nbformat.write(notebook, path)
        assert main(["slides", "00_first", "--profile", "smoke"]) == 0
        yield home / "runs" / "slides" / "00_first.html"


def test_arrow_keys_turn_the_slides_one_at_a_time_and_stop_at_the_ends(made, browser):
    with opened(browser, made, viewport=WIDE) as (page, complaints):
        assert maths(page) == 4  # two on slides, and the same two in the speaker's notes
        seen = []
        for key in ("ArrowLeft", "ArrowRight", "PageDown", " ", "ArrowRight", "ArrowLeft", "Home", "End"):
            page.keyboard.press(key)
            seen.append(page.evaluate("Reveal.getSlidePastCount() + 1"))
            assert page.locator("section section.present").is_visible()
        assert seen == [1, 2, 3, 4, 4, 3, 1, 4]
        assert page.locator(".slide-number").inner_text().split() == ["4", "/", "4"]
        assert complaints == []


def test_each_picture_has_a_slide_its_words_and_its_mark(made, browser):
    with opened(browser, made, viewport=WIDE) as (page, complaints):
        title = "The first one, of many"
        pictures = {"fig01": "Speckle of <script>alert(1)</script> source & noise", "table1": "Means of two frames",
                    "mov01": "Noise"}
        assert page.evaluate(SHOWN) == [[title, ""], *([says, name] for name, says in pictures.items())]
        assert page.locator("section > .words > h1 em").inner_text() == "first"
        assert page.locator("h1 a").count() == 0  # there is no page to lead to
        images = page.evaluate("[...document.images].map(i => [i.naturalWidth > 0, i.alt])")
        assert images == [[True, "A histogram that falls off exponentially."], [True, "Noise."]]
        assert page.locator(".sq-mark").all_text_contents() == ["SIMULATED (twin, seed 1265)"] * 3
        facts = page.locator(".facts").text_content()
        assert "data: simulated twin" in facts and "profile: smoke" in facts
        assert "<script>alert(1)" in page.locator("#fig01 figcaption").text_content()  # words, not markup
        assert complaints == []


def test_the_speaker_sees_what_the_slide_leaves_out(made, browser):
    with opened(browser, made, viewport=WIDE) as (page, _):
        page.keyboard.press("ArrowRight")
        with page.context.expect_page() as opening:
            page.keyboard.press("s")
        notes = opening.value.locator(".speaker-controls-notes .value")
        notes.wait_for(state="visible")
        assert "The noise" in notes.inner_text()
        assert page.locator("aside.notes").first.is_hidden()
        assert "Half of them." in page.locator("aside.notes").last.text_content()  # what the chapter has printed


def test_keys_within_a_movie_move_the_movie_and_not_the_slides(made, browser):
    with opened(browser, made, viewport=WIDE) as (page, _):
        page.keyboard.press("End")
        slider = page.locator("#mov01 input")
        before = slider.get_attribute("aria-valuetext")
        slider.focus()
        page.keyboard.press("ArrowRight")
        assert slider.get_attribute("aria-valuetext") != before
        page.locator("#mov01 button").first.focus()
        page.keyboard.press(" ")
        assert page.evaluate("Reveal.getSlidePastCount()") == 3


def test_the_address_of_a_figure_opens_its_slide(made, browser):
    with opened(browser, made, viewport=WIDE) as (page, _):
        page.evaluate("location.hash = '#table1'")
        page.wait_for_function("document.querySelector('.present #table1')")


def test_without_scripts_and_on_a_phone_everything_is_there_and_each_slide_prints_on_a_sheet(made, browser):
    with opened(browser, made, java_script_enabled=False) as (page, _):
        page.locator("#mov01").scroll_into_view_if_needed()
        boxes = [page.locator(name).bounding_box() for name in ("section > .words > h1", "#fig01", "#table1", "#mov01")]
        assert all(box["width"] > 50 and box["height"] > 20 for box in boxes)
        assert all(above["y"] + above["height"] <= below["y"] for above, below in pairwise(boxes))
    with opened(browser, made, viewport={"width": 390, "height": 800}) as (page, _):
        assert page.evaluate("document.documentElement.scrollWidth") <= 390
    with opened(browser, made, viewport=WIDE) as (page, _):
        maths(page)
        assert len(re.findall(rb"/Type\s*/Page\b", page.pdf(prefer_css_page_size=True))) == 4


FIGURE, TABLE = '<figure class="sq-figure" id="f"></figure>', '<div class="sq-table" id="t"></div>'


def text(source: str, kind: str = "", **more):
    return new_markdown_cell(source, metadata={"slideshow": {"slide_type": kind} | more} if kind else {})


def outputs(*html: str, kind: str = "", printed: str = ""):
    shown = [new_output("display_data", {"text/html": one}) for one in html]
    printed = [new_output("stream", text=printed)] if printed else []
    return new_code_cell(outputs=shown + printed, metadata={"slideshow": {"slide_type": kind}} if kind else {})


def finding(words: str, **more):
    return new_code_cell(outputs=[new_output("display_data", {"text/markdown": words})], metadata={"slideshow": more})


def shown(*cells) -> list[tuple[str, str]]:
    """What each cell of the deck is and shows, the run's facts left out."""
    of = deck(new_notebook(cells=[*cells]), "facts").cells
    return [(cell.metadata.slideshow.slide_type, cell.source.removesuffix("\n\nfacts")
             or cell.outputs[0].data["text/html"]) for cell in of]


def test_tags_decide_what_begins_a_slide_what_is_a_note_and_what_is_left_out():
    found = shown(text("# T\n\nOne. Two. Three.", "slide"), text("## A\n\nFour.", "slide"),
                  outputs(FIGURE, "", TABLE, printed="5"), text("Aside."), text("Six.", "subslide"), outputs(FIGURE),
                  text("Seven.", "notes"), outputs(TABLE, kind="skip"), text("## No", "skip"),
                  text("Eight.", "fragment"), outputs(FIGURE, kind="subslide"))
    assert found == [
        ("slide", "# T\n\nOne. Two."), ("notes", "# T\n\nOne. Two. Three."),
        ("slide", "## A\n\nFour."), ("notes", "## A\n\nFour."), ("-", FIGURE), ("subslide", "## A"), ("-", TABLE),
        ("notes", "```text\n5\n```"), ("notes", "Aside."),
        ("subslide", "## A\n\nSix."), ("notes", "Six."), ("-", FIGURE), ("notes", "Seven."),
        ("fragment", "Eight."), ("notes", "Eight."), ("subslide", "## A"), ("-", FIGURE),
    ]


def test_a_text_that_is_declared_whole_is_shown_whole():
    rest = "\n\n**1.** Why? And how? And when?\n\nMore."
    last = shown(text("# T", "slide"), text("## Exercises" + rest, "slide", whole=True))[-1]
    assert last == ("slide", "## Exercises" + rest)


def test_the_hint_of_an_exercise_is_a_note():
    hint = "<details><summary>Hint</summary>\n\nAdd.\n\n</details>"
    alone = shown(text("# T", "slide"), text(f"## E\n\n**1. One.** Two?\n\n{hint}", "slide", whole=True))[2:]
    assert alone == [("slide", "## E\n\n**1. One.** Two?"), ("notes", "Add.")]


def test_what_a_slide_shall_say_goes_before_what_the_chapter_says():
    own = {"title": "Vote", "words": "Who is right?", "notes": "Wait."}
    assert shown(text("# T", "slide"), text("## A\n\nOne. Two.", "slide", **own))[2:] == [
        ("slide", "## Vote\n\nWho is right?"), ("notes", "Wait."), ("notes", "## A\n\nOne. Two.")]
    picture = outputs(FIGURE, kind="subslide")
    picture.metadata["slideshow"] |= own
    assert shown(text("# T", "slide"), picture)[2:] == [
        ("subslide", "## Vote\n\nWho is right?"), ("-", FIGURE), ("notes", "Wait.")]


@pytest.mark.parametrize(("caption", "said"), [
    ("Copies have an F1 of 0.97 (paper: 0.98). Bars: means.", "Copies have an F1 of 0.97 (paper: 0.98)"), ("", "A")])
def test_a_slide_with_a_picture_has_the_message_of_its_caption_as_title(caption, said):
    for kind in ("subslide", ""):
        picture = outputs(FIGURE, kind=kind)
        picture.outputs[0].data[MIME] = {"record": {"caption": caption}}
        found = shown(text("# T", "slide"), text("## A\n\nOne.", "slide"), picture)
        slide = ("subslide", f"## {said}") if kind else ("slide", f"## {said}\n\nOne.")
        assert slide in found and found[-1] == ("-", FIGURE)


def test_a_finding_is_a_note_and_one_that_is_declared_whole_is_on_the_slide():
    found = shown(text("# T", "slide"), finding("It is 5."), finding("- All.", whole=True))
    assert found[-2:] == [("notes", "It is 5."), ("-", "- All.")]


@pytest.mark.parametrize(
    ("source", "short"),
    [
        ("It is $x < 1.5$ here. Two. Three.\n\nFour.", "It is $x < 1.5$ here. Two."),
        ("## H\n\nOne.\n\n$$\na = b\n$$\n\nTwo.\n\n$$ c $$", "One.\n\n$$\na = b\n$$"),
        ("- One. Two. Three.\n- Four.\n\nFive.", "- One. Two. Three.\n- Four."),
        ("Before.\n\n## H\n\nOne.\n\n### I\n\nTwo.", "One."),
        ("# T\n\n```{admonition} Overview\n:class: tip\n**Learn** this.\n\nMore.\n```\n\nOne.", "**Learn** this."),
        ("One. Two! Three?", "One. Two!"),
        ("", ""),
    ],
)
def test_a_lead_is_two_sentences_or_a_list_and_the_first_formula(source, short):
    assert lead(source)[1] == short


def test_roles_become_words_and_formulas_stay():
    words = as_html("{term}`pupils <pupil>` {cite:p}`mercea2023,chen2020`, {cite:t}`ionescu2010`, $a < b$.\n\n"
                    "```{admonition} A note\n:class: tip\nSo.\n```")
    assert words == ("<p>pupils (Mercea 2023, Chen 2020), Ionescu 2010, "
                     '<span class="math inline">\\(a &lt; b\\)</span>.</p>\n<p>So.</p>\n')


@pytest.mark.parametrize("path", sorted((CHECKOUT / "notebooks").glob("*.ipynb")), ids=lambda path: path.stem)
def test_a_chapter_is_tagged_with_a_title_its_exercises_and_its_summary_and_no_solution(path):
    notebook = nbformat.read(path, as_version=4)
    kinds = {cell.id: cell.metadata.get("slideshow", {}).get("slide_type", "-") for cell in notebook.cells}
    assert set(kinds.values()) <= {"-", "slide", "subslide", "fragment", "skip", "notes"}
    assert all(kinds[cell.id] == "skip" for cell in notebook.cells if "solution" in cell.metadata.get("tags", []))
    found = [one for one in deck(notebook, "").cells if one.metadata.slideshow.slide_type in ("slide", "subslide")]
    sources = [one.source for one in found]
    assert sources[0].startswith("# ") and all(one.startswith("## ") for one in sources[1:]) and len(sources) > 8
    for number in range(1, exercises(notebook) + 1):
        assert sum(f"**{number}." in one or f"**Exercise {number}." in one for one in sources) == 1
    [summary] = [cell.source for cell in notebook.cells if cell.source.startswith("## Summary")]
    assert sources[-1].split() == summary.split()  # all of it


@pytest.mark.parametrize("name", ["00_holography", "01_dataset", "03_contrastive", "08_pitfalls"])
def test_a_deck_that_was_edited_by_hand_has_few_words_a_slide_and_notes_on_each(name):
    """Of what stands in the chapter: pictures and findings come with a run."""
    slides, exercise = [], re.compile(r"\*\*(?:Exercise )?\d+\. ")
    for cell in deck(nbformat.read(CHECKOUT / "notebooks" / f"{name}.ipynb", as_version=4), "").cells:
        if cell.metadata.slideshow.slide_type in ("slide", "subslide"):
            slides.append([cell.source, False])
        slides[-1][1] |= cell.metadata.slideshow.slide_type == "notes"
    for source, noted in slides:
        if not exercise.search(source):
            words = re.sub(r"\$\$.*?\$\$", "", source.partition("\n")[2], flags=re.DOTALL)
            assert len(words.split()) <= 60, source
            assert noted, source


def test_the_lecture_says_how_long_its_parts_take_and_asks_before_it_shows():
    cells = nbformat.read(CHECKOUT / "notebooks/08_pitfalls.ipynb", as_version=4).cells
    says = {cell.id: cell.metadata.get("slideshow", {}) for cell in cells}
    notes = "\n".join(one.get("notes", "") for one in says.values())
    planned = [int(minutes) for minutes in re.findall(r"^\*\*(\d+) minutes", notes, flags=re.MULTILINE)]
    assert sum(planned) + 10 == 60  # with the questions
    asked = [name for name, one in says.items() if name.endswith("-text") and one.get("words", "").endswith("?**")]
    assert len(asked) >= 5


@pytest.mark.parametrize("cells", [[], [text("words")], [outputs(FIGURE)]])
def test_a_notebook_without_a_title_is_refused(cells):
    with pytest.raises(SqError, match="begins with the chapter's title"):
        deck(new_notebook(cells=cells), "")
