"""A rotating Sun as an instrument would record it, painted with a wave field: what the ingest must undo.

Everything here is spherical trigonometry in NumPy, written without sunpy's coordinates and without reproject, so that a
round trip tests the ingest against something that it does not share. No observation: files say so in SIMULATE.
"""

import math
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

import numpy as np
from astropy.io import fits
from scipy.ndimage import map_coordinates
from sunpy.coordinates import sun
from sunpy.time import parse_time

RADIUS = 696e6  # m, RSUN_REF of both instruments
ARCSEC = math.radians(1 / 3600)
NOON = datetime(2012, 7, 4, 12)
HOWARD = (2.894e-6, -0.428e-6, -0.370e-6)  # rad/s sidereal, doi:10.1007/BF00156795
YEAR = 2 * math.pi / (365.2564 * 86400)  # rad/s: the Earth goes round, so the Sun seems to turn more slowly


@dataclass(frozen=True)
class Camera:
    """How an instrument's full-disk images are laid out."""

    instrument: str
    pixels: int  # of the real detector
    step: float  # arcsec
    tilt: float  # degrees, CROTA2
    distance: float  # m
    latitude: float  # degrees, B0


# as the headers of real records have them (HMI stands nearly upside down; SOHO is one per cent nearer to the Sun)
CAMERAS = {
    "HMI": Camera("HMI", 4096, 0.504, 179.93, 1.482e11, -6.8),
    "MDI": Camera("MDI", 1024, 1.98, 0.0, 1.470e11, 5.9),
}


def header_of(camera: Camera, time: datetime, cadence: float, pixels: int) -> dict:
    """Header of a Dopplergram of `pixels` x `pixels` (the camera's own number, or fewer and coarser) at `time`, UTC."""
    tai = parse_time(time).tai.to_datetime().strftime("%Y.%m.%d_%H:%M:%S.%f")[:-3] + "_TAI"
    begun, step = time - timedelta(seconds=cadence / 2), camera.step * camera.pixels / pixels
    header = {
        "T_REC": tai, "T_OBS": tai, "DATE-OBS": begun.isoformat(timespec="milliseconds"), "CTYPE1": "HPLN-TAN",
        "CTYPE2": "HPLT-TAN", "CUNIT1": "arcsec", "CUNIT2": "arcsec", "CDELT1": step, "CDELT2": step,
        "CRPIX1": pixels / 2 + 0.9, "CRPIX2": pixels / 2 + 0.2, "CRVAL1": 0.0, "CRVAL2": 0.0, "CROTA2": camera.tilt,
        "DSUN_OBS": camera.distance, "RSUN_REF": RADIUS, "RSUN_OBS": math.asin(RADIUS / camera.distance) / ARCSEC,
        "CRLN_OBS": float(sun.L0(time).deg), "CRLT_OBS": camera.latitude, "CADENCE": cadence, "BUNIT": "m/s",
        "QUALITY": 0, "SIMULATE": True,
    }
    if camera.instrument == "HMI":
        return header | {"TELESCOP": "SDO/HMI", "INSTRUME": "HMI_FRONT2", "CAMERA": 2, "CONTENT": "DOPPLERGRAM",
                         "WAVELNTH": 6173.0}
    return header | {"TELESCOP": "SOHO", "CAMERA": "MDI", "CONTENT": "MDI Full Disk Dopplergram", "WAVELNTH": 6768}


def rotation_rate(latitude, synodic: bool = True):
    """Rate of the surface at `latitude` (rad) in rad/s, seen from the Earth or (not `synodic`) from the stars."""
    square = np.sin(latitude) ** 2
    return HOWARD[0] + HOWARD[1] * square + HOWARD[2] * square**2 - synodic * YEAR


def see(camera: Camera, header: dict, box: tuple[slice, slice]):
    """Where the lines of sight of the pixels in `box` (rows, columns) meet the Sun.

    Returns Stonyhurst longitude and latitude (rad), NaN beside the disk, and the velocity of rotation along the line of
    sight (m/s).
    """
    rows, columns = (np.arange(part.start, part.stop) for part in box)
    x = (columns[None, :] + 1 - header["CRPIX1"]) * header["CDELT1"] * ARCSEC
    y = (rows[:, None] + 1 - header["CRPIX2"]) * header["CDELT2"] * ARCSEC
    turn = math.radians(camera.tilt)
    # in the tangent plane, solar north up
    x, y = x * math.cos(turn) - y * math.sin(turn), x * math.sin(turn) + y * math.cos(turn)
    # line of sight: from (0, 0, D) along (x, y, -1); Sun at the origin, west to the right
    a, b, c = 1 + x**2 + y**2, -2 * camera.distance, camera.distance**2 - RADIUS**2
    with np.errstate(invalid="ignore"):
        path = (-b - np.sqrt(b * b - 4 * a * c)) / (2 * a)
    px, py, pz = x * path / RADIUS, y * path / RADIUS, (camera.distance - path) / RADIUS
    tilt = math.radians(camera.latitude)
    latitude = np.arcsin(py * math.cos(tilt) + pz * math.sin(tilt))
    toward = pz * math.cos(tilt) - py * math.sin(tilt)
    longitude = np.arctan2(px, toward)
    # the surface moves west; away from us is positive
    speed = rotation_rate(latitude, synodic=False) * RADIUS * np.cos(latitude)
    sight = np.stack(np.broadcast_arrays(x, y, -np.ones_like(x * y))) / np.sqrt(a)
    west = np.stack([np.cos(longitude), np.sin(longitude) * math.sin(tilt), -np.sin(longitude) * math.cos(tilt)])
    return longitude, latitude, speed * (sight * west).sum(0)


def paint(movie: np.ndarray, pixel: float, camera: Camera, place, start: datetime, cadence: float, fixed: datetime,
          folder: Path, pixels: int | None = None, drift: float = 3000.0, frames=None) -> list[Path]:
    """Write the frames of a wave field as full-disk Dopplergrams of a rotating Sun.

    Parameters
    ----------
    movie : (T, H, W) m/s, on an azimuthal equidistant map of `pixel` Mm, which moves with the surface at its middle
    place : Stonyhurst longitude and latitude (degrees) of the map's middle at the time `fixed`
    start, cadence : time of the first frame (UTC), s
    pixels : side of the images; the camera's own when None
    drift : m/s of velocity of the observer, rising over the movie: the orbit of a spacecraft
    frames : which frames to write; all when None

    Beside the map, the disk shows rotation alone, at a resolution of eight pixels. Returns the files.
    """
    pixels, files = pixels or camera.pixels, []
    folder.mkdir(parents=True, exist_ok=True)
    size = np.array(movie.shape[1:])
    whole = (slice(0, pixels), slice(0, pixels))
    for i in range(len(movie)) if frames is None else frames:
        time = start + timedelta(seconds=i * cadence)
        header = header_of(camera, time, cadence, pixels)
        latitude0 = math.radians(place[1])
        longitude0 = math.radians(place[0]) + rotation_rate(latitude0) * (time - fixed).total_seconds()
        if not files:  # where the map can lie in the image; it moves by a few pixels in the hours of a movie
            longitude, latitude, turning = see(camera, header, whole)
            reach = 1.3 * max(size) / math.sqrt(2) * pixel * 1e6 / RADIUS
            near = np.cos(longitude - longitude0) * np.cos(latitude) * math.cos(latitude0)
            near = near + np.sin(latitude) * math.sin(latitude0) > math.cos(min(reach, math.pi))
            rows, columns = (np.flatnonzero(near.any(axis)) for axis in (1, 0))
            box = slice(rows[0], rows[-1] + 1), slice(columns[0], columns[-1] + 1)
            back = turning
        longitude, latitude, turning = see(camera, header, box)
        late = longitude - longitude0
        near = np.sin(latitude) * math.sin(latitude0) + np.cos(latitude) * math.cos(latitude0) * np.cos(late)
        arc = np.arccos(np.clip(near, -1, 1))
        unit = arc / np.where(arc > 0, np.sin(arc), 1) * RADIUS / (pixel * 1e6)
        x = unit * np.cos(latitude) * np.sin(late) + (size[1] - 1) / 2
        north = np.sin(latitude) * math.cos(latitude0) - np.cos(latitude) * math.sin(latitude0) * np.cos(late)
        y = unit * north + (size[0] - 1) / 2
        wave = map_coordinates(movie[i], [np.nan_to_num(part, nan=-9) for part in (y, x)], order=3, cval=0.0)
        disk = back.copy()
        disk[box] = turning + wave
        disk += drift * (i / max(len(movie) - 1, 1) - 0.5)
        # 32-bit integers in Rice's compression, as JSOC writes them; NaN beside the disk
        stored = np.where(np.isfinite(disk), np.rint(np.nan_to_num(disk) / 0.1), -(2**31)).astype(np.int32)
        rows = 1 if pixels >= 4096 else 16  # by rows, as JSOC has it, costs small pictures more than all the rest
        image = fits.CompImageHDU(stored, compression_type="RICE_1", tile_shape=(rows, pixels))
        image.header.update(header | {"BSCALE": 0.1, "BZERO": 0.0, "BLANK": -(2**31)})
        files.append(folder / f"painted.{header['T_REC'].replace(':', '')}.fits")
        fits.HDUList([fits.PrimaryHDU(), image]).writeto(files[-1], overwrite=True)
    return files


def write_record(path: Path, time: datetime, pixels: int = 64, rice: bool = False, **changes) -> Path:
    """A small record with the header of one of HMI; a change to None leaves the key out. `rice`: noise, in tiles."""
    header = header_of(CAMERAS["HMI"], time, 45.0, pixels) | changes
    image = fits.ImageHDU(np.zeros((pixels, pixels), np.float32))
    if rice:
        noise = np.random.default_rng(0).normal(0, 1000, (pixels, pixels))
        image = fits.CompImageHDU(noise.astype(np.int32), compression_type="RICE_1")
    image.header.update({key: value for key, value in header.items() if value is not None})
    fits.HDUList([fits.PrimaryHDU(), image]).writeto(path)
    return path
