"""What autoencoders keep: yardsticks, used dimensions, places that stand out, and what printed scores can be."""

import numpy as np
import pandas as pd
import pytest
import torch

from sqlib.errors import SqError
from sqlib.judge import reconstructions as rc
from sqlib.learn.models import AutoEncoder, Model


@pytest.mark.parametrize("variational", [False, True])
def test_the_layers_are_those_of_the_network_and_end_with_a_frame(variational):
    net = AutoEncoder(Model("resnet6", encoding=24, width=4), 1, 48, variational).eval()
    layers = rc.layers(net, 48)
    head = sum(p.numel() for p in net.classifier.parameters())
    assert layers["weights"].sum() + head == sum(p.numel() for p in net.parameters())
    assert layers.iloc[0][["channels", "side"]].tolist() == layers.iloc[-1][["channels", "side"]].tolist() == [1, 48]
    assert layers.set_index("part").loc["latent", "channels"] == 24 * (1 + variational)
    frame = torch.randn(1, 1, 48, 48)
    assert net(frame)[0].shape == frame.shape


def test_errors_of_linear_codes_begin_at_the_mean_frame_and_end_where_the_frames_are_spanned():
    rng = np.random.default_rng(0)
    patterns = rng.normal(size=(3, 8, 8))
    train, test = (np.einsum("nk,khw->nhw", rng.normal(size=(n, 3)), patterns) + 2 for n in (40, 20))
    codes = rc.linear_codes(train, 64, 0)
    pca, waves = (rc.linear_errors(test, code, [0, 1, 3, 64]) for code in codes.values())
    np.testing.assert_allclose(pca[:, 0], np.square(test - train.mean(0)).mean((1, 2)))
    assert (pca[:, 1] > 0.01).any() and np.abs(pca[:, 2:]).max() < 1e-9, "three patterns need three components"
    assert len(codes["PCA"][1]) == 39, "no more components than training frames tell"
    assert (np.diff(waves, axis=1) <= 1e-9).all()
    assert np.abs(waves[:, 3]).max() < 1e-5, "64 waves span 8 by 8 pixels"


def test_a_ratio_of_errors_weighs_frames_alike_and_its_interval_is_over_events():
    events = np.repeat(list("abcde"), [10, 10, 10, 10, 60])
    yardstick = np.where(events == "e", 1.0, 2.0)
    value, low, high = rc.ratio(0.8 * yardstick, yardstick, events, 0)
    assert value == pytest.approx(0.8) and low == pytest.approx(0.8) and high == pytest.approx(0.8)
    value, low, high = rc.ratio(np.ones(100), yardstick, events, 0)
    assert value == pytest.approx(100 / 140) and low < value < high


def test_what_lasts_is_told_from_what_does_not():
    rng = np.random.default_rng(0)
    events, regions = np.repeat(["a", "b"], 200), rng.normal(size=(2, 8, 8))
    frames = np.repeat(regions, 200, axis=0) + 0.5 * rng.normal(size=(400, 8, 8))
    assert rc.lasting_error(frames, events) == pytest.approx(0.25, rel=0.02)


def test_the_depth_of_a_shadow_is_that_of_the_darkest_places_and_a_copy_keeps_a_share_of_it():
    rng = np.random.default_rng(0)
    region = np.zeros((20, 20))
    region[5:10, 5:10] = -2
    frames = np.repeat(region[None], 60, axis=0) + 0.1 * rng.normal(size=(60, 20, 20))
    found = rc.shadows(frames, 0.7 * frames, np.repeat(["a", "b"], 30))
    assert found["event"].tolist() == ["a", "b"]
    np.testing.assert_allclose(found["copies"] / found["frames"], 0.7)
    assert (found["frames"] > 1.8).all()


def test_a_dimension_that_says_nothing_is_not_used():
    rng = np.random.default_rng(0)
    mean = np.column_stack([rng.normal(size=500), np.zeros(500)])
    log_variance = np.column_stack([np.full(500, np.log(0.1)), np.zeros(500)])
    found = rc.dimensions(mean, log_variance)
    assert found["used"].tolist() == [True, False]
    assert found["divergence"][1] == 0 and found["divergence"][0] > 0.5


def test_squares_like_the_mean_best_absolute_errors_the_median_and_log_cosh_something_between():
    values = np.random.default_rng(0).exponential(3, 20_000)
    best = rc.best_constant(values)
    assert best["absolute"] == np.median(values) < best["log-cosh"] < best["square"] == values.mean()
    borne = rc.brightest_share(values - values.mean(), values, [0.01, 1])
    assert borne.loc[0, "square"] > borne.loc[0, "log-cosh"] > borne.loc[0, "absolute"] > 0.01
    assert borne.loc[1, list(rc.LOSSES)].tolist() == pytest.approx([1, 1, 1])


def test_box_means_are_those_of_slices_and_random_boxes_keep_clear_of_the_box():
    rng = np.random.default_rng(0)
    frames, box = rng.random((5, 20, 20)), (3, 5, 8, 12)
    places = rc.elsewhere(box, 20, 200, rng)
    for x0, y0, x1, y1 in places:
        assert (x1 - x0, y1 - y0) == (5, 7) and min(x0, y0) >= 0 and max(x1, y1) <= 20
        assert x0 >= 8 or x1 <= 3 or y0 >= 12 or y1 <= 5
    slices = [[frame[y0:y1, x0:x1].mean() for x0, y0, x1, y1 in places] for frame in frames]
    np.testing.assert_allclose(rc.box_means(frames, places), slices)
    with pytest.raises(SqError, match="no room"):
        rc.elsewhere((1, 1, 19, 19), 20, 3, rng)


def copies_of(keep: float) -> tuple[pd.DataFrame, rc.Copies]:
    """Three events of 20 noisy frames with a bright box in frames 8 to 11, and copies that keep a share of them."""
    rng = np.random.default_rng(0)
    index = pd.DataFrame([(event, frame, int(8 <= frame < 12)) for event in "abc" for frame in range(20)],
                         columns=["event", "frame", "label"])
    index["boxes"] = [((20.0, 20.0, 24.0, 24.0),) if label else () for label in index["label"]]
    frames = rng.normal(size=(len(index), 32, 32)).astype(np.float32)
    frames[index["label"] == 1, 16:20, 16:20] += 3  # the box, in the middle 32 pixels of frames of 40
    other = rng.normal(size=frames.shape).astype(np.float32)
    return index, rc.Copies(frames, keep * frames + (1 - keep) * other, np.zeros((len(index), 2)), None, (0.0, 1.0))


def test_a_source_stands_out_during_the_sunquake_and_in_copies_that_keep_it():
    index, found = copies_of(0.7)
    assert found.error == pytest.approx([np.mean((one - other) ** 2) for one, other in zip(found.frames, found.copies)])
    own = rc.standing(index, found, 40, seed=1)
    assert len(own) == len(index) and own["inside"].sum() == 12
    for column in ("rank", "rank_copy"):
        rank = rc.during(own, column, 0)
        assert rank["during"] > 0.95 and abs(rank["otherwise"] - 0.5) < 0.15 and rank["low"] > 0.2
    assert rc.during(own, "contrast_copy", 0)["difference"] == pytest.approx(0.7 * 3, abs=0.3)
    index, lost = copies_of(0)
    assert abs(rc.during(rc.standing(index, lost, 40, seed=1), "rank_copy", 0)["difference"]) < 0.25
    with pytest.raises(SqError, match="no annotated box"):
        rc.standing(index, rc.Copies(*[part[:, :6, :6] for part in found[:2]], *found[2:]), 40, seed=1)


def test_company_knows_codes_of_events_from_codes_of_sunquakes():
    rng = np.random.default_rng(0)
    index = pd.DataFrame([(event, frame, int(frame < 15)) for event in "abcd" for frame in range(40)],
                         columns=["event", "frame", "label"])
    place = index["event"].map(dict(zip("abcd", range(4)))).to_numpy()
    by_event = np.column_stack([10 * place, np.zeros(len(index))]) + rng.normal(size=(len(index), 2))
    by_label = np.column_stack([10 * index["label"], np.zeros(len(index))]) + rng.normal(size=(len(index), 2))
    one, other = rc.company(by_event, index), rc.company(by_label, index)
    assert one["own"].mean() > 0.9 and other["own"].mean() < 0.5
    quakes = index["label"] == 1
    assert one.loc[quakes, "sunquakes"].mean() < 0.7 and other.loc[quakes, "sunquakes"].mean() > 0.95
