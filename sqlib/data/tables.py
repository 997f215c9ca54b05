"""Tables that people write as CSV, read against one declaration of what they may hold."""

import csv
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import numpy as np
import pandas as pd

from sqlib.errors import SqError

LONGEST = 4096  # characters of a value; no path has more
EXAMPLE = datetime(2014, 3, 29, 16, 48)
ABOVE, FROM = pd.Interval(0, np.inf, "neither"), pd.Interval(0, np.inf, "left")


@dataclass(frozen=True)
class Column:
    """What a column may hold: values of a `kind` (str, int, float, datetime) in a `span`, or one of `words`.

    `format`: of a time, as strptime has it. `optional`: may be empty. `says`: what it is, for whoever fills it in.
    """

    kind: type = str
    span: pd.Interval | None = None
    words: tuple[str, ...] = ()
    format: str = "ISO8601"
    optional: bool = False
    says: str = ""

    def __str__(self) -> str:
        if self.kind is str:
            return " or ".join(self.words) or f"text of 1 to {LONGEST} characters"
        if self.kind is datetime:
            return f"time like {EXAMPLE.isoformat() if self.format == 'ISO8601' else EXAMPLE.strftime(self.format)}"
        words = "whole number" if self.kind is int else "number"
        if self.span is not None:
            words += f" {'above' if self.span.open_left else 'from'} {self.span.left:g}"
            words += f", up to {self.span.right:g}" if self.span.right < np.inf else ""
        return words


@dataclass(frozen=True)
class Table:
    """What a table may hold: columns by name, and what some of them are together.

    `interval`: columns of a first and a last frame. `boxes`: columns of x0, y0, x1, y1, for each box that a row may
    have; all four are empty where it has none. `more`: other columns are left out, not refused.
    """

    columns: dict[str, Column]
    interval: tuple[str, str] | None = None
    boxes: tuple[tuple[str, str, str, str], ...] = ()
    more: bool = False


def refusal(path: Path, line: int, column: str, words: str) -> SqError:
    """The error that says what is wrong in a line and a column of a table."""
    return SqError(f"{path}, line {line}, column {column}: {words}")


def read_table(path: Path, expected: Table) -> pd.DataFrame:
    """Rows of a table by the number of their line: the `expected` columns with their types, and `boxes` (a tuple of boxes).

    Empty lines and those that begin with # are left out. Raises `SqError`, with file, line and column, for what is no
    text in UTF-8 (where other columns are left out, odd letters are, too), and for all that is not as `expected`.
    """
    table = _cells(path, expected)
    for name, column in expected.columns.items():
        cells, table[name] = table[name], _typed(table[name], column)
        wrong = table[name].isna() & ~((cells == "") & column.optional)
        if wrong.any():
            line = wrong.idxmax()
            raise refusal(path, line, name, f"{cells[line][:80]!r} is no {column}")
    if expected.interval:
        first, last = (table[name] for name in expected.interval)
        if (wrong := first > last).any():
            line = wrong.idxmax()
            raise refusal(path, line, ", ".join(expected.interval), f"{first[line]:g} to {last[line]:g} is no interval")
    boxes = {line: [] for line in table.index}
    for corners in expected.boxes:
        for line, box in table.loc[table[list(corners)].notna().any(axis=1), list(corners)].iterrows():
            x0, y0, x1, y1 = box
            if not (x0 < x1 and y0 < y1):
                raise refusal(path, line, f"{corners[0]}…{corners[3]}", f"{tuple(box)} is no box: x0 < x1 and y0 < y1")
            boxes[line].append(tuple(box))
    return table.assign(boxes=[tuple(found) for found in boxes.values()])


def _cells(path: Path, expected: Table) -> pd.DataFrame:
    """The words of a table, stripped, by line and column."""
    try:
        content = Path(path).read_bytes()
        text = content.decode("utf-8-sig", "replace" if expected.more else "strict")
    except UnicodeDecodeError as error:
        line = len(content[: error.start + 1].splitlines())
        raise SqError(f"{path}, line {line}: this is no text in UTF-8; save the table in UTF-8") from error
    except OSError as error:
        raise SqError(f"cannot read {path}: {error}; `sq data template FOLDER` writes an example") from error
    lines = csv.reader(("" if line.lstrip().startswith("#") else line for line in text.splitlines()), skipinitialspace=True)
    rows, line = {}, 1
    try:
        for words in lines:
            if any(words := [word.strip() for word in words]):
                rows[line] = words
            line = lines.line_num + 1  # a quoted value may go on in the next line
    except csv.Error as error:
        raise SqError(f"{path}, line {line}: {error}; is a quote not closed, or this no table?") from error
    line = next(iter(rows), 1)
    head, names = rows.pop(line, []), list(expected.columns)
    wrong = [f"lacks {name}" for name in names if name not in head]
    wrong += [f"has {name!r} twice" for name in names if head.count(name) > 1]
    wrong += [f"has {name[:80]!r}" for name in head if not (expected.more or name in names)]
    if wrong:
        raise SqError(f"{path}, line {line}: its columns are {','.join(names)}; this one {', '.join(wrong[:9])}")
    for line, words in rows.items():
        if len(words) != len(head) and not expected.more:
            raise SqError(f"{path}, line {line}: {len(words)} values for {len(head)} columns")
    whole = ((words + [""] * len(head))[: len(head)] for words in rows.values())
    return pd.DataFrame(whole, index=list(rows), columns=head, dtype=str)[names]


def _typed(cells: pd.Series, column: Column) -> pd.Series:
    """Values of a column; missing where they are not as expected."""
    if column.kind is str:
        return cells.where(cells.isin(column.words) if column.words else cells.str.len().between(1, LONGEST))
    if column.kind is datetime:
        values = pd.to_datetime(cells, format=column.format, errors="coerce", utc=True).dt.tz_localize(None)
    else:
        values = pd.to_numeric(cells, errors="coerce").astype(float)
        values = values.where(values % 1 == 0 if column.kind is int else np.isfinite(values))
    span = column.span
    return values if span is None else values.where(values.between(span.left, span.right, inclusive=span.closed))
