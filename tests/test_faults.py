"""Malformed input of every kind at every place that reads a file: refused in words, and nothing is left behind."""

import json
import os
import re
import shutil
from pathlib import Path

import pytest
from entries import ENTRIES
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from sqlib.errors import SqError

LEAST, TRIED = 7, 18  # refusals that each entry must give, of the examples that are drawn for it
REPEATABLE = settings(max_examples=TRIED, derandomize=True, database=None, deadline=None,
                      suppress_health_check=list(HealthCheck))
WORDS = ("NaN", "1e999", "-7", "9" * 30, '"x"', "null", "[]", "{}", "", "\udcff", "../../x", "true", "[" * 5000)
BROKEN = st.sampled_from(["empty", "folder", "loop", "absent", "garbage"]).map(lambda how: (how,))
CUT = st.tuples(st.just("cut"), st.integers(1, 95))
PLACE = st.integers(0, 9999)
FLIP = st.tuples(st.just("flip"), st.lists(st.tuples(PLACE, st.integers(1, 255)), min_size=3, max_size=30))
WORD = st.tuples(st.just("word"), PLACE, st.sampled_from(WORDS))
VALUES = [None, -1, "x", [], {}, True, 1e308, [[1, 2]], {"a": 1}]
NODE = st.tuples(st.just("node"), PLACE, st.sampled_from(VALUES))
DAMAGES = {"json": st.one_of(BROKEN, CUT, WORD, NODE, NODE), "text": st.one_of(BROKEN, CUT, FLIP, WORD, WORD),
           "binary": st.one_of(BROKEN, CUT, CUT, FLIP, WORD)}
KINDS = {".json": "json", ".ipynb": "json", ".csv": "text", ".yml": "text", ".txt": "text"}


def spoil(path: Path, how: tuple) -> None:
    """Do to a good file what went wrong with it."""
    content = path.read_bytes()
    path.unlink()
    match how:
        case ("folder",):
            path.mkdir()
        case ("loop",):
            path.symlink_to(path.name)
        case ("absent",):
            pass
        case ("empty",):
            path.write_bytes(b"")
        case ("garbage",):
            path.write_bytes(b"\xff\xfe\x00" + bytes(range(256)))
        case ("cut", share):
            path.write_bytes(content[: len(content) * share // 100])
        case ("flip", places):
            changed = bytearray(content)
            for place, mask in places:
                changed[place * len(changed) // 10_000] ^= mask
            path.write_bytes(changed)
        case ("word", place, word):  # another word where a word or a number stood
            found = list(re.finditer(rb"[\w.+-]+", content))
            match = found[place * len(found) // 10_000]
            path.write_bytes(content[: match.start()] + os.fsencode(word) + content[match.end() :])
        case ("node", place, value):  # another value somewhere in JSON
            tree = json.loads(content)
            spots = list(_spots(tree))
            where, key = spots[place * len(spots) // 10_000]
            where[key] = value
            path.write_text(json.dumps(tree), encoding="utf-8")


def _spots(tree):
    for key, value in tree.items() if isinstance(tree, dict) else enumerate(tree):
        yield tree, key
        if isinstance(value, dict | list):
            yield from _spots(value)


def listing(folder: Path) -> set[str]:
    return {str(path.relative_to(folder)) for path in folder.rglob("*") if path.name != ".lock"}


@pytest.mark.parametrize("name", ENTRIES)
def test_a_spoilt_file_is_refused_by_name_and_leaves_nothing(name, tmp_path, monkeypatch):
    make, read = ENTRIES[name]
    home, refused = tmp_path / "home", 0
    monkeypatch.setenv("SQ_HOME", str(home))
    home.mkdir()
    good = make(home)
    shutil.copytree(home, tmp_path / "good", symlinks=True)
    read(good)  # as it was made, it is read

    @REPEATABLE
    @given(how=DAMAGES[KINDS.get(good.suffix, "binary")])
    def refuses(how):
        nonlocal refused
        shutil.rmtree(home)
        shutil.copytree(tmp_path / "good", home)
        spoil(good, how)
        before = listing(home)
        try:
            read(good)  # some damage hits what nobody reads
        except SqError as error:
            refused += 1
            assert any(words in str(error) for words in (good.name, good.stem, f"{home}/")), "it says where"
            assert "Traceback" not in str(error)
            assert len(str(error)) < 1500
        assert listing(home) - before <= {str(good.relative_to(home))}  # what is absent may be made again

    refuses()
    assert refused >= LEAST


def test_that_makes_more_than_two_hundred():
    assert len(ENTRIES) * LEAST >= 200
