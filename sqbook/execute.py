"""Runs of notebooks by papermill: executed aside, kept under a key of what went in, found again; several at once."""

import ast
import hashlib
import json
import os
import shutil
import sys
import time
from contextlib import nullcontext, suppress
from dataclasses import fields
from functools import cache, partial
from pathlib import Path
from typing import Any

from sqbook import durations
from sqbook.parameters import cells_of, needs, read_notebook, resolve, to_inject
from sqbook.site.pages import headlines
from sqlib import answers, keys
from sqlib.errors import SqError, in_words
from sqlib.paths import alone, home, remove, replacing
from sqlib.show.provenance import forget_peak, make_card, peak_memory, read_card
from sqlib.show.records import read_json, read_records, write_json
from sqlib.workers import dask_client, each, say

EACH = 6e9  # bytes of memory that a chapter at the laptop profile and its kernel may take together
FILES = (
    ("data/", "data/**/*.csv"), ("data/own_cubes", "data/*.md"), ("judge/", "judge/**/*.csv"),
    ("learn/locator", "learn/locator.*"), ("learn/event_search", "learn/event_search.*"),
    ("show/", "show/*.mplstyle"), ("show/publish.py", "show/templates/*"), ("show/publish.py", "show/players/*"),
)
"""Files of sqlib that decide what a chapter shows just as code does, each with the modules that read it."""


def run_notebook(notebook: str | Path, params: dict[str, Any] | None = None, profile: str = "laptop", *,
                 force: bool = False, progress: bool = True) -> Path:
    """Execute a notebook and return the folder of its run, home()/runs/NAME/KEY.

    The folder holds executed.ipynb, card.json, records/, figures/ and tables/. The same key is found again unless
    `force`; of two calls at once for one key the second waits for the first. Raises `SqError` for a wrong parameter,
    before anything runs, and for a notebook that fails, of which runs/NAME/failed.ipynb keeps what was reached.
    """
    path, values, folder = _planned(notebook, params or {}, profile)
    with alone(folder.parent / ".held" / folder.name, told=False):
        if (folder / "card.json").is_file() and not force:
            _refresh(path, folder / "executed.ipynb")
            return folder
        for stale in folder.parent.glob(f".{folder.name}.*"):  # of a run that was killed
            remove(stale)
        _execute(path, values, folder, progress)
    return folder


def _planned(notebook, params, profile) -> tuple[Path, dict[str, Any], Path]:
    path, values = resolve(notebook, profile, params)
    for name, value in {**values, "SQ_HOME": str(home())}.items():
        with in_words(f"{name}={value!r} holds bytes that are not UTF-8", "rename the folder"):
            json.dumps(value, ensure_ascii=False).encode()  # notebooks and cards are written so
    return path, values, home() / "runs" / path.stem / run_key(path, values)


def run_key(path: Path, values: dict[str, Any]) -> str:
    """Key of a run, over the code of its cells and of all of sqlib that they import, its values, the lock and the data.

    Comments, prose, docstrings and modules that the chapter does not use are no part of it. Of real data it has names,
    sizes and times of change, so that no file is read; `SqError` where their folder is none.
    """
    code = [cell["source"] for cell in cells_of(path) if cell["cell_type"] == "code"]
    settings = {name: value for name, value in values.items() if name != "out"}
    lock, root = keys.PACKAGE.parent / "requirements.lock", Path(values["root"])
    locked = hashlib.sha256(lock.read_bytes()).hexdigest() if lock.is_file() else ""
    stamp = ""
    if values["root"]:
        if not root.is_dir():
            raise SqError(f"there is no data folder {root}: root names a folder in SunquakeNet's layout")
        files = [(file, file.stat()) for file in sorted(root.rglob("*")) if file.is_file()]
        lines = [f"{file.relative_to(root)} {status.st_size} {status.st_mtime_ns}" for file, status in files]
        stamp = hashlib.sha256(os.fsencode("\n".join(lines))).hexdigest()
    return keys.key(path.stem, [_bare(cell) or cell for cell in code], settings, library_hash(code), locked, stamp)


def library_hash(code: list[str], package: Path = keys.PACKAGE) -> str:
    """Hash of what `code`, a notebook's cells, imports from sqlib, directly or not, and of files that this reads."""
    modules = {name for cell in code if _bare(cell) for name in keys.imports(_bare(cell))}
    used = [path.relative_to(package).as_posix() for path in keys.closure(modules, package=package)]
    files = {pattern for reader, pattern in FILES if any(name.startswith(reader) for name in used)}
    return keys.code_hash(modules, files=sorted(files), package=package)


@cache
def _bare(cell: str) -> str:
    """The code of a cell without comments and layout; "" where it is not plain Python, such as `%pip list`."""
    with suppress(SyntaxError):
        return ast.unparse(ast.parse(cell))
    return ""


def runs() -> list[dict]:
    """Return the cards of all finished runs, each with its folder, key and the names of its records; newest last."""
    found = []
    for path in (home() / "runs").glob("*/*/card.json"):
        if path.parent.name != "interactive" and not path.parent.name.startswith("."):  # hidden: half removed
            records = list(read_records(path.parent))
            found.append({**read_card(path.parent), "folder": str(path.parent), "records": records})
    return sorted(found, key=lambda card: card["made"])


def publish(folders: dict[str, Path], profile: str) -> Path:
    """Copy what runs found ({chapter: folder}) to home()/results/PROFILE, for the archive, and return that folder.

    The executed notebook stays behind; `sq compare results/PROFILE/CHAPTER CHAPTER` sets a new run beside it. Their
    headlines go to home()/results/headlines.json: by name value, low, high, what, record (its file, seen from there),
    profile, seed and commit. Answers that were asked for here go to home()/results, too (`answers.ship`). `SqError`,
    before anything is written, for a headline that two records declare.
    """
    target, rows = home() / "results" / profile, {}
    for name, one in headlines(folders).items():
        made = one["record"]
        rows[name] = one | {"record": f"{profile}/{made['notebook']}/records/{made['name']}.json",
                            **{key: made[key] for key in ("profile", "seed", "commit")}}
    with replacing(target) as aside:
        for name, folder in folders.items():
            shutil.copytree(folder, aside / name, ignore=shutil.ignore_patterns("executed.ipynb", "players"))
    write_json(target.with_name("headlines.json"), rows)
    answers.ship()
    return target


def _execute(path: Path, values: dict[str, Any], folder: Path, progress: bool) -> None:
    import papermill
    from nbclient.exceptions import DeadKernelError
    from traitlets.config import Config

    from sqbook.kernels import use_forked

    notebook = read_notebook(path)  # complains of what is no notebook
    forget_peak()
    build_data(path, values, progress)
    networks, asked = {}, needs(path)
    if asked.trains:
        from sqlib.learn.chapters import train_chapter

        with suppress(*[SqError] * asked.may_lack):  # then its page says so, and goes on without
            networks = train_chapter(path.stem, values, progress=progress)
    use_forked()
    say(f"{path.stem}: executing", False)  # else papermill's bar says it
    started, failed = time.monotonic(), ""
    with replacing(folder) as aside:
        aside.mkdir()
        executed = aside / "executed.ipynb"
        injected = to_inject(path, {**values, "out": str(aside)})
        # cells differ so much that their number says nothing of the time
        bar = {"desc": path.stem, "file": sys.stderr, "disable": not progress,
               "bar_format": "{l_bar}{bar}| {n_fmt}/{total_fmt} cells, {elapsed}"}
        try:
            papermill.execute_notebook(notebook, str(executed), injected, kernel_name="python3", cwd=str(home()),
                                       progress_bar=bar, shutdown_kernel="immediate",  # it takes 2 s else
                                       config=Config(KernelManager={"transport_encryption": "auto",
                                                                "connection_file": str(aside / "kernel.json")}))
        except papermill.PapermillExecutionError as error:
            last = f"{error.ename}: {error.evalue}".strip().splitlines()[0]
            failed = f"cell {error.cell_index + 1} (In [{error.exec_count}]): {last}"
        except DeadKernelError:
            failed = "a cell: the kernel died; if it said nothing here or where its worker runs, it was killed, " \
                     "perhaps for want of memory"
        if failed:
            kept = folder.with_name("failed.ipynb")
            with suppress(FileNotFoundError):
                shutil.copyfile(executed, kept)
            raise SqError(f"{path.name} failed in {failed}\n  what it reached is kept in {kept}")
        # the notebook names the final folder, and is without papermill's times, which change
        content = json.loads(executed.read_text(encoding="utf-8").replace(str(aside), str(folder.relative_to(home()))))
        for part in [content, *content["cells"]]:
            for name in ("papermill", "execution"):
                part["metadata"].pop(name, None)
        write_json(executed, content)
        # the card is the one that `publish.close` wrote, or a new one for a notebook without it
        written = aside / "card.json"
        card = read_json(written) if written.is_file() else make_card(path.stem, values)
        write_json(written, card | {
            "parameters": {name: value for name, value in values.items() if name != "out"}, "key": folder.name,
            "seconds_in_all": round(time.monotonic() - started, 2),
            "seconds_trained": round(sum(one["seconds"] for one in networks.values()), 1),  # now or earlier
            "memory_mb": max(card["memory_mb"], peak_memory())})  # of the notebook, or of this process, which trains


def build_data(path: Path, values: dict[str, Any], progress: bool, scheduler: str | None = None) -> None:
    """Build the simulated cubes that a notebook reads, as its metadata say, where they are not there yet.

    scheduler : address of one whose workers see the same folders
    """
    asked = needs(path)
    if values["data"] == "twin" and (asked.twin or asked.trial):
        from sqlib.data.build import build_twin
        from sqlib.data.trial import build_trial
        from sqlib.sun.twin import TwinSettings

        names = {field.name for field in fields(TwinSettings)}
        settings = TwinSettings(**{k: v for k, v in values.items() if k in names})
        if asked.twin:
            build_twin(settings, progress=progress, scheduler=scheduler)
        if asked.trial:
            build_trial(values["trial"], settings=settings, progress=progress, scheduler=scheduler)


def _refresh(path: Path, executed: Path) -> None:
    """Give the notebook of a run that is found again the prose, tags and comments that its chapter has now.

    Its code is the same but for comments, or the run would have another key: so its outputs belong to the same cells.
    """
    with in_words(f"{executed} cannot be used", "run it again with --force"):
        kept, now = (json.loads(one.read_text(encoding="utf-8")) for one in (executed, path))
        ran = iter([cell for cell in kept["cells"] if cell["cell_type"] == "code"])
        cells = []
        for cell in now["cells"]:
            if cell["cell_type"] == "code":
                done = next(ran)
                cell |= {name: done[name] for name in ("outputs", "execution_count")}
            cells.append(cell)
            if "parameters" in cell["metadata"].get("tags", []):
                cells.append(next(ran))  # the values of this run, which papermill injected
    if cells != kept["cells"]:
        write_json(executed, {**kept, "cells": cells})


def run_all(jobs: list[tuple[str | Path, dict[str, Any]]], profile: str, workers: int | None = 1, *,
            scheduler: str | None = None, force: bool = False) -> list[Path | Exception]:
    """Execute notebooks with their parameters; the folder of each, or the error that it raised. Of several it says what
    is done, and what is left; where workers do them, a bar is over all.

    workers : processes on this machine, each with one thread; None: one a core, as far as memory reaches, and a single
        one on a GPU, which they would share. Or `scheduler`: address of a Dask scheduler whose workers see the same
        folders
    What is there already needs no worker, and a run that fails does not stop the others. Raises `SqError` for a wrong
    parameter and for no workers, before anything runs.
    """
    from tqdm import tqdm

    planned = [_planned(notebook, values, profile) for notebook, values in jobs]
    there = [place for place, (*_, folder) in enumerate(planned) if not force and (folder / "card.json").is_file()]
    lacking = [place for place in range(len(jobs)) if place not in there]
    workers = max(1, min(_default_workers() if workers is None else workers, len(lacking)))
    expected = {place: None if scheduler else durations.expected(*planned[place][:2]) for place in lacking}
    order = durations.in_turn(expected, workers)
    seconds, ended = [expected[place] for place in order], {}
    run, swept = partial(run_notebook, profile=profile, force=force), len({notebook for notebook, _ in jobs}) == 1
    found = {there[turn]: result for turn, result in each(run, [jobs[place] for place in there], 1)}
    here = scheduler is None and workers == 1
    with nullcontext() if here else dask_client(workers, scheduler, "--workers 1 does without") as client:
        address = None if here else client.scheduler.address
        for place in lacking:  # here its progress is seen, and all workers make cubes
            with suppress(SqError):  # the run will say it
                build_data(*planned[place][:2], True, address)
        started = time.monotonic()
        with tqdm(total=len(jobs), initial=len(found), desc="runs", unit="run", disable=address is None) as bar:
            run, todo = partial(run, progress=address is None), [jobs[place] for place in order]
            for turn, result in each(run, todo, 1, address):
                found[order[turn]], ended[turn] = result, time.monotonic() - started
                left = None if scheduler else durations.seconds_left(seconds, ended, workers)
                words = f", about {tqdm.format_interval(left)} left" if left else ""
                if len(order) > 1:
                    how = "failed" if isinstance(result, Exception) else "done"
                    notebook, values = jobs[order[turn]]
                    point = "".join(f" {name}={value}" for name, value in values.items() if swept)
                    tqdm.write(f"{notebook}{point}: {how}{words}", file=sys.stderr)
                bar.update()
    return [found[place] for place in range(len(jobs))]


def all_done(made: list[Path | Exception]) -> list[Path]:
    """What `run_all` returned, if all are folders; else `SqError` names all that failed."""
    failures = [result for result in made if isinstance(result, Exception)]
    if failures and not isinstance(failures[0], SqError):
        raise failures[0]
    if failures:
        raise SqError("\n  ".join(map(str, failures)))
    return made


def _default_workers() -> int:
    import torch
    from dask.system import CPU_COUNT
    from distributed.system import MEMORY_LIMIT

    return 1 if torch.cuda.is_available() else max(1, min(CPU_COUNT, int(MEMORY_LIMIT // EACH)))
