"""The key numbers of the smoke book lie within the bands of bands.csv, which bands.py derives."""

import pytest
from bands import KEYS, band, derive, never, numbers, outside, read
from conftest import run_of

BANDS = read()


@pytest.mark.parametrize("chapter", KEYS)
def test_key_numbers_of_a_chapter_lie_within_their_bands(smoke_book, chapter):
    assert outside(BANDS[chapter], numbers(run_of(smoke_book, chapter))) == []


def test_a_disturbed_number_is_caught_in_every_band():
    for rows in BANDS.values():
        middle = {(row["record"], row["number"]): (float(row["low"]) + float(row["high"])) / 2 for row in rows}
        assert outside(rows, middle) == []
        for row in rows:
            place, width = (row["record"], row["number"]), float(row["high"]) - float(row["low"])
            for value in (float(row["low"]) - 0.1 * width, float(row["high"]) + 0.1 * width):
                assert len(outside(rows, middle | {place: value})) == 1
        assert len(outside(rows, {})) == len(rows)  # a number that is gone


def test_every_key_number_has_a_band_that_says_how_it_was_derived():
    assert {chapter: [(row["record"], row["number"]) for row in rows] for chapter, rows in BANDS.items()} == {
        chapter: [key[:2] for key in keys] for chapter, keys in KEYS.items()}  # fmt: skip
    for row in (row for rows in BANDS.values() for row in rows):
        assert row["derived"].startswith(("closed form", "no draw")) or row["derived"][0].isdigit()
        assert float(row["low"]) < float(row["high"])
    for chapter, keys in KEYS.items():  # closed forms are derived again; nothing was typed into the table
        fixed = {(record, number): how for record, number, how in keys if not isinstance(how, str)}
        for row in BANDS[chapter]:
            if how := fixed.get((row["record"], row["number"])):
                low, high, _ = band(row["record"], row["number"], how, {})
                assert (float(row["low"]), float(row["high"])) == pytest.approx((low, high), rel=1e-8, abs=1e-12)


def test_a_band_of_many_seeds_is_students_and_of_few_the_runs_own_interval():
    many = {seed: {("r", "x"): value} for seed, value in enumerate((1.0, 2.0, 3.0, 2.0, 2.0))}
    low, high, derived = band("r", "x", "seeds", many)
    assert (low + high) / 2 == 2.0 and high - 2.0 == pytest.approx(8.610302 * 0.7071068 * (6 / 5) ** 0.5)
    assert derived.startswith("5 seeds")
    few = {seed: {("r", "value"): 0.5, ("r", "low"): 0.3, ("r", "high"): 0.692} for seed in (1, 2)}
    assert band("r", "value", "interval", few)[:2] == pytest.approx((0.1, 0.9))
    named = {1: {("r", "[0].ap"): 0.5, ("r", "[0].ap_low"): 0.3, ("r", "[0].ap_high"): 0.692}}
    assert band("r", "[0].ap", "interval", named)[:2] == pytest.approx((0.1, 0.9))
    with pytest.raises(SystemExit, match="too few"):
        band("r", "x", "seeds", {1: many[1], 2: many[2]})
    with pytest.raises(SystemExit, match="the same for all seeds"):
        band("r", "x", "no draw", many)


def test_bands_of_a_chapter_are_written_from_its_runs():
    found = {seed: {key[:2]: 1.0 + 0.01 * seed for key in KEYS["08_pitfalls"]} for seed in range(4)}
    rows = derive("08_pitfalls", found)
    assert [row[:3] for row in rows] == [("08_pitfalls", *key[:2]) for key in KEYS["08_pitfalls"]]
    assert never(186, 320) == pytest.approx(0.3874092)  # F1 of "no" is 2p/(1+p), halved for want of the other class
