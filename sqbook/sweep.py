"""A chapter over a grid of parameters, on Dask: each point is a run of its own, kept and found again like any other."""

import re
from itertools import product
from math import prod
from pathlib import Path
from typing import Any

import pandas as pd

from sqbook.compare import numbers_of
from sqbook.execute import run_each
from sqlib.errors import SqError
from sqlib.keys import key
from sqlib.paths import home, replacing
from sqlib.typed import Typed, parse
from sqlib.workers import check_workers

MOST = 500  # runs of one sweep; more are a slip of the pen


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
          workers: int = 1, scheduler: str | None = None, progress: bool = True) -> tuple[pd.DataFrame, Path]:
    """Run a notebook at each point; the summary, and the folder that holds it (summary.csv, summary.png).

    fixed : parameters that are the same everywhere (data, root)
    workers : processes on this machine; or `scheduler`, address of a Dask scheduler whose workers see the same folders
    A row has the point's parameters, `run` (key, "" where it failed), `error`, and every number of the records that is
    not the same in all runs. A point that fails does not stop the others; the same call goes on where a cut-off one
    stopped, since finished runs are found again. Raises `SqError` for no workers.
    """
    from tqdm import tqdm

    check_workers(workers)
    rows = [{**point, "run": "", "error": ""} for point in points]
    jobs = [(notebook, (fixed or {}) | point) for point in points]
    bar = {"total": len(points), "desc": f"sweep of {notebook}", "unit": "run", "disable": not progress}
    with run_each(jobs, profile, workers=workers, scheduler=scheduler, progress=False) as made:
        for place, result in tqdm(made, **bar):
            if isinstance(result, Path):
                rows[place] |= {"run": result.name} | {
                    name: value for name, value in numbers_of(result).items()
                    if isinstance(value, int | float) and not isinstance(value, bool)}
            else:
                rows[place]["error"] = (str(result).splitlines() or [type(result).__name__])[0]
    table = pd.DataFrame(rows)
    done = table[table["run"] != ""]
    same = [name for name in table.columns[len(points[0]) + 2 :] if done[name].nunique(dropna=False) == 1]
    table = table.drop(columns=same)
    folder = home() / "runs" / "sweeps" / f"{Path(notebook).stem}-{key(notebook, profile, fixed or {}, points)}"
    with replacing(folder) as aside:
        aside.mkdir()
        table.to_csv(aside / "summary.csv", index=False, lineterminator="\n")
        _draw(table, len(points[0]), aside / "summary.png")
    return table, folder


def _draw(table: pd.DataFrame, parameters: int, path: Path) -> None:
    """A picture of the first six numbers of a sweep against the first of its `parameters` that changes."""
    import matplotlib

    from sqlib.show.style import use_style

    matplotlib.use("agg")
    use_style()
    swept = [name for name in table.columns[:parameters] if table[name].map(str).nunique() > 1]
    shown = list(table.columns[parameters + 2 :][:6])
    if swept and shown:
        numeric = pd.api.types.is_numeric_dtype(table[swept[0]])
        drawn = table if numeric else table.assign(**{swept[0]: table[swept[0]].map(str)})
        axes = drawn.plot(x=swept[0], y=shown, style="o", subplots=True, figsize=(7, 1 + 1.6 * len(shown)))
        axes[0].figure.savefig(path, dpi=120)
        matplotlib.pyplot.close(axes[0].figure)
