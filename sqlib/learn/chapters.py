"""What a chapter needs before it is executed: its frames and networks, trained in pieces or by several processes."""

import math
import os
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import fields, replace
from functools import lru_cache, partial
from typing import Any

import numpy as np
import pandas as pd
import torch

from sqlib.data.build import load_frames
from sqlib.data.frames import FrameSet
from sqlib.data.trial import trial_frames
from sqlib.errors import SqError
from sqlib.learn import detector, encoders, recipes, trained
from sqlib.learn.samples import Samples, make_samples, places, sparse
from sqlib.learn.train import device_of, ranks
from sqlib.learn.trained import Trained
from sqlib.sun.twin import TwinSettings
from sqlib.workers import say

EVERY = 8  # of trial events one frame in so many is asked about: those between are alike, and cost eight times


def frames_of(values: dict[str, Any], progress: bool = True) -> FrameSet:
    """The frame set that a chapter's parameters name."""
    own = {field.name: values[field.name] for field in fields(TwinSettings) if field.name in values}
    return load_frames(values["data"], values["root"], size=values["resolution"], scaling=values["scaling"],
                       settings=TwinSettings(**own), progress=progress)


def simulated(values: dict[str, Any], progress: bool = True) -> FrameSet:
    """The twin that a chapter on real frames learns from beside them: scaled frame by frame, as published ones are."""
    return frames_of({**values, "data": "twin", "scaling": "frame"}, progress)


def trial_of(values: dict[str, Any], progress: bool = True) -> FrameSet:
    """Frames of the trial events that a chapter's parameters name, made as `frames_of` makes those of the twin."""
    own = {field.name: values[field.name] for field in fields(TwinSettings) if field.name in values}
    return trial_frames(values["trial"], settings=TwinSettings(**own), size=values["resolution"],
                        scaling=values["scaling"], progress=progress)


def trial_answers(runs: Mapping[str, Trained], trial: FrameSet, what: str = "margin",
                  every: int = EVERY) -> tuple[dict[str, np.ndarray], pd.DataFrame]:
    """What each of some runs says of trial events, of one frame in `every`, raw, float32 (M, …), and their index.

    what : as for `encoders.embed`; a margin (M,) is one number a frame
    Frames that some run lacks neighbours in time for are left out. One input's samples are made at a time, and none
    where all of its runs came with the book or were asked before.
    """

    def shown(name: str) -> tuple[int, int, str, int]:
        seen = runs[name].settings
        return seen.window, seen.spacing, seen.levels, seen.crop

    @lru_cache(maxsize=1)
    def samples(window: int, spacing: int, levels: str, crop: int) -> Samples:
        return sparse(make_samples(trial, window, crop, None, device_of(), spacing, levels), every)

    found = {}
    for name in sorted(runs, key=shown):
        order, middle = places(trial.index, *shown(name)[:2])
        index = trial.index.iloc[order[middle]]
        asked = replace(trial, index=index[index["frame"] % every == 0])
        said = encoders.said(runs[name], what, asked, partial(samples, *shown(name)))
        found[name] = pd.DataFrame(said, pd.MultiIndex.from_frame(asked.index[["event", "frame"]]))
    common = pd.concat(found.values(), axis=1, join="inner").index
    answers = {name: found[name].loc[common].to_numpy() for name in runs}
    answers = {name: own[:, 0] if what in ("margin", "probability") else own for name, own in answers.items()}
    return answers, trial.index.set_index(["event", "frame"], drop=False).loc[common].reset_index(drop=True)


def train_chapter(chapter: str, values: dict[str, Any], progress: bool = True,
                  minutes: float = math.inf, anew: bool = False) -> dict[str, Any]:
    """Train the networks of a chapter that are not there yet; return the card of each by name.

    minutes : stop after so long at the end of an epoch; the same call goes on
    anew : train here those too that came with the book
    Raises `SqError` for a chapter that trains nothing, and what training raises.
    """
    if chapter not in recipes.PLANS:
        raise SqError(f"{chapter} trains no network; those that do: {', '.join(recipes.PLANS)}")
    frameset, started, cards = frames_of(values, progress), time.monotonic(), {}
    planned = recipes.plan(chapter, values, frameset)
    with _processes():
        for number, (name, settings) in enumerate(planned.items()):
            beside = isinstance(settings, recipes.Detector) and settings.data == "twin"
            frames = simulated(values, progress) if beside else frameset
            how = {"progress": progress, "seconds": max(60 * minutes - (time.monotonic() - started), 0),
                   "anew": anew}
            if anew or not trained.is_complete(trainer_of(settings).run_key(settings, frames.origin)):
                say(f"{chapter}: training {name} ({number + 1} of {len(planned)})", progress and ranks()[0] == 0)
            run = trainer_of(settings).train(settings, frames, **how)
            cards[name] = run.card | {"key": run.key}  # by the code at hand: under it lies what it asked this network
    encoders.teaching.cache_clear()  # what taught may be large
    return cards


def networks(chapter: str, values: dict[str, Any]) -> tuple[int, set[str]]:
    """How many networks a chapter names, and the keys of those that are not trained yet: by their settings alone where
    the frames are not simulated, for these are too many to be read for that. Raises `SqError` as `train_chapter` does.
    """
    frameset = frames_of(values) if values["data"] == "twin" else None
    planned = recipes.plan(chapter, values, frameset)
    if frameset is None:
        return len(planned), {repr(settings) for settings in planned.values()}
    keys = {trainer_of(settings).run_key(settings, frameset.origin) for settings in planned.values()}
    return len(planned), {key for key in keys if not trained.is_complete(key)}


def trainer_of(settings: encoders.Settings | recipes.Detector):
    """The module whose `run_key` and `train` are for these settings."""
    return detector if isinstance(settings, recipes.Detector) else encoders


@contextmanager
def _processes() -> Iterator[None]:
    """Join the other processes that torchrun started, if it did."""
    if int(os.environ.get("WORLD_SIZE", 1)) < 2:
        yield
        return
    gpu = torch.cuda.is_available()
    if gpu:
        torch.cuda.set_device(int(os.environ["LOCAL_RANK"]))
    torch.distributed.init_process_group("nccl" if gpu else "gloo")
    try:
        yield
    finally:
        torch.distributed.destroy_process_group()
