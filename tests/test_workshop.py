"""The profile for a class: its networks are those that come with the book, so that no chapter trains one beforehand."""

from dataclasses import fields
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest

from sqbook.parameters import notebooks, resolve
from sqlib import answers, keys, profiles
from sqlib.data import build
from sqlib.data.trial import CODE, SEED, trial_events
from sqlib.learn import chapters, encoders, locator_training, recipes, trained
from sqlib.learn.samples import places
from sqlib.paths import home
from sqlib.sun.twin import TwinSettings

BOTH = SimpleNamespace(index=pd.DataFrame({"label": [1, 1], "boxes": [(1,), (1,)], "cycle": [23, 24]}))


def keys_of(chapter: str, profile: str) -> dict[str, str]:
    """The keys of a chapter's networks by name, of the twin at the profile's size, which need not be there."""
    _, values = resolve(chapter, profile, {})
    settings = TwinSettings(**{one.name: values[one.name] for one in fields(TwinSettings) if one.name in values})
    made = [build.twin_folder(settings).name, f"-{build.RECIPE}"]
    origin = keys.derived(made, "", values["resolution"], values["scaling"])  # as `load_frames` has it
    plan = recipes.plan(chapter, values, BOTH)
    return {name: chapters.trainer_of(one).run_key(one, origin) for name, one in plan.items()}


def simulated(events, made: str, listed: str, side: int = 256) -> SimpleNamespace:
    """What decides the key of an answer about frames of these events at full size, of which none need be made.

    made : name of the folder of their cubes; side : of the frames that are asked about
    """
    rows = [(event.key, frame) for event in events for frame in range(256)]
    origin = keys.derived([made, f"-{build.RECIPE}"], listed, 256, "frame")  # as `load_frames` has it
    return SimpleNamespace(index=pd.DataFrame(rows, columns=["event", "frame"]), origin=origin,
                           pixels=np.empty((0, side, side)))


def trial(number: int) -> SimpleNamespace:
    made = build.twin_folder(TwinSettings(seed=SEED), code=CODE).name
    return simulated(trial_events(number), made, f"trial-{number}")


def came(what: str, key: str, settings: encoders.Settings, frames: SimpleNamespace, every: int = 1) -> Path:
    """The file that comes with the book if a network of these settings was asked about one frame in `every`."""
    order, middle = places(frames.index, settings.window, settings.spacing)
    index = frames.index.iloc[order[middle]]
    asked = SimpleNamespace(**vars(frames) | {"index": index[index["frame"] % every == 0]})
    return home() / answers.SHIPPED / f"{keys.lasting(answers.key_of(what, '', asked, nets=[key]))}.npy"


@pytest.mark.parametrize("chapter", recipes.PLANS)
def test_every_network_of_the_workshop_came_with_the_book(chapter):
    found = keys_of(chapter, "workshop")
    assert found and [name for name, key in found.items() if not (trained.shipped_folder(key) / "card.json").is_file()
                      ] == [], "its settings in profiles/workshop.yml differ from those of laptop.yml"
    assert set(map(keys.lasting, found.values())) <= set(map(keys.lasting, keys_of(chapter, "laptop").values()))


def test_the_small_locators_of_the_study_came_with_the_book():
    _, values = resolve("10_detection", "workshop", {})
    teachings = locator_training.study(values["studied"], [1, 2, 3], values["frames"])
    assert len(teachings) == 18
    for name, teaching in teachings.items():
        assert (trained.shipped_folder(locator_training.run_key(teaching)) / "card.json").is_file(), name


def test_a_network_of_other_settings_would_be_missed():
    _, values = resolve("09_how_many", "workshop", {"epochs": 5})
    key = encoders.run_key(next(iter(recipes.plan("09_how_many", values).values())), "")
    assert not trained.shipped_folder(key).exists()


def test_what_the_workshop_shares_with_the_book_is_the_same_and_single_chapters_are_smaller():
    ours, book = profiles.load("workshop"), profiles.load("laptop")
    assert {name: ours[name] for name in profiles.BLOCKS} == {name: book[name] for name in profiles.BLOCKS}
    assert set(ours["notebooks"]) <= set(notebooks())


@pytest.mark.parametrize("chapter", ["03_losses", "03_contrastive", "04_augmentations", "05_recurrence", "09_how_many"])
def test_what_these_networks_answered_about_the_trial_events_came_with_them(chapter):
    """Else each is asked about them, which takes some ten seconds a network."""
    _, values = resolve(chapter, "workshop", {})
    frames, plan = trial(values["trial"]), recipes.plan(chapter, values, BOTH)
    for name, key in keys_of(chapter, "workshop").items():
        assert came("margin", key, plan[name], frames, chapters.EVERY).is_file(), name


def test_every_chapter_was_timed_for_a_class():
    """The instructors' page says how long a class waits, in a book of any profile."""
    lacking = [name for name in notebooks() if not (home() / "results" / "workshop" / name / "card.json").is_file()]
    assert lacking == []
