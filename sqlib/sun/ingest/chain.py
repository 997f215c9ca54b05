"""From records to egression power: the chain that the paper ran for each of its events (Section 2.2).

Records → tracked patches → rotation and slow flows taken off → gaps filled → holography by the Sun's times.
The cube lies inside the patch by the width of the pupil, and ends before the records by the longest travel time, so
that every pixel of it was seen with its whole pupil.
"""

import math
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from types import MappingProxyType
from typing import NamedTuple

import numpy as np
import torch
from astropy.coordinates import angular_separation
from sunpy.coordinates import sun

from sqlib.errors import SqError
from sqlib.sun.holography import Holography, check_gaps, egression_power, fill_gaps, make_kernel
from sqlib.sun.ingest.fetch import fetch_records, slots, whole_records
from sqlib.sun.ingest.records import archive_of, opened
from sqlib.sun.ingest.target import Target, carrington, follow
from sqlib.sun.ingest.track import LIMB, Patch, check_patch, make_jobs, project_all
from sqlib.sun.rays import Rays, solar_rays

BLIND = 1 / 3  # share of the patch that may lie too near to the limb
GAP_ADVICE = "choose another time, or frames that end before the gap"


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
    used: int = 0  # records that it was made of
    aside: dict[str, str] = MappingProxyType({})  # names of records that were not used, and why


class Observed(NamedTuple):
    """Egression power of one observation."""

    power: np.ndarray  # (T, H, W) float32, in units of the quiet Sun's mean; row 0 is the northernmost, as in a picture
    truth: dict  # how it was made; what is true nobody knows
    start: datetime  # UTC of frame 0


def extent(event, settings: IngestSettings, rays: Rays | None = None) -> tuple[int, int]:
    """Records and pixels a side that a cube of (frames, size, size) needs: more by the pupil's travel time and radius.

    Raises `SqError` for settings that make no cube, and for a pupil whose travel times are not known.
    """
    for name, low, high in (("size", 16, 1024), ("frames", 8, 4096), ("degree", 0, 6)):
        if type(value := getattr(settings, name)) is not int or not low <= value <= high:
            raise SqError(f"ingest: {name} must be a whole number from {low} to {high}, not {value!r}")
    if not settings.slowest >= 600:
        raise SqError(f"ingest: slowest is {settings.slowest!r}; below 600 s the waves of five minutes leave, too")
    delay = float(np.max((rays or solar_rays()).group(np.array(settings.pupil))))
    reach = math.ceil(settings.pupil[1] / event.pixel)
    return settings.frames + math.ceil(delay / event.cadence), settings.size + 2 * reach


def check_place(event, target: Target, patch: Patch, frames: int) -> None:
    """Raise `SqError` for a target that comes too near to the limb in the movie, before gigabytes of it are fetched."""
    check_patch(patch)
    times = [event.start, event.start + timedelta(seconds=frames * event.cadence)]
    for time, place in zip(times, np.radians(follow(target, times, patch.rotation))):
        if (angle := math.degrees(angular_separation(*place, 0, sun.B0(time).rad))) > LIMB:
            raise SqError(f"the target stands {angle:.0f}° from disk centre at {time:%Y-%m-%d %H:%M} UTC; beyond "
                          f"{LIMB:g}° foreshortening leaves nothing of the waves (and beyond 90° the Sun hides it): "
                          "choose another time or place")


def without_surface(stack: np.ndarray, degree: int) -> np.ndarray:
    """Frames (T, H, W) without their polynomials in x and y up to `degree`; changes `stack`.

    What leaves is what varies over the whole patch: the observer's velocity, solar rotation, the limb shift. NaN stay:
    the same pixels in all frames, and frames that are NaN throughout.
    """
    y, x = np.meshgrid(*(np.linspace(-1, 1, n) for n in stack.shape[1:]), indexing="ij")
    seen = np.isfinite(stack).any(0)
    basis = np.stack([x[seen] ** i * y[seen] ** j for i in range(degree + 1) for j in range(degree + 1 - i)], 1)
    base = np.linalg.qr(basis)[0]
    for frame in stack:
        values = frame[seen].astype(np.float64)
        frame[seen] = values - base @ (base.T @ values)
    return stack


def without_trend(doppler: torch.Tensor, cadence: float, slowest: float) -> torch.Tensor:
    """Dopplergrams (T, H, W) without each pixel's polynomial in time; changes `doppler`.

    Legendre polynomials up to the degree 2 duration / `slowest` hold what needs longer than about `slowest` seconds for
    a turn. They pass over the waves of 5 to 7 mHz, of which less than a hundredth leaves.
    """
    frames = len(doppler)
    degree = min(max(1, round(2 * frames * cadence / slowest)), frames - 1)
    base = np.linalg.qr(np.polynomial.legendre.legvander(np.linspace(-1, 1, frames), degree))[0]
    base = torch.from_numpy(base).to(doppler)
    flat = doppler.view(frames, -1)
    flat -= base @ (base.T @ flat)
    return doppler


def dopplergrams(event, target: Target, records: dict[Path, datetime], settings: IngestSettings,
                 rays: Rays | None = None, **how) -> Movie:
    """Tracked, detrended Dopplergrams of an event from its records; arguments and errors as for `observe`.

    records : the files, each with the time (UTC) of its observation, as `whole_records` finds them
    """
    archive, (frames, size) = archive_of(event), extent(event, settings, rays)
    patch = Patch(size, event.pixel, settings.method, settings.rotation)
    number, offset = slots(list(records.values()), event.start, event.cadence, frames)
    used, aside = {}, {}  # the record of each frame; names of those that are there again
    for (path, time), at in zip(records.items(), number.tolist()):
        if at >= 0 and (first := used.setdefault(at, path)) != path:
            if records[first] != time or not _same(first, path):
                raise SqError(f"two records are of the same frame: {first}, {path}; keep one of each, "
                              f"{event.cadence:g} s apart")
            aside[path.name] = f"the same record as {first.name}"
    # what cannot make a movie is refused before any record is projected
    if not used:
        span = f"{event.start:%Y-%m-%d %H:%M} UTC and {frames} frames of {event.cadence:g} s later"
        raise SqError(f"no record lies between {span}; choose another time or folder")
    missing = ~np.isin(np.arange(frames), list(used))
    check_gaps(missing, f"records of {archive.doppler} are missing", GAP_ADVICE)

    stack = np.full((frames, size, size), np.nan, np.float32)
    jobs = make_jobs({path: records[path] for path in used.values()}, target, patch)
    stack[list(used)] = project_all(jobs, patch, archive, **how)
    stack[np.nanmax(stack, (1, 2), initial=-np.inf) == np.nanmin(stack, (1, 2), initial=np.inf)] = np.nan  # no picture
    bad = [path for at, path in used.items() if np.isnan(stack[at]).all()]
    why = "lacks pixels on the patch, or shows the same value in all"
    aside |= {path.name: why for path in bad}
    missing = np.isnan(stack).all((1, 2))
    blind = np.isnan(stack[~missing]).any(0) | missing.all()
    if blind[size // 2, size // 2] or blind.mean() > BLIND:
        raise SqError(f"the target at longitude {target.longitude:.1f}°, latitude {target.latitude:.1f}° is too near "
                      f"the limb or behind it: {100 * blind.mean():.0f} % of the patch lies more than {LIMB:g}° from "
                      "disk centre; choose another time or a smaller size")
    lacking = f" (the first, {bad[0].name}, {why})" if bad else ""
    gaps = check_gaps(missing, f"records of {event.key} are missing or lack pixels{lacking}", GAP_ADVICE)
    stack[:, blind] = np.nan
    without_surface(stack, settings.degree)
    stack[:, blind] = 0  # as beyond the edge of a patch: nothing is known there, and nothing added
    stack[missing] = np.nan
    doppler = without_trend(fill_gaps(torch.from_numpy(stack)), event.cadence, settings.slowest)
    return Movie(doppler, event.start + timedelta(seconds=offset), tuple(gaps), float(blind.mean()),
                 len(used) - len(bad), aside)


def _same(one: Path, other: Path) -> bool:
    with opened(one) as here, opened(other) as there:
        return np.array_equal(here.data, there.data, equal_nan=True)


def observe(event, target: Target, settings: IngestSettings | None = None, *, folder: Path | None = None,
            email: str | None = None, rays: Rays | None = None, **how) -> Observed:
    """Egression power of one real event, from the archive or from a folder of records.

    Parameters
    ----------
    event : has key, instrument ("MDI" or "HMI"), cadence (s), pixel (Mm), start and time (UTC)
    target : the place that stays in the middle of the cube
    settings : `IngestSettings`; the paper's sizes when None
    folder : full-disk Dopplergrams that you have; without it they are fetched from JSOC and kept
    email : address registered with JSOC; default $JSOC_EMAIL
    rays : travel times; the Sun's when None
    how : workers, scheduler, progress of `project_all`

    Power is given in units of the quiet Sun's mean, taken as median / ln 2: speckle is exponential, and a median heeds
    neither the dark region nor its sunquake. Raises `SqError` for a place or a time that was not observed, and for
    records that are cut off, of another kind or too few.
    """
    settings, archive, rays = settings or IngestSettings(), archive_of(event), rays or solar_rays()
    frames, size = extent(event, settings, rays)
    check_place(event, target, Patch(size, event.pixel, settings.method, settings.rotation), frames)
    aside = {}
    if folder is None:
        records = fetch_records(archive, event.start, frames, email, aside=aside)
    elif not Path(folder).is_dir():
        raise SqError(f"no folder {folder} with full-disk Dopplergrams of {archive.instrument}")
    else:
        records = whole_records(folder, aside=aside)
        within = sum(path.is_dir() for path in Path(folder).glob("[!.]*"))
        if not records and (within or aside):
            raise SqError(f"{folder} itself holds no record; {within} folders in it are not looked into, and "
                          f"{len(aside)} downloads in it have not ended; name the folder that holds the files")
    movie = dopplergrams(event, target, records, settings, rays, **how)
    look = Holography(event.cadence, event.pixel, settings.band, settings.pupil)
    power = egression_power(movie.doppler, make_kernel((frames, size, size), look, rays, edges="drop"))
    power = power[: settings.frames].flip(1).numpy()  # records and maps begin in the south, pictures in the north
    quiet = float(np.median(power)) / math.log(2)
    if not quiet > 0:
        raise SqError(f"{event.key}: the egression power is nought in most pixels: these records show no waves")
    truth = {
        "region": target.region, "stonyhurst": [target.longitude, target.latitude],
        "carrington": list(carrington(target)), "place_at": target.time.isoformat(), "gaps": movie.gaps,
        "blind": movie.blind, "rotation": settings.rotation, "method": settings.method, "quiet": quiet,
        "rays": rays.name, "records": {"given": len(records) + len(aside), "used": movie.used, "frames": frames},
        "aside": {path.name: why for path, why in aside.items()} | dict(movie.aside),
    }
    return Observed(power / quiet, truth, movie.start)
