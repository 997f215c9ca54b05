"""The twin on disk: made once, found again, gone on with, refused in words; and what makes another twin of it."""

import os
import shutil
import subprocess
import sys
import threading
from collections import Counter
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from standin import Settings, simulate

from sqlib.data import build
from sqlib.data.build import build_twin, cube_path, info, load_frames, twin_folder
from sqlib.data.catalogue import catalogue, find_event
from sqlib.data.cubes import read_cube, write_cube
from sqlib.data.frames import load_frames_from
from sqlib.errors import SqError
from sqlib.keys import PACKAGE, code_hash
from sqlib.paths import alone
from sqlib.sun.twin import TwinSettings

TESTS = Path(__file__).parent
QUIET = {"workers": 0, "progress": False, "simulate": simulate}


def frames_of(settings, **options):
    return load_frames(settings=settings, size=8, **QUIET, **options)


def simulated(settings) -> Counter:
    """How often each event was simulated."""
    return Counter(Path(settings.log).read_text().split())


@pytest.fixture
def logged(sq_home, tmp_path):
    return Settings(frames=4, log=str(tmp_path / "log"))


def test_the_twin_has_the_papers_events_and_positives(sq_home):
    facts = info(frames_of(Settings()))
    counts = {"events": 57, "labelled": 53, "positives": 845, "negatives": 53 * 256 - 845, "unlabelled": 4 * 256}
    assert facts["source"] == "twin" and {key: facts[key] for key in counts} == counts
    assert {cycle: (one["events"], one["labelled"], one["positives"]) for cycle, one in facts["cycles"].items()} == {
        "23": (15, 15, 205), "24": (42, 38, 640),
    }
    double = next(one for one in facts["per_event"] if one["event"] == "2014_02_02_06_24_00")
    assert double["intervals"] == [[90, 108], [105, 114]] and double["positives"] == 25
    assert sum(one["frames"] for one in facts["per_event"]) == facts["frames"] == 57 * 256
    for event in (catalogue()[0], catalogue()[-1]):
        cube = read_cube(cube_path(twin_folder(Settings(), simulate), event))
        assert (cube.event, cube.instrument, cube.cadence) == (event.key, event.instrument, event.cadence)
        assert (cube.start, cube.source, cube.truth) == (event.start, "simulated", {"event": event.key})


def test_what_is_made_is_found_again(logged):
    first = frames_of(logged)
    inodes = {path: path.stat().st_ino for path in twin_folder(logged, simulate).rglob("*") if path.is_file()}
    again = frames_of(logged)
    assert again.fingerprint == first.fingerprint and np.array_equal(again.pixels, first.pixels)
    assert inodes == {path: path.stat().st_ino for path in twin_folder(logged, simulate).rglob("*") if path.is_file()}
    assert set(simulated(logged).values()) == {1}
    assert frames_of(logged, scaling="frame").fingerprint != first.fingerprint
    assert set(simulated(logged).values()) == {1}  # other frames, the same cubes


def test_dask_workers_make_the_same_twin_and_name_what_failed(sq_home, tmp_path):
    broken = catalogue()[3]
    settings = Settings(frames=4, log=str(tmp_path / "log"), broken=broken.key)
    options = {"workers": 2, "progress": False, "simulate": simulate}
    with pytest.raises(SqError, match=f"1 of 57 cubes failed .{broken.name}.*no waves"):
        build_twin(settings, **options)
    Path(settings.log + ".mended").touch()
    folder = build_twin(settings, **options)
    assert len(simulated(settings)) == 57 and set(simulated(settings).values()) == {1}
    together = (folder / "card.json").read_text()
    shutil.rmtree(folder)
    assert (build_twin(settings, **QUIET) / "card.json").read_text() == together


def test_workers_of_a_given_scheduler_are_used(logged):
    from dask.distributed import LocalCluster

    with LocalCluster(n_workers=1, processes=False, dashboard_address="127.0.0.1:0") as cluster:
        build_twin(logged, scheduler=cluster.scheduler_address, progress=False, simulate=simulate)
    assert len(simulated(logged)) == 57


def test_a_script_without_a_guard_is_told_instead_of_waiting_for_itself(sq_home, tmp_path):
    script = tmp_path / "script.py"
    script.write_text(
        "from sqlib.data.build import build_twin; import standin\n"
        "build_twin(standin.Settings(frames=4), workers=2, progress=False, simulate=standin.simulate)"
    )
    environment = os.environ | {"PYTHONPATH": str(TESTS)}
    run = subprocess.run([sys.executable, script], env=environment, capture_output=True, text=True, timeout=100)
    assert run.returncode == 1 and "SqError: no Dask workers" in run.stderr and "__main__" in run.stderr


def test_other_settings_are_another_twin():
    assert twin_folder() == twin_folder(TwinSettings())
    assert len({twin_folder(), twin_folder(TwinSettings(seed=1)), twin_folder(simulate=simulate)}) == 3


@pytest.mark.parametrize(("file", "old", "new", "cubes", "frames"), [
    ("sun/waves.py", "import math", "import math  # faster waves", False, False),
    ("sun/twin.py", '"""Size of the twin', '"""How large the twin is', False, False),
    ("data/cubes.py", '"""Read a cube that', '"""A cube that', False, False),
    ("data/statistics.py", "LOCAL = 10", "LOCAL = 11", False, False),
    ("data/frames.py", "BATCH = 64", "BATCH = 32", False, True),
    ("sun/twin.py", "PATCH = 40", "PATCH = 42", True, False),
    ("sun/rays.py", "import math", "import math\n\nFAST = 1", True, False),
    ("data/cubes.py", "(high - low) / 65535", "(high - low) / 65534", True, False),
    ("data/table1.csv", "69-87", "69-88", True, False),
])
def test_another_physics_is_another_twin_and_other_words_are_not(tmp_path, file, old, new, cubes, frames):
    copy = tmp_path / "sqlib"
    shutil.copytree(PACKAGE, copy, ignore=shutil.ignore_patterns("__pycache__"))
    text = (copy / file).read_text(encoding="utf-8")
    assert old in text
    (copy / file).write_text(text.replace(old, new, 1), encoding="utf-8")
    physics, recipe = (code_hash(*what, package=copy) for what in (build.PHYSICS_OF, build.RECIPE_OF))
    assert (physics != build.PHYSICS, recipe != build.RECIPE) == (cubes, frames)


def test_cubes_and_frames_of_another_code_are_made_anew(logged, monkeypatch):
    frames_of(logged)
    monkeypatch.setattr(build, "RECIPE", "of other code")
    frames_of(logged)
    assert set(simulated(logged).values()) == {1}
    monkeypatch.setattr(build, "PHYSICS", "of other code")
    frames_of(logged)
    assert set(simulated(logged).values()) == {2}


def test_a_build_that_was_cut_off_goes_on(logged):
    folder = build_twin(logged, **QUIET)
    (folder / "card.json").unlink()
    for event in catalogue()[5:]:
        cube_path(folder, event).unlink()
    for left in (folder / "cubes" / ".x.fits.abc", folder / ".frames-8-cube.abc"):  # as a killed writer leaves them
        left.mkdir()
        (left / "half").write_text("half a file")
    build_twin(logged, **QUIET)
    assert Counter(simulated(logged).values()) == {1: 5, 2: 52}
    assert sorted(path.name for path in (folder / "cubes").iterdir()) == [f"{event.key}.fits" for event in catalogue()]
    assert {path.name for path in folder.iterdir()} == {".lock", "cubes", "card.json"}


def test_a_build_that_waits_for_another_says_so(logged, capfd):
    folder, held = twin_folder(logged, simulate), threading.Event()

    def other():
        with alone(folder):
            held.set()
            threading.Event().wait(0.3)

    thread = threading.Thread(target=other)
    thread.start()
    assert held.wait(10)
    build_twin(logged, **{**QUIET, "progress": True})
    thread.join()
    assert f"waiting for another process at work in {folder}" in capfd.readouterr().err


def test_a_full_disk_is_told_and_leaves_no_half_written_file(logged, monkeypatch):
    def full(*_):
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(os, "replace", full)
        with pytest.raises(SqError, match=r"57 of 57 cubes failed.*No space left on device"):
            build_twin(logged, **QUIET)
    assert list((twin_folder(logged, simulate) / "cubes").iterdir()) == []
    build_twin(logged, **QUIET)


def test_a_disk_that_is_too_small_is_refused_before_the_work(logged, monkeypatch):
    monkeypatch.setattr(shutil, "disk_usage", lambda path: shutil._ntuple_diskusage(1000, 900, 100))
    with pytest.raises(SqError, match="GB are free"):
        build_twin(logged, **QUIET)
    assert not Path(logged.log).exists()


def test_a_folder_that_cannot_be_made_is_told(monkeypatch):
    monkeypatch.setenv("SQ_HOME", __file__)
    with pytest.raises(SqError, match="SQ_HOME"):
        build_twin(Settings(frames=4), **QUIET)


def test_a_frame_set_that_is_cut_off_is_made_again(logged, monkeypatch):
    folder = build_twin(logged, **QUIET)
    cut = cube_path(folder, find_event("2011_02_15"))
    whole = cut.read_bytes()
    cut.write_bytes(whole[:5000])
    with pytest.raises(SqError, match="cannot read the cube"):
        frames_of(logged)
    assert not list(folder.glob("frames-*")) and not list(folder.glob(".frames-*"))
    cut.write_bytes(whole)
    frames = frames_of(logged)
    assert load_frames_from(next(folder.glob("frames-*"))).fingerprint == frames.fingerprint


def test_the_origin_says_how_frames_were_made_and_not_what_a_processor_made_of_it(logged, monkeypatch):
    first, folder = frames_of(logged), twin_folder(logged, simulate)
    path = cube_path(folder, catalogue()[0])
    before = read_cube(path)
    write_cube(replace(before, power=before.power * np.float32(1.02) ** np.arange(8, dtype=np.float32)), path)
    shutil.rmtree(next(folder.glob("frames-*")))  # made anew of a cube that another processor might have made
    other = frames_of(logged)
    assert other.fingerprint != first.fingerprint and other.origin == first.origin != first.fingerprint
    origins = {first.origin, frames_of(logged, scaling="frame").origin, frames_of(replace(logged, seed=2)).origin}
    for fact in ("RECIPE", "PHYSICS"):
        monkeypatch.setattr(build, fact, "of other code")
        origins.add(frames_of(logged).origin)
    assert len(origins) == 5


@pytest.mark.parametrize(("bad", "told"), [
    ({"data": "moon"}, "twin, sunquakenet"), ({"size": 0}, "size"), ({"size": 22.4}, "size"),
    ({"scaling": "log"}, "scaling"), ({"settings": TwinSettings(size=0)}, "size"),
    ({"settings": TwinSettings(size="64")}, "size"), ({"settings": TwinSettings(frames=-5)}, "frames"),
    ({"settings": TwinSettings(frames=2.5)}, "frames"), ({"workers": -1}, "workers"),
    ({"data": "sunquakenet", "root": "/no/such/folder"}, "no folder"),
])
def test_bad_settings_are_refused_before_anything_is_made(sq_home, bad, told):
    with pytest.raises(SqError, match=told):
        load_frames(**bad)
    assert not sq_home.exists()


def test_real_frames_come_by_the_same_call(real):
    frames = load_frames("sunquakenet", root=real, size=64, progress=False)
    assert frames.source == "sunquakenet" and frames.scaling == "published"
    assert frames.pixels.shape == (280, 64, 64)


def test_the_real_twin_goes_the_whole_way(sq_home, monkeypatch):
    """Three events of the real simulation, at the smallest size, from waves to labelled frames."""
    events = tuple(find_event(text) for text in ("2001_04_06", "2014_02_02", "2011_12_30"))
    monkeypatch.setattr(build, "catalogue", lambda: events)
    frames = load_frames(size=32, settings=TwinSettings(size=64, frames=40), workers=0, progress=False)
    facts = info(frames)
    assert (facts["events"], facts["labelled"], facts["positives"], facts["unlabelled"]) == (3, 2, 16 + 25, 40)
    assert all(bool(boxes) == (label == 1) for boxes, label in zip(frames.index["boxes"], frames.index["label"]))
