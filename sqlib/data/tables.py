"""Tables that people write as CSV, read against one declaration of what their rows may hold (a pydantic model)."""

import csv
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import pandas as pd
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError

from sqlib.errors import SqError


class Row(BaseModel):
    """What a row of a table, or a header, may hold, made from words by `row_of`; what else stands there is left out."""

    model_config = ConfigDict(frozen=True, allow_inf_nan=False)


def _time(word: str) -> datetime:
    with suppress(ValueError, OverflowError):
        time = datetime.fromisoformat(word)
        time = time.astimezone(UTC).replace(tzinfo=None) if time.tzinfo else time
        if 1900 <= time.year < 2200:
            return time
    raise ValueError("a time is written like 2014-03-29T16:48:00")


Text = Annotated[str, Field(min_length=1, max_length=4096)]  # no path is longer
Time = Annotated[datetime, BeforeValidator(_time)]  # UTC, without a zone
Count = Annotated[int, Field(ge=0, lt=2**31)]
Above0 = Annotated[float, Field(gt=0)]
From0 = Annotated[float, Field(ge=0)]
empty = BeforeValidator(lambda word: None if word == "" else word)  # what may be, for Annotated[… | None, empty]


def row_of(model: type[Row], words: dict[str, str], where: str) -> Row:
    """The row that `words` make; `SqError` for the first that is not as expected, with its place."""
    try:
        return model(**words)
    except ValidationError as error:
        first = error.errors()[0]
        name, told = first["loc"][0], first["msg"].removeprefix("Value error, ")
        raise SqError(f"{where} {name}: {str(words.get(name))[:80]!r}: {told[0].lower()}{told[1:]}") from None


def read_table(path: Path, model: type[Row], more: bool = False) -> pd.DataFrame:
    """Rows of a table, a column per field of `model`; their index is their place ("FILE, line 3, column").

    Empty lines and those that begin with # are left out, and `more` columns, where they are allowed: then odd letters
    are, too. Raises `SqError` for what is no text in UTF-8, for missing and unknown columns, and as `row_of` does.
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
    where, columns = next(iter(rows), f"{path}, line 1"), list(model.model_fields)
    head = rows.pop(where, [])
    wrong = [f"lacks {name}" for name in columns if name not in head]
    wrong += [f"has {name!r} twice" for name in columns if head.count(name) > 1]
    wrong += [f"has {name[:80]!r}" for name in head if not (more or name in columns)]
    if wrong:
        raise SqError(f"{where}: its columns are {','.join(columns)}; this one {', '.join(wrong[:9])}")
    found = {}
    for where, words in rows.items():
        if len(words) != len(head) and not more:
            raise SqError(f"{where}: {len(words)} values for {len(head)} columns")
        place = f"{where}, column"
        found[place] = dict(row_of(model, dict.fromkeys(head, "") | dict(zip(head, words)), place))
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
