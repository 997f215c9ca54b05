"""Methods compared on trial events: average precision over seeds and events, and differences on the same events.

scores : of each method, for each seed, the scores (M,) of the same samples; index : of these samples, columns event and
label (1: sunquake; others count as none); asked : scores (M,) by name of run, and the index of what was asked
(`sqlib.learn.chapters.trial_answers`); seed, draws : of the events behind each 95 % interval
"""

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace

import numpy as np
import pandas as pd

from sqlib.data.build import cube_path, twin_folder
from sqlib.data.trial import CODE, SEED, trial_events
from sqlib.judge.claims import every_seed
from sqlib.judge.metrics import average_precision, interval, named, share, with_interval
from sqlib.sun.twin import TwinSettings


def compare(scores: Mapping[str, Sequence[np.ndarray]], index: pd.DataFrame, seed: int, draws: int = 500,
            beside: str = "") -> pd.DataFrame:
    """A row per method with its average precision `ap`, the mean over its seeds, and its interval `low`, `high` (events
    drawn anew for all seeds at once); `seeds`, how many, and `least`, `most`, the extremes over them.

    beside : a method from which the others' `difference` is given, too, and `difference_low`, `difference_high`
    """
    labels, events = (index["label"] == 1).to_numpy(), index["event"].to_numpy()
    columns = {name: np.column_stack(own) for name, own in scores.items()}
    each = {name: [average_precision(labels, one) for one in own.T] for name, own in columns.items()}
    rows = []
    for name, own in columns.items():
        asked, ap = (labels, own, events, average_precision, seed, draws), np.mean(each[name])
        row = {"method": name, **named((ap, *interval(*asked)), value="ap"), "seeds": own.shape[1],
               "least": min(each[name]), "most": max(each[name])}
        if beside:
            row |= named((ap - np.mean(each[beside]), *interval(*asked, columns[beside])), "difference")
        rows.append(row)
    return pd.DataFrame(rows)


def seeds_of(answers: Mapping[str, np.ndarray], method: str) -> list[np.ndarray]:
    """The scores of a method's runs: under its own name, and "method, seed 1" …; `KeyError` where there are none."""
    own = [values for name, values in answers.items() if method in (name, name.rpartition(", seed ")[0])]
    return own or [answers[method]]


def less_usual(scores: np.ndarray, index: pd.DataFrame) -> np.ndarray:
    """Scores (M,) less the median of those of their event: by how much a frame stands out from what its movie usually
    has. Few frames show a sunquake, so these hardly change the median."""
    own = pd.Series(scores, index.index)
    return (own - own.groupby(index["event"]).transform("median")).to_numpy()


def on_both(trial: tuple, paper: tuple, methods: Iterable[str], seed: int, draws: int = 500,
            beside: str = "") -> pd.DataFrame:
    """`compare` on trial events, and beside it `paper`, `paper_low`, `paper_high`: the same on the paper's test events;
    each is `asked`."""
    far, near = (compare({name: seeds_of(answers, name) for name in methods}, index, seed, draws, beside)
                 for answers, index in (trial, paper))
    return far.assign(paper=near["ap"], paper_low=near["low"], paper_high=near["high"])


def difference(asked: tuple, some: Sequence[str], others: Sequence[str], seed: int,
               draws: int = 500) -> tuple[float, float, float]:
    """Mean average precision of `some` methods less that of `others`, and an interval that no seed falls out of.

    It is the one over events, the mean over seeds and methods being drawn at once, widened to the extremes over seeds.
    So a difference whose interval excludes 0 has the same sign for every seed.
    """
    answers, index = asked
    labels, events = (index["label"] == 1).to_numpy(), index["event"].to_numpy()
    one, other = (np.stack([np.column_stack(seeds_of(answers, name)) for name in names]) for names in (some, others))
    each = [np.mean([[average_precision(labels, own) for own in method.T] for method in part], 0)
            for part in (one, other)]
    ends = interval(labels, np.hstack(one), events, average_precision, seed, draws, np.hstack(other))
    return every_seed(each[0] - each[1], *ends)


def by_seed(scores: Sequence[np.ndarray], index: pd.DataFrame, statistic: Callable[..., float], seed: int,
            draws: int = 500) -> tuple[float, float, float]:
    """A statistic of several methods' scores, each (M, S) for S seeds, and an interval that no seed falls out of: the
    one over events, for all seeds at once, widened to the extremes over single seeds.

    statistic : of labels (M,) and scores (M, K · S), those of one method after another
    """
    labels, columns, seeds = (index["label"] == 1).to_numpy().astype(int), np.hstack(scores), scores[0].shape[1]
    whole, *ends = with_interval(labels, columns, index["event"].to_numpy(), statistic, seed, draws)
    return whole, *every_seed([statistic(labels, columns[:, one::seeds]) for one in range(seeds)], *ends)[1:]


def share_of(scores: Sequence[np.ndarray], whole: np.ndarray, index: pd.DataFrame, seed: int,
             draws: int = 500) -> tuple[float, float, float]:
    """Average precision of a method (mean over its seeds) over that of the scores `whole` (M,), as of an ideal
    observer, and the interval of this ratio, the same events being drawn for both."""
    def ratio(labels, values):
        *own, ideal = (average_precision(labels, one) for one in values.T)
        return float(np.mean(own) / ideal)

    labels, values = (index["label"] == 1).to_numpy(), np.column_stack([*scores, whole])
    return with_interval(labels, values, index["event"].to_numpy(), ratio, seed, draws)


def find(scores: Mapping[str, Sequence[np.ndarray]], index: pd.DataFrame) -> pd.DataFrame:
    """A row per method with the share of events `found`, those whose highest-scoring sample shows a sunquake: its mean
    over seeds, Wilson's interval `low`, `high` over events, and `least`, `most`, the extremes over seeds.

    Events without a positive sample cannot be found and do not count.
    """
    true, rows = index["label"] == 1, []
    there = true.groupby(index["event"]).any()[lambda has: has].index
    for name, own in scores.items():
        tops = [pd.Series(one, index.index).groupby(index["event"]).idxmax()[there] for one in own]
        right = np.array([true[top].to_numpy() for top in tops])
        rows.append({"method": name, **named(share(right.mean(0)), value="found"), "events": len(there),
                     "least": right.mean(1).min(), "most": right.mean(1).max()})
    return pd.DataFrame(rows)


def quakes(number: int, settings: TwinSettings, seed: int = SEED) -> pd.DataFrame:
    """The sources of the first `number` trial events, as their cubes tell: event, instrument, first and last annotated
    frame, y and x (px of the cube), `contrast`, the peak of a source's own power over the level around it, that `level`
    over the quiet Sun's, and `longitude` of the middle of the field (degrees).

    settings : with which the cubes were made; `trial_frames` makes those that are not there
    """
    from astropy.io import fits

    folder, rows = twin_folder(replace(settings, seed=seed), code=CODE), []
    for event in trial_events(number, seed):
        with fits.open(cube_path(folder, event)) as units:  # its frames, 33 MB, stay on disk
            truth = json.loads(units["TRUTH"].data["JSON"][0])
        rows += [(event.key, event.instrument, *quake["interval"], quake["y"], quake["x"],
                  quake["strength"] / quake["level"], quake["level"], truth["longitude"]) for quake in truth["quakes"]]
    columns = ["event", "instrument", "first", "last", "y", "x", "contrast", "level", "longitude"]
    return pd.DataFrame(rows, columns=columns)


def by_source(scores: Mapping[str, Sequence[np.ndarray]], index: pd.DataFrame, sources: pd.DataFrame) -> pd.DataFrame:
    """Rows of `quakes` with a column per method: the average precision (mean over its seeds) with which it ranks a
    source's samples above those of its event that show none; the index has column frame, too. Left out: sources
    without a sample."""
    rows = []
    for source in sources.itertuples(index=False):
        own = (index["event"] == source.event).to_numpy()
        shown = own & index["frame"].between(source.first, source.last).to_numpy() & (index["label"] == 1).to_numpy()
        if shown.any():
            part = shown | own & (index["label"] == 0).to_numpy()
            rows.append((*source, *(np.mean([average_precision(shown[part], one[part]) for one in each])
                                    for each in scores.values())))
    return pd.DataFrame(rows, columns=[*sources, *scores])


def redrawn(scores: Mapping[str, Sequence[np.ndarray]], index: pd.DataFrame, count: int, seed: int,
            draws: int = 500) -> pd.DataFrame:
    """Average precision of each method (mean over its seeds) on `count` events drawn anew with replacement, a row per
    draw: what tests on so few events would have found. The same seed draws the same events for all methods."""
    labels, events, rng = (index["label"] == 1).to_numpy(), index["event"].to_numpy(), np.random.default_rng(seed)
    members = [np.flatnonzero(events == one) for one in pd.unique(events)]
    rows = [np.concatenate([members[one] for one in rng.integers(0, len(members), count)]) for _ in range(draws)]
    return pd.DataFrame({name: [np.mean([average_precision(labels[drawn], one[drawn]) for one in own])
                                for drawn in rows] for name, own in scores.items()})
