"""Practice sets: made once and in pieces, a larger one from a smaller one, cut to as many sources as are asked for."""

import numpy as np
import pytest

from sqlib.errors import SqError
from sqlib.learn import practice_set as sets
from sqlib.learn.practice import practise
from sqlib.learn.practice_set import practice_set, take

SMALL = {"seed": 3, "size": 64, "frames": 60, "progress": False, "workers": 0}


@pytest.fixture
def made(sq_home, monkeypatch):
    """Numbers of the practice cubes that were simulated, as they are."""
    numbers = []
    monkeypatch.setattr(sets, "practise", lambda number, *how: numbers.append(number) or practise(number, *how))
    return numbers


@pytest.fixture(scope="module")
def nine(tmp_path_factory):
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SQ_HOME", str(tmp_path_factory.mktemp("nine")))
        yield practice_set(9, **SMALL)


def test_a_set_holds_the_practice_cubes_of_its_seed(nine):
    assert nine.pixels.shape == (9, 60, 64, 64) and nine.pixels.dtype == np.uint8 and not nine.pixels.flags.writeable
    for number in (0, 7, 8):
        frames, sources = practise(number, 3, 64, 60)
        assert np.array_equal(nine.pixels[number], frames)
        own = nine.sources[nine.sources["cube"] == number]
        assert np.allclose(own[["first", "last", "y", "x"]], sources, atol=1e-3)
    assert 7 not in set(nine.sources["cube"]) and len(nine.left_out) == 0  # one in eight is quiet


def test_the_instrument_is_that_of_the_cube(nine, monkeypatch):
    from sqlib.learn import practice

    def told(event, *_):
        raise SqError(event.instrument)

    monkeypatch.setattr(practice, "simulate", told)
    assert set(nine.instruments) == {"MDI", "HMI"}
    for number, instrument in enumerate(nine.instruments):
        with pytest.raises(SqError, match=instrument):
            practise(number, 3, 64, 60)


def test_a_larger_set_goes_on_from_a_smaller_one_and_nothing_is_made_twice(made):
    two, four = practice_set(2, **SMALL), practice_set(4, **SMALL)
    assert made == [0, 1, 2, 3]
    assert np.array_equal(four.pixels[:2], two.pixels)
    again = practice_set(2, **SMALL)
    assert made == [0, 1, 2, 3] and again.origin == two.origin
    assert np.array_equal(again.pixels, two.pixels) and again.sources.equals(two.sources)


def test_what_was_cut_off_or_failed_is_made_by_the_next_call(made, monkeypatch, sq_home):
    with monkeypatch.context() as patch:
        def fails(number, *how):
            if number == 1:
                raise OSError("no waves")
            return practise(number, *how)

        patch.setattr(sets, "practise", fails)
        with pytest.raises(SqError, match=r"1 of 3 practice cubes failed .1.*no waves"):
            practice_set(3, **SMALL)
    whole = practice_set(3, **SMALL)
    assert made == [1]
    assert np.array_equal(whole.pixels[1], practise(1, 3, 64, 60).frames)
    folder = next((sq_home / "data" / "practice").iterdir())
    (folder / "cube-00002.json").write_text("[")
    with pytest.raises(SqError, match="delete it"):
        practice_set(3, **SMALL)


def test_a_part_holds_exactly_the_sources_asked_for_and_knows_of_the_others(nine):
    per_cube = np.bincount(nine.sources["cube"], minlength=9)
    wanted = int(per_cube[:2].sum()) + 1
    part = take(nine, wanted)
    assert len(part.sources) == wanted and len(part.pixels) == len(part.instruments) == 3
    assert len(part.left_out) == per_cube[2] - 1 and set(part.left_out["cube"]) == {2}
    assert take(part, per_cube[0].item()).origin == take(nine, per_cube[0].item()).origin != part.origin
    assert len(take(part, wanted - 1).left_out) == 0  # that needs two cubes, all of whose sources are taken


def test_the_origin_holds_settings_and_physics(made, monkeypatch):
    origins = [practice_set(**{"cubes": 1, **SMALL, **change}).origin
               for change in ({}, {"cubes": 2}, {"seed": 4}, {"frames": 61}, {"size": 66})]
    monkeypatch.setattr(sets, "PHYSICS", "other")
    origins.append(practice_set(1, **SMALL).origin)
    assert len(set(origins)) == len(origins)


@pytest.mark.parametrize(("bad", "told"), [
    ({"cubes": 0}, "cubes"), ({"cubes": 2.0}, "cubes"), ({"cubes": 10_001}, "cubes"), ({"seed": -1}, "seed"),
    ({"size": 8}, "size"), ({"frames": 1}, "frames"), ({"workers": -2}, "workers"),
])
def test_numbers_out_of_range_are_refused(sq_home, bad, told):
    with pytest.raises(SqError, match=told):
        practice_set(**{"cubes": 1, **SMALL, **bad})
    assert not sq_home.exists()


@pytest.mark.parametrize("sources", [0, -1, 1.5, True, 10_000])
def test_more_sources_than_there_are_cannot_be_taken(nine, sources):
    with pytest.raises(SqError, match="sources cannot be taken"):
        take(nine, sources)
