"""Where a model looks: Grad-CAM and occlusion against closed forms, and on a network that has learned a source."""


import numpy as np
import pandas as pd
import pytest
import torch
from torch import nn

from sqlib.data.frames import make_frameset, make_index
from sqlib.errors import SqError
from sqlib.judge import cases
from sqlib.learn import classify, explain
from sqlib.learn.models import ContrastiveNet
from sqlib.learn.samples import make_samples
from sqlib.learn.settings import Model

SIZE = 64


class Sums(nn.Module):
    """A network whose answers can be worked out by hand: two channels, the frames' mean and its half, averaged."""

    def __init__(self):
        super().__init__()
        mix = nn.Conv2d(3, 2, 1, bias=False)
        with torch.no_grad():
            mix.weight.copy_(torch.tensor([1 / 3, 1 / 6])[:, None, None, None].expand(2, 3, 1, 1))
        self.trunk = nn.Sequential(mix)

    def encode(self, frames):
        return self.trunk(frames).mean((2, 3))


def test_grad_cam_of_a_linear_network_is_its_activation(rng):
    frames = torch.from_numpy(rng.random((2, 3, 8, 8), dtype=np.float32))
    found = explain.grad_cam(explain.Reader(Sums(), [1.0, 2.0], 0.0), frames)
    # the gradient to channel k is w_k / 64 everywhere, so the map is Σ_k w_k/64 · A_k, with A = m and m/2
    assert found == pytest.approx(frames.mean(1).numpy() * 2 / 64, rel=1e-4)
    # what speaks against is left out
    assert not explain.grad_cam(explain.Reader(Sums(), [-1.0, -2.0], 0.0), frames).any()


def test_occlusion_is_what_is_lost_with_the_covered_pixels(rng):
    frames = torch.zeros(1, 3, 8, 8)
    frames[0, :, 2, 5] = 64.0  # the median, which covers, is 0
    found = explain.occlusion(explain.Reader(Sums(), [1.0, 0.0], 7.0), frames, side=2, stride=2)
    expected = np.zeros((8, 8))
    expected[2:4, 4:6] = 64 / 64  # the square with the bright pixel: the mean of 64 px falls by one
    assert found[0] == pytest.approx(expected, abs=1e-5)
    assert explain.occlusion(explain.Reader(Sums(), [-1.0, 0.0], 0.0), frames, 2, 2).min() == pytest.approx(-1)
    with pytest.raises(SqError, match="does not cover"):
        explain.occlusion(explain.Reader(Sums(), [1.0, 0.0], 0.0), frames, 2, 3)


@pytest.mark.parametrize("name", ["logistic regression", "linear", "SGD"])
def test_the_reader_answers_as_the_linear_classifier_does(rng, name):
    codes, labels = rng.normal(3, 2, (80, 2)), np.tile([0, 1], 40)
    codes[:, 0] += labels
    fitted = classify.fit(name, codes, labels, True, 0)
    weights, bias = explain.direction(fitted)
    assert codes @ weights + bias == pytest.approx(classify.decide(fitted, codes)[1])
    frames = torch.from_numpy(rng.random((5, 3, 8, 8), dtype=np.float32))
    reader = explain.Reader(Sums(), weights, bias)
    own = Sums().encode(frames).detach().numpy()
    assert reader(frames)[:, 0].detach().numpy() == pytest.approx(classify.decide(fitted, own)[1], abs=1e-4)


def test_a_classifier_that_is_not_linear_is_refused(rng):
    fitted = classify.fit("random forest", rng.normal(size=(30, 2)), np.tile([0, 1], 15), False, 0)
    with pytest.raises(SqError, match="not linear"):
        explain.direction(fitted)


def test_shares_and_peaks_by_hand():
    one = np.zeros((1, 10, 10))
    one[0, 2, 2], one[0, 8, 8], one[0, 5, 5] = 3.0, 1.0, -9.0
    inside = np.zeros((1, 10, 10), bool)
    inside[0, 1:4, 1:4] = True
    row = explain.inside_of_boxes(one, inside).iloc[0]
    assert (row["share"], row["area"]) == (0.75, 0.09)
    assert row["excess"] == pytest.approx(0.75 / 0.09)
    assert row["points"]
    assert not explain.inside_of_boxes(one, inside[:, ::-1, ::-1]).iloc[0]["points"]
    # within 2 px of a square of 3 by 3 lie its 9, 4 · 6 beside it and 4 · 1 at its corners; a row and a column of the
    # frame are cut off, with 3 pixels each
    assert explain.inside_of_boxes(one, inside, 2.0).iloc[0]["luck"] == pytest.approx((9 + 24 + 4 - 6) / 100)


def test_a_map_without_evidence_points_nowhere_and_a_plateau_to_its_middle():
    empty, inside = np.zeros((1, 6, 6)), np.ones((1, 6, 6), bool)
    row = explain.inside_of_boxes(empty, inside).iloc[0]
    assert np.isnan(row["share"]) and not row["points"]
    flat = np.zeros((1, 6, 6))
    flat[0, 2:4, 0:2] = 5
    assert explain.peaks(flat).tolist() == [[1.0, 3.0]]


def test_who_looks_everywhere_alike_has_an_excess_of_one_and_the_luck_of_chance(rng):
    maps, inside = rng.random((300, 20, 20)), np.zeros((300, 20, 20), bool)
    inside[:, 4:9, 10:16] = True
    table = explain.inside_of_boxes(maps, inside)
    assert table["excess"].mean() == pytest.approx(1, abs=0.05)
    assert table["points"].mean() == pytest.approx(table["luck"].mean(), abs=0.07)


def speckle(rng, count, source):
    """Three-frame samples of exponential noise, half of them with a clump as strong as a source; places (B, 2)."""
    frames = rng.exponential(19, (count, 3, SIZE, SIZE))
    places = rng.uniform(10, SIZE - 10, (count, 2))
    y, x = np.mgrid[:SIZE, :SIZE] + 0.5
    for i in np.flatnonzero(source):
        frames[i] += 200 * np.exp(-((x - places[i, 0]) ** 2 + (y - places[i, 1]) ** 2) / (2 * 1.5**2))
    return torch.from_numpy(frames.clip(0, 255).astype(np.float32)), places


@pytest.fixture(scope="module")
def learned():
    """A contrastive network's encoder whose class head has learned to tell frames with a source from others."""
    rng = np.random.default_rng(3)
    torch.manual_seed(3)
    net = ContrastiveNet(Model("resnet6", encoding=16, projection=8, pool="max", width=8), 3, watch=False)
    optimizer = torch.optim.Adam(net.parameters(), 1e-2)
    for _ in range(60):
        labels = torch.arange(32) % 2
        loss = nn.functional.cross_entropy(net(speckle(rng, 32, labels.numpy())[0])[2], labels)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    net.eval()
    weight, bias = net.classifier.weight.detach(), net.classifier.bias.detach()
    return explain.Reader(net, (weight[1] - weight[0]).numpy(), float(bias[1] - bias[0]))


def test_grad_cam_and_occlusion_find_the_source_that_a_network_has_learned_to_see(learned):
    labels = np.tile([1, 0], 20)
    frames, places = speckle(np.random.default_rng(8), 40, labels)
    with torch.no_grad():
        assert ((learned(frames)[:, 0] > 0).numpy() == labels).mean() > 0.9  # it does see them
    bright, where = frames[labels == 1], places[labels == 1]
    for method, maps, within in (("Grad-CAM", explain.grad_cam(learned, bright), 12),  # a cell of its layer is 8 px
                                 ("occlusion", explain.occlusion(learned, bright, 8, 4), 8)):
        far = np.hypot(*(explain.peaks(maps) - where).T)
        assert np.median(far) < within / 2, method
        assert (far < within).mean() >= 0.8, method


@pytest.mark.parametrize("backbone", ["resnet18", "densenet121"])
def test_the_papers_backbones_can_be_explained(backbone):
    torch.manual_seed(0)
    net = ContrastiveNet(Model(backbone, encoding=20, projection=20), 3).eval()
    frames, _ = speckle(np.random.default_rng(0), 1, [1])
    found = explain.grad_cam(explain.Reader(net, np.ones(20), 0.0), frames)
    assert found.shape == (1, SIZE, SIZE) and np.isfinite(found).all() and (found >= 0).all()


def test_attention_is_asked_where_the_network_sees_the_box(rng):
    frames, inner, outer = 12, (28.0, 28.0, 36.0, 36.0), (0.0, 0.0, 9.0, 9.0)
    marked = [int(3 <= frame < 9) for frame in range(frames)]
    index = make_index({
        "event": ["one"] * frames + ["other"] * frames, "cycle": 24, "frame": [*range(frames)] * 2,
        "time": pd.date_range("2012-05-08", periods=2 * frames, freq="45s"), "label": marked * 2,
        "boxes": [(box,) * label for box in (inner, outer) for label in marked]})
    pixels = rng.integers(1, 200, (2 * frames, 64, 64)).astype(np.uint8)
    samples = make_samples(make_frameset(pixels, index, "twin", "cube"), window=3, crop=32)
    reader = explain.Reader(Sums(), [1.0, 2.0], 0.0)
    shown, quiet = (cases.attention(reader, samples, ["one", "other"], label, 2) for label in (1, 0))
    assert samples.index["event"][shown.rows].tolist() == ["one", "one"]  # the other's box is cut off
    assert samples.index["label"][shown.rows].tolist() == [1, 1] and not samples.index["label"][quiet.rows].any()
    assert shown.boxes == quiet.boxes == [((12.0, 12.0, 20.0, 20.0),)] * 2
    assert shown.maps["occlusion"].shape == (2, 32, 32)
    assert shown.table["method"].tolist() == [explain.METHODS[0]] * 2 + [explain.METHODS[1]] * 2
    nowhere = cases.attention(reader, samples, ["other"], 1, 2)
    assert (len(nowhere.rows), nowhere.maps) == (0, {}) and cases.evidence({"a": nowhere}, 1, 20).empty


def test_evidence_is_compared_with_the_first_case_event_by_event():
    def attention(*excess):
        return cases.Attention(np.arange(4), [], {}, pd.DataFrame({
            "method": "occlusion", "event": list("aabb"), "excess": excess, "points": True, "luck": 0.1}))

    found = cases.evidence({"annotated": attention(3, 3, 1, 1), "quiet": attention(1, 1, 1, 1)}, 1, 100)
    assert found["excess"].tolist() == [2, 1] and found["less"].tolist() == [0, 1]
    assert found.loc[1, ["less_low", "less_high"]].tolist() == [0, 2]
    assert found["label"].tolist() == ["occlusion, annotated", "occlusion, quiet"]
