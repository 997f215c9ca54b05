"""Other bands and pupils: what is measured of a look, and how looks are compared."""

import numpy as np
import pandas as pd
import pytest

from sqlib.data.trial import quiet_frames
from sqlib.judge import other_looks
from sqlib.judge.other_looks import LOOKS, USUAL, compared, margin, margins
from sqlib.sun.twin import TwinSettings, simulate

SOURCE = (20, 32, 30.0, 40.0)  # first and last frame, y and x


def noise(rng, strength: float) -> np.ndarray:
    power = rng.exponential(size=(64, 64, 64)).astype(np.float32)
    power[20:33, 26:34, 36:44] *= strength
    return power


@pytest.mark.parametrize(("strength", "found"), [(6.0, True), (0.3, False)])
def test_the_margin_is_positive_where_the_source_is_the_surest_place(rng, strength, found):
    power = noise(rng, strength)
    assert (margin(power, 45.0, [SOURCE]) > 0) == found
    assert margin(power, 45.0, [(20, 32, 30.0, 8.0)]) < 0, "elsewhere"
    assert margin(power, 45.0, [(50, 60, 30.0, 40.0)]) < 0, "at another time"


def test_differences_are_those_of_the_same_events(rng):
    hard = rng.normal(0, 3, 50)  # events differ far more than looks do
    rows = pd.DataFrame({name: hard + 0.2 * (name == "6–7 mHz") for name in LOOKS})
    table = compared(rows, 1).set_index("look")
    assert table.loc["6–7 mHz", "difference"] == pytest.approx(0.2)
    assert table.loc["6–7 mHz", "difference_low"] > 0.19 and table.loc["5–6 mHz", "difference_high"] == 0
    assert table.loc[USUAL, "low"] < table.loc[USUAL, "found"] == (hard > 0).mean() < table.loc[USUAL, "high"]


def test_looks_at_trial_events_are_kept_and_the_usual_one_is_that_of_the_twin(tmp_path, monkeypatch):
    monkeypatch.setenv("SQ_HOME", str(tmp_path))
    small = TwinSettings(64, 48)
    first = margins(1, small, progress=False)
    assert list(first) == list(LOOKS) and np.isfinite(first.to_numpy()).all()
    monkeypatch.setattr(other_looks, "dopplergrams", None)  # found on disk
    pd.testing.assert_frame_equal(margins(1, small, progress=False), first)
    monkeypatch.undo()
    event = other_looks.trial_events(1)[0]
    cube = simulate(event, TwinSettings(64, 48, other_looks.SEED))
    quakes = [(*(frame - cube.first_frame for frame in one["interval"]), one["y"], one["x"])
              for one in cube.truth["quakes"]]
    assert margin(cube.power, event.cadence, quakes) == pytest.approx(first.iloc[0][USUAL], abs=1e-3)


def test_quiet_cubes_have_no_sunquake(tmp_path, monkeypatch):
    monkeypatch.setenv("SQ_HOME", str(tmp_path))
    quiet = quiet_frames(TwinSettings(64, 40), 64, "frame", progress=False)
    assert quiet.index["event"].nunique() == 4 and not (quiet.index["label"] == 1).any()
    assert quiet.index["boxes"].map(len).eq(0).all() and quiet.source == "twin"
