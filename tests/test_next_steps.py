"""What Section 5 of the paper would try next: one change at a time, and what each change does to what is learned."""

from dataclasses import asdict, replace

import numpy as np
import pandas as pd
import pytest
import torch

from sqbook.parameters import resolve
from sqlib.data.frames import make_frameset, make_index
from sqlib.errors import SqError
from sqlib.judge import attention
from sqlib.learn import encoders, levels, objectives, practice_set, recipes
from sqlib.learn.settings import Settings

SIZE, FRAMES = 64, 60


def test_each_idea_changes_one_thing_and_nothing_of_the_loop():
    _, values = resolve("11_next_steps", "laptop", {})
    runs = recipes.plan("11_next_steps", values)
    assert len(runs) == (1 + len(recipes.IDEAS)) * len(values["seeds"])
    for seed in values["seeds"]:
        recipe = runs[f"recipe, seed {seed}"]
        for name, changes in recipes.IDEAS.items():
            idea = runs[f"{name}, seed {seed}"]
            differ = {key for key, value in asdict(idea).items() if value != asdict(recipe)[key]}
            assert differ == {*changes, "watch"} and idea.loop == recipe.loop and idea.seed == seed


def test_the_recipe_is_that_of_the_chapter_on_numbers_in_a_precision_that_every_machine_has():
    runs, others = (recipes.plan(name, resolve(name, "laptop", {})[1]) for name in ("11_next_steps", "09_how_many"))
    for seed in (1, 2, 3):
        other = others[f"400 sources, relative, seed {seed}"]
        assert runs[f"recipe, seed {seed}"] == replace(other, loop=replace(other.loop, precision="fp32"))


def test_quiet_cubes_need_practice_sources_beside_them():
    with pytest.raises(SqError, match="nothing to learn from"):
        Settings(events="quiet")
    quiet = Settings(events="quiet", practice=4, crop=SIZE)
    assert encoders.run_key(quiet, "one", "cpu") == encoders.run_key(quiet, "another", "cpu")  # no frame set teaches
    assert encoders.run_key(quiet, "one", "cpu") != encoders.run_key(Settings(events=False, practice=4, crop=SIZE),
                                                                     "one", "cpu")


def test_there_are_as_many_quiet_cubes_as_taught_and_none_of_them_twice(sq_home):
    settings = Settings(events="quiet", practice=3, crop=SIZE)
    taught, _ = encoders.teaching(encoders.what_is_shown(settings), None, "cpu", False)
    practice = practice_set.practice_frames(3, SIZE, progress=False)
    cubes = taught.index.groupby("event", sort=False)["label"].max()
    own = set(practice.index["event"])
    assert len(cubes) == 2 * len(own) == len(set(cubes.index))
    assert (cubes.drop(own) == 0).all()
    assert not taught.index.loc[~taught.index["event"].isin(own), "boxes"].map(len).any()
    assert taught.count == 2 * len(practice.index) and taught.origin != practice.origin


def scene(rng) -> tuple[np.ndarray, tuple[int, int]]:
    """Speckle (T, H, W) with a dark disk in the middle, and in it a source of some frames, at y and x."""
    y, x = np.mgrid[:SIZE, :SIZE]
    level = np.where(np.hypot(y - 32, x - 32) < 14, 0.25, 1.0)
    power, at = level * rng.exponential(1.0, (FRAMES, SIZE, SIZE)), (28, 35)
    power[20:32] += 4 * np.exp(-np.hypot(y - at[0], x - at[1]) ** 2 / 8)
    return np.minimum(30 * power, 255).astype(np.uint8), at


def test_outside_of_the_region_all_is_even_and_in_it_nothing_is_changed(rng):
    frames, (y, x) = scene(rng)
    frames = torch.from_numpy(frames)
    whole, masked = (levels.pictures(frames, kind, 3) for kind in ("relative", "region"))
    power = frames.float()
    inside = levels.region(power / power.mean((1, 2), keepdim=True))
    assert inside[y, x] and inside[32, 32] and not inside[4, 4] and 0.1 < inside.float().mean() < 0.6
    assert torch.equal(masked[..., inside], whole[..., inside])
    assert (masked[..., ~inside] == levels.ONE).all() and not (whole[..., ~inside] == levels.ONE).all()


def test_classes_are_told_by_the_spot_at_the_place():
    spots = torch.tensor([200, 120, 100, 80, 150, 99, 90, 10])
    labels = torch.tensor([1, 1, 1, 1, 0, 0, 0, 0])
    views = torch.full((16, 4, 24, 24), 50, dtype=torch.uint8)  # two views, of two times and two planes each
    views[:, 1::2, 11:14, 9:12] = spots.repeat(2)[:, None, None, None].to(torch.uint8)
    views[:, ::2, 11:14, 9:12] = 255  # the first plane does not count
    views[:, :, :3, :3] = 255  # nor does what is far from the middle
    # the median of the sunquakes is 110, the 25 % quantile 95
    assert objectives.graded(views, labels, 2).tolist() == [3, 3, 2, 2, 1, 1, 0, 0]
    assert set(objectives.graded(views[:, 1::2], labels * 0).tolist()) == {0}  # no sunquake: nothing resembles one


def test_the_loss_of_several_classes_is_supcon_of_these_and_the_head_has_two(rng):
    class Net(torch.nn.Module):
        def forward(self, frames):
            code = frames.float().flatten(1)[:, :8]
            return code, code, code[:, :2]

    views = torch.from_numpy(rng.integers(0, 255, (16, 6, 16, 16)).astype(np.uint8))
    labels, settings = torch.tensor([1, 0] * 4), Settings("classes", levels="relative", temperature=0.1)
    loss, shown = objectives.objective(Net(), views, labels, settings, torch.ones(2), torch.Generator())
    classes = objectives.graded(views, labels, 2).repeat(2)
    z = views.float().flatten(1)[:, :8]
    assert shown["loss"].item() == pytest.approx(objectives.losses.supcon(z, classes, 0.1).item(), rel=1e-6)
    assert shown["head"].item() == pytest.approx(
        torch.nn.functional.cross_entropy(z[:, :2], labels.repeat(2)).item(), rel=1e-6)
    assert loss.item() == pytest.approx((shown["loss"] + shown["head"]).item(), rel=1e-6)


def test_a_source_is_shown_where_it_is_and_one_without_neighbours_is_left_out(rng):
    frames, (y, x) = scene(rng)
    index = make_index([{"event": "a", "cycle": 24, "frame": n, "time": np.datetime64("2000-01-01"),
                         "label": int(20 <= n < 32), "boxes": ()} for n in range(FRAMES)])
    trial = make_frameset(frames, index, "twin", "frame")
    row = {"event": "a", "first": 20, "last": 31, "y": y, "x": x, "contrast": 9.0}
    sources = pd.DataFrame([row, {**row, "first": 0, "last": 3}, {**row, "y": 1}])
    own = attention.around_sources(trial, sources, 48, 5, 3)
    [middle] = own.index.index[own.index["middle"]]
    assert own.index["frame"][middle] == 25 and (own.pixels[middle] == frames[25, 8:56, 8:56]).all()
    assert (own.index["y"] == y - 8).all() and (own.index["x"] == x - 8).all()
    assert set(own.index["event"]) == {"source 00000"}
    many = attention.around_sources(trial, pd.DataFrame([row] * 12), 48, 5, 3).index["event"].unique().tolist()
    assert len(many) == 12 and many == sorted(many)  # a network answers in this order, and the locator in the other
    with pytest.raises(SqError, match="no source lies"):
        attention.around_sources(trial, sources.iloc[1:], 48, 5, 3)
    [place] = attention.by_locator(own, 5, 3)  # a bright source in a shadow: the locator's own subject
    assert attention.hits(place[None], own.index.loc[[middle]]) == [1.0]


def test_hits_are_counted_within_eight_pixels_and_a_flat_map_has_none():
    sources = pd.DataFrame({"x": [10.0, 10.0, 10.0, 10.0], "y": [20.0] * 4})
    maps = np.zeros((4, 40, 40))
    maps[0, 20, 17], maps[1, 20, 19] = 1, 1  # seven and a half px away, and nine and a half
    maps[3] = np.nan
    found = attention.pointing(maps, sources)
    assert found[:3].tolist() == [1, 0, 0] and np.isnan(found[3])
    hit = {"one": np.array([1.0, 0.0, 1.0, np.nan]), "other": np.array([1.0, 1.0, 1.0, 0.0])}
    table = attention.compare(hit, "other", np.arange(4), 0, 200).set_index("method")
    assert table.loc["one", "sources"] == 3 and table.loc["one", "share"] == pytest.approx(2 / 3)
    assert table.loc["one", "difference"] == pytest.approx(-1 / 3)
    assert table.loc["other", ["difference", "difference_low", "difference_high"]].eq(0).all()
