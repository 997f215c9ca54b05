"""Real observations in: what is planted on a painted, rotating Sun comes back, and what cannot be right is refused."""

import json
import math
import shutil
from dataclasses import replace
from datetime import datetime, timedelta

import numpy as np
import paint
import pytest
import torch
from paint import NOON, write_record

import sqlib.sun.twin as twin
from sqbook.cli import main
from sqlib.data import find_event, load_sunquakenet, read_cube
from sqlib.data.catalogue import make_event
from sqlib.errors import SqError
from sqlib.paths import home
from sqlib.sun import ingest
from sqlib.sun.holography import Holography, egression_power, make_kernel
from sqlib.sun.ingest import chain
from sqlib.sun.ingest.target import Target, follow, target_at
from sqlib.sun.rays import polytrope_rays
from sqlib.sun.scene import draw_scene, smooth_noise
from sqlib.sun.waves import Polytrope

HMI, MDI = ingest.ARCHIVES["HMI"], ingest.ARCHIVES["MDI"]
RAYS = polytrope_rays(Polytrope().index)  # of the model Sun whose waves are painted
SETTINGS = ingest.IngestSettings(size=36, frames=12, pupil=(15.0, 30.0))


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
        core = tuple(quake._replace(grains=quake.grains[:1], y=34.3, x=29.6) for quake in scene.quakes)
        return scene._replace(emission=0.03 * scene.emission, gaps=(), quakes=core)

    seen = twin.dopplergrams(find_event(name), twin.TwinSettings(size=64, frames=40, limb=False), clear)
    quake = seen.scene.quakes[0]
    first, rim = round(quake.time) - seen.first_frame - 6, (seen.doppler.shape[1] - size) // 2
    movie = seen.doppler[first : first + frames, rim : rim + size, rim : rim + size].numpy().copy()
    inner = (64 - SETTINGS.size) / 2
    return movie, (quake.time - seen.first_frame - first, quake.y - inner, quake.x - inner)


@pytest.fixture(scope="module")
def painted(tmp_path_factory):
    """Painted records of an instrument with a sunquake at one place, made once: event, target, folder, movie, truth.

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
            seen = event.pixel, camera, place, start, event.cadence, fixed, folder, pixels
            paint.paint(movie + slow, *seen, frames=kept)
            made[instrument, longitude] = event, Target(fixed, *place), folder, movie, truth
        return made[instrument, longitude]

    return make


def focus(event, target, folder, settings=SETTINGS):
    """Egression power of the records, and the movie that it was made of."""
    taken = ingest.dopplergrams(event, target, ingest.whole_records(folder), settings, RAYS, workers=0, progress=False)
    look = Holography(event.cadence, event.pixel, settings.band, settings.pupil)
    power = egression_power(taken.doppler, make_kernel(tuple(taken.doppler.shape), look, RAYS, "drop"))
    return taken, power[: settings.frames].numpy()


@pytest.mark.parametrize(("instrument", "longitude"), [("HMI", 60.0), ("MDI", -8.0)])
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


def test_the_command_makes_a_cube_and_frames_that_the_notebooks_read(painted, sq_home, capsys):
    event, target, folder, _, _ = painted("MDI", -8.0)
    longitude, latitude = follow(target, [event.time])[0]
    command = ["data", "ingest", event.time.isoformat(), "--stonyhurst", str(longitude), str(latitude)]
    command += ["--folder", str(folder), "--workers", "0", "-p", "size=16", "-p", "frames=8"]
    assert main(command) == 0
    said = capsys.readouterr()
    assert "2 frames have no usable record and are interpolated, the first is number 3" in said.err
    path, frames, words = said.out.splitlines()
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
    assert main([*command, "--json"]) == 0  # found again
    told = json.loads(capsys.readouterr().out)
    assert (told["cube"], told["gaps"], told["aside"]) == (path, [[3, 4]], {})
    assert told["records"] == {"given": len(list(folder.iterdir())), "used": 40, "frames": 42}
    assert (home() / "data/observed/cubes" / f"{event.key}.fits").stat().st_mtime_ns == made


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
    (tmp_path / "D1").mkdir()
    (tmp_path / "a.fits.part").touch()
    refused(event, target, tmp_path, "no record; 1 folders in it are not looked into, and 1 downloads in it")
    frames, _ = chain.extent(event, SETTINGS, RAYS)
    for i in range(frames):
        write_record(tmp_path / f"{i:02}.fits", event.start + timedelta(seconds=45 * i))
    for i in range(10, 18):
        (tmp_path / f"{i}.fits").unlink()
    refused(event, target, tmp_path, r"8 of 48 records of hmi.v_45s are missing.*frames 10–17")
    write_record(tmp_path / "17.fits", event.start + timedelta(seconds=45 * 17))
    write_record(tmp_path / "20b.fits", event.start + timedelta(seconds=45 * 20 + 1))
    refused(event, target, tmp_path, "20.fits, .*20b.fits")


def test_records_that_are_there_twice_or_show_nothing_are_left_aside_and_said(tmp_path, monkeypatch, rng):
    event, target = make_event(NOON), target_at(NOON, 0.0, 0.0)
    frames, size = chain.extent(event, SETTINGS, RAYS)
    for i in reversed(range(frames)):  # in no order
        write_record(tmp_path / f"{frames - i:02}.fits", event.start + timedelta(seconds=45 * i))
    twin = tmp_path / f"{frames - 5:02} (1).fits"
    shutil.copy(tmp_path / f"{frames - 5:02}.fits", twin)
    write_record(tmp_path / "late.fits", event.start + timedelta(days=1))

    def projected(jobs, *_, **__):
        stack = rng.normal(0, 500, (len(jobs), size, size)).astype(np.float32)
        stack[8], stack[20] = np.nan, 7
        return stack

    monkeypatch.setattr(chain, "project_all", projected)
    movie = ingest.dopplergrams(event, target, ingest.whole_records(tmp_path), SETTINGS, RAYS)
    empty, flat = f"{frames - 8:02}.fits", f"{frames - 20:02}.fits"
    assert movie.gaps == ((8, 8), (20, 20)) and movie.used == frames - 2
    (again,) = set(movie.aside) - {empty, flat}
    assert movie.aside[again].startswith(f"the same record as {twin.name[:2]}")
    assert "lacks pixels on the patch, or shows the same value" in movie.aside[flat]


def test_settings_that_make_no_cube_are_refused(tmp_path):
    event, target = make_event(NOON), target_at(NOON, 0.0, 0.0)
    for bad, words in (
        ({"size": 4}, "size must be"), ({"frames": 2.5}, "frames must be"), ({"degree": 9}, "degree must be"),
        ({"slowest": 60.0}, "slowest is 60"), ({"method": "nearest"}, "method is one of"),
        ({"rotation": "fast"}, "rotation is one of"),
    ):
        refused(event, target, tmp_path, words, replace(SETTINGS, **bad))
    refused(make_event(datetime(2009, 6, 1)), target, tmp_path, "outside the full-disk data of HMI")
    refused(replace(event, instrument="GONG"), target, tmp_path, "no archive of 'GONG'")
    refused(replace(event, cadence=60.0), target, tmp_path, "every 45 s, not 60 s")


@pytest.mark.parametrize(
    ("words", "complaint"),
    [
        (["2012-07-04T12:00", "--stonyhurst", "95", "0"], "behind the limb"),
        (["2012-07-04T12:00", "--region", "0"], "no NOAA number"),
        (["31 June 1999", "--stonyhurst", "0", "0"], "no event"),
        (["tomorrow", "--stonyhurst", "0", "0"], "a time is written like"),
        (["2012-07-04T12:00", "--stonyhurst", "0", "0", "--folder", "/no/such"], "no folder"),
        (["2012-07-04T12:00", "--stonyhurst", "0", "0"], "registered e-mail"),
        (["2012-06-30T23:59:60", "--stonyhurst", "0", "0", "--folder", "/no/such"], "no folder"),
        (["2012-06-31T23:59:60", "--stonyhurst", "0", "0"], "a time is written like"),
        (["2012-07-04T12:00", "--stonyhurst", "15", "nan"], "no longitude and latitude"),
        (["2012-07-04T12:00", "--stonyhurst", "15,5", "0"], "not a valid float"),
    ],
)
def test_the_command_says_what_is_wrong(sq_home, monkeypatch, capsys, words, complaint):
    monkeypatch.delenv("JSOC_EMAIL", raising=False)
    assert main(["data", "ingest", *words]) == 2
    assert complaint in capsys.readouterr().err


@pytest.mark.parametrize(("frame", "number"), [("--stonyhurst", "-1.8e1"), ("--carrington", "+3")])
def test_a_number_is_a_number_in_every_form_that_python_reads(sq_home, monkeypatch, capsys, frame, number):
    asked = []
    monkeypatch.setattr(ingest, "target_at", lambda time, *place: asked.append(place) or target_at(NOON, 0, 0))
    assert main(["data", "ingest", "2012-07-04T12:00", frame, number, number, "--folder", "/no/such"]) == 2
    assert "no folder" in capsys.readouterr().err and asked == [(float(number), float(number), frame[2:])]
