"""Tables 2, 4 and 6: every classifier, with and without SMOTE, scored on the test set."""

from collections.abc import Iterable

import pandas as pd

from sqlib.judge.metrics import average_precision, interval, scores
from sqlib.learn.classify import classify


def compare(
    train, labels, test, labels_test, events_test, seed: int, names: Iterable[str] | None = None, draws: int = 1000
) -> pd.DataFrame:
    """A row per classifier and balancing ("None", "SMOTE").

    `train` (N, D) and `test` (T, D) embeddings with labels of 0 and 1, `events_test` (T,) the event of each test row.
    Columns: classifier, smote; macro precision, recall, f1, accuracy and their average; ap with its 95 % interval ap_low,
    ap_high over events; auc; positives and negatives trained on; note. The interval costs 1.5 s a row at 1,000 draws.
    """
    names, rows = None if names is None else list(names), []
    for smote in (False, True):
        for name, answer in classify(train, labels, test, smote, seed, names).items():
            found = scores(labels_test, answer.predictions, answer.decision)
            low, high, _ = interval(labels_test, answer.decision, events_test, average_precision, seed, draws)
            rows.append({"classifier": name, "smote": "SMOTE" if smote else "None", **found, "ap_low": low, "ap_high": high,
                         "positives": answer.positives, "negatives": answer.negatives, "note": answer.note})  # fmt: skip
    order = {name: place for place, name in enumerate(dict.fromkeys(row["classifier"] for row in rows))}
    return pd.DataFrame(sorted(rows, key=lambda row: order[row["classifier"]]))
