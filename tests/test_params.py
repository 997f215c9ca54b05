"""Parameter cells, shared settings and profiles: what can be set, and what is refused before anything runs."""

import json
import re
import sys

import pytest
from IPython.core.interactiveshell import InteractiveShell
from tinybook import CHECKOUT, PARAMETERS, write_notebook

from sqbook.parameters import (
    described,
    needs,
    parameters,
    parse_cell,
    resolve,
    settable,
    shared,
    to_inject,
)
from sqlib import profiles
from sqlib.errors import SqError
from sqlib.show import publish
from sqlib.typed import check, parse

CHAPTERS = sorted((CHECKOUT / "notebooks").glob("*.ipynb"))


MODEL = parse_cell(PARAMETERS, "tiny.ipynb")


def test_papermill_documents_the_same_parameters(tmp_path):
    import papermill

    path = write_notebook(tmp_path / "tiny.ipynb")
    theirs, ours = papermill.inspect_notebook(path), described(parameters(path))
    assert {name: entry["help"] for name, entry in theirs.items()} == {p["name"]: p["help"] for p in ours}
    assert {"name": "bins", "type": "list[int]", "default": [8, 16], "help": "numbers of bins"} in ours
    assert {"name": "level", "type": "float", "default": 1.0, "help": "mean of the noise"} in ours


@pytest.mark.parametrize(("line", "complaint"), [
    ("epochs = 6  # epochs", "is not `name: type = literal  # help`"),
    ("epochs: int = 6", "is not `name: type = literal  # help`"),
    ("epochs: int = 6  # so that n=6", "is not `name: type = literal  # help`"),
    ("band: tuple = (5, 7)  # mHz", "with a type of str, int"),
    ("epochs: int = (  # cut", "not a literal"),
    ("epochs: int = six()  # epochs", "not a literal"),
    ("epochs: int = 'six'  # epochs", "epochs must be int, not 'six' (str)"),
    ("epochs: int = 1  # a\nepochs: int = 2  # b", "line 2: epochs is there already"),
    ("rate: float = 1e999  # rate", "rate must be a finite number"),
    ("copy: int = 1  # a name that pydantic has", "copy is there already; choose another name"),
])
def test_malformed_cell_is_refused_with_the_place(line, complaint):
    with pytest.raises(SqError) as error:
        parse_cell(line, "02_x.ipynb")
    assert complaint in str(error.value)
    assert "02_x.ipynb" in str(error.value)


def test_cell_without_the_five_common_parameters_is_refused(tmp_path):
    path = write_notebook(tmp_path / "x.ipynb", "", "seed: int = 1  # seed\ndata: str = 'twin'  # data")
    with pytest.raises(SqError, match="lacks root, profile, out, settings"):
        parameters(path)


@pytest.mark.parametrize(("own", "complaint"), [
    ({"twni": True}, "no parameter 'twni'; did you mean 'twin'"),
    ({"twin": "yes"}, "twin must be bool, not 'yes'"),
    ({"settings": ["data.sise"]}, "no shared settings 'data.sise'; did you mean 'data.size'"),
    ({"settings": ["lerning"]}, "no shared settings 'lerning'; did you mean 'learning'"),
])
def test_faulty_metadata_are_refused(tmp_path, own, complaint):
    path = write_notebook(tmp_path / "x.ipynb", needs=own)
    with pytest.raises(SqError, match=complaint):
        settable(path)


@pytest.mark.parametrize(("name", "value", "told"), [
    ("levle", 1.0, "no parameter 'levle'; did you mean 'level'"), ("seed", 1.5, "seed must be int, not 1.5 (float)"),
    ("seed", True, "seed must be int, not True (bool)"), ("level", False, "level must be float, not False (bool)"),
    ("bins", 8, "bins must be list[int], not 8 (int)"), ("bins", [8, 1.5], "bins[1] must be int, not 1.5 (float)"),
])
def test_unknown_name_and_wrong_type_are_refused_with_what_was_expected_and_what_came(name, value, told):
    with pytest.raises(SqError, match=re.escape(told)):
        check(MODEL, {name: value}, "tiny.ipynb")


@pytest.mark.parametrize(("text", "value"), [
    ("seed=7", 7), ("level=2", 2.0), ("data=sunquakenet", "sunquakenet"), ("data=7", "7"), ("root=a=b", "a=b"),
    ("bins=[4, 8]", [4, 8]), ("bins=(4, 8)", [4, 8]), ("flip=false", False), ("level=-1e-3", -0.001), ("seed=+5", 5),
    ("level=.5", 0.5), ("seed=1_000", 1000), ("seed=007", 7), ("seed=0x10", 16), ("level=0x10", 16.0),
])
def test_text_from_the_command_line_takes_the_annotated_type(text, value):
    cell = parse_cell(PARAMETERS + "flip: bool = True  # flips", "x")
    [found] = parse(cell, [text], "x").values()
    assert found == value and type(found) is type(value)


@pytest.mark.parametrize("text", ["seed=1.5", "level=nan", "level=\u22121e-3", "level=1,5", "seed=", "flip=yes",
                                  "level=__import__('os')", "bins=4", "seed"])
def test_text_of_another_type_or_form_is_refused(text):
    with pytest.raises(SqError):
        parse(MODEL, [text], "x")


def test_profile_gives_its_blocks_to_every_notebook_and_the_rest_to_its_own(home):
    _, first = resolve("00_first", "smoke", {})
    _, second = resolve("01_second", "smoke", {"seed": 7})
    assert (first["size"], first["level"], first["profile"]) == (32, 1.0, "smoke")
    assert (second["size"], second["level"], second["seed"]) == (32, 2.0, 7)


def test_override_goes_before_profile_and_profile_before_default(home):
    assert resolve("00_first", "smoke", {"size": 16})[1]["size"] == 16
    assert resolve("00_first", "laptop", {})[1]["size"] == 64
    assert resolve("00_first", "smoke", {"settings": ["size=8"]})[1]["size"] == 8
    assert resolve("00_first", "smoke", {"settings": ["size=8"], "size": 16})[1]["size"] == 16
    (home / "profiles/odd.yml").write_text("data: {size: 48}\nnotebooks: {01_second: {size: 24}}")
    assert [resolve(name, "odd", {})[1]["size"] for name in ("00_first", "01_second")] == [48, 24]
    with pytest.raises(SqError, match="'sise'; did you mean 'size'"):
        resolve("00_first", "smoke", {"settings": ["sise=8"]})


def test_what_reaches_the_notebook_settles_every_shared_setting(home):
    path, values = resolve("01_second", "smoke", {"size": 16})
    injected = to_inject(path, values)
    assert (injected["level"], injected["settings"]) == (2.0, ["size=16"])
    assert profiles.settings("01_second", "laptop", injected["settings"]).size == 16  # whatever its profile says
    with pytest.raises(SqError, match=r"no notebook .*my_copy\.ipynb"):
        profiles.settings("my_copy", "smoke", ["size=16"])


@pytest.fixture
def shell(monkeypatch):
    """A running notebook; what IPython sets for the whole process is as before afterwards."""
    for name in ("__IPYTHON__", "display"):
        monkeypatch.setattr(f"builtins.{name}", None, raising=False)
    monkeypatch.setitem(sys.modules, "__main__", sys.modules["__main__"])
    monkeypatch.setattr("sys.path", [*sys.path])
    shell = InteractiveShell()
    monkeypatch.setattr("IPython.get_ipython", lambda: shell)
    return shell


def test_page_has_the_parameters_of_the_running_notebook_and_the_shared_settings(home, shell):
    shell.run_cell(PARAMETERS + 'unannotated = 1\nlevel = 3.0\nprofile = "smoke"')  # as papermill injects values
    page = publish.begin("01_second")
    expected = {"data": "twin", "root": "", "seed": 1265, "profile": "smoke", "level": 3.0, "bins": [8, 16], "size": 32}
    assert page.parameters == expected and page.settings.size == 32
    with pytest.raises(ValueError, match="frozen"):
        page.settings.size = 1
    shell.run_cell('settings = ["sise=1"]')
    with pytest.raises(SqError, match="'sise'; did you mean 'size'"):
        publish.begin("01_second")
    shell.run_cell("del seed")
    with pytest.raises(SqError, match="01_second lacks the parameters seed"):
        publish.begin("01_second")


def test_without_a_notebook_begin_says_what_it_wants():
    with pytest.raises(SqError, match="no notebook is running"):
        publish.begin("01_second")


@pytest.mark.parametrize("path", CHAPTERS, ids=[path.stem for path in CHAPTERS])
def test_a_chapter_has_at_most_fifteen_parameters_and_retypes_none(path, monkeypatch):
    monkeypatch.setenv("SQ_HOME", str(CHECKOUT))
    own, others = (set(model(path).model_fields) for model in (parameters, shared))
    assert len(own) <= 15
    code = ["".join(cell["source"]) for cell in json.loads(path.read_text())["cells"] if cell["cell_type"] == "code"]
    assert sum(f'page = publish.begin("{path.stem}")\n' in cell for cell in code) == 1
    assert set(re.findall(r"page\.settings\.(\w+)", "\n".join(code))) <= others
    for profile in profiles.names():
        assert set(resolve(path, profile, {})[1]) == (own | others) - {"settings"}


def test_what_two_chapters_share_stands_once_in_the_profiles(monkeypatch):
    """Chapters that train the same models find each other's only where all that decides them is the same."""
    monkeypatch.setenv("SQ_HOME", str(CHECKOUT))
    for profile in profiles.names():
        one, *others = (resolve(name, profile, {})[1] for name in ("03_contrastive", "03_losses", "07_case_studies"))
        for other in others:
            named = {*profiles.Learning.model_fields, *profiles.Contrastive.model_fields, "seed"}
            both = named & (one.keys() | other.keys())
            assert named <= both
            assert {name: one[name] for name in both} == {name: other[name] for name in both}


def test_metadata_say_what_the_runner_prepares():
    own = {path.stem[:2]: needs(path) for path in CHAPTERS}
    assert all(one.twin for one in own.values())
    trains = {name for name, one in own.items() if one.trains}
    assert trains == {"02", "03", "04", "05", "06", "07", "09", "10", "11"}
    assert {name for name, one in own.items() if one.trial} == trains - {"06", "07"}
    assert [name for name, one in own.items() if one.may_lack] == ["07"]


def test_a_name_that_is_given_twice_or_is_not_the_readers_to_set_is_refused(home):
    with pytest.raises(SqError, match="x: seed is given twice"):
        parse(MODEL, ["seed=1", "level=2", "seed=2"], "x")
    with pytest.raises(SqError, match="profile cannot be set as a parameter: --profile"):
        resolve("00_first", "laptop", {"profile": "smoke"})  # the card would name sizes that it does not have
    with pytest.raises(SqError, match="out cannot be set"):
        resolve("00_first", "laptop", {"out": "elsewhere"})


def test_int_passes_as_float_and_tuple_as_list():
    values = check(MODEL, {"level": 2, "bins": (1, 2)}, "x")
    assert values == {"level": 2.0, "bins": [1, 2]}
    assert isinstance(values["level"], float)


def test_relative_root_is_taken_from_the_callers_folder(home, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert resolve("00_first", "smoke", {"root": "frames"})[1]["root"] == str(tmp_path / "frames")
    assert resolve("00_first", "smoke", {})[1]["root"] == ""
