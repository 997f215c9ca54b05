"""Keys of runs: short hashes of all that decides what an executed notebook shows, and of nothing else."""

import ast
import hashlib
import os
from contextlib import suppress
from functools import cache
from pathlib import Path
from typing import Any

from sqbook.parameters import cells_of
from sqlib import keys
from sqlib.errors import SqError

FILES = (
    ("data/", "data/**/*.csv"), ("data/own_cubes", "data/*.md"), ("judge/", "judge/**/*.csv"),
    ("learn/locator", "learn/locator.*"), ("learn/event_search", "learn/event_search.*"),
    ("show/", "show/*.mplstyle"), ("show/publish.py", "show/templates/*"), ("show/publish.py", "show/players/*"),
)
"""Files of sqlib that decide what a chapter shows just as code does, each with the modules that read it."""


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
