"""Keys: short hashes of what decides a result, so that it is made anew when that has changed, and only then.

Data, trained networks and executed chapters are kept under such keys. Of code only what can change a result is hashed:
comments, docstrings and layout are left out, and so is every module that the result does not depend on.
"""

import ast
import hashlib
import json
from collections.abc import Iterable
from functools import cache
from pathlib import Path

PACKAGE = Path(__file__).parent
FLOORS = ("sun", "data", "learn", "judge", "show")


def key(*facts, length: int = 12) -> str:
    """Short name, hexadecimal digits, of JSON-able `facts`: equal facts have equal keys."""
    return hashlib.sha256(json.dumps(facts, sort_keys=True).encode()).hexdigest()[:length]


def with_code(lasting: str, *code: str) -> str:
    """A key in two parts: `lasting`, and after a dash a short hash of the `code` that makes the thing.

    Whatever is made here is kept under the whole, and made anew when the code has changed. What comes with the book is
    found by the lasting part: code that is put in better order makes the same.
    """
    return f"{lasting}-{key(*code, length=6)}"


def lasting(dashed: str) -> str:
    """The part of a key that no code decides; see `with_code`."""
    return dashed.partition("-")[0]


def derived(made_of: Iterable[str], *facts) -> str:
    """Key of what is made of things with these keys, by `facts`: lasting parts and code are hashed apart."""
    first, _, code = zip(*(one.partition("-") for one in made_of))
    made = key(first, *facts)
    return with_code(made, *code) if any(code) else made


def code_hash(modules: Iterable[str], floors: Iterable[str] = FLOORS, files: Iterable[str] = (),
              package: Path = PACKAGE) -> str:
    """sha256 over the code of `modules` ("sqlib.sun.twin") and of all of `floors` that they import, directly or not.

    files : further files that decide the result, by patterns within the package ("data/*.csv")
    package : folder of the package, for a copy of it
    """
    digest, floors = hashlib.sha256(), frozenset(floors)
    for path in closure(modules, floors, package):
        code = plain_code(path.read_text(encoding="utf-8"))
        digest.update(f"{path.relative_to(package).as_posix()}\0{code}\0".encode())
    for path in sorted(path for pattern in files for path in package.glob(pattern)):
        digest.update(f"{path.relative_to(package).as_posix()}\0".encode() + path.read_bytes() + b"\0")
    return digest.hexdigest()


def closure(modules: Iterable[str], floors: Iterable[str] = FLOORS, package: Path = PACKAGE) -> list[Path]:
    """Files of `modules` and of all that they import, directly or not, from `floors`, in the order of their names."""
    found, waiting = set(), [path for name in modules for path in _files(name, package)]
    while waiting:
        path = waiting.pop()
        if path not in found:
            found.add(path)
            names = imports(path.read_text(encoding="utf-8"))
            inner = (one for name in names for one in _files(name, package))
            waiting += [one for one in inner if one.relative_to(package).parts[0] in floors]
    return sorted(found)


@cache
def imports(source: str) -> tuple[str, ...]:
    """Full names that Python source imports from sqlib, wherever in it: modules, or what is in them."""
    found = []
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            found += [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and not node.level:
            found += [f"{node.module}.{alias.name}" for alias in node.names]
    return tuple(name for name in found if name.partition(".")[0] == "sqlib")


@cache
def plain_code(source: str) -> str:
    """Python source without comments, docstrings and layout: what is left decides what it computes."""
    tree = ast.parse(source)
    for node in ast.walk(tree):
        body = getattr(node, "body", None)
        if isinstance(body, list):  # a text by itself does nothing, wherever it stands
            kept = [one for one in body if not (isinstance(one, ast.Expr) and isinstance(one.value, ast.Constant))]
            node.body = kept or [ast.Pass()]
    return ast.unparse(tree)


def _files(name: str, package: Path) -> list[Path]:
    """The file that a full name means or lies in: "sqlib.learn.losses.supcon" is in learn/losses.py."""
    parts = name.split(".")[1:]
    for end in range(len(parts), 0, -1):
        path = package.joinpath(*parts[:end])
        for file in (path.with_suffix(".py"), path / "__init__.py"):
            if file.is_file():
                return [file]
    return []
