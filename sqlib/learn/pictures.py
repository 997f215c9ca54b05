"""The check on everyday pictures (Section 3.2, Appendix B.2): the same network and loss on what has nothing to do with the Sun."""

from dataclasses import replace
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

from sqlib.errors import SqError
from sqlib.learn.augment import Views, augment, decide_low_pass
from sqlib.learn.losses import chance_level, supcon
from sqlib.learn.lowpass import low_pass, solarize, to_counts
from sqlib.learn.models import ContrastiveNet, Model

PLAIN = Views(low_pass=0, positional="none", erasing="none", extra=("crop",))  # random crops suit everyday pictures
READ = 5000  # at most so many encodings teach the logistic regression


class Pictures(NamedTuple):
    """Pictures uint8 (N, C, H, W) and their classes int64 (N,), to train on and to test with."""

    name: str
    train: torch.Tensor
    labels: torch.Tensor
    test: torch.Tensor
    labels_test: torch.Tensor


def digits(size: int = 32) -> Pictures:
    """scikit-learn's 1,797 handwritten digits, enlarged from 8×8 to `size` pixels, gray levels 0…255; a quarter to test."""
    found = load_digits()
    small = torch.from_numpy(found.images).float()[:, None] * (255 / 16)
    large = interpolate(small, (size, size), mode="bilinear").round().to(torch.uint8)
    train, test = train_test_split(np.arange(len(large)), test_size=0.25, random_state=0, stratify=found.target)
    labels = torch.from_numpy(found.target).long()
    return Pictures("digits", large[train], labels[train], large[test], labels[test])


def cifar10(folder: str | Path) -> Pictures:
    """CIFAR-10 (Krizhevsky 2009) from a folder that holds `cifar-10-batches-py`; it is never fetched. `SqError` if absent."""
    try:
        parts = [CIFAR10(folder, train=train, download=False) for train in (True, False)]
    except (RuntimeError, OSError) as error:
        raise SqError(f"{folder} holds no CIFAR-10 (cifar-10-batches-py, unpacked); without it leave cifar empty") from error
    pixels = [torch.from_numpy(part.data).permute(0, 3, 1, 2).contiguous() for part in parts]
    labels = [torch.tensor(part.targets) for part in parts]
    return Pictures("CIFAR-10", pixels[0], labels[0], pixels[1], labels[1])


def solarized(pictures: torch.Tensor, mask: int, threshold: int = 50) -> torch.Tensor:
    """uint8 pictures after Solarized Low-Pass with a mask of its own: `mask` waves a side are kept, `threshold` is a gray level."""
    return solarize(to_counts(low_pass(pictures, mask), "symmetric"), threshold)


def learn(pictures: Pictures, seed: int, epochs: int, *, filtered: torch.Tensor | None = None, model: Model | None = None,
          batch: int = 256, rate: float = 0.05, device: str | torch.device = "cpu") -> pd.DataFrame:  # fmt: skip
    """A row per epoch of SupCon: loss, its chance level, macro f1 and accuracy of a logistic regression on the encodings.

    filtered : the training pictures as the Solarized Low-Pass shows them; each view takes them with probability 0.5
    Raises `SqError` for a batch below 2 or above the number of pictures, and for no epoch.
    """
    if not 2 <= batch <= len(pictures.train) or epochs < 1:
        raise SqError(f"batch={batch}, epochs={epochs}: at least 2 pictures a batch, at most {len(pictures.train)}, and 1 epoch")
    train, labels, filtered = (None if x is None else x.to(device) for x in (pictures.train, pictures.labels, filtered))
    draws, views = torch.Generator(device).manual_seed(seed), replace(PLAIN, low_pass=0.0 if filtered is None else 0.5)
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        net = ContrastiveNet(model or Model("resnet6", encoding=64, projection=32, width=8), train.shape[1]).to(device)
    optimizer, rows = torch.optim.SGD(net.parameters(), rate, 0.9, weight_decay=1e-4), []
    for epoch in range(1, epochs + 1):
        net.train()
        shown = []
        for which in torch.randperm(len(train), generator=draws, device=device).split(batch)[: len(train) // batch]:
            seen = []
            for _ in "ab":
                chosen = decide_low_pass(len(which), views, draws)
                part = train[which]
                if filtered is not None:
                    part[chosen] = filtered[which[chosen]]
                seen.append(augment(part, views, draws, chosen))
            loss = supcon(net(torch.cat(seen).float())[1], labels[which].repeat(2), 0.1)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            shown.append(loss.detach())
        mean, chance = float(sum(shown)) / len(shown), chance_level(2 * batch)
        rows.append({"epoch": epoch, "loss": mean, "chance": chance, **read(net, pictures)})
    return pd.DataFrame(rows)


@torch.no_grad()
def read(net: ContrastiveNet, pictures: Pictures) -> dict[str, float]:
    """Macro f1 and accuracy on the test pictures of a logistic regression on encodings of pictures as they are."""
    net.eval()
    device = net.level.device
    both = (pictures.train[:READ], pictures.test)
    train, test = (torch.cat([net.encode(part.to(device).float()).cpu() for part in pixels.split(500)]) for pixels in both)
    fitted = make_pipeline(StandardScaler(), LogisticRegression(max_iter=2000)).fit(train.numpy(), pictures.labels[:READ].numpy())
    pair = pictures.labels_test.numpy(), fitted.predict(test.numpy())
    return {"f1": float(f1_score(*pair, average="macro")), "accuracy": float(accuracy_score(*pair))}
