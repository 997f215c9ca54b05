"""Faster R-CNN trained and asked: where in a frame the sunquake is (Section 3.4).

Trained on frames that hold a sunquake and on no other, so it gives a place for nearly every frame; whether there is a
sunquake at all is for the contrastive models to say.
"""

import hashlib
import json
import math
import time
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from torch import nn

from sqlib import __version__
from sqlib.data.frames import FrameSet
from sqlib.errors import SqError, in_words
from sqlib.learn import checkpoint
from sqlib.learn.boxes import annotated, cropped, flipped, parts
from sqlib.learn.rcnn import Detector, check, looked_at, make_detector, seen
from sqlib.learn.runs import AGAIN, Trained, Unfinished, run_folder, words_of
from sqlib.learn.train import device_of
from sqlib.paths import alone, clean, replacing

EVERY = 60.0  # s between checkpoints
COLUMNS = ["position", "x0", "y0", "x1", "y1", "score"]


def _code() -> str:
    files = [Path(__file__).with_name(f"{name}.py") for name in ("boxes", "detector", "models", "rcnn")]
    return hashlib.sha256(__version__.encode() + b"".join(file.read_bytes() for file in files)).hexdigest()


CODE = _code()  # taken when the code is loaded: what is edited later did not train this process's detectors


def detector_key(settings: Detector, fingerprint: str) -> str:
    """Short name of the detector that these settings make on this data with this code."""
    facts = json.dumps(["detector", asdict(settings), fingerprint, CODE], sort_keys=True)
    return hashlib.sha256(facts.encode()).hexdigest()[:12]


def is_trained(settings: Detector, frameset: FrameSet) -> bool:
    """Whether the detector of these settings on this frame set is there and complete."""
    return (run_folder(detector_key(settings, frameset.fingerprint)) / "card.json").is_file()


def train_detector(settings: Detector, frameset: FrameSet, *, progress: bool = True, seconds: float = math.inf,
                   device: str = "auto") -> Trained:  # fmt: skip
    """The detector of `settings` on a frame set: found where it was trained before, gone on with where it was cut off.

    seconds : stop after so long at the end of an epoch, by raising `runs.Unfinished`; the same call goes on
    Writes weights.safetensors, history.csv and card.json to data/models/KEY. On a processor the same settings and data give the
    same weights; on a GPU sums of gradients run in no fixed order. Raises `SqError` for settings or frames that nothing can be
    learned from, and a loss that is no number any more.
    """
    check(settings)
    key = detector_key(settings, frameset.fingerprint)
    folder = run_folder(key)
    with alone(folder, told=progress):
        if not (folder / "card.json").is_file():
            clean(folder)
            _train(settings, frameset, folder, key, progress, seconds, device_of(device))
    return load_trained(key)


def _train(settings: Detector, frameset: FrameSet, folder: Path, key: str, progress: bool, seconds: float, device) -> None:
    from tqdm import tqdm

    table, counts = annotated(frameset)
    own, held = parts(table, settings.train_on)
    some = np.array_split(own["place"].to_numpy(), -(-len(own) // 64))  # blurring needs room for several copies
    pixels = torch.cat([seen(torch.from_numpy(frameset.pixels[part]).to(device), settings.gray) for part in some])
    boxes = [torch.tensor(each, dtype=torch.float32, device=device) for each in own["boxes"]]
    with torch.random.fork_rng():
        torch.manual_seed(settings.seed)
        net = make_detector(settings, learned=not (folder / "checkpoint.safetensors").is_file()).to(device)
    optimizer, history, begun = _optimizer(settings, net), [], time.monotonic()
    written, path = begun, folder / "checkpoint.safetensors"
    if path.is_file():
        history = _resume(net, optimizer, path, key)
    with tqdm(desc="Faster R-CNN", total=settings.epochs * len(own), initial=len(history) * len(own), unit="frame",
              disable=not progress, delay=1, dynamic_ncols=True) as bar:  # fmt: skip
        while len(history) < settings.epochs:
            history.append(_epoch(settings, net, optimizer, pixels, boxes, len(history), bar))
            late, now = time.monotonic() - begun > seconds, time.monotonic()
            if len(history) < settings.epochs and (late or now - written > EVERY):
                facts = {"key": key, "history": history}
                state = {"net": net.state_dict(), "optimizer": checkpoint.optimizer_state(optimizer)}
                checkpoint.save(path, state, facts)
                written = now
                if late:
                    raise Unfinished(f"{len(history)} of {settings.epochs} epochs of {key} are done; the same call goes on")
    checkpoint.save(folder / "weights.safetensors", {"net": net.state_dict()}, {"key": key})
    with replacing(folder / "history.csv") as aside:
        pd.DataFrame(history).to_csv(aside, index=False)
    card = {
        "key": key, "settings": asdict(settings), "fingerprint": frameset.fingerprint, "source": frameset.source, "code": CODE[:12],
        "size": pixels.shape[-1], "events": sorted(set(own["event"])), "train": len(own), "test": len(held), "boxes": counts,
        "epochs": len(history), "parameters": sum(p.numel() for p in net.parameters()),
        "device": words_of(device),
        "seconds_last": round(time.monotonic() - begun, 1), "made": datetime.now(UTC).isoformat(timespec="seconds"),
    }  # fmt: skip
    with replacing(folder / "card.json") as aside:  # last: a folder with a card is complete
        aside.write_text(json.dumps(card, indent=1), encoding="utf-8")
    path.unlink(missing_ok=True)


def _optimizer(settings: Detector, net: nn.Module) -> torch.optim.Optimizer:
    own = [p for p in net.parameters() if p.requires_grad]
    if settings.optimizer == "adam":
        return torch.optim.Adam(own, settings.rate, weight_decay=settings.decay)
    return torch.optim.SGD(own, settings.rate, settings.momentum, weight_decay=settings.decay)


def rate_at(settings: Detector, epoch: float) -> float:
    """Learning rate after so many epochs, whole or in part, by `settings.schedule`."""
    if settings.schedule == "step":
        return settings.rate * 0.1 ** (int(epoch) // settings.step)
    return settings.rate * 0.5 * (1 + math.cos(math.pi * epoch / settings.epochs))


def _epoch(settings: Detector, net: nn.Module, optimizer, pixels: torch.Tensor, boxes: list, number: int, bar) -> dict:
    """Train for one epoch; return its row of the history: the four parts of the loss and their sum."""
    clock, total = time.monotonic(), {}
    rng = np.random.default_rng((settings.seed, number))
    net.train()
    with torch.random.fork_rng():  # which anchors and proposals are learned from is drawn from the process's own generator
        torch.manual_seed(int(rng.integers(2**31)))
        batches = np.array_split(rng.permutation(len(pixels)), math.ceil(len(pixels) / settings.batch))
        for i, batch in enumerate(batches):
            for group in optimizer.param_groups:
                group["lr"] = rate_at(settings, number + i / len(batches))
            turns = rng.integers(0, {"none": 1, "horizontal": 2, "dihedral": 8}[settings.flips], len(batch))
            pairs = [flipped(*cropped(pixels[n], boxes[n], settings.patch, rng), int(turn)) for n, turn in zip(batch, turns)]
            frames = looked_at(net, torch.stack([frame for frame, _ in pairs]))
            ones = [{"boxes": b, "labels": torch.ones(len(b), dtype=torch.int64, device=b.device)} for _, b in pairs]
            losses = net(frames, ones)
            optimizer.zero_grad(set_to_none=True)
            sum(losses.values()).backward()
            nn.utils.clip_grad_norm_(net.parameters(), 10.0)  # an early batch without any overlap may throw it off
            optimizer.step()
            for name, value in losses.items():
                total[name] = total.get(name, 0.0) + float(value.detach()) * len(batch) / len(pixels)
            bar.update(len(batch))
    loss = sum(total.values())
    if not math.isfinite(loss):
        raise SqError(f"the loss is no number any more in epoch {number + 1}: try a rate below {settings.rate:g}")
    bar.set_postfix_str(f"loss {loss:.3f}")
    row = {"epoch": number + 1, "loss": loss, **{name.removeprefix("loss_"): value for name, value in total.items()}}
    return row | {"rate": optimizer.param_groups[0]["lr"], "frames_per_s": round(len(pixels) / (time.monotonic() - clock), 1)}


def _resume(net: nn.Module, optimizer, path: Path, key: str) -> list[dict]:
    groups, facts = checkpoint.load(path)
    with in_words(f"{path} does not fit this detector", "delete it to train anew"):
        if facts["key"] != key:
            raise SqError(f"{path} is the checkpoint of another detector ({facts['key']}, not {key}); delete it to train anew")
        net.load_state_dict(groups["net"])
        checkpoint.restore_optimizer(optimizer, groups.get("optimizer", {}))
        return facts["history"]


def load_trained(key: str) -> Trained:
    """The finished detector `key`; `SqError` where there is none."""
    folder = run_folder(key)
    with in_words(f"{folder} holds no finished detector", "delete it and train again"):
        card = json.loads((folder / "card.json").read_text(encoding="utf-8"))
        settings = Detector(**{name: tuple(v) if isinstance(v, list) else v for name, v in card["settings"].items()})
        return Trained(folder, key, settings, pd.read_csv(folder / "history.csv"), card)


def load_detector(trained: Trained, device: str = "auto") -> nn.Module:
    """Network of a trained detector, in evaluation mode; `gray` tells how it sees frames; `SqError` for damaged weights."""
    net = make_detector(trained.settings, learned=False)
    checkpoint.load_into(net, trained.folder / "weights.safetensors", AGAIN)
    return net.to(device_of(device)).eval()


@torch.no_grad()
def detect(detector, pixels: np.ndarray, *, batch: int = 4, device: str = "auto", progress: bool = False) -> pd.DataFrame:
    """Boxes in frames uint8 (N, S, S): a row each, with its frame's position in the stack, x0, y0, x1, y1 (pixels), score.

    detector : a `Trained` one, or a network of `make_detector` or `load_detector`
    Sorted by position, best score first. A frame in which nothing scores above the detector's `least` has no row. Raises
    `SqError` for frames of another type or shape, and a batch below 1.
    """
    from tqdm import tqdm

    pixels = np.asarray(pixels)
    if pixels.ndim != 3 or pixels.dtype != np.uint8 or pixels.shape[1] != pixels.shape[2] or batch < 1:
        raise SqError(f"frames are uint8 (N, S, S), not {pixels.dtype} {pixels.shape}, and a batch of {batch} holds at least 1")
    net = load_detector(detector, device) if isinstance(detector, Trained) else detector
    where, rows = next(net.parameters()).device, []
    net.eval()
    with tqdm(desc="detecting", total=len(pixels), unit="frame", disable=not progress, delay=1) as bar:
        for at in range(0, len(pixels), batch):
            frames = torch.from_numpy(np.ascontiguousarray(pixels[at : at + batch])).to(where)
            found = net(looked_at(net, seen(frames, net.gray)))
            for position, each in enumerate(found, at):
                values = torch.cat([each["boxes"], each["scores"][:, None]], 1).cpu().numpy()
                rows.append(np.column_stack([np.full(len(values), position), values]))
            bar.update(len(found))
    table = pd.DataFrame(np.concatenate([*rows, np.empty((0, 6))]), columns=COLUMNS).astype({"position": int})
    return table.sort_values(["position", "score"], ascending=[True, False], kind="stable", ignore_index=True)


def best(detections: pd.DataFrame) -> pd.DataFrame:
    """The best-scored box of each frame that has one."""
    order = detections.sort_values(["position", "score"], ascending=[True, False], kind="stable")
    return order.drop_duplicates("position").reset_index(drop=True)
