"""What a user has set for other programs does not reach the book: its charts and kernels start from defaults."""

import io
import os
import re
import sys
import warnings
from collections.abc import MutableMapping
from pathlib import Path

import sqlib
from sqlib.paths import home

XDG = re.compile(r"XDG_\w+_HOME")
FOREIGN = re.compile(r"(?:JUPYTER|IPYTHON|MPL)[A-Z_0-9]*|PYTHON(?:STARTUP|WARNINGS|IOENCODING)")
CHECKOUT = Path(sqlib.__file__).resolve().parents[1]


def use_defaults() -> None:
    """Start this process from defaults: its environment (see `detach`), warnings, and what it writes."""
    detach(os.environ)
    if sys.warnoptions:  # -W and $PYTHONWARNINGS, which may make an error of any warning
        sys.warnoptions.clear()
        warnings.resetwarnings()
        for kind in (DeprecationWarning, PendingDeprecationWarning, ImportWarning, ResourceWarning):  # as Python has it
            warnings.simplefilter("ignore", kind)
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):  # what its encoding lacks is escaped
            stream.reconfigure(errors="backslashreplace")


def detach(environment: MutableMapping[str, str]) -> None:
    """Take out of an environment what users set for Jupyter, IPython, matplotlib and Python at large.

    Where they have no home that can be written to, which some packages insist on, one in home()/runs takes its place.
    """
    unusable = {name for name, place in environment.items() if XDG.fullmatch(name) and not _writable(place)}
    for name in [name for name in environment if FOREIGN.fullmatch(name) or name in unusable]:
        del environment[name]
    # no templates of nbconvert's and no matplotlibrc of theirs
    environment |= {"JUPYTER_DATA_DIR": os.path.join(sys.prefix, "share", "jupyter"),
                    "MATPLOTLIBRC": str(CHECKOUT / "sqlib" / "show" / "sqlib.mplstyle")}
    if "PYTHONPATH" in environment:
        environment["PYTHONPATH"] = str(CHECKOUT)
    if not _writable(environment.get("HOME") or os.path.expanduser("~")):
        environment["HOME"] = str(home() / "runs" / ".home")


def _writable(folder: str) -> bool:
    return os.access(folder, os.W_OK | os.X_OK)
