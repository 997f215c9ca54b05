"""Answers that take long to ask for, such as those of networks or of the ideal observer: asked once, kept on disk,
found again.

Those about the trial events of the laptop profile come with the book, as its networks do.
"""

import hashlib
import shutil
from collections.abc import Callable, Iterable
from pathlib import Path

import numpy as np

from sqlib import keys
from sqlib.errors import in_words
from sqlib.paths import alone, home, replacing

SHIPPED = Path("results", "answers")  # those that come with the book, under home()
# many numbers a frame: they are large, and most lie behind one number a frame that does come (results/README.md)
CODES = "encoding", "projection"


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
    own = home() / "data" / "answers" / key / "answer.npy"
    shipped = home() / SHIPPED / f"{keys.lasting(key)}.npy"
    path = shipped if shipped.is_file() and not own.is_file() else own
    if not path.is_file():
        with alone(path.parent, told=False):
            if not path.is_file():
                found = ask()
                with replacing(path) as aside, open(aside, "wb") as file:
                    np.save(file, found)
    with in_words(f"{path} is damaged", "delete it, and it is made again"):
        return np.load(path, allow_pickle=False)


def ship() -> None:
    """Copy what was answered here to home()/`SHIPPED`, all except `CODES`; `SqError` where that cannot be written."""
    for path in (home() / "data" / "answers").glob("*/answer.npy"):
        name = keys.lasting(path.parent.name)
        if not name.startswith(CODES):
            with replacing(home() / SHIPPED / f"{name}.npy") as new:
                shutil.copyfile(path, new)
