"""Memory that is freed is kept for what comes next: on Linux fetching it anew costs more than many a computation."""

import ctypes
import sys

# What glibc's malloc is told, by its numbers in mallopt(3): one heap for all threads, whose own are small; blocks of
# any size from it; and up to 1 GiB that is freed stays there.
TOLD = {"ARENA_MAX": (-8, 1), "MMAP_MAX": (-4, 0), "TRIM_THRESHOLD": (-1, 1 << 30)}
# The same for processes to be started, by their environment.
ENVIRONMENT = {f"MALLOC_{name}{'_' * (name != 'ARENA_MAX')}": value for name, (_, value) in TOLD.items()}


def keep_freed() -> None:
    """Have this process keep up to 1 GiB that it has freed, for blocks of any size (glibc only).

    By default glibc gives a large block back at once, and each tensor in its place meets its pages anew, one fault in
    4 KiB: a third of the time of a simulated cube. Dask sets its workers stricter still. It changes no result.
    """
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None) if sys.platform == "linux" else None
    if mallopt is not None:
        for option, value in TOLD.values():
            mallopt(option, value)
