"""The playground of augmentations: each picture is what sqlib.learn made, and each number the chapter's."""

import matplotlib
import numpy as np
import pandas as pd
import pytest
import torch
from published import SIDE, altered, row_of

from sqlib.data.frames import make_frameset, make_index
from sqlib.errors import SqError
from sqlib.judge import sources
from sqlib.learn import augment
from sqlib.learn.lowpass import solarized_low_pass
from sqlib.learn.samples import make_samples
from sqlib.show import playground

matplotlib.use("agg")
STATES = 5 * 1 + 1 + 4 * 3 + 1  # turns, nothing, four kinds of chance with three draws, time mixing


@pytest.fixture(scope="module")
def batch():
    return altered()


@pytest.fixture(scope="module")
def tried(batch):
    return playground.attempts(*batch, torch.Generator().manual_seed(1))


def seen(frames: torch.Tensor, white) -> np.ndarray:
    """Frames (B, H, W) as they should be shown."""
    return np.round(np.clip(frames.numpy() * 255.0 / np.asarray(white)[:, None, None], 0, 255))


def test_there_is_a_picture_of_every_frame_low_pass_kind_and_draw(tried):
    assert len(tried[0]) == len(tried[1]) == 2 * 3 * STATES
    keys = tried[1][["event", "threshold", "then", "draw"]]
    assert not keys.duplicated().any()
    order = [*keys["event"].unique()]
    assert keys["event"].tolist() == sorted(keys["event"], key=order.index)  # a frame's stand together


def test_each_picture_is_what_augment_made_of_the_frame(batch, tried):
    frames, inside, _ = batch
    white = np.maximum(np.quantile(frames[:, 1].flatten(1), 0.995, axis=1), 1)
    for threshold in (0, 50, 30):
        plain = solarized_low_pass(frames, threshold) if threshold else frames
        wanted = {kind: augment.turn(plain, torch.full((2,), number)) for kind, number in augment.SYMMETRIES.items()
                  if kind in playground.KINDS}
        assert len(wanted) == 6
        seeds = torch.randint(2**31, (3,), generator=torch.Generator().manual_seed(1)).tolist()
        for draw, seed in enumerate(seeds):
            for kind in ("crop", "shift", "gaussian_blur"):
                with_mask = torch.cat([plain, 255 * inside[:, None].byte()], 1) if kind != "gaussian_blur" else plain
                wanted[kind, draw] = augment.EXTRAS[kind](with_mask, torch.Generator().manual_seed(seed))
            wanted["erasing", draw] = augment.random_erasing(plain, torch.Generator().manual_seed(seed))
        for key, done in wanted.items():
            kind, draw = key if isinstance(key, tuple) else (key, 0)
            top = [255, 255] if threshold else np.maximum(white, 100 if kind == "erasing" else 1)
            for event in (0, 1):
                picture = tried[0][row_of(tried[1], event, threshold, kind, draw)].astype(int)
                assert np.abs(picture - seen(done[:, 1], top)[event][..., None]).max() <= 1, (kind, draw, threshold)
    mixed = tried[0][row_of(tried[1], 0, 0, playground.MIXING)]
    for channel in range(3):
        assert np.abs(mixed[..., channel] - seen(frames[:, channel], white)[0]).max() <= 1


def test_contrasts_are_those_of_the_chapter_and_boxes_go_where_the_source_goes(batch, tried):
    frames, inside, _ = batch
    assert tried[1]["before"].unique() == pytest.approx(sources.contrast(frames[:, 1], inside))
    turned = row_of(tried[1], 0, 50, "v-flip")
    low = augment.turn(solarized_low_pass(frames, 50), torch.full((2,), augment.SYMMETRIES["v-flip"]))
    assert tried[1]["after"][turned] == pytest.approx(sources.contrast(low[:, 1], inside.flip(-2))[0])
    assert tried[1]["boxes"][turned] == [[7, SIDE - 11, 13, SIDE - 5]]
    assert tried[1]["boxes"][row_of(tried[1], 1, 0, "as it is")] == [[7, 5, 13, 11]]
    erased = tried[1][tried[1]["then"] == "erasing"]
    assert erased["left"].between(0, 1).all()
    assert (tried[1]["after"].isna() == (tried[1]["left"] == 0))[tried[1]["then"] == "crop"].all()


def test_altered_source_that_leaves_the_frame_is_lost(batch):
    frames, inside, _ = batch
    corner = torch.zeros_like(inside)
    corner[:, 0, 0] = True
    places = [sources.altered("crop", frames, corner, torch.Generator().manual_seed(i))[1] for i in range(20)]
    assert any(not place[0].any() for place in places)


def test_sentences_say_what_became_of_the_source(tried):
    table = tried[1].assign(sunquake=True, before=7.0, after=3.0, left=0.75)
    erased = table.iloc[row_of(tried[1], 0, 0, "erasing")]
    assert playground.sentence(erased).endswith("7.0 before, 3.0 after; 25% of it is painted over.")
    assert "moved with the frame" in playground.sentence(table.iloc[row_of(tried[1], 0, 0, "90°")])
    plain = table.iloc[row_of(tried[1], 0, 50, "as it is")]
    assert playground.sentence(plain) == "Contrast of the source: 7.0 before, 3.0 after."
    gone = table.assign(after=np.nan).iloc[row_of(tried[1], 0, 0, "crop")]
    assert "cut off" in playground.sentence(gone)
    assert "marked place" in playground.sentence(gone.replace({True: False}))


def test_frames_are_chosen_from_clear_to_middling_with_one_that_has_none(rng):
    events, boxes = 4, ((4.0, 4.0, 8.0, 8.0),)
    index = make_index({"event": np.repeat([f"e{i}" for i in range(events)], 8), "cycle": 24,
                        "frame": [*range(8)] * events,
                        "time": pd.Timestamp("2012-07-06"), "label": [0, 0, 0, 1, 1, 1, 0, 0] * events,
                        "boxes": [(), (), (), boxes, boxes, boxes, (), ()] * events})
    pixels = rng.integers(0, 50, size=(8 * events, 24, 24)).astype(np.uint8)
    for i in range(events):
        pixels[8 * i + 4, 5, 5] = 60 + 40 * i  # frame 4 is the clearest, and the last event the clearest of all
    batch, inside, facts = playground.choose(make_samples(make_frameset(pixels, index, "twin", "cube"), 3), count=2)
    assert facts[["event", "frame", "label"]].values.tolist() == [["e3", 4, 1], ["e1", 4, 1], ["e3", 1, 0]]
    np.testing.assert_array_equal(batch[0], pixels[[27, 28, 29]])
    assert inside.sum((1, 2)).tolist() == [16, 16, 16]
    bare = make_samples(make_frameset(pixels, index.assign(boxes=[()] * len(index)), "twin", "cube"), 3)
    with pytest.raises(SqError, match="needs an annotated frame"):
        playground.choose(bare)
