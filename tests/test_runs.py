"""Runs: executed once, found again, never half-written, and clear about what failed."""

import json
import signal
import subprocess
import sys
import time
from shutil import copytree, ignore_patterns

import pytest
from tinybook import CHECKOUT, CODE, NEEDS, PARAMETERS, write_notebook

from sqbook.execute import FILES, library_hash, run_key, run_notebook, runs
from sqbook.parameters import cells_of
from sqlib import keys
from sqlib.errors import SqError
from sqlib.show.records import read_records

QUICK = "from pathlib import Path\nPath(out, 'seed.txt').write_text(str(seed))"


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


def test_run_that_is_found_again_has_the_prose_and_comments_of_now_and_the_outputs_of_then(home):
    path = write_notebook(home / "notebooks/02_quick.ipynb", "print(seed)  # a number")
    folder = run_notebook("02_quick", {"seed": 3}, "smoke", progress=False)
    before, card = json.loads((folder / "executed.ipynb").read_text()), (folder / "card.json").stat().st_ino
    write_notebook(path, "print(seed)  # a seed", title="A better title")
    assert run_notebook("02_quick", {"seed": 3}, "smoke", progress=False) == folder
    after = json.loads((folder / "executed.ipynb").read_text())
    text = json.dumps(after)
    assert "A better title" in text and "# a seed" in text and "# a number" not in text
    outputs = [[cell.get("outputs") for cell in one["cells"]] for one in (before, after)]
    assert outputs[0] == outputs[1] and '"3\\n"' in text
    assert before["metadata"] == after["metadata"]
    assert (folder / "card.json").stat().st_ino == card
    assert run_notebook("02_quick", {"seed": 3}, "smoke", force=True, progress=False) == folder
    assert (folder / "card.json").stat().st_ino != card


def test_key_follows_code_values_and_data_folder_but_neither_prose_nor_comments(home, tmp_path):
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
    write_notebook(path, CODE + "\n# a comment\n", PARAMETERS, title="Another title")
    assert run_key(path, values) == key
    write_notebook(path, CODE + "\n1 + 1")
    assert run_key(path, values) != key
    write_notebook(path, CODE)
    before = run_key(path, values)
    write_notebook(path, CODE + "\n%pip list")  # no plain Python: taken as it is
    assert run_key(path, values) != before


@pytest.fixture(scope="module")
def copied(tmp_path_factory):
    """A copy of sqlib to edit, the code of each chapter's cells, and what it hashes to."""
    package = tmp_path_factory.mktemp("copy") / "sqlib"
    copytree(keys.PACKAGE, package, ignore=ignore_patterns("__pycache__"))
    paths = (CHECKOUT / "notebooks").glob("*.ipynb")
    code = {p.stem: [cell["source"] for cell in cells_of(p) if cell["cell_type"] == "code"] for p in paths}
    return package, code, {chapter: library_hash(own, package) for chapter, own in code.items()}


@pytest.mark.parametrize(("name", "old", "new", "rerun"), [
    ("show/plots_detection.py", "\n", "\n# a remark\n", ()),
    ("sun/rays.py", '"""', '"""Other words. ', ()),
    ("show/plots_detection.py", "\ndef ", "\nCOLOUR = 1\ndef ", ("06_object_detection",)),
    ("show/plots_dataset.py", "\ndef ", "\nCOLOUR = 1\ndef ", ("01_dataset",)),
    ("learn/locator.json", "{", "{ ", ("06_object_detection", "07_case_studies", "10_detection",
                                  "11_next_steps")),
    ("learn/event_search.json", "{", "{ ", ("10_detection", "11_next_steps")),
    ("sun/rays.py", "\ndef ", "\nSPEED = 1\ndef ", "all"),
    ("show/sqlib.mplstyle", "\n", "\n\n", "all"),
])
def test_an_edit_reruns_the_chapters_that_use_what_was_edited_and_no_other(copied, name, old, new, rerun):
    package, chapters, before = copied
    text = (package / name).read_text()
    assert old in text
    (package / name).write_text(text.replace(old, new, 1))
    changed = {chapter for chapter, code in chapters.items() if library_hash(code, package) != before[chapter]}
    (package / name).write_text(text)
    assert changed == set(chapters if rerun == "all" else rerun)


def test_every_file_of_the_library_is_code_or_declared(copied):
    package, *_ = copied
    read = {path for _, pattern in FILES for path in package.glob(pattern)}
    others = {path for path in package.rglob("*") if path.is_file() and path.suffix != ".py"}
    assert others - read == set()
    assert all(any(package.glob(f"{reader}*")) for reader, _ in FILES)


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
    assert sorted(path.name for path in kept.parent.iterdir()) == [".held", "failed.ipynb"]
    assert runs() == []
    write_notebook(home / "notebooks/02_dies.ipynb", "import os\nos._exit(9)")
    with pytest.raises(SqError, match=r"02_dies\.ipynb failed .* the kernel died"):
        run_notebook("02_dies", {}, "smoke", progress=False)


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
    assert "Traceback" not in err and "Ctrl-C" not in err  # nor does the kernel say how to end it
    assert err.strip().splitlines()[-1].startswith("sq: interrupted")
    assert [path.name for path in (home / "runs/02_slow").iterdir()] == [".held"]


def test_runs_folder_that_is_a_file_is_reported(home):
    (home / "runs").write_text("")
    with pytest.raises(SqError, match="cannot write"):
        run_notebook("00_first", {}, "smoke", progress=False)


def test_what_a_notebook_needs_is_prepared_beforehand_as_its_metadata_say(home, monkeypatch):
    from sqlib.data import build, trial

    built, trained = [], []

    def train(chapter, values, progress):
        trained.append(chapter)
        raise SqError("these data cannot teach it")

    def cubes(settings, listed=None, **how):
        built.append((settings.seed, settings.size, len(listed.events) if listed else None))

    monkeypatch.setattr(build, "build_twin", cubes)
    monkeypatch.setattr(trial, "build_twin", cubes)
    monkeypatch.setattr("sqlib.learn.chapters.train_chapter", train)
    path = write_notebook(home / "notebooks/02_quick.ipynb", "load_frames = recipes = None  # words decide nothing")
    run_notebook("02_quick", {}, "smoke", progress=False)
    assert (built, trained) == ([], [])
    write_notebook(path, QUICK, needs={**NEEDS, "twin": True, "trains": True, "may_lack": True})
    run_notebook("02_quick", {"seed": 5}, "smoke", progress=False)
    assert (built, trained) == ([(5, 32, None)], ["02_quick"])
    write_notebook(path, QUICK, needs={**NEEDS, "trial": True, "settings": ["data"]})
    run_notebook("02_quick", {"seed": 4}, "smoke", progress=False)
    assert built[1:] == [(trial.SEED, 32, 100)]
    write_notebook(path, QUICK, needs={**NEEDS, "trains": True})
    with pytest.raises(SqError, match="cannot teach"):
        run_notebook("02_quick", {"seed": 6}, "smoke", progress=False)
