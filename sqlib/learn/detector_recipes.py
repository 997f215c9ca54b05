"""The detectors that the chapter on object detection trains, from its parameters (Section 3.4)."""

from dataclasses import fields
from typing import Any, NamedTuple

from sqlib.data.frames import FrameSet
from sqlib.errors import SqError
from sqlib.learn.rcnn import Detector, check, weights_at_hand

CHAPTER = "06_object_detection"
PAPER, BOTH, TWIN = "as in the paper", "both cycles", "twin alone"


class Planned(NamedTuple):
    """Settings of a detector, and the frames that it learns from: the chapter's "own", or those of the "twin"."""

    settings: Detector
    data: str


def plan(parameters: dict[str, Any], frameset: FrameSet) -> dict[str, Planned]:
    """The detectors by name: "as in the paper" learns from cycle 23, "both cycles" from both where both have boxes, and on real
    frames "twin alone" from simulated frames of both.

    parameters : the chapter's; those named as settings of `Detector` decide, and `epochs_all` for the latter two.
    Raises `SqError` where one of them is missing, and as `rcnn.check` does.
    """
    names = [field.name for field in fields(Detector) if field.name not in ("train_on", "step")]
    if missing := [name for name in [*names, "epochs_all", "data"] if name not in parameters]:
        raise SqError(f"{CHAPTER} lacks the parameters {', '.join(missing)}, which decide what it trains")
    own = {name: tuple(v) if isinstance(v := parameters[name], list) else v for name in names}
    own["weights"] = weights_at_hand(own["backbone"], own["weights"])
    both = Detector(**{**own, "epochs": parameters["epochs_all"], "train_on": "all"})
    planned = {PAPER: Planned(Detector(**own), "own")}
    marked = frameset.index[(frameset.index["label"] == 1) & (frameset.index["boxes"].map(len) > 0)]
    if marked["cycle"].nunique() > 1:
        planned[BOTH] = Planned(both, "own")
    if parameters["data"] != "twin":
        planned[TWIN] = Planned(both, "twin")
    for one in planned.values():
        check(one.settings)
    return planned
