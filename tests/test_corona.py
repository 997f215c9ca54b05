"""Places carried between maps by their headers, against spherical trigonometry; simulated images; unusable files."""

import gzip
from datetime import datetime, timedelta

import numpy as np
import pytest
from astropy.io import fits

from sqlib.data import corona
from sqlib.errors import SqError
from sqlib.show import plots_cases

TIME = datetime(2012, 5, 8, 13, 2)
AU, MM_ARCSEC = 149_597.87, 180 * 3600 / np.pi


@pytest.fixture(scope="module")
def near_limb():
    return corona.patch((256, 256), TIME, 60.0, 0.0, 1.1)


def test_a_postel_patch_keeps_distances_from_its_middle(near_limb):
    # 60 px of 1.1 Mm along a great circle are 66 Mm, whatever the direction; the middle is its place
    middle = corona.place(near_limb, 128, 128)
    assert (middle.lon.deg, middle.lat.deg) == (pytest.approx(60), pytest.approx(0, abs=1e-9))
    for dx, dy in ((60, 0), (0, 60), (36, -48)):
        there = corona.place(near_limb, 128 + dx, 128 + dy)
        assert there.separation(middle).rad * corona.SOLAR_RADIUS == pytest.approx(66, rel=1e-6)


def test_right_is_west_and_down_is_south(near_limb):
    middle, west, south = (corona.place(near_limb, 128 + dx, 128 + dy) for dx, dy in ((0, 0), (40, 0), (0, 40)))
    assert west.lon > middle.lon and west.lat.deg == pytest.approx(0, abs=1e-6)
    assert south.lat.deg == pytest.approx(-np.degrees(44 / corona.SOLAR_RADIUS))


def test_the_earth_sees_a_place_where_trigonometry_has_it():
    from sunpy.coordinates import get_earth

    earth = get_earth(TIME)
    tilt, distance = earth.lat.rad, earth.radius.to_value("Mm")
    seen = corona.seen_from_earth(corona.place(corona.patch((64, 64), TIME, 40.0, 12.0, 1.1), 32, 32))
    lon, lat = np.radians([40, 12])
    x = np.cos(lat) * np.sin(lon)
    y = np.sin(lat) * np.cos(tilt) - np.cos(lat) * np.cos(lon) * np.sin(tilt)
    toward = np.sin(lat) * np.sin(tilt) + np.cos(lat) * np.cos(lon) * np.cos(tilt)
    depth = distance - corona.SOLAR_RADIUS * toward
    assert float(seen.tx) == pytest.approx(MM_ARCSEC * np.arctan(corona.SOLAR_RADIUS * x / depth), abs=0.3)
    assert float(seen.ty) == pytest.approx(MM_ARCSEC * np.arctan(corona.SOLAR_RADIUS * y / depth), abs=0.3)
    assert float(seen.angle) == pytest.approx(np.degrees(np.arccos(toward)), abs=1e-6)


@pytest.mark.parametrize("longitude", [0.0, 30.0, 70.0])
def test_height_shifts_by_its_sine_over_the_distance(longitude):
    from sunpy.coordinates import get_earth

    where = corona.place(corona.patch((64, 64), TIME, longitude, 0.0, 1.1), 32, 32)
    distance, angle = get_earth(TIME).radius.to_value("Mm"), np.radians(float(corona.seen_from_earth(where).angle))
    exact = [MM_ARCSEC * np.arctan(r * np.sin(angle) / (distance - r * np.cos(angle))) for r in (695.7, 707.7)]
    assert corona.displaced(where, 12) == pytest.approx(exact[1] - exact[0], abs=0.02)
    assert corona.displaced(where, 12) == pytest.approx(MM_ARCSEC * 12 * np.sin(angle) / distance, rel=0.02, abs=0.01)


def test_behind_the_limb_there_is_no_patch():
    with pytest.raises(SqError, match="behind the limb"):
        corona.patch((64, 64), TIME, 120.0, 0.0, 1.1)


def test_a_simulated_flare_stands_over_its_source_and_higher_parts_are_shifted_outward(near_limb, rng):
    where = corona.place(near_limb, 140, 120)
    seen = corona.seen_from_earth(where)
    low = corona.simulated(304, where, TIME, 4, rng)
    high = corona.simulated("x-ray", where, TIME, 9, rng)
    assert low.wavelength.value == 304 and type(low).__name__ == "AIAMap" and type(high).__name__ == "RHESSIMap"
    y, x = np.unravel_index(low.data.argmax(), low.data.shape)
    top = low.wcs.pixel_to_world(x, y)
    assert np.hypot(top.Tx.value - seen.tx, top.Ty.value - seen.ty) < 15  # one of two ribbons, 10 Mm apart
    y, x = np.unravel_index(high.data.argmax(), high.data.shape)
    top = high.wcs.pixel_to_world(x, y)
    assert top.Tx.value > seen.tx + 5  # the arcade's top, 12 Mm up, at 60 degrees west
    with pytest.raises(SqError, match="171"):
        corona.simulated(171, where, TIME, 4, rng)


def test_a_cut_out_holds_the_source_in_its_middle_and_refuses_places_off_the_map(near_limb, rng):
    where = corona.place(near_limb, 128, 128)
    seen = corona.seen_from_earth(where)
    part = corona.cut_out(corona.simulated(304, where, TIME, 4, rng), where, 30)
    assert part.data.shape == pytest.approx((100, 100), abs=2)
    centre = part.wcs.pixel_to_world(*(np.array(part.data.shape[::-1]) - 1) / 2)
    assert (centre.Tx.value, centre.Ty.value) == pytest.approx((float(seen.tx), float(seen.ty)), abs=1)
    with pytest.raises(SqError, match="does not show"):
        corona.cut_out(corona.simulated(304, where, TIME, 4, rng), corona.place(near_limb, 20, 30), 30)


def write(folder, channel, minutes, where, change=None):
    one = corona.simulated(channel, where, TIME + timedelta(minutes=minutes), 4.0, np.random.default_rng(0))
    header = dict(one.meta)
    (change or (lambda h: None))(header)
    header = {key.upper(): value for key, value in header.items() if value is not None and key != "keycomments"}
    fits.PrimaryHDU(one.data, fits.Header(header)).writeto(folder / f"{channel}-{minutes}.fits")


def test_files_come_back_by_channel_and_time(tmp_path, near_limb):
    where = corona.place(near_limb, 128, 128)
    for channel, minutes in ((304, 4), (94, 2), (304, 1), ("x-ray", 3)):
        write(tmp_path, channel, minutes, where)
    maps = corona.read_maps(tmp_path)
    assert [corona.channel_of(one) for one in maps] == [304, 94, "x-ray", 304]
    late = corona.pick(maps, 304, TIME + timedelta(minutes=2), TIME + timedelta(minutes=9))
    assert [one.date.datetime for one in late] == [TIME + timedelta(minutes=4)]
    first, again = corona.simulated(94, where, TIME + timedelta(minutes=2), 4.0, np.random.default_rng(0)), maps[1]
    there = again.wcs.world_to_pixel(where.transform_to(again.coordinate_frame))
    before = first.wcs.world_to_pixel(where.transform_to(first.coordinate_frame))
    assert np.array(there) == pytest.approx(np.array(before))
    with pytest.raises(SqError, match=r"channel 171 .* there are: 304, 94, x-ray"):
        corona.pick(maps, 171, TIME, TIME + timedelta(hours=1))
    with pytest.raises(SqError, match="channel 94"):
        corona.pick(maps, 94, TIME + timedelta(hours=1), TIME + timedelta(hours=2))


def test_images_of_an_interval_are_cut_out_with_their_x_rays_or_why_there_are_none(tmp_path, near_limb):
    where = corona.place(near_limb, 128, 128)
    for minutes in (-9, 1, 3, 5, 7, 9, 60):
        write(tmp_path, 304, minutes, where)
    images, xrays, why = corona.observed(tmp_path, 304, where, TIME, TIME + timedelta(minutes=5))
    assert [one.date.datetime for one in images] == [TIME + timedelta(minutes=m) for m in (1, 3, 5, 7)]
    assert images[0].data.shape == pytest.approx((200, 200), abs=2)
    assert xrays is None and "channel x-ray" in why
    write(tmp_path, "x-ray", 3, where)
    _, xrays, why = corona.observed(tmp_path, 304, where, TIME, TIME + timedelta(minutes=5))
    assert corona.channel_of(xrays) == "x-ray" and why == ""


def test_distances_are_those_that_the_earth_sees(rng):
    patch = corona.patch((256, 256), TIME, 0.0, -3.0, 1.1)  # near disk centre: a Mm is a second of arc and a third
    here, source = corona.place(patch, 128, 128), corona.place(patch, 131, 132)
    _, xrays = corona.flare(94, here, TIME, rng)
    found = corona.distances(here, source, xrays)
    assert found["detector to source (arcsec)"] == pytest.approx(5 * 1.1 * MM_ARCSEC / (AU * 1.0095), rel=0.02)
    assert found["X-rays to place (arcsec)"] == pytest.approx(7, abs=4)  # the arcade's top is 5 Mm west; pixels of 4″
    assert found["12 Mm shift (arcsec)"] == corona.displaced(here, 12)
    alone = corona.distances(here)
    assert alone["detector to source (arcsec)"] is None and "X-rays to place (arcsec)" not in alone


@pytest.mark.parametrize(("low", "high", "kind"), [
    (6, 12, "x-ray"), (3, 12, "x-ray"), (6, 10, "x-ray"), (10, 20, None), (6, 25, None), (12, 25, None), (3, 6, None),
])  # fmt: skip
def test_x_rays_of_other_energies_are_not_taken_for_6_to_12_kev(near_limb, rng, low, high, kind):
    one = corona.simulated("x-ray", corona.place(near_limb, 128, 128), TIME, 9, rng, half=20)
    one.meta.update({"energy_l": float(low), "energy_h": float(high)})
    assert corona.channel_of(one) == kind


def test_an_image_as_rhessis_own_software_writes_it_is_read_beside_others(tmp_path, near_limb):
    """sunpy's sample has units for CTYPE, DATE_OBS, and TIMESYS a year; XCEN and YCEN say where its middle is."""
    from sunpy.data.test import get_test_filepath

    with fits.open(get_test_filepath("hsi_image_20101016_191218.fits")) as units:
        units[0].writeto(tmp_path / "12-25.fits")
        units[0].header.update(ENERGY_L=6.0, ENERGY_H=12.0)
        units[0].writeto(tmp_path / "6-12.fits")
        middle = units[0].header["XCEN"], units[0].header["YCEN"]
    write(tmp_path, 304, 4, corona.place(near_limb, 128, 128))
    wide, xrays, aia = corona.read_maps(tmp_path)
    assert [corona.channel_of(one) for one in (wide, xrays, aia)] == [None, "x-ray", 304]
    assert xrays.date.datetime == datetime(2010, 10, 16, 19, 12, 18)
    there = xrays.wcs.pixel_to_world(31.5, 31.5)
    assert (there.Tx.to_value("arcsec"), there.Ty.to_value("arcsec")) == pytest.approx(middle, abs=0.01)


@pytest.mark.parametrize(("change", "words"), [
    (lambda h: [h.pop(key) for key in ("ctype1", "crval1")], "lacks CTYPE1, CRVAL1"),
    (lambda h: h.pop("cunit1"), "units for axis 1 not present"),
    (lambda h: h.update(cunit1="m"), "units .'m', 'arcsec'"),
    (lambda h: h.update(cunit2="furlong"), "furlong"),
    (lambda h: h.pop("date-obs"), "Missing metadata for observation time"),
    (lambda h: h.update(ctype1="CRLN-CAR", ctype2="CRLT-CAR"), "CRLN-CAR, CRLT-CAR are not helioprojective"),
])  # fmt: skip
def test_images_without_usable_coordinates_are_refused(tmp_path, near_limb, change, words):
    write(tmp_path, 304, 4, corona.place(near_limb, 128, 128), change)
    with pytest.raises(SqError, match=words) as told:
        corona.read_maps(tmp_path)
    assert "304-4.fits" in str(told.value) and "as the archive has it" in str(told.value)


def test_folders_without_images_are_refused(tmp_path):
    for folder, words in ((tmp_path / "absent", "cannot read .*absent"), (tmp_path, "no FITS file")):
        with pytest.raises(SqError, match=words):
            corona.read_maps(folder)
    (tmp_path / "torn.fits").write_bytes(b"SIMPLE  =                    T")
    with pytest.raises(SqError, match="holds no image"):
        corona.read_maps(tmp_path)


# --- images from the wild, kind by kind


def bytes_of(folder, where, minutes=4):
    folder.mkdir(exist_ok=True)
    write(folder, 304, minutes, where)
    return (folder / f"304-{minutes}.fits").read_bytes()


def test_images_are_read_whatever_their_names_and_each_once_and_what_is_left_aside_is_said(tmp_path, near_limb):
    where = corona.place(near_limb, 128, 128)
    content, later = bytes_of(tmp_path / "made", where), bytes_of(tmp_path / "made", where, 9)
    maps = tmp_path / "maps"
    maps.mkdir()
    for name, held in {"a.FITS": content, "b.fits (1)": later, "c (1).fits.gz": gzip.compress(content),
                       "._a.fits": b"\0\5\x16\7", ".DS_Store": b"\0", "d.fits.part": content[:999],
                       "notes.txt": b"mine"}.items():
        (maps / name).write_bytes(held)
    with fits.open(maps / "b.fits (1)") as made:  # packed, its numbers come in another order of bytes
        packed = fits.CompImageHDU(made[0].data, made[0].header, compression_type="GZIP_1", quantize_level=0)
        packed.writeto(maps / "e.fits.fz")
    found = corona.read_maps(maps, aside := {})
    assert [corona.taken(one) for one in found] == [TIME + timedelta(minutes=m) for m in (4, 9)]
    assert {path.name: why[:14] for path, why in aside.items()} == {
        "c (1).fits.gz": "the same image", "d.fits.part": "a stray, or a ", "e.fits.fz": "the same image"}
    _, _, why = corona.observed(maps, 304, where, TIME, TIME)
    assert "3 files of" in why and "are left aside, or in part, the first, d.fits.part: a stray" in why
    assert (maps / "d.fits.part").read_bytes() == content[:999]


def test_an_image_of_a_leap_second_is_read_and_drawn(tmp_path, near_limb):
    where = corona.place(near_limb, 128, 128)
    write(tmp_path, 304, 4, where, lambda h: h.update({"date-obs": "2012-06-30T23:59:60.62"}))
    [one] = corona.read_maps(tmp_path)
    assert corona.taken(one) == datetime(2012, 7, 1, 0, 0, 0, 620_000)
    assert corona.pick([one], 304, datetime(2012, 6, 30, 23), datetime(2012, 7, 1, 1)) == [one]
    plots_cases.corona([one], None)
    with pytest.raises(SqError, match="from 2012-07-01 00:00 to 2012-07-01 00:00"):
        corona.pick([one], 94, TIME, TIME)


@pytest.mark.parametrize(("card", "words"), [
    (b"EXPTIME = nan", ""), (b"WAVELNTH= '304'", ""), (b"OBSRVTRY= SDO", ""), (b"TELESCOP= 'SDO/A\xcdA'", ""),
    (b"CROTA2  = nan", "how the camera was turned .*CROTA2 .it says 'nan'"),
    (b"CDELT1  = '0,6'", "lacks CDELT1 .it says"),
    (b"DSUN_OBS= nan", "where the observer was .*DSUN_OBS .it says 'nan'"), (b"CRVAL2  = inf", "lacks CRVAL2 .it says"),
], ids=str)  # fmt: skip
def test_a_bad_card_of_an_image_is_harmless_or_named(tmp_path, near_limb, card, words):
    write(tmp_path, 304, 4, corona.place(near_limb, 128, 128), lambda h: h.update({card[:8].decode().strip(): 1}))
    path = tmp_path / "304-4.fits"
    content = path.read_bytes()
    at = content.index(card[:8])
    path.write_bytes(content[:at] + card.ljust(80) + content[at + 80 :])
    if words:
        with pytest.raises(SqError, match=words):
            corona.read_maps(tmp_path)
    else:
        assert corona.channel_of(corona.read_maps(tmp_path)[0]) == 304


@pytest.mark.parametrize(("stored", "value"), [(">f4", -9999), (">f4", 1e20), (">i2", -32768), (">f4", -np.inf)])
def test_fill_values_of_images_are_no_light(tmp_path, near_limb, stored, value):
    where = corona.place(near_limb, 128, 128)
    write(tmp_path, 304, 4, where)
    path = tmp_path / "304-4.fits"
    with fits.open(path) as units:
        values, header = units[0].data.clip(0, 9999).astype(stored), units[0].header
        values[5, 7:9] = value
    fits.PrimaryHDU(values, header).writeto(path, overwrite=True)
    [one] = corona.read_maps(tmp_path, aside := {})
    assert np.isnan(one.data[5, 7:9]).all() and np.isnan(one.data).sum() == 2
    assert f"2 of {one.data.size} pixels hold no measurement" in aside[path] and "row 5, column 7" in aside[path]
    plots_cases.corona([one], None)
    fits.PrimaryHDU(values.clip(0, 9999).astype(np.uint16), header).writeto(path, overwrite=True)
    assert np.isfinite(corona.read_maps(tmp_path)[0].data).all()  # the lowest unsigned number is an honest 0
    fits.PrimaryHDU(np.full_like(values, value), header).writeto(path, overwrite=True)
    with pytest.raises(SqError, match="no pixel holds a measurement"):
        corona.read_maps(tmp_path)
