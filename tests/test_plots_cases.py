"""What the figures of the case studies show."""

from datetime import datetime

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
from matplotlib.patches import Circle

from sqlib.data import corona
from sqlib.judge.lightcurves import Light
from sqlib.show import plots_cases as plots
from sqlib.show import style as figures

EVENT, OTHER = "2012_05_08_13_02_00", "2011_12_30_03_03_00"


@pytest.fixture(autouse=True)
def style():
    with plt.style.context(figures.STYLE):
        yield
    plt.close("all")


def test_a_strip_has_a_box_on_every_frame_and_a_circle_on_its_low_pass(rng):
    frames = rng.exponential(20, (6, 32, 32)).astype(np.uint8)
    places = pd.DataFrame({"x0": np.arange(6.0), "y0": 2.0, "x1": np.arange(6.0) + 5, "y1": 9.0}, index=range(40, 46))
    spots = pd.DataFrame({"x": np.arange(6.0) + 7, "y": 11.0}, index=range(6))
    fig = plots.strip(frames, frames, range(180, 186), places, spots)
    raw = [ax for ax in fig.axes if ax.get_title(loc="left")]
    assert [ax.get_title(loc="left") for ax in raw] == [f"frame {n}" for n in range(180, 186)]
    corners = [ax.patches[0].get_xy() for ax in raw]
    assert corners == [(i - 0.5, 1.5) for i in range(6)]  # edges of pixels, on a picture whose first pixel is at 0
    circles = [patch for ax in fig.axes for patch in ax.patches if isinstance(patch, Circle)]
    assert sorted(circle.center[0] for circle in circles) == [i + 6.5 for i in range(6)]


def test_the_timeline_has_a_panel_per_event_and_a_bar_per_run():
    index = pd.DataFrame({"event": [EVENT] * 20 + [OTHER] * 20, "frame": [*range(20), *range(5, 25)]})
    runs = pd.DataFrame({"event": [EVENT, EVENT, OTHER], "first": [1, 12, 6], "last": [8, 19, 13]})
    curves = {"High-Precision": np.linspace(0, 1, 40), "detector": np.linspace(1, 0, 40)}
    fig = plots.timeline(index, curves, {"High-Precision": runs}, {EVENT: (3, 10)})
    assert [ax.get_title(loc="left") for ax in fig.axes] == ["08 May 2012 13:02", "30 December 2011 03:03"]
    assert [len(ax.lines) for ax in fig.axes] == [2, 2]
    bars = [[path.vertices.tolist() for path in ax.collections[0].get_paths()] for ax in fig.axes]
    assert [[(first[0], last[0]) for first, last in own] for own in bars] == [[(0.6, 8.4), (11.6, 19.4)], [(5.6, 13.4)]]
    assert min(y for own in bars for bar in own for _, y in bar) > 1  # above the curves
    assert [len(ax.patches) for ax in fig.axes] == [1, 0]


def test_the_light_curves_stand_with_their_levels_and_the_cube_within_a_day(rng):
    minutes, noise = np.arange(60) * 0.75, rng.random(1920)  # 24 hours
    found = Light({2.5: rng.random(60), 5.0: rng.random(60)}, (0.1, 0.2), np.arange(6, 17), 5.0,
                  {"anywhere in the frame": 2.6})
    fig = plots.light(found, rng.random((60, 50, 60)), (22.0, 31.0), minutes, 45.0, noise, 1.4)
    map_of, near, middle, day = (ax for ax in fig.axes if ax.get_label() != "<colorbar>")
    assert {patch.radius for patch in near.patches} == {2.5, 5.0}
    assert all(patch.center == (21.5, 30.5) for patch in near.patches)
    assert [text.get_text() for text in middle.texts] == ["3σ ar", "5σ ar"]
    assert middle.get_ylim()[1] > 1.5  # the highest level is seen, also where no curve reaches it
    red = [line for line in middle.lines if line.get_color() == "#c00000"]
    assert red[0].get_xdata() == pytest.approx([4.5, 12.75]) and red[0].get_ydata() == pytest.approx([1.3, 1.3])
    assert day.lines[1].get_xdata()[0] == pytest.approx(12 - minutes[-1] / 120)
    assert [line.get_ydata()[0] for line in day.lines[2:]] == [1.4, 2.6]
    for ax in (map_of, middle, day):
        assert ax.get_xlabel() and ax.get_ylabel()
    never = found._replace(run=np.empty(0, int))
    without = plots.light(never, rng.random((60, 50, 60)), (22, 31), minutes, 45.0, noise, 1.4)
    assert not [line for ax in without.axes for line in ax.lines if line.get_color() == "#c00000"]


def test_the_box_lies_on_the_picture_of_the_atmosphere_where_the_place_is_seen(rng):
    when = datetime(2012, 5, 8, 13, 2)
    patch = corona.patch((64, 64), when, 35.0, 5.0, 1.1)
    where = corona.place(patch, 30, 30)
    maps = [corona.simulated(304, where, when, minutes, rng, half=40) for minutes in (1, 5)]
    outline = corona.place(patch, [25, 35, 35, 25], [25, 25, 35, 35])
    fig = plots.corona(maps, outline, where, corona.simulated("x-ray", where, when, 9, rng, half=40))
    assert len(fig.axes) == 2
    for ax, one in zip(fig.axes, maps):
        assert ax.get_title(loc="left").startswith("304 Å  13:0")
        box = next(line for line in ax.lines if len(line.get_xdata()) == 5)
        x, y = one.wcs.world_to_pixel(where.transform_to(one.coordinate_frame))
        drawn = (box.get_transform() - ax.transData).transform(np.column_stack(box.get_data()))[:4]
        assert drawn.mean(0) == pytest.approx([float(x), float(y)], abs=0.2)
        assert np.ptp(drawn[:, 1]) == pytest.approx(11 / 0.727 / 0.6, rel=0.1)  # ten pixels of 1.1 Mm, of 0.6″ each
        assert ax.get_xlim() == (-0.5, one.data.shape[1] - 0.5)  # contours do not widen the view
    assert [len(plots.corona(some, None).axes) for some in (maps[:1], [])] == [1, 0]  # no images is no error
