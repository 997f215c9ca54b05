"""The book's Sphinx extension: what is published becomes images, tables, anchors and references; markup stays text."""

import json
import subprocess
import sys

import matplotlib
import nbformat
import numpy as np
import pandas as pd
import pytest
from bs4 import BeautifulSoup
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output
from published import EVIL, FRAMES, caught, live

from sqbook.site.build import _add_chapter
from sqlib.show import publish
from sqlib.show.embedding_map import embedding_map
from sqlib.show.movie import player
from sqlib.show.records import write_json

matplotlib.use("agg")
CONF = """
extensions = ["myst_nb", "sphinx.ext.autosummary", "sqbook.site.extension"]
exclude_patterns = ["_build", "run"]
html_extra_path = ["_extra"]
html_theme = "basic"
nb_execution_mode = "off"
"""
PROSE = """# Prose

See [the figure](#fig01), {ref}`table1` and [its claim](#claim-C5).

```{published} 00_first fig01
```

```{published} 00_first fig-none
```
"""


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    """A Sphinx project of one chapter, whose words are evil, and one page of prose; the folder of its pages."""
    import matplotlib.pyplot as plt

    source, evil = tmp_path_factory.mktemp("project"), " ".join(EVIL)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SQ_HOME", str(source / "home"))
        shown, run = caught(patch), source / "run"
        page = publish.begin("00_first", data="twin", seed=7, profile="smoke", out=str(run))
        publish.figure(page, plt.subplots()[0], "fig01", label="Figure 1", caption=f"One {evil}.", alt=f"Two {evil}")
        rows = pd.DataFrame({"row": [evil, "b"], "power": [1.5, None],
                             "words": ["", "a text that is longer than others"]})
        publish.table(page, rows, "table1", label="Table 1", caption=f"Three {evil}.")
        publish.figure(page, player(FRAMES, times=[evil] * 4), "mov01", label="Movie 1", caption="Four.", alt=evil)
        index = pd.DataFrame({"event": [evil] * 4, "frame": range(4)})
        chart = embedding_map(np.eye(4)[:, :2], index, FRAMES, ["TP", "TN", "FP", "FN"])
        publish.figure(page, chart, "fig02", label="Figure 2", caption="Five.", alt=evil)
        publish.claim(page, "claim-C5", {"value": 1.0})
        publish.close(page, fingerprint="f" * 64)
        outputs = [new_output("display_data", one if isinstance(one, dict) else {"text/html": one}) for one in shown]
        cells = [new_markdown_cell("# Title\n\nThe first paragraph."), new_code_cell("1", outputs=outputs)]
        nbformat.write(new_notebook(cells=cells, metadata={"language_info": {"name": "python"}}),
                       run / "executed.ipynb")
        card = json.loads((run / "card.json").read_text())
        write_json(run / "card.json", card | {"key": "k", "seconds_in_all": 1.0})
        patch.setattr("sqbook.site.build.resolve", lambda *about: (None, {}))
        (source / "notebooks").mkdir()
        _add_chapter(source, "00_first", run, set())
    (source / "conf.py").write_text(CONF)
    (source / "book").mkdir()
    (source / "book/prose.md").write_text(PROSE)
    (source / "index.md").write_text("# Index\n\n```{toctree}\nnotebooks/00_first\nbook/prose\n```\n")
    command = [sys.executable, "-m", "sphinx", "-n", "-W", "--keep-going", "-q", str(source), str(source / "_build")]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return source / "_build"


@pytest.fixture(scope="module")
def chapter(site):
    return BeautifulSoup((site / "notebooks/00_first.html").read_text(), "html.parser")


@pytest.fixture(scope="module")
def prose(site):
    return BeautifulSoup((site / "book/prose.html").read_text(), "html.parser")


def test_markup_in_words_stays_text_on_every_page(site, chapter):
    for path in site.rglob("*.html"):
        assert live(path.read_text()) == [], path
    assert chapter.get_text().count("alert(1)") > 5


def test_figure_is_a_file_with_its_size_words_caption_and_mark(site, chapter):
    figure = chapter.select_one("figure#fig01")
    image = figure.img
    assert (site / "notebooks" / image["src"]).resolve().stat().st_size > 0
    assert image["loading"] == "lazy" and int(image["width"]) > int(image["height"]) > 300
    assert image["alt"].startswith("Two ")
    assert figure.figcaption.get_text().strip().startswith("Figure 1. One ")  # no number of Sphinx's before it
    assert figure.select_one(".sq-mark.sq-simulated").get_text() == "SIMULATED (twin, seed 7)"


def test_table_has_scopes_numbers_and_a_frame_that_scrolls(chapter):
    frame = chapter.find(id="table1")
    about = {name: frame[name] for name in ("class", "tabindex", "role", "aria-label")}
    assert about == {"class": ["sq-table"], "tabindex": "0", "role": "region", "aria-label": "Table 1"}
    assert [cell["scope"] for cell in frame.select("thead th")] == ["col"] * 3
    assert [cell["scope"] for cell in frame.select("tbody th")] == ["row"] * 2
    assert [cell.get_text() for cell in frame.select(".sq-number")] == ["power", "1.5", "–"]
    assert frame.select_one("td.sq-text").get_text() == "a text that is longer than others"
    assert frame.caption.get_text().startswith("Table 1. Three ")


def test_players_have_their_pictures_as_files_and_their_facts_as_data(site, chapter):
    for name, kind in (("mov01", "movie"), ("fig02", "map")):
        player = chapter.select_one(f"figure#{name} [data-sq-player={kind}]")
        assert (site / "notebooks" / player.img["src"]).resolve().stat().st_size > 0
        assert json.loads(player["data-facts"])["cols"] > 0
    assert chapter.select("figure script") == []  # the page loads the viewer once


def test_each_output_but_a_claim_has_its_note_and_the_claim_its_place(chapter):
    assert [one.select_one(".sq-hidden").get_text() for one in chapter.select("details.sq-made")] == [
        "Figure 1", "Table 1", "Movie 1", "Figure 2"]
    assert chapter.find(id="claim-C5").get_text().strip() == ""


def test_prose_refers_to_what_a_chapter_published_and_borrows_its_figure(prose):
    links = [(link.get_text(), link["href"]) for link in prose.select("section > p a")]
    home = "../notebooks/00_first.html"
    assert links == [("the figure", f"{home}#fig01"), ("Table 1", f"{home}#table1"), ("its claim", f"{home}#claim-C5")]
    (figure,) = prose.select("figure")  # of the other name there is none
    assert figure.img["alt"].startswith("Two ") and figure.select_one(".sq-mark")
    assert figure.select_one("figcaption a")["href"] == f"{home}#fig01"


def test_page_has_its_facts_under_its_title_and_its_first_paragraph_as_description(chapter):
    assert chapter.select_one("h1 + p.sq-meta").get_text().startswith("time to read: 1 min · time to run: 1 s ")
    assert chapter.find("meta", attrs={"name": "description"})["content"] == "The first paragraph."
