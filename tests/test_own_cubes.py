"""A reader's own cubes: the page's commands work on the template as they stand; what is wrong is told with place."""

import gzip
import io
import json
import os
import re
import shlex
import shutil
import tracemalloc
import warnings
from contextlib import redirect_stdout
from dataclasses import replace
from datetime import datetime
from pathlib import Path

import numpy as np
import pytest
from astropy.io import fits

from sqbook.cli import main
from sqlib.data import cubes, events_of, load_frames, own_cubes, write_cube
from sqlib.data.own_cubes import import_cubes, read_own, read_tables, write_template
from sqlib.data.sunquakenet import load_sunquakenet
from sqlib.errors import SqError
from sqlib.learn.locator import find_sources
from sqlib.learn.samples import make_samples, split
from sqlib.show.records import read_records

CHECKOUT = Path(__file__).resolve().parents[1]


@pytest.fixture(scope="module")
def worked(tmp_path_factory):
    """The folder in which the console block of book/own_data.md was typed, and what its last line printed."""
    home = tmp_path_factory.mktemp("own")
    for name in ("notebooks", "profiles"):
        (home / name).symlink_to(CHECKOUT / name)
    (block,) = re.findall(r"```console\n(.*?)```", (CHECKOUT / "book" / "own_data.md").read_text(), flags=re.DOTALL)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SQ_HOME", str(home))
        patch.chdir(home)
        for line in block.strip().splitlines():
            program, *words = shlex.split(line)
            with redirect_stdout(io.StringIO()) as printed:
                assert program == "sq" and main(words) == 0, line
    return home, printed.getvalue()


@pytest.fixture
def in_home(worked, monkeypatch):
    """That folder, for more of the page's commands."""
    monkeypatch.setenv("SQ_HOME", str(worked[0]))
    monkeypatch.chdir(worked[0])
    return worked[0]


@pytest.fixture
def folder(tmp_path, rng):
    """Two cubes of our own with their tables, the second without annotation; observed, as far as the tables know."""
    (tmp_path / "mine").mkdir()
    for number in (1, 2):
        np.save(tmp_path / "mine" / f"{number}.npy", rng.exponential(size=(12, 32, 32)))
    rows = ["file,start,cadence,pixel,annotated,source", "1.npy,2014-06-01T12:00:30,30,0.5,yes,observed",
            "2.npy,2015-06-01T12:00:00Z,30,0.5,no,observed"]
    (tmp_path / "mine" / "cubes.csv").write_text("# a remark\n" + "\n".join(rows))
    (tmp_path / "mine" / "regions.csv").write_text("file,first,last,x0,y0,x1,y1\n1.npy,2,4,8,4,16,12\n1.npy,9,10,,,,\n")
    return tmp_path / "mine"


def listed(folder, name):
    """The second cube of `folder`, when cubes.csv lists the file `name` instead."""
    table = folder / "cubes.csv"
    table.write_text(re.sub(r"(?m)^2\.[a-z.]+", name.replace("\\", r"\\"), table.read_text()))
    return read_tables(folder)[1]


def test_the_pages_commands_end_in_an_executed_chapter_that_names_the_folder(worked):
    run = Path(worked[1].strip())
    records = read_records(run)
    assert records["fig01"]["source"] == ["own-simulated"] and records["fig01"]["simulated"]
    assert sum(records["fig-counts"]["numbers"][c]["positives"] for c in ("23", "24")) == 102  # as the page says
    assert "SIMULATED (my_cubes)" in (run / "executed.ipynb").read_text()
    ours = [r for r in records.values() if any(word.startswith("own-") for word in r["source"])]
    assert len(ours) > 3
    assert "SunquakeNet" not in json.dumps([[r["caption"], r["label"], r.get("alt", "")] for r in ours])


def test_the_pages_python_asks_where_sunquakes_are_and_warns_in_frames_too_fine(in_home, tmp_path, monkeypatch, capsys):
    fine = load_sunquakenet(in_home / "my_cubes/frames", progress=False)[0].pixels
    with pytest.warns(UserWarning, match="far coarser"):
        find_sources(fine[:4])
    (block,) = re.findall(r"```python\n(.*?)```", (CHECKOUT / "book" / "own_data.md").read_text(), flags=re.DOTALL)
    shutil.copytree(in_home / "my_cubes", tmp_path / "my_cubes", ignore=shutil.ignore_patterns("frames"))
    monkeypatch.chdir(tmp_path)
    import_cubes(tmp_path / "my_cubes", 64, progress=False)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        exec(compile(block, "own_data.md", "exec"), {})
    printed = capsys.readouterr().out
    assert printed.count("'score'") == 6 and "2014_06_06_11_48_00 {" in printed


def test_six_events_are_enough_to_divide_but_the_case_studies_refuse_them(in_home, capsys):
    samples = make_samples(load_sunquakenet(in_home / "my_cubes/frames", 16, progress=False)[0])
    for cycles in ((23,), (24,), (23, 24)):
        split(samples, "event", cycles=cycles)  # both classes on both sides, or it is refused
    words = ["run", "07_case_studies", "--profile", "smoke", "--data", "sunquakenet", "--root", "my_cubes/frames"]
    assert main(words) == 2 and "events of Table 1, and these frames hold none" in capsys.readouterr().err


def test_templates_tables_explain_every_column(in_home):
    for name in ("cubes.csv", "regions.csv"):
        lines = (in_home / "my_cubes" / name).read_text().splitlines()
        remarks, rows = ([line for line in lines if line.startswith("#") == told] for told in (True, False))
        assert len(rows) == 7  # a head and six cubes
        assert all(column in "".join(remarks) for column in rows[0].split(","))


def test_frames_have_the_cubes_own_times_labels_and_boxes(folder):
    frames, report = load_sunquakenet(import_cubes(folder, 64, progress=False), progress=False)
    assert (frames.source, frames.scaling, frames.pixels.shape) == ("observed", "frame", (24, 64, 64))
    one, two = (frames.index[frames.index["event"] == key] for key in ("2014_06_01_12_00_00", "2015_06_01_12_00_00"))
    assert one["label"].tolist() == [0, 0, 1, 1, 1, 0, 0, 0, 0, 1, 1, 0] and set(two["label"]) == {-1}
    assert one["time"].iloc[[0, -1]].tolist() == [datetime(2014, 6, 1, 12, 0, 30), datetime(2014, 6, 1, 12, 6)]
    assert one["boxes"].iloc[3] == ((16.0, 8.0, 32.0, 24.0),) and one["boxes"].iloc[9] == ()
    event = events_of(frames.index)["2014_06_01_12_00_00"]
    assert (event.cadence, event.intervals, event.labelled) == (30.0, ((2, 4), (9, 10)), True)
    assert not report["boxes_outside"]


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
    ("cubes.csv", "1.npy", "\0.npy", r"line 3, column file: '\\x00.npy' is absolute or leads out of .*mine"),
    ("cubes.csv", "2015-06", "2014-06", "line 4, column start: 1.npy has the same minute"),
    ("cubes.csv", "2015-06-01T12:00:00Z", "2012-07-04T09:47:00", "an event of Table 1 has the same minute"),
    ("cubes.csv", "no,observed", "no,simulated", "cubes of one source"),
    ("cubes.csv", "2.npy", "3.npy", "cannot read the cube .*3.npy"),
    ("regions.csv", "1.npy,2,4", "2.npy,2,4", "column annotated: no, but regions.csv has intervals of 2.npy"),
    ("regions.csv", "1.npy,2,4", "4.npy,2,4", "intervals of 4.npy, which cubes.csv does not list"),
    ("regions.csv", "8,4,16,12", "-8,4,8,12", "line 2, column x0: '-8': input should be greater than or equal to 0"),
    ("regions.csv", "2,4", "2,12", "has the frames 0 to 11; regions.csv annotates 2 to 12"),
    ("regions.csv", "8,4,16,12", "8,4,16,40", "32 pixels a side; regions.csv has the box"),
])
def test_a_wrong_table_is_refused_with_its_place_and_leaves_no_frames(folder, table, old, new, message):
    text = (folder / table).read_text()
    assert old in text
    (folder / table).write_text(text.replace(old, new, 1))
    with pytest.raises(SqError, match=message):
        import_cubes(folder, progress=False)
    assert not (folder / "frames").exists()


@pytest.mark.parametrize("outside", ["/etc/passwd", "{mine}/2.npy", "../secret.npy", "../mine/2.npy",
                                     "cubes/../../secret.npy", "link.npy", "linked/secret.npy"])
def test_a_file_that_leads_out_of_the_folder_is_refused_and_not_opened(folder, monkeypatch, outside):
    np.save(folder.parent / "secret.npy", np.ones((12, 32, 32)))
    (folder / "link.npy").symlink_to(folder.parent / "secret.npy")
    (folder / "linked").symlink_to(folder.parent)
    table = folder / "cubes.csv"
    table.write_text(table.read_text().replace("2.npy", outside.format(mine=folder)))
    monkeypatch.setattr(own_cubes, "read_own", lambda one: pytest.fail(f"{one.path} was opened"))
    with pytest.raises(SqError, match=r"cubes\.csv, line 4, column file: .* leads out of .*mine; copy the cube into"):
        import_cubes(folder, progress=False)
    assert not (folder / "frames").exists()


def test_a_link_to_a_cube_in_the_same_folder_is_followed(folder):
    (folder / "2.npy").rename(folder / "two.npy")
    (folder / "2.npy").symlink_to("two.npy")
    (folder.parent / "same").symlink_to(folder)
    assert import_cubes(folder.parent / "same", 32, progress=False) == folder / "frames"


def claim(path, shape):
    """A cube that is small on the disk, and whose header claims `shape`."""
    if path.suffix == ".npy":
        with open(path, "wb") as file:
            np.lib.format.write_array_header_1_0(file, {"descr": "<f4", "fortran_order": False, "shape": shape})
    else:
        axes = zip(("NAXIS1", "NAXIS2", "NAXIS3"), shape[::-1])
        header = fits.Header([("SIMPLE", True), ("BITPIX", -32), ("NAXIS", 3), *axes])
        path.write_text(header.tostring())
    return path


@pytest.mark.parametrize(("name", "shape", "there"), [
    ("2.npy", (10_000,) * 3, 0), ("2.npy", (2_000, 1_000, 1_000), 8 * 10**9), ("2.npy", (10**30, 2, 2), 0),
    ("2.fits", (10_000,) * 3, 0), ("2.fits", (2_000, 1_000, 1_000), 8 * 10**9), ("2.fits.gz", (10_000,) * 3, 0),
])
def test_a_cube_that_claims_more_than_a_cube_may_be_is_refused_before_it_is_read(folder, name, shape, there):
    path = claim(folder / name, shape)
    if there:  # a sparse file, which takes no room on the disk
        os.truncate(path, path.stat().st_size + there + 2880)
    if name.endswith(".gz"):
        path.write_bytes(gzip.compress(path.read_bytes()))
    cube = listed(folder, name)
    tracemalloc.start()
    try:
        with pytest.raises(SqError, match=f"cannot read the cube .*{name}.*at most 268,435,456"):
            read_own(cube)
        assert tracemalloc.get_traced_memory()[1] < 2**24
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize("content", [b"\x1f\x8b\x08" + b"\0" * 99, b"PK\3\4" + b"\0" * 99, b"BZh91AY&SY" + b"\0" * 99,
                                     gzip.compress(b"SIMPLE  =" * 999, mtime=0)[:-9], b"", b"SIMPLE", b"\x93NUMPY"])
def test_a_cube_in_a_broken_or_foreign_archive_is_refused(folder, content):
    for name in ("2.npy", "2.fits"):
        (folder / name).write_bytes(content)
        with pytest.raises(SqError, match=rf"{name}.* (make or fetch it again|funpack)"):
            read_own(listed(folder, name))


def test_packed_cubes_are_read_and_those_that_might_unpack_without_end_are_not(folder, monkeypatch, rng):
    power = np.load(folder / "2.npy").astype(np.float32)
    fits.writeto(folder / "2.fits.gz", power)
    noise = rng.integers(0, 2**31, (12, 32, 32), dtype=np.int32)
    tiles = fits.CompImageHDU(noise, compression_type="GZIP_1", tile_shape=noise.shape)
    fits.HDUList([fits.PrimaryHDU(), tiles]).writeto(folder / "2.fits.fz")
    one, two = listed(folder, "2.fits.gz"), listed(folder, "2.fits.fz")
    assert np.array_equal(read_own(one), power) and read_own(two).shape == (12, 32, 32)
    monkeypatch.setattr(cubes, "LARGEST", 2**18)
    with open(one.path, "ab") as file:  # zeros behind a good cube, in members of their own
        file.write(gzip.compress(b"\0" * 2**20) * 4)
    with pytest.raises(SqError, match=r"2\.fits\.gz has more than 3 MiB, unpacked, which a cube never has"):
        read_own(one)
    with pytest.raises(SqError, match=r"2\.fits\.fz has a tile of .* might unpack to more than 1 MiB"):
        read_own(two)


@pytest.mark.parametrize(("cube", "message"), [
    (np.ones((12, 32)), "a cube has three dimensions"),
    (np.ones((12, 32, 40)), "frames of 40×32 pixels; cut them square"),
    (np.random.default_rng(0).random((12, 40, 40)), "40 pixels a side, 1.npy of 32"),
    (np.full((12, 32, 32), "1.5"), "cannot read the cube .*it claims <U3"),
    (np.ones((12, 32, 32), complex), "cannot read the cube .*it claims complex128"),
])
def test_a_wrong_cube_is_refused(folder, cube, message):
    np.save(folder / "2.npy", cube)
    with pytest.raises(SqError, match=message):
        import_cubes(folder, progress=False)
    assert not (folder / "frames").exists()


def test_a_folder_without_tables_is_told_where_to_begin(tmp_path):
    with pytest.raises(SqError, match="sq data template FOLDER"):
        read_tables(tmp_path)


def test_simulated_cubes_never_pass_for_observed_ones(in_home, tmp_path):
    others = shutil.ignore_patterns("2003*")  # the frames of three events are enough
    shutil.copytree(in_home / "my_cubes/frames", tmp_path / "frames", ignore=others)
    card = tmp_path / "frames/own.json"
    card.write_text(card.read_text().replace('"simulated"', '"observed"'))
    with pytest.raises(SqError, match="simulated frames"):
        load_frames("sunquakenet", root=tmp_path / "frames", size=16, progress=False)
    card.unlink()
    with pytest.raises(SqError, match="simulated frames"):
        load_frames("sunquakenet", root=tmp_path / "frames", size=16, progress=False)


def test_a_cube_whose_header_says_simulated_is_refused_as_observed(cube, folder):
    write_cube(replace(cube, power=cube.power[:, :, :24]), folder / "2.fits")
    with pytest.raises(SqError, match="says in its header that it is simulated"):
        read_own(listed(folder, "2.fits"))


def test_a_template_is_never_written_over_something(folder):
    with pytest.raises(SqError, match="is not empty"):
        write_template(folder)
