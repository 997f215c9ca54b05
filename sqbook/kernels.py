"""Kernels that execute notebooks, each forked from a process that has imported what chapters import.

Importing torch and what builds on it takes longer than many a chapter; the fork takes a moment.
"""

import os
import sys
from importlib.metadata import EntryPoint
from multiprocessing import get_context, parent_process, set_start_method
from tempfile import gettempdir
from threading import Thread
from types import ModuleType

from jupyter_client.provisioning import KernelProvisionerFactory, LocalProvisioner

from sqbook.user_settings import use_defaults
from sqlib.errors import in_words

# where a process may not be forked, or the folder of a server's socket has too long a name, kernels start by themselves
CONTEXT = get_context("forkserver" if sys.platform == "linux" and len(gettempdir()) < 70 else "spawn")
MODULES = ["ipykernel.kernelapp", "ipykernel.debugger", "sqlib.show.publish", "sqlib.learn.chapters",
           "sqlib.judge.trials"]
CONTEXT.set_forkserver_preload(["sqbook.session", *MODULES])


class Forked(LocalProvisioner):
    """Starts kernels for jupyter_client, which else starts them by `subprocess.Popen`."""

    async def launch_kernel(self, cmd, **options):
        """Start one in the current folder, with the arguments of `cmd` and the `env` given; `SqError`: it cannot."""
        main = sys.modules["__main__"]
        sys.modules["__main__"] = ModuleType("__main__")  # a kernel would import the caller's, which may run notebooks
        try:
            with in_words("no kernel can be started", "run it again"):
                job = CONTEXT.Process(target=run, args=(cmd[cmd.index("-f") :], options["env"]), daemon=False)
                self.process = job._Popen(job)  # not `job.start()`: one of Dask's workers may not
        finally:
            sys.modules["__main__"] = main
        self.process.stdin = self.process.stdout = self.process.stderr = None
        self.process.send_signal = self.process._send_signal
        self.pid = self.pgid = self.process.pid
        return self.connection_info


def use_forked() -> None:
    """Have every kernel that jupyter_client starts from here on be one of `Forked`."""
    use_defaults()  # as `sq` has done, but not a Dask worker that somebody else started
    factory = KernelProvisionerFactory.instance()
    factory.provisioners["forked"] = EntryPoint("forked", f"{__name__}:Forked", factory.GROUP_NAME)
    factory.default_provisioner_name = "forked"


def run(arguments: list[str], environment: dict[str, str]) -> None:
    """Be a kernel, until it is told to end or the process that asked for it ends, however that does."""
    import matplotlib
    import numpy as np
    from ipykernel.kernelapp import launch_new_instance

    os.setsid()  # Ctrl-C is for who asked
    os.dup2(2, 1)
    set_start_method(None, force=True)  # as in any process: the notebook starts and locks its own by the default
    os.environ.clear()
    os.environ.update(environment)
    sys.path.append("")  # the folder that it runs in comes last: it shadows nothing
    np.random.seed()  # else what is drawn without a seed would be the same in all
    matplotlib.rcParams["backend"] = "module://matplotlib_inline.backend_inline"  # as if imported by a kernel
    Thread(target=lambda: (parent_process().join(), os._exit(1)), daemon=True).start()
    # with a parent it does not say how to end it
    launch_new_instance(argv=[*arguments, "--HistoryManager.enabled=False", "--IPKernelApp.parent_handle=1"])
