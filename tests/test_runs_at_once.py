"""Several runs at once: the same results as one by one, in the order asked for, and a failure costs no other run."""

from pathlib import Path

import pytest
from tinybook import CHECKOUT, write_notebook

from sqbook import execute
from sqbook.cli import main
from sqbook.execute import run_chapters, run_each
from sqlib.errors import SqError
from sqlib.learn import chapters
from sqlib.show.records import read_records

QUICK = "from pathlib import Path\nif seed == 5: raise ValueError('five')\nPath(out, 'seed.txt').write_text(str(seed))"


def test_two_workers_give_the_folders_in_order_with_the_numbers_of_one(home, capsys):
    assert main(["run", "01_second", "00_first", "-p", "seed=3", "--profile", "smoke", "--workers", "2"]) == 0
    out, err = capsys.readouterr()
    folders = [Path(line) for line in out.splitlines()]
    assert [folder.parent.name for folder in folders] == ["01_second", "00_first"]
    assert "00_first: executing\n" in err and "01_second: executing\n" in err  # said by the workers
    assert "00_first: done" in err and "01_second: done" in err and " left\n" in err
    apart = [read_records(folder)["fig01"]["numbers"] for folder in folders]
    jobs = [("01_second", {"seed": 3}), ("00_first", {"seed": 3})]
    assert run_chapters(jobs, "smoke", workers=2) == folders  # found again
    assert run_chapters(jobs, "smoke", workers=1, force=True) == folders
    assert [read_records(folder)["fig01"]["numbers"] for folder in folders] == apart


def test_several_workers_begin_with_what_is_quick_and_then_with_what_takes_longest(monkeypatch):
    begun = []

    def run(jobs, *_, **__):
        for place, (name, _) in enumerate(jobs):
            begun.append(name)
            yield place, Path(name)

    monkeypatch.setattr(execute, "run_each", run)
    monkeypatch.setattr(execute, "build_data", lambda *_, **__: None)
    monkeypatch.setattr(chapters, "networks", lambda chapter, _: (10, {f"{chapter} {key}" for key in range(10)}))
    jobs = [(name, {}) for name in ("00_holography", "02_autoencoders", "03_contrastive", "05_recurrence",
                                    "06_object_detection", "07_case_studies", "08_pitfalls", "no_such_chapter")]
    monkeypatch.setenv("SQ_HOME", str(CHECKOUT))
    folders = run_chapters(jobs, "laptop", workers=2)
    assert [str(folder) for folder in folders] == [name for name, _ in jobs]
    assert begun[:3] == ["no_such_chapter", "08_pitfalls", "03_contrastive"] and begun[-1] == "00_holography"
    begun.clear()
    run_chapters(jobs, "laptop", workers=1)
    assert begun == [name for name, _ in jobs]


@pytest.mark.parametrize("workers", [1, 2])
def test_a_run_that_fails_costs_no_other(home, workers):
    write_notebook(home / "notebooks/02_quick.ipynb", QUICK)
    jobs = [("02_quick", {"seed": seed}) for seed in (5, 6, 7)]
    found = dict(run_each(jobs, "smoke", workers=workers, progress=False))
    assert isinstance(found[0], SqError) and "five" in str(found[0])
    assert [(found[place] / "seed.txt").read_text() for place in (1, 2)] == ["6", "7"]
    with pytest.raises(SqError, match=r"02_quick.ipynb failed in cell \d+ .*five"):
        run_chapters(jobs, "smoke", workers=workers)
