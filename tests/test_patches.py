"""Patches: positives hold a source, negatives hold none, and what networks see of power is what they are told."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from scipy.ndimage import gaussian_filter, uniform_filter1d

from sqlib.data.frames import join, make_frameset, make_index, middles
from sqlib.errors import SqError
from sqlib.learn import levels, patches
from sqlib.learn.samples import channels, gather, make_samples, sparse, split
from sqlib.learn.train import generator_of

SIZE, PATCH, FRAMES = 64, 24, 60
SOURCES = [(10, 24, 20.0, 30.0), (35, 47, 44.0, 18.0)]  # first, last, y, x in each event


@pytest.fixture(scope="module")
def frameset():
    """Four events of dim speckle; where a source shines its pixel is 255, and nothing else is."""
    rng, rows, parts = np.random.default_rng(3), [], []
    for event in range(4):
        pixels = rng.exponential(12, (FRAMES, SIZE, SIZE)).clip(0, 120).astype(np.uint8)
        for frame in range(FRAMES):
            on = [(y, x) for first, last, y, x in SOURCES if first <= frame <= last]
            for y, x in on:
                pixels[frame, int(y), int(x)] = 255
            boxes = tuple((x + 0.5 - 8, y + 0.5 - 8, x + 0.5 + 8, y + 0.5 + 8) for y, x in on)
            rows.append({"event": f"practice {event}", "cycle": 24, "frame": frame, "time": np.datetime64("2012-01-01"),
                         "label": int(bool(on)), "boxes": boxes})
        parts.append(pixels)
    return make_frameset(np.concatenate(parts), make_index(rows), "twin", "frame")


@pytest.fixture(scope="module")
def samples(frameset):
    return make_samples(frameset, 3)


@pytest.fixture(scope="module")
def sources(samples):
    return patches.find_sources(samples, np.arange(len(samples)))


def test_the_sources_are_those_of_the_boxes(sources):
    assert sources.table.shape == (8, 5)
    found = {tuple(row) for row in sources.table[:, 1:].round(decimals=1).tolist()}
    assert found == {(first, last, y + 0.5, x + 0.5) for first, last, y, x in SOURCES}


def test_half_of_the_patches_hold_a_source_in_their_middle_frame_and_the_others_none(samples, sources):
    generator = generator_of(samples.device, 1)
    for _ in range(5):
        drawn = patches.draw(samples, sources, 64, PATCH, generator)
        cut = patches.cut(samples, drawn, PATCH, generator)
        assert cut.shape == (64, 3, PATCH, PATCH) and cut.dtype == torch.uint8
        assert drawn.labels.sum() == 32
        assert torch.equal((cut[:, 1] == 255).flatten(1).any(1).long(), drawn.labels)


def test_negatives_are_at_the_same_place_at_another_time_and_elsewhere_in_equal_parts(samples, sources):
    drawn = patches.draw(samples, sources, 4000, PATCH, generator_of(samples.device, 2))
    quiet = drawn.labels == 0
    places = torch.tensor([(y + 0.5, x + 0.5) for _, _, y, x in SOURCES])
    same = (drawn.middle[quiet][:, None] == places).all(-1).any(-1)
    assert 0.45 < same.float().mean() < 0.6, "half, but for those that had to be drawn anew"
    assert len(set(drawn.which[quiet].tolist())) > 150, "every quiet frame is in play"


def test_each_source_is_drawn_as_often_and_the_same_seed_draws_the_same(samples, sources):
    one, again = (patches.draw(samples, sources, 4000, PATCH, generator_of(samples.device, 3)) for _ in range(2))
    assert all(torch.equal(a, b) for a, b in zip(one, again))
    events = samples.index["event"].iloc[one.which[one.labels == 1].numpy()].value_counts()
    assert len(events) == 4 and events.min() > 0.8 * events.max()


def test_frames_without_a_box_in_their_middle_are_refused(frameset):
    samples = make_samples(frameset, 3, 16)  # the middle 16 pixels hold no source
    with pytest.raises(SqError, match="none of these frames has a box"):
        patches.find_sources(samples, np.arange(len(samples)))


def test_relative_levels_are_the_logarithm_of_power_over_the_frame_and_over_its_surroundings(rng):
    power = rng.exponential(20, (60, 48, 48)).clip(0, 255) * np.linspace(0.3, 1, 48)
    frames = torch.from_numpy(power.astype(np.uint8))
    made = levels.pictures(frames, "relative", 3).numpy()
    ratio = frames.numpy() / frames.numpy().mean((1, 2), keepdims=True)
    mean, local = uniform_filter1d(ratio, 3, 0, mode="nearest"), uniform_filter1d(ratio, 41, 0, mode="nearest")
    local = gaussian_filter(local, (0, 5, 5), mode="reflect")
    for plane, wanted in zip(made, (mean, mean / local)):
        wanted = 40 * np.log((wanted + 0.1) / 0.1)
        assert np.abs(plane - wanted)[:, 8:-8, 8:-8].max() < 3, "a level is 2.5 %, and surroundings are smooth"
    assert round(40 * np.log(11)) == levels.ONE


def test_times_further_apart_are_means_of_so_many_frames(frameset):
    far = make_samples(frameset, 5, spacing=3)
    assert far.index["frame"].min() == 7 and far.index["frame"].max() == FRAMES - 8
    number = int(np.flatnonzero((far.index["frame"] == 30) & (far.index["event"] == "practice 2"))[0])
    picture = gather(far, torch.tensor([number]))[0].float()
    own = torch.from_numpy(frameset.pixels[2 * FRAMES : 3 * FRAMES]).float()
    wanted = torch.stack([own[30 + by - 1 : 30 + by + 2].mean(0) for by in (-6, -3, 0, 3, 6)])
    assert (picture - wanted).abs().max() <= 0.5
    assert channels(far, torch.tensor([number])).shape == (1, 5)
    with pytest.raises(SqError, match="spacing=2"):
        make_samples(frameset, 5, spacing=2)


def test_relative_samples_have_two_planes_a_time(frameset):
    relative = make_samples(frameset, 3, 32, levels="relative")
    assert relative.planes == 2 and len(relative.pool) == 2 * 4 * FRAMES and relative.cut == 16
    batch = gather(relative, torch.tensor([5]))[0]
    own = levels.pictures(torch.from_numpy(frameset.pixels[:FRAMES]), "relative")[..., 16:48, 16:48]
    frame = relative.index["frame"][5]
    assert torch.equal(batch, own[:, frame - 1 : frame + 2].transpose(0, 1).flatten(0, 1))


def test_sparse_samples_are_those_of_every_so_many_frames(samples):
    few = sparse(samples, 4)
    assert (few.index["frame"] % 4 == 0).all() and len(few) == len(few.rows) == 4 * 14
    assert torch.equal(gather(few, torch.tensor([0]))[0], samples.pool[3:6])


def test_practice_events_are_all_to_learn_from(samples):
    train, test = split(samples)
    assert len(train) == len(samples) and not len(test)


def test_frame_sets_are_cut_and_joined_with_their_boxes(frameset):
    inner = middles(frameset, 32)
    both = join(inner, inner)
    assert both.pixels.shape == (8 * FRAMES, 32, 32) and len(both.index) == 8 * FRAMES
    assert np.array_equal(both.pixels[: 4 * FRAMES], frameset.pixels[:, 16:48, 16:48])
    frame = int(np.flatnonzero(frameset.index["label"])[0])
    assert np.allclose(np.array(inner.index["boxes"][frame]), np.array(frameset.index["boxes"][frame]) - 16)
    assert len({frameset.origin, inner.origin, both.origin, middles(frameset, 30).origin}) == 4
    with pytest.raises(SqError, match="no middle of 65"):
        middles(replace(frameset), 65)
