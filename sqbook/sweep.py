"""A chapter over a grid of parameters, on Dask: each point is a run of its own, kept and found again like any other."""

import re
from itertools import product
from math import prod
from pathlib import Path
from typing import Any

from sqbook.compare import leaves
from sqbook.execute import run_each
from sqlib.errors import SqError
from sqlib.keys import key
from sqlib.paths import home, remove, replacing
from sqlib.show.records import read_records
from sqlib.typed import Typed, parse
from sqlib.workers import check_workers

MOST = 500  # runs of one sweep; more are a slip of the pen
NAMES = ("summary.csv", "summary.png")


def alternatives(texts: list[str]) -> dict[str, list[str]]:
    """The words of `name=a,b,c` and `name=1..5` by name; commas in brackets part nothing: `latents=[1,2],[3]` has two.

    `SqError` for an empty value, a name given twice, or a range of no or too many values.
    """
    found = {}
    for text in texts:
        name, equals, word = text.partition("=")
        if not equals or not word:
            raise SqError(f"-p {text}: write -p name=a,b,c or -p name=1..5")
        if name in found:
            raise SqError(f"-p {name} is given twice; list all its values after one")
        ends = re.fullmatch(r"(-?\d{1,18})\.\.(-?\d{1,18})", word)
        if ends:
            first, last = map(int, ends.groups())
            if last - first >= MOST:
                raise SqError(f"a sweep has from 1 to {MOST} runs, not {last - first + 1}: -p {text}")
            found[name] = [str(value) for value in range(first, last + 1)]
        else:
            found[name] = re.split(r",(?![^\[]*\])", word)
        if not found[name] or "" in found[name]:
            raise SqError(f"-p {text}: there is an empty value in it")
    return found


def grid(model: type[Typed], texts: list[str], where: str) -> list[dict[str, Any]]:
    """Every combination of the alternatives, with the names and types of `model`.

    `SqError` as `alternatives` and `sqlib.typed.parse` have it, and for more than `MOST`; `where` says what is swept.
    """
    words = alternatives(texts)
    many = prod(map(len, words.values()))
    if not words or many > MOST:
        raise SqError(f"a sweep has from 1 to {MOST} runs, not {many if words else 0}: give -p name=a,b,c")
    values = [[parse(model, [f"{name}={word}"], where) for word in own] for name, own in words.items()]
    return [{name: value for part in point for name, value in part.items()} for point in product(*values)]


def sweep(notebook: str, points: list[dict[str, Any]], profile: str, *, fixed: dict[str, Any] | None = None,
          workers: int = 1, scheduler: str | None = None, progress: bool = True) -> tuple[list[dict], Path]:
    """Run a notebook at each point; rows of the summary, and the folder that holds it (summary.csv, summary.png).

    fixed : parameters that are the same everywhere (data, root)
    workers : processes on this machine; or `scheduler`, address of a Dask scheduler whose workers see the same folders
    A row has the point's parameters, `run` (key, "" where it failed), `error`, and every number of the records that is
    not the same in all runs. A point that fails does not stop the others; the same call goes on where a cut-off one
    stopped, since finished runs are found again. Raises `SqError` for no workers.
    """
    from tqdm import tqdm

    check_workers(workers)
    folders: list[Path | None] = [None] * len(points)
    errors = [""] * len(points)
    jobs = [(notebook, (fixed or {}) | point) for point in points]
    made = run_each(jobs, profile, workers=workers, scheduler=scheduler, progress=False)
    for place, result in tqdm(made, total=len(points), desc=f"sweep of {notebook}", unit="run", disable=not progress):
        if isinstance(result, Path):
            folders[place] = result
        else:
            errors[place] = str(result).splitlines()[0] if str(result) else type(result).__name__
    rows = _rows(points, folders, errors)
    folder = home() / "runs" / "sweeps" / f"{Path(notebook).stem}-{key(notebook, profile, fixed or {}, points)}"
    _write(rows, points, folder)
    return rows, folder


def _rows(points, folders, errors) -> list[dict]:
    numbers = []
    for folder in folders:
        found = read_records(folder) if folder else {}
        own = leaves({name: record["numbers"] for name, record in found.items()})
        numbers.append({name: v for name, v in own.items() if isinstance(v, int | float) and not isinstance(v, bool)})
    done = [own for own, folder in zip(numbers, folders) if folder]
    every = dict.fromkeys(name for own in done for name in own)
    names = [name for name in every if len({own.get(name) for own in done}) > 1]
    return [
        {**point, "run": folder.name if folder else "", "error": error, **{name: own.get(name) for name in names}}
        for point, folder, error, own in zip(points, folders, errors, numbers)
    ]


def _write(rows: list[dict], points: list[dict], folder: Path) -> None:
    import pandas as pd

    table = pd.DataFrame(rows)
    listed, drawn = (folder / name for name in NAMES)
    with replacing(listed) as aside:
        table.to_csv(aside, index=False, lineterminator="\n")
    swept = [name for name in points[0] if len({str(point[name]) for point in points}) > 1]
    shown = [name for name in table.columns[len(points[0]) + 2 :] if table[name].notna().any()]
    if swept and shown:
        picture = summary_figure(table, swept[0], shown[:6])
        with replacing(drawn) as aside:
            picture.savefig(aside, dpi=120)
    else:
        remove(drawn)  # of a call before, whose runs came out otherwise


def summary_figure(table, swept: str, shown: list[str]):
    """A panel for each of the numbers `shown` against the parameter `swept`, a dot a run."""
    import matplotlib

    matplotlib.use("agg")
    import matplotlib.pyplot as plt

    from sqlib.show.style import BLUE, use_style

    use_style()
    fig, axes = plt.subplots(len(shown), 1, figsize=(7, 1 + 1.6 * len(shown)), sharex=True, squeeze=False)
    numeric = table[swept].map(lambda value: isinstance(value, int | float)).all()
    where = table[swept] if numeric else table[swept].map(str)
    for ax, name in zip(axes[:, 0], shown):
        ax.plot(where, table[name].astype(float), "o", color=BLUE)
        ax.set_title(name, fontsize=9, loc="left")
    axes[-1, 0].set_xlabel(swept)
    plt.close(fig)
    return fig
