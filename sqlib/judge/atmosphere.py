"""What stands above a place that a detector names: images of the atmosphere, and how far apart things look.

Figures 13 and 15 of the paper.
Places are pixels (x right, y down) of frames of `shape` (H, W) whose pixels are `pixel` Mm; see `sqlib.data.corona`.
"""

from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path
from typing import NamedTuple

import numpy as np

from sqlib.data import corona
from sqlib.data.catalogue import Event

HALF = 5.5  # px, half a side of the detector's box


class Above(NamedTuple):
    """sunpy maps of a channel and of X-rays (or None), the outline of the detector's box and the known source
    (SkyCoord, or None), `facts` (`corona.distances`), and in words what is left out."""

    images: list
    xrays: object
    outline: object
    source: object
    facts: dict[str, float | None]
    why: str = ""


def candidate(event: Event, place: Sequence[float], frames: Sequence[int], middle: Sequence[float], shape, pixel: float,
              folder: Path, channel: int) -> Above:
    """A user's images (FITS files in `folder`) over a candidate, with the frames' first and last number and the
    Stonyhurst longitude and latitude (degrees) of their `middle` at the time in the event's name, from where it turns
    with the Sun. `SqError` as `corona.patch`, `corona.observed`."""
    from sqlib.sun.ingest.target import Target, follow

    start, end = (event.start + timedelta(seconds=int(n) * event.cadence) for n in frames)
    patch = corona.patch(shape, start, *follow(Target(event.time, *middle), [start])[0].tolist(), pixel)
    images, xrays, why = corona.observed(folder, channel, corona.place(patch, *place), start, end)
    return _above(patch, place, images, xrays, None, why)


def illustration(event: Event, place: Sequence[float], box: Sequence[float], longitude: float, shape, pixel: float,
                 channel: int, rng: np.random.Generator) -> Above:
    """A simulated flare over the middle of an annotated box (x0, y0, x1, y1), of frames at this longitude (degrees)."""
    patch = corona.patch(shape, event.time, longitude, 0.0, pixel)
    source = corona.place(patch, (box[0] + box[2]) / 2, (box[1] + box[3]) / 2)
    return _above(patch, place, *corona.flare(channel, source, event.time, rng), source)


def _above(patch, place, images, xrays, source, why: str = "") -> Above:
    sides = np.array([[-HALF, HALF, HALF, -HALF], [-HALF, -HALF, HALF, HALF]])
    outline = corona.place(patch, *(np.asarray(place)[:, None] + sides))
    return Above(images, xrays, outline, source, corona.distances(corona.place(patch, *place), source, xrays), why)
