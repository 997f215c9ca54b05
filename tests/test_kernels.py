"""Kernels are forked from a process that has imported what chapters import, and end with whoever asked for them."""

import os
import select
import subprocess
import sys
from multiprocessing import get_context

import pytest
from tinybook import write_notebook

from sqbook import kernels
from sqbook.execute import run_notebook
from sqlib.errors import SqError

linux = pytest.mark.skipif(sys.platform != "linux", reason="each kernel starts by itself")
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
ASKS = """
import asyncio, time
from jupyter_client import AsyncKernelManager
from sqbook.kernels import use_forked
use_forked()
manager = AsyncKernelManager()
asyncio.run(manager.start_kernel())
print(manager.provisioner.pid, flush=True)
time.sleep(60)
"""


@pytest.fixture
def ran(home):
    """What a kernel says of itself that runs a notebook with a seed."""
    write_notebook(home / "notebooks/02_where.ipynb", WHERE)
    return lambda seed: (run_notebook("02_where", {"seed": seed}, "smoke", progress=False)
                         / "facts.txt").read_text().split("\n")


@linux
def test_kernels_have_one_parent_and_their_own_session_environment_and_chance(home, ran):
    first, second = ran(3), ran(4)
    assert first[0] == second[0] != str(os.getpid())
    assert first[1:4] == second[1:4] == ["True", str(home), str(home)]
    assert first[4] != second[4]


def test_where_nothing_can_be_forked_a_kernel_starts_by_itself(home, ran, monkeypatch):
    monkeypatch.setattr(kernels, "CONTEXT", get_context("spawn"))
    assert ran(3)[:4] == [str(os.getpid()), "True", str(home), str(home)]


def test_a_kernel_that_cannot_be_started_is_told_in_words(ran, monkeypatch):
    def broken(*_):
        raise EOFError("unexpected EOF")

    monkeypatch.setattr(kernels.CONTEXT.Process, "_Popen", staticmethod(broken))
    with pytest.raises(SqError, match=r"no kernel can be started .unexpected EOF.; run it again"):
        ran(3)


@linux
def test_the_server_of_kernels_is_in_a_session_of_its_own(ran):
    parent = int(ran(3)[0])
    assert os.getsid(parent) == parent != os.getsid(0)


@linux
def test_after_a_server_that_ended_the_next_run_has_another(ran):
    parent = ran(3)[0]
    ended = os.pidfd_open(int(parent))
    os.kill(int(parent), 9)
    assert select.select([ended], [], [], 30)[0]
    assert ran(4)[0] != parent


@linux
def test_a_kernel_ends_with_whoever_asked_for_it():
    with subprocess.Popen([sys.executable, "-c", ASKS], stdout=subprocess.PIPE, text=True) as asking:
        ended = os.pidfd_open(int(asking.stdout.readline()))
        assert not select.select([ended], [], [], 1)[0]
        asking.kill()
        assert select.select([ended], [], [], 30)[0]


def test_what_is_imported_before_the_fork_leaves_cuda_alone():
    subprocess.run([sys.executable, "-c", NO_DEVICES, *kernels.MODULES], check=True, timeout=120)
