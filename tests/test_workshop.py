"""The profile for a class: its networks are those that come with the book, so that no chapter trains one beforehand."""

from dataclasses import fields
from types import SimpleNamespace

import pandas as pd
import pytest

from sqbook.parameters import notebooks, resolve
from sqlib import keys, profiles
from sqlib.data import build
from sqlib.data.trial import CODE, SEED
from sqlib.learn import chapters, encoders, locator_training, recipes, trained
from sqlib.paths import home
from sqlib.sun.twin import TwinSettings

BOTH = SimpleNamespace(index=pd.DataFrame({"label": [1, 1], "boxes": [(1,), (1,)], "cycle": [23, 24]}))


def keys_of(chapter: str, profile: str) -> dict[str, str]:
    """The keys of a chapter's networks by name, of the twin at the profile's size, which need not be there."""
    _, values = resolve(chapter, profile, {})
    settings = TwinSettings(**{one.name: values[one.name] for one in fields(TwinSettings) if one.name in values})
    made = [build.twin_folder(settings).name, f"-{build.RECIPE}"]
    origin = keys.derived(made, "", values["resolution"], values["scaling"])  # as `load_frames` has it
    plan = recipes.plan(chapter, values | {"weights": "none"}, BOTH)
    return {name: chapters.trainer_of(one).run_key(one, origin) for name, one in plan.items()}


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
    settings = TwinSettings(size=values["size"], frames=values["frames"], seed=SEED)
    made = [build.twin_folder(settings, code=CODE).name, f"-{build.RECIPE}"]
    origin = keys.derived(made, f"trial-{values['trial']}", values["resolution"], values["scaling"])
    for name, key in keys_of(chapter, "workshop").items():
        there = trained.shipped_folder(key).glob(f"margin-{keys.lasting(origin)[:12]}-*.npy")
        assert list(there), name


def test_every_chapter_was_timed_for_a_class():
    """The instructors' page says how long a class waits, in a book of any profile."""
    lacking = [name for name in notebooks() if not (home() / "results" / "workshop" / name / "card.json").is_file()]
    assert lacking == []
