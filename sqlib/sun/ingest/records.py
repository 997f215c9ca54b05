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

from sqlib.errors import SqError, in_words
from sqlib.packed import check_tiles, unpacked

UNITS = {"doppler": "m/s", "magnetogram": "G"}
SPELLINGS = {"m/sec": "m/s", "meters/second": "m/s", "gauss": "G"}  # of headers, for astropy
SIDE = 4096  # pixels a side of the largest full disk, HMI's
LARGEST = 4 * (SIDE * SIDE * 4)  # bytes of a record, unpacked: four times such a disk in float32
WCS_KEYS = tuple(f"{name}{axis}" for name in ("CTYPE", "CUNIT", "CRPIX", "CRVAL", "CDELT") for axis in (1, 2))
# Where the observer was and how the camera was turned, in sunpy's order: of several it takes the first. Of none it makes an
# observer on the Earth (SOHO is one per cent nearer to the Sun) and a camera with north up (HMI's stands upside down).
OBSERVERS = (("OBS_L0", "OBS_B0", "OBS_DIST"), ("HGLN_OBS", "HGLT_OBS", "DSUN_OBS"), ("CRLN_OBS", "CRLT_OBS", "DSUN_OBS"))
TURNS = (("PC1_1", "PC1_2", "PC2_1", "PC2_2"), ("CD1_1", "CD1_2", "CD2_1", "CD2_2"), ("CROTA2",))


@dataclass(frozen=True)
class Archive:
    """What JSOC keeps of one instrument: series, cadences of its Dopplergrams and magnetograms (s), days with full disks."""

    instrument: str
    doppler: str
    magnetogram: str
    cadence: float
    spacing: float
    first: datetime
    last: datetime


ARCHIVES = {
    "HMI": Archive("HMI", "hmi.v_45s", "hmi.M_45s", 45.0, 45.0, datetime(2010, 5, 1), datetime.max),
    "MDI": Archive("MDI", "mdi.fd_V", "mdi.fd_M_96m_lev182", 60.0, 5760.0, datetime(1996, 5, 19), datetime(2011, 4, 12)),
}


def archive_of(event) -> Archive:
    """The archive that holds `event` (has instrument, cadence in s, time); `SqError` where there is none."""
    if event.instrument not in ARCHIVES:
        raise SqError(f"{event.key}: no archive of {event.instrument!r}; there are {', '.join(ARCHIVES)}")
    archive = ARCHIVES[event.instrument]
    if not archive.first <= event.time <= archive.last:
        until = "today" if archive.last == datetime.max else f"{archive.last:%Y-%m-%d}"
        days = f"({archive.first:%Y-%m-%d} to {until})"
        raise SqError(f"{event.time:%Y-%m-%d %H:%M} is outside the full-disk data of {archive.instrument} {days}")
    if event.cadence != archive.cadence:
        raise SqError(f"{event.key}: {archive.instrument} makes a Dopplergram every {archive.cadence:g} s, not {event.cadence:g} s")
    return archive


@contextmanager
def whole(path: Path):
    """Turn what astropy says of a file that is cut off or foreign into `SqError`."""
    with in_words(f"{path} is no complete FITS file", "delete it and fetch it again"), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        warnings.filterwarnings("error", message=".*truncated", category=AstropyUserWarning)
        yield


@contextmanager
def opened(path: Path):
    """The image unit (header and data) of a FITS file, raw or compressed.

    Raises `SqError` for a file that is cut off or foreign, and for one that is or claims to be larger than any full disk.
    """
    with whole(path):
        plain = unpacked(path, LARGEST, "a full-disk record")
        units = fits.open(plain, memmap=False, lazy_load_hdus=False)
    with units:
        with whole(path):
            image = next((unit for unit in units if unit.is_image and unit.header.get("NAXIS") == 2), None)
            if image is None:
                raise SqError(f"{path} holds no image of two dimensions; fetch the record again")
            if max(image.shape) > SIDE:
                raise SqError(f"{path} claims {image.shape[1]}×{image.shape[0]} pixels; a full disk has at most {SIDE} a side; "
                              "fetch the record again")  # fmt: skip
            check_tiles(image, path, LARGEST)
        yield image


def read_header(path: Path) -> dict:
    """Header of a record, without its pixels; errors as for `opened`."""
    with opened(path) as image, whole(path):
        return dict(image.header)


def observed_at(header, path: Path) -> datetime:
    """Middle of the observation, UTC (T_OBS; DATE-OBS where there is none). Raises `SqError` where neither gives a time."""
    text = header.get("T_OBS") or header.get("DATE-OBS") or header.get("DATE_OBS")
    try:
        return parse_time(str(text)).utc.to_datetime()
    except Exception as error:  # parse_time guesses formats, and fails in the last one's way
        raise SqError(f"{path}: T_OBS and DATE-OBS give no time ({text!r}); fetch the record again") from error


def check_header(header, path: Path, archive: Archive, kind: str = "doppler") -> None:
    """Raise `SqError` for a record that is not a full-disk image of this instrument in known coordinates and units."""
    name = str(header.get("INSTRUME") or header.get("CAMERA") or "")
    if not name.startswith(archive.instrument):
        raise SqError(f"{path} is a record of {name or 'no instrument'}, not of {archive.instrument}; take it out of the folder")
    missing = [key for key in WCS_KEYS if header.get(key) in (None, "")]
    if missing:
        raise SqError(f"{path}: the header lacks {', '.join(missing)}: where on the Sun are its pixels? Fetch it again")
    if not (str(header["CTYPE1"]).startswith("HPLN") and str(header["CTYPE2"]).startswith("HPLT")):
        raise SqError(f"{path}: CTYPE {header['CTYPE1']}, {header['CTYPE2']} is no view of the full disk (HPLN, HPLT)")
    for axis in (1, 2):
        try:
            step = abs((header[f"CDELT{axis}"] * u.Unit(header[f"CUNIT{axis}"])).to_value("arcsec"))
        except (ValueError, TypeError, u.UnitConversionError) as error:
            raise SqError(f"{path}: CUNIT{axis} is {header[f'CUNIT{axis}']!r}; it must be an angle, such as arcsec") from error
        disk = 1900 / step / int(header.get(f"ZNAXIS{axis}") or header[f"NAXIS{axis}"])
        if not 0.5 < disk < 1.2:
            raise SqError(f"{path}: pixels of {step:.3g} arcsec make the Sun {disk:.2g} of the picture's width: no full disk")
    observers = OBSERVERS if archive.instrument == "MDI" else OBSERVERS[1:]  # sunpy reads the first of MDI alone
    if not _told(header, [keys for keys in observers if set(keys) <= set(header)]):
        raise SqError(f"{path}: the header does not say where the observer was (CRLN_OBS, CRLT_OBS, DSUN_OBS); fetch it again")
    if not _told(header, [set(keys) & set(header) for keys in TURNS]):
        raise SqError(f"{path}: the header does not say how the camera was turned (CROTA2, or PCi_j); fetch it again")
    cadence = header.get("CADENCE")
    if kind == "doppler" and isinstance(cadence, int | float) and abs(cadence - archive.cadence) > 0.5:
        wanted = f"{archive.doppler} comes every {archive.cadence:g} s"
        raise SqError(f"{path} belongs to a series with a record every {cadence:g} s; {wanted}; take it out of the folder")
    scale(header, path, kind)


def _told(header, groups) -> bool:
    """Whether the first group of keys has numbers: what JSOC does not know it leaves empty or calls nan."""
    keys = next(filter(None, groups), ())
    return bool(keys) and all(isinstance(header[key], int | float) and math.isfinite(header[key]) for key in keys)


def scale(header, path: Path, kind: str) -> float:
    """Factor from the record's unit to m/s (Dopplergrams) or Gauss (magnetograms). Raises `SqError` for a unit that is neither."""
    text, wanted = str(header.get("BUNIT", "")).strip(), UNITS[kind]
    try:
        return u.Unit(SPELLINGS.get(text.lower(), text)).to(wanted)
    except (ValueError, TypeError, u.UnitConversionError) as error:
        raise SqError(f"{path}: the unit (BUNIT) is {text!r}; a {kind} record has {wanted}") from error
