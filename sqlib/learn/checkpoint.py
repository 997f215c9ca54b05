"""Checkpoints: everything that a training run needs to go on, in one safetensors file (never a pickle)."""

import json
from pathlib import Path

import torch
from safetensors import safe_open
from safetensors.torch import save_file

from sqlib.errors import in_words
from sqlib.paths import replacing


def save(path: Path, tensors: dict[str, dict[str, torch.Tensor]], facts: dict) -> None:
    """Write groups of tensors and JSON-able `facts` to a file that appears whole. `SqError` where that cannot be."""
    every = {f"{group}/{name}": tensor for group, own in tensors.items() for name, tensor in own.items()}
    # tensors that share memory are refused by the format: each gets its own
    flat = {name: tensor.detach().cpu().contiguous().clone() for name, tensor in every.items()}
    with replacing(path) as aside:
        save_file(flat, aside, {"facts": json.dumps(facts)})


def load(path: Path) -> tuple[dict[str, dict[str, torch.Tensor]], dict]:
    """Read what `save` wrote. Raises `SqError` for a file that is damaged, cut off or not one of ours."""
    groups: dict[str, dict[str, torch.Tensor]] = {}
    with in_words(f"{path} is damaged", "delete it to train anew"), safe_open(path, "pt") as file:
        facts = json.loads(file.metadata()["facts"])
        for key in file.keys():  # noqa: SIM118 (no mapping)
            group, name = key.split("/", 1)
            groups.setdefault(group, {})[name] = file.get_tensor(key)
    return groups, facts


def load_into(net: torch.nn.Module, path: Path, advice: str) -> torch.nn.Module:
    """Give `net` the weights that `save` wrote as the group "net"; `SqError`, with `advice`, where they do not fit."""
    groups, _ = load(path)
    with in_words(f"the weights in {path} are not of this network", advice):
        net.load_state_dict(groups["net"])
    return net


def optimizer_state(optimizer: torch.optim.Optimizer) -> dict[str, torch.Tensor]:
    """State of an optimizer (momentum, moments, steps) as named tensors."""
    state = optimizer.state_dict()["state"]
    every = {f"{place}.{name}": value for place, own in state.items() for name, value in own.items()}
    return {name: torch.as_tensor(value) for name, value in every.items() if value is not None}


def restore_optimizer(optimizer: torch.optim.Optimizer, tensors: dict[str, torch.Tensor]) -> None:
    """Give an optimizer back what `optimizer_state` took."""
    state: dict[int, dict] = {}
    own = [weight for group in optimizer.param_groups for weight in group["params"]]
    for key, value in tensors.items():
        place, name = key.split(".", 1)
        if value.shape == own[int(place)].shape:  # laid out as the weight is: a fused step reads them side by side
            value = torch.empty_like(own[int(place)], requires_grad=False).copy_(value)
        state.setdefault(int(place), {})[name] = value
    optimizer.load_state_dict({**optimizer.state_dict(), "state": state})
