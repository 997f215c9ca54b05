"""The network of Faster R-CNN (Ren et al. 2017, DOI 10.1109/TPAMI.2016.2577031) and its settings (Section 3.4)."""

from contextlib import nullcontext
from typing import Literal

import torch
from pydantic import model_validator
from torch import nn

from sqlib.data.statistics import LOCAL
from sqlib.errors import SqError
from sqlib.learn.models import fetching, trunk
from sqlib.learn.settings import Count, Model, NotNegative, Positive, Whole, checked

CORE = 2.0  # px, sigma of a source's core


@checked
class Detector:
    """Settings of a detector, most of which `profiles.Detection` describes; the defaults are the authors', but for
    anchors that fit sunquakes.

    `weights`, of resnet50: imagenet (of the backbone), coco (of the whole detector). `enlarge`: torchvision scales 256
    pixels to 800. `anchors`: shared out over the levels of the pyramid, each square also as high and as wide as 2:1.
    `gray`: see `seen`. `step`: epochs after which the rate falls to a tenth. `train_on`: the first 80 % of the events
    of cycle 23 (the paper), or of both cycles. `data`: the chapter's "own" frames, or the "twin" beside real ones.
    """

    backbone: Literal["resnet6", "resnet50"] = "resnet50"
    weights: Literal["none", "imagenet", "coco"] = "coco"
    width: Count = 16
    enlarge: Positive = 3.125
    anchors: tuple[Positive, ...] = (5.0, 8.0, 12.0, 18.0, 27.0)
    gray: Literal["published", "local"] = "published"
    flips: Literal["none", "horizontal", "dihedral"] = "horizontal"
    patch: Whole = 0
    epochs: Count = 10
    batch: Count = 8
    optimizer: Literal["sgd", "adam"] = "sgd"
    rate: Positive = 3e-4
    momentum: NotNegative = 0.8
    decay: NotNegative = 1e-4
    schedule: Literal["step", "cosine"] = "step"
    step: Count = 3
    proposals: Count = 2000
    sampled: Count = 512
    least: float = 0.05
    train_on: Literal["sc23", "all"] = "sc23"
    data: Literal["own", "twin"] = "own"
    seed: Whole = 1265

    @property
    def levels(self) -> int:
        """Levels of the pyramid."""
        return 2 if self.backbone == "resnet6" else 5

    @model_validator(mode="after")
    def _trainable(self):
        if self.weights != "none" and self.backbone != "resnet50":
            raise SqError(f"there are no {self.weights} weights for {self.backbone}: "
                          "weights='none', or another backbone")
        coco = self.weights == "coco"
        if not self.anchors or (len(self.anchors) != 5 if coco else len(self.anchors) % self.levels):
            raise SqError(f"anchors={self.anchors}: {self.backbone} has {self.levels} levels, with equally many sizes "
                          f"each{', one in the COCO weights' * coco}")
        return self


def make_detector(settings: Detector, learned: bool = True) -> nn.Module:
    """torchvision Faster R-CNN of these settings for frames of any size, one class beside the background.

    learned : False leaves out the weights learned elsewhere, for those of a run will be loaded
    Raises `SqError` where weights are asked for and cannot be had.
    """
    from torchvision.models.detection import FasterRCNN, FasterRCNN_ResNet50_FPN_Weights
    from torchvision.models.detection.anchor_utils import AnchorGenerator
    from torchvision.models.detection.backbone_utils import BackboneWithFPN, resnet_fpn_backbone
    from torchvision.models.detection.faster_rcnn import FastRCNNPredictor, TwoMLPHead
    from torchvision.ops import FrozenBatchNorm2d, MultiScaleRoIAlign

    light, coco, levels = settings.backbone == "resnet6", settings.weights == "coco", settings.levels
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
                net.load_state_dict(FasterRCNN_ResNet50_FPN_Weights.COCO_V1.get_state_dict())
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

    "published": gray levels over 255, three times, as the authors' pictures have them. "local": the root of power
    over the frame's mean; that of power over its surroundings (a Gaussian of `LOCAL` px); and power blurred by `CORE`
    px over its surroundings, all with about ImageNet's mean and deviation, by which torchvision scales.
    """
    frames = frames.float()[:, None]
    if gray == "published":
        return (frames / 255).expand(-1, 3, -1, -1)
    mean = frames.mean((2, 3), keepdim=True).clamp(min=1e-6)
    wide = blurred(frames, LOCAL) + 0.05 * mean  # no dark place is infinitely dark
    core = 0.9 * blurred(frames, CORE) / wide - 0.45
    return torch.cat([(frames / mean).sqrt() / 2, (frames / wide).sqrt() / 2, core], 1)


def blurred(frames: torch.Tensor, sigma: float) -> torch.Tensor:
    """Frames (B, 1, H, W) under a Gaussian of `sigma` px, axis by axis; at the edges frames are repeated mirrored."""
    reach = min(round(3 * sigma), min(frames.shape[-2:]) - 1)
    kernel = torch.exp(-0.5 * (torch.arange(-reach, reach + 1, device=frames.device) / sigma) ** 2)
    kernel = (kernel / kernel.sum()).view(1, 1, 1, -1)
    frames = nn.functional.conv2d(nn.functional.pad(frames, (reach, reach, 0, 0), mode="reflect"), kernel)
    return nn.functional.conv2d(nn.functional.pad(frames, (0, 0, reach, reach), mode="reflect"), kernel.transpose(2, 3))
