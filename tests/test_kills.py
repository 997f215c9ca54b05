"""Kills at random moments, and two at once: the same command then ends with the same result, and nothing is spoilt.

The processes are forked from a server that has imported everything before, so that they are at work at once.
"""

import json
import multiprocessing
import os
import random
import time
from contextlib import suppress
from dataclasses import replace
from itertools import count
from pathlib import Path
from threading import Thread

import pytest
import torch
from safetensors.torch import load_file
from standin import Settings, simulate
from test_train import SMALL, same, small_frames
from tinybook import make_home, write_notebook

from sqlib.data.build import build_twin, twin_folder
from sqlib.data.catalogue import catalogue
from sqlib.learn import encoders, trained
from sqlib.learn import train as module
from sqlib.paths import remove

TESTS = Path(__file__).parent
COMMAND = ["run", "02_slow", "--profile", "smoke"]
NOTEBOOK = """\
import time
from pathlib import Path
open("executed", "a").write("x")
for part in range(20):
    Path(out, f"part{part}").write_text(str(seed * part))
    time.sleep(0.03)
"""


def build(settings):
    build_twin(settings, workers=0, progress=False, simulate=simulate)


def train(settings, log: str = ""):
    module.EVERY, keep = 0, trained._keep
    if log:
        once = os.O_CREAT | os.O_EXCL  # a second time fails
        trained._keep = lambda *args: (os.close(os.open(log, once)), keep(*args))
    encoders.train(settings, small_frames(events=20, frames=8), progress=False, device="cpu")


def command(words: list[str]):
    from sqbook.cli import main

    raise SystemExit(main(words))


def _child(home: str, ready, work, args):
    os.environ["SQ_HOME"] = home
    torch.set_num_threads(1)
    ready.send("")
    work(*args)


@pytest.fixture(scope="module")
def server():
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PYTHONPATH", os.pathsep.join([str(TESTS), os.environ.get("PYTHONPATH", "")]))
        context = multiprocessing.get_context("forkserver")
        context.set_forkserver_preload(["test_kills", "papermill", "dask.distributed"])
        yield context


@pytest.fixture
def start(server, sq_home):
    """Function that starts `work` in a process of its own and waits until it is at work."""

    def begin(work, *args):
        mine, theirs = server.Pipe()
        process = server.Process(target=_child, args=(str(sq_home), theirs, work, args))
        process.start()
        mine.recv()
        return process

    return begin


def killed_after(process, seconds: float) -> bool:
    """Kill a process outright so many seconds from now; whether it was still at work."""
    process.join(seconds)
    process.kill()
    process.join()
    return process.exitcode == -9


def finish(*processes) -> None:
    for process in processes:
        process.join(120)
    assert [process.exitcode for process in processes] == [0] * len(processes)


def hidden(folder: Path) -> set[str]:
    """Names that only an unfinished write has."""
    return {path.name for path in folder.rglob(".*") if path.name not in (".lock", ".held")}


def test_a_twin_killed_four_times_is_the_twin_that_was_not(start, tmp_path, monkeypatch):
    settings, draws = Settings(frames=4, pause=0.03), random.Random(1)
    assert all(killed_after(start(build, settings), draws.uniform(0.01, 0.3)) for _ in range(4))
    finish(start(build, settings))
    folder = twin_folder(settings, simulate)
    card = (folder / "card.json").read_text()  # holds the fingerprint of all cubes
    assert hidden(folder) == set()
    monkeypatch.setenv("SQ_HOME", str(tmp_path / "other"))
    build(settings)
    assert (twin_folder(settings, simulate) / "card.json").read_text() == card


def test_a_training_killed_four_times_has_the_weights_of_one_that_was_not(start, sq_home):
    settings, draws = replace(SMALL, loop=replace(SMALL.loop, epochs=150)), random.Random(2)
    folder = trained.run_folder(encoders.run_key(settings, small_frames(events=20, frames=8).fingerprint))
    for kill in range(4):
        process, limit = start(train, settings), time.monotonic() + 60
        while kill == 3 and time.monotonic() < limit and not (folder / "checkpoint.safetensors").is_file():
            time.sleep(0.001)  # once when there is something to go on from
        assert killed_after(process, draws.uniform(0.02, 0.4))
    finish(start(train, settings))
    assert hidden(folder) == set() and not list(folder.glob("checkpoint*"))
    pieces = sq_home / "pieces"
    folder.rename(pieces)
    finish(start(train, settings))  # anew, and in one piece
    assert same(load_file(pieces / "weights.safetensors"), load_file(folder / "weights.safetensors"))


@pytest.fixture
def slow(sq_home):
    make_home(sq_home)
    write_notebook(sq_home / "notebooks/02_slow.ipynb", NOTEBOOK)
    return sq_home


def test_a_run_killed_four_times_leaves_one_whole_run_and_no_more(start, slow):
    draws, count, limit = random.Random(3), slow / "executed", time.monotonic() + 60
    for kill in range(4):
        before, process = count.stat().st_size if count.exists() else 0, start(command, COMMAND)
        while kill % 2 and time.monotonic() < limit and not (count.exists() and count.stat().st_size > before):
            time.sleep(0.01)  # every second one while the notebook writes, the others before
        assert killed_after(process, draws.uniform(0.01, 0.4))
    finish(start(command, COMMAND))
    [folder] = [path for path in (slow / "runs/02_slow").iterdir() if path.name != ".held"]
    assert [(folder / f"part{part}").read_text() for part in range(20)] == [str(1265 * part) for part in range(20)]
    assert json.loads((folder / "card.json").read_text())["key"] == folder.name


def test_what_an_orphan_still_writes_to_can_be_removed(tmp_path):
    """The kernel of a killed run lives a moment longer; without another name first, 198 of 200 such removals failed."""

    def write(folder: Path):
        with suppress(FileNotFoundError):
            for part in count():
                (folder / f"part{part}").write_text("")

    for trial in range(10):
        folder = tmp_path / f".key.{trial}" / "key"
        folder.mkdir(parents=True)
        orphan = Thread(target=write, args=[folder], daemon=True)
        orphan.start()
        while not (folder / "part3").exists():
            time.sleep(0.001)
        remove(folder.parent)
        orphan.join()  # it found no folder any more
    assert list(tmp_path.iterdir()) == []


def test_two_trainings_at_once_train_once(start, tmp_path):
    settings = replace(SMALL, loop=replace(SMALL.loop, epochs=20))
    finish(*(start(train, settings, str(tmp_path / "log")) for _ in range(2)))
    assert (tmp_path / "log").exists()


def test_two_builds_at_once_simulate_each_event_once(start, tmp_path):
    settings = Settings(frames=4, pause=0.01, log=str(tmp_path / "log"))
    finish(*(start(build, settings) for _ in range(2)))
    assert sorted(Path(settings.log).read_text().split()) == sorted(event.key for event in catalogue())
    assert {path.name for path in twin_folder(settings, simulate).iterdir()} == {".lock", "cubes", "card.json"}


def test_runs_of_a_chapter_at_once_do_not_mix_and_each_is_executed_once(start, slow):
    finish(*(start(command, [*COMMAND, "-p", f"seed={seed}"]) for seed in (3, 5, 3)))
    found = [path for path in (slow / "runs/02_slow").iterdir() if path.name != ".held"]
    assert sorted((folder / "part7").read_text() for folder in found) == ["21", "35"]
    assert (slow / "executed").read_text() == "xx"
