"""Two runs side by side: what they were given, and what came out, as text, as JSON, and as a page with both figures."""

import base64
from html import escape
from pathlib import Path
from typing import Any

from sqbook import execute as runs
from sqbook.parameters import nearest
from sqlib.errors import SqError
from sqlib.paths import home, real, replacing
from sqlib.show.provenance import read_card
from sqlib.show.records import read_records

STYLE = Path(__file__).with_name("compare.css").read_text(encoding="utf-8")



def find_run(name: str) -> dict:
    """Card of the run that `name` means: a key, its beginning, its folder, or a notebook, of which the latest run is meant.

    A folder may lie elsewhere: results/laptop/03_contrastive is what was published. Raises `SqError` where there is none, or
    where several keys begin so.
    """
    if (Path(name) / "card.json").is_file():
        return {**read_card(Path(name)), "folder": str(real(name))}
    kept = runs.runs()
    if not kept:
        raise SqError("there are no runs yet: sq run NOTEBOOK")
    as_notebook = [card for card in kept if card["notebook"] == name]
    if as_notebook:
        return as_notebook[-1]
    found = [card for card in kept if card["key"].startswith(name)]
    if len(found) == 1:
        return found[0]
    if found:
        raise SqError(f"{len(found)} runs begin with {name!r}: {', '.join(card['key'] for card in found)}; write more of the key")
    known = [*dict.fromkeys(card["notebook"] for card in kept), *(card["key"] for card in kept)]
    raise SqError(f"there is no run {name!r}{nearest(name, known)}; `sq runs` lists them")


def leaves(value: Any, name: str = "") -> dict[str, Any]:
    """Nested numbers of a record as one level: {"rows": [{"ap": .3}]} gives {"rows[0].ap": .3}."""
    if isinstance(value, dict):
        parts = {f"{name}.{key}" if name else str(key): inner for key, inner in value.items()}
    elif isinstance(value, list):
        parts = {f"{name}[{place}]": inner for place, inner in enumerate(value)}
    else:
        return {name: value}
    return {path: leaf for part, inner in parts.items() for path, leaf in leaves(inner, part).items()}


def compare(first: dict, second: dict) -> dict:
    """What differs between two runs (their cards): parameters, circumstances and numbers; JSON-able.

    `numbers` has a row per value that is not the same in both: record, entry, a, b, and difference b − a of two numbers.
    `same` counts the values that are; a record or an entry that only one run has is given with None for the other.
    """
    records = [read_records(Path(card["folder"])) for card in (first, second)]
    rows, same = [], 0
    for record in dict.fromkeys([*records[0], *records[1]]):
        own = [leaves(found[record]["numbers"]) if record in found else {} for found in records]
        for entry in dict.fromkeys([*own[0], *own[1]]):
            a, b = (values.get(entry) for values in own)
            if a == b:
                same += 1
                continue
            both = all(isinstance(v, int | float) and not isinstance(v, bool) for v in (a, b))
            rows.append({"record": record, "entry": entry, "a": a, "b": b, "difference": b - a if both else None})
    return {
        "a": {name: first[name] for name in ("key", "notebook", "folder", "made")},
        "b": {name: second[name] for name in ("key", "notebook", "folder", "made")},
        "parameters": _different(first["parameters"], second["parameters"]),
        "circumstances": _different(*({name: card[name] for name in ("fingerprint", "commit", "device", "threads", "seconds")}
                                      | card["versions"] for card in (first, second))),
        "numbers": rows,
        "same": same,
    }  # fmt: skip


def _different(a: dict, b: dict) -> dict[str, list]:
    return {name: [a.get(name), b.get(name)] for name in dict.fromkeys([*a, *b]) if a.get(name) != b.get(name)}


def as_text(found: dict, most: int = 60) -> str:
    """A comparison for a terminal; at most so many numbers, the rest are counted."""
    lines = [f"a  {found['a']['key']}  {found['a']['notebook']}  {found['a']['made'][:16]}",
             f"b  {found['b']['key']}  {found['b']['notebook']}  {found['b']['made'][:16]}"]  # fmt: skip
    for part in ("parameters", "circumstances"):
        lines += [f"\n{part}"] + ([f"  {n}: {_word(a)} -> {_word(b)}" for n, (a, b) in found[part].items()] or ["  the same"])
    lines.append(f"\nnumbers: {found['same']} the same, {len(found['numbers'])} different")
    for row in found["numbers"][:most]:
        change = f"  ({row['difference']:+.4g})" if row["difference"] is not None else ""
        lines.append(f"  {row['record']} {row['entry']}: {_word(row['a'])} -> {_word(row['b'])}{change}")
    if len(found["numbers"]) > most:
        lines.append(f"  and {len(found['numbers']) - most} more: see the page, or --json")
    return "\n".join(lines)


def _word(value) -> str:
    return "–" if value is None else f"{value:.4g}" if isinstance(value, float) else str(value)


def write_page(found: dict) -> Path:
    """Write home()/runs/compare/A-B.html, which needs no other file, and return its path."""
    pictures = [_pictures(Path(found[side]["folder"])) for side in "ab"]
    pairs = []
    for name in dict.fromkeys([*pictures[0], *pictures[1]]):
        shown = "".join(_figure(side, own.get(name)) for side, own in zip("ab", pictures))
        label = next(own[name][0] for own in pictures if name in own)
        pairs.append(f'<h3 id="{escape(name)}">{escape(label)}</h3><div class="pair">{shown}</div>')
    heads = "".join(f"<li>{side}: <code>{escape(found[side]['key'])}</code> {escape(found[side]['notebook'])}, "
                    f"{escape(found[side]['made'][:16])}</li>" for side in "ab")  # fmt: skip
    parts = [_table(part.capitalize(), ("name", "a", "b"), [(n, a, b) for n, (a, b) in found[part].items()])
             for part in ("parameters", "circumstances")]  # fmt: skip
    numbers = [(row["record"], row["entry"], row["a"], row["b"], row["difference"]) for row in found["numbers"]]
    parts.append(_table(f"Numbers that differ ({found['same']} are the same)", ("record", "entry", "a", "b", "b − a"), numbers))
    title = f"{found['a']['key']} beside {found['b']['key']}"
    text = (f'<!doctype html><html lang="en"><meta charset="utf-8"><meta name="viewport" content="width=device-width">'
            f"<title>{escape(title)}</title><style>{STYLE}</style><body><main><h1>Two runs</h1><ul>{heads}</ul>"
            f"{''.join(parts)}<h2>Figures</h2>{''.join(pairs) or '<p>Neither has one.</p>'}</main></body></html>\n")  # fmt: skip
    path = home() / "runs" / "compare" / f"{found['a']['key']}-{found['b']['key']}.html"
    with replacing(path) as aside:
        aside.write_text(text, encoding="utf-8")
    return path


def _pictures(folder: Path) -> dict[str, tuple[str, str, Path]]:
    """Label, alternative text and file of each picture of a run, by its record's name."""
    found = {name: record for name, record in read_records(folder).items() if record["kind"] in ("figure", "map", "movie")}
    shown = {name: (r["label"], str(r.get("alt", "")), folder / r["file"]) for name, r in found.items() if r.get("file")}
    return {name: picture for name, picture in shown.items() if picture[2].is_file()}


def _figure(side: str, picture) -> str:
    if picture is None:
        return f"<figure><p>{side}: not in this run</p></figure>"
    _, alt, path = picture
    kind, data = path.suffix[1:], base64.b64encode(path.read_bytes()).decode()
    return f'<figure><img alt="{escape(alt)}" src="data:image/{kind};base64,{data}"><figcaption>{side}</figcaption></figure>'


def _table(caption: str, columns, rows) -> str:
    head = "".join(f'<th scope="col">{escape(column)}</th>' for column in columns)
    body = "".join("<tr>" + "".join(_cell(value) for value in row) + "</tr>" for row in rows)
    body = body or f'<tr><td colspan="{len(columns)}">none</td></tr>'
    return (f'<div class="wide" tabindex="0" role="region" aria-label="{escape(caption)}"><table><caption>{escape(caption)}'
            f"</caption><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table></div>")  # fmt: skip


def _cell(value) -> str:
    return f"<td{' class=n' * isinstance(value, int | float)}>{escape(_word(value))}</td>"
