"""Networks: backbones with a contrastive head (Sections 3.1, 4.1) and autoencoders on a ResNet-6 (Appendix A)."""

from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from pickle import UnpicklingError

import torch
import torchvision
from torch import nn
from torch.nn import functional as F
from torchvision.models.resnet import BasicBlock

from sqlib.errors import SqError
from sqlib.learn.settings import Model

POOLS = {"avg": nn.AdaptiveAvgPool2d, "max": nn.AdaptiveMaxPool2d}


def _resnet6(width: int) -> nn.Sequential:
    """Trunk of a ResNet-6 (first layer, two residual blocks of two; the last is the encoding): strides 2, 2, 2."""

    def block(channels, out):
        # every other pixel by a pool: in the gradient of such a convolution of 4 channels oneDNN writes past its end
        other = nn.Sequential(nn.MaxPool2d(1, 2), nn.Conv2d(channels, out, 1, bias=False), nn.BatchNorm2d(out))
        return BasicBlock(channels, out, 2, other)

    stem = nn.Sequential(nn.Conv2d(3, width, 3, 2, 1, bias=False), nn.BatchNorm2d(width), nn.ReLU(inplace=True))
    return nn.Sequential(stem, block(width, 2 * width), block(2 * width, 4 * width))


def _conv6(width: int) -> nn.Sequential:
    """Six convolutions, two of each width (`width`, twice, four times as much), a pool between: no stride before."""

    def pair(channels, out):
        layers = [(nn.Conv2d(i, out, 3, 1, 1, bias=False), nn.BatchNorm2d(out), nn.ReLU(inplace=True))
                  for i in (channels, out)]
        return nn.Sequential(*(layer for each in layers for layer in each))

    return nn.Sequential(pair(3, width), nn.MaxPool2d(2), pair(width, 2 * width), nn.MaxPool2d(2),
                         pair(2 * width, 4 * width))


def trunk(model: Model, channels: int) -> tuple[nn.Sequential, int]:
    """Convolutional part of a backbone for `channels` input channels, and the number of its features.

    Raises `SqError` where ImageNet weights are asked for and cannot be had.
    """
    learned = model.weights == "imagenet"
    if model.backbone in SMALL:
        net, features = SMALL[model.backbone](model.width), 4 * model.width
    else:
        with fetching("ImageNet", model.backbone) if learned else nullcontext():
            whole = torchvision.models.get_model(model.backbone, weights="IMAGENET1K_V1" if learned else None)
        if model.backbone == "densenet121":
            net, features = nn.Sequential(*whole.features, nn.ReLU(inplace=True)), whole.classifier.in_features
        else:
            net, features = nn.Sequential(*list(whole.children())[:-2]), whole.fc.in_features
    if channels != 3:
        _take_channels(net, channels, learned)
    return net, features


SMALL = {"conv6": _conv6, "resnet6": _resnet6}


@contextmanager
def fetching(what: str, backbone: str) -> Iterator[None]:
    """Say in words why weights that were learned elsewhere cannot be had: not cached and not fetched, or damaged."""
    where = f"the {what} weights of {backbone}"
    try:
        yield
    except OSError as error:  # URLError is one
        raise SqError(f"{where} are not in {torch.hub.get_dir()} and cannot be fetched ({error}); "
                      "connect once, or use weights='none' (for a run: -p weights=none)") from error
    except (RuntimeError, EOFError, UnpicklingError) as error:
        told = (str(error).splitlines() or [type(error).__name__])[0]
        raise SqError(f"{where} in {torch.hub.get_dir()} are damaged, or arrived so ({told}); "
                      "delete them there, and they are fetched anew") from error


def _take_channels(net: nn.Sequential, channels: int, learned: bool) -> None:
    """Replace the first convolution by one that takes `channels`; what it `learned` of colours is shared out evenly."""
    holder = net[0] if isinstance(net[0], nn.Sequential) else net
    old = holder[0]
    new = nn.Conv2d(channels, old.out_channels, old.kernel_size, old.stride, old.padding, bias=False)
    if learned:
        with torch.no_grad():
            new.weight.copy_(old.weight.mean(1, keepdim=True).expand_as(new.weight) * old.in_channels / channels)
    holder[0] = new


class ContrastiveNet(nn.Module):
    """Backbone → encoding → projection head (linear, ReLU, linear), with a linear class head (Section 4.1.1).

    `forward` takes (B, channels, H, W) in gray levels, as the authors' networks do, and returns encoding (B, E), the
    projection (B, P) and the class logits (B, 2). The class head reads the encoding and does not change it,
    unless `watch` is False. `flat`: pixels a side of frames that are encoded as an autoencoder does, place by place, so
    that its encoder can be gone on with; 0 pools over all places. `patch`: pixels a side of the patches that it learns
    from; a larger frame is encoded as that of its patches which the class head takes most for a sunquake; 0: as a
    whole. Raises `SqError` as `trunk` does.
    """

    def __init__(self, model: Model, channels: int, watch: bool = True, flat: int = 0, patch: int = 0):
        super().__init__()
        self.trunk, features = trunk(model, channels)
        self.pool, layers = POOLS[model.pool](1), []
        if features != model.encoding or model.dropout:
            layers += [nn.Linear(features, model.encoding), nn.BatchNorm1d(model.encoding), nn.Dropout(model.dropout)]
        self.encoding = _flat_encoding(features, flat, model.encoding) if flat else nn.Sequential(*layers)
        first, last = nn.Linear(model.encoding, model.encoding), nn.Linear(model.encoding, model.projection)
        self.projector = nn.Sequential(first, nn.ReLU(inplace=True), last)
        self.classifier = nn.Linear(model.encoding, 2)
        self.watch, self.flat, self.patch = watch, flat, patch
        self.register_buffer("level", torch.tensor([0.0, 1.0]))  # as they are, unless something else is known of them

    def encode(self, frames: torch.Tensor) -> torch.Tensor:
        """Encoding (B, E) of frames (B, channels, H, W), float32."""
        features = self.trunk((frames - self.level[0]) / self.level[1])
        with _precisely(features):
            features = features.float()
            if self.flat:
                return self.encoding(features)
            if not self.patch or frames.shape[-1] <= self.patch:
                return self.encoding(self.pool(features).flatten(1))
            side = round(self.patch * features.shape[-1] / frames.shape[-1])
            windows = F.max_pool2d(features, side, 2) if isinstance(self.pool, nn.AdaptiveMaxPool2d) else (
                F.avg_pool2d(features, side, 2))
            codes = self.encoding(windows.flatten(2).mT.flatten(0, 1)).unflatten(0, (len(frames), -1))
            margin = self.classifier(codes).diff(dim=-1)[..., 0]
            return codes[torch.arange(len(codes), device=codes.device), margin.argmax(1)]

    def forward(self, frames: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        code = self.encode(frames)
        with _precisely(code):
            return code, self.projector(code), self.classifier(code.detach() if self.watch else code)


def _precisely(tensor: torch.Tensor):
    """No autocast: near collapse projections differ by hundredths, too little for bf16: nothing would be learned."""
    return torch.autocast(tensor.device.type, enabled=False)


NARROW = 8  # features of each place beside the code of an autoencoder: wide linear layers would be all of its weights


def _flat_encoding(features: int, size: int, numbers: int) -> nn.Sequential:
    """The last layers of an autoencoder's encoder for frames of `size` pixels: features of each place -> `numbers`.

    No pool stands before the code: what is smooth in a frame is a linear function of it, which a maximum is not.
    """
    return nn.Sequential(nn.Conv2d(features, NARROW, 1), nn.Flatten(), nn.Linear(NARROW * (size // 8) ** 2, numbers))


class AutoEncoder(nn.Module):
    """Convolutional autoencoder on a ResNet-6, plain or variational (Appendix A.1, A.2).

    `forward` takes frames (B, window, S, S) and returns their reconstruction, the scaled frames that it should equal,
    the mean and the log variance of the code (B, E) (no variance where plain), and the class logits of a linear head
    that watches. Frames are scaled by `level`, mean and deviation of their levels. The decoder enlarges by sub-pixel
    convolutions (Shi et al. 2016, arXiv 1609.05158), most of whose work is done on few pixels. Raises `SqError` for
    another backbone than resnet6 and a size S that 8 does not divide.
    """

    def __init__(self, model: Model, channels: int, size: int, variational: bool):
        super().__init__()
        if model.backbone != "resnet6":
            raise SqError(f"the autoencoders stand on resnet6 (Appendix A), not on {model.backbone}")
        if size % 8:
            raise SqError(f"an autoencoder halves its frames three times: their size must divide by 8; {size} does not")
        self.trunk, features = trunk(model, channels)
        side, width, factor = size // 8, model.width, 2 if variational else 1
        self.encoding = _flat_encoding(features, size, factor * model.encoding)
        self.decoder = nn.Sequential(
            nn.Linear(model.encoding, NARROW * side**2), nn.Unflatten(1, (NARROW, side, side)),
            nn.Conv2d(NARROW, 4 * width, 3, 1, 1), nn.ReLU(inplace=True),
            nn.Conv2d(4 * width, 16 * width, 3, 1, 1), nn.PixelShuffle(4), nn.ReLU(inplace=True),
            nn.Conv2d(width, 4 * channels, 3, 1, 1), nn.PixelShuffle(2))
        self.classifier = nn.Linear(model.encoding, 2)
        self.variational = variational
        self.register_buffer("level", torch.tensor([0.0, 1.0]))

    def _code(self, frames: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor | None]:
        scaled = (frames - self.level[0]) / self.level[1]
        code = self.encoding(self.trunk(scaled))
        return scaled, *(code.chunk(2, 1) if self.variational else (code, None))

    def encode(self, frames: torch.Tensor) -> torch.Tensor:
        """Mean of the code (B, E) of frames (B, window, S, S)."""
        return self._code(frames)[1]

    def forward(self, frames: torch.Tensor, noise: torch.Tensor | None = None):
        scaled, mean, log_variance = self._code(frames)
        drawn = mean if log_variance is None or noise is None else mean + noise * (0.5 * log_variance).exp()
        return self.decoder(drawn), scaled, mean, log_variance, self.classifier(mean.detach())


def take(net: nn.Module, weights: dict[str, torch.Tensor], variational: bool = False) -> dict[str, list[str]]:
    """Give a network the `weights` of another one, part by part (trunk, encoding, projector …); return the names of
    the parts "taken", and of those "not_taken": the network has no such part, or one of other shapes.

    A part is taken as a whole or not at all. Of a `variational` encoding, which gives a mean and a variance, the half
    that gives the mean is taken.
    """
    report, own = {"taken": [], "not_taken": []}, net.state_dict()
    for part in dict.fromkeys(name.partition(".")[0] for name in weights):
        mine, theirs = ({name: tensor for name, tensor in tensors.items() if name.partition(".")[0] == part}
                        for tensors in (own, weights))
        if variational and part == "encoding":
            theirs = {name: tensor if name not in mine or tensor.shape == mine[name].shape else tensor.chunk(2)[0]
                      for name, tensor in theirs.items()}
        fits = {name: t.shape for name, t in theirs.items()} == {name: t.shape for name, t in mine.items()}
        report["taken" if fits else "not_taken"].append(part)
        own |= theirs if fits else {}
    net.load_state_dict(own)
    return report
