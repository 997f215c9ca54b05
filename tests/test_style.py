"""The vocabulary of the figures: what curves, rows, pictures, guides and legends show."""

import io

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
from PIL import Image

from sqlib.show import style


@pytest.fixture(autouse=True)
def styled():
    with plt.style.context(style.STYLE):
        yield
    plt.close("all")


def words(fig):
    return [text.get_text() for text in fig.legends[0].texts]


def test_a_stretched_frame_has_few_levels_between_black_and_white():
    frame = np.arange(100).reshape(10, 10)
    shown = style.stretched(frame, 50)
    assert shown.min() == 0 and shown.max() == 1
    assert (shown[5:] == 1).all()
    assert len(np.unique(shown)) <= style.LEVELS + 1
    assert (style.stretched(np.zeros((4, 4))) == 0).all()


def test_panels_draw_the_boxes_of_each_picture_and_hide_what_is_over():
    fig = style.panels([np.zeros((8, 8)), np.zeros((8, 8)), None], "abc", 2, [(), ((1, 2, 4, 6),), ()], ["up", "down"])
    assert [len(ax.patches) for ax in fig.axes] == [0, 1, 0, 0]
    assert fig.axes[1].patches[0].get_xy() == (0.5, 1.5)
    assert [len(ax.images) for ax in fig.axes] == [1, 1, 0, 0]
    assert [ax.get_visible() for ax in fig.axes] == [True, True, True, False]
    assert [ax.get_ylabel() for ax in fig.axes[::2]] == ["up", "down"]


def test_a_mark_outside_of_a_picture_does_not_widen_it():
    ax = plt.figure().subplots()
    style.picture(ax, None)
    style.picture(ax, np.zeros((8, 8)))  # fills the place that was empty before
    ax.plot(30, 2, "x")
    assert ax.get_xlim() == (-0.5, 7.5)


def test_what_has_the_same_words_looks_the_same_in_every_panel_and_is_said_once():
    x, y = np.arange(3), np.arange(3.0)
    spread = (x, y, y - 1, y + 1)
    fig = style.curves({"loss (%)": {"one": (x, y), "two": pd.Series(y)}, "score": {"two": spread}}, "epoch",
                       marks={"end": 2}, across={"chance": 0.5})
    left, right = fig.axes
    assert (left.get_xlabel(), left.get_ylabel(), right.get_ylabel()) == ("epoch", "loss (%)", "score")
    look = {(line.get_color(), line.get_linestyle(), line.get_marker()) for line in (left.lines[1], right.lines[0])}
    assert len(look) == 1 and left.lines[0].get_color() != left.lines[1].get_color()
    assert words(fig) == ["one", "two"]
    low, high = right.collections[0].get_paths()[0].get_extents().intervaly
    assert (low, high) == (-1, 3)  # the range is shaded
    for ax in fig.axes:
        assert [text.get_text().strip() for text in ax.texts] == ["end", "chance"]


def test_panels_with_one_label_for_all_have_titles_and_a_place_of_their_own_for_a_line():
    seeds = pd.DataFrame({1: [0.2, 0.3], 2: [0.4, 0.5]}, index=[1, 2])
    fig = style.curves({"crop": {"mask": seeds}, "shift": {"none": seeds, "mask": seeds}}, "epoch", "loss",
                       share="xy", across={"chance": (None, 1)})
    left, right = fig.axes
    assert [(ax.get_title(loc="left"), ax.get_ylabel()) for ax in fig.axes] == [("crop", ""), ("shift", "")]
    assert (fig.get_supxlabel(), fig.get_supylabel()) == ("epoch", "loss")
    assert [line.get_ydata()[0] for line in left.lines] == [0.2, 0.4]  # a line a seed, in one look
    assert len({line.get_color() for line in [*left.lines, *right.lines[2:4]]}) == 1 and words(fig) == ["mask", "none"]
    assert right.lines[4].get_ydata()[0] == 1 and left.get_ylim() == right.get_ylim()
    apart = style.curves({name: {"": seeds} for name in "abcd"}, "epoch", "loss", share="x", columns=2).axes
    assert [ax.yaxis.get_tick_params()["labelleft"] for ax in apart] == [True] * 4  # each has numbers of its own


def test_each_panel_may_have_an_axis_of_its_own_and_looks_may_go_by_words():
    parts = {"share": {"law": ([1, 10], [1, 2])}, "rate": {"data": ([1, 10], [1, 2]), "law": ([1, 10], [2, 1])}}
    looks = {"data": (style.BLUE, "", "o"), "law": (style.GREEN, "--", "")}
    fig = style.curves(parts, "x", looks=looks, xscale="log", each=[{"xlabel": "pixels"}, {"ylim": (0, 5)}])
    left, right = fig.axes
    assert (left.get_xlabel(), right.get_xlabel(), right.get_ylim()) == ("pixels", "x", (0, 5))
    assert [line.get_color() for ax in fig.axes for line in ax.lines] == [style.GREEN, style.BLUE, style.GREEN]
    style.ticks(left, [0.1, 2, 5, 1000])
    assert [tick.get_text() for tick in left.get_xticklabels()] == ["2", "5"]  # the others lie outside
    assert not len(left.get_xticks(minor=True))


@pytest.mark.parametrize("last", [1, 4, 20])
def test_epochs_on_an_axis_are_whole_and_few(last):
    epochs = np.arange(1, last + 1)
    ax = style.curves({"loss": {"": (epochs, epochs)}}, "epoch", whole=True, xlim=(0.5, last + 0.5)).axes[0]
    shown = [tick for tick in ax.get_xticks() if 0.5 <= tick <= last + 0.5]
    assert shown and len(shown) <= 8 and all(tick == int(tick) for tick in shown)


def test_rows_stand_from_the_top_down_with_a_bar_where_there_is_an_interval():
    table = pd.DataFrame({"way": ["a", "b"], "F1": [0.2, 0.4], "low": [0.1, 0.3], "high": [0.3, 0.6],
                          "paper": [0.5, 0.7], "AP": [20, 40]})
    parts = {"F1": {"here": ("F1", "low", "high"), "printed": ("paper",)}, "AP (%)": {"": ("AP",)}}
    fig = style.rows(table, "way", parts, [("chance", 0.25)], inks=[style.BLUE, style.GRAY])
    left, right = fig.axes
    places = dict(zip((label.get_text() for label in left.get_yticklabels()), left.get_yticks()))
    assert places == {"a": 1, "b": 0}
    here, bars, printed = left.collections
    assert here.get_offsets().tolist() == [[0.2, 1], [0.4, 0]]
    assert printed.get_offsets().tolist() == [[0.5, 1], [0.7, 0]]
    assert [path.vertices[:, 0].tolist() for path in bars.get_paths()] == [[0.1, 0.3], [0.3, 0.6]]
    assert len(np.unique(here.get_facecolors(), axis=0)) == 2  # a colour a row
    assert len(right.collections) == 1 and right.get_xlabel() == "AP (%)"
    assert left.lines[0].get_xdata()[0] == 0.25 and left.texts[0].get_text() == " chance"
    assert words(fig) == ["here", "printed"]
    beyond = style.rows(table, "way", {"F1": {"": ("F1",)}}, [("chance", 0.9)], xlim=(0, None)).axes[0]
    assert beyond.get_xlim()[1] > 0.9  # an open limit leaves room for the line


def test_a_later_legend_takes_the_place_of_the_first_and_lies_above_the_axes():
    fig = style.curves({"loss": {"one": ([0, 1], [0, 1])}}, "epoch")
    style.legend(fig, entries={"box": {"color": style.AMBER}})
    assert words(fig) == ["box"] and len(fig.legends) == 1
    fig.canvas.draw()
    assert fig.legends[0].get_window_extent().y0 >= fig.axes[0].get_window_extent().y1


def test_a_picture_is_as_sharp_as_its_limit_allows_and_what_matplotlib_draws(rng):
    fig, axes = plt.subplots(figsize=(3, 2), layout="constrained")
    axes.plot([1, 2, 3], [1, 3, 2])
    ours, theirs = Image.open(io.BytesIO(style.png(fig))), io.BytesIO()
    fig.savefig(theirs, dpi=200)
    assert ours.size == (600, 400)
    away = np.abs(np.asarray(ours.convert("RGB"), int) - np.asarray(Image.open(theirs).convert("RGB")))
    assert away.max() < 30 and away.mean() < 0.5  # 256 colours instead of all
    axes.imshow(rng.random((200, 200)))
    small = style.png(fig, 60_000)
    assert len(small) <= 60_000 and 270 <= Image.open(io.BytesIO(small)).width < 600
