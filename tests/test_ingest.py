"""Real observations in: what is planted on a painted, rotating Sun comes back, and what cannot be right is refused."""

import math
from dataclasses import replace
from datetime import datetime, timedelta
from types import SimpleNamespace

import numpy as np
import paint
import pytest
import torch
from astropy.io import fits
from sunpy.data.test import get_test_filepath

import sqlib.sun.twin as twin
from sqlib.book.cli import main
from sqlib.data import find_event, load_sunquakenet, read_cube
from sqlib.data.catalogue import make_event
from sqlib.errors import SqError
from sqlib.paths import home
from sqlib.sun import ingest
from sqlib.sun.holography import Holography, egression_power, make_kernel
from sqlib.sun.ingest import chain, fetch, track
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


def write_record(path, time, archive=HMI, pixels=64, **changes):
    """A small record with the header of a real one; a change to None leaves the key out."""
    header = paint.header_of(paint.CAMERAS[archive.instrument], time, archive.cadence, pixels) | changes
    image = fits.ImageHDU(np.zeros((pixels, pixels), np.float32))
    image.header.update({key: value for key, value in header.items() if value is not None})
    fits.HDUList([fits.PrimaryHDU(), image]).writeto(path)
    return path


class Jsoc:
    """An archive with a record every 45 s, 12 s beside our grid, that counts what it is asked for."""

    def __init__(self, absent=(), cut=(), fails_after=None):
        self.asked, self.absent, self.cut, self.fails_after = [], absent, cut, fails_after

    def __call__(self, series, start, end, email, folder):
        self.asked.append((series, start, end, email))
        for i in range(-5, 40):
            time = NOON + timedelta(seconds=45 * i + 12)
            if start <= time <= end and i not in self.absent:
                if self.fails_after is not None and i > self.fails_after:
                    raise SqError("the line went dead")
                path = write_record(folder / f"hmi.{i}.fits", time)
                if i in self.cut:
                    path.write_bytes(path.read_bytes()[:9000])


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


def test_a_download_that_was_cut_off_is_thrown_away_and_asked_for_again(sq_home):
    first, second = Jsoc(cut=(3, 4)), Jsoc()
    assert len(ingest.fetch_records(HMI, NOON, 8, "me@there", first)) == 6
    (home() / "data/observed/hmi.v_45s/absent.json").unlink()  # or they count as absent from JSOC
    broken = home() / "data/observed/hmi.v_45s/hmi.6.fits"
    broken.write_bytes(broken.read_bytes()[:-3000])
    assert len(ingest.fetch_records(HMI, NOON, 8, "me@there", second)) == 8
    assert [
        (round((a - NOON).total_seconds() / 45, 1), round((b - NOON).total_seconds() / 45, 1)) for _, a, b, _ in second.asked
    ] == [
        (2.5, 4.5),
        (5.5, 6.5),
    ]


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
        ({"CRLN_OBS": None}, "where the observer was"),
        ({"DSUN_OBS": None}, "where the observer was"),
    ],
)
def test_records_of_which_nobody_can_tell_what_they_show_are_refused(tmp_path, changes, words):
    path = write_record(tmp_path / "record.fits", NOON, **changes)
    job = track.Job(path, NOON, 0.0, 0.0)
    with pytest.raises(SqError, match=words) as refusal:
        track.project(job, track.Patch(16, 10.0), HMI)
    assert "record.fits" in str(refusal.value)


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
        (["2012-07-04T12:00", "--stonyhurst", "0", "0", "--folder", "/no/such"], "no folder"),
        (["2012-07-04T12:00", "--stonyhurst", "0", "0"], "registered e-mail"),
    ],
)
def test_the_command_says_what_is_wrong(sq_home, monkeypatch, capsys, words, complaint):
    monkeypatch.delenv("JSOC_EMAIL", raising=False)
    assert main(["data", "ingest", *words]) == 2
    assert complaint in capsys.readouterr().err
