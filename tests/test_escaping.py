"""Whatever a name, a value or a caption holds, it reaches a page as text: no producer of HTML lets markup through."""

from pathlib import Path

import matplotlib
import nbformat
import numpy as np
import pandas as pd
import pytest
from markdown_it import MarkdownIt
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook
from published import EVIL, FRAMES, caught, live
from tinybook import make_home

import sqbook
import sqlib.show
from sqbook import compare, slides, student
from sqlib.show import publish, records
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
    chart = embedding_map(np.eye(4)[:, :2], index, FRAMES, [evil, "TN", "FP", "FN"])
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
    cells = [new_markdown_cell("# Title\n\nWords, which are the author's own."), new_code_cell("1 + 1")]
    nbformat.write(new_notebook(cells=cells), folder / "executed.ipynb")
    return folder, about


def comparison(evil, home, _) -> str:
    folder, about = a_run(evil, home)
    one = {**about, "folder": str(folder)}
    other = {**one, "parameters": {}, "versions": {}, "device": "CPU"}
    found = compare.compare(one, other)
    found["numbers"] = {evil: [evil, 1.0]}
    return compare.write_page(found).read_text()


def for_students(evil, home, _) -> str:
    """The note under the title; what the notebook itself says is its author's."""
    name = " ".join(evil.replace("/", "").split())
    made = student.student_notebook(new_notebook(cells=[new_markdown_cell("# T")]), name)
    return rendered("".join(made["cells"][1]["source"]))


PRODUCERS = {
    "chapter": published,
    "comparison": comparison,
    "slides": lambda evil, home, _: slides.write_slides(a_run(evil, home)[0]).read_text(),
    "student notebook": for_students,
}


@pytest.mark.parametrize("name", PRODUCERS)
def test_markup_in_a_word_stays_text(name, sq_home, monkeypatch):
    page = PRODUCERS[name](" ".join(EVIL), sq_home, monkeypatch)
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
