"""Tables that people write: values come with their types, and what is wrong is refused with file, line and column."""

from typing import Annotated, Literal

import pandas as pd
import pytest
from pydantic import Field, create_model

from sqlib.data.tables import Count, Number, Row, Text, Time, empty, intervals, read_table, spelt
from sqlib.errors import SqError

SIDES = ("x0", "y0", "x1", "y1")


class Words(Row):
    name: Text
    when: Time
    first: Count
    last: Count
    pixel: Annotated[Number, Field(gt=0, le=696)]
    known: Literal["yes", "no"]


TABLE = create_model("Table", __base__=Words, **dict.fromkeys(SIDES, Annotated[Number | None, empty]))
FLAG = create_model("Flag", __base__=TABLE, known=Annotated[Literal["yes", "no"], spelt])
HEAD = ",".join(TABLE.model_fields)
WHEN = "2014-06-01T12:00:30"
GOOD = f"a.fits,{WHEN},2,4,0.5,yes,1,2.5,3,4"


@pytest.fixture
def read(tmp_path):
    """Function that reads a table of these lines."""

    def read(*lines):
        (tmp_path / "t.csv").write_text("\n".join(lines), encoding="utf-8")
        return intervals(read_table(tmp_path / "t.csv", TABLE), "first", "last", (SIDES,))

    return read


def test_values_have_their_types_and_rows_their_places(read, tmp_path):
    table = read("# a remark, with \"a quote", HEAD, "", GOOD, ",,,", f'"b, c" , {GOOD[7:-10]},,,,')
    assert table["name"].tolist() == ["a.fits", "b, c"] and table["first"].tolist() == [2, 2]
    assert table["when"].tolist() == [pd.Timestamp(2014, 6, 1, 12, 0, 30)] * 2 and table["pixel"].tolist() == [0.5, 0.5]
    assert table["boxes"].tolist() == [((1.0, 2.5, 3.0, 4.0),), ()]
    assert table.index.tolist() == [f"{tmp_path / 't.csv'}, line {line}, column" for line in (4, 6)]


def test_times_are_turned_to_utc_and_numbers_keep_their_last_digit(read):
    table = read(HEAD, GOOD.replace("T12:00:30", "T12:00:30+02:00").replace("2.5", repr(1 / 3)))
    assert table["when"].iloc[0] == pd.Timestamp(2014, 6, 1, 10, 0, 30) and table["boxes"].iloc[0][0][1] == 1 / 3
    assert len(read(HEAD)) == 0


def test_further_columns_and_odd_letters_are_left_out_where_that_is_allowed(tmp_path):
    (tmp_path / "t.csv").write_bytes(f"{HEAD},Obs\n{GOOD},M\xfcller, too\n".encode("latin-1"))
    assert read_table(tmp_path / "t.csv", TABLE, more=True)["name"].tolist() == ["a.fits"]
    with pytest.raises(SqError, match=r"t\.csv, line 2: this is no text in UTF-8"):
        read_table(tmp_path / "t.csv", TABLE)


@pytest.mark.parametrize(("old", "new", "told"), [
    ("2014-06-01T12:00:30", "1 June 2014", "line 3, column when: '1 June 2014': a time is written like 2014-03-29T"),
    ("2014-06-01T12:00:30", "", "line 3, column when: '': a time is written like"),
    ("2014-06-01T12:00:30", "0001-01-01T00:00+14:00", r"line 3, column when: '0001.*': a time is written like"),
    ("2,4", "2.5,4", "line 3, column first: '2.5': input should be a valid integer"),
    ("2,4", "-2,4", "line 3, column first: '-2': input should be greater than or equal to 0"),
    ("2,4", "2," + "9" * 5000, "line 3, column last: '9{80}': .* integer"),
    ("2,4", "2," + "9" * 50, "line 3, column last: '9{50}': input should be less than 2147483648"),
    ("2,4", "4,2", "line 3, column first, last: 4 to 2 is no interval"),
    ("0.5", "half", "line 3, column pixel: 'half': input should be a valid number"),
    ("0.5", "0", "line 3, column pixel: '0': input should be greater than 0"),
    ("0.5", "1e308", "line 3, column pixel: '1e308': input should be less than or equal to 696"),
    ("yes", "perhaps", "line 3, column known: 'perhaps': input should be 'yes' or 'no'"),
    ("a.fits", "x" * 5000, "line 3, column name: 'x{80}': .* at most 4096 characters"),
    ("1,2.5,3,4", "1,2.5,nan,4", "line 3, column x1: 'nan': input should be a finite number"),
    ("1,2.5,3,4", "1,2.5,inf,4", "line 3, column x1: 'inf': input should be a finite number"),
    ("1,2.5,3,4", "1,2.5,3,", "line 3, column x0…y1: .* is no box"),
    ("1,2.5,3,4", "1,4,3,4", "line 3, column x0…y1: .* is no box"),
    ("1,2.5,3,4", "1,2.5,3", "line 3: 9 values for 10 columns"),
    ("a.fits", '"a.fits', "line 3: a quote is not closed"),
    ("a.fits", '"' + "x" * 140_000, "line 3: field larger than .*; is a quote not closed"),
])
def test_wrong_values_are_refused_with_their_place(read, old, new, told):
    with pytest.raises(SqError, match=rf"t\.csv, {told}") as error:
        read(HEAD, GOOD, GOOD.replace(old, new, 1))
    assert len(str(error.value)) < 1500


@pytest.mark.parametrize(("head", "told"), [
    (HEAD.replace("pixel", "pixle"), "line 1: its columns are name,.*; this one lacks pixel, has 'pixle'"),
    (HEAD.replace(",pixel", ""), "lacks pixel"),
    (HEAD.replace("pixel", "pixel,pixel"), "has 'pixel' twice"),
    (HEAD + ",Obs", "has 'Obs'"),
    (HEAD.replace("pixel", "[" * 5000), r"lacks pixel, has '\[{80}'"),
    ("", "line 2: .* lacks name, lacks when"),
])
def test_a_wrong_head_is_refused(read, head, told):
    with pytest.raises(SqError, match=told) as error:
        read(head, GOOD)
    assert len(str(error.value)) < 1500


def test_a_quoted_value_over_two_lines_does_not_shift_the_numbers_of_lines(read):
    with pytest.raises(SqError, match=r"line 4, column last: 'ten'"):
        read(HEAD, GOOD.replace("a.fits", '"a\nb"'), GOOD.replace("2,4", "2,ten"))


def test_a_table_that_is_absent_says_where_to_begin(tmp_path):
    with pytest.raises(SqError, match=r"cannot read .*t\.csv.* `sq data template FOLDER`"):
        read_table(tmp_path / "t.csv", TABLE)


T = f"{HEAD}\n{GOOD}\n"
WIDE = T.replace(",", ";")
SPREADSHEETS = {
    "semicolons": WIDE,
    "tabs": WIDE.replace(";", "\t"),
    "bars": WIDE.replace(";", "|"),
    "sep=": f"sep=,\r\n{T}",
    "sep= in quotes": f'"sep=;"\n{WIDE}',
    "sep= that lies": f"sep=;\n{T}",
    "sep= of another sign": f"sep=^\n{T}".replace(",", "^"),
    "decimal commas": WIDE.replace("0.5", "0,5").replace("2.5", "2,50"),
    "decimal commas in quotes": T.replace("2.5", '"2,5"'),
    "a byte-order mark": f"\ufeff{T}",
    "two byte-order marks": f"\ufeff\ufeff{T}",
    "CR line ends": T.replace("\n", "\r"),
    "CRLF line ends": T.replace("\n", "\r\n"),
    "remarks in quotes": f'"# name: a file, or ""none"""\n" # more"\n{T}',
    "remarks in cells": f"# a,b,,\n{T}",
    "odd line ends in a remark": f"# a\u2028b\x0bc\x85d\n{T}",
    "everything in quotes": "\n".join(",".join(f'"{word}"' for word in line.split(",")) for line in (HEAD, GOOD)),
    "empty columns": T.replace("\n", ",,\n"),
    "an empty column inside": T.replace("first", ",first").replace("2,4", ",2,4"),
    "more empty values than columns": f"{HEAD}\n{GOOD},,,\n",
    "empty rows": f"\n,,,\n{HEAD}\n,,,,,,,,,\n{GOOD}\n\n,,\n",
    "a repeated head": f"{T}{HEAD}\n",
    "names in capitals, with blanks": f"{HEAD.upper().replace('X0', ' x 0 ')}\n{GOOD}",
    "12.0": T.replace("2,4", "2.0,4.00"),
    "TRUE": T.replace("yes", "TRUE"),
    "Yes": T.replace("yes", " Yes "),
}
ENCODINGS = ["utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "utf-32"]


@pytest.mark.parametrize("kind", SPREADSHEETS)
def test_a_table_after_a_trip_through_a_spreadsheet_is_the_same(tmp_path, kind):
    (tmp_path / "t.csv").write_bytes(SPREADSHEETS[kind].encode())
    (tmp_path / "good.csv").write_text(T)
    table, good = (read_table(tmp_path / name, FLAG) for name in ("t.csv", "good.csv"))
    pd.testing.assert_frame_equal(table.reset_index(drop=True), good.reset_index(drop=True))


@pytest.mark.parametrize("encoding", ENCODINGS)
def test_a_table_in_another_encoding_is_the_same(tmp_path, encoding):
    (tmp_path / "t.csv").write_bytes(f"{HEAD}\n{GOOD}\n".replace("a.fits", "März ☉.fits").encode(encoding))
    assert read_table(tmp_path / "t.csv", TABLE)["name"].tolist() == ["März ☉.fits"]


@pytest.mark.parametrize(("text", "told"), [
    (T.replace("2,4", "2,1_0"), "line 2, column last: '1_0': .* without _"),
    (T.replace("2.5", "2_0.5"), "line 2, column y0: '2_0.5': .* without _"),
    (T.replace("2.5", '"1,250"'), "line 2, column y0: '1,250': are these thousands or decimals"),
    (WIDE.replace("2.5", "1.250").replace("0.5", "0,5"), "line 2, column y0: '1.250': are these thousands or decimals"),
    (WIDE.replace("2.5", "1.250,5"), "line 2, column y0: '1.250,5': input should be a valid number"),
    (T.replace(",4,0.5", ",4,0,5"), "line 2: 11 values for 10 columns"),
    (T.replace(WHEN, "01.06.2014 12:00"), "day or the month first.* 2014-06-01 or 2014-01-06"),
    (T.replace(WHEN, "6/1/2014 12:00"), "day or the month first.* 2014-01-06 or 2014-06-01"),
    (T.replace(WHEN, "41791.5"), "a spreadsheet counts days.* 2014-06-01T12:00:00"),
    (T.replace(WHEN, "2014-06-01"), "line 2, column when: '2014-06-01': a time is written"),
    (T.replace("1,2.5,3,4", "-,-,-,-"), "line 2, column x0: '-': input should be a valid number"),
    (T.replace("1,2.5,3,4", "None,,,"), "line 2, column x0: 'None': input should be a valid number"),
    (HEAD.replace(",", "^") + "\n" + GOOD, "or is parted by none of"),
    (f"{HEAD},\n{GOOD},7", "line 1: .* has ''"),
    (f'{HEAD}\n"{GOOD}\n{GOOD}\nb"{GOOD[1:]}', "line 2: a quote is not closed, and its value holds further rows"),
    (f'{HEAD}\n{GOOD}\n{GOOD},"', "line 3: a quote is not closed"),
    (f'"# a remark\n{HEAD}\n{GOOD}', "line 1: a quote is not closed"),
])
def test_what_a_spreadsheet_made_ambiguous_is_refused_and_named(read, text, told):
    with pytest.raises(SqError, match=rf"t\.csv, .*{told}"):
        read(text)


def test_rows_that_an_open_quote_swallows_never_vanish_from_a_table_with_more_columns(tmp_path):
    for ends in ('"one, unsure', '"one, unsure\n{0},"two"', '"' + "x" * 200_000):
        (tmp_path / "t.csv").write_text(f"{HEAD},Obs\n{GOOD},{ends.format(GOOD)}\n{GOOD},\n{GOOD},\n")
        with pytest.raises(SqError, match=r"t\.csv, line 2: .*quote.* not closed"):
            read_table(tmp_path / "t.csv", TABLE, more=True)
    (tmp_path / "t.csv").write_text(f'{HEAD},Obs\n{GOOD},"a ""fine""\nremark, of two lines"\n{GOOD},"left" one\n')
    assert len(read_table(tmp_path / "t.csv", TABLE, more=True)) == 2
