"""The threshold slider: its numbers by a slow loop, and its behaviour in a browser."""

import numpy as np
import pytest

from sqlib.errors import SqError
from sqlib.show.threshold import levels, sentence, slider


@pytest.fixture
def frames(rng):
    events = np.repeat(["a", "b", "c"], 40)
    labels = ((np.arange(120) % 40) < 6).astype(int) * (events != "c")
    return rng.normal(size=120) + 2 * labels, labels, events


def test_levels_are_those_of_a_slow_loop(frames):
    scores, labels, events = frames
    table = levels(scores, labels, events)
    assert table["share"].iloc[0] == 1 and table["recall"].iloc[0] == 1
    assert table["share"].iloc[-1] == pytest.approx(1 / 120)
    for row in table.itertuples():
        passed = [score >= row.threshold for score in scores]
        right = [p and label for p, label in zip(passed, labels)]
        assert row.precision == pytest.approx(sum(right) / sum(passed))
        assert row.recall == pytest.approx(sum(right) / sum(labels))
        assert row.false == sum(passed) - sum(right)
        assert row.found == len({event for event, hit in zip(events, right) if hit})
        assert row.events == 2
    assert table["threshold"].is_monotonic_increasing


def test_scores_without_a_positive_are_refused(frames):
    scores, labels, events = frames
    with pytest.raises(SqError, match="a threshold needs"):
        levels(scores, labels * 0, events)


def test_slider_draws_what_its_sentence_says(frames):
    table = levels(*frames)
    player = slider(table).shown
    assert [one["words"] for one in player["curves"]] == ["precision", "recall", "events found"]
    assert player["facts"]["words"] == [sentence(row) for row in table.itertuples()]
    last = player["curves"][2]["points"].split()
    share = [(206 - float(point.split(",")[1])) / 196 for point in last]
    assert share == pytest.approx((table["found"] / table["events"]).tolist(), abs=1e-3)
    still = slider(table).still.axes[0]
    assert [line.get_label() for line in still.lines] == ["precision", "recall", "events found"]
