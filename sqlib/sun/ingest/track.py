"""Full-disk records to patches that stay on the same piece of the Sun, by Postel's projection round its middle.

Postel's map (azimuthal equidistant, "ARC" in FITS) keeps distances from its middle, and near the middle all distances,
which is what holography's travel times ask for. The middle follows the differential rotation at its own latitude.
"""

import math
from contextlib import closing
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from pathlib import Path

import astropy.units as u
import numpy as np
from astropy.coordinates import SkyCoord, angular_separation
from astropy.wcs import WCS
from astropy.wcs.utils import pixel_to_pixel
from dask.system import CPU_COUNT
from reproject import reproject_adaptive, reproject_interp
from sunpy.coordinates import HeliographicStonyhurst
from tqdm import tqdm

from sqlib.errors import SqError
from sqlib.fits_files import read_header, readable, without_fill
from sqlib.sun.ingest.records import Archive, check_header, opened
from sqlib.sun.ingest.target import Target, follow
from sqlib.sun.scene import SOLAR_RADIUS
from sqlib.workers import check_workers, each

LIMB = 80.0  # degrees from disk centre; beyond, a pixel is seen under less than a fifth of its width
MOST = 9000.0  # m/s; no pixel of the Sun's surface has more, but fill values have (-9999, 1e20)
METHODS = {
    "adaptive": partial(reproject_adaptive, kernel="hann", center_jacobian=False),  # averages over what a pixel covers
    "interp": reproject_interp,  # reads the nearest four (faster, noisier)
}


@dataclass(frozen=True)
class Patch:
    """The map: `size` pixels of `pixel` Mm a side, how it is sampled, and the model of rotation that it follows."""

    size: int
    pixel: float
    method: str = "adaptive"
    rotation: str = "howard"


def check_patch(patch: Patch) -> None:
    """Raise `SqError` for a patch that cannot be made."""
    if patch.method not in METHODS:
        raise SqError(f"method is one of {', '.join(METHODS)}, not {patch.method!r}")
    if not (patch.size > 1 and 0 < patch.size * patch.pixel < 2 * SOLAR_RADIUS):
        raise SqError(f"a patch of {patch.size} pixels of {patch.pixel} Mm does not fit on the Sun")


def patch_header(patch: Patch, middle: Target) -> dict:
    """FITS header of the Postel map round a place at a time: x to the west, y to the north."""
    from sunpy.map.header_helper import make_fitswcs_header  # sunpy's maps take seconds to load

    degrees = middle.longitude * u.deg, middle.latitude * u.deg
    here = SkyCoord(HeliographicStonyhurst(*degrees, obstime=middle.time, rsun=SOLAR_RADIUS * u.Mm))
    scale = np.degrees(patch.pixel / SOLAR_RADIUS) * np.ones(2) * u.deg / u.pix
    return make_fitswcs_header((patch.size, patch.size), here, scale=scale, projection_code="ARC")


def project(job: tuple[Path, Target], patch: Patch, archive: Archive) -> np.ndarray:
    """One record on the patch: (size, size) float32 in m/s, NaN where the limb is nearer than `LIMB` allows.

    job : the file, and the place in the patch's middle at the time of the record, as `make_jobs` has them
    All NaN where the record lacks pixels inside the visible part: such a frame counts as missing. Only the part of the
    disk that the patch needs is read. Raises `SqError` for records of which nobody can tell what and where they show.
    """
    import sunpy.map

    path, middle = job
    with opened(path) as image:
        header = read_header(image.header)
        factor = check_header(header, path, archive)
        given = {key: value for key, value in readable(header).items() if key != "BUNIT"}
        disk = sunpy.map.Map(np.zeros((2, 2), np.float32), given | {"NAXIS1": 2, "NAXIS2": 2})
        source, world = disk.wcs, WCS(patch_header(patch, middle))
        place = np.radians(world.pixel_to_world_values(*np.indices((patch.size, patch.size))[::-1]))
        observer = disk.observer_coordinate
        seen = angular_separation(*place, observer.lon.rad, observer.lat.rad) < math.radians(LIMB)
        rows, columns = _window(disk, world, patch, image.shape)
        if archive.instrument == "HMI":
            _check_rotation(image, disk.wcs, factor, path)
        most = MOST / factor
        pixels, _ = without_fill(image.section[rows, columns], readable(header), -most, most)
    source.wcs.crpix -= (columns.start, rows.start)
    source.array_shape = pixels.shape
    found = METHODS[patch.method]((pixels, source), world, shape_out=seen.shape, return_footprint=False)
    if not np.isfinite(found[seen]).all():
        seen[:] = False
    return np.where(seen, found * factor, np.nan).astype(np.float32)


def _check_rotation(image, wcs: WCS, factor: float, path: Path) -> None:
    """Raise `SqError` where, by the header, the Sun's east would recede: then the camera was turned otherwise.

    The Sun's rotation adds 2 m/s to each second of arc to the west, far above all else that a full disk shows.
    """
    height, width = image.shape
    rows = np.linspace(0.3, 0.7, 9) * height
    values = np.concatenate([image.section[int(row) : int(row) + 1, :] for row in rows]).astype(np.float64) * factor
    x, y = wcs.pixel_to_world_values(np.arange(width)[None, :], rows.astype(int)[:, None])
    x = (x + 180) % 360 - 180  # degrees
    with np.errstate(invalid="ignore"):
        good = (np.hypot(x, y) < 0.22) & (np.abs(values) < MOST)
    if good.sum() > 50:
        slope = np.polyfit(x[good], values[good], 1)[0] / 3600
        if slope < -0.7:
            raise SqError(f"{path}: its header contradicts its picture: by CROTA2 or PCi_j the Sun would turn from "
                          f"west to east (velocities rise by {slope:.1f} m/s an arcsec to the west, not by 2); was the "
                          "picture turned and the header not? Fetch it again")


def _window(disk, world: WCS, patch: Patch, shape) -> list[slice]:
    """Rows and columns of the record that hold the patch, with room for interpolation."""
    some, window = np.linspace(0, patch.size - 1, 25), []
    for at, length in zip(pixel_to_pixel(world, disk.wcs, *np.meshgrid(some, some))[::-1], shape):
        room = 8 + 0.05 * np.ptp(at)
        low, high = np.clip([at.min() - room, at.max() + room + 1], [0, 2], [length - 2, length])
        window.append(slice(int(low), int(high)))
    return window


def project_all(jobs: list[tuple[Path, Target]], patch: Patch, archive: Archive, workers: int | None = None,
                scheduler: str | None = None, progress: bool = True) -> np.ndarray:
    """All records on the patch, (N, size, size) float32, shared among processes.

    workers : processes with one thread each; 0 or 1 works in this process; None: one a core, none for few records
    scheduler : address of a Dask scheduler whose workers see the same files, instead
    Raises `SqError` as `project` and `check_patch` do, for a number of workers that is none, and where none can be had.
    """
    check_patch(patch)
    check_workers(workers)
    if workers is None:
        workers = CPU_COUNT if len(jobs) > 24 and scheduler is None else 0
    stack = np.empty((len(jobs), patch.size, patch.size), np.float32)
    with closing(each(project, [(job, patch, archive) for job in jobs], workers, scheduler)) as made:
        for place, result in tqdm(made, "projecting", len(jobs), unit="frame", disable=not progress, delay=2):
            if isinstance(result, Exception):
                raise result
            stack[place] = result
    return stack


def make_jobs(records: dict[Path, datetime], target: Target, patch: Patch) -> list[tuple[Path, Target]]:
    """The records (with their times, UTC) and the place in the patch's middle in each; errors as for `follow`."""
    places = follow(target, list(records.values()), patch.rotation).tolist()
    return [(path, Target(time, *place)) for (path, time), place in zip(records.items(), places)]
