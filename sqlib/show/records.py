"""Records: the numbers that a notebook publishes, each beside the paper's value and with where it came from."""

import json
import math
import re
from datetime import date
from pathlib import Path
from reprlib import repr as short

from sqlib.errors import SqError, in_words
from sqlib.paths import replacing

# from the twin or another computation that stands for a measurement; measured on real frames; printed in the paper; a
# closed form or a model without data; pictures of other things (digits, CIFAR-10); a reader's own cubes
SOURCES = ("simulated", "observed", "published", "theory", "everyday", "own-observed", "own-simulated")
KINDS = {"name": str, "label": str, "kind": str, "numbers": object, "paper": object, "source": list, "simulated": bool,
         "data": str, "profile": str, "seed": int | None, "commit": str, "notebook": str, "fingerprint": str}


def plain(value, where: str = "numbers"):
    """Return `value` as plain JSON types: NumPy scalars and arrays, DataFrames (a list of rows) and dates are turned.

    A DataFrame's missing values become None. Raises `SqError` for any other NaN or an infinity (JSON has none: give
    None) and for a type that JSON cannot hold.
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


def compared(compare: dict | None, where: str = "compare") -> dict[str, list[list[float]]]:
    """What is declared of the paper and of here, as a record keeps it: {what: [[paper, here], [paper, here, low, high],
    ...]}.

    compare : by what is compared ("F1"), a pair (paper, here), the same with the ends of an interval of ours (paper,
        here,
    low, high), or a list of such. A pair of which a side is missing (None, NaN) is left out, and so is an interval of
    which an end is missing or infinite. Raises `SqError` for what is no pair of numbers.
    """
    kept = {}
    for what, given in (compare or {}).items():
        rows = list(given) if isinstance(given, list) else [given]
        for row in rows:
            if not isinstance(row, tuple | list) or len(row) not in (2, 4):
                raise SqError(f"{where}: {what!r} holds {short(row)}: a pair is (paper, here) or "
                              "(paper, here, low, high)")
        numbers = [[_number(value, f"{where}: {what!r}") for value in row] for row in rows]
        pairs = [row[:2] if None in row[2:] else row for row in numbers if None not in row[:2]]
        kept |= {str(what): pairs} if pairs else {}
    return kept


def _number(value, where: str) -> float | int | None:
    """A number as JSON has it; None where it is missing or infinite; `SqError` for what is none."""
    value = value.item() if hasattr(value, "item") else value
    if value is None or str(value) in ("<NA>", "NaT"):
        return None
    if not isinstance(value, int | float) or isinstance(value, bool):
        raise SqError(f"{where} holds {short(value)}, which is no number")
    return value if math.isfinite(value) else None


def write_json(path: Path, content) -> None:
    """Write strict JSON (no NaN) to a file that appears whole."""
    text = json.dumps(plain(content, path.stem), indent=1, allow_nan=False, ensure_ascii=False) + "\n"
    with replacing(path) as aside:
        aside.write_text(text, encoding="utf-8")


def check_name(name: str) -> None:
    """Raise `SqError` unless `name` can name a record, its files and its place on a page."""
    if not re.fullmatch(r"[a-z][A-Za-z0-9_-]*", name):
        raise SqError(f"record name {name!r}: a small letter first, then letters, digits, - and _ (fig01, claim-C1)")


def check_sources(source: str | tuple[str, ...]) -> tuple[str, ...]:
    """Return the sources of a figure or table as a tuple; `SqError` for a word that is not in `SOURCES`."""
    sources = (source,) if isinstance(source, str) else tuple(source)
    unknown = [word for word in sources if word not in SOURCES]
    if unknown or not sources:
        raise SqError(f"source {unknown or source!r} is unknown: one or more of {', '.join(SOURCES)}")
    return sources


def mark(sources, seed: int, own: str = "") -> str:
    """Words that say where data come from: "SIMULATED (twin, seed 1265)"; `own`: the reader's folder."""
    words = {
        "simulated": f"SIMULATED (twin, seed {seed})",
        "observed": "OBSERVED (real frames)",
        "published": "PUBLISHED (Mercea et al. 2023)",
        "theory": "CALCULATED (no data)",
        "everyday": "EVERYDAY PICTURES (not of the Sun)",
        "own-observed": f"OBSERVED ({own})",
        "own-simulated": f"SIMULATED ({own})",
    }
    return " · ".join(words[source] for source in sources)


def record(name: str, numbers, paper=None, *, card: dict, folder: Path, source, label: str, kind: str, replace: bool,
           compare: dict | None = None, **more) -> dict:
    """Write the record `name` (`table1`, `fig01`, `claim-C1`) to `folder`/records, and return it.

    numbers, paper : what was found, and what the paper says of it; plain types, NumPy or pandas
    compare : the paper's numbers beside ours, see `compared`
    card : where the numbers come from: data, profile, seed, commit, notebook, fingerprint
    replace : False refuses a name that this run has published already
    more : further entries (caption, file), JSON-able
    """
    check_name(name)
    path = folder / "records" / f"{name}.json"
    if path.exists() and not replace:
        raise SqError(f"record {name!r} is published twice in {card['notebook']}: give the second another name")
    sources = check_sources(source)
    content = {
        "name": name,
        "label": label or name,
        "kind": kind,
        "numbers": plain(numbers, f"{name}.numbers"),
        "paper": plain(paper, f"{name}.paper"),
        "compare": compared(compare, f"{name}.compare"),
        "source": list(sources),
        "simulated": any("simulated" in word for word in sources),
        **{key: card[key] for key in ("data", "profile", "seed", "commit", "notebook", "fingerprint")},
        **more,
    }
    write_json(path, content)
    return content


def read_json(path: Path):
    """Read a JSON file; `SqError` names a file that is absent, cut off or not JSON."""
    with in_words(f"{path} cannot be read", "run its notebook again"):
        return json.loads(path.read_text(encoding="utf-8"))


def read_as(kinds: dict, path: Path, what: str) -> dict:
    """Read a JSON file that has each entry of `kinds` {name: type}; `SqError` where one lacks or is of another type."""
    content = read_json(path)
    own = content if isinstance(content, dict) else {}
    missing = [name for name, kind in kinds.items() if name not in own or not isinstance(own[name], kind)]
    if missing:
        raise SqError(f"{path} is not {what}: it lacks {', '.join(missing)}, or has it of another type; "
                      "run its notebook again")
    return content


def read_records(run_folder: Path) -> dict[str, dict]:
    """Return the records of a run by name, in the order of their names; `SqError` for one that lacks an entry or is
    foreign.

    A record lies in a file of its own name, a file that it names lies in the run, its numbers are finite, a verdict is
    a word, and what it compares are pairs of numbers.
    """
    found = {}
    for path in sorted(run_folder.glob("records/*.json")):
        content = read_as(KINDS, path, "a record")
        name, file, source = content["name"], content.get("file"), content["source"]
        own = file is None or re.fullmatch(rf"(figures|tables)/{re.escape(path.stem)}\.\w+", str(file))
        with in_words(f"{path} is not a record", "run its notebook again", told=False):
            numbers = plain(content, "it")["numbers"]  # json reads NaN and infinities, with which none was written
            content["compare"] = compared(content.get("compare"), "it")
        if isinstance(numbers, dict) and not isinstance(numbers.get("verdict", ""), str):
            raise SqError(f"{path} is not a record: its verdict is {short(numbers['verdict'])}; "
                          "run its notebook again")
        if name != path.stem or not own or not source or not set(map(str, source)) <= set(SOURCES):
            raise SqError(f"{path} is not a record of this run: name {short(name)}, file {short(file)}, "
                          f"source {short(source)}; run its notebook again")
        found[name] = content
    return found
