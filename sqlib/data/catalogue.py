"""Table 1 of the paper: the 57 sunquake events, their instruments and their annotated frames."""

import difflib
import re
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cache
from pathlib import Path

import pandas as pd

from sqlib.errors import SqError

# Cadence in seconds (Section 2.2) and pixel size in Mm. The text prints 1.5 arcsec (1.09 Mm) for both instruments; the
# speckle size of the published frames says 1.09 Mm for HMI and MDI's full-disk pixel, 2 arcsec = 1.45 Mm, for MDI.
INSTRUMENTS = {"MDI": (60.0, 1.45), "HMI": (45.0, 1.09)}


@dataclass(frozen=True)
class Event:
    """One row of Table 1.

    `cadence` is in s, `pixel` in Mm, `intervals` are first and last annotated frame, both inclusive.
    """

    key: str
    time: datetime
    cycle: int
    instrument: str
    cadence: float
    pixel: float
    labelled: bool
    intervals: tuple[tuple[int, int], ...]

    @property
    def name(self) -> str:
        """The event as Table 1 prints it, "06 April 2001 19:13"."""
        return f"{self.time:%d %B %Y %H:%M}"

    @property
    def positives(self) -> frozenset[int]:
        """Annotated frames; the frames that two intervals share count once."""
        return frozenset(i for first, last in self.intervals for i in range(first, last + 1))

    @property
    def start(self) -> datetime:
        """Time of frame 0 (UTC), by convention.

        The paper prints no start times. We take the listed time as the start of the first annotated interval, which
        agrees with its "approximately 1–1.5 hours before" for the HMI cubes; unlabelled cubes start one hour before.
        """
        before = self.intervals[0][0] * self.cadence if self.intervals else 3600.0
        return self.time - timedelta(seconds=before)


def make_event(time: datetime, intervals=(), labelled: bool = False) -> Event:
    """Event at `time`, with the solar cycle (23 or 24; the minimum was in December 2008) and its instrument."""
    cycle, instrument = (23, "MDI") if time.year < 2009 else (24, "HMI")
    cadence, pixel = INSTRUMENTS[instrument]
    key = f"{time:%Y_%m_%d_%H_%M_%S}"
    return Event(key, time, cycle, instrument, cadence, pixel, labelled, tuple(intervals))


@cache
def catalogue() -> tuple[Event, ...]:
    """The 57 events of Table 1, by time: 15 of cycle 23 and 42 of cycle 24, four of these without annotation."""
    table = pd.read_csv(Path(__file__).with_name("table1.csv"), keep_default_na=False, parse_dates=["time"])
    events = []
    for row in table.sort_values("time").itertuples():
        intervals = (tuple(map(int, interval.split("-"))) for interval in row.intervals.split())
        events.append(make_event(row.time.to_pydatetime(), intervals, row.labelled == "+"))
    return tuple(events)


def _words(text: str) -> list[str]:
    return [word.lstrip("0") or "0" for word in re.findall(r"[a-z]+|\d+", str(text).lower()) if word != "t"]


def find_event(text: str) -> Event:
    """The event named by its key, its name, or the beginning of either: "6 April 2001", "2001-04-06T19:13".

    Raises `SqError`, with the nearest names, where no event or more than one fits.
    """
    words, events = _words(text), catalogue()
    found = [event for event in events if words and words in (_words(s)[: len(words)] for s in (event.key, event.name))]
    if len(found) == 1:
        return found[0]
    if found:
        raise SqError(f"{text!r} fits {len(found)} events: {', '.join(event.name for event in found)}; add the time")
    names = {" ".join(_words(s)): event.name for event in events for s in (event.key, event.name)}
    near = dict.fromkeys(names[s] for s in difflib.get_close_matches(" ".join(words), names, n=3, cutoff=0.4))
    raise SqError(f"no event {text!r}" + (f"; nearest: {', '.join(near)}" if near else ""))
