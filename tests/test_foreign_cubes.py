"""Cubes as people have them: missing pixels, other layouts, names and archives; read as meant, or refused and told."""

import json
import unicodedata

import numpy as np
import pytest
from astropy.io import fits

from sqbook.cli import main
from sqlib.data.cubes import check_filled
from sqlib.data.own_cubes import import_cubes, read_own, read_tables
from sqlib.data.sunquakenet import left_out, load_sunquakenet
from sqlib.errors import SqError

HEAD = "file,start,cadence,pixel,annotated,source"
GAP = (3, slice(4, 9), slice(2, 5))  # 15 pixels of frame 3


@pytest.fixture
def power(rng):
    return rng.exponential(size=(8, 16, 16))


@pytest.fixture
def folder(tmp_path, power):
    """A folder with one cube of 8 frames, one.npy."""
    (tmp_path / "mine").mkdir()
    np.save(tmp_path / "mine/one.npy", power)
    return listed(tmp_path / "mine", "one.npy")


def listed(folder, name):
    """`folder` with tables that list the file `name`."""
    (folder / "cubes.csv").write_text(f"{HEAD}\n{name},2014-06-01T12:00,45,1.09,yes,observed\n")
    (folder / "regions.csv").write_text(f"file,first,last,x0,y0,x1,y1\n{name},2,4,1,1,9,9\n")
    return folder


def read(folder):
    [own] = read_tables(folder)
    return read_own(own)


@pytest.mark.parametrize(("value", "told"), [
    (-9999, "15 values are negative, the first in frame 3, row 4, column 2"), (-1, "15 values are negative"),
    (1e20, "15 values are far above all others .*, the first in frame 3, row 4, column 2"), (9999, "15 values are far"),
    (99999.5, "15 values are far"), (9.96921e36, "15 values are far"), (np.nan, "15 values are not finite"),
    (np.inf, "15 values are not finite"), (1e300, "15 values are not finite"), (-1.7e308, "15 values are not finite"),
])
def test_missing_pixels_are_refused_with_their_number_and_first_place(folder, power, value, told):
    power[GAP] = value
    np.save(folder / "one.npy", power)
    with pytest.raises(SqError, match=rf"one\.npy: {told}.*interpolate or cut"):
        read(folder)


@pytest.mark.parametrize(("stored", "header", "told"), [
    (-32768, {"BSCALE": 0.001}, "negative"), (-32768, {"BSCALE": 0.001, "BLANK": -32768}, "not finite"),
    (32767, {}, "far above"),
])
def test_missing_pixels_of_integers_are_refused(folder, power, stored, header, told):
    whole = np.rint(power * (1000 if header else 1)).astype(np.int16)
    whole[GAP] = stored
    hdu = fits.PrimaryHDU(whole)
    hdu.header.update(header)
    hdu.writeto(folder / "one.fits")
    with pytest.raises(SqError, match=rf"one\.fits: 15 values are {told}"):
        read(listed(folder, "one.fits"))


def test_fill_values_of_two_kinds_and_in_most_pixels_are_refused(power):
    for places, values in (((0, 1), (1e20, 1e30)), ((slice(1, None), 1), (1e15, 1e15)), ((0, 1), (-9999, 1e20))):
        filled = power.copy()
        for place, value in zip(places, values):
            filled[place] = value
        with pytest.raises(SqError, match="missing pixels"):
            check_filled(filled, "cube")


@pytest.mark.parametrize("scale", [1e-30, 1e-6, 1, 1e12, 1e30])
def test_a_strong_source_in_any_unit_is_no_missing_pixel(power, scale):
    y, x = np.mgrid[:16, :16]
    power[4] += 3000 * np.exp(-((y - 8) ** 2 + (x - 8) ** 2) / 4)
    check_filled(power * scale, "cube")
    check_filled(np.rint(power * 10), "cube")
    check_filled(np.ones((2, 4, 4)), "constant cube")


@pytest.mark.parametrize("change", ["<f4", ">f8", ">i4", "<u2", "f2", "F"])
def test_numbers_of_any_type_and_order_are_read(folder, power, change):
    stored = np.asfortranarray(power) if change == "F" else np.rint(power * 100).astype(change)
    np.save(folder / "one.npy", stored)
    assert np.array_equal(read(folder), stored.astype(np.float32))


def test_axes_in_another_order_are_named(folder, power):
    np.save(folder / "one.npy", power.transpose(1, 2, 0))
    with pytest.raises(SqError, match=r"one\.npy: frames of 8×16 pixels; put the axes in the order \(frames, height"):
        read(folder)


def test_an_archive_of_arrays_is_refused_with_what_to_do(folder, power):
    np.savez(folder / "one.npz", power=power, time=np.arange(8))
    with pytest.raises(SqError, match=r"one\.npz .*several arrays.*numpy\.save"):
        read(listed(folder, "one.npz"))


@pytest.mark.parametrize(("on_disk", "told"), [("NFC", "NFD"), ("NFD", "NFC"), ("NFD", "NFD")])
def test_a_name_with_an_umlaut_is_found_however_it_is_composed(folder, power, on_disk, told):
    name = "März/Ålesund é.npy"
    path = folder / unicodedata.normalize(on_disk, name)
    path.parent.mkdir()
    np.save(path, power)
    assert np.array_equal(read(listed(folder, unicodedata.normalize(told, name))), power.astype(np.float32))


def test_a_path_with_backslashes_is_found_and_cannot_lead_out(folder, power):
    (folder / "cubes").mkdir()
    np.save(folder / "cubes/two.npy", power)
    assert read(listed(folder, "cubes\\two.npy")).shape == power.shape
    np.save(folder.parent / "secret.npy", power)
    with pytest.raises(SqError, match="leads out"):
        read(listed(folder, "..\\secret.npy"))


def test_a_cube_in_two_rows_is_refused(folder):
    with open(folder / "cubes.csv", "a") as table:
        table.write("one.npy,2015-06-01T12:00,45,1.09,yes,observed\n")
    with pytest.raises(SqError, match=r"cubes\.csv, line 3, column file: 'one.npy' is there already .*line 2"):
        read(folder)


def test_import_tells_what_is_in_no_frame_in_words_in_json_and_where_frames_are_read(folder, power, capsys):
    power[[2, 5]] = 0.5
    np.save(folder / "one.npy", power)
    np.save(folder / "spare.npy", power)
    (folder / "cubes (1).csv").write_text(HEAD)
    (folder / "._one.npy").write_bytes(b"\0\5\x16\7")
    folder = folder.rename(folder.with_name("März"))
    told = ["cubes that cubes.csv does not list, or other tables: 2, the first cubes (1).csv",
            "strays: 1, the first ._one.npy", "blank frames of one.npy: 2 of 8, the first 2"]
    for words in ([], ["--json"]):  # the second time, the frames of the first are neither strays nor spare
        assert main(["data", "import", str(folder), "--size", "16", *words]) == 0
    text, found = capsys.readouterr().out.split("{", 1)
    assert [line.removeprefix("left out: ") for line in text.splitlines()[1:-1]] == told
    assert found.isascii() and json.loads("{" + found) == {"frames": str(folder / "frames"), "left_out": told}
    frames, report = load_sunquakenet(folder / "frames", progress=False)
    assert len(frames.index) == 6 and report["cubes_left_out"] == tuple(told)
    assert f"kinds of input in no frame: 3, the first {told[0]}" in left_out(report)


def test_a_second_import_never_removes_what_somebody_put_among_the_frames(folder):
    target = import_cubes(folder, 16, progress=False)
    (target / "notes.txt").write_text("mine")
    with pytest.raises(SqError, match=r"notes\.txt was not made by sq data import, which would remove it"):
        import_cubes(folder, 16, progress=False)
    assert (target / "notes.txt").read_text() == "mine"
