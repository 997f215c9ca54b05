"""Faster R-CNN trained and asked: where in a frame the sunquake is (Section 3.4).

It is trained only on frames that hold a sunquake, so it gives a place for nearly every frame; whether there is a
sunquake at all is for the contrastive models to say.
"""

import math
from collections.abc import Iterator
from dataclasses import asdict

import numpy as np
import pandas as pd
import torch
from torch import nn

from sqlib import keys
from sqlib.data.frames import FrameSet
from sqlib.errors import SqError
from sqlib.learn import checkpoint, trained
from sqlib.learn.boxes import annotated, cropped, flipped, parts
from sqlib.learn.rcnn import Detector, looked_at, make_detector, seen
from sqlib.learn.settings import Loop
from sqlib.learn.train import Task, device_of, ranks, unwrapped
from sqlib.learn.trained import Trained

COLUMNS = ["position", "x0", "y0", "x1", "y1", "score"]
TURNS = {"none": 1, "horizontal": 2, "dihedral": 8}
CODE = trained.code_of(__name__)  # taken when it is loaded: what is edited later trains nothing in this process


def run_key(settings: Detector, origin: str) -> str:
    """Key of the detector that these settings make on data of this `origin`, its code after a dash."""
    return keys.derived([keys.with_code("", CODE), origin], asdict(settings), "fp32")


def train(settings: Detector, frameset: FrameSet, *, device: str = "auto", **how) -> Trained:
    """The detector of `settings` on a frame set: found where it was trained before, gone on with where it was cut off.

    On a processor the same settings and data give the same weights; on a GPU sums of gradients run in no fixed order.
    Raises `SqError` for frames that nothing can be learned from, and as `trained.obtain` does, which takes the rest.
    """
    facts = {"fingerprint": frameset.fingerprint, "origin": frameset.origin, "source": frameset.source,
             "code": CODE[:12]}
    return trained.obtain(
        run_key(settings, frameset.origin),
        lambda resumes: task(settings, frameset, device_of(device), learned=not resumes),
        settings, facts, **how,
    )


def task(settings: Detector, frameset: FrameSet, device: torch.device, learned: bool = True) -> Task:
    """Training on the annotated frames of a frame set; `learned`: whether weights learned elsewhere are wanted."""
    table, counts = annotated(frameset)
    own, held = parts(table, settings.train_on)
    some = np.array_split(own["place"].to_numpy(), -(-len(own) // 64))  # blurring needs room for several copies
    pixels = torch.cat([seen(torch.from_numpy(frameset.pixels[part]).to(device), settings.gray) for part in some])
    boxes = [torch.tensor(each, dtype=torch.float32) for each in own["boxes"]]  # on the host, which cuts by them
    with torch.random.fork_rng():
        torch.manual_seed(settings.seed)
        net = make_detector(settings, learned)
    steps, (rank, world) = math.ceil(len(own) / settings.batch), ranks()

    def batches(number: int, _) -> Iterator[tuple[torch.Tensor, list[dict]]]:
        order = np.random.default_rng((settings.seed, number)).permutation(len(own))
        rng = np.random.default_rng((settings.seed, number, rank))
        for batch in np.array_split(order, steps):
            frames, targets = [], []
            for place in batch[rank::world]:
                part = cropped(pixels[place], boxes[place], settings.patch, rng)
                frame, kept = flipped(*part, int(rng.integers(TURNS[settings.flips])))
                frames.append(frame)
                targets.append({"boxes": kept.to(device, non_blocking=True),
                                "labels": torch.ones(len(kept), dtype=torch.int64, device=device)})
            yield torch.stack(frames), targets

    def losses(net: nn.Module, batch: tuple, _) -> tuple[torch.Tensor, dict[str, torch.Tensor]]:
        found = net(looked_at(unwrapped(net), batch[0]), batch[1])
        loss = sum(found.values())
        return loss, {"loss": loss} | {name.removeprefix("loss_"): value for name, value in found.items()}

    # an early batch without any overlap may throw it off, hence the clip
    loop = Loop(settings.epochs, settings.batch, settings.optimizer, settings.rate, settings.momentum, settings.decay,
                warmup=0, schedule=settings.schedule, step=settings.step, clip=10.0, precision="fp32")
    card = {"size": pixels.shape[-1], "events": sorted(set(own["event"])), "train": len(own), "test": len(held),
            "boxes": counts}
    return Task("Faster R-CNN", loop, settings.seed, device, net, len(own), steps, batches, losses, card=card)


def load_net(run: Trained, device: str = "auto") -> nn.Module:
    """Network of a trained detector, in evaluation mode; `gray` tells how it sees frames. `SqError` if damaged."""
    net = make_detector(run.settings, learned=False)
    checkpoint.load_into(net, run.weights, trained.AGAIN)
    return net.to(device_of(device)).eval()


@torch.no_grad()
def detect(detector: Trained | nn.Module, pixels: np.ndarray, *, batch: int = 4, device: str = "auto") -> pd.DataFrame:
    """Boxes in frames uint8 (N, S, S): a row each, with its frame's position in the stack, x0, y0, x1, y1 (px), score.

    detector : a trained one, or a network of `make_detector` or `load_net`
    Sorted by position, best score first. A frame in which nothing scores above the detector's `least` has no row.
    Raises `SqError` for frames of another type or shape, and a batch below 1.
    """
    pixels = np.asarray(pixels)
    if pixels.ndim != 3 or pixels.dtype != np.uint8 or pixels.shape[1] != pixels.shape[2] or batch < 1:
        raise SqError(f"frames are uint8 (N, S, S), not {pixels.dtype} {pixels.shape}, and a batch of {batch} "
                      "holds at least 1")
    net = load_net(detector, device) if isinstance(detector, Trained) else detector.eval()
    where, rows = next(net.parameters()).device, [np.empty((0, 6))]
    for at in range(0, len(pixels), batch):
        frames = torch.from_numpy(np.ascontiguousarray(pixels[at : at + batch])).to(where)
        for position, each in enumerate(net(looked_at(net, seen(frames, net.gray))), at):  # of each the best first
            values = torch.cat([each["boxes"], each["scores"][:, None]], 1).cpu().numpy()
            rows.append(np.column_stack([np.full(len(values), position), values]))
    return pd.DataFrame(np.concatenate(rows), columns=COLUMNS).astype({"position": int})


def best(detections: pd.DataFrame) -> pd.DataFrame:
    """The best-scored box of each frame that has one."""
    order = detections.sort_values(["position", "score"], ascending=[True, False], kind="stable")
    return order.drop_duplicates("position").reset_index(drop=True)
