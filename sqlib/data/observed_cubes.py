"""Cubes and frames of real observations, under home()/data/observed: made once for a request, and found again."""

import json
from pathlib import Path

from sqlib.data.cubes import Cube, read_cube, write_cube
from sqlib.data.export import export_frames
from sqlib.data.frames import frames_from_cube
from sqlib.keys import key
from sqlib.paths import home, remove


def observed_frames(event, target, settings, *, folder: Path | None = None, **how) -> tuple[Path, Path, dict]:
    """The cube (FITS) of one real event, the folder of its frames in SunquakeNet's layout, and what the cube was made
    of: records given, used and left aside with reasons, and interpolated frames.

    Arguments and errors are those of `sqlib.sun.ingest.observe`, which does the work unless it was asked before.
    """
    from sqlib.sun.ingest import observe

    kept = home() / "data" / "observed"
    path, frames = kept / "cubes" / f"{event.key}.fits", kept / "frames" / event.key
    place = [float(target.longitude), float(target.latitude)]
    asked = {"settings": vars(settings), "folder": str(folder or ""), "place": place, "rows": "north first"}
    if folder and Path(folder).is_dir():  # records that came or went since make another cube
        files = [(path.name, path.stat()) for path in sorted(Path(folder).glob("[!.]*")) if path.is_file()]
        asked["files"] = key([(name, found.st_size, found.st_mtime_ns) for name, found in files])
    asked = json.dumps(asked)  # as text, to be compared with what the cube says
    cube = read_cube(path) if path.is_file() else None
    if cube is None or cube.truth.get("asked") != asked:
        done = observe(event, target, settings, folder=folder, **how)
        remove(frames)
        facts = (event.key, event.instrument, event.cadence, event.pixel, done.start, settings.band, settings.pupil)
        write_cube(Cube(done.power, *facts, source="observed", truth={**done.truth, "asked": asked}), path)
        cube = read_cube(path)
    if not frames.exists():
        export_frames(frames_from_cube(cube, settings.size, "frame"), frames)
    facts = ("records", "aside", "gaps", "blind")
    return path, frames, {name: cube.truth[name] for name in facts if name in cube.truth}
