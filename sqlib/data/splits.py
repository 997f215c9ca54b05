"""How events are divided into training and test sets."""

import random

from sqlib.data.catalogue import Event


def paper_split(events) -> tuple[tuple[Event, ...], tuple[Event, ...]]:
    """Training and test events as in the authors' code: 42 and 11, the 11 of Table 3.

    The labelled events, sorted by time and shuffled with Python's generator seeded 1265; the first 80 % train.
    """
    events = sorted((event for event in events if event.labelled), key=lambda event: event.time)
    random.Random(1265).shuffle(events)
    cut = int(0.8 * len(events))
    return tuple(events[:cut]), tuple(events[cut:])
