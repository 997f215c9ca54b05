"""Settings of a training run: all that decides its result, beside the data."""

import math
from dataclasses import dataclass, field

from sqlib.errors import SqError
from sqlib.learn.augment import Views
from sqlib.learn.models import Model

CONTRASTIVE = ("simclr", "supcon", "weighted")
RECONSTRUCTIVE = ("autoencoder", "vae", "logcosh")
WORDS = {"optimizer": ("sgd", "adam", "adamw"), "schedule": ("cosine", "step", "constant"),
         "precision": ("auto", "bf16", "fp32")}


@dataclass(frozen=True)
class Loop:
    """How anything is trained. Lengths are in epochs: `warmup` (the rate rises from 0), `step` (rate × 0.1 after each,
    for the schedule "step"), `patience` (without a better watched loss before it stops; 0: never).

    `upsample`: times that each positive sample is in an epoch; 0: as often as makes both classes equal. `validation`:
    share of the training events on which only the loss is watched. `clip`: greatest norm of the gradient; 0: any.
    `average`: what a step leaves of a running mean of the weights, which is then what is kept; 0: no mean.
    `precision`: "auto" is bf16 where the hardware multiplies in it.
    """

    epochs: int = 100
    batch: int = 128
    optimizer: str = "sgd"
    rate: float = 0.05
    momentum: float = 0.9
    decay: float = 1e-4
    warmup: float = 10
    schedule: str = "cosine"
    step: int = 3
    upsample: int = 1
    validation: float = 0.0
    patience: int = 0
    clip: float = 0.0
    average: float = 0.0
    precision: str = "auto"
    compile: bool = False


@dataclass(frozen=True)
class Settings:
    """A training run of an encoder.

    `objective`: simclr (Eq. 4), supcon (Eq. 5), weighted (Eqs. 2, 3), classify and focal (class head with a gradient
    into the backbone), autoencoder, vae, logcosh. `split`, `cycles`: see `samples.split`. `joint`: whether the class
    head of a contrastive run teaches the backbone too, or only watches. `thin`: only every so-many-th negative frame
    trains. `start`: the run whose weights it begins with (the first of two steps). `unfrozen`: that many of the last
    blocks of the backbone are trained; -1 all.
    """

    objective: str = "supcon"
    model: Model = field(default_factory=Model)
    views: Views = field(default_factory=Views)
    loop: Loop = field(default_factory=Loop)
    temperature: float = 0.07
    split: str = "event"
    cycles: tuple[int, ...] = (23, 24)
    window: int = 3
    crop: int = 0
    seed: int = 1265
    joint: bool = False
    thin: int = 1
    start: "Settings | None" = None
    unfrozen: int = -1

    @property
    def reconstructs(self) -> bool:
        """Whether this trains an autoencoder."""
        return self.objective in RECONSTRUCTIVE

    @property
    def contrasts(self) -> bool:
        """Whether this trains by contrasting views."""
        return self.objective in CONTRASTIVE

    @property
    def views_each(self) -> int:
        """Views that are drawn of each sample."""
        return 2 if self.contrasts else 1


def check_window(window: int) -> None:
    """Raise `SqError` unless `window`, the frames that are mixed to one sample, is odd and above 0."""
    if window < 1 or window % 2 == 0:
        raise SqError(f"window={window}: a frame stands in the middle of its neighbours, so a window is odd: 1, 3, 5 …")


def check_loop(loop: Loop) -> None:
    """Raise `SqError` for a loop that trains nothing, before any work is done."""
    for name, known in WORDS.items():
        if getattr(loop, name) not in known:
            raise SqError(f"{name}={getattr(loop, name)!r} is unknown: one of {', '.join(known)}")
    if not (0 <= loop.decay < math.inf and loop.warmup < math.inf):
        raise SqError("weight decay is a number from 0 on, and warm-up has an end")
    if loop.epochs < 1 or not loop.rate > 0 or loop.upsample < 0 or loop.warmup < 0:
        raise SqError("a run has at least 1 epoch, a rate above 0, and neither warm-up nor upsampling below 0")
    if loop.patience and not 0 < loop.validation < 1:
        raise SqError("patience needs events on which the loss is watched: 0 < validation < 1, for example 0.1")


def check(settings: Settings) -> None:
    """Raise `SqError` for settings that cannot be trained with, before any work is done."""
    known = (*CONTRASTIVE, "classify", "focal", *RECONSTRUCTIVE)
    if settings.objective not in known:
        raise SqError(f"objective={settings.objective!r} is unknown: one of {', '.join(known)}")
    check_loop(settings.loop)
    for name in ("encoding", "projection", "width"):
        if getattr(settings.model, name) < 1:
            raise SqError(f"{name}={getattr(settings.model, name)}: a network has at least 1")
    if not 0 <= settings.model.dropout < 1:
        raise SqError(f"dropout={settings.model.dropout}: it is a share, at least 0 and below 1")
    check_window(settings.window)
    if settings.loop.batch < 2:
        raise SqError(f"batch={settings.loop.batch}: a loss that contrasts samples needs at least 2 of them")
    if not settings.temperature > 0:
        raise SqError(f"temperature={settings.temperature}: it divides similarities and must be above 0")
    if settings.seed < 0:
        raise SqError(f"seed={settings.seed}: a seed is a whole number from 0 on")
    if settings.thin < 1:
        raise SqError(f"thin={settings.thin}: 1 takes every negative frame, 2 every other …")


def from_dict(content: dict, where: str = "") -> Settings:
    """Settings from what `dataclasses.asdict` made of them (lists for tuples). `SqError` for other names."""
    try:
        parts = {"model": Model, "views": Views, "loop": Loop}
        given = as_tuples(content)
        known = {key: parts[key](**as_tuples(value)) if key in parts else value for key, value in given.items()}
        if known.get("start") is not None:
            known["start"] = from_dict(known["start"])
        return Settings(**known)
    except (TypeError, AttributeError, SqError) as error:
        raise SqError(f"{where}these are no settings of a training run: {str(error)[:300]}") from error


def as_tuples(content: dict) -> dict:
    """Settings from JSON, which has lists where a frozen dataclass has tuples."""
    return {key: tuple(value) if isinstance(value, list) else value for key, value in content.items()}
