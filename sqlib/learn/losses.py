"""Contrastive losses (Section 3.1, Appendices B.1, B.2), their class weights, and a batch shared among processes.

In all of them z holds one row a view, not yet of unit length: the loss normalises, so that sim is the cosine. n = 2B
rows for B samples of two views. Similarities are computed in float32 (float64 where given) even under autocast, and the
sums of exponentials as log-sum-exp, so that no temperature overflows. A loss is a scalar tensor in nats.
Several processes: `gather` their parts of the batch first, then call the loss on what it returns, the whole batch.
"""

import math
from collections.abc import Sequence
from typing import Literal

import torch
import torch.distributed as dist
import torch.nn.functional as F
from torch import Tensor

from sqlib.errors import SqError


def simclr(z1: Tensor, z2: Tensor, temperature: float) -> Tensor:
    """Self-supervised loss (Equation 4; Chen et al. 2020, arXiv:2002.05709), the mean over all anchors i of

        l_{i,j} = -log( e^{sim(z_i, z_j)/τ} / Σ_{k≠i} e^{sim(z_i, z_k)/τ} ),

    j the other view of the sample of i, k over all 2B views. z1, z2: (B, d), rows of the same samples.
    Raises `SqError` where the temperature is not above 0.
    """
    logits = _logits(torch.cat([z1, z2]), temperature)
    return F.cross_entropy(logits, torch.arange(len(logits), device=z1.device).roll(len(z1)))


def supcon(z: Tensor, labels: Tensor, temperature: float) -> Tensor:
    """Supervised contrastive loss (Equation 5; Khosla et al. 2020, arXiv:2004.11362), the mean over anchors i of

        L_i = -1/|P(i)| Σ_{p∈P(i)} log( e^{sim(z_i, z_p)/τ} / Σ_{k≠i} e^{sim(z_i, z_k)/τ} ),

    P(i) all other views of the class of i. An anchor without any takes no part; where none has one, the loss is 0.

    z: (n, d). labels: (n,) classes 0, 1, … Raises `SqError` where the temperature is not above 0.
    """
    return _supervised(z, labels, temperature)


def minority_supcon(z: Tensor, labels: Tensor, temperature: float) -> Tensor:
    """Supervised contrast for a rare class (Mildenberger et al. 2025, arXiv:2503.17024, "supervised minority"): L_i as
    in `supcon` with P(i) all other views of its class for anchors of class 1, and its own other view for the rest.

    z: (2B, d), first the views of B samples, then their other ones in the same order. labels: (2B,) classes 0 and 1.
    Raises `SqError` as `supcon` does.
    """
    own = torch.arange(len(z), device=z.device) % (len(z) // 2)
    # every quiet sample is a class of its own
    return _supervised(z, torch.where(labels == 1, len(z), own), temperature)


def weighted_supcon(z: Tensor, labels: Tensor, temperature: float, weights: Tensor,
                    form: Literal["anchor", "authors"] = "anchor") -> Tensor:
    """Class-weighted supervised contrastive loss (Equation 2), with L_i as in `supcon`.

    form "anchor", the equation as printed, over the anchors that have a positive:  Σ_i w_{y_i} L_i / Σ_i w_{y_i}.
    form "authors", as in their code, has the weights on the positives:
        L_i = -Σ_{p∈P(i)} w_{y_p} log(…) / Σ_{p∈P(i)} w_{y_p}.
    All p are of the class of i: w_{y_p} = w_{y_i} for each, the weights cancel, and what remains is `supcon`.

    z: (n, d). labels: (n,) classes. weights: (classes,), see `class_weights`.
    Raises `SqError` as `supcon` does.
    """
    each = weights.to(z.device, _wide(z))[labels]
    anchors, positives = (each, 1.0) if form == "anchor" else (1.0, each)
    return _supervised(z, labels, temperature, anchors, positives)


def class_weights(counts, beta: float = 0.9999) -> Tensor:
    """Weight of each class (Equation 3; Cui et al. 2019, arXiv:1901.05555):  w_y = (1 - β) / (1 - β^{N_y}).

    counts: (classes,) numbers N_y of samples; 1/w_y is their effective number, from 1 (β = 0) to N_y (β → 1).
    Returns (classes,) float32. Raises `SqError` for a class without samples.
    """
    counts = torch.as_tensor(counts, dtype=torch.float64)
    if not (counts >= 1).all():
        raise SqError(f"a class without samples has no weight: the counts are {counts.tolist()}; leave it out, "
                      "or add samples")
    return ((1 - beta) / (1 - beta**counts)).float()


def focal(logits: Tensor, labels: Tensor, gamma: float = 2.0, weights: Tensor | None = None) -> Tensor:
    """Focal loss (Lin et al. 2017, arXiv:1708.02002):  -(1 - p_y)^γ log p_y, p the softmax, a mean weighted by class.

    logits: (n, classes). labels: (n,). weights: (classes,). γ = 0 is cross-entropy.
    """
    logits = logits.to(_wide(logits))
    entropy = F.cross_entropy(logits, labels, reduction="none")
    each = torch.ones_like(entropy) if weights is None else weights.to(logits)[labels]
    return _ratio((each * (-torch.expm1(-entropy)) ** gamma * entropy).sum(), each.sum())  # expm1: 1 - p, not cancelled


def log_cosh(error: Tensor) -> Tensor:
    """Logarithm of the hyperbolic cosine of errors of any shape (Chen, Chen & Zhang 2019), which cannot overflow."""
    size = error.abs()
    return size + F.softplus(-2 * size) - math.log(2)


def least(sizes: Sequence[int], temperature: float) -> float:
    """Lowest supervised contrastive loss, in nats, of groups of so many views that attract one another.

    Each group in one point, the points evenly apart (the corners of a simplex), which is the least for groups of equal
    size where the embedding has room for it (Graf et al. 2021, arXiv:2102.08817), and close to it for others.
    """
    views, count = sum(sizes), len(sizes)
    others = math.exp(-count / (count - 1) / temperature) if count > 1 else 0.0
    anchors = [(size, math.log(size - 1 + (views - size) * others)) for size in sizes if size > 1]
    return sum(size * loss for size, loss in anchors) / max(1, sum(size for size, _ in anchors))


def fallen(history):
    """What the loss of each epoch has fallen, as a share of what it can: 0 at chance, 1 at the least (`least`).

    history : columns loss, chance and least; without the latter of a classifier, whose loss can fall from log 2 to 0
    """
    chance = history.get("chance", math.log(2))
    return (chance - history["loss"]) / (chance - history.get("least", 0.0))


@torch.no_grad()
def spread(z: Tensor) -> Tensor:
    """Root mean square distance of embeddings z (n, d), at unit length, from their mean: 0 collapsed, 1 spread."""
    z = F.normalize(z.to(_wide(z)), dim=1)
    return (z - z.mean(0)).square().sum(1).mean().sqrt()


def gather(*tensors: Tensor) -> tuple[Tensor, ...]:
    """Each tensor (n, …) with the rows of all processes, in order of rank; without a process group, as it is.

    n is the same in all. torch's own differentiable gather: the own rows get the sum of the gradients that all
    processes find for them. DistributedDataParallel averages over processes, and so yields exactly the gradient of the
    loss of the whole batch, while the loss keeps its value on each of them.
    """
    if not (dist.is_available() and dist.is_initialized()):
        return tensors
    # here and not above: older versions of torch have none, and one process needs none
    from torch.distributed._functional_collectives import all_gather_single

    return tuple(torch.cat([all_gather_single(tensor, 0, dist.group.WORLD)]) for tensor in tensors)  # cat waits for it


def _wide(z: Tensor) -> torch.dtype:
    return torch.promote_types(z.dtype, torch.float32)


def _logits(z: Tensor, temperature: float) -> Tensor:
    """sim(z_i, z_k)/τ, (n, n), with -inf on the diagonal, which leaves k = i out of every sum of exponentials."""
    if not 0 < temperature < math.inf:
        raise SqError(f"the temperature must be above 0, and {temperature} is not (the paper's are 0.07 to 0.1)")
    with torch.autocast(z.device.type, enabled=False):
        z = F.normalize(z.to(_wide(z)), dim=1)
        return (z / temperature @ z.T).fill_diagonal_(-math.inf)


def _supervised(z: Tensor, labels: Tensor, temperature: float, anchors=1.0, positives=1.0) -> Tensor:
    """Σ_i a_i L_i / Σ_i a_i over anchors with a positive, L_i = -Σ_p b_p log(…) / Σ_p b_p; a, b (n,) or 1."""
    logits = _logits(z, temperature)
    same = (labels[:, None] == labels).fill_diagonal_(False)
    share = same.to(logits) * positives
    total = share.sum(1)
    near = _ratio((share * logits.masked_fill(~same, 0)).sum(1), total)
    anchors = (total > 0).to(logits) * anchors
    return _ratio((anchors * (logits.logsumexp(1) - near)).sum(), anchors.sum())


def _ratio(over: Tensor, under: Tensor) -> Tensor:
    return over / torch.where(under > 0, under, 1)  # 0, and no NaN, where nothing is summed
