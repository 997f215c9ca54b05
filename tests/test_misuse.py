"""The command line misused as users misuse it: exit code 2 (130 when interrupted), one message, nothing made."""

import json
import os
import pickle

import matplotlib.pyplot as plt
import numpy as np
import pytest
from astropy.io import fits
from entries import ENTRIES, KEY, a_run
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from sqbook.cli import main
from sqlib.errors import SqError
from sqlib.learn.pictures import cifar10
from sqlib.show import publish, records
from sqlib.show.provenance import read_card


def refused(words, capsys) -> str:
    """What `sq` says on stderr to words that it must refuse."""
    code = main(words)
    captured = capsys.readouterr()
    assert code == 2, words
    assert "error: " in captured.err and "Traceback" not in captured.err
    assert captured.out == ""
    return captured.err


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["rum", "00_first"], "No such command 'rum'. Did you mean 'run'?"),
        ([], "Missing command"),
        (["data"], "Missing command"),
        (["run"], "NOTEBOOK"),
        (["run", "00_first", "--dta", "twin"], "--data"),
        (["run", "00_first", "01_second", "-p", "sed=1"], "did you mean 'seed'"),
        (["run", "00_first", "-p", "seed=one"], "seed must be int, not 'one' (str)"),
        (["run", "00_first", "-p", "seed"], "write name=value"),
        (["run", "00_first", "-p", "sise=8"], "did you mean 'size'"),
        (["run", "../../etc/passwd"], "no notebook"),
        (["run", "x" * 5000], "x"),
        (["run", "00_first", "-p", "level=1e999"], "level must be a finite number"),
        (["run", "00_first", "-p", "bins=[[1]]"], "bins[0] must be int"),
        (["run", "00_first", "--root", "/no/such/folder"], "/no/such/folder"),
        (["run", "00_first", "--data", "moon"], "'moon' is not one of 'twin', 'sunquakenet'"),
        (["run", "00_first", "--data", "twin", "-p", "data=sunquakenet"], "data is given twice"),
        (["run", "00_first", "--workers", "0"], "'--workers': 0 is not in the range x>=1"),
        (["train", "00_first", "--minutes", "soon"], "not a valid float"),
        (["train", "00_first", "--minutes", "nan"], "--minutes is a number of at least 0"),
        (["params", "00_frist"], "did you mean '00_first'"),
        (["slides", "00_frist"], "did you mean '00_first'"),
        (["data", "info", "-p", "sise=64"], "did you mean 'size'"),
        (["data", "ingest", "2014-03-29T17:48", "--region", "1", "--stonyhurst", "1", "2"], "give one of --region"),
        (["student", "/dev/null"], "_toc.yml"),
        (["compare", "a", "b"], "no runs are called 'a'"),
        (["sweep", "00_first", "-p", "seed=1..999999999999999999"], "from 1 to 500 runs"),
        (["sweep", "00_first", "-p", "seed=1..9", "-p", "size=1..99"], "from 1 to 500 runs"),
        (["sweep", "00_first", "-p", "seed=1,2", "--workers", "-1"], "workers is a whole number"),
        (["data", "build", "--workers", "99999"], "workers is a whole number"),
        (["data", "build", "--workers", "some"], "not a valid integer"),
        (["data", "build", "-p", "size=999999"], "size must be a whole number from 64 to 1024"),
        (["data", "info", "--data", "sunquakenet", "--root", "/dev/null"], "/dev/null"),
        (["data", "export", "/dev/null/x"], "not built"),
        (["book", "--profile", "lapptop"], "_toc.yml"),
    ],
)
def test_misuse_is_told_in_one_message(home, capsys, words, told):
    before = set(home.rglob("*"))
    assert told in refused(words, capsys)
    assert {path for path in home.rglob("*") if path.name != ".lock"} - before == set()


def test_an_unknown_profile_is_told_once_and_before_anything_runs(home, capsys):
    told = refused(["run", "00_first", "00_first", "--profile", "smoek"], capsys)
    assert told == "sq: error: there is no profile 'smoek'; did you mean 'smoke'? (known: laptop, smoke)\n"


def test_an_empty_folder_of_data_and_one_that_is_a_file_are_named(home, tmp_path, capsys):
    (tmp_path / "empty").mkdir()
    (tmp_path / "file").write_text("")
    (tmp_path / "loop").symlink_to("loop")
    for name in ("empty", "file", "loop"):
        words = ["data", "info", "--data", "sunquakenet", "--root", str(tmp_path / name)]
        assert str(tmp_path / name) in refused(words, capsys)


def test_a_home_that_is_a_file_or_a_link_to_itself_is_told(tmp_path, monkeypatch, capsys):
    (tmp_path / "file").write_text("")
    (tmp_path / "loop").symlink_to("loop")
    for name in ("file", "loop", "absent"):
        monkeypatch.setenv("SQ_HOME", str(tmp_path / name))
        for words in (["run", "00_first"], ["params", "00_first"], ["book"], ["student", str(tmp_path / "class")]):
            refused(words, capsys)


@pytest.mark.parametrize("words", [["run", "00_first"], ["data", "info"], ["student", "/x"]])
def test_interruption_at_work_ends_with_130(home, capsys, monkeypatch, words):
    def interrupted(*_, **__):
        raise KeyboardInterrupt

    for place in ("sqbook.execute.run_key", "sqbook.cli_data.read_frames", "sqbook.student.student_texts"):
        monkeypatch.setattr(place, interrupted)
    assert main(words) == 130
    assert len(capsys.readouterr().err.strip().splitlines()) <= 2  # a progress bar may stand before it


WORD = st.sampled_from(["00_frist", "nothing", "", "-p", "seed=x", "seed", "=", "level=nan", "--profile", "smok",
                        "--data", "moon", "--workers", "-3", "../..", "\udcff", "--json", "--root", "a\nb", "[" * 300])
VERB = st.sampled_from([["run"], ["params"], ["train"], ["compare"], ["sweep"], ["slides"], ["data", "ingest"],
                        ["data", "build", "-p", "seed=x"], ["data", "export"], ["data", "info"], ["data"], []])


def test_any_words_are_refused_without_a_traceback(home, capsys):
    @settings(max_examples=60, derandomize=True, database=None, deadline=None, suppress_health_check=list(HealthCheck))
    @given(VERB, st.lists(WORD, max_size=4))
    def tried(verb, words):
        refused([*verb, *words], capsys)

    tried()


def test_a_record_or_a_card_that_names_a_file_outside_its_run_is_refused(sq_home):
    a_run("card.json")(sq_home)
    folder = sq_home / "runs/00_first" / KEY
    path = folder / "records/fig01.json"
    good = records.read_json(path)
    for change in ({"file": "../../../secret.png"}, {"file": "/etc/passwd"}, {"name": "../../x"}, {"source": ["moon"]}):
        records.write_json(path, {**good, **change})
        with pytest.raises(SqError, match=r"fig01\.json is not a record of this run"):
            records.read_records(folder)
    for number in ("NaN", "1e999"):
        path.write_text(json.dumps({**good, "numbers": {"a": 7}}).replace('"a": 7', f'"a": {number}'))
        words = r"fig01\.json is not a record of this run \(numbers\.a is .* run its notebook again"
        with pytest.raises(SqError, match=words):
            records.read_records(folder)
    records.write_json(path, good)
    card = records.read_json(folder / "card.json")
    for change in ({"key": "../../x"}, {"notebook": "../x"}, {"notebook": "/tmp/x"}, {"key": ".."}):
        records.write_json(folder / "card.json", {**card, **change})
        with pytest.raises(SqError, match=r"card\.json is not a run card \((key|notebook): "):
            read_card(folder)


def test_a_figure_whose_name_climbs_is_refused_before_anything_is_written(sq_home, monkeypatch):
    page = publish.begin("x", data="twin", seed=1, profile="smoke", out=str(sq_home / "a/b/run"))
    words = {"label": "a", "caption": "b"}
    with pytest.raises(SqError, match=r"record '\.\./\.\./x' is refused \(name: "):
        publish.figure(page, plt.subplots()[0], "../../x", **words, alt="c", numbers={"a": 1})
    assert not sq_home.exists()


class Evil:
    """What, unpickled, makes the folder "opened"."""

    def __reduce__(self):
        return os.mkdir, ("opened",)


def test_what_is_a_pickle_is_not_opened(sq_home, monkeypatch):
    """CIFAR-10 comes as pickles: torchvision unpickles only what has the published checksum."""
    folder = sq_home / "cifar-10-batches-py"
    folder.mkdir(parents=True)
    monkeypatch.chdir(sq_home)
    for name in (*(f"data_batch_{i}" for i in range(1, 6)), "test_batch", "batches.meta"):
        (folder / name).write_bytes(pickle.dumps(Evil()))
    with pytest.raises(SqError, match="holds no CIFAR-10"):
        cifar10(sq_home)
    make, read = ENTRIES["own cube, NumPy"]
    path = make(sq_home)
    np.save(path, np.array([Evil()], dtype=object), allow_pickle=True)
    with pytest.raises(SqError, match=r"cannot read the cube .*one\.npy.*Python objects"):
        read(path)
    path.write_bytes(pickle.dumps(Evil()))
    with pytest.raises(SqError, match=r"cannot read the cube .*one\.npy"):
        read(path)
    assert not (sq_home / "opened").exists()


@pytest.mark.parametrize("name", ["cube", "own cube, FITS", "record of HMI", "coronal image"])
def test_a_fits_file_that_claims_to_be_huge_is_refused(sq_home, name):
    sq_home.mkdir()
    make, read = ENTRIES[name]
    path = make(sq_home)
    content = bytearray(path.read_bytes())
    for key in ("NAXIS1", "NAXIS2"):
        at = content.index(key.encode(), 2880 if name == "record of HMI" else 0)
        content[at : at + 80] = str(fits.Card(key, 200_000)).encode()
    path.write_bytes(content)
    with pytest.raises(SqError, match=path.name):
        read(path)
