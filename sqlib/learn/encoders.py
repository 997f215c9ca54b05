"""Encoders trained and asked: contrastive networks, class heads and autoencoders on frames with their neighbours."""

import math
from collections.abc import Iterator, Sequence
from dataclasses import asdict, replace

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from sqlib import keys
from sqlib.data.frames import FrameSet
from sqlib.errors import SqError, in_words
from sqlib.learn import checkpoint, losses, trained
from sqlib.learn.augment import augment, decide_low_pass
from sqlib.learn.models import AutoEncoder, ContrastiveNet
from sqlib.learn.samples import Samples, gather, hold_out, make_samples, split, thinned
from sqlib.learn.settings import Settings
from sqlib.learn.train import Task, autocast, device_of, generator_of, precision_of, ranks
from sqlib.learn.trained import Trained
from sqlib.paths import replacing

CODE = trained.code_of(__name__)  # taken when it is loaded: what is edited later trains nothing in this process


def run_key(settings: Settings, origin: str, device: str = "auto") -> str:
    """Short name of the run that these settings make on data of this `origin` with this code, in the precision of this
    device."""
    precision = precision_of(settings.loop.precision, device_of(device))
    facts = asdict(replace(settings, loop=replace(settings.loop, precision=precision), start=None))
    first = None if settings.start is None else run_key(settings.start, origin, device)
    return keys.key(CODE, {**facts, "start": first}, origin, precision)


def samples_for(settings: Settings, frameset: FrameSet, device: str = "auto") -> Samples:
    """The samples that these settings train on, on the device."""
    return make_samples(frameset, settings.window, settings.crop, settings.views, device_of(device))


def train(settings: Settings, frameset: FrameSet, *, samples: Samples | None = None, device: str = "auto",
          progress: bool = True, seconds: float = math.inf) -> Trained:
    """The run of `settings` on a frame set: found where it was trained before, gone on with where it was cut off.

    samples : of the frame set, where the caller has them already (`samples_for`); else they are made when needed
    Raises `SqError` as `samples.split` and `trained.obtain` do, whose `seconds` these are.
    """
    how = {"progress": progress, "seconds": seconds}
    start = None if settings.start is None else train(settings.start, frameset, samples=samples, device=device, **how)

    def make_task(_) -> Task:
        own = samples_for(settings, frameset, device) if samples is None else samples
        part, test = split(own, settings.split, settings.seed, settings.cycles)
        part = thinned(own.index, part, settings.thin)
        part, watched = hold_out(own.index, part, settings.loop.validation, settings.seed)
        made = task(settings, own, part, watched, start)
        return replace(made, card=made.card | {"train": len(part), "watched": len(watched), "test": len(test)})

    facts = {"fingerprint": frameset.fingerprint, "origin": frameset.origin, "code": CODE[:12]}
    return trained.obtain(run_key(settings, frameset.origin, device), make_task, settings, facts, **how)


def task(settings: Settings, samples: Samples, train: np.ndarray, watched: Sequence[int] = (),
         start: Trained | None = None) -> Task:
    """Training on the samples `train` (positions), the loss being watched on the samples `watched`.

    start : the run whose weights it begins with; see `take` for what the card says of them
    Raises `SqError` as `make_net` does, and for fewer than two samples a batch and process.
    """
    loop, device, (rank, world) = settings.loop, samples.device, ranks()
    labels = samples.labels.cpu().numpy()[train]
    places, weights = epoch_of(settings, labels)
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
    shown, weights = torch.from_numpy(train)[places].to(device), weights.to(device)

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


def make_net(settings: Settings, size: int) -> nn.Module:
    """Network of `settings` for frames of `size` pixels, its weights drawn by `settings.seed`.

    A run that starts from an autoencoder encodes frames as that does. Raises `SqError` as `models` do.
    """
    with torch.random.fork_rng():
        torch.manual_seed(settings.seed)
        if settings.reconstructs:
            return AutoEncoder(settings.model, settings.window, size, settings.objective != "autoencoder")
        flat = size if settings.start is not None and settings.start.reconstructs else 0
        return ContrastiveNet(settings.model, settings.window, settings.contrasts and not settings.joint, flat)


def epoch_of(settings: Settings, labels: np.ndarray) -> tuple[np.ndarray, Tensor]:
    """Positions, int64, of one epoch of `labels` (N,), each positive as often as `loop.upsample` says, not mixed; and
    class weights (2,) of Equation 3, by the numbers of both classes that the epoch has."""
    negatives, positives = np.flatnonzero(labels != 1), np.flatnonzero(labels == 1)
    times = settings.loop.upsample or max(1, round(len(negatives) / max(1, len(positives))))
    places = np.concatenate([negatives, *[positives] * times])
    return places, losses.class_weights((len(negatives), len(places) - len(negatives)))


def views_of(samples: Samples, which: Tensor, settings: Settings, draws: torch.Generator) -> Tensor:
    """Augmented views of the samples `which` (B,): uint8 (V·B, window, H, W), two of each if contrasted."""
    views = []
    for _ in range(settings.views_each):
        filtered = decide_low_pass(len(which), settings.views, draws)
        views.append(augment(gather(samples, which, filtered), settings.views, draws, filtered))
    return torch.cat(views)


def objective(net: nn.Module, views: Tensor, labels: Tensor, settings: Settings, weights: Tensor,
              draws: torch.Generator, rows: list[int] | tuple = ()) -> tuple[Tensor, dict[str, Tensor]]:
    """Loss of views uint8 (V·B, window, H, W) of B samples with classes `labels` (B,), and what is logged of it.

    weights : (2,) of the classes; rows : B of each process, by default the same in all
    Returns the loss, with gradient, class head included; and "loss", the objective without that head, and, where views
    are contrasted, "spread" of the projections (0 where they have collapsed to one point). With several processes all
    of them return the loss of the global batch.
    """
    # gray levels are exact in bf16; an autoencoder's errors are not
    exact = settings.reconstructs or not torch.is_autocast_enabled(views.device.type)
    frames = views.to(torch.float32 if exact else torch.bfloat16, memory_format=torch.channels_last)
    if settings.reconstructs:
        return _reconstruct(net, frames, labels, settings, draws, rows)
    _, projection, logits = net(frames)
    count, unused = settings.views_each, 0 * projection.float().sum()
    # of all processes: first views, then second ones, as within one process
    parts = losses.gather(*projection.float().chunk(count), *logits.float().chunk(count), labels, rows=rows)
    z, logits, targets = torch.cat(parts[:count]), torch.cat(parts[count:-1]), parts[-1].repeat(count)
    weights = weights.to(logits)
    head = F.cross_entropy(logits, targets, weights)
    if not settings.contrasts:
        shown = head if settings.objective == "classify" else losses.focal(logits, targets, weights=weights)
        return shown + unused, {"loss": shown}
    if settings.objective == "simclr":
        shown = losses.simclr(*parts[:2], settings.temperature)
    elif settings.objective == "supcon":
        shown = losses.supcon(z, targets, settings.temperature)
    else:
        shown = losses.weighted_supcon(z, targets, settings.temperature, weights)
    return shown + head, {"loss": shown, "spread": losses.spread(z)}


def _reconstruct(net, frames, labels, settings, draws, rows) -> tuple[Tensor, dict[str, Tensor]]:
    """Loss of an autoencoder, a mean over frames: square (A.1), half of it (A.2) or log cosh, with the divergence."""
    plain, noise = settings.objective == "autoencoder", None
    if not plain:
        noise = torch.randn((len(frames), settings.model.encoding), generator=draws, device=frames.device)
    drawn, target, mean, log_variance, logits = net(frames, noise)
    error = drawn.float() - target
    each = losses.log_cosh(error) if settings.objective == "logcosh" else error.square() * (1 if plain else 0.5)
    each = each.flatten(1).mean(1)  # per pixel, and so is the divergence
    if not plain:
        log_variance = log_variance.float()
        divergence = 0.5 * (mean.float().square() + log_variance.exp() - 1 - log_variance).sum(1)
        each = each + divergence / error[0].numel()
    each, logits, labels = losses.gather(each, logits.float(), labels, rows=rows)
    return each.mean() + F.cross_entropy(logits, labels), {"loss": each.mean()}


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
