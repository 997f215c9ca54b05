"""Runs beside each other: two, with what they were given and what came out, and a chapter over a grid of parameters."""

import re
from itertools import product
from math import prod
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sqbook.execute import run_all, runs
from sqbook.site.pages import render
from sqlib.errors import SqError
from sqlib.keys import key
from sqlib.paths import home, real, replacing
from sqlib.show.bundle import address
from sqlib.show.provenance import read_card
from sqlib.show.records import read_records
from sqlib.typed import Typed, nearest, parse
from sqlib.workers import check_workers

if TYPE_CHECKING:
    import pandas as pd

FACTS = ("fingerprint", "commit", "device", "threads", "seconds")
MOST = 500  # runs of one sweep; more are a slip of the pen


def find_run(name: str) -> dict:
    """Card of the run that `name` means: a key, its beginning, its folder, or a notebook, whose latest run is meant.

    A folder may lie elsewhere: results/laptop/03_contrastive is what was published. Raises `SqError` where there is
    none, or where several keys begin so.
    """
    if (Path(name) / "card.json").is_file():
        return {**read_card(Path(name)), "folder": str(real(name))}
    kept = runs()
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


def grid(model: type[Typed], texts: list[str], where: str) -> list[dict[str, Any]]:
    """Every combination of the values of `name=a,b,c` and `name=1..5`, with the names and types of `model`.

    Commas in brackets part nothing: `latents=[1,2],[3]` has two values. `where` says what is swept. `SqError` for a
    name given twice, no run or more than `MOST`, and as `sqlib.typed.parse` has it.
    """
    words = {}
    for text in texts:
        name, _, word = text.partition("=")
        if name in words:
            raise SqError(f"-p {name} is given twice; list all its values after one")
        ends = re.fullmatch(r"(-?\d{1,18})\.\.(-?\d{1,18})", word)
        words[name] = range(int(ends[1]), int(ends[2]) + 1) if ends else re.split(r",(?![^\[]*\])", word)
    many = prod(map(len, words.values())) if words else 0
    if not 1 <= many <= MOST:
        raise SqError(f"a sweep has from 1 to {MOST} runs, not {many}: give -p name=a,b,c or -p name=1..5")
    return [parse(model, [f"{name}={word}" for name, word in zip(words, point)], where)
            for point in product(*words.values())]


def sweep(notebook: str, points: list[dict[str, Any]], profile: str, *, fixed: dict[str, Any] | None = None,
          workers: int = 1, scheduler: str | None = None) -> tuple["pd.DataFrame", Path]:
    """Run a notebook at each point; the summary, and the folder that holds it (summary.csv).

    fixed : parameters that are the same everywhere (data, root)
    workers : processes on this machine; or `scheduler`, address of a Dask scheduler whose workers see the same folders
    A row has the point's parameters, `run` (key, "" where it failed), `error`, and every number of the records that is
    not the same in all runs. A point that fails does not stop the others; the same call goes on where a cut-off one
    stopped, since finished runs are found again. Raises `SqError` for a wrong parameter and for no workers, before
    anything runs.
    """
    import pandas as pd

    check_workers(workers)
    made = run_all([(notebook, (fixed or {}) | point) for point in points], profile, workers, scheduler=scheduler)
    rows = [point | _row(result) for point, result in zip(points, made)]
    table = pd.DataFrame(rows)
    done = table[table["run"] != ""]
    same = [name for name in table.columns[len(points[0]) + 2 :] if done[name].nunique(dropna=False) == 1]
    table = table.drop(columns=same)
    folder = home() / "runs" / "sweeps" / f"{Path(notebook).stem}-{key(notebook, profile, fixed or {}, points)}"
    with replacing(folder) as aside:
        aside.mkdir()
        table.to_csv(aside / "summary.csv", index=False, lineterminator="\n")
    return table, folder


def _row(result: Path | Exception) -> dict[str, Any]:
    if isinstance(result, Exception):
        return {"run": "", "error": (str(result).splitlines() or [type(result).__name__])[0]}
    return {"run": result.name, "error": ""} | {name: value for name, value in numbers_of(result).items()
                                                if isinstance(value, int | float) and not isinstance(value, bool)}
