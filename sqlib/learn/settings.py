"""Settings of what is trained: all that decides its result, beside the data; checked when they are made.

What a setting means `profiles.Learning` says of those that it has, too, and the docstrings here of the others.
"""

from collections.abc import Callable
from dataclasses import field, fields
from typing import Annotated, Literal, dataclass_transform

from pydantic import ConfigDict, Field, ValidationError, model_validator
from pydantic.dataclasses import dataclass

from sqlib.errors import SqError

Positive = Annotated[float, Field(gt=0)]
NotNegative = Annotated[float, Field(ge=0)]
Share = Annotated[float, Field(ge=0, le=1)]
Count = Annotated[int, Field(ge=1)]  # at least one
Whole = Annotated[int, Field(ge=0)]


@dataclass_transform(frozen_default=True, field_specifiers=(field,))
def checked(kind: type) -> type:
    """A frozen dataclass of pydantic's, which JSON's lists and mappings can fill as well as tuples and other settings.

    A value that cannot be raises `SqError`, with its name and what is allowed.
    """
    made = dataclass(frozen=True, config=ConfigDict(allow_inf_nan=False, extra="forbid"))(kind)
    fill: Callable = made.__init__

    def __init__(self, *args, **values):
        try:
            fill(self, *args, **values)
        except ValidationError as error:
            first = error.errors()[0]
            words = first["msg"].removeprefix("Value error, ").replace("Input should be", "it must be")
            names = dict(enumerate(one.name for one in fields(made)))  # of values given by position
            place = ".".join(str(names.get(one, one) if not at else one) for at, one in enumerate(first["loc"]))
            raise SqError(f"{place}={first['input']!r}: {words}" if place else words) from None

    made.__init__ = __init__
    return made


@checked
class Model:
    """A network."""

    backbone: Literal["conv6", "resnet6", "resnet18", "resnet50", "densenet121"] = "resnet18"
    weights: Literal["none", "imagenet"] = "none"
    encoding: Count = 512
    projection: Count = 128
    pool: Literal["avg", "max"] = "avg"
    dropout: Annotated[float, Field(ge=0, lt=1)] = 0.0
    width: Count = 16  # channels of the first layer of conv6 and resnet6; the others have their own

    @model_validator(mode="after")
    def _weights_exist(self):
        if self.backbone in ("conv6", "resnet6") and self.weights != "none":
            raise SqError(f"there are no ImageNet weights for {self.backbone}: weights='none', or another backbone")
        return self


@checked
class Views:
    """The pipeline that makes a view of a sample.

    `threshold`, `variant`: of the Solarized Low-Pass (`lowpass.low_pass`). `extra`: keys of `augment.EXTRAS`, each of
    which meets a sample with probability `extra_probability`.
    """

    low_pass: Share = 0.5
    threshold: Annotated[int, Field(gt=0, multiple_of=2)] = 50
    variant: Literal["symmetric", "published"] = "symmetric"
    positional: Literal["none", "turns", "published", "dihedral"] = "turns"
    erasing: Literal["paper", "mean", "none"] = "paper"
    extra: tuple[Literal["crop", "shift", "gaussian_blur", "jitter", "sharpness", "posterize", "solarize", "invert",
                         "auto_contrast", "auto_augment_imagenet", "auto_augment_cifar10"], ...] = ()
    extra_probability: Share = 0.5


@checked
class Loop:
    """How anything is trained. Lengths are in epochs: `warmup` (the rate rises from 0), `step` (rate × 0.1 after each,
    for the schedule "step"), `patience`. `clip`: greatest norm of the gradient; 0: any. `average`: what a step leaves
    of a running mean of the weights, which is then what is kept; 0: no mean.
    """

    epochs: Count = 100
    batch: Count = 128
    optimizer: Literal["sgd", "adam", "adamw"] = "sgd"
    rate: Positive = 0.05
    momentum: NotNegative = 0.9
    decay: NotNegative = 1e-4
    warmup: NotNegative = 10.0
    schedule: Literal["cosine", "step", "constant"] = "cosine"
    step: Count = 3
    upsample: Whole = 1
    validation: Annotated[float, Field(ge=0, lt=1)] = 0.0
    patience: Whole = 0
    clip: NotNegative = 0.0
    average: Annotated[float, Field(ge=0, lt=1)] = 0.0
    precision: Literal["auto", "bf16", "fp32"] = "auto"
    compile: bool = False
    steps: Count = 50

    @model_validator(mode="after")
    def _watched(self):
        if self.patience and not self.validation:
            raise SqError("patience needs events on which the loss is watched: 0 < validation < 1, for example 0.1")
        return self


@checked
class Settings:
    """A training run of an encoder.

    `objective`: simclr (Eq. 4), supcon (Eq. 5), weighted (Eqs. 2, 3), minority (as supcon, but quiet samples attract
    their own other view only: Mildenberger et al. 2025), classes (as supcon, with four of them: `objectives.graded`),
    classify and focal (class head with a gradient into the backbone), autoencoder, vae, logcosh. `split`, `cycles`: see
    `samples.split`. `events`: whether the events of the frame set teach beside the sources of practice cubes; else
    these only, or with "quiet" these and as many further cubes without any source. `start`: the run whose weights it
    begins with (the first of two steps). `unfrozen`: that many of the last blocks of the backbone are trained; -1 all.
    """

    objective: Literal["simclr", "supcon", "weighted", "minority", "classes", "classify", "focal",
                       "autoencoder", "vae", "logcosh"] = "supcon"
    model: Model = field(default_factory=Model)
    views: Views = field(default_factory=Views)
    loop: Loop = field(default_factory=Loop)
    temperature: Positive = 0.07
    split: Literal["event", "sample"] = "event"
    cycles: tuple[int, ...] = (23, 24)
    window: Count = 3
    spacing: Count = 1
    levels: Literal["gray", "logarithm", "relative", "region"] = "gray"
    crop: Whole = 0
    patch: Whole = 0
    practice: Whole = 0
    events: bool | Literal["quiet"] = True
    watch: Whole = 0
    seed: Whole = 1265
    joint: bool = False
    thin: Count = 1
    start: "Settings | None" = None
    unfrozen: int = -1

    @model_validator(mode="after")
    def _trainable(self):
        if self.window % 2 == 0:
            raise SqError(f"window={self.window}: a frame stands in the middle of its neighbours: 1, 3, 5 …")
        if self.practice and not self.crop:
            raise SqError("practice cubes are as small as the middle of frames that they are shown with: give crop")
        if not self.practice and self.events is not True:
            raise SqError(f"events={self.events} and practice=0 leave nothing to learn from")
        if self.loop.batch < 2:
            raise SqError(f"batch={self.loop.batch}: a loss that contrasts samples needs at least 2 of them")
        return self

    @property
    def reconstructs(self) -> bool:
        """Whether this trains an autoencoder."""
        return self.objective in ("autoencoder", "vae", "logcosh")

    @property
    def contrasts(self) -> bool:
        """Whether this trains by contrasting views."""
        return self.objective in ("simclr", "supcon", "weighted", "minority", "classes")

    @property
    def views_each(self) -> int:
        """Views that are drawn of each sample."""
        return 2 if self.contrasts else 1
