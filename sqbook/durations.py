"""How long chapters take, by the cards of earlier runs, and so how much time is left while they run."""

import heapq
import statistics
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from sqbook.parameters import needs
from sqlib.errors import SqError
from sqlib.paths import home
from sqlib.show.provenance import read_card

UNKNOWN = 60.0  # s, of a chapter that nobody has run, where nothing is known of the others either


def expected(jobs: list[tuple[Path, dict[str, Any]]]) -> tuple[list[float], int]:
    """Seconds that notebooks with these parameters may take, and how many must have ended before these can be believed.

    0 where all were run before at this size; 1 where some were only at another, which tells proportions; and all of
    them where networks must be trained at a size of which no card tells, for these take minutes or days. Of a network
    that several train, the first has the time; of one that is there already, none.
    """
    guesses, first, counted = [], 0, set()
    for path, values in jobs:
        card, share = _nearest(path.stem, values), _untrained(path, values, counted)
        same = card is not None and card["profile"] == values.get("profile")
        if share and not (same and "seconds_trained" in card):
            first = len(jobs)
        elif not same:
            first = max(first, 1)
        taught = share * card.get("seconds_trained", 0) if same else 0
        guesses.append(card and card["seconds_in_all"] + taught)
    usual = statistics.median([guess for guess in guesses if guess] or [UNKNOWN])
    return [guess or usual for guess in guesses], first


def _nearest(name: str, values: dict[str, Any]) -> dict | None:
    """The card of the run that is most like the one to come: best of the same profile, of this machine, and late."""
    cards = []
    for pattern in (f"runs/{name}/[!.]*/card.json", f"results/*/{name}/card.json"):
        for path in home().glob(pattern):
            with suppress(SqError):  # damaged
                card = read_card(path.parent)
                same = sum(card["parameters"].get(name) == value for name, value in values.items())
                here = pattern.startswith("runs")
                cards.append(((card["profile"] == values.get("profile"), here, same, card["made"]), card))
    return max(cards, key=lambda ranked: ranked[0])[1] if cards else None


def _untrained(path: Path, values: dict[str, Any], counted: set[str]) -> float:
    """The share of a notebook's networks that is not there yet, nor `counted`, which grows by it."""
    if not needs(path).trains:
        return 0.0
    from sqlib.learn import chapters

    with suppress(SqError):  # the run will say it
        planned, lacking = chapters.networks(path.stem, values)
        new = lacking - counted
        counted |= new
        return len(new) / max(planned, 1)
    return 0.0


def in_turn(seconds: list[float], workers: int) -> list[int]:
    """Places in the order to begin with: the quickest, one a worker, which soon show that all works and how fast; then
    what takes longest, so that nobody is left alone with a long one at the end."""
    places = sorted(range(len(seconds)), key=lambda place: seconds[place])
    return places[:workers] + places[workers:][::-1]


def seconds_left(seconds: list[float], ended: dict[int, float], now: float, workers: int,
                 failed: frozenset[int] = frozenset()) -> float:
    """Seconds until all is done, `now` seconds after the beginning.

    seconds : expected of each job, in the order in which `workers` take them up; on this machine they are all longer or
        shorter by one factor, which those that have `ended` (when, by turn) tell, except those that `failed`, and those
        that go on for longer than they should
    """
    began = [0.0] * workers + sorted(ended.values())
    spent = {turn: ended.get(turn, now) - began[turn] for turn in range(min(len(seconds), len(began)))}
    running = [turn for turn in spent if turn not in ended]
    told = [turn for turn in ended if turn not in failed]
    took, meant = sum(spent[turn] for turn in told), sum(seconds[turn] for turn in told)
    pace = took / meant if meant else 1.0
    for turn in sorted(running, key=lambda turn: -spent[turn] / seconds[turn]):
        if spent[turn] > pace * seconds[turn]:
            took, meant = took + spent[turn], meant + seconds[turn]
            pace = took / meant
    rest = [(pace * seconds[turn] - spent[turn], spent[turn]) for turn in running]
    free = [left if left > 0 else so_far / 20 for left, so_far in rest]  # who is late will be there soon
    free += [0.0] * (workers - len(free))
    heapq.heapify(free)
    for turn in range(len(spent), len(seconds)):
        heapq.heapreplace(free, free[0] + pace * seconds[turn])
    return max(free)


@contextmanager
def countdown(bar, seconds: list[float], workers: int, first: int) -> Iterator[Callable[[int, bool], str]]:
    """Show on a tqdm `bar` how much time is left, from second to second, and end it.

    Yields a function that is told of the job of each turn that it has ended, and whether well; it says what is left.
    Nothing is said before the `first` have ended.
    """
    begun, ended, failed, over = time.monotonic(), {}, set(), threading.Event()

    def words() -> str:
        if len(ended) == len(seconds) or len(ended) < first:
            return ""
        left = seconds_left(seconds, dict(ended), time.monotonic() - begun, workers, frozenset(failed))
        return f"about {bar.format_interval(left)} left"

    def tell(turn: int, well: bool) -> str:
        failed.update(() if well else (turn,))
        ended[turn] = time.monotonic() - begun
        return words()

    def tick() -> None:
        while True:
            bar.set_postfix_str(words())
            if over.wait(1.0 if bar.fp.isatty() else 30.0):
                return

    ticking = threading.Thread(target=tick, daemon=True)
    if not bar.disable:
        ticking.start()
    try:
        yield tell
    finally:
        over.set()
        if not bar.disable:
            ticking.join()
