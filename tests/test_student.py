"""Student notebooks: solutions are taken out, checks and chapters stay, and nobody's work is written over."""

import json
from pathlib import Path

import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook
from tinybook import CHECKOUT

from sqbook import student
from sqbook.cli import main
from sqlib.errors import SqError

NOTEBOOKS = sorted((CHECKOUT / "notebooks").glob("*.ipynb"))
SOLVED = """\
import math
import numpy as np
# the area of a disc
area = math.pi * np.square(2.0)
print(area)

# is it right?
assert isinstance(area, np.floating)
assert abs(area - 4 * np.pi) < 1e-9, "area = π r²"
"""


def notebook(*cells) -> dict:
    return json.loads(nbformat.writes(new_notebook(cells=[new_markdown_cell("# A chapter"), *cells]), version=4))


def solution(source: str, *tags: str) -> nbformat.NotebookNode:
    return new_code_cell(source, metadata={"tags": ["hide-cell", *tags]})


def sources(made: dict) -> list[str]:
    return ["".join(cell["source"]) for cell in made["cells"]]


def test_solution_becomes_a_prompt_that_keeps_its_checks_and_what_they_need():
    made = student.student_notebook(notebook(new_code_cell("radius = 2"), solution(SOLVED, "slow")), "x")
    title, note, code, prompt = sources(made)
    assert (title, code) == ("# A chapter", "radius = 2")
    assert "sq student" in note
    assert prompt == (
        "import numpy as np\n"
        "# your solution (the checks below use: area)\n"
        "\n"
        "# is it right?\n"
        "assert isinstance(area, np.floating)\n"
        'assert abs(area - 4 * np.pi) < 1e-9, "area = π r²"'
    )
    assert made["cells"][3]["metadata"]["tags"] == ["slow", "exercise", "raises-exception"]


def test_checks_fail_until_the_solution_stands_there():
    prompt = sources(student.student_notebook(notebook(solution(SOLVED)), "x"))[-1]
    with pytest.raises(NameError, match="area"):
        exec(prompt, {})
    mark = "# your solution (the checks below use: area)\n"
    exec(prompt.replace(mark, mark + "area = np.float64(4 * np.pi)\n"), {})
    with pytest.raises(AssertionError, match="area = π r²"):
        exec(prompt.replace(mark, mark + "area = np.float64(3.0)\n"), {})


def test_solution_without_checks_leaves_a_bare_prompt_that_raises_nothing():
    made = student.student_notebook(notebook(solution("answer = 42\nprint(answer)")), "x")
    assert sources(made)[-1] == "# your solution"
    assert made["cells"][-1]["metadata"]["tags"] == ["exercise"]


def test_assertion_in_the_middle_of_a_solution_is_part_of_it():
    made = student.student_notebook(notebook(solution("n = 3\nassert n\nprint(n)")), "x")
    assert sources(made)[-1] == "# your solution"


def test_import_that_a_later_check_needs_is_kept_and_its_names_are_asked_for():
    first, second = solution("import json\nn = 3"), solution("m = n + 1\nassert json.dumps(m) == str(n + 1)")
    one, two = sources(student.student_notebook(notebook(first, second), "x"))[-2:]
    assert one == "import json\n# your solution (the checks below use: n)"
    assert two.startswith("# your solution (the checks below use: m)\n")


def test_dropdown_with_a_solution_becomes_a_prompt_and_other_dropdowns_stay():
    text = (
        "**1.** Why?\n\n````{dropdown} Solution\nBecause.\n\n```python\nx = 1\n```\n````\n\n**2.** How?\n\n"
        "```{dropdown} Hint\nThink.\n```\n\n:::{dropdown} Solution\nSo.\n:::\n\n## Summary\n\nAll of it."
    )
    solved = notebook(new_markdown_cell(text))
    assert student.exercises(solved) == 2
    made = student.student_notebook(solved, "x")
    prompt, hint = "# your solution", "```{dropdown} Hint\nThink.\n```"
    assert sources(made)[2:] == ["**1.** Why?", prompt, f"**2.** How?\n\n{hint}", prompt, "## Summary\n\nAll of it."]
    assert [cell["cell_type"] for cell in made["cells"][2:]] == ["markdown", "code", "markdown", "code", "markdown"]
    nbformat.validate(nbformat.from_dict(made))


def test_solution_whose_names_the_chapter_goes_on_with_is_refused():
    with pytest.raises(SqError, match=r"x, cell 2: later cells use answer"):
        student.student_notebook(notebook(solution("answer = 42"), new_code_cell("print(answer)")), "x")
    student.student_notebook(notebook(solution("i = 42"), new_code_cell("i = 1\nprint(i)")), "x")  # has its own


def test_solution_that_is_not_python_is_named():
    with pytest.raises(SqError, match="x, cell 3: not Python"):
        student.student_notebook(notebook(new_code_cell("1"), solution("for in")), "x")


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_chapter_keeps_everything_but_its_solutions(path):
    solved = json.loads(path.read_text())
    text = student.student_texts()[path.name]
    made = json.loads(text)
    nbformat.validate(nbformat.reads(text, as_version=4))
    assert text == json.dumps(made, indent=1, ensure_ascii=False) + "\n"
    assert student.exercises(solved) >= 3 and student.exercises(made) == 0
    own = {cell["id"]: cell for cell in made["cells"]}
    prompts = 0
    for cell in solved["cells"]:
        if "hide-cell" in cell["metadata"].get("tags", []):
            prompt = own[cell["id"]]
            lines = [line for line in prompt["source"] if line.strip()]
            kept = [line for line in lines if not line.startswith("# your solution")]
            assert [line.strip() for line in kept] == [s.strip() for s in cell["source"] if s.strip() in {k.strip() for k in kept}]
            assert len(kept) < len(cell["source"])
            compile("".join(prompt["source"]), prompt["id"], "exec")
            prompts += 1
        elif cell["cell_type"] == "code" or "dropdown} Solution" not in "".join(cell["source"]):
            assert own[cell["id"]] == cell
    assert sum("exercise" in cell["metadata"].get("tags", []) for cell in made["cells"]) == student.exercises(solved) >= prompts
    assert all(cell["outputs"] == [] for cell in made["cells"] if cell["cell_type"] == "code")


@pytest.fixture
def home(sq_home) -> Path:
    (sq_home / "notebooks").mkdir(parents=True)
    for name in ("00_one", "01_two"):
        text = json.dumps(notebook(solution(SOLVED)), indent=1, ensure_ascii=False)
        (sq_home / "notebooks" / f"{name}.ipynb").write_text(text)
    return sq_home


def test_command_writes_and_its_check_says_whether_writing_again_would_change_anything(home, tmp_path, capsys):
    folder = tmp_path / "class"
    assert main(["student", str(folder), "--check"]) == 2
    assert "cannot be read" in capsys.readouterr().err
    assert main(["student", str(folder)]) == 0
    first = {path.name: path.read_bytes() for path in folder.iterdir()}
    assert set(first) == {"00_one.ipynb", "01_two.ipynb"}
    assert main(["student", str(folder), "--check"]) == 0
    assert main(["student", str(folder)]) == 0  # over its own
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == first
    changed = home / "notebooks" / "01_two.ipynb"
    changed.write_text(changed.read_text().replace("# A chapter", "# Another chapter"))
    (folder / "00_one.ipynb").unlink()
    capsys.readouterr()
    assert main(["student", str(folder), "--check"]) == 2
    error = capsys.readouterr().err
    assert "01_two.ipynb differs" in error and "00_one.ipynb is missing" in error and "Traceback" not in error
    changed.rename(changed.with_name("02_new.ipynb"))
    with pytest.raises(SqError, match=r"01_two\.ipynb has no solved notebook"):
        student.check_student(folder)


@pytest.mark.parametrize("name", ["notes.txt", "00_one.ipynb", ".ipynb_checkpoints/x"])
def test_folder_with_foreign_files_is_refused_and_left_alone(home, tmp_path, name):
    path = tmp_path / "class" / name
    path.parent.mkdir(parents=True)
    path.write_text("mine")
    with pytest.raises(SqError, match=r"which `sq student` did not write"):
        student.write_student(tmp_path / "class")
    assert path.read_text() == "mine"


def test_the_solved_notebooks_are_never_written_over(home):
    before = (home / "notebooks" / "00_one.ipynb").read_text()
    with pytest.raises(SqError, match="did not write"):
        student.write_student(home / "notebooks")
    assert (home / "notebooks" / "00_one.ipynb").read_text() == before


def test_work_in_a_student_notebook_is_not_lost(home, tmp_path):
    path = student.write_student(tmp_path / "class")[0]
    worked = json.loads(path.read_text())
    worked["cells"][-1]["source"].insert(2, "area = 12.57\n")
    path.write_text(json.dumps(worked))
    with pytest.raises(SqError, match=r"00_one\.ipynb has been worked in"):
        student.write_student(tmp_path / "class")
    assert json.loads(path.read_text()) == worked


def test_writing_that_fails_midway_leaves_the_folder_as_it_was(home, tmp_path, monkeypatch):
    student.write_student(tmp_path / "class")
    before = {path.name: path.read_bytes() for path in (tmp_path / "class").iterdir()}
    write, count = Path.write_text, []

    def full(path, *args, **more):
        count.append(path)
        if len(count) == 2:
            raise OSError(28, "No space left on device")
        return write(path, *args, **more)

    monkeypatch.setattr(Path, "write_text", full)
    with pytest.raises(SqError, match="No space left"):
        student.write_student(tmp_path / "class")
    assert {path.name: path.read_bytes() for path in (tmp_path / "class").iterdir()} == before
    assert [path.name for path in tmp_path.iterdir() if path.name != "home"] == ["class"]


def test_file_in_place_of_the_folder_and_a_home_without_notebooks_are_refused(home, tmp_path):
    (tmp_path / "file").write_text("x")
    with pytest.raises(SqError, match="is a file"):
        student.write_student(tmp_path / "file")
    for path in (home / "notebooks").iterdir():
        path.unlink()
    with pytest.raises(SqError, match="no notebooks"):
        student.write_student(tmp_path / "class")
