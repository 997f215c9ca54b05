"""Encoders: each objective learns, a second step begins with the first one's weights, and nothing is trained twice."""

import json
import math
from dataclasses import asdict, replace

import numpy as np
import pytest
import torch
from safetensors.torch import load_file
from test_train import RAW, SMALL, fitted, same, settings_on, small_frames, trained_on

from sqlib import keys
from sqlib.data.frames import make_frameset
from sqlib.learn import encoders, models, trained
from sqlib.learn.augment import Views
from sqlib.learn.encoders import make_net
from sqlib.learn.samples import make_samples, split
from sqlib.learn.settings import Settings
from sqlib.learn.train import generator_of


@pytest.fixture(scope="module")
def frameset():
    return small_frames()


@pytest.fixture(scope="module")
def samples(frameset):
    return make_samples(frameset, 3, 0, SMALL.views)


@pytest.mark.parametrize("objective", ["simclr", "supcon", "weighted", "classify", "focal"])
def test_each_objective_trains_and_logs_what_tells_collapse(objective, samples, tmp_path):
    settings = replace(SMALL, objective=objective)
    state = fitted(settings, samples, tmp_path / "c")
    assert len(state.history) == 3
    assert all(math.isfinite(row["loss"]) for row in state.history)
    if settings.contrasts:
        assert state.history[0]["chance"] == pytest.approx(math.log(2 * 32 - 1))
        assert 0 <= state.history[-1]["spread"] <= 1


def test_a_bright_spot_is_learned_and_found_in_events_never_seen(frameset, sq_home):
    from sklearn.metrics import roc_auc_score

    run = trained_on(settings_on({"epochs": 12, "upsample": 0}, objective="classify"), frameset)
    samples = make_samples(frameset, 3)
    _, test = split(samples)
    found = encoders.embed(run, samples, "probability")[test, 0]
    assert roc_auc_score(samples.index["label"].iloc[test], found) > 0.9


@pytest.mark.parametrize("objective", ["autoencoder", "vae", "logcosh"])
def test_an_autoencoder_copies_frames_that_differ_in_two_numbers(objective, tmp_path):
    """Its loss falls below half of what one gray for all pixels has; the rest is noise."""
    noise, rng = small_frames(), np.random.default_rng(1)
    waves = np.cos(np.pi * (np.arange(16) + 0.5) / 16)
    first, second = 40 * rng.normal(size=(2, len(noise.pixels), 1, 1))
    shown = 120 + first * waves[:, None] + second * waves + rng.normal(0, 14, noise.pixels.shape)
    frames = replace(noise, pixels=shown.clip(0, 255).astype(np.uint8))
    settings = settings_on({"epochs": 8, "optimizer": "adamw", "rate": 0.01}, objective=objective, views=RAW, window=1)
    history = fitted(settings, make_samples(frames, 1), tmp_path / "c").history
    scaled = (frames.pixels - frames.pixels.mean()) / frames.pixels.std()
    gray = {"autoencoder": 1.0, "vae": 0.5, "logcosh": np.log(np.cosh(scaled)).mean()}[objective]
    assert history[-1]["loss"] < 0.5 * gray


def test_the_same_run_is_trained_once_and_any_other_setting_or_data_is_another_run(frameset, sq_home, monkeypatch):
    first = trained_on(SMALL, frameset)
    monkeypatch.setattr(trained, "fit", None)  # would fail if it were called
    assert trained_on(SMALL, frameset).key == first.key
    others = [replace(SMALL, temperature=0.1), replace(SMALL, seed=2), replace(SMALL, views=Views(positional="none")),
              replace(SMALL, start=SMALL), settings_on({"epochs": 4}), replace(SMALL, start=replace(SMALL, seed=2))]
    found = {encoders.run_key(settings, frameset.fingerprint) for settings in others}
    assert len(found | {first.key, encoders.run_key(SMALL, "other data")}) == len(others) + 2
    assert Settings(**json.loads(json.dumps(asdict(others[3])))) == others[3]


def test_a_run_is_found_again_by_data_made_alike_on_another_processor(frameset, sq_home, monkeypatch):
    made = replace(frameset, origin="made so")
    run = trained_on(SMALL, made)
    monkeypatch.setattr(trained, "fit", None)  # would fail if it were called
    pixels = frameset.pixels.copy()
    pixels[::7, 3, 4] ^= 1
    other = replace(make_frameset(pixels, frameset.index, frameset.source, frameset.scaling), origin="made so")
    assert other.fingerprint != made.fingerprint
    assert trained_on(SMALL, other).key == run.key
    assert not trained.is_complete(encoders.run_key(SMALL, "made otherwise"))


def test_the_effective_precision_is_part_of_the_key(monkeypatch):
    def key_of(precision: str) -> str:
        return encoders.run_key(settings_on({"precision": precision}), "data", "cpu")

    assert key_of("bf16") != key_of("fp32")
    for able, word in ((True, "bf16"), (False, "fp32")):
        monkeypatch.setattr(torch.cpu, "get_capabilities", lambda able=able: {"avx512_f": True, "avx512_bf16": able})
        assert key_of("auto") == key_of(word)


def test_code_that_trains_is_part_of_the_key_and_other_code_is_not():
    names = {path.relative_to(keys.PACKAGE).as_posix() for path in keys.closure(["sqlib.learn.encoders"], ("learn",))}
    assert {f"learn/{name}.py" for name in ("train", "losses", "augment", "models", "samples")} <= names
    assert not {f"learn/{name}.py" for name in ("detector", "locator", "pictures", "recipes", "classify")} & names


def test_the_second_step_begins_with_the_weights_of_the_first(frameset, samples, sq_home):
    first = trained_on(replace(SMALL, objective="simclr", model=replace(SMALL.model, encoding=12)), frameset)
    weights = load_file(first.weights)
    start = {name.removeprefix("net/"): tensor for name, tensor in weights.items()}
    settings = replace(first.settings, objective="supcon", start=first.settings)
    task = encoders.task(settings, samples, split(samples)[0], start=first)
    assert same(task.net.state_dict(), start)
    second = trained_on(settings, frameset)
    assert not same(load_file(second.weights), weights)
    assert second.card["begun_with"]["key"] == first.key
    assert set(second.card["begun_with"]["taken"]) == {"trunk", "encoding", "projector", "classifier", "level"}


def test_a_class_head_on_an_autoencoder_begins_with_its_whole_encoder_and_the_card_says_what_was_left(
    frameset, sq_home
):
    """Of a variational one the half of the last layer that gives the mean; a decoder is of no use to it."""
    vae = settings_on({"epochs": 1}, objective="vae", views=RAW)
    tuned = settings_on({"epochs": 1}, objective="classify", start=vae, unfrozen=1, views=RAW)
    run = trained_on(tuned, frameset)
    begun = run.card["begun_with"]
    assert set(begun["taken"]) == {"trunk", "encoding", "level", "classifier"} and begun["not_taken"] == ["decoder"]
    first, frames = trained_on(vae, frameset), torch.rand(5, 3, 16, 16) * 200
    net, samples = encoders.load_net(first, 16, "cpu"), make_samples(frameset, 3)
    task = encoders.task(tuned, samples, split(samples)[0], start=first)
    with torch.no_grad():
        assert torch.allclose(task.net.eval().encode(frames), net.encode(frames), atol=1e-5)
    plain = replace(vae, objective="autoencoder")
    report = models.take(make_net(replace(tuned, start=plain), 16), make_net(plain, 16).state_dict())
    assert "encoding" in report["taken"]


def test_frozen_layers_stay_as_they_were(samples, tmp_path):
    settings = replace(SMALL, objective="classify", unfrozen=1)
    before = encoders.task(settings, samples, split(samples)[0]).net.state_dict()
    after = fitted(settings, samples, tmp_path / "c").net.state_dict()
    changed = {name.rsplit(".", 1)[0] for name in before if not torch.equal(before[name], after[name])}
    assert not any(name.startswith(("trunk.0", "trunk.1")) for name in changed)
    assert any(name.startswith("trunk.2") for name in changed)


def test_an_epoch_draws_its_negatives_anew_and_holds_positives_as_often_as_asked(samples):
    labels = np.r_[np.zeros(90), np.ones(10)].astype(int)
    for upsample, thin, times in ((1, 1, 1), (6, 1, 6), (0, 1, 9), (0, 3, 3)):
        settings = replace(settings_on({"upsample": upsample}), thin=thin)
        negatives, positives, weights = encoders.epoch_of(settings, labels)
        assert np.array_equal(negatives, np.arange(90)) and (np.bincount(positives)[90:] == times).all()
        shown = torch.tensor([90.0 / thin, 10 * times])
        assert torch.allclose(weights, 1e-4 / (1 - 0.9999 ** shown), rtol=1e-3)
    task = encoders.task(replace(SMALL, thin=2), samples, np.arange(100))
    epochs = [torch.cat([one.which for one in task.batches(0, generator_of(task.device, seed))]) for seed in (1, 1, 2)]
    assert len(epochs[0]) == len(set(epochs[0].tolist())) <= 100
    assert torch.equal(epochs[0], epochs[1]) and set(epochs[0].tolist()) != set(epochs[2].tolist())


def test_weights_are_drawn_by_the_seed_alone():
    torch.manual_seed(1)
    one = make_net(SMALL, 16).state_dict()
    torch.manual_seed(2)
    assert same(one, make_net(SMALL, 16).state_dict())
    assert not same(one, make_net(replace(SMALL, seed=1), 16).state_dict())


def test_the_encoding_is_of_raw_frames_and_is_kept(frameset, samples, sq_home):
    run = trained_on(SMALL, frameset)
    some = encoders.encodings(run, samples, np.array([7, 3]))
    assert not list(sq_home.glob("data/answers/*")), "what is asked of some frames is not kept"
    one = encoders.embed(run, samples)
    assert one.shape == (len(samples), 16)
    assert one.dtype == np.float32
    assert np.allclose(some, one[[7, 3]], atol=1e-3)
    net = encoders.load_net(run, 16, "cpu")
    frames = torch.stack([samples.pixels[row - 1 : row + 2] for row in samples.rows[:5]]).float()
    with torch.no_grad():
        assert torch.allclose(net.encode(frames), torch.from_numpy(one[:5]), rtol=1e-3, atol=1e-4)  # half precision
    run.weights.unlink()
    assert np.array_equal(encoders.embed(run, samples), one), "found again"


def test_no_frame_is_encoded_twice(frameset, samples, sq_home, monkeypatch):
    """Heads are asked of the encodings that are there; what a head said is found without samples or network."""
    run = trained_on(SMALL, frameset)
    encoders.embed(run, samples)
    monkeypatch.setattr(encoders, "encode", None)
    sure, margin = (encoders.embed(run, samples, what)[:, 0] for what in ("probability", "margin"))
    assert np.allclose(sure, 1 / (1 + np.exp(-margin)), atol=1e-6)
    run.weights.unlink()
    found = encoders.said(run, "margin", replace(frameset, index=samples.index), lambda: pytest.fail("asked again"))
    assert np.array_equal(found[:, 0], margin)


def test_with_a_network_go_its_history_and_card(frameset, sq_home):
    trained.ship([trained_on(SMALL, frameset).key])
    [folder] = (sq_home / trained.SHIPPED).iterdir()
    assert sorted(path.name for path in folder.iterdir()) == ["card.json", "history.csv", "weights.safetensors"]


def test_only_who_learns_has_frames_low_passed():
    """The low-pass takes longer than all else that makes samples, and who is asked is never shown it."""
    frames, settings = small_frames(events=2, frames=4), replace(SMALL, views=Views(low_pass=0.5))
    asked, taught = (encoders.samples_for(settings, frames, "cpu", augmented=augmented) for augmented in (False, True))
    assert (asked.filtered, taught.filtered) == (False, True) and len(taught.pool) == 2 * len(asked.pool)
    assert encoders.teaching(encoders.what_is_shown(settings), frames, "cpu", False)[0].filtered


def test_frames_are_made_into_pictures_once_for_all_that_are_shown_them_alike():
    frames, wider = small_frames(events=2, frames=7), replace(SMALL, window=5)
    runs = {"one": SMALL, "wider": wider, "other": replace(SMALL, levels="logarithm")}
    found = encoders.inputs_of(runs, frames, "cpu")
    assert found["one"].pool is found["wider"].pool is not found["other"].pool
    for settings, samples in ((SMALL, found["one"]), (wider, found["wider"])):
        assert samples.index.equals(encoders.samples_for(settings, frames, "cpu").index)
