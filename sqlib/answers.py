"""Answers that take minutes to ask for, such as those of the ideal observer: asked once, kept on disk, found again.

Those about the trial events of the laptop profile come with the book, as its networks do.
"""

import hashlib
import shutil
from collections.abc import Callable, Iterable
from pathlib import Path

import numpy as np

from sqlib import keys
from sqlib.paths import alone, home, load_array, replacing, save_array

SHIPPED = Path("results", "answers")  # those that come with the book, under home()


def key_of(what: str, code: str, frames, *facts, rows=slice(None), nets: Iterable[str] = ()) -> str:
    """Key of an answer about these frames, in this order: what it is, as one word, and after a dash that of the `code`
    that gives it.

    frames : a frame set, or samples; rows : positions of those that are asked about (default: all)
    nets : keys of the networks that are asked; facts : what else decides the answer
    """
    asked = frames.index.iloc[rows][["event", "frame"]].to_csv(index=False)
    about = frames.pixels.shape[1], hashlib.sha256(asked.encode()).hexdigest()
    return f"{what}_{keys.derived([keys.with_code(what, code), frames.origin, *nets], *about, *facts)}"


def hash_of(path: Path) -> str:
    """sha256 of a file, such as the weights of what is asked: a fact of a key."""
    return hashlib.sha256(path.read_bytes()).hexdigest()


def kept(key: str, ask: Callable[[], np.ndarray]) -> np.ndarray:
    """What `ask` answers, an array of any shape: found under its key (`key_of`, or by `keys.with_code`) where it was
    asked before, here or by whoever made the book. Two who ask at once wait for one answer. `SqError` where what was
    kept is damaged, and where the disk is full or read-only."""
    folder, shipped = home() / "data" / "answers" / key, home() / SHIPPED / f"{keys.lasting(key)}.npy"
    own = folder / "answer.npy"
    if not own.is_file() and shipped.is_file():
        return load_array(shipped)
    with alone(folder, told=False):
        if not own.is_file():
            save_array(own, ask())
        return load_array(own)


def ship() -> None:
    """Copy all answers that were asked for here to home()/`SHIPPED`; `SqError` where that cannot be written."""
    for path in (home() / "data" / "answers").glob("*/answer.npy"):
        with replacing(home() / SHIPPED / f"{keys.lasting(path.parent.name)}.npy") as new:
            shutil.copyfile(path, new)
