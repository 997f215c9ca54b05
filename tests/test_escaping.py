"""Whatever a name, a value or a caption holds, it reaches a page as text: no producer of HTML lets markup through."""

from pathlib import Path

import matplotlib
import nbformat
import numpy as np
import pandas as pd
import pytest
import torch
from markdown_it import MarkdownIt
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook
from published import EVIL, FRAMES, caught, html_of, live
from tinybook import make_home

import sqbook
import sqlib.show
from sqbook import compare, slides, student
from sqbook.site.notes import add_notes
from sqbook.site.pages import render
from sqlib.show import playground, publish, records
from sqlib.show.bundle import MIME
from sqlib.show.bundle import render as show
from sqlib.show.embedding_map import embedding_map
from sqlib.show.movie import player
from sqlib.show.provenance import make_card
from sqlib.show.threshold import levels, slider

matplotlib.use("agg")
KEY = "0123456789abcdef"


def rendered(markdown: str) -> str:
    return MarkdownIt("commonmark", {"html": True}).enable("table").render(markdown)


def published(evil, home, monkeypatch) -> str:
    """A chapter that publishes one thing of each kind with `evil` in all its words."""
    import matplotlib.pyplot as plt

    out = caught(monkeypatch)
    page = publish.begin("00_first", data="twin", seed=1, profile=evil, out=str(home / "run"), note=evil)
    words = {"label": evil, "caption": evil, "alt": evil}
    publish.figure(page, plt.subplots()[0], "fig01", **words, numbers={evil: 1.0}, compare={evil: (1, 2)},
                   made_by=[evil])
    publish.table(page, pd.DataFrame({evil: [evil], "b": [evil]}), "table1", label=evil, caption=evil)
    publish.figure(page, player(FRAMES, times=[evil] * 4, boxes={evil: [()] * 4}), "mov01", **words)
    index = pd.DataFrame({"event": [evil] * 4, "frame": range(4)})
    chart = embedding_map(np.eye(4)[:, :2], index, FRAMES, [evil, "TN", "FP", "FN"], (evil, evil))
    publish.figure(page, chart, "fig02", **words)
    publish.figure(page, slider(levels(np.arange(4.0), [0, 1, 0, 1], [evil] * 4)), "fig03", **words)
    publish.close(page, evil)
    return "".join(one if isinstance(one, str) else one["text/html"] for one in out)


def a_run(evil, home):
    """A run whose card and records are full of `evil`, and its folder."""
    folder = make_home(home) / "runs/00_first" / KEY
    words = dict.fromkeys(("data", "profile", "fingerprint", "commit", "device", "made"), evil)
    about = {**make_card("00_first", {"seed": 1}, seconds=1.0), "key": KEY, "seconds_in_all": 1.0, **words,
             "parameters": {evil: evil}, "versions": {evil: evil}}
    records.write_json(folder / "card.json", about)
    kinds = {"fig01": "figure", "table2": "table", "claim-C1": "claim"}
    for name, kind in kinds.items():
        numbers = {evil: evil, "verdict": evil, "value": evil, "low": evil, "high": evil}
        records.record(name, numbers, evil, card=about, folder=folder, source="simulated", label=evil, kind=kind,
                       replace=False,
                       caption=evil, alt=evil, file=f"figures/{name}.png")
    (folder / "figures").mkdir()
    (folder / "figures/fig01.png").write_bytes(b"x")
    title = " ".join(evil.split())  # what stands below a title is the author's own, and may hold markup
    cells = [new_markdown_cell(f"# Title {title}\n\nWords.\n\n## {title}\n\nWords."), new_code_cell("1 + 1")]
    nbformat.write(new_notebook(cells=cells), folder / "executed.ipynb")
    return folder, about


def comparison(evil, home, _) -> str:
    folder, about = a_run(evil, home)
    one = {**about, "folder": str(folder)}
    other = {**one, "parameters": {}, "versions": {}, "device": "CPU"}
    found = compare.compare(one, other)
    found["numbers"] = [{"record": evil, "entry": evil, "a": evil, "b": 1.0, "difference": None}]
    return compare.write_page(found).read_text()


def note(evil, home, _) -> str:
    folder, about = a_run(evil, home)
    output = {"output_type": "display_data", "data": {MIME: {"record": {"name": "fig01"}}}}
    cells = [{"cell_type": "code", "metadata": {}, "source": f"x = {evil!r}", "outputs": [output]}]
    add_notes(cells, about, records.read_records(folder), {"fig01"}, {})
    return render("note.html", **output["data"][MIME]["note"])


def for_students(evil, home, _) -> str:
    """The note under the title; what the notebook itself says is its author's."""
    name = " ".join(evil.replace("/", "").split())
    made = student.student_notebook({"cells": [{"cell_type": "markdown", "id": "a", "source": "# T"}], "metadata": {}},
                                    name)
    return rendered("".join(made["cells"][1]["source"]))


def ground(evil, home, _) -> str:
    frames = torch.from_numpy(np.random.default_rng(2).integers(0, 200, (1, 3, 40, 40), dtype=np.uint8))
    inside = torch.zeros(1, 40, 40, dtype=torch.bool)
    inside[:, 5:11, 7:13] = True
    facts = pd.DataFrame({"event": [evil], "frame": [1], "label": [1]})
    tried = playground.attempts(frames, inside, facts, torch.Generator().manual_seed(1))
    return html_of(playground.playground(*tried), name=evil, alt=evil)


PRODUCERS = {
    "chapter": published,
    "playground": ground,
    "run card": lambda evil, home, _: show("card.html", card=a_run(evil, home)[1], origin=evil),
    "note": note,
    "comparison": comparison,
    "slides": lambda evil, home, _: slides.write_slides(a_run(evil, home)[0]).read_text(),
    "student notebook": for_students,
}


@pytest.mark.parametrize("name", PRODUCERS)
@pytest.mark.parametrize("evil", EVIL, ids=["handler", "script", "quote", "blank line"])
def test_markup_in_a_word_stays_text(name, evil, sq_home, monkeypatch):
    page = PRODUCERS[name](evil, sq_home, monkeypatch)
    assert "alert(1)" in page  # it is shown, as text
    assert live(page) == []


def test_the_check_sees_live_markup():
    for evil in EVIL:
        assert live(f"<p title='{evil}'>{evil}</p>") != []


def test_what_publishes_and_the_site_write_no_markup_but_by_templates():
    folders = [Path(sqlib.show.__file__).parent, Path(sqbook.__file__).parent / "site"]
    for path in (path for folder in folders for path in folder.glob("*.py")):
        tags = [line for line in path.read_text(encoding="utf-8").splitlines() if "</" in line]
        assert tags == [], path
