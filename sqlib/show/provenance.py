"""The run card: what was run, with which settings and versions, on what, and how long it took."""

import importlib.metadata
import os
import platform
import resource
import subprocess
import sys
from contextlib import suppress
from datetime import datetime
from pathlib import Path
from typing import Annotated, NotRequired

from pydantic import Field

import sqlib
from sqlib.show.records import entries, read_as

PACKAGES = ("torch", "torchvision", "numpy", "scipy", "pandas", "scikit-learn", "astropy", "matplotlib", "papermill")
FILENAME = Annotated[str, Field(pattern=r"^[^/\\.][^/\\]*$")]  # files are named after them
CARD = entries(
    notebook=FILENAME, data=str, profile=str, seed=int | None, parameters=dict, fingerprint=str, key=FILENAME,
    seconds=int | float, seconds_in_all=int | float, made=str, device=str, threads=int, versions=dict, commit=str,
    memory_mb=NotRequired[int], seconds_trained=NotRequired[int | float])  # cards before November 2026 lack them


def versions() -> dict[str, str]:
    """Versions of Python, sqlib and the packages that the numbers depend on."""
    found = {package: importlib.metadata.version(package) for package in PACKAGES}
    return {"python": platform.python_version(), "sqlib": sqlib.__version__, **found}


def commit() -> str:
    """Commit of the checkout that sqlib is imported from, with `+dirty` where tracked files differ; "" outside git,
    "unknown: git refused: …" where git does not answer, such as in a checkout of another owner."""
    checkout = Path(sqlib.__file__).resolve().parents[1]
    git = ["git", "describe", "--always", "--abbrev=12", "--exclude=*", "--dirty=+dirty"]
    # in a hook GIT_DIR is another repository; nor is one above the checkout meant
    environment = {name: value for name, value in os.environ.items() if not name.startswith("GIT_")}
    environment |= {"GIT_CEILING_DIRECTORIES": str(checkout.parent), "LC_ALL": "C"}
    try:
        done = subprocess.run(git, cwd=checkout, capture_output=True, text=True, errors="replace", env=environment)
    except OSError:
        return "unknown: there is no git on this machine" if (checkout / ".git").exists() else ""
    reason = done.stderr.strip().removeprefix("fatal: ").partition("\n")[0].replace(str(checkout), "this checkout")
    if done.returncode and "not a git repository" not in reason:
        return f"unknown: git refused: {reason}"
    return done.stdout.strip()


def make_card(notebook: str, parameters: dict, *, fingerprint: str = "", seconds: float = 0.0, made: str = "") -> dict:
    """The run card of `notebook` as a JSON-able dict: `parameters`, every value of its parameter cell, and `made`, the
    commit when the run began: a checkout that changes under a run must not change its card."""
    torch = sys.modules.get("torch")  # slow to import, and not what a chapter without it ran on
    gpu = torch is not None and torch.cuda.is_available()
    return {
        "notebook": notebook,
        "data": parameters.get("data", ""),
        "profile": parameters.get("profile", ""),
        "seed": parameters.get("seed"),
        "parameters": {name: value for name, value in parameters.items() if name != "out"},
        "fingerprint": fingerprint,
        "seconds": round(seconds, 2),
        "made": datetime.now().astimezone().isoformat(timespec="seconds"),
        "device": torch.cuda.get_device_name() if gpu else f"CPU, {platform.machine()}",
        "threads": torch.get_num_threads() if torch else os.cpu_count(),
        "memory_mb": peak_memory(),
        "versions": versions(),
        "commit": made or commit(),
    }


def peak_memory() -> int:
    """The most memory, in MB, that this process has held since it began or `forget_peak` was called."""
    with suppress(OSError):  # Linux; its ru_maxrss would be the parent's, and nothing resets it
        lines = Path("/proc/self/status").read_text().splitlines()
        return round(next(int(line.split()[1]) for line in lines if line.startswith("VmHWM")) * 1024 / 1e6)
    return round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024) / 1e6)


def forget_peak() -> None:
    """Have `peak_memory` count from now on, where the system can."""
    with suppress(OSError):
        Path("/proc/self/clear_refs").write_text("5")


def origin(card: dict) -> str:
    """Where the data of a run come from, in words."""
    return card.get("own") or ("simulated twin" if card["data"] == "twin" else "observed, SunquakeNet")


def read_card(folder: Path) -> dict:
    """The card of the finished run in `folder`; `SqError` where it is damaged."""
    return read_as(CARD, folder / "card.json", "a run card")
