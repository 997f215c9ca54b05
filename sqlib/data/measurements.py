"""Measurements on a whole data set: what the data-set chapter counts, compares and checks."""

import math
from typing import NamedTuple

import numpy as np
import pandas as pd
import torch
from scipy.ndimage import gaussian_filter
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score
from sklearn.model_selection import StratifiedKFold, cross_val_predict
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from sqlib.data.build import build_twin, cube_path
from sqlib.data.catalogue import Event
from sqlib.data.cubes import read_cube
from sqlib.data.frames import FrameSet, events_of
from sqlib.data.statistics import View, as_published, event_statistics, relative, spatial_acf, temporal_acf, within
from sqlib.sun.holography import Holography, egression_power, fill_gaps, make_kernel
from sqlib.sun.rays import polytrope_rays
from sqlib.sun.twin import SKIPS, TwinSettings, blurring, dopplergrams, simulate
from sqlib.sun.waves import Polytrope, skip_sum

OTHERS = 8  # about so many frames outside the annotated intervals are measured, beside those inside


def spread(events, count: int) -> list[Event]:
    """About `count` labelled events, as evenly spread over each solar cycle as the labelled events are."""
    events = [event for event in events if event.labelled]
    places = np.linspace(0, len(events) - 1, max(1, min(count, len(events)))).round().astype(int)
    return [events[i] for i in np.unique(places)]


def twin_views(settings: TwinSettings, events) -> list[View]:
    """Simulated frames as they would be published (own maximum, JPEG): the annotated ones and some of the others."""
    folder = build_twin(settings, progress=False)
    return [_view(event, read_cube(cube_path(folder, event))) for event in events]


def simulated_views(settings: TwinSettings, events) -> list[View]:
    """The same of a twin that is made here and now, and not kept."""
    return [_view(event, simulate(event, settings)) for event in events]


def _view(event: Event, cube) -> View:
    sources = [(interval, box) for interval, boxes in cube.boxes for box in boxes]
    keep, numbers = _measured(dict(cube.boxes), cube.first_frame + np.arange(len(cube.power)))
    return View(event, as_published(cube.power[keep]), numbers, sources)


def frame_views(frameset: FrameSet) -> list[View]:
    """Views of the labelled events of which a frame set holds at least four frames."""
    events, views = events_of(frameset.index), []
    for key, rows in frameset.index.groupby("event", sort=False):
        if not events[key].labelled or len(rows) < 4:
            continue
        sources = []
        for first, last in events[key].intervals:
            boxes = [set(boxes) for boxes in rows["boxes"][rows["frame"].between(first, last)]]
            sources += [((first, last), box) for box in sorted(set.intersection(*boxes) if boxes else ())]
        keep, numbers = _measured(events[key].intervals, rows["frame"].to_numpy())
        views.append(View(events[key], np.asarray(frameset.pixels[rows.index[keep]]), numbers, sources))
    return views


def _measured(intervals, numbers: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Which frames are measured, bool (N,), and their numbers: those inside the intervals and some of the others."""
    keep = within(numbers, intervals)
    others = np.flatnonzero(~keep)
    keep[others[:: max(1, len(others) // OTHERS)]] = True
    return keep, numbers[keep]


def by_event(views: list[View], seed: int) -> dict[int, list[dict]]:
    """`statistics.event_statistics` of each view, per solar cycle."""
    found = {}
    for view in views:
        found.setdefault(view.event.cycle, []).append(event_statistics(view, np.random.default_rng(seed)))
    return dict(sorted(found.items()))


def told_apart(one: list[dict], other: list[dict], seed: int, repeats: int = 10) -> tuple[float, float]:
    """AUC with which a classifier tells events of two kinds apart by their shadows, and its spread over `repeats`.

    one, other : of `statistics.shadow_of`, ten that are not empty at least of each kind, else (NaN, NaN)

    Logistic regression on the rows of `shadow_shape`, standardised; five folds of events, drawn anew each time.
    One half is chance.
    """
    shapes = [[list(shadow.values()) for shadow in kind if shadow] for kind in (one, other)]
    if min(map(len, shapes)) < 10:
        return math.nan, math.nan
    values, kind = np.array([*shapes[0], *shapes[1]]), np.repeat([0, 1], [len(shape) for shape in shapes])
    model = make_pipeline(StandardScaler(), LogisticRegression(class_weight="balanced"))
    found = []
    for repeat in range(repeats):
        folds = StratifiedKFold(5, shuffle=True, random_state=seed + repeat)
        answers = cross_val_predict(model, values, kind, cv=folds, method="predict_proba")
        found.append(roc_auc_score(kind, answers[:, 1]))
    return float(np.mean(found)), float(np.std(found))


def curves(views: list[View]) -> dict[str, np.ndarray]:
    """Mean curves over events of one instrument, of P / local mean.

    level, survival : (37,) the share of pixels above each level
    pixels, space : (6,) autocorrelation in space against lag in pixels
    seconds, time : (L,) autocorrelation in time, over the annotated runs; NaN at lags without a pair of frames
    """
    level, cadence = np.linspace(0, 9, 37), views[0].event.cadence
    lags = math.ceil(600 / cadence)
    survival, space, time = [], [], []
    for view in views:
        ratio = relative(view.frames)
        survival.append([(ratio > x).mean() for x in level])
        space.append(spatial_acf(ratio, 5))
        if (run := view.annotated).any():
            time.append(temporal_acf(ratio[run], view.numbers[run], lags))
    time = pd.DataFrame(time, columns=np.arange(lags + 1), dtype=float).mean()  # of what is there at each lag
    curve = {"level": level, "survival": np.mean(survival, 0), "pixels": np.arange(6), "space": np.mean(space, 0)}
    return curve | {"seconds": cadence * time.index.to_numpy(), "time": time.to_numpy()}


def pick(frameset: FrameSet, label: int, count: int, rng: np.random.Generator) -> list[int]:
    """Positions of at most `count` random frames of one label, one an event, in alternating cycles if possible."""
    index = frameset.index[frameset.index["label"] == label]
    if index.empty:
        return []
    one = index.groupby("event").sample(1, random_state=rng).sample(frac=1, random_state=rng)
    turn = one.groupby("cycle").cumcount()
    return one.assign(turn=turn).sort_values(["turn", "cycle"]).index[:count].tolist()


def levels(frameset: FrameSet) -> pd.DataFrame:
    """Per frame: event, cycle, frame number, label, and the least, mean and greatest of its pixels."""
    pixels = np.asarray(frameset.pixels)
    extremes = {"least": pixels.min((1, 2)), "mean": pixels.mean((1, 2)), "greatest": pixels.max((1, 2))}
    return frameset.index[["event", "cycle", "frame", "label"]].assign(**extremes)


def scaled_by_frame(table: pd.DataFrame) -> pd.DataFrame:
    """What `levels` would be if each frame had been scaled by itself instead of with its cube."""
    span = (table["greatest"].astype(float) - table["least"]).clip(lower=1)
    return table.assign(mean=255 * (table["mean"] - table["least"]) / span, least=0, greatest=255)


def counts_beside(facts: dict, printed: pd.DataFrame) -> pd.DataFrame:
    """Counts of `info(frameset)` beside printed ones (columns cycle, cubes, positives, negatives; a last row "all").

    The share of positives, in per cent, is left empty where there is no frame of one of the two classes.
    """
    own, kinds = facts["cycles"] | {"all": facts}, ("positives", "negatives")
    table = printed.rename(columns={kind: f"{kind}, paper" for kind in kinds})
    for kind in kinds:
        table[f"{kind}, here"] = [own.get(cycle, {}).get(kind, 0) for cycle in table["cycle"]]
    for where in ("paper", "here"):
        positives, negatives = (table[f"{kind}, {where}"] for kind in kinds)
        table[f"%, {where}"] = 100 * positives / (positives + negatives).where((positives > 0) & (negatives > 0))
    return table


def side_by_side(table: pd.DataFrame, name: str) -> pd.DataFrame:
    """The result of `statistics.compare`, a row per quantity, both cycles beside each other; "inside" as words."""
    result = table[["quantity", "unit"]].drop_duplicates().set_index("quantity")
    for cycle, rows in table.groupby("cycle"):
        rows = rows.set_index("quantity")
        result[f"real, {cycle}"] = rows["low"].map("{:g}".format) + "–" + rows["high"].map("{:g}".format)
        result[f"{name}, {cycle}"] = rows[name]  # aligned by quantity; empty where a cycle has no such row
        result[f"inside, {cycle}"] = rows["inside"].map({True: "yes", False: "no"}).where(rows[name].notna())
    return result.reset_index()


def frame_correlations(frameset: FrameSet, rng: np.random.Generator, lags=(1, 8, 30), pairs: int = 150) -> pd.DataFrame:
    """Correlation of the pixels of two frames `lags` apart, and of frames of different events of one solar cycle.

    Columns: which frames, pairs, as they are, and with the speckle blurred away (Gaussian, sigma 1/45 of the frame).
    Means over at most `pairs` random pairs; None where there is no pair.
    """
    index, kinds = frameset.index, {}
    place = {pair: i for i, pair in enumerate(zip(index["event"], index["frame"]))}
    for lag in lags:
        found = [(i, place.get((event, frame + lag))) for (event, frame), i in place.items()]
        kinds[f"{lag} frame{'s' * (lag > 1)} apart"] = [pair for pair in found if pair[1] is not None]
    one, two = rng.integers(0, len(index), (2, 20 * pairs))
    event, cycle = index["event"].to_numpy(), index["cycle"].to_numpy()
    foreign = (event[one] != event[two]) & (cycle[one] == cycle[two])
    kinds["of different events"] = list(zip(one[foreign], two[foreign]))
    rows = []
    for name, found in kinds.items():
        found = [found[i] for i in rng.permutation(len(found))[:pairs]]
        shown = [np.asarray(frameset.pixels[list(pair)], dtype=np.float32) for pair in found]
        row = {"frames": name, "pairs": len(found)}
        for how, sigma in (("as they are", 0), ("blurred", frameset.pixels.shape[1] / 45)):
            seen = [gaussian_filter(pair, (0, sigma, sigma)).reshape(2, -1) for pair in shown]
            row[how] = np.mean([np.corrcoef(pair)[0, 1] for pair in seen]) if found else None
        rows.append(row)
    return pd.DataFrame(rows)


class GapErrors(NamedTuple):
    """What interpolated gaps do to egression power."""

    minutes: np.ndarray  # (T,) time of the power's frames after the middle of the gap
    errors: dict[int, np.ndarray]  # per length of the gap: rms error over the rms of the power's fluctuations, (T,)
    means: dict[int, np.ndarray]  # per length: mean power of a frame over that without the gap, (T,)
    peaks: dict[int, np.ndarray]  # per length: greatest power of a frame over that without the gap, (T,)
    power: np.ndarray  # (T, H, W) without a gap


def gap_errors(event: Event, lengths, seed: int, frames: int = 96, size: int = 64) -> GapErrors:
    """Simulate an event's Dopplergrams, take `lengths` frames in their middle out, interpolate (Section 2.2), look."""
    seen = dopplergrams(event, TwinSettings(size, frames, seed))
    doppler = fill_gaps(seen.doppler)
    power, middle = egression_power(doppler, seen.model.kernel), len(doppler) // 2
    inner = slice((power.shape[1] - size) // 2, (power.shape[1] + size) // 2)
    power = power[:frames, inner, inner]
    errors, means, peaks = {}, {}, {}
    for length in lengths:
        holed, start = doppler.clone(), middle - length // 2
        holed[start : start + length] = torch.nan
        other = egression_power(fill_gaps(holed, longest=length), seen.model.kernel)[:frames, inner, inner]
        errors[length] = ((other - power).square().mean((1, 2)).sqrt() / power.std((1, 2))).numpy()
        means[length] = (other.mean((1, 2)) / power.mean((1, 2))).numpy()
        peaks[length] = (other.amax((1, 2)) / power.amax((1, 2))).numpy()
    minutes = (np.arange(frames) - middle) * event.cadence / 60
    return GapErrors(minutes, errors, means, peaks, power.numpy())


def expected_speckle(pixel: float, blur: float = 0.0) -> np.ndarray:
    """Spatial autocorrelation (4,) of egression power at 0…3 px for uncorrelated sources, without a random number.

    `pixel` Mm, `blur` of the instrument (sigma, px). Waves of the model Sun and the kernel of holography give the power
    spectrum S(k) of H+; H+ is Gaussian, so the autocorrelation of abs(H+)^2 is the square of its own.
    """
    look, sun, frames = Holography(45.0, pixel), Polytrope(), 128
    n = 2 * math.ceil(look.pupil[1] / pixel) + 24
    kernel = make_kernel((frames, n, n), look, polytrope_rays(sun.index), edges="drop")
    waves = skip_sum((frames, n, n), look.cadence, pixel, look.band, SKIPS, sun) * blurring(n, blur, 0.0)
    field = torch.fft.ifft2((waves * kernel.green).abs().square().sum(0)).abs()
    return (field[0, :4] / field[0, 0]).square().numpy()
