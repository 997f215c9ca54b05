"""What is minimised, for each objective of an encoder: of views that are contrasted, classified or reconstructed."""

import math

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from sqlib.learn import losses
from sqlib.learn.levels import LEVELS
from sqlib.learn.settings import Settings


def attainable(settings: Settings, size: int, share: float) -> dict[str, float]:
    """Loss of a batch of `size` samples, a `share` of them positive: "chance", log(n - 1) of n views in one
    point, and "least", the lowest that there is (`losses.least`)."""
    positives = round(share * size)
    alone = [2] * (size - positives)  # of a quiet sample only its two views attract one another
    groups = {"simclr": [2] * size, "minority": [2 * positives, *alone],
              "classes": [positives, positives, size - positives, size - positives]}  # as if of equal size
    groups = groups.get(settings.objective, [2 * positives, 2 * (size - positives)])
    return {"chance": math.log(2 * size - 1), "least": losses.least(groups, settings.temperature)}


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
    classes = graded(views, labels, LEVELS[settings.levels]) if settings.objective == "classes" else labels
    parts = losses.gather(*projection.float().chunk(count), *logits.float().chunk(count), classes, labels)
    z, logits = torch.cat(parts[:count]), torch.cat(parts[count:-2])
    classes, targets = (part.repeat(count) for part in parts[-2:])
    weights = weights.to(logits)
    head = F.cross_entropy(logits, targets, weights)
    if not settings.contrasts:
        shown = head if settings.objective == "classify" else losses.focal(logits, targets, weights=weights)
        return shown + unused, {"loss": shown}
    if settings.objective == "simclr":
        shown = losses.simclr(*parts[:2], settings.temperature)
    elif settings.objective in ("supcon", "classes"):
        shown = losses.supcon(z, classes, settings.temperature)
    elif settings.objective == "minority":
        shown = losses.minority_supcon(z, targets, settings.temperature)
    else:
        shown = losses.weighted_supcon(z, targets, settings.temperature, weights)
    return shown + head, {"loss": shown, "head": head, "spread": losses.spread(z)}


def graded(views: Tensor, labels: Tensor, planes: int = 1) -> Tensor:
    """Classes int64 (B,) of several kinds, as Section 5 of the paper plans them, from what is seen at the place:

    0 quiet; 1 no sunquake, but as bright a spot as the fainter ones have (lookalike); 2 weak and 3 strong sunquake.

    views : uint8 (V·B, window · planes, H, W), of which the last plane is used; labels : (B,), 1 a sunquake
    The spot is the brightest 3 x 3 px in the middle half of the mean over time. Sunquakes are strong from the median of
    the batch's on, and a lookalike is at least as bright as the faintest quarter of them.
    """
    middle, count = views.shape[-1] // 4, len(labels)
    seen = F.avg_pool2d(views[:, planes - 1 :: planes].float().mean(1, keepdim=True), 3, 1, 1)
    spots = seen[..., middle : -middle or None, middle : -middle or None].flatten(1).amax(1)
    spots = spots.unflatten(0, (-1, count)).mean(0)
    quakes = spots.where(labels == 1, torch.nan)
    bright, faint = (spots >= quakes.nanquantile(part) for part in (0.5, 0.25))  # none is where there is no sunquake
    return torch.where(labels == 1, 2 + bright.long(), faint.long())


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
