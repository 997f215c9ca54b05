"""Tables 2, 4 and 6: every classifier, with and without SMOTE, scored on the test set, and the choice of one."""

import numpy as np
import pandas as pd
from sklearn.model_selection import StratifiedGroupKFold

from sqlib.errors import SqError
from sqlib.judge.metrics import average_precision, interval, scores
from sqlib.learn.classify import Answer, classify


def score(answers: dict[bool, dict[str, Answer]], labels, events, seed: int, draws: int = 1000,
          always_no: bool = False) -> pd.DataFrame:
    """A row per classifier and balancing ("None", "SMOTE") of `answers` {smote: {name: Answer}} about T test rows.

    `labels` (T,) of 0 and 1, `events` (T,) the event of each row. Columns: classifier, smote; macro precision, recall,
    f1, accuracy and their average; ap with its 95 % interval ap_low, ap_high over events; auc; yes, how often it said
    so. With `always_no` a last row for a no to every test row, whose ap is the prevalence. Raises `SqError` as `scores`
    does.
    """
    rows = []
    for name in dict.fromkeys(name for own in answers.values() for name in own):
        for smote, own in answers.items():
            said = own[name]
            low, high = interval(labels, said.decision, events, average_precision, seed, draws)
            rows.append({"classifier": name, "smote": "SMOTE" if smote else "None",
                         **scores(labels, said.predictions, said.decision), "ap_low": low, "ap_high": high,
                         "yes": int(said.predictions.sum())})
    if always_no:
        lazy = scores(labels, np.zeros_like(labels)) | {"ap": float(np.mean(labels)), "yes": 0}
        rows.append({"classifier": "always no", "smote": "–", **lazy})
    return pd.DataFrame(rows)


def choose(codes, labels, events, seed: int, names) -> pd.Series:
    """Macro F1 of each classifier, with SMOTE, in a cross-validation by event of training rows (N, D); greatest first.

    `labels`, `events`: (N,). Raises `SqError` where only one event has positives.
    """
    found = {name: np.empty(len(labels), np.int64) for name in names}
    folds = min(3, len(set(events[labels == 1])))
    if folds < 2:
        raise SqError("positives of one training event cannot be cross-validated by event: add events")
    for fit, ask in StratifiedGroupKFold(folds, shuffle=True, random_state=seed).split(codes, labels, events):
        for name, answer in classify(codes[fit], labels[fit], codes[ask], True, seed, names).items():
            found[name][ask] = answer.predictions
    # not the tables' mean of four scores: where positives are rare, who always says no wins it
    f1 = {name: scores(labels, said)["f1"] for name, said in found.items()}
    return pd.Series(f1).sort_values(ascending=False, kind="stable")
