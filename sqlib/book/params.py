"""Parameter cells: what can be set in a notebook, checked before anything runs."""

import ast
import difflib
import io
import tokenize
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sqlib.errors import SqError

TYPES = {"str": str, "int": int, "float": float, "bool": bool, "list": list}
ALWAYS = ("data", "root", "seed", "profile", "out")


@dataclass(frozen=True)
class Parameter:
    """One line of a parameter cell: `epochs: int = 6  # training epochs`."""

    name: str
    type: str  # str, int, float, bool, list, or list[...] of one of them
    default: Any
    help: str


def notebook_path(notebook: str | Path, folder: Path) -> Path:
    """Return a notebook's path from its name (`01_dataset`) in `folder`, or its path; `SqError` names the nearest."""
    path = Path(notebook)
    if path.suffix == ".ipynb" and path.is_file():
        return path
    known = sorted(p.stem for p in Path(folder).glob("*.ipynb"))
    if path.stem in known and len(path.parts) == 1:
        return Path(folder) / f"{path.stem}.ipynb"
    raise SqError(f"there is no notebook {str(notebook)!r}{nearest(str(notebook), known)}")


def nearest(name: str, known) -> str:
    """Return "; did you mean …? (known: …)" for an error about an unknown `name`."""
    known = sorted(known)
    match = difflib.get_close_matches(name, known, n=1, cutoff=0.5) or [k for k in known if name and name in k][:1]
    return (f"; did you mean {match[0]!r}?" if match else "") + f" (known: {', '.join(known) or 'none'})"


def read_notebook(path: Path):
    """Read a notebook with nbformat; `SqError` for a file that is absent or is none."""
    import nbformat

    try:
        return nbformat.read(path, as_version=4)
    except (OSError, ValueError, nbformat.reader.NotJSONError) as error:
        raise SqError(f"{path} is not a notebook that can be read: {str(error).splitlines()[0]}") from error


def parameters(notebook: Path) -> tuple[Parameter, ...]:
    """Return the parameters of a notebook, from its one cell tagged `parameters`.

    Raises `SqError` with the notebook and the line for a cell that is not one typed literal a line, each with a
    comment, or that lacks one of `ALWAYS`.
    """
    cells = [cell for cell in read_notebook(notebook).cells if "parameters" in cell.metadata.get("tags", [])]
    if len(cells) != 1:
        raise SqError(f"{Path(notebook).name} has {len(cells)} cells tagged `parameters`; it needs exactly one")
    found = parse_cell(cells[0].source, Path(notebook).name)
    missing = [name for name in ALWAYS if name not in {p.name for p in found}]
    if missing:
        raise SqError(f"{Path(notebook).name}: its parameter cell lacks {', '.join(missing)}")
    return found


def parse_cell(source: str, where: str) -> tuple[Parameter, ...]:
    """Parse the source of a parameter cell; `where` names the notebook in errors."""
    try:
        tree = ast.parse(source)
        comments = {
            token.start[0]: token.string.lstrip("# ").strip()
            for token in tokenize.generate_tokens(io.StringIO(source).readline)
            if token.type == tokenize.COMMENT
        }
    except (SyntaxError, tokenize.TokenError) as error:
        raise SqError(f"{where}: its parameter cell is not Python: {error}") from error
    found: dict[str, Parameter] = {}
    for node in tree.body:
        here = f"{where}, parameter cell, line {node.lineno}"
        if not (isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name) and node.value is not None):
            raise SqError(f"{here}: write `name: type = literal  # help`, not {ast.unparse(node)!r}")
        name, kind = node.target.id, ast.unparse(node.annotation)
        help_text = comments.get(node.end_lineno, "")
        if not help_text or "=" in help_text:  # papermill's own help stumbles over a second = in a line
            raise SqError(f"{here}: {name} needs a comment that says what it is, without an equals sign")
        if name in found:
            raise SqError(f"{here}: {name} is there twice")
        _known_type(kind, here)
        try:
            default = ast.literal_eval(node.value)
        except ValueError as error:
            raise SqError(f"{here}: the default of {name} is not a literal: {ast.unparse(node.value)}") from error
        found[name] = Parameter(name, kind, _fitting(default, kind, here, name), help_text)
    return tuple(found.values())


def check(known: tuple[Parameter, ...], overrides: dict[str, Any], where: str = "") -> dict[str, Any]:
    """Return `overrides` with every value of the type that its parameter is annotated with.

    An int passes as a float and a tuple as a list (papermill knows no tuples); nothing else is converted.
    Raises `SqError` for an unknown name, with the nearest, and for a wrong type, with what was expected and what came.
    """
    types = {p.name: p.type for p in known}
    for name in overrides:
        if name not in types:
            raise SqError(f"{where or 'the notebook'} has no parameter {name!r}{nearest(name, types)}")
    return {name: _fitting(value, types[name], where, name) for name, value in overrides.items()}


def parse(known: tuple[Parameter, ...], texts: list[str], where: str = "") -> dict[str, Any]:
    """Return the values of `name=value` texts from a command line, parsed to the annotated types."""
    types = {p.name: p.type for p in known}
    values = {}
    for text in texts:
        name, equals, word = text.partition("=")
        name = name.strip()
        if not equals:
            raise SqError(f"-p {text}: write -p name=value")
        if name not in types:
            raise SqError(f"{where or 'the notebook'} has no parameter {name!r}{nearest(name, types)}")
        values[name] = _from_text(word, types[name])
    return check(known, values, where)


def _from_text(word: str, kind: str) -> Any:
    if kind == "str":
        return word
    if kind == "bool" and word.lower() in ("true", "false"):
        return word.lower() == "true"
    try:
        return ast.literal_eval(word.strip())
    except (ValueError, SyntaxError):
        return word  # refused by `check`, with the expected type


def _known_type(kind: str, here: str) -> None:
    inner = kind[5:-1] if kind.startswith("list[") and kind.endswith("]") else "str"
    if not (kind in TYPES or (kind.startswith("list[") and inner in TYPES)):
        raise SqError(f"{here}: type {kind} is not one of {', '.join(TYPES)}, list[int], list[float], list[str]")


def _fitting(value: Any, kind: str, where: str, name: str) -> Any:
    """Return `value` as `kind`, or raise `SqError`."""
    if kind == "float" and isinstance(value, int) and not isinstance(value, bool):
        return float(value)
    if kind.startswith("list") and isinstance(value, list | tuple):
        inner = kind[5:-1]
        return [_fitting(v, inner, where, f"{name}[{i}]") if inner else v for i, v in enumerate(value)]
    wrong_bool = isinstance(value, bool) and kind != "bool"
    if kind.startswith("list") or wrong_bool or not isinstance(value, TYPES[kind]):
        came = f"{value!r} ({type(value).__name__})"
        raise SqError(f"{where + ': ' if where else ''}{name} must be {kind}, not {came}")
    return value
