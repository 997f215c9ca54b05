"""The training loop: one for all objectives, on one device or several, which goes on where it was cut off."""

import math
import os
import time
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import torch
import torch.distributed as dist
from torch import nn

from sqlib.errors import SqError, in_words
from sqlib.learn import checkpoint, losses
from sqlib.learn.objectives import autocast, make_net, objective, views_of, weights_of
from sqlib.learn.samples import Samples
from sqlib.learn.settings import Loop, Settings, check

EVERY = 60.0  # seconds between checkpoints


@dataclass
class State:
    """All that changes during a run. Random numbers are no part of it: each epoch draws its own from seed and number."""

    net: nn.Module
    optimizer: torch.optim.Optimizer
    history: list[dict] = field(default_factory=list)
    best: float = math.inf  # least watched loss
    best_weights: dict[str, torch.Tensor] | None = None
    stale: int = 0  # epochs since

    def done(self, loop: Loop) -> bool:
        """Whether there is nothing left to train."""
        return len(self.history) >= loop.epochs or bool(loop.patience and self.stale >= loop.patience)


def ranks() -> tuple[int, int]:
    """Number of this process among those that train together, and how many they are."""
    return (dist.get_rank(), dist.get_world_size()) if dist.is_initialized() else (0, 1)


def epoch_order(labels: np.ndarray, loop: Loop, generator: torch.Generator) -> torch.Tensor:
    """Positions, int64, of one epoch of `labels` (N,) in random order, positives as `loop.upsample` says, cut to whole batches."""
    positives, negatives = np.flatnonzero(labels == 1), np.flatnonzero(labels != 1)
    times = loop.upsample or max(1, round(len(negatives) / max(1, len(positives))))
    places = torch.from_numpy(np.concatenate([negatives, *[positives] * times]))
    order = places[torch.randperm(len(places), generator=generator)]
    return order[: len(order) // loop.batch * loop.batch] if len(order) > loop.batch else order


def rate_at(loop: Loop, done: float) -> float:
    """Learning rate after `done` epochs: linear warm-up, then cosine, steps, or constant."""
    if done < loop.warmup:
        return loop.rate * done / loop.warmup
    if loop.schedule == "cosine":
        return loop.rate * 0.5 * (1 + math.cos(math.pi * min(1, (done - loop.warmup) / max(loop.epochs - loop.warmup, 1e-9))))
    return loop.rate * 0.1 ** (sum(done >= at for at in loop.milestones) if loop.schedule == "step" else 0)


def fit(settings: Settings, samples: Samples, train: np.ndarray, watched: np.ndarray, path: Path, *, key: str = "",
        start: dict[str, torch.Tensor] | None = None, progress: bool = True, seconds: float = math.inf) -> State:  # fmt: skip
    """Train a network on the samples `train` (positions) and return its last state, `state.net` in evaluation mode.

    watched : positions of samples on which only the loss is taken (early stopping; then the best weights are returned)
    path : the checkpoint; a run that was cut off goes on from it and ends with the same numbers
    key : what the checkpoint must belong to
    start : weights to begin with; those of other shapes and names (heads) are left as drawn
    seconds : after so long the run stops at the end of an epoch, to be gone on with; `state.done` tells
    Raises `SqError` for settings that cannot be trained with, too few samples, a loss that is no number any more (the
    last good checkpoint is kept), and a checkpoint that is damaged or of another run.
    """
    check(settings)
    loop, (rank, world) = settings.loop, ranks()
    labels = samples.labels.cpu().numpy()[train]
    size = min(loop.batch, len(epoch_order(labels, loop, torch.Generator())))
    if size < 2 * world:
        raise SqError(f"{size} training samples for {world} process{'es' * (world > 1)}: a batch needs at least 2 in each")
    state = begin(settings, samples, train, start)
    if path.is_file():
        _resume(state, path, key)
    step, weights = _wrapped(state.net, settings, samples.device, world), weights_of(settings, labels).to(samples.device)
    begun = written = time.monotonic()
    with _bar(settings, labels, len(state.history), progress and rank == 0) as bar:
        while not state.done(loop):
            with torch.random.fork_rng():  # dropout draws from the process's own generator
                row = _epoch(state, step, settings, samples, train, labels, weights, bar)
            if not math.isfinite(row["loss"]):
                raise SqError(_diverged(settings, row, path))
            if len(watched):
                row["watched"] = watch(step, settings, samples, watched, weights)
                _remember(state, row["watched"])
            state.history.append(row)
            bar.set_postfix_str(", ".join(f"{k} {row[k]:.3f}" for k in ("loss", "chance", "spread", "watched") if k in row))
            late = _agreed(time.monotonic() - begun > seconds, samples.device)
            if rank == 0 and (state.done(loop) or late or time.monotonic() - written > EVERY):
                _save(state, path, key)
                written = time.monotonic()
            if late:
                break
    if state.done(loop) and loop.patience and state.best_weights is not None:
        state.net.load_state_dict(state.best_weights)
    state.net.eval()
    return state


def begin(settings: Settings, samples: Samples, train: np.ndarray, start: dict[str, torch.Tensor] | None = None) -> State:
    """Network and optimizer as they are before the first epoch; arguments as for `fit`, errors as for `make_net`."""
    net = make_net(settings, samples.pixels.shape[-1])
    if start is not None:
        own = net.state_dict()
        net.load_state_dict({**own, **{k: v for k, v in start.items() if k in own and v.shape == own[k].shape}})
    elif settings.reconstructs:
        some = samples.pixels[samples.rows[torch.from_numpy(train[:: max(1, len(train) // 500)]).to(samples.device)]].float()
        net.level.copy_(torch.stack([some.mean(), some.std().clamp(min=1e-3)]))
    if settings.unfrozen >= 0:
        net.trunk.requires_grad_(False)
        for block in list(net.trunk)[len(net.trunk) - settings.unfrozen :]:
            block.requires_grad_(True)
    net = net.to(samples.device, memory_format=torch.channels_last)
    loop, trained = settings.loop, [p for p in net.parameters() if p.requires_grad]
    if loop.optimizer == "adam":
        return State(net, torch.optim.Adam(trained, loop.rate, weight_decay=loop.decay))
    return State(net, torch.optim.SGD(trained, loop.rate, loop.momentum, weight_decay=loop.decay))


def _epoch(state: State, step: nn.Module, settings: Settings, samples: Samples, train, labels, weights, bar) -> dict:
    """Train for one epoch; return its row of the history."""
    loop, number, (rank, world) = settings.loop, len(state.history), ranks()
    clock, rows = time.monotonic(), []
    torch.manual_seed(_seed(settings, number, rank))
    draws = torch.Generator(samples.device).manual_seed(_seed(settings, number, rank))
    order = epoch_order(labels, loop, torch.Generator().manual_seed(_seed(settings, number, 0)))
    batches = torch.from_numpy(train)[order].split(min(loop.batch, len(order)))
    step.train()
    for block in step.modules():  # frozen blocks keep the statistics that they were trained with
        if isinstance(block, nn.modules.batchnorm._BatchNorm) and not block.weight.requires_grad:
            block.eval()
    for i, batch in enumerate(batches):
        which = batch[rank::world].to(samples.device)
        for group in state.optimizer.param_groups:
            group["lr"] = rate_at(loop, number + (i + 1) / len(batches))
        seen = views_of(samples, which, settings, draws)
        with autocast(samples.device, loop.precision):
            found = objective(step, seen, (samples.labels[which] == 1).long(), settings, weights, draws)
        state.optimizer.zero_grad(set_to_none=True)
        found["loss"].backward()
        state.optimizer.step()
        rows.append(torch.stack([found["shown"], found.get("spread", found["shown"])]))
        bar.update(len(batch) * settings.views_each)
    shown, spread = torch.stack(rows).mean(0).tolist()  # the one wait for the device in an epoch
    row = {"epoch": number + 1, "loss": shown, "rate": state.optimizer.param_groups[0]["lr"]}
    if settings.contrasts:
        row |= {"chance": losses.chance_level(2 * len(batches[0])), "spread": spread}
    return row | {"views_per_s": round(len(order) * settings.views_each / (time.monotonic() - clock), 1)}


@torch.no_grad()
def watch(step: nn.Module, settings: Settings, samples: Samples, watched: np.ndarray, weights: torch.Tensor) -> float:
    """Loss on the samples `watched` (positions), with the same views each time."""
    rank, world = ranks()
    draws, total, count = torch.Generator(samples.device).manual_seed(settings.seed), 0.0, 0
    mixed = np.random.default_rng(settings.seed).permutation(watched)
    step.eval()
    for batch in torch.from_numpy(mixed).split(settings.loop.batch):
        if len(batch) < 2 * world:
            continue
        which = batch[rank::world].to(samples.device)
        with autocast(samples.device, settings.loop.precision):
            seen = views_of(samples, which, settings, draws)
            found = objective(step, seen, (samples.labels[which] == 1).long(), settings, weights, draws)
        total += float(found["shown"]) * len(batch)
        count += len(batch)
    return total / max(count, 1)


def _agreed(word: bool, device: torch.device) -> bool:
    """What the first process says: clocks differ, and all must stop at the same epoch."""
    if not dist.is_initialized():
        return word
    said = torch.tensor([int(word)], device=device)
    dist.broadcast(said, 0)
    return bool(said.item())


def _remember(state: State, loss: float) -> None:
    state.stale += 1
    if loss < state.best:
        state.best, state.stale = loss, 0
        state.best_weights = {name: t.detach().cpu().clone() for name, t in state.net.state_dict().items()}


def _seed(settings: Settings, epoch: int, rank: int) -> int:
    return int(np.random.SeedSequence((settings.seed, epoch, rank)).generate_state(1)[0])


def _wrapped(net: nn.Module, settings: Settings, device: torch.device, world: int) -> nn.Module:
    if world > 1:
        if device.type == "cuda":
            net = nn.SyncBatchNorm.convert_sync_batchnorm(net)
        net = nn.parallel.DistributedDataParallel(net, device_ids=[device] if device.type == "cuda" else None)
    return torch.compile(net) if settings.loop.compile else net


def _diverged(settings: Settings, row: dict, path: Path) -> str:
    kept = f"the last good state is kept in {path}" if path.is_file() else "no state was kept, for none was good"
    return (f"the loss is no number any more in epoch {row['epoch']} ({settings.objective}, rate {row['rate']:.2g}, "
            f"temperature {settings.temperature:g}, {settings.loop.optimizer}): {kept}; "
            "try a lower rate or a longer warm-up")  # fmt: skip


def _save(state: State, path: Path, key: str) -> None:
    groups = {"net": state.net.state_dict(), "optimizer": checkpoint.optimizer_state(state.optimizer)}
    if state.best_weights is not None:
        groups["best"] = state.best_weights
    best = state.best if math.isfinite(state.best) else None
    checkpoint.save(path, groups, {"key": key, "history": state.history, "best": best, "stale": state.stale})


def _resume(state: State, path: Path, key: str) -> None:
    groups, facts = checkpoint.load(path)
    with in_words(f"{path} does not fit this run", "delete it to train anew"):
        if facts["key"] != key:
            raise SqError(f"{path} is the checkpoint of another run ({facts['key']}, not {key}); delete it to train anew")
        state.net.load_state_dict(groups["net"])
        checkpoint.restore_optimizer(state.optimizer, groups.get("optimizer", {}))
        state.history, state.stale, state.best_weights = facts["history"], facts["stale"], groups.get("best")
        state.best = math.inf if facts["best"] is None else facts["best"]


def _bar(settings: Settings, labels: np.ndarray, done: int, shown: bool):
    from tqdm import tqdm

    order = len(epoch_order(labels, settings.loop, torch.Generator())) * settings.views_each
    return tqdm(desc=settings.objective, total=settings.loop.epochs * order, initial=done * order, unit="view", unit_scale=True,
                disable=not shown, delay=1, dynamic_ncols=True)  # fmt: skip


def device_of(name: str = "auto") -> torch.device:
    """Device by name; "auto" takes a GPU where there is one, under torchrun the one of the process's number."""
    if name != "auto":
        return torch.device(name)
    return torch.device("cuda", int(os.environ.get("LOCAL_RANK", 0))) if torch.cuda.is_available() else torch.device("cpu")
