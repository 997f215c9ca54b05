"""How much time is said to be left while chapters run: believable from a tenth of the way on, on whatever machine."""

import heapq
import re

import numpy as np
import pytest
from standin import Settings, simulate
from tinybook import write_notebook

from sqbook import durations, parameters
from sqbook.execute import run_chapters
from sqlib.data.build import load_frames
from sqlib.learn import chapters
from sqlib.show.provenance import make_card, read_card
from sqlib.show.records import write_json

CHAPTERS = [61, 78, 313, 1255, 901, 358, 255, 219, 48]  # seconds, as different as those of the book are


def card(folder, name, seconds, trained=0.0, profile="laptop", made="2026-11-27T00:00:00+00:00", **values):
    folder.mkdir(parents=True)
    values = {"data": "twin", "profile": profile, "seed": 1, **values}
    own = {"key": folder.name, "made": made, "seconds_in_all": seconds, "seconds_trained": trained}
    write_json(folder / "card.json", {**make_card(name, values), **own})


def run(actual, workers):
    """When jobs of these lengths end, by turn, if `workers` take them up in their order."""
    free, ends = [0.0] * workers, {}
    for turn, seconds in enumerate(actual):
        ends[turn] = free[0] + seconds
        heapq.heapreplace(free, ends[turn])
    return ends


@pytest.mark.parametrize("workers, apart", [(1, 0), (4, 0), (16, 0), (2, 0.2)])
@pytest.mark.parametrize("factor", [1 / 4, 4])
def test_what_is_said_to_be_left_is_true_within_a_factor_of_1_5_once_a_tenth_is_done(workers, apart, factor, rng):
    """On a machine faster or slower than that of the cards by one factor, and by up to a fifth for each chapter, when
    up to a twentieth of the whole does not matter; the more workers, the more one long chapter decides alone."""
    for _ in range(20):
        carded = np.array(CHAPTERS, float)
        turns = durations.in_turn(list(carded), workers)
        ends = run((carded * factor * rng.uniform(1 - apart, 1 + apart, len(carded)))[turns], workers)
        whole = max(ends.values())
        slack = whole * apart / 4
        for now in np.linspace(0.1, 1, 90, endpoint=False) * whole:
            ended = {turn: end for turn, end in ends.items() if end <= now}
            said = durations.seconds_left(list(carded[turns]), ended, now, workers)
            assert (whole - now - slack) / 1.5 < said < 1.5 * (whole - now) + slack, (now / whole, said, whole - now)


def test_a_job_that_failed_at_once_does_not_make_the_machine_fast():
    seconds, ended = [100.0, 100.0, 100.0], {0: 1.0, 1: 101.0}
    assert durations.seconds_left(seconds, ended, 101, 1, failed=frozenset({0})) == pytest.approx(100)


def test_the_quickest_come_first_and_the_longest_next():
    assert durations.in_turn([30, 10, 50, 20, 40], 2) == [1, 3, 2, 4, 0]
    assert durations.in_turn([30, 10], 4) == [1, 0]


def test_the_card_of_the_most_similar_run_tells_how_long_a_chapter_takes(home):
    (path, values), (other, own) = (parameters.resolve(name, "laptop", {}) for name in ("00_first", "01_second"))
    jobs = [(path, values), (other, own)]
    assert durations.expected(jobs) == ([durations.UNKNOWN] * 2, 1)  # nothing is known
    card(home / "results/paper/00_first", "00_first", 900, profile="paper")
    assert durations.expected(jobs) == ([900, 900], 1)  # another size: only proportions
    card(home / "results/laptop/00_first", "00_first", 90)
    card(home / "results/laptop/01_second", "01_second", 30)
    assert durations.expected(jobs) == ([90, 30], 0)
    card(home / "runs/00_first/older", "00_first", 70, seed=1265)
    card(home / "runs/00_first/newer", "00_first", 80, seed=1265, made="2026-11-28T00:00:00+00:00")
    card(home / "runs/00_first/unlike", "00_first", 5, seed=1265, level=7.0, made="2026-11-29T00:00:00+00:00")
    card(home / "runs/00_first/smoke", "00_first", 2, profile="smoke", made="2026-11-29T00:00:00+00:00")
    card(home / "runs/00_first/.removed", "00_first", 3, seed=1265, level=1.0, made="2026-11-30T00:00:00+00:00")
    (home / "runs/00_first/broken").mkdir()
    (home / "runs/00_first/broken/card.json").write_text("{")
    assert durations.expected(jobs)[0] == [5, 30]  # no card of this level; the latest
    card(home / "runs/00_first/alike", "00_first", 60, seed=1265, level=1.0)
    assert durations.expected(jobs)[0] == [60, 30]


def test_a_network_is_counted_once_and_not_at_all_where_it_is_there(home, monkeypatch):
    jobs = []
    for name, (seconds, trained) in {"03_contrastive": (200, 1000), "07_case_studies": (100, 300)}.items():
        path = write_notebook(home / f"notebooks/{name}.ipynb", "1", needs={"trains": True})
        card(home / f"results/laptop/{name}", name, seconds, trained)
        jobs.append((path, {"data": "twin", "profile": "laptop"}))
    lacking = {"03_contrastive": (4, {"a", "b"}), "07_case_studies": (3, {"b", "c"})}
    monkeypatch.setattr(chapters, "networks", lambda name, values: lacking[name])
    assert durations.expected(jobs) == ([200 + 1000 * 2 / 4, 100 + 300 / 3], 0)
    smoke = [(path, values | {"profile": "smoke"}) for path, values in jobs]
    assert durations.expected(smoke) == ([200, 100], 2)  # how long they train at this size is not known
    monkeypatch.setattr(chapters, "networks", lambda name, values: (4, set()))
    assert durations.expected(smoke) == ([200, 100], 1)  # nor does it matter


def test_networks_that_are_trained_are_no_longer_counted(sq_home, monkeypatch):
    frameset = load_frames(size=16, settings=Settings(size=16, frames=64), simulate=simulate, workers=0, progress=False)
    monkeypatch.setattr(chapters, "frames_of", lambda values, progress=True: frameset)
    values = {"data": "twin", "seed": 1, "crop": 16, "width": 2, "latents": [2], "rate": 0.001, "epochs": 1,
              "epochs_tuned": 1, "seeds": [1]}
    planned, lacking = chapters.networks("02_autoencoders", values)
    assert planned >= len(lacking) >= 5
    cards = chapters.train_chapter("02_autoencoders", values, progress=False)
    assert chapters.networks("02_autoencoders", values) == (planned, set())
    assert len(chapters.networks("02_autoencoders", values | {"epochs": 3})[1]) >= 5
    assert all(one["seconds"] > 0 for one in cards.values())


def test_the_lines_say_what_is_left_as_the_cards_have_it(home, capsys):
    for name, seconds in {"00_first": 1000, "01_second": 3e6}.items():
        write_notebook(home / f"notebooks/{name}.ipynb", "import sys; print(7)")
        card(home / f"results/laptop/{name}", name, seconds)
    run_chapters([("00_first", {}), ("01_second", {})], "laptop", workers=1)
    first, second = re.findall(r"^(\w+): done(?:, about ([\d:]+) left)?$", capsys.readouterr().err, re.MULTILINE)
    made = read_card(next((home / "runs/00_first").glob("[!.]*/card.json")).parent)
    assert made["seconds_in_all"] > 0 and made["seconds_trained"] == 0
    said = sum(int(part) * 60**place for place, part in enumerate(reversed(first[1].split(":")))) / 3600
    assert 3000 * made["seconds_in_all"] / 3600 <= said + 1 / 60 and first[0] == "00_first"  # and what came around it
    assert second == ("01_second", "")
