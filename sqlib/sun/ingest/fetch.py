"""Records from JSOC, once: what lies whole in the cache is not asked for again, what arrived cut off is.

A record takes its place in the cache, `data/observed/SERIES/`, by a rename; so a fetch that was cut off goes on with
the records that lack. Nothing that lies there is removed: only a broken file makes way, for another of its name. What
JSOC was asked for and does not have is noted, as is what arrived broken twice in the same way. What arrived broken
once, or is so young that JSOC may not have made it yet, is asked for again.
"""

import filecmp
import json
import os
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np

from sqlib.errors import SqError, in_words
from sqlib.fits_files import fits_files, is_broken, read_header
from sqlib.paths import alone, home, replacing
from sqlib.sun.holography import find_gaps
from sqlib.sun.ingest.records import Archive, observed_at, opened

EMAIL = "JSOC_EMAIL"  # environment variable
SETTLED = timedelta(days=30)  # after an observation; what JSOC lacks then it will hardly get
MARGIN = timedelta(seconds=10)  # the time of a record's name and that of its observation differ by some seconds


def slots(times: list[datetime], start: datetime, cadence: float, frames: int) -> tuple[np.ndarray, float]:
    """Number of each time on a grid of `frames` frames, -1 outside of it, and the seconds from `start` to its frame 0.

    The instrument's own clock sets the grid, of one frame every `cadence` s: the circular mean of the times' phases.
    """
    late = np.array([(time - start).total_seconds() for time in times]) / cadence
    phase = np.angle(np.mean(np.exp(2j * np.pi * late))) / (2 * np.pi) if len(late) else 0.0
    number = np.rint(late - phase).astype(int)
    return np.where((number >= 0) & (number < frames), number, -1), float(phase * cadence)


def whole_records(folder: Path, discard: bool = False, aside: dict[Path, str] | None = None) -> dict[Path, datetime]:
    """Records of a folder with the time of their observation, by time: all FITS files, whatever they are called.

    A file that is cut off or says no time raises `SqError`; with `discard`, as in the cache, it is left out instead.
    `aside`, where given, takes the files that are left out, each with the reason. No file is changed.
    """
    files, left = fits_files(folder)
    found, refused = {}, {}
    for path in files:
        try:
            with opened(path) as image:
                found[path] = observed_at(read_header(image.header), path)
        except SqError as error:
            refused[path] = error
    if refused and not discard:
        first = next(iter(refused.values()))
        more = f" (the first of {len(refused)} such among {len(files)} files)" if len(refused) > 1 else ""
        raise SqError(f"{first}{more}") from first
    if aside is not None:
        aside.update(left | {path: str(error) for path, error in refused.items()})
    return dict(sorted(found.items(), key=lambda pair: pair[1]))


def from_jsoc(series: str, start: datetime, end: datetime, email: str, folder: Path) -> None:
    """Have JSOC export the records of `series` from `start` to `end` (UTC), and download them into `folder`.

    Raises `SqError` where JSOC cannot be reached or does not export, and where some records did not come.
    """
    from sunpy.net import Fido  # the network's part of sunpy takes seconds to load
    from sunpy.net import attrs as a

    advice = (f"check the network, and that {email} is registered with JSOC for exports. What has come is kept, and "
              "the same call goes on from there")
    with in_words(f"cannot fetch {series} from JSOC", advice):
        found = Fido.search(a.Time(start, end), a.jsoc.Series(series), a.jsoc.Notify(email))
        files = Fido.fetch(found, path=str(folder / "{file}"), overwrite=True) if found.file_num else []
    # JSOC lists records without an image (eclipses, calibrations) under a name that leads nowhere; drms leaves them out
    errors = [error for error in getattr(files, "errors", ()) if not str(error.url).endswith("/NoDataFile")]
    if errors:
        raise SqError(f"{len(errors)} records of {series} did not come ({str(errors[0])[:200]}); call again")


def fetch_records(archive: Archive, start: datetime, frames: int, email: str | None = None,
                  download: Callable = from_jsoc, aside: dict[Path, str] | None = None) -> dict[Path, datetime]:
    """The records of `frames` frames from `start` (UTC), from the cache or from JSOC.

    Parameters
    ----------
    email : address registered with JSOC; default $JSOC_EMAIL; asked for only where something must be fetched
    download : what fetches a series' records between two times into a folder, as `from_jsoc` does
    aside : takes the files of the cache that cannot be used, each with the reason

    Returns the files with their times. Raises `SqError` without an address, without a network, where nothing was
    observed, and where nothing that came can be used.
    """
    aside = {} if aside is None else aside
    series, step = archive.doppler, archive.cadence
    folder, half = home() / "data" / "observed" / series, timedelta(seconds=step / 2)
    times = [start + timedelta(seconds=i * step) for i in range(frames)]
    note, sound = folder / "absent.json", np.zeros(frames, dtype=bool)  # asked for, and nothing that came was broken

    def look() -> tuple[dict[Path, datetime], np.ndarray]:
        """The records in the cache, and which frames have none and are not noted as absent from JSOC."""
        low, high = times[0] - half - MARGIN, times[-1] + half + MARGIN
        aside.clear()
        whole = whole_records(folder, True, aside)
        kept = {path: time for path, time in whole.items() if low <= time <= high}
        lacking = np.array([time.isoformat() not in absent for time in times])
        number, _ = slots(list(kept.values()), start, step, frames)
        lacking[number[number >= 0]] = False
        return kept, lacking

    with alone(folder):
        absent = set()
        if note.is_file():
            with in_words(f"{note} is damaged", "remove it; what it noted is asked for once more"):
                absent = set(json.loads(note.read_text(encoding="utf-8")))
        kept, lacking = look()
        for first, last in find_gaps(lacking):
            # half a frame more on both sides: the instrument's clock need not tick with ours
            ends = times[first] - half, times[last] + half
            sound[first : last + 1] = _fetch(series, *ends, email, folder, download)
        if lacking.any():
            kept, lacking = look()
        settled = datetime.now(UTC).replace(tzinfo=None) - SETTLED
        if nothing := {times[i].isoformat() for i in np.flatnonzero(lacking & sound) if times[i] < settled}:
            with replacing(note) as new:
                new.write_text(json.dumps(sorted(absent | nothing), indent=0), encoding="utf-8")
    if not kept:
        what = f"{series} from {times[0] - half:%Y-%m-%d %H:%M} to {times[-1] + half:%H:%M} UTC"
        if (lacking & ~sound).any():
            raise SqError(f"all that JSOC sent of {what} arrived broken; the same call asks for it again")
        if (first := next(iter(aside), None)) is not None:
            what += (f" that can be used, and {len(aside)} files in {folder} are left aside, the first, {first.name}: "
                     f"{aside[first]}; remove {note} to ask once more")
        raise SqError(f"JSOC has no record of {what}; choose another time")
    return kept


def _fetch(series: str, start: datetime, end: datetime, email: str | None, folder: Path, download: Callable) -> bool:
    """Download into a folder beside the records, and move in what arrives: broken only where no whole one is there.

    Returns whether the answer counts: that nothing arrived broken, or only what had arrived so before. Then frames that
    still lack are absent from JSOC.
    """
    address = email or os.environ.get(EMAIL, "")
    if "@" not in address:
        raise SqError(f"JSOC gives {series} only to registered e-mail addresses: register one on its export page, then "
                      f"name it (email=…, --email, or the variable {EMAIL}); or name a folder with records")
    incoming, counts = folder / "incoming", True
    incoming.mkdir(parents=True, exist_ok=True)
    try:
        download(series, start, end, address, incoming)
    finally:
        for path in fits_files(incoming)[0]:
            there, broken = folder / path.name, _broken(path)
            counts &= not broken or (there.is_file() and filecmp.cmp(path, there, shallow=False))
            if broken and there.is_file() and not _broken(there):
                path.unlink()
            else:
                os.replace(path, there)  # also what is whole and of no use: it is JSOC's answer
    return counts


def _broken(path: Path) -> bool:
    try:
        with opened(path):
            return False
    except SqError as error:
        return is_broken(error)
