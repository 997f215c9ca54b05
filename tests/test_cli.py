"""The command `sq`: what it says, in which form, and with which exit status."""

import json
import os
import subprocess
import sys

import numpy as np
import pytest
from tinybook import PARAMETERS, write_notebook

from sqbook import cli_data
from sqbook.cli import main


def two_events():
    """Frames of two events."""
    from sqlib.data.frames import make_frameset, make_index

    rows = []
    for key, cycle, labels in (("2001_04_06_19_13_00", 23, (0, 1, 0)), ("2014_02_02_06_31_00", 24, (1, 0, 0))):
        for frame, label in enumerate(labels):
            facts = {"event": key, "cycle": cycle, "frame": frame, "label": label, "boxes": ()}
            rows.append(facts | {"time": np.datetime64("2001-04-06T19:13", "ms") + 60_000 * frame})
    pixels = np.arange(6 * 64, dtype=np.uint8).reshape(6, 8, 8)
    return make_frameset(pixels, make_index(rows), "twin", "cube")


@pytest.fixture
def frames(monkeypatch):
    """Two events' frames in place of the data set, whatever is asked for."""
    frameset = two_events()
    monkeypatch.setattr(cli_data, "read_frames", lambda **_: (frameset, None))
    return frameset


def test_params_lists_what_can_be_set_to_people_and_programs(home, capsys):
    assert main(["params", "00_first"]) == 0
    line = next(line for line in capsys.readouterr().out.splitlines() if "level" in line)
    assert line.split() == ["level", "float", "1.0", "mean", "of", "the", "noise"]
    assert main(["params", "01_second", "--all", "--profile", "smoke"]) == 0
    lines = [line.split() for line in capsys.readouterr().out.splitlines()]
    assert ["size", "int", "32", "pixels", "a", "side", "of", "the", "simulated", "cubes"] in lines
    assert ["level", "float", "2.0", "mean", "of", "the", "noise"] in lines
    assert main(["params", "01_second", "--all", "--profile", "smoke", "--json"]) == 0
    found = {one["name"]: one for one in json.loads(capsys.readouterr().out)}
    assert (found["size"]["default"], found["size"]["value"], found["size"]["type"]) == (256, 32, "int")


def test_run_prints_the_folder_or_json_alone_and_runs_lists_it(home, tmp_path, capfd, monkeypatch):
    assert main(["runs"]) == 0
    assert f"no runs yet in {home}:" in capfd.readouterr().out
    assert main(["runs", "--json"]) == 0
    assert json.loads(capfd.readouterr().out) == []
    (tmp_path / "frames").mkdir()
    monkeypatch.chdir(tmp_path)
    write_notebook(home / "notebooks/02_quick.ipynb", "1 + 1")
    command = ["run", "02_quick", "--profile", "smoke", "-p", "seed=7", "-p", "bins=[4]"]
    command += ["--data", "sunquakenet", "--root", "frames"]
    assert main(command) == 0
    folder = capfd.readouterr().out.strip()
    assert folder.startswith(str(home / "runs/02_quick"))
    assert main([*command, "--json"]) == 0
    card = json.loads(capfd.readouterr().out)[0]
    assert card["folder"] == folder
    told = {"seed": 7, "bins": [4], "size": 32, "data": "sunquakenet", "root": str(tmp_path / "frames")}
    assert told.items() <= card["parameters"].items()
    assert main(["runs", "--json"]) == 0
    assert [one["key"] for one in json.loads(capfd.readouterr().out)] == [card["key"]]
    assert main(["runs"]) == 0
    assert card["key"] in capfd.readouterr().out


@pytest.mark.parametrize("encoding", ["ascii:strict", "utf-8:strict"])
def test_text_survives_any_encoding(home, encoding):
    """Names of files come as they are: with an umlaut, or with a byte that is no UTF-8."""
    (home / "profiles" / os.fsdecode(b"f\xfcr.yml")).write_text("data: {size: 64}")
    write_notebook(home / "notebooks/02_o.ipynb", parameters=PARAMETERS.replace("mean of", "Mittel ± 1 → ü"))

    def said(*words):
        done = subprocess.run([sys.executable, "-m", "sqbook.cli", *words], capture_output=True,
                              env={**os.environ, "PYTHONIOENCODING": encoding})
        assert b"Traceback" not in done.stderr
        return done.returncode, done.stdout, done.stderr

    code, _, told = said("params", "02_o", "--all", "--profile", "nix")
    assert code == 2 and b"f\\udcfcr" in told
    code, told, _ = said("params", "02_o")
    assert code == 0 and b"Mittel" in told and (b"\\u2192" in told) == (encoding != "utf-8:strict")
    code, told, _ = said("params", "02_o", "--json")
    assert code == 0 and "Mittel ± 1 → ü" in {one["help"].split(" the noise")[0] for one in json.loads(told)}


def test_data_info_tells_people_and_programs_the_same(home, frames, capsys):
    assert main(["data", "info", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert (found["events"], found["positives"], found["negatives"], found["source"]) == (2, 2, 4, "twin")
    assert main(["data", "info"]) == 0
    words = capsys.readouterr().out
    assert f"fingerprint   {found['fingerprint']}" in words
    assert "06 April 2001 19:13" in words


def test_data_that_is_not_built_is_reported_with_the_command_that_builds_it(home, capsys):
    assert main(["data", "info", "--profile", "laptop"]) == 2
    assert "sq data build --profile laptop" in capsys.readouterr().err


def test_data_export_writes_pictures_that_load_back(home, frames, tmp_path, capsys):
    from sqlib.data.sunquakenet import load_sunquakenet

    target = tmp_path / "pictures"
    assert main(["data", "export", str(target)]) == 0
    assert capsys.readouterr().out.strip() == str(target)
    back, _ = load_sunquakenet(target, progress=False)
    assert np.array_equal(np.sort(back.pixels.ravel()), np.sort(frames.pixels.ravel()))
    assert main(["data", "export", str(target)]) == 2
    assert "not empty" in capsys.readouterr().err


def test_data_build_hands_over_settings_workers_and_scheduler(home, monkeypatch, capsys):
    from sqlib.data import build

    asked = []
    monkeypatch.setattr(build, "build_twin", lambda settings, **more: asked.append((settings, more)) or "folder")
    monkeypatch.setattr(build, "load_frames", lambda *_, **__: two_events())
    workers = ["--workers", "2", "--scheduler", "tcp://x:1"]
    assert main(["data", "build", "--profile", "smoke", "-p", "seed=9", *workers]) == 0
    settings, more = asked[0]
    assert (settings.size, settings.seed) == (32, 9)
    assert more == {"workers": 2, "scheduler": "tcp://x:1", "progress": True}
    assert capsys.readouterr().out.startswith("folder\n")
