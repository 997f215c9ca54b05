"""Runs: executed once, found again, never half-written, and clear about what failed."""

import json
import os
import signal
import subprocess
import sys
import threading
import time

import pytest
from tinybook import CODE, PARAMETERS, make_home, write_notebook

from sqbook import execute as module
from sqbook.execute import run_key, run_notebook, runs
from sqlib.errors import SqError
from sqlib.show.records import read_records

QUICK = "from pathlib import Path\nPath(out, 'seed.txt').write_text(str(seed))"


@pytest.fixture
def home(tmp_path, monkeypatch):
    monkeypatch.setenv("SQ_HOME", str(tmp_path / "home"))
    return make_home(tmp_path / "home")


def test_run_leaves_the_executed_notebook_its_records_figures_tables_and_card(home):
    folder = run_notebook("01_second", {"seed": 3}, "smoke", progress=False)
    assert folder.parent == home / "runs" / "01_second"
    assert set(read_records(folder)) == {"fig01", "table1", "mov01", "claim-C1"}
    for name in ("figures/fig01.png", "figures/mov01.webp", "tables/table1.csv", "tables/fig01.csv"):
        assert (folder / name).stat().st_size > 0
    card = json.loads((folder / "card.json").read_text())
    expected = {"data": "twin", "root": "", "seed": 3, "profile": "smoke", "size": 32, "level": 2.0, "bins": [8, 16]}
    assert card["parameters"] == expected
    assert card["fingerprint"] == "f" * 64
    assert card["seconds_in_all"] >= card["seconds"] > 0
    record = read_records(folder)["fig01"]
    assert (record["seed"], record["profile"], record["fingerprint"]) == (3, "smoke", "f" * 64)
    assert 1.8 < record["numbers"]["mean"] < 2.2  # level 2 of the profile reached the notebook
    text = (folder / "executed.ipynb").read_text()
    assert f"runs/01_second/{folder.name}" in text
    assert str(home) not in text  # no path of this machine
    assert "start_time" not in text
    assert [(one["notebook"], one["key"], len(one["records"])) for one in runs()] == [("01_second", folder.name, 4)]


def test_same_run_is_found_again_and_forced_when_asked(home):
    write_notebook(home / "notebooks/02_quick.ipynb", QUICK)
    folder = run_notebook("02_quick", {}, "smoke", progress=False)
    card = (folder / "card.json").stat().st_ino
    assert run_notebook("02_quick", {}, "smoke", progress=False) == folder
    assert (folder / "card.json").stat().st_ino == card
    assert run_notebook("02_quick", {}, "smoke", force=True, progress=False) == folder
    assert (folder / "card.json").stat().st_ino != card


def test_key_follows_code_parameters_library_and_data_folder_but_not_prose(home, tmp_path, monkeypatch):
    path, root = home / "notebooks/00_first.ipynb", tmp_path / "frames"
    root.mkdir()
    (root / "a.png").write_bytes(b"1")
    values = {"seed": 1, "root": ""}
    key = run_key(path, values)
    assert run_key(path, {**values, "out": "/elsewhere"}) == key
    assert run_key(path, {**values, "seed": 2}) != key
    real = run_key(path, {**values, "root": str(root)})
    (root / "b.png").write_bytes(b"2")
    assert run_key(path, {**values, "root": str(root)}) != real
    write_notebook(path, CODE, PARAMETERS, title="Another title")
    assert run_key(path, values) == key
    write_notebook(path, CODE + "\n1 + 1")
    assert run_key(path, values) != key
    write_notebook(path, CODE)
    monkeypatch.setattr(module, "source_hash", lambda: "another library")
    assert run_key(path, values) != key


def test_failed_notebook_is_reported_in_words_and_kept_and_leaves_no_run(home):
    write_notebook(home / "notebooks/02_fails.ipynb", "print('so far')\nraise KeyError('no such event')")
    with pytest.raises(SqError) as error:
        run_notebook("02_fails", {}, "smoke", progress=False)
    words = str(error.value)
    kept = home / "runs/02_fails/failed.ipynb"
    assert "02_fails.ipynb failed in cell 5 (In [3]): KeyError: 'no such event'" in words
    assert str(kept) in words
    assert "Traceback" not in words
    assert "so far" in kept.read_text()
    assert sorted(path.name for path in kept.parent.iterdir()) == [".locks", "failed.ipynb"]
    assert runs() == []


def test_kernel_that_dies_is_reported_in_words(home):
    write_notebook(home / "notebooks/02_dies.ipynb", "import os\nos._exit(9)")
    with pytest.raises(SqError, match=r"02_dies\.ipynb failed .* the kernel died"):
        run_notebook("02_dies", {}, "smoke", progress=False)


def test_wrong_parameter_is_refused_before_anything_runs(home):
    with pytest.raises(SqError, match="'sed'; did you mean 'seed'"):
        run_notebook("00_first", {"sed": 1}, "smoke")
    with pytest.raises(SqError, match="seed must be int"):
        run_notebook("00_first", {"seed": "1"}, "smoke")
    assert not (home / "runs").exists()


def test_notebook_runs_in_the_home_folder_with_this_python(home):
    write_notebook(home / "notebooks/02_where.ipynb",
                   "import os, sys\nfrom pathlib import Path\nPath(out, 'x').write_text(f'{os.getcwd()}|{sys.executable}')")
    folder = run_notebook("02_where", {}, "smoke", progress=False)
    assert (folder / "x").read_text() == f"{home}|{sys.executable}"


def test_two_calls_at_once_execute_the_notebook_once(home):
    counting = "import time\nopen('count', 'a').write('x')\ntime.sleep(1)"
    write_notebook(home / "notebooks/02_slow.ipynb", counting)
    command = [sys.executable, "-m", "sqbook.cli", "run", "02_slow", "--profile", "smoke"]
    both = [subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) for _ in range(2)]
    outputs = [one.communicate(timeout=120)[0] for one in both]
    assert [one.returncode for one in both] == [0, 0]
    assert outputs[0] == outputs[1]
    assert (home / "count").read_text() == "x"


def test_interrupted_run_says_so_in_one_line_and_leaves_nothing(home):
    write_notebook(home / "notebooks/02_slow.ipynb", "import time\nopen('begun', 'w').close()\ntime.sleep(60)")
    command = [sys.executable, "-m", "sqbook.cli", "run", "02_slow", "--profile", "smoke"]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    limit = time.monotonic() + 60
    while not (home / "begun").exists() and time.monotonic() < limit:
        time.sleep(0.1)
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=60)
    assert process.returncode == 130
    assert out == ""
    assert "Traceback" not in err
    assert err.strip().splitlines()[-1].startswith("sq: interrupted")
    assert [path.name for path in (home / "runs/02_slow").iterdir()] == [".locks"]


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write anywhere")
def test_home_that_cannot_be_written_is_reported(home):
    home.chmod(0o500)
    try:
        with pytest.raises(SqError, match="cannot write"):
            run_notebook("00_first", {}, "smoke", progress=False)
    finally:
        home.chmod(0o700)


def test_runs_folder_that_is_a_file_is_reported(home):
    (home / "runs").write_text("")
    with pytest.raises(SqError, match="cannot write"):
        run_notebook("00_first", {}, "smoke", progress=False)


def test_disk_that_fills_up_while_a_run_is_kept_is_reported_and_leaves_no_run(home, monkeypatch):
    write_notebook(home / "notebooks/02_quick.ipynb", QUICK)

    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(module, "_tidy", full)
    with pytest.raises(SqError, match="No space left on device"):
        run_notebook("02_quick", {}, "smoke", progress=False)
    assert runs() == []


def test_twin_is_built_beforehand_only_for_a_notebook_that_loads_frames(home, monkeypatch):
    from sqlib.data import build

    asked = []
    monkeypatch.setattr(build, "build_twin", lambda settings, progress: asked.append(settings))
    write_notebook(home / "notebooks/02_quick.ipynb", QUICK)
    run_notebook("02_quick", {}, "smoke", progress=False)
    assert asked == []
    write_notebook(home / "notebooks/03_loads.ipynb", "def load_frames(data): pass\nload_frames(data)")
    run_notebook("03_loads", {"seed": 5}, "smoke", progress=False)
    assert [(one.seed, one.size) for one in asked] == [(5, 32)]
    run_notebook("03_loads", {"seed": 5, "data": "sunquakenet"}, "smoke", progress=False)
    assert len(asked) == 1


def test_environment_is_as_before_after_a_run(home, monkeypatch):
    monkeypatch.delenv("JUPYTER_PREFER_ENV_PATH", raising=False)
    write_notebook(home / "notebooks/02_quick.ipynb", QUICK)
    before, threads = dict(os.environ), threading.active_count()
    run_notebook("02_quick", {}, "smoke", progress=False)
    after = dict(os.environ)
    assert {k: v for k, v in after.items() if before.get(k) != v and not k.startswith("PYDEVD")} == {}
    assert threading.active_count() <= threads + 2
