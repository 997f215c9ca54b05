"""The full-size twin: 57 cubes of 256 x 256 x 256, by Dask workers and in one process, with the memory of all.

    python benchmarks/twin.py [--size 256 --frames 256]
"""

import argparse
import os
import tempfile
import threading
import time
from pathlib import Path

import psutil


def watch(stop: threading.Event, peak: list[int]) -> None:
    """Keep the largest sum of the resident memory of this process and its children in `peak`."""
    me = psutil.Process()
    while True:  # at least once: a tiny build is over before the first wait
        total = 0
        for process in (me, *me.children(recursive=True)):
            try:
                total += process.memory_info().rss
            except psutil.NoSuchProcess:
                continue
        peak[0] = max(peak[0], total)
        if stop.wait(0.2):
            return


def build(workers: int | None, settings) -> tuple[float, int, int]:
    """Seconds, peak bytes of memory, and bytes on disk of one build in a folder of its own."""
    from sqlib.data import build_twin

    peak, stop = [0], threading.Event()
    watcher = threading.Thread(target=watch, args=(stop, peak))
    watcher.start()
    before = os.environ.get("SQ_HOME")
    try:
        with tempfile.TemporaryDirectory() as home:
            os.environ["SQ_HOME"] = home
            start = time.perf_counter()
            build_twin(settings, workers=workers)
            seconds = time.perf_counter() - start
            size = sum(path.stat().st_size for path in Path(home).rglob("*.fits"))
    finally:
        os.environ.pop("SQ_HOME")
        os.environ |= {"SQ_HOME": before} if before else {}
        stop.set()
        watcher.join()
    return seconds, peak[0], size


def rows(size: int = 256, frames: int = 256) -> list[tuple]:
    """Rows of the table (see __main__): the twin as `sq data build` makes it."""
    from sqlib.sun.twin import TwinSettings

    seconds, peak, disk = build(None, TwinSettings(size=size, frames=frames))
    found = {f"twin, 57 cubes of {frames} × {size}²: time": (seconds, "s"), "twin: memory, peak": (peak / 1e9, "GB"),
             "twin: on disk": (disk / 1e9, "GB")}
    return [(name, value, unit, "", None) for name, (value, unit) in found.items()]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--size", type=int, default=256)
    parser.add_argument("--frames", type=int, default=256)
    options = parser.parse_args()
    from sqlib.sun.twin import TwinSettings

    settings = TwinSettings(size=options.size, frames=options.frames)
    cores = os.cpu_count() or 1
    found = [(f"{cores} Dask workers", *build(cores, settings)), ("one process", *build(0, settings))]
    print(f"57 cubes of {settings.frames} x {settings.size} x {settings.size}, {cores} cores")
    print(f"{'way':16}{'seconds':>9}{'peak MB':>9}{'time × first':>14}")
    for name, seconds, peak, _ in found:
        print(f"{name:16}{seconds:9.1f}{peak / 1e6:9.0f}{seconds / found[0][1]:14.2f}")


if __name__ == "__main__":
    main()
