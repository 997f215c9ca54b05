"""Records: the numbers that a notebook publishes, each beside the paper's value and with where it came from.

`RECORD` says what a record is: by it they are written and read.
"""

import json
import math
from datetime import date
from pathlib import Path
from reprlib import repr as short
from typing import Annotated, Any, Literal, NotRequired

from pydantic import (
    AfterValidator,
    BeforeValidator,
    ConfigDict,
    Field,
    StringConstraints,
    TypeAdapter,
    ValidationError,
    with_config,
)
from typing_extensions import TypedDict  # the one that pydantic reads before Python 3.12

from sqlib.errors import SqError, in_words
from sqlib.paths import replacing

MARKS = {  # by where data come from
    "simulated": "SIMULATED (twin, seed {seed})",  # or of another computation that stands for a measurement
    "observed": "OBSERVED (real frames)",
    "published": "PUBLISHED (Mercea et al. 2023)",  # printed in the paper
    "theory": "CALCULATED (no data)",  # a closed form, or a model without data
    "everyday": "EVERYDAY PICTURES (not of the Sun)",  # digits, CIFAR-10
    "own-observed": "OBSERVED ({own})",  # a reader's own cubes
    "own-simulated": "SIMULATED ({own})",
}


def plain(value, where: str = "numbers"):
    """Return `value` as plain JSON types: NumPy scalars and arrays, DataFrames (a list of rows) and dates are turned.

    A DataFrame's missing values become None. `SqError` for any other NaN or an infinity (JSON has none: give None) and
    for a type that JSON cannot hold.
    """
    if hasattr(value, "columns"):
        value = value.astype(object).where(value.notna(), None).to_dict(orient="records")
    elif hasattr(value, "tolist"):  # NumPy array or scalar, torch tensor, pandas Series
        value = value.tolist()
    if isinstance(value, float) and not math.isfinite(value):
        raise SqError(f"{where} is {value}: a record holds finite numbers; give None where there is none")
    if value is None or isinstance(value, bool | int | float | str):
        return value
    if isinstance(value, dict):
        return {str(k): plain(v, f"{where}.{k}") for k, v in value.items()}
    if isinstance(value, list | tuple):
        return [plain(v, f"{where}[{i}]") for i, v in enumerate(value)]
    if isinstance(value, date):
        return value.isoformat()
    raise SqError(f"{where} is a {type(value).__name__}: a record holds numbers, text, lists and dicts")


def compared(compare: dict) -> dict[str, list[list[float]]]:
    """What is declared of the paper and of here, as a record keeps it: {"F1": [[paper, here], …]}.

    compare : by what is compared, a pair (paper, here), the same with the ends of an interval of ours (paper, here,
        low, high), or a list of such. A pair of which a side is missing (None, NaN) is left out, and so is an interval
        of which an end is missing or infinite. `SqError` for what is no pair of numbers.
    """
    kept = {}
    for what, given in compare.items():
        rows = given if isinstance(given, list) else [given]
        if not all(isinstance(row, tuple | list) and len(row) in (2, 4) for row in rows):
            raise SqError(f"{what!r} holds {short(given)}: a pair is (paper, here) or (paper, here, low, high)")
        numbers = [[_number(value, what) for value in row] for row in rows]
        pairs = [row[:2] if None in row[2:] else row for row in numbers if None not in row[:2]]
        kept |= {str(what): pairs} if pairs else {}
    return kept


def quoted(headlines: dict) -> dict[str, list]:
    """What is declared as headlines, by name (value, low, high, what it is in words), as a record keeps it; an interval
    of which an end is missing or infinite is left out. `SqError` for what is no such four, and no finite number."""
    kept = {}
    for name, given in headlines.items():
        four = isinstance(given, tuple | list) and len(given) == 4
        value, *ends = [_number(one, name) for one in given[:3]] if four else [None]
        if value is None or not isinstance(given[3], str) or not given[3].strip():
            raise SqError(f"headline {name!r} is {short(given)}: it is (number, low, high, what it is in words)")
        kept[str(name)] = [value, *((None, None) if None in ends else ends), given[3]]
    return kept


def _number(value, what: str) -> float | int | None:
    """A number as JSON has it; None where it is missing or infinite; `SqError` for what is none."""
    value = value.item() if hasattr(value, "item") else value
    if value is None or str(value) in ("<NA>", "NaT"):
        return None
    if not isinstance(value, int | float) or isinstance(value, bool):
        raise SqError(f"{what!r} holds {short(value)}, which is no number")
    return value if math.isfinite(value) else None


def _said(value, info):
    value = plain(value, info.field_name)
    if isinstance(value, dict) and not isinstance(value.get("verdict", ""), str):
        raise SqError(f"{info.field_name}.verdict is {short(value['verdict'])}, which is no word")
    return value


def entries(**kinds) -> TypeAdapter:
    """What a JSON object has to have, by the types of its entries; it may have more."""
    return TypeAdapter(with_config(ConfigDict(strict=True, extra="allow"))(TypedDict("Entries", kinds)))


WORDS = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1)]  # what is not seen has only these
SAID = Annotated[Any, BeforeValidator(_said)]
RECORD = entries(  # name: its file's, and its place on a page; file: in the run's folder
    name=Annotated[str, Field(pattern="^[a-z][A-Za-z0-9_-]*$")], label=WORDS, kind=str, numbers=SAID, paper=SAID,
    compare=NotRequired[Annotated[dict, AfterValidator(compared)]],
    headlines=NotRequired[Annotated[dict, AfterValidator(quoted)]],
    source=Annotated[list[Literal[*MARKS]], Field(min_length=1)], simulated=bool, data=str, profile=str,
    seed=int | None, commit=str, notebook=str, fingerprint=str,
    caption=NotRequired[WORDS], alt=NotRequired[WORDS],
    file=NotRequired[Annotated[str, Field(pattern=r"^(figures|tables)/[\w-]+\.\w+$")]])


def mark(sources, seed: int, own: str = "") -> str:
    """Words that say where data come from: "SIMULATED (twin, seed 1265)"; `own`: the reader's folder."""
    return " · ".join(MARKS[source].format(seed=seed, own=own) for source in sources)


def record(name: str, numbers=None, paper=None, *, card: dict, folder: Path, source, label: str, kind: str,
           replace: bool, compare: dict | None = None, made_by=(), caption: str | None = None, alt: str | None = None,
           file: str | None = None, own: str = "", headlines: dict | None = None) -> dict:
    """Write the record `name` (`table1`, `fig01`, `claim-C1`) to `folder`/records, and return it.

    card : where the numbers come from: data, profile, seed, commit, notebook, fingerprint
    replace : False refuses a name that this run has published already
    file, own : its picture or table in `folder`; the name of the reader's own cubes; the others: see `publish`
    """
    sources = [source] if isinstance(source, str) else list(source)
    names = [one if isinstance(one, str) else f"{one.__module__}.{one.__qualname__}" for one in made_by]
    more = {"caption": caption, "alt": alt, "file": file, "own": own or None, "made_by": names or None,
            "headlines": headlines}
    content = {
        "name": name, "label": label, "kind": kind, "numbers": numbers, "paper": paper, "compare": compare or {},
        "source": sources, "simulated": any("simulated" in word for word in sources),
        **{key: card[key] for key in ("data", "profile", "seed", "commit", "notebook", "fingerprint")},
        **{key: value for key, value in more.items() if value is not None}}
    content = checked(RECORD, content, f"record {name!r} is refused")
    path = folder / "records" / f"{name}.json"
    if path.exists() and not replace:
        raise SqError(f"record {name!r} is published twice in {card['notebook']}: give the second another name")
    write_json(path, content)
    return content


def write_json(path: Path, content) -> None:
    """Write strict JSON (no NaN) to a file that appears whole."""
    text = json.dumps(plain(content, path.stem), indent=1, allow_nan=False, ensure_ascii=False) + "\n"
    with replacing(path) as aside:
        aside.write_text(text, encoding="utf-8")


def read_json(path: Path):
    """Read a JSON file; `SqError` names a file that is absent, cut off or not JSON."""
    with in_words(f"{path} cannot be read", "run its notebook again"):
        return json.loads(path.read_text(encoding="utf-8"))


def checked(kinds: TypeAdapter, content, where: str, advice: str = "") -> dict:
    """`content` in the order and of the types of `kinds`; `SqError` with `where` and `advice` where it is not."""
    try:
        return kinds.validate_python(content)
    except ValidationError as error:
        wrong = error.errors()[0]
        place = f"{wrong['loc'][0]}: " if wrong["loc"] else ""
        words = wrong.get("ctx", {}).get("error") or f"{place}{wrong['msg']}, not {short(wrong['input'])}"
        raise SqError(f"{where} ({words}){advice}") from None


def read_as(kinds: TypeAdapter | dict, path: Path, what: str) -> dict:
    """Read a JSON file with these `entries`; `SqError` where one lacks or is of another type: that is not `what`."""
    kinds = entries(**kinds) if isinstance(kinds, dict) else kinds
    return checked(kinds, read_json(path), f"{path} is not {what}", "; run its notebook again")


def read_records(run_folder: Path) -> dict[str, dict]:
    """The records of a run by name, in the order of their names; `SqError` for one that is damaged or foreign."""
    found = {}
    for path in sorted(run_folder.glob("records/*.json")):
        content = {"compare": {}} | read_as(RECORD, path, "a record of this run")
        if content["name"] != path.stem:
            raise SqError(f"{path} is not a record of this run (name: {content['name']}); run its notebook again")
        found[path.stem] = content
    return found
