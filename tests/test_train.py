"""The training loop: it learns, resumes to the same bits, stops with a reason, and trains nothing twice."""

import json
import math
import os
import signal
import subprocess
import sys
import time
from dataclasses import asdict, replace

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file

from sqlib.data import catalogue
from sqlib.data.frames import make_frameset, make_index
from sqlib.errors import SqError
from sqlib.learn import runs
from sqlib.learn.augment import Views
from sqlib.learn.models import Model
from sqlib.learn.objectives import make_net, weights_of
from sqlib.learn.samples import make_samples, split
from sqlib.learn.settings import Loop, Settings, check, from_dict
from sqlib.learn.train import begin, epoch_order, fit, rate_at

SMALL = Settings(
    model=Model("resnet6", encoding=16, projection=8, width=4, pool="max"), views=Views(low_pass=0.5, threshold=6),
    loop=Loop(epochs=3, batch=32, rate=0.02, warmup=1, precision="fp32"),
)  # fmt: skip


def small_frames(events: int = 53, frames: int = 12, size: int = 16, seed: int = 0):
    """Frames of noise; those from 4 to 7 hold a bright spot and are positive."""
    known = [event for event in catalogue() if event.labelled][:events]
    rows = [{"event": e.key, "cycle": e.cycle, "frame": f, "time": e.start, "label": int(4 <= f < 8), "boxes": ()}
            for e in known for f in range(frames)]  # fmt: skip
    rng = np.random.default_rng(seed)
    pixels = rng.exponential(12, (len(rows), size, size)).clip(0, 120).astype(np.uint8)
    for row, picture in zip(rows, pixels):
        if row["label"]:
            y, x = rng.integers(4, size - 4, 2)
            picture[y - 1 : y + 2, x - 1 : x + 2] = 250
    return make_frameset(pixels, make_index(rows), "twin", "cube")


@pytest.fixture(scope="module")
def frameset():
    return small_frames()


@pytest.fixture(scope="module")
def samples(frameset):
    return make_samples(frameset, 3, 0, SMALL.views)


def same(one: dict, other: dict) -> bool:
    return one.keys() == other.keys() and all(torch.equal(one[name], other[name]) for name in one)


@pytest.mark.parametrize("objective", ["simclr", "supcon", "weighted", "authors", "classify", "focal"])
def test_each_objective_trains_and_logs_what_tells_collapse(objective, samples, tmp_path):
    settings = replace(SMALL, objective=objective)
    train, _ = split(samples)
    state = fit(settings, samples, train, train[:0], tmp_path / "c", progress=False)
    assert len(state.history) == 3
    assert all(math.isfinite(row["loss"]) for row in state.history)
    if settings.contrasts:
        assert state.history[0]["chance"] == pytest.approx(math.log(2 * 32 - 1))
        assert 0 <= state.history[-1]["spread"] <= 1


def test_a_bright_spot_is_learned_and_found_in_events_never_seen(frameset, sq_home):
    from sklearn.metrics import roc_auc_score

    settings = replace(SMALL, objective="classify", loop=replace(SMALL.loop, epochs=12, upsample=0))
    trained = runs.train(settings, frameset, progress=False, device="cpu")
    samples = make_samples(frameset, 3)
    _, test = split(samples)
    found = runs.embed(trained, samples, "probability")[test, 0]
    assert roc_auc_score(samples.index["label"].iloc[test], found) > 0.9


@pytest.mark.parametrize("objective", ["autoencoder", "vae", "logcosh"])
def test_reconstruction_improves_in_training(objective, samples, tmp_path):
    raw = Views(low_pass=0, positional="none", erasing="none")
    settings = replace(SMALL, objective=objective, views=raw, loop=replace(SMALL.loop, epochs=6, rate=0.1, warmup=1))
    train, _ = split(samples)
    state = fit(settings, samples, train, train[:0], tmp_path / "c", progress=False)
    assert state.history[-1]["loss"] < 0.9 * state.history[0]["loss"]


@pytest.mark.parametrize("optimizer", ["sgd", "adam"])
def test_a_run_cut_off_after_every_epoch_ends_with_the_same_bits(optimizer, samples, tmp_path):
    settings = replace(SMALL, model=replace(SMALL.model, dropout=0.3, encoding=12),
                       loop=replace(SMALL.loop, optimizer=optimizer, validation=0.1, patience=9, rate=0.01))  # fmt: skip
    train, _ = split(samples)
    train, watched = train[:300], train[300:]
    whole = fit(settings, samples, train, watched, tmp_path / "whole", progress=False)
    for epoch in (1, 2, 3):
        pieces = fit(settings, samples, train, watched, tmp_path / "pieces", progress=False, seconds=0)
        assert len(pieces.history) == epoch
    assert same(whole.net.state_dict(), pieces.net.state_dict())
    assert [row["loss"] for row in whole.history] == [row["loss"] for row in pieces.history]


def test_a_run_killed_at_any_moment_goes_on_to_the_same_result(frameset, sq_home):
    """Killed outright by the system, twice, at whatever step it then is."""
    settings = replace(SMALL, loop=replace(SMALL.loop, epochs=40))
    (sq_home.parent / "settings.json").write_text(json.dumps(asdict(settings)))
    script = (
        "import json, sys, torch; sys.path.insert(0, sys.argv[2]); torch.set_num_threads(1)\n"
        "import sqlib.learn.train as t; t.EVERY = 0\n"
        "from test_train import small_frames; from sqlib.learn import runs, settings\n"
        "print('ready', flush=True)\n"
        "runs.train(settings.from_dict(json.load(open(sys.argv[1]))), small_frames(), progress=False, device='cpu')"
    )
    command = [sys.executable, "-c", script, str(sq_home.parent / "settings.json"), os.path.dirname(__file__)]
    folder = runs.run_folder(runs.run_key(settings, frameset.fingerprint))
    for _ in range(2):
        process = subprocess.Popen(command, env=dict(os.environ), stdout=subprocess.PIPE)
        process.stdout.readline()
        before = (folder / "checkpoint.safetensors").stat().st_mtime_ns if (folder / "checkpoint.safetensors").is_file() else 0
        limit = time.monotonic() + 60
        while time.monotonic() < limit and process.poll() is None:
            path = folder / "checkpoint.safetensors"
            if path.is_file() and path.stat().st_mtime_ns != before:
                break
        process.send_signal(signal.SIGKILL)
        process.wait()
    assert not (folder / "card.json").is_file(), "killed before it was done"
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        resumed = runs.train(settings, frameset, progress=False, device="cpu")
        weights = load_file(resumed.folder / "weights.safetensors")
        (resumed.folder / "card.json").unlink()
        again = runs.train(settings, frameset, progress=False, device="cpu")
    finally:
        torch.set_num_threads(threads)
    assert same(weights, load_file(again.folder / "weights.safetensors"))
    assert not list(folder.glob("checkpoint*")), "nothing half-written is left"


def test_the_same_run_is_trained_once_and_any_other_setting_or_data_is_another_run(frameset, sq_home, monkeypatch):
    first = runs.train(SMALL, frameset, progress=False, device="cpu")
    monkeypatch.setattr(runs, "fit", None)  # would fail if it were called
    assert runs.train(SMALL, frameset, progress=False, device="cpu").key == first.key
    others = [replace(SMALL, temperature=0.1), replace(SMALL, seed=2), replace(SMALL, views=Views(positional="none")),
              replace(SMALL, start=SMALL), replace(SMALL, loop=replace(SMALL.loop, epochs=4))]  # fmt: skip
    keys = {runs.run_key(settings, frameset.fingerprint) for settings in others} | {first.key, runs.run_key(SMALL, "other data")}
    assert len(keys) == len(others) + 2
    assert from_dict(json.loads(json.dumps(asdict(others[3])))) == others[3]


def test_the_second_step_begins_with_the_weights_of_the_first(frameset, samples, sq_home):
    first = replace(SMALL, objective="simclr")
    trained = runs.train(first, frameset, progress=False, device="cpu")
    weights = load_file(trained.folder / "weights.safetensors")
    start = {name.removeprefix("net/"): tensor for name, tensor in weights.items()}
    state = begin(replace(SMALL, start=first), samples, split(samples)[0], start)
    assert same(state.net.state_dict(), start)
    second = runs.train(replace(SMALL, start=first), frameset, progress=False, device="cpu")
    assert not same(load_file(second.folder / "weights.safetensors"), weights)


def test_frozen_layers_stay_as_they_were(samples, tmp_path):
    settings = replace(SMALL, objective="classify", unfrozen=1)
    train, _ = split(samples)
    before = {k: v.clone() for k, v in begin(settings, samples, train).net.state_dict().items()}
    after = fit(settings, samples, train, train[:0], tmp_path / "c", progress=False).net.state_dict()
    changed = {name.rsplit(".", 1)[0] for name in before if not torch.equal(before[name], after[name])}
    assert not any(name.startswith(("trunk.0", "trunk.1")) for name in changed)
    assert any(name.startswith("trunk.2") for name in changed)


def test_training_stops_early_and_keeps_the_best_weights(samples, tmp_path):
    loop = replace(SMALL.loop, epochs=30, rate=1e-9, decay=0, validation=0.2, patience=2)  # too slow to get better
    train, _ = split(samples)
    state = fit(replace(SMALL, loop=loop), samples, train[:200], train[200:300], tmp_path / "c", progress=False)
    assert len(state.history) < 30
    assert min(row["watched"] for row in state.history) == state.best
    assert same(state.net.state_dict(), state.best_weights)


def test_a_loss_that_is_no_number_stops_the_run_and_keeps_the_last_good_state(samples, tmp_path, monkeypatch):
    from sqlib.learn import train as module

    train, _ = split(samples)
    path = tmp_path / "c"
    fit(SMALL, samples, train, train[:0], path, progress=False, seconds=0)
    good, honest = path.read_bytes(), module.objective

    def spoilt(*args):
        found = honest(*args)
        return {**found, "loss": found["loss"] * math.nan, "shown": found["shown"] * math.nan}

    monkeypatch.setattr(module, "objective", spoilt)
    with pytest.raises(SqError, match=r"no number any more in epoch 2 .*rate.*last good state"):
        fit(SMALL, samples, train, train[:0], path, progress=False)
    assert path.read_bytes() == good


def test_a_checkpoint_that_is_damaged_or_of_another_run_is_refused(samples, tmp_path):
    train, _ = split(samples)
    path = tmp_path / "c"
    fit(SMALL, samples, train, train[:0], path, key="one", progress=False, seconds=0)
    with pytest.raises(SqError, match="another run"):
        fit(SMALL, samples, train, train[:0], path, key="two", progress=False)
    with pytest.raises(SqError, match="does not fit"):
        fit(replace(SMALL, model=replace(SMALL.model, width=8)), samples, train, train[:0], path, key="one", progress=False)
    for content in (path.read_bytes()[:-100], b"", b"\x80\x04 a pickle"):
        path.write_bytes(content)
        with pytest.raises(SqError, match="damaged"):
            fit(SMALL, samples, train, train[:0], path, key="one", progress=False)
    save_file({"net/x": torch.zeros(1)}, path)
    with pytest.raises(SqError, match="damaged"):
        fit(SMALL, samples, train, train[:0], path, key="one", progress=False)


def test_a_full_disk_is_said_and_leaves_nothing_half_written(samples, tmp_path, monkeypatch):
    from sqlib.learn import checkpoint

    def full(tensors, file, facts):
        file.write_bytes(b"half")
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(checkpoint, "save_file", full)
    train, _ = split(samples)
    with pytest.raises(SqError, match="No space left"):
        fit(SMALL, samples, train, train[:0], tmp_path / "c", progress=False)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(("change", "words"), [
    ({"objective": "triplet"}, "triplet"), ({"temperature": 0}, "temperature"), ({"beta": 1.0}, "beta"),
    ({"loop": Loop(batch=1)}, "at least 2"), ({"loop": Loop(epochs=0)}, "1 epoch"), ({"loop": Loop(patience=3)}, "validation"),
    ({"loop": Loop(schedule="linear")}, "linear"), ({"thin": 0}, "thin"), ({"model": Model("resnet6", width=0)}, "width=0"),
    ({"model": Model(encoding=0)}, "encoding=0"), ({"model": Model(projection=-1)}, "projection=-1"),
    ({"model": Model(dropout=1.0)}, "dropout"), ({"loop": Loop(decay=-1e-4)}, "decay"), ({"loop": Loop(decay=math.nan)}, "decay"),
    ({"loop": Loop(warmup=math.inf)}, "warm-up"), ({"seed": -1}, "seed=-1"),
])  # fmt: skip
def test_settings_that_cannot_be_trained_with_are_refused(change, words):
    with pytest.raises(SqError, match=words):
        check(replace(SMALL, **change))
    with pytest.raises(SqError, match="no settings"):
        from_dict({"objektive": "supcon"})


def test_an_epoch_holds_each_negative_once_and_positives_as_often_as_asked():
    labels = np.r_[np.zeros(90), np.ones(10)].astype(int)
    for upsample, times in ((1, 1), (6, 6), (0, 9)):
        order = epoch_order(labels, Loop(batch=1000, upsample=upsample), torch.Generator().manual_seed(0))
        counts = np.bincount(order, minlength=100)
        assert (counts[:90] == 1).all()
        assert (counts[90:] == times).all()
        weights = weights_of(replace(SMALL, loop=Loop(upsample=upsample), beta=0), labels)
        assert weights.tolist() == [1, 1]
    assert len(epoch_order(labels, Loop(batch=32), torch.Generator())) == 96, "whole batches"


def test_the_rate_warms_up_and_decays():
    cosine = Loop(epochs=100, rate=0.5, warmup=10)
    assert [rate_at(cosine, t) for t in (5, 10, 55, 100)] == pytest.approx([0.25, 0.5, 0.25, 0])
    steps = Loop(epochs=800, rate=0.5, warmup=0, schedule="step")
    assert [rate_at(steps, t) for t in (1, 500, 650, 700)] == pytest.approx([0.5, 0.05, 0.005, 0.0005])
    assert rate_at(Loop(schedule="constant", warmup=0, rate=0.3), 70) == 0.3


def test_weights_are_drawn_by_the_seed_alone():
    torch.manual_seed(1)
    one = make_net(SMALL, 16).state_dict()
    torch.manual_seed(2)
    assert same(one, make_net(SMALL, 16).state_dict())
    assert not same(one, make_net(replace(SMALL, seed=1), 16).state_dict())


def test_the_encoding_is_of_raw_frames_and_is_kept(frameset, samples, sq_home):
    trained = runs.train(SMALL, frameset, progress=False, device="cpu")
    one = runs.embed(trained, samples)
    assert one.shape == (len(samples), 16)
    assert one.dtype == np.float32
    net = runs.load_net(trained, 16, "cpu")
    frames = torch.stack([samples.pixels[row - 1 : row + 2] for row in samples.rows[:5]]).float()
    with torch.no_grad():
        assert torch.allclose(net.encode(frames), torch.from_numpy(one[:5]), atol=1e-5)
    (trained.folder / "weights.safetensors").unlink()
    assert np.array_equal(runs.embed(trained, samples), one), "found again"


def test_two_processes_train_one_model(frameset, sq_home):
    """torchrun with two processes: one run, with the losses of global batches, that a single process then finds."""
    script = sq_home.parent / "two.py"
    settings = replace(SMALL, loop=replace(SMALL.loop, epochs=2))
    (sq_home.parent / "settings.json").write_text(json.dumps(asdict(settings)))
    script.write_text(
        "import json, sys, torch; sys.path.insert(0, sys.argv[2]); torch.set_num_threads(1)\n"
        "from test_train import small_frames; from sqlib.learn import runs, settings\n"
        "torch.distributed.init_process_group('gloo')\n"
        "t = runs.train(settings.from_dict(json.load(open(sys.argv[1]))), small_frames(), progress=False, device='cpu')\n"
        "assert t.card['processes'] == 2\n"
        "torch.distributed.destroy_process_group()\n"
    )
    command = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node=2", str(script)]
    subprocess.run([*command, str(sq_home.parent / "settings.json"), os.path.dirname(__file__)], check=True, timeout=120,
                   env={**os.environ, "OMP_NUM_THREADS": "1"}, capture_output=True)  # fmt: skip
    found = runs.load(runs.run_key(settings, frameset.fingerprint))
    assert found.card["processes"] == 2
    assert found.history["chance"][0] == pytest.approx(math.log(2 * 32 - 1)), "the batch is divided, its loss is not"
