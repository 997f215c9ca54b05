"""The atmosphere above a source (Section 4.3): AIA and RHESSI images, from files or simulated, places carried by WCS.

A frame of egression power is a Postel (azimuthal equidistant, "ARC") patch of the photosphere; AIA and RHESSI see the
Sun in projection (helioprojective, "TAN"). sunpy and the world coordinates in the headers do all the geometry. Frames
are taken to show north up and west right, as those that `sq data ingest` makes do; the published frames do not say.
"""

import warnings
from datetime import datetime, timedelta
from hashlib import sha256
from pathlib import Path
from typing import NamedTuple

import astropy.units as u
import numpy as np
from astropy.coordinates import SkyCoord
from scipy.ndimage import gaussian_filter
from sunpy.coordinates import HeliographicStonyhurst, Helioprojective, get_earth

from sqlib.errors import SqError, in_words
from sqlib.fits_files import fits_files, lacking, opened_image, read_header, readable, unseen, without_fill

with warnings.catch_warnings():
    warnings.filterwarnings("ignore", message="IProgress")  # of a progress bar for notebooks that is not shown
    import sunpy.map
    from sunpy.map.header_helper import make_fitswcs_header

SOLAR_RADIUS = 695.7  # Mm, sunpy's
IMAGES = {  # arcsec a pixel and what headers say, of AIA by its wavelength in Å (Lemen et al. 2012)
    304: (0.6, {"telescope": "SDO/AIA", "instrument": "AIA_4", "wavelength": 304 * u.angstrom, "exposure": 2.0 * u.s}),
    94: (0.6, {"telescope": "SDO/AIA", "instrument": "AIA_4", "wavelength": 94 * u.angstrom, "exposure": 2.9 * u.s}),
    "x-ray": (4.0, {"telescope": "RHESSI", "instrument": "RHESSI"}),
}
XRAY = (6, 12)  # keV; the paper prints eV
BRIGHTNESS = -999, 1e9  # between which the pixels of AIA (at most 16,383 a readout) and RHESSI lie


def patch(shape, time: datetime, longitude: float, latitude: float, pixel: float):
    """Empty sunpy map of a Postel patch: `shape` (H, W) pixels of `pixel` Mm about a Stonyhurst place (degrees).

    Its first row is the southernmost, as in FITS; `place` turns the rows of our frames. `SqError` beyond the limb.
    """
    middle = SkyCoord(longitude * u.deg, latitude * u.deg, frame=HeliographicStonyhurst(obstime=time))
    if seen_from_earth(middle).angle > 90:
        where = f"longitude {longitude:g}°, latitude {latitude:g}°"
        raise SqError(f"{where} lies behind the limb at {time:%Y-%m-%d %H:%M}")
    scale = np.degrees(pixel / SOLAR_RADIUS) * np.ones(2) * u.deg / u.pix
    header = make_fitswcs_header(tuple(shape), middle, scale=scale, projection_code="ARC")
    return sunpy.map.Map(np.zeros(shape, np.float32), header)


def place(on, x, y):
    """Places (SkyCoord, Stonyhurst) of pixels of a frame, x right, y down, the first pixel's middle at 0.5."""
    rows = on.data.shape[0]
    return on.pixel_to_world((np.asarray(x) - 0.5) * u.pix, (rows - np.asarray(y) - 0.5) * u.pix)


def raised(where, height: float):
    """The same places `height` Mm above the photosphere, radially."""
    own = where.transform_to(HeliographicStonyhurst(obstime=where.obstime))
    radius = (SOLAR_RADIUS + height) * u.Mm
    return SkyCoord(own.lon, own.lat, radius, frame=HeliographicStonyhurst(obstime=where.obstime))


class Seen(NamedTuple):
    """Where the Earth sees places: `tx`, `ty` (arcsec from disk centre), `angle` (degrees, vertical to sightline)."""

    tx: np.ndarray
    ty: np.ndarray
    angle: np.ndarray


def seen_from_earth(where) -> Seen:
    """Helioprojective place as seen from the Earth at the time of `where` (SkyCoord)."""
    earth = get_earth(where.obstime)
    seen = where.transform_to(Helioprojective(observer=earth, obstime=where.obstime))
    up = where.transform_to(HeliographicStonyhurst(obstime=where.obstime)).cartesian.xyz.value
    to_earth = earth.cartesian.xyz.value
    cosine = np.tensordot(to_earth, up, 1) / np.linalg.norm(up, axis=0) / np.linalg.norm(to_earth)
    return Seen(seen.Tx.to_value("arcsec"), seen.Ty.to_value("arcsec"), np.degrees(np.arccos(np.clip(cosine, -1, 1))))


def displaced(where, height: float) -> float:
    """How far (arcsec) `height` Mm of corona shift what stands above a place: 0 at disk centre, most at the limb."""
    low, high = seen_from_earth(raised(where, 0)), seen_from_earth(raised(where, height))
    return float(np.hypot(high.tx - low.tx, high.ty - low.ty))


def simulated(channel: int | str, where, time: datetime, minutes: float, rng, half: float = 90.0):
    """sunpy map of a small simulated flare that stands over `where` (SkyCoord), `minutes` after its onset.

    channel : 304 (two ribbons 1 Mm up, bright at once), 94 (a hot arcade up to 12 Mm, later and longer) or "x-ray"
    (6–12 keV, a source at the top of the arcade). Headers are those of AIA and RHESSI files; the field is 2 · `half`
    arcsec wide. Shapes and courses are made up, for their geometry: nothing is to be learned from them about flares.
    Raises `SqError` for another channel.
    """
    if channel not in IMAGES:
        raise SqError(f"channel {channel!r} is not simulated: {', '.join(map(str, IMAGES))} (Å) are")
    scale, facts = IMAGES[channel]
    side, own = round(2 * half / scale), seen_from_earth(where)
    frame = Helioprojective(observer=get_earth(time), obstime=time)
    middle = SkyCoord(float(own.tx) * u.arcsec, float(own.ty) * u.arcsec, frame=frame)
    header = make_fitswcs_header((side, side), middle, scale=[scale] * 2 * u.arcsec / u.pix, **facts)
    if channel == "x-ray":
        header |= {"energy_l": float(XRAY[0]), "energy_h": float(XRAY[1]), "origin": "RHESSI", "ctype1": "HPLN-TAN"}
    empty = sunpy.map.Map(np.zeros((side, side)), header)

    lon, lat, height, weight = _shape(channel, minutes)
    degree = np.degrees(1 / SOLAR_RADIUS)
    base = raised(where, 0)
    spherical = base.lon + lon * degree / np.cos(base.lat) * u.deg, base.lat + lat * degree * u.deg
    points = SkyCoord(*spherical, (SOLAR_RADIUS + height) * u.Mm, frame=base.frame.replicate_without_data())
    px, py = (np.asarray(v) for v in empty.wcs.world_to_pixel(points.transform_to(frame)))
    image = np.histogram2d(py, px, bins=[np.arange(side + 1) - 0.5] * 2, weights=weight)[0]
    image = gaussian_filter(image, (9.0 if channel == "x-ray" else 1.6) / scale)
    if channel != "x-ray":
        quiet = gaussian_filter(rng.standard_normal(image.shape), 2.5)
        image = 40_000 * image + 120 * np.exp(4 * quiet) + rng.normal(0, 4, image.shape)
    return sunpy.map.Map(image.astype(np.float32), header)


def _shape(channel, minutes: float):
    """Points (longitude, latitude, height in Mm) that shine, and how much: ribbons, or loops between them."""
    ribbon, loops = np.linspace(-8, 8, 33), np.linspace(0, np.pi, 61)
    if channel == 304:
        grow = np.exp(-0.5 * ((minutes - 4) / 4) ** 2) if minutes < 4 else np.exp(-(minutes - 4) / 14)
        along = np.concatenate([ribbon, ribbon])
        across = np.repeat([-5.0, 5.0], len(ribbon))
        # the western ribbon passes through the source itself, which is where the photosphere was struck
        return across + 5, along, np.full(along.shape, 1.0), grow * np.exp(-0.5 * (along / 4) ** 2)
    late = np.exp(-0.5 * ((minutes - 10) / 5) ** 2) if minutes < 10 else np.exp(-(minutes - 10) / 20)
    along, angle = (grid.ravel() for grid in np.meshgrid(ribbon, loops))
    height, across = 1 + 11 * np.sin(angle), 5 - 5 * np.cos(angle)
    top = np.exp(-0.5 * ((angle - np.pi / 2) / 0.35) ** 2) if channel == "x-ray" else 1.0
    when = 1.0 if channel == "x-ray" else late
    return across, along, height, when * top * np.exp(-0.5 * (along / (2 if channel == "x-ray" else 4)) ** 2) / 20


def flare(channel: int | str, where, onset: datetime, rng, half: float = 50.0) -> tuple[list, object]:
    """Four `simulated` images of a flare over `where`, 1 to 15 minutes after its onset, and its X-rays after 9."""
    images = [simulated(channel, where, onset + timedelta(minutes=m), m, rng, half) for m in (1.0, 5.0, 9.0, 15.0)]
    return images, simulated("x-ray", where, onset + timedelta(minutes=9), 9.0, rng, half)


def observed(folder: Path, channel: int | str, where, start: datetime, end: datetime) -> tuple[list, object, str]:
    """Up to four cut-outs of a channel about `where`, from 5 minutes before `start` to 20 after `end`; the first X-ray
    image within half an hour of these times, or None; and why there is none, and which files are left aside, in words.
    `SqError` for no image of the channel."""
    maps = read_maps(folder, aside := {})
    images = pick(maps, channel, start - timedelta(minutes=5), end + timedelta(minutes=20))
    images = [cut_out(one, where) for one in images[:: max(1, len(images) // 4)][:4]]
    xrays, why = None, []
    try:
        xrays = pick(maps, "x-ray", start - timedelta(minutes=30), end + timedelta(minutes=30))[0]
    except SqError as error:
        why.append(str(error))
    if aside:
        path, reason = next(iter(aside.items()))
        why.append(f"{len(aside)} files of {folder} are left aside, or in part, the first, {path.name}: {reason}")
    return images, xrays, "; ".join(why)


def distances(here, source=None, xrays=None) -> dict[str, float | None]:
    """How far apart things look from the Earth (arcsec): the place `here`, a `source`, the brightest X-rays."""
    own = seen_from_earth(here)

    def apart(tx, ty):
        return float(np.hypot(own.tx - tx, own.ty - ty))

    facts = {
        "x (arcsec)": float(own.tx),
        "y (arcsec)": float(own.ty),
        "angle from disk centre": float(own.angle),
        "12 Mm shift (arcsec)": displaced(here, 12),
        "detector to source (arcsec)": None if source is None else apart(*seen_from_earth(source)[:2]),
    }
    if xrays is not None:
        row, column = np.unravel_index(np.nanargmax(xrays.data), xrays.data.shape)
        peak = xrays.wcs.pixel_to_world(column, row)
        facts["X-rays to place (arcsec)"] = apart(peak.Tx.to_value("arcsec"), peak.Ty.to_value("arcsec"))
    return facts


def read_maps(folder: Path, aside: dict[Path, str] | None = None) -> list:
    """All images of a folder (FITS, whatever they are called) as sunpy maps, by time; each is there once.

    `aside`, where given, takes what is not used, each with the reason: files, and pixels that hold no measurement (NaN
    in the maps). `SqError` for no image, and for one of which sunpy would guess place, scale or time, or that is no
    view in angles.
    """
    found, aside = {}, {} if aside is None else aside
    files, left = fits_files(folder)
    aside.update(left)
    if not files:
        others = f" but {len(left)} downloads that have not ended" if left else ""
        raise SqError(f"{folder} holds no FITS file{others}: put AIA and RHESSI images there, or name none to "
                      "simulate them")
    for file in files:
        one = _read_map(file, aside)
        same = taken(one), channel_of(one), sha256(np.asarray(one.data, np.float64).tobytes()).digest()
        if (first := found.setdefault(same, (file, one))[0]) != file:
            aside[file] = f"the same image as {first.name}"
    return sorted((one for _, one in found.values()), key=taken)


def taken(one) -> datetime:
    """When a map was taken, UTC; in a leap second, which `datetime` does not have, the second after."""
    return one.date.utc.to_datetime(leap_second_strict="silent")


def _read_map(file: Path, aside: dict[Path, str]):
    """One image as a map; errors as for `read_maps`."""
    advice = "take the file as the archive has it, level 1 or later"
    with in_words(f"{file} holds no image that can be used", advice, told=False), warnings.catch_warnings():
        with opened_image(file, "an image of the Sun", advice) as unit:
            header, data = read_header(unit.header), np.array(unit.data)
        warnings.simplefilter("ignore")
        if keys := lacking(header):
            raise ValueError(f"no world coordinates, the header lacks {keys}")
        for words, bad in unseen(header).items():  # what is not told at all, sunpy takes as from the Earth, north up
            if bad:
                raise ValueError(f"the header does not say {words}: {bad}")
        header = readable(header)
        marked, words = without_fill(data, header, *BRIGHTNESS)
        if not np.isfinite(marked).any():
            raise ValueError("no pixel holds a measurement")
        if words:
            data, aside[file] = marked, words
        warnings.filterwarnings("error", message="Missing metadata for observation time")  # or it would be now
        one = sunpy.map.Map(data, header)
        if not (one.date and isinstance(one.coordinate_frame, Helioprojective)):
            raise ValueError(f"coordinates {', '.join(one.coordinate_system)} are not helioprojective")
        taken(one)
        return one


def channel_of(one) -> int | str | None:
    """What a map shows: its wavelength in Å, "x-ray" for RHESSI images of about 6–12 keV, or None.

    About: what a band shares with 6–12 keV is at least half of what both span (3–12 keV, not 10–20 or 6–25).
    """
    header = one.meta
    if "rhessi" in f"{header.get('telescop', '')} {header.get('origin', '')} {header.get('instrume', '')}".lower():
        low, high = (float(header.get(key, np.nan)) for key in ("energy_l", "energy_h"))
        shared, spanned = min(high, XRAY[1]) - max(low, XRAY[0]), max(high, XRAY[1]) - min(low, XRAY[0])
        return "x-ray" if shared >= spanned / 2 else None
    wave = header.get("wavelnth")
    return None if wave is None else round(float(wave) * (10 if str(header.get("waveunit")).strip() == "nm" else 1))


def pick(maps: list, channel: int | str, start: datetime, end: datetime) -> list:
    """The maps of a channel (304, 94, "x-ray") taken from `start` to `end`. `SqError`, with what is there, for none."""
    own = [one for one in maps if channel_of(one) == channel and start <= taken(one) <= end]
    if not own:
        held = ", ".join(sorted({str(channel_of(one)) for one in maps})) or "none"
        if times := sorted(map(taken, maps)):
            held += f", from {times[0]:%Y-%m-%d %H:%M} to {times[-1]:%Y-%m-%d %H:%M}"
        raise SqError(f"no image of channel {channel} from {start:%Y-%m-%d %H:%M} to {end:%H:%M}; there are: {held}")
    return own


def cut_out(one, where, half: float = 60.0):
    """The part of a map within `half` arcsec of a place (SkyCoord) as the map sees it. `SqError` where it does not."""
    frame = one.coordinate_frame
    with warnings.catch_warnings(action="ignore"):
        own = where.transform_to(frame)
        tx, ty = own.Tx.to_value("arcsec"), own.Ty.to_value("arcsec")
        if not sunpy.map.contains_coordinate(one, SkyCoord(own.Tx, own.Ty, frame=frame)):
            place = f"the source at ({tx:.0f}″, {ty:.0f}″)"
            raise SqError(f"the image of {taken(one):%Y-%m-%d %H:%M} does not show {place}")
        corners = SkyCoord([tx - half, tx + half] * u.arcsec, [ty - half, ty + half] * u.arcsec, frame=frame)
        return one.submap(corners[0], top_right=corners[1])
