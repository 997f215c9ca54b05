"""Several runs at once: the same results as one by one, in the order asked for, and a failure costs no other run."""

from contextlib import nullcontext
from pathlib import Path

import dask
import pytest
from tinybook import write_notebook

from sqbook import durations, execute
from sqbook.cli import main
from sqbook.execute import run_chapters, run_each
from sqlib.errors import SqError
from sqlib.show.records import read_records

QUICK = """\
import os
from pathlib import Path
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
    assert run_chapters(jobs, "smoke", workers=2) == folders  # found again
    assert run_chapters(jobs, "smoke", workers=1, force=True) == folders
    assert [read_records(folder)["fig01"]["numbers"] for folder in folders] == apart


@pytest.mark.parametrize(("workers", "order"), [(1, [0, 1, 2, 3]), (2, [2, 1, 0, 3])])
def test_several_workers_begin_with_what_is_quick_and_then_with_what_takes_longest(home, monkeypatch, workers, order):
    seconds, begun = {1: 50.0, 2: 20.0, 3: 10.0, 4: 30.0}, []
    monkeypatch.setattr(durations, "expected", lambda path, values: seconds[values["seed"]])
    monkeypatch.setattr(execute, "run_each", lambda jobs, *_, **__: nullcontext(
        (begun.append(values["seed"] - 1) or (place, Path(str(values["seed"])))
         for place, (_, values) in enumerate(jobs))))
    found = run_chapters([("00_first", {"seed": seed}) for seed in seconds], "laptop", workers=workers)
    assert [path.name for path in found] == ["1", "2", "3", "4"]
    assert begun == order


@pytest.mark.parametrize("workers", [1, 2])
def test_a_run_that_fails_costs_no_other(home, workers):
    write_notebook(home / "notebooks/02_quick.ipynb", QUICK)
    jobs = [("02_quick", {"seed": seed}) for seed in (5, 6, 7)]
    with run_each(jobs, "smoke", workers=workers, progress=False) as made:
        found = dict(made)
    assert isinstance(found[0], SqError) and "five" in str(found[0])
    kept = {1: None, 2: 0}[workers]  # workers keep what they freed, see sqlib.memory
    assert [(found[place] / "seed.txt").read_text() for place in (1, 2)] == [f"6 {kept}", f"7 {kept}"]
    with pytest.raises(SqError, match=r"02_quick.ipynb failed in cell \d+ .*five"):
        run_chapters(jobs, "smoke", workers=workers)


def test_a_scheduler_that_is_not_there_is_reported_before_any_data_are_made(home, monkeypatch):
    monkeypatch.setattr(execute, "build_data", None)
    with dask.config.set({"distributed.comm.timeouts.connect": "200ms"}), pytest.raises(
            SqError, match=r"no Dask workers .*--workers 1 does without"):
        run_each([("00_first", {})], "smoke", scheduler="tcp://127.0.0.1:9").__enter__()
