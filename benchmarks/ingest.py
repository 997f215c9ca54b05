"""Ingest of full-disk Dopplergrams: projected frames per second with one worker and with two, and reprojection's share.

    python benchmarks/ingest.py [--disk 1024 --size 160 --frames 48 --method adaptive]
    python benchmarks/ingest.py --disk 4096 --size 340 --frames 32        # HMI as it comes, a patch of the paper's size

The records are painted by `tests/paint.py`; a movie of 256 frames and its pupil's travel time has 301 of them.
"Worker" is a Dask process with one thread; starting them is timed apart.
"""

import argparse
import os
import sys
import tempfile
import time
from datetime import datetime
from pathlib import Path

os.environ.setdefault("OMP_NUM_THREADS", "1")

START, PLACE = datetime(2012, 7, 4, 9, 40), (40.0, 12.0)
MOVIE = 301  # records of HMI that a cube of the paper's size needs


def painted(options, folder: Path) -> list:
    """The jobs of a painted movie."""
    import numpy as np

    sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))
    from paint import CAMERAS, paint

    from sqlib.sun.ingest import Target, whole_records
    from sqlib.sun.ingest.track import make_jobs

    movie = np.random.default_rng(0).normal(0, 100, (options.frames, options.size, options.size)).astype(np.float32)
    paint(movie, 1.09, CAMERAS["HMI"], PLACE, START, 45.0, START, folder, options.disk)
    return make_jobs(whole_records(folder), Target(START, *PLACE), patch_of(options))


def patch_of(options):
    """The patch that the options ask for."""
    from sqlib.sun.ingest import Patch

    return Patch(options.size, 1.09, options.method)


def share_of_reprojection(jobs, options) -> tuple[float, float]:
    """Seconds a frame in one process, and the share of them inside reproject (coordinates included)."""
    from sqlib.sun.ingest import ARCHIVES, project
    from sqlib.sun.ingest.track import METHODS

    spent, reproject = [0.0], METHODS[options.method]

    def timed(*arguments, **how):
        start = time.perf_counter()
        found = reproject(*arguments, **how)
        spent[0] += time.perf_counter() - start
        return found

    project(jobs[0], patch_of(options), ARCHIVES["HMI"])  # imports
    METHODS[options.method] = timed
    start, few = time.perf_counter(), jobs[: max(len(jobs) // 4, 4)]
    for job in few:
        project(job, patch_of(options), ARCHIVES["HMI"])
    seconds = time.perf_counter() - start
    METHODS[options.method] = reproject
    return seconds / len(few), spent[0] / seconds


def rate(jobs, options, workers: int) -> tuple[float, float]:
    """Frames per second with so many Dask workers, and the seconds that they took to start."""
    from sqlib.sun.ingest import ARCHIVES, project_all
    from sqlib.workers import dask_client

    start = time.perf_counter()
    with dask_client(workers) as client:
        few = [jobs[0]] * (4 * workers)  # each worker imports sunpy and reproject once
        project_all(few, patch_of(options), ARCHIVES["HMI"], scheduler=client.scheduler.address, progress=False)
        begun = time.perf_counter()
        project_all(jobs, patch_of(options), ARCHIVES["HMI"], scheduler=client.scheduler.address, progress=False)
        return len(jobs) / (time.perf_counter() - begun), begun - start


def rows(**sizes) -> list[tuple]:
    """Row of the table (see __main__): two workers beside one. `sizes`: disk, size, frames, method of the options.

    Without sizes there are two: small records, and those of HMI as they come.
    """
    if not sizes:
        return rows(disk=1024, size=160, frames=48) + rows(disk=4096, size=340, frames=24)
    options = argparse.Namespace(**{"method": "adaptive"} | sizes)
    with tempfile.TemporaryDirectory() as folder:
        jobs = painted(options, Path(folder))
        one, two = (rate(jobs, options, workers)[0] for workers in (1, 2))
    what = f"ingest, records of {options.disk}², patch of {options.size}², 2 workers"
    return [(what, two, "frames/s", "1 worker", two / one)]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--disk", type=int, default=1024, help="pixels a side of a record; HMI has 4096")
    parser.add_argument("--size", type=int, default=160, help="pixels a side of the patch; the paper's cube needs 340")
    parser.add_argument("--frames", type=int, default=48)
    parser.add_argument("--method", choices=("adaptive", "interp"), default="adaptive")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        jobs = painted(options, Path(folder))
        seconds, share = share_of_reprojection(jobs, options)
        rates = {workers: rate(jobs, options, workers) for workers in (1, 2)}
    load = os.getloadavg()[0]
    machine = f"{os.cpu_count()} cores, load {load:.1f}"
    print(f"{options.frames} records of {options.disk}², patch of {options.size}², {options.method}; {machine}")
    print(f"one process: {seconds:.3f} s a frame, {100 * share:.0f} % of it reprojection")
    print(f"{'workers':>8}{'frames/s':>10}{'× one':>8}{'start s':>9}{'301 frames, min':>17}")
    for workers, (speed, start) in rates.items():
        print(f"{workers:8}{speed:10.2f}{speed / rates[1][0]:8.2f}{start:9.1f}{MOVIE / speed / 60:17.1f}")


if __name__ == "__main__":
    main()
