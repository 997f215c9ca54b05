"""The run card: what was run, with which settings and versions, on what, and how long it took."""

import importlib.metadata
import os
import platform
import subprocess
import sys
from html import escape
from pathlib import Path

import sqlib

PACKAGES = ("torch", "torchvision", "numpy", "scipy", "pandas", "scikit-learn", "astropy", "matplotlib", "papermill")


def versions() -> dict[str, str]:
    """Versions of Python, sqlib and the packages that the numbers depend on; a package that is absent is left out."""
    found = {"python": platform.python_version(), "sqlib": sqlib.__version__}
    for package in PACKAGES:
        try:
            found[package] = importlib.metadata.version(package)
        except importlib.metadata.PackageNotFoundError:
            continue
    return found


def commit() -> str:
    """Commit of the checkout that sqlib is imported from, with `+dirty` where tracked files differ; "" outside git."""

    def git(*words: str) -> str | None:
        try:
            here = Path(__file__).parent
            done = subprocess.run(["git", *words], cwd=here, capture_output=True, text=True, timeout=20)
        except (OSError, subprocess.TimeoutExpired):
            return None
        return done.stdout.strip() if done.returncode == 0 else None

    head = git("rev-parse", "--short=12", "HEAD")
    if not head:
        return ""
    return head + ("+dirty" if git("status", "--porcelain", "--untracked-files=no") else "")


def device() -> str:
    """Name of the GPU that torch would use, or of the processor. Looks at torch only where it is already imported."""
    torch = sys.modules.get("torch")
    if torch is not None and torch.cuda.is_available():
        return torch.cuda.get_device_name()
    return f"CPU, {platform.machine()}"


def threads() -> int:
    """Threads that torch computes with, or else the processors this process may use."""
    torch = sys.modules.get("torch")
    return torch.get_num_threads() if torch is not None else len(os.sched_getaffinity(0))


def peak_memory() -> float:
    """Largest resident memory of this process so far, GiB."""
    import resource

    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return round(peak / 2 ** (30 if sys.platform == "darwin" else 20), 2)


def make_card(notebook: str, parameters: dict, *, fingerprint: str = "", seconds: float = 0.0, made: str = "") -> dict:
    """Return the run card of `notebook` as a JSON-able dict.

    `parameters` holds every value of the parameter cell; `data`, `seed` and `profile` are lifted out of it.
    `made` is the commit when the run began: a checkout that changes under a run must not change its card.
    """
    return {
        "notebook": notebook,
        "data": parameters.get("data", ""),
        "profile": parameters.get("profile", ""),
        "seed": parameters.get("seed"),
        "parameters": {name: value for name, value in parameters.items() if name != "out"},
        "fingerprint": fingerprint,
        "seconds": round(seconds, 2),
        "device": device(),
        "threads": threads(),
        "peak_memory_gib": peak_memory(),
        "versions": versions(),
        "commit": made or commit(),
    }


def as_html(card: dict) -> str:
    """Return the card as a folded, accessible HTML table (a row per entry, the entry's name is the row's header)."""
    rows = {
        "Notebook": card["notebook"],
        "Data": f"{card['data']} ({'simulated' if card['data'] == 'twin' else 'observed'})",
        "Profile": card["profile"],
        "Seed": card["seed"],
        "Parameters": ", ".join(f"{name}={value!r}" for name, value in card["parameters"].items()),
        "Data fingerprint": card["fingerprint"] or "no data set was read",
        "Duration": f"{card['seconds']:.1f} s",
        "Device": f"{card['device']}, {card['threads']} threads",
        "Peak memory": f"{card['peak_memory_gib']} GiB",
        "Versions": ", ".join(f"{name} {version}" for name, version in card["versions"].items()),
        "Commit": card["commit"] or "not in a git checkout",
    }
    body = "".join(f'<tr><th scope="row">{escape(k)}</th><td>{escape(str(v))}</td></tr>' for k, v in rows.items())
    return (
        '<details class="sq-card"><summary>Run card</summary>'
        '<div class="sq-table" tabindex="0" role="region" aria-label="Run card">'
        f"<table><caption>How the numbers on this page were made</caption><tbody>{body}</tbody></table></div></details>"
    )
