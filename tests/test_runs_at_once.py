"""Several runs at once: the same results as one by one, in the order asked for, and a failure costs no other run."""

from pathlib import Path

import dask
import pytest
from tinybook import write_notebook

from sqbook import execute
from sqbook.cli import main
from sqbook.execute import all_done, run_all
from sqlib.errors import SqError
from sqlib.show.records import read_records

QUICK = """\
import os
from multiprocessing import current_process
from pathlib import Path
assert not current_process().daemon  # or it might start no processes
if seed == 5: raise ValueError('five')
Path(out, 'seed.txt').write_text(f"{seed} {os.environ.get('MALLOC_MMAP_MAX_')}")
"""


def test_two_workers_give_the_folders_in_order_with_the_numbers_of_one(home, capsys):
    assert main(["run", "01_second", "00_first", "-p", "seed=3", "--profile", "smoke", "--workers", "2"]) == 0
    out, err = capsys.readouterr()
    folders = [Path(line) for line in out.splitlines()]
    assert [folder.parent.name for folder in folders] == ["01_second", "00_first"]
    assert "00_first: executing\n" in err and "01_second: executing\n" in err  # said by the workers
    assert "00_first: done" in err and "01_second: done" in err
    apart = [read_records(folder)["fig01"]["numbers"] for folder in folders]
    jobs = [("01_second", {"seed": 3}), ("00_first", {"seed": 3})]
    assert run_all(jobs, "smoke", workers=2) == folders  # found again
    assert run_all(jobs, "smoke", force=True) == folders
    assert [read_records(folder)["fig01"]["numbers"] for folder in folders] == apart


@pytest.mark.parametrize("workers", [1, 2])
def test_a_run_that_fails_costs_no_other(home, workers):
    write_notebook(home / "notebooks/02_quick.ipynb", QUICK)
    jobs = [("02_quick", {"seed": seed}) for seed in (5, 6, 7)]
    found = run_all(jobs, "smoke", workers=workers)
    assert isinstance(found[0], SqError) and "five" in str(found[0])
    kept = {1: None, 2: 0}[workers]  # workers keep what they freed, see sqlib.memory
    assert [(found[place] / "seed.txt").read_text() for place in (1, 2)] == [f"6 {kept}", f"7 {kept}"]
    with pytest.raises(SqError, match=r"02_quick.ipynb failed in cell \d+ .*five"):
        all_done(found)


def test_what_takes_longest_is_begun_early_by_several(home, monkeypatch):
    """After the quickest, which soon show how fast they are."""
    names = ["00_first", "01_second", "02_a", "03_b"]
    for name in names[2:]:
        write_notebook(home / f"notebooks/{name}.ipynb", QUICK)
    monkeypatch.setattr(execute.durations, "expected", lambda path, values: 40.0 - names.index(path.stem))
    begun = []
    monkeypatch.setattr(execute, "each", lambda run, jobs, *_: begun.extend(jobs) or enumerate(jobs))
    run_all([(name, {}) for name in names], "smoke", workers=2)
    assert [name for name, _ in begun] == ["03_b", "02_a", "00_first", "01_second"]


def test_a_scheduler_that_is_not_there_is_reported_before_any_data_are_made(home, monkeypatch):
    monkeypatch.setattr(execute, "build_data", None)
    monkeypatch.setattr(execute.durations, "expected", None)
    with dask.config.set({"distributed.comm.timeouts.connect": "200ms"}), pytest.raises(
            SqError, match=r"no Dask workers .*--workers 1 does without"):
        run_all([("00_first", {})], "smoke", scheduler="tcp://127.0.0.1:9")
