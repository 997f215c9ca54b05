"""Freed memory is kept: pages that were fetched once are not fetched again."""

import os
import platform
import resource
import subprocess
import sys

import pytest

FAULTS = """
import resource
import numpy as np
from sqlib.memory import keep_freed

def faults():
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    for _ in range(50):
        np.ones(1 << 18)
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before

before = faults()
keep_freed()
print(before, faults())
"""


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="only glibc can be told")
def test_arrays_take_the_pages_of_those_before_them_even_where_dask_would_give_them_back():
    environment = {**os.environ, "MALLOC_TRIM_THRESHOLD_": "65536"}  # as Dask sets it in its workers
    found = subprocess.run([sys.executable, "-c", FAULTS], env=environment, capture_output=True, text=True, check=True)
    before, after = map(int, found.stdout.split())
    pages = 50 * (2 << 20) // resource.getpagesize()
    assert before > pages * 500 / 512 and after < before / 10
