"""FITS files from the wild, kind by kind: read where nothing needed is lost, named where it is, never changed."""

import gzip
from datetime import datetime, timedelta

import numpy as np
import paint
import pytest
from astropy.io import fits
from paint import NOON, write_record

from sqlib.errors import SqError
from sqlib.sun import ingest
from sqlib.sun.ingest import records, track
from sqlib.sun.ingest.target import Target

HMI = ingest.ARCHIVES["HMI"]


def with_cards(path, *cards: bytes):
    """A file with other cards, byte by byte, as no library would write them, in place of those of the same keys."""
    content = path.read_bytes()
    for card in cards:
        key = card[:8] if content.count(card[:8]) else b"SIMULATE"  # a card that nobody needs
        at = content.rindex(key)
        content = content[:at] + card.ljust(80) + content[at + 80 :]
    path.write_bytes(content)
    return path


def seen(path):
    """What a record shows round the middle of the disk."""
    assert path in ingest.whole_records(path.parent)
    return track.project((path, Target(NOON, 0.0, 0.0)), track.Patch(16, 10.0), HMI)


HARMLESS = {
    "bare nan": b"CRDER1  =                  nan", "bare inf": b"CSYSER1 =                 -inf",
    "lower-case t": b"SIMULATE=                    t", "no quotes": b"CONTENT = DOPPLERGRAM",
    "open quote": b"CONTENT = 'DOPPLERGRAM", "not ASCII": b"CONTENT = 'M\xe4rz'", "control": b"CONTENT = 'a\tb'",
    "CONTINUE of nothing": b"CONTINUE  'and so on'", "decimal comma": b"CRDER1  = 1,5", "two values": b"CRDER1  = 1 2",
    "nan as BLANK of numbers that have NaN": b"BLANK   =                  nan",
    "nan as CHECKSUM": b"CHECKSUM=                  nan", "nan as EXTNAME": b"EXTNAME = nan",
    "nan as the Sun's radius": b"RSUN_OBS=                  nan", "text as the Sun's radius": b"RSUN_REF= 'unknown'",
    "nan as the time of the beginning": b"DATE-OBS= nan",
}


@pytest.mark.parametrize("rice", [False, True])
@pytest.mark.parametrize("kind", HARMLESS)
def test_a_bad_card_that_is_not_needed_is_harmless(tmp_path, kind, rice):
    sound = seen(write_record(tmp_path / "sound.fits", NOON, rice=rice))
    path = with_cards(write_record(tmp_path / "bad.fits", NOON, rice=rice), HARMLESS[kind])
    assert np.isfinite(sound).all() and np.array_equal(seen(path), sound)


@pytest.mark.parametrize(("card", "words"), [
    (b"CDELT1  = nan", "lacks CDELT1 .it says 'nan'"), (b"CRPIX2  = 32,4", "lacks CRPIX2 .it says '32,4'"),
    (b"CROTA2  = nan", "camera was turned .*CROTA2 .it says 'nan'"),
    (b"DSUN_OBS= 'far'", "where the observer was .*DSUN_OBS .it says 'far'"),
    (b"CRVAL1  =                    T", "lacks CRVAL1 .it says True"),
    (b"T_OBS   = soon", "give no time; it says 'soon'"),
    (b"BUNIT   = nan", "the unit BUNIT is 'nan'"), (b"CADENCE = '720'", "a record every 720 s"),
    (b"SIMULATE= 1", "lacks CDELT1 .it says '32.256 and 1.0'"),  # a key that comes twice
])  # fmt: skip
def test_a_bad_card_that_is_needed_is_named(tmp_path, card, words):
    path = write_record(tmp_path / "bad.fits", NOON)
    with_cards(path, card)
    if "and" in words:
        with fits.open(path, mode="update") as units:
            units[1].header.append(("CDELT1", 1.0))
    with pytest.raises(SqError, match=words) as told:
        seen(path)
    assert "bad.fits" in str(told.value)


def test_a_scale_of_whole_numbers_that_cannot_be_read_is_named(tmp_path):
    path = write_record(tmp_path / "bad.fits", NOON, BSCALE=0.5)
    values = np.full((64, 64), 1000, ">i2")
    unit = fits.ImageHDU(values, fits.getheader(path, 1))
    unit.header["BSCALE"] = 0.5
    fits.HDUList([fits.PrimaryHDU(), unit]).writeto(path, overwrite=True)
    with_cards(path, b"BSCALE  = '0.25'")
    assert seen(path) == pytest.approx(np.full((16, 16), 250.0))
    with pytest.raises(SqError, match=r"BSCALE says 'nan', and its whole numbers need it"):
        seen(with_cards(path, b"BSCALE  = nan"))


def test_a_number_that_is_written_as_a_text_is_a_number(tmp_path):
    path = write_record(tmp_path / "bad.fits", NOON, rice=True)
    sound = seen(path)
    with_cards(path, b"CDELT1  = '32.256'", b"CROTA2  = '1.7993D+02'", b"CADENCE = ' 45.0 '", b"CTYPE1  = HPLN-TAN / x")
    assert np.array_equal(seen(path), sound)


# --- names, and what is no record


def test_records_are_found_whatever_archives_and_browsers_call_them(tmp_path):
    plain = write_record(tmp_path / "a.fits", NOON)
    names = ["B.FITS", "c.fts", "d.fits (1)", "e (2).fits", "f.fit", "Dopplergram", "g.fits.1", "h.FITS.GZ", "i.gz"]
    for name in names:
        content = plain.read_bytes()
        (tmp_path / name).write_bytes(gzip.compress(content) if name.lower().endswith("gz") else content)
    for name in ("._a.fits", ".DS_Store", ".fits"):
        (tmp_path / name).write_bytes(b"\0\5\x16\7 macOS")
    for name in ("j.fits.part", "k.fits.download", "l.fits.crdownload", "m.FITS.PART"):
        (tmp_path / name).write_bytes(plain.read_bytes()[:5000])
    (tmp_path / "notes.txt").write_text("mine")
    before = {path: path.stat().st_mtime_ns for path in tmp_path.iterdir()}
    found = ingest.whole_records(tmp_path, aside=(aside := {}))
    assert {path.name for path in found} == {"a.fits", *names}
    assert {path.name[0] for path in aside} == set("jklm") and all("download" in why for why in aside.values())
    assert {path: path.stat().st_mtime_ns for path in tmp_path.iterdir()} == before


@pytest.mark.parametrize(("spoil", "words"), [
    (lambda content: b"", "is empty"), (lambda content: bytes(9000), "is empty but for zeros"),
    (lambda content: b"\xef\xbb\xbf\n<!DOCTYPE html><html>404</html>", "is a web page"),
    (lambda content: content[:-3000], "truncated"), (lambda content: content[:4000], "bad.fits"),
    (lambda content: content[:40], "bad.fits"), (lambda content: gzip.compress(content, mtime=0)[:-900], "bad.fits"),
    (lambda content: content.replace(b"NAXIS1  =                   64", b"NAXIS1  =                   63"), "63×64"),
    (lambda content: content.replace(b"NAXIS2  =                   64", b"NAXIS2  =                  640"), "trunc"),
], ids=["empty", "zeros", "web page", "cut", "cut header", "cut card", "cut gzip", "small NAXIS", "large NAXIS"])
def test_a_file_that_is_no_whole_record_is_refused_and_stays(tmp_path, spoil, words):
    content = write_record(tmp_path / "good.fits", NOON).read_bytes()
    noise = np.random.default_rng(0).normal(0, 1e3, (64, 64)).astype(">f4").tobytes()
    content = content[: -len(noise) - (-len(noise) % 2880)] + noise + bytes(-len(noise) % 2880)
    for name in ("bad.fits", "worse.fits"):
        (tmp_path / name).write_bytes(spoil(content))
    with pytest.raises(SqError, match=words) as told:
        ingest.whole_records(tmp_path)
    assert "the first of 2 such among 3 files" in str(told.value)
    kept = ingest.whole_records(tmp_path, True, aside := {})
    assert [path.name for path in kept] == ["good.fits"] and len(aside) == 2
    assert (tmp_path / "bad.fits").read_bytes() == spoil(content)


def test_an_export_without_keywords_is_named_as_such(tmp_path):
    fits.HDUList([fits.PrimaryHDU(), fits.ImageHDU(np.ones((64, 64), ">f4"))]).writeto(tmp_path / "a.fits")
    with pytest.raises(SqError, match=r"a\.fits says neither when nor where.*without keywords; export it again"):
        ingest.whole_records(tmp_path)


# --- headers against the clock and against the picture


def test_leap_seconds_are_read(tmp_path):
    times = ("2012.07.01_00:00:34.500_TAI", "2012-06-30T23:59:60.5", "2012-06-30T23:59:60Z", "2012.06.30_23:59:60_UTC")
    for i, text in enumerate(times):
        write_record(tmp_path / f"{i}.fits", NOON, T_OBS=text)
    found = ingest.whole_records(tmp_path)
    assert len(found) == 4 and all(abs(time - datetime(2012, 7, 1)) < timedelta(seconds=1) for time in found.values())


def test_a_clock_that_is_not_utc_is_heeded_and_a_time_that_jsoc_lacks_is_not(tmp_path):
    header = {"T_OBS": "-4712.01.01_11:59:28_TAI", "DATE-OBS": "2014-03-29T17:48:35", "TIMESYS": "TAI"}
    assert records.observed_at(header, tmp_path) == datetime(2014, 3, 29, 17, 48)
    assert records.observed_at(header | {"TIMESYS": "UTC"}, tmp_path) == datetime(2014, 3, 29, 17, 48, 35)
    assert records.observed_at(header | {"T_OBS": "2014.03.29_17:50:35_TAI"}, tmp_path).minute == 50


@pytest.mark.parametrize(("changes", "words"), [
    ({"T_REC": "2012.07.04_12:05:00_TAI"}, "contradicts itself: T_REC is 2012.07.04_12:05:00_TAI"),
    ({"DATE-OBS": "2012-07-05T12:00:00"}, "contradicts itself: DATE-OBS is 2012-07-05"),
    ({"CROTA2": 180.0, "PC1_1": 1.0, "PC2_2": 1.0}, r"turned by 180° \(CROTA2\) and by 0° \(PCi_j\)"),
    ({"CADENCE": "720.0"}, "a record every 720 s"),
])  # fmt: skip
def test_headers_that_contradict_themselves_are_refused(tmp_path, changes, words):
    with pytest.raises(SqError, match=words):
        seen(write_record(tmp_path / "a.fits", NOON, **changes))


def test_a_picture_that_was_turned_without_its_header_is_refused(tmp_path):
    paint.paint(np.zeros((1, 16, 16)), 10.0, paint.CAMERAS["HMI"], (0, 0), NOON, 45.0, NOON, tmp_path, 128)
    [path] = ingest.whole_records(tmp_path)
    assert np.isfinite(seen(path)).all()
    with pytest.raises(SqError, match=r"header contradicts its picture.*from west to east"):
        seen(with_cards(path, b"CROTA2  = 0.0"))


# --- pixels that nobody measured


@pytest.mark.parametrize(("stored", "value", "cards"), [
    (">f4", -9999, {}), (">f4", 1e20, {}), (">f4", -np.inf, {}), (">i2", -32768, {}),
    (">i4", -(2**31), {"BSCALE": 1e-6}),
    (">i2", -32768, {"BSCALE": 0.2, "BZERO": 500.0}), (">i2", -1, {"BLANK": -1, "BSCALE": 0.5, "BZERO": 32.0}),
    (">i2", -32768, {"BSCALE": 0.2}),
])  # fmt: skip
@pytest.mark.parametrize("packed", [False, True])
def test_fill_values_are_no_velocities(tmp_path, stored, value, cards, packed):
    if packed and np.isinf(value):
        pytest.skip("tiles of real numbers cannot hold it")
    path = write_record(tmp_path / "a.fits", NOON)
    values = np.full((64, 64), 3, stored)
    values[31:33, 30] = value
    kind = fits.CompImageHDU if packed else fits.ImageHDU
    unit = kind(values, fits.getheader(path, 1))
    unit.header.update(cards)
    fits.HDUList([fits.PrimaryHDU(), unit]).writeto(path, overwrite=True)
    assert np.isnan(seen(path)).all()
