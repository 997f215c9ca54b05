"""How long things last: courses of sunquakes and speckles, a classical detector, runs of frames (Sections 2.1, 3.3).

`index` has a row per frame (event, frame, label), those of an event in the order of time, as frame sets have them.
"""

import numpy as np
import pandas as pd
from scipy.ndimage import gaussian_filter
from scipy.sparse import csr_array

from sqlib.data.frames import FrameSet, events_of
from sqlib.data.statistics import SMOOTH
from sqlib.learn.sequences import sliding_window

BAND = 2e-3  # Hz, width of the band 5–7 mHz (Eq. 1)
RULE = 480.0  # s, the least duration of a sunquake (Section 2.1)
LENGTH = 8  # frames in a row that make a candidate: the paper's shortest (15–22), and its rule for gaps
NEAR = 4.0  # px within which places in them are one spot: a source's core and the halo about it


def correlation(seconds):
    """Autocorrelation in time of the power of noise in the band: sinc² of width times lag (s), 0 at Eq. 1's 500 s."""
    return np.sinc(BAND * np.asarray(seconds, float)) ** 2


def looks(frames: int, cadence: float) -> float:
    """Independent looks at noise in a row of `frames`, `cadence` s apart: what their mean's variance is divided by."""
    lags = cadence * np.abs(np.subtract.outer(np.arange(frames), np.arange(frames)))
    return frames**2 / float(correlation(lags).sum())


def courses(frameset: FrameSet, rng: np.random.Generator, reach: float = 720.0, step: float = 30.0) -> pd.DataFrame:
    """Power against time about its peak, over the peak: of annotated sources, and of the brightest of random speckle.

    A row per event, kind ("sunquake", "speckle") and lag (`seconds`, −reach…reach), from events whose frames have
    boxes. The speckle's box is as large as the annotation's, does not touch it, and is searched in as many frames.
    `value` is NaN where there is no frame. Empty where no event has a box.
    """
    lags, parts = np.arange(-reach, reach + step / 2, step), []
    for event, own in frameset.index.groupby("event"):
        marked = own[(own["label"] == 1) & (own["boxes"].map(len) > 0)]
        if marked.empty:
            continue
        power = np.asarray(frameset.pixels[own.index.to_numpy()], np.float32)
        power /= np.maximum(power.mean((1, 2), keepdims=True), 1e-6)
        times, inside = events_of(own)[event].cadence * own["frame"].to_numpy(), own["frame"].isin(marked["frame"])
        x0, y0, x1, y1 = np.round(marked["boxes"].iloc[0][0]).astype(int)
        (top, left), (bottom, right) = np.maximum((y0, x0), 0), np.minimum((y1, x1), power.shape[1:])
        side = np.array([bottom - top, right - left])
        if side.min() <= 0:  # some published boxes lie outside
            continue
        corners = rng.integers(0, power.shape[1:] - side + 1, (100, 2))
        apart = corners[(np.abs(corners - (top, left)) > side).any(1)]
        found = np.flatnonzero(inside)
        for kind, (y, x) in [("sunquake", (top, left)), *(("speckle", corner) for corner in apart[:1])]:
            part = power[found, y : y + side[0], x : x + side[1]]
            when, down, across = np.unravel_index(part.argmax(), part.shape)
            course, middle = power[:, y + down, x + across], found[when]
            value = np.interp(lags, times - times[middle], course / course[middle], left=np.nan, right=np.nan)
            parts.append(pd.DataFrame({"event": event, "kind": kind, "seconds": lags, "value": value}))
    return pd.concat(parts, ignore_index=True) if parts else pd.DataFrame(columns=["event", "kind", "seconds", "value"])


def classical(pixels, index: pd.DataFrame, width: int, smooth: float = SMOOTH) -> np.ndarray:
    """A detector without learning (M,): power over its average in time, mean of `width` frames, greatest of the frame.

    pixels : (M, H, W), a row per row of `index` (event, frame). Frames are first divided by their mean, for they may
    have been scaled one by one; the average in time is of the whole event, blurred by `smooth` pixels, for it holds few
    independent frames. Raises `SqError` as `sliding_window` does.
    """
    rows = sliding_window(np.arange(len(index))[:, None], index, width)
    greatest = np.empty(len(index))
    for places in index.groupby("event").indices.values():
        ratio = np.array(pixels[places], np.float32)  # an event at a time
        ratio /= np.maximum(ratio.mean((1, 2), keepdims=True), 1e-6)
        ratio /= np.maximum(gaussian_filter(ratio.mean(0), smooth, mode="nearest"), 1e-6)
        # each row of this matrix takes the mean of a window, so that no window's frames are copied
        windows = np.searchsorted(places, rows[places]).ravel()
        starts = np.arange(len(places) + 1) * width
        mean = csr_array((np.full(windows.size, 1 / width, np.float32), windows, starts))
        greatest[places] = (mean @ ratio.reshape(len(places), -1)).max(1)
    return greatest


def unbroken(numbers: np.ndarray) -> list[np.ndarray]:
    """Rising whole `numbers` (K,) in runs without a gap; none for none."""
    return np.split(numbers, np.flatnonzero(np.diff(numbers) > 1) + 1) if len(numbers) else []


def runs(index: pd.DataFrame, said, shortest: float = 0.0, least: int = 1) -> pd.DataFrame:
    """Runs of `least` consecutive frames or more, `shortest` seconds or longer, that were `said` (bool, (M,)) positive:
    event, first, last (frame numbers), frames, seconds, rule (whether it lasts 480 s, Section 2.1), hit (whether an
    annotated frame is among its own)."""
    rows, events = [], events_of(index)
    for event, own in index.assign(said=np.asarray(said, bool)).groupby("event"):
        annotated = own["frame"][own["label"] == 1]
        for run in unbroken(own["frame"][own["said"]].to_numpy()):
            seconds, hit = len(run) * events[event].cadence, np.isin(run, annotated).any()
            rows.append((event, run[0], run[-1], len(run), seconds, seconds >= RULE, hit))
    found = pd.DataFrame(rows, columns=["event", "first", "last", "frames", "seconds", "rule", "hit"])
    found = found.astype({"frames": int, "rule": bool, "hit": bool})  # also where empty
    return found[(found["seconds"] >= shortest) & (found["frames"] >= least)].reset_index(drop=True)


def exchange(index: pd.DataFrame, decision, thresholds, shortest: float = 0.0) -> pd.DataFrame:
    """What `runs` above each of some thresholds of decision values (M,) find: threshold, events, false.

    events : number of annotated events whose annotation a run touches; false : of runs that touch none. Where most
    frames are positive, all runs of an event merge into one, which touches the annotation and tells nothing.
    """
    rows = []
    for threshold in thresholds:
        kept = runs(index, np.asarray(decision) > threshold, shortest)
        rows.append((threshold, kept.loc[kept["hit"], "event"].nunique(), int((~kept["hit"]).sum())))
    return pd.DataFrame(rows, columns=["threshold", "events", "false"])
