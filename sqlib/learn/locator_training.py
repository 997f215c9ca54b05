"""How the locator is taught: by windows cut from practice cubes, which are made while it learns and then forgotten."""

import json
import math
import platform
import time
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from functools import lru_cache
from pathlib import Path

import numpy as np
import torch

from sqlib import __version__
from sqlib.data.build import PHYSICS
from sqlib.learn import checkpoint
from sqlib.learn.locator import STEP, Locator, picture
from sqlib.learn.objectives import autocast
from sqlib.learn.practice import Practice, practise
from sqlib.learn.runs import Unfinished, words_of
from sqlib.learn.settings import Loop
from sqlib.learn.train import device_of, rate_at
from sqlib.paths import home, replacing

SPREAD = 2.4  # pixels; the place that is asked for is a Gaussian of this width round the source


@dataclass(frozen=True)
class Teaching:
    """How the locator is taught. Cubes are drawn from a window of `pool` numbers that moves on by one every `renew` steps."""

    steps: int = 8000
    batch: int = 8
    crop: int = 192
    pool: int = 64
    renew: int = 6
    rate: float = 2.5e-3
    decay: float = 1e-3
    seed: int = 77001  # of the practice cubes: another than that of the twin which the book shows
    size: int = 256
    frames: int = 256


@lru_cache(maxsize=72)
def _cube(number: int, seed: int, size: int, frames: int) -> Practice:
    return practise(number, seed, size, frames)


def make_batch(step: int, teaching: Teaching) -> tuple[torch.Tensor, torch.Tensor]:
    """Pictures (B, C, S, S) of windows and the wanted probabilities (B, cells + 1): the same for the same step and settings."""
    rng = np.random.default_rng([teaching.seed, step])
    numbers = step // teaching.renew + rng.integers(teaching.pool, size=2)
    cubes = [_cube(int(number), teaching.seed, teaching.size, teaching.frames) for number in numbers]
    drawn = [window(cubes[place % 2], teaching.crop, rng) for place in range(teaching.batch)]
    return torch.stack([x for x, _ in drawn]), torch.stack([y for _, y in drawn])


def window(cube: Practice, crop: int, rng: np.random.Generator) -> tuple[torch.Tensor, torch.Tensor]:
    """One window of a cube: about an annotated interval, a part of one, or a longer one; cropped and turned at random.

    Its `picture` (C, `crop`, `crop`) and the wanted probabilities (cells + 1,) of `target`.
    """
    frames, sources = cube
    size = frames.shape[1]
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
    shown = torch.from_numpy(shown.astype(np.float32))
    if rng.random() < 0.3:  # cubes scaled as a whole leave most frames darker, and with fewer steps of gray
        shown = (shown * rng.uniform(0.35, 1)).round()
    seen = picture(shown)
    top, left = (int(np.clip(place - rng.uniform(0.1, 0.9) * crop, 0, size - crop)) for place in (y, x))
    seen = seen[:, top : top + crop, left : left + crop]
    wanted = target([(y - top, x - left) for y, x in places], crop)
    turn, mirror = int(rng.integers(4)), rng.random() < 0.5
    seen, place = torch.rot90(seen, turn, (1, 2)), torch.rot90(wanted[:-1].reshape(crop // STEP, -1), turn, (0, 1))
    if mirror:
        seen, place = seen.flip(2), place.flip(1)
    return seen, torch.cat([place.flatten(), wanted[-1:]])


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


def with_lines(frames: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Frames (L, S, S) with up to three outlines of boxes, at random places, filled with speckle from elsewhere.

    So frames look from which a drawing was taken out; the boxes lie anywhere, so they say nothing about the source.
    """
    frames, size = frames.copy(), frames.shape[1]
    for _ in range(int(rng.integers(0, 4))):
        height, width = rng.integers(6, 24, 2)
        y, x = rng.integers(0, size - height - 1), rng.integers(0, size - width - 1)
        line = np.zeros((size, size), bool)
        line[y : y + height + 1, [x, x + width]] = line[[y, y + height], x : x + width + 1] = True
        elsewhere = np.roll(frames, tuple(rng.integers(30, size - 30, 2)), (1, 2))
        frames[:, line] = elsewhere[:, line]
    return frames


class _Batches(torch.utils.data.Dataset):
    """The batches of the steps that are left, for a loader that makes them in a process of its own."""

    def __init__(self, teaching: Teaching, first: int):
        self.teaching, self.first = teaching, first

    def __len__(self) -> int:
        return self.teaching.steps - self.first

    def __getitem__(self, place: int):
        torch.set_num_threads(1)
        return make_batch(self.first + place, self.teaching)


def teach(teaching: Teaching, path: Path | None = None, *, workers: int = 1, device: str = "auto", progress: bool = True,
          seconds: float = math.inf) -> Path:  # fmt: skip
    """Teach a locator, or go on where that was cut off, and write its weights to `path` and its run card beside them.

    path : default data/models/locator/locator.safetensors (`find_sources` uses those that come with sqlib, see `load`)
    workers : processes that make practice cubes; 0 makes them in this one
    seconds : stop after so long, by raising `runs.Unfinished`; the same call goes on
    Raises `SqError` for a damaged state to go on from, and where nothing can be written.
    """
    from tqdm import tqdm

    path = home() / "data" / "models" / "locator" / "locator.safetensors" if path is None else Path(path)
    going_on, clock = path.with_name("teaching.safetensors"), time.monotonic()
    torch.manual_seed(teaching.seed)
    where = device_of(device)
    net = Locator().to(where, memory_format=torch.channels_last)
    optimizer = torch.optim.AdamW(net.parameters(), teaching.rate, weight_decay=teaching.decay)
    loop = Loop(teaching.steps, rate=teaching.rate, warmup=0.15 * teaching.steps)  # its lengths are steps here
    first, losses, spent = 0, [], 0.0
    if going_on.is_file():
        groups, facts = checkpoint.load(going_on)
        if facts["teaching"] == asdict(teaching):
            net.load_state_dict(groups["net"])
            checkpoint.restore_optimizer(optimizer, groups["optimizer"])
            first, losses, spent = facts["step"], facts["losses"], facts["seconds"]
    bar = tqdm(total=teaching.steps, initial=first, desc="locator", unit="step", disable=not progress)
    batches = torch.utils.data.DataLoader(_Batches(teaching, first), batch_size=None, num_workers=workers)
    net.train()
    for step, (pictures, wanted) in enumerate(batches, first + 1):
        with autocast(where, "auto"):
            place, nowhere = net(pictures.to(where).contiguous(memory_format=torch.channels_last))
        loss = -(wanted.to(where) * torch.cat([place.flatten(1), nowhere.float()[:, None]], 1).log_softmax(1)).sum(1).mean()
        optimizer.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(net.parameters(), 5.0)
        for group in optimizer.param_groups:
            group["lr"] = rate_at(loop, step)
        optimizer.step()
        losses.append(round(float(loss.detach()), 4))
        bar.set_postfix_str(f"loss {np.mean(losses[-50:]):.2f}", refresh=False)
        bar.update()
        late = time.monotonic() - clock > seconds
        if step < teaching.steps and (step % 100 == 0 or late):
            facts = {"teaching": asdict(teaching), "step": step, "losses": losses}
            groups = {"net": net.state_dict(), "optimizer": checkpoint.optimizer_state(optimizer)}
            checkpoint.save(going_on, groups, facts | {"seconds": spent + time.monotonic() - clock})
            if late:
                raise Unfinished(f"{step} of {teaching.steps} steps of the locator are done; the same call goes on")
    bar.close()
    checkpoint.save(path, {"net": net.state_dict()}, {"steps": teaching.steps})
    card = {
        "source": "simulated", "teaching": asdict(teaching), "physics": PHYSICS,
        "parameters": sum(p.numel() for p in net.parameters()),
        "windows": teaching.steps * teaching.batch, "cubes": teaching.pool + (teaching.steps - 1) // teaching.renew,
        "loss": [float(np.mean(part)) for part in np.array_split(losses, min(60, len(losses)))],
        "seconds": round(spent + time.monotonic() - clock), "version": __version__,
        "device": words_of(where),
        "versions": {"torch": torch.__version__, "numpy": np.__version__, "python": platform.python_version()},
        "made": datetime.now(UTC).isoformat(timespec="seconds"),
    }  # fmt: skip
    with replacing(path.with_suffix(".json")) as aside:
        aside.write_text(json.dumps(card, indent=1) + "\n", encoding="utf-8")
    going_on.unlink(missing_ok=True)
    return path
