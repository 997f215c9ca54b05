import os
import time
from dataclasses import replace

import numpy as np
import pytest
from astropy.io import fits

from sqlib.data.cubes import ASSUMED, HEADER, read_cube, write_cube
from sqlib.errors import SqError

REQUIRED = tuple(key for key in HEADER if key not in ASSUMED)


@pytest.fixture
def path(tmp_path):
    return tmp_path / "cube.fits"


def test_a_cube_comes_back_within_half_a_step(cube, path):
    write_cube(cube, path)
    back = read_cube(path)
    step = float(np.ptp(cube.power)) / 65535
    assert fits.getheader(path)["BITPIX"] == 16
    assert back.power.dtype == np.float32 and back.power.shape == cube.power.shape
    assert abs(back.power - cube.power).max() <= 0.51 * step  # 0.01 for float32 arithmetic
    for name in ("event", "instrument", "cadence", "pixel", "start", "band", "pupil", "source", "first_frame", "boxes"):
        assert getattr(back, name) == getattr(cube, name), name
    assert back.truth == cube.truth and back.version == cube.version


def test_the_header_says_all_with_units(cube, path):
    write_cube(cube, path)
    header = fits.getheader(path)
    assert {key: header[key] for key in (*REQUIRED, "FRAME0", "BUNIT")} == {
        "EVENT": "2001_04_06_19_13_00", "INSTRUME": "MDI", "DATE-OBS": "2001-04-06T18:52:00.000", "CADENCE": 60.0,
        "PIXSCALE": 1.45, "BANDLO": 5.0, "BANDHI": 7.0, "PUPILIN": 15.0, "PUPILOUT": 45.0, "SOURCE": "simulated",
        "FRAME0": 10, "BUNIT": "1",
    }
    units = {"CADENCE": "[s]", "PIXSCALE": "[Mm]", "BANDLO": "[mHz]", "BANDHI": "[mHz]", "PUPILIN": "[Mm]"}
    assert all(header.comments[key].startswith(unit) for key, unit in units.items())
    fits.open(path).verify("exception")


def test_intervals_without_boxes_and_cubes_without_intervals_come_back(cube, path):
    for boxes in ((), (((3, 5), ()), ((4, 9), ((0.0, 1.0, 2.0, 3.0),)))):
        write_cube(replace(cube, boxes=boxes, truth={}), path)
        assert read_cube(path).boxes == boxes


def test_the_same_cube_makes_the_same_file(cube, path, tmp_path):
    write_cube(cube, path)
    write_cube(cube, tmp_path / "again.fits")
    assert path.read_bytes() == (tmp_path / "again.fits").read_bytes()


@pytest.mark.parametrize("kind", ["u1", "i2", "i4", "i8", "f4", "f8"])
def test_every_bitpix_is_read(cube, path, kind):
    write_cube(cube, path)
    stored = np.arange(2 * 3 * 4).reshape(2, 3, 4).astype(kind)
    header = fits.getheader(path)
    for key in ("BSCALE", "BZERO"):
        del header[key]
    fits.PrimaryHDU(stored, header).writeto(path, overwrite=True)
    assert np.array_equal(read_cube(path).power, stored.astype(np.float32))


@pytest.mark.parametrize("missing", [["CADENCE"], ["EVENT", "PIXSCALE"], list(REQUIRED)])
def test_missing_keys_are_named_with_the_file_and_the_cure(cube, path, missing):
    write_cube(cube, path)
    for key in missing:
        fits.delval(path, key)
    with pytest.raises(SqError, match="setval") as told:
        read_cube(path)
    assert all(key in str(told.value) for key in missing) and str(path) in str(told.value)


@pytest.mark.parametrize(("key", "value"), [
    ("CADENCE", 0), ("CADENCE", "fast"), ("CADENCE", True), ("PIXSCALE", -1.0), ("DATE-OBS", "06/04/01"),
    ("SOURCE", "dream"), ("FRAME0", -3),
])
def test_impossible_values_are_refused(cube, path, key, value):
    write_cube(cube, path)
    fits.setval(path, key, value=value)
    with pytest.raises(SqError, match=key):
        read_cube(path)


def test_nan_is_refused_with_count_and_first_place(cube, path):
    power = cube.power.copy()
    power[7, 3, 5] = power[9, 0, 0] = np.nan
    with pytest.raises(SqError, match="2 values are not finite, the first in frame 7, row 3, column 5"):
        write_cube(replace(cube, power=power), path)
    assert not path.exists()
    write_cube(cube, path)
    header = fits.getheader(path)
    del header["BSCALE"], header["BZERO"]
    fits.PrimaryHDU(power, header).writeto(path, overwrite=True)
    with pytest.raises(SqError, match="2 values are not finite, the first in frame 7, row 3, column 5"):
        read_cube(path)


def test_blank_integers_are_not_finite(cube, path):
    write_cube(cube, path)
    fits.setval(path, "BLANK", value=-32768)
    blank = int((fits.getdata(path, do_not_scale_image_data=True) == -32768).sum())
    assert blank > 0
    with pytest.raises(SqError, match=f"{blank} values are not finite"):
        read_cube(path)


def test_wrong_dimensions_are_refused(cube, path):
    with pytest.raises(SqError, match="three dimensions"):
        write_cube(replace(cube, power=cube.power[0]), path)
    write_cube(cube, path)
    fits.PrimaryHDU(np.zeros((4, 4)), fits.getheader(path)).writeto(path, overwrite=True)
    with pytest.raises(SqError, match="three dimensions"):
        read_cube(path)


@pytest.mark.parametrize("left", [0, 1000, 3000, 40000])
def test_a_truncated_file_is_refused(cube, path, left):
    write_cube(cube, path)
    path.write_bytes(path.read_bytes()[:left])
    with pytest.raises(SqError, match="cannot read the cube"):
        read_cube(path)


def test_absent_and_foreign_files_are_refused(path):
    with pytest.raises(SqError, match="cannot read the cube"):
        read_cube(path)
    path.write_text("not a FITS file")
    with pytest.raises(SqError, match="cannot read the cube"):
        read_cube(path)


def test_a_full_disk_leaves_the_old_file_and_nothing_else(cube, path, monkeypatch):
    write_cube(cube, path)
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
