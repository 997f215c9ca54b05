"""Whatever a name, a value or a caption holds, it reaches a page as text: no producer of HTML lets markup through."""

import json
from html import escape
from html.parser import HTMLParser

import matplotlib
import nbformat
import numpy as np
import pandas as pd
import pytest
import torch
from entries import CARD, KEY
from markdown_it import MarkdownIt
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook
from tinybook import PARAMETERS, make_home, write_notebook

from sqbook import compare, slides, student
from sqbook.scorecard import scorecard_page
from sqbook.site import build as pages
from sqbook.site import figures as borrowed
from sqbook.site import notes as provenance
from sqbook.site import theme as finish
from sqlib.show import movie, playground, publish, records, threshold
from sqlib.show import provenance as card
from sqlib.show.embedding_map import embedding_map

matplotlib.use("agg")
EVIL = ("<img src=x onerror=alert(1)>", '"><script>alert(1)</script>', "' onload='alert(1)", "one\n\n<script>alert(1)</script>")
FRAMES = np.random.default_rng(1).integers(0, 255, (4, 16, 16), dtype=np.uint8)


class Live(HTMLParser):
    """Collects what a browser would run: event handlers, and scripts with the evil word."""

    def __init__(self):
        super().__init__()
        self.found, self.inside = [], ""

    def handle_starttag(self, tag, attrs):
        self.inside = tag
        self.found += [f"<{tag} {name}>" for name, value in attrs if name.startswith("on") or "javascript:" in (value or "")]

    def handle_endtag(self, tag):
        self.inside = ""

    def handle_data(self, data):
        self.found += ["<script>"] * (self.inside == "script" and "alert(1)" in data)


def live(html: str) -> list[str]:
    parser = Live()
    parser.feed(html)
    return parser.found


def rendered(markdown: str) -> str:
    return MarkdownIt("commonmark", {"html": True}).enable("table").render(markdown)


def published(evil, home, monkeypatch) -> str:
    """A chapter that publishes one thing of each kind with `evil` in all its words."""
    import matplotlib.pyplot as plt

    out = []
    monkeypatch.setattr(publish, "_show", out.append)
    page = publish.begin("00_first", data="twin", seed=1, profile=evil, out=str(home / "run"), note=evil)
    words = {"label": evil, "caption": evil, "alt": evil}
    publish.figure(page, plt.subplots()[0], "fig01", **words, numbers={evil: 1.0})
    publish.table(page, pd.DataFrame({evil: [evil], "b": [evil]}), "table1", label=evil, caption=evil)
    publish.movie(page, FRAMES, "mov01", **words, times=[evil] * 4)
    index = pd.DataFrame({"event": [evil] * 4, "frame": range(4)})
    publish.embedding_map(page, np.eye(4)[:, :2], index, FRAMES, ["TP", "TN", "FP", "FN"], "fig02", **words, axes=(evil, evil))
    publish.threshold(page, np.arange(4.0), [0, 1, 0, 1], [evil] * 4, "fig03", **words)
    publish.close(page, evil)
    return "".join(out)


def a_run(evil, home):
    """A run whose card and records are full of `evil`, and its folder."""
    folder = make_home(home) / "runs/00_first" / KEY
    words = dict.fromkeys(("data", "profile", "fingerprint", "commit", "device", "made"), evil)
    about = {**CARD, **words, "parameters": {evil: evil}, "versions": {evil: evil}}
    records.write_json(folder / "card.json", about)
    kinds = {"fig01": "figure", "table2": "table", "claim-C1": "claim"}
    for name, kind in kinds.items():
        numbers = {evil: evil, "verdict": evil, "value": evil, "low": evil, "high": evil}
        records.record(name, numbers, evil, card=about, folder=folder, source="simulated", label=evil, kind=kind, replace=False,
                       caption=evil, alt=evil, file=f"figures/{name}.png")  # fmt: skip
    (folder / "figures").mkdir()
    (folder / "figures/fig01.png").write_bytes(b"x")
    title = " ".join(evil.split())  # what stands below a title is the author's own, and may hold markup as the notebook holds code
    cells = [new_markdown_cell(f"# Title {title}\n\nWords.\n\n## {title}\n\nWords."), new_code_cell("1 + 1")]
    nbformat.write(new_notebook(cells=cells), folder / "executed.ipynb")
    return folder, about


def prose(evil, home, monkeypatch) -> str:
    """A page of prose that borrows the figure of the chapter of `published`."""
    shown = {"output_type": "display_data", "metadata": {}, "data": {"text/html": published(evil, home, monkeypatch)}}
    (home / "executed.ipynb").write_text(json.dumps(new_notebook(cells=[new_code_cell("1", outputs=[shown])])))
    return borrowed.with_figures("<!-- figure 00_first fig01 -->", {"00_first": home})


def comparison(evil, home, _) -> str:
    folder, about = a_run(evil, home)
    one = {**about, "folder": str(folder)}
    other = {**one, "parameters": {}, "versions": {}, "device": "CPU"}
    found = compare.compare(one, other)
    found["numbers"] = [{"record": evil, "entry": evil, "a": evil, "b": 1.0, "difference": None}]
    return compare.write_page(found).read_text()


def notes(evil, home, _) -> str:
    folder, about = a_run(evil, home)
    output = {"output_type": "display_data", "data": {"text/html": '<figure class="sq-figure" id="fig01"></figure>'}}
    cells = [{"cell_type": "code", "metadata": {}, "source": f"x = {evil!r}", "outputs": [output]}]
    provenance.add_provenance(cells, about, records.read_records(folder), {"fig01"}, {})
    return cells[0]["outputs"][0]["data"]["text/html"]


def rerun(evil, home, _) -> str:
    lines = PARAMETERS + f"note: str = {evil!r}  # {evil.replace('=', '').splitlines()[0]}\n"
    write_notebook(make_home(home) / "notebooks/00_first.ipynb", parameters=lines)
    (home / "profiles/smoke.yml").write_text(json.dumps({"notebooks": {"00_first": {"note": evil}}}))
    return rendered(pages.rerun_page(["00_first"]))


def table_of_chapters(evil, home, monkeypatch) -> str:
    monkeypatch.setattr(pages, "_bytes", lambda folder: 1)
    folder, _ = a_run(evil, home)
    return rendered(pages.teaching_table({evil: folder}))


def header(evil, home, _) -> str:
    folder, about = a_run("plain", home)
    dressed = pages.dress(json.loads((folder / "executed.ipynb").read_text()), {**about, "profile": evil, "threads": evil})
    return rendered("".join(dressed["cells"][0]["source"]))


def for_students(evil, home, _) -> str:
    """The note under the title; what the notebook itself says is its author's."""
    name = " ".join(evil.replace("/", "").split())
    made = student.student_notebook({"cells": [{"cell_type": "markdown", "id": "a", "source": "# T"}], "metadata": {}}, name)
    return rendered("".join(made["cells"][1]["source"]))


def map_of(evil, home, _) -> str:
    index = pd.DataFrame({"event": [evil] * 4, "frame": range(4)})
    return embedding_map(np.eye(4)[:, :2], index, FRAMES, [evil, "TN", "FP", "FN"], evil, evil, (evil, evil))


def ground(evil, home, _) -> str:
    frames = torch.from_numpy(np.random.default_rng(2).integers(0, 200, (1, 3, 40, 40), dtype=np.uint8))
    inside = torch.zeros(1, 40, 40, dtype=torch.bool)
    inside[:, 5:11, 7:13] = True
    facts = pd.DataFrame({"event": [evil], "frame": [1], "label": [1]})
    tried = playground.attempts(frames, inside, facts, torch.Generator().manual_seed(1))
    return playground.playground(tried, evil, evil, b"")


def finished(evil, home, _) -> str:
    """A built page whose words are `evil`, as Sphinx writes them, with what is added at the end."""
    text = escape(evil)
    page = f"<html><head><title>{text} — {text}</title></head><article class=bd-article><h1>{text}</h1><p>{text}</p></article>"
    home.mkdir(parents=True)
    (home / "intro.html").write_text(page)
    finish.finish(home)
    return (home / "intro.html").read_text()


PRODUCERS = {
    "chapter": published,
    "prose": prose,
    "run card": lambda evil, home, _: card.as_html(a_run(evil, home)[1]),
    "comparison": comparison,
    "provenance": notes,
    "scorecard": lambda evil, home, _: rendered(scorecard_page({"00_first": a_run(evil, home)[0]})),
    "scorecard, name": lambda evil, home, _: rendered(scorecard_page({evil: a_run("plain", home)[0]})),
    "rerun page": rerun,
    "table of chapters": table_of_chapters,
    "header of a page": header,
    "slides": lambda evil, home, _: slides.write_slides(a_run(evil, home)[0]).read_text(),
    "student notebook": for_students,
    "movie": lambda evil, home, _: movie.player(FRAMES, evil, evil, [evil] * 4, 8, 0, 100_000)[0],
    "threshold": lambda evil, home, _: threshold.slider(threshold.levels(np.arange(4.0), [0, 1, 0, 1], list("abcd")), evil, evil),
    "map": map_of,
    "playground": ground,
    "finished page": finished,
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


def test_every_module_that_writes_html_is_tried():
    from pathlib import Path

    folder = Path(pages.__file__).parent
    writing = {path.stem for path in folder.glob("*.py") if "</" in path.read_text(encoding="utf-8")}
    tried = {"borrowed", "card", "chapter", "compare", "embedding_map", "finish", "movie", "pages", "playground", "provenance",
             "scorecard", "slides", "threshold", "whole"}  # fmt: skip
    assert writing == tried | {"sprites"}  # which writes for movie, embedding_map and playground
