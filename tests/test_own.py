"""A reader's own cubes: the page's commands work on the template as they stand, and what is wrong is said with its place."""

import json
import os
import re
import shlex
import subprocess
import sys
from dataclasses import replace
from datetime import datetime
from pathlib import Path

import numpy as np
import pytest

from sqlib.book.records import read_records
from sqlib.data import events_of, load_frames
from sqlib.data.own import import_cubes, read_tables, write_template
from sqlib.data.sunquakenet import load_sunquakenet
from sqlib.errors import SqError

CHECKOUT = Path(__file__).resolve().parents[1]


@pytest.fixture(scope="module")
def worked(tmp_path_factory):
    """The folder in which the console block of book/own_data.md was typed, line by line, and what the last line printed."""
    home = tmp_path_factory.mktemp("own")
    for name in ("notebooks", "profiles"):
        (home / name).symlink_to(CHECKOUT / name)
    (block,) = re.findall(r"```console\n(.*?)```", (CHECKOUT / "book" / "own_data.md").read_text(), flags=re.DOTALL)
    for line in block.strip().splitlines():
        program, *words = shlex.split(line)
        assert program == "sq"
        command = [sys.executable, "-m", "sqlib.book.cli", *words]
        done = subprocess.run(command, cwd=home, env={**os.environ, "SQ_HOME": str(home)}, capture_output=True, text=True)
        assert done.returncode == 0, f"{line}\n{done.stderr[-3000:]}"
    return home, done.stdout


@pytest.fixture
def folder(tmp_path, rng):
    """Two cubes of our own with their tables, the second without annotation; observed, as far as the tables know."""
    (tmp_path / "mine").mkdir()
    for number in (1, 2):
        np.save(tmp_path / "mine" / f"{number}.npy", rng.exponential(size=(12, 32, 32)))
    rows = ["file,start,cadence,pixel,annotated,source", "1.npy,2014-06-01T12:00:30,30,0.5,yes,observed",
            "2.npy,2015-06-01T12:00:00Z,30,0.5,no,observed"]  # fmt: skip
    (tmp_path / "mine" / "cubes.csv").write_text("# a remark\n" + "\n".join(rows))
    (tmp_path / "mine" / "regions.csv").write_text("file,first,last,x0,y0,x1,y1\n1.npy,2,4,8,4,16,12\n1.npy,9,10,,,,\n")
    return tmp_path / "mine"


def test_the_pages_commands_end_in_an_executed_chapter_that_names_the_folder(worked):
    _, printed = worked
    records = read_records(Path(printed.strip()))
    assert records["fig01"]["source"] == ["own-simulated"] and records["fig01"]["simulated"]
    assert sum(records["fig-counts"]["numbers"][c]["positives"] for c in ("23", "24")) == 102  # as the page says
    page = (Path(printed.strip()) / "executed.ipynb").read_text()
    assert "SIMULATED (my_cubes)" in page
    ours = [r for r in records.values() if any(word.startswith("own-") for word in r["source"])]
    assert len(ours) > 3
    assert "SunquakeNet" not in json.dumps([[r["caption"], r["label"], r.get("alt", "")] for r in ours])


@pytest.mark.parametrize(("chapter", "told"), [
    ("02_autoencoders", ""), ("06_object_detection", ""), ("07_case_studies", "events of Table 1, and these frames hold none"),
])  # fmt: skip
def test_six_events_are_enough_for_chapters_that_divide_them_by_cycle_but_not_for_the_case_studies(worked, chapter, told):
    home, _ = worked
    words = ["run", chapter, "--profile", "smoke", "--data", "sunquakenet", "--root", "my_cubes/frames"]
    done = subprocess.run([sys.executable, "-m", "sqlib.book.cli", *words], cwd=home, env={**os.environ, "SQ_HOME": str(home)},
                          capture_output=True, text=True)  # fmt: skip
    assert done.returncode == (2 if told else 0) and told in done.stderr, done.stderr[-3000:]


def test_templates_tables_explain_every_column(worked):
    home, _ = worked
    for name in ("cubes.csv", "regions.csv"):
        remarks, rows = [], []
        for line in (home / "my_cubes" / name).read_text().splitlines():
            (remarks if line.startswith("#") else rows).append(line)
        assert len(rows) == 7  # a head and six cubes
        assert all(column in "".join(remarks) for column in rows[0].split(",") if column not in ("y0", "x1"))


def test_frames_have_the_cubes_own_times_labels_and_boxes(folder):
    frames, report = load_sunquakenet(import_cubes(folder, 64, progress=False), progress=False)
    assert (frames.source, frames.scaling, frames.pixels.shape) == ("observed", "frame", (24, 64, 64))
    one, two = (frames.index[frames.index["event"] == key] for key in ("2014_06_01_12_00_00", "2015_06_01_12_00_00"))
    assert one["label"].tolist() == [0, 0, 1, 1, 1, 0, 0, 0, 0, 1, 1, 0] and set(two["label"]) == {-1}
    assert one["time"].iloc[[0, -1]].tolist() == [datetime(2014, 6, 1, 12, 0, 30), datetime(2014, 6, 1, 12, 6)]
    assert one["boxes"].iloc[3] == ((16.0, 8.0, 32.0, 24.0),) and one["boxes"].iloc[9] == ()
    event = events_of(frames.index)["2014_06_01_12_00_00"]
    assert (event.cadence, event.intervals, event.labelled) == (30.0, ((2, 4), (9, 10)), True)
    assert not report.boxes_outside


def test_a_second_import_replaces_the_first_and_spares_what_it_did_not_make(folder):
    target = import_cubes(folder, 32, progress=False)
    (folder / "regions.csv").write_text("file,first,last,x0,y0,x1,y1\n")
    import_cubes(folder, 32, progress=False)
    labels = load_sunquakenet(target, progress=False)[0].index["label"]
    assert sorted(labels) == [-1] * 12 + [0] * 12  # looked at, and nothing found
    (target / "own.json").unlink()
    with pytest.raises(SqError, match="was not made by sq data import"):
        import_cubes(folder, 32, progress=False)


@pytest.mark.parametrize(("table", "old", "new", "message"), [
    ("cubes.csv", "cadence", "cadense", "cubes.csv, line 2: its columns are .* lacks cadence, has 'cadense'"),
    ("cubes.csv", ",pixel", "", "lacks pixel"),
    ("cubes.csv", "2014-06-01T12:00:30", "1 June 2014", "line 3, column start: '1 June 2014' is no time like"),
    ("cubes.csv", "T12:00:30,30", "T12:00:30,half", "line 3, column cadence: 'half' is no number"),
    ("cubes.csv", "T12:00:30,30", "T12:00:30,-30", "must be above 0"),
    ("cubes.csv", "30,0.5,yes", "30,0.5", "line 3: 5 values for 6 columns"),
    ("cubes.csv", "yes", "perhaps", "yes or no"),
    ("cubes.csv", "2015-06", "2014-06", "1.npy has the same minute"),
    ("cubes.csv", "2015-06-01T12:00:00Z", "2012-07-04T09:47:00", "an event of Table 1 has the same minute"),
    ("cubes.csv", "no,observed", "no,simulated", "cubes of one source"),
    ("cubes.csv", "2.npy", "3.npy", "cannot read the cube .*3.npy"),
    ("regions.csv", "1.npy,2,4", "2.npy,2,4", "annotated: no, but regions.csv has intervals of 2.npy"),
    ("regions.csv", "1.npy,2,4", "4.npy,2,4", "intervals of 4.npy, which cubes.csv does not list"),
    ("regions.csv", "2,4", "4,2", "line 2, column first, last: 4 to 2 is no interval"),
    ("regions.csv", "2,4", "2.5,4", "column first: '2.5' is no whole number"),
    ("regions.csv", "2,4", "2,12", "has the frames 0 to 11; regions.csv annotates 2 to 12"),
    ("regions.csv", "8,4,16,12", "16,4,8,12", "is no box of pixels"),
    ("regions.csv", "8,4,16,12", "8,4,16,40", "32 pixels a side; regions.csv has the box"),
])  # fmt: skip
def test_a_wrong_table_is_refused_with_its_place_and_leaves_no_frames(folder, table, old, new, message):
    text = (folder / table).read_text()
    assert old in text
    (folder / table).write_text(text.replace(old, new, 1))
    with pytest.raises(SqError, match=message):
        import_cubes(folder, progress=False)
    assert not (folder / "frames").exists()


@pytest.mark.parametrize(("cube", "message"), [
    (np.ones((12, 32)), "a cube has three dimensions"),
    (np.ones((12, 32, 40)), "frames of 40×32 pixels; cut them square"),
    (np.random.default_rng(0).random((12, 40, 40)), "40 pixels a side, 1.npy of 32"),
    (np.full((12, 32, 32), np.nan), "12288 values are not finite"),
    (np.array(["a"]), "cannot read the cube"),
])  # fmt: skip
def test_a_wrong_cube_is_refused(folder, cube, message):
    np.save(folder / "2.npy", cube)
    with pytest.raises(SqError, match=message):
        import_cubes(folder, progress=False)
    assert not (folder / "frames").exists()


def test_a_folder_without_tables_is_told_where_to_begin(tmp_path):
    with pytest.raises(SqError, match="sq data template FOLDER"):
        read_tables(tmp_path)


def test_simulated_cubes_never_pass_for_observed_ones(worked, tmp_path):
    home, _ = worked
    made = home / "my_cubes" / "frames"
    (made / "own.json").rename(tmp_path / "own.json")
    try:
        with pytest.raises(SqError, match="simulated frames"):
            load_frames("sunquakenet", root=made, progress=False)
        (made / "own.json").write_text((tmp_path / "own.json").read_text().replace('"simulated"', '"observed"'))
        with pytest.raises(SqError, match="simulated frames"):
            load_frames("sunquakenet", root=made, progress=False)
    finally:
        (tmp_path / "own.json").replace(made / "own.json")


def test_a_cube_whose_header_says_simulated_is_refused_as_observed(cube, folder):
    from sqlib.data import write_cube

    write_cube(replace(cube, power=cube.power[:, :, :24]), folder / "2.fits")
    (folder / "cubes.csv").write_text((folder / "cubes.csv").read_text().replace("2.npy", "2.fits"))
    with pytest.raises(SqError, match="says in its header that it is simulated"):
        import_cubes(folder, progress=False)


def test_a_template_is_never_written_over_something(folder):
    with pytest.raises(SqError, match="is not empty"):
        write_template(folder)
