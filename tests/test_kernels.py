"""Kernels are forked from a process that has imported what chapters import, and end with it."""

import os
import subprocess
import sys
import time

import pytest
from tinybook import write_notebook

from sqbook import kernels
from sqbook.execute import run_notebook
from sqlib.errors import SqError

pytestmark = pytest.mark.skipif(not kernels._forks(), reason="each kernel starts by itself")
WHERE = """\
import os, sys
from pathlib import Path
import numpy as np
facts = [os.getppid(), os.getsid(0) == os.getpid(), os.environ["SQ_HOME"], Path.cwd(), float(np.random.rand())]
Path(out, "facts.txt").write_text("\\n".join(map(str, facts)))
"""
# CUDA may not be touched before a fork: what counts or asks for devices fails here
NO_DEVICES = """
import sys, importlib, torch
def asked(*_):
    raise AssertionError("CUDA was asked for devices")
torch._C._cuda_getDeviceCount = torch.cuda.device_count = torch.cuda.is_available = torch.cuda.init = asked
for name in sys.argv[1:]:
    importlib.import_module(name)
"""


@pytest.fixture
def server():
    kernels._server.cache_clear()
    yield
    kernels._server.cache_clear()


def facts(folder):
    return (folder / "facts.txt").read_text().split("\n")


def test_kernels_have_one_parent_and_their_own_session_environment_and_chance(home, server, monkeypatch):
    monkeypatch.setattr(kernels, "EACH", (*kernels.EACH, "numpy.random"))  # its state is there before the fork
    write_notebook(home / "notebooks/02_where.ipynb", WHERE)
    first, second = (facts(run_notebook("02_where", {"seed": seed}, "smoke", progress=False)) for seed in (3, 4))
    assert first[0] == second[0] != str(os.getpid())
    assert first[1:4] == second[1:4] == ["True", str(home), str(home)]
    assert first[4] != second[4]


def test_where_nothing_can_be_forked_a_kernel_starts_by_itself(home, server, monkeypatch):
    monkeypatch.setattr(kernels, "_forks", lambda: False)
    write_notebook(home / "notebooks/02_where.ipynb", WHERE)
    found = facts(run_notebook("02_where", {"seed": 3}, "smoke", progress=False))
    assert found[:4] == [str(os.getpid()), "True", str(home), str(home)]


def test_a_server_that_ended_is_said_so_and_the_next_run_has_another(home, server):
    write_notebook(home / "notebooks/02_where.ipynb", WHERE)
    parent = int(facts(run_notebook("02_where", {"seed": 3}, "smoke", progress=False))[0])
    os.kill(parent, 9)
    words = r"no kernel can be started, for the process that forks them ended .*run it again"
    with pytest.raises(SqError, match=words):
        run_notebook("02_where", {"seed": 4}, "smoke", progress=False)
    assert facts(run_notebook("02_where", {"seed": 4}, "smoke", progress=False))[0] != str(parent)


def test_a_kernel_ends_with_whoever_asked_for_it(tmp_path):
    code = ("import os, sys, time; from sqbook import kernels; server = kernels._server(tuple(sys.path), ())\n"
            f"print(kernels._fork(server, arguments=['-f', {str(tmp_path / 'kernel.json')!r}], folder='/', "
            f"environment=dict(os.environ), log={str(tmp_path / 'log')!r}).pid, flush=True)\ntime.sleep(60)")
    with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True) as asking:
        kernel = kernels.Forked(int(asking.stdout.readline()))
        limit = time.monotonic() + 30
        while not (tmp_path / "kernel.json").exists() and time.monotonic() < limit:
            time.sleep(0.05)
        assert kernel.poll() is None
        asking.kill()
    while kernel.poll() is None and time.monotonic() < limit:
        time.sleep(0.05)
    assert kernel.poll() == 0


def test_what_is_imported_before_the_fork_leaves_cuda_alone():
    subprocess.run([sys.executable, "-c", NO_DEVICES, *kernels.LEARNING], check=True, timeout=120)
