"""A chapter over a grid of parameters, on Dask: each point is a run of its own, kept and found again like any other."""

import re
from itertools import chain, product
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


def grid(model: type[Typed], texts: list[str], where: str) -> list[dict[str, Any]]:
    """Every combination of the values of `name=a,b,c` and `name=1..5`, with the names and types of `model`.

    Commas in brackets part nothing: `latents=[1,2],[3]` has two values. `where` says what is swept. `SqError` for an
    empty value, a name given twice, no run or more than `MOST`, and as `sqlib.typed.parse` has it.
    """
    words = {}
    for text in texts:
        name, equals, word = text.partition("=")
        ends = re.fullmatch(r"(-?\d{1,18})\.\.(-?\d{1,18})", word)
        if ends:
            first, last = map(int, ends.groups())
            own = range(first, last + 1)
        else:
            own = re.split(r",(?![^\[]*\])", word)
        if not equals or not own or (not ends and "" in own):  # a range would look at all its numbers for it
            raise SqError(f"-p {text}: write -p name=a,b,c or -p name=1..5, without an empty value")
        if name in words:
            raise SqError(f"-p {name} is given twice; list all its values after one")
        words[name] = own
    many = prod(map(len, words.values())) if words else 0
    if not 1 <= many <= MOST:
        raise SqError(f"a sweep has from 1 to {MOST} runs, not {many}: give -p name=a,b,c")
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
    results: list[Path | Exception] = [RuntimeError("not run")] * len(points)
    jobs = [(notebook, (fixed or {}) | point) for point in points]
    made = run_each(jobs, profile, workers=workers, scheduler=scheduler, progress=False)
    for place, result in tqdm(made, total=len(points), desc=f"sweep of {notebook}", unit="run", disable=not progress):
        results[place] = result
    numbers = [_numbers(result) for result in results]
    done = [own for own, result in zip(numbers, results) if isinstance(result, Path)]
    names = [name for name in dict.fromkeys(chain(*done)) if len({own.get(name) for own in done}) > 1]
    rows = [{**point, "run": "", "error": "", **dict.fromkeys(names)} for point in points]
    for row, result, own in zip(rows, results, numbers):
        if isinstance(result, Path):
            row |= {"run": result.name} | {name: own.get(name) for name in names}
        else:
            row["error"] = (str(result).splitlines() or [type(result).__name__])[0]
    folder = home() / "runs" / "sweeps" / f"{Path(notebook).stem}-{key(notebook, profile, fixed or {}, points)}"
    _write(rows, points, folder)
    return rows, folder


def _numbers(result: Path | Exception) -> dict[str, float]:
    """The numbers of a run's records; none of one that failed."""
    found = read_records(result) if isinstance(result, Path) else {}
    values = leaves({name: record["numbers"] for name, record in found.items()})
    return {name: v for name, v in values.items() if isinstance(v, int | float) and not isinstance(v, bool)}


def _write(rows: list[dict], points: list[dict], folder: Path) -> None:
    """The table of a sweep, and a picture of its first six numbers against the first parameter that changes."""
    import matplotlib

    matplotlib.use("agg")
    import matplotlib.pyplot as plt
    import pandas as pd

    from sqlib.show.style import use_style

    table = pd.DataFrame(rows)
    listed, drawn = (folder / name for name in NAMES)
    with replacing(listed) as aside:
        table.to_csv(aside, index=False, lineterminator="\n")
    swept = [name for name in points[0] if table[name].map(str).nunique() > 1]
    shown = [name for name in table.columns[len(points[0]) + 2 :] if table[name].notna().any()][:6]
    if not swept or not shown:
        remove(drawn)  # of a call before, whose runs came out otherwise
        return
    use_style()
    if not pd.api.types.is_numeric_dtype(table[swept[0]]):
        table[swept[0]] = table[swept[0]].map(str)
    fig, axes = plt.subplots(len(shown), 1, figsize=(7, 1 + 1.6 * len(shown)), sharex=True, squeeze=False)
    for ax, name in zip(axes[:, 0], shown):
        ax.plot(table[swept[0]], table[name].astype(float), "o")
        ax.set_title(name, fontsize=9, loc="left")
    axes[-1, 0].set_xlabel(swept[0])
    with replacing(drawn) as aside:
        fig.savefig(aside, dpi=120)
    plt.close(fig)
