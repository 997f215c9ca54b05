"""The book's English: words that it does not use, and what it says instead; and how much code a chapter shows."""

import ast
import json
import re
from pathlib import Path

import pytest

CHECKOUT = Path(__file__).resolve().parents[1]
INSTEAD = {  # pattern: what the book says
    r"know(s|ing)? nothing": "chance level, or a classifier that always answers no",
    r"(by|for|to|of) who": "for somebody who, or without …ing",
    r"who(m|so)?ever": "a person who, or the thing itself",
    r"voices?": "classifier",
    r"betters": "improves",
    r"by hand of": "with",
    r"alone": "only",
    r"upon": "on",
    r"but for": "except, only, without",
    r"hang(s|ing)? on": "depends on",
    r"(has|have) nothing to do (here|there)": "changes nothing",
    r"(can|be) made to speak": "tell",
    r"lest": "so that … not",
}
IN_NOTEBOOKS = INSTEAD | {r"readers?": "classifier, baseline; of a person: you"}
NOTEBOOKS = sorted((CHECKOUT / "notebooks").glob("*.ipynb"))
PAGES = sorted(path for pattern in ("*.md", "book/*.md", "results/*.md", "sqbook/site/templates/*.md")
               for path in CHECKOUT.glob(pattern))


def cells(path: Path) -> list[dict]:
    content = json.loads(path.read_text(encoding="utf-8"))
    return [cell | {"source": "".join(cell["source"])} for cell in content["cells"]]


def sentences(source: str) -> list[str]:
    """What code says: its texts, and parts of texts, of at least five words."""
    texts = [node.value for node in ast.walk(ast.parse(source))
             if isinstance(node, ast.Constant) and isinstance(node.value, str)]
    return [text for text in texts if len(text.split()) >= 5]


def unwanted(path: Path) -> list[str]:
    """The words of a page or notebook that are not wanted, each with what stands round it and what to say instead."""
    if path.suffix == ".ipynb":
        said = [text for cell in cells(path)
                for text in ([cell["source"]] if cell["cell_type"] == "markdown" else sentences(cell["source"]))]
        said += [text for cell in cells(path) for name, text in cell.get("metadata", {}).get("slideshow", {}).items()
                 if name in ("title", "words", "notes")]
        words = IN_NOTEBOOKS
    else:
        said, words = [path.read_text(encoding="utf-8")], INSTEAD
    text = " \n".join(" ".join(one.split()) for one in said)
    return [f"… {found[0]} …: say {instead}" for pattern, instead in words.items()
            for found in re.finditer(rf".{{0,40}}(?<![\w-]){pattern}(?![\w-]).{{0,20}}", text, flags=re.IGNORECASE)]


@pytest.mark.parametrize("path", [*NOTEBOOKS, *PAGES], ids=lambda path: path.relative_to(CHECKOUT).as_posix())
def test_words_that_the_book_does_not_use(path):
    assert unwanted(path) == []


@pytest.mark.parametrize(("words", "times"), [
    ("The box-car **alone** sees it;\nit hangs\non the rate.", 2), ("A stand-alone file, the only one.", 0)])
def test_words_are_found_across_lines_and_marks(tmp_path, words, times):
    (tmp_path / "a.md").write_text(words)
    assert len(unwanted(tmp_path / "a.md")) == times


def test_a_notebook_is_read_in_its_texts_and_not_in_its_names(tmp_path):
    source = 'reader, alone = 1, "by frame alone"\nprint(f"What every {reader} reader has to see of it, alone.")'
    content = {"cells": [{"cell_type": "code", "source": source}, {"cell_type": "markdown", "source": "upon"}]}
    (tmp_path / "a.ipynb").write_text(json.dumps(content))
    assert [one.split(": say ")[1] for one in unwanted(tmp_path / "a.ipynb")] == [
        INSTEAD["alone"], INSTEAD["upon"], IN_NOTEBOOKS["readers?"]]


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_a_chapter_shows_short_cells_and_has_little_code_in_all(path):
    """At most 25 lines a visible cell, and 450 in all."""
    code = [cell for cell in cells(path) if cell["cell_type"] == "code"]
    lines = {cell["id"]: cell["source"].count("\n") + 1 for cell in code}
    folded = {cell["id"] for cell in code
              if {"hide-input", "hide-cell", "parameters"} & set(cell["metadata"].get("tags", []))}
    long = {name: count for name, count in lines.items() if count > 25 and name not in folded}
    assert sum(lines.values()) <= 450 and not long, (sum(lines.values()), long)
