"""The primers' drawings show what they say, and every word that links to the glossary is explained there."""

import json
import re

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
from tinybook import CHECKOUT

from sqlib.judge.metrics import average_precision
from sqlib.show import plots_pictures, plots_sun, style
from sqlib.sun.rays import polytrope_travel_time

GLOSSARY = (CHECKOUT / "book" / "glossary.md").read_text(encoding="utf-8")
ENTRIES = [line for line in GLOSSARY.split("```{glossary}")[1].splitlines() if line and line[0] not in " `"]


@pytest.fixture(autouse=True)
def styled():
    with plt.style.context(style.STYLE):
        yield
    plt.close("all")


def test_a_circle_on_the_equator_looks_narrower_by_the_cosine_and_is_hidden_behind_the_limb():
    for longitude in (0, 30, 60):
        x, y = plots_sun.circle(longitude, 0, 5)
        assert np.ptp(x) / np.ptp(y) == pytest.approx(np.cos(np.radians(longitude)), rel=1e-3)
    beyond = plots_sun.circle(120, 0, 5)
    assert np.isnan(beyond).all()
    assert 0 < np.isnan(plots_sun.circle(88, 0, 5)[0]).mean() < 1


def test_a_ray_comes_up_where_it_is_asked_to_after_the_closed_form():
    ray = plots_sun.ray_to(30, 1.82)
    assert ray.distance == pytest.approx(30, rel=1e-4)
    assert ray.time == pytest.approx(float(polytrope_travel_time(30, 1.82)), rel=1e-4)


def test_a_spectral_line_is_shifted_as_far_as_the_velocity_says(rng):
    left = plots_sun.doppler(2998, 6000, 0.1, rng.normal(size=(8, 8)), 1.0).axes[0]
    dips = {line.get_label(): line.get_xdata()[line.get_ydata().argmin()] for line in left.lines}
    assert dips == pytest.approx({"rising": -60, "at rest": 0, "sinking": 60}, abs=1)  # mÅ; v / c is 1e-5


def test_the_shaded_area_is_the_average_precision_and_a_mark_has_its_thresholds_precision_and_recall(rng):
    labels, chances = rng.integers(0, 2, 40), rng.random(40)
    right = plots_pictures.ranking(labels, chances, (0.5,), 0.5).axes[1]
    recall, precision = right.lines[0].get_data()
    assert np.sum(-np.diff(recall) * precision[:-1]) == pytest.approx(average_precision(labels, chances))
    assert right.lines[0].get_drawstyle() == "steps-post"
    yes = chances >= 0.5
    assert np.ravel(right.lines[-1].get_data()) == pytest.approx([labels[yes].sum() / labels.sum(), labels[yes].mean()])


def test_the_numbers_written_are_the_gray_levels_at_the_peak_of_the_patch():
    frame = np.arange(400).reshape(20, 20)
    fig = plots_pictures.numbers(frame, frame[4:14, 6:16], (4, 6), count=3)
    assert [int(text.get_text()) for text in fig.axes[2].texts] == frame[11:14, 13:16].ravel().tolist()
    assert fig.axes[0].patches[0].get_xy() == (5.5, 3.5)


def test_courses_have_a_column_a_run_and_the_chance_level_in_each_panel():
    rows = [{"run": run, "epoch": epoch, "frames": frames, "loss": epoch, "ap": 0.5}
            for run in ("few", "many") for epoch in (1, 2) for frames in ("learned", "watched")]
    axes = plots_pictures.courses(pd.DataFrame(rows), 0.6, 0.3).axes
    assert [ax.get_title(loc="left") for ax in axes[:2]] == ["few", "many"]
    assert [ax.lines[-1].get_ydata()[0] for ax in axes] == [0.6, 0.6, 0.3, 0.3]


def test_the_glossary_is_in_order_and_explains_each_word_once():
    keys = [re.sub(r"[^a-z0-9 ]", "", entry.lower().replace("-", " ")) for entry in ENTRIES]
    firsts = [key for key, entry in zip(keys, ENTRIES) if f"\n\n{entry}\n" in GLOSSARY or entry == ENTRIES[0]]
    assert firsts == sorted(firsts) and len(set(ENTRIES)) == len(ENTRIES)


@pytest.mark.parametrize("path", [*(CHECKOUT / "notebooks").glob("*.ipynb"), *(CHECKOUT / "book").glob("*.md")],
                         ids=lambda path: path.stem)
def test_every_term_is_explained_in_the_glossary(path):
    text = path.read_text(encoding="utf-8")
    if path.suffix == ".ipynb":
        text = "\n".join("".join(cell["source"]) for cell in json.loads(text)["cells"])
    terms = [re.sub(r"^.*<(.*)>$", r"\1", words) for words in re.findall(r"\{term\}`([^`]+)`", text)]
    assert set(terms) <= set(ENTRIES)
    assert len(terms) > 8 or not path.stem.startswith("p")
