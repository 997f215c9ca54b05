"""How the locator is trained: on windows cut from practice cubes, which are made while it learns and then forgotten."""

import hashlib
import json
import math
import os
from collections import deque
from collections.abc import Iterator
from dataclasses import asdict, replace
from functools import partial
from itertools import islice
from pathlib import Path
from typing import Literal

import numpy as np
import torch
from torch.nn import functional as F
from torch.utils.data import DataLoader, Dataset

from sqlib import keys
from sqlib.errors import in_words
from sqlib.learn import trained
from sqlib.learn.locator import STEP, WIDTHS, Locator, as_seen, load, power_maps, power_of
from sqlib.learn.practice import Practice, draw_scene, practise
from sqlib.learn.settings import Count, Loop, Share, checked
from sqlib.learn.train import Task, device_of, precision_of
from sqlib.learn.trained import Trained

MOST = 12  # processes; each holds the physics of both instruments, some GB of memory or of the card's
SPREAD = 2.4  # pixels; the place that is asked for is a Gaussian of this width round the source
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
    law by which practice scenes are drawn, see `SCENES`.
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
    precision: Literal["auto", "bf16", "fp32"] = "auto"


SHIPPED = Teaching()
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
    """Practice cubes from the number `first` on, for a loader whose processes make them; simulated on `device`."""

    def __init__(self, teaching: Teaching, first: int, device: str = "cpu"):
        self.teaching, self.first, self.device = teaching, first, device

    def __len__(self) -> int:
        steps = self.teaching.epochs * self.teaching.steps
        return self.teaching.pool + (steps - 1) // self.teaching.renew - self.first

    def __getitem__(self, place: int) -> Practice:
        torch.set_num_threads(1)
        return practise(self.first + place, self.teaching.seed, self.teaching.size, self.teaching.frames, self.device,
                        SCENES[self.teaching.scenes])


def batches(teaching: Teaching, first: int, device: torch.device, workers: int = 0) -> Iterator[tuple]:
    """Batches of the steps from `first` on: pictures (B, C, S, S) of windows, and wanted probabilities (B, cells + 1).

    The frames lie on the device, as uint8, and what is cut from them is the same for the same step and settings. On a
    GPU the `workers` share it.
    """
    start, loaded, held = first // teaching.renew, 0, deque(maxlen=teaching.pool)
    how = {"multiprocessing_context": "spawn"} if workers and device.type == "cuda" else {}  # a fork cannot use it
    # cubes come as arrays, through a pipe: tensors would need shared memory, of which a container has little
    coming = iter(DataLoader(Cubes(teaching, start, device.type), batch_size=None, num_workers=workers,
                             collate_fn=tuple, **how))
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
        drawn = [window(*held[chosen[place % len(chosen)]], teaching, rng) for place in range(teaching.batch)]
        yield torch.stack([x for x, _ in drawn]), torch.stack([y for _, y in drawn])


def window(frames: torch.Tensor, sources: np.ndarray, usual: torch.Tensor, teaching: Teaching,
           rng: np.random.Generator) -> tuple[torch.Tensor, torch.Tensor]:
    """One window of a cube (see `practice.Practice`): about an annotated interval, a part of one, or a longer one.

    `usual` (S, S): mean power of the cube. It is changed as `teaching` says, cropped and turned at random. What the
    locator sees of it (C, crop, crop) and the wanted probabilities (cells + 1,) of `target`, on the device of the
    frames, which is never waited for.
    """
    size, crop = frames.shape[1], teaching.crop
    if len(sources):
        first, last, y, x = sources[rng.integers(len(sources))]
    else:
        first = rng.integers(0, len(frames) - 24)
        last, y, x = first + rng.integers(8, 22), *rng.uniform(0.25 * size, 0.75 * size, 2)
    a, b = _ends(int(first), int(last), rng)
    a = int(np.clip(a, 0, len(frames) - 1))
    b = int(np.clip(b, a, len(frames) - 1))
    shown = frames[a : b + 1]
    if rng.random() < 0.5:
        shown = with_lines(shown, rng)
    shown = shown.float()
    if rng.random() < 0.3:  # cubes scaled as a whole leave most frames darker, and with fewer steps of gray
        shown = (shown * rng.uniform(0.35, 1)).round()
    if rng.random() < 0.5:
        exponent = math.exp(rng.uniform(-teaching.contrast, teaching.contrast))
        shown, usual = shown**exponent, usual**exponent
    maps = power_maps(power_of(shown), usual if rng.random() < teaching.usual else None)
    sides, places = [size, size], seen_sources(sources, a, b)
    if rng.random() < 0.5:
        sides = [max(round(size * math.exp(by)), crop) for by in rng.uniform(-teaching.stretch, teaching.stretch, 2)]
        (y, x), *places = (tuple((q + 0.5) * side / size - 0.5 for q, side in zip(place, sides))
                           for place in ((y, x), *places))
    top, left = (int(np.clip(q - rng.uniform(0.1, 0.9) * crop, 0, side - crop)) for q, side in zip((y, x), sides))
    if sides == [size, size]:
        maps = maps[:, top : top + crop, left : left + crop]
    else:  # only this part is stretched
        places_of = torch.arange(crop, device=frames.device) + 0.5
        down, across = (2 * (places_of + start) / side - 1 for start, side in zip((top, left), sides))
        grid = torch.stack([across.expand(crop, -1), down[:, None].expand(-1, crop)], -1)
        maps = F.grid_sample(maps[None], grid[None], padding_mode="border", align_corners=False)[0]
    seen = as_seen(maps, b - a + 1, ((sides[0] - 1) / 2 - top, (sides[1] - 1) / 2 - left))
    wanted = target([(y - top, x - left) for y, x in places], crop, frames.device)
    turn, mirror = int(rng.integers(4)), rng.random() < 0.5
    seen, place = torch.rot90(seen, turn, (1, 2)), torch.rot90(wanted[:-1].reshape(crop // STEP, -1), turn, (0, 1))
    if mirror:
        seen, place = seen.flip(2), place.flip(1)
    return seen, torch.cat([place.flatten(), wanted[-1:]])


def seen_sources(sources: np.ndarray, first: int, last: int) -> list[tuple[float, float]]:
    """Places (y, x) of the sources that frames `first` to `last` show: half of these frames are annotated, or half of
    a source's interval lies in them."""
    shared = np.minimum(sources[:, 1], last) - np.maximum(sources[:, 0], first) + 1
    shorter = np.minimum(sources[:, 1] - sources[:, 0], last - first) + 1
    return [(float(y), float(x)) for *_, y, x in sources[2 * shared >= shorter]]


def _ends(first: int, last: int, rng: np.random.Generator) -> tuple[int, int]:
    """First and last frame of a window for an annotated interval, both inclusive."""
    kind, length = rng.random(), last - first + 1
    if kind < 0.35:  # annotators differ by a frame or two
        return first + int(rng.integers(-2, 3)), last + int(rng.integers(-2, 3))
    if kind < 0.65:
        part = int(rng.integers(1, length + 1)) if rng.random() < 0.4 else 1
        start = first + int(rng.integers(0, length - part + 1))
        return start, start + part - 1
    if kind < 0.8:
        return first - int(rng.integers(0, 7)), last + int(rng.integers(0, 7))
    shift, other = int(rng.integers(-14, 15)), int(rng.integers(6, 19))  # as a window that passes over it
    return first + shift, first + shift + other - 1


def target(places, size: int, device: torch.device | str = "cpu") -> torch.Tensor:
    """Wanted probabilities float32 (cells + 1,): a Gaussian round each place (y, x; px) inside, or "nowhere"."""
    middles = torch.arange(size // STEP, device=device) * STEP + (STEP - 1) / 2
    wanted = torch.zeros(size // STEP, size // STEP, device=device)
    inside = [place for place in places if all(0 <= q < size for q in place)]
    for place in inside:
        down, across = (torch.softmax(-((middles - float(q)) ** 2) / (2 * SPREAD**2), 0) for q in place)
        wanted += down[:, None] * across / len(inside)
    return torch.cat([wanted.flatten(), torch.full((1,), float(not inside), device=device)])


def with_lines(frames: torch.Tensor, rng: np.random.Generator) -> torch.Tensor:
    """Frames (L, S, S) with up to three outlines of boxes, at random places, filled with speckle from elsewhere.

    So frames look from which a drawing was taken out; the boxes lie anywhere, so they say nothing about the source.
    """
    frames, size = frames.clone(), frames.shape[1]
    for _ in range(int(rng.integers(0, 4))):
        height, width = (int(side) for side in rng.integers(6, 24, 2))
        y, x = int(rng.integers(0, size - height - 1)), int(rng.integers(0, size - width - 1))
        elsewhere = frames.roll(tuple(int(by) for by in rng.integers(30, size - 30, 2)), (1, 2))
        rows, columns = slice(y, y + height + 1), slice(x, x + width + 1)
        for line in ((rows, x), (rows, x + width), (y, columns), (y + height, columns)):
            frames[:, line[0], line[1]] = elsewhere[:, line[0], line[1]]
    return frames


def run_key(teaching: Teaching, device: str = "auto", **further) -> str:
    """Key of the locator that these settings, and `further` facts, make on practice cubes, its code after a dash."""
    facts = asdict(teaching) | further, precision_of(teaching.precision, device_of(device))
    return keys.with_code(keys.key("locator", *facts), CODE)


def train(teaching: Teaching = SHIPPED, *, start: Path | None = None, workers: int | None = None,
          device: str = "auto", **how) -> Trained:
    """The locator of these settings: found where it was trained before, gone on with where it was cut off.

    start : weights to go on from, with their run card beside them; None begins with random ones
    workers : processes that make practice cubes (0: this one; None: one fewer than there are cores, up to `MOST`, and
        none for a few cubes)
    `find_sources` uses the weights that come with sqlib; others are loaded by `network`. Raises `SqError` for damaged
    weights, and as `trained.obtain` does, which takes the rest.
    """
    where, before, further = device_of(device), None, {}
    if start is not None:
        beside = start.with_suffix(".json") if start.with_suffix(".json").is_file() else start.with_name("card.json")
        with in_words(f"{start} has no run card beside it", f"it is {beside.name}, or of the same name as the weights"):
            before = json.loads(beside.read_text(encoding="utf-8"))
            further = {"start": hashlib.sha256(start.read_bytes()).hexdigest()}
    cubes = len(Cubes(teaching, 0))
    workers = min(max((os.cpu_count() or 1) - 1, 1), MOST, cubes // 16) if workers is None else workers
    facts = {"source": "simulated", "code": CODE[:12], "before": before, "cubes": cubes}
    return trained.obtain(run_key(teaching, device, **further), lambda _: task(teaching, where, workers, start),
                          teaching, facts, **how)


def network(run: Trained, device: str = "cpu") -> Locator:
    """The locator that `train` trained, in evaluation mode; `SqError` as `locator.load` raises."""
    return load(run.weights, device, run.settings.widths, run.settings.hidden)


def task(teaching: Teaching, device: torch.device, workers: int, start: Path | None = None) -> Task:
    """Training on windows of practice cubes; `start`: weights to begin with."""
    with torch.random.fork_rng():
        torch.manual_seed(teaching.seed)
        new = teaching.widths, teaching.hidden
        net, stream = Locator(*new) if start is None else load(start, "cpu", *new), []

    def epoch(number: int, _) -> Iterator[tuple]:
        if not stream:  # one for all epochs: the cubes go on from one to the next
            stream.append(batches(teaching, number * teaching.steps, device, workers))
        return islice(stream[0], teaching.steps)

    def losses(net: torch.nn.Module, batch: tuple, _) -> tuple[torch.Tensor, dict[str, torch.Tensor]]:
        place, nowhere = net(batch[0].contiguous(memory_format=torch.channels_last))
        logits = torch.cat([place.flatten(1), nowhere.float()[:, None]], 1)
        loss = -(batch[1] * logits.log_softmax(1)).sum(1).mean()
        return loss, {"loss": loss}

    loop = Loop(teaching.epochs, teaching.batch, "adamw", teaching.rate, decay=teaching.decay,
                warmup=0.15 * teaching.epochs, clip=5.0, average=teaching.keep, precision=teaching.precision)
    return Task("locator", loop, teaching.seed, device, net, teaching.steps * teaching.batch, teaching.steps, epoch,
                losses, unit="window")
