"""Trained networks on disk: made once, under the key of all that decides them, and found again ever after."""

import json
import math
import platform
import time
from collections.abc import Callable
from contextlib import nullcontext
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch

from sqlib import keys
from sqlib.errors import SqError, in_words
from sqlib.learn import checkpoint
from sqlib.learn.train import State, Task, fit, precision_of, ranks
from sqlib.paths import alone, clean, home, replacing

AGAIN = "delete the folder and train again"


@dataclass(frozen=True, eq=False)
class Trained:
    """A trained network: its folder, key, settings, `history` (a row per epoch) and run card."""

    folder: Path
    key: str
    settings: Any
    history: pd.DataFrame
    card: dict

    @property
    def weights(self) -> Path:
        """The file of its weights."""
        return self.folder / "weights.safetensors"


class Unfinished(SqError):
    """A run that was stopped after its time and can be gone on with by the same call."""


def code_of(module: str, floors: tuple[str, ...] = ("learn",)) -> str:
    """Hash of the code that decides what `module` trains. Data have an origin; how events are divided has none."""
    return keys.code_hash([module, "sqlib.data.splits"], floors)


def run_folder(key: str) -> Path:
    """Where the network `key` lies, whether it is trained yet or not."""
    return home() / "data" / "models" / key


def is_complete(key: str) -> bool:
    """Whether the network `key` is there, trained to its end."""
    return (run_folder(key) / "card.json").is_file()


def obtain(key: str, make_task: Callable[[bool], Task], settings: Any, facts: dict, *, progress: bool = True,
           seconds: float = math.inf) -> Trained:
    """The network `key` of `settings`: found where it was trained before, gone on with where it was cut off.

    make_task : returns the task; told whether a checkpoint will give the weights, so that none need be fetched
    facts : for the run card; `Task.card` adds to them
    seconds : stop after so long at the end of an epoch, by raising `Unfinished`; the same call goes on
    Writes weights.safetensors, history.csv and card.json. Under torchrun all processes call this alike, and the first
    one writes. Raises `SqError` as `fit` does.
    """
    folder, (rank, world) = run_folder(key), ranks()
    # two callers do not train it twice; torchrun's processes are one caller
    with nullcontext() if world > 1 else alone(folder, told=progress):
        if is_complete(key):
            return load(key, type(settings))
        if world == 1:
            clean(folder)
        going_on, begun = folder / "checkpoint.safetensors", time.monotonic()
        task = make_task(going_on.is_file())
        state = fit(task, going_on, key=key, progress=progress, seconds=seconds - (time.monotonic() - begun))
        if not state.done(task.loop):
            raise Unfinished(f"{len(state.history)} of {task.loop.epochs} epochs of {key} are done; "
                             "the same call goes on")
        if rank == 0:
            _keep(folder, key, task, state, {"settings": asdict(settings), **facts})
            going_on.unlink(missing_ok=True)
        if world > 1:
            torch.distributed.barrier()  # the others read what the first has written
    return load(key, type(settings))


def _keep(folder: Path, key: str, task: Task, state: State, card: dict) -> None:
    checkpoint.save(folder / "weights.safetensors", {"net": state.net.state_dict()}, {"key": key})
    history = pd.DataFrame(state.history)
    with replacing(folder / "history.csv") as aside:
        history.to_csv(aside, index=False)
    speed, gpu = f"{task.unit}s_per_s", task.device.type == "cuda"
    device = torch.cuda.get_device_name(task.device) if gpu else f"CPU, {torch.get_num_threads()} threads"
    card = {
        "key": key, **card, **task.card, "precision": precision_of(task.loop.precision, task.device),
        "epochs": len(history), "parameters": sum(p.numel() for p in state.net.parameters()), "processes": ranks()[1],
        "device": device, speed: float(history[speed].median()), "seconds": round(state.seconds, 1),
        "versions": {"torch": torch.__version__, "numpy": np.__version__, "python": platform.python_version()},
        "made": datetime.now(UTC).isoformat(timespec="seconds"),
    }
    with replacing(folder / "card.json") as aside:  # last: a folder with a card is complete
        aside.write_text(json.dumps(card, indent=1), encoding="utf-8")


def load(key: str, kind: type) -> Trained:
    """The finished network `key`, whose settings are of this kind; `SqError` where there is none."""
    folder = run_folder(key)
    with in_words(f"{folder} holds no finished run", AGAIN, told=False):
        card = json.loads((folder / "card.json").read_text(encoding="utf-8"))
        return Trained(folder, key, kind(**card["settings"]), pd.read_csv(folder / "history.csv"), card)
