import os
import time
from dataclasses import fields, replace

import numpy as np
import pytest
from astropy.io import fits

from sqlib import __version__
from sqlib.data.cubes import read_cube, write_cube
from sqlib.errors import SqError

KEYS = ("EVENT", "INSTRUME", "DATE-OBS", "FRAME0", "CADENCE", "PIXSCALE", "BANDLO", "BANDHI", "PUPILIN", "PUPILOUT",
        "SOURCE", "VERSION")


@pytest.fixture
def path(cube, tmp_path):
    """The cube as a file."""
    write_cube(cube, tmp_path / "cube.fits")
    return tmp_path / "cube.fits"


def rewrite(path, power):
    """Other numbers, as they are, under the same header."""
    header = fits.getheader(path)
    del header["BSCALE"], header["BZERO"]
    fits.PrimaryHDU(power, header).writeto(path, overwrite=True)


def test_a_cube_comes_back_within_half_a_step(cube, path):
    back = read_cube(path)
    step = float(np.ptp(cube.power)) / 65535
    assert fits.getheader(path)["BITPIX"] == 16
    assert back.power.dtype == np.float32 and back.power.shape == cube.power.shape
    assert abs(back.power - cube.power).max() <= 0.51 * step  # 0.01 for float32 arithmetic
    for name in {field.name for field in fields(cube)} - {"power"}:
        assert getattr(back, name) == getattr(cube, name), name


def test_the_header_says_all_with_units(path):
    header = fits.getheader(path)
    assert {key: header[key] for key in (*KEYS, "BUNIT")} == {
        "EVENT": "2001_04_06_19_13_00", "INSTRUME": "MDI", "DATE-OBS": "2001-04-06T18:52:00.000", "CADENCE": 60.0,
        "PIXSCALE": 1.45, "BANDLO": 5.0, "BANDHI": 7.0, "PUPILIN": 15.0, "PUPILOUT": 45.0, "SOURCE": "simulated",
        "FRAME0": 10, "VERSION": __version__, "BUNIT": "1",
    }
    units = {"CADENCE": "[s]", "PIXSCALE": "[Mm]", "BANDLO": "[mHz]", "BANDHI": "[mHz]", "PUPILIN": "[Mm]"}
    assert all(header.comments[key].startswith(unit) for key, unit in units.items())
    fits.open(path).verify("exception")


def test_intervals_without_boxes_and_cubes_without_intervals_come_back(cube, path):
    for boxes in ((), (((3, 5), ()), ((4, 9), ((0.0, 1.0, 2.0, 3.0),)))):
        write_cube(replace(cube, boxes=boxes, truth={}), path)
        assert read_cube(path).boxes == boxes


def test_the_same_cube_makes_the_same_file(cube, path):
    before = path.read_bytes()
    write_cube(cube, path)
    assert path.read_bytes() == before


@pytest.mark.parametrize("kind", ["u1", "i2", "i4", "i8", "f4", "f8"])
def test_every_bitpix_is_read(path, kind):
    stored = np.arange(2 * 3 * 4).reshape(2, 3, 4).astype(kind)
    rewrite(path, stored)
    assert np.array_equal(read_cube(path).power, stored.astype(np.float32))


@pytest.mark.parametrize("key", KEYS)
def test_a_cube_that_lacks_a_key_is_not_read(path, key):
    fits.delval(path, key)
    with pytest.raises(SqError, match=rf"cube\.fits is no cube that sq wrote .*{key}.*; delete it, and"):
        read_cube(path)


@pytest.mark.parametrize(("key", "value"), [("CADENCE", "fast"), ("DATE-OBS", "06/04/01"), ("FRAME0", "first")])
def test_values_of_another_kind_are_refused(path, key, value):
    fits.setval(path, key, value=value)
    with pytest.raises(SqError, match=r"cube\.fits is no cube that sq wrote .*; delete it, and it is made again"):
        read_cube(path)


def test_what_is_not_finite_is_refused_with_count_and_first_place(cube, path):
    power = cube.power.copy()
    power[7, 3, 5] = power[9, 0, 0] = np.nan
    rewrite(path, power)
    for refused in (lambda: read_cube(path), lambda: write_cube(replace(cube, power=power), path.with_name("no.fits"))):
        with pytest.raises(SqError, match="2 values are not finite, the first in frame 7, row 3, column 5"):
            refused()
    assert os.listdir(path.parent) == [path.name]
    write_cube(cube, path)
    fits.setval(path, "BLANK", value=-32768)
    blank = int((fits.getdata(path, do_not_scale_image_data=True) == -32768).sum())
    assert blank > 0
    with pytest.raises(SqError, match=f"{blank} values are not finite"):
        read_cube(path)


def test_wrong_dimensions_are_refused(cube, path):
    with pytest.raises(SqError, match="three dimensions"):
        write_cube(replace(cube, power=cube.power[0]), path)
    rewrite(path, np.zeros((4, 4)))
    with pytest.raises(SqError, match="three dimensions"):
        read_cube(path)


@pytest.mark.parametrize("left", [None, b"not a FITS file", 0, 1000, 3000, 40000])
def test_an_absent_a_foreign_and_a_truncated_file_are_refused(path, left):
    content = path.read_bytes()
    path.unlink()
    if left is not None:
        path.write_bytes(left if isinstance(left, bytes) else content[:left])
    with pytest.raises(SqError, match="cannot read the cube"):
        read_cube(path)


def test_a_full_disk_leaves_the_old_file_and_nothing_else(cube, path, monkeypatch):
    before = path.read_bytes()

    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "replace", full)
    with pytest.raises(SqError, match="No space left"):
        write_cube(replace(cube, power=cube.power * 2), path)
    assert path.read_bytes() == before and os.listdir(path.parent) == [path.name]


def test_a_cube_of_256_cubed_is_written_and_read_in_less_than_half_a_second(cube, path, rng):
    big = replace(cube, power=rng.exponential(size=(256, 256, 256)).astype(np.float32))
    for work in (lambda: write_cube(big, path), lambda: read_cube(path)):
        begin = time.process_time()  # other work on the machine is not what is measured
        work()
        assert time.process_time() - begin < 0.5
