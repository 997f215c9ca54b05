"""Runs asked about trial events: each sees them by its own input, and all are asked about the same frames."""

import numpy as np
import pandas as pd
import pytest

from sqlib.data.frames import FrameSet, make_index
from sqlib.learn import chapters, encoders
from sqlib.learn.settings import Loop, Model, Settings, Views
from sqlib.learn.trained import Trained


@pytest.fixture
def trial(rng):
    """Two events of 40 frames of 16 pixels, numbered from 3 on."""
    rows = pd.DataFrame([
        {"event": event, "cycle": 24, "frame": number, "time": pd.Timestamp("2012-01-01"),
         "label": int(15 < number < 25), "boxes": ()} for event in ("a", "b") for number in range(3, 43)])
    pixels = rng.integers(0, 255, (len(rows), 16, 16), dtype=np.uint8)
    return FrameSet(pixels, make_index(rows), "twin", "frame", "made up", "origin")


def test_runs_with_other_inputs_answer_about_the_same_frames(trial, monkeypatch):
    views = Views(low_pass=0.5, positional="none", erasing="none")
    short = Settings(model=Model("resnet6"), views=views, loop=Loop(1))
    runs = {"three": short, "fifteen": Settings(model=Model("resnet6"), window=5, spacing=3, levels="relative")}
    runs = {name: Trained(None, name, settings, None, {}) for name, settings in runs.items()}
    asked = []

    def numbers(run, what, frames, make):  # a network that knows the number of its middle frame, and nothing else
        samples = make()
        asked.append((samples.planes, samples.filtered, what))
        assert samples.index.equals(frames.index.reset_index(drop=True))
        return samples.index["frame"].to_numpy(np.float32)[:, None]

    monkeypatch.setattr(encoders, "said", numbers)
    answers, index = chapters.trial_answers(runs, trial)
    frames = index["frame"].to_numpy()
    assert set(frames) == {number for number in range(10, 36) if number % chapters.EVERY == 0}  # 7 frames at both ends
    assert index["event"].tolist() == sorted(index["event"])
    assert all(np.array_equal(own, frames) for own in answers.values()) and list(answers) == ["three", "fifteen"]
    assert asked == [(1, False, "margin"), (2, False, "margin")]  # raw: what is filtered is for training
