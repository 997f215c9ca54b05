"""Networks that come with the book are what the code at hand trains.

    python tests/test_shipped.py   # trains the one that the test trains, and puts it beside them
"""

import json
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
import torch
from test_workshop import came, simulated, trial

from sqlib import answers
from sqlib.data import build
from sqlib.data.build import make_cube
from sqlib.data.catalogue import catalogue
from sqlib.data.cubes import read_cube
from sqlib.data.frames import frames_from_cube, middles
from sqlib.data.splits import paper_split
from sqlib.data.trial import SEED, trial_events
from sqlib.judge import cases, embeddings, observers, other_looks
from sqlib.learn import chapters, encoders, event_search, practice_set, recipes, trained
from sqlib.learn.locator import WEIGHTS
from sqlib.learn.samples import sparse
from sqlib.paths import home
from sqlib.profiles import Learning
from sqlib.sun.twin import TwinSettings

CUBE = "margin-cube.npy"  # a cube's means, beside the network
FRESH = "sqlib.learn or the practice cubes have changed: train what comes with the book anew (results/README.md)"


def tiny():
    """Settings of a network that is trained in seconds, what teaches it, and the practice cube as it comes.

    It is taught on noise of whole numbers with bright squares where the cube has its sources: the same on every
    processor. In cubes some pixels are rounded otherwise, and each step of training doubles what that changes.
    """
    small = {"seed": 1, "crop": 64, "patch": 24, "width": 4, "encoding": 16, "projection": 16, "watch": 0, "steps": 10,
             "batch": 16, "precision": "fp32", "rate": 0.002}
    settings = recipes.run(Learning().model_dump() | small, "supcon", 2, practice=0)
    cube = practice_set.practice_frames(6, 64, progress=False)
    pixels = np.random.default_rng(1).integers(0, 60, cube.pixels.shape, np.uint8)
    for frame, boxes in zip(pixels, cube.index["boxes"]):
        for x0, y0, x1, y1 in np.array(boxes).reshape(-1, 4).round().astype(int):
            frame[y0 + 6 : y1 - 6, x0 + 6 : x1 - 6] += 90
    return settings, replace(cube, pixels=pixels), coarse(cube.pixels)


def coarse(pixels):
    """Means (T / 16, 8, 8) of a cube's frames over blocks, in gray levels."""
    time, height, width = pixels.shape
    return pixels.reshape(time // 16, 16, 8, height // 8, 8, width // 8).mean((1, 3, 5)).astype(np.float32)


def whole_frames(event, settings, folder, size=256):
    """Frames of an event as the laptop profile has them."""
    make_cube(event, settings, folder / "cube.fits")
    return frames_from_cube(read_cube(folder / "cube.fits"), size, "frame")


@torch.no_grad()
def margins(run, frames):
    net, asked = encoders.load_net(run, 64, "cpu"), encoders.samples_for(run.settings, frames, "cpu")
    return encoders.heads(net, encoders.encode(net, asked, torch.arange(0, len(asked), 8), "fp32"), "margin")[:, 0]


def test_a_network_that_is_trained_anew_is_the_one_that_came_with_the_book(tmp_path, monkeypatch, request):
    book = home()
    monkeypatch.setenv("SQ_HOME", str(tmp_path))
    (tmp_path / "results").mkdir()
    (tmp_path / trained.SHIPPED).symlink_to(book / trained.SHIPPED)
    threads = torch.get_num_threads()
    request.addfinalizer(lambda: torch.set_num_threads(threads))
    torch.set_num_threads(1)  # sums of two threads have other last bits, and so few steps grow them
    settings, frames, cube = tiny()
    came = trained.shipped_folder(encoders.run_key(settings, frames.origin, "cpu"))
    assert came.is_dir() and np.abs(cube - np.load(came / CUBE)).max() < 0.5, FRESH
    found = encoders.train(settings, frames, device="cpu", progress=False)
    anew = encoders.train(settings, frames, device="cpu", progress=False, anew=True)
    assert found.shipped and not anew.shipped
    assert anew.history["loss"].to_numpy() == pytest.approx(found.history["loss"].to_numpy(), abs=0.002), FRESH
    ours, theirs = margins(anew, frames), margins(found, frames)
    assert np.abs(ours - theirs).max() < 0.1 * theirs.std(), FRESH


@pytest.mark.parametrize("what", ["encoding", "margin"])
def test_what_came_with_the_book_is_what_its_networks_say_here(what, tmp_path):
    """Of the first event: encodings of the twin's frames, or margins of trial frames. Of networks that are shown frames
    alike, one is asked."""
    twin = what == "encoding"
    event = catalogue()[0] if twin else min(trial_events(100), key=lambda event: event.key)
    made, every = TwinSettings() if twin else TwinSettings(seed=SEED), 1 if twin else chapters.EVERY
    frames = simulated(catalogue(), build.twin_folder(made).name, "", 128) if twin else trial(100)
    own, found, asked = whole_frames(event, made, tmp_path), [], set()
    for card in sorted((home() / trained.SHIPPED).glob("*/card.json")):
        if "objective" not in json.loads(card.read_text())["settings"]:
            continue  # of another kind, which is asked anew
        run = trained.load(card.parent.name, encoders.Settings)
        path = came(what, run.key, run.settings, frames, every)
        shown = run.settings.window, run.settings.spacing, run.settings.levels, run.settings.crop
        if path.is_file() and shown not in asked:
            samples = sparse(encoders.samples_for(run.settings, own, "cpu"), every)
            which, net = torch.arange(0, len(samples), 16 // every), encoders.load_net(run, run.settings.crop, "cpu")
            ours, theirs = encoders.encode(net, samples, which, "fp32"), np.load(path)[which].astype(np.float32)
            ours = ours.numpy() if twin else encoders.heads(net, ours, what)
            assert np.abs(ours - theirs).max() < 0.2 * theirs.std(), (path.name, FRESH)
            asked.add(shown)
        found += [path.name] * path.is_file()
    assert len(found) > (3 if twin else 100) and len(asked) > 3, FRESH


def test_answers_that_came_with_the_book_are_those_that_are_given_here(tmp_path, monkeypatch):
    """About the first trial event: by the ideal observer, the locators and the search, and in other looks."""
    came = {what: [np.load(path) for path in sorted((home() / answers.SHIPPED).glob(f"{what}_*.npy"))]
            for what in ("ideal", "looks", "candidates", "scores")}
    monkeypatch.setenv("SQ_HOME", str(tmp_path))
    event, cube = trial_events(1)[0], TwinSettings(seed=SEED)
    frames = whole_frames(event, cube, tmp_path)
    middle, count = middles(frames, 128), len(frames.index)
    ours = observers.ideal(frames, cube, 128).to_numpy()
    for theirs in came["ideal"]:  # for several numbers of events, which begin with the same ones
        assert np.abs(ours - theirs[:count])[ours > -99].max() < 0.1, FRESH
    ours = other_looks.margins(1, TwinSettings(128), progress=False).to_numpy()
    assert np.abs(ours - came["looks"][0][:1]).max() < 0.01, FRESH
    for weights in (event_search.WEIGHTS, WEIGHTS):
        ours = event_search.score_frames(middle, weights, progress=False)
        assert min(np.abs(ours - theirs[:count]).max() for theirs in came["scores"]) < 0.3, FRESH
    ours = event_search.search(frames, [event.key], progress=False).iloc[0]
    theirs = pd.DataFrame(np.concatenate(came["candidates"]), columns=[*event_search.CANDIDATE, "number"])
    alike = [abs(theirs[name] - ours[name]) <= away
             for name, away in {"x": 2, "y": 2, "first": 2, "odds": 0.3, "probability": 0.05}.items()]
    assert np.all(alike, 0).sum() == 1, FRESH


def test_places_and_rings_that_came_with_the_book_are_those_that_are_given_here(tmp_path, monkeypatch):
    """Of the first event of the case studies, and of the first trial event that chapter 02 maps, by one network."""
    came = {what: [np.load(path) for path in sorted((home() / answers.SHIPPED).glob(f"{what}_*.npy"))]
            for what in ("places", "rings")}
    runs = [trained.load(path.parent.name, encoders.Settings)
            for path in sorted((home() / trained.SHIPPED).glob("*/card.json")) if '"autoencoder"' in path.read_text()]
    run = next(run for run in runs if run.settings.model.encoding == 256 and run.settings.levels == "logarithm")
    monkeypatch.setenv("SQ_HOME", str(tmp_path))
    studied = {event.key for event in paper_split(catalogue())[1]}
    event = next(event for event in catalogue() if event.key in studied or not event.labelled)
    frames = whole_frames(event, TwinSettings(), tmp_path)
    ours = cases.look(frames, np.arange(1, len(frames.index) - 1)).to_numpy()  # that have two neighbours
    assert (np.abs(ours - came["places"][0][: len(ours)])[:, :2].max(1) < 2).mean() > 0.98, FRESH
    event = min(trial_events(100), key=lambda event: event.key)
    frames = whole_frames(event, TwinSettings(seed=SEED), tmp_path, 64)
    ours = embeddings.rings(run, encoders.samples_for(run.settings, frames, "cpu"), np.arange(256), [250, 15], 1265)
    theirs = [own[0] for own in came["rings"] if len(own) == 12]  # of each network, on trial events
    away = np.abs(ours.drop(columns="event").to_numpy()[0] - np.mean(theirs, axis=0))
    assert away.max() < 0.35 and away.mean() < 0.2, (away, FRESH)


if __name__ == "__main__":
    settings, frames, cube = tiny()
    run = encoders.train(settings, frames, device="cpu")
    trained.ship([run.key])
    np.save(trained.shipped_folder(run.key) / CUBE, cube)
