"""Two runs side by side: what they were given, and what came out, as text, as JSON, and as a page with both figures."""

import base64
from pathlib import Path
from typing import Any

from sqbook import execute
from sqlib.errors import SqError
from sqlib.paths import home, real, replacing
from sqlib.show.provenance import read_card
from sqlib.show.records import read_records
from sqlib.typed import nearest


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
    as_notebook = [card for card in kept if card["notebook"] == name]
    if as_notebook:
        return as_notebook[-1]
    found = [card for card in kept if card["key"].startswith(name)]
    if len(found) == 1:
        return found[0]
    if found:
        keys = ", ".join(card["key"] for card in found)
        raise SqError(f"{len(found)} runs begin with {name!r}: {keys}; write more of the key")
    known = [*dict.fromkeys(card["notebook"] for card in kept), *(card["key"] for card in kept)]
    raise SqError(f"there is no run {name!r}{nearest(name, known)}; `sq runs` lists them")


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
    return {name: [a.get(name), b.get(name)] for name in dict.fromkeys([*a, *b]) if a.get(name) != b.get(name)}


def as_text(found: dict, most: int = 60) -> str:
    """A comparison for a terminal; at most so many numbers, the rest are counted."""
    lines = [f"{side}  {found[side]['key']}  {found[side]['notebook']}  {found[side]['made'][:16]}" for side in "ab"]
    for part in ("parameters", "circumstances"):
        changed = [f"  {name}: {_word(a)} -> {_word(b)}" for name, (a, b) in found[part].items()]
        lines += [f"\n{part}", *(changed or ["  the same"])]
    lines.append(f"\nnumbers: {found['same']} the same, {len(found['numbers'])} different")
    for row in found["numbers"][:most]:
        change = f"  ({row['difference']:+.4g})" if row["difference"] is not None else ""
        lines.append(f"  {row['record']} {row['entry']}: {_word(row['a'])} -> {_word(row['b'])}{change}")
    if len(found["numbers"]) > most:
        lines.append(f"  and {len(found['numbers']) - most} more: see the page, or --json")
    return "\n".join(lines)


def _word(value) -> str:
    return "–" if value is None else f"{value:.4g}" if isinstance(value, float) else str(value)


def write_page(found: dict) -> Path:
    """Write home()/runs/compare/A-B.html, which needs no other file, and return its path."""
    from jinja2 import Environment, PackageLoader

    environment = Environment(loader=PackageLoader("sqbook", "."), autoescape=True)
    environment.filters |= {"word": _word, "address": _address}
    environment.tests["numeric"] = lambda value: isinstance(value, int | float)
    pictures = {side: _pictures(Path(found[side]["folder"])) for side in "ab"}
    labels = {name: record["label"] for own in pictures.values() for name, record in own.items()}
    template = environment.get_template("compare.html.j2")
    style = Path(__file__).with_name("compare.css").read_text(encoding="utf-8")
    path = home() / "runs" / "compare" / f"{found['a']['key']}-{found['b']['key']}.html"
    with replacing(path) as aside:
        text = template.render(found=found, pictures=pictures, labels=labels, style=style)
        aside.write_text(text, encoding="utf-8")
    return path


def _pictures(folder: Path) -> dict[str, dict]:
    """The records of a run that have a picture, by name, with the path of it."""
    kinds = ("figure", "map", "movie")
    records = {name: one for name, one in read_records(folder).items() if one["kind"] in kinds and one.get("file")}
    found = {name: {**record, "path": folder / record["file"]} for name, record in records.items()}
    return {name: one for name, one in found.items() if one["path"].is_file()}


def _address(path: Path) -> str:
    """A picture as an address, for a page that loads nothing."""
    return f"data:image/{path.suffix[1:]};base64,{base64.b64encode(path.read_bytes()).decode()}"
