"""Several runs at once, on Dask: the chapters of the book, the points of a sweep."""

from collections.abc import Iterator
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Any

from sqbook import execute as runs
from sqbook import parameters as params
from sqlib.errors import SqError
from sqlib.workers import each

EACH = 6e9  # bytes of memory that a chapter at the laptop profile and its kernel may take together


def default_workers(jobs: int) -> int:
    """Runs at a time: one a core, as far as memory reaches; a single one where a GPU does the work, which they would share."""
    import torch
    from dask.system import CPU_COUNT
    from distributed.system import MEMORY_LIMIT

    return 1 if torch.cuda.is_available() else max(1, min(jobs, CPU_COUNT, int(MEMORY_LIMIT // EACH)))


def run_many(jobs: list[tuple[str | Path, dict[str, Any]]], profile: str, *, workers: int = 1, scheduler: str | None = None,
             force: bool = False, progress: bool = True) -> Iterator[tuple[int, Path | Exception]]:  # fmt: skip
    """Execute notebooks with their parameters; yield the place of each in `jobs` with its folder, or with what went wrong.

    workers : processes on this machine, each with one thread, or `scheduler`: address of a Dask scheduler whose workers see the
        same folders; then they come as they are done, else in their order, with progress bars of their own
    A run that fails does not stop the others. Raises `SqError` for no workers.
    """
    if scheduler is not None or min(workers, len(jobs)) > 1:
        for notebook, values in jobs:  # here its progress is seen, and it may start workers, which a worker may not
            with suppress(SqError):  # the run will say it
                runs.build_data(*params.resolve(notebook, profile, values), progress)
        progress = False
    run = partial(runs.run_notebook, profile=profile, force=force, progress=progress)
    yield from each(run, jobs, workers, scheduler, "--workers 1 does without")


def run_all(jobs: list[tuple[str, dict[str, Any]]], profile: str, *, workers: int, force: bool = False) -> list[Path]:
    """`run_many` with a bar over all; the folders in the order of `jobs`. `SqError` names all that failed, after the others.

    Several workers begin with what trains no network, which is quick to show that all works, and go on with what trains most,
    so that none is left alone with a long chapter at the end. What is there already needs no worker.
    """
    from tqdm import tqdm

    found: dict[int, Path | Exception] = {} if force else _there(jobs, profile)
    order = [place for place in range(len(jobs)) if place not in found]
    workers = min(workers, max(len(order), 1))
    if workers > 1:
        order.sort(key=lambda place: _turn(*jobs[place], profile, place))
    with tqdm(total=len(jobs), initial=len(found), desc="chapters", unit="chapter", disable=workers == 1) as bar:
        for turn, result in run_many([jobs[place] for place in order], profile, workers=workers, force=force):
            place = order[turn]
            found[place] = result
            if workers > 1:
                bar.write(f"{jobs[place][0]}: {'failed' if isinstance(result, Exception) else 'done'}", file=bar.fp)
            bar.update()
    failures = [result for _, result in sorted(found.items()) if isinstance(result, Exception)]
    if failures and not isinstance(failures[0], SqError):
        raise failures[0]
    if failures:
        raise SqError("\n  ".join(str(error) for error in failures))
    return [found[place] for place in range(len(jobs))]


def _there(jobs: list[tuple[str, dict[str, Any]]], profile: str) -> dict[int, Path | Exception]:
    """The folders of those jobs that were run before, by their places."""
    folders = {}
    for place, (notebook, values) in enumerate(jobs):
        with suppress(SqError):  # the run will say it
            folders[place] = runs.made(notebook, values, profile)
    return {place: folder for place, folder in folders.items() if folder is not None}


def _turn(notebook: str, values: dict[str, Any], profile: str, place: int) -> tuple[bool, int, int]:
    """What chapters are begun by: first those without networks in their order, then the others, most networks first."""
    from sqlib.learn.chapters import networks

    count = 0
    with suppress(SqError):  # the run will say it
        path, own = params.resolve(notebook, profile, values)
        count = networks(path.stem, own)
    return count > 0, -count, -place if count else place
