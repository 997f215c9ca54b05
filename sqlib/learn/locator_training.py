"""How the locator is taught: by windows cut from practice cubes, which are made while it learns and then forgotten.

The weights that come with sqlib are older than `stretch`, `contrast`, `cubes` and `keep`: their run card says how they were taught.
"""

import json
import math
import os
import platform
import time
from collections import deque
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import torch
from torch.nn import functional as F
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

from sqlib import __version__
from sqlib.data.build import PHYSICS
from sqlib.errors import in_words
from sqlib.learn import checkpoint
from sqlib.learn.locator import STEP, Locator, load, picture
from sqlib.learn.objectives import autocast
from sqlib.learn.practice import Practice, practise
from sqlib.learn.runs import Unfinished, words_of
from sqlib.learn.settings import Loop
from sqlib.learn.train import device_of, rate_at
from sqlib.paths import home, replacing

MOST = 12  # processes; each holds the physics of both instruments, some GB of memory or of the card's
SPREAD = 2.4  # pixels; the place that is asked for is a Gaussian of this width round the source


@dataclass(frozen=True)
class Teaching:
    """How the locator is taught. Cubes are drawn from a window of `pool` numbers that moves on by one every `renew` steps.

    `cubes`: how many a batch is cut from. `keep`: what a step leaves of the running mean of the weights, which is what is kept:
    it wavers less than the weights themselves. `stretch`, `contrast`: how much at most the logarithms of the width, the
    height and the exponent of power are changed in half of the windows, for the Sun's speckle is not quite the twin's.
    """

    steps: int = 8000
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
    """Practice cubes from the number `first` on, for a loader that has them made by several processes; simulated on `device`."""

    def __init__(self, teaching: Teaching, first: int, device: str = "cpu"):
        self.teaching, self.first, self.device = teaching, first, device

    def __len__(self) -> int:
        return self.teaching.pool + (self.teaching.steps - 1) // self.teaching.renew - self.first

    def __getitem__(self, place: int) -> Practice:
        torch.set_num_threads(1)
        return practise(self.first + place, self.teaching.seed, self.teaching.size, self.teaching.frames, self.device)


def _as_it_is(cube: Practice) -> Practice:
    return cube  # as arrays, through a pipe: tensors would need shared memory, of which a container has little


def loader(teaching: Teaching, first: int, device: torch.device, workers: int) -> torch.utils.data.DataLoader:
    """The cubes from number `first` on in their order; on a GPU they are simulated by `workers` processes that share it."""
    how = {"multiprocessing_context": "spawn"} if workers and device.type == "cuda" else {}  # a fork cannot use the card
    cubes = Cubes(teaching, first, device.type)
    return torch.utils.data.DataLoader(cubes, batch_size=None, num_workers=workers, collate_fn=_as_it_is, **how)


def batches(teaching: Teaching, first: int, device: torch.device, workers: int = 0):
    """Batches of the steps from `first` on: pictures (B, C, S, S) of windows, and the wanted probabilities (B, cells + 1).

    The frames lie on the device, as uint8, and what is cut from them is the same for the same step and settings.
    """
    start, loaded, held = first // teaching.renew, 0, deque(maxlen=teaching.pool)
    coming = iter(loader(teaching, start, device, workers))
    for step in range(first, teaching.steps):
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

    It is changed as `teaching` says, cropped and turned at random. Its `picture` (C, crop, crop) and the wanted probabilities
    (cells + 1,) of `target`, on the device of the frames.
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
    if rng.random() < 0.5:
        sides = [max(round(size * math.exp(rng.uniform(-teaching.stretch, teaching.stretch))), crop) for _ in range(2)]
        shown = F.interpolate(shown[None], sides, mode="bilinear")[0]
        y, x = ((place + 0.5) * side / size - 0.5 for place, side in zip((y, x), sides))
        places = [tuple((q + 0.5) * side / size - 0.5 for q, side in zip(place, sides)) for place in places]
    seen = picture(shown)
    top, left = (int(np.clip(q - rng.uniform(0.1, 0.9) * crop, 0, side - crop)) for q, side in zip((y, x), seen.shape[1:]))
    seen = seen[:, top : top + crop, left : left + crop]
    wanted = target([(y - top, x - left) for y, x in places], crop)
    turn, mirror = int(rng.integers(4)), rng.random() < 0.5
    seen, place = torch.rot90(seen, turn, (1, 2)), torch.rot90(wanted[:-1].reshape(crop // STEP, -1), turn, (0, 1))
    if mirror:
        seen, place = seen.flip(2), place.flip(1)
    return seen, torch.cat([place.flatten(), wanted[-1:]]).to(frames.device)


def _ends(first: int, last: int, rng: np.random.Generator) -> tuple[int, int]:
    kind = rng.random()
    if kind < 0.5:  # annotators differ by a frame or two
        return first + int(rng.integers(-2, 3)), last + int(rng.integers(-2, 3))
    if kind < 0.85:
        length = int(rng.integers(1, last - first + 2)) if rng.random() < 0.6 else 1
        start = int(rng.integers(first, last - length + 2))
        return start, start + length - 1
    return first - int(rng.integers(0, 7)), last + int(rng.integers(0, 7))


def target(places, size: int) -> torch.Tensor:
    """Wanted probabilities float32 (cells + 1,): a Gaussian round each place (y, x, px), or "nowhere", where none is inside."""
    y, x = np.mgrid[: size // STEP, : size // STEP] * STEP + (STEP - 1) / 2
    wanted = np.zeros((size // STEP, size // STEP))
    for row, column in places:
        if 0 <= row < size and 0 <= column < size:
            peak = np.exp(-((y - row) ** 2 + (x - column) ** 2) / (2 * SPREAD**2))
            wanted += peak / peak.sum()
    total = wanted.sum()
    return torch.from_numpy(np.r_[wanted.ravel() / max(total, 1.0), float(total == 0)]).float()


def with_lines(frames: torch.Tensor, rng: np.random.Generator) -> torch.Tensor:
    """Frames (L, S, S) with up to three outlines of boxes, at random places, filled with speckle from elsewhere.

    So frames look from which a drawing was taken out; the boxes lie anywhere, so they say nothing about the source.
    """
    frames, size = frames.clone(), frames.shape[1]
    for _ in range(int(rng.integers(0, 4))):
        height, width = (int(side) for side in rng.integers(6, 24, 2))
        y, x = int(rng.integers(0, size - height - 1)), int(rng.integers(0, size - width - 1))
        elsewhere = frames.roll(tuple(int(by) for by in rng.integers(30, size - 30, 2)), (1, 2))
        for rows, columns in (
            (slice(y, y + height + 1), [x, x + width]), ([y, y + height], slice(x, x + width + 1)),
        ):  # fmt: skip
            frames[:, rows, columns] = elsewhere[:, rows, columns]
    return frames


def teach(teaching: Teaching, path: Path | None = None, *, start: Path | None = None, workers: int | None = None,
          device: str = "auto", progress: bool = True, seconds: float = math.inf) -> Path:  # fmt: skip
    """Teach a locator, or go on where that was cut off, and write its weights to `path` and its run card beside them.

    start : weights to go on from, with their run card beside them; None begins with random ones
    path : default data/models/locator/locator.safetensors (`find_sources` uses those that come with sqlib, see `load`)
    workers : processes that make practice cubes (0: this one; None: one fewer than there are cores, up to `MOST`)
    seconds : stop after so long, by raising `runs.Unfinished`; the same call goes on
    Raises `SqError` for damaged weights or a damaged state to go on from, and where nothing can be written.
    """
    from tqdm import tqdm

    path = home() / "data" / "models" / "locator" / "locator.safetensors" if path is None else Path(path)
    going_on, clock = path.with_name("teaching.safetensors"), time.monotonic()
    torch.manual_seed(teaching.seed)
    where = device_of(device)
    net = (Locator() if start is None else load(start)).to(where, memory_format=torch.channels_last)
    mean = AveragedModel(net, multi_avg_fn=get_ema_multi_avg_fn(teaching.keep), use_buffers=True)
    optimizer = torch.optim.AdamW(net.parameters(), teaching.rate, weight_decay=teaching.decay)
    loop = Loop(teaching.steps, rate=teaching.rate, warmup=0.15 * teaching.steps)  # its lengths are steps here
    first, losses, spent = 0, [], 0.0
    before = None
    if start is not None:
        with in_words(f"{start} has no run card beside it", "it is a file of the same name that ends with .json"):
            before = json.loads(Path(start).with_suffix(".json").read_text(encoding="utf-8"))
    if going_on.is_file():
        groups, facts = checkpoint.load(going_on)
        if facts["teaching"] == asdict(teaching) and facts["before"] == before:
            net.load_state_dict(groups["net"])
            mean.load_state_dict(groups["mean"])
            checkpoint.restore_optimizer(optimizer, groups["optimizer"])
            first, losses, spent = facts["step"], facts["losses"], facts["seconds"]
    bar = tqdm(total=teaching.steps, initial=first, desc="locator", unit="step", disable=not progress)
    workers = min(max((os.cpu_count() or 1) - 1, 1), MOST) if workers is None else workers
    net.train()
    for step, (pictures, wanted) in enumerate(batches(teaching, first, where, workers), first + 1):
        with autocast(where, "auto"):
            place, nowhere = net(pictures.contiguous(memory_format=torch.channels_last))
        loss = -(wanted * torch.cat([place.flatten(1), nowhere.float()[:, None]], 1).log_softmax(1)).sum(1).mean()
        optimizer.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(net.parameters(), 5.0)
        for group in optimizer.param_groups:
            group["lr"] = rate_at(loop, step)
        optimizer.step()
        mean.update_parameters(net)
        losses.append(round(float(loss.detach()), 4))
        bar.set_postfix_str(f"loss {np.mean(losses[-50:]):.2f}", refresh=False)
        bar.update()
        late = time.monotonic() - clock > seconds
        if step < teaching.steps and (step % 100 == 0 or late):
            facts = {"teaching": asdict(teaching), "before": before, "step": step, "losses": losses}
            groups = {"net": net.state_dict(), "mean": mean.state_dict(), "optimizer": checkpoint.optimizer_state(optimizer)}
            checkpoint.save(going_on, groups, facts | {"seconds": spent + time.monotonic() - clock})
            if late:
                raise Unfinished(f"{step} of {teaching.steps} steps of the locator are done; the same call goes on")
    bar.close()
    checkpoint.save(path, {"net": mean.module.state_dict()}, {"steps": teaching.steps})
    card = {
        "source": "simulated", "teaching": asdict(teaching), "physics": PHYSICS,
        "parameters": sum(p.numel() for p in net.parameters()),
        "windows": teaching.steps * teaching.batch, "cubes": len(Cubes(teaching, 0)),
        "loss": [float(np.mean(part)) for part in np.array_split(losses, min(60, len(losses)))],
        "seconds": round(spent + time.monotonic() - clock), "version": __version__,
        "device": words_of(where),
        "versions": {"torch": torch.__version__, "numpy": np.__version__, "python": platform.python_version()},
        "made": datetime.now(UTC).isoformat(timespec="seconds"), "before": before,
    }  # fmt: skip
    with replacing(path.with_suffix(".json")) as aside:
        aside.write_text(json.dumps(card, indent=1) + "\n", encoding="utf-8")
    going_on.unlink(missing_ok=True)
    return path
