"""The scorecard: nothing is left out, and it says what the records say."""

import json
import re
from pathlib import Path

import pytest

from sqbook.scorecard import FIGURES, SHOWN, TABLES, compared, scorecard_page, verdict
from sqbook.site.build import mark_claims
from sqlib.judge.claims import claims
from sqlib.show.records import read_records, record

CHECKOUT = Path(__file__).parents[1]

CARD = {"data": "twin", "profile": "smoke", "seed": 7, "commit": "", "notebook": "03_contrastive", "fingerprint": ""}


@pytest.fixture
def folder(tmp_path):
    def publish(name, numbers, kind, paper=None, source="simulated"):
        record(name, numbers, paper, card=CARD, folder=tmp_path, source=source, label=name, kind=kind, replace=False)

    judged = {"claim": "C5", "value": 0.123, "low": 0.1, "high": 0.2, "verdict": "reproduced"}
    publish("claim-C5", judged, "claim", paper=0.25)
    publish("claim-C3", judged, "claim", paper={"gain": 0.5})
    publish("claim-C13", judged, "claim", paper={"window": {"P": 0.5, "R": [1, 2]}, "said": "<b> " + "long " * 40})
    none = dict.fromkeys(("value", "low", "high")) | {"verdict": "not possible", "note": "no <pictures>"}
    publish("claim-C6", judged | none, "claim")
    scores = {"classifier": "SVC", "P, paper": 0.5, "P, here": 0.75}
    publish("table2", [scores, {"classifier": "K-NN", "P, paper": 0.25, "P, here": None}], "table")
    publish("table-slips", [{"where": "Section 9", "printed": "1 < 0", "evidence": "1 − 0 = 1"}], "table", source="published")
    publish("fig07", {"mean": 1.0}, "figure", source="observed")
    publish("fig05", {"TP": 32, "FP": 121}, "figure", paper={"TP": 14, "FP": 6, "TN": 2616}, source="observed")
    boxes = [{"metric": n, "value": 40.0 + n, "low": 30.0, "high": 50.0, "printed": 35.0} for n in range(5)]
    publish("table5", boxes, "table", source="observed")
    return tmp_path


def rows(page: str) -> dict[str, list[str]]:
    """Cells of each row by its head, without tags."""
    found = re.findall(r'<tr><th scope="row">(.*?)</th>(.*?)</tr>', page)
    cells = {head: re.findall(r"<td[^>]*>(.*?)</td>", rest) for head, rest in found}
    return {head.split(":")[0]: [re.sub("<[^>]+>", "", cell) for cell in own] for head, own in cells.items()}


def test_every_claim_table_and_figure_of_the_paper_has_a_row(folder):
    found = rows(scorecard_page({"03_contrastive": folder}))
    figures = {f"Figure {n}" for n in range(1, 22)}
    assert set(found) == {"Section 9", *claims().index, *(f"Table {n}" for n in range(1, 7)), *figures}
    assert len(TABLES) == 6 and len(FIGURES) == 21
    assert found["C1"][0] == "not tried in this build"
    assert found["Figure 8"][0] == found["Table 6"][0] == "not in this build"


def test_rows_say_what_the_records_say(folder):
    page = scorecard_page({"03_contrastive": folder})
    found = rows(page)
    assert found["C5"][:5] == ["reproduced", "0.123", "0.10 … 0.20", "0.25", "-0.127"]
    assert found["C5"][-1] == "SIMULATED (twin, seed 7) smoke"
    assert found["C3"][3:5] == ["gain 0.5", "-0.377"]
    assert found["C13"][3].startswith("window: P 0.5; R 1, 2; said &lt;b&gt; long long") and found["C13"][3].endswith("long …")
    assert found["C13"][4] == "–" and len(found["C13"][3]) < 160
    assert found["C6"][:5] == ["not possible: no &lt;pictures&gt;", "–", "–", "–", "–"]
    mark = "SIMULATED (twin, seed 7) smoke"
    assert found["Table 2"] == ["03_contrastive", "contradicted, on simulated data", "1", "P 0.5", "P 0.75", "P +0.25", "0.33", "–",
                                mark]  # fmt: skip
    assert found["Table 5"][1:-1] == ["reproduced", "5", "35", "42", "+7", "0.17", "5 of 5"]
    assert found["Figure 5"][1:-1] == ["contradicted", "2", "TP 14, FP 6", "TP 32, FP 121", "TP +18, FP +115", "0.76", "–"]
    assert found["Figure 7"][:2] == ["03_contrastive", "shown: no printed number to compare with"]
    assert found["Figure 8"][1] == "not possible: not made in this build"
    assert found["Section 9"] == ["1 &lt; 0", "1 − 0 = 1"]
    assert found["Figure 7"][-1] == "OBSERVED (real frames) smoke"
    assert "Of 23 claims, 4 are judged in this build: 3 reproduced, 0 contradicted, 0 undecided, 1 not possible" in page
    assert "2 of 6 are regenerated in this build: 1 reproduced, 0 approximated, 1 contradicted, 0 shown, 0 not" in page
    assert "2 of 21 are regenerated in this build: 0 reproduced, 0 approximated, 1 contradicted, 1 shown" in page
    assert '<a href="../notebooks/03_contrastive.html#fig07">' in page
    claim = '<a href="../notebooks/03_contrastive.html#claim-C5"><span class="sq-verdict sq-reproduced">reproduced</span></a>'
    assert claim in page and page.count("sq-verdict sq-contradicted") == 2 and "sq-verdict sq-not-possible" in page
    assert "01_dataset" not in page  # no link to a chapter that is not built


def test_pairs_are_found_whatever_the_columns_are_called():
    columns = [{"a, paper": 1, "a, here": 2, "GT, paper": 9, "GT, here": 9}, {"b: paper (%)": 30.0, "b: here (%)": 25.0}]
    assert compared(columns) == [("a", 1, 2, None, None), ("b (%)", 30.0, 25.0, None, None)]
    assert compared([{"printed": 1.5, "value": 2.0, "low": 1.0, "high": None}]) == [("value", 1.5, 2.0, None, None)]
    assert compared([{"printed": 1.5, "value": 2.0, "low": 1.0, "high": 3.0}]) == [("value", 1.5, 2.0, 1.0, 3.0)]
    lines = [{"who": "A", "scores of": "paper", "P": 1}, {"who": "B", "scores of": "here", "P": 2}]
    assert compared(lines) == []  # of A and of B
    assert compared([*lines, {"who": "A", "scores of": "here", "P": 3}]) == [("P", 1, 3, None, None)]
    assert compared({"x": 1, "y": 2, "z": [1]}, {"x": 3, "z": [1], "w": 4}) == [("x", 3, 1, None, None)]
    assert compared({"x": 1}) == compared(None) == compared([1, 2]) == compared({"x": True}, {"x": 1}) == []


@pytest.mark.parametrize(("rows", "word"), [
    ([(0.63, 0.6349), (0.5, 0.5)], "reproduced"), ([(0.63, 0.6351), (0.5, 0.5)], "approximated"), ([(0.5, 0.54)], "reproduced"),
    ([(12, 12)], "reproduced"), ([(12, 13)], "approximated"), ([(10, 9), (0, 0)], "approximated"), ([(9, 11)], "contradicted"),
    ([(100, 95), (1, 0)], "contradicted"), ([(0, 0)], "reproduced"), ([(0.5, -0.5)], "contradicted"),
])  # fmt: skip
def test_the_verdict_on_a_table_follows_from_the_numbers_alone(rows, word):
    about = {"paper": None, "source": ["observed"], "simulated": False}
    numbers = [{"a, paper": paper, "a, here": here} for paper, here in rows]
    assert verdict(about | {"numbers": numbers}) == word
    assert verdict(about | {"numbers": numbers, "simulated": True}) == f"{word}, on simulated data"


def test_an_interval_reproduces_what_it_holds_and_every_table_gets_a_verdict():
    about = {"paper": None, "source": ["observed"], "simulated": False}
    row = {"value": 40.0, "low": 30.0, "high": 50.0}
    assert verdict(about | {"numbers": [row | {"printed": 30.0}]}) == "reproduced"
    assert verdict(about | {"numbers": [row | {"printed": 30.0}, row | {"printed": 29.5}]}) == "contradicted"
    assert verdict(about | {"numbers": None}) == "shown: no printed number to compare with"
    assert verdict(about | {"numbers": None, "simulated": True}).endswith(", and the data are simulated")
    assert verdict(about | {"numbers": None, "source": ["published"]}) == "shown: the numbers are the paper's own"
    assert verdict(about | {"numbers": {"x": 1}, "paper": {"y": 1}}).startswith("not comparable: ")
    assert verdict(None) == "not possible: not made in this build"


def laptop() -> dict[str, Path]:
    return {folder.name: folder for folder in sorted((CHECKOUT / "results/laptop").iterdir())}


def test_the_committed_records_are_compared_number_by_number():
    found = {name: one for folder in laptop().values() for name, one in read_records(folder).items()}
    pairs = {name: compared(found[name]["numbers"], found[name]["paper"]) for name in (*TABLES[1:], "fig05", "fig10")}
    # five scores of five classifiers with and without SMOTE; TP, FP, FN of 11 events; 7 measures, 2 cycles; 4 classifiers, 2 models
    counts = {"table2": 50, "table3": 33, "table4": 50, "table5": 14, "table6": 40, "fig05": 4, "fig10": 2}
    assert {name: len(own) for name, own in pairs.items()} == counts
    printed = [29.5, 62.6, 100.0, 75.0, 75.0, 75.0, 30.0, 21.5, 44.2, 84.8, 63.6, 45.4, 39.3, 20.0]  # Table 5, cycle 23, then 24
    assert [pair[1] for pair in pairs["table5"]] == printed
    assert all(low <= here <= high for _, _, here, low, high in pairs["table5"])
    assert [pair[1] for pair in pairs["table6"][:5]] == [0.5, 0.46, 0.39, 0.62, 0.49]  # K-NN upon AE
    ours = found["table6"]["numbers"][1]
    assert [pair[2] for pair in pairs["table6"][:5]] == [ours[name] for name in ("P", "R", "F1", "acc.", "mean")]
    page = rows(scorecard_page(laptop()).split("## The paper's own consistency")[0])  # whose slips have rows called Table 2
    assert all(re.split("[:,]", page[f"Table {n}"][1])[0] in SHOWN for n in range(1, 7))
    assert all("on simulated data" in page[f"Table {n}"][1] for n in range(2, 7))


def test_each_claim_has_its_place_before_the_cell_that_names_it():
    claimed = []
    for chapter, folder in laptop().items():
        names = [name for name in read_records(folder) if name.startswith("claim-")]
        cells = json.loads((CHECKOUT / "notebooks" / f"{chapter}.ipynb").read_text())["cells"]
        marked = mark_claims(cells, names)
        assert [cell for cell in marked if cell in cells] == cells and len(marked) == len(cells) + len(names)
        for name in names:
            (place,) = (i for i, cell in enumerate(marked) if cell["source"] == f'<div id="{name}"></div>')
            code = next(cell for cell in marked[place:] if cell["cell_type"] == "code")
            assert re.search(f"""["'](claim-)?{name[6:]}["']""", "".join(code["source"]))
        claimed += names
    assert len(claimed) == len(claims())
    cells = [{"cell_type": "code", "source": ["x = 'C55'\n", "y = 'C1'"]}]
    assert mark_claims(cells, ["claim-C5"])[-1]["source"] == '<div id="claim-C5"></div>'  # named nowhere: at the end
