"""Where things lie, and how they are written so that nothing half-written is left behind."""

import os
import re
import shutil
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from uuid import uuid4

from sqlib.errors import SqError

STRAY = re.compile(r"\.|~\$|__MACOSX$|(eh)?thumbs\.db$|desktop\.ini$|Icon\r$|.*(~|\.(bak|orig|tmp|sw[op]|part(ial)?|"
                   r"(cr|op)?download))$", re.IGNORECASE | re.DOTALL)  # by systems, editors and browsers, not by people


def home() -> Path:
    """Folder that holds `notebooks/`, `profiles/`, `data/` and `runs/`: $SQ_HOME, or the checkout of this package."""
    return real(os.environ.get("SQ_HOME") or Path(__file__).resolve().parents[1])


def real(path: str | Path) -> Path:
    """The absolute path without links and `~`; unlike `Path.resolve` it takes links that go round in a circle."""
    return Path(os.path.realpath(os.path.expanduser(path)))


def files_of(folder: Path, deep: bool = True) -> tuple[list[Path], list[Path]]:
    """Files of a folder (`deep`: and of those in it) that somebody put there, and strays (`STRAY`); both sorted.

    A link to a folder is listed and not followed, and so is a stray folder. Raises `SqError` for what cannot be read.
    """
    def refuse(error):
        raise SqError(f"cannot read {error.filename}: {error.strerror}") from error

    files, strays = [], []
    for at, folders, names in os.walk(folder, onerror=refuse):
        inner = [name for name in folders if not (STRAY.match(name) or os.path.islink(os.path.join(at, name)))]
        for name in {*names, *folders} - set(inner):
            (strays if STRAY.match(name) else files).append(Path(at, name))
        folders[:] = inner if deep else []
    return sorted(files), sorted(strays)


def remove(path: Path) -> None:
    """Remove a file or a folder with all it holds, if it is there.

    A folder first takes another, hidden name, where the file system lets it: the kernel of a killed run, which lives a
    moment longer, then writes into it no more.
    """
    if path.is_dir() and not path.is_symlink():
        with suppress(OSError):
            path = path.rename(path.with_name(f".{path.name.lstrip('.')}.{uuid4().hex[:8]}"))
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


def clean(folder: Path) -> None:
    """Remove what killed processes left half-written in `folder`, held `alone`: hidden names but the lock."""
    for path in folder.glob(".*"):
        if path.name != ".lock":
            remove(path)


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """Yield a path beside `path` to write a file or a folder to; it takes the name `path` only when all went well.

    Raises `SqError` where the disk is full, read-only or forbidden.
    """
    path = Path(path)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix=f".{path.name}.", dir=path.parent, ignore_cleanup_errors=True) as aside:
            new = Path(aside) / path.name
            yield new
            if new.is_dir():  # a folder cannot be renamed over one that is not empty
                remove(path)
            os.replace(new, path)
    except OSError as error:
        if isinstance(error, FileNotFoundError) and error.filename and Path(error.filename) != path.parent:
            raise
        advice = "free some space or choose another folder"
        raise SqError(f"cannot write {path}: {error.strerror or error}; {advice}") from error


def check_room(folder: Path, need: float, what: str) -> None:
    """Raise `SqError` where less than `need` bytes are free in `folder`; `what` needs them."""
    free = shutil.disk_usage(folder).free
    if need > free:
        raise SqError(f"{what} need {need / 1e9:.2g} GB in {folder}, where {free / 1e9:.2g} GB are free")


@contextmanager
def new_folder(path: Path) -> Iterator[Path]:
    """As `replacing`, for a folder, which is made; `SqError` where there is already anything but an empty folder."""
    path = Path(path)
    if path.exists() and not (path.is_dir() and not any(path.iterdir())):
        raise SqError(f"{path} exists and is not empty; choose a new folder")
    with replacing(path) as new:
        new.mkdir()
        yield new


@contextmanager
def alone(folder: Path, told: bool = True) -> Iterator[None]:
    """Hold `folder` alone: a second process waits here, and then finds what the first one made.

    `told`: it says that it waits. `SqError` where the folder cannot be made or written.
    """
    from filelock import FileLock, Timeout

    lock = FileLock(folder / ".lock")
    try:
        folder.mkdir(parents=True, exist_ok=True)
        lock.acquire(timeout=0)
    except Timeout:
        if told:
            print(f"waiting for another process at work in {folder}", file=sys.stderr, flush=True)
        lock.acquire()
    except OSError as error:
        raise SqError(f"cannot write {folder}: {error.strerror or error}; set SQ_HOME to another folder") from error
    try:
        yield
    finally:
        lock.release()
