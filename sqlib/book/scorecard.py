"""The scorecard: every claim, table and figure of the paper, with its value and ours, made from the records of a build."""

from pathlib import Path

import pandas as pd

from sqlib.book.records import mark, one_line, read_records
from sqlib.judge.claims import VERDICTS, claims

TABLES = tuple(f"table{n}" for n in range(1, 7))
FIGURES = tuple(f"fig{n:02}" for n in range(1, 22))
SLIPS = ("01_dataset", "02_autoencoders", "03_contrastive")  # chapters that audit printed numbers

TEXT = """# Scorecard

What became of the paper in this build: its claims, its tables and its figures. This page is written by no hand. It is made
from the records that the chapters leave, so it says what they say, and nothing is left out: what no chapter has published
is listed as such.

Read the mark in each line first. **SIMULATED** lines speak of the [twin](intro), not of the Sun, and of networks of the size
that the profile allows; they tell whether a method *can* do what is claimed, where all conditions are known. The same page
made from the real frames (`sq book --data sunquakenet --root FOLDER`) speaks of the Sun.

"""


def scorecard_page(run_folders: dict[str, Path]) -> str:
    """Markdown of the scorecard from the runs of a build ({chapter: run folder})."""
    found = {name: record | {"chapter": chapter} for chapter, folder in run_folders.items()
             for name, record in read_records(folder).items()}  # fmt: skip
    judged = {name: record for name, record in found.items() if name.startswith("claim-") and "verdict" in _numbers(record)}
    count = {verdict: sum(_numbers(record)["verdict"] == verdict for record in judged.values()) for verdict in VERDICTS}
    rules = claims()
    words = ", ".join(f"{number} {verdict}" for verdict, number in count.items())
    intro = (f"## Claims\n\nOf {len(rules)} claims, {len(judged)} are judged in this build: {words}. \"Undecided\" means that the "
             "95 % interval holds the bound that the rule set before any result was seen; \"not possible\", that the data "
             "lack what the rule asks for.\n")  # fmt: skip
    columns = ("the paper says", "verdict", "here", "95 % interval", "paper", "rule", "data")
    rows = [_claim(name, rules.loc[name], found.get(f"claim-{name}")) for name in rules.index]
    parts = [TEXT, intro, _table("Claims of the paper", columns, rows)]
    for title, names, word in (("Tables", TABLES, "Table"), ("Figures", FIGURES, "Figure")):
        there = sum(name in found for name in names)
        parts.append(f"## {title}\n\n{there} of {len(names)} are regenerated in this build.\n")
        rows = [_item(name, f"{word} {int(name[-2:] if word == 'Figure' else name[-1])}", found) for name in names]
        columns = (word.lower(), "chapter", "numbers compared", "mean difference", "data")
        parts.append(_table(f"{title} of the paper", columns, rows))
    slips = [f"[{chapter}](../notebooks/{chapter})" for chapter in SLIPS if chapter in run_folders]
    if slips:
        parts.append(f"## The paper's own consistency\n\nSome printed numbers contradict each other, whatever an "
                     f"experiment gives; how that is known is computed in {', '.join(slips)}.\n")  # fmt: skip
    if rows := found.get("table-slips", {}).get("numbers"):
        parts.append(_table("Slips of the printed text", rows[0], [tuple(map(_word, row.values())) for row in rows]))
    return "\n".join(parts)


def _numbers(record: dict) -> dict:
    return record["numbers"] if isinstance(record["numbers"], dict) else {}


def _claim(name: str, rule: pd.Series, record: dict | None) -> tuple[str, ...]:
    sought = f"{rule['quantity']}: {'above ' if rule['kind'] == 'above' else 'within ±'}{rule['bound']:g}"
    head = f"{one_line(name)}: {one_line(rule['statement'])}"
    if record is None:
        return (head, "not tried in this build", "–", "–", "–", one_line(sought), "–")
    own, paper = _numbers(record), record["paper"]
    ends = own.get("low"), own.get("high")
    interval = "{:.2f} … {:.2f}".format(*ends) if all(isinstance(end, int | float) for end in ends) else "–"
    said = _word(paper) if isinstance(paper, int | float) else "–"
    verdict = "–"
    if "verdict" in own:
        why = f": {one_line(own['note'])}" if own["verdict"] == "not possible" and own.get("note") else ""
        verdict = f'<a href="../notebooks/{one_line(record["chapter"])}.html#table-claims">{one_line(own["verdict"])}</a>{why}'
    return (head, verdict, _word(own.get("value")), interval, said, one_line(sought), _mark(record))


def _item(name: str, label: str, found: dict) -> tuple[str, ...]:
    record = found.get(name)
    if record is None:
        return (label, "not in this build", "–", "–", "–")
    link = f'<a href="../notebooks/{one_line(record["chapter"])}.html#{name}">{one_line(record["chapter"])}</a>'
    pairs = compared(record["numbers"])
    mean = f"{sum(b - a for a, b in pairs) / len(pairs):+.3g}" if pairs else "–"
    return (label, link, str(len(pairs)) if pairs else "–", mean, _mark(record))


def compared(numbers) -> list[tuple[float, float]]:
    """Pairs (paper, here) in the rows of a record: columns "X, paper" and "X, here", or "X: paper" and "X: here" with units."""
    pairs = []
    for row in numbers if isinstance(numbers, list) else []:
        for name, value in row.items() if isinstance(row, dict) else ():
            for sign in (", ", ": "):
                other = row.get(name.replace(f"{sign}paper", f"{sign}here"))
                if f"{sign}paper" in name and all(isinstance(v, int | float) for v in (value, other)):
                    pairs.append((value, other))
    return pairs


def _mark(record: dict) -> str:
    words = one_line(mark(record["source"], record["seed"], record.get("own", "")))
    return f'<span class="sq-mark sq-{one_line(record["source"][0])}">{words}</span> {one_line(record["profile"])}'


def _word(value) -> str:
    return "–" if value is None else f"{value:.3g}" if isinstance(value, float) else one_line(value)


def _table(caption: str, columns, rows) -> str:
    head = "".join(f'<th scope="col">{one_line(column)}</th>' for column in columns)
    body = "".join(f'<tr><th scope="row">{row[0]}</th>{"".join(map(_cell, row[1:]))}</tr>' for row in rows)
    return (f'<div class="sq-table" tabindex="0" role="region" aria-label="{one_line(caption)}"><table><caption>{one_line(caption)}'
            f"</caption><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table></div>\n")  # fmt: skip


def _cell(html: str) -> str:
    return f"<td{' class=sq-words' * (len(html) > 40 and not html.startswith('<'))}>{html}</td>"
