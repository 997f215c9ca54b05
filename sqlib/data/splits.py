"""How events are divided into training and test sets."""

import random

from sqlib.data.catalogue import Event


def paper_split(events) -> tuple[tuple[Event, ...], tuple[Event, ...]]:
    """Training and test events (Section 4.1.1): 42 and 11 of the labelled ones, the 11 of Table 3."""
    first, rest = divide(sorted((event for event in events if event.labelled), key=lambda event: event.time))
    return tuple(first), tuple(rest)


def divide(events: list) -> tuple[list, list]:
    """Events in order of time, shuffled with Python's generator seeded 1265 as the authors do: 80 %, and the rest."""
    events = list(events)
    random.Random(1265).shuffle(events)
    cut = int(0.8 * len(events))
    return events[:cut], events[cut:]
