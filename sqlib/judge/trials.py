"""Methods compared on trial events: average precision over seeds and events, and differences on the same events."""

from collections.abc import Iterable, Mapping, Sequence

import numpy as np
import pandas as pd

from sqlib.judge.metrics import average_precision, interval


def compare(scores: Mapping[str, Sequence[np.ndarray]], index: pd.DataFrame, seed: int, draws: int = 500,
            beside: str = "") -> pd.DataFrame:
    """A row per method with its average precision `ap`, the mean over its seeds, and the 95 % interval `low`, `high`
    over events (drawn anew for all seeds at once); `seeds`, how many, and `least`, `most`, the extremes over them.

    scores : of each method, for each seed, the scores (M,) of the same samples
    index : of these samples, columns event and label (1: sunquake; others count as none)
    beside : a method from which the others' difference is given, too, with its interval on the same events:
        `difference`, `difference_low`, `difference_high`
    """
    labels, events = (index["label"] == 1).to_numpy(), index["event"].to_numpy()

    columns = {name: np.column_stack(own) for name, own in scores.items()}
    each = {name: [average_precision(labels, one) for one in own.T] for name, own in columns.items()}
    rows = []
    for name, own in columns.items():
        low, high = interval(labels, own, events, average_precision, seed, draws)
        row = {"method": name, "ap": float(np.mean(each[name])), "low": low, "high": high, "seeds": own.shape[1],
               "least": min(each[name]), "most": max(each[name])}
        if beside:
            less = interval(labels, own, events, average_precision, seed, draws, columns[beside])
            row |= {"difference": row["ap"] - float(np.mean(each[beside])), "difference_low": less[0],
                    "difference_high": less[1]}
        rows.append(row)
    return pd.DataFrame(rows)


def seeds_of(answers: Mapping[str, np.ndarray], method: str) -> list[np.ndarray]:
    """The scores of a method's runs, "method, seed 1" …, or those under its own name, which need no training."""
    own = [values for name, values in answers.items() if name.rpartition(", seed ")[0] == method]
    return own or [answers[method]]


def on_both(trial: tuple, paper: tuple, methods: Iterable[str], seed: int, draws: int = 500,
            beside: str = "") -> pd.DataFrame:
    """`compare` on trial events, and beside it `paper`, `paper_low`, `paper_high`: the same on the paper's test events.

    trial, paper : scores by name of run, and the index of what was asked (`sqlib.learn.chapters.trial_answers`)
    """
    far, near = (compare({name: seeds_of(answers, name) for name in methods}, index, seed, draws, beside)
                 for answers, index in (trial, paper))
    return far.assign(paper=near["ap"], paper_low=near["low"], paper_high=near["high"])


def difference(asked: tuple, some: Sequence[str], others: Sequence[str], seed: int,
               draws: int = 500) -> tuple[float, float, float]:
    """Mean average precision of `some` methods less that of `others`, and an interval that no seed falls out of.

    asked : scores by name of run, and the index of what was asked
    The interval is the 95 % one over events, the mean over seeds and methods being drawn at once, widened to the
    extremes over seeds. So a difference whose interval excludes 0 has the same sign for every seed.
    """
    answers, index = asked
    labels, events = (index["label"] == 1).to_numpy(), index["event"].to_numpy()
    one, other = (np.stack([np.column_stack(seeds_of(answers, name)) for name in names]) for names in (some, others))
    each = [np.mean([[average_precision(labels, own) for own in method.T] for method in part], 0)
            for part in (one, other)]
    low, high = interval(labels, np.hstack(one), events, average_precision, seed, draws, np.hstack(other))
    apart = each[0] - each[1]
    return float(apart.mean()), float(np.min([low, *apart])), float(np.max([high, *apart]))


def as_table(found: pd.DataFrame, beside: str) -> pd.DataFrame:
    """`on_both` with a method it was compared with as a table for a page, a row a method."""
    def words(row, middle: str, low: str, high: str, form: str) -> str | None:
        ends = getattr(row, low), getattr(row, high)
        return f"{getattr(row, middle):{form}} ({ends[0]:{form}} … {ends[1]:{form}})"

    return pd.DataFrame([{
        "method": row.method, "AP, trial events": words(row, "ap", "low", "high", ".3f"),
        "least and greatest seed": f"{row.least:.3f} … {row.most:.3f}" if row.seeds > 1 else None,
        f"less {beside}": None if row.method == beside else
        words(row, "difference", "difference_low", "difference_high", "+.3f"),
        "AP, the paper's test events": words(row, "paper", "paper_low", "paper_high", ".3f"),
    } for row in found.itertuples()])
