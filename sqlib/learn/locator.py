"""Where a sunquake is: a small convolutional network, trained only on the simulated twin (it goes past Section 3.4).

A run of consecutive frames is what it looks at, for a source stays where it is while it brightens and fades, and
speckle of the same brightness is of another shape. It answers with a probability for each place, and one for "nowhere".
"""

import math
import warnings
from collections.abc import Sequence
from functools import lru_cache
from itertools import pairwise
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd
import torch
from torch import nn
from torch.nn import functional as F

from sqlib.errors import SqError
from sqlib.learn import checkpoint
from sqlib.learn.levels import surroundings
from sqlib.learn.train import autocast

WEIGHTS = Path(__file__).with_name("locator.safetensors")  # their run card lies beside them
BINS = 8  # the run's frames are averaged to so many
AROUND = (4.0, 8.0, 16.0)  # px, sigma of the surroundings that power is compared with
MAPS = BINS + 2 + len(AROUND) + 1
CHANNELS = MAPS + 2
INPUTS = {"parts": slice(0, BINS), "surroundings": slice(BINS + 2, BINS + 2 + len(AROUND)),
          "usual": slice(MAPS - 1, MAPS), "distance": slice(CHANNELS - 1, CHANNELS)}
"""Channels that a locator can do without, by name: see `power_maps` and `as_seen`."""
WIDTHS = (32, 48, 72, 96)
STEP = 2  # pixels of a frame to a cell of the map of probabilities
SIDE = 16  # pixels; a box that an annotator drew on frames of HMI has about this side (chapter 01)
CELLS = 2 * round((SIDE / STEP - 1) / 2) + 1  # of a box, an odd number
LONGEST = 24  # frames; a longer run is looked at through windows
WINDOW, STRIDE = 16, 8
BATCH = 8  # windows at a time
KNOWN = 64  # frames of a run from which its usual power is known
COARSE = 0.6  # correlation of neighbouring pixels; frames with pixels of 1.09 and 1.45 Mm have at most 0.45
SAME = 0.5  # correlation of neighbours; speckle of 5–7 mHz keeps it for about 4 minutes, other events have none


class Found(NamedTuple):
    """What `find_sources` found; coordinates in pixels of the frames, x right, y down, boxes (x0, y0, x1, y1).

    `frames`: a row per frame with run, x0, y0, x1, y1, x, y, `score`, the probability that the source is in the box,
    and `none`, that there is no source. `runs`: a row per run of consecutive frames with the same columns, and first,
    last (positions in the stack: of the run, or, where it was looked at through windows, of its surest one).
    """

    frames: pd.DataFrame
    runs: pd.DataFrame


def _convolutions(*channels: int) -> nn.Sequential:
    return nn.Sequential(*(layer for before, after in pairwise(channels) for layer in (
        nn.Conv2d(before, after, 3, padding=1, bias=False), nn.BatchNorm2d(after), nn.ReLU(inplace=True))))


class Locator(nn.Module):
    """A small U-Net: (B, `CHANNELS`, H, W) of `as_seen` to logits of places (B, H / 2, W / 2) and of "nowhere" (B,).

    It begins with the four pixels of each cell of the answer as channels, which costs a quarter and loses nothing.
    `widths`: channels of its levels; `hidden`: which of `INPUTS` it is not shown.
    """

    def __init__(self, widths: tuple[int, ...] = WIDTHS, hidden: tuple[str, ...] = ()):
        super().__init__()
        shown = torch.ones(CHANNELS, 1, 1)
        for name in hidden:
            shown[INPUTS[name]] = 0
        self.register_buffer("shown", shown, persistent=False)
        before = (STEP**2 * CHANNELS, *widths)
        self.down = nn.ModuleList(_convolutions(a, b, b) for a, b in zip(before, widths))
        self.up = nn.ModuleList(_convolutions(a + b, b, b) for a, b in zip(widths[:0:-1], widths[-2::-1]))
        self.place = nn.Conv2d(widths[0], 1, 1)
        self.nowhere = nn.Linear(widths[-1], 1)

    def forward(self, x: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        x, kept = F.pixel_unshuffle(x * self.shown, STEP), []
        for level, block in enumerate(self.down):
            x = block(F.max_pool2d(x, 2) if level else x)
            kept.append(x)
        x = deepest = kept.pop()
        for block in self.up:
            own = kept.pop()
            x = block(torch.cat([F.interpolate(x, size=own.shape[-2:], mode="nearest"), own], 1))
        return self.place(x)[:, 0].float(), self.nowhere(deepest.float().amax((2, 3)))[:, 0].float()


def power_of(frames: torch.Tensor) -> torch.Tensor:
    """Power over the frame's mean, float32 (..., H, W), of gray frames (..., H, W)."""
    power = frames.float()
    return power / power.mean((-2, -1), keepdim=True).clamp_min(1e-3)


@lru_cache
def _shares(length: int) -> torch.Tensor:
    """Weights (`BINS` + 1, L) of a run's frames in each of its parts, and in its mean."""
    parts = F.adaptive_avg_pool1d(torch.eye(length)[None], BINS)[0].T
    return torch.cat([parts, torch.full((1, length), 1 / length)])


def power_maps(power: torch.Tensor, usual: torch.Tensor | None = None) -> torch.Tensor:
    """What a run of frames shows, as ratios of power: float32 (`MAPS`, H, W).

    Power (L, H, W) of `power_of`, averaged in `BINS` parts of the run; its mean and half its maximum over the run; the
    mean over its surroundings of each width in `AROUND`, for a source in a deep shadow outshines these and not the
    quiet Sun's speckle; and the mean over `usual` (H, W), that of all the event's frames, where it is given (else 1).
    """
    # a product of batches, of one here: its sums are rounded as those that the networks were taught with
    parts = (_shares(len(power)).to(power.device)[None] @ power[None].flatten(2))[0].unflatten(1, power.shape[1:])
    mean = parts[-1:]
    around = [mean / surroundings(mean, sigma, 1).clamp_min(0.02) for sigma in AROUND]
    usually = torch.ones_like(mean) if usual is None else mean / usual.clamp_min(0.02)
    return torch.cat([parts, power.amax(0, keepdim=True) / 2, *around, usually])


def as_seen(maps: torch.Tensor, length: int, remote: torch.Tensor) -> torch.Tensor:
    """`power_maps` (`MAPS`, H, W) of a run of `length` frames as the network sees them: float32 (`CHANNELS`, H, W).

    As logarithms, in which speckle has the same strength everywhere; with the run's length; and the distance `remote`
    (H, W; px) from the frame's middle, for the frames are cut out round an active region.
    """
    long = torch.full_like(remote, math.log(length) / 3)
    return torch.cat([(maps + 0.1).log(), torch.stack([long, remote / 100])])


def load(path: Path, device: str = "cpu", widths: tuple[int, ...] = WIDTHS, hidden: tuple[str, ...] = ()) -> Locator:
    """A trained locator from its weights, in evaluation mode; `SqError` where they are damaged or do not fit.

    widths, hidden : of this `Locator`, where they are not those of the one that comes with sqlib
    """
    return checkpoint.load_into(Locator(widths, hidden), path, "train a locator: sq train locator").to(device).eval()


shipped = lru_cache(maxsize=1)(load)  # the same weights are read once


def _speckle(frame: np.ndarray) -> np.ndarray:
    """A frame (H, W) less its surroundings, with variance 1."""
    from scipy.ndimage import gaussian_filter

    power = np.asarray(frame, np.float32)
    speckle = power - gaussian_filter(power, 4)
    return speckle / max(float(np.sqrt((speckle**2).mean())), 1e-6)


def runs_of(frames: np.ndarray) -> np.ndarray:
    """Number of the run that each frame of a stack (N, H, W) belongs to, int64 (N,).

    Two neighbours belong together where their speckle is the same: power over its surroundings correlates.
    """
    runs, last, number = np.zeros(len(frames), np.int64), None, 0
    for place, frame in enumerate(frames):
        speckle = _speckle(frame)
        if last is not None and float((speckle * last).mean()) < SAME:
            number += 1
        runs[place], last = number, speckle
    return runs


@torch.no_grad()
def logits(net: Locator, seen: torch.Tensor, views: int = 8) -> tuple[torch.Tensor, torch.Tensor]:
    """Logits (N, H / 2, W / 2) of the cells and (N,) of "nowhere" for runs as `as_seen`, (N, `CHANNELS`, H, W).

    Means over the eight turns and reflections of a run, so that the answer turns with the frames; or over fewer `views`
    of them (1, 2 or 4), which takes less time.
    """
    height, width = seen.shape[2:]
    deep = STEP * 2 ** (len(net.down) - 1)
    seen = F.pad(seen, (0, -width % deep, 0, -height % deep), mode="replicate")
    places, nowhere = [], []
    for turn in range(0, 8, 8 // views):
        view = torch.rot90(seen, turn % 4, (2, 3))
        view = view.flip(3) if turn > 3 else view
        place, none = net(view.contiguous(memory_format=torch.channels_last))
        place = place.flip(2) if turn > 3 else place
        places.append(torch.rot90(place, -(turn % 4), (1, 2)))
        nowhere.append(none)
    place = torch.stack(places).mean(0)[:, : -(-height // STEP), : -(-width // STEP)]
    return place, torch.stack(nowhere).mean(0)


def ask(net: Locator, power: torch.Tensor, windows: Sequence[tuple[int, int]], views: int = 8,
        precision: str = "fp32") -> tuple[torch.Tensor, torch.Tensor]:
    """`logits` of windows (first, end) of a run's power (L, H, W), some at a time: (M, H / 2, W / 2) and (M,)."""
    found, usual = [], power.mean(0) if len(power) >= KNOWN else None
    for place in range(0, len(windows), BATCH):
        seen = shown(power, windows[place : place + BATCH], usual)
        with autocast(power.device, precision):
            found.append(logits(net, seen, views))
    return torch.cat([place for place, _ in found]), torch.cat([none for _, none in found])


def shown(power: torch.Tensor, windows: Sequence[tuple[int, int]], usual: torch.Tensor | None = None) -> torch.Tensor:
    """`as_seen` (M, `CHANNELS`, H, W) of windows (first, end) of a run's power (L, H, W)."""
    y, x = (torch.arange(n, device=power.device) - (n - 1) / 2 for n in power.shape[1:])
    remote = torch.hypot(y[:, None], x)
    return torch.stack([as_seen(power_maps(power[a:b], usual), b - a, remote) for a, b in windows])


def probabilities(place: torch.Tensor, none: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Probability of each cell (M, H / 2, W / 2) for the source, and of "nowhere" (M,), from their logits."""
    chances = torch.cat([place.flatten(1), none[:, None]], 1).softmax(1)
    return chances[:, :-1].reshape(place.shape), chances[:, -1]


def brightest_box(chances: torch.Tensor, shape: tuple[int, int]) -> dict[str, float]:
    """The box of `SIDE` px that most probably holds the source: x0, y0, x1, y1, its middle x, y, and score.

    `chances`: (H / 2, W / 2) of `probabilities`; `shape`: (H, W) of the frames.
    """
    inside = F.avg_pool2d(chances[None, None], CELLS, 1, CELLS // 2, divisor_override=1)[0, 0]
    y, x = divmod(int(inside.argmax()), inside.shape[1])
    score, (x, y) = float(inside[y, x]), (STEP * (x + 0.5), STEP * (y + 0.5))
    x0, y0 = max(x - SIDE / 2, 0.0), max(y - SIDE / 2, 0.0)
    x1, y1 = min(x + SIDE / 2, float(shape[1])), min(y + SIDE / 2, float(shape[0]))
    return {"x0": x0, "y0": y0, "x1": x1, "y1": y1, "x": x, "y": y, "score": min(score, 1.0)}


def find_sources(frames: np.ndarray, *, runs=None, device: str = "cpu", net: Locator | None = None) -> Found:
    """Say where in each frame a sunquake's source most probably is, with one box for consecutive frames of an event.

    Parameters
    ----------
    frames : uint8 (N, H, W), egression power as gray, in time order within an event; published frames are 256 x 256
    runs : int (N,), equal for consecutive frames of one event; by default found by `runs_of`
    device : "cpu", "cuda" …
    net : a locator (default the one that comes with sqlib, trained only on simulated frames)

    Returns
    -------
    Found : a box with a score for each frame, and one for each run. A run of up to 24 frames is looked at as a whole,
        and each of its frames has its box, for a source does not move; a longer one through windows of 16 frames that
        overlap by half, in one view instead of eight: a frame has the box of the window nearest to it, the run that of
        its surest window.

    Frames with far smaller pixels than the 1.09 and 1.45 Mm that it was trained on get a warning.

    Raises
    ------
    SqError : for an empty stack, another type or shape, frames under 64 pixels, constant frames, or runs that do not
    fit
    """
    frames = checked_frames(frames)
    if runs is not None and np.shape(runs) != (len(frames),):
        raise SqError(f"runs names the run of each of the {len(frames)} frames; it has the shape {np.shape(runs)}")
    net = shipped(WEIGHTS, device) if net is None else net
    runs = runs_of(frames) if runs is None else np.asarray(runs)
    per_frame, per_run = [], []
    starts = np.flatnonzero(np.r_[True, runs[1:] != runs[:-1]])
    for number, (first, end) in enumerate(zip(starts, np.r_[starts[1:], len(frames)])):
        windows, power = windows_of(int(end - first)), power_of(torch.tensor(frames[first:end]).to(device))
        chances, none = probabilities(*ask(net, power, windows, views=8 if len(windows) == 1 else 1))
        found = [brightest_box(one, frames.shape[1:]) | {"none": float(never)}
                 for one, never in zip(chances.cpu(), none)]
        middles = np.array([(a + b - 1) / 2 for a, b in windows])
        near = [int(np.abs(middles - place).argmin()) for place in range(end - first)]
        per_frame += [{"run": number, **found[window]} for window in near]
        surest = max(range(len(found)), key=lambda window: found[window]["score"])
        a, b = windows[surest]
        per_run.append({"run": number, "first": int(first + a), "last": int(first + b - 1), **found[surest]})
    return Found(pd.DataFrame(per_frame), pd.DataFrame(per_run))


def checked_frames(frames: np.ndarray) -> np.ndarray:
    """The frames (N, H, W), if a locator can be asked about them; `SqError` as `find_sources` says, and its warning."""
    frames = np.asarray(frames)
    if frames.ndim != 3 or frames.dtype != np.uint8:
        raise SqError(f"frames are uint8 of shape (N, H, W), not {frames.dtype} of shape {frames.shape}")
    if not len(frames) or min(frames.shape[1:]) < 64:
        raise SqError(f"at least one frame of 64 × 64 pixels or more is needed, not {frames.shape}")
    if len(flat := np.flatnonzero(frames.min((1, 2)) == frames.max((1, 2)))):
        raise SqError(f"frame {flat[0]} is blank (every pixel is {frames[flat[0], 0, 0]}); leave blank frames out")
    speckle = _speckle(frames[len(frames) // 2])
    # the lesser of down and across: limbs have one large
    if min((speckle[1:] * speckle[:-1]).mean(), (speckle[:, 1:] * speckle[:, :-1]).mean()) > COARSE:
        warnings.warn("the speckle of these frames is far coarser than what the locator was taught, pixels of 1.09 and "
                      "1.45 Mm: what it says of them means little; sample them at such pixels", stacklevel=2)
    return frames


def windows_of(frames: int, whole: int = LONGEST) -> list[tuple[int, int]]:
    """The windows (first, end) of `WINDOW` frames through which a run is looked at: one if it has `whole` at most."""
    if frames <= whole:
        return [(0, frames)]
    return [(a, a + WINDOW) for a in [*range(0, frames - WINDOW, STRIDE), frames - WINDOW]]
