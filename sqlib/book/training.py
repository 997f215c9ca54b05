"""Training what a chapter needs before it is executed: with progress bars, in pieces, or by several processes."""

import math
import os
import sys
from contextlib import contextmanager
from dataclasses import fields
from typing import Any

from sqlib.data.build import load_frames
from sqlib.data.frames import FrameSet
from sqlib.errors import SqError
from sqlib.learn import recipes
from sqlib.learn import runs as trained
from sqlib.sun.twin import TwinSettings


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
    import time

    runs = recipes.plan(chapter, values)
    if not runs:
        raise SqError(f"{chapter} trains no network; those that do: {', '.join(recipes.PLANS)}")
    frameset, started, cards, samples = frames_of(values, progress), time.monotonic(), {}, {}
    with _processes():
        for number, (name, settings) in enumerate(runs.items()):
            if progress and trained.ranks()[0] == 0 and not trained.is_trained(settings, frameset):
                print(f"{chapter}: {name} ({number + 1} of {len(runs)})", file=sys.stderr, flush=True)
            what = (settings.window, settings.crop, settings.views.low_pass > 0, settings.views.threshold, settings.views.variant)
            left = 60 * minutes - (time.monotonic() - started)
            if what not in samples and not trained.is_trained(settings, frameset):
                samples = {what: trained.samples_for(settings, frameset)}  # only the latest is kept: it may fill the device
            own = samples.get(what)
            cards[name] = trained.train(settings, frameset, samples=own, progress=progress, seconds=max(left, 0)).card
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
