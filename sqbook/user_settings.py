"""What a user has set for other programs does not reach the book: its charts and kernels start from defaults."""

import io
import os
import re
import sys
import warnings
from pathlib import Path

import sqlib
from sqlib.paths import home

XDG = re.compile(r"XDG_\w+_HOME")
FOREIGN = re.compile(r"(?:JUPYTER|IPYTHON|MPL)[A-Z_0-9]*|PYTHON(?:STARTUP|WARNINGS|IOENCODING)")
CHECKOUT = Path(sqlib.__file__).resolve().parents[1]


def use_defaults() -> None:
    """Start this process, and all that it starts, from defaults: environment, warnings, and what it writes.

    What users set for Jupyter, IPython, matplotlib and Python at large goes. Where they have no home that can be
    written to, which some packages insist on, one in home()/runs takes its place.
    """
    kept = home() / "runs"
    unusable = {name for name, place in os.environ.items() if XDG.fullmatch(name) and not _writable(place)}
    for name in [name for name in os.environ if FOREIGN.fullmatch(name) or name in unusable]:
        del os.environ[name]
    os.environ |= {
        "JUPYTER_DATA_DIR": os.path.join(sys.prefix, "share", "jupyter"),  # no kernels and templates of theirs
        "IPYTHONDIR": str(kept / ".ipython"),
        "MATPLOTLIBRC": str(CHECKOUT / "sqlib" / "show" / "sqlib.mplstyle"),
        "MPLCONFIGDIR": str(kept / ".matplotlib"),
        "PYDEVD_DISABLE_FILE_VALIDATION": "1",  # else the debugger, which kernels import, says how to debug
        "PYTHONSAFEPATH": "1",  # no modules of the folder that it is called in
        "SQ_HOME": str(home()),  # absolute: kernels run elsewhere
    }
    if "PYTHONPATH" in os.environ:
        os.environ["PYTHONPATH"] = str(CHECKOUT)
    if not _writable(os.environ.get("HOME") or os.path.expanduser("~")):
        os.environ["HOME"] = str(kept / ".home")
    if sys.warnoptions:  # -W and $PYTHONWARNINGS, which may make an error of any warning
        sys.warnoptions.clear()
        warnings.resetwarnings()
        for kind in (DeprecationWarning, PendingDeprecationWarning, ImportWarning, ResourceWarning):  # as Python has it
            warnings.simplefilter("ignore", kind)
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):  # what its encoding lacks is escaped
            stream.reconfigure(errors="backslashreplace")


def _writable(folder: str) -> bool:
    return os.access(folder, os.W_OK | os.X_OK)
