"""Profiles and notebooks as people write them: read as they were meant, or refused with the line; strays skipped."""

import json

import pytest

from sqbook.parameters import notebook_path, notebooks, profile_values, read_notebook, resolve
from sqlib import profiles
from sqlib.errors import SqError


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("notebooks: {01_secnd: {level: 2.0}}", "'01_secnd'; did you mean '01_second'"),
        ("notebooks: {01_second: {levl: 2.0}}", "'levl'; did you mean 'level'"),
        ("notebooks: {01_second: {level: high}}", "level must be float"),
        ("data: [1, 2]", "write a mapping of names to values"),
        ("notebook: {}", "unknown section 'notebook'; did you mean 'notebooks'"),
        ("data: {size: [", "cannot be read"),
        ("data: {sise: 1}", "odd.yml, data has no parameter 'sise'; did you mean 'size'"),
        ("learning: {rate: fast}", "odd.yml, learning: rate must be float, not 'fast' (str)"),
        ("detector: {anchors: [1, .inf]}", "anchors[1] must be a finite number"),
        ("just words", "write a mapping of names to values"),
        ("data: 0", "write a mapping of names to values"),
        ("notebooks: {01_second: 0}", "write a mapping of names to values, not 0"),
        ("data: {size: 64}\nnotebooks:\n  01_second: {level: 010}", "line 3: YAML reads 010 as an octal number"),
        ("notebooks: {01_second: {level: 0,05}}", "YAML reads 05 as an octal number"),  # a comma for a point
        ("data: {size: 21:05}", "line 1: YAML reads 21:05 as a number in base 60"),
        ("data: {size: 64}\n\n'data': {frames: 8}", "line 3: 'data' is already in line 1"),
        ("data:\n  size: 64\n  size: 32", "line 3: 'size' is already in line 2"),
        ("data: {scaling: no}", "scaling must be str, not False (bool); in a profile yes, no, on and off are truths"),
        ("data: {scaling: 0.5}", "scaling must be str, not 0.5 (float); a text that looks like something else stands"),
        ("data:\n\tsize: 64", "line 2: found character '\\t'"),
        ("data: {size: !!python/name:os.system }", "line 1: could not determine a constructor"),
        (b"data: {scaling: f\xfcr}", "byte 17 is no text in UTF-8"),
    ],
)
def test_faulty_profile_is_refused_with_the_place(home, text, complaint):
    (home / "profiles/odd.yml").write_bytes(text if isinstance(text, bytes) else text.encode())
    with pytest.raises(SqError) as error:
        profile_values("odd", "01_second")
    assert complaint in str(error.value)
    assert "odd.yml" in str(error.value)


@pytest.mark.parametrize(("text", "block", "found"), [
    ("learning: {rate: 1e-3}", "learning", {"rate": 0.001}),
    ("learning: {rate: +2E-1, decay: .5e1}", "learning", {"rate": 0.2, "decay": 5.0}),
    ("learning: {joint: yes, extra: ['no', 2001-04-06]}", "learning", {"joint": True, "extra": ["no", "2001-04-06"]}),
    ("data: {scaling: '0123'}", "data", {"scaling": "0123"}),
    ("learning: {rate: 1.0}\nnotebooks:\n  01_second: &base {level: 2.0, seed: 3}\n  00_first: {<<: *base, seed: 4}",
     "notebooks", {"01_second": {"level": 2.0, "seed": 3}, "00_first": {"level": 2.0, "seed": 4}}),
    ("\ufeffdata: {size: 64}", "data", {"size": 64}),
    ("data:\r\n  size: 64\r\n", "data", {"size": 64}),
    ("# nothing yet\n", "data", {}),
    ("", "data", {}),
    ("data:\nnotebooks:\n  01_second:\n", "notebooks", {"01_second": {}}),
], ids=["exponent", "exponents", "truth and date", "quotes", "merge key", "BOM", "CRLF", "remark", "empty", "sections"])
def test_profile_is_read_as_it_was_meant(home, text, block, found):
    for content in (text.encode(), text.lstrip("\ufeff").encode("utf-16")):
        (home / "profiles/odd.yml").write_bytes(content)
        assert profiles.load("odd")[block] == found


@pytest.mark.parametrize("name", ["mine.yaml", "mine.YML", "mine.yml.txt", "mine.yml~", "mine"])
def test_profile_of_another_suffix_is_mentioned(home, name):
    (home / "profiles" / name).write_text("data: {size: 64}")
    for asked in ("mine", name):
        with pytest.raises(SqError, match=rf"no profile '{asked}'; .*profiles holds {name}, but .* NAME\.yml"):
            profiles.load(asked)
    with pytest.raises(SqError, match=r"profiles holds smoke\.yml, but a profile is a file NAME\.yml, and called NAME"):
        profiles.load("smoke.yml")


def test_home_that_is_nowhere_is_named(home, monkeypatch):
    monkeypatch.setenv("SQ_HOME", str(home / "nowhere"))
    for asked, call in (("profiles", lambda: profiles.load("smoke")), ("notebooks", lambda: notebook_path("00_first"))):
        with pytest.raises(SqError, match=rf"none in .*nowhere/{asked}; \$SQ_HOME is the folder that holds notebooks/"):
            call()


def test_hidden_twins_of_profiles_and_notebooks_are_skipped(home):
    for name in ("profiles/._smoke.yml", "notebooks/._00_first.ipynb", "profiles/.#smoke.yml"):
        (home / name).write_bytes(b"\x00\x05\x16\x07\x00\x02\x00\x00Mac OS X")
    (home / "profiles/folder.yml").mkdir()
    (home / "notebooks/.ipynb_checkpoints").mkdir()
    assert profiles.names() == ["laptop", "smoke"]
    assert list(notebooks()) == ["00_first", "01_second"]
    assert resolve("01_second", "smoke", {})[1]["level"] == 2.0


def damaged(path, how: str) -> None:
    """Spoil a good notebook as people's are."""
    content = json.loads(path.read_text())
    cells = content["cells"]
    match how:
        case "empty":
            path.write_text("")
        case "conflict of git":
            path.write_text(path.read_text().replace("{\n", "{\n<<<<<<< HEAD\n", 1) + ">>>>>>> mine\n")
        case "format 3":
            path.write_text(json.dumps({"nbformat": 3, "metadata": {}, "worksheets": [{"cells": cells}]}))
        case "no cells":
            path.write_text(json.dumps({name: part for name, part in content.items() if name != "cells"}))
        case "UTF-16":
            path.write_text(json.dumps(content), encoding="utf-16")
        case "parameters twice":
            path.write_text(json.dumps({**content, "cells": [*cells, cells[1]]}))


@pytest.mark.parametrize(("how", "told"), [
    ("empty", "it is empty"), ("format 3", "open it in JupyterLab and save it"), ("no cells", "it has no cells"),
    ("conflict of git", "line 2 is a mark of a conflict that git could not merge"), ("UTF-16", "can't decode byte"),
    ("parameters twice", "2 cells tagged `parameters`"),
])
def test_a_damaged_notebook_is_told_and_hinders_no_other(home, how, told):
    path = home / "notebooks/01_second.ipynb"
    damaged(path, how)
    before = path.read_bytes()
    with pytest.raises(SqError, match=f"01_second.*{told}"):
        resolve("01_second", "smoke", {})
    assert resolve("00_first", "smoke", {})[1]["size"] == 32  # though the profile has values for the damaged one
    assert path.read_bytes() == before


def test_a_notebook_with_a_byte_order_mark_is_read(home):
    path = home / "notebooks/01_second.ipynb"
    path.write_text(path.read_text(), encoding="utf-8-sig")
    assert resolve("01_second", "smoke", {})[1]["level"] == 2.0
    assert profiles.settings("01_second", "smoke", []).size == 32
    assert len(read_notebook(path).cells) == 4
