"""What a user has set for Jupyter, IPython, matplotlib and Python does not reach the book's charts and kernels."""

import os
import re
import subprocess
import sys

from sqlib.paths import home

FOREIGN = re.compile(r"(JUPYTER|IPYTHON|MPL|MATPLOTLIB)\w*|PYTHON(STARTUP|WARNINGS|IOENCODING)")


def use_defaults() -> None:
    """Take these settings out of this process's environment, which its kernels inherit."""
    for name in filter(FOREIGN.fullmatch, list(os.environ)):
        del os.environ[name]
    own = home() / "runs" / ".jupyter"
    os.environ |= {
        "JUPYTER_NO_CONFIG": "1",
        "JUPYTER_DATA_DIR": os.path.join(sys.prefix, "share", "jupyter"),  # kernels and nbconvert's templates
        "JUPYTER_RUNTIME_DIR": str(own),
        "IPYTHONDIR": str(own / "ipython"),
        "MPLCONFIGDIR": str(own / "matplotlib"),
    }


def kernel_manager() -> type:
    """jupyter_client's manager of kernels, but what they complain of while they are stopped is not shown."""
    from jupyter_client import AsyncKernelManager

    os.makedirs(os.environ.get("IPYTHONDIR", "."), exist_ok=True)  # else IPython warns and takes another

    class Quiet(AsyncKernelManager):
        transport_encryption = "auto"  # else they complain of plain TCP, too

        async def _async_launch_kernel(self, kernel_cmd, **options):
            return await super()._async_launch_kernel(kernel_cmd, **options, stderr=subprocess.DEVNULL)

    return Quiet
