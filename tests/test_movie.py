"""Sprite sheets and the movie of a cube's frames: what is packed, and which frames show a box."""

import io
import re

import numpy as np
import pandas as pd
import pytest
from PIL import Image
from published import ANNOTATED, QUAKE, film, html_of

from sqlib.data.frames import make_frameset
from sqlib.errors import SqError
from sqlib.show import sprites
from sqlib.show.movie import episode, player


@pytest.fixture
def frameset():
    return film()


def made(frameset, **changes) -> str:
    """The movie of the frame set's event, three frames before and after its annotation, as a notebook shows it."""
    return html_of(player(**{**episode(frameset, around=3), **changes}), alt="A movie of <b>.")


@pytest.mark.parametrize("colours", [(), (3,)])
def test_sprite_sheet_holds_every_frame_in_order(rng, colours):
    frames = rng.integers(0, 255, size=(7, 12, 16, *colours)).astype(np.uint8)
    data, cols, rows = sprites.sheet(frames, 10**6)
    picture = np.asarray(Image.open(io.BytesIO(data)).convert("RGB"))
    assert picture.shape[:2] == (12 * rows, 16 * cols)
    for i, frame in enumerate(frames):
        y, x = 12 * (i // cols), 16 * (i % cols)
        expected = frame if colours else np.repeat(frame[..., None], 3, axis=-1)
        np.testing.assert_array_equal(picture[y : y + 12, x : x + 16], expected)


def test_episode_takes_the_event_that_has_frames_before_and_after_and_some_of_these(frameset):
    shown = episode(frameset, around=3)
    assert shown["numbers"] == {"event": QUAKE, "first": 1, "last": 11, "annotated": 5}
    assert shown["times"][0] == "frame 1, 13:00:45 UT"
    assert [bool(boxes) for boxes in shown["boxes"]["Annotated box"]] == [i in ANNOTATED for i in range(1, 12)]
    assert shown["frames"].shape == (11, 40, 40)
    low, high = shown["region"]
    assert 0 <= low < high < 0.5 * shown["frames"].max()  # the region is a quarter as bright


def test_boxes_shrink_with_the_frames(frameset):
    shown = episode(frameset, around=3, side=20)
    assert shown["frames"].shape == (11, 20, 20)
    assert shown["boxes"]["Annotated box"][3] == [[5, 6, 8, 9]]


def test_movie_of_other_frames_shows_them_and_boxes_that_somebody_else_drew(frameset):
    found = pd.DataFrame({"frame": [6, 10, 10], "x0": [20, 2, 30], "y0": 4, "x1": [28, 8, 38], "y1": 12})
    shown = episode(frameset, QUAKE, around=1, side=20, span=(10, 11), found={"Detector": found, "Nobody": found[:0]})
    assert shown["numbers"] == {"event": QUAKE, "first": 9, "last": 11, "annotated": 0}
    assert shown["boxes"] == {"Detector": [[], [[1, 2, 4, 6], [15, 2, 19, 6]], []]}


def test_folder_with_annotated_frames_alone_is_shown_and_one_with_a_frame_an_event_is_refused(frameset):
    kept = (frameset.index["label"] == 1).to_numpy()
    only = make_frameset(frameset.pixels[kept], frameset.index[kept].reset_index(drop=True), "sunquakenet", "published")
    shown = episode(only)
    assert shown["numbers"]["annotated"] == len(shown["frames"])
    single = make_frameset(only.pixels[:1], only.index[:1], "sunquakenet", "published")
    with pytest.raises(SqError, match="two frames"):
        episode(single)


def test_frames_without_boxes_have_no_switch_for_them(frameset):
    bare = make_frameset(frameset.pixels, frameset.index.assign(boxes=[()] * 14, label=0), "sunquakenet", "published")
    shown = episode(bare)
    assert shown["boxes"] is None and len(shown["frames"]) == 12
    assert "data-layer=" not in made(bare)


def test_stretch_makes_the_lower_level_black_and_the_upper_one_white(frameset):
    filtered = player(frameset.pixels, region=(20, 70)).shown["stretch"]
    brightness, contrast = map(float, re.findall(r"\(([\d.]+)\)", filtered))
    for level, expected in ((20, 0), (45, 0.5), (70, 1)):
        assert (level / 255 * brightness - 0.5) * contrast + 0.5 == pytest.approx(expected, abs=1e-3)


def test_each_switch_of_boxes_has_an_ink():
    many = {f"model {number}": [[], []] for number in range(6)}
    shown = player(np.zeros((2, 16, 16), np.uint8), boxes=many).shown
    assert len(shown["inks"]) == len(shown["switches"]) == 6
