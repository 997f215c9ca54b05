"""Training what a chapter needs before it is executed: with progress bars, in pieces, or by several processes."""

import math
import os
import time
from contextlib import contextmanager, suppress
from dataclasses import fields
from typing import Any

from sqlib.data.build import load_frames
from sqlib.data.frames import FrameSet
from sqlib.errors import SqError
from sqlib.learn import detector, detector_recipes, recipes
from sqlib.learn import runs as trained
from sqlib.sun.twin import TwinSettings
from sqlib.workers import say


def frames_of(values: dict[str, Any], progress: bool = True) -> FrameSet:
    """The frame set that a chapter's parameters name."""
    own = {field.name: values[field.name] for field in fields(TwinSettings) if field.name in values}
    return load_frames(values["data"], values["root"], size=values["resolution"], scaling=values["scaling"],
                       settings=TwinSettings(**own), progress=progress)  # fmt: skip


def train_chapter(chapter: str, values: dict[str, Any], progress: bool = True, minutes: float = math.inf) -> dict[str, Any]:
    """Train the runs of a chapter that are not there yet; return the card of each by name.

    minutes : stop after so long at the end of an epoch; the same call goes on. Raises `SqError` for a chapter that trains
    nothing, and what training raises.
    """
    if chapter == detector_recipes.CHAPTER:
        return _train_detectors(values, progress, minutes)
    runs = recipes.plan(chapter, values)
    if not runs:
        known = ", ".join([*recipes.PLANS, detector_recipes.CHAPTER])
        raise SqError(f"{chapter} trains no network; those that do: {known}")
    frameset, started, cards, samples = frames_of(values, progress), time.monotonic(), {}, {}
    with _processes():
        for number, (name, settings) in enumerate(runs.items()):
            missing = not trained.is_trained(settings, frameset)
            if missing and trained.ranks()[0] == 0:
                say(f"{chapter}: training {name} ({number + 1} of {len(runs)})", progress)
            what = (settings.window, settings.crop, settings.views.low_pass > 0, settings.views.threshold, settings.views.variant)
            left = 60 * minutes - (time.monotonic() - started)
            if what not in samples and missing:
                samples = {what: trained.samples_for(settings, frameset)}  # only the latest is kept: it may fill the device
            own = samples.get(what)
            cards[name] = trained.train(settings, frameset, samples=own, progress=progress, seconds=max(left, 0)).card
    return cards


def networks(chapter: str, values: dict[str, Any]) -> int:
    """How many networks the plan of a chapter names; 0 for one that trains none, or whose parameters do not make a plan."""
    if chapter == detector_recipes.CHAPTER:
        return 2  # at most three; to know it would take the data
    with suppress(SqError):
        return len(recipes.plan(chapter, values))
    return 0


def simulated(values: dict[str, Any], progress: bool = True) -> FrameSet:
    """The twin that a chapter on real frames learns from beside them: its frames scaled one by one, as published ones are."""
    return frames_of({**values, "data": "twin", "scaling": "frame"}, progress)


def _train_detectors(values: dict[str, Any], progress: bool, minutes: float) -> dict[str, Any]:
    """Train the detectors of the chapter on object detection that are not there yet; return the card of each by name."""
    frameset, started, cards = frames_of(values, progress), time.monotonic(), {}
    planned = detector_recipes.plan(values, frameset)
    for number, (name, (settings, data)) in enumerate(planned.items()):
        frames = frameset if data == "own" else simulated(values, progress)
        if not detector.is_trained(settings, frames):
            say(f"{detector_recipes.CHAPTER}: training {name} ({number + 1} of {len(planned)})", progress)
        left = max(60 * minutes - (time.monotonic() - started), 0)
        cards[name] = detector.train_detector(settings, frames, progress=progress, seconds=left).card
    return cards


@contextmanager
def _processes():
    """Join the other processes that torchrun started, if it did."""
    if int(os.environ.get("WORLD_SIZE", 1)) < 2:
        yield
        return
    import torch

    gpu = torch.cuda.is_available()
    if gpu:
        torch.cuda.set_device(int(os.environ["LOCAL_RANK"]))
    torch.distributed.init_process_group("nccl" if gpu else "gloo")
    try:
        yield
    finally:
        torch.distributed.destroy_process_group()
