"""Headlines: declared by records, said on the landing page in sentences that are true, and kept with `--publish`."""

import json
import re
from pathlib import Path

import pytest

from sqbook.execute import publish
from sqbook.site.pages import headlines, headlines_page
from sqlib.errors import SqError
from sqlib.show.records import read_records, record

CARD = {"data": "twin", "profile": "smoke", "seed": 7, "commit": "abc", "notebook": "09_how_many", "fingerprint": ""}
AP, BOX, SHARE = "ap_trial_contrastive", "ap_box_car", "ap_share_of_ideal"


def declared(folder, name="fig-many-ap", card=CARD, **said):
    """The runs of a build of which one record has headlines, by name (value, low, high)."""
    record(name, {}, card=card, folder=folder / card["notebook"], source="simulated", label="Figure N1", kind="figure",
           replace=False, headlines={name: (*numbers, "what it is") for name, numbers in said.items()})
    return {card["notebook"]: folder / card["notebook"]}


def test_a_headline_is_kept_with_its_interval_where_it_has_one(tmp_path):
    runs = declared(tmp_path, a=(0.5, 0.4, 0.6), b=(0.5, None, None), c=(0.5, 0.4, float("nan")))
    found = headlines(runs)
    assert {name: [one["low"], one["high"]] for name, one in found.items()} == {
        "a": [0.4, 0.6], "b": [None, None], "c": [None, None]}
    assert found["a"]["record"] == read_records(runs["09_how_many"])["fig-many-ap"]


@pytest.mark.parametrize("bad", [0.5, (0.5, 0.4, 0.6), (0.5, 0.4, 0.6, " "), (float("nan"), 0, 1, "F1"),
                                 ("0.5", 0, 1, "F1"), (None, 0, 1, "F1"), (True, 0, 1, "F1")])
def test_what_is_no_number_with_words_is_refused(tmp_path, bad):
    with pytest.raises(SqError, match=r"f1_shuffled' (is|holds)"):
        record("fig01", {}, card=CARD, folder=tmp_path, source="simulated", label="Figure 1", kind="figure",
               replace=False, headlines={"f1_shuffled": bad})
    assert not (tmp_path / "records").exists()


def test_a_name_that_two_records_declare_is_refused_before_anything_is_written(tmp_path, sq_home):
    runs = declared(tmp_path, **{AP: (0.5, 0.4, 0.6)})
    runs |= declared(tmp_path, "table2", CARD | {"notebook": "03_contrastive"}, **{AP: (0.5, 0.4, 0.6)})
    with pytest.raises(SqError, match=f"'{AP}' is declared by 09_how_many/fig-many-ap and 03_contrastive/table2"):
        publish(runs, "smoke")
    assert not (sq_home / "results").exists()


@pytest.mark.parametrize(("box", "amount", "overlap"), [
    ((0.33, 0.3, 0.36), "more than the **0.33** (0.30 … 0.36)", ""),
    ((0.45, 0.4, 0.5), "more than the **0.45** (0.40 … 0.50)", ", though both intervals overlap"),
    ((0.474, None, None), "as much as the **0.47**", ""),
    ((0.6, 0.55, 0.65), "less than the **0.60** (0.55 … 0.65)", ""),
])
def test_the_sentence_says_what_the_numbers_say(tmp_path, box, amount, overlap):
    page = headlines_page(declared(tmp_path, **{AP: (0.47, 0.43, 0.51), BOX: box}))
    said = f"{amount} of a box-car over nine frames, which learns nothing{overlap}"
    assert f"average precision of **0.47** (0.43 … 0.51), {said} ([Figure N1](project:#fig-many-ap))" in page


@pytest.mark.parametrize(("share", "words"), [
    ((0.78, 0.7, 0.86), "**78 %** (70 % … 86 %): some of what the pictures tell is missed"),
    ((1.1, 1.02, 1.2), "**110 %** (102 % … 120 %): more than the observer itself"),
    ((0.97, 0.9, 1.04), "**97 %** (90 % … 104 %): the interval includes all of it"),
    ((0.97, None, None), "has\n  **97 %** (["),
])
def test_a_ratio_is_judged_by_its_interval(tmp_path, share, words):
    assert words in headlines_page(declared(tmp_path, **{SHARE: share}))


def test_what_a_build_lacks_is_left_out(tmp_path):
    assert headlines_page({}) == headlines_page(declared(tmp_path, no_sentence=(1, 0, 2))) == ""
    page = headlines_page(declared(tmp_path, "fig02", **{AP: (0.47, 0.43, 0.51)}))
    assert page.count("\n- ") == 1 and "box-car" not in page


def test_published_headlines_lead_to_their_records_and_say_how_they_were_made(tmp_path, sq_home):
    publish(declared(tmp_path, **{AP: (0.47, 0.43, 0.51)}), "smoke")
    found = json.loads((sq_home / "results/headlines.json").read_text())
    assert found == {AP: {"value": 0.47, "low": 0.43, "high": 0.51, "what": "what it is", "profile": "smoke", "seed": 7,
                          "commit": "abc", "record": "smoke/09_how_many/records/fig-many-ap.json"}}
    assert json.loads((sq_home / "results" / found[AP]["record"]).read_text())["headlines"][AP][0] == 0.47


def test_the_readme_quotes_the_published_numbers():
    """Each number in the section on what was found is a published headline, to its last digit, and none is missing."""
    root = Path(__file__).resolve().parents[1]
    page = (root / "README.md").read_text(encoding="utf-8")
    said = page.partition("## What the book found\n")[2].partition("\n## ")[0]
    quoted = json.loads((root / "results/headlines.json").read_text(encoding="utf-8"))
    names = ("f1_shuffled", "f1_calendar", "f1_by_event", "ap_trial_contrastive", "ap_box_car", "ap_frame_number",
             "ap_trial_locator", "ap_trial_contrastive_less_usual")
    assert re.findall(r"0?\.\d\d", said) == [f"{quoted[name]['value']:.2f}" for name in names]
    assert re.findall(r"(\d+) %", said) == [f"{100 * quoted['events_at_one_false_alarm']['value']:.0f}"]
