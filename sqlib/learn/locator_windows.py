"""Windows cut from practice cubes, as the locator is taught with: drawn one by one, computed as a batch."""

import math
from typing import NamedTuple

import numpy as np
import torch
from scipy.special import softmax
from torch import nn
from torch.nn import functional as F

from sqlib.learn.locator import STEP, as_seen, power_maps, power_of

SPREAD = 2.4  # pixels; the place that is asked for is a Gaussian of this width round the source


class Look(NamedTuple):
    """How one window of a cube is shown: frames `first` to `last`, with `lines` drawn (see `with_lines`), as gray
    levels times `dim`, power to the power of `exponent`, beside the `usual` one or not; stretched to `sides`, cropped
    at `corner` (top, left), turned by quarters and mirrored. `places` (y, x): of the sources that it shows, in pixels
    of the stretched frame."""

    first: int
    last: int
    lines: list[tuple[int, ...]]
    dim: float
    exponent: float
    usual: bool
    sides: list[int]
    corner: tuple[int, int]
    turn: int
    mirror: bool
    places: list[tuple[float, float]]


def windows(cubes: list[tuple], rng: np.random.Generator, crop: int, usual: float, stretch: float, contrast: float,
            elsewhere: float = 0) -> tuple[torch.Tensor, torch.Tensor]:
    """A window of each cube: what the locator sees (B, C, crop, crop) and the wanted probabilities (B, cells + 1) of
    `target`, on the device of the frames, which is never waited for.

    A cube is its frames, its sources (see `practice.Practice`) and its usual power (S, S), the mean over the cube.
    The rest is as in `draw_look`.
    """
    looks = [draw_look(len(frames), frames.shape[1], sources, rng, crop, usual, stretch, contrast, elsewhere)
             for frames, sources, _ in cubes]
    some = len(looks) if cubes[0][0].device.type == "cuda" else 1  # what a processor's cache can hold
    seen = [_seen(looks[place : place + some], cubes[place : place + some], crop)
            for place in range(0, len(looks), some)]
    wanted = np.stack([_wanted(look, crop) for look in looks]).astype(np.float32)
    return torch.cat(seen), torch.from_numpy(wanted).to(seen[0].device)


def _seen(looks: list[Look], cubes: list[tuple], crop: int) -> torch.Tensor:
    """What the locator sees of windows (B, C, crop, crop)."""
    lengths, runs, usually, grids = [look.last - look.first + 1 for look in looks], [], [], []
    for look, (frames, _, own) in zip(looks, cubes):
        run = with_lines(frames[look.first : look.last + 1], look.lines).float()
        run = run if look.dim == 1 else (run * look.dim).round()
        changed = look.exponent != 1
        runs.append(run**look.exponent if changed else run)
        usually.append(own**look.exponent if changed else own)
        y, x = ((2 * (np.arange(crop) + 0.5 + start) / side - 1) for start, side in zip(look.corner, look.sides))
        grids.append(_turned(np.stack(np.broadcast_arrays(x, y[:, None]), -1), look))
    maps = power_maps(power_of(nn.utils.rnn.pad_sequence(runs, batch_first=True)), lengths, torch.stack(usually))
    known = torch.tensor([look.usual for look in looks]).to(maps.device)[:, None, None]
    maps[:, -1] = torch.where(known, maps[:, -1], 1.0)
    grid = torch.from_numpy(np.stack(grids).astype(np.float32)).to(maps.device)
    half = torch.tensor([look.sides[::-1] for look in looks]).to(maps.device)[:, None, None] / 2
    maps = F.grid_sample(maps, grid, padding_mode="border", align_corners=False)
    return as_seen(maps, lengths, (grid * half).norm(dim=-1))


def _wanted(look: Look, crop: int) -> np.ndarray:
    """Probabilities (cells + 1,) that the locator is to answer with."""
    top, left = look.corner
    *places, none = target([(y - top, x - left) for y, x in look.places], crop)
    return np.append(_turned(np.reshape(places, (crop // STEP, -1)), look), none)


def _turned(picture: np.ndarray, look: Look) -> np.ndarray:
    turned = np.rot90(picture, look.turn)
    return np.ascontiguousarray(turned[:, ::-1] if look.mirror else turned)


def draw_look(count: int, size: int, sources: np.ndarray, rng: np.random.Generator, crop: int, usual: float,
              stretch: float, contrast: float, elsewhere: float = 0) -> Look:
    """A window of a cube of `count` frames of `size` px: about an annotated interval, a part of one, or a longer one;
    cropped to `crop` px and turned at random.

    usual : share of windows that are shown beside the cube's other frames
    stretch, contrast : how much at most the logarithms of the width, the height and the exponent of power are changed
        in half of the windows, for the Sun's speckle is not quite the twin's
    elsewhere : share of windows that show the place at any other time of the cube, most of them without its source
    """
    if len(sources):
        first, last, y, x = sources[rng.integers(len(sources))]
    else:
        first = rng.integers(0, count - 24)
        last, y, x = first + rng.integers(8, 22), *rng.uniform(0.25 * size, 0.75 * size, 2)
    a, b = _ends(int(first), int(last), rng)
    if elsewhere and rng.random() < elsewhere:
        b = min(b - a, count - 1)
        a = int(rng.integers(0, count - b))
        b += a
    a = int(np.clip(a, 0, count - 1))
    b = int(np.clip(b, a, count - 1))
    lines = draw_lines(size, rng) if rng.random() < 0.5 else []
    # cubes scaled as a whole leave most frames darker, and with fewer steps of gray
    dim = rng.uniform(0.35, 1) if rng.random() < 0.3 else 1
    exponent = math.exp(rng.uniform(-contrast, contrast)) if rng.random() < 0.5 else 1
    beside = rng.random() < usual
    sides, places = [size, size], seen_sources(sources, a, b)
    if rng.random() < 0.5:
        sides = [max(round(size * math.exp(by)), crop) for by in rng.uniform(-stretch, stretch, 2)]
        (y, x), *places = (tuple((q + 0.5) * side / size - 0.5 for q, side in zip(place, sides))
                           for place in ((y, x), *places))
    corner = tuple(int(np.clip(q - rng.uniform(0.1, 0.9) * crop, 0, side - crop)) for q, side in zip((y, x), sides))
    return Look(a, b, lines, dim, exponent, beside, sides, corner, int(rng.integers(4)), rng.random() < 0.5, places)


def seen_sources(sources: np.ndarray, first: int, last: int) -> list[tuple[float, float]]:
    """Places (y, x) of the sources that frames `first` to `last` show: half of these frames are annotated, or half of
    a source's interval lies in them."""
    shared = np.minimum(sources[:, 1], last) - np.maximum(sources[:, 0], first) + 1
    shorter = np.minimum(sources[:, 1] - sources[:, 0], last - first) + 1
    return [(float(y), float(x)) for *_, y, x in sources[2 * shared >= shorter]]


def _ends(first: int, last: int, rng: np.random.Generator) -> tuple[int, int]:
    """First and last frame of a window for an annotated interval, both inclusive."""
    kind, length = rng.random(), last - first + 1
    if kind < 0.35:  # annotators differ by a frame or two
        return first + int(rng.integers(-2, 3)), last + int(rng.integers(-2, 3))
    if kind < 0.65:
        part = int(rng.integers(1, length + 1)) if rng.random() < 0.4 else 1
        start = first + int(rng.integers(0, length - part + 1))
        return start, start + part - 1
    if kind < 0.8:
        return first - int(rng.integers(0, 7)), last + int(rng.integers(0, 7))
    shift, other = int(rng.integers(-14, 15)), int(rng.integers(6, 19))  # as a window that passes over it
    return first + shift, first + shift + other - 1


def target(places, size: int) -> np.ndarray:
    """Wanted probabilities (cells + 1,): a Gaussian round each place (y, x; px) inside, or "nowhere"."""
    middles = np.arange(size // STEP) * STEP + (STEP - 1) / 2
    inside = [place for place in places if all(0 <= q < size for q in place)]
    wanted = np.zeros((size // STEP, size // STEP))
    for place in inside:
        down, across = (softmax(-((middles - q) ** 2) / (2 * SPREAD**2)) for q in place)
        wanted += np.outer(down, across) / len(inside)
    return np.append(wanted, float(not inside))


def draw_lines(size: int, rng: np.random.Generator) -> list[tuple[int, ...]]:
    """Outlines of up to three boxes anywhere in frames of `size` px: y, x, height, width, and from how far off, in y
    and x, the speckle is that fills them."""
    lines = []
    for _ in range(int(rng.integers(0, 4))):
        height, width = (int(side) for side in rng.integers(6, 24, 2))
        y, x = int(rng.integers(0, size - height - 1)), int(rng.integers(0, size - width - 1))
        lines.append((y, x, height, width, *(int(by) for by in rng.integers(30, size - 30, 2))))
    return lines


def with_lines(frames: torch.Tensor, lines: list[tuple[int, ...]]) -> torch.Tensor:
    """Frames (L, S, S) with outlines of boxes, as `draw_lines` draws them, filled with speckle from elsewhere.

    So frames look from which a drawing was taken out; the boxes lie anywhere, so they say nothing about the source.
    """
    frames = frames.clone() if lines else frames
    for y, x, height, width, *off in lines:
        elsewhere = frames.roll(off, (1, 2))
        rows, columns = slice(y, y + height + 1), slice(x, x + width + 1)
        for line in ((rows, x), (rows, x + width), (y, columns), (y + height, columns)):
            frames[:, line[0], line[1]] = elsewhere[:, line[0], line[1]]
    return frames
