"""Holography on the band alone, against the plain way: FFTs over all frequencies with a ready kernel.

    python benchmarks/holography.py [--frames 300 --size 340 --repeat 5]

Both sides see the same movie, the same kernel and the same padding; each way runs in a process of its own (so that its
peak memory is its own) and the ways take turns. Prints times, peak memory, ratios, and how far the results differ.
"""

import argparse
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

WAYS = {
    "ours": "the bins of the band, by matrix products in time",
    "torch 3-D": "fftn over all frequencies, kernel, ifftn",
    "torch real": "rfft in time, fft2, kernel, ifft2, ifft in time",
    "scipy 3-D": "fftn over all frequencies, kernel, ifftn, on all cores",
    "scipy real": "rfft in time, fft2, kernel, ifft2, ifft in time, on all cores",
    "scipy unasked": "fftn, kernel, ifftn as SciPy does them unasked: one core, and double precision, NumPy's default",
}


def movie(frames: int, size: int) -> np.ndarray:
    """White noise without mean and drift (which ours would take out and the plain way would not)."""
    doppler = np.random.default_rng(0).standard_normal((frames, size, size), dtype=np.float32)
    line = np.stack([np.ones(frames), np.linspace(-1, 1, frames)]).astype(np.float32)
    line /= np.linalg.norm(line, axis=1, keepdims=True)
    doppler -= np.einsum("it,ihw->thw", line, np.einsum("it,thw->ihw", line, doppler, optimize=True), optimize=True)
    return doppler


def ready(way: str, kernel, doppler: np.ndarray):
    """A function without arguments that makes the power of `doppler` in this way; what it needs is made before."""
    import torch

    from sqlib.sun.holography import egression_power

    frames, height, width = kernel.shape
    long, tall, wide = kernel.padded
    if way == "ours":
        return lambda: egression_power(doppler, kernel).numpy()
    first = round(float(kernel.omega[0]) * long * kernel.cadence / (2 * np.pi))  # the first bin of the band
    library, form = way.split(" ", 1)
    frequencies = long // 2 + 1 if form == "real" else long
    unasked = form == "unasked"
    green = np.zeros((frequencies, tall, wide), dtype=np.complex128 if unasked else np.complex64)
    green[first : first + len(kernel.green)] = kernel.green.numpy()

    if library == "torch":
        tensor, response = torch.from_numpy(doppler), torch.from_numpy(green)
        del green

        def real():
            wave = torch.fft.rfft(tensor, n=long, dim=0)
            wave = torch.fft.ifft2(torch.fft.fft2(wave, s=(tall, wide)) * response)[:, :height, :width]
            return (2 * torch.fft.ifft(wave, n=long, dim=0))[:frames].abs().square().numpy()

        def whole():
            wave = torch.fft.ifftn(torch.fft.fftn(tensor, s=(long, tall, wide)) * response)
            return (2 * wave[:frames, :height, :width]).abs().square().numpy()

        return real if form == "real" else whole
    from scipy import fft

    workers = None if unasked else -1
    doppler = doppler.astype(float) if unasked else doppler

    def real():
        wave = fft.rfft(doppler, n=long, axis=0, workers=workers)
        wave = fft.ifft2(fft.fft2(wave, s=(tall, wide), workers=workers) * green, workers=workers)[:, :height, :width]
        return np.abs(2 * fft.ifft(wave, n=long, axis=0, workers=workers)[:frames]) ** 2

    def whole():
        wave = fft.ifftn(fft.fftn(doppler, s=(long, tall, wide), workers=workers) * green, workers=workers)
        return np.abs(2 * wave[:frames, :height, :width]) ** 2

    return real if form == "real" else whole


def measure(way: str, frames: int, size: int, repeat: int, out: Path) -> None:
    """Run one way in this process and write its result and figures."""
    from sqlib.sun.holography import Holography, make_kernel

    kernel = make_kernel((frames, size, size), Holography(45.0, 1.09))
    run = ready(way, kernel, movie(frames, size))
    if way != "ours":
        kernel = None
    before = resident()
    power = run()  # warm-up, and the result to compare
    np.save(out / f"{way}.npy", power)
    del power
    seconds = []
    for _ in range(repeat):
        start = time.perf_counter()
        run()
        seconds.append(time.perf_counter() - start)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    (out / f"{way}.json").write_text(json.dumps({"seconds": seconds, "peak": peak, "working": peak - before}))


def resident() -> int:
    """Bytes of memory that this process holds now."""
    import psutil

    return psutil.Process().memory_info().rss


def contest(ways, frames: int, size: int, repeat: int, rounds: int = 2) -> tuple[dict, dict, dict, dict]:
    """Median seconds, peak bytes, working bytes, and largest difference from ours over ours' peak, of each way."""
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder)
        told = {way: [] for way in ways}
        for _ in range(rounds):  # in turns, so that a change of the machine's speed meets all
            for way in ways:
                own = {"way": way, "out": folder, "repeat": max(repeat // 2, 1), "frames": frames, "size": size}
                words = [f"--{name}={value}" for name, value in own.items()]
                subprocess.run([sys.executable, __file__, *words], check=True)
                told[way].append(json.loads((out / f"{way}.json").read_text()))
        results = {way: np.load(out / f"{way}.npy", mmap_mode="r") for way in ways}
        difference = {way: float(np.abs(results[way] - results["ours"]).max() / results["ours"].max()) for way in ways}
    seconds = {way: float(np.median([s for r in told[way] for s in r["seconds"]])) for way in ways}
    peak, work = ({way: max(r[k] for r in told[way]) for way in ways} for k in ("peak", "working"))
    return seconds, peak, work, difference


def rows(frames: int = 300, size: int = 340, repeat: int = 2, rounds: int = 2) -> list[tuple]:
    """Rows of the table (see __main__): ours beside SciPy's best way, and beside SciPy as it does it unasked."""
    seconds, _, work, _ = contest(("ours", "scipy real", "scipy unasked"), frames, size, repeat, rounds)
    ours, what = seconds["ours"], f"holography, {frames} × {size}²"
    return [(f"{what}: time", ours, "s", f"SciPy, {WAYS['scipy real']}", seconds["scipy real"] / ours),
            (f"{what}: time", ours, "s", "SciPy unasked: fftn, double, one core", seconds["scipy unasked"] / ours),
            (f"{what}: memory", work["ours"] / 1e9, "GB", "SciPy, real transforms", work["scipy real"] / work["ours"])]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--frames", type=int, default=300)
    parser.add_argument("--size", type=int, default=340)
    parser.add_argument("--repeat", type=int, default=5)
    parser.add_argument("--way", choices=WAYS, help=argparse.SUPPRESS)
    parser.add_argument("--out", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.way:
        return measure(options.way, options.frames, options.size, options.repeat, options.out)
    seconds, peak, work, difference = contest(tuple(WAYS), options.frames, options.size, options.repeat)
    print(f"{options.frames} frames of {options.size}², padded, {os.cpu_count()} cores")
    head = f"{'way':14}{'seconds':>9}{'peak MB':>9}{'working MB':>12}{'× ours':>9}{'memory × ours':>15}"
    print(f"{head}{'largest difference / peak':>28}")
    for way in WAYS:
        times, memory = seconds[way] / seconds["ours"], work[way] / work["ours"]
        print(f"{way:14}{seconds[way]:9.3f}{peak[way] / 1e6:9.0f}{work[way] / 1e6:12.0f}{times:9.2f}{memory:15.2f}"
              f"{difference[way]:28.1e}")
    print("\n".join(f"{way}: {what}" for way, what in WAYS.items()))


if __name__ == "__main__":
    main()
