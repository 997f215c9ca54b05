"""The table of `make bench` is whole: every benchmark gives its rows, at tiny sizes; no time is judged here."""

import importlib.util
import json
import sys
from pathlib import Path

import pytest
import torch
import yaml

from sqlib import workers
from sqlib.data import build, catalogue
from sqlib.data.splits import paper_split
from sqlib.learn import checkpoint, encoders, rcnn

FOLDER = Path(__file__).resolve().parents[1] / "benchmarks"
UNITS = ("s", "ms", "GB", "MB", "views/s", "frames/s", "% of cold")


def load(name):
    spec = importlib.util.spec_from_file_location(f"benchmark_{name}", FOLDER / f"{name}.py")
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module  # processes that are started find it there
    spec.loader.exec_module(module)
    return module


def check(rows):
    assert rows
    for what, value, unit, beside, ratio in rows:
        assert what.strip() and value > 0 and unit in UNITS
        assert (ratio is None) == (beside == "")
        assert ratio is None or ratio > 0


SIZES = {
    "twin": {"size": 64, "frames": 40},
    "holography": {"frames": 48, "size": 96, "repeat": 1, "rounds": 1},
    "augment": {"count": 8, "size": 64, "repeat": 1},
    "detection": {"count": 4, "size": 64, "batch": 2, "repeat": 1},
    "memory": {"size": 32, "batch": 4, "steps": 1, "rounds": 1},
}


@pytest.mark.parametrize("name", SIZES)
def test_a_benchmark_gives_its_rows(name, monkeypatch):
    monkeypatch.delenv("PYTHONSAFEPATH", raising=False)  # a benchmark takes modules of its own folder
    few = catalogue()[:3]
    monkeypatch.setattr(build, "catalogue", lambda: few)  # the events of the twin
    check(load(name).rows(**SIZES[name]))


def test_training_is_set_beside_two_libraries(monkeypatch):
    module = load("training")
    once = lambda ways, *_, **__: {name: 1e-3 * bool([call()]) for name, call in ways.items()}  # noqa: E731
    monkeypatch.setattr(module, "seconds", once)
    found = module.losses_alone(64, 16, 0.07, torch.device("cpu")), module.throughput(32, 4, torch.device("cpu"))
    monkeypatch.setattr(module, "losses_alone", lambda *_: found[0])
    monkeypatch.setattr(module, "throughput", lambda *_: found[1])
    rows = module.rows()
    check(rows)
    libraries = {"lightly NTXentLoss", "pytorch-metric-learning SupConLoss", "lightly as shipped"}
    assert libraries <= {row[3] for row in rows}


def test_what_a_gpu_does_is_measured_the_same_way_and_its_absence_is_said(monkeypatch):
    monkeypatch.syspath_prepend(FOLDER)  # as when the table is made: it takes the others' movie, frames and cube
    module, make = load("gpu"), rcnn.make_detector
    light = load("detection").LIGHT  # the network itself is tested elsewhere
    monkeypatch.setattr(rcnn, "make_detector", lambda _: make(light))
    check(module.rows("cpu", frames=48, field=96, batch=8, size=64, count=2, side=96, batches=(2,), least=0.01))
    if not torch.cuda.is_available():
        assert [row[1:3] for row in module.rows()] == [(None, "no GPU here")]


def test_what_a_gpu_trains_goes_on_till_its_weights_are_there(sq_home, tmp_path, monkeypatch, capsys):
    monkeypatch.syspath_prepend(FOLDER)  # as when it is called: it takes the trainer's row from another benchmark
    module, few = load("gpu15"), [event for part in paper_split(catalogue()) for event in part[:2]]
    quick = lambda *sizes, rows=module.trainer_rows: rows(*sizes[:3], 0.01)  # noqa: E731
    monkeypatch.setattr(module, "trainer_rows", quick)
    monkeypatch.setattr(build, "catalogue", lambda: few)
    profile = yaml.safe_load((FOLDER.parent / "profiles" / "gpu15.yml").read_text())
    profile["data"] |= {"size": 64, "frames": 40, "resolution": 32}
    profile["learning"] |= {"backbone": "resnet6", "width": 4, "batch": 16, "precision": "fp32", "warmup": 1.0}
    profile["notebooks"]["04_augmentations"]["epochs"] = 2
    (sq_home / "profiles").mkdir(parents=True)
    (sq_home / "profiles" / "gpu15.yml").write_text(yaml.safe_dump(profile))
    (sq_home / "notebooks").symlink_to(FOLDER.parent / "notebooks")
    out = tmp_path / "out"
    argv = ["--minutes", "0", "--out", str(out), "--device", "cpu"]
    if not torch.cuda.is_available():
        with pytest.raises(SystemExit, match="no GPU here, and nothing was done"):  # a sentence: the exit status is 1
            module.main(argv[:4])
        assert not (sq_home / "data").exists()
    with pytest.raises(SystemExit) as stopped:
        module.main(argv)
    assert stopped.value.code == 2 and "1 of 2 epochs" in capsys.readouterr().err and not out.exists()
    module.main(argv)
    said, card = capsys.readouterr().out, json.loads((out / "card.json").read_text())
    assert all(part in said for part in ("px, batch 16: ", "% of a step", "2 epochs", "average precision"))
    assert (card["epochs"], card["settings"]["objective"], card["settings"]["seed"]) == (2, "supcon", 1)
    assert len((out / "history.csv").read_text().splitlines()) == 1 + 2
    net = encoders.make_net(encoders.Settings(**card["settings"]), 32)
    checkpoint.load_into(net, out / "weights.safetensors", "")


def test_ingest_is_measured_with_one_worker_and_with_two(monkeypatch):
    threads = {"processes": False, "threads_per_worker": 1, "dashboard_address": "127.0.0.1:0"}
    monkeypatch.setattr(workers, "LOCAL", threads)  # without the preload, which would end this process
    check(load("ingest").rows(disk=128, size=32, frames=4, method="interp"))


def stand_in(ran):
    """A `make` of the book that takes three times 100, 10 and 18 s; the third time these chapters run."""

    def make(home, profile):
        times = len(list((home / "runs").glob("*/*/card.json"))) if (home / "runs").is_dir() else 0
        done = make.calls = getattr(make, "calls", 0) + 1
        for name in (["01_dataset", "02_other"], [], ran)[done - 1]:
            folder = home / "runs" / name / str(times + done)
            folder.mkdir(parents=True)
            (folder / "card.json").write_text(json.dumps({"seconds_in_all": 6.0}))
        (home / "_build" / "html").mkdir(parents=True, exist_ok=True)
        (home / "_build" / "html" / "index.html").write_text("x" * 1000)
        return (100.0, 10.0, 18.0)[done - 1], 9.0

    return make


def test_the_book_is_made_three_times_and_a_changed_parameter_runs_one_chapter(tmp_path):
    module = load("book")
    rows = module.rows(measure=lambda profile, home: module.measure(profile, home, stand_in(["01_dataset"])))
    check(rows)
    values = {what: value for what, value, *_ in rows}
    beyond = values["book, smoke, events of 01_dataset changed: beyond the chapter"]
    assert beyond == pytest.approx(12.0)  # (18 - 6) of 100 s
    module.lay_out(tmp_path)
    with pytest.raises(SystemExit, match="02_other"):
        module.measure("smoke", tmp_path, stand_in(["01_dataset", "02_other"]))


@pytest.mark.parametrize("stop", [RuntimeError, SystemExit])
def test_a_benchmark_that_fails_does_not_lose_the_others(stop, tmp_path, monkeypatch, capsys):
    table = load("__main__")

    def rows_of(name):
        if name == "ingest":
            raise stop("no worker came")
        return [(name, 1.0, "s", "", None)]

    monkeypatch.setattr(table, "rows_of", rows_of)
    monkeypatch.setattr(table, "OUT", tmp_path / "bench")
    monkeypatch.setattr(sys, "argv", ["benchmarks"])
    with pytest.raises(SystemExit, match="ingest"):
        table.main()
    assert "no worker came" in capsys.readouterr().err
    rows = json.loads((tmp_path / "bench" / "bench.json").read_text())["rows"]
    assert [row["what"] for row in rows if row["value"]] == [name for name in table.PLAN if name != "ingest"]
    assert "| ingest | failed |" in (tmp_path / "bench" / "bench.md").read_text()


def test_the_table_is_whole_and_is_written_with_its_card(tmp_path):
    table = load("__main__")
    assert {path.stem for path in FOLDER.glob("*.py")} == {*table.PLAN, "__main__", "gpu15"}
    card = table.machine()
    assert card["processor"] and card["cores"] and card["GPU"] and card["versions"]["torch"] and card["date"]
    rows = [("set-up", None, "skipped", "", None), ("loss", 1.5, "ms", "another", 2.0)]
    table.write(rows, card, tmp_path / "bench")
    table.write(rows, card, tmp_path / "bench", "h100")
    assert (tmp_path / "bench" / "h100.md").read_text() == (tmp_path / "bench" / "bench.md").read_text()
    text = (tmp_path / "bench" / "bench.md").read_text()
    assert "| set-up | skipped |  |  |  |" in text and "| loss | 1.5 | ms | another | 2.00 |" in text
    assert f"processor: {card['processor']}" in text
    content = json.loads((tmp_path / "bench" / "bench.json").read_text())
    assert content["rows"][1]["ratio"] == 2.0 and content["card"]["commit"] == card["commit"]
