"""The training loop: it learns, resumes to the same bits, stops with a reason, and trains nothing twice."""

import json
import math
import os
import subprocess
import sys
from dataclasses import asdict, replace

import numpy as np
import pytest
import torch
from safetensors.torch import save_file
from torch.utils._python_dispatch import TorchDispatchMode

from sqlib.data import catalogue
from sqlib.data.frames import make_frameset, make_index
from sqlib.errors import SqError
from sqlib.learn import augment, encoders, trained
from sqlib.learn.augment import Views
from sqlib.learn.models import Model
from sqlib.learn.samples import make_samples, split
from sqlib.learn.settings import Loop, Settings
from sqlib.learn.train import begin, fit, generator_of, rate_at, take_step

SMALL = Settings(
    model=Model("resnet6", encoding=16, projection=8, width=4, pool="max"), views=Views(low_pass=0.5, threshold=6),
    loop=Loop(epochs=3, batch=32, rate=0.02, warmup=1, precision="fp32"),
)
RAW = Views(low_pass=0, positional="none", erasing="none")


def small_frames(events: int = 53, frames: int = 12, size: int = 16, seed: int = 0):
    """Frames of noise; those from 4 to 7 hold a bright spot and are positive."""
    known = [event for event in catalogue() if event.labelled][:events]
    rows = [{"event": e.key, "cycle": e.cycle, "frame": f, "time": e.start, "label": int(4 <= f < 8), "boxes": ()}
            for e in known for f in range(frames)]
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


def fitted(settings, samples, path, train=None, watched=(), **how):
    """The state of a run on the training part of `samples`, or on `train`."""
    train = split(samples)[0] if train is None else train
    return fit(encoders.task(settings, samples, train, np.array(watched, int)), path, progress=False, **how)


def trained_on(settings, frameset, **how):
    return encoders.train(settings, frameset, progress=False, device="cpu", **how)


def settings_on(loop=(), **changes) -> Settings:
    return replace(SMALL, loop=replace(SMALL.loop, **dict(loop)), **changes)


@pytest.mark.parametrize("loop", [{"optimizer": "sgd"}, {"optimizer": "adam"}, {"average": 0.5, "clip": 1.0}])
def test_a_run_cut_off_after_every_epoch_ends_with_the_same_bits(loop, samples, tmp_path):
    settings = settings_on({"validation": 0.1, "patience": 9, "rate": 0.01, **loop})
    settings = replace(settings, model=replace(SMALL.model, dropout=0.3, encoding=12))
    train, _ = split(samples)
    parts = train[:300], train[300:]
    whole = fitted(settings, samples, tmp_path / "whole", *parts)
    for epoch in (1, 2, 3):
        pieces = fitted(settings, samples, tmp_path / "pieces", *parts, seconds=0)
        assert len(pieces.history) == epoch
    assert same(whole.net.state_dict(), pieces.net.state_dict())
    assert [row["loss"] for row in whole.history] == [row["loss"] for row in pieces.history]


def test_a_compiled_step_is_what_trains_and_the_network_is_kept_as_it_was(samples, tmp_path, monkeypatch):
    class Compiled(torch.nn.Module):  # as torch.compile wraps, without the compiler that it wants
        def __init__(self, net):
            super().__init__()
            self._orig_mod, self.calls = net, 0

        def forward(self, *values):
            self.calls += 1
            return self._orig_mod(*values)

    made = []
    monkeypatch.setattr(torch, "compile", lambda net: made.append(Compiled(net)) or made[0])
    one = fitted(settings_on({"epochs": 1, "compile": True}), samples, tmp_path / "compiled")
    other = fitted(settings_on({"epochs": 1}), samples, tmp_path / "plain")
    assert len(made) == 1 and made[0].calls > 10
    assert same(one.net.state_dict(), other.net.state_dict())


def test_a_running_mean_of_the_weights_is_what_is_kept_where_it_is_asked_for(samples, tmp_path):
    loop, plain = (
        {"average": 1 - 1e-7, "epochs": 1, "rate": 0.1},
        fitted(settings_on({"epochs": 1}), samples, tmp_path / "a"),
    )
    first = encoders.task(SMALL, samples, split(samples)[0]).net.state_dict()["classifier.weight"]
    # the mean begins with the weights after the first step, and then hardly moves
    mean = fitted(settings_on(loop), samples, tmp_path / "b").net.state_dict()["classifier.weight"]
    assert (
        0 < (mean - first).abs().max() < 0.1 * (plain.net.state_dict()["classifier.weight"] - first).abs().max() + 0.01
    )


def test_training_stops_early_and_keeps_the_best_weights(samples, tmp_path):
    slow = {"epochs": 30, "rate": 1e-9, "decay": 0, "validation": 0.2, "patience": 2}
    train, _ = split(samples)
    state = fitted(settings_on(slow), samples, tmp_path / "c", train[:200], train[200:300])
    assert len(state.history) < 30
    assert len(state.history) - 1 - np.argmin([row["watched"] for row in state.history]) == state.stale == 2
    assert same(state.net.state_dict(), state.best_weights)


def test_a_loss_that_is_no_number_stops_the_run_and_keeps_the_last_good_state(samples, tmp_path):
    path = tmp_path / "c"
    fitted(SMALL, samples, path, seconds=0)
    good, task = path.read_bytes(), encoders.task(SMALL, samples, split(samples)[0])

    def spoilt(*args):
        loss, shown = task.losses(*args)
        return loss * math.nan, {name: value * math.nan for name, value in shown.items()}

    with pytest.raises(SqError, match=r"no number any more in epoch 2 .*rate.*last good state"):
        fit(replace(task, losses=spoilt), path, progress=False)
    assert path.read_bytes() == good


def test_a_checkpoint_that_is_damaged_or_of_another_run_is_refused(samples, tmp_path):
    path, wider = tmp_path / "c", replace(SMALL, model=replace(SMALL.model, width=8))
    fitted(SMALL, samples, path, key="one", seconds=0)
    for settings, key, words in ((SMALL, "two", "another run"), (wider, "one", "does not fit")):
        with pytest.raises(SqError, match=words):
            fitted(settings, samples, path, key=key)
    for content in (path.read_bytes()[:-100], b"", b"\x80\x04 a pickle"):
        path.write_bytes(content)
        with pytest.raises(SqError, match="damaged"):
            fitted(SMALL, samples, path, key="one")
    save_file({"net/x": torch.zeros(1)}, path)
    with pytest.raises(SqError, match="damaged"):
        fitted(SMALL, samples, path, key="one")


def test_a_full_disk_is_said_and_leaves_nothing_half_written(samples, tmp_path, monkeypatch):
    from sqlib.learn import checkpoint

    def full(tensors, file, facts):
        file.write_bytes(b"half")
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(checkpoint, "save_file", full)
    with pytest.raises(SqError, match="No space left"):
        fitted(SMALL, samples, tmp_path / "c")
    assert not list(tmp_path.iterdir())


class NoWait(TorchDispatchMode):
    """Fails at each operation for which a GPU would make the host wait: one whose result the host must read."""

    WAITS = ("_local_scalar_dense", "nonzero", "masked_select", "_unique", "unique_dim", "bincount", "equal",
             "allclose")

    def __torch_dispatch__(self, function, types, args=(), kwargs=None):
        name = function.name().partition("::")[2].partition(".")[0]
        masks = [one for one in (args[1] if name in ("index", "index_put_", "index_put") else []) if one is not None]
        if name.startswith(self.WAITS) or any(mask.dtype == torch.bool for mask in masks):
            raise AssertionError(f"{name} makes the host wait")
        return function(*args, **(kwargs or {}))


@pytest.mark.parametrize("objective", ["simclr", "supcon", "weighted", "minority", "classify", "vae", "patches"])
def test_no_step_makes_the_host_wait_for_a_gpu(objective, samples, monkeypatch):
    """A processor is watched; extras that meet some of the samples only, and AutoAugment, do make it wait."""
    kinds = tuple(name for name in augment.EXTRAS if not name.startswith(("auto_augment", "gaussian")))  # torchvision's
    settings = replace(SMALL, objective=objective if objective != "patches" else "supcon",
                       views=replace(SMALL.views, extra=kinds, extra_probability=1))
    if objective == "patches":
        boxed = samples.index.assign(boxes=[((6.0, 6.0, 10.0, 10.0),) * int(n) for n in samples.index["label"] == 1])
        samples, settings = replace(samples, index=boxed), replace(settings, patch=12)
    task = encoders.task(settings, samples, split(samples)[0])
    state, draws = begin(task), generator_of(task.device, 1)
    state.net.train()
    monkeypatch.setattr(state.optimizer, "step", lambda: None)  # on a GPU it is fused, and asks nothing
    with NoWait():
        batch = next(iter(task.batches(0, draws)))
        shown = take_step(task, state, state.net, batch, draws)
    assert math.isfinite(shown["loss"])
    with pytest.raises(AssertionError, match="makes the host wait"), NoWait():
        float(shown["loss"])


@pytest.mark.parametrize(("kind", "change", "words"), [
    (Settings, {"objective": "triplet"}, "objective='triplet': .*'simclr'"),
    (Settings, {"temperature": 0}, "temperature=0"), (Settings, {"loop": {"batch": 1}}, "batch=1: .*at least 2"),
    (Loop, {"epochs": 0}, "epochs=0"), (Loop, {"patience": 3}, "0 < validation < 1"),
    (Settings, {"thin": 0}, "thin=0"), (Settings, {"window": 2}, "1, 3, 5"),
    (Loop, {"schedule": "linear"}, "schedule='linear': .*'cosine'"), (Model, {"width": 0}, "width=0"),
    (Settings, {"model": {"encoding": 0}}, "model.encoding=0"), (Model, {"projection": -1}, "projection=-1"),
    (Model, {"dropout": 1.0}, "dropout=1.0: .*less than 1"), (Loop, {"decay": -1e-4}, "decay"),
    (Settings, {"seed": -1}, "seed=-1"), (Loop, {"decay": math.nan}, "decay=nan"),
    (Loop, {"warmup": math.inf}, "warmup"), (Settings, {"objektive": "supcon"}, "objektive='supcon': Unexpected"),
    (Model, {"backbone": "resnet34"}, "resnet34"), (Model, {"pool": "median"}, "pool='median': .*'avg' or 'max'"),
    (Model, {"backbone": "resnet6", "weights": "imagenet"}, "no ImageNet weights for resnet6"),
    (Views, {"positional": "quarter"}, "'none', 'turns', 'published' or 'dihedral'"),
    (Views, {"variant": "square"}, "square"), (Views, {"erasing": "all"}, "'paper', 'mean' or 'none'"),
    (Views, {"extra": ("blurr",)}, "extra.0='blurr': .*'crop'"), (Views, {"threshold": 51}, "multiple of 2"),
    (Views, {"threshold": 0}, "threshold=0"), (Views, {"low_pass": 1.5}, "to 1"),
    (Views, {"extra_probability": -0.1}, "extra_probability=-0.1"),
])
def test_settings_that_cannot_be_trained_with_are_refused_by_name(kind, change, words):
    with pytest.raises(SqError, match=words):
        kind(**change)


def test_the_rate_warms_up_and_decays():
    cosine = Loop(epochs=100, rate=0.5, warmup=10)
    assert [rate_at(cosine, t) for t in (5, 10, 55, 100)] == pytest.approx([0.25, 0.5, 0.25, 0])
    steps = Loop(epochs=800, rate=0.5, warmup=0, schedule="step", step=100)
    assert [rate_at(steps, t) for t in (1, 99.5, 100, 350)] == pytest.approx([0.5, 0.5, 0.05, 0.0005])
    assert rate_at(Loop(schedule="constant", warmup=0, rate=0.3), 70) == 0.3


def test_two_processes_train_one_model(frameset, sq_home):
    """torchrun with two processes: one run, with the losses of global batches, that a single process then finds."""
    script, settings = sq_home.parent / "two.py", settings_on({"epochs": 2})
    (sq_home.parent / "settings.json").write_text(json.dumps(asdict(settings)))
    script.write_text(
        "import json, sys, torch; sys.path.insert(0, sys.argv[2]); torch.set_num_threads(1)\n"
        "from test_train import small_frames, trained_on; from sqlib.learn import settings\n"
        "torch.distributed.init_process_group('gloo')\n"
        "run = trained_on(settings.Settings(**json.load(open(sys.argv[1]))), small_frames())\n"
        "assert run.card['processes'] == 2\n"
        "torch.distributed.destroy_process_group()\n"
    )
    command = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node=2", str(script)]
    done = subprocess.run([*command, str(sq_home.parent / "settings.json"), os.path.dirname(__file__)], timeout=120,
                          env={**os.environ, "OMP_NUM_THREADS": "1"}, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    found = trained.load(encoders.run_key(settings, frameset.fingerprint, "cpu"), Settings)
    assert found.card["processes"] == 2
    assert found.history["chance"][0] == pytest.approx(math.log(2 * 32 - 1)), "the batch is divided, its loss is not"
