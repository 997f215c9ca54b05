"""Training: the losses alone, ours beside those of lightly and pytorch-metric-learning, in one run.

    python benchmarks/training.py [--device cpu --views 512 --projection 128]
"""

import argparse
import statistics
import time
from collections.abc import Callable

import torch


def seconds(ways: dict[str, Callable], device: torch.device, least: float = 2.0) -> dict[str, float]:
    """Median seconds of a call of each way, taken in turns for at least `least` seconds each, after two calls to warm up."""
    wait = torch.cuda.synchronize if device.type == "cuda" else lambda: None
    taken = {name: [] for name in ways}
    for round in range(10**6):
        for name, call in ways.items():
            wait()
            start = time.perf_counter()
            call()
            wait()
            if round >= 2:
                taken[name].append(time.perf_counter() - start)
        if round > 10 and min(map(sum, taken.values())) > least:
            break
    return {name: statistics.median(times) for name, times in taken.items()}


def show(title: str, found: dict[str, float]) -> None:
    """Milliseconds by name, and how many times those of the first."""
    ours = next(iter(found.values()))
    print(f"\n{title}\n{'':34}{'ms':>9}{'time × ours':>14}")
    for name, value in found.items():
        print(f"{name:34}{1e3 * value:9.2f}{value / ours:14.2f}")


def losses_alone(views: int, projection: int, temperature: float, device: torch.device) -> None:
    """Forward and backward pass of each loss on the same embeddings, which all of them must call the same."""
    from lightly.loss import NTXentLoss
    from pytorch_metric_learning.losses import SupConLoss

    from sqlib.learn.losses import simclr, supcon

    draws = torch.Generator().manual_seed(1265)
    z = torch.randn(views, projection, generator=draws).to(device).requires_grad_()
    labels = (torch.rand(views // 2, generator=draws) < 0.06).long().repeat(2).to(device)  # 6 % positives, two views each

    lightly, metric = NTXentLoss(temperature), SupConLoss(temperature)
    contests = {
        "SimCLR (Equation 4)": {
            "sqlib simclr": lambda: simclr(*z.chunk(2), temperature),
            "lightly NTXentLoss": lambda: lightly(*z.chunk(2)),
        },
        "SupCon (Equation 5)": {
            "sqlib supcon": lambda: supcon(z, labels, temperature),
            "pytorch-metric-learning SupConLoss": lambda: metric(z, labels),
        },
    }
    for title, ways in contests.items():
        values = [float(loss().detach()) for loss in ways.values()]
        if max(values) - min(values) > 1e-4 * values[0]:
            raise SystemExit(f"{title}: these are not the same loss: {values}")
        found = seconds({name: lambda loss=loss: torch.autograd.grad(loss(), z) for name, loss in ways.items()}, device)
        show(f"{title}, forward and backward, {views} views × {projection}, {device}", found)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    parser.add_argument("--views", type=int, default=512)
    parser.add_argument("--projection", type=int, default=128)
    parser.add_argument("--temperature", type=float, default=0.07)
    options = parser.parse_args()
    losses_alone(options.views, options.projection, options.temperature, torch.device(options.device))


if __name__ == "__main__":
    main()
