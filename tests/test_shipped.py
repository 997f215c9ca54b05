"""Networks that come with the book are what the code at hand trains.

    python tests/test_shipped.py   # trains the one that the test trains, and puts it beside them
"""

import numpy as np
import pytest
import torch

from sqlib import keys
from sqlib.learn import encoders, practice_set, recipes, trained
from sqlib.paths import home
from sqlib.profiles import Learning

FRESH = "sqlib.learn or the practice cubes have changed: train what comes with the book anew (results/README.md)"


def tiny():
    """Settings of a network that is trained in seconds, and what teaches it."""
    small = {"seed": 1, "crop": 64, "patch": 24, "width": 4, "encoding": 16, "projection": 16, "watch": 0, "steps": 10,
             "batch": 16, "precision": "fp32", "rate": 0.0005}  # so few small steps do not grow a processor's last bits
    settings = recipes.run(Learning().model_dump() | small, "supcon", 2, practice=6, events=False)
    return settings, practice_set.practice_frames(6, 64, progress=False)


@torch.no_grad()
def margins(run, frames):
    net, asked = encoders.load_net(run, 64, "cpu"), encoders.samples_for(run.settings, frames, "cpu")
    return encoders.answers(net, asked, torch.arange(0, len(asked), 8), "fp32", "margin")[:, 0]


def test_a_network_that_is_trained_anew_is_the_one_that_came_with_the_book(tmp_path, monkeypatch, request):
    book = home()
    key = encoders.run_key(tiny()[0], "", "cpu")
    came = book / trained.SHIPPED / keys.lasting(key)
    monkeypatch.setenv("SQ_HOME", str(tmp_path))
    (tmp_path / "results").mkdir()
    (tmp_path / trained.SHIPPED).symlink_to(book / trained.SHIPPED)
    assert came.is_dir(), FRESH
    threads = torch.get_num_threads()
    request.addfinalizer(lambda: torch.set_num_threads(threads))
    torch.set_num_threads(1)  # sums of two threads have other last bits, and so few steps grow them
    settings, frames = tiny()
    found = encoders.train(settings, frames, device="cpu", progress=False)
    anew = encoders.train(settings, frames, device="cpu", progress=False, anew=True)
    assert found.shipped and not anew.shipped
    assert anew.history["loss"].to_numpy() == pytest.approx(found.history["loss"].to_numpy(), abs=0.002), FRESH
    ours, theirs = margins(anew, frames), margins(found, frames)
    assert np.corrcoef(ours, theirs)[0, 1] > 0.98 and np.abs(ours - theirs).max() < 0.3 * theirs.std(), FRESH


if __name__ == "__main__":
    trained.ship([encoders.train(*tiny(), device="cpu").key])
