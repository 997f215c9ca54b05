"""The network of Faster R-CNN (Ren et al. 2017, DOI 10.1109/TPAMI.2016.2577031) and its settings (Section 3.4)."""

from contextlib import nullcontext
from dataclasses import dataclass

import torch
from torch import nn

from sqlib.data.statistics import LOCAL
from sqlib.errors import SqError
from sqlib.learn.augment import known
from sqlib.learn.boxes import TRAIN_ON
from sqlib.learn.models import Model, fetching, trunk

WORDS = {
    "backbone": ("resnet6", "resnet18", "resnet50"), "weights": ("none", "imagenet", "coco"),
    "gray": ("published", "relative", "local"), "flips": ("none", "horizontal", "dihedral"),
    "optimizer": ("sgd", "adam"), "schedule": ("step", "cosine"), "train_on": TRAIN_ON,
}
CORE = 2.0  # px, sigma of a source's core


@dataclass(frozen=True)
class Detector:
    """Settings of a detector; the defaults are the authors', but for anchors that fit sunquakes.

    `backbone`: resnet50 and resnet18 with a pyramid of five levels, resnet6 (first channels: `width`) with two.
    `weights`: none, imagenet (of the backbone), coco (of the whole resnet50 detector). `enlarge`: how much larger than
    stored a frame is seen; torchvision scales 256 pixels to 800. `anchors`: sides of the squares that boxes are
    measured from, in pixels of the frame, shared out over the levels, each also as high and as wide as 2:1. `gray`:
    "published" gray levels as they are, or "relative", the square root of power over the frame's mean, or "local",
    power over its surroundings too. `flips`: left-right with p = 0.5, or all eight symmetries. `patch`: pixels a side
    of a part of a frame, with a source in it, that a step of training sees; 0 is all. `schedule`: rate × 0.1 every
    `step` epochs, or half a cosine. `proposals`, `sampled`: regions that the first stage hands on, and those of a frame
    that the second one learns from. `least`: lowest score of a box given. `train_on`: the first 80 % of the events of
    cycle 23 (the paper), or of both cycles. `data`: the chapter's "own" frames, or the "twin" beside real ones.
    """

    backbone: str = "resnet50"
    weights: str = "coco"
    width: int = 16
    enlarge: float = 3.125
    anchors: tuple[float, ...] = (5.0, 8.0, 12.0, 18.0, 27.0)
    gray: str = "published"
    flips: str = "horizontal"
    patch: int = 0
    epochs: int = 10
    batch: int = 8
    optimizer: str = "sgd"
    rate: float = 3e-4
    momentum: float = 0.8
    decay: float = 1e-4
    schedule: str = "step"
    step: int = 3
    proposals: int = 2000
    sampled: int = 512
    least: float = 0.05
    train_on: str = "sc23"
    data: str = "own"
    seed: int = 1265


def check(settings: Detector) -> None:
    """Raise `SqError` for settings that cannot be trained with."""
    for name, words in WORDS.items():
        known(name, getattr(settings, name), words)
    # each backbone is larger than the last, and so is what its weights were learned on
    if settings.backbone not in WORDS["backbone"][WORDS["weights"].index(settings.weights) :]:
        raise SqError(f"there are no {settings.weights} weights for {settings.backbone}: weights='none', "
                      "or another backbone")
    levels = 2 if settings.backbone == "resnet6" else 5
    wrong = len(settings.anchors) != 5 if settings.weights == "coco" else len(settings.anchors) % levels
    if wrong or not settings.anchors or min(settings.anchors) <= 0:
        raise SqError(f"anchors={settings.anchors}: {settings.backbone} has {levels} levels, with equally many sizes "
                      "above 0 each" + (", one in the COCO weights" if settings.weights == "coco" else ""))
    for name in ("epochs", "batch", "rate", "enlarge", "width", "proposals", "sampled", "step"):
        if not getattr(settings, name) > 0:
            raise SqError(f"{name}={getattr(settings, name)}: it must be above 0")
    if settings.patch < 0:
        raise SqError(f"patch={settings.patch}: pixels a side, or 0 for the whole frame")


def weights_at_hand(backbone: str, wanted: str) -> str:
    """`wanted`; "auto" is coco for resnet50 where torch's cache holds them or the network gives them, else none."""
    if wanted != "auto":
        return wanted
    if backbone != "resnet50":
        return "none"
    with fetching("COCO", backbone):
        try:
            _coco().get_state_dict()
        except OSError:  # URLError is one
            return "none"
    return "coco"


def _coco():
    from torchvision.models.detection import FasterRCNN_ResNet50_FPN_Weights

    return FasterRCNN_ResNet50_FPN_Weights.COCO_V1


def make_detector(settings: Detector, learned: bool = True) -> nn.Module:
    """torchvision Faster R-CNN of these settings for frames of any size, one class beside the background.

    learned : False leaves out the weights learned elsewhere, for those of a run will be loaded
    Raises `SqError` as `check` does, and where weights are asked for and cannot be had.
    """
    from torchvision.models.detection import FasterRCNN
    from torchvision.models.detection.anchor_utils import AnchorGenerator
    from torchvision.models.detection.backbone_utils import BackboneWithFPN, resnet_fpn_backbone
    from torchvision.models.detection.faster_rcnn import FastRCNNPredictor, TwoMLPHead
    from torchvision.ops import FrozenBatchNorm2d, MultiScaleRoIAlign

    check(settings)
    light, coco = settings.backbone == "resnet6", settings.weights == "coco"
    levels = 2 if light else 5
    share = len(settings.anchors) // levels
    sides = [settings.enlarge * anchor for anchor in settings.anchors]
    sizes = tuple(tuple(sides[i : i + share]) for i in range(0, len(sides), share))
    head, many = {}, min(10 * settings.proposals, 2000)  # before those that overlap a better one are taken out
    if light:
        features, channels = trunk(Model("resnet6", width=settings.width), 3)[0], 4 * settings.width
        backbone = BackboneWithFPN(features, {"1": "0", "2": "1"}, [2 * settings.width, channels], channels)
        backbone.fpn.extra_blocks = None  # a third level would be too coarse for anything as small as a sunquake
        head = {"box_head": TwoMLPHead(25 * channels, 4 * channels),
                "box_predictor": FastRCNNPredictor(4 * channels, 2),
                "box_roi_pool": MultiScaleRoIAlign(["0", "1"], 5, 1)}
    else:
        given = settings.weights != "none"
        with fetching("ImageNet", settings.backbone) if given and learned else nullcontext():
            backbone = resnet_fpn_backbone(
                backbone_name=settings.backbone,
                weights="IMAGENET1K_V1" if settings.weights == "imagenet" and learned else None,
                trainable_layers=3 if given else 5, **({} if given else {"norm_layer": nn.BatchNorm2d}),
            )
    net = FasterRCNN(
        backbone, None if light else 91 if coco else 2, **head,
        rpn_anchor_generator=AnchorGenerator(sizes, ((0.5, 1.0, 2.0),) * levels),
        rpn_pre_nms_top_n_train=many, rpn_post_nms_top_n_train=settings.proposals,
        rpn_pre_nms_top_n_test=many // 2,
        rpn_post_nms_top_n_test=settings.proposals // (2 if settings.proposals > 500 else 1),
        box_batch_size_per_image=settings.sampled, box_score_thresh=settings.least, box_detections_per_img=20,
    )
    if coco:
        if learned:
            with fetching("COCO", settings.backbone):
                net.load_state_dict(_coco().get_state_dict())
        for part in net.modules():
            if isinstance(part, FrozenBatchNorm2d):
                part.eps = 0.0  # as these weights were made
        net.roi_heads.box_predictor = FastRCNNPredictor(net.roi_heads.box_predictor.cls_score.in_features, 2)
    net.gray, net.enlarge = settings.gray, settings.enlarge
    return net


def looked_at(net: nn.Module, frames: torch.Tensor) -> list[torch.Tensor]:
    """Frames (B, 3, S, S) of `seen` as the network takes them; it is set to their size, as torchvision scales all."""
    net.transform.min_size = (round(net.enlarge * frames.shape[-1]),)
    net.transform.max_size = net.transform.min_size[0]
    return list(frames)


def seen(frames: torch.Tensor, gray: str) -> torch.Tensor:
    """Frames (B, H, W) as the three channels that the network takes, float (B, 3, H, W).

    "published": gray levels over 255, three times, as the authors' pictures have them. "relative": the root of power
    over the frame's mean, three times. "local": that, the root of power over its surroundings (a Gaussian of `LOCAL`
    px), and power blurred by `CORE` px over its surroundings. All but the first have about the mean and the deviation
    of ImageNet's pictures, which torchvision subtracts and divides by.
    """
    frames = frames.float()[:, None]
    if gray == "published":
        return (frames / 255).expand(-1, 3, -1, -1)
    mean = frames.mean((2, 3), keepdim=True).clamp(min=1e-6)
    relative = (frames / mean).sqrt() / 2
    if gray == "relative":
        return relative.expand(-1, 3, -1, -1)
    wide = blurred(frames, LOCAL) + 0.05 * mean  # no dark place is infinitely dark
    return torch.cat([relative, (frames / wide).sqrt() / 2, 0.9 * blurred(frames, CORE) / wide - 0.45], 1)


def blurred(frames: torch.Tensor, sigma: float) -> torch.Tensor:
    """Frames (B, 1, H, W) under a Gaussian of `sigma` px, axis by axis; at the edges frames are repeated mirrored."""
    reach = min(round(3 * sigma), min(frames.shape[-2:]) - 1)
    kernel = torch.exp(-0.5 * (torch.arange(-reach, reach + 1, device=frames.device) / sigma) ** 2)
    kernel = (kernel / kernel.sum()).view(1, 1, 1, -1)
    frames = nn.functional.conv2d(nn.functional.pad(frames, (reach, reach, 0, 0), mode="reflect"), kernel)
    return nn.functional.conv2d(nn.functional.pad(frames, (0, 0, reach, reach), mode="reflect"), kernel.transpose(2, 3))
