"""Where a contrastive model looks: Grad-CAM and occlusion by captum, and whether it is at the sunquake.

An encoding has no yes or no of its own. What is explained is the answer of a linear classifier on it (`Reader`): the
classifier that says when, if it is linear, seen through the network down to the pixels.
Sources: Selvaraju et al. (2017), Grad-CAM, DOI 10.1109/ICCV.2017.74; Zeiler & Fergus (2014), occlusion,
DOI 10.1007/978-3-319-10590-1_53; Zhang et al. (2018), the pointing game, DOI 10.1007/s11263-017-1059-x.
"""

import copy
import warnings
from functools import partial

import numpy as np
import pandas as pd
import torch
from torch import nn
from torch.fx.experimental.optimization import fuse

from sqlib.errors import SqError
from sqlib.learn import classify, encoders
from sqlib.learn.samples import Samples, gather, split
from sqlib.learn.settings import Settings
from sqlib.learn.trained import Trained

METHODS = ("Grad-CAM", "occlusion")


def direction(fitted) -> tuple[np.ndarray, float]:
    """Weights (E,) and bias of a fitted linear pipeline, scaling included: decision = encoding · weights + bias.

    Raises `SqError` for a classifier that is not linear.
    """
    scaling, last = fitted.named_steps["scaling"], fitted[-1]
    if not hasattr(last, "coef_"):
        raise SqError(f"{type(last).__name__} is not linear in the encoding: "
                      "explain 'logistic regression', 'linear' or 'SGD'")
    weights = last.coef_.reshape(-1) / scaling.scale_
    return weights, float(np.ravel(last.intercept_)[0] - weights @ scaling.mean_)


class Reader(nn.Module):
    """A network's encoder and a linear answer on it: frames (B, window, H, W) -> decision (B, 1)."""

    def __init__(self, net: nn.Module, weights, bias: float):
        super().__init__()
        self.net = net
        self.register_buffer("bias", torch.tensor([float(bias)]))
        self.register_buffer("weights", torch.as_tensor(np.asarray(weights), dtype=torch.float32)[None])
        self.to(next(net.parameters()).device).eval()

    def forward(self, frames: torch.Tensor) -> torch.Tensor:
        return nn.functional.linear(self.net.encode(frames), self.weights, self.bias)


def reader_of(run: Trained, samples: Samples, fitted) -> Reader:
    """A trained network with a classifier fitted to its encodings; `SqError` as for `direction`."""
    return Reader(encoders.load_net(run, samples.pixels.shape[-1], str(samples.device)), *direction(fitted))


def untrained(settings: Settings, samples: Samples, seed: int) -> Reader:
    """A network of these settings that has learned nothing, with a classifier fitted to its encodings of `samples`.

    All positives of the training events and every seventh negative, at most four times as many frames as positives.
    """
    torch.manual_seed(seed)
    net = encoders.make_net(settings, samples.pixels.shape[-1]).to(samples.device).eval()
    rows, labels = split(samples)[0], samples.index["label"].to_numpy()
    positive = labels[rows] == 1
    rows = np.concatenate([rows[positive], rows[labels[rows] == 0][::7]])[: 4 * positive.sum()]
    codes = encoders.encode(net, samples, torch.from_numpy(rows), "fp32").cpu().numpy()
    return Reader(net, *direction(classify.fit("logistic regression", codes, labels[rows], True, seed)))


def grad_cam(reader: Reader, frames: torch.Tensor) -> np.ndarray:
    """Grad-CAM (B, H, W), 0 or more, of frames (B, window, H, W) at the last part of the trunk, interpolated."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="IProgress")  # of a progress bar that is not shown
        from captum.attr import LayerAttribution, LayerGradCam
    found = LayerGradCam(reader, reader.net.trunk[-1]).attribute(frames, target=0, relu_attributions=True)
    return LayerAttribution.interpolate(found, tuple(frames.shape[-2:]), "bilinear")[:, 0].detach().cpu().numpy()


def occlusion(reader: Reader, frames: torch.Tensor, side: int = 8, stride: int = 4) -> np.ndarray:
    """How much the decision falls where a square is covered with the sample's median (B, H, W); below 0 where it rises.

    `frames`: (B, window, H, W). `side`, `stride`: px. All frames of the window are covered at once, with the median of
    all. A pixel has the mean over the squares that cover it. Raises `SqError` for squares that do not cover the frames.
    """
    from captum.attr import Occlusion

    if not 0 < stride <= side <= frames.shape[-1]:
        raise SqError(f"a square of {side} px in steps of {stride} does not cover frames of {frames.shape[-1]} px")
    plain, window = frames.flatten(1).median(1).values[:, None, None, None].expand_as(frames), frames.shape[1]
    quick = copy.deepcopy(reader).to(memory_format=torch.channels_last)
    quick.net.trunk = fuse(quick.net.trunk)  # batch norm as part of the convolutions
    with warnings.catch_warnings(), torch.no_grad():
        warnings.simplefilter("ignore")
        found = Occlusion(quick).attribute(frames, (window, side, side), (window, stride, stride), plain, target=0,
                                            perturbations_per_eval=8)
    return found.mean(1).cpu().numpy()


def explain(reader: Reader, samples: Samples, rows, side: int = 8, stride: int = 4) -> dict[str, np.ndarray]:
    """Maps (R, H, W) of both methods for the samples `rows` (R,); `side` and `stride` as for `occlusion`."""
    parts = [gather(samples, which).float() for which in torch.as_tensor(np.asarray(rows)).to(samples.device).split(32)]
    ways = grad_cam, partial(occlusion, side=side, stride=stride)
    return {method: np.concatenate([way(reader, frames) for frames in parts]) for method, way in zip(METHODS, ways)}


def peaks(maps: np.ndarray) -> np.ndarray:
    """x and y (R, 2) of the greatest value of each map, a mean over the places where it is reached; NaN for a flat map.

    A coarse map that was interpolated may reach it on a plateau.
    """
    found = np.full((len(maps), 2), np.nan)
    for place, one in enumerate(maps):
        if np.ptp(one) > 0:
            y, x = np.nonzero(one == one.max())
            found[place] = x.mean() + 0.5, y.mean() + 0.5
    return found


def inside_of_boxes(maps: np.ndarray, masks: np.ndarray, tolerance: float = 2.0) -> pd.DataFrame:
    """Does the evidence lie in the box? A row per map (R, H, W) with its annotated pixels, bool (R, H, W): one or more.

    share : of the map's positive part that is inside (NaN: no evidence for anything); area : share of pixels inside;
    excess : their ratio, 1 for who looks everywhere alike; points : whether the peak is at most `tolerance` px from an
    inside pixel's middle (the pointing game; chance is the share of pixels for which that holds, `luck`)
    """
    from scipy.ndimage import distance_transform_edt

    rows = []
    for one, own, (x, y) in zip(np.maximum(maps, 0), masks, peaks(maps)):
        total, near = float(one.sum()), distance_transform_edt(~own) <= tolerance
        share = float(one[own].sum()) / total if total > 0 else np.nan
        points = bool(near[int(y), int(x)]) if np.isfinite(x) else False
        rows.append((share, own.mean(), share / own.mean(), points, near.mean()))
    return pd.DataFrame(rows, columns=["share", "area", "excess", "points", "luck"])
