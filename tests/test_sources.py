"""How a source stands out: contrast, place of the greatest pixel, what rectangles hide, and which waves are there."""

import math

import numpy as np
import pandas as pd
import torch

from sqlib.data.frames import make_frameset, make_index
from sqlib.judge import sources


def frameset(boxes):
    """Three frames of 8 pixels, the second and the third positive."""
    index = make_index({"event": "e", "cycle": 23, "frame": range(3), "time": pd.Timestamp("2001-01-01"),
                        "label": [0, 1, 1], "boxes": [(), *boxes]})
    return make_frameset(np.zeros((3, 8, 8), np.uint8), index, "twin", "cube")


def test_frames_whose_box_lies_outside_are_left_out():
    one = frameset([((2, 3, 4, 6),), ((20, 20, 30, 30),)])
    assert sources.annotated(one).tolist() == [1]
    assert sources.annotated(frameset([(), ()])).tolist() == []
    inside = sources.masks(one.index.iloc[[1]], 8)[0]
    assert inside.sum() == 6 and inside[3:6, 2:4].all()


def test_contrast_is_the_peak_in_deviations_of_the_rest():
    frame = torch.tensor([[[0, 2, 0, 2], [0, 2, 0, 2], [4, 4, 0, 2], [4, 1, 0, 2]]])
    inside = torch.zeros(1, 4, 4, dtype=torch.bool)
    inside[0, 2:, :2] = True
    assert sources.contrast(frame, inside).tolist() == [3.0]
    assert sources.contrast(255 - frame, inside).tolist() == [0.0]  # inverted, its peak is the 1, the mean of the rest
    assert sources.contrast(torch.zeros(1, 4, 4), inside).tolist() == [0.0]
    assert math.isnan(sources.contrast(frame, torch.zeros_like(inside))[0])
    assert math.isfinite(sources.contrast(9 * inside.byte(), inside)[0])  # nothing but the source is left in the frame


def test_controls_are_looked_at_where_the_source_of_their_event_is():
    one = frameset([((2, 3, 4, 6),), ((0, 0, 1, 1),)])
    places, where = sources.controls(one, sources.annotated(one))
    assert places.tolist() == [0]
    assert where.shape == (1, 8, 8) and where.sum() == 7
    assert len(sources.controls(one, np.empty(0, int))[0]) == 0


def test_told_apart_counts_pairs_within_an_event():
    found = sources.told_apart([1, 2, 2, 9, 0, 5], [0, 1, 0, 1, 1, 1], ["a", "a", "a", "a", "b", "b"])
    assert found.to_dict() == {"a": 0.875}  # b has no other frame; 2 against 2 counts half


def test_the_greatest_pixel_is_inside_wholly_or_in_part():
    inside = torch.zeros(3, 2, 2, dtype=torch.bool)
    inside[:, 0] = True
    frames = torch.tensor([[[9, 1], [0, 0]], [[1, 1], [9, 0]], [[9, 0], [9, 0]]])
    assert sources.brightest(frames, inside).tolist() == [1.0, 0.0, 0.5]


def test_rectangles_hide_their_share_and_overlaps_count_once():
    inside = torch.zeros(1, 10, 10, dtype=torch.bool)
    inside[0, :2, :5] = True
    boxes = torch.tensor([[[0, 0, 2, 2], [0, 0, 2, 2], [5, 5, 5, 9]]])
    frame, source = sources.hidden(boxes, inside)
    np.testing.assert_allclose([frame[0], source[0]], [0.04, 0.4])


def test_a_wave_is_found_at_its_number():
    wave = (2 * math.pi * 3 * torch.arange(16) / 16).cos()
    found = sources.spectrum((100 + 10 * wave).expand(1, 16, 16))
    assert found.argmax() == 3 and found[3] > 1e3 * np.delete(found, 3).max()
