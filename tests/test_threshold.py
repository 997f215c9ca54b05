"""The threshold slider: its numbers by a slow loop, and its behaviour in a browser."""

import numpy as np
import pytest
from browser import chromium, opened

from sqlib.errors import SqError
from sqlib.show.threshold import levels, sentence, slider, still


@pytest.fixture
def frames(rng):
    events = np.repeat(["a", "b", "c"], 40)
    labels = ((np.arange(120) % 40) < 6).astype(int) * (events != "c")
    return rng.normal(size=120) + 2 * labels, labels, events


def test_levels_are_those_of_a_slow_loop(frames):
    scores, labels, events = frames
    table = levels(scores, labels, events, 25)
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


def test_scores_without_a_positive_or_of_another_length_are_refused(frames):
    scores, labels, events = frames
    for wrong in ((scores, labels * 0, events), (scores[:-1], labels, events), (scores, labels - 1, events)):
        with pytest.raises(SqError, match="a threshold needs"):
            levels(*wrong)


def test_slider_moves_by_keyboard_and_speaks_and_stands_without_scripts(frames, tmp_path):
    table = levels(*frames)
    path = tmp_path / "page.html"
    head = '<!doctype html><html lang="en"><meta charset="utf-8"><title>t</title>'
    path.write_text(head + slider(table, "thr", "curves <of> two", 30))
    words = [sentence(row) for row in table.itertuples()]
    with chromium() as browser:
        with opened(browser, path) as (page, complaints):
            output, line = page.locator("output"), page.locator(".sq-now")
            assert output.text_content() == words[30]
            before = line.get_attribute("transform")
            page.locator("input").focus()
            page.keyboard.press("ArrowRight")
            assert output.text_content() == words[31]
            assert line.get_attribute("transform") != before
            assert page.locator("input").get_attribute("aria-valuetext") == words[31]
            assert page.locator("svg[role=img]").get_attribute("aria-label") == "curves <of> two"
            assert not complaints
        with opened(browser, path, java_script_enabled=False) as (page, complaints):
            assert page.locator("output").text_content() == words[30]
            assert not page.locator(".sq-controls").is_visible()


def test_slider_draws_what_its_sentence_says(frames):
    table = levels(*frames)
    html = slider(table, "name", "alt")
    assert html.count("<polyline") == 3 and all(f"</svg> {word}</span>" in html for word in ("precision", "recall", "events found"))
    last = html.split("<polyline")[3].split('points="')[1].split('"')[0].split()
    share = [(206 - float(point.split(",")[1])) / 196 for point in last]
    assert share == pytest.approx((table["found"] / table["events"]).tolist(), abs=1e-3)


def test_still_shows_three_curves(frames):
    fig = still(levels(*frames))
    assert [line.get_label() for line in fig.axes[0].lines] == ["precision", "recall", "events found"]
