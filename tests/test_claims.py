"""Claims: the verdict follows from the interval and the bound alone."""

import math

import numpy as np
import pytest

from sqlib.judge.claims import VERDICTS, as_table, claims, judge, over_seeds


def test_every_claim_has_a_rule():
    assert set(claims().index) == {f"C{n}" for n in range(1, 24)}
    assert set(claims()["kind"]) == {"above", "within"}
    assert (claims().loc[claims()["kind"] == "within", "bound"] > 0).all()


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


def test_the_interval_over_seeds_is_students():
    rng = np.random.default_rng(0)
    covered = np.mean([(lambda m, lo, hi: lo < 3 < hi)(*over_seeds(rng.normal(3, 1, 4))) for _ in range(2000)])
    assert covered == pytest.approx(0.95, abs=0.015)
    assert over_seeds([1.0])[1:] == (-math.inf, math.inf)


def test_the_table_shows_all_and_hides_no_missing_number():
    table = as_table([judge("C15", 0.4, 0.3, 0.5), judge("C17", math.nan, math.nan, math.nan, "no true positive")])
    assert list(table["verdict"]) == ["reproduced", "not possible"]
    assert table["95 % interval"].tolist()[1] is None or table["95 % interval"].isna()[1]
    assert set(table["verdict"]) <= set(VERDICTS)
