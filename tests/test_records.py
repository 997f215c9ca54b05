"""One full-disk record: read and mapped where it says all that is needed, and refused in words where it does not."""

import gzip
import math
import os
from contextlib import nullcontext
from pathlib import Path

import numpy as np
import paint
import pytest
from astropy.coordinates import angular_separation
from astropy.io import fits
from astropy.wcs import WCS
from paint import NOON, write_record
from sunpy.data.test import get_test_filepath
from sunpy.map import Map

from sqlib import fits_files
from sqlib.errors import SqError
from sqlib.sun import ingest
from sqlib.sun.ingest import records, track
from sqlib.sun.ingest.target import Target

HMI, MDI = ingest.ARCHIVES["HMI"], ingest.ARCHIVES["MDI"]


def seen_at(path, longitude, latitude, size=16, pixel=10.0):
    """A record of HMI on a patch round a place (Stonyhurst degrees)."""
    return track.project((path, Target(NOON, longitude, latitude)), track.Patch(size, pixel), HMI)


@pytest.mark.filterwarnings("ignore:.*datfix")
def test_the_map_is_azimuthal_equidistant_round_its_middle():
    """Distances from the middle are great circles, and bearings are kept."""
    y, x = np.mgrid[:61, :61]
    world = WCS(track.patch_header(track.Patch(61, 4.0), Target(NOON, 40.0, -25.0)))
    here, up = np.radians(world.wcs_pix2world(x, y, 0))
    middle = math.radians(40), math.radians(-25)
    assert angular_separation(here, up, *middle) * 696.0 == pytest.approx(np.hypot(x - 30, y - 30) * 4.0, abs=1e-4)
    late = here - middle[0]
    west = np.cos(up) * np.sin(late)
    north = np.sin(up) * math.cos(middle[1]) - np.cos(up) * math.sin(middle[1]) * np.cos(late)
    turn = np.arctan2(north, west) - np.arctan2(y - 30, x - 30)
    assert np.abs(np.exp(1j * turn[west != 0]) - 1).max() < 1e-9


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"CTYPE1": None, "CDELT2": None}, "lacks CTYPE1, CDELT2"),
        ({"CTYPE1": "CRLN-CEA", "CTYPE2": "CRLT-CEA"}, "no view of the full disk"),
        ({"CUNIT1": "Mm"}, "CUNIT1 is 'Mm'"),
        ({"CDELT1": 0.6}, "no full disk"),
        ({"BUNIT": "Gauss"}, "'Gauss'; a Dopplergram has m/s"),
        ({"INSTRUME": "AIA_3"}, "a record of AIA_3"),
        ({"INSTRUME": None, "CAMERA": "MDI"}, "a record of MDI, not of HMI"),
        ({"CADENCE": 720.0}, "a record every 720 s"),
        # sunpy would see each of these from the Earth, and without a word
        ({"CRLN_OBS": None}, "where the observer was"),
        ({"CRLT_OBS": None, "HGLT_OBS": -6.8}, "where the observer was"),
        ({"CRLT_OBS": "nan"}, "where the observer was"),
        # in MDI's spelling
        ({"DSUN_OBS": None, "OBS_L0": 75.0, "OBS_B0": -6.8, "OBS_DIST": 0.99}, "where the observer was"),
        # and these with north up
        ({"CROTA2": None, "CROTA1": 179.93}, "how the camera was turned"),
        ({"CROTA2": "nan"}, "how the camera was turned"),
    ],
)
def test_records_of_which_nobody_can_tell_what_they_show_are_refused(tmp_path, changes, words):
    path = write_record(tmp_path / "record.fits", NOON, **changes)
    with pytest.raises(SqError, match=words) as refusal:
        seen_at(path, 0.0, 0.0)
    assert "record.fits" in str(refusal.value)


CARRINGTON = "CRLN_OBS", "CRLT_OBS", "DSUN_OBS"
ROTATION = {"CROTA2": None, "PC1_1": -1.0, "PC2_2": -1.0}  # the FITS standard leaves out what is 0


@pytest.mark.parametrize(
    ("archive", "changes", "turn"),
    [
        (HMI, {}, -1.0),
        (HMI, ROTATION, -1.0),
        (HMI, {"CRLN_OBS": None, "CRLT_OBS": None, "HGLN_OBS": 0.0, "HGLT_OBS": -6.8}, -1.0),
        (MDI, {}, 1.0),
        (MDI, dict.fromkeys(CARRINGTON) | {"OBS_L0": 9.0, "OBS_B0": 5.9, "OBS_DIST": 0.98265}, 1.0),
    ],
)
def test_the_observer_and_the_rotation_are_those_of_the_header(archive, changes, turn):
    camera = paint.CAMERAS[archive.instrument]
    header = paint.header_of(camera, NOON, archive.cadence, 64) | {"NAXIS1": 64, "NAXIS2": 64} | changes
    header = {key: value for key, value in header.items() if value is not None}
    records.check_header(header, Path("record.fits"), archive)
    seen = Map(np.zeros((64, 64)), header)
    assert seen.observer_coordinate.radius.to_value("m") == pytest.approx(camera.distance, rel=1e-4)
    assert seen.observer_coordinate.lat.deg == pytest.approx(camera.latitude, abs=1e-6)
    assert np.diag(seen.rotation_matrix) == pytest.approx([turn] * 2, abs=1e-5)


BINNED = "mdi.fd_M_96m_lev182.20101015_191200_TAI.data.header", "mdi.fd_Ic.20101015_230100_TAI.data.header"


@pytest.mark.parametrize(
    ("name", "archive", "changes", "time", "words"),
    [
        ("hmi_bharp_vlos_mag.header", HMI, {}, "2014-06-09T23:47:32", "a record every 720 s"),
        ("hmi_bharp_vlos_mag.header", MDI, {}, "2014-06-09T23:47:32", "a record of HMI_SIDE1, not of MDI"),
        ("resampled_hmi.fits", HMI, {"BUNIT": "m/s"}, "2014-03-01T00:00:50", None),
        ("hmi_sharp_magnetogram.header", HMI, {}, "2024-06-27T23:59:31", "no full disk"),
        ("hmi_cea_sharp_magnetogram.header", HMI, {}, "2024-06-27T23:59:31", "CRLN-CEA.*no view of"),
        ("mdi_synoptic.header", MDI, {}, "2010-07-27T00:08:31", "CRLN-CEA.*no view of the full disk"),
        (BINNED[0], MDI, {}, "2010-10-15T19:14:56", "a record every 5760 s"),
        (BINNED[1], MDI, {"BUNIT": "m/s"}, "2010-10-15T23:00:26", None),
    ],
)
def test_genuine_headers_pass_or_are_refused_for_what_they_are(name, archive, changes, time, words):
    """As sunpy ships them: records of JSOC, some binned."""
    path = Path(get_test_filepath(name))
    read = fits.Header.fromfile if path.suffix == ".fits" else fits.Header.fromtextfile
    header = dict(read(path)) | changes
    assert records.observed_at(header, path).isoformat(timespec="seconds") == time
    with pytest.raises(SqError, match=words) if words else nullcontext():
        records.check_header(header, path, archive)


def test_files_that_are_no_records_are_refused(tmp_path):
    with pytest.raises(SqError, match="no time"):
        path = write_record(tmp_path / "a.fits", NOON, **{"T_OBS": None, "DATE-OBS": "soon"})
        ingest.whole_records(path.parent)
    path.write_bytes(b"not a FITS file" * 300)
    with pytest.raises(SqError, match="no complete FITS file"):
        ingest.whole_records(tmp_path)
    fits.PrimaryHDU(np.zeros(9)).writeto(path, overwrite=True)
    with pytest.raises(SqError, match="no image of two dimensions"):
        ingest.whole_records(tmp_path)


def test_a_packed_record_is_read_and_one_that_unpacks_without_end_is_not(tmp_path):
    plain, packed = write_record(tmp_path / "a.fits", NOON, rice=True), tmp_path / "b.fits.gz"
    packed.write_bytes(gzip.compress(plain.read_bytes()))
    assert len(set(ingest.whole_records(tmp_path).values())) == 1
    one, two = (seen_at(path, 5.0, 5.0) for path in (plain, packed))
    assert np.isfinite(one).all() and np.array_equal(one, two)
    bomb = packed.read_bytes() + gzip.compress(bytes(2**20)) * 300  # what follows a good record
    for name in ("b.fits.gz", "c.fits"):  # what counts is the content
        packed.unlink(missing_ok=True)
        (tmp_path / name).write_bytes(bomb)
        assert (tmp_path / name).stat().st_size < 2**19
        with pytest.raises(SqError, match=f"{name} has more than 256 MiB, unpacked, which a full-disk record never"):
            ingest.whole_records(tmp_path)
    assert list(ingest.whole_records(tmp_path, discard=True)) == [plain]  # in the cache it is thrown away


@pytest.mark.parametrize("content", [b"PK\3\4", b"BZh91AY&SY", b"\xfd7zXZ\0", b"\x1f\x9d"])
def test_a_record_in_another_archive_is_not_unpacked(tmp_path, content):
    (tmp_path / "a.fits").write_bytes(content + bytes(99))
    with pytest.raises(SqError, match=r"a\.fits is no complete FITS file: it does not begin with SIMPLE; unpack it"):
        ingest.whole_records(tmp_path)


def test_a_record_that_is_or_claims_to_be_larger_than_any_full_disk_is_refused(tmp_path, monkeypatch):
    path = write_record(tmp_path / "a.fits.fz", NOON, rice=True)
    content = path.read_bytes()
    for key in ("ZNAXIS1", "ZNAXIS2"):
        at = content.index(key.encode())
        content = content[:at] + str(fits.Card(key, 200_000)).encode() + content[at + 80 :]
    path.write_bytes(content)
    with pytest.raises(SqError, match=r"a\.fits\.fz claims 200000×200000 pixels; a full disk has at most 4096 a side"):
        ingest.whole_records(tmp_path)
    os.truncate(path, fits_files.LARGEST + 1)
    with pytest.raises(SqError, match=r"a\.fits\.fz has more than 256 MiB"):
        ingest.whole_records(tmp_path)
    noise = np.random.default_rng(0).integers(0, 2**31, (64, 64), dtype=np.int32)
    tiles = fits.CompImageHDU(noise, compression_type="GZIP_1", tile_shape=(64, 64))
    tiles.header.update(paint.header_of(paint.CAMERAS["HMI"], NOON, 45.0, 64))
    fits.HDUList([fits.PrimaryHDU(), tiles]).writeto(path, overwrite=True)
    assert list(ingest.whole_records(tmp_path)) == [path]
    monkeypatch.setattr(fits_files, "LARGEST", 2**22)
    with pytest.raises(SqError, match=r"a\.fits\.fz has a tile of \d+ bytes .* might unpack to more than 4 MiB"):
        ingest.whole_records(tmp_path)


def test_velocities_in_other_units_are_turned(tmp_path):
    plain, kilo = tmp_path / "a.fits", tmp_path / "b.fits"
    for path, unit, value in ((plain, "m/sec", 250.0), (kilo, "km/s", 0.25)):
        write_record(path, NOON, BUNIT=unit)
        with fits.open(path, mode="update") as units:
            units[1].data[:] = value
        assert seen_at(path, 5.0, 5.0) == pytest.approx(np.full((16, 16), 250.0), rel=1e-5)


def test_pixels_near_the_limb_stay_empty_and_a_damaged_frame_counts_as_missing(tmp_path):
    path = write_record(tmp_path / "a.fits", NOON)
    found = seen_at(path, 75.0, 0.0, 32)
    degrees = np.degrees((np.arange(32) - 15.5) * 10.0 / 696.0)  # from the patch's middle, which lies on the equator
    distance = np.hypot(75 + degrees, degrees[:, None])  # about, from disk centre
    assert np.isnan(found[distance > 87]).all() and np.isfinite(found[distance < 73]).all()  # B0 is 6.8 degrees
    with fits.open(path, mode="update") as units:
        units[1].data[30:34, 30:34] = np.nan
    assert np.isnan(seen_at(path, 0.0, 0.0, 32)).all()
