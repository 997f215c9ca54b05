"""Full-disk records to patches that stay on the same piece of the Sun: Postel's projection round a place that turns with it.

Postel's map (azimuthal equidistant, "ARC" in FITS) keeps distances from its middle, and near the middle all distances,
which is what holography's travel times ask for. The middle follows the differential rotation at its own latitude.
"""

import math
import warnings
from contextlib import closing
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import NamedTuple

import numpy as np
import reproject
import sunpy.map
from astropy.time import Time
from astropy.wcs import WCS
from astropy.wcs.utils import pixel_to_pixel
from dask.system import CPU_COUNT
from sunpy.coordinates import HeliographicStonyhurst
from tqdm import tqdm

from sqlib.errors import SqError
from sqlib.sun.ingest.records import Archive, check_header, opened, scale, whole
from sqlib.sun.ingest.target import ROTATIONS, Target, follow
from sqlib.workers import check_workers, each

RADIUS = 696.0  # Mm, RSUN_REF of both instruments
METHODS = ("adaptive", "interp")
SMALL_DISK = 1024  # pixels a side; a record of MDI is read faster than it is thought about
LIMB = 80.0  # degrees from disk centre; beyond, a pixel is seen under less than a fifth of its width


@dataclass(frozen=True)
class Patch:
    """The map: `size` pixels of `pixel` Mm a side, how it is sampled, and the model of rotation that it follows."""

    size: int
    pixel: float
    method: str = "adaptive"  # averages over what a pixel covers; "interp" reads the nearest four (faster, noisier)
    rotation: str = "howard"


class Job(NamedTuple):
    """One record to project."""

    path: Path
    time: datetime
    longitude: float  # of the patch's middle at that time, Stonyhurst degrees
    latitude: float


def check_patch(patch: Patch) -> None:
    """Raise `SqError` for a patch that cannot be made."""
    if patch.method not in METHODS:
        raise SqError(f"method is one of {', '.join(METHODS)}, not {patch.method!r}")
    if patch.rotation not in ROTATIONS:
        raise SqError(f"rotation is one of {', '.join(ROTATIONS)}, not {patch.rotation!r}")
    if not (isinstance(patch.size, int) and patch.size > 1 and patch.pixel > 0 and patch.size * patch.pixel < 2 * RADIUS):
        raise SqError(f"a patch of {patch.size} pixels of {patch.pixel} Mm does not fit on the Sun")


def patch_header(patch: Patch, longitude: float, latitude: float, time: datetime) -> dict:
    """FITS header of the Postel map round a place (Stonyhurst degrees) at a time: x to the west, y to the north."""
    step, middle = math.degrees(patch.pixel / RADIUS), (patch.size + 1) / 2
    return {
        "NAXIS": 2, "NAXIS1": patch.size, "NAXIS2": patch.size, "CTYPE1": "HGLN-ARC", "CTYPE2": "HGLT-ARC", "CUNIT1": "deg",
        "CUNIT2": "deg", "CDELT1": step, "CDELT2": step, "CRPIX1": middle, "CRPIX2": middle, "CRVAL1": longitude,
        "CRVAL2": latitude, "LONPOLE": 180.0, "DATE-OBS": time.isoformat(timespec="milliseconds"), "RSUN_REF": RADIUS * 1e6,
    }  # fmt: skip


def places(patch: Patch, longitude: float, latitude: float) -> tuple[np.ndarray, np.ndarray]:
    """Stonyhurst longitude and latitude (rad) of the patch's pixels, (size, size) each, in closed form."""
    step = (np.arange(patch.size) - (patch.size - 1) / 2) * patch.pixel / RADIUS
    x, y = step[None, :], step[:, None]
    arc, middle = np.hypot(x, y), math.radians(latitude)
    ratio = np.sinc(arc / np.pi)  # sin(arc) / arc
    up = np.arcsin(np.clip(np.cos(arc) * math.sin(middle) + y * ratio * math.cos(middle), -1, 1))
    return math.radians(longitude) + np.arctan2(x * ratio, math.cos(middle) * np.cos(arc) - y * ratio * math.sin(middle)), up


def project(job: Job, patch: Patch, archive: Archive, kind: str = "doppler") -> np.ndarray:
    """One record on the patch: (size, size) float32 in m/s (or Gauss), NaN where the Sun's limb is nearer than `LIMB` allows.

    All NaN where the record lacks pixels inside the visible part: such a frame counts as missing. Only the part of the disk
    that the patch needs is read. Raises `SqError` for records of which nobody can tell what and where they show.
    """
    with opened(job.path) as image:
        with whole(job.path):
            header = dict(image.header)
        check_header(header, job.path, archive, kind)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of keys that astropy has put right
            stand_in = {key: value for key, value in header.items() if key != "BUNIT"} | {"NAXIS1": 2, "NAXIS2": 2}
            disk = sunpy.map.Map(np.zeros((2, 2), np.float32), stand_in)
            source, target = disk.wcs, WCS(patch_header(patch, job.longitude, job.latitude, job.time))
            seen = _seen(patch, job, disk.observer_coordinate, job.time)
            if not seen.any():
                return np.full(seen.shape, np.nan, np.float32)
            top, bottom, left, right = _window(source, target, patch, seen, image.shape)
            with whole(job.path):
                pixels = np.asarray(image.section[top:bottom, left:right], dtype=np.float32)
            if "BLANK" in header and header["BITPIX"] > 0:  # sections of some kinds of image keep the stored blanks
                pixels[pixels == np.float32(header["BLANK"] * header.get("BSCALE", 1) + header.get("BZERO", 0))] = np.nan
            source.wcs.crpix -= (left, top)
            source.array_shape = pixels.shape
            shape = (patch.size, patch.size)
            if patch.method == "interp":
                found = reproject.reproject_interp((pixels, source), target, shape_out=shape, return_footprint=False)
            else:
                found = reproject.reproject_adaptive(
                    (pixels, source), target, shape_out=shape, return_footprint=False, kernel="hann", center_jacobian=False
                )
    if not np.isfinite(found[seen]).all():
        return np.full(shape, np.nan, np.float32)
    return np.where(seen, found * scale(header, job.path, kind), np.nan).astype(np.float32)


def _seen(patch: Patch, job: Job, observer, time: datetime) -> np.ndarray:
    """Which pixels of the patch lie within `LIMB` degrees of the middle of the disk."""
    where = observer.transform_to(HeliographicStonyhurst(obstime=Time(time)))
    longitude, latitude = places(patch, job.longitude, job.latitude)
    east, up = where.lon.rad, where.lat.rad
    toward = np.sin(latitude) * math.sin(up) + np.cos(latitude) * math.cos(up) * np.cos(longitude - east)
    return toward > math.cos(math.radians(LIMB))


def _window(source, target, patch: Patch, seen: np.ndarray, shape) -> tuple[int, int, int, int]:
    """Rows and columns of the record that the seen part of the patch needs, with room for interpolation."""
    if max(shape) <= SMALL_DISK:
        return 0, shape[0], 0, shape[1]
    every = max(patch.size // 24, 1)
    y, x = (part.ravel() for part in np.mgrid[0 : patch.size + every : every, 0 : patch.size + every : every])
    inside = np.minimum(y, patch.size - 1), np.minimum(x, patch.size - 1)
    keep = seen[inside]
    if not keep.any():
        keep[:] = True
    column, row = pixel_to_pixel(target, source, inside[1][keep], inside[0][keep])
    margin = 8 + int(0.03 * max(np.ptp(row), np.ptp(column))) + every
    bounds = []
    for values, length in ((row, shape[0]), (column, shape[1])):
        low, high = int(np.nanmin(values)) - margin, int(np.nanmax(values)) + margin + 1
        bounds += [min(max(low, 0), length - 2), max(min(high, length), 2)]
    return tuple(bounds)


def project_all(jobs: list[Job], patch: Patch, archive: Archive, workers: int | None = None, scheduler: str | None = None,
                progress: bool = True) -> np.ndarray:  # fmt: skip
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
        for place, result in tqdm(made, total=len(jobs), desc="projecting", unit="frame", disable=not progress, delay=2):
            if isinstance(result, Exception):
                raise result
            stack[place] = result
    return stack


def make_jobs(records: dict[Path, datetime], target: Target, patch: Patch) -> list[Job]:
    """The records of a movie (with their times, UTC) and the place of the patch's middle in each; errors as for `follow`."""
    where = follow(target, list(records.values()), patch.rotation)
    return [Job(path, time, *map(float, place)) for (path, time), place in zip(records.items(), where)]
