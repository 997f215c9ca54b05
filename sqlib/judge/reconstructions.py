"""What autoencoders keep of a frame (Appendix A): errors beside yardsticks, used latent dimensions, the source."""

from typing import NamedTuple

import numpy as np
import pandas as pd
import torch
from scipy.fft import idct
from scipy.ndimage import uniform_filter
from scipy.optimize import minimize_scalar
from sklearn.decomposition import PCA
from sklearn.neighbors import NearestNeighbors

from sqlib.errors import SqError
from sqlib.judge import metrics
from sqlib.learn import losses
from sqlib.learn.encoders import load_net
from sqlib.learn.models import AutoEncoder
from sqlib.learn.samples import Samples, gather
from sqlib.learn.trained import Trained

LEAST = 0.01  # variance over frames above which a latent dimension counts as used (Burda et al. 2016, arXiv 1509.00519)


@torch.no_grad()
def layers(net: AutoEncoder, size: int) -> pd.DataFrame:
    """A row per layer of an autoencoder for frames of `size`: part, layer, channels, side (1: a vector), weights; the
    sizes are what the network itself makes of an empty frame."""
    up, kernel = net.decoder, "convolution 3×3"
    steps = [("encoder", f"{kernel}, stride 2", net.trunk[0]),
             *(("encoder", "residual block, stride 2", block) for block in net.trunk[1:]),
             ("encoder", "convolution 1×1", net.encoding[0]), ("latent", "linear", net.encoding[1:]),
             ("decoder", "linear", up[:2]), ("decoder", kernel, up[2:4]),
             ("decoder", f"{kernel}, 4×4 pixels of each", up[4:7]),
             ("decoder", f"{kernel}, 2×2 pixels of each", up[7:])]
    x = torch.zeros(1, net.trunk[0][0].in_channels, size, size, device=net.level.device)
    rows = [("input", "frame", x.shape[1], size, 0)]
    for part, layer, step in steps:
        x = step(x)
        side = x.shape[-1] if x.ndim == 4 else 1
        rows.append((part, layer, x.shape[1], side, sum(p.numel() for p in step.parameters())))
        if part == "latent" and net.variational:
            x = x.chunk(2, 1)[0]  # the mean; the other half is the logarithm of the variance
    return pd.DataFrame(rows, columns=["part", "layer", "channels", "side", "weights"])


class Copies(NamedTuple):
    """Frames (N, S, S) and their reconstructions, both less the mean gray level, in its deviations; float32.

    `mean`, `log_variance`: (N, E) of the code, the second None for a plain autoencoder. `level`: mean and deviation.
    """

    frames: np.ndarray
    copies: np.ndarray
    mean: np.ndarray
    log_variance: np.ndarray | None
    level: tuple[float, float]

    @property
    def error(self) -> np.ndarray:
        """Mean squared error (N,) of each frame by its copy."""
        return np.square(self.frames - self.copies).mean(axis=(1, 2))


@torch.no_grad()
def reconstruct(trained: Trained, samples: Samples, which, batch: int = 64) -> Copies:
    """Frames of samples at positions `which` (N,), and what an autoencoder makes of them from the means of their codes.

    Raises `SqError` for a run that trained no autoencoder.
    """
    if not trained.settings.reconstructs:
        raise SqError(f"run {trained.key} was trained by {trained.settings.objective!r}: "
                      "it has no decoder to reconstruct with")
    net, parts = load_net(trained, samples.pixels.shape[-1], str(samples.device)), []
    for some in torch.as_tensor(np.asarray(which), device=samples.device).split(batch):
        stack = gather(samples, some).float().contiguous(memory_format=torch.channels_last)
        copies, frames, mean, log_variance, _ = net(stack)
        middle = frames.shape[1] // 2
        found = frames[:, middle], copies[:, middle], mean, log_variance
        parts.append([None if part is None else part.float().cpu() for part in found])
    whole = [None if part[0] is None else torch.cat(part).numpy() for part in zip(*parts)]
    return Copies(*whole, tuple(net.level.tolist()))


def linear_codes(train: np.ndarray, count: int, seed: int) -> dict[str, tuple[np.ndarray, np.ndarray]]:
    """Yardsticks that need no network, of `count` numbers a frame: (mean frame (S·S,), orthonormal basis (C, S·S)).

    "PCA": the principal components of the frames `train` (N, S, S), fewer than `count` where there are not so many.
    "lowest frequencies": cosines of two dimensions, the longest waves first, which know nothing of the frames.
    """
    side, flat = train.shape[-1], train.reshape(len(train), -1)
    most = min(count, len(flat) - 1, flat.shape[1])
    made = PCA(most, svd_solver="randomized", random_state=seed).fit(flat)
    down, across = np.divmod(np.argsort(np.add.outer(np.arange(side) ** 2, np.arange(side) ** 2), axis=None,
                                        kind="stable")[:count], side)
    waves = idct(np.eye(side), axis=0, norm="ortho")  # a column each
    cosines = np.einsum("ik,jk->kij", waves[:, down], waves[:, across]).reshape(len(down), -1)
    return {"PCA": (made.mean_, made.components_), "lowest frequencies": (made.mean_, cosines.astype(np.float32))}


def linear_errors(frames: np.ndarray, code: tuple[np.ndarray, np.ndarray], sizes) -> np.ndarray:
    """Mean squared error (N, K) of each of the frames (N, S, S) by the first of the basis of `code`, K `sizes` of it: 0
    is the mean frame, and of a basis with fewer vectors than a size all are taken."""
    mean, basis = code
    rest = frames.reshape(len(frames), -1) - mean
    kept = np.square(rest @ basis.T).cumsum(axis=1, dtype=np.float64)  # orthonormal: of the square it is that of these
    kept = np.pad(kept, ((0, 0), (1, 0)))[:, np.minimum(sizes, len(basis))]
    return (np.square(rest).sum(axis=1, dtype=np.float64)[:, None] - kept) / rest.shape[1]


def ratio(error: np.ndarray, yardstick: np.ndarray, events, seed: int) -> tuple[float, float, float]:
    """Mean of errors (M,) over that of a yardstick's (M,) on the same frames, with its 95 % interval over `events`."""
    return metrics.middle(np.column_stack([error, yardstick]), events, seed,
                          statistic=lambda both: both[:, 0].mean() / both[:, 1].mean())


def lasting_error(frames: np.ndarray, events) -> float:
    """Mean squared error of frames (N, S, S) by the mean of all of them that are of the same of `events` (N,): the
    error of a code that tells the region and nothing else, speckle above all."""
    events = np.asarray(events)
    return float(sum(frames[events == one].var(axis=0).sum(dtype=float) * (events == one).sum()
                     for one in np.unique(events)) / (frames[0].size * len(frames)))


def shadows(frames: np.ndarray, copies: np.ndarray, events, share: float = 0.05) -> pd.DataFrame:
    """Per event, how much darker its darkest `share` of the places is than the others, in frames and in copies.

    frames, copies : (N, S, S); events : (N,). The places are the darkest of the event's mean frame, smoothed over three
    pixels. Columns: event, frames, copies (both above 0: darker), in units of the frames.
    """
    events, rows = np.asarray(events), []
    for event in np.unique(events):
        seen, made = (part[events == event].mean(axis=0) for part in (frames, copies))
        smooth = uniform_filter(seen, 3)
        dark = smooth <= np.quantile(smooth, share)
        rows.append((event, *(float(one[~dark].mean() - one[dark].mean()) for one in (seen, made))))
    return pd.DataFrame(rows, columns=["event", "frames", "copies"])


def dimensions(mean: np.ndarray, log_variance: np.ndarray) -> pd.DataFrame:
    """Per latent dimension of codes (N, E): divergence from the prior (nats, mean), variance of the mean, used."""
    log_variance = log_variance.astype(float)
    divergence = 0.5 * (np.square(mean) + np.exp(log_variance) - 1 - log_variance).mean(axis=0)
    spread = mean.var(axis=0)
    return pd.DataFrame({"divergence": divergence, "variance": spread, "used": spread > LEAST})


LOSSES = {"square": lambda error: np.square(error) / 2,
          "log-cosh": lambda error: losses.log_cosh(torch.as_tensor(error)).numpy(), "absolute": np.abs}


def best_constant(values: np.ndarray) -> dict[str, float]:
    """The one number for all `values` that each of `LOSSES` likes best: mean, something between, median."""
    bounds = (float(values.min()), float(values.max()))
    between = minimize_scalar(lambda at: LOSSES["log-cosh"](values - at).mean(), bounds=bounds, method="bounded").x
    return {"square": float(values.mean()), "log-cosh": float(between), "absolute": float(np.median(values))}


def brightest_share(error: np.ndarray, values: np.ndarray, shares) -> pd.DataFrame:
    """Share of each loss of `error` that the brightest `shares` of the pixels `values` (same shape) bear."""
    order = np.argsort(values, axis=None)[::-1]
    counts = np.maximum(1, np.round(np.asarray(shares) * order.size).astype(int))
    totals = {name: np.cumsum(loss(error.ravel()[order].astype(float))) for name, loss in LOSSES.items()}
    return pd.DataFrame({"share": shares, **{name: total[counts - 1] / total[-1] for name, total in totals.items()}})


def event_boxes(index: pd.DataFrame, full: int, size: int) -> dict[str, list[tuple[int, int, int, int]]]:
    """Each event's annotated boxes (x0, y0, x1, y1) wholly within the middle `size` pixels of frames of `full`."""
    cut, found = (full - size) // 2, {}
    for event, boxes in index.loc[index["label"] == 1, ["event", "boxes"]].itertuples(index=False):
        for box in boxes:
            whole = tuple(round(edge) - cut for edge in box)
            if min(whole) >= 0 and max(whole) <= size and whole[0] < whole[2] and whole[1] < whole[3]:
                found.setdefault(event, {})[whole] = None
    return {event: list(boxes) for event, boxes in found.items()}


def elsewhere(box, size: int, count: int, rng: np.random.Generator) -> np.ndarray:
    """`count` random places (x0, y0, x1, y1) of boxes as large as `box` that do not overlap it, in a frame of `size`:
    int64 (count, 4), px. Raises `SqError` where there is no room."""
    x0, y0, x1, y1 = box
    across, down = np.meshgrid(np.arange(size - (x1 - x0) + 1), np.arange(size - (y1 - y0) + 1))
    free = (across >= x1) | (across + x1 - x0 <= x0) | (down >= y1) | (down + y1 - y0 <= y0)
    if not free.any():
        raise SqError(f"a box of {x1 - x0}×{y1 - y0} pixels leaves no room for another one in a frame of {size}")
    drawn = rng.integers(0, free.sum(), count)
    left, top = across[free][drawn], down[free][drawn]
    return np.stack([left, top, left + x1 - x0, top + y1 - y0], axis=1)


def box_means(frames: np.ndarray, boxes) -> np.ndarray:
    """Mean (N, K) of the pixels of frames (N, S, S) inside each of K boxes (x0, y0, x1, y1)."""
    sums = np.pad(frames.astype(np.float64).cumsum(1).cumsum(2), ((0, 0), (1, 0), (1, 0)))
    x0, y0, x1, y1 = np.asarray(boxes).T
    return (sums[:, y1, x1] - sums[:, y0, x1] - sums[:, y1, x0] + sums[:, y0, x0]) / ((x1 - x0) * (y1 - y0))


def standing(index: pd.DataFrame, found: Copies, full: int, seed: int, count: int = 100) -> pd.DataFrame:
    """How the annotated place stands out among `count` random ones of the same size, in frames and in their copies.

    index : row per frame of `found` (event, label, boxes); full : pixels a side of the whole frames that boxes refer to
    A row per frame and box: event, inside (whether the sunquake is on), rank and rank_copy (share of the random places
    that are darker, half of those alike), contrast and contrast_copy (mean of the box less that of the random places,
    in deviations of the gray levels). Raises `SqError` where no box lies wholly inside.
    """
    size, rng, rows = found.frames.shape[-1], np.random.default_rng(seed), []
    for event, boxes in event_boxes(index, full, size).items():
        own = np.flatnonzero((index["event"] == event).to_numpy())
        frames, copies = found.frames[own], found.copies[own]
        for box in boxes:
            places, row = np.vstack([box, elsewhere(box, size, count, rng)]), {}
            for name, picture in {"": frames, "_copy": copies}.items():
                here, others = np.split(box_means(picture, places), [1], axis=1)
                row[f"rank{name}"] = ((others < here) + 0.5 * (others == here)).mean(axis=1)
                row[f"contrast{name}"] = here[:, 0] - others.mean(axis=1)
            rows.append(pd.DataFrame({"event": event, "inside": index["label"].to_numpy()[own] == 1, **row}))
    if not rows:
        raise SqError("no annotated box lies wholly inside the part of the frames that the networks see: enlarge crop")
    return pd.concat(rows, ignore_index=True)


def during(table: pd.DataFrame, column: str, seed: int) -> dict[str, float]:
    """`column` of `standing` at the annotated places: mean over events during the sunquake and at other times, and the
    difference with its 95 % interval over events."""
    means = table.groupby(["event", "inside"])[column].mean().unstack().dropna()
    difference, low, high = metrics.middle(means[True] - means[False], means.index, seed)
    return {"during": float(means[True].mean()), "otherwise": float(means[False].mean()),
            "difference": difference, "low": low, "high": high}


def company(embeddings: np.ndarray, index: pd.DataFrame, count: int = 10) -> pd.DataFrame:
    """Per frame of `index` (event, frame, label): `own`, the share of its `count` nearest embeddings that are of its
    own event, and `sunquakes`, the share of sunquakes among its `count` nearest embeddings of other events."""
    events, labels = index["event"].to_numpy(), index["label"].to_numpy()
    scale = embeddings.std(axis=0)
    vectors = (embeddings / np.where(scale > 0, scale, 1)).astype(np.float32)
    nearest = NearestNeighbors(n_neighbors=count + 1).fit(vectors).kneighbors(vectors, return_distance=False)
    own = [np.mean(events[near[near != at][:count]] == events[at]) for at, near in enumerate(nearest)]
    sunquakes = np.zeros(len(index))
    for event in pd.unique(events):
        here, others = np.flatnonzero(events == event), np.flatnonzero(events != event)
        near = NearestNeighbors(n_neighbors=min(count, len(others))).fit(vectors[others])
        sunquakes[here] = (labels[others][near.kneighbors(vectors[here], return_distance=False)] == 1).mean(axis=1)
    return index[["event", "frame", "label"]].assign(own=own, sunquakes=sunquakes)
