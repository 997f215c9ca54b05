"""Student notebooks: solutions are taken out, checks and chapters stay, and nobody's work is written over."""

import ast
import json
from pathlib import Path

import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output
from tinybook import CHECKOUT

from sqbook import student
from sqbook.cli import main
from sqlib.errors import SqError

NOTEBOOKS = sorted((CHECKOUT / "notebooks").glob("*.ipynb"))
CHECKED = 'assert abs(area - 12.566) < 1e-3, "area = π r²"'


def notebook(*cells) -> dict:
    return json.loads(nbformat.writes(new_notebook(cells=[new_markdown_cell("# A chapter"), *cells]), version=4))


def exercise() -> list[nbformat.NotebookNode]:
    solved = "import math\n# the area of a disc\narea = math.pi * radius**2"
    return [new_code_cell(solved, metadata={"tags": ["solution", "hide-cell"]}),
            new_code_cell(CHECKED, metadata={"tags": ["check", "hide-cell"], "uses": ["area"]})]


def test_a_solution_becomes_a_prompt_that_names_what_its_check_uses_and_the_rest_stays():
    radius = new_code_cell("radius = 2", outputs=[new_output("stream", text="2")], execution_count=3)
    solved = notebook(radius, *exercise(), new_markdown_cell("## Summary"))
    made = student.student_notebook(solved, "x")
    title, note, code, prompt, checked, end = [cell.source for cell in made.cells]
    assert (title, code, checked, end) == ("# A chapter", "radius = 2", CHECKED, "## Summary")
    assert "sq student" in note and "notebooks/x.ipynb" in note
    assert prompt == "# your solution (the check below uses: area)"
    assert [cell.metadata.get("tags") for cell in made.cells[3:5]] == [["exercise"], ["check", "raises-exception"]]
    assert made.cells[2].outputs == [] and made.cells[2].execution_count is None
    assert (student.exercises(solved), student.exercises(made)) == (1, 0)


def test_a_check_fails_until_the_solution_stands_there():
    prompt, checked = [cell.source for cell in student.student_notebook(notebook(*exercise()), "x").cells[-2:]]
    with pytest.raises(NameError, match="area"):
        exec(f"{prompt}\n{checked}", {})
    with pytest.raises(AssertionError, match="area = π r²"):
        exec(f"{prompt}\narea = 3\n{checked}", {})
    exec(f"{prompt}\narea = 12.566\n{checked}", {})


def names(cells: list[dict]) -> tuple[set[str], set[str]]:
    """The names at the top of cells that they set, and those that they read."""
    tree = ast.parse("\n".join("".join(cell["source"]) for cell in cells))
    inner = [node for one in ast.walk(tree) if isinstance(one, ast.comprehension) for node in ast.walk(one.target)]
    found = [node for node in ast.walk(tree) if isinstance(node, ast.Name) and node not in inner]
    given = {node.id for node in found if isinstance(node.ctx, ast.Store)}
    given |= {node.name for node in tree.body if isinstance(node, ast.FunctionDef)}
    return given, {node.id for node in found if isinstance(node.ctx, ast.Load)}


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_every_exercise_of_a_chapter_has_a_check_and_the_rest_of_the_chapter_does_without_the_solution(path):
    solved = json.loads(path.read_text())
    made = nbformat.reads(nbformat.writes(student.student_notebook(solved, path.stem)), as_version=4)
    nbformat.validate(made)
    assert student.exercises(solved) >= 3 and student.exercises(made) == 0
    cells, own = solved["cells"], {cell["id"]: cell for cell in made["cells"]}
    assert list(own) == [cells[0]["id"], "student-note", *[cell["id"] for cell in cells[1:]]]
    for place, cell in enumerate(cells):
        source = "".join(cell["source"])
        if student.tagged(cell, "solution"):
            later = [one for one in cells[place:] if one["cell_type"] == "code"
                     and not (student.tagged(one, "solution") or student.tagged(one, "check"))]
            (sets, _), (again, reads) = names([cell]), names(later)
            assert sets & reads <= again
            assert student.tagged(cells[place + 1], "check") and set(cells[place + 1]["metadata"]["uses"]) <= sets
            assert own[cell["id"]]["source"].startswith("# your solution") and "assert " not in source
        elif student.tagged(cell, "check"):
            assert own[cell["id"]]["source"] == source and "assert " in source
            assert student.tagged(cells[place - 1], "solution") and "hide-cell" in cell["metadata"]["tags"]
        else:
            assert (own[cell["id"]]["source"], own[cell["id"]]["metadata"]) == (source, cell["metadata"])


@pytest.fixture
def home(sq_home) -> Path:
    (sq_home / "notebooks").mkdir(parents=True)
    (sq_home / "_toc.yml").write_text("chapters:\n  - file: notebooks/00_one\n  - file: notebooks/01_two\n")
    for name in ("00_one", "01_two", "Untitled"):  # the last is no chapter
        text = json.dumps(notebook(new_code_cell("radius = 2"), *exercise()), indent=1, ensure_ascii=False)
        (sq_home / "notebooks" / f"{name}.ipynb").write_text(text)
    return sq_home


def test_command_writes_and_its_check_says_whether_all_are_there_as_they_would_be_written(home, tmp_path, capsys):
    folder = tmp_path / "class"
    assert main(["student", str(folder), "--check"]) == 2
    assert "00_one.ipynb is missing" in capsys.readouterr().err and not folder.exists()
    assert main(["student", str(folder)]) == 0
    first = {path.name: path.read_bytes() for path in folder.iterdir()}
    assert set(first) == {"00_one.ipynb", "01_two.ipynb"}
    assert main(["student", str(folder), "--check"]) == main(["student", str(folder)]) == 0
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == first


def test_work_in_a_student_notebook_and_foreign_files_are_not_lost(home, tmp_path):
    path, other = student.write_student(tmp_path / "class")
    (tmp_path / "class/notes.txt").write_text("mine")
    path.write_text(path.read_text().replace("# your solution", "area = 12.57"))
    worked, _ = path.read_text(), other.unlink()
    with pytest.raises(SqError, match=r"no work in these is lost:\s+00_one\.ipynb differs$"):
        student.write_student(tmp_path / "class")
    assert path.read_text() == worked and not other.exists()
    path.unlink()
    student.write_student(tmp_path / "class")
    assert (tmp_path / "class/notes.txt").read_text() == "mine" and other.exists()
