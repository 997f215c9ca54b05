"""When and where sunquakes are in a whole cube: the locator passed over it in time, and what its answers are worth.

Short windows are asked one after the other. Of each place the odds of a source against none stand beside those of all
other times and places, so candidates are maxima in space and time. Some cubes look like sunquakes all the time, so what
odds are worth depends on those that the cube usually has. How often such a candidate is a sunquake, and how many of its
kind are found in a cube beside the sunquake, was counted on simulated events that neither teach nor test.
"""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd
import torch
from torch.nn import functional as F

from sqlib import answers, keys
from sqlib.data.frames import FrameSet
from sqlib.data.trial import trial_events
from sqlib.errors import SqError, in_words
from sqlib.learn.locator import (
    CELLS,
    SIDE,
    STEP,
    WINDOW,
    Locator,
    ask,
    brightest_box,
    checked_frames,
    logits,
    power_of,
    probabilities,
    shipped,
    shown,
    windows_of,
)
from sqlib.sun.twin import TwinSettings, simulate

# A locator that was taught further, by places at other times, too (`locator_training.FURTHER`): it tells better
# when, and no better where, so `find_sources` keeps the other. Its run card, with the calibration, is beside it.
WEIGHTS = Path(__file__).with_name("event_search.safetensors")
APART = (16, 16.0)  # frames and px: nearer maxima are one candidate
NEAR = 8.0  # px: so far from the source at most is a candidate that has found it
LEAST = -8.0  # log odds; what has less is no candidate
MOST = 12  # candidates of a cube
SEED = 530017  # of the events on which odds are counted: another than that of any that teach or test
PLACE = ["first", "last", "x", "y", "x0", "y0", "x1", "y1", "odds"]
CANDIDATE = [*PLACE, "probability", "false_alarms"]
CODE = keys.code_hash([__name__], ("sun", "data", "learn"))


class Scan(NamedTuple):
    """What the locator says of each window of a cube, as log odds against "nowhere"."""

    box: np.ndarray  # (M, H / 2, W / 2): that a source is in the box of `SIDE` px round this cell
    starts: np.ndarray  # (M,): first frame of the window
    length: int  # frames of each

    @property
    def middles(self) -> np.ndarray:
        """Middles (M,) of the windows, in frames."""
        return self.starts + (self.length - 1) / 2

    @property
    def surest(self) -> np.ndarray:
        """Log odds (M,) of each window's surest box."""
        return self.box.max((1, 2))

    @property
    def usual(self) -> float:
        """Median of the surest odds: sunquakes are short, so most windows show what the cube looks like without."""
        return float(np.median(self.surest))


@dataclass(frozen=True)
class Calibration:
    """What a candidate's log odds are worth in a cube with its `Scan.usual` ones.

    The chance that it is a sunquake has the log odds `slope` · odds + `usual` · usual odds + `offset`, and a cube has
    exp(`rates`) candidates that are none for which these are at least `levels`.
    """

    slope: float
    usual: float
    offset: float
    levels: tuple[float, ...]
    rates: tuple[float, ...]

    def logits(self, odds: np.ndarray, usual: np.ndarray | float) -> np.ndarray:
        """Log odds (N,) that candidates with these log odds, in cubes with these usual ones, are sunquakes."""
        return self.slope * np.asarray(odds, float) + self.usual * np.asarray(usual, float) + self.offset

    def false_alarms(self, logits: np.ndarray) -> np.ndarray:
        """Number (N,) of candidates with these `logits` or more that are no sunquakes, expected in a cube."""
        return np.exp(np.interp(logits, self.levels, self.rates))


@torch.no_grad()
def scan(frames: np.ndarray, net: Locator, device: str = "cpu") -> Scan:
    """Pass the locator over a cube, uint8 (T, H, W), in one view, in bf16 where the hardware multiplies in it; a cube
    shorter than a window is one window."""
    windows = windows_of(len(frames), WINDOW)
    place, none = ask(net, power_of(torch.tensor(frames).to(device)), windows, 1, "auto")
    place = place - none[:, None, None]
    top = place.amax((1, 2), keepdim=True)
    inside = F.avg_pool2d((place - top).exp()[:, None], CELLS, 1, CELLS // 2, divisor_override=1)[:, 0]
    box = inside.clamp_min(1e-30).log() + top
    starts = np.array([first for first, _ in windows])
    return Scan(box.cpu().numpy(), starts, min(WINDOW, len(frames)))


def candidates(seen: Scan) -> pd.DataFrame:
    """Maxima of the odds in space and time, the surest first, a row each of `PLACE`: frames inclusive, places in px.

    A candidate lasts while windows at its place have a tenth of its odds at least; of the first and the last of these
    half is counted.
    """
    odds, rows, middles = seen.box.copy(), [], seen.middles
    y, x = np.ogrid[: odds.shape[1], : odds.shape[2]]
    while len(rows) < MOST and odds.max() > LEAST:
        at, row, column = np.unravel_index(odds.argmax(), odds.shape)
        less = np.flatnonzero(seen.box[:, row, column] < odds[at, row, column] - np.log(10))
        before, after = less[less < at].max(initial=-1) + 1, less[less > at].min(initial=len(odds)) - 1
        px, py, half = STEP * (column + 0.5), STEP * (row + 0.5), SIDE / 2
        rows.append((int(middles[before] - seen.length // 4), int(middles[after] + seen.length // 4), px, py,
                     px - half, py - half, px + half, py + half, float(odds[at, row, column])))
        near = np.hypot(y - row, x - column) <= APART[1] / STEP
        odds[(np.abs(middles - middles[at]) <= APART[0])[:, None, None] & near] = -np.inf
    return pd.DataFrame(rows, columns=PLACE)


def of_frames(seen: Scan, frames: int) -> np.ndarray:
    """Log odds (T,) of a source about each of the cube's frames: interpolated between the windows."""
    return np.interp(np.arange(frames), seen.middles, seen.surest)


def score_frames(frameset: FrameSet, weights: Path = WEIGHTS, progress: bool = True) -> np.ndarray:
    """`of_frames` (N,) of a frame set, each event being a cube of its own, by the locator of these weights; about a
    second an event of 128 x 128. Kept (`sqlib.answers`). Raises `SqError` as `find_sources` does."""
    from tqdm import tqdm

    def ask() -> np.ndarray:
        net, found = shipped(weights), np.empty(len(frameset.index), np.float32)
        events = frameset.index.sort_values(["event", "frame"]).groupby("event").groups.values()
        for rows in tqdm(events, desc="locator", unit="event", disable=not progress):
            found[rows] = of_frames(scan(checked_frames(frameset.pixels[rows]), net), len(rows))
        return found

    return answers.kept(answers.key_of("scores", CODE, frameset, answers.hash_of(weights)), ask)


def search(frameset: FrameSet, events: Sequence[str], progress: bool = True) -> pd.DataFrame:
    """What `find_events` finds in the cube of each of some events: its rows, with column event. Kept (`sqlib.answers`).
    Raises `SqError` as `find_events` does."""
    from tqdm import tqdm

    def ask() -> np.ndarray:
        rows = frameset.index.sort_values("frame").groupby("event").groups
        found = [find_events(frameset.pixels[rows[event]])[CANDIDATE].assign(event=number) for number, event in
                 enumerate(tqdm(events, desc="searching", unit="cube", disable=not progress))]
        return pd.concat(found).to_numpy(float)

    facts = list(events), answers.hash_of(WEIGHTS), answers.hash_of(WEIGHTS.with_suffix(".json"))
    found = answers.kept(answers.key_of("candidates", CODE, frameset, *facts), ask)
    found = pd.DataFrame(found, columns=[*CANDIDATE, "event"]).astype(dict.fromkeys(("first", "last", "event"), int))
    return found.assign(event=np.array(events, object)[found["event"]])


@torch.no_grad()
def placed(nets: Mapping[str, Locator], frames: np.ndarray, sources: np.ndarray) -> dict[str, np.ndarray]:
    """bool (Q,) by name: whether a locator that is shown the annotated frames of a source, in one view, puts the middle
    of its box within `NEAR` px of it; frames uint8 (T, H, W), sources (Q, 4) as `practice.Practice` has them."""
    power, found = power_of(torch.from_numpy(frames)), {}
    seen = shown(power, [(int(a), int(b) + 1) for a, b, _, _ in sources], power.mean(0))
    for name, net in nets.items():
        chances, _ = probabilities(*logits(net, seen, 1))
        boxes = [brightest_box(one, frames.shape[1:]) for one in chances]
        found[name] = np.array([np.hypot(box["y"] - y, box["x"] - x) <= NEAR
                                for box, (*_, y, x) in zip(boxes, sources)], bool)
    return found


def find_events(frames: np.ndarray, *, device: str = "cpu", net: Locator | None = None,
                calibration: Calibration | None = None) -> pd.DataFrame:
    """Candidates for sunquakes in a whole cube, the surest first.

    Parameters
    ----------
    frames : uint8 (T, H, W), egression power of one event as gray, in time order, such as the data set's cubes; other
        lengths and sizes than 256 will do
    device : "cpu", "cuda" …
    net, calibration : another locator than that which comes with sqlib, and what its odds are worth (`calibrate`)

    Returns
    -------
    DataFrame : a row per candidate, at most `MOST`: first and last frame (inclusive), x and y (px), box x0, y0, x1, y1,
        `odds` (log), `probability`, that of a sunquake there and then, which depends on the odds that the cube usually
        has, too, and `false_alarms`, how many candidates of this probability or more a cube has that are none. Both
        hold for a cube that has one sunquake, of the strengths of the simulated ones; they were counted on cubes of
        256 frames of 256 x 256 pixels.

    Raises `SqError` as `find_sources` does.
    """
    frames = checked_frames(frames)
    if calibration is None and net is not None:
        raise SqError("what another locator's odds are worth must be given: calibration=calibrate(net, cubes)")
    calibration = shipped_calibration() if calibration is None else calibration
    seen = scan(frames, shipped(WEIGHTS, device) if net is None else net, device)
    found = candidates(seen)
    logits = calibration.logits(found["odds"], seen.usual)
    return found.assign(probability=1 / (1 + np.exp(-logits)), false_alarms=calibration.false_alarms(logits))


def right(found: pd.DataFrame, sources: Iterable[tuple[int, int, float, float]]) -> np.ndarray:
    """bool (N,): whether each candidate, the surest first, is the first that has found one of the sources (first and
    last frame, y and x in px): it shares a frame with its interval and lies at most `NEAR` px from it."""
    hits = np.zeros(len(found), bool)
    for first, last, y, x in sources:
        near = (np.hypot(found["x"] - x, found["y"] - y) <= NEAR) & (found["first"] <= last) & (found["last"] >= first)
        hits[np.flatnonzero(near)[:1]] = True
    return hits


def calibrate(odds: np.ndarray, usual: np.ndarray, hits: np.ndarray, cubes: int) -> Calibration:
    """What the log odds (N,) of all candidates of some cubes are worth, with the `usual` ones (N,) of their cubes, of
    which `hits` (N,) have found a source."""
    from sklearn.linear_model import LogisticRegression

    both = np.column_stack([odds, usual])
    fitted = LogisticRegression(C=np.inf).fit(both, hits)
    logits, ((slope, level), (offset,)) = fitted.decision_function(both), (fitted.coef_[0], fitted.intercept_)
    false = np.sort(logits[~hits])
    levels = np.arange(np.floor(logits.min()), np.ceil(logits.max()) + 0.5, 0.5)
    # above the strongest one that was met there may be some: half a one is said
    rates = np.log(np.maximum(len(false) - np.searchsorted(false, levels), 0.5) / cubes)
    return Calibration(*np.round([slope, level, offset], 4).tolist(), tuple(levels.tolist()),
                       tuple(rates.round(4).tolist()))


def calibration_of(net: Locator, number: int = 120, seed: int = SEED, size: int = 256, frames: int = 256,
                   progress: bool = True) -> Calibration:
    """What a locator's odds are worth on `number` simulated events, drawn as trial events are, of a seed of their own;
    some seconds an event."""
    from tqdm import tqdm

    odds, usual, hits = [], [], []
    for event in tqdm(trial_events(number, seed), desc="calibrating", unit="event", disable=not progress):
        cube = simulate(event, TwinSettings(size, frames, seed))
        gray = np.rint(cube.power * (255 / cube.power.max((1, 2), keepdims=True))).astype(np.uint8)
        found, start = candidates(seen := scan(gray, net)), cube.first_frame
        odds.append(found["odds"].to_numpy())
        usual.append(np.full(len(found), seen.usual))
        hits.append(right(found, [(quake["interval"][0] - start, quake["interval"][1] - start, quake["y"], quake["x"])
                                  for quake in cube.truth["quakes"]]))
    return calibrate(*map(np.concatenate, (odds, usual, hits)), number)


def shipped_calibration() -> Calibration:
    """What the odds of the locator that comes with sqlib are worth, from its run card."""
    path = WEIGHTS.with_suffix(".json")
    with in_words(f"{path} says nothing of the odds", "take it from the repository again", told=False):
        return Calibration(**json.loads(path.read_text(encoding="utf-8"))["calibration"])
