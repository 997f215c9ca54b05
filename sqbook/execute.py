"""Runs of notebooks by papermill: executed aside, kept under a key of all that went in, and found again."""

import hashlib
import json
import shutil
import sys
import tempfile
import time
from contextlib import suppress
from dataclasses import fields
from pathlib import Path
from typing import Any

import sqlib
from sqbook.parameters import cells_of, read_notebook, resolve
from sqlib.errors import SqError
from sqlib.paths import home, remove, replacing
from sqlib.show.provenance import forget_peak, make_card, peak_memory, read_card
from sqlib.show.records import read_json, read_records, write_json
from sqlib.workers import say


def source_hash() -> str:
    """sha256 over all of sqlib's own files and requirements.lock: a run is not found again after either changed."""
    digest = hashlib.sha256()
    package = Path(sqlib.__file__).parent
    files = [p for p in sorted(package.rglob("*")) if p.suffix in (".py", ".csv", ".json", ".mplstyle", ".safetensors")]
    for path in [*files, package.parent / "requirements.lock"]:
        if path.is_file():
            digest.update(f"{path.relative_to(package.parent)}\0".encode() + path.read_bytes() + b"\0")
    return digest.hexdigest()


def folder_stamp(root: str) -> str:
    """Cheap fingerprint of a data folder: names, sizes and times of change, without reading any file.

    `SqError` where there is no such folder.
    """
    if not Path(root).is_dir():
        raise SqError(f"there is no data folder {root}: root names a folder in SunquakeNet's layout")
    files = [(path, path.stat()) for path in sorted(Path(root).rglob("*")) if path.is_file()]
    lines = [f"{path.relative_to(root)} {status.st_size} {status.st_mtime_ns}" for path, status in files]
    return hashlib.sha256("\n".join(lines).encode()).hexdigest()


def run_key(path: Path, values: dict[str, Any]) -> str:
    """Key of a run: 12 hex digits over the notebook's code, its parameters, sqlib, the lock and the data folder."""
    settings = {name: value for name, value in values.items() if name != "out"}
    stamp = folder_stamp(values["root"]) if values["root"] else ""
    text = json.dumps([path.stem, _code(path), settings, source_hash(), stamp], sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()[:12]


def _code(path: Path) -> list[str]:
    return [cell["source"] for cell in cells_of(path) if cell["cell_type"] == "code"]


def made(notebook: str | Path, params: dict[str, Any] | None = None, profile: str = "laptop") -> Path | None:
    """The folder of a run that is there and complete; None where there is none. Raises `SqError` for a wrong parameter."""
    folder = _planned(notebook, params, profile)[2]
    return folder if (folder / "card.json").is_file() else None


def _planned(notebook, params, profile) -> tuple[Path, dict[str, Any], Path]:
    path, values = resolve(notebook, profile, params or {})
    return path, values, home() / "runs" / path.stem / run_key(path, values)


def run_notebook(notebook: str | Path, params: dict[str, Any] | None = None, profile: str = "laptop", *,
                 force: bool = False, progress: bool = True) -> Path:  # fmt: skip
    """Execute a notebook and return the folder of its run, home()/runs/NAME/KEY.

    The folder holds executed.ipynb, card.json, records/, figures/ and tables/. The same key is found again unless
    `force`; of two calls at once for one key the second waits for the first. Raises `SqError` for a wrong parameter,
    before anything runs, and for a notebook that fails, of which runs/NAME/failed.ipynb keeps what was reached.
    """
    from filelock import FileLock

    path, values, folder = _planned(notebook, params, profile)
    try:
        (folder.parent / ".locks").mkdir(parents=True, exist_ok=True)
        with FileLock(folder.parent / ".locks" / folder.name):
            if force or not (folder / "card.json").is_file():
                for stale in folder.parent.glob(f".{folder.name}.*"):  # of a run that was killed
                    remove(stale)
                _execute(path, values, folder, progress)
    except OSError as error:
        raise SqError(f"cannot write {folder}: {error.strerror or error}") from error
    return folder


def runs() -> list[dict]:
    """Return the cards of all finished runs, each with its folder, key and the names of its records; newest last."""
    found = []
    for path in (home() / "runs").glob("*/*/card.json"):
        if path.parent.name != "interactive" and not path.parent.name.startswith("."):  # hidden: half removed
            found.append({**read_card(path.parent), "folder": str(path.parent), "records": list(read_records(path.parent))})
    return sorted(found, key=lambda card: card["made"])


def publish(folders: dict[str, Path], profile: str) -> Path:
    """Copy what runs found ({chapter: folder}) to home()/results/PROFILE, a folder a chapter, and return that: for the archive.

    The executed notebook stays behind; `sq compare results/PROFILE/CHAPTER CHAPTER` sets a new run beside what was published.
    """
    target = home() / "results" / profile
    with replacing(target) as aside:
        for name, folder in folders.items():
            shutil.copytree(folder, aside / name, ignore=shutil.ignore_patterns("executed.ipynb"))
    return target


def _execute(path: Path, values: dict[str, Any], folder: Path, progress: bool) -> None:
    import papermill
    from nbclient.exceptions import DeadKernelError

    read_notebook(path)  # complains of what is no notebook
    forget_peak()
    _prepare(path, values, progress)
    say(f"{path.stem}: executing", False)  # else papermill's bar says it
    started = time.monotonic()
    with replacing(folder) as aside, tempfile.TemporaryFile("w+") as log:
        aside.mkdir()
        executed = aside / "executed.ipynb"
        settings = {**values, "out": str(aside)}
        bar = {"desc": path.stem, "file": sys.stderr, "disable": not progress}
        try:
            papermill.execute_notebook(str(path), str(executed), settings, kernel_name="python3", cwd=str(home()),
                                       progress_bar=bar, kernel_manager_class=_kernel_manager(log))  # fmt: skip
        except papermill.PapermillExecutionError as error:
            last = f"{error.ename}: {error.evalue}".strip().splitlines()[0]
            cell = f"cell {error.cell_index + 1} (In [{error.exec_count}])"
            raise SqError(_failure(path, executed, cell, last)) from None
        except DeadKernelError:
            log.seek(0)
            words = log.read().strip().splitlines()[-1:] or ["killed, perhaps for want of memory"]
            raise SqError(_failure(path, executed, "a cell", f"the kernel died: {words[0]}")) from None
        _tidy(executed, aside, folder)
        _finish_card(aside, path, values, time.monotonic() - started, folder.name)


def _kernel_manager(log):
    """Return a kernel manager for this Python, whatever kernels the user has; its own complaints go to the file `log`."""
    from jupyter_client import AsyncKernelManager

    class Quiet(AsyncKernelManager):
        transport_encryption = "auto"  # else the kernel complains of plain TCP

        async def _async_launch_kernel(self, kernel_cmd, **options):
            options["env"]["SQ_HOME"] = str(home())  # absolute: the notebook runs in another folder
            command = [sys.executable, "-m", "ipykernel_launcher", "-f", self.connection_file]
            return await super()._async_launch_kernel(command, **options, stderr=log)

    return Quiet


def build_data(path: Path, values: dict[str, Any], progress: bool) -> None:
    """Build the twin that a notebook asks for, if it does, and is not there yet."""
    if values["data"] == "twin" and any("load_frames(" in source for source in _code(path)):
        from sqlib.data.build import build_twin
        from sqlib.sun.twin import TwinSettings

        names = {field.name for field in fields(TwinSettings)}
        build_twin(TwinSettings(**{k: v for k, v in values.items() if k in names}), progress=progress)


def _prepare(path: Path, values: dict[str, Any], progress: bool) -> None:
    """Build the data, and train what a notebook needs, beforehand: here their progress bars can be seen."""
    build_data(path, values, progress)
    planned = next((source for source in _code(path) if "recipes.plan(" in source), None)
    if planned is not None:
        from sqlib.learn.chapters import train_chapter

        # a chapter that catches what its data cannot teach says so on its page, and goes on without
        with suppress(*[SqError] * ("except SqError" in planned)):
            train_chapter(path.stem, values, progress=progress)


def _failure(path: Path, executed: Path, cell: str, last: str) -> str:
    kept = home() / "runs" / path.stem / "failed.ipynb"
    if executed.is_file():
        shutil.copyfile(executed, kept)
    return f"{path.name} failed in {cell}: {last}\n  what it reached is kept in {kept}"


def _tidy(executed: Path, aside: Path, folder: Path) -> None:
    """Name the run's final folder where the notebook says the one aside, and drop papermill's times: they change."""
    text = executed.read_text(encoding="utf-8").replace(str(aside), str(folder.relative_to(home())))
    content = json.loads(text)
    for part in [content, *content["cells"]]:
        for key in ("papermill", "execution"):
            part["metadata"].pop(key, None)
    executed.write_text(json.dumps(content, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")


def _finish_card(aside: Path, path: Path, values: dict[str, Any], seconds: float, key: str) -> None:
    """Complete the card that the notebook's `publish.close` wrote, or write one for a notebook without it."""
    written = aside / "card.json"
    card = read_json(written) if written.is_file() else make_card(path.stem, values)
    settings = {name: value for name, value in values.items() if name != "out"}
    memory = max(card["memory_mb"], peak_memory())  # the notebook's process, or this one, where networks are trained
    card |= {"parameters": settings, "seconds_in_all": round(seconds, 2), "memory_mb": memory, "key": key}
    write_json(written, card)
