"""Parameter cells, shared settings and metadata of notebooks: what can be set, checked before anything runs.

The cell is read by its lines: `papermill.inspect_notebook` skips one that it does not understand, or takes it for a
part of the line before, so it cannot refuse one; it also takes two seconds to import.
"""

import ast
import json
import re
import reprlib
from functools import cache
from pathlib import Path
from typing import Any

from pydantic import Field, create_model

from sqlib import profiles
from sqlib.errors import SqError, in_words
from sqlib.paths import home, real
from sqlib.typed import Typed, check, nearest, parse, type_name

TYPES = {"str": str, "int": int, "float": float, "bool": bool}
TYPES |= {f"list[{name}]": list[kind] for name, kind in TYPES.items()}
LINE = re.compile(r"(\w+): ([\w\[\]]+) = (.+?)  # ([^=]+)")  # papermill's own help stumbles over a second = in a line
ALWAYS = ("data", "root", "seed", "profile", "out")


class Needs(Typed):
    """What the runner must know of a notebook, from its metadata: `"sq": {"twin": true, "trains": true}`."""

    twin: bool = Field(False, description="whether it reads the simulated data, to be built beforehand")
    trial: bool = Field(False, description="whether it reads simulated trial events, to be built beforehand")
    trains: bool = Field(False, description="whether it has networks, to be trained beforehand")
    may_lack: bool = Field(False, description="whether it goes on without them, where the data cannot teach them")
    settings: list[str] = Field([], description="shared settings that it has, see sqlib.profiles.shared")


def notebook_path(notebook: str | Path) -> Path:
    """Return a notebook's path from its name (`01_dataset`) or its path; `SqError` names the nearest."""
    path = Path(notebook)
    if path.suffix == ".ipynb" and path.is_file():
        return path
    known = notebooks()
    if path.stem in known and len(path.parts) == 1:
        return known[path.stem]
    raise SqError(f"there is no notebook {str(notebook)!r}{nearest(str(notebook), known, home() / 'notebooks')}")


def notebooks() -> dict[str, Path]:
    """The notebooks in home()/notebooks by name, without hidden files, such as the `._` twins that macOS leaves."""
    return {path.stem: path for path in sorted((home() / "notebooks").glob("[!.]*.ipynb"))}


def _reading(path: Path):
    return in_words(f"{path} is not a notebook that can be read", "take it anew from where it came")


def cells_of(path: Path) -> list[dict]:
    """The cells of a notebook, with the source of each as one text and its tags; `SqError` for what is no notebook."""
    with _reading(path):
        return [{"cell_type": str(cell["cell_type"]), "source": "".join(cell["source"]),
                 "tags": list(cell["metadata"].get("tags", []))} for cell in profiles.read_notebook(path)["cells"]]


def needs(path: Path) -> Needs:
    """What the metadata of a notebook say under `sq`; `SqError` for an unknown name or another type there."""
    with _reading(path):
        content = dict(profiles.read_notebook(path)["metadata"].get("sq", {}))
    return Needs(**check(Needs, content, f"{path.name}, metadata, sq"))


def read_notebook(path: Path):
    """Read a notebook with nbformat, which checks all of it; `SqError` for a file that is absent or is none."""
    import nbformat

    with _reading(path):
        notebook = nbformat.reader.reads(json.dumps(profiles.read_notebook(path)))  # nbformat.read only logs faults
        nbformat.validate(notebook)
        return nbformat.convert(notebook, 4)


def parameters(notebook: Path) -> type[Typed]:
    """The model of what stands in the one cell tagged `parameters` of a notebook.

    Raises `SqError` with the notebook and the line for a cell that is not one typed literal a line, each with a
    comment, or that lacks one of `ALWAYS`.
    """
    cells = [cell for cell in cells_of(notebook) if "parameters" in cell["tags"]]
    if len(cells) != 1:
        raise SqError(f"{Path(notebook).name} has {len(cells)} cells tagged `parameters`; it needs exactly one")
    model = parse_cell(cells[0]["source"], Path(notebook).name)
    always = (*ALWAYS, "settings") if needs(notebook).settings else ALWAYS
    if missing := [name for name in always if name not in model.model_fields]:
        raise SqError(f"{Path(notebook).name}: its parameter cell lacks {', '.join(missing)}")
    return model


def shared(notebook: Path) -> type[Typed]:
    """The model of the shared settings of a notebook, with the defaults that profiles change."""
    return profiles.shared(needs(notebook).settings)


def described(model: type[Typed]) -> list[dict[str, Any]]:
    """The fields of a model: `name`, `type`, `default` and `help` of each."""
    return [{"name": name, "type": type_name(one.annotation), "default": one.default, "help": one.description}
            for name, one in model.model_fields.items()]


@cache
def parse_cell(source: str, where: str) -> type[Typed]:
    """Parse the source of a parameter cell, lines such as `epochs: int = 6  # training epochs`.

    `where` names the notebook in errors.
    """
    found: dict[str, Any] = {}
    for number, line in enumerate(source.strip().splitlines(), 1):
        here, match = f"{where}, parameter cell, line {number}", LINE.fullmatch(line)
        if not match or match[2] not in TYPES:
            raise SqError(f"{here}: {reprlib.repr(line)} is not `name: type = literal  # help`, with a type of "
                          f"{', '.join(TYPES)}")
        name, kind, literal, words = match.groups()
        if name in found or name.startswith("_") or hasattr(Typed, name):
            raise SqError(f"{here}: {name} is there already; choose another name")
        with in_words(f"{here}: the default of {name} is not a literal", "write a number, a text, a truth or a list"):
            default = ast.literal_eval(literal)
        one = create_model("One", __base__=Typed, **{name: (TYPES[kind], ...)})
        found[name] = TYPES[kind], Field(check(one, {name: default}, here)[name], description=words.strip())
    return create_model("Parameters", __base__=Typed, **found)


def with_defaults(source: str, values: dict[str, Any]) -> str:
    """The source of a parameter cell, each of `values` that has a line in it being the default there."""
    lines = []
    for line in source.strip().splitlines():
        name, kind, literal, words = LINE.fullmatch(line).groups()
        same = name not in values or values[name] == ast.literal_eval(literal)
        lines.append(line if same else f"{name}: {kind} = {values[name]!r}  # {words}")
    return "\n".join(lines)


def settable(notebook: Path) -> type[Typed]:
    """The model of all that can be set in a notebook: parameters and shared settings; `SqError` for a double name."""
    cell, others = parameters(notebook), shared(notebook)
    if double := [name for name in cell.model_fields if name in others.model_fields]:
        raise SqError(f"{Path(notebook).name}: {double[0]} is in its parameter cell, and a shared setting; drop one")
    both = cell.model_fields | others.model_fields
    return create_model("Settable", __base__=Typed, **{name: (one.annotation, one) for name, one in both.items()})


def profile_values(profile: str, notebook: str | Path) -> dict[str, Any]:
    """Return what `profile` sets of a notebook's parameters and shared settings.

    Raises `SqError` for an unknown profile, notebook or parameter, with the nearest, and for a wrong type.
    """
    path, content = notebook_path(notebook), profiles.load(profile)
    for name in content["notebooks"]:
        if name not in notebooks():
            raise SqError(f"{profile}.yml: there is no notebook {name!r}{nearest(name, notebooks())}")
    own = check(settable(path), content["notebooks"].get(path.stem, {}), f"{profile}.yml, {path.stem}")
    return profiles.values_of(content, path.stem, needs(path).settings) | own | {"profile": profile}


def resolve(notebook: str | Path, profile: str, overrides: dict[str, Any]) -> tuple[Path, dict[str, Any]]:
    """Return the notebook's path and the values of all that can be set in it: defaults < profile < overrides.

    Its list `settings` is resolved into the shared settings. A relative `root` is taken from the caller's folder, for
    the notebook runs in another.
    """
    path = notebook_path(notebook)
    model, overrides = settable(path), dict(overrides)
    for name, advice in {"profile": "--profile NAME chooses it", "out": "each run has a folder of its own"}.items():
        if name in overrides:
            raise SqError(f"{path.name}: {name} cannot be set as a parameter: {advice}")
    values = {name: one.default for name, one in model.model_fields.items()}
    values |= profile_values(profile, path) | check(model, overrides, path.name)
    changes = parse(profiles.shared(needs(path).settings), values.pop("settings", []), f"{path.name}, settings")
    values |= {name: value for name, value in changes.items() if name not in overrides}
    if values["root"]:
        values["root"] = str(real(values["root"]))
    return path, values


def to_inject(path: Path, values: dict[str, Any]) -> dict[str, Any]:
    """What papermill writes into a notebook: the resolved values of its cell, and all its shared settings as texts."""
    texts = [f"{name}={values[name] if one.annotation is str else repr(values[name])}"
             for name, one in shared(path).model_fields.items()]
    cell = {name: values[name] for name in parameters(path).model_fields if name in values}
    return cell | ({"settings": texts} if texts else {})
