"""Parameter cells and profiles: what can be set in a notebook, and to what, checked before anything runs."""

import ast
import difflib
import io
import json
import math
import reprlib
import tokenize
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sqlib.errors import SqError, in_words
from sqlib.paths import home, real

TYPES = {"str": str, "int": int, "float": float, "bool": bool}
LISTS = ("list", *(f"list[{kind}]" for kind in TYPES))
ALWAYS = ("data", "root", "seed", "profile", "out")


@dataclass(frozen=True)
class Parameter:
    """One line of a parameter cell: `epochs: int = 6  # training epochs`."""

    name: str
    type: str  # of TYPES or LISTS
    default: Any
    help: str


def notebook_path(notebook: str | Path) -> Path:
    """Return a notebook's path from its name (`01_dataset`) or its path; `SqError` names the nearest."""
    path = Path(notebook)
    if path.suffix == ".ipynb" and path.is_file():
        return path
    known = {p.stem: p for p in (home() / "notebooks").glob("*.ipynb")}
    if path.stem in known and len(path.parts) == 1:
        return known[path.stem]
    raise SqError(f"there is no notebook {str(notebook)!r}{nearest(str(notebook), known)}")


def nearest(name: str, known) -> str:
    """Return "; did you mean …? (known: …)" for an error about an unknown `name`."""
    name, known = str(name), sorted(map(str, known))
    match = difflib.get_close_matches(name, known, n=1, cutoff=0.5) or [k for k in known if name and name in k][:1]
    return (f"; did you mean {match[0]!r}?" if match else "") + f" (known: {', '.join(known) or 'none'})"


def cells_of(path: Path) -> list[dict]:
    """The cells of a notebook, the source of each as one text and its tags as a list; `SqError` for a file that has none.

    Read as the JSON that it is: importing nbformat takes seconds, and every command reads notebooks.
    """
    with in_words(f"{path} is not a notebook that can be read", "take it anew from where it came"):
        cells = json.loads(Path(path).read_text(encoding="utf-8"))["cells"]
        return [{"cell_type": str(cell["cell_type"]), "source": "".join(cell["source"]),
                 "tags": list(cell["metadata"].get("tags", []))} for cell in cells]  # fmt: skip


def read_notebook(path: Path):
    """Read a notebook with nbformat, which checks all of it; `SqError` for a file that is absent or is none."""
    import nbformat

    with in_words(f"{path} is not a notebook that can be read", "take it anew from where it came"):
        notebook = nbformat.reader.reads(Path(path).read_text(encoding="utf-8"))  # nbformat.read only logs what is wrong
        nbformat.validate(notebook)
        return nbformat.convert(notebook, 4)


def parameters(notebook: Path) -> tuple[Parameter, ...]:
    """Return the parameters of a notebook, from its one cell tagged `parameters`.

    Raises `SqError` with the notebook and the line for a cell that is not one typed literal a line, each with a
    comment, or that lacks one of `ALWAYS`.
    """
    cells = [cell for cell in cells_of(notebook) if "parameters" in cell["tags"]]
    if len(cells) != 1:
        raise SqError(f"{Path(notebook).name} has {len(cells)} cells tagged `parameters`; it needs exactly one")
    found = parse_cell(cells[0]["source"], Path(notebook).name)
    missing = [name for name in ALWAYS if name not in {p.name for p in found}]
    if missing:
        raise SqError(f"{Path(notebook).name}: its parameter cell lacks {', '.join(missing)}")
    return found


def parse_cell(source: str, where: str) -> tuple[Parameter, ...]:
    """Parse the source of a parameter cell; `where` names the notebook in errors."""
    with in_words(f"{where}: its parameter cell is not Python", "write `name: type = literal  # help`"):
        tree = ast.parse(source)
        comments = {
            token.start[0]: token.string.lstrip("# ").strip()
            for token in tokenize.generate_tokens(io.StringIO(source).readline)
            if token.type == tokenize.COMMENT
        }
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
        if kind not in (*TYPES, *LISTS):
            raise SqError(f"{here}: type {kind} is not one of {', '.join((*TYPES, *LISTS))}")
        with in_words(f"{here}: the default of {name} is not a literal", "write a number, a text, True, False or a list of them"):
            default = ast.literal_eval(node.value)
        found[name] = Parameter(name, kind, _fitting(default, kind, here, name), help_text)
    return tuple(found.values())


def check(known: tuple[Parameter, ...], overrides: dict[str, Any], where: str = "the notebook") -> dict[str, Any]:
    """Return `overrides` with every value of the type that its parameter is annotated with.

    An int passes as a float and a tuple as a list (papermill knows no tuples); nothing else is converted.
    Raises `SqError` for an unknown name, with the nearest, and for a wrong type, with what was expected and what came.
    """
    types = {p.name: p.type for p in known}
    for name in overrides:
        if name not in types:
            raise SqError(f"{where} has no parameter {name!r}{nearest(name, types)}")
    return {name: _fitting(value, types[name], where, name) for name, value in overrides.items()}


def parse(known: tuple[Parameter, ...], texts: list[str], where: str = "the notebook") -> dict[str, Any]:
    """Return the values of `name=value` texts from a command line, parsed to the annotated types; `SqError` as `check` has it."""
    types = {p.name: p.type for p in known}
    values = {}
    for text in texts:
        name, equals, word = text.partition("=")
        if not equals:
            raise SqError(f"-p {text}: write -p name=value")
        values[name] = word
        if types.get(name) == "bool":
            word = word.capitalize()
        if types.get(name) != "str":
            with suppress(Exception):  # what is no literal `check` refuses, with the expected type
                values[name] = ast.literal_eval(word)
    return check(known, values, where)


def _fitting(value: Any, kind: str, where: str, name: str) -> Any:
    """Return `value` as `kind`, or raise `SqError`."""
    if kind == "float" and type(value) is int:
        return float(value)
    if kind.startswith("list") and isinstance(value, list | tuple):
        inner = kind[5:-1]
        return [_fitting(v, inner, where, f"{name}[{i}]") if inner else v for i, v in enumerate(value)]
    if type(value) is not TYPES.get(kind):
        raise SqError(f"{where}: {name} must be {kind}, not {reprlib.repr(value)} ({type(value).__name__})")
    if kind == "float" and not math.isfinite(value):
        raise SqError(f"{where}: {name} must be a finite number, not {value}")
    return value


def profile_names() -> list[str]:
    """Names of the profiles: sizes of everything (smoke, laptop, paper), from home()/profiles/NAME.yml."""
    return sorted(path.stem for path in (home() / "profiles").glob("*.yml"))


def load_profile(name: str) -> dict[str, dict]:
    """Return the profile `name` as {"data": {...}, "notebooks": {notebook: {...}}}, checked against the notebooks.

    Raises `SqError` for an unknown profile (with the nearest) and for a notebook or a parameter that is not there.
    """
    import yaml

    path = home() / "profiles" / f"{name}.yml"
    if name not in profile_names():
        raise SqError(f"there is no profile {name!r}{nearest(name, profile_names())}")
    with in_words(f"{path} cannot be read", "see profiles/ for how it is written"):
        content = yaml.safe_load(path.read_text(encoding="utf-8")) or {}
    sections = {key: (content.get(key) or {}) if isinstance(content, dict) else None for key in ("data", "notebooks")}
    if any(not isinstance(section, dict) for section in sections.values()):
        raise SqError(f"{path}: `data` and `notebooks` are mappings of names to values")
    if unknown := [name for name in content if name not in sections]:
        raise SqError(f"{path}: unknown section {unknown[0]!r}{nearest(unknown[0], sections)}")
    declared = {p.stem: parameters(p) for p in sorted((home() / "notebooks").glob("*.ipynb"))}
    for notebook, values in sections["notebooks"].items():
        if notebook not in declared:
            raise SqError(f"{path}: there is no notebook {notebook!r}{nearest(notebook, declared)}")
        if not isinstance(values or {}, dict):
            raise SqError(f"{path}, {notebook}: write its parameters as a mapping of names to values, not {reprlib.repr(values)}")
        sections["notebooks"][notebook] = check(declared[notebook], values or {}, f"{path.name}, {notebook}")
    return sections


def profile_values(profile: str, notebook: str, known: tuple[Parameter, ...]) -> dict[str, Any]:
    """Return the parameters that `profile` sets for `notebook`: its own, and of `data` those that it has."""
    content, names = load_profile(profile), [p.name for p in known]
    shared = {name: value for name, value in content["data"].items() if name in names}
    return {**check(known, shared, f"{profile}.yml, data"), **content["notebooks"].get(notebook, {}), "profile": profile}


def resolve(notebook: str | Path, profile: str, overrides: dict[str, Any]) -> tuple[Path, dict[str, Any]]:
    """Return the notebook's path and the full set of its parameters: defaults < profile < overrides.

    A relative `root` is taken from the caller's folder, for the notebook runs in another.
    """
    path = notebook_path(notebook)
    known = parameters(path)
    values = {p.name: p.default for p in known}
    values |= profile_values(profile, path.stem, known) | check(known, overrides, path.name)
    if values["root"]:
        values["root"] = str(real(values["root"]))
    return path, values
