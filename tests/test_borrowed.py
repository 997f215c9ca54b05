"""Pictures of chapters on pages of prose."""

import json

import pytest
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output

from sqbook.site.figures import with_figures

PICTURE = '<img alt="a spot" src="data:image/png;base64,AA==">'
FIGURE = '<figure class="sq-figure" id="{}">' + PICTURE + "<figcaption><strong>Figure H6.</strong> {}</figcaption></figure>"


@pytest.fixture
def runs(tmp_path):
    html = [FIGURE.format("fig-other", "Another."), FIGURE.format("fig-event", "A sunquake.") + "<details>made</details>"]
    cells = [new_code_cell("1", outputs=[new_output("display_data", {"text/html": one})]) for one in html]
    notebook = new_notebook(cells=[new_markdown_cell("# Title"), *cells])
    (tmp_path / "executed.ipynb").write_text(json.dumps(notebook))
    return {"00_holography": tmp_path}


def test_a_page_shows_the_picture_that_it_asks_for_with_its_caption_and_a_link_to_its_chapter(runs):
    page = with_figures("# Book\n\n<!-- figure 00_holography fig-event -->\n\nMore.", runs)
    link = '<a href="../notebooks/00_holography.html#fig-event">Where it comes from</a>'
    caption = f"<figcaption><strong>Figure H6.</strong> A sunquake. {link}.</figcaption>"
    assert page == f'# Book\n\n<figure class="sq-figure">{PICTURE}{caption}</figure>\n\nMore.'


@pytest.mark.parametrize("mark", ["<!-- figure 00_holography fig-none -->", "<!-- figure 09_absent fig-event -->"])
def test_without_such_a_picture_the_mark_goes(runs, mark):
    assert with_figures(f"Before.\n\n{mark}\n\nAfter.", runs) == "Before.\n\n\n\nAfter."


def test_other_comments_stay(runs):
    assert with_figures("<!-- chapters --> <!-- figure -->", runs) == "<!-- chapters --> <!-- figure -->"
