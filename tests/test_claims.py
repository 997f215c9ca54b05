"""Claims: the verdict follows from the interval and the bound alone."""

import math

import numpy as np
import pandas as pd
import pytest

from sqlib.errors import SqError
from sqlib.judge.claims import as_table, claims, every_seed, judge, judge_runs, over_seeds


def test_every_claim_has_a_rule_that_tests_it():
    rules = claims()
    assert set(rules.index) == {f"C{n}" for n in range(1, 24)}
    assert ((rules["tests"] == "yes") | (rules["second_quantity"] != "")).all()
    for which in ("", "second_"):
        own = rules[rules[f"{which}quantity"] != ""]
        assert set(own[f"{which}kind"]) == {"above", "within"} and own[f"{which}bound"].notna().all()
        assert (own.loc[own[f"{which}kind"] == "within", f"{which}bound"] > 0).all()


@pytest.mark.parametrize(("low", "high", "verdict"), [
    (0.21, 0.5, "reproduced"), (0.19, 0.5, "undecided"), (-0.5, 0.19, "contradicted"), (0.1, 0.3, "undecided"),
    (math.nan, 0.3, "undecided"), (-math.inf, math.inf, "undecided"),
])
def test_a_claim_that_something_is_greater(low, high, verdict):
    assert judge("C15", 0.2, low, high).verdict == verdict


@pytest.mark.parametrize(("low", "high", "verdict"), [
    (-0.05, 0.05, "reproduced"), (-0.05, 0.15, "undecided"), (0.11, 0.2, "contradicted"), (-0.3, -0.2, "contradicted"),
    (-0.2, 0.2, "undecided"),
])
def test_a_claim_that_something_makes_no_difference(low, high, verdict):
    assert judge("C1", 0.0, low, high).verdict == verdict


def test_a_claim_whose_quantity_cannot_be_had_is_no_open_question():
    assert judge("C23", math.nan, math.nan, math.nan, "no pictures").verdict == "not possible"
    second = judge("C9", second=True, note="the loss falls")
    assert (second.verdict, second.number, second.note) == ("not testable here", "", "the loss falls")


def test_the_second_rule_has_a_quantity_and_a_bound_of_its_own():
    assert judge("C17", 0.3, second=True).rule.startswith("rank of the size of the annotated frames' shift")
    assert [judge("C17", 0.3, 0.2, 0.4, second=which).verdict for which in (False, True)] == [
        "reproduced", "contradicted"]  # above 0, above 0.5
    with pytest.raises(SqError, match="C5 has no second rule"):
        judge("C5", 0.3, 0.2, 0.4, second=True)


def test_a_verdict_holds_for_every_seed():
    assert every_seed([0.3, 0.5], 0.2, 0.6) == (pytest.approx(0.4), 0.2, 0.6)
    assert every_seed([-0.1, 0.5], 0.1, 0.3) == (pytest.approx(0.2), -0.1, 0.5)  # one seed says otherwise
    assert every_seed([0.3, 0.5], [0.1, 0.4], [0.4, 0.7]) == (pytest.approx(0.4), 0.1, 0.7)  # an interval for each
    assert math.isnan(every_seed([0.3, math.nan], 0.2, 0.6)[1])
    alone = judge("C5", 0.3, 0.2, 0.4, seeds=1)
    assert alone.verdict == "undecided" and alone.note == "one seed"
    assert judge("C5", 0.3, 0.2, 0.4, seeds=2).verdict == "reproduced"


@pytest.mark.parametrize(("centres", "verdict", "number"), [
    ([0.5, 0.4, 0.6], "reproduced", "0.500 (0.300 … 0.700)"),
    ([0.5, 0.25, 0.6], "undecided", "0.450 (0.150 … 0.700)"),
    ([0.05, 0.0, -0.2], "contradicted", "-0.050 (-0.300 … 0.150)"), ([0.5], "undecided", "0.500 (0.400 … 0.600)"),
    ([0.5, math.nan, 0.6], "not possible", ""),
])
def test_one_run_of_several_can_only_take_a_verdict_away(centres, verdict, number):
    found = judge_runs("C15", lambda run: (run, run - 0.1, run + 0.1), iter(centres), "by network")
    assert (found.verdict, found.number) == (verdict, number)
    assert found.note == "by network" + "; one seed" * (len(centres) == 1)


def test_the_interval_over_seeds_is_students():
    rng = np.random.default_rng(0)
    covered = np.mean([(lambda m, lo, hi: lo < 3 < hi)(*over_seeds(rng.normal(3, 1, 4))) for _ in range(2000)])
    assert covered == pytest.approx(0.95, abs=0.015)
    assert over_seeds([1.0])[1:] == (-math.inf, math.inf)


def test_the_table_shows_both_verdicts_and_hides_no_missing_number():
    table = as_table([(judge("C15", 0.4, 0.3, 0.5), judge("C15", second=True, note="too few frames")),
                      (judge("C5", math.nan, note="no true positive"), None)])
    assert table["claim"].str.split(",").str[0].tolist() == ["C5", "C15"]  # in their order
    assert table.iloc[0, 1:3].tolist() == ["not possible: no true positive", "yes"] and pd.isna(table.iloc[0, 3])
    assert table.loc[1, "first rule"] == "reproduced: 0.400 (0.300 … 0.500)"
    assert table.loc[1, "does it test the claim?"].startswith("in part: ")
    assert table.loc[1, "second rule"] == "not testable here: too few frames"
