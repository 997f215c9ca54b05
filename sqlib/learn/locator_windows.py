"""Windows cut from practice cubes, as the locator is taught with: drawn and computed one by one."""

import math

import numpy as np
import torch
from scipy.special import softmax
from torch.nn import functional as F

from sqlib.learn.locator import STEP, as_seen, power_maps, power_of

SPREAD = 2.4  # pixels; the place that is asked for is a Gaussian of this width round the source


def window(frames: torch.Tensor, sources: np.ndarray, own: torch.Tensor, rng: np.random.Generator, crop: int,
           usual: float, stretch: float, contrast: float, elsewhere: float = 0) -> tuple[torch.Tensor, torch.Tensor]:
    """A window of a cube, cropped to `crop` px and turned at random: what the locator sees (`CHANNELS`, crop, crop) and
    the wanted probabilities (cells + 1,) of `target`, on the device of the frames.

    frames : uint8 (T, S, S); sources : as `practice.Practice` has them; own : the cube's usual power (S, S), its mean
    usual : share of windows that are shown beside the cube's other frames
    stretch, contrast : how much at most the logarithms of the width, the height and the exponent of power are changed
        in half of the windows, for the Sun's speckle is not quite the twin's
    elsewhere : as for `draw_frames`
    """
    size = frames.shape[1]
    first, last, middle = draw_frames(len(frames), size, sources, rng, elsewhere)
    run = frames[first : last + 1]
    run = (with_lines(run, draw_lines(size, rng)) if rng.random() < 0.5 else run).float()
    if rng.random() < 0.3:  # cubes scaled as a whole leave most frames darker, and with fewer steps of gray
        run = (run * rng.uniform(0.35, 1)).round()
    if rng.random() < 0.5:
        exponent = math.exp(rng.uniform(-contrast, contrast))
        run, own = run**exponent, own**exponent
    maps = power_maps(power_of(run), own if rng.random() < usual else None)
    sides, places = [size, size], seen_sources(sources, first, last)
    if rng.random() < 0.5:
        sides = [max(round(size * math.exp(by)), crop) for by in rng.uniform(-stretch, stretch, 2)]
        middle, *places = (tuple((q + 0.5) * side / size - 0.5 for q, side in zip(place, sides))
                           for place in (middle, *places))
    top, left = (int(np.clip(q - rng.uniform(0.1, 0.9) * crop, 0, side - crop)) for q, side in zip(middle, sides))
    y, x = (2 * (np.arange(crop) + 0.5 + start) / side - 1 for start, side in zip((top, left), sides))
    grid = np.stack(np.broadcast_arrays(x, y[:, None]), -1).astype(np.float32)  # -1…1 over the stretched frame
    grid = torch.from_numpy(grid).to(maps.device)
    maps = F.grid_sample(maps[None], grid[None], padding_mode="border", align_corners=False)[0]
    seen = as_seen(maps, last - first + 1, (grid * torch.tensor(sides[::-1], device=maps.device) / 2).norm(dim=-1))
    wanted = target([(y - top, x - left) for y, x in places], crop).astype(np.float32)
    wanted = torch.from_numpy(wanted).to(seen.device)
    turn, mirror = int(rng.integers(4)), rng.random() < 0.5
    seen, cells = (torch.rot90(one, turn, (-2, -1)) for one in (seen, wanted[:-1].view(crop // STEP, -1)))
    seen, cells = (one.flip(-1) if mirror else one for one in (seen, cells))
    return seen, torch.cat([cells.flatten(), wanted[-1:]])


def draw_frames(count: int, size: int, sources: np.ndarray, rng: np.random.Generator,
                elsewhere: float = 0) -> tuple[int, int, tuple[float, float]]:
    """Of a cube of `count` frames of `size` px the first and the last frame, both inclusive, and the place (y, x; px)
    that a window is about: an annotated interval, a part of one, or a longer one.

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
    return a, int(np.clip(b, a, count - 1)), (y, x)


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
