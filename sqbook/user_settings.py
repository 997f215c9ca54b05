"""What a user has set for other programs does not reach the book: its charts and kernels start from defaults."""

import os
import re
import sys
from collections.abc import MutableMapping
from pathlib import Path

import sqlib
from sqlib.paths import home

FOREIGN = re.compile(r"(?:GIT|JUPYTER|IPYTHON|MPL|MATPLOTLIB|PYDEVD)[A-Z_0-9]*|PYTHON(?:STARTUP|WARNINGS|IOENCODING)")
CHECKOUT = Path(sqlib.__file__).resolve().parents[1]
# `-I` leaves out $PYTHON… and user's packages; modules of $PYTHONPATH are found after those of this environment
LAUNCH = ("import os, sys; sys.path[:0] = [{checkout!r}]; sys.path += os.environ.get('PYTHONPATH', '').split(os.pathsep);"
          " from ipykernel import kernelapp; kernelapp.launch_new_instance()")


def detach(environment: MutableMapping[str, str]) -> None:
    """Take out of an environment what users set for git, Jupyter, IPython, matplotlib and Python at large."""
    for name in [name for name in environment if FOREIGN.fullmatch(name)]:
        del environment[name]
    environment |= {"JUPYTER_PREFER_ENV_PATH": "1"}  # templates and kernels of this environment before the user's


def kernel_manager(scratch: Path):
    """A kernel manager for this Python, whatever kernels and settings the user has.

    scratch : an empty folder for as long as the kernel lives; the kernel's complaints go to its file `log`
    """
    from ipykernel.kernelspec import get_kernel_dict
    from jupyter_client import AsyncKernelManager
    from jupyter_client.kernelspec import KernelSpec

    command = [sys.executable, "-I", "-c", LAUNCH.format(checkout=str(CHECKOUT)), "-f", "{connection_file}"]
    own = KernelSpec(**{**get_kernel_dict(), "argv": command})
    places = {"IPYTHONDIR": scratch / "ipython", "JUPYTER_RUNTIME_DIR": scratch, "JUPYTER_CONFIG_DIR": scratch / "none",
              "JUPYTER_DATA_DIR": scratch / "none", "SQ_HOME": home(), "MPLCONFIGDIR": home() / "runs" / ".matplotlib"}

    class Own(AsyncKernelManager):
        transport_encryption = "auto"  # else the kernel complains of plain TCP
        kernel_spec = own

        def __init__(self, **options):
            super().__init__(connection_file=str(scratch / "kernel.json"), **options)

        async def _async_launch_kernel(self, kernel_cmd, **options):
            detach(options["env"])
            options["env"] |= {name: str(place) for name, place in places.items()}  # absolute: it runs in another folder
            with open(scratch / "log", "w") as log:
                return await super()._async_launch_kernel(kernel_cmd, **options, stderr=log)

    return Own
