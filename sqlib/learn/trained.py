"""Trained networks on disk: made once, under the key of all that decides them, and found again ever after."""

import json
import math
import platform
import shutil
import time
from collections.abc import Callable, Iterable
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
SHIPPED = Path("results", "weights")  # networks that come with the book, under home()


@dataclass(frozen=True, eq=False)
class Trained:
    """A trained network: its folder, key, settings, `history` (a row per epoch) and run card."""

    folder: Path
    key: str
    settings: Any
    history: pd.DataFrame
    card: dict

    @property
    def shipped(self) -> bool:
        """Whether it came with the book, and was not trained here."""
        return self.folder == shipped_folder(self.key)

    @property
    def weights(self) -> Path:
        """The file of its weights."""
        return self.folder / "weights.safetensors"


class Unfinished(SqError):
    """A run that was stopped after its time and can be gone on with by the same call."""


def code_of(module: str, floors: tuple[str, ...] = ("learn",)) -> str:
    """Hash of the code that decides what `module` trains. Data have an origin; how events are divided has none."""
    return keys.code_hash([module, "sqlib.data.splits"], floors)


def shipped_folder(key: str) -> Path:
    """Where the network `key` lies if it came with the book, whatever code trained it: what follows a dash in a key.

    Code that is put in better order trains the same network, and a test that trains one anew says so; which code made
    what came, its card tells.
    """
    return home() / SHIPPED / keys.lasting(key)


def run_folder(key: str) -> Path:
    """Where the network `key` lies: trained here, or come with the book; or where it would be trained."""
    own, shipped = home() / "data" / "models" / key, shipped_folder(key)
    return shipped if not (own / "card.json").is_file() and (shipped / "card.json").is_file() else own


def is_complete(key: str) -> bool:
    """Whether the network `key` is there, trained to its end."""
    return (run_folder(key) / "card.json").is_file()


def ship(keys: Iterable[str]) -> Path:
    """Copy finished networks to home()/`SHIPPED`, where others find them without training; return that folder.

    What was shipped under other keys stays. Raises `SqError` for a network that is not there.
    """
    folder = home() / SHIPPED
    for key in keys:
        source = run_folder(key)
        if not (source / "card.json").is_file():
            raise SqError(f"there is no finished network {key}: sq train CHAPTER trains those of a chapter")
        with replacing(shipped_folder(key)) as new:
            shutil.copytree(source, new, ignore=shutil.ignore_patterns(".*"))
    return folder


def obtain(key: str, make_task: Callable[[bool], Task], settings: Any, facts: dict, *, progress: bool = True,
           seconds: float = math.inf, anew: bool = False) -> Trained:
    """The network `key` of `settings`: found where it was trained before, gone on with where it was cut off.

    anew : train it here, though it came with the book
    make_task : returns the task; told whether a checkpoint will give the weights, so that none need be fetched
    facts : for the run card; `Task.card` adds to them
    seconds : stop after so long at the end of an epoch, by raising `Unfinished`; the same call goes on
    Writes weights.safetensors, history.csv and card.json. Under torchrun all processes call this alike, and the first
    one writes. Raises `SqError` as `fit` does.
    """
    folder, (rank, world) = home() / "data" / "models" / key, ranks()
    if not anew and run_folder(key) != folder:
        return load(key, type(settings))
    # two callers do not train it twice; torchrun's processes are one caller
    with nullcontext() if world > 1 else alone(folder, told=progress):
        if (folder / "card.json").is_file():
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
    net = {name: half(tensor) for name, tensor in state.net.state_dict().items()}
    checkpoint.save(folder / "weights.safetensors", {"net": net}, {"key": key})
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


def half(tensor: torch.Tensor) -> torch.Tensor:
    """A tensor in half precision, where that can hold it: networks come with the book, and their digits weigh."""
    half = tensor.half() if tensor.dtype == torch.float32 else tensor
    return half if half.isfinite().all() else tensor


def load(key: str, kind: type) -> Trained:
    """The finished network `key`, whose settings are of this kind; `SqError` where there is none."""
    folder = run_folder(key)
    with in_words(f"{folder} holds no finished run", AGAIN, told=False):
        card = json.loads((folder / "card.json").read_text(encoding="utf-8"))
        return Trained(folder, key, kind(**card["settings"]), pd.read_csv(folder / "history.csv"), card)
