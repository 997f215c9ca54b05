"""Set-up from nothing: a fresh virtual environment with the locked packages, fetched from the network, and this package.

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
        copytree(CHECKOUT / "sqlib", home / "sqlib")
        for name in ("pyproject.toml", "requirements.lock", "README.md", "LICENSE"):
            (home / name).write_bytes((CHECKOUT / name).read_bytes())
        subprocess.run([sys.executable, "-m", "venv", home / ".venv"], check=True)
        pip = [home / ".venv" / "bin" / "python", "-m", "pip", "--disable-pip-version-check", "install"]
        subprocess.run([*pip, "--no-cache-dir", "--quiet", "--require-hashes", "-r", home / "requirements.lock"], check=True)
        subprocess.run([*pip, "--quiet", "--no-deps", "--no-build-isolation", "-e", home], check=True)
        seconds = time.perf_counter() - start
        subprocess.run([home / ".venv" / "bin" / "sq", "--help"], check=True, stdout=subprocess.DEVNULL)
        size = sum(path.lstat().st_size for path in (home / ".venv").rglob("*"))
    return [("set-up from nothing, packages fetched", seconds, "s", "", None), ("set-up: on disk", size / 1e9, "GB", "", None)]


if __name__ == "__main__":
    for what, value, unit, *_ in rows():
        print(f"{what:40}{value:9.1f} {unit}")
