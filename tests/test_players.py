"""The players in a browser: by keyboard and pointer, on a phone, with reduced motion, and a still without scripts."""

import io

import numpy as np
import pytest
import torch
from browser import opened
from PIL import Image
from published import ANNOTATED, SIDE, altered, html_of, mapped, page_with, row_of
from published import film as frames_of_film

from sqlib.show import playground
from sqlib.show.embedding_map import embedding_map
from sqlib.show.movie import episode, player
from sqlib.show.threshold import levels, sentence, slider

NAMED = "06 July 2012 13:26"
PHONE = {"viewport": {"width": 390, "height": 800}, "color_scheme": "dark"}


@pytest.fixture(scope="module")
def film():
    """Frames 1 to 11 of an event, annotated from 4 to 8, with a dark region, as a page shows them."""
    return html_of(player(**episode(frames_of_film(), around=3) | {"still": 0}, fps=50), alt="A <b>.")


@pytest.fixture(scope="module")
def chart():
    """A map of two events of six frames, twice."""
    return {name: html_of(embedding_map(*mapped()), name, alt="A map.") for name in ("m", "two")}


@pytest.fixture(scope="module")
def tried():
    """Two samples, altered in every way."""
    return playground.attempts(*altered(), torch.Generator().manual_seed(1))


@pytest.fixture(scope="module")
def ground(tried):
    return html_of(playground.playground(*tried), name="play", alt="A playground.")


@pytest.fixture(scope="module")
def curves():
    rng, events = np.random.default_rng(3), np.repeat(["a", "b", "c"], 40)
    labels = ((np.arange(120) % 40) < 6).astype(int)
    return levels(rng.normal(size=120) + 2 * labels, labels, events)


def gray(screen, side: int) -> np.ndarray:
    """What an element of the page shows, as `side` x `side` pixels."""
    picture = Image.open(io.BytesIO(screen.screenshot())).convert("L").resize((side, side), Image.Resampling.BOX)
    return np.asarray(picture).astype(int)


def test_movie_draws_a_box_on_exactly_the_annotated_frames_and_only_when_asked_for(browser, film, tmp_path):
    with opened(browser, page_with(tmp_path, film)) as (page, complaints):
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
        assert complaints == []


def test_movie_brightens_its_region_and_runs_to_the_end_once_for_who_wants_calm(browser, film, tmp_path):
    with opened(browser, page_with(tmp_path, film), reduced_motion="reduce") as (page, complaints):
        switch, screen = page.get_by_role("button", name="Active-region contrast"), page.locator(".sq-screen")
        before = gray(screen, 40)[18:26, 18:26].mean()
        switch.press("Enter")
        assert switch.get_attribute("aria-pressed") == "true"
        assert gray(screen, 40)[18:26, 18:26].mean() > 2 * before
        switch.click()
        assert gray(screen, 40)[18:26, 18:26].mean() == pytest.approx(before, abs=1)
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


def test_map_steps_through_an_event_in_time_by_keys_and_shows_its_frame(browser, chart, tmp_path):
    with opened(browser, page_with(tmp_path, chart["m"])) as (page, complaints):
        say, slider, tile = page.locator("output"), page.locator("input[type=range]"), page.locator(".sq-tile")
        page.locator("select").select_option(label=NAMED)
        seen = [say.inner_text()]
        slider.focus()
        for _ in range(5):
            page.keyboard.press("ArrowRight")
            seen.append(say.inner_text())
        words = ["true negative", "true negative", "false positive", "false negative", "true positive", "true negative"]
        assert seen == [f"{NAMED}, frame {i}, {word}" for i, word in enumerate(words)]
        assert slider.get_attribute("aria-valuetext") == "frame 5, true negative"
        assert gray(tile, 8).mean(axis=0).argmax() == 5
        page.locator("select").select_option(label="<b>x</b>")
        assert say.inner_text() == "<b>x</b>, frame 0, true negative"
        assert gray(tile, 8).mean(axis=0).argmax() == 0
        assert complaints == []


def test_map_shows_the_mark_beneath_the_pointer_and_a_button_hides_its_class(browser, chart, tmp_path):
    from playwright.sync_api import expect

    with opened(browser, page_with(tmp_path, chart["m"])) as (page, complaints):
        say, first = page.locator("output"), f"{NAMED}, frame 4, true positive"
        x, y = page.evaluate("""() => {
          const svg = document.querySelector('.sq-sides svg');
          const [, x, y] = svg.querySelector('[data-class="true positive"]').getAttribute('d').match(/M(\\d+) (\\d+)/);
          const at = new DOMPoint(x, y).matrixTransform(svg.getScreenCTM());
          return [at.x, at.y];
        }""")
        page.locator("select").select_option(index=0)
        page.mouse.move(x + 3, y - 3)
        expect(say).to_have_text(first)
        page.locator("select").select_option(label="<b>x</b>")
        button = page.get_by_role("button", name="true positive (2)")
        button.press("Enter")
        assert button.get_attribute("aria-pressed") == "false"
        assert page.locator('[data-class="true positive"]').is_hidden()
        page.mouse.move(x + 3, y + 3)
        expect(say).not_to_have_text(first)
        button.press("Enter")
        assert page.locator('[data-class="true positive"]').is_visible()
        page.mouse.click(x, y)
        expect(say).to_have_text(first)
        assert page.evaluate("document.activeElement.type") == "range"
        assert complaints == []


def test_playground_shows_the_picture_that_its_controls_name(browser, tried, ground, tmp_path):
    pictures, table = tried
    with opened(browser, page_with(tmp_path, ground)) as (page, complaints):
        frame, low, then = (page.get_by_label(label, exact=True) for label in ("Frame", "Solarized Low-Pass", "Then"))
        again, mark = (page.get_by_role("button", name=name) for name in ("Draw again", "Annotated box"))
        say, paths = page.locator("output"), page.locator(".sq-boxes path")

        def check(row, before=0):
            words = say.inner_text()
            assert words.startswith(playground.sentence(table.iloc[row])), words
            for i, wanted in enumerate((pictures[before], pictures[row])):
                screen = gray(page.locator(".sq-screen").nth(i), SIDE)
                assert np.abs(screen - np.asarray(Image.fromarray(wanted).convert("L")).astype(int)).mean() < 12, words

        assert [paths.nth(i).get_attribute("d") for i in (0, 1)] == ["M7 5H13V11H7z"] * 2
        then.focus()
        for _ in range(2):
            page.keyboard.press("ArrowDown")  # vertical flip
        assert paths.nth(1).get_attribute("d") == f"M7 {SIDE - 11}H13V{SIDE - 5}H7z"
        mark.press("Space")
        assert [paths.nth(i).get_attribute("d") for i in (0, 1)] == ["", ""]
        check(row_of(table, 0, 50, "v-flip"))
        assert again.is_disabled()
        low.focus()
        page.keyboard.press("Home")
        then.select_option(label="shift")
        for draw in (0, 1, 2):
            check(row_of(table, 0, 0, "shift", draw))
            assert say.inner_text().endswith(f"Draw {draw + 1} of 3.")
            again.click() if draw else again.press("Enter")
        check(row_of(table, 0, 0, "shift", 0))
        frame.focus()
        page.keyboard.press("ArrowDown")
        then.select_option(label=playground.MIXING)
        low.select_option(label="threshold 30")
        check(row_of(table, 1, 30, playground.MIXING), before=row_of(table, 1, 0, "as it is"))
        after = page.locator(".sq-screen img").nth(1).get_attribute("alt")
        assert after.endswith("threshold 30, then Time-Based Mixing")
        mark.click()
        assert mark.get_attribute("aria-pressed") == "true" and paths.nth(0).get_attribute("d") == "M7 5H13V11H7z"
        assert complaints == []


def test_threshold_moves_by_keyboard_and_speaks(browser, curves, tmp_path):
    words = [sentence(row) for row in curves.itertuples()]
    with opened(browser, page_with(tmp_path, html_of(slider(curves), alt="Curves."))) as (page, complaints):
        output, line = page.locator("output"), page.locator(".sq-now")
        assert output.text_content() == words[30]
        before = line.get_attribute("transform")
        page.locator("input").focus()
        page.keyboard.press("ArrowRight")
        assert output.text_content() == words[31] == page.locator("input").get_attribute("aria-valuetext")
        assert line.get_attribute("transform") != before
        assert complaints == []


def test_each_player_is_a_still_without_scripts(browser, film, chart, ground, curves, tmp_path):
    html = film + chart["m"] + ground + html_of(slider(curves), name="thr", alt="Curves.")
    with opened(browser, page_with(tmp_path, html), java_script_enabled=False) as (page, _):
        for alt in ("A <b>.", "A map.", "A playground.", "Curves."):
            assert page.get_by_role("img", name=alt, exact=True).is_visible(), alt
        assert page.locator("[data-live]").count() == 4
        assert not any(page.locator("[data-live]").nth(i).is_visible() for i in range(4))
        assert page.locator(".sq-map .sq-legend").inner_text().split("\n")[0].strip() == "true positive (2)"
        assert page.locator(".sq-threshold output").text_content() == sentence(next(curves.iloc[[30]].itertuples()))


def test_all_players_on_one_page_work_apart_and_fit_a_phone_in_the_dark(browser, film, chart, ground, curves, tmp_path):
    html = film + chart["m"] + chart["two"] + ground + html_of(slider(curves), name="thr", alt="Curves.")
    with opened(browser, page_with(tmp_path, html), **PHONE) as (page, complaints):
        assert page.evaluate("document.documentElement.scrollWidth") <= 390
        assert all(page.locator("[data-live]").nth(i).is_visible() for i in range(5))
        assert page.get_by_role("img", name="A playground.").count() == 0  # which stands in where scripts are off
        ground_of = "svg => getComputedStyle(svg).backgroundColor"
        assert page.locator(".sq-sides svg").first.evaluate(ground_of) == "rgb(255, 255, 255)"
        page.locator("#two-event").select_option(label="<b>x</b>")
        page.locator("#m-event").select_option(label=NAMED)
        assert page.locator("#m-event").input_value() != page.locator("#two-event").input_value()
        assert complaints == []
