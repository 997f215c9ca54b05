"""The scorecard: nothing is left out, and it says what the records say."""

from pathlib import Path

import pytest
from bs4 import BeautifulSoup

from sqbook.scorecard import PRINTED, SHOWN, compared, scorecard_page, verdict
from sqlib.judge.claims import claims
from sqlib.show.records import read_records, record

LAPTOP = {folder.name: folder for folder in (Path(__file__).parents[1] / "results/laptop").iterdir()}
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
    publish("table2", [{"classifier": "SVC", "P": 0.75}], "table", compare={"P": [(0.5, 0.75), (0.25, None)]})
    publish("table-slips", [{"where": "Section 9", "printed": "1 < 0", "evidence": "1 − 0 = 1"}], "table",
            source="published")
    publish("fig07", {"mean": 1.0}, "figure", source="observed")
    counts = {"TP": (14, 32), "FP": (6, 121)}
    publish("fig05", {"TP": 32, "FP": 121}, "figure", paper={"TN": 2616}, source="observed", compare=counts)
    boxes = [(35.0, 40.0 + n, 30.0, 50.0) for n in range(5)]
    publish("table5", [{"metric": n} for n in range(5)], "table", source="observed", compare={"%": boxes})
    return tmp_path


def rows(page: str, tables: str = "table") -> dict[str, list]:
    """The cells of each row of all `tables` by its head."""
    found = [row.find_all(["th", "td"]) for row in BeautifulSoup(page, "html.parser").select(f"{tables} tbody tr")]
    return {head.get_text().split(":")[0]: cells for head, *cells in found}


def words(cells: list) -> list[str]:
    return [cell.get_text().replace("\u00a0", " ") for cell in cells]


def test_every_claim_table_and_figure_of_the_paper_has_a_row(folder):
    found = rows(scorecard_page({"03_contrastive": folder}))
    printed = {f"{kind} {n}" for kind, count in (("Table", 6), ("Figure", 21)) for n in range(1, count + 1)}
    assert set(found) == {"Section 9", *claims().index, *printed}
    assert words(found["C1"])[0] == "not tried in this build"
    assert words(found["Figure 8"])[0] == words(found["Table 6"])[0] == "not in this build"


def test_rows_say_what_the_records_say(folder):
    page = scorecard_page({"03_contrastive": folder})
    cells = rows(page)
    found = {name: words(own) for name, own in cells.items()}
    mark = "SIMULATED (twin, seed 7) smoke"
    assert found["C5"] == ["reproduced 0.123 (0.100 … 0.200)", "yes", "–", "0.25", mark]
    assert found["C3"][1].startswith("hardly: ") and found["C3"][3] == "gain 0.5"
    assert found["C13"][2] == "contradicted -0.500 (-0.750 … -0.250)"
    assert found["C13"][3].startswith("window: P 0.5; R 1, 2; said <b> long long")
    assert found["C13"][3].endswith("long …") and len(found["C13"][3]) < 160
    assert found["C6"][0] == "not possible no <pictures>" and found["C9"][2] == "not testable here it falls"
    verdict_on = "contradicted, on simulated data"
    assert found["Table 2"] == ["03_contrastive", verdict_on, "1", "P 0.5", "P 0.75", "0.33", "–", mark]
    assert found["Table 5"][1:-1] == ["reproduced", "5", "35", "42", "0.17", "5 of 5"]
    assert found["Figure 5"][1:-1] == ["contradicted", "2", "TP 14, FP 6", "TP 32, FP 121", "0.76", "–"]
    assert found["Figure 7"][:2] == ["03_contrastive", "shown: no printed number to compare with"]
    assert found["Figure 8"][1] == "not possible: not made in this build"
    assert found["Section 9"] == ["1 < 0", "1 − 0 = 1"] and found["Figure 7"][-1] == "OBSERVED (real frames) smoke"
    # C5 by its first rule and C13 by its second; C9 not testable; the first rules of C3 and C6 test neither
    said = " ".join(page.split())
    assert ("Of 23 claims, 2 have a verdict by a rule that tests them: 1 reproduced, 1 contradicted, 0 undecided. "
            "1 are not testable here") in said
    assert "20 were not judged by a rule that tests them" in said
    assert "2 of 6 are regenerated in this build: 1 reproduced, 0 approximated, 1 contradicted, 0 shown, 0 not" in page
    assert "2 of 21 are regenerated in this build: 0 reproduced, 0 approximated, 1 contradicted, 1 shown" in page
    assert cells["Figure 7"][0].a["href"] == "../notebooks/03_contrastive.html#fig07"
    assert cells["C5"][0].a["href"] == "../notebooks/03_contrastive.html#claim-C5"
    assert cells["C5"][0].a.span["class"] == ["sq-verdict", "sq-reproduced"]
    assert cells["C9"][2].select("a .sq-verdict.sq-not-testable-here")
    assert cells["Table 2"][1].select(".sq-contradicted")
    assert "01_dataset" not in page  # no link to a chapter that is not built
    assert "[03_losses](../notebooks/03_losses)" in scorecard_page({"03_losses": folder})


def test_two_chapters_of_one_number_are_shown_together(folder, tmp_path_factory):
    other = tmp_path_factory.mktemp("other")
    record("claim-C4", {"verdict": "undecided"}, None, card=CARD | {"notebook": "03_losses"}, folder=other,
           source="simulated", label="C4", kind="claim", replace=False)
    page = scorecard_page({"03_losses": other, "03_contrastive": folder})
    assert page.count("chapter 03") == 1 and "tbody tr:not(:has([href*='/03_']))" in page


@pytest.mark.parametrize(("rows", "word"), [
    ([(0.63, 0.6349), (0.5, 0.5)], "reproduced"), ([(0.63, 0.6351), (0.5, 0.5)], "approximated"),
    ([(0.5, 0.54)], "reproduced"), ([(12, 12)], "reproduced"), ([(12, 13)], "approximated"),
    ([(10, 9), (0, 0)], "approximated"), ([(9, 11)], "contradicted"),
    ([(100, 95), (1, 0)], "contradicted"), ([(0, 0)], "reproduced"), ([(0.5, -0.5)], "contradicted"),
    ([(30.0, 40.0, 30.0, 50.0)], "reproduced"), ([(30.0, 40.0, 30.0, 50.0), (29.5, 40.0, 30.0, 50.0)], "contradicted"),
])
def test_the_verdict_on_a_table_follows_from_the_declared_numbers_alone(rows, word):
    about = {"paper": None, "source": ["observed"], "simulated": False, "compare": {"a": [list(pair) for pair in rows]}}
    assert verdict(about) == (word, "")
    assert verdict(about | {"simulated": True}) == (word, ", on simulated data")


def test_what_declares_no_pair_gets_a_verdict_too():
    about = {"paper": None, "source": ["observed"], "simulated": False, "compare": {}, "numbers": [{"P, paper": 1}]}
    assert verdict(about) == ("shown", ": no printed number to compare with")
    assert verdict(about | {"simulated": True})[1].endswith(", and the data are simulated")
    assert verdict(about | {"source": ["published"]}) == ("shown", ": the numbers are the paper's own")
    assert verdict(about | {"paper": {"y": 1}})[0] == "not comparable"
    assert verdict(None) == ("not possible", ": not made in this build")


def test_the_committed_records_are_compared_number_by_number():
    found = {name: one for folder in LAPTOP.values() for name, one in read_records(folder).items()}
    pairs = {name: compared(found[name]) for name in (*PRINTED["Table"][1:], "fig05", "fig10", "fig21")}
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
    page = rows(scorecard_page(LAPTOP), "#scorecard-tables")
    said = [page[f"Table {n}"][1].get_text() for n in range(1, 7)]
    assert all(one.startswith(SHOWN) for one in said) and all("on simulated data" in one for one in said[1:])
