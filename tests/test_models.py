"""Networks: shapes, channels, heads, and errors for weights that cannot be had."""

from dataclasses import replace

import pytest
import torch

from sqlib.errors import SqError
from sqlib.learn.models import AutoEncoder, ContrastiveNet, _take_channels, trunk
from sqlib.learn.settings import Model


@pytest.mark.parametrize(
    ("backbone", "features"), [("resnet6", 64), ("resnet18", 512), ("resnet50", 2048), ("densenet121", 1024)]
)
def test_a_backbone_takes_any_window_and_ends_with_its_own_features(backbone, features):
    net, found = trunk(Model(backbone), 5)
    assert net.eval()(torch.zeros(1, 5, 64, 64)).shape[1] == found == features


def test_encoding_projection_and_class_logits_have_their_sizes():
    net = ContrastiveNet(Model("resnet6", encoding=20, projection=12, dropout=0.1), 3).eval()
    code, projection, logits = net(torch.rand(4, 3, 64, 64) * 255)
    assert (code.shape, projection.shape, logits.shape) == ((4, 20), (4, 12), (4, 2))


def test_what_is_contrasted_is_exact_to_float32_under_autocast():
    """Projections that differ by a thousandth must not be rounded to one: bf16 has steps of 0.4 to 0.8 per cent."""
    net = ContrastiveNet(Model("resnet6", encoding=20, projection=12), 3).eval()
    with torch.autocast("cpu", torch.bfloat16):
        code, projection, logits = net(torch.rand(2, 3, 64, 64) * 255)
        assert net.encode(torch.rand(2, 3, 64, 64)).dtype == torch.float32
    assert torch.equal(projection, net.projector(code)) and torch.equal(logits, net.classifier(code))
    assert {code.dtype, projection.dtype, logits.dtype} == {torch.float32}


def test_the_class_head_only_watches_unless_it_is_to_learn():
    for watch in (True, False):
        net = ContrastiveNet(Model("resnet6", encoding=16, projection=8, width=4), 3, watch)
        net(torch.rand(4, 3, 32, 32))[2].sum().backward()
        assert (net.trunk[0][0].weight.grad is None) == watch


def test_the_greatest_response_is_pooled_where_asked():
    frames = torch.zeros(2, 3, 64, 64)
    frames[1, :, 30:33, 30:33] = 255  # one small spot
    moved = {}
    for pool in ("avg", "max"):
        torch.manual_seed(0)
        code = ContrastiveNet(Model("resnet6", encoding=64, pool=pool), 3).eval().encode(frames)
        moved[pool] = float((code[1] - code[0]).norm().detach())
    assert moved["max"] > 5 * moved["avg"]


@pytest.mark.parametrize("channels", [1, 5])
def test_other_windows_share_what_three_colours_had_learned_evenly(channels):
    three, _ = trunk(Model("resnet18"), 3)
    other, _ = trunk(Model("resnet18"), 3)
    other[0].weight.data.copy_(three[0].weight)
    _take_channels(other, channels, learned=True)
    gray = torch.rand(2, 1, 32, 32)
    answers = three[0](gray.expand(-1, 3, -1, -1)), other[0](gray.expand(-1, channels, -1, -1))
    assert torch.allclose(*answers, atol=1e-4)


@pytest.mark.parametrize("variational", [False, True])
def test_an_autoencoder_gives_back_frames_of_its_input_size(variational):
    net, latent = AutoEncoder(Model("resnet6", encoding=32, width=8), 1, 96, variational), 32
    frames = torch.rand(2, 1, 96, 96) * 255
    drawn, target, mean, log_variance, logits = net(frames, torch.randn(2, latent) if variational else None)
    assert drawn.shape == target.shape == frames.shape
    assert mean.shape == (2, latent)
    assert (log_variance is not None) == variational
    assert logits.shape == (2, 2)
    assert torch.equal(net.encode(frames), mean)


def test_what_cannot_be_built_is_said(monkeypatch, tmp_path):
    with pytest.raises(SqError, match="divide by 8"):
        AutoEncoder(Model("resnet6"), 1, 100, False)
    with pytest.raises(SqError, match="stand on resnet6"):
        AutoEncoder(replace(Model(), backbone="resnet18"), 1, 96, False)

    def no_network(*args, **kwargs):
        raise OSError("Name or service not known")

    monkeypatch.setattr(torch.hub, "load_state_dict_from_url", no_network)
    monkeypatch.setattr("torchvision._internally_replaced_utils.load_state_dict_from_url", no_network, raising=False)
    monkeypatch.setattr("torchvision.models._api.load_state_dict_from_url", no_network)
    with pytest.raises(SqError, match="cannot be fetched"):
        trunk(Model("resnet18", weights="imagenet"), 3)
