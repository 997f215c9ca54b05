"""What an encoder minimises: networks, views and losses of a training step, by the name of the objective."""

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from sqlib.learn import losses
from sqlib.learn.augment import augment, decide_low_pass
from sqlib.learn.models import AutoEncoder, ContrastiveNet
from sqlib.learn.samples import Samples, gather
from sqlib.learn.settings import Settings


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


def times_shown(settings: Settings, labels: np.ndarray) -> int:
    """How often an epoch of `labels` (N,) shows each positive sample."""
    positives = int((labels == 1).sum())
    return settings.loop.upsample or max(1, round((len(labels) - positives) / max(1, positives)))


def weights_of(settings: Settings, labels: np.ndarray) -> Tensor:
    """Class weights (2,) of Equation 3 for `labels` (N,), upsampled positives counted as often as they come."""
    positives = int((labels == 1).sum())
    return losses.class_weights((len(labels) - positives, times_shown(settings, labels) * positives))


def views_of(samples: Samples, which: Tensor, settings: Settings, draws: torch.Generator) -> Tensor:
    """Augmented views of the samples `which` (B,): uint8 (V·B, window, H, W), two of each where they are contrasted."""
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
