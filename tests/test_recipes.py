"""The runs of each chapter: they follow from its parameters, in every profile, and are the paper's in the paper's."""

import json
import math
import shutil

import pytest

from sqbook.cli import main
from sqbook.parameters import parameters, resolve
from sqlib import profiles
from sqlib.errors import SqError
from sqlib.learn import rcnn, recipes, trained
from sqlib.learn.encoders import make_net

ENCODERS = [chapter for chapter in recipes.PLANS if chapter != "06_object_detection"]


@pytest.mark.parametrize("profile", profiles.names())
@pytest.mark.parametrize("chapter", ENCODERS)
def test_every_profile_gives_every_chapter_runs_that_can_be_trained(chapter, profile):
    _, values = resolve(chapter, profile, {})
    runs = recipes.plan(chapter, values)
    assert runs
    for settings in runs.values():
        assert settings.crop <= values["resolution"]
        assert settings.loop.warmup < settings.loop.epochs or profile != "paper"


def test_precision_compilation_and_early_stopping_are_settings_of_every_contrastive_run():
    changes = {"precision": "fp32", "compile": True, "validation": 0.2, "patience": 6}
    _, values = resolve("04_augmentations", "paper", changes)
    for settings in recipes.plan("04_augmentations", values).values():
        assert {name: getattr(settings.loop, name) for name in changes} == changes


@pytest.mark.parametrize("profile", ["paper", "laptop"])
def test_the_models_as_in_the_paper_are_the_papers_in_every_profile(profile):
    _, values = resolve("03_contrastive", profile, {"seeds": [7]})
    runs = recipes.plan("03_contrastive", values)
    precise, first = runs["High-Precision, seed 7"], runs["High-Precision, seed 7"].start
    assert first == runs["SimCLR, as in the paper, seed 7"]
    assert (first.objective, first.loop.upsample, precise.objective, precise.loop.upsample) == (
        "simclr", 6, "weighted", 1)
    metrics = runs["High-Metrics, seed 7"]
    assert (metrics.objective, metrics.temperature, metrics.split, metrics.thin) == ("supcon", 0.1, "sample", 1)
    if profile == "laptop":  # what its erasing hides and its averages blur, so small a network does not learn
        assert (metrics.views.erasing, metrics.model.pool, metrics.loop.optimizer) == ("none", "max", "adamw")
    for run in (precise, first, metrics)[: 3 if profile == "paper" else 2]:
        assert (run.window, run.spacing, run.levels, run.patch, run.practice, run.joint) == (3, 1, "gray", 0, 0, False)
        assert (run.views.low_pass, run.views.threshold, run.views.erasing, run.views.positional) == (
            0.5, 50, "paper", "turns")
        assert (run.loop.optimizer, run.seed) == ("sgd", 7)
    if profile == "paper":
        assert (first.loop.epochs, precise.loop.epochs, metrics.loop.epochs) == (500, 100, 50)
        assert (precise.model.backbone, precise.model.encoding, precise.model.projection) == ("resnet18", 512, 128)
        assert (metrics.model.backbone, metrics.model.encoding, metrics.model.projection) == ("densenet121", 20, 20)
        assert (precise.temperature, precise.split, precise.crop) == (0.07, "event", 0)


def test_only_the_split_tells_the_shuffled_model_from_its_honest_twin():
    _, values = resolve("03_contrastive", "laptop", {"seeds": [1]})
    runs = recipes.plan("03_contrastive", values)
    one, other = runs["High-Metrics, seed 1"], runs["High-Metrics, by event, seed 1"]
    assert [name for name in vars(one) if getattr(one, name) != getattr(other, name)] == ["split"]


@pytest.mark.parametrize("profile", profiles.names())
def test_a_network_that_several_chapters_name_is_one_and_the_same(profile):
    losses, models, cases = (recipes.plan(chapter, resolve(chapter, profile, {})[1])
                             for chapter in ("03_losses", "03_contrastive", "07_case_studies"))
    seeds = resolve("03_contrastive", profile, {})[1]["seeds"]
    assert losses.keys() & models.keys() == {f"{name}, seed {seed}" for name in ("SimCLR, as in the paper", "SupCon")
                                             for seed in seeds}
    assert all(losses[name] == models[name] for name in losses.keys() & models.keys())
    assert all(models[f"{name}, seed {recipes.CASES}"] == settings for name, settings in cases.items())


def test_a_change_is_made_alone():
    _, values = resolve("03_losses", "smoke", {})
    values |= {"batch": 64, "warmup": 3.0, "pool": "max"}
    runs = recipes.plan("03_losses", {**values, "changed": list(recipes.CHANGES)})
    for name, change in recipes.CHANGES.items():
        other = recipes.plan("03_losses", {**values, **change, "changed": ["pool avg"]})["nothing changed"]
        assert runs[name] == other != runs["nothing changed"]


def test_the_number_of_sources_and_the_input_are_all_that_tells_runs_of_chapter_09_apart():
    _, values = resolve("09_how_many", "laptop", {"seeds": [1], "sources": [43, 400]})
    runs = recipes.plan("09_how_many", values)
    few, many, gray = (runs[f"{name}, seed 1"] for name in (
        "43 sources, relative", "400 sources, relative", "43 sources, gray"))
    assert [name for name in vars(few) if getattr(few, name) != getattr(many, name)] == ["practice"]
    assert {name for name in vars(few) if getattr(few, name) != getattr(gray, name)} == {"levels", "window", "spacing"}
    assert not any(run.events for run in runs.values()) and {run.practice for run in runs.values()} == {43, 400}


def test_losses_and_optimizers_are_compared_by_equal_budgets_over_all_seeds():
    _, values = resolve("03_losses", "laptop", {})
    runs = recipes.plan("03_losses", values)
    own = recipes.objectives(values, 5)
    for seed in values["seeds"]:
        compared = [runs[f"{name}, seed {seed}"] for name in own]
        assert {(run.loop, run.model, run.practice, run.patch, run.seed) for run in compared} == {
            (compared[0].loop, compared[0].model, compared[0].practice, compared[0].patch, seed)}
        rated = [runs[f"{name}, rate {rate:g}, seed {seed}"] for name, (_, rates) in recipes.OPTIMIZERS.items()
                 for rate in rates]
        assert len({(run.loop.optimizer, run.loop.rate) for run in rated}) == len(rated) >= 9
        assert len({(run.loop.epochs, run.loop.steps, run.loop.batch, run.temperature) for run in rated}) == 1


@pytest.mark.parametrize(
    "text", ["bach 48", "batch", "batch=48", "batch many", "batch [", "seed 1.5", "extra shift", "joint 1"]
)
def test_a_change_that_is_unknown_is_refused(text):
    _, values = resolve("03_losses", "smoke", {})
    with pytest.raises(SqError, match="changed"):
        recipes.plan("03_losses", {**values, "changed": [text]})


@pytest.mark.parametrize("chapter", list(recipes.PLANS))
def test_every_wrong_value_is_refused_in_words_before_any_work(chapter):
    """Values that no network or training can have, of every parameter: a plan that can be built, or `SqError`."""
    path, values = resolve(chapter, "smoke", {})
    shared = chapter in ("03_contrastive", "06_object_detection")  # what chapters share, once
    tried = values if shared else parameters(path).model_fields
    wrong = {int: [0, -1], float: [0.0, -1.0, math.nan, math.inf], str: ["", "bogus"],
             list: [[], [0], [-1], [math.nan], ["bogus"]]}
    refused = 0
    for name in tried.keys() & values.keys():
        for value in wrong.get(type(values[name]), []):
            try:
                planned = recipes.plan(chapter, resolve(chapter, "smoke", {name: value})[1]).values()
                for run in {repr(getattr(run, "model", run)): run for run in planned}.values():  # one of each network
                    if isinstance(run, rcnn.Detector):
                        rcnn.make_detector(run, learned=False)
                    else:
                        make_net(run, run.crop or 64)
            except SqError:
                refused += 1
    assert refused > 10


@pytest.mark.parametrize(("chapter", "name"), [
    ("02_autoencoders", "latents"), ("03_losses", "temperatures"), ("03_contrastive", "seeds"),
    ("04_augmentations", "seeds"), ("04_augmentations", "variants"), ("05_recurrence", "windows"),
])
def test_a_chapter_with_nothing_to_train_is_refused(chapter, name):
    _, values = resolve(chapter, "smoke", {})
    with pytest.raises(SqError, match=name):
        recipes.plan(chapter, {**values, name: []})


def test_of_the_autoencoders_one_is_the_papers_and_further_seeds_change_nothing_but_the_seed():
    _, values = resolve("02_autoencoders", "laptop", {})
    runs = recipes.plan("02_autoencoders", values)
    first, printed = runs[f"AE {values['latents'][-1]}"], runs[recipes.AS_PRINTED]
    for seed in values["seeds"]:
        for name in (f"AE {values['latents'][-1]}", "log-cosh VAE"):
            other = runs[f"{name}, seed {seed}"]
            assert [field for field in vars(other) if getattr(other, field) != getattr(runs[name], field)] == ["seed"]
    assert (printed.levels, printed.cycles, printed.views) == ("gray", (23,), recipes.PLAIN)
    assert printed.model == first.model and runs["twice as long"].loop.epochs == 2 * first.loop.epochs
    assert all(run.thin == 1 for run in runs.values() if run.reconstructs), "no label decides what one sees"
    assert all(run.loop.validation > 0 for run in runs.values())


def test_variants_of_the_ablation_are_switched_alone():
    _, values = resolve("04_augmentations", "laptop", {})
    runs = recipes.plan("04_augmentations", {**values, "variants": list(recipes.VARIANTS), "seeds": [3]})
    bare = runs["time mixing only, seed 3"]
    assert (bare.levels, bare.window, bare.spacing) == ("gray", 3, 1)  # the paper's, whatever the profile has
    for name, settings in runs.items():
        other = [field for field in vars(bare) if getattr(bare, field) != getattr(settings, field)]
        assert other == ([] if settings is bare else ["views"]), name
        if not name.startswith(("time mixing only", "all three", "low-pass as published")):
            changed = [k for k in vars(bare.views) if getattr(bare.views, k) != getattr(settings.views, k)]
            assert len(changed) == 1, name


def test_unknown_variants_and_missing_parameters_are_named():
    _, values = resolve("04_augmentations", "laptop", {})
    with pytest.raises(SqError, match="swirl"):
        recipes.plan("04_augmentations", {**values, "variants": ["swirl"]})
    for name in ("pool", "variants"):  # a shared one, and one of its own
        with pytest.raises(SqError, match=rf"lacks a parameter.*{name}"):
            recipes.plan("04_augmentations", {one: value for one, value in values.items() if one != name})
    assert recipes.plan("01_dataset", {}) == {}


def test_a_chapters_networks_are_trained_in_pieces_by_the_command(tmp_path, monkeypatch, capfd):
    from sqbook.parameters import home

    for name in ("notebooks", "profiles"):
        (tmp_path / name).symlink_to(home() / name)
    monkeypatch.setenv("SQ_HOME", str(tmp_path))
    small = ("windows=[1]", "seeds=[1]", "epochs=2", "patch=16", "practice=4", "watch=1", "steps=2",
             "frames=40", "size=64", "resolution=64", "crop=64")
    command = ["train", "05_recurrence", "--profile", "smoke", *[word for one in small for word in ("-p", one)]]
    assert main([*command, "--minutes", "0"]) == 2
    assert "1 of 2 epochs" in capfd.readouterr().err
    assert main([*command, "--json"]) == 0
    cards = json.loads(capfd.readouterr().out)
    assert cards["window 1, seed 1"]["epochs"] == 2
    assert main([*command, "--ship", "--json"]) == 0  # at once: nothing is trained anew
    keys = {card["key"] for card in json.loads(capfd.readouterr().out).values()}
    assert {path.name for path in (tmp_path / "results/weights").iterdir()} == {key.partition("-")[0] for key in keys}
    shutil.rmtree(tmp_path / "data/models")
    assert trained.is_complete(keys.pop().partition("-")[0] + "-code2"), "found where it came, if by other code"
    assert main(["train", "01_dataset", "--profile", "smoke"]) == 2
    assert "trains no network" in capfd.readouterr().err
