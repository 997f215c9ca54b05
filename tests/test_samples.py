"""Samples: three frames of one event as channels, splits that do not leak, and errors that say what is wrong."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from sqlib.data import catalogue, paper_split
from sqlib.data.frames import make_frameset, make_index
from sqlib.errors import SqError
from sqlib.learn.augment import Views
from sqlib.learn.levels import LEAST, STEPS, pictures
from sqlib.learn.lowpass import solarized_low_pass
from sqlib.learn.samples import gather, hold_out, make_samples, split, with_window


@pytest.fixture(scope="module")
def frameset():
    """20 frames of each labelled event; a pixel tells the event, another the frame. Frames 5 to 9 are positive."""
    events = [event for event in catalogue() if event.labelled]
    rows = [{"event": e.key, "cycle": e.cycle, "frame": f, "time": e.start, "label": int(5 <= f < 10), "boxes": ()}
            for e in events for f in range(20)]
    pixels = np.random.default_rng(0).integers(0, 255, (len(rows), 16, 16)).astype(np.uint8)
    pixels[:, 8, 8] = [events.index(e) for e in events for _ in range(20)]
    pixels[:, 8, 9] = list(range(20)) * len(events)
    return make_frameset(pixels, make_index(rows), "twin", "cube")


@pytest.mark.parametrize("window", [1, 3, 5, 9])
def test_a_sample_is_a_frame_between_its_neighbours_of_the_same_event_in_time_order(frameset, window):
    samples = make_samples(frameset, window)
    batch = gather(samples, torch.arange(len(samples))).long()
    assert len(samples) == 53 * (20 - (window - 1))
    assert (batch[:, :, 8, 8] == batch[:, :1, 8, 8]).all(), "one event"
    assert (batch[:, :, 8, 9].diff(dim=1) == 1).all(), "consecutive frames, earliest first"
    assert (batch[:, window // 2, 8, 9].numpy() == samples.index["frame"]).all(), "the sample's own frame in the middle"


def test_samples_of_another_window_share_the_frames(frameset):
    samples, own = make_samples(frameset, 1), make_samples(frameset, 5)
    shared = with_window(samples, frameset.index, 5)
    assert shared.pool is samples.pool and shared.index.equals(own.index) and shared.labels.equal(own.labels)
    assert gather(shared, torch.arange(len(own))).equal(gather(own, torch.arange(len(own))))


def test_a_frame_beside_a_gap_is_no_sample_and_the_order_of_the_rows_does_not_matter(frameset):
    keep = np.random.default_rng(1).permutation(np.flatnonzero(frameset.index["frame"] != 12))
    index = frameset.index.iloc[keep].reset_index(drop=True)
    samples = make_samples(make_frameset(frameset.pixels[keep], index, "twin", "cube"), 3)
    assert not set(samples.index["frame"]) & {0, 11, 12, 13, 19}
    batch = gather(samples, torch.arange(len(samples))).long()
    assert (batch[:, 1, 8, 9].numpy() == samples.index["frame"]).all()
    assert (batch[:, :, 8, 9].diff(dim=1) == 1).all()


def test_the_crop_is_the_middle_and_the_filter_saw_the_whole_frame(frameset):
    samples = make_samples(frameset, 3, 8, Views(threshold=6))
    assert samples.pixels.shape[1:] == (8, 8)
    which = torch.arange(6)
    marked = torch.tensor([True, False] * 3)
    batch = gather(samples, which, marked)
    rows = np.flatnonzero(frameset.index["event"] == samples.index["event"][0])[:8]
    whole = torch.from_numpy(frameset.pixels[rows])
    filtered = solarized_low_pass(whole, 6)[:, 4:12, 4:12]
    for i in range(6):
        expected = filtered[i : i + 3] if marked[i] else whole[i : i + 3, 4:12, 4:12]
        assert torch.equal(batch[i], expected)


def test_the_event_split_is_the_papers_and_shares_no_event(frameset):
    samples = make_samples(frameset)
    train, test = split(samples, "event")
    train_events, test_events = (set(samples.index["event"].iloc[part]) for part in (train, test))
    assert (train_events, test_events) == tuple({e.key for e in part} for part in paper_split(catalogue()))
    assert len(train) + len(test) == len(samples)


def test_the_sample_split_puts_neighbours_on_both_sides(frameset):
    samples = make_samples(frameset)
    train, test = split(samples, "sample", seed=3)
    assert not set(train) & set(test)
    assert len(train) == int(0.8 * len(samples))
    assert len(set(samples.index["event"].iloc[train]) & set(samples.index["event"].iloc[test])) > 40
    again = split(samples, "sample", seed=3)
    assert np.array_equal(train, again[0])
    assert not np.array_equal(train, split(samples, "sample", seed=4)[0])


def test_events_held_out_to_watch_the_loss_do_not_train(frameset):
    samples = make_samples(frameset)
    train, _ = split(samples)
    rest, watched = hold_out(samples.index, train, 0.1, 0)
    assert not set(samples.index["event"].iloc[rest]) & set(samples.index["event"].iloc[watched])
    assert len(set(samples.index["event"].iloc[watched])) == 4
    assert np.array_equal(np.sort(np.concatenate([rest, watched])), train)


@pytest.mark.parametrize("window", [0, 2, -1])
def test_an_even_window_is_refused(frameset, window):
    with pytest.raises(SqError, match="odd"):
        make_samples(frameset, window)


def test_bad_input_is_named(frameset):
    with pytest.raises(SqError, match="crop=17"):
        make_samples(frameset, 3, 17)
    with pytest.raises(SqError, match="neighbours"):
        make_samples(frameset, 21)
    samples = make_samples(frameset)
    with pytest.raises(SqError, match="event or sample"):
        split(samples, "random")
    index = samples.index.assign(label=1)
    with pytest.raises(SqError, match="no negative"):
        split(replace(samples, index=index), "event")


def test_logarithms_forget_how_bright_a_frame_is_and_keep_ratios_of_power():
    power = np.exp(np.random.default_rng(0).normal(3, 0.5, (3, 32, 32)))
    power[1], power[2] = 2 * power[0], power[0][::-1]
    frames = torch.from_numpy(np.rint(power).clip(0, 255).astype(np.uint8))
    one, brighter, turned = pictures(frames, "logarithm")[0].float()
    assert (one - brighter).abs().mean() < 2, "gray levels are whole numbers, so a little is left"
    assert torch.equal(one.flip(0), turned)
    relative = frames[0] / frames[0].float().mean()
    np.testing.assert_allclose(one, STEPS * torch.log((relative + LEAST) / LEAST), atol=0.51)


@pytest.mark.parametrize("levels", ["gray", "logarithm", "relative", "region"])
@pytest.mark.parametrize(("size", "side"), [(128, 48), (90, 33), (64, 64)])
def test_pictures_of_the_middle_are_the_middle_of_the_pictures(rng, levels, size, side):
    """Dark in the middle, bright at the rim, speckle everywhere: what lies outside counts as far as it reaches."""
    rim = 10 + 40 * np.hypot(*(np.indices((size, size)) / size - 0.5))
    frames = torch.from_numpy((rng.exponential(1, (50, size, size)) * rim).clip(0, 255).astype(np.uint8))
    inner = slice((size - side) // 2, (size - side) // 2 + side)
    off = pictures(frames, levels, 3, inner).int() - pictures(frames, levels, 3)[..., inner, inner].int()
    assert off.shape[-2:] == (side, side) and off.abs().max() <= 1 and (off != 0).float().mean() < 1e-4
