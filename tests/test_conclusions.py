"""The closing page: a section a claim, a sentence a verdict, and nothing that the build does not know."""

import re

import pytest

from sqbook.scorecard import conclusions_page
from sqlib.judge.claims import claims
from sqlib.show.records import record

CARD = {"data": "twin", "profile": "smoke", "seed": 7, "commit": "", "notebook": "08_pitfalls", "fingerprint": ""}
SAID = {"reproduced": "**It stands.**", "contradicted": "**It fell.**", "undecided": "**Undecided.**",
        "not testable here": "**Not testable here.** No <sources>.".replace("<", "&lt;").replace(">", "&gt;")}


def publish(folder, name, numbers, source="simulated", **about):
    record(name, numbers, card=CARD, folder=folder, source=source, label=about.pop("label", name), replace=False,
           kind=about.pop("kind", "claim"), **about)


def judged(verdict, **more):
    return {"verdict": verdict, "value": 0.25, "low": 0.125, "high": 0.5, "note": "no <sources>"} | more


def sections(page: str) -> dict[str, str]:
    """The text of each claim's section by the claim."""
    parts = re.split(r"^### (C\d+): ", page, flags=re.MULTILINE)[1:]
    return {name: text.split("\n\n{{")[0].split("\n## ")[0] for name, text in zip(parts[::2], parts[1::2])}


@pytest.mark.parametrize("verdict", SAID)
def test_every_claim_has_a_sentence_for_each_verdict(tmp_path, verdict):
    for name in claims().index:
        publish(tmp_path, f"claim-{name}", judged(verdict, second=judged(verdict)))
    page = conclusions_page({"08_pitfalls": tmp_path})
    found = sections(page)
    assert set(found) == set(claims().index)
    for name, text in found.items():
        assert claims()["statement"][name] in text and text.count("- **") == 3
        assert SAID[verdict] in text and re.search(r"said:\*\* \w.+\.\n- \*\*What it would take:\*\* \w.+\.", text)
        assert f"[0.250 (0.125 … 0.500)](project:#claim-{name.lower()})" in text
    assert " (23):**" in page and page.count(" (0):**\n  none") == 4
    own = [re.search(r"- \*\*[^*]+\*\* (.+)", text)[1] for text in found.values()]
    assert verdict == "not testable here" or len(set(own)) == len(own)  # none was copied from another claim


def test_a_verdict_counts_if_its_rule_tests_the_claim(tmp_path):
    publish(tmp_path, "claim-C3", judged("reproduced"))  # the first rule hardly tests it
    publish(tmp_path, "claim-C13", judged("reproduced", second=judged("contradicted", value=-0.75)))
    publish(tmp_path, "claim-C1", judged("contradicted", second=judged("not testable here", value=None)))
    publish(tmp_path, "claim-C5", judged("undecided"))
    found = sections(conclusions_page({"08_pitfalls": tmp_path}))
    said = {name: re.search(r"- \*\*([^*]+)\.\*\*", text)[1] for name, text in found.items()}
    assert {name: said.pop(name) for name in ("C1", "C3", "C5", "C13")} == {
        "C1": "It fell", "C3": "Not judged", "C5": "Undecided", "C13": "It fell"}
    assert set(said.values()) == {"Not tried"}
    assert "the first does not (hardly: " in found["C3"] and "Found:" not in found["C3"]
    assert "-0.750" in found["C13"] and "on trial events" in found["C13"]  # the second rule


def test_what_a_build_lacks_is_neither_said_nor_linked(tmp_path):
    empty = conclusions_page({})
    assert "project:" not in empty and "../notebooks" not in empty and "**simulated**" not in empty
    assert "**Without a verdict (23):**" in empty
    publish(tmp_path, "claim-C5", judged("reproduced"), source="observed")
    publish(tmp_path, "fig-pit-leak", {"F1": 0.97}, kind="figure", label="Figure P1", alt="Bars.",
            caption="Copying gives 0.97 on <shuffled> frames. Lines: intervals.", file="figures/fig-pit-leak.png")
    assert "best network of this build" not in empty
    publish(tmp_path, "fig-many-ap", {"AP": 0.5}, kind="figure", alt="A curve.", caption="A curve rises.",
            file="figures/fig-many-ap.png", headlines={"ap_share_of_ideal": (0.78, 0.71, 0.852, "of the observer's")})
    page = conclusions_page({"05_recurrence": tmp_path})
    assert "Copying gives 0.97 on &lt;shuffled&gt; frames ([Figure P1](project:#fig-pit-leak))." in page
    assert "Lines: intervals" not in page and "**simulated**" not in page  # its one verdict is of observed frames
    assert "[recurrence](../notebooks/05_recurrence)" in page and "01_dataset" not in page
    assert "best network of this build has 78 % (71 … 85 %)." in page
