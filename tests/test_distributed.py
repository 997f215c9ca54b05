"""Two processes have, together, the gradients of one process with the whole batch."""

import pytest
import torch
import torch.distributed as dist
from torch import nn
from torch.nn.parallel import DistributedDataParallel

from sqlib.learn.losses import class_weights, focal, gather, simclr, supcon, weighted_supcon

PARTS = (4, 4)  # samples of each process, of two views
# of both; the first process alone has one anchor of class 1 and none of class 2
LABELS = torch.tensor([0, 1, 0, 0, 0, 0, 1, 2])
WEIGHTS = class_weights((12949, 845, 100))
NAMES = ("simclr", "supcon", "anchor", "authors", "focal")


def net() -> nn.Module:
    layers = nn.Sequential(nn.Linear(6, 8), nn.Tanh(), nn.Linear(8, 4)).double()
    drawn = torch.Generator().manual_seed(1265)
    with torch.no_grad():
        for weight in layers.parameters():
            weight.copy_(torch.randn(weight.shape, generator=drawn, dtype=torch.float64))
    return layers


def views() -> torch.Tensor:
    """Both views (2, B, 6) of the whole batch."""
    return torch.randn(2, sum(PARTS), 6, generator=torch.Generator().manual_seed(24), dtype=torch.float64)


def loss_of(name: str, model: nn.Module, x: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
    """Loss of the views x (2, B, 6) by name, as a training step takes it, with one process or several."""
    z = model(x.flatten(0, 1))
    if name == "simclr":
        return simclr(*gather(*z.chunk(2)), temperature=0.1)
    z, labels = gather(z, labels.repeat(2))
    if name == "supcon":
        return supcon(z, labels, temperature=0.1)
    if name == "focal":
        return focal(z, labels, weights=WEIGHTS)
    return weighted_supcon(z, labels, 0.1, WEIGHTS, form=name)


def gradients(model: nn.Module) -> list[torch.Tensor]:
    return [weight.grad for weight in model.parameters()]


def work(rank: int, folder) -> None:
    """One of the processes: losses and gradients by name, and a gathered batch in bfloat16, into a file of its own."""
    torch.set_num_threads(1)
    dist.init_process_group("gloo", init_method=f"file://{folder}/meet", rank=rank, world_size=len(PARTS))
    own = slice(sum(PARTS[:rank]), sum(PARTS[: rank + 1]))
    found = {}
    for name in NAMES:
        model = DistributedDataParallel(net())
        loss = loss_of(name, model, views()[:, own], LABELS[own])
        loss.backward()
        found[name] = loss.detach(), gradients(model)
    short = torch.full((PARTS[rank], 2), rank + 0.5, dtype=torch.bfloat16)
    found["gathered"] = gather(short, LABELS[own])
    torch.save(found, f"{folder}/{rank}.pt")
    dist.destroy_process_group()


@pytest.fixture(scope="module")
def ranks(tmp_path_factory):
    """What each of the processes found."""
    folder = tmp_path_factory.mktemp("ranks")
    torch.multiprocessing.spawn(work, (folder,), nprocs=len(PARTS))
    return [torch.load(folder / f"{rank}.pt") for rank in range(len(PARTS))]


@pytest.mark.timeout(120)
@pytest.mark.parametrize("name", NAMES)
def test_two_processes_have_the_loss_and_the_gradients_of_one(ranks, name):
    model = net()
    loss = loss_of(name, model, views(), LABELS)
    loss.backward()
    for found in ranks:
        assert torch.allclose(found[name][0], loss, rtol=1e-12)
        for mine, theirs in zip(gradients(model), found[name][1], strict=True):
            assert mine.abs().max() > 1e-3
            assert torch.allclose(theirs, mine, rtol=1e-10, atol=1e-13)


def test_parts_are_gathered_in_order_of_rank(ranks):
    for found in ranks:
        rows, labels = found["gathered"]
        assert rows.dtype == torch.bfloat16 and rows[:, 0].tolist() == [0.5] * PARTS[0] + [1.5] * PARTS[1]
        assert torch.equal(labels, LABELS)
