"""One loop for all that is trained: encoders, detectors, the locator, and the check on everyday pictures.

It goes on where it was cut off and ends with the same numbers. On a GPU no step makes the host wait: a task draws its
batches on the device, and the losses of an epoch are read once, at its end.
"""

import contextlib
import math
import os
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch.distributed as dist
from torch import Tensor, nn
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn
from tqdm import tqdm

from sqlib.errors import SqError, in_words
from sqlib.learn import checkpoint
from sqlib.learn.settings import Loop

EVERY = 60.0  # seconds between checkpoints


@dataclass(frozen=True, eq=False)
class Task:
    """What is trained, for `fit`.

    `name`: in words. `seed`: of all draws; an epoch draws from it and its own number, so that none depends on those
    before. `net`: the network as it is before the first epoch, on `device`. `size`: how many `unit`s an epoch shows.
    `steps`: batches in an epoch. `batches`: function of the epoch's number and a generator on the device, the same in
    all processes, that yields this process's part of each batch. `losses`: function of the network, a batch and a
    generator of this process's own; returns the loss, with gradient, and what the history gets of it, "loss" among it.
    `watch`: function of the network in evaluation mode; returns further numbers of an epoch; by "watched" it is told
    whether the network still improves. `facts`: stand in each row of the history. `card`: for the run card.
    """

    name: str
    loop: Loop
    seed: int
    device: torch.device
    net: nn.Module
    size: int
    steps: int
    batches: Callable[[int, torch.Generator], Iterable[Any]]
    losses: Callable[[nn.Module, Any, torch.Generator], tuple[Tensor, dict[str, Tensor]]]
    watch: Callable[[nn.Module], dict[str, float]] | None = None
    unit: str = "frame"
    facts: dict = field(default_factory=dict)
    card: dict = field(default_factory=dict)


@dataclass
class State:
    """All that changes during a run. Random numbers are no part of it: each epoch draws from seed and number."""

    net: nn.Module
    optimizer: torch.optim.Optimizer
    mean: AveragedModel | None = None  # running mean of the weights
    history: list[dict] = field(default_factory=list)
    best_weights: dict[str, Tensor] | None = None  # of the least watched loss
    seconds: float = 0.0  # of all pieces

    @property
    def stale(self) -> int:
        """Epochs since the least watched loss."""
        watched = [row["watched"] for row in self.history if "watched" in row]
        return len(watched) - 1 - int(np.argmin(watched)) if watched else 0

    def done(self, loop: Loop) -> bool:
        """Whether there is nothing left to train."""
        return len(self.history) >= loop.epochs or bool(loop.patience and self.stale >= loop.patience)


def fit(task: Task, path: Path, *, key: str = "", progress: bool = True, seconds: float = math.inf) -> State:
    """Train a task and return its last state, `state.net` in evaluation mode.

    path : the checkpoint; a run that was cut off goes on from it and ends with the same numbers
    key : what the checkpoint must belong to
    seconds : after so long the run stops at the end of an epoch, to be gone on with; `state.done` tells
    Raises `SqError` for a loss that is no number any more (the last good checkpoint is kept), and a checkpoint that is
    damaged or of another run.
    """
    loop, (rank, world) = task.loop, ranks()
    state = begin(task)
    if path.is_file():
        _resume(state, path, key)
    begun, spent, gpu = time.monotonic(), state.seconds, task.device.type == "cuda"
    step, written = state.net, begun
    if world > 1:
        step = nn.SyncBatchNorm.convert_sync_batchnorm(step) if gpu else step
        step = nn.parallel.DistributedDataParallel(step, device_ids=[task.device] if gpu else None)
    step = torch.compile(step) if loop.compile else step
    bar = tqdm(desc=task.name, total=loop.epochs * task.size, initial=len(state.history) * task.size, unit=task.unit,
               unit_scale=True, disable=not progress or rank > 0, delay=1, dynamic_ncols=True)
    # on a GPU let cuDNN try its ways first: all batches have one shape
    with bar, torch.backends.cudnn.flags(enabled=True, benchmark=True) if gpu else contextlib.nullcontext():
        while not state.done(loop):
            row = _epoch(task, state, step, bar)
            if not math.isfinite(row["loss"]):
                kept = f"the last good state is kept in {path}" if path.is_file() else "there is no good state to keep"
                raise SqError(f"the loss is no number any more in epoch {row['epoch']} ({task.name}, rate "
                              f"{row['rate']:.2g}, {loop.optimizer}): {kept}; try a lower rate than {loop.rate:g} or a "
                              "longer warm-up")
            if task.watch is not None:
                step.eval()
                with torch.no_grad():
                    row |= task.watch(step)
            state.history.append(row)
            if "watched" in row and not state.stale:
                state.best_weights = {name: t.detach().cpu().clone() for name, t in state.net.state_dict().items()}
            said = ("loss", "chance", "spread", "watched")
            bar.set_postfix_str(", ".join(f"{name} {row[name]:.3f}" for name in said if name in row))
            now = time.monotonic()
            state.seconds = spent + now - begun
            late = torch.tensor([now - begun > seconds], dtype=torch.uint8)
            if world > 1:  # clocks differ, and all must stop at the same epoch
                dist.broadcast(late := late.to(task.device), 0)
            if rank == 0 and (state.done(loop) or late or now - written > EVERY):
                _save(state, path, key)
                written = now
            if late:
                break
    if state.done(loop) and loop.patience and state.best_weights is not None:
        state.net.load_state_dict(state.best_weights)
    elif state.done(loop) and state.mean is not None:
        state.net = state.mean.module
    state.net.eval()
    return state


def begin(task: Task) -> State:
    """Network and optimizer as they are before the first epoch."""
    loop, net = task.loop, task.net.to(task.device, memory_format=torch.channels_last)
    own, how = [p for p in net.parameters() if p.requires_grad], {"weight_decay": loop.decay}
    how["fused"] = task.device.type in ("cpu", "cuda")  # elsewhere torch has no such optimizer
    if loop.optimizer == "sgd":
        optimizer = torch.optim.SGD(own, loop.rate, loop.momentum, **how)
    else:
        optimizer = {"adam": torch.optim.Adam, "adamw": torch.optim.AdamW}[loop.optimizer](own, loop.rate, **how)
    mean = get_ema_multi_avg_fn(loop.average) if loop.average else None
    return State(net, optimizer, mean and AveragedModel(net, multi_avg_fn=mean, use_buffers=True))


def take_step(task: Task, state: State, step: nn.Module, batch: Any, draws: torch.Generator) -> dict[str, Tensor]:
    """Learn from one batch; return what is logged of it, on the device. `step`: the network, or what wraps it."""
    with autocast(task.device, task.loop.precision):
        loss, shown = task.losses(step, batch, draws)
    state.optimizer.zero_grad()
    loss.backward()
    if task.loop.clip:
        nn.utils.clip_grad_norm_(state.net.parameters(), task.loop.clip)
    state.optimizer.step()
    if state.mean is not None:
        state.mean.update_parameters(state.net)
    return {name: value.detach() for name, value in shown.items()}


def rate_at(loop: Loop, done: float) -> float:
    """Learning rate after `done` epochs: linear warm-up, then cosine, steps, or constant."""
    if done < loop.warmup:
        return loop.rate * done / loop.warmup
    if loop.schedule == "cosine":
        share = (done - loop.warmup) / max(loop.epochs - loop.warmup, 1e-9)
        return loop.rate * 0.5 * (1 + math.cos(math.pi * min(1, share)))
    return loop.rate * 0.1 ** (int(done) // loop.step if loop.schedule == "step" else 0)


def ranks() -> tuple[int, int]:
    """Number of this process among those that train together, and how many they are."""
    return (dist.get_rank(), dist.get_world_size()) if dist.is_initialized() else (0, 1)


def device_of(name: str = "auto") -> torch.device:
    """Device by name; "auto" takes a GPU where there is one, under torchrun the one of the process's number."""
    if name != "auto":
        return torch.device(name)
    gpu = torch.cuda.is_available()
    return torch.device("cuda", int(os.environ.get("LOCAL_RANK", 0))) if gpu else torch.device("cpu")


def precision_of(precision: str, device: torch.device) -> str:
    """The effective precision, bf16 or fp32: "auto" takes bf16 where the hardware multiplies in it."""
    if precision != "auto":
        return precision
    if device.type == "cuda":
        return "bf16" if torch.cuda.is_bf16_supported() else "fp32"
    # oneDNN takes bf16 on any AVX-512, and without units for it needs 2.5 times as long as with float32
    units = any(there for name, there in torch.cpu.get_capabilities().items() if name.endswith("bf16"))
    return "bf16" if units else "fp32"


def autocast(device: torch.device, precision: str):
    """bf16 autocast where that is the effective precision."""
    used = precision_of(precision, device) == "bf16"
    return torch.autocast(device.type, torch.bfloat16) if used else contextlib.nullcontext()


def unwrapped(net: nn.Module) -> nn.Module:
    """The network that torch.compile and DistributedDataParallel have wrapped."""
    inner = getattr(net, "_orig_mod", net)
    return inner.module if isinstance(inner, nn.parallel.DistributedDataParallel) else inner


def generator_of(device: torch.device, *seeds: int) -> torch.Generator:
    """A generator on the device, seeded by whole numbers."""
    return torch.Generator(device).manual_seed(int(np.random.SeedSequence(seeds).generate_state(1)[0]))


def _epoch(task: Task, state: State, step: nn.Module, bar) -> dict:
    """Train for one epoch; return its row of the history."""
    clock, rows, number, rank = time.monotonic(), [], len(state.history), ranks()[0]
    order, draws = (generator_of(task.device, task.seed, number, part) for part in (0, 1 + rank))
    step.train()
    for block in step.modules():  # frozen blocks keep the statistics that they were trained with
        if isinstance(block, nn.modules.batchnorm._BatchNorm) and not block.weight.requires_grad:
            block.eval()
    with torch.random.fork_rng([task.device] if task.device.type == "cuda" else []):
        torch.manual_seed(draws.initial_seed())  # dropout draws from the process's own generator
        for place, batch in enumerate(task.batches(number, order)):
            rate = rate_at(task.loop, number + (place + 0.5) / task.steps)
            for group in state.optimizer.param_groups:
                group["lr"] = rate
            rows.append(take_step(task, state, step, batch, draws))
            bar.update(task.size / task.steps)
    means = torch.stack([torch.stack(list(row.values())) for row in rows]).mean(0).tolist()  # the one wait of an epoch
    spent = time.monotonic() - clock
    return {"epoch": number + 1, **dict(zip(rows[0], means)), "rate": rate, **task.facts,
            f"{task.unit}s_per_s": round(task.size / spent, 1)}


def _save(state: State, path: Path, key: str) -> None:
    groups = {"net": state.net.state_dict(), "optimizer": checkpoint.optimizer_state(state.optimizer)}
    groups |= {} if state.best_weights is None else {"best": state.best_weights}
    groups |= {} if state.mean is None else {"mean": state.mean.state_dict()}
    checkpoint.save(path, groups, {"key": key, "history": state.history, "seconds": state.seconds})


def _resume(state: State, path: Path, key: str) -> None:
    groups, facts = checkpoint.load(path)
    with in_words(f"{path} does not fit this run", "delete it to train anew"):
        if facts["key"] != key:
            raise SqError(f"{path} is the checkpoint of another run ({facts['key']}, not {key}); "
                          "delete it to train anew")
        state.net.load_state_dict(groups["net"])
        checkpoint.restore_optimizer(state.optimizer, groups.get("optimizer", {}))
        if state.mean is not None:
            state.mean.load_state_dict(groups["mean"])
        state.history, state.seconds, state.best_weights = facts["history"], facts["seconds"], groups.get("best")
