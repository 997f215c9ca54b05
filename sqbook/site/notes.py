"""Under every figure and table: which cell made it, with which functions and settings, how to rerun it, and its numbers."""

import ast
import re
from html import escape

PUBLISHED = re.compile(r'<(?:figure class="sq-figure"|div class="sq-table") id="([\w-]+)"')


def imports_of(sources: list[str]) -> dict[str, str]:
    """What the names that cells import from sqlib stand for: {"metrics": "sqlib.judge.metrics"}."""
    found = {}
    for tree in map(_parsed, sources):
        for node in ast.walk(tree):
            if isinstance(node, ast.ImportFrom) and (node.module or "").split(".")[0] == "sqlib":
                found |= {alias.asname or alias.name: f"{node.module}.{alias.name}" for alias in node.names}
    return found


def functions_of(source: str, imports: dict[str, str]) -> list[str]:
    """The functions of sqlib that a cell calls, with their full names, in alphabetical order; what publishes is left out."""
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
    own = {name: value for name, value in card["parameters"].items() if name not in ("profile", "out") and usual.get(name) != value}
    words = [f"-p {name}={'FOLDER' if name == 'root' else str(value).replace(' ', '')}" for name, value in own.items()]
    return " ".join(["sq run", card["notebook"], "--profile", card["profile"], *words])


def add_provenance(cells: list[dict], card: dict, records: dict[str, dict], tables: set[str], usual: dict) -> None:
    """Write a folded note below each figure and table in the outputs of executed `cells`.

    records : of the run, by name; tables : names that have a CSV; usual : see `rerun_command`
    """
    imports = imports_of(["".join(cell["source"]) for cell in cells if cell["cell_type"] == "code"])
    command = rerun_command(card, usual)
    stored = [cell for cell in cells if "injected-parameters" not in cell["metadata"].get("tags", [])]
    for number, cell in enumerate(stored, 1):
        for output in cell.get("outputs", []):
            html = "".join(output.get("data", {}).get("text/html", ""))
            match = PUBLISHED.search(html)
            if match and match[1] in records:
                functions = functions_of("".join(cell["source"]), imports)
                note = _note(records[match[1]], card, number, functions, command, match[1] in tables)
                output["data"]["text/html"] = html + note


def _note(record: dict, card: dict, number: int, functions: list[str], command: str, table: bool) -> str:
    name, chapter = record["name"], card["notebook"]
    rows = {
        "Made by": f"<code>notebooks/{escape(chapter)}.ipynb</code>, cell {number}",
        "Functions": ", ".join(f"<code>{escape(function)}</code>" for function in functions) or "none of sqlib's",
        "Data": f"{escape(record['data'])}, fingerprint <code>{escape(record['fingerprint'][:12]) or '–'}</code>",
        "Profile and seed": f"{escape(record['profile'])}, {escape(str(record['seed']))}",
        "Commit": f"<code>{escape(record['commit']) or '–'}</code>",
        "Rerun this": f'<div class="highlight"><pre>{escape(command)}</pre></div>',  # the theme gives such a block a button to copy
    }
    if table:
        rows["Numbers"] = f'<a href="../records/{escape(chapter)}/{escape(name)}.csv" download>{escape(name)}.csv</a>'
    body = "".join(f"<dt>{term}</dt><dd>{words}</dd>" for term, words in rows.items())
    label = f'How <span class="sq-hidden">{escape(record["label"])}</span> was made'
    return f'<details class="sq-made"><summary>{label}</summary><dl>{body}</dl></details>'
