"""Encoders trained and asked: contrastive networks, class heads and autoencoders on frames with their neighbours."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, replace
from functools import lru_cache
from typing import Any

import numpy as np
import torch
from sklearn.metrics import average_precision_score
from torch import Tensor, nn
from torch.fx.experimental.optimization import fuse

from sqlib import answers, keys
from sqlib.data.frames import FrameSet, join, middles
from sqlib.data.trial import trial_frames
from sqlib.errors import SqError, in_words
from sqlib.learn import checkpoint, levels, losses, patches, practice_set, trained
from sqlib.learn.augment import augment, chance
from sqlib.learn.levels import LEVELS
from sqlib.learn.models import AutoEncoder, ContrastiveNet, take
from sqlib.learn.objectives import attainable, objective
from sqlib.learn.patches import Drawn
from sqlib.learn.samples import Samples, gather, hold_out, make_samples, sparse, split, with_window
from sqlib.learn.settings import Settings, Views
from sqlib.learn.train import Task, autocast, device_of, generator_of, precision_of, ranks, unwrapped
from sqlib.learn.trained import Trained
from sqlib.sun.twin import EDITION, TwinSettings

WATCHED, WATCHED_EVERY = 530012, 3  # seed of the events on which runs are watched; of their frames one in so many
CODE = trained.code_of(__name__)  # taken when it is loaded: what is edited later trains nothing in this process


def run_key(settings: Settings, origin: str, device: str = "auto") -> str:
    """Short name of the run that these settings make on data of this `origin`, in the precision of this device, and
    after a dash that of the code that trains it and makes the data (`trained.run_folder`)."""
    precision = precision_of(settings.loop.precision, device_of(device))
    facts = asdict(replace(settings, loop=replace(settings.loop, precision=precision), start=None))
    first = None if settings.start is None else keys.lasting(run_key(settings.start, origin, device))
    made = keys.with_code("", practice_set.PHYSICS, CODE), origin if settings.events is True else ""
    return keys.derived(made, {**facts, "start": first}, EDITION, precision)


def samples_for(settings: Settings, frameset: FrameSet, device: str = "auto", augmented: bool = False) -> Samples:
    """The samples of a frame set as these settings show them to a network, on the device.

    augmented : with the low-pass that the settings' views draw from, to learn from; it takes longer than all the rest
    """
    return make_samples(frameset, settings.window, settings.crop, settings.views if augmented else None,
                        device_of(device), settings.spacing, settings.levels)


def inputs_of(runs: Mapping[Any, Settings], frameset: FrameSet, device: str = "auto") -> dict[Any, Samples]:
    """`samples_for` each of some settings, by name: those that show frames alike, in whatever window, share a pool.
    Raises `SqError` as `make_samples` does."""
    pools, found = {}, {}
    for name, own in runs.items():
        shown = own.spacing, own.levels, own.crop
        if shown not in pools:
            pools[shown] = samples_for(own, frameset, device)
        found[name] = with_window(pools[shown], frameset.index, own.window)
    return found


def what_is_shown(settings: Settings) -> Settings:
    """Settings of which only that is kept which decides the samples of a run: equal for runs that can share them."""
    views = Views(float(settings.views.low_pass > 0), settings.views.threshold, settings.views.variant)
    names = ("window", "spacing", "levels", "crop", "practice", "events", "watch")
    return Settings(views=views, **{name: getattr(settings, name) for name in names})


@lru_cache(maxsize=1)  # runs that are trained one after the other often share them; more might fill the device
def teaching(shown: Settings, frameset: FrameSet, device: str, progress: bool) -> tuple[Samples, Samples | None]:
    """The samples that teach runs which are `shown` these (`what_is_shown`): practice sources, made or found, and the
    middles of the frame set's frames beside them, or as many cubes without a source; and those on which such runs are
    watched, if they are: events of the same physics as trial events, of a seed of their own. Raises `SqError` for a
    crop that does not fit the frames."""
    frames, watched = frameset, None
    if shown.practice:
        frames = practice_set.practice_frames(shown.practice, shown.crop, progress=progress)
        if shown.events == "quiet":
            frames = join(frames, practice_set.quiet_frames(frames.index["event"].nunique(), shown.crop))
        elif shown.events:
            frames = join(middles(frameset, shown.crop), frames)
    if shown.watch:
        size = max(shown.crop or 128, 64)  # no twin is smaller
        events = trial_frames(shown.watch, WATCHED, TwinSettings(size), size, "frame", progress=progress)
        watched = sparse(samples_for(shown, events, device), WATCHED_EVERY)
    return samples_for(shown, frames, device, augmented=True), watched


def train(settings: Settings, frameset: FrameSet, *, device: str = "auto", **how) -> Trained:
    """The run of `settings` on a frame set: found where it was trained before, gone on with where it was cut off.

    how : progress, seconds, anew, for `trained.obtain`
    Raises `SqError` as `teaching`, `samples.split` and `trained.obtain` do.
    """
    start = None if settings.start is None else train(settings.start, frameset, device=device, **how)

    def make_task(_) -> Task:
        own, watched = teaching(what_is_shown(settings), frameset, device, how.get("progress", True))
        part, test = split(own, settings.split, settings.seed, settings.cycles)
        part, held_out = hold_out(own.index, part, settings.loop.validation, settings.seed)
        made = task(settings, own, part, held_out, start, watched)
        return replace(made, card=made.card | {"train": len(part), "watched": len(held_out), "test": len(test)})

    facts = {"fingerprint": frameset.fingerprint, "origin": frameset.origin, "code": CODE[:12]}
    return trained.obtain(run_key(settings, frameset.origin, device), make_task, settings, facts, **how)


def task(settings: Settings, samples: Samples, train: np.ndarray, held_out: Sequence[int] = (),
         start: Trained | None = None, watched: Samples | None = None) -> Task:
    """Training on the samples `train` (positions), the loss being watched on the samples `held_out`.

    start : the run whose weights it begins with; see `models.take` for what the card says of them
    watched : samples of events on which the class head's average precision is watched
    Raises `SqError` as `make_net` and `patches.find_sources` do, and for fewer than two samples a batch and process.
    """
    loop, device, (rank, world) = settings.loop, samples.device, ranks()
    negatives, positives, weights = epoch_of(settings, samples.labels.cpu().numpy()[train])
    shown = len(positives) + -(-len(negatives) // settings.thin)
    size = loop.batch if settings.patch else min(loop.batch, shown)
    size -= size % world  # as many in each process
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
    weights, steps = weights.to(device), loop.steps if settings.patch else shown // size

    def loss_of(net: nn.Module, batch: Drawn, draws: torch.Generator) -> tuple[Tensor, dict]:
        seen = views_of(samples, batch, settings, draws)
        return objective(net, seen, batch.labels, settings, weights, draws)

    def watch(net: nn.Module) -> dict[str, float]:
        """Loss on the samples held out, with the same views each time, and average precision on watched events."""
        draws, total, count, row = generator_of(device, settings.seed, rank), 0.0, 0, {}
        mixed = torch.from_numpy(np.random.default_rng(settings.seed).permutation(held_out)).long()
        parts = (batch[: len(batch) // world * world] for batch in mixed.split(loop.batch))
        for batch in (batch for batch in parts if len(batch) >= 2 * world):
            with autocast(device, loop.precision):
                found = loss_of(net, whole(samples, batch[rank::world].to(device)), draws)[1]
            total, count = total + float(found["loss"]) * len(batch), count + len(batch)
        if len(held_out):
            row["watched"] = total / max(count, 1)
        if watched is not None:
            codes = encode(unwrapped(net), watched, torch.arange(len(watched)), loop.precision)
            margin = heads(unwrapped(net), codes, "margin")[:, 0]
            row["ap"] = average_precision_score((watched.labels == 1).cpu().numpy(), margin)
        return row

    if settings.patch:
        sources = patches.find_sources(samples, train)
    quiet, shaken = (torch.from_numpy(train[part]).to(device) for part in (negatives, positives))

    def batches(_, order: torch.Generator) -> Iterator[Drawn]:
        if settings.patch:
            drawn = (patches.draw(samples, sources, size, settings.patch, order) for _ in range(steps))
        else:
            few = quiet[torch.randperm(len(quiet), generator=order, device=device)[: shown - len(shaken)]]
            epoch = torch.cat([few, shaken])
            mixed = epoch[torch.randperm(shown, generator=order, device=device)[: steps * size]]
            drawn = (whole(samples, which) for which in mixed.split(size))
        return (Drawn(*(each[rank::world] for each in batch)) for batch in drawn)

    name = settings.objective + (f", temperature {settings.temperature:g}" if settings.contrasts else "")
    share = 0.5 if settings.patch else len(positives) / shown
    facts = attainable(settings, size, share) if settings.contrasts else {}
    seen = watch if len(held_out) or watched is not None else None
    return Task(name, loop, settings.seed, device, net, steps * size * settings.views_each, steps, batches, loss_of,
                seen, "view", facts, card)


def whole(samples: Samples, which: Tensor) -> Drawn:
    """A batch of whole frames, the samples `which` (B,)."""
    return Drawn(which, which, (samples.labels[which] == 1).long())


def make_net(settings: Settings, size: int) -> nn.Module:
    """Network of `settings` for frames of `size` pixels, its weights drawn by `settings.seed`.

    A run that starts from an autoencoder encodes frames as that does. Raises `SqError` as `models` do.
    """
    channels = settings.window * LEVELS[settings.levels]
    with torch.random.fork_rng():
        torch.manual_seed(settings.seed)
        if settings.reconstructs:
            return AutoEncoder(settings.model, channels, size, settings.objective != "autoencoder")
        flat = size if settings.start is not None and settings.start.reconstructs else 0
        net = ContrastiveNet(settings.model, channels, settings.contrasts and not settings.joint, flat, settings.patch)
    if settings.levels in ("relative", "region"):
        net.level.copy_(torch.tensor([levels.ONE, levels.STEPS]))
    return net


def epoch_of(settings: Settings, labels: np.ndarray) -> tuple[np.ndarray, np.ndarray, Tensor]:
    """Positions, int64, of what an epoch of `labels` (N,) shows: the negatives of which one in `thin` is drawn, and the
    positives, each as often as `loop.upsample` says. And class weights (2,) of Equation 3, by the numbers of both
    classes that an epoch shows: of patches as many of each."""
    negatives, positives = np.flatnonzero(labels != 1), np.flatnonzero(labels == 1)
    shown = -(-len(negatives) // settings.thin)
    times = settings.loop.upsample or max(1, round(shown / max(1, len(positives))))
    counts = (1, 1) if settings.patch else (shown, times * len(positives))
    return negatives, np.concatenate([positives] * times), losses.class_weights(counts)


def views_of(samples: Samples, batch: Drawn, settings: Settings, draws: torch.Generator) -> Tensor:
    """Augmented views of a batch (B,): uint8 (V·B, channels, H, W), two of each if contrasted."""
    views = []
    for _ in range(settings.views_each):
        filtered = chance(len(batch.which), settings.views.low_pass, draws)
        if settings.patch:
            seen = patches.cut(samples, batch, settings.patch, draws, filtered)
        else:
            seen = gather(samples, batch.which, filtered)
        views.append(augment(seen, settings.views, draws))
    return torch.cat(views)


def load_net(run: Trained, size: int, device: str = "auto") -> nn.Module:
    """Network of a run for frames of `size` pixels, in evaluation mode; `SqError` for damaged settings or weights."""
    with in_words(f"the settings in {run.folder} make no network", trained.AGAIN, told=False):
        net = make_net(run.settings, size)
    checkpoint.load_into(net, run.weights, trained.AGAIN)
    # laid out so, the convolutions take half the time on a processor
    return net.to(device_of(device), memory_format=torch.channels_last).eval()


def embed(run: Trained, samples: Samples, what: str = "encoding") -> np.ndarray:
    """Encodings of raw samples, float32 (M, E), or what a head makes of them (`heads`); kept (`sqlib.answers`).

    No view is augmented or turned (Section 4.1). Raises `SqError` as `load_net` does, and where what was kept is
    damaged.
    """
    return said(run, what, samples, lambda: samples)


def said(run: Trained, what: str, asked: Samples | FrameSet, samples: Callable[[], Samples]) -> np.ndarray:
    """`embed` of samples that are made only if nobody asked before; asked : they, or a frame set with their index."""
    def ask() -> np.ndarray:
        if what == "encoding":
            return encodings(run, samples())
        net = load_net(run, run.settings.crop or asked.pixels.shape[-1])
        codes = said(run, "encoding", asked, samples)  # frames are encoded once, whatever is asked of them
        return heads(net, torch.from_numpy(codes).to(net.level.device), what)

    return answers.kept(answers.key_of(what, CODE, asked, nets=[run.key]), ask).astype(np.float32)


def encodings(run: Trained, samples: Samples, rows: np.ndarray | None = None) -> np.ndarray:
    """Encodings (M, E) of the samples `rows` (positions; default: all), in half precision as `embed` keeps them, for
    some come with the book; not kept. Raises `SqError` as `load_net` does."""
    net = load_net(run, samples.pixels.shape[-1], str(samples.device))
    net.trunk = fuse(net.trunk)  # batch norm as part of the convolutions: a quarter of the time less
    which = torch.arange(len(samples)) if rows is None else torch.as_tensor(rows)
    return trained.half(encode(net, samples, which, run.settings.loop.precision)).cpu().numpy()


@torch.no_grad()
def encode(net: nn.Module, samples: Samples, which: Tensor, precision: str) -> Tensor:
    """Encodings (B, E), float32 on the device, by a network in evaluation mode of samples `which` (B,)."""
    found, precision = [], "auto" if precision == "bf16" else precision  # bf16 where the hardware has it
    for some in which.to(samples.device).split(16 if samples.device.type == "cpu" else 256):  # what a cache can hold
        frames = gather(samples, some).to(torch.float32, memory_format=torch.channels_last)
        with autocast(samples.device, precision):
            found.append(net.encode(frames).float())
    return torch.cat(found)


@torch.no_grad()
def heads(net: nn.Module, codes: Tensor, what: str) -> np.ndarray:
    """What a head of a network in evaluation mode says of encodings (B, E), float32 (B, …).

    what : "projection" (B, P), L2-normalised, of contrastive networks; "probability" (B, 1) of a sunquake, of the class
    head; or "margin" (B, 1), its logit for a sunquake less the other
    """
    if what == "projection":
        found = nn.functional.normalize(net.projector(codes), dim=1)
    else:
        logits = net.classifier(codes)
        found = logits.diff(dim=1) if what == "margin" else logits.softmax(1)[:, 1:]
    return found.cpu().numpy()
