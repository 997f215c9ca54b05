"""FITS files as people have them: which of a folder they are, whether they are whole, and what their headers say."""

import gzip
import math
import re
import warnings
import zlib
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from io import SEEK_END, BytesIO
from pathlib import Path
from typing import BinaryIO

import numpy as np
from astropy.io import fits
from astropy.utils.exceptions import AstropyUserWarning

from sqlib.errors import SqError, in_words
from sqlib.paths import files_of

SIDE = 4096  # pixels a side of the largest image of the whole Sun, HMI's and AIA's
LARGEST = 4 * (SIDE * SIDE * 4)  # bytes of an image, unpacked: four times such a one in float32
DEFLATE = 1032  # to so many bytes gzip can unpack one, at most
NAMED = re.compile(r"\.(fits|fts|fit)(\.(fz|gz))?( ?\(\d+\))?$", re.IGNORECASE)
NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([ED][+-]?\d+)?", re.IGNORECASE)
NUMERIC = re.compile(  # keys of which we or sunpy need numbers
    r"CRPIX\d|CRVAL\d|CDELT\d|CROTA\d?|(PC|CD|PV)\d_\d|LONPOLE|LATPOLE|(DSUN|HGLN|HGLT|CRLN|CRLT|RSUN|HAEX|HAEY|HAEZ|"
    r"HEEX|HEEY|HEEZ|HEQX|HEQY|HEQZ|GEIX|GEIY|GEIZ)_(OBS|REF)|OBS_(L0|B0|DIST|R0)|DSUN|RSUN|SOLAR_[RB]0?|RADIUS|"
    r"R_SUN|CADENCE|WAVELNTH|EXPTIME|ENERGY_[LH]|BLANK|BSCALE|BZERO|XCEN|YCEN")
NEEDED = [f"{word}{axis}" for word in ("CTYPE", "CDELT", "CRPIX", "CRVAL") for axis in (1, 2)]  # or sunpy guesses
# Where the observer was and how the camera was turned, in sunpy's order: of several it takes the first. Of none it
# makes an observer on the Earth (SOHO is one per cent nearer to the Sun) and a camera with north up (HMI's stands
# upside down).
OBSERVERS = (("HGLN_OBS", "HGLT_OBS", "DSUN_OBS"), ("CRLN_OBS", "CRLT_OBS", "DSUN_OBS"))
TURNS = (("PC1_1", "PC1_2", "PC2_1", "PC2_2"), ("CD1_1", "CD1_2", "CD2_1", "CD2_2"), ("CROTA2",))

CONTROL = re.compile(rb"[\x00-\x1f\x7f]")
SCALES = ("BSCALE", "BZERO", "ZSCALE", "ZZERO")
STRUCTURE = dict.fromkeys((*SCALES, "BLANK", "ZBLANK", "EXTVER", "EXTLEVEL"), int | float) | dict.fromkeys(
    ("CHECKSUM", "DATASUM", "ZHECKSUM", "ZDATASUM", "EXTNAME"), str)


class Undelivered(ValueError):
    """Nothing, or a web page, in place of a file."""


def fits_files(folder: Path) -> tuple[list[Path], dict[Path, str]]:
    """The FITS files of a folder, by name or by content, and those that are left aside, with the reason.

    What begins with a dot is nobody's record: macOS lays such a twin beside every file. Raises `SqError` for a folder
    that cannot be read.
    """
    files, strays = files_of(folder, deep=False)
    found = [path for path in files if NAMED.search(path.name) or begins(path) == b"SIMPLE"]
    told = "a stray, or a download that has not ended or was broken off"
    return found, {path: told for path in strays if not path.name.startswith(".")}


def begins(path: Path) -> bytes:
    """The first six bytes of a file, unpacked where it is packed with gzip; none where it cannot be read."""
    with suppress(OSError, EOFError, zlib.error):
        with open(path, "rb") as file:
            packed = file.read(2) == b"\x1f\x8b"
        with gzip.open(path) if packed else open(path, "rb") as file:
            return file.read(6)
    return b""


def unpacked(path: Path, limit: int, what: str) -> BinaryIO:
    """What astropy may open: the file, opened, or its content where it is packed with gzip, whatever its name says.

    Raises `ValueError`, for the caller to put in words: for more than `limit` bytes, which `what` never has, before all
    are unpacked, and for a file that is neither FITS nor gzip: astropy would unpack other archives without a limit.
    `Undelivered` where it is empty or a web page.
    """
    with open(path, "rb") as file:
        first = file.read(200)
    if not first.strip(b"\0"):
        raise Undelivered(f"{path} is empty" + " but for zeros" * bool(first))
    if first.lstrip(b"\xef\xbb\xbf \r\n\t").startswith(b"<"):
        raise Undelivered(f"{path} is a web page, perhaps what a server said in place of the file")
    if first.startswith(b"\x1f\x8b"):
        found = BytesIO()
        with gzip.open(path) as packed:
            while found.tell() <= limit and (part := packed.read(2**20)):  # one read would take room for the limit
                found.write(part)
    elif first.startswith(b"SIMPLE"):
        found = open(path, "rb")  # noqa: SIM115  whoever asked closes it
    else:
        raise ValueError(f"{path} is no complete FITS file: it does not begin with SIMPLE; unpack it")
    if found.seek(0, SEEK_END) > limit:
        found.close()
        raise ValueError(f"{path} has more than {limit >> 20} MiB, unpacked, which {what} never has")
    found.seek(0)
    return found


def check_tiles(image, path: Path, limit: int) -> None:
    """Raise `ValueError` for an image in tiles packed with gzip, one of which might have more than `limit` bytes."""
    if isinstance(image, fits.CompImageHDU):
        table = image.compressed_data
        names = ["GZIP_COMPRESSED_DATA"] + ["COMPRESSED_DATA"] * image.compression_type.startswith("GZIP")
        lengths = [np.array(table[name])[:, 0].astype(np.uint64).max() for name in names if name in table.dtype.names]
        if max(lengths, default=0) > limit // DEFLATE:
            raise ValueError(f"{path} has a tile of {max(lengths)} bytes packed with gzip, which might unpack to more "
                             f"than {limit >> 20} MiB; unpack the file (funpack)")


@contextmanager
def opened_image(path: Path, what: str, advice: str) -> Iterator:
    """The first image of two dimensions (header and data) of a FITS file, packed or not; what fails is its fault.

    Raises `SqError`, with `advice`, for a file that is cut off or foreign, holds more than its header says, or is, or
    claims to be, larger than an image of the whole Sun (`LARGEST`, `SIDE`), which `what` never is.
    """
    with in_words(f"{path} is no complete FITS file", advice), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of keys that astropy has put right
        warnings.filterwarnings("error", message=".*truncated", category=AstropyUserWarning)
        file = _mended(unpacked(path, LARGEST, what))
        with file, fits.open(file, memmap=False, lazy_load_hdus=False) as units:
            at = next((i for i, one in enumerate(units) if one.is_image and one.header.get("NAXIS") == 2), None)
            if at is None:
                raise SqError(f"{path} holds no image of two dimensions; {advice}")
            image = units[at]
            rows, columns = image.shape
            if max(rows, columns) > SIDE:
                raise SqError(f"{path} claims {columns}×{rows} pixels; a full disk has at most {SIDE} a "
                              f"side; {advice}")
            check_tiles(image, path, LARGEST)
            if at == len(units) - 1 and not isinstance(image, fits.CompImageHDU):
                file.seek(units.fileinfo(at)["datLoc"] + image.size)
                if file.read(2**20).strip(b"\0 "):  # then each row begins elsewhere
                    raise ValueError(f"NAXIS1 and NAXIS2 say {columns}×{rows} pixels, but it holds more")
            yield image


def _mended(file: BinaryIO) -> BinaryIO:
    """The same file, or its content with comments in place of the cards over which astropy loses the whole image.

    Those are keys of the file's own structure without a value that can be read, and continued texts without a
    beginning, in the headers before the first data; control characters become spaces. Raises `ValueError` where
    integers need such a key to become measurements.
    """
    changed = {}
    for _ in range(2):  # an image in the first unit, or in the one that follows an empty first
        start, cards = file.tell(), []
        while len(cards) < 10_000 and (block := file.read(2880)):
            cards += [block[i : i + 80] for i in range(0, len(block), 80)]
            if b"END".ljust(80) in cards:
                break
        texts = {card[:8].rstrip(): card[10:].split(b"/")[0].strip() for card in cards}
        whole = not texts.get(b"ZBITPIX", texts.get(b"BITPIX", b"")).startswith(b"-")
        for i, card in enumerate(cards):
            key, new = card[:8].rstrip().decode("ascii", "replace"), CONTROL.sub(b" ", card)
            kind, value = STRUCTURE.get(key), None
            with suppress(Exception):  # astropy has several of what it cannot read
                value = fits.Card.fromstring(new).value if kind else None
            if kind and not isinstance(value, kind):
                text = str(value or "").strip()
                number = kind is not str and NUMBER.fullmatch(text)
                if key in SCALES and whole and not number:
                    raise ValueError(f"{key} says {new[10:].split(b'/')[0].decode('ascii', 'replace').strip()!r}, and "
                                     "its whole numbers need it to become measurements")
                new = f"{key:<8}= {text:>20}".encode().ljust(80) if number else b"COMMENT " + new[:72]
            elif key == "CONTINUE" and not cards[i - 1].split(b"' /")[0].rstrip(b" '").endswith(b"&"):
                new = b"COMMENT " + new[:72]
            if new != card:
                changed[start + 80 * i] = new
        if texts.get(b"NAXIS") != b"0":
            break
    file.seek(0)
    if changed:
        with file:
            content = bytearray(file.read())
        for at, card in changed.items():
            content[at : at + 80] = card
        file = BytesIO(content)
    return file


def is_broken(error: SqError) -> bool:
    """Whether `error`, of `opened_image`, means a file broken beyond doubt: cut off, empty, or a web page."""
    cause = error.__cause__
    kinds = Undelivered, EOFError, zlib.error, gzip.BadGzipFile, AstropyUserWarning
    return isinstance(cause, kinds) or bool(re.search("END card|[Ee]mpty or corrupt", str(cause)))


def read_header(header: fits.Header) -> dict:
    """The keys of a header with their values, and as "keycomments" what stands beside; whatever stands in a card, the
    others are read.

    A card that breaks the standard (bare `nan`, a text without quotes) gives the text that stands there. Where a number
    belongs, a text that is one gives it. A key that comes twice, with other values, gives both as a text.
    """
    found, comments = {}, {}
    for card in header.cards:
        if (key := card.keyword.upper()) in ("", "COMMENT", "HISTORY", "CONTINUE"):
            continue
        try:
            value, comments[key] = card.value, card.comment
        except Exception:  # astropy has several, and card.image none of them
            value, _, comment = card.image.partition("=")[2].partition(" /")
            value, comments[key] = value.strip().strip("'").strip(), comment.strip()
        value = "" if isinstance(value, fits.card.Undefined) else value
        if NUMERIC.fullmatch(key) and isinstance(value, str) and NUMBER.fullmatch(value.strip()):
            value = float(value.upper().replace("D", "E"))
        found[key] = value if found.get(key, value) == value else f"{found[key]} and {value}"
    return found | {"keycomments": comments}


def readable(header: dict) -> dict:
    """A header of `read_header` without the keys of numbers that have none: sunpy would count with them."""
    return {key: value for key, value in header.items() if not NUMERIC.fullmatch(key) or
            (isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value))}


def lacking(header: dict) -> str:
    """What a header of `read_header` must say of the place of its pixels, and does not; "" where it says all."""
    known = readable(header)
    return quoted(header, [key for key in NEEDED if known.get(key, "") == ""])


def unseen(header: dict, observers=OBSERVERS) -> dict[str, str]:
    """What of the view a header of `read_header` does not tell, each with the keys that should and have no number.

    observers : the groups of keys of which one must be whole
    """
    known, found = set(readable(header)), {}
    turn = next(filter(None, (set(keys) & set(header) for keys in TURNS)), {"CROTA2"})  # the standard omits zeros
    bad = [quoted(header, [key for key in dict.fromkeys(sum(groups, ())) if key in header and key not in known])
           for groups in (observers, TURNS)]
    if not any(set(keys) <= known for keys in observers):
        found["where the observer was (CRLN_OBS, CRLT_OBS, DSUN_OBS)"] = bad[0]
    if bad[1] or not turn <= known:
        found["how the camera was turned (CROTA2, or PCi_j)"] = bad[1]
    return found


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
