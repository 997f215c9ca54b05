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

PLAIN = Views(low_pass=0, positional="none", erasing="none")


class Common(Learning):
    """What the chapters on contrastive learning share: a profile's settings, and the seed."""

    seed: int

    def settings(self, objective: str, epochs: int, **changes) -> Settings:
        """A run with these settings, `changes` being fields of `Settings`, at temperature 0.1 (Section 4.1.2)."""
        model = Model(self.backbone, self.weights, self.encoding, self.projection, self.pool, width=self.width)
        loop = Loop(epochs, self.batch, rate=self.rate, warmup=self.warmup, decay=self.decay, upsample=self.upsample,
                    validation=self.validation, patience=self.patience, precision=self.precision, compile=self.compile)
        views = Views(self.low_pass, positional=self.positional, erasing=self.erasing, extra=self.extra,
                      extra_probability=1)
        shared = {"crop": self.crop, "seed": self.seed, "joint": self.joint, "thin": self.thin, "temperature": 0.1}
        return Settings(objective, model, **{"views": views, "loop": loop, **shared, **changes})


AS_PRINTED = "AE as in the paper"


def autoencoders(*, seed: int, crop: int, width: int, latents: list[int], rate: float, epochs: int, epochs_tuned: int,
                 seeds: list[int]) -> dict[str, Settings]:
    """Appendix A: "AE 32" … of several latent sizes, "VAE" and "log-cosh VAE" of the last size, and the latter's last
    block trained further for classification: "fine-tuned" (cross-entropy) and "focal".

    They see logarithms of power, turned and moved, of both cycles. What claims are about is trained with further
    `seeds`: "AE 32, seed 1" …; "twice as long" tells whether the largest had been trained to its end; and `AS_PRINTED`
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
"""What "High-Precision" is trained again with, one at a time, by name."""


def contrastive(common: Common, *, epochs_self: int, epochs_supervised: int, epochs_shuffled: int, epochs_short: int,
                backbone_shuffled: str, encoding_shuffled: int, temperatures: list[float],
                changed: list[str] = (), temperature: float = 0.07) -> dict[str, Settings]:
    """Section 4.1 and Appendix B: the two models, and what they are compared with.

    "High-Precision" is "SimCLR" with upsampled positives, then the weighted loss without (Section 4.1.1); "two-step
    SupCon" the same without weights; "SupCon" one step, and once with a class head that watches, once with one that
    teaches, beside the "class head alone"; all these at `temperature`. "High-Metrics" is SupCon on shuffled samples
    (Section 4.1.2), "High-Metrics, by event" the same on the event split. Short runs of SupCon: "τ = 0.07" …, "SGD",
    "Adam". And "High-Precision" once with each of the changes: "batch 128" … Raises `SqError` for a change that
    is none of `CHANGES`.
    """
    for name in changed:
        if name not in CHANGES:
            raise SqError(f"changed: {name!r} is unknown: {', '.join(CHANGES)}")
    first, alone, second = _two_steps(common, epochs_self, epochs_supervised, temperature)
    model = replace(alone.model, backbone=backbone_shuffled, encoding=encoding_shuffled,
                    projection=encoding_shuffled, dropout=0.2)
    shuffled = replace(common.settings("supcon", epochs_shuffled, split="sample"), model=model)
    short = common.settings("supcon", epochs_short)
    runs = {
        "SimCLR": first, "SupCon": alone, "SupCon, head watches": replace(alone, joint=False),
        "SupCon, head teaches": replace(alone, joint=True),
        "class head alone": replace(alone, objective="classify", joint=False),
        "High-Precision": second, "two-step SupCon": replace(second, objective="supcon"),
        "High-Metrics": shuffled, "High-Metrics, by event": replace(shuffled, split="event"),
        **{f"τ = {t:g}": replace(short, temperature=t) for t in temperatures},
        "SGD": short, "Adam": replace(short, loop=replace(short.loop, optimizer="adam", rate=1e-3)),
    }
    for name in changed:
        other = common.model_copy(update=CHANGES[name])
        runs[name] = _two_steps(other, epochs_self, epochs_supervised, temperature)[2]
    return runs


def _two_steps(common: Common, epochs_self: int, epochs_supervised: int, temperature: float) -> tuple[Settings, ...]:
    """SimCLR, SupCon alone, and the weighted loss that starts from the first."""
    first = common.settings("simclr", epochs_self, temperature=temperature, joint=False)  # no label teaches it
    alone = common.settings("supcon", epochs_supervised, temperature=temperature)
    return first, alone, replace(alone, objective="weighted", loop=replace(alone.loop, upsample=1), start=first)


VARIANTS = {
    "time mixing alone": PLAIN,
    "turns": replace(PLAIN, positional="turns"),
    "turns as published": replace(PLAIN, positional="published"),
    "low-pass": replace(PLAIN, low_pass=0.5),
    "low-pass as published": replace(PLAIN, low_pass=0.5, variant="published"),
    "erasing": replace(PLAIN, erasing="paper"),
    "all three": Views(),
    **{name.replace("_", " "): replace(PLAIN, extra=(name,)) for name in (
        "crop", "gaussian_blur", "sharpness", "jitter", "posterize", "auto_contrast", "auto_augment_imagenet",
        "shift")},
}
"""Augmentations switched alone, the paper's three together, and those that it dropped, by name."""


def augmentations(common: Common, *, epochs: int, seeds: list[int], variants: list[str]) -> dict[str, Settings]:
    """Section 3.2 and Appendix C: SupCon with each variant, trained once a seed: "low-pass, seed 1" …; "single frame"
    has neither neighbours nor other augmentations. Raises `SqError` for another variant."""
    runs = {}
    for name in variants:
        if name not in VARIANTS and name != "single frame":
            raise SqError(f"augmentation {name!r} is unknown: single frame, {', '.join(VARIANTS)}")
        views, window = (PLAIN, 1) if name == "single frame" else (VARIANTS[name], 3)
        for seed in seeds:
            runs[f"{name}, seed {seed}"] = common.settings("supcon", epochs, views=views, window=window, seed=seed)
    return runs


def recurrence(common: Common, *, epochs: int, windows: list[int]) -> dict[str, Settings]:
    """Section 3.3: SupCon with Time-Based Mixing over several windows; "window 1" has none and is what slides."""
    return {f"window {window}": common.settings("supcon", epochs, window=window) for window in windows}


def cases(common: Common, *, epochs_self: int, epochs_supervised: int, epochs_shuffled: int, backbone_shuffled: str,
          encoding_shuffled: int) -> dict[str, Settings]:
    """Section 4.3: the two models of Section 4.1, the same runs as `contrastive` has, found again where these agree."""
    runs = contrastive(common, epochs_self=epochs_self, epochs_supervised=epochs_supervised,
                       epochs_shuffled=epochs_shuffled, epochs_short=1,
                       backbone_shuffled=backbone_shuffled, encoding_shuffled=encoding_shuffled, temperatures=[])
    return {name: runs[name] for name in ("High-Precision", "High-Metrics")}


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
    "02_autoencoders": autoencoders, "03_contrastive": contrastive, "04_augmentations": augmentations,
    "05_recurrence": recurrence, "06_object_detection": detectors, "07_case_studies": cases,
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
