"""Typed values by name: checked before anything runs, and refused in words, with the nearest name or the type."""

import ast
import difflib
import reprlib
from contextlib import suppress
from dataclasses import fields
from typing import Any, get_args

from pydantic import BaseModel, ConfigDict, ValidationError, create_model

from sqlib.errors import SqError

QUOTES = "; a text that looks like something else stands in quotes"
TRUTHS = "; in a profile yes, no, on and off are truths, unless they stand in quotes"


class Typed(BaseModel):
    """Values that are checked strictly, and then do not change."""

    model_config = ConfigDict(strict=True, frozen=True, extra="forbid", allow_inf_nan=False)


def of_dataclass(kind: type) -> type[Typed]:
    """The model of those fields of a dataclass that one word can set."""
    own = {one.name: (one.type, one.default) for one in fields(kind) if one.type in (int, float, str, bool)}
    return create_model(kind.__name__, __base__=Typed, **own)


def check(model: type[Typed], values: dict[str, Any], where: str) -> dict[str, Any]:
    """`values` with the types of `model`: an int passes as a float, a tuple as a list, and nothing else is converted.

    Raises `SqError` for an unknown name, with the nearest, and for another type, with what was expected and what came.
    """
    for name in values:
        if name not in model.model_fields:
            raise SqError(f"{where} has no parameter {name!r}{nearest(name, model.model_fields)}")
    plain = {name: list(value) if isinstance(value, tuple) else value for name, value in values.items()}
    try:
        checked = model(**plain)
    except ValidationError as error:
        first = error.errors()[0]
        name, *inner = first["loc"]
        kind = model.model_fields[name].annotation
        kind, value = get_args(kind)[0] if inner else kind, first["input"]
        place = "".join([name, *(f"[{one}]" for one in inner)])
        if first["type"] == "finite_number":
            raise SqError(f"{where}: {place} must be a finite number, not {value}") from None
        came = f"{reprlib.repr(value)} ({type(value).__name__})"
        told = TRUTHS if kind is str and isinstance(value, bool) else QUOTES if kind is str else ""
        raise SqError(f"{where}: {place} must be {type_name(kind)}, not {came}{told}") from None
    return {name: getattr(checked, name) for name in values}


def parse(model: type[Typed], texts: list[str], where: str) -> dict[str, Any]:
    """The values of texts such as "rate=0.02", of the types that `model` has; `SqError` as `check` has it."""
    values = {}
    for text in texts:
        name, equals, word = text.partition("=")
        if not equals:
            raise SqError(f"{where}: {text!r} says no value: write name=value")
        if name in values:
            raise SqError(f"{where}: {name} is given twice, and only one value can hold")
        kind = model.model_fields[name].annotation if name in model.model_fields else None
        values[name] = word
        if kind is not str:  # what is no literal `check` refuses, with the expected type
            numbers = [kind] if kind in (int, float) else []  # in every form that Python reads: 007, 1_000
            for read in (*numbers, ast.literal_eval):
                with suppress(Exception):
                    values[name] = read(word.capitalize() if kind is bool else word)
                    break
    return check(model, values, where)


def type_name(kind: Any) -> str:
    """A type as an annotation has it: "int", "list[float]"."""
    return str(kind) if get_args(kind) else kind.__name__


def nearest(name: str, known, place="") -> str:
    """Return "; did you mean ...? (known: ...)" about an unknown `name`; where none is known, the `place`."""
    name, known = str(name), sorted(map(str, known))
    none = f" in {place}; $SQ_HOME is the folder that holds notebooks/ and profiles/" if place and not known else ""
    match = difflib.get_close_matches(name, known, n=1, cutoff=0.5) or [k for k in known if name and name in k][:1]
    return (f"; did you mean {match[0]!r}?" if match else "") + f" (known: {', '.join(known) or 'none'}{none})"
