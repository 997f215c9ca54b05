"""The whole book: from nothing, and again when nothing has changed.

    python benchmarks/book.py [--profile smoke]
"""

import argparse
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

CHECKOUT = Path(__file__).resolve().parents[1]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--profile", default="smoke")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder)
        for name in ("notebooks", "profiles", "book", "_config.yml", "_toc.yml"):
            (home / name).symlink_to(CHECKOUT / name)
        seconds = []
        for _ in range(2):
            start = time.perf_counter()
            command = [sys.executable, "-m", "sqlib.book.cli", "book", "--profile", options.profile]
            subprocess.run(command, env={**os.environ, "SQ_HOME": folder}, check=True)
            seconds.append(time.perf_counter() - start)
        pages = list((home / "_build" / "html").glob("**/*.html"))
        heaviest = max(page.stat().st_size for page in pages)
    print(f"book, profile {options.profile}, {os.cpu_count()} cores: {len(pages)} pages, the heaviest {heaviest / 1e6:.2f} MB")
    print(f"{'way':20}{'seconds':>9}{'× first':>9}")
    for name, value in zip(("from nothing", "nothing changed"), seconds):
        print(f"{name:20}{value:9.1f}{value / seconds[0]:9.2f}")


if __name__ == "__main__":
    main()
