r"""Baselines that every score stands beside: the frame's number alone, a box-car, and the ideal observer.

The ideal observer knows the twin's own laws. Power at a place is exponential about its local level L, and a source of
strength s (peak over L) with the mean profile h(t, y, x) adds s h L to it. For u = P / L and independent samples the
log likelihood ratio of a source there and then against none is linear in u,

.. math:: \ell_s = \sum_{t,y,x} \left[ u \, \frac{s h}{1 + s h} - \log(1 + s h) \right],

one correlation in three dimensions for each strength. Samples of speckle are not independent: their power has the
correlation rho = |gamma|², where gamma is that of the egression. So the peak counts as one sample, and its image in
the others, rho (u(0) - 1), is taken off them. What is left of them has the mean s d, d = h - rho, and enters as above
with d for h, times c_s: with the weights w = s d / (1 + s d) the variance of their sum is
:math:`\sum_{ij} w_i w_j \rho_{ij}` and not :math:`\sum_i w_i^2`, so each independent sample is counted so many times
over, and c_s is the ratio of the latter to the former.

Likelihood ratios are averaged over strengths and places, with the chance of such a source at such a level and distance
from the middle of the frame, and turned into the odds that the frame is within the annotated interval of a source,
against none near it in time. It is ideal within these laws: how the grains of a single source lie, it does not know.
"""

import math
from dataclasses import replace
from functools import lru_cache
from typing import NamedTuple

import numpy as np
import pandas as pd
import torch
from scipy import signal
from scipy.ndimage import gaussian_filter, gaussian_filter1d
from scipy.special import logsumexp

from sqlib import answers, keys
from sqlib.data.catalogue import INSTRUMENTS, catalogue
from sqlib.data.frames import FrameSet, events_of, middles
from sqlib.errors import SqError
from sqlib.judge import duration
from sqlib.sun import twin
from sqlib.sun.scene import draw_scene

SEED = 90721  # of the sources that the template is the mean of: another than that of any event
SOURCES = 120  # of each instrument
STRENGTHS = 6
BIN = 135.0  # s that are averaged in time first: much less than speckle lasts, and a third of the work
REACH = 12  # px; and in time `LASTS` on both sides of the peak
LASTS = 900.0  # s
RATE = 1 / 256  # sources a frame, before any is looked at
FAR = 40  # frames from the peak within which an annotated interval lies
LEVEL = 2.5  # px, sigma of the local level
LEVELS = np.geomspace(0.1, 2, 9)  # local level over the frame's mean, between the classes of places
AWAY = np.array([8, 16, 24, 32, 48, 64])  # px from the middle of the frame, where regions are, likewise
NEVER = -1e6  # log odds where no place can be
BLOCK = 4  # px, of the box-car
NEAR = 3.0  # px from the middle of an annotated box; who is told the place looks there
CODE = keys.code_hash([__name__], ("sun", "data", "judge"))


def annotated_share(index: pd.DataFrame, smooth: float = 0.0, length: int = 0) -> pd.DataFrame:
    """Share of the events of each cycle that are annotated at each frame number, under a Gaussian of `smooth` frames.

    index : rows with event, cycle, frame and label. A row per number from 0 on, at least `length` of them, a column per
    cycle.
    """
    length, shares = max(length, int(index["frame"].max()) + 1), {}
    for cycle, own in index.groupby("cycle"):
        share = np.bincount(own["frame"][own["label"] == 1], minlength=length) / own["event"].nunique()
        shares[cycle] = gaussian_filter1d(share, smooth, mode="constant") if smooth else share
    return pd.DataFrame(shares).rename_axis("frame")


def frame_number(taught: pd.DataFrame, asked: pd.DataFrame) -> np.ndarray:
    """Score (M,) of the frames `asked` by their numbers alone: `annotated_share` of the events `taught`, both rows of
    an index (event, cycle, frame, label); 0 for a cycle that was not taught."""
    shares = annotated_share(taught, 4.0, int(asked["frame"].max()) + 1)
    shares = shares.reindex(columns=asked["cycle"].unique(), fill_value=0.0)
    return shares.to_numpy()[asked["frame"], shares.columns.get_indexer(asked["cycle"])]


def box_car(frameset: FrameSet) -> np.ndarray:
    """Score (N,) of the classical detector (`duration.classical`), nine frames wide, on averages of blocks of `BLOCK`
    px a side."""
    means = np.concatenate([
        torch.nn.functional.avg_pool2d(torch.from_numpy(np.array(part, np.float32))[:, None], BLOCK)[:, 0].numpy()
        for part in np.array_split(frameset.pixels, -(-len(frameset.pixels) // 64))])  # as many as a cache can hold
    return duration.classical(means, frameset.index, 9, duration.SMOOTH / BLOCK)


class Template(NamedTuple):
    """What the ideal observer knows of the sources and the noise of one instrument; times in bins of `step` frames."""

    profile: torch.Tensor  # (D, K, K): mean own power of a source about its peak, over its peak
    noise: torch.Tensor  # (D, K, K): correlation of the noise's power with that in the middle
    strengths: np.ndarray  # (S,): peaks over the local level, of equal shares
    annotated: np.ndarray  # (2 FAR + 1,): share of sources whose interval holds the frame −FAR … FAR after the peak
    places: np.ndarray  # (S, L, A): share of sources of each strength at a class of level and one of distance
    step: int


@lru_cache(maxsize=4)
def template(instrument: str, settings: twin.TwinSettings, side: int) -> Template:
    """The template of an instrument: from the twin's own clumps, free of noise, and from its egression of noise.

    side : px of the middle of a cube that is seen, to whose mean local levels are compared
    """
    cadence, pixel = INSTRUMENTS[instrument]
    parts = twin.model(settings.size, settings.frames, cadence, pixel, twin.INSTRUMENTS[instrument].blur)
    rim, step = (parts.green.shape[-1] - settings.size) // 2, max(1, round(BIN / cadence))
    bins, middle = 2 * round(LASTS / cadence / step) + 1, twin.PATCH // 2
    near = slice(middle - REACH, middle + REACH + 1)
    times = np.arange(bins * step) - (bins * step - 1) / 2
    waves = torch.fft.fft2(torch.fft.ifftshift(parts.spread, (1, 2)))
    listed = [event for event in catalogue() if event.labelled and event.instrument == instrument]
    power, annotated, rows = torch.zeros(len(times), 2 * REACH + 1, 2 * REACH + 1), np.zeros(2 * FAR + 1), []
    for number in range(SOURCES):
        event = replace(listed[number % len(listed)], key=f"template {number}")
        scene = draw_scene(event, settings.size, rim, 0, 256, SEED, settings.limb)
        quake = scene.quakes[0]
        focus = torch.fft.ifft2(torch.fft.fft2(twin.clump(quake, parts, cadence)[parts.band]) * waves)[:, near, near]
        power += in_time(focus, parts.omega[parts.band], times * cadence) / (parts.quiet * quake.strength * SOURCES)
        level = gaussian_filter(scene.emission, LEVEL)[round(quake.y) + rim, round(quake.x) + rim]
        inner = slice(rim + (settings.size - side) // 2, rim + (settings.size + side) // 2)
        field = scene.emission[inner, inner]
        away = math.hypot(quake.y - (settings.size - 1) / 2, quake.x - (settings.size - 1) / 2)
        rows.append((quake.strength / level, level / field.mean(), away))
        first, last = (round(n - quake.time) + FAR for n in quake.interval)
        annotated[max(first, 0) : max(last + 1, 0)] += 1 / SOURCES
    strengths, levels, away = np.array(rows).T
    lags = np.arange(-(bins // 2) * step - step + 1, (bins // 2) * step + step)
    coherence = torch.fft.fftshift(torch.fft.ifft2(waves.abs().square().to(waves.dtype)), (1, 2))[:, near, near]
    noise = in_time(coherence, parts.omega[parts.band], lags * cadence)
    share = (step - np.abs(np.arange(1 - step, step))) / step**2  # of pairs in two bins that are so far apart
    noise = sum(float(s) * noise[i : i + (bins - 1) * step + 1 : step] for i, s in enumerate(share)) / noise.amax()
    return Template(power.reshape(bins, step, *power.shape[1:]).mean(1), noise,
                    np.quantile(strengths, (np.arange(STRENGTHS) + 0.5) / STRENGTHS), annotated,
                    shares(strengths, levels, away), step)


def shares(strengths: np.ndarray, levels: np.ndarray, away: np.ndarray) -> np.ndarray:
    """Shares (S, L, A) of sources (N,) by strength (equal parts), `LEVELS` and `AWAY`; a tenth is as if these were
    independent, for some hundred sources do not fill all classes."""
    cuts = np.quantile(strengths, np.arange(1, STRENGTHS) / STRENGTHS)
    kinds = np.digitize(strengths, cuts), np.digitize(levels, LEVELS), np.digitize(away, AWAY)
    found = np.zeros((STRENGTHS, len(LEVELS) + 1, len(AWAY) + 1))
    np.add.at(found, kinds, 1 / len(strengths))
    alone = [found.sum(axes) + 1e-3 for axes in ((1, 2), (0, 2), (0, 1))]
    found = 0.9 * found + 0.1 * np.einsum("s,l,a->sla", *alone)
    return found / found.sum()


def in_time(spectra: torch.Tensor, omega: torch.Tensor, times) -> torch.Tensor:
    """Power (T, H, W) at `times` (s) of a field with the amplitudes `spectra` (B, H, W) at `omega` (B,) rad/s."""
    turn = torch.exp(1j * torch.as_tensor(np.asarray(times))[:, None] * omega).to(spectra.dtype)
    return torch.einsum("tb,byx->tyx", turn, spectra).abs().square()


def weights(profile: torch.Tensor, noise: torch.Tensor, strength: float) -> tuple[torch.Tensor, float]:
    """Of the log likelihood ratio of a source of this strength: weights of u − 1, as `profile`, and what is added."""
    core = strength / (1 + strength)
    added = strength * (profile - noise).clamp(min=0)  # beyond the core's own image; nothing in the middle
    weight = added / (1 + added)
    count = weight.square().sum() / (weight * correlate(weight, noise)).sum().clamp(min=1e-12)
    offset = core - math.log1p(strength) + float(count * (weight - added.log1p()).sum())
    full = count * weight
    full[tuple(n // 2 for n in full.shape)] += core - float((full * noise).sum())
    return full, offset


def correlate(volume: torch.Tensor, kernel: torch.Tensor) -> torch.Tensor:
    """Sum over offsets from the middle of `kernel` (odd sides) of it times `volume` (T, H, W) there; 0 outside."""
    return torch.from_numpy(signal.correlate(volume.numpy(), kernel.numpy(), "same", "fft"))


def relative_power(frames: np.ndarray, step: int) -> tuple[torch.Tensor, torch.Tensor]:
    """u = P / local level in bins of `step` frames (T', H, W), and the level over the frame's mean (H, W), of frames
    (T, H, W). The level is the median in time, which a source does not lift, blurred by `LEVEL` px."""
    power = torch.from_numpy(np.array(frames, np.float32))
    power /= power.mean((1, 2), keepdim=True).clamp(min=1e-6)
    power = torch.nn.functional.pad(power, (0, 0, 0, 0, 0, -len(power) % step), value=float("nan"))
    binned = power.reshape(-1, step, *power.shape[1:]).nanmean(1)
    level = torch.from_numpy(gaussian_filter(binned.median(0).values.numpy(), LEVEL, mode="reflect"))
    level *= binned.mean() / level.mean()
    return binned / level.clamp(min=0.02), level


def peaks_in(frames: np.ndarray, instrument: str, settings: twin.TwinSettings, places: list[np.ndarray]) -> np.ndarray:
    """Log likelihood ratios (len(places), T') of a source that peaks in each bin somewhere in `places`, bool (H, W), by
    the frames (T, H, W) of one event."""
    known = template(instrument, settings, frames.shape[-1])
    relative, level = relative_power(frames, known.step)
    middle = [(np.arange(side) - (side - 1) / 2) for side in level.shape]
    away = np.digitize(np.hypot(middle[0][:, None], middle[1]), AWAY)
    kind, relative = np.digitize(level.numpy(), LEVELS) * (len(AWAY) + 1) + away, relative - 1
    share = known.places.reshape(len(known.strengths), -1)
    share = share / np.maximum(np.bincount(kind.ravel(), minlength=share.shape[1]), 1)
    found = torch.full((len(places), len(relative)), -torch.inf)
    for own, strength in zip(share, known.strengths):
        weight, offset = weights(known.profile, known.noise, strength)
        ratio = correlate(relative, weight) + offset
        for total, here in zip(found, places):
            prior = np.log(own[kind[here]] / share[:, kind[here]].sum())
            some = ratio[:, torch.from_numpy(here)] + torch.from_numpy(prior).float()
            total[:] = torch.logaddexp(total, some.logsumexp(1))
    return found.numpy()


def annotated_given(peaks: np.ndarray, known: Template, frames: int) -> np.ndarray:
    """Log odds (T,) that a frame is annotated, from log likelihood ratios (T',) of a source that peaks in each bin: one
    peaks within `FAR` frames of it, in any bin alike and `RATE` times a frame, or none does."""
    middles = (np.arange(len(peaks)) + 0.5) * known.step - 0.5
    after = np.rint(np.arange(frames)[:, None] - middles).astype(int)
    inside = np.clip(known.annotated[np.clip(after + FAR, 0, 2 * FAR)], 1e-6, 1 - 1e-6)
    near, peaks = abs(after) <= FAR, np.broadcast_to(peaks + math.log(RATE * known.step), after.shape)
    yes = logsumexp(peaks, axis=1, b=near * inside)
    return yes - np.logaddexp(0, logsumexp(peaks, axis=1, b=near * (1 - inside)))


def ideal(frameset: FrameSet, settings: twin.TwinSettings, crop: int = 0) -> pd.DataFrame:
    """Scores of the ideal observer for each frame: `scanning` all places, and `told` the middle of the annotated box.

    settings : of the twin, whose cubes have the size of the frames
    crop : pixels a side of the middle of the frames that it sees, 0 for all; told a place outside, it says never
    Two seconds an event of 128 x 128 x 256, more at 256 x 256; what it said is kept (`sqlib.answers`).
    Raises `SqError` for frames of another size, and for events whose frames are not all there.
    """
    size, side = frameset.pixels.shape[1], crop or frameset.pixels.shape[1]
    if size != settings.size:
        raise SqError(f"frames of {size} pixels, cubes of {settings.size}: the ideal observer needs frames as they are")
    key = answers.key_of("ideal", CODE, frameset, twin.facts_of(settings), side)
    found = answers.kept(key, lambda: _asked(middles(frameset, side), settings))
    return pd.DataFrame(found, columns=["scanning", "told"])


def _asked(seen: FrameSet, settings: twin.TwinSettings) -> np.ndarray:
    index, side = seen.index, seen.pixels.shape[1]
    found = np.full((len(index), 2), np.nan)
    for event in events_of(index).values():
        rows = index[index["event"] == event.key].sort_values("frame")
        if np.any(np.diff(rows["frame"]) != 1):
            raise SqError(f"{event.key}: frames are missing, and the ideal observer needs all of an event")
        boxes = np.array([box for own in rows["boxes"] for box in own]).reshape(-1, 2, 2).mean(1)
        y, x = np.mgrid[:side, :side] + 0.5
        near = [np.hypot(x - there[0], y - there[1]) < NEAR for there in np.unique(boxes, axis=0)]
        places = [np.ones((side, side), bool), *([np.any(near, axis=0)] if near else [])]
        known = template(event.instrument, settings, side)
        for column, own in enumerate(peaks_in(seen.pixels[rows.index], event.instrument, settings, places)):
            found[rows.index, column] = annotated_given(own, known, len(rows))
    return np.maximum(found, NEVER).astype(np.float32)
