"""One full-disk record of HMI or MDI: what it must say of itself, and how it is read."""

import math
import warnings
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import astropy.units as u
from astropy.io import fits
from astropy.utils.exceptions import AstropyUserWarning
from sunpy.time import parse_time

from sqlib.compressed_fits import check_tiles, unpacked
from sqlib.errors import SqError, in_words

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
    with in_words(f"{path} is no complete FITS file", "delete it and fetch it again"), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of keys that astropy has put right
        warnings.filterwarnings("error", message=".*truncated", category=AstropyUserWarning)
        with fits.open(unpacked(path, LARGEST, "a full-disk record"), memmap=False, lazy_load_hdus=False) as units:
            image = next((unit for unit in units if unit.is_image and unit.header.get("NAXIS") == 2), None)
            if image is None:
                raise SqError(f"{path} holds no image of two dimensions; fetch the record again")
            if max(image.shape) > SIDE:
                raise SqError(f"{path} claims {image.shape[1]}×{image.shape[0]} pixels; a full disk has at most "
                              f"{SIDE} a side; fetch the record again")
            check_tiles(image, path, LARGEST)
            yield image


def observed_at(header, path: Path) -> datetime:
    """Middle of the observation, UTC (T_OBS, else DATE-OBS). Raises `SqError` where neither gives a time."""
    text = header.get("T_OBS") or header.get("DATE-OBS") or header.get("DATE_OBS")
    with in_words(f"{path}: T_OBS and DATE-OBS give no time", "fetch the record again"):
        return parse_time(str(text)).utc.to_datetime()


def check_header(header, path: Path, archive: Archive, kind: str = "doppler") -> float:
    """Factor from the record's unit to m/s (`kind` "doppler") or Gauss ("magnetogram").

    Raises `SqError` for a record that is not a full-disk image of this instrument in known coordinates and units.
    """
    name = str(header.get("INSTRUME") or header.get("CAMERA") or "no instrument")
    if not name.startswith(archive.instrument):
        raise SqError(f"{path} is a record of {name}, not of {archive.instrument}; take it out of the folder")
    missing = [key for key in WORDS if not header.get(key)] + [key for key in NUMBERS if not _known(header, [key])]
    if missing:
        raise SqError(f"{path}: the header lacks {', '.join(missing)}: where on the Sun are its pixels? Fetch it again")
    if not (str(header["CTYPE1"]).startswith("HPLN") and str(header["CTYPE2"]).startswith("HPLT")):
        raise SqError(f"{path}: CTYPE {header['CTYPE1']}, {header['CTYPE2']} is no view of the full disk (HPLN, HPLT)")
    for axis in "12":
        step = abs(header[f"CDELT{axis}"]) * _factor(header, f"CUNIT{axis}", "arcsec", kind, path)
        disk = 1900 / step / int(header.get(f"ZNAXIS{axis}") or header[f"NAXIS{axis}"])
        if not 0.5 < disk < 1.2:
            raise SqError(f"{path} is no full disk: at {step:.3g} arcsec a pixel the Sun has {disk:.2g} of its width")
    observers = OBSERVERS if archive.instrument == "MDI" else OBSERVERS[1:]
    observer = next((keys for keys in observers if set(keys) <= set(header)), ())
    turn = next(filter(None, (set(keys) & set(header) for keys in TURNS)), ())
    for keys, words in ((observer, "where the observer was (CRLN_OBS, CRLT_OBS, DSUN_OBS)"),
                        (turn, "how the camera was turned (CROTA2, or PCi_j)")):
        if not (keys and _known(header, keys)):
            raise SqError(f"{path}: the header does not say {words}; fetch it again")
    cadence = header.get("CADENCE")
    if kind == "doppler" and isinstance(cadence, int | float) and abs(cadence - archive.cadence) > 0.5:
        raise SqError(f"{path} belongs to a series with a record every {cadence:g} s; {archive.doppler} comes every "
                      f"{archive.cadence:g} s; take it out of the folder")
    return _factor(header, "BUNIT", UNITS[kind], kind, path)


def _known(header, keys) -> bool:
    """Whether all `keys` have numbers: what JSOC does not know it leaves empty or calls nan."""
    return all(isinstance(header.get(key), int | float) and math.isfinite(header[key]) for key in keys)


def _factor(header, key: str, wanted: str, kind: str, path: Path) -> float:
    """Factor from the unit that `key` names to the unit `wanted`."""
    text = str(header.get(key, "")).strip()
    try:
        return u.Unit(SPELLINGS.get(text.lower(), text)).to(wanted)
    except (ValueError, TypeError, u.UnitConversionError) as error:
        raise SqError(f"{path}: the unit {key} is {text!r}; a {kind} record has {wanted}") from error
