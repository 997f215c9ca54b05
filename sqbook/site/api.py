"""The page of sqlib's public functions: what the book uses of it, by floor; Sphinx reads their docstrings.

Public is what a chapter, or Python on a page of prose, uses. The code is parsed for it, so the page cannot go stale.
"""

import ast
import inspect
import re
from functools import cache
from pkgutil import resolve_name

from sqbook.site.notes import imported, parsed
from sqbook.site.pages import render

FLOORS = {"sun": "waves, rays, holography, and the simulated twin", "data": "events, cubes, frames, statistics",
          "learn": "augmentations, losses, networks, training", "judge": "scores, intervals, claims, pitfalls",
          "show": "publishing, figures, players", "": "Errors and profiles"}  # in the order of the imports
WIDTH = 116  # characters of the longest line of a docstring
ITEM = re.compile(r"(?!\s)((?:(?!\. )[^:;])+) : (.*)")  # "name : what it is"


def entries(sources: list[list[str]]) -> dict[str, str]:
    """The name of the entry of each function and class of sqlib that the book uses, by each name that it goes by.

    sources : the Python of each chapter or page, in cells
    It goes by what a chapter imports ("sqlib.data.load_frames", the shortest is its entry's) and by where it is defined
    ("sqlib.data.build.load_frames").
    """
    known = {}
    for cells in sources:
        trees = [parsed(cell) for cell in cells]
        modules = imported(trees)
        for node in (one for tree in trees for one in tree if isinstance(one, ast.Name | ast.Attribute)):
            root, dot, rest = ast.unparse(node).partition(".")
            if root in modules and (own := defined(name := f"{modules[root]}{dot}{rest}")):
                known.setdefault(own, {own}).add(name)
        for name in modules.values():  # also what is imported and only handed on
            if own := defined(name):
                known.setdefault(own, {own}).add(name)
    return {name: min(names, key=lambda one: (one.count("."), one)) for names in known.values() for name in names}


def python_cells(notebook: dict) -> list[str]:
    """The code of a notebook, in cells."""
    return ["".join(cell["source"]) for cell in notebook["cells"] if cell["cell_type"] == "code"]


def python_of(page: str) -> list[str]:
    """The blocks of Python on a page of Markdown."""
    return re.findall(r"^```python\n(.*?)^```", page, flags=re.MULTILINE | re.DOTALL)


@cache
def defined(name: str) -> str:
    """Where the function or class of sqlib of this name is defined; "" for a name of anything else."""
    module, _, last = name.rpartition(".")
    try:
        found = resolve_name(f"{module}:{last}")
    except (ImportError, AttributeError, ValueError):  # ValueError: of what a call gives
        return ""
    ours = (inspect.isfunction(found) or inspect.isclass(found)) and found.__module__.startswith("sqlib.")
    return f"{found.__module__}.{found.__qualname__}" if ours else ""


def api_page(known: dict[str, str]) -> str:
    """The page, Markdown, of what `entries` found."""
    floors = {floor: {} for floor in FLOORS}
    for name in sorted(set(known.values())):
        module, _, last = name.rpartition(".")
        found, floor = resolve_name(f"{module}:{last}"), module.split(".")[1]
        kind = "function" if inspect.isfunction(found) else "exception" if issubclass(found, Exception) else "class"
        floors[floor if floor in FLOORS else ""].setdefault(module, {})[name] = kind
    return render("api.md", floors={floor: modules for floor, modules in floors.items() if modules}, words=FLOORS)


def as_rst(lines: list[str]) -> list[str]:
    """A docstring of this project, in lines, as reStructuredText.

    It has paragraphs, lines "name : what it is", heads underlined with dashes (Parameters, Returns, Raises), indented
    formulas, `names`, and formulas in :math:. Everything else is text, whatever it would mean to Sphinx.
    """
    parts, last, before = [], None, ""  # parts: kind and lines of each paragraph
    for line in lines:
        text, item, deeper = line.strip(), ITEM.fullmatch(line.rstrip()), line.startswith(" ")
        wrapped = len(before) + 1 + len(text.partition(" ")[0]) > WIDTH  # the line before had no room for this word
        formula = deeper and (not last or (last[0] != "item" and before.endswith(":")))
        wrapped &= not (item and re.fullmatch(r"[\w, ]+", item[1]))
        if not text:
            last = None
        elif last and set(text) == {"-"}:
            last[0], last = "head", None
        elif last and not formula and (deeper or wrapped or (last[0] == "text" and not item)):
            last[1].append(text)
        else:
            last = ["formula" if formula else "item" if item else "text", [text]]
            parts.append(last)
        before = line.rstrip()
    made = []
    for kind, said in parts:
        if kind == "formula":
            made += ["::", "", *(f"    {line}" for line in said), ""]
        elif kind == "item":  # "one : what it is; another : what it is"
            pairs = [one.partition(" : ")[::2] for one in re.split(r"; (?=[\w, ()]+ : )", " ".join(said))]
            made += [line for name, words in pairs for line in (plain(name), f"    {plain(words)}", "")]
        else:
            made += [f"**{said[0]}**" if kind == "head" else plain(" ".join(said)), ""]
    return made


def plain(text: str) -> str:
    """Text as reStructuredText: what stands in backticks is code, :math: stays, and nothing else is markup."""
    parts = re.split(r"((?::math:)?`[^`]+`)", text)
    parts[::2] = [re.sub(r"([\\*_|`:])", r"\\\1", part) for part in parts[::2]]
    parts[::2] = [re.sub(r"\b(Figs?|App|al)\. ", r"\1.\\  ", part) for part in parts[::2]]  # ends no sentence
    parts[1::2] = [rf"\ {part}\ " if part.startswith(":") else rf"\ `{part}`\ " for part in parts[1::2]]
    return rf"\ {''.join(parts)}"  # with a space that is none, else a dash at the beginning would make it a list
