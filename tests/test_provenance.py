"""Provenance: what made a figure is read from the executed notebook, and written below it."""

import re

from sqbook.site.notes import add_provenance, functions_of, imports_of, rerun_command

SOURCES = [
    "from sqlib.show import publish, style\nfrom sqlib.judge import metrics as scores\nfrom sqlib.data import load_frames\n"
    "import numpy as np",
    "%matplotlib inline\nvalue = scores.interval(np.mean(x), draws)\n"
    "publish.figure(page, figures.colour(value), 'fig01')\nload_frames(data)",
]
GIVEN = {"profile": "smoke", "seed": 7, "bins": [8, 16], "root": "/home/me/x"}
CARD = {"notebook": "01_second", "profile": "smoke", "parameters": GIVEN}
RECORD = {"name": "fig01", "label": "Figure 1 <b>", "data": "twin", "fingerprint": "f" * 64, "profile": "smoke", "seed": 7,
          "commit": "abc"}  # fmt: skip


def test_functions_have_their_full_names_and_only_those_of_sqlib():
    imports = imports_of(SOURCES)
    assert imports["scores"] == "sqlib.judge.metrics"
    called = ["sqlib.show.style.colour", "sqlib.data.load_frames", "sqlib.judge.metrics.interval"]
    assert functions_of(SOURCES[1], imports) == called
    assert functions_of("this is no Python (", imports) == []


def test_command_says_what_the_profile_does_not_and_no_path_of_this_machine():
    usual = {"profile": "smoke", "seed": 1265, "bins": [8, 16], "root": ""}
    assert rerun_command(CARD, usual) == "sq run 01_second --profile smoke -p seed=7 -p root=FOLDER"
    assert rerun_command({**CARD, "parameters": usual}, usual) == "sq run 01_second --profile smoke"


def test_note_stands_below_its_figure_and_counts_the_stored_cells():
    figure = '<figure class="sq-figure" id="fig01"><img alt="x"></figure>'
    outputs = [{"data": {"text/html": [figure]}}, {"name": "stdout"}]
    cells = [
        {"cell_type": "code", "metadata": {}, "source": SOURCES[0]},
        {"cell_type": "code", "metadata": {"tags": ["injected-parameters"]}, "source": "seed = 7"},
        {"cell_type": "code", "metadata": {}, "source": SOURCES[1], "outputs": outputs},
    ]
    add_provenance(cells, CARD, {"fig01": RECORD}, {"fig01"}, {"seed": 7})
    html = cells[2]["outputs"][0]["data"]["text/html"]
    assert html.startswith(figure + "<details")
    assert "notebooks/01_second.ipynb</code>, cell 2" in html
    assert "<code>sqlib.judge.metrics.interval</code>" in html and "sqlib.show.publish" not in html
    assert '<a href="../records/01_second/fig01.csv" download>' in html
    assert "Figure 1 &lt;b&gt;" in html and re.search(r"fingerprint <code>f{12}</code>", html)
