"""Records from JSOC, once: what lies whole in the cache is not asked for again, what is cut off is thrown away.

A record takes its place in the cache, `data/observed/SERIES/`, by a rename, and only after it was found to be whole; so a
fetch that was cut off goes on with the records that lack. What JSOC was asked for and does not have is noted, too; a
record that arrived broken is not, nor one so young that JSOC may not have made it yet: they are asked for again.
"""

import json
import os
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np

from sqlib.errors import SqError
from sqlib.paths import alone, home, replacing
from sqlib.sun.holography import find_gaps
from sqlib.sun.ingest.records import Archive, observed_at, read_header

EMAIL = "JSOC_EMAIL"  # environment variable
SUFFIXES = (".fits", ".fits.fz", ".fits.gz", ".fts")

SETTLED = timedelta(days=30)  # after an observation; what JSOC lacks then it will hardly get

Download = Callable[[str, datetime, datetime, str, Path], None]


def cache(series: str) -> Path:
    """Where the records of a series are kept."""
    return home() / "data" / "observed" / series


def slots(times: list[datetime], start: datetime, cadence: float, frames: int) -> tuple[np.ndarray, float]:
    """Frame number of each time on a grid of `cadence` s, -1 outside of 0…frames-1, and the seconds that frame 0 is after `start`.

    The instrument's own clock sets the grid: the offset is the circular mean of the times' phases, within half a cadence.
    """
    late = np.array([(time - start).total_seconds() for time in times]) / cadence
    phase = np.angle(np.mean(np.exp(2j * np.pi * late))) / (2 * np.pi) if len(late) else 0.0
    number = np.rint(late - phase).astype(int)
    return np.where((number >= 0) & (number < frames), number, -1), float(phase * cadence)


def whole_records(folder: Path, discard: bool = False) -> dict[Path, datetime]:
    """Files of a folder that are whole, with the time of their observation, by time.

    A file that is cut off raises `SqError`; in the cache (`discard`) it is removed instead, to be fetched again.
    """
    found = {}
    for path in sorted(Path(folder).glob("*")):
        if path.name.endswith(SUFFIXES) and not path.name.startswith("."):
            try:
                found[path] = observed_at(read_header(path), path)
            except SqError:
                if not discard:
                    raise
                path.unlink()
    return dict(sorted(found.items(), key=lambda pair: pair[1]))


def from_jsoc(series: str, start: datetime, end: datetime, email: str, folder: Path) -> None:
    """Have JSOC export the records of `series` from `start` to `end` (UTC), and download them into `folder` (a `Download`).

    Raises `SqError` where JSOC cannot be reached or does not export, and where some records did not come.
    """
    from sunpy.net import Fido
    from sunpy.net import attrs as a

    wanted = a.Time(start, end), a.jsoc.Series(series), a.jsoc.Notify(email)
    try:
        found = Fido.search(*wanted)
        files = Fido.fetch(found, path=str(folder / "{file}"), overwrite=True) if found.file_num else []
    except Exception as error:  # each layer of the network raises errors of its own kind
        raise SqError(
            f"cannot fetch {series} from JSOC ({type(error).__name__}: {str(error)[:200]}); check the network, and that "
            f"{email} is registered with JSOC for exports. What has come is kept, and the same call goes on from there"
        ) from error
    # JSOC lists records without an image, too (eclipses, calibrations), under a name that leads nowhere; drms leaves them out
    errors = [error for error in getattr(files, "errors", ()) if not str(error.url).endswith("/NoDataFile")]
    if errors:
        raise SqError(f"{len(errors)} records of {series} did not come ({str(errors[0])[:200]}); the same call fetches what lacks")


def fetch_records(
    archive: Archive, start: datetime, frames: int, email: str | None = None, download: Download = from_jsoc
) -> dict[Path, datetime]:
    """The Dopplergrams of `frames` frames from `start` (UTC), from the cache and, where they lack there, from JSOC.

    Parameters
    ----------
    email : address registered with JSOC; default $JSOC_EMAIL; asked for only where something must be fetched
    download : what fetches a series' records between two times into a folder

    Returns the files with their times. Raises `SqError` without an address, without a network, where nothing was observed,
    and where all that came was broken.
    """
    folder, step, half = cache(archive.doppler), archive.cadence, timedelta(seconds=archive.cadence / 2)
    times = [start + timedelta(seconds=i * step) for i in range(frames)]
    sound = np.zeros(frames, dtype=bool)  # asked for, and nothing that came was broken
    with alone(folder):
        kept = _between(whole_records(folder, discard=True), times[0] - half, times[-1] + half)
        for first, last in find_gaps(_lacking(kept, times, step, folder)):
            # half a frame more on both sides: the instrument's clock need not tick with ours
            ends = times[first] - half, times[last] + half
            sound[first : last + 1] = _fetch(archive.doppler, *ends, email, folder, download)
        kept = _between(whole_records(folder, discard=True), times[0] - half, times[-1] + half)
        lacking = _lacking(kept, times, step, folder)
        _note(folder, [times[i] for i in np.flatnonzero(lacking & sound)])
    if not kept:
        span = f"{archive.doppler} from {times[0]:%Y-%m-%d %H:%M} to {times[-1]:%H:%M} UTC"
        raise _nothing(span, came=bool((lacking & ~sound).any()))
    return kept


def fetch_magnetogram(archive: Archive, time: datetime, email: str | None = None, download: Download = from_jsoc) -> Path:
    """The magnetogram nearest to `time` (UTC), from the cache or from JSOC; errors as for `fetch_records`."""
    folder, half, sound = cache(archive.magnetogram), timedelta(seconds=archive.spacing / 2), True
    with alone(folder):
        kept = _between(whole_records(folder, discard=True), time - half, time + half)
        if not kept:
            sound = _fetch(archive.magnetogram, time - half, time + half, email, folder, download)
            kept = _between(whole_records(folder, discard=True), time - half, time + half)
    if not kept:
        raise _nothing(f"{archive.magnetogram} near {time:%Y-%m-%d %H:%M} UTC", came=not sound)
    return min(kept, key=lambda path: abs(kept[path] - time))


def _nothing(what: str, came: bool) -> SqError:
    """Why there is no record: JSOC has none, or what `came` was broken."""
    if came:
        return SqError(f"what JSOC sent of {what} arrived broken and was thrown away; the same call asks for it again")
    return SqError(f"JSOC has no record of {what}; choose another time")


def _between(records: dict[Path, datetime], start: datetime, end: datetime) -> dict[Path, datetime]:
    margin = timedelta(seconds=10)  # the time of a record's name and that of its observation differ by some seconds
    return {path: time for path, time in records.items() if start - margin <= time <= end + margin}


def _lacking(kept, times: list[datetime], step: float, folder: Path) -> np.ndarray:
    """Which frames have no record, and are not noted as absent from JSOC."""
    number, _ = slots(list(kept.values()), times[0], step, len(times))
    absent = _absent(folder)
    lacking = np.array([time.isoformat() not in absent for time in times])
    lacking[number[number >= 0]] = False
    return lacking


def _absent(folder: Path) -> set[str]:
    try:
        return set(json.loads((folder / "absent.json").read_text(encoding="utf-8")))
    except (OSError, ValueError, TypeError):
        return set()


def _note(folder: Path, times: list[datetime]) -> None:
    """Note times of frames that JSOC was asked for, of which nothing came, and of which nothing will."""
    times = [time for time in times if time < datetime.now(UTC).replace(tzinfo=None) - SETTLED]
    if times:
        with replacing(folder / "absent.json") as new:
            new.write_text(json.dumps(sorted(_absent(folder) | {time.isoformat() for time in times}), indent=0), encoding="utf-8")


def _address(email: str | None, series: str) -> str:
    address = email or os.environ.get(EMAIL, "")
    if "@" not in address:
        raise SqError(
            f"JSOC gives {series} only to registered e-mail addresses: register one on its export page, then name it "
            f"(email=…, --email, or the environment variable {EMAIL}); or name a folder with records that you have"
        )
    return address


def _fetch(series: str, start: datetime, end: datetime, email: str | None, folder: Path, download: Download) -> bool:
    """Download into a folder beside the records; those that arrive whole move in, whatever happens to the others.

    Returns whether all were whole: then frames that still lack are absent from JSOC.
    """
    address = _address(email, series)
    incoming = folder / "incoming"
    incoming.mkdir(parents=True, exist_ok=True)
    try:
        download(series, start, end, address, incoming)
    finally:
        arrived = list(incoming.iterdir())
        whole = whole_records(incoming, discard=True)
        sound = all(path.exists() for path in arrived)  # none was discarded
        for path in whole:
            os.replace(path, folder / path.name)
    return sound
