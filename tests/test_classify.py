"""Classifiers upon embeddings: their settings, the balancing of training sets and of nothing else, and Table 3."""

import numpy as np
import pytest
from imblearn.over_sampling import SMOTE
from sklearn.metrics import average_precision_score
from sklearn.model_selection import GroupKFold, cross_val_predict

from sqlib.errors import SqError
from sqlib.learn.classify import CLASSIFIERS, balance, balanced, classify, fit, pipeline


def cloud(positives, negatives, seed=0, dimensions=4, apart=3.0):
    """Embeddings of two Gaussian clouds, the classes mixed in order, and their labels."""
    rng = np.random.default_rng(seed)
    labels = rng.permutation(np.repeat([1, 0], [positives, negatives]))
    embeddings = rng.normal(size=(len(labels), dimensions)).astype(np.float32)
    embeddings[:, 0] += apart * labels
    return embeddings, labels


@pytest.fixture
def seen(monkeypatch):
    """The embeddings of each call of SMOTE, which goes on to do its work."""
    calls, real = [], SMOTE.fit_resample
    monkeypatch.setattr(SMOTE, "fit_resample", lambda self, x, y: (calls.append(np.array(x)), real(self, x, y))[1])
    return calls


@pytest.mark.parametrize("positives", [2, 659, 2000])
def test_balancing_gives_the_numbers_of_the_paper_however_few_the_positives(positives):
    labels = np.repeat([1, 0], [positives, 10327])
    assert balanced(labels) == (2065, 2753, [])
    assert balanced(labels, smote=False) == (positives, 10327, [])


@pytest.mark.parametrize(
    ("positives", "negatives", "expected"),
    [
        (30, 100, (30, 40, ["SMOTE"])),  # more than 0.2 already
        (90, 100, (90, 100, ["SMOTE", "under-sampling"])),  # more than 0.75 already
        (100, 30, (100, 30, ["SMOTE", "under-sampling"])),
        (1, 100, (1, 100, ["SMOTE", "under-sampling"])),  # no neighbour to go towards
        (2, 100, (20, 26, [])),  # fewer neighbours than SMOTE would ask for
        (20, 100, (20, 26, ["SMOTE"])),
    ],
)
def test_a_step_that_cannot_be_done_is_left_out_and_named(positives, negatives, expected):
    embeddings, labels = cloud(positives, negatives)
    assert balanced(labels) == expected
    _, left = balance(embeddings, labels, 0)
    assert (int(left.sum()), int((left == 0).sum())) == expected[:2]


def test_smote_sees_the_training_samples_and_never_the_test_ones(seen):
    train, labels = cloud(10, 100)
    test, _ = cloud(10, 100, seed=1)
    before = test.copy()
    answer = classify(train, labels, test, True, 0, ["logistic regression"])["logistic regression"]
    scaled = (train - train.mean(0)) / train.std(0)
    assert len(seen) == 1 and np.allclose(seen[0], scaled, atol=1e-5)
    assert np.array_equal(test, before) and len(answer.predictions) == len(answer.decision) == len(test)


def test_in_cross_validation_smote_and_scaling_see_the_training_folds_alone(seen):
    embeddings, labels = cloud(20, 180)
    events = np.arange(200) // 40
    folds = GroupKFold(5)
    answers = cross_val_predict(pipeline("linear", True, 0), embeddings, labels, groups=events, cv=folds)
    assert len(answers) == 200 and len(seen) == 5
    for resampled, (train, _) in zip(seen, folds.split(embeddings, labels, events)):
        fold = embeddings[train]
        assert np.allclose(resampled, (fold - fold.mean(0)) / fold.std(0), atol=1e-5)


@pytest.mark.parametrize("smote", [False, True])
def test_every_classifier_learns_and_its_predictions_are_those_of_its_pipeline(smote):
    (train, labels), (test, truth) = cloud(40, 260, apart=8), cloud(10, 70, seed=1, apart=8)
    answers = classify(train, labels, test, smote, 3)
    assert list(answers) == list(CLASSIFIERS)
    for name, answer in answers.items():
        assert average_precision_score(truth, answer.decision) > 0.99, name
        assert np.array_equal(answer.predictions, fit(name, train, labels, smote, 3).predict(test)), name
        assert name == "SVC (poly)" or (answer.predictions == truth).mean() > 0.95, name


def test_one_seed_gives_one_answer_and_another_seed_another():
    (train, labels), (test, _) = cloud(15, 150, apart=1), cloud(10, 70, seed=1, apart=1)
    names = ["K-NN (bagging)", "SGD", "random forest"]
    one, same, other = (classify(train, labels, test, True, seed, names) for seed in (0, 0, 1))
    for name in names:
        assert np.array_equal(one[name].decision, same[name].decision)
        assert not np.array_equal(one[name].decision, other[name].decision)


def test_the_settings_of_the_authors_code():
    knn, poly = (pipeline(name, True, 5) for name in ("K-NN (bagging)", "SVC (poly)"))
    assert list(poly.named_steps) == ["scaling", "balancing", "classifier"]
    assert list(pipeline("SGD", False, 5).named_steps) == ["scaling", "classifier"]
    assert knn[-1].estimator.n_neighbors == 11 and (poly[-1].C, poly[-1].kernel) == (0.005, "poly")
    assert all(getattr(make(5), "n_jobs", None) in (None, 1) for make in CLASSIFIERS.values())


def test_what_cannot_be_learned_from_is_refused_in_plain_words():
    embeddings, labels = cloud(10, 50)
    with pytest.raises(SqError, match="both classes"):
        fit("linear", embeddings, np.zeros(60, int), True, 0)
    with pytest.raises(SqError, match="no other label"):
        fit("linear", embeddings, np.where(np.arange(60) == 3, -1, labels), False, 0)
    with pytest.raises(SqError, match="59 labels"):
        fit("linear", embeddings, labels[1:], False, 0)
    with pytest.raises(SqError, match="diverged"):
        fit("linear", np.where(embeddings > 2, np.nan, embeddings), labels, False, 0)
    with pytest.raises(SqError, match=r"'K-NN' is unknown; there are: K-NN \(bagging\)"):
        fit("K-NN", embeddings, labels, True, 0)
    with pytest.raises(SqError, match="11 neighbours and has 6 samples"):
        fit("K-NN (bagging)", *cloud(3, 3), False, 0)
