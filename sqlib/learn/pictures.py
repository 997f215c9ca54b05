"""The check on everyday pictures (Section 3.2, Appendix B.2): the same network and loss on what is not the Sun."""

import hashlib
import math
from collections.abc import Iterator
from dataclasses import asdict, replace
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd
import torch
from sklearn.datasets import load_digits
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import accuracy_score, f1_score
from sklearn.model_selection import train_test_split
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from torch.nn.functional import interpolate
from torchvision.datasets import CIFAR10

from sqlib import keys
from sqlib.errors import SqError
from sqlib.learn import trained
from sqlib.learn.augment import augment, chance
from sqlib.learn.losses import supcon
from sqlib.learn.lowpass import low_pass, solarize, to_counts
from sqlib.learn.models import ContrastiveNet
from sqlib.learn.settings import Loop, Model, Settings, Views
from sqlib.learn.train import Task, unwrapped

PLAIN = Views(low_pass=0, positional="none", erasing="none", extra=("crop",))  # random crops suit everyday pictures
READ = 5000  # at most so many encodings teach the logistic regression
SMALL = Model("resnet6", encoding=64, projection=32, width=8)
CODE = trained.code_of(__name__)  # taken when it is loaded: what is edited later trains nothing in this process


class Pictures(NamedTuple):
    """Pictures uint8 (N, C, H, W) and their classes int64 (N,), to train on and to test with."""

    name: str
    train: torch.Tensor
    labels: torch.Tensor
    test: torch.Tensor
    labels_test: torch.Tensor


def digits(size: int = 32) -> Pictures:
    """scikit-learn's 1,797 handwritten digits, enlarged from 8×8 to `size` pixels, gray 0…255; a quarter to test."""
    found = load_digits()
    small = torch.from_numpy(found.images).float()[:, None] * (255 / 16)
    large = interpolate(small, (size, size), mode="bilinear").round().to(torch.uint8)
    train, test = train_test_split(np.arange(len(large)), test_size=0.25, random_state=0, stratify=found.target)
    labels = torch.from_numpy(found.target).long()
    return Pictures("digits", large[train], labels[train], large[test], labels[test])


def cifar10(folder: str | Path) -> Pictures:
    """CIFAR-10 (Krizhevsky 2009) from a folder with `cifar-10-batches-py`; it is never fetched. `SqError` if absent."""
    try:
        parts = [CIFAR10(folder, train=train, download=False) for train in (True, False)]
    except (RuntimeError, OSError) as error:
        raise SqError(f"{folder} holds no CIFAR-10 (cifar-10-batches-py, unpacked); "
                      "without it leave cifar empty") from error
    pixels = [torch.from_numpy(part.data).permute(0, 3, 1, 2).contiguous() for part in parts]
    labels = [torch.tensor(part.targets) for part in parts]
    return Pictures("CIFAR-10", pixels[0], labels[0], pixels[1], labels[1])


def solarized(pictures: torch.Tensor, mask: int, threshold: int = 50) -> torch.Tensor:
    """uint8 pictures after Solarized Low-Pass: `mask` waves a side are kept, `threshold` is a gray level."""
    return solarize(to_counts(low_pass(pictures, mask), "symmetric"), threshold)


def learn(pictures: Pictures, seed: int, epochs: int, *, filtered: torch.Tensor | None = None, model: Model = SMALL,
          batch: int = 256, rate: float = 0.05, device: str | torch.device = "cpu") -> pd.DataFrame:
    """A row per epoch of SupCon: loss, its chance level, macro f1 and accuracy of a logistic regression on encodings.

    filtered : the training pictures as the Solarized Low-Pass shows them; each view takes them with probability 0.5
    Kept under its key like any training. Raises `SqError` for a batch below 2 or above the number of pictures, and for
    no epoch.
    """
    if not 2 <= batch <= len(pictures.train):
        raise SqError(f"batch={batch}: at least 2 pictures, at most {len(pictures.train)}")
    views, device = replace(PLAIN, low_pass=0.0 if filtered is None else 0.5), torch.device(device)
    loop = Loop(epochs, batch, rate=rate, warmup=0, schedule="constant", precision="fp32")
    settings, fingerprint = Settings("supcon", model, views, loop, 0.1, window=1, seed=seed), hashlib.sha256()
    for tensor in (*pictures[1:], *([] if filtered is None else [filtered])):
        fingerprint.update(tensor.numpy().tobytes())

    def make_task(_) -> Task:
        """SupCon on the training pictures, read by a logistic regression after each epoch."""
        given = (pictures.train, pictures.labels, filtered)
        pixels, labels, low = (None if part is None else part.to(device) for part in given)
        steps = len(pixels) // batch

        def batches(_, order: torch.Generator) -> Iterator[torch.Tensor]:
            return iter(torch.randperm(len(pixels), generator=order, device=device).split(batch)[:steps])

        def losses(net, which: torch.Tensor, draws: torch.Generator) -> tuple[torch.Tensor, dict[str, torch.Tensor]]:
            seen = []
            for _ in "ab":
                chosen, part = chance(len(which), views.low_pass, draws), pixels[which]
                if low is not None:
                    part = torch.where(chosen[:, None, None, None], low[which], part)
                seen.append(augment(part, views, draws))
            both = torch.cat(seen).to(torch.float32, memory_format=torch.channels_last)
            loss = supcon(net(both)[1], labels[which].repeat(2), settings.temperature)
            return loss, {"loss": loss}

        with torch.random.fork_rng():
            torch.manual_seed(seed)
            net = ContrastiveNet(model, pixels.shape[1])
        return Task(pictures.name, loop, seed, device, net, 2 * steps * batch, steps, batches, losses,
                    lambda net: read(unwrapped(net), pictures), "view", {"chance": math.log(2 * batch - 1)})

    facts = {"fingerprint": fingerprint.hexdigest(), "code": CODE[:12], "source": pictures.name}
    key = keys.key(CODE, asdict(settings), facts["fingerprint"], loop.precision)
    run = trained.obtain(key, make_task, settings, facts, progress=False)
    return run.history[["epoch", "loss", "chance", "f1", "accuracy"]]


@torch.no_grad()
def read(net: ContrastiveNet, pictures: Pictures) -> dict[str, float]:
    """Macro f1 and accuracy on the test pictures of a logistic regression on encodings of pictures as they are."""
    net.eval()
    device, both = net.level.device, (pictures.train[:READ], pictures.test)
    train, test = (
        torch.cat([net.encode(part.to(device).float()).cpu() for part in pixels.split(500)]).numpy() for pixels in both
    )
    fitted = make_pipeline(StandardScaler(), LogisticRegression(max_iter=2000))
    pair = pictures.labels_test.numpy(), fitted.fit(train, pictures.labels[:READ].numpy()).predict(test)
    return {"f1": float(f1_score(*pair, average="macro")), "accuracy": float(accuracy_score(*pair))}
