"""Profiles: the sizes of everything, and the settings that several chapters share, checked by name and type.

A profile is a file, profiles/NAME.yml, with a section for each of `BLOCKS`, and a section `notebooks` of what single
chapters have otherwise. The metadata of a chapter say which shared settings it has; its page holds their values:
`page.settings.batch`.
"""

import json
import re
import reprlib
from pathlib import Path
from typing import Any

from pydantic import Field, create_model

from sqlib.errors import SqError, in_words
from sqlib.paths import home
from sqlib.typed import Typed, check, nearest, parse


class Data(Typed):
    """The simulated cubes, and the frames that are made of cubes."""

    size: int = Field(256, description="pixels a side of the simulated cubes")
    frames: int = Field(256, description="frames of each simulated cube")
    resolution: int = Field(256, description="pixels a side of the frames made of the cubes")
    trial: int = Field(100, description="simulated trial events, to test methods on")
    scaling: str = Field("cube", description="gray scale filled by cube (paper) or frame (published frames)")


class Learning(Typed):
    """What every contrastive run has: network, input, sampler, optimizer and augmentations."""

    crop: int = Field(128, description="pixels a side of the middle of a frame that the networks see; 0 is all of it")
    levels: str = Field("relative", description="gray (paper), or relative: logarithms of power over its surroundings; "
                                                "region: these in the active region only")
    window: int = Field(5, description="times that are mixed to one sample; 3 in the paper")
    spacing: int = Field(3, description="frames between these times, each the mean of so many; 1 in the paper")
    patch: int = Field(48, description="pixels a side of the patches that a step sees; 0 is all of the crop (paper)")
    practice: int = Field(400, description="simulated practice sources to learn from, beside the paper's events")
    steps: int = Field(50, description="batches in an epoch of patches")
    watch: int = Field(16, description="held-out practice events on which average precision is watched")
    thin: int = Field(3, description="of whole frames: an epoch shows one in so many negatives, drawn anew each time")
    backbone: str = Field("conv6", description="conv6, resnet6, resnet18, resnet50 or densenet121")
    width: int = Field(16, description="channels of the first layer of conv6 and resnet6")
    pool: str = Field("max", description="how features are pooled over the frame: avg (paper) or max")
    weights: str = Field("none", description="weights to begin with: none or imagenet")
    encoding: int = Field(64, description="size of the encoding")
    projection: int = Field(32, description="size of the projection that is contrasted")
    dropout: float = Field(0.0, description="share of the encoding's numbers that a step leaves out")
    batch: int = Field(64, description="samples in a batch, of two views each")
    temperature: float = Field(0.1, description="of the contrastive losses")
    optimizer: str = Field("adamw", description="sgd (paper), adam or adamw")
    rate: float = Field(0.002, description="learning rate")
    warmup: float = Field(1.0, description="epochs of warm-up")
    decay: float = Field(0.01, description="weight decay")
    upsample: int = Field(0, description="of whole frames: times that a positive is in an epoch; 0: classes equal")
    joint: bool = Field(True, description="whether the class head teaches the backbone too")
    low_pass: float = Field(0.0, description="probability of the Solarized Low-Pass")
    positional: str = Field("dihedral", description="turns (paper), published, dihedral or none")
    erasing: str = Field("none", description="paper (with gray 100), mean (with the sample's own mean) or none")
    extra: list[str] = Field([], description="further augmentations")
    validation: float = Field(0.0, description="share of the training events on which only the loss is watched")
    patience: int = Field(0, description="epochs without a better watched loss before training stops; 0 never stops")
    precision: str = Field("auto", description="bf16, fp32, or auto, bf16 where the hardware multiplies in it")
    compile: bool = Field(False, description="whether torch.compile makes the step faster (it wants a compiler)")


class Contrastive(Typed):
    """The two models of Section 4, which chapters 03 and 07 both train, and so find again."""

    epochs_self: int = Field(6, description="epochs of SimCLR")
    epochs_supervised: int = Field(8, description="epochs of the supervised runs")
    epochs_shuffled: int = Field(8, description="epochs of the High-Metrics model")
    backbone_paper: str = Field("resnet6", description="backbone of the models that are trained as in the paper")
    crop_paper: int = Field(96, description="pixels a side of the middle of a frame that these see; 0 is all of it")
    shuffled: list[str] = Field(
        ["backbone=resnet6", "crop=48", "encoding=64", "pool=max", "erasing=none", "dropout=0.0", "optimizer=adamw",
         "rate=0.003"],
        description="settings in which the High-Metrics model is not as in the paper")


class Detection(Typed):
    """The detector of boxes, chapter 06."""

    backbone: str = Field("resnet6", description="resnet6 (light) or resnet50 (paper)")
    weights: str = Field("none", description="weights to begin with: none, imagenet or coco (paper), both of resnet50")
    width: int = Field(16, description="channels of resnet6's first layer")
    enlarge: float = Field(1.0, description="how much larger than stored a frame is seen; 3.125 in the paper")
    anchors: list[float] = Field([6.0, 10.0, 16.0, 26.0], description="sides of the anchors, pixels of the frame")
    gray: str = Field("local", description="gray levels: published, or local, relative to surroundings")
    flips: str = Field("dihedral", description="none, horizontal (paper) or dihedral, all eight symmetries")
    patch: int = Field(64, description="pixels a side of the part that a step of training sees; 0 is all (paper)")
    batch: int = Field(8, description="frames in a batch")
    optimizer: str = Field("adam", description="sgd (paper) or adam")
    rate: float = Field(0.002, description="learning rate")
    momentum: float = Field(0.8, description="momentum of sgd")
    decay: float = Field(0.0001, description="weight decay")
    schedule: str = Field("cosine", description="course of the learning rate: step (paper) or cosine")
    proposals: int = Field(100, description="regions that the first stage hands on, a frame")
    sampled: int = Field(32, description="regions that the second stage learns from, a frame")
    least: float = Field(0.01, description="lowest score of a box that is given")


BLOCKS: dict[str, type[Typed]] = {"data": Data, "learning": Learning, "contrastive": Contrastive, "detector": Detection}


def names() -> list[str]:
    """Names of the profiles, those of the files in home()/profiles."""
    return sorted(path.stem for path in (home() / "profiles").glob("[!.]*.yml") if path.is_file())


def load(name: str) -> dict[str, dict[str, Any]]:
    """The sections of a profile: `BLOCKS`, checked, and `notebooks`, of which only the form is.

    Raises `SqError` for an unknown profile, section or setting, with the nearest, and for a value of another type.
    """
    from sqlib import strict_yaml

    path = home() / "profiles" / f"{name}.yml"
    if name not in names():
        alike = sorted(one.name for one in path.parent.glob("[!.]*") if f"{one.name}.".startswith(f"{name}."))
        there = f"; {path.parent} holds {alike[0]}, but a profile is a file NAME.yml, and called NAME" if alike else ""
        raise SqError(f"there is no profile {name!r}{there or nearest(name, names(), path.parent)}")
    with in_words(f"{path} cannot be read", "see profiles/ for how it is written"):
        content = strict_yaml.load(path.read_bytes())
    content, known = _mapping(content, path), (*BLOCKS, "notebooks")
    if unknown := [key for key in content if key not in known]:
        raise SqError(f"{path}: unknown section {unknown[0]!r}{nearest(unknown[0], known)}")
    notebooks = _mapping(content.get("notebooks"), f"{path}, notebooks")
    blocks = {block: check(model, _mapping(content.get(block), f"{path}, {block}"), f"{path.name}, {block}")
              for block, model in BLOCKS.items()}
    return blocks | {"notebooks": {name: _mapping(own, f"{path}, {name}") for name, own in notebooks.items()}}


def _mapping(content, where) -> dict:
    """A profile, or a section of one, which may be empty; `SqError` where it is something else."""
    if not isinstance(content, dict | None):
        raise SqError(f"{where}: write a mapping of names to values, not {reprlib.repr(content)}")
    return content or {}


def shared(wanted: list[str]) -> type[Typed]:
    """The model of the shared settings that a chapter names: "learning" is all of a block, "data.size" a single one.

    Their defaults are the blocks'. Raises `SqError` for a name that is none.
    """
    fields = {}
    for name in wanted:
        block, _, one = str(name).partition(".")
        own = BLOCKS[block].model_fields if block in BLOCKS else {}
        chosen = {one: own[one]} if one in own else {} if one else own
        if not chosen:
            known = [*BLOCKS, *(f"{block}.{field}" for block, model in BLOCKS.items() for field in model.model_fields)]
            raise SqError(f"there are no shared settings {name!r}{nearest(name, known)}")
        fields |= {field: (info.annotation, info) for field, info in chosen.items()}
    return create_model("Settings", __base__=Typed, **fields)


def values_of(profile: dict[str, dict[str, Any]], chapter: str, wanted: list[str]) -> dict[str, Any]:
    """What a loaded profile sets of the shared settings that a chapter names; its own values go before the blocks'."""
    model, found = shared(wanted), {}
    for block in dict.fromkeys(name.partition(".")[0] for name in wanted):
        found |= profile[block]
    found |= profile["notebooks"].get(chapter, {})
    return check(model, {name: value for name, value in found.items() if name in model.model_fields}, chapter)


def read_notebook(path: Path) -> dict[str, Any]:
    """A notebook as the JSON that it is, with its `cells` and `metadata`; `SqError` says why it is none.

    Importing nbformat takes seconds, and every command reads notebooks.
    """
    with in_words(f"{path} is not a notebook that can be read", "take it anew from where it came"):
        text = Path(path).read_text(encoding="utf-8-sig")
        if not text.strip():
            raise ValueError("it is empty")
        if mark := re.search(r"^(?:<{7}|={7}|>{7})(?: .*)?$", text, flags=re.MULTILINE):
            line = text.count("\n", 0, mark.start()) + 1
            raise ValueError(f"line {line} is a mark of a conflict that git could not merge")
        content = json.loads(text)
        if not isinstance(content, dict) or content.get("nbformat") != 4:
            raise ValueError("its nbformat is not 4: open it in JupyterLab and save it")
        for part, kind in {"metadata": dict, "cells": list}.items():
            if not isinstance(content.get(part), kind):
                raise ValueError(f"it has no {part}")
        return content


def settings(chapter: str, profile: str, changes: list[str]) -> Typed:
    """The shared settings of a chapter: the profile's, with `changes` ("rate=0.02"); none for an unknown notebook.

    Which they are stands in the metadata of home()/notebooks/CHAPTER.ipynb. Raises `SqError` as `load`, `shared` and
    `parse` do.
    """
    path, wanted = home() / "notebooks" / f"{chapter}.ipynb", []
    if path.is_file():
        with in_words(f"{path} is not a notebook that can be read", "take it anew from where it came"):
            wanted = read_notebook(path)["metadata"].get("sq", {}).get("settings", [])
    elif changes:
        raise SqError(f"there is no notebook {path}, whose metadata would say which shared settings {chapter} has")
    model = shared(wanted)
    own = values_of(load(profile), chapter, wanted) if wanted else {}
    return model(**own | parse(model, changes, f"settings of {chapter}"))
