"""Where a contrastive network looks at the moment of a source, beside the locator's answer on the same frames.

An attention map names a place for whatever the class head says. Here it is held against the simulated source's place,
which no network was told: a hit lies at most `NEAR` px from it.
"""

from dataclasses import replace

import numpy as np
import pandas as pd
import torch

from sqlib.data.frames import FrameSet, make_frameset, make_index
from sqlib.errors import SqError
from sqlib.judge import metrics
from sqlib.learn import encoders, explain, locator
from sqlib.learn.event_search import NEAR, scan
from sqlib.learn.levels import FRAMES
from sqlib.learn.locator import STEP
from sqlib.learn.samples import gather
from sqlib.learn.trained import Trained


def around_sources(trial: FrameSet, sources: pd.DataFrame, side: int, window: int, spacing: int) -> FrameSet:
    """Of each source (rows of `trials.quakes`) an event "source 00000" …, which sort by name: the frames that decide
    what a network of that window and spacing is shown at the middle of its annotated interval, cut to the middle
    `side` px.

    The index has the columns `middle`, true of that frame, and of the source its event (`of`), its `contrast`, and its
    place `y`, `x` (px of what is cut out). Sources outside of it are left out, and those with a neighbour in time that
    is missing. `SqError` where none is left.
    """
    cut, need = (trial.pixels.shape[1] - side) // 2, spacing * (window // 2) + spacing // 2
    reach, pixels, parts = need + FRAMES // 2, [], []
    for number, source in enumerate(sources.itertuples()):
        middle, y, x = (source.first + source.last) // 2, source.y - cut, source.x - cut
        near = trial.index[(trial.index["event"] == source.event) & trial.index["frame"].between(
            middle - reach, middle + reach)].sort_values("frame")
        there = near["frame"].between(middle - need, middle + need).sum() == 2 * need + 1
        if there and 0 <= y < side and 0 <= x < side:
            pixels.append(trial.pixels[near.index][:, cut : cut + side, cut : cut + side])
            parts.append(near.assign(event=f"source {number:05d}", of=source.event, middle=near["frame"] == middle, y=y,
                                     x=x, contrast=source.contrast, boxes=[()] * len(near)))
    if not parts:
        raise SqError(f"no source lies in the middle {side} px with {need} frames before and after it")
    return make_frameset(np.concatenate(pixels), make_index(pd.concat(parts, ignore_index=True)), trial.source,
                         trial.scaling)


def by_network(run: Trained, frames: FrameSet, occluded: int = 0) -> tuple[pd.DataFrame, dict[str, np.ndarray]]:
    """Maps (R, H, W) by method of `explain` for the middle frames of `around_sources`, and the index of these.

    What is explained is the margin of the network's own class head. occluded : of so many sources, evenly taken, there
    is a map of occlusion, too, by squares of 16 px, which takes hundreds of times as long.
    """
    samples = encoders.samples_for(replace(run.settings, crop=frames.pixels.shape[1]), frames)
    rows, net = np.flatnonzero(samples.index["middle"]), encoders.load_net(run, frames.pixels.shape[1])
    weights, bias = (part.detach().float().cpu().numpy() for part in (net.classifier.weight, net.classifier.bias))
    reader = explain.Reader(net, weights[1] - weights[0], bias[1] - bias[0])
    shown = [gather(samples, some).float() for some in torch.from_numpy(rows).to(samples.device).split(8)]
    maps = {"Grad-CAM": np.concatenate([explain.grad_cam(reader, one) for one in shown])}
    if occluded:
        some = np.unique(np.linspace(0, len(rows) - 1, min(occluded, len(rows))).astype(int))
        whole = torch.cat(shown)[torch.from_numpy(some).to(samples.device)]
        maps["occlusion"] = np.full(maps["Grad-CAM"].shape, np.nan, np.float32)
        maps["occlusion"][some] = np.concatenate([explain.occlusion(reader, one, 16, 8) for one in whole.split(1)])
    return samples.index.iloc[rows].reset_index(drop=True), maps


def by_locator(frames: FrameSet, window: int, spacing: int) -> np.ndarray:
    """x and y (R, 2) of the locator's surest place in the frames that a network is shown of each source."""
    net, reach, found = locator.shipped(locator.WEIGHTS), spacing * (window // 2) + spacing // 2, []
    for _, rows in frames.index.groupby("event", sort=False):
        middle = rows.loc[rows["middle"], "frame"].iloc[0]
        own = rows.index[rows["frame"].between(middle - reach, middle + reach)]
        odds = scan(np.ascontiguousarray(frames.pixels[own]), net).box
        _, y, x = np.unravel_index(odds.argmax(), odds.shape)
        found.append((STEP * (x + 0.5), STEP * (y + 0.5)))
    return np.array(found)


def hits(places: np.ndarray, sources: pd.DataFrame) -> np.ndarray:
    """1.0 where a place (R, 2), x and y, lies at most `NEAR` px from its source, else 0.0, also where there is none."""
    return (np.hypot(*(places - sources[["x", "y"]].to_numpy(float)).T) <= NEAR).astype(float)


def pointing(maps: np.ndarray, sources: pd.DataFrame) -> np.ndarray:
    """`hits` of the peaks of maps (R, H, W); a flat map has none, and of a map that was not made (NaN) it is NaN."""
    return np.where(np.isnan(maps).any((1, 2)), np.nan, hits(explain.peaks(maps), sources))


def compare(hit: dict[str, np.ndarray], beside: str, events: np.ndarray, seed: int, draws: int = 500) -> pd.DataFrame:
    """A row per method with its share of hits and 95 % interval (`share`, `low`, `high`), and the difference from that
    of the method `beside` on the same sources, with its interval (`difference`, `difference_low`, `difference_high`).

    hit : (R,) of each method, 0…1 (a mean over seeds), NaN where it was not asked; events : (R,) of the sources
    """
    rows = []
    for name, own in hit.items():
        asked = ~np.isnan(own)
        rows.append({"method": name, "sources": int(asked.sum()),
                     **metrics.beside(own[asked], hit[beside][asked], events[asked], seed, draws)})
    return pd.DataFrame(rows)
