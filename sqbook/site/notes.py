"""The note under every figure and table: which cell made it, with which functions and settings, and how to rerun it."""

import ast
import re
from contextlib import suppress

from sqlib.show.bundle import MIME


def functions_of(sources: list[str]) -> list[list[str]]:
    """The functions of sqlib that each cell of a notebook calls, in alphabetical order, without what publishes.

    They have their full names, `sqlib.judge.metrics.interval`; a cell that is no Python calls none.
    """
    trees = [parsed(source) for source in sources]
    imports, found = imported(trees), []
    for tree in trees:
        called = {ast.unparse(node.func).partition(".") for node in tree if isinstance(node, ast.Call)}
        names = sorted(f"{imports[root]}{dot}{rest}" for root, dot, rest in called if root in imports)
        found.append([name for name in names if re.fullmatch(r"(?!sqlib\.show\.publish)[\w.]+", name)])
    return found


def parsed(source: str) -> list[ast.AST]:
    """All nodes of a cell; none of one that is no Python."""
    with suppress(SyntaxError):
        return list(ast.walk(ast.parse(source)))
    return []


def imported(trees: list[list[ast.AST]]) -> dict[str, str]:
    """What `parsed` cells import from sqlib: full names, by the names that the cells give them."""
    return {alias.asname or alias.name: f"{node.module}.{alias.name}" for tree in trees for node in tree
            if isinstance(node, ast.ImportFrom) and (node.module or "").split(".")[0] == "sqlib"
            for alias in node.names}


def rerun_command(card: dict, usual: dict) -> str:
    """The command that makes a run (its card) again; `usual`: values that its profile gives, which need not be said."""
    own = {name: value for name, value in card["parameters"].items()
           if name not in ("profile", "out") and usual.get(name) != value}
    words = [f"-p {name}={'FOLDER' if name == 'root' else str(value).replace(' ', '')}" for name, value in own.items()]
    return " ".join(["sq run", card["notebook"], "--profile", card["profile"], *words])


def add_notes(cells: list[dict], card: dict, records: dict[str, dict], tables: set[str], usual: dict,
              known: dict[str, str]) -> None:
    """Give each figure and table in the outputs of executed `cells` its record as the run ended, and its `note`.

    records : of the run, by name; tables : names that have a CSV; usual : see `rerun_command`; known : see
    `api.entries`. A note says either which functions the author declared, or which the cell calls, each with the name
    of its entry ("" without one).
    """
    stored = [cell for cell in cells if "injected-parameters" not in cell["metadata"].get("tags", [])]
    code = ["".join(cell["source"]) if cell["cell_type"] == "code" else "" for cell in stored]
    for number, (cell, called) in enumerate(zip(stored, functions_of(code)), 1):
        for output in cell.get("outputs", []):
            content = output.get("data", {}).get(MIME)
            if content and (record := records.get(content["record"]["name"])):
                content["record"] |= record
                if record["kind"] != "claim":
                    made_by = {name: known.get(name, "") for name in record.get("made_by") or called}
                    content["note"] = {"cell": number, "made_by": made_by, "command": rerun_command(card, usual),
                                       "table": record["name"] in tables}
