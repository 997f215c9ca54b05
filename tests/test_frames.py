import json
from dataclasses import replace
from datetime import datetime

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from sqlib.data.frames import frames_at, frames_from_cube, load_frames_from, make_frameset, save_frames
from sqlib.errors import SqError


@pytest.fixture
def square(cube, rng):
    """The cube of 06 April 2001 with 32 x 32 pixels."""
    return replace(cube, power=rng.exponential(size=(40, 32, 32)).astype(np.float32))


@pytest.fixture
def other(cube, rng):
    """An event without annotation, on another day."""
    power = rng.exponential(size=(12, 32, 32)).astype(np.float32)
    start = datetime(2011, 12, 30, 2, 3)
    facts = {"event": "2011_12_30_03_03_00", "instrument": "HMI", "cadence": 45.0, "pixel": 1.09, "first_frame": 0}
    return replace(cube, power=power, start=start, boxes=(), **facts)


@pytest.fixture
def saved(square, other, tmp_path):
    """The folder of the frames of both cubes, saved one after the other."""
    parts = (frames_from_cube(one, size=24) for one in (square, other))
    save_frames(parts, tmp_path / "frames", {"note": "a test"})
    return tmp_path / "frames"


def test_minmax_per_cube_is_the_papers_recipe(square):
    frames = frames_from_cube(square, size=32)
    power = square.power.astype(float)
    wanted = np.rint((power - power.min()) / (power.max() - power.min()) * 255)
    assert frames.pixels.dtype == np.uint8 and frames.pixels.min() == 0 and frames.pixels.max() == 255
    assert (frames.pixels == wanted).mean() > 0.9999 and abs(frames.pixels - wanted).max() <= 1  # float32 ties
    assert (frames.source, frames.scaling) == ("twin", "cube")


def test_scaling_by_frame_uses_all_of_every_frame(square):
    frames = frames_from_cube(square, size=24, scaling="frame")
    assert (frames.pixels.max((1, 2)) == 255).all() and (frames.pixels.min((1, 2)) == 0).all()
    assert frames.scaling == "frame"


def test_resizing_is_the_antialiased_one_of_pillow(cube):
    frames = frames_from_cube(cube, size=20)
    low, high = cube.power.min(), cube.power.max()
    for pixels, power in zip(frames.pixels, (cube.power - low) * (255 / (high - low))):
        wanted = np.asarray(Image.fromarray(power).resize((20, 20), Image.Resampling.BILINEAR))
        assert abs(pixels - wanted).max() < 0.51


def test_labels_boxes_and_times_follow_the_frame_number(cube):
    index = frames_from_cube(cube, size=16).index  # from 24 rows by 32 columns
    assert index["frame"].tolist() == list(range(10, 50))
    assert index.loc[index["label"] == 1, "frame"].tolist() == list(range(21, 37))
    assert set(index["label"]) == {0, 1} and set(index["cycle"]) == {23}
    boxes = ((1.0, 3.0, 5.0, 8.0), (8.0, 2.0, 10.0, 4.0))
    assert [found for found in index["boxes"] if found] == [boxes] * 16
    assert index["time"][11] == pd.Timestamp("2001-04-06 19:13")  # frame 21, the listed time


def test_events_without_annotation_are_labelled_so(other):
    index = frames_from_cube(other, size=32).index
    assert set(index["label"]) == {-1} and set(index["cycle"]) == {24}


def test_a_cube_of_no_listed_event_brings_its_own_intervals(cube):
    index = frames_from_cube(replace(cube, event="mine", source="observed"), size=16).index
    assert index.loc[index["label"] == 1, "frame"].tolist() == list(range(21, 37))


def test_parts_of_one_size_are_sets_of_their_own(square):
    whole = replace(frames_from_cube(square, size=16), origin="made-by")  # what is learned from a set is kept under it
    one, other, again = (frames_at(whole, np.array(rows)) for rows in ([3, 1], [1, 3], [3, 1]))
    assert np.array_equal(one.pixels, whole.pixels[[3, 1]]) and one.index["frame"].tolist() == [13, 11]
    assert one.index.index.tolist() == [0, 1] and one.source == whole.source
    assert one.origin == again.origin and len({whole.origin, one.origin, other.origin}) == 3
    assert len({whole.fingerprint, one.fingerprint, other.fingerprint}) == 3


def test_blank_frames_are_dropped_and_do_not_scale_the_others(square):
    power = square.power + 1
    power[[0, 20]] = 0  # buffer frames
    frames = frames_from_cube(replace(square, power=power), size=32)
    assert frames.index["frame"].tolist() == [n for n in range(10, 50) if n not in (10, 30)]
    assert np.array_equal(frames.pixels, frames_from_cube(replace(square, power=power[1:]), size=32).pixels)
    assert frames.pixels.min() == 0


@pytest.mark.parametrize(("change", "told"), [
    (lambda power: np.ones_like(power), "constant"),
    (lambda power: np.where(power == power[3, 2, 1], np.nan, power), "1 values .* frame 3, row 2, column 1"),
    (lambda power: power[:0], "three dimensions"),
])
def test_cubes_that_show_nothing_are_refused(cube, change, told):
    with pytest.raises(SqError, match=told):
        frames_from_cube(replace(cube, power=change(cube.power)))


def test_parts_saved_one_at_a_time_load_back_as_one_frame_set(square, other, saved):
    parts, back = [frames_from_cube(one, size=24) for one in (square, other)], load_frames_from(saved)
    pixels, index = np.concatenate([part.pixels for part in parts]), pd.concat([part.index for part in parts])
    wanted = make_frameset(pixels, index.reset_index(drop=True), "twin", "cube")
    pd.testing.assert_frame_equal(back.index, wanted.index)
    assert np.array_equal(back.pixels, pixels) and isinstance(back.pixels, np.memmap)
    assert (back.fingerprint, back.source, back.scaling) == (wanted.fingerprint, "twin", "cube")
    assert back.origin == wanted.origin == wanted.fingerprint  # nothing says how it was made
    assert json.loads((saved / "card.json").read_text())["note"] == "a test"


def test_the_fingerprint_depends_on_content_and_on_nothing_else(square):
    frames = frames_from_cube(square, size=24)
    again = frames_from_cube(replace(square, version="other", truth={}), size=24)
    assert frames.fingerprint == again.fingerprint
    pixels = frames.pixels.copy()
    pixels[5, 4, 3] ^= 1
    label = frames.index.assign(label=1 - frames.index["label"])
    changed = [(pixels, frames.index, "twin", "cube"), (frames.pixels, label, "twin", "cube")]
    changed += [(frames.pixels, frames.index, "sunquakenet", "cube"), (frames.pixels, frames.index, "twin", "frame")]
    prints = {make_frameset(*one).fingerprint for one in changed}
    assert len(prints) == 4 and frames.fingerprint not in prints


@pytest.mark.parametrize("name", ["pixels.u8", "index.csv", "card.json"])
def test_an_incomplete_folder_is_refused(saved, name):
    content = (saved / name).read_bytes()
    for broken in (content[:100], content + content):
        (saved / name).write_bytes(broken)
        with pytest.raises(SqError, match="no complete frame set"):
            load_frames_from(saved)
    (saved / name).unlink()
    with pytest.raises(SqError, match="no complete frame set"):
        load_frames_from(saved)
