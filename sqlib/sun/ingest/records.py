"""One full-disk record of HMI or MDI: what it must say of itself, and how it is read."""

import math
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import astropy.units as u
from sunpy.time import parse_time

from sqlib.errors import SqError, in_words
from sqlib.fits_files import OBSERVERS, TURNS, lacking, opened_image, readable, unseen

SPELLINGS = {"m/sec": "m/s", "meters/second": "m/s"}  # of headers, for astropy
MDI_OBSERVER = ("OBS_L0", "OBS_B0", "OBS_DIST")
AGAIN = "fetch it again, or take it out of the folder"


@dataclass(frozen=True)
class Archive:
    """What JSOC keeps of one instrument."""

    instrument: str
    doppler: str  # series of Dopplergrams
    cadence: float  # s
    first: datetime  # day with full disks
    last: datetime


ARCHIVES = {
    "HMI": Archive("HMI", "hmi.v_45s", 45.0, datetime(2010, 5, 1), datetime.max),
    "MDI": Archive("MDI", "mdi.fd_V", 60.0, datetime(1996, 5, 19), datetime(2011, 4, 12)),
}


def archive_of(event) -> Archive:
    """The archive that holds `event` (has instrument, cadence in s, time); `SqError` where there is none."""
    if event.instrument not in ARCHIVES:
        raise SqError(f"{event.key}: no archive of {event.instrument!r}; there are {', '.join(ARCHIVES)}")
    archive = ARCHIVES[event.instrument]
    if not archive.first <= event.time <= archive.last:
        days = f"{archive.first:%Y-%m-%d} to {'today' if archive.last == datetime.max else archive.last.date()}"
        raise SqError(f"{event.time:%Y-%m-%d %H:%M} is outside the full-disk data of {event.instrument} ({days})")
    if event.cadence != archive.cadence:
        raise SqError(f"{event.key}: {event.instrument} looks every {archive.cadence:g} s, not {event.cadence:g} s")
    return archive


def opened(path: Path):
    """The image unit of a record, as a context; errors as for `opened_image`."""
    return opened_image(path, "a full-disk record", AGAIN)


def utc(text: str, scale: str = "utc") -> datetime:
    """The time (UTC) that a text gives, as headers write it; `scale` is that of a text that does not say its own.

    In a leap second, which `datetime` does not have, it is the second after.
    """
    told = text.rstrip().endswith(("Z", "_TAI", "_UTC", "_UT", "_TT"))
    time = parse_time(text) if told or scale == "utc" else parse_time(text, scale=scale)
    return time.utc.to_datetime(leap_second_strict="silent")


def observed_at(header: dict, path: Path) -> datetime:
    """Middle of the observation, UTC (T_OBS, else DATE-OBS). Raises `SqError` where neither gives a time."""
    text = next((text for key in ("T_OBS", "DATE-OBS", "DATE_OBS") if _told(text := header.get(key))), None)
    if text is None and not header.get("CTYPE1"):
        raise SqError(f"{path} says neither when nor where it was taken (T_OBS, CTYPE1): it seems to have been "
                      "exported without keywords; export it again with them (FITS with full header)")
    with in_words(f"{path}: T_OBS and DATE-OBS give no time; it says {text!r}", "fetch the record again"):
        return _at(header, text)


def _told(text) -> bool:
    """Whether a header gives a time: what JSOC does not know it leaves empty, calls missing or sets to Julian day 0."""
    return str(text or "").strip().upper() not in ("", "MISSING", "UNKNOWN", "NAN") and not str(text).startswith("-4")


def _at(header: dict, text) -> datetime:
    scale = str(header.get("TIMESYS", "")).strip().lower()
    return utc(str(text), scale if scale in ("tai", "tt", "tdb") else "utc")


def check_header(header: dict, path: Path, archive: Archive) -> float:
    """Factor from the record's unit to m/s.

    Raises `SqError` for a record that is not a full-disk Dopplergram of this instrument in known coordinates and units.
    """
    if fault := next(_faults(header, observed_at(header, path), archive), None):
        raise SqError(f"{path}: {fault}; {AGAIN}")
    return _factor(header, "BUNIT", "m/s")


def _faults(header: dict, time: datetime, archive: Archive) -> Iterator[str]:
    """What no full-disk Dopplergram of this instrument, taken then, says of itself; each holds if none before did."""
    name = str(header.get("INSTRUME") or header.get("CAMERA") or "no instrument")
    if not name.startswith(archive.instrument):
        yield f"it is a record of {name}, not of {archive.instrument}"
    if keys := lacking(header):
        yield f"the header lacks {keys}: where on the Sun are its pixels?"
    if not (str(header["CTYPE1"]).startswith("HPLN") and str(header["CTYPE2"]).startswith("HPLT")):
        yield f"CTYPE {header['CTYPE1']}, {header['CTYPE2']} is no view of the full disk (HPLN, HPLT)"
    yield from _foreign(header, {"CUNIT1": "arcsec", "CUNIT2": "arcsec"})
    for axis in "12":
        step = abs(header[f"CDELT{axis}"]) * _factor(header, f"CUNIT{axis}", "arcsec")
        disk = 1900 / step / int(header.get(f"ZNAXIS{axis}") or header[f"NAXIS{axis}"])
        if not 0.5 < disk < 1.2:
            yield f"it is no full disk: at {step:.3g} arcsec a pixel the Sun has {disk:.2g} of its width"
    for words, bad in unseen(header, (MDI_OBSERVER,) * (archive.instrument == "MDI") + OBSERVERS).items():
        yield f"the header does not say {words}{': ' * bool(bad)}{bad}"
    known = readable(header)
    matrix = [known.get(key, float(key[2] == key[4])) for key in TURNS[0]]
    turn = math.degrees(math.atan2(matrix[2] - matrix[1], matrix[0] + matrix[3]))
    if set(TURNS[0]) & set(known) and abs((turn - known.get("CROTA2", turn) + 180) % 360 - 180) > 1:
        yield (f"its header contradicts itself: the camera was turned by {known['CROTA2']:g}° (CROTA2) and by "
               f"{turn:.4g}° (PCi_j)")
    if abs(known.get("CADENCE", archive.cadence) - archive.cadence) > 0.5:
        yield (f"it belongs to a series with a record every {known['CADENCE']:g} s; {archive.doppler} comes every "
               f"{archive.cadence:g} s")
    for key, most in (("T_REC", 2 * archive.cadence), ("DATE-OBS", 600)):
        with suppress(KeyError, ValueError):  # not given, or not a time: T_REC of a synoptic map counts rotations
            if _told(header[key]) and abs((_at(header, header[key]) - time).total_seconds()) > most:
                yield (f"its header contradicts itself: {key} is {header[key]}, and the observation was at "
                       f"{time:%Y-%m-%d %H:%M:%S} UTC (T_OBS)")
    yield from _foreign(header, {"BUNIT": "m/s"})


def _foreign(header: dict, units: dict[str, str]) -> Iterator[str]:
    for key, wanted in units.items():
        if math.isnan(_factor(header, key, wanted)):
            yield f"the unit {key} is {str(header.get(key, '')).strip()!r}; a Dopplergram has {wanted}"


def _factor(header: dict, key: str, wanted: str) -> float:
    """Factor from the unit that `key` names to the unit `wanted`; NaN where it leads to none."""
    text = str(header.get(key, "")).strip()
    with suppress(ValueError, TypeError, u.UnitConversionError):
        return u.Unit(SPELLINGS.get(text.lower(), text)).to(wanted)
    return math.nan
