"""A detector's inference over a cube of 256 frames: a batch at once, against one frame at a time.

    python benchmarks/detection.py [--frames 256 --size 256 --batches 1 4 8 16 --backbone resnet6 --repeat 3 --device
    auto]

First it is shown that both give the same boxes; then come frames per second, best of the rounds, in which the ways take
turns, and ratios to one frame at a time. Weights are random: time does not ask what a network has learned.
"""

import argparse
import os
import platform
import time

import numpy as np
import torch

from sqlib.learn import detector
from sqlib.learn.rcnn import Detector, make_detector
from sqlib.learn.train import device_of

LIGHT = Detector("resnet6", "none", width=8, enlarge=1.0, anchors=(6.0, 10.0, 16.0, 26.0), gray="local", proposals=100,
                 sampled=32)


def cube(count: int, size: int) -> np.ndarray:
    """uint8 (count, size, size): speckle, with a bright spot that stays."""
    rng = np.random.default_rng(1265)
    frames = 12 * rng.exponential(size=(count, size, size))
    frames[:, size // 3 : size // 3 + 6, size // 2 : size // 2 + 6] += 80
    return np.clip(frames, 0, 255).astype(np.uint8)


def say_whether_same(net, frames: np.ndarray, batch: int) -> None:
    """Print how far the best boxes of a batch and of single frames are apart; stop where it is more than rounding."""
    one, many = (detector.best(detector.detect(net, frames, batch=size)) for size in (1, batch))
    assert one["position"].tolist() == many["position"].tolist(), "not the same frames have boxes"
    score = (one["score"] - many["score"]).abs().max()
    # two boxes of nearly equal score may change places by rounding; everything else must be the same
    apart = (one[["x0", "y0", "x1", "y1"]] - many[["x0", "y0", "x1", "y1"]]).abs().max(axis=1)
    assert score < 1e-3, "the scores differ"
    print(f"batch {batch} against 1: scores differ by {score:.1e} at most, best boxes by more than 0.1 px in "
          f"{(apart > 0.1).sum()} of {len(one)} frames")


def speeds(net, frames: np.ndarray, batches, repeat: int, device: torch.device) -> dict[int, float]:
    """Frames per second with each batch, best of the rounds, in which they take turns."""
    best = dict.fromkeys(batches, 0.0)
    for _ in range(repeat):
        for batch in batches:
            if device.type == "cuda":
                torch.cuda.synchronize(device)
            start = time.perf_counter()
            detector.detect(net, frames, batch=batch)  # its boxes come back to the processor: the device has finished
            best[batch] = max(best[batch], len(frames) / (time.perf_counter() - start))
    return best


def rows(count: int = 256, size: int = 256, batch: int = 4, repeat: int = 2) -> list[tuple]:
    """Row of the table (see __main__): inference by batches beside one frame at a time."""
    device, frames = device_of("auto"), cube(count, size)
    torch.manual_seed(1265)
    net = make_detector(LIGHT).to(device).eval()
    say_whether_same(net, frames[:batch], batch)
    found = speeds(net, frames, (1, batch), repeat, device)
    what = f"detector inference, {count} frames of {size}², batch {batch}"
    return [(what, found[batch], "frames/s", "one frame at a time", found[batch] / found[1])]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--frames", type=int, default=256)
    parser.add_argument("--size", type=int, default=256)
    parser.add_argument("--batches", type=int, nargs="+", default=[1, 4, 8, 16])
    parser.add_argument("--backbone", choices=("resnet6", "resnet50"), default="resnet6")
    parser.add_argument("--repeat", type=int, default=3)
    parser.add_argument("--device", default="auto")
    options = parser.parse_args()
    settings = LIGHT if options.backbone == "resnet6" else Detector(options.backbone, "none")
    device = device_of(options.device)
    torch.manual_seed(1265)
    net = make_detector(settings).to(device).eval()
    frames = cube(options.frames, options.size)
    where = torch.cuda.get_device_name(device) if device.type == "cuda" else f"{torch.get_num_threads()} threads"
    print(f"{options.frames} frames of {options.size}², {options.backbone}, {platform.machine()}, {os.cpu_count()} "
          f"cores, torch {torch.__version__} on {where}, load {os.getloadavg()[0]:.1f}")
    batches = sorted({1, *options.batches})
    say_whether_same(net, frames[:16], batches[-1])
    best = speeds(net, frames, batches, options.repeat, device)
    print(f"{'frames at a time':18}{'frames/s':>10}{'× one at a time':>18}{'s a cube':>10}")
    for batch, speed in best.items():
        print(f"{batch:<18}{speed:10.1f}{speed / best[1]:18.2f}{len(frames) / speed:10.1f}")


if __name__ == "__main__":
    main()
