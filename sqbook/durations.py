"""How long chapters take, by the cards of earlier runs, and so how much time is left while they run."""

from contextlib import suppress
from pathlib import Path
from typing import Any

from sqbook.parameters import needs
from sqlib.errors import SqError
from sqlib.paths import home
from sqlib.show.provenance import read_card


def latest_card(chapter: str, profile: str) -> dict[str, Any] | None:
    """The card of the latest run of a chapter at a profile here, else of the published one; None where there is none.

    Of a profile such as `smoke` nothing but the cards is published, for this purpose.
    """
    for pattern in (f"runs/{chapter}/[!.]*", f"results/*/{chapter}"):
        cards = []
        for folder in home().glob(pattern):
            with suppress(SqError):  # damaged, or no run
                cards.append(read_card(folder))
        if cards := [card for card in cards if card["profile"] == profile]:
            return max(cards, key=lambda card: card["made"])
    return None


def expected(path: Path, values: dict[str, Any]) -> float | None:
    """Seconds that a notebook may take, by the latest run of its size here, else by the published one; None: unknown.

    Of the time in which that run's networks were trained it has the share of those that are not there yet.
    """
    latest, share = latest_card(path.stem, values["profile"]), 0.0
    if latest is not None and needs(path).trains:
        from sqlib.learn import chapters

        with suppress(SqError):  # the run will say it
            planned, lacking = chapters.networks(path.stem, values)
            share = len(lacking) / max(planned, 1)
    return latest and latest["seconds_in_all"] + share * latest.get("seconds_trained", 0)


def in_turn(expected: dict[int, float | None], workers: int) -> list[int]:
    """The order in which jobs are taken up, by what each is expected to take, in seconds.

    Several workers begin with the quickest, which soon show how fast they are; then comes what takes longest, so that
    nobody is left alone with a long one at the end.
    """
    order = list(expected)
    if workers > 1:
        order.sort(key=lambda job: expected[job] or 0)
        order[workers:] = order[:workers - 1 : -1]
    return order


def seconds_left(seconds: list[float | None], ended: dict[int, float], workers: int) -> float | None:
    """Seconds from the last end until all is done; None where that is not known of a job which has not ended.

    seconds : expected of each job, in the order in which `workers` take them up; on this machine they are all longer or
        shorter by one factor, which those that have `ended` (when, by turn) tell
    """
    if None in (told for turn, told in enumerate(seconds) if turn not in ended):
        return None
    known = [turn for turn in ended if seconds[turn]]
    began, now = [0.0] * workers + sorted(ended.values()), max(ended.values(), default=0.0)
    took = sum(ended[turn] - began[turn] for turn in known)
    pace = took / sum(seconds[turn] for turn in known) if known else 1.0
    began += [now] * len(seconds)
    rest = [max(pace * told - (now - began[turn]), 0) for turn, told in enumerate(seconds) if turn not in ended]
    return max(max(rest, default=0), sum(rest) / workers)
