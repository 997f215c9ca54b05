"""The map of embeddings, and the figures beside it: marks, words, weight, refusals."""

import re

import matplotlib
import numpy as np
import pandas as pd
import pytest
from published import QUAKE, mapped

from sqlib.errors import SqError
from sqlib.show import plots_embedding
from sqlib.show.bundle import address, render
from sqlib.show.embedding_map import LIMIT, SHAPES, embedding_map

matplotlib.use("agg")


@pytest.fixture
def small():
    return mapped()


def test_there_is_one_mark_a_frame_by_class_with_its_event_and_frame(small):
    points, index, _, status = small
    player = embedding_map(*small).shown
    facts, looks = player["facts"], plots_embedding.classes(status)
    marks = []
    for (label, (_, _, words)), shown in zip(looks.items(), player["classes"], strict=True):
        own = re.findall(r"M(\d+) (\d+)", shown["marks"])
        assert (shown["words"], shown["count"]) == (words, len(own))
        marks += [(label, int(x)) for x, _ in own]
    names = {QUAKE: "06 July 2012 13:26", "<b>x</b>": "<b>x</b>"}
    found = {(facts["events"][e], f, label) for e, f, (label, _) in zip(facts["of"], facts["frames"], marks)}
    assert found == {(names[e], f, label) for e, f, label in zip(index["event"], index["frame"], status)}
    across = [x for _, x in sorted(zip(points[:, 0], [0] * 12))]
    assert len(across) == len(marks)
    order = np.argsort([x for _, x in marks])  # across the drawing as across the map
    expected = [(names[e], f) for e, f in zip(index["event"], index["frame"])]
    assert [(facts["events"][facts["of"][i]], facts["frames"][i]) for i in order] == expected


def test_classes_differ_in_marker_as_well_as_colour_and_keep_them_from_figure_to_figure():
    known = ["TP", "FP", "FN", "TN", "predicted", "not predicted"]
    looks = plots_embedding.classes(known)
    assert len({colour for colour, _, _ in looks.values()}) == len({marker for _, marker, _ in looks.values()}) == 6
    assert plots_embedding.classes(["TP", "FN"])["TP"] == looks["TP"]
    assert list(looks)[-1] != "TN"  # the common class is drawn first, under the others
    assert {marker for _, marker, _ in looks.values()} <= set(SHAPES)
    assert list(plots_embedding.classes(["MDI", "HMI"])) == ["HMI", "MDI"]


def test_outcomes_name_what_became_of_each_frame():
    found = plots_embedding.outcomes([1, 1, 0, 0, -1, -1], [True, False, True, False, True, False])
    assert found.tolist() == ["TP", "FN", "FP", "TN", "predicted", "not predicted"]


def test_map_of_3000_speckled_frames_weighs_at_most_400_kilobytes_and_a_larger_one_is_refused(rng):
    count, speckle = 3000, rng.exponential(40, size=(3000, 32, 32)).clip(0, 255).astype(np.uint8)
    index = pd.DataFrame({"event": np.repeat([f"e{i}" for i in range(12)], 250), "frame": np.tile(np.arange(250), 12)})
    player = embedding_map(rng.normal(size=(count, 2)), index, speckle, rng.choice(["TN", "FN", "TP"], count))
    html = render("map.html", player=player.shown, record={"name": "m", "alt": "A map."}, sheet=address(player.sheet))
    assert len(html.encode()) <= LIMIT
    assert html.count("M") > count
    more = pd.concat([index, index[:1]])
    with pytest.raises(SqError, match="1 to 3000 frames"):
        embedding_map(np.zeros((count + 1, 2)), more, np.zeros((count + 1, 8, 8), np.uint8), ["TN"] * (count + 1))


def test_equal_points_and_a_single_one_are_drawn(small):
    points, index, pixels, status = small
    for count in (1, 12):
        player = embedding_map(points[:count] * 0, index[:count], pixels[:count], status[:count]).shown
        assert {place for one in player["classes"]
                for place in re.findall(r"M(\d+ \d+)", one["marks"])} == {"2400 2000"}


def event_index(frames=30, inside=range(10, 16)):
    return pd.DataFrame({"event": QUAKE, "frame": range(frames), "label": [int(f in inside) for f in range(frames)]})


def test_values_along_an_event_are_drawn_in_time_with_the_annotated_frames_shaded(rng):
    index = event_index()
    order = rng.permutation(30)
    status = np.where(index["label"] == 1, "FN", "TN")
    values = np.r_[np.nan, np.arange(1.0, 30)]  # a distance has no value at the first frame
    fig = plots_embedding.along(index.iloc[order], {"cosine distance": values[order], "mean": -values[order]},
                                status[order], QUAKE)
    first, second = fig.axes
    np.testing.assert_array_equal(first.lines[0].get_xdata(), range(30))
    np.testing.assert_array_equal(first.lines[0].get_ydata(), values)
    np.testing.assert_array_equal(second.lines[0].get_ydata(), -values)
    band = first.patches[0].get_extents().transformed(first.transData.inverted())
    np.testing.assert_allclose([band.x0, band.x1], [9.5, 15.5])
    assert [text.get_text() for text in fig.legends[0].texts] == ["false negative (6)", "true negative (24)"]
    assert "06 July 2012 13:26" in first.get_title() + first.get_title(loc="left")
    with pytest.raises(SqError, match="no frame of event x"):
        plots_embedding.along(index, {"mean": values}, status, "x")
