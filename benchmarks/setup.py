"""Set-up from nothing: a fresh virtual environment with the locked packages, from the network, and this package.

    python benchmarks/setup.py        # downloads gigabytes
"""

import subprocess
import sys
import tempfile
import time
from pathlib import Path
from shutil import copytree

CHECKOUT = Path(__file__).resolve().parents[1]


def rows() -> list[tuple]:
    """Row of the table (see __main__): what `make` does first, without pip's cache, in a folder that goes away."""
    with tempfile.TemporaryDirectory() as folder:
        home, start = Path(folder), time.perf_counter()
        for package in ("sqlib", "sqbook"):
            copytree(CHECKOUT / package, home / package)
        for name in ("pyproject.toml", "requirements.lock", "README.md", "LICENSE"):
            (home / name).write_bytes((CHECKOUT / name).read_bytes())
        subprocess.run([sys.executable, "-m", "venv", home / ".venv"], check=True)
        pip = [home / ".venv" / "bin" / "python", "-m", "pip", "--disable-pip-version-check", "--quiet"]
        locked = ["--no-cache-dir", "--require-hashes", "-r", home / "requirements.lock"]
        subprocess.run([*pip, "install", *locked], check=True)
        subprocess.run([*pip, "install", "--no-deps", "--no-build-isolation", "-e", home], check=True)
        seconds = time.perf_counter() - start
        subprocess.run([home / ".venv" / "bin" / "sq", "--help"], check=True, stdout=subprocess.DEVNULL)
        fetch = [*pip, "download", "--no-deps", *locked, "-d", home / "wheels"]
        subprocess.run(fetch, check=True)  # once more, for their size
        fetched, kept = (sum(path.lstat().st_size for path in (home / part).rglob("*")) for part in ("wheels", ".venv"))
    return [
        ("set-up from nothing, packages fetched", seconds, "s", "", None),
        ("set-up: fetched", fetched / 1e9, "GB", "", None),
        ("set-up: on disk", kept / 1e9, "GB", "", None),
    ]


if __name__ == "__main__":
    for what, value, unit, *_ in rows():
        print(f"{what:40}{value:9.1f} {unit}")
