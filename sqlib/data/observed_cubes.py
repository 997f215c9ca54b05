"""Cubes and frames of real observations, under home()/data/observed: made once for a request, and found again."""

import hashlib
import json
from pathlib import Path

from sqlib.data.cubes import Cube, read_cube, write_cube
from sqlib.data.export import export_frames
from sqlib.data.frames import frames_from_cube
from sqlib.paths import home, remove


def observed_frames(event, target, settings, *, folder: Path | None = None, **how) -> tuple[Path, Path]:
    """The cube (FITS) of one real event, and the folder of its frames in SunquakeNet's layout.

    Arguments and errors are those of `sqlib.sun.ingest.observe`, which does the work unless it was asked before.
    """
    from sqlib.sun.ingest import observe

    kept = home() / "data" / "observed"
    path, frames = kept / "cubes" / f"{event.key}.fits", kept / "frames" / event.key
    place = [float(target.longitude), float(target.latitude)]
    asked = {"settings": vars(settings), "folder": str(folder or ""), "place": place, "rows": "north first"}
    if folder and Path(folder).is_dir():  # records that came or went since make another cube
        files = [(path.name, path.stat()) for path in sorted(Path(folder).glob("[!.]*")) if path.is_file()]
        held = [(name, found.st_size, found.st_mtime_ns) for name, found in files]
        asked["files"] = hashlib.sha256(json.dumps(held).encode()).hexdigest()[:16]
    asked = json.dumps(asked)  # as text, to be compared with what the cube says
    if not (path.is_file() and read_cube(path).truth.get("asked") == asked):
        done = observe(event, target, settings, folder=folder, **how)
        remove(frames)
        facts = (event.key, event.instrument, event.cadence, event.pixel, done.start, settings.band, settings.pupil)
        write_cube(Cube(done.power, *facts, source="observed", truth={**done.truth, "asked": asked}), path)
    if not frames.exists():
        export_frames(frames_from_cube(read_cube(path), settings.size, "frame"), frames)
    return path, frames


def report(path: Path) -> dict:
    """What an observed cube was made of: records given, used and left aside with reasons, and interpolated frames."""
    truth = read_cube(path).truth
    return {name: truth[name] for name in ("records", "aside", "gaps", "blind") if name in truth}
