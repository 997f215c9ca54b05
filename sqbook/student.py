"""Student notebooks, made from the solved ones: a prompt stands for each solution; checks and all the rest stay."""

import json
from pathlib import Path

import nbformat
from nbformat.v4 import new_markdown_cell
from nbformat.v4.rwbase import rejoin_lines

from sqbook.parameters import notebook_path, read_notebook
from sqbook.site.build import chapters
from sqlib.errors import SqError, in_words
from sqlib.paths import real, replacing

SOLUTION, CHECK = "solution", "check"  # tags of an exercise's cells; what a check `uses` stands in its metadata
PROMPT = "# your solution"
NOTE = """\
```{{admonition}} A copy to work in
:class: note
Made from `notebooks/{name}.ipynb` by `sq student`. Write where it says *your solution*. Cells that begin with `assert`
are checks: run them after your solution; no output means that they hold.
```"""


def tagged(cell: dict, tag: str) -> bool:
    """Whether a notebook's cell is a code cell with this tag."""
    return cell["cell_type"] == "code" and tag in cell["metadata"].get("tags", [])


def exercises(notebook: dict) -> int:
    """Number of solutions in a notebook."""
    return sum(tagged(cell, SOLUTION) for cell in notebook["cells"])


def student_notebook(notebook: dict, name: str) -> nbformat.NotebookNode:
    """Return the student's version of a solved notebook (format 4), without outputs; `name` is the solved one's.

    A prompt takes the place of each solution, and a check may fail until it is filled.
    """
    made = rejoin_lines(nbformat.from_dict(json.loads(json.dumps(notebook))))
    for cell, after in zip(made.cells, [*made.cells[1:], None]):
        if cell.cell_type == "code":
            cell.outputs, cell.execution_count = [], None
        if tagged(cell, SOLUTION):
            uses = after.metadata.get("uses", []) if after and tagged(after, CHECK) else []
            cell.source = PROMPT + (f" (the check below uses: {', '.join(uses)})" if uses else "")
            cell.metadata = {"tags": ["exercise"]}
        elif tagged(cell, CHECK):  # "Restart and run all" must get past an exercise that is not solved yet
            cell.metadata = {"tags": [CHECK, "raises-exception"]}
    made.cells.insert(1, new_markdown_cell(NOTE.format(name=name), id="student-note"))
    return made


def student_texts() -> dict[str, str]:
    """Return the text of each student notebook by its file's name, from the chapters that home()/_toc.yml lists."""
    return {f"{name}.ipynb": nbformat.writes(student_notebook(read_notebook(notebook_path(name)), name)) + "\n"
            for name in chapters()}


def write_student(folder: Path, check: bool = False) -> list[Path]:
    """Write the student notebooks to `folder` and return their paths; or only `check` that they are there.

    What is there already stays. `SqError`, before anything is written, where one there is not as it would be written:
    someone has worked in it, or the chapter has changed since.
    """
    folder, texts = real(folder), student_texts()
    with in_words(f"{folder} cannot be read", "name a folder that is new, empty, or of student notebooks"):
        there = {path.name: path.read_bytes() for path in folder.glob("*.ipynb") if path.name in texts}
    wrong = {name: "differs" for name, text in texts.items() if there.get(name, text.encode()) != text.encode()}
    wrong |= {name: "is missing" for name in texts if check and name not in there}
    if wrong:
        lines = [f"\n  {name} {fault}" for name, fault in wrong.items()]
        raise SqError(f"the student notebooks in {folder} are not those of notebooks/; name another folder, so that no "
                      f"work in these is lost:{''.join(lines)}")
    for name in texts.keys() - there.keys():
        with replacing(folder / name) as aside:
            aside.write_text(texts[name], encoding="utf-8")
    return [folder / name for name in texts]
