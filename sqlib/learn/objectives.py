"""What is minimised: networks, views and losses of a training step, by the name of the objective."""

import contextlib

import numpy as np
import torch
from torch import nn
from torch.nn import functional as F

from sqlib.learn import losses
from sqlib.learn.augment import augment, decide_low_pass
from sqlib.learn.models import AutoEncoder, ContrastiveNet
from sqlib.learn.samples import Samples, gather
from sqlib.learn.settings import Settings


def make_net(settings: Settings, size: int) -> nn.Module:
    """Network of `settings` for frames of `size` pixels, its weights drawn by `settings.seed`; `SqError` as `models` raise it."""
    with torch.random.fork_rng():
        torch.manual_seed(settings.seed)
        if settings.reconstructs:
            return AutoEncoder(settings.model, settings.window, size, settings.objective != "autoencoder")
        return ContrastiveNet(settings.model, settings.window, watch=settings.contrasts and not settings.joint)


def weights_of(settings: Settings, labels: np.ndarray) -> torch.Tensor:
    """Class weights (2,) of Equation 3 for `labels` (N,) of an epoch, upsampled positives counted as often as they come."""
    positives = int((labels == 1).sum())
    times = settings.loop.upsample or max(1, round((len(labels) - positives) / max(1, positives)))
    return losses.class_weights((len(labels) - positives, times * positives), settings.beta)


def views_of(samples: Samples, which: torch.Tensor, settings: Settings, draws: torch.Generator) -> torch.Tensor:
    """Augmented views of the samples `which` (B,): uint8 (V·B, window, H, W), two of each where views are contrasted."""
    views = []
    for _ in range(settings.views_each):
        filtered = decide_low_pass(len(which), settings.views, draws, samples.device)
        views.append(augment(gather(samples, which, filtered), settings.views, draws, filtered))
    return torch.cat(views)


def autocast(device: torch.device, precision: str):
    """bf16 autocast where `precision` asks for it; "auto" takes it where the hardware multiplies in it."""
    able = torch.cuda.is_bf16_supported() if device.type == "cuda" else torch.ops.mkldnn._is_mkldnn_bf16_supported()
    used = precision == "bf16" or (precision == "auto" and able)
    return torch.autocast(device.type, torch.bfloat16) if used else contextlib.nullcontext()


def objective(net: nn.Module, batch: torch.Tensor, labels: torch.Tensor, settings: Settings, weights, draws) -> dict:
    """Loss of views uint8 (V·B, window, H, W) of B samples with classes `labels` (B,), and what is logged beside it.

    Returns `loss`, with gradient, class head included; `shown`, the objective alone; and, where views are contrasted,
    `spread` of the projections (0 where they have collapsed to one point). With several processes all of them return the
    loss of the global batch.
    """
    frames = batch.float().contiguous(memory_format=torch.channels_last)
    targets = labels.repeat(len(batch) // len(labels))
    if settings.reconstructs:
        plain = settings.objective == "autoencoder"
        code = (len(batch), settings.model.encoding)
        noise = None if plain else torch.randn(code, generator=draws, device=batch.device)
        drawn, target, mean, log_variance, logits = net(frames, noise)
        each = _reconstruction(drawn.float() - target, mean.float(), log_variance, settings.objective)
        each, logits, targets = losses.gather(each, logits.float(), targets)
        return {"loss": each.mean() + F.cross_entropy(logits, targets), "shown": each.mean().detach()}
    _, projection, logits = net(frames)
    views, unused = settings.views_each, 0 * projection.float().sum()
    # of all processes: first views, then second ones, as within one process
    parts = losses.gather(*projection.float().chunk(views), *logits.float().chunk(views), labels)
    z, logits, targets = torch.cat(parts[:views]), torch.cat(parts[views:-1]), parts[-1].repeat(views)
    weights = weights.to(logits)
    head = F.cross_entropy(logits, targets, weights)
    if not settings.contrasts:
        shown = head if settings.objective == "classify" else losses.focal(logits, targets, weights=weights)
        return {"loss": shown + unused, "shown": shown.detach()}
    if settings.objective == "simclr":
        shown = losses.simclr(*parts[:2], settings.temperature)
    elif settings.objective == "supcon":
        shown = losses.supcon(z, targets, settings.temperature)
    else:
        form = "anchor" if settings.objective == "weighted" else "authors"
        shown = losses.weighted_supcon(z, targets, settings.temperature, weights, form)
    return {"loss": shown + head, "shown": shown.detach(), "spread": losses.spread(z)}


def _reconstruction(error: torch.Tensor, mean: torch.Tensor, log_variance: torch.Tensor | None, kind: str) -> torch.Tensor:
    """Loss (B,) per pixel of reconstructions: square (A.1), half of it (A.2) or log cosh; variational ones with divergence."""
    loss = losses.log_cosh(error) if kind == "logcosh" else error.square() * (1 if log_variance is None else 0.5)
    loss = loss.flatten(1).mean(1)
    if log_variance is None:
        return loss
    log_variance = log_variance.float()
    divergence = 0.5 * (mean.square() + log_variance.exp() - 1 - log_variance).sum(1)
    return loss + divergence / error[0].numel()
