"""Freed memory is kept: pages that were fetched once are not fetched again."""

import mmap
import os
import platform
import resource
import subprocess
import sys

import pytest

from sqlib.show.provenance import forget_peak, peak_memory

FAULTS = """
import resource, sys
from threading import Thread
from sqlib.memory import keep_freed

def faults(times, mebibytes):
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    for _ in range(times):
        b"x" * (mebibytes << 20)
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before

how = tuple(map(int, sys.argv[1:]))
before = faults(*how)
keep_freed()
thread = Thread(target=lambda: print(before, faults(*how)))  # as a worker computes
thread.start()
thread.join()
"""


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="only glibc can be told")
@pytest.mark.parametrize(("times", "mebibytes"), [(50, 2), (20, 64)])
def test_arrays_take_the_pages_of_those_before_them_even_where_dask_would_give_them_back(times, mebibytes):
    environment = {**os.environ, "MALLOC_TRIM_THRESHOLD_": "65536"}  # as Dask sets it in its workers
    command = [sys.executable, "-c", FAULTS, str(times), str(mebibytes)]
    found = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
    before, after = map(int, found.stdout.split())
    pages = times * (mebibytes << 20) // resource.getpagesize()
    assert before > pages * 500 / 512 and after < before / 10


def test_the_peak_of_memory_is_the_process_s_own_and_can_be_forgotten():
    held = mmap.mmap(-1, 300_000_000)  # not of malloc's, which keeps what is freed
    for place in range(0, len(held), mmap.PAGESIZE):
        held[place] = 1
    before = peak_memory()
    code = "from sqlib.show.provenance import peak_memory; print(peak_memory())"
    child = int(subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout)
    assert len(held) / 1e6 < before and child < before - 150
    held.close()
    forget_peak()
    assert peak_memory() < before - 200
