"""Free-response curves: alarms counted as one would by eye, intervals against a slow loop, limits found again."""

import numpy as np
import pandas as pd
import pytest

from sqlib.judge import free_response as fr


def events(number, rng, strength=0.0, frames=256):
    """Noise with a bump of this height at an annotated interval of 15 frames, one in each of some events."""
    rows, scores = [], []
    for event in range(number):
        first = int(rng.integers(20, frames - 40))
        label = np.zeros(frames, int)
        label[first : first + 15] = 1
        rows.append(pd.DataFrame({"event": f"e{event}", "frame": np.arange(frames), "label": label}))
        scores.append(rng.standard_normal(frames) + strength * label)
    return np.concatenate(scores), pd.concat(rows, ignore_index=True)


def test_alarms_are_maxima_a_quarter_of_an_hour_apart_and_an_interval_is_found_once():
    score = np.zeros(100)
    score[[10, 15, 40, 50, 90]] = 3, 5, 4, 2, 1
    label = np.zeros(100, int)
    label[38:53] = 1
    index = pd.DataFrame({"event": "a", "frame": np.arange(100), "label": label})
    found = fr.alarms(score, index)
    top = found[found["score"] > 0]
    assert top[["frame", "hit"]].to_numpy().tolist() == [[15, False], [40, True], [90, False]]
    assert found["hit"].sum() == 1  # what rings again for the same interval is left out
    curve = fr.curve(found, index)
    assert curve["found"].tolist()[:3] == [0, 1, 1] and curve["false"].tolist()[:3] == [1, 1, 2]


def test_a_method_that_sees_finds_all_and_one_that_guesses_finds_what_its_alarms_hit(rng):
    scores, index = events(60, rng, 8.0)
    blind = rng.standard_normal(len(scores))
    rung = {"sees": fr.alarms(scores, index), "guesses": fr.alarms(blind, index)}
    table = fr.found_at(rung, index, 1.0, beside="sees").set_index("method")
    assert table.loc["sees", "found"] == 1 and table.loc["sees", "share"] == 1
    # one alarm a cube hits 15 + 2 * 4 of 256 frames by chance
    assert table.loc["guesses", "low"] < 23 / 256 * 1.1 < table.loc["guesses", "high"] + 0.05
    assert table.loc["guesses", "share_high"] < 0.4
    drawn = fr.curve(rung["guesses"], index)  # the same at that rate
    assert table.loc["guesses", "found"] == drawn.loc[drawn["false"] <= 1, "found"].max()


def test_the_interval_is_that_of_a_slow_loop(rng):
    scores, index = events(12, rng, 1.5)
    rung = fr.alarms(scores, index)
    fast = fr.found_at({"a": rung}, index, 1.0, seed=3, draws=50).iloc[0]
    names, drawn, slow = pd.unique(index["event"]), np.random.default_rng(3).integers(0, 12, (50, 12)), []
    for one in drawn:
        some = pd.concat([rung[rung["event"] == names[event]] for event in one]).sort_values(
            "score", ascending=False, kind="stable")
        below = (~some["hit"]).cumsum() / 12 <= 1.0
        slow.append(some["hit"][below].sum() / 12)
    assert [fast["low"], fast["high"]] == pytest.approx(np.quantile(slow, [0.025, 0.975]).tolist(), abs=0.05)


def test_limits_of_a_known_law_are_found_again(rng):
    strength = np.exp(rng.uniform(0, 4, 1500))
    found = rng.random(1500) < 1 / (1 + np.exp(-3 * (np.log(strength) - 2)))
    known = {0.5: np.exp(2), 0.9: np.exp(2 + np.log(9) / 3)}
    for share, (value, low, high) in fr.limits(strength, found, draws=100).items():
        assert low < known[share] < high and value == pytest.approx(known[share], rel=0.15)
    assert np.isnan(fr.limits(strength[:20], np.ones(20, bool), draws=5)[0.5][0])
    assert np.isnan(fr.limits(strength[:0], [], draws=5)[0.5]).all()


def test_probabilities_that_are_true_have_little_error_and_others_what_they_are_off_by(rng):
    said = rng.uniform(0, 1, 20_000)
    hits = rng.random(20_000) < said
    table, error = fr.reliability(said, hits)
    assert len(table) == 10 and table["candidates"].sum() == 20_000 and error < 0.02
    assert ((table["low"] <= table["said"]) & (table["said"] <= table["high"])).mean() >= 0.8
    assert fr.reliability(np.clip(said - 0.2, 0, 1), hits)[1] == pytest.approx(0.2 * 0.9, abs=0.03)


def test_few_candidates_show_an_error_by_chance_alone_and_four_times_as_many_half_of_it(rng):
    said = rng.beta(0.3, 3, 400)
    few, many = fr.error_by_chance(said, 1), fr.error_by_chance(np.tile(said, 4), 1)
    found = [fr.reliability(said, rng.random(400) < said)[1] for _ in range(200)]
    assert few == pytest.approx(np.mean(found), rel=0.1) and many == pytest.approx(few / 2, rel=0.15)
