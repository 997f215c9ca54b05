from datetime import datetime, timedelta

import pytest

from sqlib.data.catalogue import catalogue, find_event
from sqlib.data.splits import paper_split
from sqlib.errors import SqError


def test_table_1_lists_57_events_of_two_cycles_and_instruments():
    events = catalogue()
    assert len(events) == 57 and sum(event.labelled for event in events) == 53
    assert list(events) == sorted(events, key=lambda event: event.time)
    assert len({event.key for event in events}) == 57
    facts = {(e.cycle, e.instrument, e.cadence, e.pixel) for e in events}
    assert facts == {(23, "MDI", 60.0, 1.45), (24, "HMI", 45.0, 1.09)}
    assert sum(event.cycle == 23 for event in events) == 15
    positives = {cycle: sum(len(e.positives) for e in events if e.cycle == cycle) for cycle in (23, 24)}
    assert positives == {23: 205, 24: 640}  # Section 2.3
    april = find_event("2001_04_06_19_13_00")  # annotated from frame 21
    assert (april.time, april.start) == (datetime(2001, 4, 6, 19, 13), datetime(2001, 4, 6, 18, 52))


def test_the_double_event_counts_shared_frames_once():
    event = find_event("02 February 2014 06:24")
    assert event.intervals == ((90, 108), (105, 114))
    assert event.positives == frozenset(range(90, 115))


def test_events_without_annotation_are_the_four_that_the_paper_marks():
    unlabelled = [event for event in catalogue() if not event.labelled]
    names = ["25 September 2011 08:46", "30 December 2011 03:03", "08 May 2012 13:02", "10 May 2012 04:01"]
    assert [event.name for event in unlabelled] == names
    assert all(event.intervals == () and event.start == event.time - timedelta(hours=1) for event in unlabelled)


def test_events_are_found_by_key_name_and_beginning():
    for event in catalogue():
        for text in (event.key, event.name, event.name.lstrip("0").lower(), event.time.isoformat()):
            assert find_event(text) is event
    assert find_event("6 April 2001").key == find_event("2001-04-06").key == "2001_04_06_19_13_00"


@pytest.mark.parametrize(
    ("text", "told"),
    [("07 April 2001", "06 April 2001 19:13"), ("4 July 2012", "add the time"), ("", "no event"), ("2015", "fits 6")],
)
def test_an_unknown_or_ambiguous_name_is_refused_with_the_nearest(text, told):
    with pytest.raises(SqError, match=told):
        find_event(text)


def test_the_split_is_that_of_table_3():
    table_3 = [
        "09 July 1996 09:01", "06 April 2001 19:13", "24 September 2001 09:35", "23 July 2002 00:27",
        "05 March 2012 19:27", "06 March 2012 07:52", "04 July 2012 09:47", "06 July 2012 13:26",
        "08 November 2013 04:20", "11 March 2015 16:11", "28 September 2015 14:53",
    ]
    train, test = paper_split(catalogue())
    assert sorted(event.name for event in test) == sorted(table_3)
    assert len(train) == 42 and not set(train) & set(test)
    assert all(event.labelled for event in train + test)
    assert paper_split(reversed(catalogue())) == (train, test)
    assert sum(len(event.positives) for event in test) == 186  # Table 2's support
