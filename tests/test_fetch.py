"""Records are fetched from JSOC once: what is whole is kept, what is broken or young is asked for again."""

from datetime import datetime, timedelta
from types import SimpleNamespace

import pytest
from paint import NOON, write_record
from sunpy.net import Fido

from sqlib.errors import SqError
from sqlib.paths import home
from sqlib.sun import ingest
from sqlib.sun.ingest import fetch
from sqlib.sun.ingest.target import target_region

HMI = ingest.ARCHIVES["HMI"]


class Jsoc:
    """An archive with a record every 45 s, 12 s beside our grid, that counts what it is asked for."""

    def __init__(self, absent=(), cut=(), fails_after=None, rice=False, lost=3000):
        self.asked, self.absent, self.cut, self.lost = [], absent, cut, lost
        self.fails_after, self.rice = fails_after, rice

    def __call__(self, series, start, end, email, folder):
        self.asked.append((series, start, end, email))
        for i in range(-5, 40):
            time = NOON + timedelta(seconds=45 * i + 12)
            if start <= time <= end and i not in self.absent:
                if self.fails_after is not None and i > self.fails_after:
                    raise SqError("the line went dead")
                path = write_record(folder / f"hmi.{i}.fits", time, rice=self.rice)
                if i in self.cut:
                    path.write_bytes(path.read_bytes()[: -self.lost])

    def stretches(self):
        """First and last frame of what was asked for."""
        return [tuple(round((end - NOON).total_seconds() / 45, 1) for end in ends) for _, *ends, _ in self.asked]


def test_what_is_there_is_not_fetched_again(sq_home):
    jsoc = Jsoc()
    found = ingest.fetch_records(HMI, NOON, 10, "me@there", jsoc)
    assert [round((time - NOON).total_seconds()) for time in found.values()] == [45 * i + 12 for i in range(10)]
    assert jsoc.asked == [("hmi.v_45s", NOON - timedelta(seconds=22.5), NOON + timedelta(seconds=9.5 * 45), "me@there")]
    assert ingest.fetch_records(HMI, NOON, 10, None, jsoc) == found  # needs no address either
    longer = ingest.fetch_records(HMI, NOON, 12, "me@there", jsoc)
    assert len(longer) == 12 and jsoc.asked[1:] == [
        ("hmi.v_45s", NOON + timedelta(seconds=9.5 * 45), NOON + timedelta(seconds=11.5 * 45), "me@there")
    ]


@pytest.mark.parametrize("rice", [False, True])
def test_a_download_that_was_cut_off_is_asked_for_again_and_makes_way(sq_home, rice):
    first, second = Jsoc(cut=(3, 4), rice=rice), Jsoc(rice=rice)
    assert len(ingest.fetch_records(HMI, NOON, 8, "me@there", first)) == 6
    broken = home() / "data/observed/hmi.v_45s/hmi.6.fits"
    broken.write_bytes(broken.read_bytes()[:-3000])
    assert len(ingest.fetch_records(HMI, NOON, 8, "me@there", second)) == 8
    assert second.stretches() == [(2.5, 4.5), (5.5, 6.5)]


def test_a_record_cut_off_beside_one_that_jsoc_lacks_is_asked_for_until_it_is_whole(sq_home):
    for jsoc, found, asked in (
        (Jsoc(absent=(5,), cut=(4,)), 6, [(-0.5, 7.5)]),
        (Jsoc(absent=(5,), cut=(4,), lost=6000), 6, [(3.5, 5.5)]),
        (Jsoc(absent=(5,)), 7, [(3.5, 5.5)]),
        (Jsoc(), 7, []),  # what lacked when all else was whole is not asked for again
    ):
        assert len(ingest.fetch_records(HMI, NOON, 8, "me@there", jsoc)) == found
        assert jsoc.stretches() == asked


def test_what_arrives_broken_twice_in_the_same_way_is_not_asked_for_a_third_time(sq_home):
    for asked in ([(-0.5, 7.5)], [(3.5, 4.5)], []):
        jsoc, aside = Jsoc(cut=(4,)), {}
        assert len(ingest.fetch_records(HMI, NOON, 8, "me@there", jsoc, aside=aside)) == 7
        assert jsoc.stretches() == asked
        assert [path.name for path in aside] == ["hmi.4.fits"] and "no complete FITS file" in str(aside)
    with pytest.raises(SqError, match="arrived broken"):
        ingest.fetch_records(HMI, NOON + timedelta(minutes=20), 1, "me@there", Jsoc(cut=(26,)))
    for _ in range(2):
        with pytest.raises(SqError, match=r"can be used, and 2 files .* remove .*absent\.json to ask"):
            ingest.fetch_records(HMI, NOON + timedelta(minutes=20), 1, "me@there", jsoc := Jsoc(cut=(26,)))
    assert jsoc.asked == []


def test_no_file_of_the_cache_is_deleted_and_what_is_of_no_use_is_said_and_asked_for_once(sq_home):
    def useless(series, start, end, email, folder):
        jsoc(series, start, end, email, folder)
        for path in folder.glob("hmi.4.fits"):
            path.write_bytes(path.read_bytes().replace(b"T_OBS   =", b"T_OOPS  =").replace(b"DATE-OBS", b"DATE-OPS"))

    folder, jsoc = home() / "data/observed/hmi.v_45s", Jsoc()
    for asked in (1, 1):
        aside = {}
        assert len(ingest.fetch_records(HMI, NOON, 8, "me@there", useless, aside=aside)) == 7
        assert len(jsoc.asked) == asked and "give no time" in aside[folder / "hmi.4.fits"]
    content = (folder / "hmi.2.fits").read_bytes()  # sound, with a card that nobody needs
    at = content.index(b"SIMULATE")
    (folder / "hmi.2.fits").write_bytes(content[:at] + b"CRDER1  = nan".ljust(80) + content[at + 80 :])
    for name in ("mine.fits", "page.fits", "archive.fits"):
        (folder / name).write_bytes({"m": content[:-3000], "p": b"<html>", "a": b"PK\3\4"}[name[0]])
    before = {path.name: path.read_bytes() for path in folder.iterdir() if path.is_file()}
    assert len(ingest.fetch_records(HMI, NOON, 8, None, jsoc, aside=aside)) == 7 and len(aside) == 4
    assert {path.name: path.read_bytes() for path in folder.iterdir() if path.is_file()} == before
    (folder / "absent.json").write_text("{")
    with pytest.raises(SqError, match=r"absent\.json is damaged"):
        ingest.fetch_records(HMI, NOON, 8, None, jsoc)


def test_where_all_that_came_was_broken_the_words_do_not_say_that_jsoc_has_none(sq_home):
    with pytest.raises(SqError, match=r"arrived broken.*asks for it again"):
        ingest.fetch_records(HMI, NOON, 2, "me@there", Jsoc(cut=range(-5, 40)))
    assert len(ingest.fetch_records(HMI, NOON, 2, "me@there", Jsoc())) == 2


def test_a_fetch_that_was_cut_off_goes_on(sq_home):
    with pytest.raises(SqError, match="went dead"):
        ingest.fetch_records(HMI, NOON, 10, "me@there", Jsoc(fails_after=5))
    jsoc = Jsoc()
    assert len(ingest.fetch_records(HMI, NOON, 10, "me@there", jsoc)) == 10
    assert jsoc.asked[0][1] == NOON + timedelta(seconds=5.5 * 45)


def test_frames_that_jsoc_lacks_are_asked_for_once(sq_home):
    jsoc = Jsoc(absent=(4, 5))
    for _ in range(2):
        assert len(ingest.fetch_records(HMI, NOON, 8, "me@there", jsoc)) == 6
    assert len(jsoc.asked) == 1
    with pytest.raises(SqError, match="has no record of hmi"):
        ingest.fetch_records(HMI, NOON + timedelta(days=3), 8, "me@there", jsoc)


def test_young_frames_that_jsoc_lacks_are_asked_for_again(sq_home, monkeypatch):
    monkeypatch.setattr(fetch, "SETTLED", datetime.now() - NOON)
    jsoc = Jsoc(absent=(4, 5))
    for _ in range(2):
        assert len(ingest.fetch_records(HMI, NOON, 8, "me@there", jsoc)) == 6
    assert jsoc.stretches() == [(-0.5, 7.5), (3.5, 5.5)]
    assert len(ingest.fetch_records(HMI, NOON, 8, "me@there", Jsoc())) == 8


def test_without_address_or_network_the_words_say_so(sq_home, monkeypatch):
    monkeypatch.delenv("JSOC_EMAIL", raising=False)
    for email in (None, "", "nobody"):
        with pytest.raises(SqError, match="registered e-mail"):
            ingest.fetch_records(HMI, NOON, 4, email, Jsoc())
    def no_network(*arguments):
        raise ConnectionError("name or service not known")

    monkeypatch.setattr(type(Fido), "search", no_network)
    monkeypatch.setenv("JSOC_EMAIL", "me@there")
    with pytest.raises(SqError, match="check the network"):
        ingest.fetch_records(HMI, NOON, 4)
    with pytest.raises(SqError, match="check the network, or give"):
        target_region(12251, NOON)


def test_jsoc_is_asked_for_the_series_and_the_time(tmp_path, monkeypatch):
    asked = []
    monkeypatch.setattr(type(Fido), "search", lambda self, *query: asked.append(query) or SimpleNamespace(file_num=1))
    monkeypatch.setattr(type(Fido), "fetch", lambda self, *found, **how: asked.append(how) or [])
    fetch.from_jsoc("hmi.v_45s", NOON, NOON + timedelta(minutes=3), "me@there", tmp_path)
    time, series, notify = asked[0]
    assert (time.start.to_datetime(), time.end.to_datetime()) == (NOON, NOON + timedelta(minutes=3))
    assert (series.value, notify.value) == ("hmi.v_45s", "me@there")
    assert asked[1]["path"] == str(tmp_path / "{file}")


def test_records_that_did_not_come_are_told_from_those_that_have_no_image(tmp_path, monkeypatch):
    came = SimpleNamespace(errors=[SimpleNamespace(url="http://jsoc/SUM1/NoDataFile")])
    monkeypatch.setattr(type(Fido), "search", lambda self, *query: SimpleNamespace(file_num=1))
    monkeypatch.setattr(type(Fido), "fetch", lambda self, *found, **how: came)
    wanted = "hmi.v_45s", NOON, NOON + timedelta(minutes=3), "me@there", tmp_path
    fetch.from_jsoc(*wanted)
    came.errors.append(SimpleNamespace(url="http://jsoc/SUM1/hmi.v_45s.20120704_120045_TAI.2.Dopplergram.fits"))
    with pytest.raises(SqError, match=r"1 records of hmi\.v_45s did not come.*120045_TAI"):
        fetch.from_jsoc(*wanted)


def test_the_instruments_clock_sets_the_grid():
    times = [NOON + timedelta(seconds=45 * i - 20 + (-1) ** i) for i in (0, 1, 2, 5)]
    number, offset = fetch.slots(times, NOON, 45.0, 5)
    assert number.tolist() == [0, 1, 2, -1] and offset == pytest.approx(-20, abs=0.6)
