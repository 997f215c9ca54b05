"""What the book uses of sqlib: the page of its functions, and the note under each figure and table, which leads there.

Public is what a chapter, or Python on a page of prose, uses. The code is parsed for it, so the page cannot go stale;
Sphinx reads the docstrings.
"""

import ast
import inspect
import re
from contextlib import suppress
from functools import cache
from pkgutil import resolve_name

from sqbook.site.pages import render
from sqlib.show.bundle import MIME

FLOORS = {"sun": "waves, rays, holography, and the simulated twin", "data": "events, cubes, frames, statistics",
          "learn": "augmentations, losses, networks, training", "judge": "scores, intervals, claims, pitfalls",
          "show": "publishing, figures, players", "": "Errors and profiles"}  # in the order of the imports
WIDTH = 116  # characters of the longest line of a docstring
ITEM = re.compile(r"(?!\s)((?:(?!\. )[^:;])+) : (.*)")  # "name : what it is"


def used(cells: list[str]) -> list[set[str]]:
    """The functions and classes of sqlib that each cell of a notebook names, by where they are defined.

    They have their full names, `sqlib.judge.metrics.interval`; a cell that is no Python names none.
    """
    trees = []
    for cell in cells:
        trees.append([])
        with suppress(SyntaxError):
            trees[-1] += ast.walk(ast.parse(cell))
    imported = {alias.asname or alias.name: f"{node.module}.{alias.name}" for tree in trees for node in tree
                if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("sqlib")
                for alias in node.names}
    names = [{ast.unparse(node).partition(".") for node in tree if isinstance(node, ast.Name | ast.Attribute)}
             for tree in trees]
    return [{defined(f"{imported[root]}{dot}{rest}") for root, dot, rest in own if root in imported} - {""}
            for own in names]


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
        found = inspect.unwrap(resolve_name(f"{module}:{last}"))  # also what is cached
    except (ImportError, AttributeError, ValueError):  # ValueError: of what a call gives
        return ""
    ours = (inspect.isfunction(found) or inspect.isclass(found)) and found.__module__.startswith("sqlib.")
    return f"{found.__module__}.{found.__qualname__}" if ours else ""


def api_page(entries: set[str]) -> str:
    """The page, Markdown, of functions and classes, by their names as `used` gives them."""
    floors = {floor: {} for floor in FLOORS}
    for name in sorted(entries):
        module, _, last = name.rpartition(".")
        found, floor = resolve_name(f"{module}:{last}"), module.split(".")[1]
        kind = "function" if not inspect.isclass(found) else "exception" if issubclass(found, Exception) else "class"
        floors[floor if floor in FLOORS else ""].setdefault(module, {})[name] = kind
    return render("api.md", floors={floor: modules for floor, modules in floors.items() if modules}, words=FLOORS)


def rerun_command(card: dict, usual: dict) -> str:
    """The command that makes a run (its card) again; `usual`: values that its profile gives, which need not be said."""
    own = {name: value for name, value in card["parameters"].items()
           if name not in ("profile", "out") and usual.get(name) != value}
    words = [f"-p {name}={'FOLDER' if name == 'root' else str(value).replace(' ', '')}" for name, value in own.items()]
    return " ".join(["sq run", card["notebook"], "--profile", card["profile"], *words])


def add_notes(cells: list[dict], card: dict, records: dict[str, dict], tables: set[str], usual: dict,
              entries: set[str]) -> None:
    """Give each figure and table in the outputs of executed `cells` its record as the run ended, and its `note`.

    records : of the run, by name; tables : names that have a CSV; usual : see `rerun_command`; entries : names on the
    page of functions. A note says either which functions the author declared, or which the cell uses without those
    that publish, each with whether it has an entry.
    """
    stored = [cell for cell in cells if "injected-parameters" not in cell["metadata"].get("tags", [])]
    code = ["".join(cell["source"]) if cell["cell_type"] == "code" else "" for cell in stored]
    for number, (cell, names) in enumerate(zip(stored, used(code)), 1):
        for output in cell.get("outputs", []):
            content = output.get("data", {}).get(MIME)
            if content and (record := records.get(content["record"]["name"])):
                content["record"] |= record
                if record["kind"] != "claim":
                    own = sorted(name for name in names if not name.startswith("sqlib.show.publish."))
                    made_by = {name: name in entries for name in record.get("made_by") or own}
                    content["note"] = {"cell": number, "made_by": made_by, "command": rerun_command(card, usual),
                                       "table": record["name"] in tables}


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
