"""Encoders trained and asked: contrastive networks, class heads and autoencoders on frames with their neighbours."""

import math
from collections.abc import Iterator, Sequence
from dataclasses import asdict, replace

import numpy as np
import torch
from torch import Tensor, nn

from sqlib.data.frames import FrameSet
from sqlib.errors import SqError, in_words
from sqlib.learn import checkpoint, losses, trained
from sqlib.learn.objectives import make_net, objective, times_shown, views_of, weights_of
from sqlib.learn.samples import Samples, gather, hold_out, make_samples, split, thinned
from sqlib.learn.settings import Settings, check, from_dict
from sqlib.learn.train import Task, autocast, device_of, generator_of, precision_of, ranks
from sqlib.learn.trained import Trained
from sqlib.paths import replacing

CODE = trained.code_of(__name__)  # taken when it is loaded: what is edited later trains nothing in this process


def run_key(settings: Settings, fingerprint: str, device: str = "auto") -> str:
    """Short name of the run that these settings make on this data with this code, in the precision of this device."""
    precision = precision_of(settings.loop.precision, device_of(device))
    facts = asdict(replace(settings, loop=replace(settings.loop, precision=precision), start=None))
    first = None if settings.start is None else run_key(settings.start, fingerprint, device)
    return trained.key_of(CODE, {**facts, "start": first}, fingerprint, precision)


def is_trained(settings: Settings, frameset: FrameSet) -> bool:
    """Whether the run of these settings on this frame set is there and complete."""
    return trained.is_complete(run_key(settings, frameset.fingerprint))


def samples_for(settings: Settings, frameset: FrameSet, device: str = "auto") -> Samples:
    """The samples that these settings train on, on the device."""
    return make_samples(frameset, settings.window, settings.crop, settings.views, device_of(device))


def train(settings: Settings, frameset: FrameSet, *, samples: Samples | None = None, device: str = "auto",
          progress: bool = True, seconds: float = math.inf) -> Trained:
    """The run of `settings` on a frame set: found where it was trained before, gone on with where it was cut off.

    samples : of the frame set, where the caller has them already (`samples_for`); else they are made when needed
    Raises `SqError` as `settings.check`, `samples.split` and `trained.obtain` do, whose `seconds` these are.
    """
    check(settings)
    key, start = run_key(settings, frameset.fingerprint, device), None
    if settings.start is not None:
        start = train(settings.start, frameset, samples=samples, device=device, progress=progress, seconds=seconds)

    def make_task(_) -> Task:
        own = samples_for(settings, frameset, device) if samples is None else samples
        part, test = split(own, settings.split, settings.seed, settings.cycles)
        part = thinned(own.index, part, settings.thin)
        part, watched = hold_out(own.index, part, settings.loop.validation, settings.seed)
        made = task(settings, own, part, watched, start)
        return replace(made, card=made.card | {"train": len(part), "watched": len(watched), "test": len(test)})

    card = {"settings": asdict(settings), "fingerprint": frameset.fingerprint, "code": CODE[:12]}
    trained.obtain(key, make_task, card, progress=progress, seconds=seconds)
    return load(key)


def load(key: str) -> Trained:
    """The finished run `key`; `SqError` where there is none."""
    return trained.load(key, lambda content: from_dict(content, f"{trained.run_folder(key) / 'card.json'}: "))


def task(settings: Settings, samples: Samples, train: np.ndarray, watched: Sequence[int] = (),
         start: Trained | None = None) -> Task:
    """Training on the samples `train` (positions), the loss being watched on the samples `watched`.

    start : the run whose weights it begins with; see `take` for what the card says of them
    Raises `SqError` as `make_net` does, and for fewer than two samples a batch and process.
    """
    loop, device, (rank, world) = settings.loop, samples.device, ranks()
    labels = samples.labels.cpu().numpy()[train]
    places = epoch_places(settings, labels)
    size = min(loop.batch, len(places))
    if size < 2 * world:
        raise SqError(f"{size} training samples for {world} process{'es' * (world > 1)}: "
                      "a batch needs at least 2 in each")
    net, card = make_net(settings, samples.pixels.shape[-1]), {}
    if start is not None:
        halves = settings.start.objective in ("vae", "logcosh") and not settings.reconstructs
        card["begun_with"] = {"key": start.key, **take(net, checkpoint.load(start.weights)[0]["net"], halves)}
    elif settings.reconstructs:
        some = samples.pixels[samples.rows[torch.from_numpy(train[:: max(1, len(train) // 500)]).to(device)]].float()
        net.level.copy_(torch.stack([some.mean(), some.std().clamp(min=1e-3)]))
    if settings.unfrozen >= 0:
        net.trunk.requires_grad_(False)
        for block in list(net.trunk)[len(net.trunk) - settings.unfrozen :]:
            block.requires_grad_(True)
    shown, weights = torch.from_numpy(train)[places].to(device), weights_of(settings, labels).to(device)

    def batches(_, order: torch.Generator) -> Iterator[Tensor]:
        mixed = shown[torch.randperm(len(shown), generator=order, device=device)]
        return (batch[rank::world] for batch in mixed[: len(mixed) // size * size].split(size))

    def loss_of(net: nn.Module, which: Tensor, draws: torch.Generator, count: int = size) -> tuple[Tensor, dict]:
        rows = [len(range(part, count, world)) for part in range(world)]
        seen, classes = views_of(samples, which, settings, draws), (samples.labels[which] == 1).long()
        return objective(net, seen, classes, settings, weights, draws, rows)

    def watch(net: nn.Module) -> dict[str, float]:
        """Loss on the watched samples, with the same views each time."""
        draws, total, count = generator_of(device, settings.seed, rank), 0.0, 0
        mixed = torch.from_numpy(np.random.default_rng(settings.seed).permutation(watched))
        for batch in (batch for batch in mixed.split(loop.batch) if len(batch) >= 2 * world):
            with autocast(device, loop.precision):
                found = loss_of(net, batch[rank::world].to(device), draws, len(batch))[1]
            total, count = total + float(found["loss"]) * len(batch), count + len(batch)
        return {"watched": total / max(count, 1)}

    name = settings.objective + (f", temperature {settings.temperature:g}" if settings.contrasts else "")
    facts = {"chance": losses.chance_level(2 * size)} if settings.contrasts else {}
    steps = len(places) // size
    return Task(name, loop, settings.seed, device, net, steps * size * settings.views_each, steps, batches, loss_of,
                watch if len(watched) else None, "view", facts, card)


def epoch_places(settings: Settings, labels: np.ndarray) -> np.ndarray:
    """Positions, int64, of one epoch of `labels` (N,), each positive as often as `loop.upsample` says; not mixed."""
    return np.concatenate([np.flatnonzero(labels != 1), *[np.flatnonzero(labels == 1)] * times_shown(settings, labels)])


def take(net: nn.Module, weights: dict[str, Tensor], variational: bool = False) -> dict[str, list[str]]:
    """Give a network the `weights` of another one, part by part (trunk, encoding, projector …); return what was done.

    A part is taken as a whole or left as it was drawn. Of a `variational` encoding, which gives a mean and a variance,
    the half that gives the mean is taken. The lists: taken, mean_half_taken, not_taken (the network has no such part,
    or one of other shapes) and as_drawn (nothing fits).
    """
    report = {"taken": [], "mean_half_taken": [], "not_taken": [], "as_drawn": []}
    parts, own = {}, net.state_dict()
    for side, tensors in enumerate((own, weights)):
        for name, tensor in tensors.items():
            parts.setdefault(name.partition(".")[0], ({}, {}))[side][name] = tensor
    for part, (mine, theirs) in parts.items():
        halved = variational and part == "encoding"
        theirs = {name: tensor.chunk(2)[0] if halved else tensor for name, tensor in theirs.items()}
        if {name: t.shape for name, t in theirs.items()} == {name: t.shape for name, t in mine.items()}:
            report["mean_half_taken" if halved else "taken"].append(part)
            own |= theirs
        else:
            report["not_taken"] += [part] if theirs else []
            report["as_drawn"] += [part] if mine else []
    net.load_state_dict(own)
    return report


def load_net(run: Trained, size: int, device: str = "auto") -> nn.Module:
    """Network of a run for frames of `size` pixels, in evaluation mode; `SqError` for damaged settings or weights."""
    with in_words(f"the settings in {run.folder} make no network", trained.AGAIN, told=False):
        net = make_net(run.settings, size)
    checkpoint.load_into(net, run.weights, trained.AGAIN)
    # laid out so, the convolutions take half the time on a processor
    return net.to(device_of(device), memory_format=torch.channels_last).eval()


@torch.no_grad()
def embed(run: Trained, samples: Samples, what: str = "encoding", batch: int = 256) -> np.ndarray:
    """Encodings of raw samples, float32 (M, E), kept beside the run: no view is augmented or turned (Section 4.1).

    what : "encoding", "projection" (M, P) (L2-normalised, contrastive networks), or "probability" (M, 1) of the class
    head Raises `SqError` as `load_net` does, and where what was kept is damaged.
    """
    name = f"{what}-{samples.fingerprint[:12]}-{samples.window}-{samples.pixels.shape[-1]}-{len(samples)}.npy"
    path = run.folder / name
    if not path.is_file():
        net, found = load_net(run, samples.pixels.shape[-1], str(samples.device)), []
        for which in torch.arange(len(samples), device=samples.device).split(batch):
            frames = gather(samples, which).to(torch.float32, memory_format=torch.channels_last)
            with autocast(samples.device, run.settings.loop.precision):
                code = net.encode(frames)
                if what == "projection":
                    code = nn.functional.normalize(net.projector(code).float(), dim=1)
                elif what == "probability":
                    code = net.classifier(code).float().softmax(1)[:, 1:]
            found.append(code.float())
        with replacing(path) as aside, open(aside, "wb") as file:
            np.save(file, torch.cat(found).cpu().numpy())
    with in_words(f"{path} is damaged", "delete it, and it is made again"):
        return np.load(path, allow_pickle=False)
