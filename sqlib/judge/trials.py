"""Methods compared on trial events: average precision over seeds and events, and differences on the same events."""

from collections.abc import Mapping, Sequence

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
