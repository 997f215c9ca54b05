"""Sprite sheets and the movie of a cube's frames: what is packed, which frames show a box, and the controls in a browser."""

import io
import json
import re
from html import unescape

import numpy as np
import pandas as pd
import pytest
from browser import chromium, opened
from PIL import Image
from test_embedding_map import write

from sqlib.data.frames import make_frameset, make_index
from sqlib.errors import SqError
from sqlib.show import sprites
from sqlib.show.event_movie import episode
from sqlib.show.movie import player, stretch

QUAKE = "2012_07_06_13_26_00"
ANNOTATED = range(4, 9)


@pytest.fixture
def frameset(rng):
    """Twelve frames of 40 pixels of an event, annotated from 4 to 8, with a dark region; and two of another, later event."""
    boxes = [((10, 12, 16, 18),) if i in ANNOTATED else () for i in range(12)] + [((1, 1, 4, 4),)] * 2
    index = make_index({"event": [QUAKE] * 12 + ["2013_01_01_00_00_00"] * 2, "cycle": 24, "frame": [*range(12), 0, 1],
                        "time": pd.date_range("2012-07-06 13:00", periods=14, freq="45s"),
                        "label": [int(i in ANNOTATED) for i in range(12)] + [1, 1],
                        "boxes": boxes})  # fmt: skip
    pixels = rng.integers(40, 90, size=(14, 40, 40)).astype(np.uint8)
    pixels[:, 14:30, 14:30] //= 4
    return make_frameset(pixels, index, "twin", "cube")


def made(frameset, **changes) -> str:
    shown = {**episode(frameset, around=3), **changes}
    return player(shown["frames"], "m", "A movie of <b>.", shown["times"], 50, 0, 400_000, shown["boxes"], shown["region"])[0]


def facts_of(html: str) -> dict:
    return json.loads(unescape(re.search(r'data-facts="([^"]*)"', html).group(1)))


@pytest.mark.parametrize("colours", [(), (3,)])
def test_sprite_sheet_holds_every_frame_in_order(rng, colours):
    frames = rng.integers(0, 255, size=(7, 12, 16, *colours)).astype(np.uint8)
    data, cols, rows = sprites.sheet(frames)
    picture = np.asarray(Image.open(io.BytesIO(data)).convert("RGB"))
    assert picture.shape[:2] == (12 * rows, 16 * cols)
    for i, frame in enumerate(frames):
        y, x = 12 * (i // cols), 16 * (i % cols)
        expected = frame if colours else np.repeat(frame[..., None], 3, axis=-1)
        np.testing.assert_array_equal(picture[y : y + 12, x : x + 16], expected)


def test_episode_takes_the_event_that_has_frames_before_and_after_and_some_of_these(frameset):
    shown = episode(frameset, around=3)
    assert shown["numbers"] == {"event": QUAKE, "first": 1, "last": 11, "annotated": 5}
    assert shown["times"][0] == "frame 1, 13:00:45 UT"
    assert [bool(boxes) for boxes in shown["boxes"]["Annotated box"]] == [i in ANNOTATED for i in range(1, 12)]
    assert shown["frames"].shape == (11, 40, 40)
    low, high = shown["region"]
    assert 0 <= low < high < 0.5 * shown["frames"].max()  # the region is a quarter as bright


def test_boxes_shrink_with_the_frames(frameset):
    shown = episode(frameset, around=3, side=20)
    assert shown["frames"].shape == (11, 20, 20)
    assert shown["boxes"]["Annotated box"][3] == [[5, 6, 8, 9]]


def test_movie_of_other_frames_shows_them_and_boxes_that_somebody_else_drew(frameset):
    found = pd.DataFrame({"frame": [6, 10, 10], "x0": [20, 2, 30], "y0": 4, "x1": [28, 8, 38], "y1": 12})
    shown = episode(frameset, QUAKE, around=1, side=20, span=(10, 11), found={"Detector": found, "Nobody": found[:0]})
    assert shown["numbers"] == {"event": QUAKE, "first": 9, "last": 11, "annotated": 0}
    assert shown["boxes"] == {"Detector": [[], [[1, 2, 4, 6], [15, 2, 19, 6]], []]}


def test_folder_with_annotated_frames_alone_is_shown_and_one_with_a_frame_an_event_is_refused(frameset):
    kept = (frameset.index["label"] == 1).to_numpy()
    only = make_frameset(frameset.pixels[kept], frameset.index[kept].reset_index(drop=True), "sunquakenet", "published")
    shown = episode(only)
    assert shown["numbers"]["annotated"] == len(shown["frames"])
    single = make_frameset(only.pixels[:1], only.index[:1], "sunquakenet", "published")
    with pytest.raises(SqError, match="two frames"):
        episode(single)


def test_frames_without_boxes_have_no_switch_for_them(frameset):
    bare = make_frameset(frameset.pixels, frameset.index.assign(boxes=[()] * 14, label=0), "sunquakenet", "published")
    shown = episode(bare)
    assert shown["boxes"] is None and len(shown["frames"]) == 12
    assert "data-layer=" not in made(bare)


def test_stretch_makes_the_lower_level_black_and_the_upper_one_white():
    brightness, contrast = map(float, re.findall(r"\(([\d.]+)\)", stretch(20, 70)))
    for level, expected in ((20, 0), (45, 0.5), (70, 1)):
        assert (level / 255 * brightness - 0.5) * contrast + 0.5 == pytest.approx(expected, abs=1e-3)
    with pytest.raises(SqError, match="gray levels"):
        stretch(70, 70)


def test_words_and_layers_of_a_movie_are_escaped_and_must_fit_its_frames(frameset):
    bad = '"><img src=x onerror=alert(1)>'
    html = made(frameset, times=[bad] * 11, boxes={bad: [()] * 11})
    assert "<img src=x" not in html and html.count("<img") == 1 and html.count("<script>") == 1
    with pytest.raises(SqError, match="movie 'm'"):
        made(frameset, boxes={"box": [()] * 10})


def test_box_is_drawn_on_exactly_the_annotated_frames_and_only_when_asked_for(frameset, tmp_path):
    with chromium() as browser, opened(browser, write(tmp_path, made(frameset))) as (page, complaints):
        slider, say = page.locator("input"), page.locator("output")
        switch, path = page.get_by_role("button", name="Annotated box"), page.locator(".sq-boxes path")

        def walk() -> list[str]:
            """The frame numbers in whose pictures the box is drawn, by the arrow key from the first to the last."""
            slider.focus()
            page.keyboard.press("Home")
            seen = []
            for _ in range(11):
                number = say.inner_text().split(",")[0].removeprefix("frame ")
                assert ("annotated" in say.inner_text()) == bool(path.get_attribute("d"))
                assert slider.get_attribute("aria-valuetext") == say.inner_text()
                seen += [int(number)] if path.get_attribute("d") else []
                page.keyboard.press("ArrowRight")
            return seen

        assert (switch.get_attribute("aria-pressed"), walk()) == ("false", [])
        switch.focus()
        page.keyboard.press("Space")
        assert (switch.get_attribute("aria-pressed"), walk()) == ("true", list(ANNOTATED))
        page.keyboard.press("Home")
        for _ in range(3):
            page.keyboard.press("ArrowRight")
        screen, box = page.locator(".sq-screen").bounding_box(), path.bounding_box()
        assert (box["x"] - screen["x"]) / screen["width"] == pytest.approx(10 / 40, abs=0.01)
        assert (box["y"] - screen["y"]) / screen["height"] == pytest.approx(12 / 40, abs=0.01)
        switch.click()
        assert walk() == []
        assert complaints == []


def test_active_region_contrast_brightens_the_region_and_play_runs_to_the_end_once_for_who_wants_calm(frameset, tmp_path):
    with chromium() as browser, opened(browser, write(tmp_path, made(frameset)), reduced_motion="reduce") as (page, complaints):

        def region() -> float:
            screen = Image.open(io.BytesIO(page.locator(".sq-screen").screenshot())).convert("L").resize((40, 40))
            return np.asarray(screen)[18:26, 18:26].mean()

        switch, before = page.get_by_role("button", name="Active-region contrast"), region()
        switch.press("Enter")
        assert switch.get_attribute("aria-pressed") == "true"
        assert region() > 2 * before
        switch.click()
        assert region() == pytest.approx(before, abs=1)
        play = page.get_by_role("button", name="Play")
        play.click()
        page.wait_for_function("document.querySelector('input').value === '10'")
        page.get_by_role("button", name="Play").wait_for()
        assert page.locator("output").inner_text() == "frame 11, 13:08:15 UT"
        play.press("Enter")  # begins anew
        page.wait_for_function("+document.querySelector('input').value < 10")
        page.get_by_role("button", name="Pause").press("Space")
        held = page.locator("input").input_value()
        page.wait_for_timeout(100)
        assert page.locator("input").input_value() == held
        assert complaints == []


def test_still_is_there_without_scripts_and_the_player_fits_a_phone(frameset, tmp_path):
    path = write(tmp_path, made(frameset))
    with chromium() as browser:
        with opened(browser, path, java_script_enabled=False) as (page, _):
            assert page.get_by_role("img", name="A movie of <b>.").is_visible()
            assert page.locator(".sq-controls").is_hidden()
        with opened(browser, path, viewport={"width": 390, "height": 800}, color_scheme="dark") as (page, complaints):
            assert page.evaluate("document.documentElement.scrollWidth") <= 390
            assert page.get_by_role("button", name="Annotated box").is_visible()
            assert complaints == []
