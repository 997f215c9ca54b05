"""The note below a figure says what made it: as its author declared it, or else what the cell uses."""

from sqbook.site.api import add_notes, rerun_command
from sqbook.site.pages import render
from sqlib.show.bundle import MIME

SOURCES = [
    "from sqlib.show import publish, style as figures\nfrom sqlib.judge import metrics as scores\n"
    "from sqlib.data import load_frames\nimport numpy as np",
    "value = scores.interval(np.mean(x), draws)\npublish.figure(page, figures.colour(value), 'fig01')\n"
    "load_frames(data)",
]
CARD = {"notebook": "01_second", "profile": "smoke",
        "parameters": {"profile": "smoke", "seed": 7, "bins": [8, 16], "root": "/home/me/x"}}
ENTRIES = {"sqlib.judge.metrics.interval", "sqlib.sun.rays.trace_ray"}
RECORD = {"name": "fig01", "notebook": "01_second", "label": "Figure 1 <b>", "kind": "figure", "data": "twin",
          "fingerprint": "f" * 64, "profile": "smoke", "seed": 7, "commit": "abc"}


def test_command_says_what_the_profile_does_not_and_no_path_of_this_machine():
    usual = {"profile": "smoke", "seed": 1265, "bins": [8, 16], "root": ""}
    assert rerun_command(CARD, usual) == "sq run 01_second --profile smoke -p seed=7 -p root=FOLDER"
    assert rerun_command({**CARD, "parameters": usual}, usual) == "sq run 01_second --profile smoke"


def noted(record: dict) -> dict:
    """The content of the bundle of a figure that the third cell of a run shows, the second as it is stored."""
    outputs = [{"data": {MIME: {"record": {**record, "fingerprint": ""}}}}, {"name": "stdout"}]
    cells = [
        {"cell_type": "code", "metadata": {}, "source": SOURCES[0]},
        {"cell_type": "code", "metadata": {"tags": ["injected-parameters"]}, "source": "seed = 7"},
        {"cell_type": "code", "metadata": {}, "source": SOURCES[1], "outputs": outputs},
    ]
    add_notes(cells, CARD, {"fig01": record}, {"fig01"}, {"seed": 7}, ENTRIES)
    return cells[2]["outputs"][0]["data"][MIME]


def test_note_counts_the_stored_cells_and_names_what_the_author_declared_or_else_what_the_cell_uses():
    content = noted(RECORD)
    assert content["record"]["fingerprint"] == "f" * 64  # known only as the run ended
    html = render("note.html", record=RECORD, **content["note"])
    assert "notebooks/01_second.ipynb</code>, cell 2" in html and "<dt>Functions that the cell uses</dt>" in html
    link = '<a href="../book/api.html#sqlib.judge.metrics.interval"><code>sqlib.judge.metrics.interval</code></a>'
    assert f"{link}, <code>sqlib.show.style.colour</code>" in html and "sqlib.show.publish" not in html
    assert '<a href="../records/01_second/fig01.csv" download>' in html
    assert "Figure 1 &lt;b&gt;" in html and "fingerprint <code>ffffffffffff</code>" in html
    declared = {**RECORD, "made_by": ["sqlib.sun.rays.trace_ray", "numpy.sum"]}
    html = render("note.html", record=declared, **noted(declared)["note"])
    assert "<dt>Functions, as its author names them</dt>" in html
    link = '<a href="../book/api.html#sqlib.sun.rays.trace_ray"><code>sqlib.sun.rays.trace_ray</code></a>'
    assert f"{link}, <code>numpy.sum</code>" in html
    assert "interval" not in html
    assert "note" not in noted({**RECORD, "kind": "claim"})
