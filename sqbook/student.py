"""Student notebooks, made from the solved ones: a prompt stands for each solution; checks and all the rest stay."""

import ast
import hashlib
import json
import symtable
import sys
from pathlib import Path

import nbformat
from nbformat.v4 import new_markdown_cell
from nbformat.v4.rwbase import rejoin_lines

from sqbook.parameters import cells_of, notebooks, profile_values, read_notebook, with_defaults
from sqbook.site.build import chapters
from sqlib.errors import SqError, in_words
from sqlib.paths import home, real, replacing

SOLUTION, CHECK = "solution", "check"  # tags of an exercise's cells; what a check `uses` stands in its metadata
PROMPT = "# your solution"
NOTE = """\
```{{admonition}} A copy to work in
:class: note
Made from `notebooks/{name}.ipynb` by `sq student`. Write where it says *{prompt}*. Cells that begin with `assert` are
checks: run them after your solution; no output means that they hold.
```"""


def tagged(cell: dict, tag: str) -> bool:
    """Whether a notebook's cell is a code cell with this tag."""
    return cell["cell_type"] == "code" and tag in cell["metadata"].get("tags", [])


def exercises(notebook: dict) -> int:
    """Number of solutions in a notebook."""
    return sum(tagged(cell, SOLUTION) for cell in notebook["cells"])


def student_notebook(notebook: dict, name: str, values: dict | None = None) -> nbformat.NotebookNode:
    """Return the student's version of a solved notebook (format 4), without outputs; `name` is the solved one's.

    A prompt takes the place of each solution, and a check may fail until it is filled. values : defaults that its
    parameter cell has instead. Raises `SqError` for a solution that is not Python, and for one that sets what the
    chapter itself uses later.
    """
    made = rejoin_lines(nbformat.from_dict(json.loads(json.dumps(notebook))))
    _refuse_dependence(made.cells, name)
    for cell, after in zip(made.cells, [*made.cells[1:], None]):
        if cell.cell_type == "code":
            cell.outputs, cell.execution_count = [], None
        if tagged(cell, SOLUTION):
            uses = after.metadata.get("uses", []) if after and tagged(after, CHECK) else []
            cell.source = PROMPT + (f" (the check below uses: {', '.join(uses)})" if uses else "")
            cell.metadata = {"tags": ["exercise"]}
        elif tagged(cell, CHECK):  # "Restart and run all" must get past an exercise that is not solved yet
            cell.metadata = {"tags": [CHECK, "raises-exception"]}
        elif values and "parameters" in cell.metadata.get("tags", []):
            cell.source = with_defaults(cell.source, values)
    made.cells.insert(1, new_markdown_cell(NOTE.format(name=name, prompt=PROMPT.lstrip("# ")), id="student-note"))
    made.metadata["sq_student"] = {"notebook": name, "digest": _digest(made)}
    return made


def student_texts(profile: str = "") -> dict[str, str]:
    """Return the text of each student notebook by its file's name, from the chapters in home()/notebooks.

    profile : whose values the parameter cells have; "" leaves the notebooks' own
    Chapters are what _toc.yml lists; without one, what can be read and has parameters or solutions. What else lies
    there is left out, and stderr says so. `SqError` where there is none, or a listed one is no notebook.
    """
    made, listed = {}, chapters() if (home() / "_toc.yml").is_file() else None
    for name, path in notebooks().items():
        if reason := _stray(path, listed):
            print(f"left out {path.name}, which is no chapter: {reason}", file=sys.stderr)
        else:
            given = profile and any("parameters" in cell["tags"] for cell in cells_of(path))
            values = profile_values(profile, path) if given else None
            made[path.name] = nbformat.writes(student_notebook(read_notebook(path), name, values)) + "\n"
    if not made:
        raise SqError(f"there are no notebooks of chapters in {home() / 'notebooks'}")
    return made


def _stray(path: Path, listed: list[str] | None) -> str:
    """Why a notebook is no chapter; "" for one."""
    if listed is not None:
        return "" if path.stem in listed else "_toc.yml does not list it"
    try:
        tags = {tag for cell in cells_of(path) for tag in cell["tags"]}
    except SqError as error:
        return str(error)
    return "" if tags & {SOLUTION, "parameters"} else "it has neither parameters nor solutions"


def write_student(folder: Path, profile: str = "") -> list[Path]:
    """Write the student notebooks to `folder`, all or none, and return their paths.

    The folder may be new, empty, or hold student notebooks that nobody has worked in; `SqError` otherwise.
    """
    folder = real(folder)
    texts = student_texts(profile)
    _refuse_foreign(folder)
    with replacing(folder) as aside:
        aside.mkdir()
        for name, text in texts.items():
            (aside / name).write_text(text, encoding="utf-8")
    return [folder / name for name in texts]


def check_student(folder: Path, profile: str = "") -> int:
    """Return the number of student notebooks in `folder`; `SqError` names those that writing again would change."""
    texts = student_texts(profile)
    with in_words(f"{folder} cannot be read", f"sq student {folder} makes it"):
        files = [path for path in Path(folder).iterdir() if path.match("[!.]*.ipynb") and path.is_file()]
        there = {path.name: path.read_bytes() for path in files}
    wrong = {name: "is missing" for name in texts if name not in there}
    wrong |= {name: "has no solved notebook" for name in sorted(there) if name not in texts}
    wrong |= {name: "differs" for name, text in texts.items() if there.get(name, text.encode()) != text.encode()}
    if wrong:
        lines = [f"\n  {name} {fault}" for name, fault in wrong.items()]
        raise SqError(f"the student notebooks in {folder} are not those of notebooks/:{''.join(lines)}")
    return len(texts)


def _refuse_dependence(cells: list, name: str) -> None:
    """A chapter that goes on with a solution's names would break for everyone who has not found it yet."""
    for number, cell in enumerate(cells, 1):
        if tagged(cell, SOLUTION):
            later = [one for one in cells[number:] if one.cell_type == "code"]
            own = [_names(one.source, name) for one in later if not (tagged(one, SOLUTION) or tagged(one, CHECK))]
            lost = _names(cell.source, f"{name}, cell {number}")[0]
            lost &= set().union(*(used for _, used in own)) - set().union(*(given for given, _ in own))
            if lost:
                raise SqError(f"{name}, cell {number}: later cells use {', '.join(sorted(lost))}, which this solution "
                              "sets: set them before the exercise")


def _names(source: str, where: str) -> tuple[set[str], set[str]]:
    """The names that a cell gives to those after it, and those that it reads."""
    source = "\n".join("" if line.startswith(("%", "!")) else line for line in source.splitlines())
    try:
        tree, table = ast.parse(source), symtable.symtable(source, where, "exec")
    except SyntaxError as error:
        raise SqError(f"{where}: not Python: {error}") from error
    given = {name.get_name() for name in table.get_symbols() if name.is_assigned() or name.is_imported()}
    return given, {part.id for part in ast.walk(tree) if isinstance(part, ast.Name) and isinstance(part.ctx, ast.Load)}


def _digest(notebook: dict) -> str:
    """Fingerprint of what a student would change: the cells' text, and whether they have been run."""
    facts = [[cell["cell_type"], "".join(cell["source"]), bool(cell.get("outputs"))] for cell in notebook["cells"]]
    return hashlib.sha256(json.dumps(facts).encode()).hexdigest()[:16]


def _refuse_foreign(folder: Path) -> None:
    if folder.exists() and not folder.is_dir():
        raise SqError(f"{folder} is a file; name a folder that is new or empty")
    for path in sorted(folder.iterdir()) if folder.exists() else []:
        with in_words(f"{folder} holds {path.name}, which `sq student` did not write", "name one that is new or empty"):
            content = json.loads(path.read_text(encoding="utf-8"))
            own = content["metadata"]["sq_student"]["digest"] == _digest(content)
        if not own:
            raise SqError(f"{path} has been worked in since it was made; name another folder, so that nothing is lost")
