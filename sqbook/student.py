"""Student notebooks, generated from the solved ones: solutions are taken out, self-checks and all the rest stay."""

import ast
import copy
import hashlib
import json
import re
import symtable
from pathlib import Path

from sqbook.parameters import read_notebook
from sqlib.errors import SqError
from sqlib.paths import home, real, replacing

TAG = "hide-cell"  # of a code cell that solves an exercise
DROPDOWN = re.compile(r"^(`{3,}|:{3,})\{dropdown\} *Solution.*?^\1[ \t]*$\n*", re.MULTILINE | re.DOTALL)
PROMPT = "# your solution"
NOTE = """\
```{{admonition}} A copy to work in
:class: note
Made from `notebooks/{name}.ipynb` by `sq student`. Write where it says *{prompt}*. Lines that begin with `assert` are
checks: run them after your solution; no output means that they hold.
```"""


def exercises(notebook: dict) -> int:
    """Number of solutions in a notebook: code cells tagged `hide-cell`, and dropdowns of that name in its text."""
    dropdowns = sum(len(DROPDOWN.findall(_source(cell))) for cell in notebook["cells"] if cell["cell_type"] == "markdown")
    return dropdowns + sum(map(_solves, notebook["cells"]))


def student_notebook(notebook: dict, name: str) -> dict:
    """Return the student's version of a solved notebook (JSON of format 4.5); `name` is the solved one's.

    A solution cell becomes a prompt, followed by the assertions that it ends with and the imports that these or later
    cells use; a dropdown "Solution" becomes a prompt in a code cell of its own. Nothing else changes. Raises `SqError`
    for a solution that is not Python, and for one that defines what the chapter itself uses later.
    """
    cells: list[dict] = []
    for number, cell in enumerate(notebook["cells"]):
        if _solves(cell):
            cells.append(_prompt_cell(cell, notebook["cells"][number + 1 :], f"{name}, cell {number + 1}"))
        elif cell["cell_type"] == "markdown":
            cells += _without_dropdowns(cell)
        else:
            cells.append({**copy.deepcopy(cell), "outputs": [], "execution_count": None})
    note = _cell("markdown", NOTE.format(name=name, prompt=PROMPT.lstrip("# ")), "student-note")
    made = {**notebook, "cells": [*cells[:1], note, *cells[1:]]}
    mark = {"notebook": name, "digest": _digest(made)}
    return {**made, "metadata": {**notebook["metadata"], "sq_student": mark}}


def student_texts() -> dict[str, str]:
    """Return the text of each student notebook by its file's name, from all of home()/notebooks.

    `SqError` where there is none, or one is no notebook.
    """
    found = {}
    for path in sorted((home() / "notebooks").glob("*.ipynb")):
        read_notebook(path)  # complains of what is no notebook
        made = student_notebook(json.loads(path.read_text(encoding="utf-8")), path.stem)
        found[path.name] = json.dumps(made, indent=1, ensure_ascii=False) + "\n"
    if not found:
        raise SqError(f"there are no notebooks in {home() / 'notebooks'}")
    return found


def write_student(folder: Path) -> list[Path]:
    """Write the student notebooks to `folder`, all or none, and return their paths.

    The folder may be new, empty, or hold student notebooks that nobody has worked in; `SqError` otherwise.
    """
    folder = real(folder)
    texts = student_texts()
    _refuse_foreign(folder)
    with replacing(folder) as aside:
        aside.mkdir()
        for name, text in texts.items():
            (aside / name).write_text(text, encoding="utf-8")
    return [folder / name for name in texts]


def check_student(folder: Path) -> int:
    """Return the number of student notebooks in `folder`; `SqError` names those that writing them again would change."""
    texts = student_texts()
    try:
        there = {path.name: path.read_bytes() for path in Path(folder).iterdir() if path.is_file() and path.suffix == ".ipynb"}
    except OSError as error:
        raise SqError(f"{folder} cannot be read: {error.strerror or error}; sq student {folder} makes it") from error
    lines = [f"{name} is missing" for name in texts if name not in there]
    lines += [f"{name} has no solved notebook" for name in sorted(there) if name not in texts]
    lines += [f"{name} differs" for name in texts if name in there and there[name] != texts[name].encode()]
    if lines:
        raise SqError(f"the student notebooks in {folder} are not those of notebooks/:\n  " + "\n  ".join(lines))
    return len(texts)


def _solves(cell: dict) -> bool:
    return cell["cell_type"] == "code" and TAG in cell["metadata"].get("tags", [])


def _source(cell: dict) -> str:
    return "".join(cell["source"])


def _cell(kind: str, source: str, name: str, **more) -> dict:
    """A cell as the notebooks are stored: keys in order, the source a list of lines."""
    fields = {"cell_type": kind, "id": name, "metadata": {}, "source": source.splitlines(keepends=True)} | more
    if kind == "code":
        fields |= {"execution_count": None, "outputs": []}
    return dict(sorted(fields.items()))


def _prompt_cell(cell: dict, later: list[dict], where: str) -> dict:
    """The cell that stands for a solution."""
    source = _source(cell)
    solution, asserts = _halves(source, where)
    asked = _used(asserts).union(*(_used(_halves(_source(c), where)[1]) for c in later if _solves(c)))
    after = [_used(_parsed(_source(c), where).body) for c in later if c["cell_type"] == "code" and not _solves(c)]
    wanted = asked.union(*after)
    imports = [node for node in solution if isinstance(node, ast.Import | ast.ImportFrom) and _bound([node]) & wanted]
    own = _bound(node for node in solution if node not in imports)
    # a chapter that goes on with a solution's names would break for everyone who has not found it yet
    lost = sorted(own & set().union(*after) - _bound_by(later))
    if lost:
        raise SqError(f"{where}: later cells use {', '.join(lost)}, which this solution sets: set them before the exercise")
    ends = [f"\n{_lines(source, asserts[0], asserts[-1])}"] if asserts else []
    names = ", ".join(sorted(own & asked))
    parts = [ast.get_source_segment(source, node) for node in imports]
    text = "\n".join([*parts, PROMPT + (f" (the checks below use: {names})" if names else ""), *ends])
    others = [tag for tag in cell["metadata"]["tags"] if tag != TAG]
    # an unsolved exercise fails its checks: "Restart and run all" must get past it
    tags = list(dict.fromkeys([*others, "exercise", *["raises-exception"] * bool(asserts)]))
    return _cell("code", text, cell["id"], metadata={**cell["metadata"], "tags": tags})


def _halves(source: str, where: str) -> tuple[list[ast.stmt], list[ast.stmt]]:
    """The statements of a solution, and the assertions that it ends with."""
    body = _parsed(source, where).body
    checks = len(body)
    while checks and isinstance(body[checks - 1], ast.Assert):
        checks -= 1
    return body[:checks], body[checks:]


def _without_dropdowns(cell: dict) -> list[dict]:
    """A text cell in pieces, with a prompt for each dropdown "Solution"."""
    source = _source(cell)
    matches = list(DROPDOWN.finditer(source))
    if not matches:
        return [copy.deepcopy(cell)]
    cells, begin = [], 0
    for number, match in enumerate(matches, 1):
        text = source[begin : match.start()].strip("\n")
        if text:
            cells.append(_cell("markdown", text, f"{cell['id']}-{number}", metadata=cell["metadata"]))
        cells.append(_cell("code", PROMPT, f"{cell['id']}-{number}-solution", metadata={"tags": ["exercise"]}))
        begin = match.end()
    rest = source[begin:].strip("\n")
    return cells + ([_cell("markdown", rest, f"{cell['id']}-rest", metadata=cell["metadata"])] if rest else [])


def _parsed(source: str, where: str) -> ast.Module:
    try:
        return ast.parse(re.sub(r"^[%!].*$", "", source, flags=re.MULTILINE))
    except SyntaxError as error:
        raise SqError(f"{where}: not Python: {error}") from error


def _lines(source: str, first: ast.stmt, last: ast.stmt) -> str:
    """The lines from one statement to another, with the comments above and between them."""
    lines, begin = source.splitlines(), first.lineno - 1
    while begin and lines[begin - 1].startswith("#"):
        begin -= 1
    return "\n".join(lines[begin : last.end_lineno])


def _used(nodes) -> set[str]:
    """The names that statements read."""
    walked = (part for node in nodes for part in ast.walk(node))
    return {part.id for part in walked if isinstance(part, ast.Name) and isinstance(part.ctx, ast.Load)}


def _bound(nodes) -> set[str]:
    """The names that statements give to the cells after them: assigned, imported or defined, not those inside a function."""
    cell = symtable.symtable(ast.unparse(ast.Module(list(nodes), [])), "cell", "exec")
    return {name.get_name() for name in cell.get_symbols() if name.is_assigned() or name.is_imported()}


def _bound_by(cells: list[dict]) -> set[str]:
    """The names that the chapter's own later cells give."""
    own = [_source(cell) for cell in cells if cell["cell_type"] == "code" and not _solves(cell)]
    return set().union(*(_bound(_parsed(source, "").body) for source in own))


def _digest(notebook: dict) -> str:
    """Fingerprint of what a student would change: the cells' text, and whether they have been run."""
    facts = [[cell["cell_type"], _source(cell), bool(cell.get("outputs"))] for cell in notebook["cells"]]
    return hashlib.sha256(json.dumps(facts).encode()).hexdigest()[:16]


def _refuse_foreign(folder: Path) -> None:
    if not folder.exists():
        return
    if not folder.is_dir():
        raise SqError(f"{folder} is a file; name a folder that is new or empty")
    for path in sorted(folder.iterdir()):
        mark, content = None, {}
        if path.is_file() and path.suffix == ".ipynb":
            try:
                content = json.loads(path.read_text(encoding="utf-8"))
                mark = content["metadata"]["sq_student"]
                own = mark["digest"] == _digest(content)
            except (OSError, ValueError, KeyError, TypeError, AttributeError):
                mark = None
        if mark is None:
            raise SqError(f"{folder} holds {path.name}, which `sq student` did not write; name a folder that is new or empty")
        if not own:
            raise SqError(f"{path} has been worked in since it was made; name another folder, so that nothing is lost")
