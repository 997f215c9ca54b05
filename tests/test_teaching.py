"""The teaching guide: what it names exists, its commands are commands, and its numbers are measured."""

import json
import re
import shlex

import pytest
from click import Group
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook
from tinybook import CHECKOUT

from sqbook.cli import sq
from sqbook.parameters import settable
from sqbook.site.pages import chapters_page
from sqbook.sweep import grid
from sqlib import profiles
from sqlib.show.provenance import make_card
from sqlib.show.records import write_json
from sqlib.typed import parse

GUIDE = (CHECKOUT / "book" / "teaching.md").read_text(encoding="utf-8")
NOTEBOOKS = {path.stem: json.loads(path.read_text()) for path in (CHECKOUT / "notebooks").glob("*.ipynb")}


def _text(name: str, kind: str) -> str:
    return "\n".join("".join(cell["source"]) for cell in NOTEBOOKS[name]["cells"] if cell["cell_type"] == kind)


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


@pytest.mark.parametrize("name", NOTEBOOKS)
def test_every_question_of_a_quiz_marks_itself_without_scripts_and_has_one_right_answer(name):
    [quiz] = ["".join(cell["source"]) for cell in NOTEBOOKS[name]["cells"] if cell["id"] == "quiz"]
    questions = [text.split("</div>")[0] for text in quiz.split('<div class="sq-quiz">')[1:]]
    assert len(questions) >= 3
    for own in questions:
        assert own.count("<strong>Right.") == 1 and own.count("<strong>Not quite.") == own.count("<details>") - 1 >= 2
    right = {own.split("<strong>Right.")[0].count("<details>") for own in questions}
    assert len(right) > 1  # not always in the same place
    assert "<script" not in quiz and "http" not in quiz


@pytest.mark.parametrize("name", NOTEBOOKS)
def test_a_chapter_says_what_is_learned_and_needed(name):
    text = _text(name, "markdown")
    assert "**You will learn**" in text and "**You should know**" in text


def test_figures_and_exercises_of_the_paths_are_those_of_their_chapters():
    from sqbook.student import exercises

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
    assert given.get("profile", "smoke") in profiles.names()
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
