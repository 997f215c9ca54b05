"""Classifiers upon embeddings (Section 4.1.1, Tables 2, 4 and 6): scaled, balanced or not, each in one pipeline.

Settings are the authors' where their code or text tells them, and scikit-learn's own elsewhere. Nothing reduces the
embeddings. Costly, in seconds of one core for 10,986 training and 2,808 test embeddings of 512 numbers: random forest
30, SGD 9 (it stops at 1,000 passes), RBF SVC 10, bagged K-NN 9 (to predict), polynomial SVC 6, the others below 1.
"""

import warnings
from collections.abc import Callable, Iterable
from typing import NamedTuple

import numpy as np
from imblearn import FunctionSampler
from imblearn.over_sampling import SMOTE
from imblearn.pipeline import Pipeline
from imblearn.under_sampling import RandomUnderSampler
from sklearn.ensemble import BaggingClassifier, RandomForestClassifier
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LogisticRegression, RidgeClassifier, SGDClassifier
from sklearn.neighbors import KNeighborsClassifier
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC

from sqlib.errors import SqError

NEIGHBOURS = 11  # that K-NN asks
BALANCING = ("SMOTE", "under-sampling")
OVER, UNDER = 0.2, 0.75  # positives a negative after SMOTE, and after under-sampling
CACHE = 1000  # MB of kernel values that an SVC keeps: as many as 11,000 samples have

# C of the polynomial SVC is so small that it says "no" to everything after some hundred samples: read its ap as well
CLASSIFIERS: dict[str, Callable] = {
    "K-NN (bagging)": lambda seed: BaggingClassifier(KNeighborsClassifier(NEIGHBOURS), random_state=seed),
    "linear": lambda seed: RidgeClassifier(random_state=seed),
    "SVC (poly)": lambda seed: SVC(C=0.005, kernel="poly", cache_size=CACHE, random_state=seed),
    "SVC (RBF)": lambda seed: SVC(kernel="rbf", cache_size=CACHE, random_state=seed),
    "logistic regression": lambda seed: LogisticRegression(max_iter=1000, random_state=seed),
    "SGD": lambda seed: SGDClassifier(random_state=seed),
    "random forest": lambda seed: RandomForestClassifier(random_state=seed),
}


class Answer(NamedTuple):
    """A classifier's word on T embeddings."""

    predictions: np.ndarray  # int64 (T,), 0 or 1
    decision: np.ndarray  # float64 (T,), greater the more like a sunquake: signed distance, or probability of class 1


def balanced(labels, smote: bool = True) -> tuple[int, int, list[str]]:
    """Positives and negatives of training labels (N,) of 0 and 1 after balancing (Section 4.1.1), and the steps that
    would change nothing and are left out.

    "SMOTE" makes positives between neighbouring ones until there are 0.2 for each negative; "under-sampling" leaves
    random negatives away until there are 0.75 positives for each.
    """
    positives, negatives = before = _counts(labels)
    if smote and positives > 1:
        positives += max(0, int(OVER * negatives - positives))
        negatives = min(negatives, int(positives / UNDER))
    after = positives, negatives
    return *after, [step for step, old, new in zip(BALANCING, before, after) if smote and old == new]


def balance(embeddings, labels, seed: int):
    """Embeddings (N, D) and labels (N,), `balanced`."""
    (positives, negatives, left_out), near = balanced(labels), min(5, _counts(labels)[0] - 1)
    if "SMOTE" not in left_out:
        sampler = SMOTE(sampling_strategy={1: positives}, k_neighbors=near, random_state=seed)
        embeddings, labels = sampler.fit_resample(embeddings, labels)
    if "under-sampling" not in left_out:
        sampler = RandomUnderSampler(sampling_strategy={0: negatives}, random_state=seed)
        embeddings, labels = sampler.fit_resample(embeddings, labels)
    return embeddings, labels


def _counts(labels) -> tuple[int, int]:
    return int(np.sum(np.equal(labels, 1))), int(np.sum(np.equal(labels, 0)))


def pipeline(name: str, smote: bool, seed: int):
    """Unfitted imbalanced-learn pipeline: scaling, balancing if asked for, and the classifier `name`.

    The balancing happens only while the pipeline is fitted, so that in cross-validation it sees the training folds
    alone. Raises `SqError` for an unknown classifier.
    """
    if name not in CLASSIFIERS:
        raise SqError(f"classifier {name!r} is unknown; there are: {', '.join(CLASSIFIERS)}")
    balancing = [("balancing", FunctionSampler(func=balance, kw_args={"seed": seed}))] if smote else []
    return Pipeline([("scaling", StandardScaler()), *balancing, ("classifier", CLASSIFIERS[name](seed))])


def fit(name: str, embeddings: np.ndarray, labels: np.ndarray, smote: bool, seed: int):
    """The pipeline `name` fitted to embeddings (N, D) and labels (N,) of 0 and 1.

    Raises `SqError` for a label that is neither, a class without samples, embeddings that are not finite or not as many
    as the labels, and fewer samples than K-NN has neighbours.
    """
    embeddings, labels = np.asarray(embeddings), np.asarray(labels)
    if embeddings.ndim != 2 or len(embeddings) != len(labels) or not np.isfinite(embeddings).all():
        raise SqError(f"embeddings of shape {embeddings.shape} for {len(labels)} labels: a classifier needs a row of "
                      "finite numbers for each; where there are NaN, the model that made them has diverged")
    positives, negatives = _counts(labels)
    if not positives or not negatives or positives + negatives != len(labels):
        raise SqError(f"{len(labels)} training labels, {positives} of them 1 and {negatives} of them 0: "
                      "a classifier needs both classes and no other label; add frames, or leave out unlabelled events")
    if "K-NN" in name and (kept := sum(balanced(labels, smote)[:2])) < NEIGHBOURS:
        raise SqError(f"{name} asks {NEIGHBOURS} neighbours and has {kept} samples to train on: add frames")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)  # SGD stops at 1,000 passes
        return pipeline(name, smote, seed).fit(embeddings, labels)


def decide(fitted, embeddings: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Predictions int64 (T,) and decision values float64 (T,) of a fitted pipeline for embeddings (T, D)."""
    if hasattr(fitted, "decision_function"):
        decision = fitted.decision_function(embeddings)
        return (decision > 0).astype(np.int64), decision.astype(np.float64)
    probability = fitted.predict_proba(embeddings)
    return probability.argmax(1), probability[:, 1]


def classify(train, labels, test, smote: bool, seed: int, names: Iterable[str] | None = None) -> dict[str, Answer]:
    """Each classifier of `names` (default: all), fitted to `train` (N, D) and `labels` (N,), asked about `test` (T, D).

    Raises `SqError` as `fit` and `pipeline` do.
    """
    return {name: Answer(*decide(fit(name, train, labels, smote, seed), test))
            for name in (CLASSIFIERS if names is None else names)}
