"""The note under every figure and table: which cell made it, with which functions and settings, and how to rerun it."""

import ast
import re

from sqlib.show.bundle import MIME


def imports_of(sources: list[str]) -> dict[str, str]:
    """What the names that cells import from sqlib stand for: {"metrics": "sqlib.judge.metrics"}."""
    found = {}
    for tree in map(_parsed, sources):
        for node in ast.walk(tree):
            if isinstance(node, ast.ImportFrom) and (node.module or "").split(".")[0] == "sqlib":
                found |= {alias.asname or alias.name: f"{node.module}.{alias.name}" for alias in node.names}
    return found


def functions_of(source: str, imports: dict[str, str]) -> list[str]:
    """The functions of sqlib that a cell calls, by their full names in alphabetical order; without what publishes."""
    found = set()
    for node in ast.walk(_parsed(source)):
        if isinstance(node, ast.Call):
            name = ast.unparse(node.func)
            root, _, rest = name.partition(".")
            if root in imports and re.fullmatch(r"[\w.]+", name):
                found.add(imports[root] + (f".{rest}" if rest else ""))
    return sorted(name for name in found if not name.startswith("sqlib.show.publish"))


def _parsed(source: str) -> ast.Module:
    try:
        return ast.parse(re.sub(r"^\s*[%!].*$", "", source, flags=re.MULTILINE))
    except SyntaxError:
        return ast.parse("")


def rerun_command(card: dict, usual: dict) -> str:
    """The command that makes a run (its card) again; `usual`: values that its profile gives, which need not be said."""
    own = {name: value for name, value in card["parameters"].items()
           if name not in ("profile", "out") and usual.get(name) != value}
    words = [f"-p {name}={'FOLDER' if name == 'root' else str(value).replace(' ', '')}" for name, value in own.items()]
    return " ".join(["sq run", card["notebook"], "--profile", card["profile"], *words])


def add_notes(cells: list[dict], card: dict, records: dict[str, dict], tables: set[str], usual: dict) -> None:
    """Give each figure and table in the outputs of executed `cells` its record as the run ended, and its `note`.

    records : of the run, by name; tables : names that have a CSV; usual : see `rerun_command`. A note says either which
    functions the author declared, or which the cell calls.
    """
    imports = imports_of(["".join(cell["source"]) for cell in cells if cell["cell_type"] == "code"])
    stored = [cell for cell in cells if "injected-parameters" not in cell["metadata"].get("tags", [])]
    for number, cell in enumerate(stored, 1):
        for output in cell.get("outputs", []):
            content = output.get("data", {}).get(MIME)
            if not content or content["record"]["name"] not in records:
                continue
            record = records[content["record"]["name"]]
            content["record"] |= record
            if record["kind"] != "claim":
                declared = record.get("made_by")
                content["note"] = {
                    "name": record["name"], "label": record["label"], "chapter": card["notebook"], "cell": number,
                    "declared": bool(declared), "functions": declared or functions_of("".join(cell["source"]), imports),
                    "data": record["data"], "fingerprint": record["fingerprint"][:12], "profile": record["profile"],
                    "seed": record["seed"], "commit": record["commit"], "command": rerun_command(card, usual),
                    "table": record["name"] in tables}
