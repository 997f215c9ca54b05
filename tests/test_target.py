"""Where to look: places are those that NOAA prints, they turn with the Sun, and a region is found by its number."""

import math
from dataclasses import replace
from datetime import datetime, timedelta

import numpy as np
import pytest
from paint import NOON
from sunpy.data.test import get_test_filepath
from sunpy.io.special.srs import read_srs

from sqlib.errors import SqError
from sqlib.sun.ingest.target import Target, carrington, follow, target_at, target_region


def synodic(latitude: float, days: float) -> float:
    """Degrees that the surface turns, as seen from the Earth: Howard et al. (1990), less the mean Earth."""
    square = math.sin(math.radians(latitude)) ** 2
    return (math.degrees((2.894 - 0.428 * square - 0.370 * square**2) * 1e-6) * 86400 - 360 / 365.2564) * days


def test_carrington_longitudes_are_those_that_noaa_prints():
    """A region summary gives each place both ways, rounded to a degree."""
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
