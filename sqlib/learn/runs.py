"""Trained runs on disk: made once under the key of their settings, data and code, found again ever after."""

import hashlib
import json
import math
import platform
import time
from contextlib import nullcontext
from dataclasses import asdict, dataclass
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
from sqlib.learn.objectives import autocast, make_net
from sqlib.learn.samples import Samples, gather, hold_out, make_samples, split, thinned
from sqlib.learn.settings import Settings, check, from_dict
from sqlib.learn.train import device_of, fit, ranks
from sqlib.paths import alone, clean, home, replacing

SOURCES = ("augment", "lowpass", "losses", "models", "objectives", "samples", "settings", "train")
AGAIN = "delete the folder and train again"


def _code() -> str:
    digest = hashlib.sha256(__version__.encode())
    for name in SOURCES:
        digest.update(Path(__file__).with_name(f"{name}.py").read_bytes())
    return digest.hexdigest()


CODE = _code()  # taken when the code is loaded, as for the twin: what is edited later did not train this process's runs


def words_of(device: torch.device) -> str:
    """A device in words, for run cards."""
    return torch.cuda.get_device_name(device) if device.type == "cuda" else f"CPU, {torch.get_num_threads()} threads"


@dataclass(frozen=True, eq=False)
class Trained:
    """A trained run: its folder, settings, `history` (a row per epoch) and run card."""

    folder: Path
    key: str
    settings: Settings
    history: pd.DataFrame
    card: dict


class Unfinished(SqError):
    """A run that was stopped after its time and can be gone on with by the same call."""


def run_key(settings: Settings, fingerprint: str) -> str:
    """Short name of the run that these settings make on this data with this code."""
    facts = json.dumps([asdict(settings), fingerprint, CODE], sort_keys=True)
    return hashlib.sha256(facts.encode()).hexdigest()[:12]


def run_folder(key: str) -> Path:
    """Where the run `key` lies, whether it is made yet or not."""
    return home() / "data" / "models" / key


def is_trained(settings: Settings, frameset: FrameSet) -> bool:
    """Whether the run of these settings on this frame set is there and complete."""
    return (run_folder(run_key(settings, frameset.fingerprint)) / "card.json").is_file()


def samples_for(settings: Settings, frameset: FrameSet, device: str = "auto") -> Samples:
    """The samples that these settings train on, on the device."""
    return make_samples(frameset, settings.window, settings.crop, settings.views, device_of(device))


def train(settings: Settings, frameset: FrameSet, *, samples: Samples | None = None, device: str = "auto",
          progress: bool = True, seconds: float = math.inf) -> Trained:  # fmt: skip
    """The run of `settings` on a frame set: found where it was trained before, gone on with where it was cut off.

    samples : of the frame set, where the caller has them already (`samples_for`); else they are made when needed
    seconds : stop after so long at the end of an epoch, by raising `Unfinished`; the same call goes on
    Writes settings.json, weights.safetensors, history.csv and card.json to data/models/KEY. Under torchrun all processes
    call this alike; the first one writes. Raises `SqError` as `fit` and `samples.split` do.
    """
    check(settings)
    key = run_key(settings, frameset.fingerprint)
    folder = run_folder(key)
    if settings.start is not None:
        first = train(settings.start, frameset, samples=samples, device=device, progress=progress, seconds=seconds)
    # two callers do not train it twice; torchrun's processes are one caller
    with nullcontext() if ranks()[1] > 1 else alone(folder, told=progress):
        if not (folder / "card.json").is_file():
            if ranks()[1] == 1:
                clean(folder)
            samples = samples_for(settings, frameset, device) if samples is None else samples
            begin = None if settings.start is None else checkpoint.load(first.folder / "weights.safetensors")[0]["net"]
            _train(settings, samples, begin, folder, key, progress, seconds)
    return load(key)


def _train(settings: Settings, samples: Samples, start, folder: Path, key: str, progress: bool, seconds: float) -> None:
    rank, world = ranks()
    part, test = split(samples, settings.split, settings.seed, settings.cycles)
    part = thinned(samples.index, part, settings.thin)
    part, watched = hold_out(samples.index, part, settings.loop.validation, settings.seed)
    if rank == 0:
        with replacing(folder / "settings.json") as aside:
            aside.write_text(json.dumps(asdict(settings), indent=1), encoding="utf-8")
    clock, going_on = time.monotonic(), folder / "checkpoint.safetensors"
    state = fit(settings, samples, part, watched, going_on, key=key, start=start, progress=progress, seconds=seconds)
    if not state.done(settings.loop):
        raise Unfinished(f"{len(state.history)} of {settings.loop.epochs} epochs of {key} are done; the same call goes on")
    if rank == 0:
        _keep(settings, samples, state, folder, key, (len(part), len(watched), len(test)), clock)
        going_on.unlink(missing_ok=True)
    if world > 1:
        torch.distributed.barrier()  # the others read what the first has written


def _keep(settings: Settings, samples: Samples, state, folder: Path, key: str, counts, clock: float) -> None:
    checkpoint.save(folder / "weights.safetensors", {"net": state.net.state_dict()}, {"key": key})
    history = pd.DataFrame(state.history)
    with replacing(folder / "history.csv") as aside:
        history.to_csv(aside, index=False)
    device = samples.device
    card = {
        "key": key, "settings": asdict(settings), "fingerprint": samples.fingerprint, "code": CODE[:12],
        **dict(zip(("train", "watched", "test"), counts)), "epochs": len(history),
        "parameters": sum(p.numel() for p in state.net.parameters()), "processes": ranks()[1],
        "device": words_of(device),
        "views_per_s": float(history["views_per_s"].median()), "seconds_last": round(time.monotonic() - clock, 1),
        "versions": {"torch": torch.__version__, "numpy": np.__version__, "python": platform.python_version()},
        "made": datetime.now(UTC).isoformat(timespec="seconds"),
    }  # fmt: skip
    with replacing(folder / "card.json") as aside:  # last: a folder with a card is complete
        aside.write_text(json.dumps(card, indent=1), encoding="utf-8")


def load(key: str) -> Trained:
    """The finished run `key`; `SqError` where there is none."""
    folder = run_folder(key)
    with in_words(f"{folder} holds no finished run", "delete it and train again"):
        card = json.loads((folder / "card.json").read_text(encoding="utf-8"))
        history = pd.read_csv(folder / "history.csv")
        settings = from_dict(card["settings"], f"{folder / 'card.json'}: ")
    return Trained(folder, key, settings, history, card)


def load_net(trained: Trained, size: int, device: str = "auto") -> nn.Module:
    """Network of a run for frames of `size` pixels, in evaluation mode. Raises `SqError` where settings or weights are damaged."""
    with in_words(f"the settings in {trained.folder} make no network", AGAIN, told=False):
        net = make_net(trained.settings, size)
    checkpoint.load_into(net, trained.folder / "weights.safetensors", AGAIN)
    # laid out so, the convolutions take half the time on a processor
    return net.to(device_of(device), memory_format=torch.channels_last).eval()


@torch.no_grad()
def embed(trained: Trained, samples: Samples, what: str = "encoding", batch: int = 256) -> np.ndarray:
    """Encodings of raw samples, float32 (M, E), kept beside the run: no view is augmented or turned (Section 4.1).

    what : "encoding", "projection" (M, P) (L2-normalised, contrastive networks), or "probability" (M, 1) of the class head
    Raises `SqError` as `load_net` does, and where what was kept is damaged.
    """
    name = f"{what}-{samples.fingerprint[:12]}-{samples.window}-{samples.pixels.shape[-1]}-{len(samples)}.npy"
    path = trained.folder / name
    if not path.is_file():
        net = load_net(trained, samples.pixels.shape[-1], str(samples.device))
        found = []
        for which in torch.arange(len(samples), device=samples.device).split(batch):
            frames = gather(samples, which).float().contiguous(memory_format=torch.channels_last)
            with autocast(samples.device, trained.settings.loop.precision):
                code = net.encode(frames)
                if what == "projection":
                    code = nn.functional.normalize(net.projector(code).float(), dim=1)
                elif what == "probability":
                    code = net.classifier(code).float().softmax(1)[:, 1:]
            found.append(code.float().cpu())
        with replacing(path) as aside, open(aside, "wb") as file:
            np.save(file, torch.cat(found).numpy())
    with in_words(f"{path} is damaged", "delete it, and it is made again"):
        return np.load(path, allow_pickle=False)
