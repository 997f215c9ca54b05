"""The scorecard: nothing is left out, and it says what the records say."""

import re
from pathlib import Path

import pytest

from sqbook.scorecard import FIGURES, SHOWN, TABLES, compared, scorecard_page, verdict
from sqlib.judge.claims import claims
from sqlib.show.records import read_records, record

CHECKOUT = Path(__file__).parents[1]

CARD = {"data": "twin", "profile": "smoke", "seed": 7, "commit": "", "notebook": "03_contrastive", "fingerprint": ""}


@pytest.fixture
def folder(tmp_path):
    def publish(name, numbers, kind, paper=None, source="simulated", compare=None):
        record(name, numbers, paper, card=CARD, folder=tmp_path, source=source, label=name, kind=kind, replace=False,
               compare=compare)

    judged = {"claim": "C5", "value": 0.123, "low": 0.1, "high": 0.2, "verdict": "reproduced"}
    publish("claim-C5", judged, "claim", paper=0.25)
    publish("claim-C3", judged, "claim", paper={"gain": 0.5})
    second = judged | {"verdict": "contradicted", "value": -0.5, "low": -0.75, "high": -0.25}
    publish("claim-C13", judged | {"second": second}, "claim",
            paper={"window": {"P": 0.5, "R": [1, 2]}, "said": "<b> " + "long " * 40})
    none = dict.fromkeys(("value", "low", "high")) | {"verdict": "not possible", "note": "no <pictures>"}
    publish("claim-C6", judged | none, "claim")
    publish("claim-C9", judged | {"second": none | {"verdict": "not testable here", "note": "it falls"}}, "claim")
    publish("claim-C13-second", second, "claim")  # as once was published: no further claim
    publish("table2", [{"classifier": "SVC", "P": 0.75}], "table", compare={"P": [(0.5, 0.75), (0.25, None)]})
    publish("table-slips", [{"where": "Section 9", "printed": "1 < 0", "evidence": "1 − 0 = 1"}], "table",
            source="published")
    publish("fig07", {"mean": 1.0}, "figure", source="observed")
    counts = {"TP": (14, 32), "FP": (6, 121)}
    publish("fig05", {"TP": 32, "FP": 121}, "figure", paper={"TN": 2616}, source="observed", compare=counts)
    boxes = [(35.0, 40.0 + n, 30.0, 50.0) for n in range(5)]
    publish("table5", [{"metric": n} for n in range(5)], "table", source="observed", compare={"%": boxes})
    return tmp_path


def text(cell) -> str:
    """A cell's words."""
    words = cell if isinstance(cell, str) else cell["text"] if isinstance(cell, dict) else "".join(map(text, cell))
    return words.replace("\u00a0", " ")


def rows(tables: dict) -> dict[str, list[str]]:
    """The words of each row of all tables by its head."""
    lines = [[text(cell) for cell in row] for table in tables.values() for row in table["rows"]]
    return {line[0].split(":")[0]: line[1:] for line in lines}


def test_every_claim_table_and_figure_of_the_paper_has_a_row(folder):
    found = rows(scorecard_page({"03_contrastive": folder})[1])
    figures = {f"Figure {n}" for n in range(1, 22)}
    assert set(found) == {"Section 9", *claims().index, *(f"Table {n}" for n in range(1, 7)), *figures}
    assert len(TABLES) == 6 and len(FIGURES) == 21
    assert found["C1"][0] == "not tried in this build"
    assert found["Figure 8"][0] == found["Table 6"][0] == "not in this build"


def test_rows_say_what_the_records_say(folder):
    page, tables = scorecard_page({"03_contrastive": folder})
    found = rows(tables)
    assert found["C5"][:4] == ["reproduced 0.123 (0.100 … 0.200)", "yes", "–", "0.25"]
    assert found["C5"][-1] == "SIMULATED (twin, seed 7) smoke"
    assert found["C3"][1].startswith("hardly: ") and found["C3"][3] == "gain 0.5"
    assert found["C13"][2] == "contradicted -0.500 (-0.750 … -0.250)"
    assert found["C13"][3].startswith("window: P 0.5; R 1, 2; said <b> long long")
    assert found["C13"][3].endswith("long …") and len(found["C13"][3]) < 160
    assert found["C6"][0] == "not possible no <pictures>"
    assert found["C9"][2] == "not testable here it falls"
    mark = "SIMULATED (twin, seed 7) smoke"
    assert found["Table 2"] == ["03_contrastive", "contradicted, on simulated data", "1", "P 0.5", "P 0.75", "P +0.25",
                                "0.33", "–",
                                mark]
    assert found["Table 5"][1:-1] == ["reproduced", "5", "35", "42", "+7", "0.17", "5 of 5"]
    assert found["Figure 5"][1:-1] == ["contradicted", "2", "TP 14, FP 6", "TP 32, FP 121", "TP +18, FP +115", "0.76",
                                       "–"]
    assert found["Figure 7"][:2] == ["03_contrastive", "shown: no printed number to compare with"]
    assert found["Figure 8"][1] == "not possible: not made in this build"
    assert found["Section 9"] == ["1 < 0", "1 − 0 = 1"]
    assert found["Figure 7"][-1] == "OBSERVED (real frames) smoke"
    # C5 by its first rule and C13 by its second; C9 not testable; the first rules of C3 and C6 test neither
    said = " ".join(page.split())
    assert ("Of 23 claims, 2 have a verdict by a rule that tests them: 1 reproduced, 1 contradicted, 0 undecided. "
            "1 are not testable here") in said
    assert "20 were not judged by a rule that tests them" in said
    assert "2 of 6 are regenerated in this build: 1 reproduced, 0 approximated, 1 contradicted, 0 shown, 0 not" in page
    assert "2 of 21 are regenerated in this build: 0 reproduced, 0 approximated, 1 contradicted, 1 shown" in page
    cells = {text(row[0]).split(":")[0]: row[1:] for table in tables.values() for row in table["rows"]}
    assert cells["Figure 7"][0] == {"text": "03_contrastive", "to": "../notebooks/03_contrastive.html#fig07"}
    assert cells["C5"][0][0] == {
        "text": "reproduced", "class": "sq-verdict sq-reproduced", "to": "../notebooks/03_contrastive.html#claim-C5"}
    assert cells["Table 2"][1][0]["class"] == "sq-verdict sq-contradicted"
    assert cells["C9"][2][0]["class"] == "sq-verdict sq-not-testable-here"
    assert "{published} scorecard-slips" in page and "01_dataset" not in page  # no link to a chapter that is not built
    assert "[03_losses](../notebooks/03_losses)" in scorecard_page({"03_losses": folder})[0]


def test_two_chapters_of_one_number_are_shown_together(folder, tmp_path_factory):
    other = tmp_path_factory.mktemp("other")
    record("claim-C4", {"verdict": "undecided"}, None, card=CARD | {"notebook": "03_losses"}, folder=other,
           source="simulated", label="C4", kind="claim", replace=False)
    page = scorecard_page({"03_losses": other, "03_contrastive": folder})[0]
    assert page.count("chapter 03") == 1 and "tbody tr:not(:has([href*='/03_']))" in page


def test_only_what_is_declared_is_compared():
    about = {"numbers": [{"P, paper": 1, "P, here": 2}], "paper": {"P": 1}}
    assert compared(about | {"compare": {}}) == []
    pairs = {"P": [[1, 2], [3, 4, 2.5, 4.5]], "R": [[5, 6]]}
    declared = [("P", 1, 2, None, None), ("P", 3, 4, 2.5, 4.5), ("R", 5, 6, None, None)]
    assert compared(about | {"compare": pairs}) == declared


@pytest.mark.parametrize(("rows", "word"), [
    ([(0.63, 0.6349), (0.5, 0.5)], "reproduced"), ([(0.63, 0.6351), (0.5, 0.5)], "approximated"),
    ([(0.5, 0.54)], "reproduced"), ([(12, 12)], "reproduced"), ([(12, 13)], "approximated"),
    ([(10, 9), (0, 0)], "approximated"), ([(9, 11)], "contradicted"),
    ([(100, 95), (1, 0)], "contradicted"), ([(0, 0)], "reproduced"), ([(0.5, -0.5)], "contradicted"),
])
def test_the_verdict_on_a_table_follows_from_the_numbers_alone(rows, word):
    about = {"paper": None, "source": ["observed"], "simulated": False, "compare": {"a": [list(pair) for pair in rows]}}
    assert verdict(about) == word
    assert verdict(about | {"simulated": True}) == f"{word}, on simulated data"


def test_an_interval_reproduces_what_it_holds_and_every_table_gets_a_verdict():
    about = {"paper": None, "source": ["observed"], "simulated": False}
    holds, beside = [30.0, 40.0, 30.0, 50.0], [29.5, 40.0, 30.0, 50.0]
    assert verdict(about | {"compare": {"value": [holds]}}) == "reproduced"
    assert verdict(about | {"compare": {"value": [holds, beside]}}) == "contradicted"
    about["compare"] = {}
    assert verdict(about) == "shown: no printed number to compare with"
    assert verdict(about | {"simulated": True}).endswith(", and the data are simulated")
    assert verdict(about | {"source": ["published"]}) == "shown: the numbers are the paper's own"
    assert verdict(about | {"paper": {"y": 1}}).startswith("not comparable: ")
    assert verdict(None) == "not possible: not made in this build"


def laptop() -> dict[str, Path]:
    return {folder.name: folder for folder in sorted((CHECKOUT / "results/laptop").iterdir())}


def test_the_committed_records_are_compared_number_by_number():
    found = {name: one for folder in laptop().values() for name, one in read_records(folder).items()}
    pairs = {name: compared(found[name]) for name in (*TABLES[1:], "fig05", "fig10", "fig21")}
    # five scores of five classifiers with and without SMOTE; TP, FP, FN of 11 events; 7 measures, 2 cycles;
    # 4 classifiers, 2 models
    counts = {"table2": 50, "table3": 33, "table4": 50, "table5": 14, "table6": 40, "fig05": 4, "fig10": 2,
              "fig21": 1}
    assert {name: len(own) for name, own in pairs.items()} == counts
    # Table 5, cycle 23, then 24
    printed = [29.5, 62.6, 100.0, 75.0, 75.0, 75.0, 30.0, 21.5, 44.2, 84.8, 63.6, 45.4, 39.3, 20.0]
    assert [pair[1] for pair in pairs["table5"]] == printed
    assert all(low <= here <= high for _, _, here, low, high in pairs["table5"])
    assert [pair[1] for pair in pairs["table6"][::8]] == [0.5, 0.46, 0.39, 0.62, 0.49]  # K-NN upon AE
    ours = found["table6"]["numbers"][1]
    assert [pair[2] for pair in pairs["table6"][::8]] == [ours[name] for name in ("P", "R", "F1", "acc.", "mean")]
    tables = scorecard_page(laptop())[1]
    page = rows({name: tables[f"scorecard-{name}"] for name in ("tables", "figures")})
    assert all(re.split("[:,]", page[f"Table {n}"][1])[0] in SHOWN for n in range(1, 7))
    assert all("on simulated data" in page[f"Table {n}"][1] for n in range(2, 7))
