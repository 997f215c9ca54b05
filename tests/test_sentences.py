"""Parts of sentences that a run's numbers fill."""

import math

from sqlib.judge.sentences import changed, interval, listed, percent, sided


def test_a_share_is_said_with_its_interval_or_without_what_is_missing():
    assert percent(0.132, 0.10, 0.168) == "13 % (10 … 17 %)"
    assert (percent(0.5, math.nan, 0.6), percent(math.nan, 0, 1)) == ("50 %", "not defined here")


def test_a_number_may_say_that_it_has_no_interval():
    assert interval(0.5, 0.4, 0.6) == "0.50 (0.40 … 0.60)" and interval(0.5, 0.4, math.inf) == "0.50"
    assert interval(0.5, None, 0.6, ".3f", without=" (no interval)") == "0.500 (no interval)"


def test_the_words_follow_the_interval_and_a_missing_one_decides_nothing():
    said = [sided(*ends, "more", "less", "neither") for ends in ((1, 2), (-2, -1), (-1, 1), (math.nan, math.nan))]
    assert said == ["more", "less", "neither", "neither"]
    assert sided(0.5, 0.6, "more", "less", "neither", bound=0.7) == "less"


def test_words_are_listed_as_a_sentence_does():
    assert [listed(words) for words in ([], ["a"], ["a", "b"], ["a", "b", "c"])] == ["", "a", "a and b", "a, b and c"]


def test_a_difference_is_said_with_its_interval_where_there_is_one():
    found = [(0.05, 0.01, 0.09), (-0.05, -0.09, -0.01), (0.05, -0.01, 0.09), (0.05, math.nan, math.nan)]
    assert [changed(one, "up", "down", "level", "+.2f") for one in found] == [
        "up (+0.05, +0.01 … +0.09)", "down (-0.05, -0.09 … -0.01)",
        "level (+0.05, -0.01 … +0.09)", "level (+0.05)"]
