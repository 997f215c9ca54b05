"""Places from end to end: from a spot on a painted Sun, through ingest, frames and files, to the corona above it."""

from datetime import datetime, timedelta
from pathlib import Path

import astropy.units as u
import numpy as np
import paint
import pytest
import torch
from astropy.coordinates import SkyCoord
from astropy.io import fits
from sunpy.coordinates import HeliographicCarrington, HeliographicStonyhurst

from sqlib.data import corona, find_event, load_sunquakenet, read_cube
from sqlib.data.catalogue import make_event
from sqlib.data.observed_cubes import observed_frames
from sqlib.errors import SqError
from sqlib.judge import atmosphere
from sqlib.sun import ingest
from sqlib.sun.ingest import chain, track
from sqlib.sun.ingest.target import Target
from sqlib.sun.rays import polytrope_rays
from sqlib.sun.waves import Polytrope


def at(time, longitude, latitude):
    return SkyCoord(longitude * u.deg, latitude * u.deg, frame=HeliographicStonyhurst(obstime=time))


def spotted_record(path: Path, time: datetime, spot, pixels: int = 1024) -> Path:
    """A full disk of HMI, nearly upside down as they are, that is bright round one place (Stonyhurst degrees)."""
    camera = paint.CAMERAS["HMI"]
    header = paint.header_of(camera, time, 45.0, pixels)
    longitude, latitude, _ = paint.see(camera, header, (slice(0, pixels), slice(0, pixels)))
    east, up = np.radians(spot)
    near = np.sin(latitude) * np.sin(up) + np.cos(latitude) * np.cos(up) * np.cos(longitude - east)
    image = fits.ImageHDU((1000 * np.exp((near - 1) * (696 / 3) ** 2)).astype(np.float32))
    image.header.update(header)
    path.parent.mkdir(exist_ok=True)
    fits.HDUList([fits.PrimaryHDU(), image]).writeto(path)
    return path


def test_a_source_north_west_of_the_middle_is_where_it_was_from_the_disk_to_the_corona(tmp_path, sq_home, monkeypatch):
    event = make_event(datetime(2012, 7, 5, 11))
    time, middle, spot = event.start, (20.0, 12.0), (21.5, 14.5)  # 30 Mm north, 18 Mm west
    path = spotted_record(tmp_path / "doppler/one.fits", time, spot)
    settings = ingest.IngestSettings(size=96, frames=8, pupil=(15.0, 30.0), method="interp")
    target, patch = Target(time, *middle), track.Patch(96, event.pixel, "interp")

    def tracked(*_, **__):  # the projection alone, without waves
        seen = track.project((path, target), patch, ingest.ARCHIVES["HMI"])
        return ingest.Movie(torch.from_numpy(np.stack([1 + seen] * 8)), time, (), 0.0)

    monkeypatch.setattr(chain, "dopplergrams", tracked)
    monkeypatch.setattr(chain, "make_kernel", lambda *_, **__: None)
    monkeypatch.setattr(chain, "egression_power", lambda movie, kernel: movie)
    rays = polytrope_rays(Polytrope().index)
    kept, folder, _ = observed_frames(event, target, settings, folder=path.parent, rays=rays, progress=False)
    frame = load_sunquakenet(folder, progress=False)[0].pixels[0]
    row, column = np.unravel_index(frame.argmax(), frame.shape)
    assert row < 48 < column  # north is up, west is right

    found = corona.place(corona.patch(frame.shape, time, *middle, event.pixel), column + 0.5, row + 0.5)
    true = at(time, *spot)
    assert found.separation(true).rad * corona.SOLAR_RADIUS < event.pixel
    here, there = corona.seen_from_earth(found), corona.seen_from_earth(true)
    assert np.hypot(here.tx - there.tx, here.ty - there.ty) < event.pixel / 0.725
    carrington = [one.transform_to(HeliographicCarrington(obstime=time, observer="earth")) for one in (found, true)]
    assert np.abs(carrington[0].lon.deg - carrington[1].lon.deg) < 0.1 and np.abs(found.lat.deg - true.lat.deg) < 0.1

    # the cube has the same rows as the frames
    assert np.unravel_index(read_cube(kept).power[0].argmax(), frame.shape) == (row, column)


def test_a_candidate_is_where_it_was_in_smaller_frames(tmp_path, rng, resolution=128):
    """The place given holds for the time in the event's name; 90 minutes later the Sun has turned by 0.8 degrees."""
    event = find_event("08 May 2012 13:02")
    start, middle = event.start + timedelta(hours=2.5), (25.0, -10.0)
    turned = middle[0] + np.degrees(paint.rotation_rate(np.radians(-10.0))) * (start - event.time).total_seconds()
    patch = corona.patch((256, 256), start, turned, middle[1], event.pixel)
    true = corona.place(patch, 192, 64)  # north-west of the middle
    corona.simulated(304, true, start, 5.0, rng, half=90).save(tmp_path / "304.fits")
    place, scale = np.array([192, 64]) * resolution / 256, event.pixel * 256 / resolution

    def found(channel):
        return atmosphere.candidate(event, place, (200, 207), middle, (resolution,) * 2, scale, tmp_path, channel)

    shown = found(304)
    box = shown.outline
    assert at(start, box.lon.deg.mean(), box.lat.deg.mean()).separation(true).rad * corona.SOLAR_RADIUS < event.pixel
    assert len(shown.images) == 1 and shown.source is None and "no image of channel x-ray" in shown.why
    with pytest.raises(SqError, match="no image of channel 94"):
        found(94)
    (tmp_path / "torn.fits").write_bytes(b"SIMPLE  =                    T")
    with pytest.raises(SqError, match="holds no image"):
        found(304)


def test_an_illustration_has_its_flare_over_the_middle_of_the_box(rng):
    event, box, pixel = find_event("06 July 2012 13:26"), (30.0, 40.0, 42.0, 46.0), 2.2
    shown = atmosphere.illustration(event, (36.0, 43.0), box, 40.0, (128, 128), pixel, 94, rng)
    assert len(shown.images) == 4 and shown.facts["detector to source (arcsec)"] == pytest.approx(0, abs=1e-6)
    assert shown.facts["angle from disk centre"] == pytest.approx(40, abs=8)
    farther = atmosphere.illustration(event, (46.0, 43.0), box, 40.0, (128, 128), pixel, 94, rng)
    seen = 10 * pixel / 0.725 * np.cos(np.radians(40))  # foreshortened
    assert farther.facts["detector to source (arcsec)"] == pytest.approx(seen, rel=0.2)
