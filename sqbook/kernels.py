"""Kernels that execute notebooks, each forked from a process that has imported what chapters import.

Importing torch and what builds on it takes longer than many a chapter; the fork takes a moment.
"""

import json
import os
import select
import signal
import subprocess
import sys
from functools import lru_cache
from importlib import import_module
from pathlib import Path

from sqbook.user_settings import detach
from sqlib.errors import in_words
from sqlib.paths import home

# `-I` leaves out $PYTHON… and the user's packages; a kernel has the modules of this process, in their order
ISOLATED = [sys.executable, "-I", "-c"]
START = "import sys; sys.path[:] = {path!r}; from {module} import {function}; {function}({arguments})"
EACH = ("ipykernel.kernelapp", "ipykernel.debugger", "matplotlib.pyplot", "sqlib.show.publish")  # of any chapter
LEARNING = (*EACH, "sqlib.learn.chapters", "sqlib.judge.trials")  # of one that has data or networks


class Forked:
    """What jupyter_client asks of a `subprocess.Popen`, of a kernel that a server forked."""

    stdin = stdout = stderr = None

    def __init__(self, pid: int):
        self.pid, self.ended = pid, os.pidfd_open(pid)

    def poll(self) -> int | None:
        """0 when it has ended, however: its status is the server's to know."""
        return 0 if select.select([self.ended], [], [], 0)[0] else None

    def wait(self) -> int:
        """Wait for its end."""
        select.select([self.ended], [], [])
        os.close(self.ended)
        return 0

    def send_signal(self, number: int) -> None:
        """Send it a signal, if it has not ended."""
        if self.poll() is None:
            os.kill(self.pid, number)


def serve(*modules: str) -> None:
    """Import modules, then fork a kernel for each line of stdin, a job of `_fork`, and answer with its number, until
    stdin ends: with the process that asks, however that ends. A kernel ends when this does."""
    os.environ["MPLBACKEND"] = "module://matplotlib_inline.backend_inline"  # as a kernel has it before matplotlib
    for name in modules:
        import_module(name)
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # nobody waits for them
    while line := sys.stdin.readline():
        job, server = json.loads(line), os.getpid()
        if pid := os.fork():
            print(pid, flush=True)
            continue
        os.setsid()
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        import_module("numpy").random.seed()  # else what is drawn without a seed would be the same in all
        os.environ.clear()
        os.environ.update(job["environment"])
        os.chdir(job["folder"])
        log, nothing = os.open(job["log"], os.O_WRONLY | os.O_CREAT | os.O_APPEND), os.open(os.devnull, os.O_RDONLY)
        for own, place in ((nothing, 0), (log, 1), (log, 2)):
            os.dup2(own, place)
        from ipykernel.kernelapp import launch_new_instance

        return launch_new_instance(argv=[*job["arguments"], f"--IPKernelApp.parent_handle={server}"])


@lru_cache(maxsize=2)
def _server(path: tuple[str, ...], modules: tuple[str, ...]) -> subprocess.Popen:
    environment = dict(os.environ)
    detach(environment)
    environment["MPLCONFIGDIR"] = str(home() / "runs" / ".matplotlib")
    environment["PYDEVD_DISABLE_FILE_VALIDATION"] = "1"  # else the debugger, which is imported, says how to debug
    code = START.format(path=[*path, ""], module=__name__, function="serve", arguments=str(modules)[1:-1])
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
    return subprocess.Popen([*ISOLATED, code], env=environment, start_new_session=True, **pipes)  # Ctrl-C is for us


def _fork(server: subprocess.Popen, **job) -> Forked:
    """A kernel with these arguments, environment, folder to work in, and log that its complaints go to."""
    with in_words("no kernel can be started, for the process that forks them ended", "run it again"):
        try:
            server.stdin.write(json.dumps(job) + "\n")
            server.stdin.flush()
            return Forked(int(server.stdout.readline()))
        except (OSError, ValueError):
            _server.cache_clear()  # the next run has another
            raise


def _forks() -> bool:
    try:
        os.close(os.pidfd_open(os.getpid()))
    except (AttributeError, OSError):
        return False
    return True


def kernel_manager(scratch: Path, learns: bool = False):
    """A kernel manager for this Python, whatever kernels and settings the user has.

    scratch : an empty folder for as long as the kernel lives; the kernel's complaints go to its file `log`
    learns : whether the notebook has data or networks, so that it imports `LEARNING`
    Where a process cannot be watched by a descriptor (not Linux, or before 5.3) each kernel starts by itself.
    """
    from ipykernel.kernelspec import get_kernel_dict
    from jupyter_client import AsyncKernelManager
    from jupyter_client.kernelspec import KernelSpec

    path = tuple(filter(None, sys.path))
    alone = START.format(path=[*path, ""], module="ipykernel.kernelapp", function="launch_new_instance", arguments="")
    arguments = ["-f", "{connection_file}"]
    own = KernelSpec(**{**get_kernel_dict(), "argv": [*ISOLATED, alone, *arguments]})
    places = {"IPYTHONDIR": scratch / "ipython", "JUPYTER_RUNTIME_DIR": scratch, "SQ_HOME": home(),
              "MPLCONFIGDIR": home() / "runs" / ".matplotlib"}

    class Own(AsyncKernelManager):
        transport_encryption = "auto"  # else the kernel complains of plain TCP
        kernel_spec = own

        def __init__(self, **options):
            super().__init__(connection_file=str(scratch / "kernel.json"), **options)

        async def _async_launch_kernel(self, kernel_cmd, **options):
            detach(options["env"])
            options["env"] |= {name: str(place) for name, place in places.items()}  # absolute: it runs elsewhere
            if not _forks():
                with open(scratch / "log", "w") as log:
                    return await super()._async_launch_kernel(kernel_cmd, **options, stderr=log)
            forked = _fork(_server(path, LEARNING if learns else EACH), arguments=kernel_cmd[len(ISOLATED) + 1 :],
                           folder=os.getcwd(), environment=options["env"], log=str(scratch / "log"))
            self.provisioner.process, self.provisioner.pid, self.provisioner.pgid = forked, forked.pid, forked.pid
            self._reconcile_connection_info(self.provisioner.connection_info)

    return Own
