"""Views of a batch at once, against one sample after the other by NumPy's FFT and PIL.

    python benchmarks/augment.py [--batch 256 --size 224 --repeat 5]

All ways get the same frames and the same draws, and take turns. First it is shown that they give the same views; then
come views per second, best of the rounds, and ratios: by the wall clock with all cores, and by the processor time of
one thread, which other programs on the machine disturb less. Ours, as the trainer does it, gathers frames that were
low-passed beforehand, each once: that cost is counted as spread over 10 epochs with one view of each sample.
"""

import argparse
import os
import platform
import time
from typing import NamedTuple

import numpy as np
import torch
from PIL import Image, ImageOps
from torch.utils.data import DataLoader

from sqlib.learn import augment, lowpass
from sqlib.learn.augment import Views
from sqlib.learn.samples import Samples, gather

EPOCHS, CHANNELS = 10, 3
MOVES = Image.Transpose
PIL_MOVES = {
    "h-flip": MOVES.FLIP_LEFT_RIGHT,
    "v-flip": MOVES.FLIP_TOP_BOTTOM,
    "90°": MOVES.ROTATE_90,
    "180°": MOVES.ROTATE_180,
    "270°": MOVES.ROTATE_270,
    "transpose": MOVES.TRANSPOSE,
    "other transpose": MOVES.TRANSVERSE,
}
PIL_MOVE = {augment.SYMMETRIES[name]: move for name, move in PIL_MOVES.items()}


def fft2(sample: np.ndarray, threshold: int, variant: str) -> np.ndarray:
    """The low-pass a channel at a time with a centred mask, as the authors write it; counts."""
    counts = np.empty_like(sample)
    for channel, result in zip(sample, counts):
        height, width = channel.shape
        reach, odd = threshold // 2, variant == "symmetric"
        mask = np.zeros(channel.shape, np.uint8)
        mask[height // 2 - reach : height // 2 + reach + odd, width // 2 - reach : width // 2 + reach + odd] = 1
        wave = np.fft.ifft2(np.fft.ifftshift(np.fft.fftshift(np.fft.fft2(channel)) * mask))
        result[:] = np.clip(np.rint(wave.real), 0, 255) if odd else np.abs(wave).astype(np.int32)
    return counts


def rfft2(sample: np.ndarray, threshold: int, variant: str) -> np.ndarray:
    """The symmetric low-pass of all channels by real transforms: the best that NumPy has for it."""
    waves, reach = np.fft.rfft2(sample), threshold // 2
    waves[..., reach + 1 :] = 0
    waves[..., reach + 1 : -reach, :] = 0
    return np.clip(np.rint(np.fft.irfft2(waves, s=sample.shape[-2:])), 0, 255).astype(np.uint8)


def one_view(sample: np.ndarray, low_passed: bool, symmetry: int, boxes: list, views: Views, transform) -> np.ndarray:
    """A view of one sample (C, H, W)."""
    if low_passed:
        sample = transform(sample, views.threshold, views.variant)
    picture = Image.fromarray(np.ascontiguousarray(sample.transpose(1, 2, 0)))
    if low_passed:
        picture = ImageOps.solarize(picture, views.threshold)
    if symmetry:
        picture = picture.transpose(PIL_MOVE[symmetry])
    for top, left, bottom, right in boxes:
        if bottom > top:
            picture.paste((100,) * CHANNELS, (left, top, right, bottom))
    return np.ascontiguousarray(np.asarray(picture).transpose(2, 0, 1))


class OneByOne(torch.utils.data.Dataset):
    """Views of the samples, one after the other, over and over."""

    def __init__(self, batch, draws, views, transform, times):
        self.samples, self.views, self.transform, self.times = batch.numpy(), views, transform, times
        self.draws = list(zip(draws.low_pass.tolist(), draws.symmetry.tolist(), draws.boxes.tolist()))

    def __len__(self):
        return len(self.samples) * self.times

    def __getitem__(self, number):
        number %= len(self.samples)
        return torch.from_numpy(one_view(self.samples[number], *self.draws[number], self.views, self.transform))


def frames(count: int, size: int) -> torch.Tensor:
    """uint8 (count, size, size): speckle round a bright region, with saturated pixels, for overshoots."""
    rng, axis = np.random.default_rng(1265), np.linspace(-1, 1, size)
    region = 120 * np.exp(-8 * (axis[:, None] ** 2 + axis**2))
    power = 40 * rng.exponential(size=(count, size, size)) + 3 * region
    return torch.from_numpy(np.clip(power, 0, 255).astype(np.uint8))


class Draws(NamedTuple):
    """What chance decided for the samples: low-passed or not, symmetry, and rectangles that are erased."""

    low_pass: torch.Tensor
    symmetry: torch.Tensor
    boxes: torch.Tensor


def draw(count: int, size: int, views: Views) -> Draws:
    """The draws of `views_of`, told."""
    generator = torch.Generator().manual_seed(1265)
    return Draws(augment.chance(count, views.low_pass, generator),
                 augment.draw_symmetry(count, views.positional, generator),
                 augment.draw_boxes(count, (size, size), generator))


def views_of(samples: Samples, views: Views) -> torch.Tensor:
    """A view of each sample, as the trainer makes it: gathered from frames that were low-passed beforehand, or not."""
    every, generator = torch.arange(len(samples)), torch.Generator().manual_seed(1265)
    low = augment.chance(len(samples), views.low_pass, generator)
    return augment.augment(gather(samples, every, low), views, generator)


def say_whether_same(samples: Samples, draws: Draws, views: Views, transform) -> None:
    """Print that the ways agree, and stop where they do not.

    All but the low-pass is the same to the bit. Single and double precision can cast the low-passed value to
    neighbouring counts (modulo 256) where it lies on the edge between them, and nowhere else; solarising may then part
    49 from 205.
    """
    batch = gather(samples, torch.arange(len(samples)))
    plain, loops = batch.numpy(), (draws.low_pass.tolist(), draws.symmetry.tolist(), draws.boxes.tolist())
    ours = lowpass.to_counts(lowpass.low_pass(batch, views.threshold, views.variant), views.variant)
    theirs = np.stack([transform(sample, views.threshold, views.variant) for sample in plain])
    difference = (ours.numpy() - theirs).astype(np.int8)  # modulo 256
    assert np.abs(difference).max() <= 1, "the low-passes differ by more than a rounding"
    views_of_ours = views_of(samples, views).numpy()
    with_ours = np.stack([one_view(plain[i], *(loop[i] for loop in loops), views, lambda *_, i=i: ours[i].numpy())
                          for i in range(len(plain))])
    assert (with_ours == views_of_ours).all(), "the views differ"
    alone = np.stack([one_view(plain[i], *(loop[i] for loop in loops), views, transform) for i in range(len(plain))])
    print(f"{views.variant}, {transform.__name__}: views from equal low-passed counts: identical; counts one apart: "
          f"{(difference != 0).mean() * 1e6:.1f} of a million; pixels of the views that differ: "
          f"{(alone != views_of_ours).mean() * 1e6:.1f} of a million")


def compare(views: Views, count: int, size: int, repeat: int) -> tuple[dict[str, float], dict[str, float]]:
    """Check and time all ways for one form of the pipeline, and print a table.

    Views per second of each way: by the wall clock with all cores, and by the processor time of one thread.
    """
    pixels, draws = frames(count + CHANNELS - 1, size), draw(count, size, views)
    rows, none = torch.arange(count) + CHANNELS // 2, torch.zeros(count, dtype=torch.int64)
    filtered = lowpass.solarized_low_pass(pixels, views.threshold, views.variant)
    samples = Samples(torch.cat([pixels, filtered]), True, rows, none, None, CHANNELS, "")
    batch = gather(samples, torch.arange(count))
    transforms = (fft2, rfft2) if views.variant == "symmetric" else (fft2,)
    for transform in transforms:
        say_whether_same(samples, draws, views, transform)
    ways = {}
    for transform in transforms:
        for workers in (0, 2):
            dataset = OneByOne(batch, draws, views, transform, 4 if workers else 1)
            loader = DataLoader(dataset, count, num_workers=workers, persistent_workers=workers > 0)
            name = f"{transform.__name__}, {workers or 1} process{'es' * (workers > 1)}"
            ways[name] = lambda loader=loader: sum(map(len, loader))
    ways["batch, low-passed beforehand"] = lambda: len(views_of(samples, views))
    ways["low-passing"] = lambda: len(lowpass.solarized_low_pass(pixels, views.threshold, views.variant))
    wall = fastest(ways, repeat, time.perf_counter)
    show("wall clock, all cores", wall, count)
    alone = {name: run for name, run in ways.items() if "processes" not in name}
    cores = torch.get_num_threads()
    torch.set_num_threads(1)
    spent = fastest(alone, repeat, time.process_time)
    show("processor time, one thread", spent, count)
    torch.set_num_threads(cores)
    return wall, spent


def fastest(ways: dict, repeat: int, clock) -> dict[str, float]:
    """Views per second of each way, best of the rounds, in which the ways take turns."""
    best = dict.fromkeys(ways, 0.0)
    for _ in range(repeat):
        for name, run in ways.items():
            run()  # lets the processes of the way before come to rest
            start = clock()
            done = run()
            best[name] = max(best[name], done / (clock() - start))
    return best


def show(title: str, speeds: dict[str, float], count: int) -> None:
    """Print speeds and ratios; the trainer's way with its share of the low-pass beforehand."""
    gathered, spread = "batch, low-passed beforehand", (count + CHANNELS - 1) / speeds.pop("low-passing") / EPOCHS
    speeds[gathered] = count / (count / speeds[gathered] + spread)
    columns = [name for name in speeds if "process" in name]
    print(f"{title:32}{'views/s':>9}" + "".join(f"{'× ' + name:>22}" for name in columns))
    for name, speed in speeds.items():
        print(f"{name:32}{speed:9.0f}" + "".join(f"{speed / speeds[column]:22.1f}" for column in columns))
    print(flush=True)


def rows(count: int = 256, size: int = 224, repeat: int = 2) -> list[tuple]:
    """Rows of the table (see __main__): a batch at once, low-passed beforehand as in training, beside one by one."""
    wall, spent = compare(Views(), count, size, repeat)
    ours, what = "batch, low-passed beforehand", f"augmentation, {count} of {CHANNELS} × {size}²"
    others = ("fft2, 2 processes", "rfft2, 2 processes")
    found = [(f"{what}: wall clock", wall[ours], "views/s", f"one by one, {name}", wall[ours] / wall[name])
             for name in others]
    one = "rfft2, 1 process"
    return [*found, (f"{what}: processor time", spent[ours], "views/s", f"one by one, {one}", spent[ours] / spent[one])]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--batch", type=int, default=256)
    parser.add_argument("--size", type=int, default=224)
    parser.add_argument("--repeat", type=int, default=5)
    options = parser.parse_args()
    print(f"batch {options.batch} × {CHANNELS} × {options.size}², {platform.machine()}, {os.cpu_count()} cores, "
          f"torch {torch.__version__} on {torch.get_num_threads()} threads, load {os.getloadavg()[0]:.1f}\n")
    for views in (Views(), Views(variant="published", positional="published")):
        compare(views, options.batch, options.size, options.repeat)


if __name__ == "__main__":
    main()
