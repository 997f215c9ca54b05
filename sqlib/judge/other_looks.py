"""How the search for a sunquake depends on how the Sun is looked at: band and pupil of the holography.

The same simulated Dopplergrams are looked at in each way, so differences are those of the looks and not of the noise.
What searches is the classical box-car, which was taught by nothing: a locator would know the usual look only. A longer
cadence cannot be tried: from 72 s on, waves of the band would be taken for others.
"""

from dataclasses import replace
from functools import lru_cache

import numpy as np
import pandas as pd
from scipy.ndimage import gaussian_filter, uniform_filter1d

from sqlib import answers, keys
from sqlib.data.trial import SEED, trial_events
from sqlib.judge.duration import SMOOTH
from sqlib.judge.metrics import beside
from sqlib.sun.holography import Holography, egression_power, make_kernel
from sqlib.sun.rays import polytrope_rays
from sqlib.sun.twin import TwinSettings, dopplergrams, facts_of
from sqlib.sun.waves import Polytrope

USUAL = "as published"
LOOKS = {USUAL: {}, "5–6 mHz": {"band": (5.0, 6.0)}, "6–7 mHz": {"band": (6.0, 7.0)},
         "pupil of 15–30 Mm": {"pupil": (15.0, 30.0)}, "pupil of 30–45 Mm": {"pupil": (30.0, 45.0)}}
"""Fields of `Holography` that differ from the published band of 5–7 mHz and pupil of 15–45 Mm."""
BLOCK, LASTS = 4, 405.0  # px, s: what the box-car averages over
NEAR = 8.0, 4  # px from the source, and frames from its interval
CODE = keys.code_hash([__name__], ("sun", "data", "judge"))


def margins(number: int, settings: TwinSettings, seed: int = SEED, progress: bool = True) -> pd.DataFrame:
    """For the first `number` trial events a row each with a column a look: the logarithm of the box-car's greatest
    value at a source over its greatest elsewhere in the cube. Above 0 the surest place is the sunquake. Kept
    (`sqlib.answers`)."""
    names = pd.Index([event.key for event in trial_events(number, seed)], name="event")
    key = keys.with_code(f"looks_{keys.key(facts_of(replace(settings, seed=seed)), number)}", CODE)
    return pd.DataFrame(answers.kept(key, lambda: _looked(number, settings, seed, progress)), names, list(LOOKS))


def _looked(number: int, settings: TwinSettings, seed: int, progress: bool) -> np.ndarray:
    from tqdm import tqdm

    events, found, rays = trial_events(number, seed), {}, polytrope_rays(Polytrope().index)

    @lru_cache(maxsize=len(LOOKS))  # those of one instrument: some hundred MB each
    def kernel(shape: tuple, cadence: float, pixel: float, name: str):
        return make_kernel(shape, Holography(cadence, pixel, **LOOKS[name]), rays, edges="drop")

    order = sorted(events, key=lambda event: event.instrument)  # whose kernels are then kept
    for event in tqdm(order, desc="other looks", unit="event", disable=not progress):
        seen = dopplergrams(event, replace(settings, seed=seed))
        row = []
        for name in LOOKS:
            own = kernel(tuple(seen.doppler.shape), event.cadence, event.pixel, name)
            power = egression_power(seen.doppler, own)[: settings.frames].numpy()
            cut = (power.shape[1] - settings.size) // 2
            power = power[:, cut : cut + settings.size, cut : cut + settings.size]
            sources = [(*(frame - seen.first_frame for frame in quake.interval), quake.y, quake.x)
                       for quake in seen.scene.quakes]
            row.append(margin(power, event.cadence, sources))
        found[event.key] = row
    return np.array([found[event.key] for event in events])


def margin(power: np.ndarray, cadence: float, sources) -> float:
    """Logarithm of the box-car's greatest value at one of the `sources` over its greatest value elsewhere.

    power : (T, H, W); cadence in s; sources : (first, last, y, x) in frames and px
    """
    side = power.shape[1] // BLOCK * BLOCK
    seen = power[:, :side, :side].reshape(len(power), side // BLOCK, BLOCK, side // BLOCK, BLOCK).mean((2, 4))
    seen = seen / seen.mean((1, 2), keepdims=True)
    seen /= np.maximum(gaussian_filter(seen.mean(0), SMOOTH / BLOCK, mode="nearest"), 1e-6)
    seen = uniform_filter1d(seen, max(1, round(LASTS / cadence)), axis=0, mode="nearest")
    t, y, x = np.ogrid[: len(seen), : seen.shape[1], : seen.shape[2]]
    near = np.zeros(seen.shape, bool)
    for first, last, row, column in sources:
        inside = (t >= first - NEAR[1]) & (t <= last + NEAR[1])
        near |= inside & (np.hypot(BLOCK * (y + 0.5) - row, BLOCK * (x + 0.5) - column) <= NEAR[0])
    return float(np.log(seen[near].max() / seen[~near].max()))


def compared(rows: pd.DataFrame, seed: int, draws: int = 500) -> pd.DataFrame:
    """A row per look: the share of events `found`, whose surest place is a sunquake, with Wilson's interval `low`,
    `high`, and the mean `difference` of the margin from the usual look's, with its 95 % interval over events."""
    values, usual = {name: own.to_numpy() for name, own in rows.items()}, rows[USUAL].to_numpy()
    table = [{"look": name, **beside(own, usual, rows.index, seed, draws, own > 0)} for name, own in values.items()]
    return pd.DataFrame(table).rename(columns={"share": "found"})
