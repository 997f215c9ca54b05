"""Student notebooks: solutions are taken out, checks and chapters stay, and nobody's work is written over."""

import json
import re
from pathlib import Path

import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output
from tinybook import CHECKOUT, write_notebook

from sqbook import student
from sqbook.cli import main
from sqlib.errors import SqError

NOTEBOOKS = sorted((CHECKOUT / "notebooks").glob("*.ipynb"))
SOLVED = """\
import math
# the area of a disc
area = math.pi * radius**2
print(area)
"""
CHECKED = 'assert abs(area - 12.566) < 1e-3, "area = π r²"'


def notebook(*cells) -> nbformat.NotebookNode:
    return new_notebook(cells=[new_markdown_cell("# A chapter"), *cells])


def solution(source: str = SOLVED) -> nbformat.NotebookNode:
    return new_code_cell(source, metadata={"tags": ["solution", "hide-cell"]})


def check(source: str = CHECKED, *uses: str) -> nbformat.NotebookNode:
    return new_code_cell(source, metadata={"tags": ["check", "hide-cell"], "uses": [*uses]})


def test_a_solution_becomes_a_prompt_that_names_what_its_check_uses_and_the_rest_stays():
    radius = new_code_cell("radius = 2", outputs=[new_output("stream", text="2")], execution_count=3)
    solved = notebook(radius, solution(), check(CHECKED, "area"), new_markdown_cell("## Summary"))
    made = student.student_notebook(solved, "x")
    title, note, code, prompt, checked, end = [cell.source for cell in made.cells]
    assert (title, code, checked, end) == ("# A chapter", "radius = 2", CHECKED, "## Summary")
    assert "sq student" in note and "notebooks/x.ipynb" in note
    assert prompt == "# your solution (the check below uses: area)"
    assert [cell.metadata.get("tags") for cell in made.cells[3:5]] == [["exercise"], ["check", "raises-exception"]]
    assert made.cells[2].outputs == [] and made.cells[2].execution_count is None
    assert solved["cells"][2]["metadata"]["tags"] == ["solution", "hide-cell"]  # the solved one is left alone
    assert (student.exercises(solved), student.exercises(made)) == (1, 0)
    assert student.student_notebook(notebook(solution()), "x").cells[-1].source == "# your solution"  # without a check


def test_a_check_fails_until_the_solution_stands_there():
    prompt, checked = [cell.source for cell in student.student_notebook(notebook(solution(), check()), "x").cells[-2:]]
    with pytest.raises(NameError, match="area"):
        exec(f"{prompt}\n{checked}", {})
    with pytest.raises(AssertionError, match="area = π r²"):
        exec(f"{prompt}\narea = 3\n{checked}", {})
    exec(f"{prompt}\narea = 12.566\n{checked}", {})


def test_a_solution_whose_names_the_chapter_goes_on_with_is_refused():
    with pytest.raises(SqError, match=r"x, cell 2: later cells use answer"):
        student.student_notebook(notebook(solution("answer = 42"), new_code_cell("print(answer)")), "x")
    student.student_notebook(notebook(solution("i = 42"), new_code_cell("i = 1\nprint(i)")), "x")  # has its own
    student.student_notebook(notebook(solution("i = 42"), check("assert i"), solution("print(i)")), "x")


def test_a_solution_that_is_not_python_is_named():
    with pytest.raises(SqError, match="x, cell 3: not Python"):
        student.student_notebook(notebook(new_code_cell("1"), solution("for in")), "x")


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_a_chapter_keeps_everything_but_its_solutions(path):
    solved = json.loads(path.read_text())
    text = nbformat.writes(student.student_notebook(nbformat.read(path, as_version=4), path.stem))
    nbformat.validate(nbformat.reads(text, as_version=4))
    made = json.loads(text)
    assert student.exercises(solved) >= 3 and student.exercises(made) == 0
    own = {cell["id"]: cell for cell in made["cells"]}
    assert list(own) == [solved["cells"][0]["id"], "student-note", *[cell["id"] for cell in solved["cells"][1:]]]
    for cell in solved["cells"]:
        if "solution" in cell["metadata"].get("tags", []):
            assert "".join(own[cell["id"]]["source"]).startswith("# your solution")
        elif "check" in cell["metadata"].get("tags", []):
            assert own[cell["id"]]["source"] == cell["source"]
        else:
            assert own[cell["id"]] == cell


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_every_exercise_of_a_chapter_is_followed_by_a_check_which_says_what_it_uses(path):
    cells = json.loads(path.read_text())["cells"]
    places = [number for number, cell in enumerate(cells) if student.tagged(cell, "solution")]
    assert len(places) >= 3
    assert [number for number, cell in enumerate(cells) if student.tagged(cell, "check")] == [n + 1 for n in places]
    for solved, checked in ((cells[n], cells[n + 1]) for n in places):
        (sets, _), (own, reads) = (student._names("".join(cell["source"]), path.stem) for cell in (solved, checked))
        assert "assert " in "".join(checked["source"]) and "assert " not in "".join(solved["source"])
        assert checked["metadata"]["uses"] == sorted(sets & reads - own)
        assert all("hide-cell" in cell["metadata"]["tags"] for cell in (solved, checked))


@pytest.fixture
def home(sq_home) -> Path:
    (sq_home / "notebooks").mkdir(parents=True)
    for name in ("00_one", "01_two", "Untitled"):
        nbformat.write(notebook(new_code_cell("radius = 2"), solution(), check()), sq_home / f"notebooks/{name}.ipynb")
    list_chapters(sq_home, "00_one", "01_two")
    return sq_home


def list_chapters(home: Path, *names: str) -> None:
    lines = ["format: jb-book", "root: x", "chapters:", *(f"  - file: notebooks/{name}" for name in names)]
    (home / "_toc.yml").write_text("\n".join(lines))


def test_command_writes_and_its_check_says_whether_writing_again_would_change_anything(home, tmp_path, capsys):
    folder = tmp_path / "class"
    assert main(["student", str(folder), "--check"]) == 2
    assert "cannot be read" in capsys.readouterr().err
    assert main(["student", str(folder)]) == 0
    assert {path.name for path in folder.iterdir()} == {"00_one.ipynb", "01_two.ipynb"}  # the contents list no other
    assert main(["student", str(folder), "--check"]) == 0
    changed = home / "notebooks" / "01_two.ipynb"
    changed.write_text(changed.read_text().replace("# A chapter", "# Another chapter"))
    (folder / "00_one.ipynb").unlink()
    (folder / "Untitled.ipynb").touch()
    capsys.readouterr()
    assert main(["student", str(folder), "--check"]) == 2
    error = capsys.readouterr().err
    assert "01_two.ipynb differs" in error and "00_one.ipynb is missing" in error and "Traceback" not in error
    assert "Untitled.ipynb has no solved notebook" in error
    list_chapters(home, "00_one")
    with pytest.raises(SqError, match=r"01_two\.ipynb has no solved notebook"):
        student.check_student(folder)


def test_parameter_cells_have_the_values_of_a_profile_if_one_is_given(home, tmp_path):
    (home / "profiles").mkdir()
    (home / "profiles/class.yml").write_text("notebooks: {02_three: {level: 2.5, bins: [4]}}")
    write_notebook(home / "notebooks/02_three.ipynb", "1", needs={})
    list_chapters(home, "02_three")
    assert main(["student", str(tmp_path / "own")]) == 0
    assert main(["student", str(tmp_path / "class"), "--profile", "class"]) == 0
    own, changed = ([cell.source for cell in nbformat.read(tmp_path / name / "02_three.ipynb", 4).cells
                     if "parameters" in cell.metadata.get("tags", [])] for name in ("own", "class"))
    lines = {"profile": "'class'", "level": "2.5", "bins": "[4]"}
    for before, after in zip(own[0].splitlines(), changed[0].splitlines(), strict=True):
        name, (head, _, words) = before.partition(":")[0], re.split("(= .*?)  # ", before)
        assert after == (f"{head}= {lines[name]}  # {words}" if name in lines else before)
    assert main(["student", str(tmp_path / "class"), "--check", "--profile", "class"]) == 0
    assert main(["student", str(tmp_path / "class"), "--check"]) == 2


@pytest.mark.parametrize("name", ["notes.txt", "00_one.ipynb", ".ipynb_checkpoints/x"])
def test_a_folder_that_is_not_empty_is_refused_and_left_alone(home, tmp_path, name):
    path = tmp_path / "class" / name
    path.parent.mkdir(parents=True)
    path.write_text("mine")
    for folder in (tmp_path / "class", path):
        with pytest.raises(SqError, match="exists and is not empty"):
            student.write_student(folder)
    assert path.read_text() == "mine"


def test_writing_that_fails_midway_leaves_nothing(home, tmp_path, monkeypatch):
    write, count = Path.write_text, []

    def full(path, *args, **more):
        count.append(path)
        if len(count) == 2:
            raise OSError(28, "No space left on device")
        return write(path, *args, **more)

    monkeypatch.setattr(Path, "write_text", full)
    with pytest.raises(SqError, match="No space left"):
        student.write_student(tmp_path / "class")
    assert [path.name for path in tmp_path.iterdir()] == ["home"]


def test_what_lies_beside_the_chapters_is_left_out_and_a_damaged_chapter_is_refused(home, tmp_path):
    for name in ("Untitled1.ipynb", "._00_one.ipynb"):
        (home / "notebooks" / name).write_bytes(b"\x00\x05\x16\x07")
    assert [path.name for path in student.write_student(tmp_path / "class")] == ["00_one.ipynb", "01_two.ipynb"]
    (tmp_path / "class/._00_one.ipynb").write_bytes(b"\x00\x05\x16\x07")
    assert student.check_student(tmp_path / "class") == 2
    (home / "notebooks/00_one.ipynb").write_text("<<<<<<< HEAD\n")
    with pytest.raises(SqError, match=r"00_one\.ipynb is not .*conflict"):
        student.write_student(tmp_path / "new")
    assert not (tmp_path / "new").exists()
