"""Training steps with freed memory kept (sqlib.memory) and as Dask sets its workers, in turns, each in its process.

    python benchmarks/memory.py
"""

import argparse
import os
import statistics
import subprocess
import sys
import time
from pathlib import Path

WAYS = ("kept", "as in a Dask worker")


def views_a_second(way: str, size: int, batch: int, steps: int) -> float:
    """Median speed of this process over `steps` steps of the laptop profile's network, after three to warm up."""
    import torch
    from training import our_step, speckle

    from sqlib.learn.augment import Views
    from sqlib.learn.models import Model
    from sqlib.learn.samples import make_samples
    from sqlib.learn.settings import Loop, Settings
    from sqlib.memory import keep_freed

    torch.set_num_threads(1)
    if way == "kept":
        keep_freed()
    model = Model("resnet6", encoding=32, projection=32, width=8)
    settings = Settings("supcon", model, Views(), Loop(batch=batch, warmup=0))
    _, step = our_step(make_samples(speckle(size), 3, 0, settings.views, "cpu"), settings)
    taken = []
    for _ in range(steps + 3):
        start = time.perf_counter()
        views = step()
        taken.append((time.perf_counter() - start) / views)
    return 1 / statistics.median(taken[3:])


def rows(size: int = 96, batch: int = 64, steps: int = 20, rounds: int = 3) -> list[tuple]:
    """Rows of the table (see __main__): views a second with memory kept, beside Dask's environment."""
    import dask
    import distributed  # noqa: F401 - its defaults

    environment = os.environ | {k: str(v) for k, v in dask.config.get("distributed.nanny.pre-spawn-environ").items()}
    found = {way: [] for way in WAYS}
    for _ in range(rounds):
        for way in WAYS:
            command = [sys.executable, str(Path(__file__).resolve()), way, str(size), str(batch), str(steps)]
            done = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
            found[way].append(float(done.stdout))
    ours, theirs = map(statistics.median, found.values())
    return [(f"training step, ResNet-6, {size} px, batch {batch}, one thread", ours, "views/s", WAYS[1], ours / theirs)]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("way", nargs="?", choices=WAYS, help="measure this process alone")
    parser.add_argument("sizes", nargs="*", type=int, help="pixels, batch, steps")
    options = parser.parse_args()
    if options.way:
        print(views_a_second(options.way, *options.sizes))
        return
    for what, value, unit, beside, ratio in rows():
        print(f"{what}: {value:.0f} {unit}, {ratio:.2f} times as many as {beside}")


if __name__ == "__main__":
    main()
