"""A stand-in for the twin, quick and without physics, for tests of what is done with its cubes.

Importable by Dask's workers and by subprocesses, which is why it is not in conftest.py.
"""

import os
import time
import zlib
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace

import numpy as np


@dataclass(frozen=True)
class Settings:
    size: int = 8
    frames: int = 256
    seed: int = 1265
    log: str = ""  # file that gets a line for each event simulated
    pause: float = 0.0  # seconds each event takes
    broken: str = ""  # key of an event that fails as long as there is no file `log`.mended


def simulate(event, settings):
    """Noise that depends on the event and the seed alone, with one box per annotated interval."""
    time.sleep(settings.pause)
    if event.key == settings.broken and not Path(settings.log + ".mended").exists():
        raise RuntimeError(f"no waves in {event.name}")
    if settings.log:
        descriptor = os.open(settings.log, os.O_WRONLY | os.O_APPEND | os.O_CREAT)
        os.write(descriptor, f"{event.key}\n".encode())  # one write, so that lines of several processes stay whole
        os.close(descriptor)
    rng = np.random.default_rng([settings.seed, zlib.crc32(event.key.encode())])
    power = rng.exponential(size=(settings.frames, settings.size, settings.size)).astype(np.float32)
    boxes = tuple((interval, ((1.0 + i, 2.0, 4.0 + i, 6.5),)) for i, interval in enumerate(event.intervals))
    return SimpleNamespace(power=power, first_frame=0, boxes=boxes, truth={"event": event.key})
