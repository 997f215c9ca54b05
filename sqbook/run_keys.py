"""Keys of runs: short hashes of all that decides what an executed notebook shows, and of nothing else."""

import ast
import hashlib
from contextlib import suppress
from pathlib import Path
from typing import Any

from sqbook.parameters import cells_of
from sqlib import keys
from sqlib.errors import SqError

FILES = (
    ("data/", "data/**/*.csv"), ("judge/", "judge/**/*.csv"), ("learn/locator", "learn/locator.*"),
    ("show/", "show/*.mplstyle"), ("show/publish.py", "show/templates/*"), ("show/publish.py", "show/players/*"),
)
"""Files of sqlib that decide what a chapter shows just as code does, each with the modules that read it."""


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
    """Key of a run, over the code of its cells and of all of sqlib that they import, its values, the lock and the data.

    Comments, prose, docstrings and modules that the chapter does not use are no part of it.
    """
    code = [cell["source"] for cell in cells_of(path) if cell["cell_type"] == "code"]
    settings = {name: value for name, value in values.items() if name != "out"}
    stamp = folder_stamp(values["root"]) if values["root"] else ""
    lock = keys.PACKAGE.parent / "requirements.lock"
    locked = hashlib.sha256(lock.read_bytes()).hexdigest() if lock.is_file() else ""
    return keys.key(path.stem, [_bare(cell) or cell for cell in code], settings, library_hash(code), locked, stamp)


def library_hash(code: list[str], package: Path = keys.PACKAGE) -> str:
    """Hash of what `code`, a notebook's cells, imports from sqlib, directly or not, and of files that this reads."""
    modules = {name for cell in code if _bare(cell) for name in keys.imports(_bare(cell))}
    used = [path.relative_to(package).as_posix() for path in keys.closure(modules, package=package)]
    files = {pattern for reader, pattern in FILES if any(name.startswith(reader) for name in used)}
    return keys.code_hash(modules, files=sorted(files), package=package)


def _bare(cell: str) -> str:
    """The code of a cell without comments and layout; "" where it is not plain Python, such as `%pip list`."""
    with suppress(SyntaxError):
        return ast.unparse(ast.parse(cell))
    return ""
