"""Real observations in: what is planted on a painted, rotating Sun comes back, and what cannot be right is refused."""

import gzip
import math
import os
from contextlib import nullcontext
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import paint
import pytest
import torch
from astropy.io import fits
from sunpy.data.test import get_test_filepath

import sqlib.sun.twin as twin
from sqbook.cli import main
from sqlib.data import find_event, load_sunquakenet, read_cube
from sqlib.data.catalogue import make_event
from sqlib.errors import SqError
from sqlib.paths import home
from sqlib.sun import ingest
from sqlib.sun.holography import Holography, egression_power, make_kernel
from sqlib.sun.ingest import chain, fetch, records, track
from sqlib.sun.ingest.target import Target, carrington, follow, target_at, target_region
from sqlib.sun.rays import polytrope_rays
from sqlib.sun.scene import draw_scene, smooth_noise
from sqlib.sun.waves import Polytrope

NOON = datetime(2012, 7, 4, 12)
HMI, MDI = ingest.ARCHIVES["HMI"], ingest.ARCHIVES["MDI"]
RAYS = polytrope_rays(Polytrope().index)  # of the model Sun whose waves are painted
SETTINGS = ingest.IngestSettings(size=36, frames=12, pupil=(15.0, 30.0))


def synodic(latitude: float, days: float) -> float:
    """Degrees that the surface turns, as seen from the Earth: Howard et al. (1990), less the mean Earth."""
    square = math.sin(math.radians(latitude)) ** 2
    return (math.degrees((2.894 - 0.428 * square - 0.370 * square**2) * 1e-6) * 86400 - 360 / 365.2564) * days


# --- where to look


def test_carrington_longitudes_are_those_that_noaa_prints():
    """A region summary gives each place both ways, rounded to a degree."""
    from sunpy.io.special.srs import read_srs

    for name in ("19960106SRS.txt", "20020624SRS.txt", "20150101SRS.txt"):
        table = read_srs(get_test_filepath(f"SRS/{name}"))
        midnight = table.meta["issued"].replace(hour=0, minute=0)
        for row in table[table["ID"] == "I"]:
            place = target_at(midnight, row["Longitude"].value, row["Latitude"].value)
            turned = (carrington(place)[0] - row["Carrington Longitude"].value + 180) % 360 - 180
            assert abs(turned) <= 1.05, (name, row)


def test_a_place_is_the_same_in_both_systems():
    longitude, latitude = carrington(target_at(NOON, -31.0, 17.0))
    back = target_at(NOON, longitude, latitude, "carrington")
    assert (back.longitude, back.latitude) == pytest.approx((-31.0, 17.0), abs=1e-6)


@pytest.mark.parametrize("latitude", [0.0, 15.0, -40.0])
def test_a_place_turns_with_the_surface(latitude):
    times = [NOON + timedelta(days=days) for days in (-1.0, 0.0, 1.0)]
    longitudes, latitudes = follow(Target(NOON, 10.0, latitude), times).T
    assert longitudes == pytest.approx([10 + synodic(latitude, days) for days in (-1, 0, 1)], abs=0.05)
    assert latitudes == pytest.approx([latitude] * 3, abs=0.2)  # the axis leans, and the Earth goes round
    assert np.array_equal(follow(Target(NOON, 10.0, latitude), times, "none"), [[10.0, latitude]] * 3)


def summary(day):
    return get_test_filepath("SRS/20150101SRS.txt") if day == datetime(2015, 1, 1) else None


@pytest.mark.parametrize("hours", [-60, 0, 15])
def test_a_region_is_found_in_the_nearest_report_and_turned_on(hours):
    time = datetime(2015, 1, 1) + timedelta(hours=hours)
    found = target_region(12251, time, summary)  # listed at S13E05
    assert found.region == 12251 and found.time == time
    assert found.longitude == pytest.approx(-5 + synodic(-13, hours / 24), abs=0.06)
    assert target_region(2251, time, summary) == replace(found, region=2251)


def test_regions_that_cannot_be_placed_are_refused(tmp_path):
    new_year = datetime(2015, 1, 1)
    with pytest.raises(SqError, match="lists region 11158"):
        target_region(11158, new_year, summary)
    with pytest.raises(SqError, match="behind the limb"):
        target_region(12245, new_year + timedelta(days=3), summary)
    with pytest.raises(SqError, match="lists region 12235"):  # listed as due to return: it has no longitude
        target_region(12235, new_year, summary)
    for number in (0, -3, True, "11158", 123_456):
        with pytest.raises(SqError, match="no NOAA number"):
            target_region(number, new_year, summary)
    (tmp_path / "SRS.txt").write_text("<html>moved</html>")
    with pytest.raises(SqError, match="no Solar Region Summary"):
        target_region(12251, new_year, lambda day: tmp_path / "SRS.txt")


def test_places_that_nobody_can_see_are_refused():
    for place, words in (((100, 0), "behind the limb"), ((0, 91), "no longitude"), ((float("nan"), 0), "no longitude")):
        with pytest.raises(SqError, match=words):
            target_at(NOON, *place)
    with pytest.raises(SqError, match="galactic"):
        target_at(NOON, 0, 0, "galactic")
    with pytest.raises(SqError, match="rotation is one of"):
        follow(Target(NOON, 0, 0), [NOON], "fast")


# --- records, fetched once


def write_record(path, time, archive=HMI, pixels=64, rice=False, **changes):
    """A small record with the header of a real one; a change to None leaves the key out. JSOC sends noise in tiles (`rice`)."""
    header = paint.header_of(paint.CAMERAS[archive.instrument], time, archive.cadence, pixels) | changes
    image = fits.ImageHDU(np.zeros((pixels, pixels), np.float32))
    if rice:
        noise = np.random.default_rng(0).normal(0, 1000, (pixels, pixels))
        image = fits.CompImageHDU(noise.astype(np.int32), compression_type="RICE_1")
    image.header.update({key: value for key, value in header.items() if value is not None})
    fits.HDUList([fits.PrimaryHDU(), image]).writeto(path)
    return path


class Jsoc:
    """An archive with a record every 45 s, 12 s beside our grid, that counts what it is asked for."""

    def __init__(self, absent=(), cut=(), fails_after=None, rice=False):
        self.asked, self.absent, self.cut, self.fails_after, self.rice = [], absent, cut, fails_after, rice

    def __call__(self, series, start, end, email, folder):
        self.asked.append((series, start, end, email))
        for i in range(-5, 40):
            time = NOON + timedelta(seconds=45 * i + 12)
            if start <= time <= end and i not in self.absent:
                if self.fails_after is not None and i > self.fails_after:
                    raise SqError("the line went dead")
                path = write_record(folder / f"hmi.{i}.fits", time, rice=self.rice)
                if i in self.cut:
                    path.write_bytes(path.read_bytes()[:-3000])

    def stretches(self):
        """First and last frame of what was asked for."""
        return [tuple(round((end - NOON).total_seconds() / 45, 1) for end in ends) for _, *ends, _ in self.asked]


def test_what_is_there_is_not_fetched_again(sq_home):
    jsoc = Jsoc()
    found = ingest.fetch_records(HMI, NOON, 10, "me@there", jsoc)
    assert [round((time - NOON).total_seconds()) for time in found.values()] == [45 * i + 12 for i in range(10)]
    assert jsoc.asked == [("hmi.v_45s", NOON - timedelta(seconds=22.5), NOON + timedelta(seconds=9.5 * 45), "me@there")]
    assert ingest.fetch_records(HMI, NOON, 10, None, jsoc) == found  # needs no address either
    longer = ingest.fetch_records(HMI, NOON, 12, "me@there", jsoc)
    assert len(longer) == 12 and jsoc.asked[1:] == [
        ("hmi.v_45s", NOON + timedelta(seconds=9.5 * 45), NOON + timedelta(seconds=11.5 * 45), "me@there")
    ]


@pytest.mark.parametrize("rice", [False, True])
def test_a_download_that_was_cut_off_is_thrown_away_and_asked_for_again(sq_home, rice):
    first, second = Jsoc(cut=(3, 4), rice=rice), Jsoc(rice=rice)
    assert len(ingest.fetch_records(HMI, NOON, 8, "me@there", first)) == 6
    broken = home() / "data/observed/hmi.v_45s/hmi.6.fits"
    broken.write_bytes(broken.read_bytes()[:-3000])
    assert len(ingest.fetch_records(HMI, NOON, 8, "me@there", second)) == 8
    assert second.stretches() == [(2.5, 4.5), (5.5, 6.5)]


def test_a_record_cut_off_beside_one_that_jsoc_lacks_is_asked_for_until_it_is_whole(sq_home):
    for jsoc, found, asked in (
        (Jsoc(absent=(5,), cut=(4,)), 6, [(-0.5, 7.5)]),
        (Jsoc(absent=(5,), cut=(4,)), 6, [(3.5, 5.5)]),
        (Jsoc(absent=(5,)), 7, [(3.5, 5.5)]),
        (Jsoc(), 7, []),  # what lacked when all else was whole is not asked for again
    ):
        assert len(ingest.fetch_records(HMI, NOON, 8, "me@there", jsoc)) == found
        assert jsoc.stretches() == asked


def test_where_all_that_came_was_broken_the_words_do_not_say_that_jsoc_has_none(sq_home):
    with pytest.raises(SqError, match=r"arrived broken.*asks for it again"):
        ingest.fetch_records(HMI, NOON, 2, "me@there", Jsoc(cut=range(-5, 40)))
    assert len(ingest.fetch_records(HMI, NOON, 2, "me@there", Jsoc())) == 2
    with pytest.raises(SqError, match=r"hmi\.M_45s.*arrived broken"):
        ingest.fetch_magnetogram(HMI, NOON, "me@there", Jsoc(cut=range(-5, 40)))
    assert ingest.fetch_magnetogram(HMI, NOON, "me@there", Jsoc()).is_file()


def test_a_fetch_that_was_cut_off_goes_on(sq_home):
    with pytest.raises(SqError, match="went dead"):
        ingest.fetch_records(HMI, NOON, 10, "me@there", Jsoc(fails_after=5))
    jsoc = Jsoc()
    assert len(ingest.fetch_records(HMI, NOON, 10, "me@there", jsoc)) == 10
    assert jsoc.asked[0][1] == NOON + timedelta(seconds=5.5 * 45)


def test_frames_that_jsoc_lacks_are_asked_for_once(sq_home):
    jsoc = Jsoc(absent=(4, 5))
    for _ in range(2):
        assert len(ingest.fetch_records(HMI, NOON, 8, "me@there", jsoc)) == 6
    assert len(jsoc.asked) == 1
    with pytest.raises(SqError, match="has no record of hmi"):
        ingest.fetch_records(HMI, NOON + timedelta(days=3), 8, "me@there", jsoc)


def test_young_frames_that_jsoc_lacks_are_asked_for_again(sq_home, monkeypatch):
    monkeypatch.setattr(fetch, "SETTLED", datetime.now() - NOON)
    jsoc = Jsoc(absent=(4, 5))
    for _ in range(2):
        assert len(ingest.fetch_records(HMI, NOON, 8, "me@there", jsoc)) == 6
    assert jsoc.stretches() == [(-0.5, 7.5), (3.5, 5.5)]
    assert len(ingest.fetch_records(HMI, NOON, 8, "me@there", Jsoc())) == 8


def test_without_address_or_network_the_words_say_so(sq_home, monkeypatch):
    monkeypatch.delenv("JSOC_EMAIL", raising=False)
    for email in (None, "", "nobody"):
        with pytest.raises(SqError, match="registered e-mail"):
            ingest.fetch_records(HMI, NOON, 4, email, Jsoc())
    from sunpy.net import Fido

    def no_network(*arguments):
        raise ConnectionError("name or service not known")

    monkeypatch.setattr(type(Fido), "search", no_network)
    monkeypatch.setenv("JSOC_EMAIL", "me@there")
    with pytest.raises(SqError, match="check the network"):
        ingest.fetch_records(HMI, NOON, 4)
    with pytest.raises(SqError, match="check the network, or give"):
        target_region(12251, NOON)


def test_jsoc_is_asked_for_the_series_and_the_time(tmp_path, monkeypatch):
    from sunpy.net import Fido

    asked = []
    monkeypatch.setattr(type(Fido), "search", lambda self, *query: asked.append(query) or SimpleNamespace(file_num=1))
    monkeypatch.setattr(type(Fido), "fetch", lambda self, *found, **how: asked.append(how) or [])
    fetch.from_jsoc("hmi.v_45s", NOON, NOON + timedelta(minutes=3), "me@there", tmp_path)
    time, series, notify = asked[0]
    assert (time.start.to_datetime(), time.end.to_datetime()) == (NOON, NOON + timedelta(minutes=3))
    assert (series.value, notify.value) == ("hmi.v_45s", "me@there")
    assert asked[1]["path"] == str(tmp_path / "{file}")


def test_records_that_did_not_come_are_told_from_those_that_have_no_image(tmp_path, monkeypatch):
    from sunpy.net import Fido

    came = SimpleNamespace(errors=[SimpleNamespace(url="http://jsoc/SUM1/NoDataFile")])
    monkeypatch.setattr(type(Fido), "search", lambda self, *query: SimpleNamespace(file_num=1))
    monkeypatch.setattr(type(Fido), "fetch", lambda self, *found, **how: came)
    wanted = "hmi.v_45s", NOON, NOON + timedelta(minutes=3), "me@there", tmp_path
    fetch.from_jsoc(*wanted)
    came.errors.append(SimpleNamespace(url="http://jsoc/SUM1/hmi.v_45s.20120704_120045_TAI.2.Dopplergram.fits"))
    with pytest.raises(SqError, match=r"1 records of hmi\.v_45s did not come.*120045_TAI"):
        fetch.from_jsoc(*wanted)


def test_the_instruments_clock_sets_the_grid():
    times = [NOON + timedelta(seconds=45 * i - 20 + (-1) ** i) for i in (0, 1, 2, 5)]
    number, offset = fetch.slots(times, NOON, 45.0, 5)
    assert number.tolist() == [0, 1, 2, -1] and offset == pytest.approx(-20, abs=0.6)


# --- one record on the map


@pytest.mark.filterwarnings("ignore:.*datfix")
def test_the_map_is_azimuthal_equidistant_round_its_middle():
    """The closed form agrees with the FITS projection, and distances from the middle are great circles."""
    from astropy.wcs import WCS

    patch = track.Patch(61, 4.0)
    world = WCS(track.patch_header(patch, 40.0, -25.0, NOON))
    y, x = np.mgrid[:61, :61]
    longitude, latitude = (np.radians(part) for part in world.wcs_pix2world(x, y, 0))
    here, up = track.places(patch, 40.0, -25.0)
    assert np.abs(np.angle(np.exp(1j * (here - longitude)))).max() < 1e-9 and np.abs(up - latitude).max() < 1e-9
    middle = math.radians(-25), math.radians(40)
    near = np.sin(up) * math.sin(middle[0]) + np.cos(up) * math.cos(middle[0]) * np.cos(here - middle[1])
    assert np.arccos(np.clip(near, -1, 1)) * 696.0 == pytest.approx(np.hypot(x - 30, y - 30) * 4.0, abs=1e-4)
    assert here[30, 40] > here[30, 20] and up[40, 30] > up[20, 30]  # west to the right, north up


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"CTYPE1": None, "CDELT2": None}, "lacks CTYPE1, CDELT2"),
        ({"CTYPE1": "CRLN-CEA", "CTYPE2": "CRLT-CEA"}, "no view of the full disk"),
        ({"CUNIT1": "Mm"}, "CUNIT1 is 'Mm'"),
        ({"CUNIT2": "bananas"}, "CUNIT2 is 'bananas'"),
        ({"CDELT1": 0.6}, "no full disk"),
        ({"BUNIT": "Gauss"}, "'Gauss'; a doppler record has m/s"),
        ({"BUNIT": None}, "''; a doppler record has m/s"),
        ({"INSTRUME": "AIA_3"}, "a record of AIA_3"),
        ({"INSTRUME": None, "CAMERA": "MDI"}, "a record of MDI, not of HMI"),
        ({"INSTRUME": None, "CAMERA": None}, "no instrument"),
        ({"CADENCE": 720.0}, "a record every 720 s"),
        # sunpy would see each of these from the Earth, and without a word
        ({"CRLN_OBS": None}, "where the observer was"),
        ({"CRLT_OBS": None}, "where the observer was"),
        ({"DSUN_OBS": None}, "where the observer was"),
        ({"CRLN_OBS": None, "CRLT_OBS": None, "DSUN_OBS": None}, "where the observer was"),
        ({"CRLT_OBS": None, "HGLT_OBS": -6.8}, "where the observer was"),
        ({"CRLT_OBS": "nan"}, "where the observer was"),
        ({"DSUN_OBS": None, "OBS_L0": 75.0, "OBS_B0": -6.8, "OBS_DIST": 0.99}, "where the observer was"),  # MDI's spelling
        # and these with north up
        ({"CROTA2": None}, "how the camera was turned"),
        ({"CROTA2": None, "CROTA1": 179.93}, "how the camera was turned"),
        ({"CROTA2": "nan"}, "how the camera was turned"),
    ],
)
def test_records_of_which_nobody_can_tell_what_they_show_are_refused(tmp_path, changes, words):
    path = write_record(tmp_path / "record.fits", NOON, **changes)
    job = track.Job(path, NOON, 0.0, 0.0)
    with pytest.raises(SqError, match=words) as refusal:
        track.project(job, track.Patch(16, 10.0), HMI)
    assert "record.fits" in str(refusal.value)


ROTATION = {"CROTA2": None, "PC1_1": -1.0, "PC2_2": -1.0}  # the FITS standard leaves out what is 0


@pytest.mark.parametrize(
    ("archive", "changes", "turn"),
    [
        (HMI, {}, -1.0),
        (HMI, ROTATION, -1.0),
        (HMI, {"CRLN_OBS": None, "CRLT_OBS": None, "HGLN_OBS": 0.0, "HGLT_OBS": -6.8}, -1.0),
        (MDI, {}, 1.0),
        (MDI, {"CRLN_OBS": None, "CRLT_OBS": None, "DSUN_OBS": None, "OBS_L0": 9.0, "OBS_B0": 5.9, "OBS_DIST": 0.98265}, 1.0),
    ],
)
def test_the_observer_and_the_rotation_are_those_of_the_header(archive, changes, turn):
    from sunpy.map import Map

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
    ("name", "archive", "kind", "changes", "time", "words"),
    [
        ("hmi_bharp_vlos_mag.header", HMI, "doppler", {}, "2014-06-09T23:47:32", "a record every 720 s"),
        ("hmi_bharp_vlos_mag.header", HMI, "doppler", {"CADENCE": 45.0}, "2014-06-09T23:47:32", None),
        ("hmi_bharp_vlos_mag.header", MDI, "doppler", {}, "2014-06-09T23:47:32", "a record of HMI_SIDE1, not of MDI"),
        ("resampled_hmi.fits", HMI, "doppler", {}, "2014-03-01T00:00:50", "'DN/s'; a doppler record has m/s"),
        ("resampled_hmi.fits", HMI, "doppler", {"BUNIT": "m/s"}, "2014-03-01T00:00:50", None),
        ("hmi_sharp_magnetogram.header", HMI, "magnetogram", {}, "2024-06-27T23:59:31", "no full disk"),
        ("hmi_cea_sharp_magnetogram.header", HMI, "magnetogram", {}, "2024-06-27T23:59:31", "CRLN-CEA.*no view of the full disk"),
        ("mdi_synoptic.header", MDI, "magnetogram", {}, "2010-07-27T00:08:31", "CRLN-CEA.*no view of the full disk"),
        (BINNED[0], MDI, "magnetogram", {}, "2010-10-15T19:14:56", None),
        (BINNED[0], MDI, "doppler", {}, "2010-10-15T19:14:56", "a record every 5760 s"),
        (BINNED[1], MDI, "doppler", {}, "2010-10-15T23:00:26", "'Arbitrary intensity units'; a doppler record has m/s"),
        (BINNED[1], MDI, "doppler", {"BUNIT": "m/s"}, "2010-10-15T23:00:26", None),
    ],
)
def test_genuine_headers_pass_or_are_refused_for_what_they_are(name, archive, kind, changes, time, words):
    """As sunpy ships them: records of JSOC, some binned."""
    path = Path(get_test_filepath(name))
    read = fits.Header.fromfile if path.suffix == ".fits" else fits.Header.fromtextfile
    header = dict(read(path)) | changes
    assert records.observed_at(header, path).isoformat(timespec="seconds") == time
    with pytest.raises(SqError, match=words) if words else nullcontext():
        records.check_header(header, path, archive, kind)


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
    one, two = (track.project(track.Job(path, NOON, 5.0, 5.0), track.Patch(16, 10.0), HMI) for path in (plain, packed))
    assert np.isfinite(one).all() and np.array_equal(one, two)
    bomb = packed.read_bytes() + gzip.compress(bytes(2**20)) * 300  # what follows a good record
    for name in ("b.fits.gz", "c.fits"):  # what counts is the content
        packed.unlink(missing_ok=True)
        (tmp_path / name).write_bytes(bomb)
        assert (tmp_path / name).stat().st_size < 2**19
        with pytest.raises(SqError, match=f"{name} has more than 256 MiB, unpacked, which a full-disk record never has"):
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
    os.truncate(path, records.LARGEST + 1)
    with pytest.raises(SqError, match=r"a\.fits\.fz has more than 256 MiB"):
        ingest.whole_records(tmp_path)
    noise = np.random.default_rng(0).integers(0, 2**31, (64, 64), dtype=np.int32)
    tiles = fits.CompImageHDU(noise, compression_type="GZIP_1", tile_shape=(64, 64))
    tiles.header.update(paint.header_of(paint.CAMERAS["HMI"], NOON, 45.0, 64))
    fits.HDUList([fits.PrimaryHDU(), tiles]).writeto(path, overwrite=True)
    assert list(ingest.whole_records(tmp_path)) == [path]
    monkeypatch.setattr(records, "LARGEST", 2**22)
    with pytest.raises(SqError, match=r"a\.fits\.fz has a tile of \d+ bytes .* might unpack to more than 4 MiB"):
        ingest.whole_records(tmp_path)


def test_velocities_in_other_units_are_turned(tmp_path):
    patch = track.Patch(16, 10.0)
    plain, kilo = tmp_path / "a.fits", tmp_path / "b.fits"
    for path, unit, value in ((plain, "m/sec", 250.0), (kilo, "km/s", 0.25)):
        write_record(path, NOON, BUNIT=unit)
        with fits.open(path, mode="update") as units:
            units[1].data[:] = value
        assert track.project(track.Job(path, NOON, 5.0, 5.0), patch, HMI) == pytest.approx(np.full((16, 16), 250.0), rel=1e-5)


def test_pixels_near_the_limb_stay_empty_and_a_damaged_frame_counts_as_missing(tmp_path):
    path, patch = write_record(tmp_path / "a.fits", NOON), track.Patch(32, 10.0)
    found = track.project(track.Job(path, NOON, 75.0, 0.0), patch, HMI)
    distance = np.degrees(np.arccos(np.cos(track.places(patch, 75.0, 0.0)[1]) * np.cos(track.places(patch, 75.0, 0.0)[0])))
    assert np.isnan(found[distance > 87]).all() and np.isfinite(found[distance < 73]).all()  # B0 is 6.8 degrees
    with fits.open(path, mode="update") as units:
        units[1].data[30:34, 30:34] = np.nan
    assert np.isnan(track.project(track.Job(path, NOON, 0.0, 0.0), patch, HMI)).all()


# --- what leaves with the trend, and what stays


def test_motions_over_the_whole_patch_leave_and_waves_stay(rng):
    y, x = np.mgrid[-1:1:20j, -1:1:24j]
    surface = 3000 + 800 * x - 200 * x * y + 90 * y**2
    wave = rng.normal(0, 1, (20, 24)) * np.cos(math.pi * 9 * x)
    stack = (surface + wave)[None].repeat(3, 0).astype(np.float32)
    stack[1], stack[:, :, 0] = np.nan, np.nan
    left = chain.without_surface(stack.copy(), 2)
    assert np.isnan(left[1]).all() and np.isnan(left[:, :, 0]).all()
    assert left[0, :, 1:].std() == pytest.approx(wave[:, 1:].std(), rel=0.05)
    assert np.abs(chain.without_surface(stack[:1] - wave.astype(np.float32), 2)[0, :, 1:]).max() < 0.02


def test_slow_flows_leave_and_the_waves_of_five_minutes_stay():
    frames, cadence = 301, 45.0
    time = torch.arange(frames) * cadence
    slow = 300 + 200 * torch.sin(2 * math.pi * time / (6 * 3600)) + 1e-2 * time
    waves = torch.stack([torch.sin(2e-3 * math.pi * nu * time + 0.3) for nu in (5.0, 6.0, 7.0)])
    left = chain.without_trend((slow + waves).T.reshape(frames, 1, 3).clone(), cadence, 3600.0)
    assert (left[:, 0].T - waves).pow(2).mean(1).sqrt().max() < 0.05 * waves.std()
    assert chain.without_trend(slow.view(-1, 1, 1).clone(), cadence, 3600.0).abs().max() < 0.1


# --- the whole way


def planted(name: str, size: int, frames: int):
    """A wave field with one sunquake: Dopplergrams (frames, size, size) m/s, and where and when it shook in them."""

    def clear(*arguments):  # one place that shakes, among random sources so weak that none can be taken for it
        scene = draw_scene(*arguments)
        core = tuple(quake._replace(grains=quake.grains[:1]) for quake in scene.quakes)
        return scene._replace(emission=0.03 * scene.emission, gaps=(), quakes=core)

    seen = twin.dopplergrams(find_event(name), twin.TwinSettings(size=64, frames=40, limb=False), clear)
    quake = seen.scene.quakes[0]
    first, rim = round(quake.time) - seen.first_frame - 6, (seen.doppler.shape[1] - size) // 2
    movie = seen.doppler[first : first + frames, rim : rim + size, rim : rim + size].numpy().copy()
    inner = (64 - SETTINGS.size) / 2
    return movie, (quake.time - seen.first_frame - first, quake.y - inner, quake.x - inner)


@pytest.fixture(scope="module")
def painted(tmp_path_factory):
    """Painted records of one instrument with a sunquake at one place: event, target, folder, movie, truth. Made once each.

    The place is given for a time one hour before the first record, as that of a region is.
    """
    made = {}

    def make(instrument: str, longitude: float):
        if (instrument, longitude) not in made:
            day = datetime(2001, 4, 7, 20) if instrument == "MDI" else datetime(2012, 7, 5, 11)
            event = make_event(day)  # not in Table 1: its cube begins one hour before
            frames, size = chain.extent(event, SETTINGS, RAYS)
            frames += 5 * (longitude < 0)  # the whole pupil, for the command line
            movie, truth = planted("2001-04-06" if instrument == "MDI" else "2012-07-04 09:47", size, frames)
            slow = 200 * smooth_noise(size, 8, np.random.default_rng(3))  # supergranules
            folder = tmp_path_factory.mktemp(f"{instrument}{longitude:.0f}")
            start, fixed = event.start + timedelta(seconds=9), event.start - timedelta(hours=1)
            place, camera = (longitude, 12.0), paint.CAMERAS[instrument]
            kept = [i for i in range(frames) if not 3 <= i < 5]  # a gap
            # HMI has 4096 pixels; fewer suffice here, but at 60 degrees half of them are lost to foreshortening
            pixels = 1536 if instrument == "HMI" and longitude > 45 else 1024
            paint.paint(movie + slow, event.pixel, camera, place, start, event.cadence, fixed, folder, pixels, frames=kept)
            made[instrument, longitude] = event, Target(fixed, *place), folder, movie, truth
        return made[instrument, longitude]

    return make


def focus(event, target, folder, settings=SETTINGS):
    """Egression power of the records, and the movie that it was made of."""
    taken = ingest.dopplergrams(event, target, ingest.whole_records(folder), settings, RAYS, workers=0, progress=False)
    look = Holography(event.cadence, event.pixel, settings.band, settings.pupil)
    power = egression_power(taken.doppler, make_kernel(tuple(taken.doppler.shape), look, RAYS, "drop"))
    return taken, power[: settings.frames].numpy()


@pytest.mark.parametrize(("instrument", "longitude"), [("HMI", 4.0), ("HMI", 60.0), ("MDI", -8.0), ("MDI", 60.0)])
def test_a_source_on_the_rotating_sun_comes_back_in_its_place_and_time(painted, instrument, longitude):
    event, target, folder, movie, (time, y, x) = painted(instrument, longitude)
    taken, power = focus(event, target, folder)
    frame, row, column = np.unravel_index(power.argmax(), power.shape)
    assert math.hypot(row - y, column - x) <= 2
    assert abs(frame - time) <= 1
    assert abs((taken.start - event.start).total_seconds() - 9) < 0.1 and taken.gaps == ((3, 4),)
    # and the map round it is that of the wave field itself, seen without a Sun between; foreshortening costs some
    movie = movie[: len(taken.doppler)]
    look = Holography(event.cadence, event.pixel, SETTINGS.band, SETTINGS.pupil)
    straight = egression_power(movie, make_kernel(movie.shape, look, RAYS, "drop"))[: SETTINGS.frames].numpy()
    assert np.corrcoef(power.ravel(), straight.ravel())[0, 1] > (0.95 if abs(longitude) < 30 else 0.8)


def test_without_tracking_the_source_is_lost(painted):
    event, target, folder, _, (_, y, x) = painted("MDI", -8.0)
    _, power = focus(event, target, folder, replace(SETTINGS, rotation="none"))
    _, row, column = np.unravel_index(power.argmax(), power.shape)
    assert math.hypot(row - y, column - x) > 2


def test_dask_makes_what_one_process_makes(painted):
    """Workers of a scheduler that runs already, here in this process: starting others takes longer than all else here."""
    from dask.distributed import Client, LocalCluster

    event, target, folder, _, _ = painted("MDI", -8.0)
    patch = track.Patch(24, event.pixel)
    jobs = track.make_jobs(dict(list(ingest.whole_records(folder).items())[:6]), target, patch)
    alone = track.project_all(jobs, patch, MDI, 0, progress=False)
    with LocalCluster(n_workers=1, threads_per_worker=1, processes=False, dashboard_address=None) as cluster, Client(cluster):
        shared = track.project_all(jobs, patch, MDI, scheduler=cluster.scheduler_address, progress=False)
    assert np.isfinite(alone).all() and np.array_equal(alone, shared)
    with pytest.raises(SqError, match="no Dask workers"):
        track.project_all(jobs, patch, MDI, scheduler="nowhere at all", progress=False)


def test_the_command_makes_a_cube_and_frames_that_the_notebooks_read(painted, sq_home, capsys):
    event, target, folder, _, _ = painted("MDI", -8.0)
    longitude, latitude = follow(target, [event.time])[0]
    command = ["data", "ingest", event.time.isoformat(), "--stonyhurst", str(longitude), str(latitude), "--folder", str(folder)]
    command += ["--workers", "0", "-p", "size=16", "-p", "frames=8"]
    assert main(command) == 0
    path, frames, words = capsys.readouterr().out.splitlines()
    cube = read_cube(path)
    assert (cube.source, cube.event, cube.instrument, cube.power.shape) == ("observed", event.key, "MDI", (8, 16, 16))
    assert abs((cube.start - event.start).total_seconds() - 9) < 0.1
    assert np.median(cube.power) == pytest.approx(math.log(2), rel=0.01)
    assert cube.truth["gaps"] == [[3, 4]] and cube.truth["rays"] == "Model S at 6 mHz"
    root = words.split("--root ")[1]
    assert frames == f"{root}/{event.key}"
    found, _ = load_sunquakenet(root, progress=False)
    assert found.pixels.shape == (8, 16, 16) and found.source == "sunquakenet"
    assert set(found.index["label"]) == {-1} and set(found.index["event"]) == {event.key}
    assert abs(found.index["time"][0] - np.datetime64(cube.start)) < np.timedelta64(30, "s")
    made = (home() / "data/observed/cubes" / f"{event.key}.fits").stat().st_mtime_ns
    assert main(command) == 0  # found again
    assert (home() / "data/observed/cubes" / f"{event.key}.fits").stat().st_mtime_ns == made


def test_a_magnetogram_lies_on_the_cubes_own_pixels(tmp_path, sq_home):
    event = make_event(NOON)
    record = write_record(tmp_path / "m.fits", NOON + timedelta(seconds=20), BUNIT="Gauss", CONTENT="MAGNETOGRAM")
    asked = []

    def download(series, start, end, email, folder):
        asked.append((series, end - start))
        (folder / record.name).write_bytes(record.read_bytes())

    found = ingest.fetch_magnetogram(HMI, NOON, "me@there", download)
    assert asked == [("hmi.M_45s", timedelta(seconds=45))]
    settings = ingest.IngestSettings(size=32)
    path = ingest.save_magnetogram(event, target_at(NOON, 30.0, 10.0), tmp_path / "patch.fits", settings, record=found)
    with fits.open(path) as units:
        assert units[0].data.shape == (32, 32) and units[0].header["BUNIT"] == "G"
        assert units[0].header["CRVAL1"] == pytest.approx(30.0, abs=0.01)


# --- what cannot be right is refused, before it costs anything


def refused(event, target, folder, words, settings=SETTINGS):
    with pytest.raises(SqError, match=words):
        ingest.observe(event, target, settings, folder=folder, rays=RAYS, workers=0, progress=False)


def test_targets_beside_the_disk_are_refused_before_anything_is_fetched(sq_home):
    event = make_event(NOON)
    for longitude in (86.0, -88.0):
        refused(event, target_at(NOON, longitude, 0.0), None, "from disk centre")
    refused(event, Target(NOON - timedelta(days=6), 60.0, 0.0), None, "from disk centre")  # it has set in the meantime


def test_movies_with_too_few_records_are_refused(tmp_path):
    event, target = make_event(NOON), target_at(NOON, 0.0, 0.0)
    refused(event, target, tmp_path / "nowhere", "no folder")
    refused(event, target, tmp_path, "no record lies between")
    frames, _ = chain.extent(event, SETTINGS, RAYS)
    for i in range(frames):
        write_record(tmp_path / f"{i:02}.fits", event.start + timedelta(seconds=45 * i))
    for i in range(10, 18):
        (tmp_path / f"{i}.fits").unlink()
    refused(event, target, tmp_path, r"8 of 48 records of hmi.v_45s are missing.*frames 10–17")
    write_record(tmp_path / "17.fits", event.start + timedelta(seconds=45 * 17))
    write_record(tmp_path / "20b.fits", event.start + timedelta(seconds=45 * 20 + 1))
    refused(event, target, tmp_path, "20.fits, .*20b.fits")


def test_settings_that_make_no_cube_are_refused(tmp_path):
    event, target = make_event(NOON), target_at(NOON, 0.0, 0.0)
    for bad, words in (
        ({"size": 4}, "size must be"), ({"frames": 2.5}, "frames must be"), ({"degree": 9}, "degree must be"),
        ({"slowest": 60.0}, "slowest must be"), ({"method": "nearest"}, "method is one of"),
        ({"rotation": "fast"}, "rotation is one of"),
    ):  # fmt: skip
        refused(event, target, tmp_path, words, replace(SETTINGS, **bad))
    refused(make_event(datetime(2009, 6, 1)), target, tmp_path, "outside the full-disk data of HMI")
    refused(replace(event, instrument="GONG"), target, tmp_path, "no archive of 'GONG'")
    refused(replace(event, cadence=60.0), target, tmp_path, "every 45 s, not 60 s")


@pytest.mark.parametrize(
    ("words", "complaint"),
    [
        (["2012-07-04T12:00", "--stonyhurst", "95", "0"], "behind the limb"),
        (["2012-07-04T12:00", "--region", "0"], "no NOAA number"),
        (["2012-07-04T12:00", "--stonyhurst", "0", "0", "-p", "sise=16"], "did you mean 'size'"),
        (["31 June 1999", "--stonyhurst", "0", "0"], "no event"),
        (["tomorrow", "--stonyhurst", "0", "0"], "a time is written like"),
        (["2012-07-04T12:00", "--stonyhurst", "0", "0", "--folder", "/no/such"], "no folder"),
        (["2012-07-04T12:00", "--stonyhurst", "0", "0"], "registered e-mail"),
    ],
)
def test_the_command_says_what_is_wrong(sq_home, monkeypatch, capsys, words, complaint):
    monkeypatch.delenv("JSOC_EMAIL", raising=False)
    assert main(["data", "ingest", *words]) == 2
    assert complaint in capsys.readouterr().err
