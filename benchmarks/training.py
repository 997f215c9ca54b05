"""Training, ours beside lightly and pytorch-metric-learning: losses alone, views a second, time to a score.

    python benchmarks/training.py [--device cuda --size 224 --batch 256]

lightly as shipped is its SimCLR example: its transform on pictures in worker processes, its head, its loss, float32.
Ours is sqlib's loop: frames on the device, augmentations on batches, bf16 where the hardware has it. On a processor the
default is small (64 pixels, batch 64), on a GPU the paper's (224 pixels, batch 256).
"""

import argparse
import os
import statistics
import time
from collections.abc import Callable
from dataclasses import replace

import numpy as np
import torch
from torch import nn

from sqlib.data import build_twin, catalogue, load_frames
from sqlib.data.frames import make_frameset, make_index
from sqlib.learn import encoders, losses
from sqlib.learn.augment import Views
from sqlib.learn.encoders import epoch_of, views_of, whole
from sqlib.learn.models import Model
from sqlib.learn.objectives import objective
from sqlib.learn.patches import Drawn
from sqlib.learn.samples import Samples, gather, make_samples, split
from sqlib.learn.settings import Loop, Settings
from sqlib.learn.train import begin, generator_of, take_step
from sqlib.sun.twin import TwinSettings

OURS = Settings("simclr", Model("resnet18", encoding=512, projection=128), Views(), Loop(warmup=0), temperature=0.07)


def seconds(ways: dict[str, Callable], device: torch.device, least: float = 2.0, rounds: int = 10) -> dict[str, float]:
    """Median seconds of a call of each way, taken in turns, after two calls to warm up.

    Each is called at least `rounds` times and for `least` seconds.
    """
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
        if round > rounds and min(map(sum, taken.values())) > least:
            break
    return {name: statistics.median(times) for name, times in taken.items()}


def show(title: str, found: dict[str, float]) -> None:
    """Milliseconds by name, and how many times those of the first."""
    ours = next(iter(found.values()))
    print(f"\n{title}\n{'':34}{'ms':>9}{'time × ours':>14}")
    for name, value in found.items():
        print(f"{name:34}{1e3 * value:9.2f}{value / ours:14.2f}")


def losses_alone(views: int, projection: int, temperature: float, device: torch.device) -> list[dict[str, float]]:
    """Forward and backward pass of each loss on the same embeddings, which all of them must call the same; seconds."""
    from lightly.loss import NTXentLoss
    from pytorch_metric_learning.losses import SupConLoss

    draws = torch.Generator().manual_seed(1265)
    z = torch.randn(views, projection, generator=draws).to(device).requires_grad_()
    labels = (torch.rand(views // 2, generator=draws) < 0.06).long().repeat(2).to(device)  # two views each

    theirs, metric = NTXentLoss(temperature), SupConLoss(temperature)
    contests = {
        "SimCLR (Equation 4)": {
            "sqlib simclr": lambda: losses.simclr(*z.chunk(2), temperature),
            "lightly NTXentLoss": lambda: theirs(*z.chunk(2)),
        },
        "SupCon (Equation 5)": {
            "sqlib supcon": lambda: losses.supcon(z, labels, temperature),
            "pytorch-metric-learning SupConLoss": lambda: metric(z, labels),
        },
    }
    every = []
    for title, ways in contests.items():
        values = [float(loss().detach()) for loss in ways.values()]
        if max(values) - min(values) > 1e-4 * values[0]:
            raise SystemExit(f"{title}: these are not the same loss: {values}")
        found = seconds({name: lambda loss=loss: torch.autograd.grad(loss(), z) for name, loss in ways.items()}, device)
        show(f"{title}, forward and backward, {views} views × {projection}, {device}", found)
        every.append(found)
    return every


def speckle(size: int, count: int = 1024):
    """Frames of noise as bright as egression power, of 16 events, a sixteenth of them positive."""
    events = [event for event in catalogue() if event.labelled][:16]
    rows = [{"event": e.key, "cycle": e.cycle, "frame": f, "time": e.start, "label": int(f % 16 == 8), "boxes": ()}
            for e in events for f in range(count // 16)]
    pixels = np.random.default_rng(1265).exponential(12, (len(rows), size, size)).clip(0, 255).astype(np.uint8)
    return make_frameset(pixels, make_index(rows), "twin", "cube")


class Pictures(torch.utils.data.Dataset):
    """Samples as pictures of three colours, as a data set of lightly's examples gives them."""

    def __init__(self, samples: Samples, transform):
        self.samples, self.transform = samples, transform

    def __len__(self) -> int:
        return len(self.samples)

    def __getitem__(self, i: int):
        from PIL import Image

        frames = gather(self.samples, torch.tensor([i]))[0]
        return self.transform(Image.fromarray(frames.permute(1, 2, 0).numpy()))


def lightly_step(samples: Samples, size: int, batch: int, device: torch.device):
    """lightly's SimCLR as in its example: its backbone, and a function that takes one step and tells its views."""
    import torchvision
    from lightly.loss import NTXentLoss
    from lightly.models.modules import SimCLRProjectionHead
    from lightly.transforms import SimCLRTransform

    on_host = replace(samples, pool=samples.pixels.cpu(), filtered=False, rows=samples.rows.cpu())
    pictures = Pictures(on_host, SimCLRTransform(input_size=size))
    loader = torch.utils.data.DataLoader(pictures, batch, shuffle=True, drop_last=True, num_workers=os.cpu_count(),
                                         persistent_workers=True)
    backbone = nn.Sequential(*list(torchvision.models.resnet18().children())[:-1], nn.Flatten())
    net = nn.Sequential(backbone, SimCLRProjectionHead(512, 512, 128)).to(device)
    optimizer, criterion = torch.optim.SGD(net.parameters(), lr=0.06), NTXentLoss()
    batches = iter(loader)

    def step() -> int:
        nonlocal batches
        try:
            views = next(batches)
        except StopIteration:
            batches = iter(loader)
            views = next(batches)
        first, second = (net(view.to(device)) for view in views)
        loss = criterion(first, second)
        loss.backward()
        optimizer.step()
        optimizer.zero_grad()
        return 2 * batch

    return backbone, step


def our_step(samples: Samples, settings: Settings, loss: Callable | None = None, loader: bool = True):
    """A step of sqlib's training, or with another `loss` of (z, labels), or on the same views again."""
    task = encoders.task(settings, samples, np.arange(len(samples)))
    draws, labels = generator_of(task.device, 1), samples.labels.cpu().numpy()
    weights = epoch_of(settings, labels)[2].to(task.device)
    drawn = torch.randint(len(samples), (settings.loop.batch,), generator=draws, device=task.device)
    batch = whole(samples, drawn)
    kept = views_of(samples, batch, settings, draws)

    def losses_of(net: nn.Module, shown: Drawn, draws: torch.Generator):
        if loss is None:
            return objective(net, kept, batch.labels, settings, weights, draws)
        seen = views_of(samples, shown, settings, draws)
        value = loss(net(seen.to(torch.float32, memory_format=torch.channels_last))[1], shown.labels.repeat(2))
        return value, {"loss": value}

    task = task if loader and loss is None else replace(task, losses=losses_of)
    state = begin(task)
    state.net.train()

    def step() -> int:
        which = torch.randint(len(samples), (settings.loop.batch,), generator=draws, device=task.device)
        take_step(task, state, state.net, whole(samples, which), draws)
        return len(kept)

    return state.net, step


def throughput(size: int, batch: int, device: torch.device, least: float = 4.0) -> dict[str, float]:
    """Whole training steps, ResNet-18: seconds of each way; views a second are printed."""
    from lightly.loss import NTXentLoss
    from pytorch_metric_learning.losses import SupConLoss

    settings = replace(OURS, loop=replace(OURS.loop, batch=batch))
    # its loader makes a batch a process: an epoch must have one for each, or some of them would wait
    count = max(1024, 2 * batch * (os.cpu_count() or 1)) if device.type == "cuda" else 1024
    samples = make_samples(speckle(size, count), 3, 0, settings.views, device)
    theirs, metric = NTXentLoss(0.07), SupConLoss(0.07)
    ways = {
        "sqlib, SimCLR": our_step(samples, settings)[1],
        "sqlib, SupCon": our_step(samples, replace(settings, objective="supcon"))[1],
        "sqlib's loop, lightly's loss": our_step(samples, settings, lambda z, labels: theirs(*z.chunk(2)))[1],
        "sqlib's loop, metric-learning's loss": our_step(samples, settings, metric)[1],
        "sqlib, model only (same views)": our_step(samples, settings, loader=False)[1],
        "lightly as shipped": lightly_step(samples, size, batch, device)[1],
    }
    found = seconds(ways, device, least=least, rounds=4)
    print(f"\nResNet-18, {size} pixels, batch {batch}, two views each, {device}")
    print(f"{'':38}{'views/s':>9}{'ours ÷ it':>11}")
    for name, value in found.items():
        print(f"{name:38}{2 * batch / value:9.0f}{value / found['sqlib, SimCLR']:11.2f}")
    return found


def rows(views: int = 512, size: int = 0, batch: int = 0, least: float = 4.0) -> list[tuple]:
    """Rows of the table (see __main__): the losses, and a whole step, each beside the library's."""
    gpu = torch.cuda.is_available()
    device = torch.device("cuda" if gpu else "cpu")
    size, batch = size or (224 if gpu else 64), batch or (256 if gpu else 64)
    found = []
    for name, times in zip(("SimCLR", "SupCon"), losses_alone(views, 128, 0.07, device)):
        (_, ours), (theirs, value) = times.items()
        found.append((f"training, {name} loss, {views} views × 128", 1e3 * ours, "ms", theirs, value / ours))
    steps = throughput(size, batch, device, least)
    ours = steps["sqlib, SimCLR"]
    for name in ("sqlib's loop, lightly's loss", "lightly as shipped"):
        what = f"training step, ResNet-18, {size} px, batch {batch}"
        found.append((what, 2 * batch / ours, "views/s", name, steps[name] / ours))
    return found


def time_to_score(epochs: int, batch: int, device: torch.device) -> None:
    """Seconds of training until a logistic regression on encodings has one average precision on held-out events."""
    from sklearn.linear_model import LogisticRegression
    from sklearn.metrics import average_precision_score
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler
    from torchvision.transforms import v2

    twin = TwinSettings(size=128, frames=48)
    build_twin(twin)
    views = Views(low_pass=0, positional="dihedral", erasing="none", extra=("shift",), extra_probability=1)
    settings = replace(OURS, objective="supcon", joint=True, loop=replace(OURS.loop, batch=batch), views=views)
    samples = make_samples(load_frames("twin", size=128, settings=twin, progress=False), 3, 64, settings.views, device)
    train, test = split(samples)
    labels = samples.labels.cpu().numpy()
    part = replace(samples, rows=samples.rows[train], labels=samples.labels[train], index=samples.index.iloc[train])

    def score(encode) -> float:
        with torch.no_grad():
            code = torch.cat([encode(gather(samples, rows).float()).float().cpu()
                              for rows in torch.arange(len(samples), device=device).split(256)]).numpy()
        model = make_pipeline(StandardScaler(), LogisticRegression(C=0.01, max_iter=1000))
        model.fit(code[train], labels[train])
        return average_precision_score(labels[test], model.decision_function(code[test]))

    mean, deviation = ([255 * x for x in each] for each in ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225)))
    curves, normal = {}, v2.Normalize(mean, deviation)
    for name in ("sqlib", "lightly as shipped"):
        net, step = our_step(part, settings) if name == "sqlib" else lightly_step(part, 64, batch, device)
        curves[name], spent = [], 0.0
        for _ in range(epochs):
            start, seen = time.perf_counter(), 0
            while seen < 2 * len(train):
                seen += step()
            if device.type == "cuda":
                torch.cuda.synchronize()
            spent += time.perf_counter() - start
            net.eval()
            curves[name].append((spent, score(net.encode if name == "sqlib" else nn.Sequential(normal, net))))
            net.train()
    goal = min(max(ap for _, ap in curve) for curve in curves.values())
    print(f"\ntime to average precision {goal:.3f} on held-out events (prevalence {labels[test].mean():.3f}; "
          f"smoke twin, 64 pixels, {epochs} epochs each)")
    reached = {name: next(t for t, ap in curve if ap >= goal) for name, curve in curves.items()}
    for name, curve in curves.items():
        ratio = reached[name] / reached["sqlib"]
        print(f"{name:24}{reached[name]:8.1f} s   best {max(ap for _, ap in curve):.3f}   {ratio:.1f} × ours")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    parser.add_argument("--size", type=int, help="pixels a side of the frames")
    parser.add_argument("--batch", type=int, help="samples in a batch")
    parser.add_argument("--epochs", type=int, default=3, help="epochs of each side in the time to a score")
    options = parser.parse_args()
    device, gpu = torch.device(options.device), options.device != "cpu"
    name = torch.cuda.get_device_name(device) if gpu else f"{torch.get_num_threads()} threads"
    print(f"torch {torch.__version__}, {options.device} ({name}), {os.cpu_count()} cores")
    losses_alone(512, 128, 0.07, device)
    throughput(options.size or (224 if gpu else 64), options.batch or (256 if gpu else 64), device)
    time_to_score(options.epochs, options.batch or (256 if gpu else 64), device)


if __name__ == "__main__":
    main()
