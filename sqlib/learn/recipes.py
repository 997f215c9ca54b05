"""The runs that each chapter trains, from its parameters: what Sections 3 and 4 and the appendices compare."""

from collections.abc import Callable, Mapping
from dataclasses import fields, replace
from typing import Any

from sqlib.data.frames import FrameSet
from sqlib.errors import SqError, in_words
from sqlib.learn.rcnn import Detector
from sqlib.learn.settings import Loop, Model, Settings, Views
from sqlib.profiles import Detection, Learning
from sqlib.typed import parse

PLAIN = Views(low_pass=0, positional="none", erasing="none")
PAPER_INPUT = {"levels": "gray", "window": 3, "spacing": 1}
"""What the paper's networks are shown: three frames of gray levels."""
AS_PUBLISHED = {
    **PAPER_INPUT, "patch": 0, "practice": 0, "pool": "avg", "dropout": 0.0, "optimizer": "sgd", "rate": 0.05,
    "temperature": 0.07, "joint": False, "low_pass": 0.5, "positional": "turns", "erasing": "paper", "extra": [],
}
"""Shared settings of the models that are trained as in the paper, whatever a profile has for the others: its 42 events,
three frames of gray levels, its augmentations, its optimizer, and a class head that only watches."""


def run(given: Mapping[str, Any], objective: str, epochs: int, **changes) -> Settings:
    """A run with what all contrastive runs share (the names of `Learning`, and seed) as `given` among a chapter's
    parameters, and with `changes`: fields of `Settings` and of its parts."""
    values = {name: given[name] for name in (*Learning.model_fields, "seed")}
    values |= {"extra_probability": 1, "objective": objective, "epochs": epochs, **changes}

    def made(kind: type):
        return kind(**{one.name: values[one.name] for one in fields(kind) if one.name in values})

    values = {"model": made(Model), "views": made(Views), "loop": made(Loop), **values}
    return made(Settings)


AS_PRINTED = "AE as in the paper"


def autoencoders(*, seed: int, crop: int, width: int, latents: list[int], rate: float, epochs: int,
                 epochs_tuned: int, seeds: list[int], precision: str, **_) -> dict[str, Settings]:
    """Appendix A: "AE 32" … of several latent sizes, "VAE" and "log-cosh VAE" of the last size, and the latter's last
    block trained further for classification: "fine-tuned" (cross-entropy) and "focal".

    They see logarithms of power, turned and moved, of both cycles. What claims are about is trained with further
    `seeds`: "AE 32, seed 1"; "twice as long" tells whether the largest had been trained to its end; and `AS_PRINTED`
    is what the paper says: gray levels of cycle 23 as they are, by Adam, for as many steps.
    """
    model = Model("resnet6", encoding=latents[-1], width=width)
    loop = Loop(epochs, 64, "adamw", rate, decay=1e-4, warmup=min(0.5, epochs / 4), validation=0.2,
                precision=precision)
    views = replace(PLAIN, positional="dihedral", extra=("shift",), extra_probability=1)
    first = Settings("autoencoder", model, views, loop, window=1, crop=crop, levels="logarithm", seed=seed)
    largest, robust = f"AE {latents[-1]}", replace(first, objective="logcosh")
    runs = {f"AE {size}": replace(first, model=replace(model, encoding=size)) for size in latents}
    runs |= {"VAE": replace(first, objective="vae"), "log-cosh VAE": robust}
    for other in seeds:
        runs |= {f"{largest}, seed {other}": replace(first, seed=other),
                 f"log-cosh VAE, seed {other}": replace(robust, seed=other)}
    plain = replace(loop, epochs=4 * epochs, optimizer="adam", rate=1e-3, decay=0, warmup=0)  # a quarter of the frames
    runs |= {"twice as long": replace(first, loop=replace(loop, epochs=2 * epochs)),
             AS_PRINTED: replace(first, views=PLAIN, loop=plain, cycles=(23,), levels="gray")}
    labelled = replace(loop, epochs=epochs_tuned, upsample=0, rate=rate / 10)
    tuned = replace(robust, loop=labelled, unfrozen=1, start=robust)
    return runs | {"fine-tuned": replace(tuned, objective="classify"), "focal": replace(tuned, objective="focal")}


CHANGES = {"batch 128": {"batch": 128}, "warmup 1": {"warmup": 1.0}, "pool avg": {"pool": "avg"}}
"""What "SupCon" is trained again with, one at a time, by name."""
OPTIMIZERS = {"SGD": ("sgd", (0.01, 0.03, 0.1)), "Adam": ("adam", (5e-4, 2e-3, 8e-3)),
              "AdamW": ("adamw", (5e-4, 2e-3, 8e-3))}
"""Optimizers that are compared, each with three rates."""


def as_published(given: Mapping[str, Any], epochs: int, backbone: str, crop: int) -> tuple[dict, Settings]:
    """The shared settings of the models that are trained as in the paper, and the first step of Section 4.1.1, "SimCLR,
    as in the paper", with upsampled positives."""
    paper = {**given, **AS_PUBLISHED, "backbone": backbone, "crop": crop}
    return paper, run(paper, "simclr", epochs, upsample=6)


def compared_losses(given: Mapping[str, Any], *, epochs_self: int, epochs_supervised: int, epochs_short: int,
                    backbone_paper: str, crop_paper: int, seeds: list[int], temperatures: list[float],
                    changed: list[str], **_) -> dict[str, Settings]:
    """Section 3.1 and Appendix B: losses, temperatures and optimizers.

    Once a seed: "SimCLR, as in the paper", and by the profile's own recipe the losses of `objectives` and short runs of
    SupCon by each of `OPTIMIZERS`: "SGD, rate 0.03" …. With the first seed more short runs: "τ = 0.07" …,
    "pool avg" … for each of the changes, and "nothing changed" beside these. Raises `SqError` for a change not in
    `CHANGES`.
    """
    for name in changed:
        if name not in CHANGES:
            raise SqError(f"changed: {name!r} is unknown: {', '.join(CHANGES)}")
    runs = {}
    for seed in seeds:
        own = {**given, "seed": seed}
        named = {"SimCLR, as in the paper": as_published(own, epochs_self, backbone_paper, crop_paper)[1],
                 **objectives(own, epochs_supervised)}
        for name, (optimizer, rates) in OPTIMIZERS.items():
            named |= {f"{name}, rate {rate:g}": run(own, "supcon", epochs_short, optimizer=optimizer, rate=rate)
                      for rate in rates}
        runs |= {f"{name}, seed {seed}": settings for name, settings in named.items()}
    changes = {f"τ = {t:g}": {"temperature": t} for t in temperatures}
    if changed:
        changes |= {"nothing changed": {}, **{name: CHANGES[name] for name in changed}}
    return runs | {name: run({**given, "seed": seeds[0]}, "supcon", epochs_short, **change)
                   for name, change in changes.items()}


def contrastive(given: Mapping[str, Any], *, epochs_self: int, epochs_supervised: int, epochs_shuffled: int,
                backbone_paper: str, crop_paper: int, shuffled: list[str], seeds: list[int],
                **_) -> dict[str, Settings]:
    """Section 4.1: the two models of the paper and what they are compared with, once a seed.

    As in the paper (`AS_PUBLISHED`): "SimCLR, as in the paper", and from it "High-Precision" with the weighted loss
    (Section 4.1.1); "High-Metrics", SupCon on shuffled samples with every frame in play and otherwise as `shuffled`
    says, "pool=max" … (Section 4.1.2), and "High-Metrics, by event" on the event split. By the profile's own recipe:
    "SupCon", which `compared_losses` has, too. Raises `SqError` for a setting that is none.
    """
    every = {"thin": 1, "upsample": 1, "temperature": 0.1, "projection": 20, "dropout": 0.2,
             **parse(Learning, shuffled, "shuffled")}
    runs = {}
    for seed in seeds:
        own = {**given, "seed": seed}
        paper, simclr = as_published(own, epochs_self, backbone_paper, crop_paper)
        mixed = run(paper | every, "supcon", epochs_shuffled, split="sample")
        named = {"SimCLR, as in the paper": simclr,
                 "High-Precision": run(paper, "weighted", epochs_supervised, start=simclr, upsample=1),
                 "High-Metrics": mixed, "High-Metrics, by event": replace(mixed, split="event"),
                 "SupCon": objectives(own, epochs_supervised)["SupCon"]}
        runs |= {f"{name}, seed {seed}": settings for name, settings in named.items()}
    return runs


def objectives(given: Mapping[str, Any], epochs: int) -> dict[str, Settings]:
    """The losses that are compared by one recipe and budget: "SupCon" and "minority" with a class head that teaches,
    "SupCon, head watches", "SimCLR", "two-step SupCon", which goes on from it, and "class head only"."""
    simclr = run(given, "simclr", epochs, joint=False)  # no label teaches it
    return {"SupCon": run(given, "supcon", epochs), "minority": run(given, "minority", epochs),
            "SupCon, head watches": run(given, "supcon", epochs, joint=False), "SimCLR": simclr,
            "two-step SupCon": run(given, "supcon", epochs, start=simclr),
            "class head only": run(given, "classify", epochs)}


VARIANTS = {
    "time mixing only": PLAIN,
    "turns": replace(PLAIN, positional="turns"),
    "turns as published": replace(PLAIN, positional="published"),
    "low-pass": replace(PLAIN, low_pass=0.5),
    "low-pass as published": replace(PLAIN, low_pass=0.5, variant="published"),
    "erasing": replace(PLAIN, erasing="paper"),
    "erasing with the mean": replace(PLAIN, erasing="mean"),
    "all three": Views(),
    "all three, erasing with the mean": Views(erasing="mean"),
    **{name.replace("_", " "): replace(PLAIN, extra=(name,)) for name in (
        "crop", "gaussian_blur", "sharpness", "jitter", "posterize", "auto_contrast", "auto_augment_imagenet",
        "shift")},
}
"""Augmentations one at a time, the paper's three together, and those that it dropped, by name."""


def augmentations(given: Mapping[str, Any], *, epochs: int, seeds: list[int], variants: list[str],
                  **_) -> dict[str, Settings]:
    """Section 3.2 and Appendix C: SupCon with each variant, trained once a seed: "low-pass, seed 1" …; "single frame"
    has neither neighbours in time nor augmentations. All are shown the paper's input, whatever a profile has: a
    threshold of 50 and rectangles of 100 are gray levels. Raises `SqError` for another variant."""
    ways = {"single frame": {"window": 1, "views": PLAIN}, **{name: {"views": own} for name, own in VARIANTS.items()}}
    if unknown := [name for name in variants if name not in ways]:
        raise SqError(f"augmentation {unknown[0]!r} is unknown: {', '.join(ways)}")
    return {f"{name}, seed {seed}": run(given, "supcon", epochs, **{**PAPER_INPUT, **ways[name], "seed": seed})
            for name in variants for seed in seeds}


INPUTS = {f"{frames} frames, {levels}": {"levels": levels, "window": window, "spacing": spacing}
          for frames, window, spacing in (("three", 3, 1), ("fifteen", 5, 3)) for levels in ("gray", "relative")}
"""What a network sees, two by two: levels, and times and spacing of a sample."""


def recurrence(given: Mapping[str, Any], *, epochs: int, windows: list[int], seeds: list[int],
               **_) -> dict[str, Settings]:
    """Section 3.3: SupCon with Time-Based Mixing over several windows of adjacent frames: "window 3, seed 1", "window
    1" having no neighbours, which is what slides; and with each of `INPUTS`."""
    shown = {f"window {window}": {"window": window, "spacing": 1} for window in windows} | INPUTS
    return {f"{name}, seed {seed}": run(given, "supcon", epochs, seed=seed, **own)
            for seed in seeds for name, own in shown.items()}


def how_many(given: Mapping[str, Any], *, epochs: int, sources: list[int], seeds: list[int],
             **_) -> dict[str, Settings]:
    """One recipe taught by so many practice sources and no event of the paper, by the profile's input and by the
    paper's: "400 sources, relative, seed 1" …, each with the same number of steps."""
    shown = [INPUTS[name] for name in ("fifteen frames, relative", "three frames, gray")]
    return {f"{count} sources, {own['levels']}, seed {seed}": run(
        given, "supcon", epochs, seed=seed, practice=count, events=False, crop=given["crop"] or 128, **own)
        for own in shown for count in sources for seed in seeds}


def searched(given: Mapping[str, Any], *, epochs: int, taught: int, seeds: list[int], **_) -> dict[str, Settings]:
    """What the locator is compared with: the networks of `how_many` that `taught` sources taught by the profile's
    input, found again where these agree."""
    runs = how_many(given, epochs=epochs, sources=[taught], seeds=seeds)
    return {name: settings for name, settings in runs.items() if "gray" not in name}


IDEAS = {
    "3 frames": {"window": 3, "spacing": 1}, "27 frames": {"window": 9}, "several classes": {"objective": "classes"},
    "region only": {"levels": "region"}, "quiet cubes": {"events": "quiet"},
}
"""What Section 5 would try next, and the paper's own window, each as the settings that it changes."""


def next_steps(given: Mapping[str, Any], *, epochs: int, taught: int, seeds: list[int], **_) -> dict[str, Settings]:
    """Section 5: the networks of `how_many` with so many sources, "recipe, seed 1" …, and the same with `IDEAS`."""
    ideas = {"recipe": {}} | {name: {"watch": 0, **changes} for name, changes in IDEAS.items()}  # none is chosen by it
    return {f"{name}, {run.rpartition(', ')[2]}": replace(settings, **changes)
            for run, settings in searched(given, epochs=epochs, taught=taught, seeds=seeds).items()
            for name, changes in ideas.items()}


CASES = 1  # seed of the models that the case studies look at, the first of chapter 03


def cases(given: Mapping[str, Any], **own) -> dict[str, Settings]:
    """Section 4.3: the two models of Section 4.1 and "SupCon", of seed `CASES`, the same runs as `contrastive` has,
    found again where these agree."""
    runs = contrastive(given, **own | {"seeds": [CASES]})
    return {name: runs[f"{name}, seed {CASES}"] for name in ("High-Precision", "High-Metrics", "SupCon")}


PAPER, BOTH, TWIN = "as in the paper", "both cycles", "twin alone"


def detectors(given: Mapping[str, Any], *, epochs_all: int, data: str, frameset: FrameSet | None = None,
              **_) -> dict[str, Detector]:
    """Section 3.4: "as in the paper" learns from cycle 23, "both cycles" from both where both have boxes in `frameset`
    (or it is not given), and beside real frames "twin alone" from simulated frames of both."""
    first = Detector(**{name: given[name] for name in (*Detection.model_fields, "seed", "epochs")})
    both, cycles = replace(first, epochs=epochs_all, train_on="all"), 2
    if frameset is not None:
        index = frameset.index
        cycles = index.loc[(index["label"] == 1) & (index["boxes"].map(len) > 0), "cycle"].nunique()
    runs = {PAPER: first} | ({BOTH: both} if cycles > 1 else {})
    return runs | ({TWIN: replace(both, data="twin")} if data != "twin" else {})


PLANS: dict[str, Callable[..., dict[str, Settings | Detector]]] = {
    "02_autoencoders": autoencoders, "03_losses": compared_losses, "03_contrastive": contrastive,
    "04_augmentations": augmentations, "05_recurrence": recurrence, "06_object_detection": detectors,
    "07_case_studies": cases, "09_how_many": how_many, "10_detection": searched, "11_next_steps": next_steps,
}
SOME = ("latents", "seeds", "sources", "temperatures", "variants", "windows")  # parameters of which one is needed


def plan(chapter: str, parameters: Mapping[str, Any], frameset: FrameSet | None = None) -> dict[str, Any]:
    """The runs of a chapter by name, `Settings` or `Detector`, from its parameters, its own and the shared ones; empty
    for one that trains nothing.

    frameset : which decides what detectors there are
    Raises `SqError` where a parameter is missing or cannot be, or a list of what is to be trained is empty.
    """
    if chapter not in PLANS:
        return {}
    if empty := [name for name in SOME if parameters.get(name) == []]:
        raise SqError(f"{empty[0]}=[]: {chapter} needs at least one")
    with in_words(f"{chapter} lacks a parameter that decides what it trains", f"sq params {chapter} --all lists them"):
        return PLANS[chapter](given=parameters, **parameters, frameset=frameset)
