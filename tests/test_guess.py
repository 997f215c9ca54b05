"""Pairs of frames to guess about: one of two is right, nothing but the pictures tells which, and keys suffice."""

import io
import re

import numpy as np
import pandas as pd
import pytest
from browser import opened
from bs4 import BeautifulSoup
from PIL import Image
from published import caught, html_of, live, page_with

from sqlib.data import catalogue, load_frames
from sqlib.data.statistics import View
from sqlib.data.sunquakenet import COLUMNS
from sqlib.show import guess, publish
from sqlib.sun.twin import TwinSettings

SMALL = TwinSettings(size=64, frames=48, seed=7)
MARKS = "SIMULATED|OBSERVED|seed|twin|box"


@pytest.fixture(scope="module")
def quakes():
    """Pairs of two twins. The views are simulated here: the chapter's own twin would first be built."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(guess, "twin_views", guess.simulated_views)
        return guess.sunquake_or_not(SMALL, 3, np.random.default_rng(1))


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A small folder of frames in SunquakeNet's layout: five of an event of Table 1, one of them annotated, five of an
    unknown one, and two of a third, which are too few."""
    root, rng = tmp_path_factory.mktemp("net"), np.random.default_rng(3)
    for event, numbers in (("2001_04_06_19_13_00", (18, 19, 20, 21, 40)), ("2013_01_01_00_00_00", (1, 2, 3, 4, 5)),
                           ("2011_02_15_01_44_00", (1, 2))):
        for number in numbers:
            path = root / f"C23_pos/{'poz' if number == 21 else 'neg'}/img_poz_{event}_{number}.png"
            path.parent.mkdir(parents=True, exist_ok=True)
            Image.fromarray((rng.exponential(20, (64, 64)).clip(0, 255)).astype(np.uint8)).save(path)
    row = "06.04.2001 19:13 ,21,36,,,,,,,,,1,8,9,12,20.5,,,,,a remark\n"
    (root / "data_c23.csv").write_text(",".join([*COLUMNS, "Obs"]) + "\n" + row)
    return root


@pytest.fixture(scope="module")
def observed(folder):
    frames = load_frames("sunquakenet", folder, size=48, progress=False)
    return guess.observed_or_not(frames, "observed", SMALL, 8, np.random.default_rng(2))


def test_each_pair_has_two_seeds_of_one_event_and_one_sunquake_which_is_the_right_answer(quakes):
    intervals = {event.key: event.intervals for event in catalogue()}
    assert quakes["pair"].tolist() == [1, 1, 2, 2, 3, 3] and quakes["side"].tolist() == ["A", "B"] * 3
    for _, pair in quakes.groupby("pair"):
        assert sorted(pair["seed"]) == [7, 8] and pair["event"].nunique() == 1
        assert sorted(pair["right"]) == [False, True] and pair["right"].equals(pair["sunquake"])
        for row in pair.itertuples():
            inside = any(first <= row.frame <= last for first, last in intervals[row.event])
            assert inside == row.sunquake == bool(row.boxes)
            assert row.pixels.shape == (64, 64) and row.pixels.max() == 255
    assert set(quakes["source"]) == {"simulated"} and set(quakes["asked"]) == {"has the sunquake"}


def test_the_shown_sunquake_is_the_clearest_of_its_interval_and_the_quiet_frame_far_from_it():
    event = next(one for one in catalogue() if one.key == "2001_04_06_19_13_00")  # annotated from 21 to 36
    frames = np.full((4, 16, 16), 50, np.uint8)
    frames[:, ::2] += 10
    frames[1, 5, 5], frames[2, 5, 5] = 120, 200
    view = View(event, frames, np.array([19, 22, 30, 45]), [((21, 36), (4.0, 4.0, 7.0, 7.0))])
    contrasts = guess._contrasts(view)
    assert np.isnan(contrasts[[0, 3]]).all() and contrasts[2] > contrasts[1] > 0
    assert guess._away(view).tolist() == [2, 0, 0, 9]


def test_an_observed_frame_stands_beside_a_simulated_one_and_both_have_a_sunquake_or_neither(observed):
    assert observed["pair"].max() == 2  # the third event has too few frames
    for _, pair in observed.groupby("pair"):
        assert sorted(pair["source"]) == ["observed", "simulated"] and pair["sunquake"].nunique() == 1
        assert pair["right"].equals(pair["source"] == "observed")
        assert {row.pixels.shape for row in pair.itertuples()} == {(48, 48)}
        assert pair["seed"].dropna().tolist() == [7]
    known = observed[observed["event"] == "2001_04_06_19_13_00"]
    assert len(known) == 2  # the same event is simulated where Table 1 has it


def test_a_folder_without_an_event_of_four_frames_gives_no_pair(folder, tmp_path):
    (tmp_path / "C23_pos/poz").mkdir(parents=True)
    frame = next(folder.glob("C23_pos/poz/*.png"))
    (tmp_path / "C23_pos/poz" / frame.name).write_bytes(frame.read_bytes())
    frames = load_frames("sunquakenet", tmp_path, size=48, progress=False)
    assert len(guess.observed_or_not(frames, "observed", SMALL, 8, np.random.default_rng(2))) == 0


def test_rule_by_peak_counts_the_pairs_that_it_names_rightly():
    pairs = pd.DataFrame({"pair": [1, 1, 2, 2, 3, 3], "peak": [5.0, 4, 3, 6, 2, 1], "right": [1, 0, 1, 0, 1, 0]})
    share, low, high = guess.by_peak(pairs.astype({"right": bool}))
    assert share == pytest.approx(2 / 3) and 0 < low < share < high < 1


@pytest.mark.parametrize("kind", ["quakes", "observed"])
def test_only_an_unfolded_answer_tells(request, kind):
    pairs = request.getfixturevalue(kind)
    page = BeautifulSoup(html_of(guess.player(pairs), "g", alt="Pairs."), "html.parser")
    answers = page.select("details")
    assert len(answers) == len(pairs) and [one.get("open") for one in answers] == [None] * len(pairs)
    for answer, row in zip(answers, pairs.itertuples()):
        assert answer.summary.get_text() == f"{row.side} {row.asked}"
        assert answer.strong.get_text() == ("Right." if row.right else "Not quite.")
        own = pairs[pairs["pair"] == row.pair]
        said = [mark.get_text().split()[0].lower() for mark in answer.select(".sq-mark")]
        assert said == own["source"].tolist()  # each simulated frame has its mark, each observed one its own
        assert all(str(frame) in answer.get_text() for frame in own["frame"])
    for answer in answers:
        answer.decompose()
    alts = [one["aria-label"] for one in page.select("svg[role=img]")]
    assert len(alts) == len(pairs)
    assert all(re.fullmatch(r"Frame [AB]: gray speckle, darkest in the .*\.", alt) for alt in alts)
    (body,) = page.select(".sq-guess")
    assert not re.search(MARKS, f"{body.get_text()} {' '.join(alts)}") and not page.select("script")


def test_alt_text_says_where_a_frame_is_dark_and_where_it_is_bright():
    frame = np.full((30, 30), 100, np.uint8)
    frame[:10, 10:20], frame[20:, 20:], frame[13:16, 2:5] = 20, 140, 255
    assert guess.seen(frame) == ("gray speckle, darkest in the upper middle, on average brightest in the lower right, "
                                 "with its brightest spot in the middle left.")


def test_answers_unfold_by_keys_without_scripts_and_the_box_appears_with_them(browser, quakes, tmp_path):
    path = page_with(tmp_path, html_of(guess.player(quakes), "g", alt="Pairs."))
    with opened(browser, path, java_script_enabled=False, viewport={"width": 390, "height": 800}) as (page, complaints):
        first, second = page.locator("details").nth(0), page.locator("details").nth(1)
        box = page.locator("[aria-label='Pair 1 of 3'] rect")
        assert box.evaluate("one => getComputedStyle(one).visibility") == "hidden"
        assert not first.locator("p").first.is_visible()
        page.keyboard.press("Tab")
        page.keyboard.press("Enter")
        assert first.locator("p").first.is_visible()
        assert box.evaluate("one => getComputedStyle(one).visibility") == "visible"
        other = page.locator("[aria-label='Pair 2 of 3'] rect")
        assert other.evaluate("one => getComputedStyle(one).visibility") == "hidden"
        page.keyboard.press("Tab")
        page.keyboard.press("Space")
        assert second.locator("p").first.is_visible() and not first.locator("p").first.is_visible()  # one at a time
        shown = page.locator("svg[role=img]").first.screenshot()
        assert len(np.unique(np.asarray(Image.open(io.BytesIO(shown)).convert("L")))) > 50
        assert page.evaluate("document.documentElement.scrollWidth") <= 390 and complaints == []


def test_published_it_has_a_record_a_sheet_a_still_and_a_table(quakes, observed, monkeypatch, tmp_path):
    shown = caught(monkeypatch)
    page = publish.begin("01_dataset", data="twin", seed=7, profile="smoke", out=str(tmp_path))
    about = {"caption": "Which?", "alt": "Pairs.", "label": "Figure D0"}
    publish.figure(page, guess.player(quakes), "fig-guess", **about)
    publish.figure(page, guess.player(observed, "<b>mine"), "fig-mine", source=("observed", "simulated"), **about)
    for name in ("fig-guess", "fig-mine"):
        assert (tmp_path / f"figures/{name}.png").stat().st_size < 250_000
        assert (tmp_path / f"players/{name}.webp").stat().st_size <= 150_000
        table = pd.read_csv(tmp_path / f"tables/{name}.csv")
        assert {"pair", "side", "event", "frame", "right", "source", "seed"} < set(table)
    html = [one["text/html"] for one in shown]
    assert "SIMULATED (twin, seed 8)" in html[0] and html[0].count("data:image/webp") == 1  # the sheet is there once
    assert "is from &lt;b&gt;mine" in html[1] and live(html[1]) == []
