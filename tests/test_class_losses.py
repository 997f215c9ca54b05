"""The class head's losses, and the class weights, say what their equations and an independent library say."""

import pytest
import torch
import torch.nn.functional as F
from torchvision.ops import sigmoid_focal_loss

from sqlib.errors import SqError
from sqlib.learn.losses import class_weights, focal

COUNTS = (12949, 845)  # quiet frames and frames with a sunquake, as in the authors' code
LABELS = torch.tensor([0, 0, 1, 0, 2, 1, 0, 0, 1, 0])


@pytest.fixture
def z():
    return 3 * torch.randn(len(LABELS), 5, generator=torch.Generator().manual_seed(1265), dtype=torch.float64)


def test_class_weights_are_those_of_the_authors_code():
    assert class_weights(COUNTS).tolist() == pytest.approx([1.377235e-4, 1.2340769e-3], rel=5e-7)


def test_class_weights_run_from_none_to_inverse_frequency():
    assert class_weights(COUNTS, beta=0).tolist() == [1, 1]
    assert class_weights(COUNTS, beta=1 - 1e-9).tolist() == pytest.approx([1 / n for n in COUNTS], rel=1e-4)


def test_focal_with_two_classes_is_the_sigmoid_focal_loss_of_the_difference(z):
    logits, y = z[:, :2], (LABELS == 1).long()
    theirs = sigmoid_focal_loss(logits[:, 1] - logits[:, 0], y.double(), alpha=0.25, gamma=2)
    weights = torch.tensor([0.75, 0.25])
    assert torch.allclose(focal(logits, y, 2, weights), theirs.sum() / weights[y].sum(), rtol=1e-6)
    assert torch.allclose(
        focal(logits, y), sigmoid_focal_loss(logits[:, 1] - logits[:, 0], y.double(), alpha=-1).mean()
    )


def test_focal_without_focus_is_cross_entropy(z):
    weights = torch.tensor([1.0, 2.0, 4.0, 1.0, 1.0], dtype=torch.float64)
    assert torch.allclose(focal(z, LABELS, gamma=0, weights=weights), F.cross_entropy(z, LABELS, weights))


def test_a_class_without_samples_has_no_weight():
    with pytest.raises(SqError, match="without samples"):
        class_weights((5, 0), 0.9)
