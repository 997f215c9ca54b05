"""The runs that each chapter trains, from its parameters: what Sections 3 and 4 and the appendices compare."""

import inspect
from collections.abc import Callable
from dataclasses import replace

from sqlib.data.frames import FrameSet
from sqlib.errors import SqError
from sqlib.learn import rcnn
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


class Common(Learning):
    """What the chapters on contrastive learning share: a profile's settings, and the seed."""

    seed: int

    def settings(self, objective: str, epochs: int, **changes) -> Settings:
        """A run with these settings, `changes` being fields of `Settings`."""
        model = Model(self.backbone, self.weights, self.encoding, self.projection, self.pool, self.dropout, self.width)
        loop = Loop(epochs, self.batch, self.optimizer, self.rate, warmup=self.warmup, decay=self.decay,
                    upsample=self.upsample, validation=self.validation, patience=self.patience,
                    precision=self.precision, compile=self.compile, steps=self.steps)
        views = Views(self.low_pass, positional=self.positional, erasing=self.erasing, extra=self.extra,
                      extra_probability=1)
        shared = {name: getattr(self, name) for name in ("temperature", "window", "spacing", "levels", "crop", "patch",
                                                         "practice", "watch", "seed", "joint", "thin")}
        return Settings(objective, model, **{"views": views, "loop": loop, **shared, **changes})

    def changed(self, **values) -> "Common":
        """The same with other values."""
        return self.model_copy(update=values)


AS_PRINTED = "AE as in the paper"


def autoencoders(*, seed: int, crop: int, width: int, latents: list[int], rate: float, epochs: int, epochs_tuned: int,
                 seeds: list[int]) -> dict[str, Settings]:
    """Appendix A: "AE 32" … of several latent sizes, "VAE" and "log-cosh VAE" of the last size, and the latter's last
    block trained further for classification: "fine-tuned" (cross-entropy) and "focal".

    They see logarithms of power, turned and moved, of both cycles. What claims are about is trained with further
    `seeds`: "AE 32, seed 1"; "twice as long" tells whether the largest had been trained to its end; and `AS_PRINTED`
    is what the paper says: gray levels of cycle 23 as they are, by Adam, for as many steps.
    """
    model = Model("resnet6", encoding=latents[-1], width=width)
    loop = Loop(epochs, 64, "adamw", rate, decay=1e-4, warmup=min(0.5, epochs / 4), validation=0.2)
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


def as_published(common: Common, epochs: int, backbone: str, crop: int) -> tuple[Common, Settings]:
    """The shared settings of the models that are trained as in the paper, and the first step of Section 4.1.1, "SimCLR,
    as in the paper", with upsampled positives."""
    paper = common.changed(**AS_PUBLISHED, backbone=backbone, crop=crop)
    simclr = paper.settings("simclr", epochs)
    return paper, replace(simclr, loop=replace(simclr.loop, upsample=6))


def compared_losses(common: Common, *, epochs_self: int, epochs_supervised: int, epochs_short: int, backbone_paper: str,
                    crop_paper: int, seeds: list[int], temperatures: list[float],
                    changed: list[str] = ()) -> dict[str, Settings]:
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
        own = common.changed(seed=seed)
        named = {"SimCLR, as in the paper": as_published(own, epochs_self, backbone_paper, crop_paper)[1],
                 **objectives(own, epochs_supervised)}
        for name, (optimizer, rates) in OPTIMIZERS.items():
            named |= {f"{name}, rate {rate:g}": own.changed(optimizer=optimizer, rate=rate).settings(
                "supcon", epochs_short) for rate in rates}
        runs |= {f"{name}, seed {seed}": settings for name, settings in named.items()}
    own = common.changed(seed=seeds[0])
    runs |= {f"τ = {t:g}": own.settings("supcon", epochs_short, temperature=t) for t in temperatures}
    if changed:
        runs["nothing changed"] = own.settings("supcon", epochs_short)
    return runs | {name: own.changed(**CHANGES[name]).settings("supcon", epochs_short) for name in changed}


def contrastive(common: Common, *, epochs_self: int, epochs_supervised: int, epochs_shuffled: int, backbone_paper: str,
                crop_paper: int, shuffled: list[str], seeds: list[int]) -> dict[str, Settings]:
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
        own = common.changed(seed=seed)
        paper, simclr = as_published(own, epochs_self, backbone_paper, crop_paper)
        precise = paper.settings("weighted", epochs_supervised, start=simclr)
        mixed = paper.changed(**every).settings("supcon", epochs_shuffled, split="sample")
        named = {"SimCLR, as in the paper": simclr,
                 "High-Precision": replace(precise, loop=replace(precise.loop, upsample=1)), "High-Metrics": mixed,
                 "High-Metrics, by event": replace(mixed, split="event"),
                 "SupCon": objectives(own, epochs_supervised)["SupCon"]}
        runs |= {f"{name}, seed {seed}": settings for name, settings in named.items()}
    return runs


def objectives(common: Common, epochs: int) -> dict[str, Settings]:
    """The losses that are compared by one recipe and budget: "SupCon" and "minority" with a class head that teaches,
    "SupCon, head watches", "SimCLR", "two-step SupCon", which goes on from it, and "class head only"."""
    simclr = common.settings("simclr", epochs, joint=False)  # no label teaches it
    return {"SupCon": common.settings("supcon", epochs), "minority": common.settings("minority", epochs),
            "SupCon, head watches": common.settings("supcon", epochs, joint=False), "SimCLR": simclr,
            "two-step SupCon": common.settings("supcon", epochs, start=simclr),
            "class head only": common.settings("classify", epochs)}


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


def augmentations(common: Common, *, epochs: int, seeds: list[int], variants: list[str]) -> dict[str, Settings]:
    """Section 3.2 and Appendix C: SupCon with each variant, trained once a seed: "low-pass, seed 1" …; "single frame"
    has neither neighbours in time nor augmentations. All are shown the paper's input, whatever a profile has: a
    threshold of 50 and rectangles of 100 are gray levels. Raises `SqError` for another variant."""
    runs = {}
    for name in variants:
        if name not in VARIANTS and name != "single frame":
            raise SqError(f"augmentation {name!r} is unknown: single frame, {', '.join(VARIANTS)}")
        alone = name == "single frame"
        own = common.changed(**{**PAPER_INPUT, "window": 1 if alone else PAPER_INPUT["window"]})
        for seed in seeds:
            runs[f"{name}, seed {seed}"] = own.settings("supcon", epochs, views=PLAIN if alone else VARIANTS[name],
                                                        seed=seed)
    return runs


INPUTS = {"three frames, gray": ("gray", 3, 1), "three frames, relative": ("relative", 3, 1),
          "fifteen frames, gray": ("gray", 5, 3), "fifteen frames, relative": ("relative", 5, 3)}
"""What a network sees, two by two: levels, and times and spacing of a sample."""


def recurrence(common: Common, *, epochs: int, windows: list[int], seeds: list[int]) -> dict[str, Settings]:
    """Section 3.3: SupCon with Time-Based Mixing over several windows of adjacent frames: "window 3, seed 1", "window
    1" having no neighbours, which is what slides; and with each of `INPUTS`."""
    runs = {}
    for seed in seeds:
        own = common.changed(seed=seed)
        for window in windows:
            runs[f"window {window}, seed {seed}"] = own.settings("supcon", epochs, window=window, spacing=1)
        for name, (levels, window, spacing) in INPUTS.items():
            runs[f"{name}, seed {seed}"] = own.settings("supcon", epochs, levels=levels, window=window,
                                                        spacing=spacing)
    return runs


def how_many(common: Common, *, epochs: int, sources: list[int], seeds: list[int]) -> dict[str, Settings]:
    """One recipe taught by so many practice sources and no event of the paper, by the profile's input and by the
    paper's: "400 sources, relative, seed 1" …, each with the same number of steps."""
    runs = {}
    for levels, window, spacing in (INPUTS["fifteen frames, relative"], INPUTS["three frames, gray"]):
        for count in sources:
            for seed in seeds:
                runs[f"{count} sources, {levels}, seed {seed}"] = common.changed(seed=seed).settings(
                    "supcon", epochs, practice=count, events=False, levels=levels, window=window, spacing=spacing,
                    crop=common.crop or 128)
    return runs


def searched(common: Common, *, epochs: int, taught: int, seeds: list[int]) -> dict[str, Settings]:
    """What the locator is compared with: the networks of `how_many` that `taught` sources taught by the profile's
    input, found again where these agree."""
    runs = how_many(common, epochs=epochs, sources=[taught], seeds=seeds)
    return {name: settings for name, settings in runs.items() if "gray" not in name}


CASES = 1  # seed of the models that the case studies look at, the first of chapter 03


def cases(common: Common, *, epochs_self: int, epochs_supervised: int, epochs_shuffled: int, backbone_paper: str,
          crop_paper: int, shuffled: list[str]) -> dict[str, Settings]:
    """Section 4.3: the two models of Section 4.1 and "SupCon", of seed `CASES`, the same runs as `contrastive` has,
    found again where these agree."""
    runs = contrastive(common, epochs_self=epochs_self, epochs_supervised=epochs_supervised,
                       epochs_shuffled=epochs_shuffled, backbone_paper=backbone_paper, crop_paper=crop_paper,
                       shuffled=shuffled, seeds=[CASES])
    return {name: runs[f"{name}, seed {CASES}"] for name in ("High-Precision", "High-Metrics", "SupCon")}


PAPER, BOTH, TWIN = "as in the paper", "both cycles", "twin alone"


def detectors(settings: Detector, *, epochs_all: int, data: str,
              frameset: FrameSet | None = None) -> dict[str, Detector]:
    """Section 3.4: "as in the paper" learns from cycle 23, "both cycles" from both where both have boxes in `frameset`
    (or it is not given), and beside real frames "twin alone" from simulated frames of both."""
    both, cycles = replace(settings, epochs=epochs_all, train_on="all"), 2
    if frameset is not None:
        index = frameset.index
        cycles = index.loc[(index["label"] == 1) & (index["boxes"].map(len) > 0), "cycle"].nunique()
    runs = {PAPER: settings} | ({BOTH: both} if cycles > 1 else {})
    return runs | ({TWIN: replace(both, data="twin")} if data != "twin" else {})


PLANS: dict[str, Callable[..., dict[str, Settings | Detector]]] = {
    "02_autoencoders": autoencoders, "03_losses": compared_losses, "03_contrastive": contrastive,
    "04_augmentations": augmentations, "05_recurrence": recurrence, "06_object_detection": detectors,
    "07_case_studies": cases, "09_how_many": how_many, "10_detection": searched,
}
def plan(chapter: str, parameters: dict, frameset: FrameSet | None = None) -> dict[str, Settings | Detector]:
    """The runs of a chapter by name, from those of its parameters that decide them; empty for one that trains nothing.

    parameters : the chapter's own and the shared ones; frameset : which decides what detectors there are
    Raises `SqError` where one of these parameters is missing or cannot be, or a list of what is to be trained is empty.
    """
    if chapter not in PLANS:
        return {}
    recipe = inspect.signature(PLANS[chapter]).parameters
    must = {name for name, one in recipe.items() if one.default is one.empty} - {"common", "settings"}
    shared = {"common": {*Learning.model_fields, "seed"}, "settings": {*Detection.model_fields, "seed", "epochs"}}
    first = shared.get(next(iter(recipe)), set())
    if missing := sorted((must | first) - set(parameters)):
        raise SqError(f"{chapter} lacks the parameters {', '.join(missing)}, which decide what it trains")
    if empty := sorted(name for name in must if parameters[name] == []):
        raise SqError(f"{empty[0]}=[]: {chapter} needs at least one")
    given = {name: parameters[name] for name in recipe if name in parameters}
    if "common" in recipe:
        given["common"] = Common(**{name: parameters[name] for name in Common.model_fields if name in parameters})
    elif "settings" in recipe:
        own = {name: parameters[name] for name in first}
        own["weights"] = rcnn.weights_at_hand(own["backbone"], own["weights"])
        given |= {"settings": Detector(**own), "frameset": frameset}
    return PLANS[chapter](**given)
