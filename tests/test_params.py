"""Parameter cells and profiles: what can be set, and what is refused before anything runs."""

import pytest
from tinybook import PARAMETERS, make_home, write_notebook

from sqbook.parameters import check, load_profile, notebook_path, parameters, parse, parse_cell, resolve
from sqlib.errors import SqError


@pytest.fixture
def home(tmp_path, monkeypatch):
    monkeypatch.setenv("SQ_HOME", str(tmp_path / "home"))
    return make_home(tmp_path / "home")


KNOWN = parse_cell(PARAMETERS, "tiny.ipynb")


def test_parameter_cell_gives_name_type_default_and_help():
    found = {p.name: (p.type, p.default, p.help) for p in KNOWN}
    assert found["level"] == ("float", 1.0, "mean of the noise")
    assert found["bins"] == ("list[int]", [8, 16], "numbers of bins")
    assert found["root"] == ("str", "", "folder of SunquakeNet, where data is sunquakenet")


def test_papermill_documents_the_same_parameters(tmp_path):
    import papermill

    path = write_notebook(tmp_path / "tiny.ipynb")
    theirs = papermill.inspect_notebook(path)
    assert {name: entry["help"] for name, entry in theirs.items()} == {p.name: p.help for p in parameters(path)}


@pytest.mark.parametrize(
    ("line", "complaint"),
    [
        ("epochs = 6  # epochs", "write `name: type = literal  # help`"),
        ("epochs: int = 6", "epochs needs a comment"),
        ("epochs: int = 6  # so that n=6", "without an equals sign"),
        ("epochs: int = six()  # epochs", "not a literal"),
        ("epochs: int = 'six'  # epochs", "epochs must be int, not 'six' (str)"),
        ("band: tuple = (5, 7)  # mHz", "type tuple is not one of"),
        ("import os  # why", "write `name: type = literal"),
        ("epochs: int  # no value", "write `name: type = literal"),
        ("epochs: int = (  # cut", "is not Python"),
        ("epochs: int = 1  # a\nepochs: int = 2  # b", "epochs is there twice"),
    ],
)
def test_malformed_cell_is_refused_with_the_place(line, complaint):
    with pytest.raises(SqError) as error:
        parse_cell(line, "02_x.ipynb")
    assert complaint in str(error.value)
    assert "02_x.ipynb" in str(error.value)


def test_cell_without_the_five_common_parameters_is_refused(tmp_path):
    path = write_notebook(tmp_path / "x.ipynb", "", "seed: int = 1  # seed\ndata: str = 'twin'  # data")
    with pytest.raises(SqError, match="lacks root, profile, out"):
        parameters(path)


def test_notebook_without_a_parameter_cell_or_cut_off_is_refused(tmp_path):
    import nbformat

    nbformat.write(nbformat.v4.new_notebook(), tmp_path / "bare.ipynb")
    with pytest.raises(SqError, match="0 cells tagged `parameters`"):
        parameters(tmp_path / "bare.ipynb")
    (tmp_path / "cut.ipynb").write_text('{"cells": [')
    with pytest.raises(SqError, match="not a notebook"):
        parameters(tmp_path / "cut.ipynb")


def test_unknown_name_is_refused_with_the_nearest():
    with pytest.raises(SqError, match="no parameter 'levle'; did you mean 'level'"):
        check(KNOWN, {"levle": 1.0}, "tiny.ipynb")


@pytest.mark.parametrize(
    ("name", "value", "came"),
    [
        ("seed", 1.5, "1.5 (float)"),
        ("seed", True, "True (bool)"),
        ("seed", "7", "'7' (str)"),
        ("level", "high", "'high' (str)"),
        ("level", False, "False (bool)"),
        ("data", 3, "3 (int)"),
        ("bins", 8, "8 (int)"),
        ("bins", [8, 1.5], "1.5 (float)"),
    ],
)
def test_wrong_type_is_refused_with_name_expected_type_and_what_came(name, value, came):
    kind = {p.name: p.type for p in KNOWN}[name]
    with pytest.raises(SqError) as error:
        check(KNOWN, {name: value}, "tiny.ipynb")
    assert name in str(error.value)
    assert came in str(error.value)
    assert kind.removeprefix("list[").removesuffix("]") in str(error.value)


def test_int_passes_as_float_and_tuple_as_list():
    values = check(KNOWN, {"level": 2, "bins": (1, 2)})
    assert values == {"level": 2.0, "bins": [1, 2]}
    assert isinstance(values["level"], float)


def test_text_from_the_command_line_takes_the_annotated_type():
    cell = KNOWN + parse_cell("flip: bool = True  # flips", "x")
    texts = ["seed=7", "level=2", "data=sunquakenet", "bins=[4, 8]", "flip=false", "root=a=b"]
    values = parse(cell, texts)
    assert values == {"seed": 7, "level": 2.0, "data": "sunquakenet", "bins": [4, 8], "flip": False, "root": "a=b"}
    assert parse(cell, ["bins=(4, 8)", "data=7"]) == {"bins": [4, 8], "data": "7"}


@pytest.mark.parametrize("text", ["seed=seven", "seed=1.5", "level=__import__('os')", "bins=4", "seed", "flip=True"])
def test_text_of_another_type_or_form_is_refused(text):
    with pytest.raises(SqError):
        parse(KNOWN, [text])


def test_profile_gives_its_data_to_every_notebook_and_the_rest_to_its_own(home):
    _, first = resolve("00_first", "smoke", {})
    _, second = resolve("01_second", "smoke", {"seed": 7})
    assert (first["size"], first["level"], first["profile"]) == (32, 1.0, "smoke")
    assert (second["size"], second["level"], second["seed"]) == (32, 2.0, 7)


def test_override_goes_before_profile_and_profile_before_default(home):
    assert resolve("00_first", "smoke", {"size": 16})[1]["size"] == 16
    assert resolve("00_first", "laptop", {})[1]["size"] == 64


def test_relative_root_is_taken_from_the_callers_folder(home, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert resolve("00_first", "smoke", {"root": "frames"})[1]["root"] == str(tmp_path / "frames")
    assert resolve("00_first", "smoke", {})[1]["root"] == ""


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("notebooks: {01_secnd: {level: 2.0}}", "'01_secnd'; did you mean '01_second'"),
        ("notebooks: {01_second: {levl: 2.0}}", "'levl'; did you mean 'level'"),
        ("notebooks: {01_second: {level: high}}", "level must be float"),
        ("data: [1, 2]", "are mappings"),
        ("notebook: {}", "unknown section 'notebook'; did you mean 'notebooks'"),
        ("data: {size: [", "cannot be read"),
        ("just words", "are mappings"),
    ],
)
def test_faulty_profile_is_refused_with_the_place(home, text, complaint):
    (home / "profiles/odd.yml").write_text(text)
    with pytest.raises(SqError) as error:
        load_profile("odd")
    assert complaint in str(error.value)
    assert "odd.yml" in str(error.value)


def test_data_setting_of_the_wrong_type_is_refused(home):
    (home / "profiles/odd.yml").write_text("data: {size: big}")
    with pytest.raises(SqError, match=r"odd\.yml, data: size must be int, not 'big'"):
        resolve("00_first", "odd", {})


def test_unknown_profile_and_notebook_are_refused_with_the_nearest(home):
    with pytest.raises(SqError, match="no profile 'smok'; did you mean 'smoke'"):
        load_profile("smok")
    with pytest.raises(SqError, match="no notebook '00_frist'; did you mean '00_first'"):
        notebook_path("00_frist")
