"""FITS files as people have them: which of a folder they are, whether they are whole, and what their headers say."""

import gzip
import math
import re
import warnings
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from io import BytesIO
from pathlib import Path

import numpy as np
from astropy.io import fits
from astropy.utils.exceptions import AstropyUserWarning

from sqlib.compressed_fits import Undelivered, begins, check_tiles, unpacked
from sqlib.errors import SqError, in_words

NAMED = re.compile(r"\.(fits|fts|fit)(\.(fz|gz))?( ?\(\d+\))?$", re.IGNORECASE)
UNFINISHED = (".part", ".partial", ".download", ".crdownload", ".opdownload", ".tmp")  # as browsers and others write
NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([ED][+-]?\d+)?", re.IGNORECASE)
NUMERIC = re.compile(  # keys of which we or sunpy need numbers
    r"CRPIX\d|CRVAL\d|CDELT\d|CROTA\d?|(PC|CD|PV)\d_\d|LONPOLE|LATPOLE|(DSUN|HGLN|HGLT|CRLN|CRLT|RSUN|HAEX|HAEY|HAEZ|"
    r"HEEX|HEEY|HEEZ|HEQX|HEQY|HEQZ|GEIX|GEIY|GEIZ)_(OBS|REF)|OBS_(L0|B0|DIST|R0)|DSUN|RSUN|SOLAR_[RB]0?|RADIUS|"
    r"R_SUN|CADENCE|WAVELNTH|EXPTIME|ENERGY_[LH]|BLANK|BSCALE|BZERO|XCEN|YCEN")

CONTROL = re.compile(rb"[\x00-\x1f\x7f]")
SCALES = ("BSCALE", "BZERO", "ZSCALE", "ZZERO")
STRUCTURE = dict.fromkeys((*SCALES, "BLANK", "ZBLANK", "EXTVER", "EXTLEVEL"), int | float) | dict.fromkeys(
    ("CHECKSUM", "DATASUM", "ZHECKSUM", "ZDATASUM", "EXTNAME"), str)


def fits_files(folder: Path) -> tuple[list[Path], dict[Path, str]]:
    """The FITS files of a folder, by name or by content, and those that are left aside, with the reason.

    What begins with a dot is nobody's record: macOS lays such a twin beside every file.
    """
    found, aside = [], {}
    for path in sorted(Path(folder).glob("[!.]*")):
        if path.name.lower().endswith(UNFINISHED):
            aside[path] = "a download that has not ended, or was broken off"
        elif NAMED.search(path.name) or (path.is_file() and begins(path) == b"SIMPLE"):
            found.append(path)
    return found, aside


@contextmanager
def opened_image(path: Path, limit: int, what: str, advice: str) -> Iterator:
    """The first image of two dimensions (header and data) of a FITS file, packed or not; what fails is its fault.

    Raises `SqError`, with `advice`, for a file that is cut off or foreign, holds more than its header says, or is
    larger than `limit` bytes, unpacked, which `what` never has.
    """
    with in_words(f"{path} is no complete FITS file", advice), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of keys that astropy has put right
        warnings.filterwarnings("error", message=".*truncated", category=AstropyUserWarning)
        source = _mended(unpacked(path, limit, what))
        with fits.open(source, memmap=False, lazy_load_hdus=False) as units:
            at = next((i for i, one in enumerate(units) if one.is_image and one.header.get("NAXIS") == 2), None)
            if at is None:
                raise SqError(f"{path} holds no image of two dimensions; {advice}")
            image = units[at]
            check_tiles(image, path, limit)
            if at == len(units) - 1 and not isinstance(image, fits.CompImageHDU):
                _check_end(source, units.fileinfo(at)["datLoc"] + image.size, image.shape)
            yield image


def _reading(source: Path | BytesIO):
    return open(source, "rb") if isinstance(source, Path) else BytesIO(source.getbuffer())


def _mended(source: Path | BytesIO) -> Path | BytesIO:
    """The same file, or its content with comments in place of the cards over which astropy loses the whole image.

    Those are keys of the file's own structure without a value that can be read, and continued texts without a
    beginning, in the headers before the first data; control characters become spaces. Raises `ValueError` where
    integers need such a key to become measurements.
    """
    changed = {}
    with _reading(source) as file:
        for _ in range(2):  # an image in the first unit, or in the one that follows an empty first
            cards, start = [], file.tell()
            while len(cards) < 10_000 and (block := file.read(2880)):
                cards += [block[i : i + 80] for i in range(0, len(block), 80)]
                if b"END".ljust(80) in cards:
                    break
            keys = {card[:8].rstrip(): card[10:].split(b"/")[0].strip() for card in cards}
            whole = not keys.get(b"ZBITPIX", keys.get(b"BITPIX", b"")).startswith(b"-")
            for i, card in enumerate(cards):
                key = card[:8].rstrip().decode("ascii", "replace")
                if CONTROL.search(card):
                    card = changed[start + 80 * i] = CONTROL.sub(b" ", card)
                if key == "CONTINUE" and not cards[i - 1].split(b"' /")[0].rstrip(b" '").endswith(b"&"):
                    changed[start + 80 * i] = b"COMMENT " + card[:72]
                if not (kind := STRUCTURE.get(key)) or isinstance(value := _value(card), kind):
                    continue
                if kind is str or not NUMBER.fullmatch(text := str(value or "").strip()):
                    if key in SCALES and whole:
                        raise ValueError(f"{key} says {card[10:].split(b'/')[0].decode('ascii', 'replace').strip()!r}, "
                                         "and its whole numbers need it to become measurements")
                    changed[start + 80 * i] = b"COMMENT " + card[:72]
                else:
                    changed[start + 80 * i] = f"{key:<8}= {text:>20}".encode().ljust(80)
            if keys.get(b"NAXIS") != b"0":
                break
        if not changed:
            return source
        file.seek(0)
        content = bytearray(file.read())
    for at, card in changed.items():
        content[at : at + 80] = card
    return BytesIO(bytes(content))


def _value(card: bytes):
    """The value of a card, None where astropy cannot read it."""
    try:
        return fits.Card.fromstring(card).value
    except Exception:
        return None


def _check_end(source, end: int, shape: tuple[int, int]) -> None:
    """Raise `ValueError` where numbers follow the image: then its NAXIS is wrong, and each row begins elsewhere."""
    with _reading(source) as file:
        file.seek(end)
        if file.read(2**20).strip(b"\0 "):
            raise ValueError(f"NAXIS1 and NAXIS2 say {shape[1]}×{shape[0]} pixels, but it holds more")


def is_broken(error: SqError) -> bool:
    """Whether `error`, of `opened_image`, means a file broken beyond doubt: cut off, empty, or a web page."""
    cause = error.__cause__
    kinds = Undelivered, EOFError, zlib.error, gzip.BadGzipFile, AstropyUserWarning
    return isinstance(cause, kinds) or bool(re.search("END card|[Ee]mpty or corrupt", str(cause)))


def read_header(header: fits.Header) -> dict:
    """The keys of a header with their values; whatever stands in a card, the others are read.

    A card that breaks the standard (bare `nan`, a text without quotes) gives the text that stands there. Where a number
    belongs, a text that is one gives it. A key that comes twice, with other values, gives both as a text.
    """
    found = {}
    for key, text, _ in _cards(header):
        if NUMERIC.fullmatch(key) and isinstance(text, str) and NUMBER.fullmatch(text.strip()):
            text = float(text.upper().replace("D", "E"))
        found[key] = text if found.get(key, text) == text else f"{found[key]} and {text}"
    return found


def read_comments(header: fits.Header) -> dict[str, str]:
    """The comments beside the values, by key."""
    return {key: comment for key, _, comment in _cards(header)}


def _cards(header: fits.Header) -> Iterator[tuple[str, object, str]]:
    for card in header.cards:
        if (key := card.keyword.upper()) in ("", "COMMENT", "HISTORY", "CONTINUE"):
            continue
        try:
            value, comment = card.value, card.comment
        except Exception:  # astropy has several, and card.image none of them
            value, _, comment = card.image.partition("=")[2].partition(" /")
            value, comment = value.strip().strip("'").strip(), comment.strip()
        yield key, "" if isinstance(value, fits.card.Undefined) else value, comment


def is_number(value) -> bool:
    """Whether a value of a header is a finite number."""
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)


def readable(header: dict) -> dict:
    """A header of `read_header` without the keys of numbers that have none: sunpy would count with them."""
    return {key: value for key, value in header.items() if not NUMERIC.fullmatch(key) or is_number(value)}


def quoted(header: dict, keys) -> str:
    """The names of `keys` for a message, with what stands there instead of what belongs there."""
    return ", ".join(f"{key} (it says {header[key]!r})" if header.get(key, "") != "" else key for key in keys)


def without_fill(pixels: np.ndarray, header: dict, low: float, high: float) -> tuple[np.ndarray, str]:
    """Pixels as float32, NaN where there is none, and in words how many hold what nobody measured, and where first.

    pixels : as astropy scaled them; header : as it was before. Not measured: BLANK, the lowest integer where BLANK is
    not given, and what is not between `low` and `high`, as -9999 or 1e20.
    """
    found = np.array(pixels, np.float32)
    with np.errstate(invalid="ignore"):
        fill = np.isfinite(found) & ~((found > low) & (found < high)) | np.isinf(found)
        bits, scale = header.get("BITPIX", -32), header.get("BSCALE", 1)
        signed = bits > 8 and header.get("BZERO", 0) != 2 ** (bits - 1) * scale  # or the lowest is an honest 0
        if signed or ("BLANK" in header and bits > 0):
            blank = header.get("BLANK", -(2 ** (bits - 1))) * scale + header.get("BZERO", 0)
            fill |= np.abs(found - blank) < abs(scale) / 4
    words = ""
    if count := int(fill.sum()):
        row, column = np.argwhere(fill)[0]
        words = (f"{count} of {found.size} pixels hold no measurement, the first is {found[row, column]:g} in row "
                 f"{row}, column {column}")
        found[fill] = np.nan
    return found, words
