"""Compressed FITS files, opened without letting a small file unpack to a huge one."""

import gzip
import zlib
from io import BytesIO
from pathlib import Path
from typing import BinaryIO

import numpy as np
from astropy.io import fits

DEFLATE = 1032  # to so many bytes gzip can unpack one, at most


class Undelivered(ValueError):
    """Nothing, or a web page, in place of a file."""


def begins(path: Path) -> bytes:
    """The first six bytes of a file, unpacked where it is packed with gzip; none where it cannot be read."""
    try:
        with open(path, "rb") as file:
            packed = file.read(2) == b"\x1f\x8b"
        with gzip.open(path) if packed else open(path, "rb") as file:
            return file.read(6)
    except (OSError, EOFError, zlib.error):
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
    if first.startswith(b"SIMPLE"):
        found, size = open(path, "rb"), path.stat().st_size  # noqa: SIM115  whoever asked closes it
    elif first.startswith(b"\x1f\x8b"):
        found = BytesIO()
        with gzip.open(path) as file:
            while found.tell() <= limit and (part := file.read(2**20)):
                found.write(part)
        size = found.tell()
        found.seek(0)
    else:
        raise ValueError(f"{path} is no complete FITS file: it does not begin with SIMPLE; unpack it")
    if size > limit:
        found.close()
        raise ValueError(f"{path} has more than {limit >> 20} MiB, unpacked, which {what} never has")
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
