"""Where to look: a place on the Sun at a time, given by the reader or as the number of an active region.

The paper looked regions up on solarmonitor.org and turned Stonyhurst longitudes into Carrington's (Section 2.2). The
same positions come from the daily Solar Region Summary of NOAA, which sunpy fetches and reads.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from pathlib import Path

import astropy.units as u
import numpy as np
from astropy.coordinates import SkyCoord
from astropy.time import Time
from sunpy.coordinates import HeliographicCarrington, HeliographicStonyhurst, RotatedSunFrame
from sunpy.io.special import srs

from sqlib.errors import SqError, in_words

FRAMES = ("stonyhurst", "carrington")
ROTATIONS = ("howard", "snodgrass", "allen", "rigid", "none")  # of sunpy.sun.models; "none" stands still
SUMMARY_DAYS = 15  # a region crosses the disk in two weeks: a report further away speaks of another passage


@dataclass(frozen=True)
class Target:
    """A place on the Sun at a time."""

    time: datetime  # UTC
    longitude: float  # Stonyhurst degrees, west positive
    latitude: float  # degrees, north positive
    region: int | None = None  # NOAA number, where the place was looked up


def target_at(time: datetime, longitude: float, latitude: float, frame: str = "stonyhurst") -> Target:
    """The target at a place given in Stonyhurst or Carrington degrees, at `time` (UTC).

    Raises `SqError` for a place that is not on the near side or none at all, and for another frame.
    """
    if frame not in FRAMES:
        raise SqError(f"a place is given in {' or '.join(FRAMES)} degrees, not {frame!r}")
    if not (math.isfinite(longitude) and math.isfinite(latitude) and abs(latitude) <= 90):
        raise SqError(f"({longitude}, {latitude}) is no longitude and latitude in degrees")
    if frame == "carrington":
        there = HeliographicCarrington(obstime=time, observer="earth")
        place = SkyCoord(longitude * u.deg, latitude * u.deg, frame=there)
        longitude = place.transform_to(HeliographicStonyhurst(obstime=time)).lon.wrap_at("180d").deg
    if abs(longitude) > 90:
        raise SqError(f"longitude {longitude:.1f}° lies behind the limb at {time:%Y-%m-%d %H:%M}: choose another")
    return Target(time, float(longitude), float(latitude))


def carrington(target: Target) -> tuple[float, float]:
    """Carrington longitude (0…360) and latitude of the target in degrees, as seen from Earth."""
    here = HeliographicStonyhurst(obstime=target.time)
    place = SkyCoord(target.longitude * u.deg, target.latitude * u.deg, frame=here)
    turned = place.transform_to(HeliographicCarrington(obstime=target.time, observer="earth"))
    return float(turned.lon.wrap_at("360d").deg), float(turned.lat.deg)


def follow(target: Target, times: list[datetime], rotation: str = "howard") -> np.ndarray:
    """Stonyhurst longitude and latitude (N, 2) in degrees of the target's place at `times`, by differential rotation.

    `rotation` is a model of sunpy ("howard": Howard et al. 1990, doi:10.1007/BF00156795); "none" leaves the place where
    it was on the disk, and the Sun turns away under it. Raises `SqError` for another model.
    """
    if rotation not in ROTATIONS:
        raise SqError(f"rotation is one of {', '.join(ROTATIONS)}, not {rotation!r}")
    if rotation == "none":
        return np.tile([target.longitude, target.latitude], (len(times), 1))
    start, here = Time(target.time), np.ones(len(times)) * u.deg
    # in one object, as one transformation costs as much as a thousand
    base = SkyCoord(target.longitude * here, target.latitude * here, frame=HeliographicStonyhurst(obstime=start))
    turned = RotatedSunFrame(base=base, duration=(Time(times) - start).to(u.s), rotation_model=rotation)
    place = SkyCoord(turned).transform_to(HeliographicStonyhurst(obstime=Time(times)))
    return np.stack([place.lon.wrap_at("180d").deg, place.lat.deg], 1)


def fetch_summary(day: datetime) -> Path | None:
    """NOAA's Solar Region Summary issued on `day`, which sunpy fetches and keeps; None where there is none.

    Raises `SqError` where it cannot be fetched.
    """
    from sunpy.net import Fido  # the network's part of sunpy takes seconds to load
    from sunpy.net import attrs as a

    midnight = day.replace(hour=0, minute=0)
    advice = "check the network, or give the region's longitude and latitude yourself"
    with in_words("cannot fetch NOAA's region summary", advice):
        found = Fido.search(a.Time(midnight, midnight + timedelta(minutes=1)), a.Instrument("SRS-Table"))
        files = Fido.fetch(found, progress=False) if found.file_num else []
        if errors := getattr(files, "errors", ()):
            raise OSError(str(errors[0]))
    return Path(files[0]) if len(files) else None


def target_region(number: int, time: datetime, summary: Callable[[datetime], Path | None] = fetch_summary) -> Target:
    """The target of NOAA active region `number` at `time`: its place in the nearest daily report, turned on to `time`.

    A report is issued half an hour into each day and gives the places at its midnight. Reports are asked for outward
    from `time`, at most `SUMMARY_DAYS` days away. `summary` gives the file of a day, or None. Raises `SqError` where no
    report lists the region, where it stands behind the limb, for a damaged report, and for what is no NOAA number.
    """
    if type(number) is not int or not 0 < number < 100_000:
        raise SqError(f"{number!r} is no NOAA number of an active region, such as 11158")
    nearest = (time + timedelta(hours=12)).replace(hour=0, minute=0, second=0, microsecond=0)
    for away in sorted(range(-SUMMARY_DAYS, SUMMARY_DAYS + 1), key=abs):
        if (path := summary(nearest + timedelta(days=away))) is None:
            continue
        with in_words(f"{path} is no Solar Region Summary", "delete it and fetch it again"):
            table = srs.read_srs(str(path))
        rows = table[(table["Number"] % 10_000 == number % 10_000) & (table["ID"] != "II")]
        if len(rows):
            midnight = table.meta["issued"].replace(hour=0, minute=0)
            listed = Target(midnight, *(float(rows[name][0].to_value("deg")) for name in ("Longitude", "Latitude")))
            return replace(target_at(time, *follow(listed, [time])[0]), region=number)
    raise SqError(f"no Solar Region Summary within {SUMMARY_DAYS} days of {time:%Y-%m-%d} lists region {number}; check "
                  "the number, or give its longitude and latitude")
