"""Two runs side by side: what they were given, and what came out, as text, as JSON, and as a page with both figures."""

import base64
from pathlib import Path
from typing import Any

from sqbook import execute
from sqbook.site.pages import render
from sqlib.errors import SqError
from sqlib.paths import home, real, replacing
from sqlib.show.provenance import read_card
from sqlib.show.records import read_records
from sqlib.typed import nearest

MOST = 60  # numbers that a terminal shows


def find_run(name: str) -> dict:
    """Card of the run that `name` means: a key, its beginning, its folder, or a notebook, whose latest run is meant.

    A folder may lie elsewhere: results/laptop/03_contrastive is what was published. Raises `SqError` where there is
    none, or where several keys begin so.
    """
    if (Path(name) / "card.json").is_file():
        return {**read_card(Path(name)), "folder": str(real(name))}
    kept = execute.runs()
    if not kept:
        raise SqError("there are no runs yet: sq run NOTEBOOK")
    found = [card for card in kept if card["notebook"] == name][-1:]
    found = found or [card for card in kept if card["key"].startswith(name)]
    if not found:
        known = [card[word] for word in ("notebook", "key") for card in kept]
        raise SqError(f"there is no run {name!r}{nearest(name, dict.fromkeys(known))}; `sq runs` lists them")
    if len(found) > 1:
        keys = ", ".join(card["key"] for card in found)
        raise SqError(f"{len(found)} runs begin with {name!r}: {keys}; write more of the key")
    return found[0]


def leaves(value: Any, name: str = "") -> dict[str, Any]:
    """Nested numbers of a record as one level: {"rows": [{"ap": .3}]} gives {"rows[0].ap": .3}."""
    if isinstance(value, dict):
        parts = {f"{name}.{key}" if name else str(key): inner for key, inner in value.items()}
    elif isinstance(value, list):
        parts = {f"{name}[{place}]": inner for place, inner in enumerate(value)}
    else:
        return {name: value}
    return {path: leaf for part, inner in parts.items() for path, leaf in leaves(inner, part).items()}


def compare(first: dict, second: dict) -> dict:
    """What differs between two runs (their cards): parameters, circumstances and numbers; JSON-able.

    `numbers` has a row per value that is not the same in both: record, entry, a, b, and difference b − a of numbers.
    `same` counts the values that are; a record or an entry that only one run has is given with None for the other.
    """
    records = [read_records(Path(card["folder"])) for card in (first, second)]
    rows, same = [], 0
    for record in dict.fromkeys([*records[0], *records[1]]):
        own = [leaves(found[record]["numbers"]) if record in found else {} for found in records]
        for entry in dict.fromkeys([*own[0], *own[1]]):
            a, b = (values.get(entry) for values in own)
            if a == b:
                same += 1
                continue
            both = all(isinstance(v, int | float) and not isinstance(v, bool) for v in (a, b))
            rows.append({"record": record, "entry": entry, "a": a, "b": b, "difference": b - a if both else None})
    facts = ("fingerprint", "commit", "device", "threads", "seconds")
    around = [{name: card[name] for name in facts} | card["versions"] for card in (first, second)]
    return {
        "a": {name: first[name] for name in ("key", "notebook", "folder", "made")},
        "b": {name: second[name] for name in ("key", "notebook", "folder", "made")},
        "parameters": _different(first["parameters"], second["parameters"]),
        "circumstances": _different(*around),
        "numbers": rows,
        "same": same,
    }


def _different(a: dict, b: dict) -> dict[str, list]:
    return {name: [a.get(name), b.get(name)] for name in a | b if a.get(name) != b.get(name)}


def as_text(found: dict) -> str:
    """A comparison for a terminal; at most `MOST` numbers, the rest are counted."""
    return render("compare.txt", found=found, most=MOST)


def write_page(found: dict) -> Path:
    """Write home()/runs/compare/A-B.html, which needs no other file, and return its path."""
    pictures = {side: _pictures(Path(found[side]["folder"])) for side in "ab"}
    labels = {name: record["label"] for own in pictures.values() for name, record in own.items()}
    style = Path(__file__).with_name("compare.css").read_text(encoding="utf-8")
    path = home() / "runs" / "compare" / f"{found['a']['key']}-{found['b']['key']}.html"
    with replacing(path) as aside:
        text = render("compare.html", found=found, pictures=pictures, labels=labels, style=style)
        aside.write_text(text, encoding="utf-8")
    return path


def _pictures(folder: Path) -> dict[str, dict]:
    """The records of a run that have a picture, by name, with the picture as an address."""
    found = {}
    for name, record in read_records(folder).items():
        path = folder / (record.get("file") or "")
        if record["kind"] in ("figure", "map", "movie") and path.is_file():
            content = base64.b64encode(path.read_bytes()).decode()
            found[name] = {**record, "src": f"data:image/{path.suffix[1:]};base64,{content}"}
    return found
