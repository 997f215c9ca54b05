"""The full-size twin: 57 cubes of 256 x 256 x 256, by Dask workers and in one process, with the memory of all processes.

    python benchmarks/twin.py [--size 256 --frames 256]
"""

import argparse
import os
import tempfile
import threading
import time

import psutil


def watch(stop: threading.Event, peak: list[int]) -> None:
    """Keep the largest sum of the resident memory of this process and its children in `peak`."""
    me = psutil.Process()
    while not stop.wait(0.2):
        total = 0
        for process in (me, *me.children(recursive=True)):
            try:
                total += process.memory_info().rss
            except psutil.NoSuchProcess:
                continue
        peak[0] = max(peak[0], total)


def build(workers: int, settings) -> tuple[float, int]:
    """Seconds and peak bytes of one build in a folder of its own."""
    from sqlib.data import build_twin

    peak, stop = [0], threading.Event()
    watcher = threading.Thread(target=watch, args=(stop, peak))
    watcher.start()
    with tempfile.TemporaryDirectory() as home:
        os.environ["SQ_HOME"] = home
        start = time.perf_counter()
        build_twin(settings, workers=workers)
        seconds = time.perf_counter() - start
    stop.set()
    watcher.join()
    return seconds, peak[0]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--size", type=int, default=256)
    parser.add_argument("--frames", type=int, default=256)
    options = parser.parse_args()
    from sqlib.sun.twin import TwinSettings

    settings = TwinSettings(size=options.size, frames=options.frames)
    cores = os.cpu_count() or 1
    rows = [(f"{cores} Dask workers", *build(cores, settings)), ("one process", *build(0, settings))]
    print(f"57 cubes of {settings.frames} x {settings.size} x {settings.size}, {cores} cores")
    print(f"{'way':16}{'seconds':>9}{'peak MB':>9}{'time × first':>14}")
    for name, seconds, peak in rows:
        print(f"{name:16}{seconds:9.1f}{peak / 1e6:9.0f}{seconds / rows[0][1]:14.2f}")


if __name__ == "__main__":
    main()
