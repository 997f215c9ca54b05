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


def read_table(path: Path, columns: dict[str, Column], more: bool = False) -> pd.DataFrame:
    """Rows of a table, `typed` by its `columns`; their index is their place ("FILE, line 3, column").

    Empty lines and those that begin with # are left out, and `more` columns, where they are allowed: then odd letters
    are, too. Raises `SqError` for what is no text in UTF-8, for missing and unknown columns, and as `typed` does.
    """
    try:
        content = Path(path).read_bytes()
        text = content.decode("utf-8-sig", "replace" if more else "strict")
    except UnicodeDecodeError as error:
        line = len(content[: error.start + 1].splitlines())
        raise SqError(f"{path}, line {line}: this is no text in UTF-8; save the table in UTF-8") from error
    except OSError as error:
        raise SqError(f"cannot read {path}: {error}; `sq data template FOLDER` writes an example") from error
    lines = ("" if line.lstrip().startswith("#") else line for line in text.splitlines())
    reader, rows, line = csv.reader(lines, skipinitialspace=True), {}, 1
    try:
        for words in reader:
            if any(words := [word.strip() for word in words]):
                rows[f"{path}, line {line}"] = words
            line = reader.line_num + 1  # a quoted value may go on in the next line
    except csv.Error as error:
        raise SqError(f"{path}, line {line}: {error}; is a quote not closed, or this no table?") from error
    where = next(iter(rows), f"{path}, line 1")
    head = rows.pop(where, [])
    wrong = [f"lacks {name}" for name in columns if name not in head]
    wrong += [f"has {name!r} twice" for name in columns if head.count(name) > 1]
    wrong += [f"has {name[:80]!r}" for name in head if not (more or name in columns)]
    if wrong:
        raise SqError(f"{where}: its columns are {','.join(columns)}; this one {', '.join(wrong[:9])}")
    for where, words in rows.items():
        if len(words) != len(head) and not more:
            raise SqError(f"{where}: {len(words)} values for {len(head)} columns")
    whole = ((words + [""] * len(head))[: len(head)] for words in rows.values())
    table = pd.DataFrame(whole, index=[f"{where}, column" for where in rows], columns=head, dtype=str)
    return typed(table[list(columns)], columns)


def typed(table: pd.DataFrame, columns: dict[str, Column]) -> pd.DataFrame:
    """The table (of text) with its columns' types; `SqError` for a value that is not as expected, with its place."""
    result = table.copy()
    for name, column in columns.items():
        result[name] = _values(table[name], column)
        wrong = result[name].isna() & ~((table[name] == "") & column.optional)
        if wrong.any():
            raise SqError(f"{wrong.idxmax()} {name}: {table[name][wrong.idxmax()][:80]!r} is no {column}")
    return result


def _values(cells: pd.Series, column: Column) -> pd.Series:
    """Values of a column; missing where they are not as expected."""
    if column.kind is str:
        return cells.where(cells.isin(column.words) if column.words else cells.str.len().between(1, LONGEST))
    if column.kind is datetime:
        values = pd.to_datetime(cells, format=column.format, errors="coerce", utc=True).dt.tz_localize(None)
    else:
        values = cells.where(pd.to_numeric(cells, errors="coerce").notna()).astype(float)
        values = values.where(values % 1 == 0 if column.kind is int else np.isfinite(values))
    span = column.span
    return values if span is None else values.where(values.between(span.left, span.right, inclusive=span.closed))


def intervals(table: pd.DataFrame, first: str, last: str, corners: tuple[tuple[str, ...], ...]) -> pd.DataFrame:
    """Annotated intervals and boxes of a table: first, last (columns of frames) and boxes, a tuple of (x0, y0, x1, y1).

    `corners`: the columns of each box that a row may have; all four are empty where it has none. Raises `SqError`, with
    the place, for an interval that ends before it begins, and for boxes without area.
    """
    if (wrong := table[first] > table[last]).any():
        row = table.loc[wrong.idxmax()]
        raise SqError(f"{row.name} {first}, {last}: {row[first]:g} to {row[last]:g} is no interval of frames")
    boxes = []
    for place, row in table.iterrows():
        found = {four: tuple(row[list(four)]) for four in corners if row[list(four)].notna().any()}
        boxes.append(tuple(found.values()))
        for four, (x0, y0, x1, y1) in found.items():
            if not (x0 < x1 and y0 < y1):
                raise SqError(f"{place} {four[0]}…{four[3]}: {found[four]} is no box with x0 < x1 and y0 < y1")
    return table.assign(first=table[first].astype(int), last=table[last].astype(int), boxes=boxes)
