"""One full-disk record of HMI or MDI: what it must say of itself, and how it is read."""

import math
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import astropy.units as u
from sunpy.time import parse_time

from sqlib.errors import SqError, in_words
from sqlib.fits_files import is_number, opened_image, quoted, readable

UNITS = {"doppler": "m/s", "magnetogram": "G"}
SPELLINGS = {"m/sec": "m/s", "meters/second": "m/s", "gauss": "G"}  # of headers, for astropy
SIDE = 4096  # pixels a side of the largest full disk, HMI's
LARGEST = 4 * (SIDE * SIDE * 4)  # bytes of a record, unpacked: four times such a disk in float32
WORDS, NUMBERS = ([name + axis for name in names for axis in "12"] for names in
                  (("CTYPE", "CUNIT"), ("CRPIX", "CRVAL", "CDELT")))
# Where the observer was and how the camera was turned, in sunpy's order: of several it takes the first. Of none it
# makes an observer on the Earth (SOHO is one per cent nearer to the Sun) and a camera with north up (HMI's stands
# upside down). The first observer is MDI's alone.
OBSERVERS = (("OBS_L0", "OBS_B0", "OBS_DIST"), ("HGLN_OBS", "HGLT_OBS", "DSUN_OBS"),
             ("CRLN_OBS", "CRLT_OBS", "DSUN_OBS"))
TURNS = (("PC1_1", "PC1_2", "PC2_1", "PC2_2"), ("CD1_1", "CD1_2", "CD2_1", "CD2_2"), ("CROTA2",))


@dataclass(frozen=True)
class Archive:
    """What JSOC keeps of one instrument."""

    instrument: str
    doppler: str  # series of Dopplergrams
    magnetogram: str  # series of magnetograms
    cadence: float  # s, of the Dopplergrams
    spacing: float  # s, of the magnetograms
    first: datetime  # day with full disks
    last: datetime


ARCHIVES = {
    "HMI": Archive("HMI", "hmi.v_45s", "hmi.M_45s", 45.0, 45.0, datetime(2010, 5, 1), datetime.max),
    "MDI": Archive("MDI", "mdi.fd_V", "mdi.fd_M_96m_lev182", 60.0, 5760.0, datetime(1996, 5, 19),
                   datetime(2011, 4, 12)),
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


@contextmanager
def opened(path: Path):
    """The image unit (header and data) of a FITS file, raw or compressed; what fails inside is the file's fault.

    Raises `SqError` for a file that is cut off or foreign, and for one that is, or claims to be, larger than any disk.
    """
    with opened_image(path, LARGEST, "a full-disk record", "fetch it again, or take it out of the folder") as image:
        if max(image.shape) > SIDE:
            raise SqError(f"{path} claims {image.shape[1]}×{image.shape[0]} pixels; a full disk has at most "
                          f"{SIDE} a side; fetch the record again")
        yield image


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


def _check_times(header: dict, path: Path, spacing: float) -> None:
    """Raise `SqError` where the times of a header contradict each other."""
    time = observed_at(header, path)
    for key, most in (("T_REC", 2 * spacing), ("DATE-OBS", max(600, 2 * spacing))):
        try:
            other = _at(header, header[key])
        except (KeyError, ValueError):  # not given, or not a time: T_REC of a synoptic map counts rotations
            continue
        if _told(header[key]) and abs((other - time).total_seconds()) > most:
            raise SqError(f"{path}: its header contradicts itself: {key} is {header[key]}, and the observation was at "
                          f"{time:%Y-%m-%d %H:%M:%S} UTC (T_OBS); fetch it again")


def check_header(header: dict, path: Path, archive: Archive, kind: str = "doppler") -> float:
    """Factor from the record's unit to m/s (`kind` "doppler") or Gauss ("magnetogram").

    Raises `SqError` for a record that is not a full-disk image of this instrument in known coordinates and units.
    """
    name = str(header.get("INSTRUME") or header.get("CAMERA") or "no instrument")
    if not name.startswith(archive.instrument):
        raise SqError(f"{path} is a record of {name}, not of {archive.instrument}; take it out of the folder")
    missing = [key for key in WORDS if not header.get(key)] + [key for key in NUMBERS if not is_number(header.get(key))]
    if missing:
        lacking = quoted(header, missing)
        raise SqError(f"{path}: the header lacks {lacking}: where on the Sun are its pixels? Fetch it again")
    if not (str(header["CTYPE1"]).startswith("HPLN") and str(header["CTYPE2"]).startswith("HPLT")):
        raise SqError(f"{path}: CTYPE {header['CTYPE1']}, {header['CTYPE2']} is no view of the full disk (HPLN, HPLT)")
    for axis in "12":
        step = abs(header[f"CDELT{axis}"]) * _factor(header, f"CUNIT{axis}", "arcsec", kind, path)
        disk = 1900 / step / int(header.get(f"ZNAXIS{axis}") or header[f"NAXIS{axis}"])
        if not 0.5 < disk < 1.2:
            raise SqError(f"{path} is no full disk: at {step:.3g} arcsec a pixel the Sun has {disk:.2g} of its width")
    observers = OBSERVERS if archive.instrument == "MDI" else OBSERVERS[1:]
    known = set(readable(header))
    observer = any(set(keys) <= known for keys in observers)
    turn = next(filter(None, (set(keys) & set(header) for keys in TURNS)), set())
    for said, keys, words in ((observer, observers[0] + OBSERVERS[2], "where the observer was"),
                              (turn and turn <= known, turn, "how the camera was turned")):
        if not said:
            asked = "CRLN_OBS, CRLT_OBS, DSUN_OBS" if keys != turn else "CROTA2, or PCi_j"
            bad = quoted(header, [key for key in dict.fromkeys(keys) if key in header and key not in known])
            raise SqError(f"{path}: the header does not say {words} ({asked}){': ' * bool(bad)}{bad}; fetch it again")
    _check_turns({key: header[key] for key in known if key in header}, path)
    cadence = header.get("CADENCE")
    if kind == "doppler" and is_number(cadence) and abs(cadence - archive.cadence) > 0.5:
        raise SqError(f"{path} belongs to a series with a record every {cadence:g} s; {archive.doppler} comes every "
                      f"{archive.cadence:g} s; take it out of the folder")
    _check_times(header, path, archive.cadence if kind == "doppler" else archive.spacing)
    return _factor(header, "BUNIT", UNITS[kind], kind, path)


def _check_turns(header: dict, path: Path) -> None:
    """Raise `SqError` where CROTA2 and the matrix PCi_j give the camera different turns."""
    matrix = [header.get(key, float(key[2] == key[4])) for key in TURNS[0]]
    if set(TURNS[0]) & set(header) and "CROTA2" in header:
        turn = math.degrees(math.atan2(matrix[2] - matrix[1], matrix[0] + matrix[3]))
        if abs((turn - header["CROTA2"] + 180) % 360 - 180) > 1:
            raise SqError(f"{path}: its header contradicts itself: the camera was turned by {header['CROTA2']:g}° "
                          f"(CROTA2) and by {turn:.4g}° (PCi_j); fetch it again")


def _factor(header, key: str, wanted: str, kind: str, path: Path) -> float:
    """Factor from the unit that `key` names to the unit `wanted`."""
    text = str(header.get(key, "")).strip()
    try:
        return u.Unit(SPELLINGS.get(text.lower(), text)).to(wanted)
    except (ValueError, TypeError, u.UnitConversionError) as error:
        raise SqError(f"{path}: the unit {key} is {text!r}; a {kind} record has {wanted}") from error
