"""The scorecard: nothing is left out, and it says what the records say."""

import re

import pytest

from sqlib.book.records import record
from sqlib.book.scorecard import FIGURES, TABLES, compared, scorecard_page
from sqlib.judge.claims import claims

CARD = {"data": "twin", "profile": "smoke", "seed": 7, "commit": "", "notebook": "03_contrastive", "fingerprint": ""}


@pytest.fixture
def folder(tmp_path):
    def publish(name, numbers, kind, paper=None, source="simulated"):
        record(name, numbers, paper, card=CARD, folder=tmp_path, source=source, label=name, kind=kind, replace=False)

    verdict = {"claim": "C5", "value": 0.123, "low": 0.1, "high": 0.2, "verdict": "reproduced"}
    publish("claim-C5", verdict, "claim", paper=0.25)
    none = dict.fromkeys(("value", "low", "high")) | {"verdict": "not possible", "note": "no <pictures>"}
    publish("claim-C6", verdict | none, "claim")
    scores = {"classifier": "SVC", "P, paper": 0.5, "P, here": 0.75}
    publish("table2", [scores, {"classifier": "K-NN", "P, paper": 0.25, "P, here": None}], "table")
    publish("table-slips", [{"where": "Section 9", "printed": "1 < 0", "evidence": "1 − 0 = 1"}], "table", source="published")
    publish("fig07", {"mean": 1.0}, "figure", source="observed")
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
    assert found["C5"][:4] == ["reproduced", "0.123", "0.10 … 0.20", "0.25"]
    assert found["C5"][-1] == "SIMULATED (twin, seed 7) smoke"
    assert found["C6"][:4] == ["not possible: no &lt;pictures&gt;", "–", "–", "–"]
    assert found["Table 2"] == ["03_contrastive", "1", "+0.25", "SIMULATED (twin, seed 7) smoke"]
    assert found["Section 9"] == ["1 &lt; 0", "1 − 0 = 1"]
    assert found["Figure 7"][-1] == "OBSERVED (real frames) smoke"
    assert "Of 23 claims, 2 are judged in this build: 1 reproduced, 0 contradicted, 0 undecided, 1 not possible" in page
    assert "1 of 6 are regenerated" in page and "1 of 21 are regenerated" in page
    assert '<a href="../notebooks/03_contrastive.html#fig07">' in page
    assert "01_dataset" not in page  # no link to a chapter that is not built


def test_pairs_are_found_whatever_the_columns_are_called():
    assert compared([{"a, paper": 1, "a, here": 2}, {"b: paper (%)": 30.0, "b: here (%)": 25.0}]) == [(1, 2), (30.0, 25.0)]
    assert compared({"x": 1}) == compared(None) == compared([1, 2]) == []
