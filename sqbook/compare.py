"""Two runs side by side: what they were given, and what came out, as text, as JSON, and as a page with both figures."""

from pathlib import Path
from typing import Any

from sqbook import execute
from sqbook.site.pages import render
from sqlib.errors import SqError
from sqlib.paths import home, real, replacing
from sqlib.show.bundle import address
from sqlib.show.provenance import read_card
from sqlib.show.records import read_records
from sqlib.typed import nearest

FACTS = ("fingerprint", "commit", "device", "threads", "seconds")


def find_run(name: str) -> dict:
    """Card of the run that `name` means: a key, its beginning, its folder, or a notebook, whose latest run is meant.

    A folder may lie elsewhere: results/laptop/03_contrastive is what was published. Raises `SqError` where there is
    none, or where several keys begin so.
    """
    if (Path(name) / "card.json").is_file():
        return {**read_card(Path(name)), "folder": str(real(name))}
    kept = execute.runs()
    found = [card for card in kept if card["notebook"] == name][-1:]
    found = found or [card for card in kept if card["key"].startswith(name)]
    if len(found) != 1:
        known = {card[word] for word in ("notebook", "key") for card in found or kept}
        raise SqError(f"{len(found) or 'no'} runs are called {name!r}{nearest(name, known)}; `sq runs` lists them")
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


def numbers_of(folder: Path) -> dict[str, Any]:
    """All that the records of a run say in numbers, by record and entry: {"table1.rows[0].ap": .3}."""
    return leaves({name: record["numbers"] for name, record in read_records(folder).items()})


def compare(first: dict, second: dict) -> dict:
    """What differs between two runs (their cards): parameters, circumstances and numbers, each {name: [a, b]}.

    What only one run has is given with None for the other. `same` counts the numbers that are equal.
    """
    numbers = [numbers_of(Path(card["folder"])) for card in (first, second)]
    around = [{name: card[name] for name in FACTS} | card["versions"] for card in (first, second)]
    different = _different(*numbers)
    return {
        **{side: {name: card[name] for name in ("key", "notebook", "folder", "made")}
           for side, card in (("a", first), ("b", second))},
        "parameters": _different(first["parameters"], second["parameters"]),
        "circumstances": _different(*around),
        "numbers": different,
        "same": len(numbers[0] | numbers[1]) - len(different),
    }


def _different(a: dict, b: dict) -> dict[str, list]:
    return {name: [a.get(name), b.get(name)] for name in a | b if a.get(name) != b.get(name)}


def as_text(found: dict) -> str:
    """A comparison for a terminal, which shows the first sixty numbers and counts the rest."""
    return render("compare.txt", found=found)


def write_page(found: dict) -> Path:
    """Write home()/runs/compare/A-B.html, which needs no other file, and return its path."""
    pictures = {side: _pictures(Path(found[side]["folder"])) for side in "ab"}
    path = home() / "runs" / "compare" / f"{found['a']['key']}-{found['b']['key']}.html"
    with replacing(path) as aside:
        aside.write_text(render("compare.html", found=found, pictures=pictures), encoding="utf-8")
    return path


def _pictures(folder: Path) -> dict[str, dict]:
    """The records of a run that have a picture, by name, with the picture as an address."""
    files = {name: (record, folder / record["file"]) for name, record in read_records(folder).items()
             if record["kind"] in ("figure", "map", "movie") and "file" in record}
    return {name: {**record, "src": address(path.read_bytes(), path.suffix[1:])}
            for name, (record, path) in files.items() if path.is_file()}
