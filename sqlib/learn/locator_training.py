"""How the locator is trained: on windows cut from practice cubes, which are made while it learns and then forgotten."""

import math
import os
import time
from collections import deque
from collections.abc import Iterator
from dataclasses import asdict, replace
from functools import partial
from itertools import islice
from typing import Literal

import numpy as np
import torch
from torch import nn
from torch.utils.data import DataLoader, Dataset

from sqlib import answers, keys
from sqlib.learn import trained
from sqlib.learn.locator import WIDTHS, Locator, load, power_of
from sqlib.learn.locator_windows import window
from sqlib.learn.practice import Practice, draw_scene, practise
from sqlib.learn.settings import Count, Loop, Share, checked
from sqlib.learn.train import Task, device_of, precision_of
from sqlib.learn.trained import Trained

MOST = 12  # processes; each holds the physics of both instruments, some GB of memory
SCENES = {
    # sources as deep in shadows, and as far from the darkest place, as those of published events (`data.statistics`)
    "measured": partial(draw_scene, level=(0.32, 0.2), beside=(0.25, 0.3, 0.25, 0.2), apart=(20, 65)),
    "wide": draw_scene,
}
"""Laws by which scenes are drawn, by name."""
CODE = trained.code_of(__name__, ("sun", "data", "learn"))  # with the physics of the practice cubes


@checked
class Teaching:
    """How the locator is trained. Cubes come from a window of `pool` numbers that moves on by one every `renew` steps.

    `steps`: in an epoch. `cubes`: how many a batch is cut from. `quiet`: share of windows from cubes without a source.
    `usual`: share of windows that are shown beside their event's other frames. `keep`: what a step leaves of the
    running mean of the weights, which is what is kept: it wavers less than the weights themselves. `stretch`,
    `contrast`: how much at most the logarithms of the width, the height and the exponent of power are changed in half
    of the windows, for the Sun's speckle is not quite the twin's. `widths`, `hidden`: of the `Locator`. `scenes`: the
    law by which practice scenes are drawn, see `SCENES`. `elsewhere`: share of windows at any other time of their cube.
    """

    epochs: Count = 60
    steps: Count = 100
    batch: Count = 16
    crop: Count = 160
    pool: Count = 64
    renew: Count = 8
    cubes: Count = 4
    quiet: Share = 0.2
    usual: Share = 0.5
    keep: float = 0.998
    stretch: float = 0.15
    contrast: float = 0.15
    rate: float = 2.5e-3
    decay: float = 1e-3
    seed: int = 77001  # of the practice cubes: another than that of the twin which the book shows
    size: Count = 256
    frames: Count = 256
    widths: tuple[Count, ...] = WIDTHS
    hidden: tuple[Literal["parts", "surroundings", "usual", "distance"], ...] = ()
    scenes: Literal["measured", "wide"] = "measured"
    elsewhere: Share = 0.0
    precision: Literal["auto", "bf16", "fp32"] = "auto"


SHIPPED = Teaching()
FURTHER = replace(SHIPPED, seed=78001, rate=1.5e-3, elsewhere=0.3)
"""How that which searches whole cubes (`event_search`) went on: by other cubes, and by places at all times as well."""
STUDY = {
    "everything": {}, "no parts in time": {"hidden": ["parts"]}, "no surroundings": {"hidden": ["surroundings"]},
    "no usual power": {"hidden": ["usual"]}, "neither of the two": {"hidden": ["surroundings", "usual"]},
    "wide scenes": {"scenes": "wide"},
}
"""What small locators are shown and taught by, as the settings that it changes."""


def study(steps: int, seeds: list[int], frames: int) -> dict[str, Teaching]:
    """Small locators of so many steps with each of `STUDY`, "everything, seed 1" …, which see 96 of the 128 pixels of
    practice cubes of so many frames. Raises `SqError` for numbers below 1."""
    small = Teaching(epochs=-(-steps // 100), steps=min(steps, 100), pool=min(64, steps), renew=16, crop=96, size=128,
                     frames=frames, widths=(16, 24, 36, 48), precision="fp32")
    return {f"{name}, seed {seed}": replace(small, seed=SHIPPED.seed + seed, **own) for name, own in STUDY.items()
            for seed in seeds}


class Cubes(Dataset):
    """Practice cubes from the number `first` on, for a loader whose processes make them."""

    def __init__(self, teaching: Teaching, first: int):
        self.teaching, self.first = teaching, first

    def __len__(self) -> int:
        steps = self.teaching.epochs * self.teaching.steps
        return self.teaching.pool + (steps - 1) // self.teaching.renew - self.first

    def __getitem__(self, place: int) -> Practice:
        torch.set_num_threads(1)
        return practise(self.first + place, self.teaching.seed, self.teaching.size, self.teaching.frames,
                        SCENES[self.teaching.scenes])


def batches(teaching: Teaching, first: int, device: torch.device) -> Iterator[tuple]:
    """Batches of the steps from `first` on: pictures (B, C, S, S) of windows, and wanted probabilities (B, cells + 1).

    The frames lie on the device, as uint8, and what is cut from them is the same for the same step and settings.
    """
    start, loaded, held = first // teaching.renew, 0, deque(maxlen=teaching.pool)
    cubes = Cubes(teaching, start)
    workers = min(max((os.cpu_count() or 1) - 1, 1), MOST, len(cubes) // 16)  # 0: a few cubes are made by this process
    # they come as arrays, through a pipe: tensors would need shared memory, of which a container has little
    coming = iter(DataLoader(cubes, batch_size=None, num_workers=workers, collate_fn=tuple))
    for step in range(first, teaching.epochs * teaching.steps):
        while start + loaded < step // teaching.renew + teaching.pool:
            frames, sources = next(coming)
            frames = torch.from_numpy(frames).to(device)
            held.append((frames, sources, torch.stack([power_of(part).mean(0) for part in frames.split(64)]).mean(0)))
            loaded += 1
        rng = np.random.default_rng([teaching.seed, step])
        none = np.array([not len(sources) for _, sources, _ in held])
        weight = np.where(none, teaching.quiet / max(none.sum(), 1), (1 - teaching.quiet) / max((~none).sum(), 1))
        chosen = rng.choice(teaching.pool, size=teaching.cubes, p=weight / weight.sum())
        how = teaching.crop, teaching.usual, teaching.stretch, teaching.contrast, teaching.elsewhere
        cut = [window(*held[chosen[place % len(chosen)]], rng, *how) for place in range(teaching.batch)]
        yield tuple(map(torch.stack, zip(*cut)))


def run_key(teaching: Teaching, device: str = "auto", **further) -> str:
    """Key of the locator that these settings, and `further` facts, make on practice cubes, its code after a dash."""
    facts = asdict(teaching) | further, precision_of(teaching.precision, device_of(device))
    return keys.with_code(keys.key("locator", *facts), CODE)


def train(teaching: Teaching = SHIPPED, *, start: Trained | None = None, device: str = "auto", **how) -> Trained:
    """The locator of these settings: found where it was trained before, gone on with where it was cut off.

    start : the locator whose weights it goes on from; None begins with random ones
    `find_sources` and `find_events` use those that come with sqlib; others are loaded by `network`. Raises `SqError`
    for damaged weights, and as `trained.obtain` does, which takes the rest.
    """
    further = {} if start is None else {"start": answers.hash_of(start.weights)}
    facts = {"source": "simulated", "code": CODE[:12], "before": start and start.card,
             "cubes": len(Cubes(teaching, 0))}
    return trained.obtain(run_key(teaching, device, **further), lambda _: task(teaching, device_of(device), start),
                          teaching, facts, **how)


def train_as_shipped(seconds: float = math.inf) -> tuple[Trained, Trained]:
    """The two locators that come with sqlib, trained here: as `SHIPPED`, and from there as `FURTHER`. Stops after so
    many seconds by raising `trained.Unfinished`; the same call goes on. Raises `SqError` as `train` does."""
    begun = time.monotonic()
    first = train(SHIPPED, seconds=seconds)
    return first, train(FURTHER, start=first, seconds=seconds - (time.monotonic() - begun))


def network(run: Trained, device: str = "cpu") -> Locator:
    """The locator that `train` trained, in evaluation mode; `SqError` as `locator.load` raises."""
    return load(run.weights, device, run.settings.widths, run.settings.hidden)


def task(teaching: Teaching, device: torch.device, start: Trained | None = None) -> Task:
    """Training on windows of practice cubes; `start`: the locator to begin with."""
    with torch.random.fork_rng():
        torch.manual_seed(teaching.seed)
        new = teaching.widths, teaching.hidden
        net, stream = Locator(*new) if start is None else load(start.weights, "cpu", *new), []

    def epoch(number: int, _) -> Iterator[tuple]:
        if not stream:  # one for all epochs: the cubes go on from one to the next
            stream.append(batches(teaching, number * teaching.steps, device))
        return islice(stream[0], teaching.steps)

    def losses(net: nn.Module, batch: tuple, _) -> tuple[torch.Tensor, dict[str, torch.Tensor]]:
        place, nowhere = net(batch[0].contiguous(memory_format=torch.channels_last))
        logits = torch.cat([place.flatten(1), nowhere.float()[:, None]], 1)
        loss = -(batch[1] * logits.log_softmax(1)).sum(1).mean()
        return loss, {"loss": loss}

    loop = Loop(teaching.epochs, teaching.batch, "adamw", teaching.rate, decay=teaching.decay,
                warmup=0.15 * teaching.epochs, clip=5.0, average=teaching.keep, precision=teaching.precision)
    return Task("locator", loop, teaching.seed, device, net, teaching.steps * teaching.batch, teaching.steps, epoch,
                losses, unit="window")
