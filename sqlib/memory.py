"""Memory that is freed is kept for what comes next: on Linux fetching it anew costs more than many a computation."""

import ctypes
import sys

MMAP_THRESHOLD, TRIM_THRESHOLD = -3, -1  # mallopt(3)


def keep_freed() -> None:
    """Have this process keep up to 1 GiB that it has freed, and take blocks of up to 32 MiB from it (glibc only).

    By default glibc gives a large block back at once, and each tensor in its place meets its pages anew, one fault in
    4 KiB; Dask sets its workers stricter still. It changes no result.
    """
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None) if sys.platform == "linux" else None
    if mallopt is not None:
        mallopt(MMAP_THRESHOLD, 32 << 20)
        mallopt(TRIM_THRESHOLD, 1 << 30)
