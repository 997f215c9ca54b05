"""Each loss says what its equation says, and what an independent library says; none of them overflows."""

import math

import pytest
import torch
import torch.nn.functional as F
from lightly.loss import NTXentLoss as LightlyNTXent
from pytorch_metric_learning.losses import NTXentLoss, SupConLoss

from sqlib.errors import SqError
from sqlib.learn import losses
from sqlib.learn.losses import class_weights, focal, gather, simclr, spread, supcon, weighted_supcon

COUNTS = (12949, 845)  # quiet frames and frames with a sunquake, as in the authors' code
LABELS = torch.tensor([0, 0, 1, 0, 2, 1, 0, 0, 1, 0])  # the one sample of class 2 has no positive


@pytest.fixture
def draw():
    return torch.Generator().manual_seed(1265)


@pytest.fixture
def z(draw):
    return 3 * torch.randn(len(LABELS), 5, generator=draw, dtype=torch.float64)


def sim(a, b):
    return float(a @ b / (a.norm() * b.norm()))


def term(z, i, j, tau):
    """-log( e^{sim(z_i, z_j)/τ} / Σ_{k≠i} e^{sim(z_i, z_k)/τ} )"""
    below = sum(math.exp(sim(z[i], z[k]) / tau) for k in range(len(z)) if k != i)
    return -math.log(math.exp(sim(z[i], z[j]) / tau) / below)


def per_anchor(z, y, tau):
    """L_i of Equation 5, by anchor, for those that have a positive."""
    found = {}
    for i in range(len(z)):
        positives = [p for p in range(len(z)) if p != i and y[p] == y[i]]
        if positives:
            found[i] = sum(term(z, i, p, tau) for p in positives) / len(positives)
    return found


@pytest.mark.parametrize("tau", [0.07, 0.1, 1.0])
def test_simclr_is_equation_4(z, tau):
    n = len(z)
    slow = sum(term(z, i, (i + n // 2) % n, tau) for i in range(n)) / n
    assert float(simclr(z[: n // 2], z[n // 2 :], tau)) == pytest.approx(slow, rel=1e-12)


@pytest.mark.parametrize("tau", [0.07, 0.1, 1.0])
def test_supcon_is_equation_5(z, tau):
    slow = per_anchor(z, LABELS, tau)
    assert len(slow) == 9
    assert float(supcon(z, LABELS, tau)) == pytest.approx(sum(slow.values()) / 9, rel=1e-12)


def test_in_minority_contrast_quiet_samples_attract_their_other_view_only(z):
    n, y = len(z) - len(z) % 2, [1, 0, 0, 1, 0]
    z, y = z[:n], (y * n)[: n // 2] * 2
    slow = []
    for i in range(n):
        other = (i + n // 2) % n
        positives = [p for p in range(n) if p != i and y[p] == 1] if y[i] else [other]
        slow.append(sum(term(z, i, p, 0.1) for p in positives) / len(positives))
    found = losses.minority_supcon(z, torch.tensor(y), 0.1)
    assert float(found) == pytest.approx(sum(slow) / n, rel=1e-12)


@pytest.mark.parametrize("sizes", [[6, 6], [2] * 5, [8]])
def test_the_least_loss_is_that_of_points_evenly_apart(sizes):
    corners = torch.eye(len(sizes), dtype=torch.float64)
    corners = corners - corners.mean(0) if len(sizes) > 1 else corners
    classes = torch.arange(len(sizes)).repeat_interleave(torch.tensor(sizes))
    assert losses.least(sizes, 0.1) == pytest.approx(float(supcon(corners[classes], classes, 0.1)), abs=1e-9)
    assert losses.least(sizes, 0.1) <= math.log(sum(sizes) - 1) + 1e-9


def test_a_loss_has_fallen_by_nothing_at_chance_and_by_all_at_the_least():
    history = {"loss": torch.tensor([4.0, 3.5, 3.0]), "chance": torch.tensor(4.0), "least": torch.tensor(3.0)}
    assert losses.fallen(history).tolist() == [0, 0.5, 1]
    assert losses.fallen({"loss": math.log(2)}) == 0 and losses.fallen({"loss": 0.0}) == 1  # of a class head


def test_weighted_supcon_is_equation_2(z):
    w = [0.5, 3.0, 7.0]
    slow = per_anchor(z, LABELS, 0.1)
    above, below = sum(w[LABELS[i]] * loss for i, loss in slow.items()), sum(w[LABELS[i]] for i in slow)
    assert float(weighted_supcon(z, LABELS, 0.1, torch.tensor(w))) == pytest.approx(above / below, rel=1e-12)


def test_the_weights_of_the_authors_form_cancel_and_those_of_equation_2_do_not(z):
    w, y, tau = class_weights(COUNTS), LABELS[LABELS < 2], 0.07
    z = z[LABELS < 2]
    n = len(z)
    slow = 0.0
    for i in range(n):  # the mask, times w_j, over its sum: w_j = w_i for each positive j
        mask = [float(w[y[j]]) if j != i and y[j] == y[i] else 0.0 for j in range(n)]
        slow += sum(m * term(z, i, j, tau) for j, m in enumerate(mask) if m) / sum(mask) / n
    plain, authors = float(supcon(z, y, tau)), float(weighted_supcon(z, y, tau, w, form="authors"))
    assert authors == pytest.approx(slow, rel=1e-12)
    assert authors == pytest.approx(plain, rel=1e-12)
    assert abs(float(weighted_supcon(z, y, tau, w)) - plain) > 0.1
    plain, authors = float(supcon(z.float(), y, tau)), float(weighted_supcon(z.float(), y, tau, w, form="authors"))
    assert authors == pytest.approx(plain, rel=1e-6)


def test_the_gradient_of_the_authors_form_is_the_plain_one_too(z):
    w = torch.tensor([1.0, 9.0, 1.0])
    plain, authors, anchor = (
        torch.autograd.grad(loss(z), z)[0]
        for z in [z.requires_grad_()]
        for loss in (
            lambda z: supcon(z, LABELS, 0.1),
            lambda z: weighted_supcon(z, LABELS, 0.1, w, "authors"),
            lambda z: weighted_supcon(z, LABELS, 0.1, w, "anchor"),
        )
    )
    assert torch.allclose(authors, plain, rtol=1e-12, atol=1e-14)
    assert (anchor - plain).abs().max() > 0.1 * plain.abs().max()


def test_equal_weights_change_nothing(z):
    assert torch.allclose(weighted_supcon(z, LABELS, 0.1, torch.full((3,), 0.2)), supcon(z, LABELS, 0.1), rtol=1e-12)


def test_simclr_is_supcon_with_every_sample_a_class_of_its_own(z):
    first, second = z.chunk(2)
    assert torch.allclose(simclr(first, second, 0.1), supcon(z, torch.arange(5).repeat(2), 0.1), rtol=1e-12)


def value_and_gradient(loss, z):
    z = z.clone().requires_grad_()
    value = loss(z)
    return value.detach(), torch.autograd.grad(value, z)[0]


@pytest.mark.parametrize("tau", [0.07, 0.5])
def test_simclr_is_the_ntxent_of_two_libraries(z, tau):
    ours = value_and_gradient(lambda z: simclr(*z.chunk(2), tau), z)
    pairs = torch.arange(5).repeat(2)
    for theirs in (lambda z: NTXentLoss(tau)(z, pairs), lambda z: LightlyNTXent(tau)(*z.chunk(2))):
        for a, b in zip(ours, value_and_gradient(theirs, z)):
            assert torch.allclose(a, b, rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("tau", [0.07, 0.5])
def test_supcon_is_that_of_pytorch_metric_learning(z, tau):
    """Its default reducer leaves out losses of exactly 0, as those of anchors without positives are."""
    ours = value_and_gradient(lambda z: supcon(z, LABELS, tau), z)
    for a, b in zip(ours, value_and_gradient(lambda z: SupConLoss(tau)(z, LABELS), z)):
        assert torch.allclose(a, b, rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("samples", [2, 16, 128])
def test_embeddings_in_one_point_lose_the_chance_level(samples):
    z = torch.tensor([[0.3, -2.0, 5.0]], dtype=torch.float64).expand(2 * samples, -1)
    y = torch.arange(2 * samples) % 2
    for loss in (simclr(*z.chunk(2), 0.07), supcon(z, y, 0.07), weighted_supcon(z, y, 0.07, class_weights(COUNTS))):
        assert float(loss) == pytest.approx(math.log(2 * samples - 1), rel=1e-12)


def test_spread_tells_collapse_from_spread(draw):
    noise = torch.randn(4000, 64, generator=draw)
    direction = 2 * F.normalize(torch.ones(64), dim=0)
    assert float(spread(torch.full((8, 3), 5.0))) == pytest.approx(0, abs=1e-6)
    assert float(spread(noise)) == pytest.approx(1, abs=1e-3)
    assert float(spread(torch.cat([direction[None], -direction[None]]))) == pytest.approx(1)  # two opposite points
    assert float(spread(1e-3 * noise + direction)) < 0.01
    unit = F.normalize(noise + 5 * direction, dim=1).double()
    assert float(spread(noise + 5 * direction)) == pytest.approx(
        math.sqrt(1 - float(unit.mean(0).norm()) ** 2), rel=1e-5
    )


def naive(z, y, tau):
    """Equation 5 as it is written, in the type of z: exponentials, sums and logarithms one after the other."""
    z = F.normalize(z, dim=1)
    powers = (z @ z.T / tau).exp().fill_diagonal_(0)
    positive = (y[:, None] == y).fill_diagonal_(False)
    logs = (powers / powers.sum(1, keepdim=True)).log()
    return -(logs.masked_fill(~positive, 0).sum(1) / positive.sum(1)).mean()


@pytest.mark.parametrize(("dtype", "tau"), [(torch.float16, 0.07), (torch.bfloat16, 0.011), (torch.float32, 0.011)])
def test_the_equation_as_written_overflows_at_a_temperature_that_ours_bears(draw, dtype, tau):
    """e^{1/τ} exceeds the largest number of the type: in float16 already at the paper's least temperature."""
    assert math.exp(1 / tau) > torch.finfo(dtype).max
    y = torch.arange(16) % 2
    z = (F.one_hot(y, 4) + 0.01 * torch.randn(16, 4, generator=draw)).to(dtype)
    assert naive(z, y, 1.0).isfinite()
    assert not naive(z, y, tau).isfinite()
    ours, gradient = value_and_gradient(lambda z: supcon(z, y, tau), z)
    assert float(ours) == pytest.approx(float(supcon(z.double(), y, tau)), rel=1e-4)
    assert gradient.isfinite().all()


@pytest.mark.parametrize("tau", [0.07, 1e-3])
@pytest.mark.parametrize("size", [1e-6, 1e15])
def test_autocast_leaves_the_loss_in_float32(draw, tau, size):
    first, second = (size * torch.randn(2, 32, 16, generator=draw)).requires_grad_().unbind()
    y = torch.arange(64) % 2
    outside = [simclr(first, second, tau), supcon(torch.cat([first, second]), y, tau)]
    with torch.autocast("cpu", torch.bfloat16):
        assert (first @ second.T).dtype == torch.bfloat16
        inside = [simclr(first, second, tau), supcon(torch.cat([first, second]), y, tau)]
    for a, b in zip(inside, outside):
        assert a.dtype == torch.float32 and a.isfinite() and torch.equal(a, b)
        assert torch.autograd.grad(a, first)[0].isfinite().all()


def test_half_precision_embeddings_are_widened_first(z):
    half = z.to(torch.bfloat16)
    assert supcon(half, LABELS, 0.07).dtype == torch.float32
    assert float(supcon(half, LABELS, 0.07)) == pytest.approx(float(supcon(half.double(), LABELS, 0.07)), rel=1e-5)


@pytest.mark.parametrize("form", [None, "anchor", "authors"])
def test_anchors_without_positives_leave_no_nan(z, form):
    w = torch.tensor([1.0, 2.0, 3.0])

    def loss(z, y):
        return supcon(z, y, 0.07) if form is None else weighted_supcon(z, y, 0.07, w, form)

    value, gradient = value_and_gradient(lambda z: loss(z, LABELS), z)
    assert value.isfinite() and gradient.isfinite().all() and gradient.abs().sum() > 0
    value, gradient = value_and_gradient(lambda z: loss(z, torch.arange(3)), z[:3])  # not one anchor has a positive
    assert value == 0 and (gradient == 0).all()


@pytest.mark.parametrize(
    "loss",
    [
        lambda z: simclr(*z.chunk(2), 0.2),
        lambda z: supcon(z, LABELS, 0.2),
        lambda z: weighted_supcon(z, LABELS, 0.2, class_weights((9, 3, 1)), "anchor"),
        lambda z: weighted_supcon(z, LABELS, 0.2, class_weights((9, 3, 1)), "authors"),
        lambda z: focal(z, LABELS),
    ],
)
def test_gradients_are_those_of_finite_differences(z, loss):
    assert torch.autograd.gradcheck(loss, z.requires_grad_())


def test_without_other_processes_a_batch_is_gathered_as_it_is(z):
    assert all(a is b for a, b in zip(gather(z, LABELS), (z, LABELS)))


@pytest.mark.parametrize("tau", [0, -0.1, math.nan, math.inf])
def test_a_temperature_that_is_none_is_refused(z, tau):
    for loss in (
        lambda: simclr(z, z, tau),
        lambda: supcon(z, LABELS, tau),
        lambda: weighted_supcon(z, LABELS, tau, torch.ones(3)),
    ):
        with pytest.raises(SqError, match="temperature must be above 0"):
            loss()
