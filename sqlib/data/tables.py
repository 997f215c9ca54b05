"""Tables that people write as CSV, read against one declaration of what their rows may hold (a pydantic model).

Spreadsheets change what they save: separator, decimal comma, encoding, line ends, quotes, times. What they can do is
undone here where it has one meaning, and refused where it has two.
"""

import codecs
import csv
import io
import re
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Annotated

import pandas as pd
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError, ValidationInfo

from sqlib.errors import SqError

SEPARATORS = ",;\t|"
END = "\0"  # put behind the last line: a quote that nobody closes swallows it
MARKS = {codecs.BOM_UTF8: "utf-8", codecs.BOM_UTF32_LE: "utf-32-le", codecs.BOM_UTF32_BE: "utf-32-be",
         codecs.BOM_UTF16_LE: "utf-16-le", codecs.BOM_UTF16_BE: "utf-16-be"}  # the first that fits
DECIMAL = re.compile(r"[+-]?[0-9]+,[0-9]+(?:[eE][+-]?[0-9]+)?")
THOUSANDS = re.compile(r"[+-]?[1-9][0-9]{0,2}[.,][0-9]{3}")  # or three decimals


class Row(BaseModel):
    """What a row of a table may hold, made from words; what else stands there is left out."""

    model_config = ConfigDict(frozen=True, allow_inf_nan=False)


def readings(word: str) -> str:
    """What a spreadsheet's time or count of days may mean, to be said behind a refusal."""
    if re.fullmatch(r"[0-9]{5}(?:[.,][0-9]+)?", word):
        meant = datetime(1899, 12, 30) + timedelta(days=float(word.replace(",", ".")))
        return f"; a spreadsheet counts days so: it may mean {meant:%Y-%m-%dT%H:%M:%S}"
    if found := re.match(r"([0-9]{1,2})[./-]([0-9]{1,2})[./-]([0-9]{4})\b", word):
        first, second, year = found.groups()
        meant = dict.fromkeys(f"{year}-{month:>02}-{day:>02}" for day, month in ((first, second), (second, first))
                              if 1 <= int(month) <= 12)
        return f"; is the day or the month first? It may mean {' or '.join(meant)}" if len(meant) > 1 else ""
    return ""


def _time(word: str) -> datetime:
    with suppress(ValueError, OverflowError):
        time = datetime.fromisoformat(word if re.match(r"[0-9]{4}-..-..[T ]..", word) else "")  # no date alone
        time = time.astimezone(UTC).replace(tzinfo=None) if time.tzinfo else time
        if 1900 <= time.year < 2200:
            return time
    raise ValueError(f"a time is written like 2014-03-29T16:48:00{readings(word)}")


def _number(word, info: ValidationInfo):
    """A number with a point; the context says how values are parted, and whether the table has decimal commas."""
    separator, commas = info.context
    if not isinstance(word, str):
        return word
    if "_" in word:
        raise ValueError("input should be a valid number, without _")
    if THOUSANDS.fullmatch(word) and (commas if "." in word else separator != ";"):
        raise ValueError("are these thousands or decimals? Write a number like 1.25 or 1250")
    return (word.replace(",", ".") if DECIMAL.fullmatch(word) else word).replace("−", "-")


number = BeforeValidator(_number)
Text = Annotated[str, Field(min_length=1, max_length=4096)]  # no path is longer
Time = Annotated[datetime, BeforeValidator(_time)]  # UTC, without a zone
Number = Annotated[float, number]
Count = Annotated[int, Field(ge=0, lt=2**31), number]
From0 = Annotated[float, Field(ge=0), number]
empty = BeforeValidator(lambda word: None if word == "" else word)  # what may be, for Annotated[… | None, empty]
spelt = BeforeValidator(lambda word: {"true": "yes", "false": "no"}.get(word.lower(), word.lower()))  # yes, No, TRUE


def _text(path: Path, more: bool) -> str:
    """Content of a table in UTF-8, UTF-16 or UTF-32; `more` lets odd letters be."""
    try:
        content = Path(path).read_bytes()
        mark = next((mark for mark in MARKS if content.startswith(mark)), b"")
        zeros = [content[start::2].count(0) * 4 > len(content) for start in (0, 1)]  # half of every second byte
        guessed = "utf-16-be" if zeros[0] else "utf-16-le" if zeros[1] else "utf-8"
        decoded = content[len(mark) :].decode(MARKS.get(mark, guessed), "replace" if more else "strict")
        return decoded.replace("\ufeff", "")  # of files put behind each other
    except UnicodeDecodeError as error:
        line = len(error.object[: error.start + 1].splitlines())
        told = f"this is no text in {error.encoding.upper()}; save the table in UTF-8"
        raise SqError(f"{path}, line {line}: {told}") from error
    except OSError as error:
        raise SqError(f"cannot read {path}: {error}; `sq data template FOLDER` writes an example") from error


def _plain(name: str) -> str:
    """A column's name without what people and spreadsheets add to it."""
    return re.sub(r"[\s_\"]+", "", name).casefold()


def _rows(path: Path, text: str, columns: set[str]) -> tuple[str, dict[str, list[str]]]:
    """Separator of a table and its rows of words, by their place; `columns`: plain names that its head may have.

    Without rows that are empty, remarks, or Excel's `sep=`.
    """
    lines = list(io.StringIO(text, newline=None))
    declared = re.match(r'"?sep=([^"\w\n])', lines[0], re.IGNORECASE) if lines else None
    lines[:1] = ["\n"] if declared else lines[:1]
    lines = ["\n" if line.lstrip().startswith("#") else line for line in lines]
    told = (line for line in lines if not line.lstrip('" ').startswith("#"))
    head = next((line for line in told if line.strip(f'{SEPARATORS}" \n')), "")
    separator = max(f"{declared[1] if declared else ''}{SEPARATORS}",
                    key=lambda one: sum(_plain(word) in columns for word in head.split(one)))
    reader, rows, line = csv.reader([*lines, END], delimiter=separator, skipinitialspace=True), {}, 1
    where = words = None
    try:
        for words in reader:
            where, line = f"{path}, line {line}", reader.line_num + 1  # a quoted value may go on in the next line
            if any(stripped := [word.strip() for word in words]) and not stripped[0].startswith("#"):
                rows[where] = stripped
    except csv.Error as error:
        raise SqError(f"{path}, line {line}: {error}; is a quote not closed, or this no table?") from error
    if words != [END]:
        raise SqError(f"{where}: a quote is not closed; close it or take it out")
    rows.pop(where)
    for where, words in rows.items():
        inside = [part for word in words for part in word.split("\n")[1:]]
        if any(part.count(separator) >= max(2, len(columns) // 2) for part in inside):
            raise SqError(f"{where}: a quote is not closed, and its value holds further rows; close it or take it out")
    return separator, rows


def read_table(path: Path, model: type[Row], more: bool = False) -> pd.DataFrame:
    """Rows of a table, a column per field of `model`; their index is their place ("FILE, line 3, column").

    Values are parted by , ; tab or |, in UTF-8, UTF-16 or UTF-32. Left out are rows that are empty, remarks (#) or a
    repeated head, columns without a name and a value, and `more` columns, where they are allowed: then odd letters are,
    too. Raises `SqError` for another encoding, for missing and unknown columns, for a quote that is not closed, and
    for a value that is not as expected, with its place.
    """
    columns, text = list(model.model_fields), _text(path, more)
    known = {_plain(name): name for name in columns}
    separator, rows = _rows(path, text, set(known))
    where = next(iter(rows), f"{path}, line 1")
    head = [known.get(_plain(name), name) for name in rows.pop(where, [])]
    used = {at for row in rows.values() for at, word in enumerate(row) if word}
    spare = {at for at, name in enumerate(head) if not name} - used
    wrong = [f"lacks {name}" for name, field in model.model_fields.items() if name not in head and field.is_required()]
    wrong += [f"has {name!r} twice" for name in columns if head.count(name) > 1]
    wrong += [f"has {name[:80]!r}" for at, name in enumerate(head) if not (more or name in columns or at in spare)]
    if wrong:
        parted = "" if len(head) > 1 else ", or is parted by none of , ; tab |"
        raise SqError(f"{where}: its columns are {','.join(columns)}; this one {', '.join(wrong[:9])}{parted}")
    found, commas = {}, separator != "," and any(DECIMAL.fullmatch(word) for row in rows.values() for word in row)
    for where, words in rows.items():
        if [known.get(_plain(name), name) for name in words] == head:
            continue
        while len(words) > len(head) and not words[-1]:
            words.pop()
        if len(words) != len(head) and not more:
            raise SqError(f"{where}: {len(words)} values for {len(head)} columns")
        place, named = f"{where}, column", {name: word for name, word in zip(head, words) if name in columns}
        lacking = {name: "" for name in head if name in columns}  # where a row of a wide table ends early
        try:
            found[place] = dict(model.model_validate(lacking | named, context=(separator, commas)))
        except ValidationError as error:
            first = error.errors()[0]
            name, told = first["loc"][0], first["msg"].removeprefix("Value error, ")
            value = str((lacking | named).get(name))[:80]
            raise SqError(f"{place} {name}: {value!r}: {told[0].lower()}{told[1:]}") from None
    return pd.DataFrame.from_dict(found, orient="index", columns=columns)


def intervals(table: pd.DataFrame, first: str, last: str, corners: tuple[tuple[str, ...], ...]) -> pd.DataFrame:
    """Annotated intervals and boxes of a table: first, last (columns of frames) and boxes, a tuple of (x0, y0, x1, y1).

    `corners`: the columns of each box that a row may have; all four are empty where it has none. Raises `SqError`, with
    the place, for an interval that ends before it begins, and for boxes without area.
    """
    table, boxes = table.astype(dict.fromkeys(sum(corners, ()), float)), []
    for place, row in table.iterrows():
        if row[first] > row[last]:
            raise SqError(f"{place} {first}, {last}: {row[first]} to {row[last]} is no interval of frames")
        found = {four: tuple(row[list(four)]) for four in corners if row[list(four)].notna().any()}
        boxes.append(tuple(found.values()))
        for four, (x0, y0, x1, y1) in found.items():
            if not (x0 < x1 and y0 < y1):
                raise SqError(f"{place} {four[0]}…{four[3]}: {found[four]} is no box with x0 < x1 and y0 < y1")
    return table.assign(first=table[first], last=table[last], boxes=boxes)
