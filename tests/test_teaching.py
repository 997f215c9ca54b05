"""The teaching guide and the instructors' page: what they name exists, commands and numbers are true."""

import ast
import json
import re
import shlex

import pytest
import yaml
from click import Group
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook
from tinybook import CHECKOUT

from sqbook.cli import sq
from sqbook.compare import grid
from sqbook.parameters import settable
from sqbook.scorecard import conclusions_page
from sqbook.site.pages import chapters_page
from sqbook.student import exercises, tagged
from sqlib import profiles
from sqlib.show.provenance import make_card
from sqlib.show.records import write_json
from sqlib.typed import parse

PAGES = [CHECKOUT / "book" / f"{name}.md" for name in ("teaching", "instructors")]
GUIDE = "\n".join(page.read_text(encoding="utf-8") for page in PAGES)
NOTEBOOKS = {path.stem: json.loads(path.read_text()) for path in (CHECKOUT / "notebooks").glob("*.ipynb")}


def _cells(name: str) -> list[tuple[dict, str]]:
    return [(cell, "".join(cell["source"])) for cell in NOTEBOOKS[name]["cells"]]


def _text(name: str, kind: str) -> str:
    return "\n".join(source for cell, source in _cells(name) if cell["cell_type"] == kind)


def _rows() -> list[str]:
    return [line for line in GUIDE.splitlines() if line.startswith("|")]


def test_every_chapter_has_two_or_three_misconceptions_with_the_place_that_answers_them():
    place = r'\| "[^|]+" \| \[[^]]+\]\(\.\./notebooks/(\w+)\), \*([^*]+)\*, ((?:Figure|Table) \w+) \|'
    found = re.findall(place, GUIDE)
    counts = {name: sum(chapter == name for chapter, *_ in found) for name in NOTEBOOKS}
    assert all(2 <= count <= 3 for count in counts.values()), counts
    for chapter, section, label in found:
        assert section in re.findall(r"^#+ (.+)$", _text(chapter, "markdown"), flags=re.MULTILINE), (chapter, section)
        assert f'"{label}"' in _text(chapter, "code"), (chapter, label)
    quoted = [row for row in _rows() if row.startswith('| "')]
    assert len(quoted) == len(found)  # none was overlooked above


PARTS = {part["caption"].split(": ")[-1]: part["chapters"][-1]["file"]  # by its name: the last chapter of a part
         for part in yaml.safe_load((CHECKOUT / "_toc.yml").read_text())["parts"] if part["caption"] != "At hand"}


def _wrap_up(part: str) -> str:
    """The wrap-up quiz of a part of the book, which stands in its last chapter."""
    name = PARTS[part].split("/")[-1]
    if name not in NOTEBOOKS:
        return conclusions_page({}).partition("\n## Wrap-up quiz")[2]  # as the build fills it
    [quiz] = [source for cell, source in _cells(name) if cell["id"] == "wrap-up-quiz"]
    return quiz.removeprefix("## Wrap-up quiz")


def _questions(quiz: str) -> int:
    """The number of a quiz's questions, each of which marks itself without scripts and has one right answer."""
    parts = quiz.split('<div class="sq-quiz">')
    questions = [text.split("</div>")[0] for text in parts[1:]]
    for number, (before, own) in enumerate(zip(parts, questions), 1):
        assert re.search(rf"\*\*{number}\. [^*]+[.?]\*\*\n\n\Z", before)
        assert own.count("<strong>Right.") == 1 and own.count("<strong>Not quite.") == own.count("<details>") - 1 >= 2
        assert len(re.findall(r"</strong> \S.+[.)]</p></details>", own)) == own.count("<details>")  # with reasons
    right = {own.split("<strong>Right.")[0].count("<details>") for own in questions}
    assert len(right) > 1  # not always in the same place
    assert "<script" not in quiz and "http" not in quiz
    return len(questions)


@pytest.mark.parametrize("name", NOTEBOOKS)
def test_every_question_of_a_quiz_marks_itself_without_scripts_and_has_one_right_answer(name):
    [quiz] = [source for cell, source in _cells(name) if cell["id"] == "quiz"]
    assert _questions(quiz) >= 3


@pytest.mark.parametrize("part", PARTS)
def test_every_part_of_the_book_ends_with_a_wrap_up_quiz(part):
    quiz = _wrap_up(part)
    assert quiz.startswith(f": {part}\n") and _questions(quiz) in (5, 6)


def test_the_parts_are_four():
    assert len(PARTS) == 4


def _exercises(name: str) -> list[tuple[str, dict, str, dict, str]]:
    """Of each exercise its words, the cell and the code of its solution, and those of its check."""
    cells = _cells(name)
    solved = [place for place, (cell, _) in enumerate(cells) if tagged(cell, "solution")]
    for number, place in enumerate(solved, 1):
        own = [cell["id"] for cell, _ in cells[place - 1 : place + 2]]
        assert own == [f"exercise-{number}", f"exercise-{number}-code", f"exercise-{number}-check"]
    return [(cells[place - 1][1], *cells[place], *cells[place + 1]) for place in solved]


@pytest.mark.parametrize("name", NOTEBOOKS)
def test_every_exercise_states_its_minutes_and_level_and_has_a_folded_hint(name):
    found = _exercises(name)
    assert len(found) >= 3
    for number, (words, *_) in enumerate(found, 1):
        stated = rf"^\*\*(?:Exercise )?{number}\. [^*]+[^*.]\*\* \((\d+) minutes, (?:easy|medium|hard)\)\. [A-Z`]"
        [minutes] = re.findall(stated, words, flags=re.MULTILINE)
        assert 5 <= int(minutes) <= 30
        hint = words.partition("\n\n<details><summary>Hint</summary>\n\n")[2]
        assert re.fullmatch(r"\S.{20,}[.?]\n\n</details>", hint, flags=re.DOTALL), words


@pytest.mark.parametrize("name", NOTEBOOKS)
def test_two_exercises_of_a_chapter_or_more_are_written_from_scratch(name):
    """The chapter declares them: a tag beside that of the solution. Each is a few lines, not one call."""
    scratch = [code for _, cell, code, *_ in _exercises(name) if tagged(cell, "scratch")]
    assert len(scratch) >= 2
    assert sum(tagged(cell, "scratch") for cell, _ in _cells(name)) == len(scratch)  # none beside an exercise
    for code in scratch:
        assert 4 <= sum(bool(line.strip()) for line in code.splitlines()) <= 20, code


@pytest.mark.parametrize("name", NOTEBOOKS)
def test_a_check_that_fails_says_where_to_look(name):
    for *_, code in _exercises(name):
        claims = [node for node in ast.walk(ast.parse(code)) if isinstance(node, ast.Assert)]
        texts = [node.msg and " ".join(ast.unparse(node.msg).split()) for node in claims]
        assert texts and all(text and text.count(" ") >= 4 for text in texts), texts


@pytest.mark.parametrize("name", NOTEBOOKS)
def test_a_chapter_says_what_is_learned_and_needed(name):
    text = _text(name, "markdown")
    assert "**You will learn**" in text and "**You should know**" in text


def test_figures_and_exercises_of_the_paths_are_those_of_their_chapters():
    named = 0
    for row in _rows():
        chapters = [name for name in re.findall(r"\.\./notebooks/(\w+)\)", row) if name in NOTEBOOKS]
        for label in re.findall(r"(?:Figure|Table|Movie) \w+", row):
            assert any(f'"{label}"' in _text(name, "code") for name in chapters), (row, label)
            named += 1
        for number in re.findall(r"\d", row.split("|")[4]) if row.count("|") > 4 else []:
            assert any(exercises(NOTEBOOKS[name]) >= int(number) for name in chapters), row
    assert named > 40


COMMANDS = [line for block in re.findall(r"```bash\n(.*?)```", GUIDE, flags=re.DOTALL) for line in block.splitlines()]
COMMANDS += re.findall(r"`(sq [^`]+)`", GUIDE)
OURS = [re.sub(r"^.*?\bsq ", "sq ", line) for line in COMMANDS if re.search(r"(?:^|/)sq ", line)]


@pytest.mark.parametrize("line", sorted(set(OURS)))
def test_command_is_one_that_sq_takes(line):
    words = shlex.split(line)[1:]
    if len(words) == 1 and words != ["runs"]:  # named in a sentence, without what it is applied to
        words.append("x")
    command, rest = sq, list(words)
    while isinstance(command, Group):
        command = command.commands[rest.pop(0)]
    given = command.make_context(command.name, rest).params
    assert (given.get("profile") or "smoke") in profiles.names()
    for name in given.get("notebooks", [given.get("notebook", "NOTEBOOK")]):
        if name not in ("NOTEBOOK", "x"):
            model, settings = settable(CHECKOUT / "notebooks" / f"{name}.ipynb"), given.get("settings", [])
            grid(model, settings, name) if words[0] == "sweep" else parse(model, settings, name)


def test_commands_are_found():
    assert len(set(OURS)) > 12


def test_no_measured_number_is_typed():
    """Seconds, bytes and megabytes are inserted when the book is built; minutes of a lesson are a plan."""
    assert GUIDE.count("{include} chapters.md") == 1
    assert re.findall(r"\d\s*(?:s|kB|MB|GB|GiB|MiB|seconds)\b", GUIDE) == []


def test_table_says_what_the_runs_say(sq_home):
    folders = {}
    for name, seconds, threads in (("00_a", 12.4, 1), ("01_b", 200.0, 4)):
        folders[name] = sq_home / "runs" / name / "key"
        card = make_card(name, {"data": "twin", "profile": "smoke", "seed": 1}, fingerprint="mine")
        card |= {"seconds_in_all": seconds, "threads": threads, "key": "key", "memory_mb": 1234}
        card = card if threads == 1 else {k: v for k, v in card.items() if k != "memory_mb"}  # made before it was kept
        solved = [new_code_cell("1", metadata={"tags": ["solution"]}) for _ in range(2)]
        write_json(folders[name] / "card.json", card)
        write_json(folders[name] / "executed.ipynb", new_notebook(cells=[new_markdown_cell("word " * 540), *solved]))
    page = chapters_page(folders)
    assert "| `00_a` | 3 | 12 s | 1.2 | 1 | smoke | 2 |\n| `01_b` | 3 | 3 min | – | 4 | smoke | 2 |\n" in page
