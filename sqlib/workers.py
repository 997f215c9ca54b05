"""Dask for whoever has many small things to do: workers of this machine, or those of a scheduler."""

import os
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

from sqlib.errors import SqError
from sqlib.memory import ENVIRONMENT, keep_freed

MOST = 256  # processes; more are a slip of the pen, and would take the machine down
SMALL = 100e6  # pixels of all cubes together, below which starting workers costs more time than they save
SAID = "said"  # Dask's topic for words from workers
# a worker that has torch takes seconds to take itself apart, and Dask kills it after four: it leaves when all is closed
LEAVE = ("import atexit, os; from multiprocessing.util import _exit_function; "
         "atexit.register(lambda: (_exit_function(), os._exit(0)))")
LOCAL = {"processes": True, "threads_per_worker": 1, "dashboard_address": "127.0.0.1:0", "memory_limit": 0,
         "preload": [LEAVE]}


def check_workers(workers: int | None) -> None:
    """Raise `SqError` unless `workers` is None or a whole number from 0 to `MOST`."""
    if workers is not None and (isinstance(workers, bool) or not isinstance(workers, int) or not 0 <= workers <= MOST):
        raise SqError(f"workers is a whole number from 0 to {MOST}, not {workers!r}")


def workers_for(pixels: float) -> int:
    """How many processes simulate so many pixels of cubes best, where nobody says it; 0: none but this one."""
    from dask.system import CPU_COUNT

    return 0 if pixels < SMALL or CPU_COUNT <= 2 else CPU_COUNT  # torch keeps two cores busy itself, in half the memory


@contextmanager
def dask_client(workers: int, scheduler: str | None = None, advice: str = "workers=0 does without") -> Iterator:
    """Yield a Dask client: of `workers` new processes with a thread each, or of the `scheduler` at an address.

    The environment is as before afterwards, for Dask sets OMP_NUM_THREADS for its workers here and leaves it. Raises
    `SqError`, with `advice`, where no worker can be had.
    """
    import dask
    from dask.distributed import Client, LocalCluster

    with ExitStack() as stack:
        # jobs are long: none waits behind another while some worker has nothing to do
        stack.enter_context(dask.config.set({"distributed.scheduler.worker-saturation": 1.0}))
        theirs = dask.config.get("distributed.nanny.pre-spawn-environ")
        stack.enter_context(dask.config.set({"distributed.nanny.pre-spawn-environ": theirs | ENVIRONMENT}))
        before = dict(os.environ)
        stack.callback(lambda: (os.environ.clear(), os.environ.update(before)))
        try:
            if scheduler is None:
                scheduler = stack.enter_context(LocalCluster(n_workers=workers, **LOCAL))
            client = stack.enter_context(Client(scheduler))
        except (OSError, RuntimeError, ValueError) as error:
            raise SqError(f"no Dask workers ({error}); {advice}") from error
        yield client


def each(function: Callable, jobs: list[tuple], workers: int, scheduler: str | None = None,
         advice: str = "workers=0 does without") -> Iterator[tuple[int, Any]]:
    """Yield the place in `jobs` and the result of `function(*job)`, or the exception that it raised, as they come.

    In this process where there is no `scheduler` and one worker or job at most; else by `dask_client`, with its errors.
    """
    if scheduler is None and min(workers, len(jobs)) <= 1:
        for place, job in enumerate(jobs):
            yield place, _done(function, job)
        return
    from dask.distributed import as_completed

    with dask_client(min(workers, len(jobs)), scheduler, advice) as client:
        client.subscribe_topic(SAID, lambda event: _write(event[1]))
        tasks = {client.submit(_done, function, job, pure=False): place for place, job in enumerate(jobs)}
        for task in as_completed(list(tasks)):
            yield tasks[task], task.result() if task.status == "finished" else task.exception()
            task.release()


def say(text: str, here: bool = True) -> None:
    """Send a line to whoever waits in `each` for this worker's job; where this is no worker, to stderr if `here`."""
    from distributed import get_worker

    try:
        get_worker().log_event(SAID, text)
    except ValueError:  # no worker
        if here:
            _write(text)


def _write(text: str) -> None:  # above the progress bars
    from tqdm import tqdm

    tqdm.write(text, file=sys.stderr)


def _done(function: Callable, job: tuple) -> Any:
    keep_freed()  # where this is a script, or a worker that somebody else started
    try:
        return function(*job)
    except Exception as error:  # given back, not raised: one job must not cost the others, and Dask would print it
        return error
