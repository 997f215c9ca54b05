"""How much time is said to be left while chapters run: believable from a tenth of the way on, on whatever machine."""

import heapq
import re

import numpy as np
import pytest
from standin import Settings, simulate
from tinybook import write_notebook

from sqbook import durations, parameters
from sqbook.execute import run_all
from sqlib.data.build import load_frames
from sqlib.learn import chapters
from sqlib.show.provenance import make_card
from sqlib.show.records import write_json

CHAPTERS = [48, 61, 1255, 901, 358, 313, 255, 219, 78]  # seconds, as different as those of the book are


def card(folder, name, seconds, trained=0.0, profile="laptop", made="2026-11-27T00:00:00+00:00"):
    folder.mkdir(parents=True)
    own = {"key": folder.name, "made": made, "seconds_in_all": seconds, "seconds_trained": trained}
    write_json(folder / "card.json", {**make_card(name, {"data": "twin", "profile": profile, "seed": 1}), **own})


def test_of_a_profile_that_nobody_has_run_nothing_is_said(home):
    card(home / "results/laptop/00_first", "00_first", 90)
    assert durations.latest_card("00_first", "workshop") is None
    assert durations.expected(home / "notebooks/00_first.ipynb", {"profile": "workshop"}) is None
    card(home / "results/workshop/00_first", "00_first", 9, profile="workshop")
    assert durations.latest_card("00_first", "workshop")["seconds_in_all"] == 9


@pytest.mark.parametrize("factor", [1 / 4, 4])
@pytest.mark.parametrize("workers", [1, 2, 4])
def test_what_is_said_to_be_left_is_true_within_a_factor_of_1_5(workers, factor, rng):
    """On a machine faster or slower than that of the cards by one factor, and by up to a tenth for each chapter."""
    for _ in range(20):
        actual = np.array(CHAPTERS) * factor * rng.uniform(0.9, 1.1, len(CHAPTERS))
        free, ends = [0.0] * workers, {}
        for turn, seconds in enumerate(actual):
            ends[turn] = free[0] + seconds
            heapq.heapreplace(free, ends[turn])
        for now in sorted(ends.values())[:-1]:
            ended = {turn: end for turn, end in ends.items() if end <= now}
            said, left = durations.seconds_left(list(CHAPTERS), ended, workers), max(ends.values()) - now
            assert left / 1.5 - 0.05 * now < said < 1.5 * left + 0.05 * now, (ended, said, left)


@pytest.mark.parametrize(("workers", "order"), [(1, [0, 1, 2, 3]), (2, [2, 1, 0, 3])])
def test_several_workers_begin_with_what_is_quick_and_then_with_what_takes_longest(workers, order):
    assert durations.in_turn({0: 50.0, 1: 20.0, 2: 10.0, 3: 30.0}, workers) == order


def test_nothing_is_said_while_a_job_that_nobody_has_run_is_to_come():
    assert durations.seconds_left([10.0, None, 20.0], {0: 5.0}, 1) is None
    assert durations.seconds_left([10.0, None, 20.0], {0: 5.0, 1: 40.0}, 1) == pytest.approx(10)
    assert durations.seconds_left([10.0, 20.0], {}, 1) == 30  # as the cards have it


def test_the_latest_card_of_the_size_tells_how_long_a_chapter_takes(home):
    path, values = parameters.resolve("00_first", "laptop", {})
    card(home / "results/paper/00_first", "00_first", 900, profile="paper")
    assert durations.expected(path, values) is None
    card(home / "results/laptop/00_first", "00_first", 90)
    assert durations.expected(path, values) == 90
    card(home / "runs/00_first/older", "00_first", 70)
    card(home / "runs/00_first/newer", "00_first", 80, made="2026-11-28T00:00:00+00:00")
    card(home / "runs/00_first/smoke", "00_first", 2, profile="smoke", made="2026-11-29T00:00:00+00:00")
    card(home / "runs/00_first/.removed", "00_first", 3, made="2026-11-30T00:00:00+00:00")
    (home / "runs/00_first/broken").mkdir()
    (home / "runs/00_first/broken/card.json").write_text("{")
    assert durations.expected(path, values) == 80


def test_networks_take_time_as_far_as_they_are_not_there(home, monkeypatch):
    path = write_notebook(home / "notebooks/03_contrastive.ipynb", "1", needs={"trains": True})
    card(home / "results/laptop/03_contrastive", "03_contrastive", 200, 1000)
    for lacking, seconds in ((set(), 200), ({"a"}, 450), ({"a", "b", "c", "d"}, 1200)):
        monkeypatch.setattr(chapters, "networks", lambda *_, lacking=lacking: (4, lacking))
        assert durations.expected(path, {"profile": "laptop"}) == seconds


def test_networks_that_are_trained_are_no_longer_counted(sq_home, monkeypatch):
    frameset = load_frames(size=16, settings=Settings(size=16, frames=64), simulate=simulate, workers=0, progress=False)
    monkeypatch.setattr(chapters, "frames_of", lambda values, progress=True: frameset)
    values = {"data": "twin", "seed": 1, "crop": 16, "width": 2, "latents": [2], "rate": 0.001, "epochs": 1,
              "epochs_tuned": 1, "seeds": [1], "precision": "fp32"}
    planned, lacking = chapters.networks("02_autoencoders", values)
    assert planned >= len(lacking) >= 5
    cards = chapters.train_chapter("02_autoencoders", values, progress=False)
    assert chapters.networks("02_autoencoders", values) == (planned, set())
    assert len(chapters.networks("02_autoencoders", values | {"epochs": 3})[1]) >= 5
    assert all(one["seconds"] > 0 for one in cards.values())


def test_the_lines_say_what_is_left(home, capsys):
    for name, seconds in {"00_first": 1000, "01_second": 3e6}.items():
        write_notebook(home / f"notebooks/{name}.ipynb", "import sys; print(7)")
        card(home / f"results/laptop/{name}", name, seconds)
    run_all([("00_first", {}), ("01_second", {})], "laptop")
    first, second = re.findall(r"^(\w+): done(?:, about ([\d:]+) left)?$", capsys.readouterr().err, re.MULTILINE)
    assert first[0] == "00_first" and second == ("01_second", "")
    assert sum(int(part) * 60**place for place, part in enumerate(reversed(first[1].split(":")))) > 1000
