"""How the locator is trained: on windows cut from practice cubes, which are made while it learns and then forgotten.

The weights that come with sqlib are older than this module: their run card says how they were trained.
"""

import hashlib
import json
import math
import os
from collections import deque
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from itertools import islice
from pathlib import Path

import numpy as np
import torch
from torch.nn import functional as F

from sqlib.errors import in_words
from sqlib.learn import trained
from sqlib.learn.locator import STEP, Locator, load, picture
from sqlib.learn.practice import Practice, practise
from sqlib.learn.settings import Loop
from sqlib.learn.train import Task, device_of, precision_of
from sqlib.learn.trained import Trained

MOST = 12  # processes; each holds the physics of both instruments, some GB of memory or of the card's
SPREAD = 2.4  # pixels; the place that is asked for is a Gaussian of this width round the source
CODE = trained.code_of(__name__, ("sun", "data", "learn"))  # with the physics of the practice cubes


@dataclass(frozen=True)
class Teaching:
    """How the locator is trained. Cubes come from a window of `pool` numbers that moves on by one every `renew` steps.

    `steps`: in an epoch. `cubes`: how many a batch is cut from. `keep`: what a step leaves of the running mean of the
    weights, which is what is kept: it wavers less than the weights themselves. `stretch`, `contrast`: how much at most
    the logarithms of the width, the height and the exponent of power are changed in half of the windows, for the Sun's
    speckle is not quite the twin's.
    """

    epochs: int = 80
    steps: int = 100
    batch: int = 16
    crop: int = 192
    pool: int = 64
    renew: int = 3
    cubes: int = 4
    keep: float = 0.999
    stretch: float = 0.15
    contrast: float = 0.15
    rate: float = 2.5e-3
    decay: float = 1e-3
    seed: int = 77001  # of the practice cubes: another than that of the twin which the book shows
    size: int = 256
    frames: int = 256


class Cubes(torch.utils.data.Dataset):
    """Practice cubes from the number `first` on, for a loader whose processes make them; simulated on `device`."""

    def __init__(self, teaching: Teaching, first: int, device: str = "cpu"):
        self.teaching, self.first, self.device = teaching, first, device

    def __len__(self) -> int:
        steps = self.teaching.epochs * self.teaching.steps
        return self.teaching.pool + (steps - 1) // self.teaching.renew - self.first

    def __getitem__(self, place: int) -> Practice:
        torch.set_num_threads(1)
        return practise(self.first + place, self.teaching.seed, self.teaching.size, self.teaching.frames, self.device)


def _as_it_is(cube: Practice) -> Practice:
    return cube  # as arrays, through a pipe: tensors would need shared memory, of which a container has little


def loader(teaching: Teaching, first: int, device: torch.device, workers: int) -> torch.utils.data.DataLoader:
    """The cubes from number `first` on in their order; on a GPU `workers` processes that share it simulate them."""
    spawn = workers and device.type == "cuda"  # a fork cannot use the card
    how = {"multiprocessing_context": "spawn"} if spawn else {}
    cubes = Cubes(teaching, first, device.type)
    return torch.utils.data.DataLoader(cubes, batch_size=None, num_workers=workers, collate_fn=_as_it_is, **how)


def batches(teaching: Teaching, first: int, device: torch.device, workers: int = 0) -> Iterator[tuple]:
    """Batches of the steps from `first` on: pictures (B, C, S, S) of windows, and wanted probabilities (B, cells + 1).

    The frames lie on the device, as uint8, and what is cut from them is the same for the same step and settings.
    """
    start, loaded, held = first // teaching.renew, 0, deque(maxlen=teaching.pool)
    coming = iter(loader(teaching, start, device, workers))
    for step in range(first, teaching.epochs * teaching.steps):
        while start + loaded < step // teaching.renew + teaching.pool:
            frames, sources = next(coming)
            held.append((torch.from_numpy(frames).to(device), sources))
            loaded += 1
        rng = np.random.default_rng([teaching.seed, step])
        chosen = [held[number] for number in rng.integers(teaching.pool, size=teaching.cubes)]
        drawn = [window(*chosen[place % len(chosen)], teaching, rng) for place in range(teaching.batch)]
        yield torch.stack([x for x, _ in drawn]), torch.stack([y for _, y in drawn])


def window(frames: torch.Tensor, sources: np.ndarray, teaching: Teaching, rng: np.random.Generator):
    """One window of a cube (see `practice.Practice`): about an annotated interval, a part of one, or a longer one.

    It is changed as `teaching` says, cropped and turned at random. Its `picture` (C, crop, crop) and the wanted
    probabilities (cells + 1,) of `target`, on the device of the frames, which is never waited for.
    """
    size, crop = frames.shape[1], teaching.crop
    if len(sources):
        first, last, y, x = sources[rng.integers(len(sources))]
        places = [(q[2], q[3]) for q in sources if q[0] == first]
    else:
        first = rng.integers(0, len(frames) - 24)
        last, y, x, places = first + rng.integers(8, 22), *rng.uniform(0.25 * size, 0.75 * size, 2), []
    a, b = _ends(int(first), int(last), rng)
    shown = frames[max(a, 0) : min(b, len(frames) - 1) + 1]
    if rng.random() < 0.5:
        shown = with_lines(shown, rng)
    shown = shown.float()
    if rng.random() < 0.3:  # cubes scaled as a whole leave most frames darker, and with fewer steps of gray
        shown = (shown * rng.uniform(0.35, 1)).round()
    if rng.random() < 0.5:
        shown = shown ** math.exp(rng.uniform(-teaching.contrast, teaching.contrast))
    mean, sides = shown.mean((1, 2), keepdim=True), [size, size]
    if rng.random() < 0.5:
        sides = [max(round(size * math.exp(by)), crop) for by in rng.uniform(-teaching.stretch, teaching.stretch, 2)]
        y, x = ((place + 0.5) * side / size - 0.5 for place, side in zip((y, x), sides))
        places = [tuple((q + 0.5) * side / size - 0.5 for q, side in zip(place, sides)) for place in places]
    top, left = (int(np.clip(q - rng.uniform(0.1, 0.9) * crop, 0, side - crop)) for q, side in zip((y, x), sides))
    shown = _cut(shown, top, left, crop, sides)
    seen = picture(shown, mean, ((sides[0] - 1) / 2 - top, (sides[1] - 1) / 2 - left))
    wanted = target([(y - top, x - left) for y, x in places], crop, frames.device)
    turn, mirror = int(rng.integers(4)), rng.random() < 0.5
    seen, place = torch.rot90(seen, turn, (1, 2)), torch.rot90(wanted[:-1].reshape(crop // STEP, -1), turn, (0, 1))
    if mirror:
        seen, place = seen.flip(2), place.flip(1)
    return seen, torch.cat([place.flatten(), wanted[-1:]])


def _cut(frames: torch.Tensor, top: int, left: int, crop: int, sides: list[int]) -> torch.Tensor:
    """The square (L, crop, crop) at `top`, `left` of frames (L, S, S) stretched to `sides`; the rest is not made."""
    if sides == list(frames.shape[1:]):
        return frames[:, top : top + crop, left : left + crop]
    places = torch.arange(crop, device=frames.device) + 0.5
    y, x = (2 * (places + start) / side - 1 for start, side in zip((top, left), sides))
    grid = torch.stack([x.expand(crop, -1), y[:, None].expand(-1, crop)], -1)
    return F.grid_sample(frames[None], grid[None], padding_mode="border", align_corners=False)[0]


def _ends(first: int, last: int, rng: np.random.Generator) -> tuple[int, int]:
    kind = rng.random()
    if kind < 0.5:  # annotators differ by a frame or two
        return first + int(rng.integers(-2, 3)), last + int(rng.integers(-2, 3))
    if kind < 0.85:
        length = int(rng.integers(1, last - first + 2)) if rng.random() < 0.6 else 1
        start = int(rng.integers(first, last - length + 2))
        return start, start + length - 1
    return first - int(rng.integers(0, 7)), last + int(rng.integers(0, 7))


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


def train(teaching: Teaching = Teaching(), *, start: Path | None = None, workers: int | None = None,
          device: str = "auto", progress: bool = True, seconds: float = math.inf) -> Trained:
    """The locator of these settings: found where it was trained before, gone on with where it was cut off.

    start : weights to go on from, with their run card beside them; None begins with random ones
    workers : processes that make practice cubes (0: this one; None: one fewer than there are cores, up to `MOST`)
    `find_sources` uses the weights that come with sqlib; others are loaded by `locator.load(trained.weights)`. Raises
    `SqError` for damaged weights, and as `trained.obtain` does, whose `seconds` these are.
    """
    where, before, facts = device_of(device), None, asdict(teaching)
    if start is not None:
        beside = start.with_suffix(".json") if start.with_suffix(".json").is_file() else start.with_name("card.json")
        with in_words(f"{start} has no run card beside it", f"it is {beside.name}, or of the same name as the weights"):
            before = json.loads(beside.read_text(encoding="utf-8"))
            facts["start"] = hashlib.sha256(start.read_bytes()).hexdigest()
    key = trained.key_of(CODE, facts, "", precision_of("auto", where))
    workers = min(max((os.cpu_count() or 1) - 1, 1), MOST) if workers is None else workers
    card = {"source": "simulated", "settings": asdict(teaching), "code": CODE[:12], "before": before,
            "cubes": len(Cubes(teaching, 0))}
    trained.obtain(key, lambda _: task(teaching, where, workers, start), card, progress=progress, seconds=seconds)
    return trained.load(key, lambda content: Teaching(**content))


def task(teaching: Teaching, device: torch.device, workers: int, start: Path | None = None) -> Task:
    """Training on windows of practice cubes; `start`: weights to begin with."""
    with torch.random.fork_rng():
        torch.manual_seed(teaching.seed)
        net, stream = Locator() if start is None else load(start), []

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
                warmup=0.15 * teaching.epochs, clip=5.0, average=teaching.keep)
    return Task("locator", loop, teaching.seed, device, net, teaching.steps * teaching.batch, teaching.steps, epoch,
                losses, unit="window")
