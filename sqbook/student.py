"""Student notebooks, made from the solved ones: a prompt stands for each solution; checks and all the rest stay."""

import ast
import copy
import symtable
from pathlib import Path

import nbformat
from nbformat.v4 import new_markdown_cell

from sqbook.parameters import notebook_path, profile_values, read_notebook, with_defaults
from sqbook.site.build import chapters
from sqlib.errors import SqError, in_words
from sqlib.paths import new_folder, real

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


def student_notebook(notebook: nbformat.NotebookNode, name: str, values: dict | None = None) -> nbformat.NotebookNode:
    """Return the student's version of a solved notebook (format 4), without outputs; `name` is the solved one's.

    A prompt takes the place of each solution, and a check may fail until it is filled. values : defaults that its
    parameter cell has instead. Raises `SqError` for a solution that is not Python, and for one that sets what the
    chapter itself uses later.
    """
    made = copy.deepcopy(notebook)
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
        elif values and tagged(cell, "parameters"):
            cell.source = with_defaults(cell.source, values)
    made.cells.insert(1, new_markdown_cell(NOTE.format(name=name, prompt=PROMPT.lstrip("# ")), id="student-note"))
    return made


def student_texts(profile: str = "") -> dict[str, str]:
    """Return the text of the student notebook of each chapter in _toc.yml by its file's name.

    profile : whose values the parameter cells have; "" leaves the notebooks' own
    Raises `SqError` for a chapter that is absent or no notebook, and with a profile for one without parameters.
    """
    made = {}
    for name in chapters():
        path = notebook_path(name)
        values = profile_values(profile, path) if profile else None
        made[path.name] = nbformat.writes(student_notebook(read_notebook(path), name, values)) + "\n"
    return made


def write_student(folder: Path, profile: str = "") -> list[Path]:
    """Write the student notebooks to `folder`, all or none, and return their paths.

    Raises `SqError` where there is already anything but an empty folder: nobody's work is written over.
    """
    folder, texts = real(folder), student_texts(profile)
    with new_folder(folder) as new:
        for name, text in texts.items():
            (new / name).write_text(text, encoding="utf-8")
    return [folder / name for name in texts]


def check_student(folder: Path, profile: str = "") -> int:
    """Return the number of student notebooks in `folder`; `SqError` names those that writing again would change."""
    texts = student_texts(profile)
    with in_words(f"{folder} cannot be read", f"sq student {folder} makes it"):
        there = {path.name: path.read_bytes() for path in Path(folder).iterdir()
                 if path.match("[!.]*.ipynb") and path.is_file()}
    wrong = {name: "is missing" for name in texts if name not in there}
    wrong |= {name: "differs" if name in texts else "has no solved notebook" for name, content in there.items()
              if name not in texts or content != texts[name].encode()}
    if wrong:
        lines = [f"\n  {name} {fault}" for name, fault in sorted(wrong.items())]
        raise SqError(f"the student notebooks in {folder} are not those of notebooks/:{''.join(lines)}")
    return len(texts)


def _refuse_dependence(cells: list, name: str) -> None:
    """A chapter that goes on with a solution's names would break for everyone who has not found it yet."""
    for number, cell in enumerate(cells, 1):
        if tagged(cell, SOLUTION):
            rest = "\n".join(one.source for one in cells[number:] if one.cell_type == "code"
                             and not (tagged(one, SOLUTION) or tagged(one, CHECK)))
            given, used = _names(rest, name)
            if lost := _names(cell.source, f"{name}, cell {number}")[0] & used - given:
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
