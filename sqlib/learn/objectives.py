"""What is minimised, for each objective of an encoder: of views that are contrasted, classified or reconstructed."""

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from sqlib.learn import losses
from sqlib.learn.settings import Settings


def attainable(settings: Settings, size: int, share: float) -> dict[str, float]:
    """Loss of a batch of `size` samples, a `share` of them positive: "chance", where all views lie in one point, and
    "least", the lowest that there is (`losses.least`)."""
    positives = round(share * size)
    alone = [2] * (size - positives)  # of a quiet sample only its two views attract one another
    groups = {"simclr": [2] * size, "minority": [2 * positives, *alone]}
    groups = groups.get(settings.objective, [2 * positives, 2 * (size - positives)])
    return {"chance": losses.chance_level(2 * size), "least": losses.least(groups, settings.temperature)}


def objective(net: nn.Module, views: Tensor, labels: Tensor, settings: Settings, weights: Tensor,
              draws: torch.Generator) -> tuple[Tensor, dict[str, Tensor]]:
    """Loss of views uint8 (V·B, window, H, W) of B samples with classes `labels` (B,), and what is logged of it.

    weights : (2,) of the classes
    Returns the loss, with gradient, class head included; and "loss", the objective without that head, and, where views
    are contrasted, "head", the cross-entropy of that head, and "spread" of the projections (0: collapsed to a point).
    With several processes all of them return the loss of the global batch.
    """
    # gray levels are exact in bf16; an autoencoder's errors are not
    exact = settings.reconstructs or not torch.is_autocast_enabled(views.device.type)
    frames = views.to(torch.float32 if exact else torch.bfloat16, memory_format=torch.channels_last)
    if settings.reconstructs:
        return _reconstruct(net, frames, labels, settings, draws)
    _, projection, logits = net(frames)
    count, unused = settings.views_each, 0 * projection.float().sum()
    # of all processes: first views, then second ones, as within one process
    parts = losses.gather(*projection.float().chunk(count), *logits.float().chunk(count), labels)
    z, logits, targets = torch.cat(parts[:count]), torch.cat(parts[count:-1]), parts[-1].repeat(count)
    weights = weights.to(logits)
    head = F.cross_entropy(logits, targets, weights)
    if not settings.contrasts:
        shown = head if settings.objective == "classify" else losses.focal(logits, targets, weights=weights)
        return shown + unused, {"loss": shown}
    if settings.objective == "simclr":
        shown = losses.simclr(*parts[:2], settings.temperature)
    elif settings.objective in ("supcon", "minority"):
        loss = losses.supcon if settings.objective == "supcon" else losses.minority_supcon
        shown = loss(z, targets, settings.temperature)
    else:
        shown = losses.weighted_supcon(z, targets, settings.temperature, weights)
    return shown + head, {"loss": shown, "head": head, "spread": losses.spread(z)}


def _reconstruct(net, frames, labels, settings, draws) -> tuple[Tensor, dict[str, Tensor]]:
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
    each, logits, labels = losses.gather(each, logits.float(), labels)
    return each.mean() + F.cross_entropy(logits, labels), {"loss": each.mean()}
