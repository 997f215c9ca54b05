"""Practice frames: made once and in pieces, more from fewer, with exactly as many sources as are asked for."""

import numpy as np
import pytest

from sqlib.errors import SqError
from sqlib.learn import practice_set as sets
from sqlib.learn.practice import practise
from sqlib.learn.practice_set import practice_frames

SMALL = {"seed": 3, "size": 64, "frames": 60, "progress": False}


@pytest.fixture
def made(sq_home, monkeypatch):
    """Numbers of the practice cubes that were simulated, as they are."""
    numbers = []
    monkeypatch.setattr(sets, "practise", lambda number, *how: numbers.append(number) or practise(number, *how))
    return numbers


@pytest.fixture(scope="module")
def eighteen(tmp_path_factory):
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SQ_HOME", str(tmp_path_factory.mktemp("eighteen")))
        yield practice_frames(18, **SMALL)


def cubes_of(frames):
    """The index of each event, by the number of its practice cube."""
    return {int(event.removeprefix("practice ")): own for event, own in frames.index.groupby("event", sort=False)}


def test_frames_are_those_of_the_practice_cubes_with_labels_and_boxes_at_their_sources(eighteen):
    assert eighteen.pixels.dtype == np.uint8 and not eighteen.pixels.flags.writeable
    cubes, boxes_in_all = cubes_of(eighteen), 0
    assert list(cubes) == list(range(9)) and len(eighteen.index) == 9 * 60
    for number, index in cubes.items():
        frames, sources = practise(number, 3, 64, 60)
        assert np.array_equal(eighteen.pixels[index.index], frames)
        middles = [(np.array(own).reshape(-1, 2, 2).mean(1) - 0.5).tolist() for own in index["boxes"]]
        for first, last, y, x in sources:
            told = index["label"].to_numpy()[int(first) : int(last) + 1]
            assert np.all(told == 1) or (number == 8 and np.all(told != 0))  # it holds more than asked
            for own in middles[int(first) : int(last) + 1]:
                assert np.all(told == -1) or any(np.allclose(place, (x, y), atol=2e-3) for place in own)
        boxes_in_all += len({box for own in index["boxes"] for box in own})
    assert boxes_in_all == 18 and not cubes[7]["label"].any()  # one in eight is quiet


def test_the_instrument_is_that_of_the_cube(eighteen, monkeypatch):
    from sqlib.learn import practice

    def told(event, *_):
        raise SqError(event.instrument)

    monkeypatch.setattr(practice, "simulate", told)
    said = {}
    for number, index in cubes_of(eighteen).items():
        cycle, seconds = index["cycle"].iloc[0], index["time"].diff().iloc[1].total_seconds()
        said[number] = {(23, 60.0): "MDI", (24, 45.0): "HMI"}[cycle, seconds]
        with pytest.raises(SqError, match=said[number]):
            practise(number, 3, 64, 60)
    assert set(said.values()) == {"MDI", "HMI"}


def test_more_sources_go_on_from_fewer_and_nothing_is_made_twice(made):
    two, four = practice_frames(3, **SMALL), practice_frames(8, **SMALL)
    assert made == list(range(len(made))) and len(made) >= len(cubes_of(four)) > len(cubes_of(two))
    assert np.array_equal(four.pixels[: len(two.pixels)], two.pixels)
    before, again = len(made), practice_frames(3, **SMALL)
    assert len(made) == before and again.origin == two.origin
    assert np.array_equal(again.pixels, two.pixels) and again.index.equals(two.index)


def test_what_was_cut_off_or_failed_is_made_by_the_next_call(made, monkeypatch, sq_home):
    with monkeypatch.context() as patch:
        def fails(number, *how):
            if number == 1:
                raise OSError("no waves")
            return practise(number, *how)

        patch.setattr(sets, "practise", fails)
        with pytest.raises(SqError, match=r"1 of [23] practice cubes failed .1.*no waves"):
            practice_frames(5, **SMALL)
    whole = practice_frames(5, **SMALL)
    assert made == [1]
    assert np.array_equal(whole.pixels[60:120], practise(1, 3, 64, 60).frames)
    folder = next((sq_home / "data" / "practice").iterdir())
    (folder / "cube-00001.json").write_text("[")
    with pytest.raises(SqError, match="delete it"):
        practice_frames(5, **SMALL)


def test_there_are_exactly_the_sources_asked_for_and_frames_of_the_others_teach_nothing(eighteen, made):
    sources = {number: practise(number, 3, 64, 60).sources for number in range(3)}
    wanted = len(sources[0]) + 1
    part = practice_frames(wanted, **SMALL)
    assert list(cubes_of(part)) == [0, 1] and len(sources[1]) > 1
    last = cubes_of(part)[1]
    assert len({box for own in last["boxes"] for box in own}) == 1
    for first, end, *_ in sources[1][1:]:
        assert np.all(last["label"].to_numpy()[int(first) : int(end) + 1] == -1)
    whole = practice_frames(len(sources[0]), **SMALL)
    assert list(cubes_of(whole)) == [0] and not (whole.index["label"] == -1).any()


def test_the_origin_holds_settings_and_physics(made, monkeypatch):
    origins = [practice_frames(**{"sources": 1, **SMALL, **change}).origin
               for change in ({}, {"sources": 2}, {"seed": 4}, {"frames": 61}, {"size": 66})]
    monkeypatch.setattr(sets, "PHYSICS", "other")
    origins.append(practice_frames(1, **SMALL).origin)
    assert len(set(origins)) == len(origins)


@pytest.mark.parametrize(("bad", "told"), [
    *(({"sources": number}, "practice sources: a whole number") for number in (0, -1, 1.5, 2.0, True, 10**9)),
    ({"seed": -1}, "seed"), ({"size": 8}, "size"), ({"frames": 1}, "frames"),
])
def test_numbers_out_of_range_are_refused_before_anything_is_drawn(sq_home, monkeypatch, bad, told):
    monkeypatch.setattr(sets, "draw_event", None)
    with pytest.raises(SqError, match=told):
        practice_frames(**{"sources": 1, **SMALL, **bad})
    assert not sq_home.exists()
