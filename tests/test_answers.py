"""Answers that take long are asked for once, found again, and found where they came with the book."""

import numpy as np
import pandas as pd
import pytest

from sqlib import answers, keys
from sqlib.data.frames import make_frameset, make_index
from sqlib.errors import SqError

FRAMES = make_frameset(np.zeros((6, 8, 8), np.uint8), make_index(
    {"event": "2012_07_06_13_26_00", "cycle": 24, "frame": range(6), "time": pd.Timestamp("2012-07-06"), "label": 0,
     "boxes": [()] * 6}), "twin", "cube")


def never():
    raise AssertionError("asked twice")


def test_an_answer_is_asked_for_once_and_asked_for_anew_when_the_code_that_gives_it_changes(sq_home):
    key = answers.key_of("ideal", "code", FRAMES, 3)
    assert answers.kept(key, lambda: np.arange(4.0)).tolist() == answers.kept(key, never).tolist() == [0, 1, 2, 3]
    other = answers.key_of("ideal", "other code", FRAMES, 3)
    assert other != key and answers.kept(other, lambda: np.ones(2)).tolist() == [1, 1]


def test_what_came_with_the_book_is_found_whatever_code_asked(sq_home):
    key, other = (answers.key_of("ideal", code, FRAMES, 3) for code in ("code", "other code"))
    answers.kept(key, lambda: np.arange(4.0))
    answers.ship()
    assert [path.name for path in (sq_home / answers.SHIPPED).iterdir()] == [f"{keys.lasting(key)}.npy"]
    assert answers.kept(other, never).tolist() == [0, 1, 2, 3]


def test_codes_which_are_large_do_not_come_with_the_book(sq_home):
    found = {what: answers.key_of(what, "code", FRAMES) for what in (*answers.CODES, "margin")}
    for key in found.values():
        answers.kept(key, lambda: np.ones((6, 64)))
    answers.ship()
    assert [path.stem for path in (sq_home / answers.SHIPPED).iterdir()] == [keys.lasting(found["margin"])]


def test_other_frames_rows_and_facts_are_another_question():
    half = make_frameset(FRAMES.pixels[:3], FRAMES.index[:3], "twin", "cube")
    turned = make_frameset(FRAMES.pixels[::-1], FRAMES.index[::-1].reset_index(drop=True), "twin", "cube")
    found = {keys.lasting(answers.key_of(what, "code", frames, fact)) for what, frames, fact in (
        ("ideal", FRAMES, 3), ("ideal", FRAMES, 4), ("ideal", half, 3), ("ideal", turned, 3), ("scores", FRAMES, 3))}
    assert len(found) == 5


def test_a_damaged_answer_is_named(sq_home):
    key = answers.key_of("ideal", "code", FRAMES)
    answers.kept(key, lambda: np.arange(4.0))
    (sq_home / "data" / "answers" / key / "answer.npy").write_bytes(b"x")
    with pytest.raises(SqError, match=r"answer\.npy is damaged"):
        answers.kept(key, never)


def test_nothing_is_kept_of_a_question_that_failed(sq_home):
    key = answers.key_of("ideal", "code", FRAMES)
    with pytest.raises(AssertionError):
        answers.kept(key, never)
    assert answers.kept(key, lambda: np.ones(1)).tolist() == [1]
