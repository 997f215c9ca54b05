"""The check on everyday pictures: the loop learns digits, repeats itself, and says clearly what it lacks."""

import shutil

import pandas as pd
import pytest
import torch

from sqlib.errors import SqError
from sqlib.learn import lowpass, pictures


@pytest.fixture(scope="module")
def digits():
    return pictures.digits(16)


def test_digits_are_gray_pictures_of_ten_classes_on_both_sides(digits):
    assert digits.train.dtype == torch.uint8 and digits.train.shape[1:] == (1, 16, 16)
    assert digits.train.min() == 0 and digits.train.max() == 255
    assert len(digits.train) + len(digits.test) == 1797
    assert set(digits.labels.tolist()) == set(digits.labels_test.tolist()) == set(range(10))


def test_the_network_learns_digits(digits, sq_home):
    history = pictures.learn(digits, seed=1, epochs=3, batch=128)
    assert list(history["epoch"]) == [1, 2, 3]
    assert history["loss"].iloc[-1] < history["loss"].iloc[0] < history["chance"].iloc[0] + 0.5
    assert history["f1"].iloc[-1] > 0.8


def test_the_same_seed_gives_the_same_history_and_another_one_another_and_each_is_trained_once(digits, sq_home):
    few = digits._replace(train=digits.train[:300], labels=digits.labels[:300])
    first, found, other = (pictures.learn(few, seed, 1, batch=100) for seed in (1, 1, 2))
    assert len(list((sq_home / "data" / "models").iterdir())) == 2
    shutil.rmtree(sq_home)
    again = pictures.learn(few, 1, 1, batch=100)
    pd.testing.assert_frame_equal(first, found)
    pd.testing.assert_frame_equal(first, again)
    assert first["loss"].iloc[0] != other["loss"].iloc[0]


def test_filtered_pictures_are_seen_in_training(digits, sq_home):
    few = digits._replace(train=digits.train[:300], labels=digits.labels[:300])
    plain = pictures.learn(few, 1, 1, batch=100)
    filtered = pictures.learn(few, 1, 1, batch=100, filtered=torch.zeros_like(few.train))
    assert plain["loss"].iloc[0] != filtered["loss"].iloc[0]


def test_a_mask_as_large_as_the_picture_leaves_only_the_solarizing(digits):
    some = digits.train[:5]
    assert torch.equal(pictures.solarized(some, 50), lowpass.solarize(some, 50))
    assert not torch.equal(pictures.solarized(some, 4), lowpass.solarize(some, 50))
    assert torch.equal(pictures.solarized(some, 50), lowpass.solarized_low_pass(some, 50))


def test_cifar_is_read_as_colour_pictures(monkeypatch, digits, sq_home):
    class Fake:
        def __init__(self, folder, train, download):
            assert not download
            self.data = torch.randint(256, (64 if train else 20, 32, 32, 3), dtype=torch.uint8).numpy()
            self.targets = ([0, 1] * 32)[: len(self.data)]

    monkeypatch.setattr(pictures, "CIFAR10", Fake)
    found = pictures.cifar10("somewhere")
    assert found.train.shape == (64, 3, 32, 32) and found.test.dtype == torch.uint8
    history = pictures.learn(found, 1, 1, filtered=pictures.solarized(found.train, 8), batch=32)
    assert 0 <= history["accuracy"].iloc[0] <= 1


def test_a_folder_without_cifar_and_a_batch_too_large_are_named(tmp_path, digits):
    with pytest.raises(SqError, match="CIFAR-10"):
        pictures.cifar10(tmp_path)
    with pytest.raises(SqError, match="at most 1347"):
        pictures.learn(digits, 1, 1, batch=2000)
