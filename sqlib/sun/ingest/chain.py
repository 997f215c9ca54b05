"""From records to egression power: the chain that the paper ran for each of its events (Section 2.2).

Records → tracked patches → without rotation and slow flows → gaps filled → holography with the Sun's travel times.
The cube lies inside the patch by the width of the pupil, and ends before the records by the longest travel time, so that
every pixel of it was seen with its whole pupil.
"""

import math
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from astropy.io import fits
from sunpy.coordinates import sun

from sqlib.errors import SqError
from sqlib.paths import replacing
from sqlib.sun.holography import LONGEST_GAP, Holography, egression_power, fill_gaps, find_gaps, make_kernel
from sqlib.sun.ingest.fetch import fetch_magnetogram, fetch_records, slots, whole_records
from sqlib.sun.ingest.records import Archive, archive_of, observed_at, read_header
from sqlib.sun.ingest.target import Target, carrington, follow
from sqlib.sun.ingest.track import LIMB, Patch, check_patch, make_jobs, patch_header, project, project_all
from sqlib.sun.rays import Rays, solar_rays

BLIND = 1 / 3  # share of the patch that may lie too near to the limb


@dataclass(frozen=True)
class IngestSettings:
    """How an observation becomes a cube of (frames, size, size)."""

    size: int = 256
    frames: int = 256
    method: str = "adaptive"  # how records are sampled: adaptive or interp
    rotation: str = "howard"  # model of the Sun's rotation that the patch follows
    degree: int = 2  # of the polynomial in space that leaves with each frame: rotation, the spacecraft's orbit
    slowest: float = 3600.0  # s; motions slower than this leave each pixel: supergranulation, what is left of the trend
    band: tuple[float, float] = (5.0, 7.0)  # mHz
    pupil: tuple[float, float] = (15.0, 45.0)  # Mm


class Movie(NamedTuple):
    """Dopplergrams on the tracked patch."""

    doppler: torch.Tensor  # (T, H, W) m/s, without trend and gaps; zero where the limb is too near
    start: datetime  # UTC of the first frame, by the instrument's own clock
    gaps: tuple[tuple[int, int], ...]  # first and last frame of those that were interpolated
    blind: float  # share of the patch too near to the limb


class Observed(NamedTuple):
    """Egression power of one observation, with the same first four fields as a simulated one (`sqlib.sun.twin.TwinCube`)."""

    power: np.ndarray  # (T, H, W) float32, in units of the quiet Sun's mean; row 0 is the northernmost, as in a picture
    first_frame: int
    boxes: tuple
    truth: dict  # how it was made; what is true nobody knows
    start: datetime  # UTC of frame 0


def check_settings(settings: IngestSettings) -> None:
    """Raise `SqError` for settings that make no cube."""
    for name, low, high in (("size", 16, 1024), ("frames", 8, 4096), ("degree", 0, 6)):
        value = getattr(settings, name)
        if isinstance(value, bool) or not isinstance(value, int) or not low <= value <= high:
            raise SqError(f"ingest: {name} must be a whole number from {low} to {high}, not {value!r}")
    if not settings.slowest >= 600:
        raise SqError(f"ingest: slowest must be at least 600 s, or the waves of five minutes leave too; it is {settings.slowest!r}")


def extent(event, settings: IngestSettings, rays: Rays | None = None) -> tuple[int, int]:
    """Records and pixels a side that a cube of (frames, size, size) needs: more by the pupil's travel time and radius.

    Raises `SqError` as `check_settings` does, and for a pupil whose travel times are not known.
    """
    check_settings(settings)
    reach = math.ceil(settings.pupil[1] / event.pixel)
    delay = math.ceil(float(np.max((rays or solar_rays()).group(np.array(settings.pupil)))) / event.cadence)
    return settings.frames + delay, settings.size + 2 * reach


def check_place(event, target: Target, patch: Patch, frames: int) -> None:
    """Raise `SqError` for a target that comes too near to the limb during the movie, before gigabytes of it are fetched."""
    check_patch(patch)
    times = [event.start, event.start + timedelta(seconds=frames * event.cadence)]
    for time, (longitude, latitude) in zip(times, np.radians(follow(target, times, patch.rotation))):
        tilt = float(sun.B0(time).rad)
        toward = math.sin(latitude) * math.sin(tilt) + math.cos(latitude) * math.cos(tilt) * math.cos(longitude)
        if (angle := math.degrees(math.acos(min(toward, 1.0)))) > LIMB:
            raise SqError(
                f"the target stands {angle:.0f}° from disk centre at {time:%Y-%m-%d %H:%M} UTC; beyond {LIMB:g}° foreshortening "
                "leaves nothing of the waves (and beyond 90° the Sun hides it): choose another time or place"
            )


def without_surface(stack: np.ndarray, degree: int) -> np.ndarray:
    """Frames (T, H, W) without their polynomials in x and y up to `degree`, fitted to the finite pixels; changes `stack`.

    What leaves is what varies over the whole patch: the observer's velocity, solar rotation, the limb shift. NaN stay; the
    finite pixels are the same in all frames, but for frames that are NaN throughout.
    """
    height, width = stack.shape[1:]
    y, x = np.meshgrid(np.linspace(-1, 1, height), np.linspace(-1, 1, width), indexing="ij")
    basis = np.stack([x**i * y**j for i in range(degree + 1) for j in range(degree + 1 - i)])
    for frame in stack:
        seen = np.isfinite(frame)
        if seen.any():
            base = np.linalg.qr(basis[:, seen].T)[0]
            values = frame[seen].astype(np.float64)
            frame[seen] = values - base @ (base.T @ values)
    return stack


def without_trend(doppler: torch.Tensor, cadence: float, slowest: float) -> torch.Tensor:
    """Dopplergrams (T, H, W) without each pixel's polynomial in time; changes `doppler`.

    Legendre polynomials up to the degree 2 duration / `slowest` hold what needs longer than about `slowest` seconds for a
    turn. They pass over the waves of 5 to 7 mHz, of which less than a hundredth leaves.
    """
    frames = len(doppler)
    degree = min(max(1, round(2 * frames * cadence / slowest)), frames - 1)
    base = np.linalg.qr(np.polynomial.legendre.legvander(np.linspace(-1, 1, frames), degree))[0]
    base = torch.from_numpy(base).to(doppler)
    flat = doppler.view(frames, -1)
    flat -= base @ (base.T @ flat)
    return doppler


def dopplergrams(
    event, target: Target, records: dict[Path, datetime], settings: IngestSettings, rays: Rays | None = None,
    workers: int | None = None, scheduler: str | None = None, progress: bool = True,
) -> Movie:  # fmt: skip
    """Tracked, detrended Dopplergrams of an event from its records; arguments and errors as for `observe`.

    records : the files, each with the time (UTC) of its observation, as `whole_records` finds them
    """
    archive, (frames, size) = archive_of(event), extent(event, settings, rays)
    patch = Patch(size, event.pixel, settings.method, settings.rotation)
    number, offset = slots(list(records.values()), event.start, event.cadence, frames)
    used = {path: time for (path, time), i in zip(records.items(), number) if i >= 0}
    number = number[number >= 0]
    _check_slots(number, frames, used, event, archive)
    found = project_all(make_jobs(used, target, patch), patch, archive, workers, scheduler, progress)
    stack = np.full((frames, size, size), np.nan, np.float32)
    stack[number] = found
    del found
    missing = np.isnan(stack).all((1, 2))
    blind = np.isnan(stack[~missing]).any(0) if not missing.all() else np.ones((size, size), bool)
    if blind[size // 2, size // 2] or blind.mean() > BLIND:
        raise SqError(
            f"the target at longitude {target.longitude:.1f}°, latitude {target.latitude:.1f}° is too near to the limb or behind "
            f"it: {100 * blind.mean():.0f} % of the patch lies more than {LIMB:g}° from disk centre; choose another time or a "
            "smaller size"
        )
    stack[:, blind] = np.nan
    without_surface(stack, settings.degree)
    stack[:, blind] = 0  # as beyond the edge of a patch: nothing is known there, and nothing added
    stack[missing] = np.nan
    gaps = _short_gaps(missing, f"records of {event.key} are missing or lack pixels")
    doppler = without_trend(fill_gaps(torch.from_numpy(stack)), event.cadence, settings.slowest)
    return Movie(doppler, event.start + timedelta(seconds=offset), tuple(gaps), float(blind.mean()))


def _check_slots(number: np.ndarray, frames: int, records, event, archive: Archive) -> None:
    """Refuse records of another time, two of the same frame, and records that leave too long a gap, before any is projected."""
    if not len(number):
        raise SqError(f"no record lies between {event.start:%Y-%m-%d %H:%M} UTC and {frames} frames of {event.cadence:g} s later")
    values, counts = np.unique(number, return_counts=True)
    if (counts > 1).any():
        double = [str(path) for path, i in zip(records, number) if i == values[counts > 1][0]]
        raise SqError(f"two records are of the same frame: {', '.join(double)}; keep one of each, {event.cadence:g} s apart")
    lacking = np.ones(frames, bool)
    lacking[number] = False
    _short_gaps(lacking, f"records of {archive.doppler} are missing")


def _short_gaps(lacking: np.ndarray, words: str) -> list[tuple[int, int]]:
    """The gaps of frames that are `lacking`, or `SqError` for one too long to be interpolated."""
    gaps = find_gaps(lacking)
    if long := [f"frames {a}–{b}" for a, b in gaps if b - a + 1 > LONGEST_GAP]:
        raise SqError(f"{int(lacking.sum())} of {len(lacking)} {words}; gaps of more than {LONGEST_GAP} frames cannot be "
                      f"interpolated: {', '.join(long)}; choose another time, or frames that end before the gap")  # fmt: skip
    return gaps


def observe(
    event, target: Target, settings: IngestSettings | None = None, *, folder: Path | None = None, email: str | None = None,
    rays: Rays | None = None, workers: int | None = None, scheduler: str | None = None, progress: bool = True,
) -> Observed:  # fmt: skip
    """Egression power of one real event, from the archive or from a folder of records.

    Parameters
    ----------
    event : has key, instrument ("MDI" or "HMI"), cadence (s), pixel (Mm), start and time (UTC)
    target : the place that stays in the middle of the cube
    settings : `IngestSettings`; the paper's sizes when None
    folder : full-disk Dopplergrams that you have; without it they are fetched from JSOC and kept
    email : address registered with JSOC; default $JSOC_EMAIL
    rays : travel times; the Sun's when None
    workers, scheduler, progress : as for `project_all`

    Power is given in units of the quiet Sun's mean, taken as median / ln 2: speckle is exponential, and a median heeds
    neither the dark region nor its sunquake.

    Raises
    ------
    SqError : for a place or a time that was not observed, records that are cut off, of another kind or too few
    """
    settings, archive = settings or IngestSettings(), archive_of(event)
    rays = rays or solar_rays()
    frames, size = extent(event, settings, rays)
    check_place(event, target, Patch(size, event.pixel, settings.method, settings.rotation), frames)
    if folder is None:
        records = fetch_records(archive, event.start, frames, email)
    elif not Path(folder).is_dir():
        raise SqError(f"no folder {folder} with full-disk Dopplergrams of {archive.instrument}")
    else:
        records = whole_records(folder)
    movie = dopplergrams(event, target, records, settings, rays, workers, scheduler, progress)
    look = Holography(event.cadence, event.pixel, settings.band, settings.pupil)
    power = egression_power(movie.doppler, make_kernel((frames, size, size), look, rays, edges="drop"))
    power = power[: settings.frames].flip(1).numpy()  # records and maps begin in the south, pictures in the north
    quiet = float(np.median(power)) / math.log(2)
    if not quiet > 0:
        raise SqError(f"{event.key}: the egression power is nought in most pixels: these records show no waves")
    longitude, latitude = carrington(target)
    truth = {
        "region": target.region, "stonyhurst": [target.longitude, target.latitude], "carrington": [longitude, latitude],
        "place_at": target.time.isoformat(), "gaps": movie.gaps, "blind": movie.blind, "rotation": settings.rotation,
        "method": settings.method, "quiet": quiet, "rays": rays.name,
    }  # fmt: skip
    return Observed(power / quiet, 0, (), truth, movie.start)


def save_magnetogram(event, target: Target, path: Path, settings: IngestSettings | None = None, *, record: Path | None = None,
                     email: str | None = None) -> Path:  # fmt: skip
    """Write the magnetogram nearest to the event on the cube's own pixels: float32 (size, size) in Gauss, FITS with its WCS.

    As in the cube, row 0 is the northernmost; the WCS says so.
    record : a full-disk magnetogram that you have; without it, it is fetched from JSOC. Errors as for `observe`.
    """
    settings, archive = settings or IngestSettings(), archive_of(event)
    record = record or fetch_magnetogram(archive, event.time, email)
    patch = Patch(settings.size, event.pixel, settings.method, settings.rotation)
    [job] = make_jobs({record: observed_at(read_header(record), record)}, target, patch)
    field = project(job, patch, archive, "magnetogram")
    header = fits.Header(patch_header(patch, job.longitude, job.latitude, job.time) | {"BUNIT": "G", "RECORD": record.name[:60]})
    header["CDELT2"] *= -1
    with replacing(path) as new:
        fits.PrimaryHDU(field[::-1], header).writeto(new)
    return path
