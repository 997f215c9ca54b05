"""The scorecard: every claim, table and figure of the paper, with its value and ours, made from the records of a build."""

import re
from decimal import Decimal
from pathlib import Path
from textwrap import shorten

import pandas as pd

from sqlib.judge.claims import VERDICTS, claims
from sqlib.show.records import mark, one_line, read_records

TABLES = tuple(f"table{n}" for n in range(1, 7))
FIGURES = tuple(f"fig{n:02}" for n in range(1, 22))
SLIPS = ("01_dataset", "02_autoencoders", "03_contrastive")  # chapters that audit printed numbers
SHOWN = ("reproduced", "approximated", "contradicted", "shown", "not comparable", "not possible")  # verdicts on tables, figures
NEAR = 0.1  # mean of the relative differences up to which numbers are approximated
FEW = 4  # numbers that a row shows one by one; of more it shows the means
GIVEN = ("GT",)  # labels: the experiment is given them, so that they agree is no result

TEXT = """---
html_theme.sidebar_secondary.remove: true
---

# Scorecard

What became of the paper in this build: its claims, its tables and its figures. This page is written by no hand. It is made
from the records that the chapters leave, so it says what they say, and nothing is left out: what no chapter has published
is listed as such.

Read the mark in each line first. **SIMULATED** lines speak of the [twin](intro), not of the Sun, and of networks of the size
that the profile allows; they tell whether a method *can* do what is claimed, where all conditions are known. The same page
made from the real frames (`sq book --data sunquakenet --root FOLDER`) speaks of the Sun.

"""

RULE = f"""## The rule for tables and figures

Every number that a record holds beside a printed one is compared, but for the labels (GT), which are given. A table or figure is

- *reproduced*, if each printed number lies in our 95 % interval, or differs from ours by no more than its rounding (half a
  unit of the last digit printed, the finest of its column);
- *approximated*, if not, but the differences, each as a share of the greater of its two numbers, are on average at most {NEAR:g};
- *contradicted* otherwise;
- *shown*, if it is made here and its record holds no printed number to compare with;
- *not comparable*, if it does, but of other things than ours;
- *not possible*, if this build does not make it.

**Simulated data can neither reproduce nor contradict a number that was measured on the Sun.** With "on simulated data" beside
it, a verdict says how near the numbers lie, and no more. Nor is nearness skill: where few frames hold a sunquake, most
scores hardly tell a classifier from one that always says no.

"""


def scorecard_page(run_folders: dict[str, Path]) -> str:
    """Markdown of the scorecard from the runs of a build ({chapter: run folder}); `SqError` for a record that is none."""
    found = {name: record | {"chapter": chapter} for chapter, folder in run_folders.items()
             for name, record in read_records(folder).items()}  # fmt: skip
    judged = {name: record for name, record in found.items() if name.startswith("claim-") and "verdict" in _numbers(record)}
    verdicts = [_numbers(record)["verdict"] for record in judged.values()]
    words = ", ".join(f"{verdicts.count(one)} {one}" for one in VERDICTS)
    rules = claims()
    intro = (f"## Claims\n\nOf {len(rules)} claims, {len(judged)} are judged in this build: {words}. \"Undecided\" means that the "
             "95 % interval holds the bound that the rule set before any result was seen; \"not possible\", that the data "
             "lack what the rule asks for. Each verdict leads to the cell that computes it.\n")  # fmt: skip
    columns = ("the paper says", "verdict", "here", "95 % interval", "paper", "here less paper", "rule", "data")
    rows = [_claim(name, rules.loc[name], found.get(f"claim-{name}")) for name in rules.index]
    parts = [TEXT, intro, _table("Claims of the paper", columns, rows), RULE]
    for title, names, word in (("Tables", TABLES, "Table"), ("Figures", FIGURES, "Figure")):
        there = sum(name in found for name in names)
        verdicts = [re.split("[:,]", verdict(found.get(name)))[0] for name in names]
        words = ", ".join(f"{verdicts.count(one)} {one}" for one in SHOWN)
        parts.append(f"## {title}\n\n{there} of {len(names)} are regenerated in this build: {words}.\n")
        rows = [_item(name, f"{word} {int(name[-2:] if word == 'Figure' else name[-1])}", found.get(name)) for name in names]
        columns = (word.lower(), "chapter", "verdict", "numbers compared", "paper (or mean)", "here (or mean)",
                   "here less paper (or mean)", "mean relative difference", "paper within our 95 % interval", "data")  # fmt: skip
        parts.append(_table(f"{title} of the paper; of more than {FEW} numbers the means", columns, rows))
    slips = [f"[{chapter}](../notebooks/{chapter})" for chapter in SLIPS if chapter in run_folders]
    if slips:
        parts.append(f"## The paper's own consistency\n\nSome printed numbers contradict each other, whatever an "
                     f"experiment gives; how that is known is computed in {', '.join(slips)}.\n")  # fmt: skip
    if rows := _rows(found.get("table-slips", {}).get("numbers")):
        parts.append(_table("Slips of the printed text", rows[0], [[_word(row.get(name)) for name in rows[0]] for row in rows]))
    return "\n".join(parts)


def compared(numbers, paper=None) -> list[tuple]:
    """What a record's `numbers` and `paper` say of the same: a list of (name, paper, here, low, high), ends of an interval or None.

    Both stand in one row, as columns "X, paper" and "X, here", or "X: paper" and "X: here" with units, or "printed" and "value"
    with "low" and "high"; or in two rows of the same texts, "scores of" paper and here; or under one name of two dicts.
    """
    rows, found = _rows(numbers), []
    for row in rows:
        for name, value in row.items():
            for sign in (", ", ": "):
                if f"{sign}paper" in name:
                    here = row.get(name.replace(f"{sign}paper", f"{sign}here"))
                    found.append((name.replace(f"{sign}paper", ""), value, here, None, None))
        found.append(("value", row.get("printed"), row.get("value"), row.get("low"), row.get("high")))
        if row.get("scores of") == "paper":
            other = next((own for own in rows if own.get("scores of") == "here" and _texts(own) == _texts(row)), {})
            found += [(name, value, other.get(name), None, None) for name, value in row.items()]
    if isinstance(numbers, dict) and isinstance(paper, dict):
        found += [(name, paper.get(name), value, None, None) for name, value in numbers.items()]
    ends = [(*pair[:3], *(pair[3:] if all(map(_number, pair[3:])) else (None, None))) for pair in found]
    return [pair for pair in ends if pair[0] not in GIVEN and _number(pair[1]) and _number(pair[2])]


def verdict(record: dict | None) -> str:
    """Verdict on a table or figure by `RULE`, from its record (None: there is none), with what limits it."""
    if record is None:
        return "not possible: not made in this build"
    pairs = compared(record["numbers"], record["paper"])
    if not pairs and record["paper"]:
        return "not comparable: what the paper prints and what is found here are not of the same things"
    if not pairs:
        own = "the numbers are the paper's own" if record["source"] == ["published"] else "no printed number to compare with"
        return f"shown: {own}{', and the data are simulated' * record['simulated']}"
    finest = {}
    for name, paper, *_ in pairs:
        finest[name] = max(finest.get(name, 0), -Decimal(repr(paper)).as_tuple().exponent)
    met = [_within(pair) or abs(pair[2] - pair[1]) <= 0.5 * 10.0 ** -finest[pair[0]] + 1e-12 for pair in pairs]
    word = "reproduced" if all(met) else "approximated" if relative(pairs) <= NEAR else "contradicted"
    return word + ", on simulated data" * record["simulated"]


def relative(pairs: list[tuple]) -> float:
    """Mean of the differences of `compared` pairs (at least one), each as a share of the greater of its two numbers."""
    return sum(abs(here - paper) / (max(abs(here), abs(paper)) or 1) for _, paper, here, *_ in pairs) / len(pairs)


def _within(pair: tuple) -> bool:
    return pair[3] is not None and pair[3] <= pair[1] <= pair[4]


def _number(value) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _texts(row: dict) -> dict:
    return {name: value for name, value in row.items() if isinstance(value, str) and name != "scores of"}


def _numbers(record: dict) -> dict:
    return record["numbers"] if isinstance(record["numbers"], dict) else {}


def _rows(numbers) -> list[dict]:
    return [row for row in numbers if row and isinstance(row, dict)] if isinstance(numbers, list) else []


def _claim(name: str, rule: pd.Series, record: dict | None) -> tuple[str, ...]:
    sought = f"{rule['quantity']}: {'above ' if rule['kind'] == 'above' else 'within ±'}{rule['bound']:g}"
    head = f"{one_line(name)}: {one_line(rule['statement'])}"
    if record is None:
        return (head, "not tried in this build", "–", "–", "–", "–", one_line(sought), "–")
    own, paper = _numbers(record), record["paper"]
    ends = own.get("low"), own.get("high")
    interval = "{:.2f} … {:.2f}".format(*ends) if all(map(_number, ends)) else "–"
    printed = next(iter(paper.values())) if isinstance(paper, dict) and len(paper) == 1 else paper
    less = _signed(own["value"] - printed) if _number(own.get("value")) and _number(printed) else "–"
    said = "–"
    if "verdict" in own:
        why = f": {one_line(own['note'])}" if own["verdict"] == "not possible" and own.get("note") else ""
        cell = f"../notebooks/{one_line(record['chapter'])}.html#claim-{one_line(name)}"
        said = f'{_coloured(own["verdict"], cell)}{why}'
    return (head, said, _word(own.get("value")), interval, _said(paper), less, one_line(sought), _mark(record))


def _coloured(verdict: str, link: str = "") -> str:
    """A verdict with a sign before its first word, which the page's style chooses, and colours; what follows it is plain."""
    word = next((one for one in sorted({*VERDICTS, *SHOWN}, key=len, reverse=True) if verdict.startswith(one)), "")
    said = f'<span class="sq-verdict sq-{word.replace(" ", "-")}">{one_line(word)}</span>' if word else ""
    return (f'<a href="{link}">{said}</a>' if link else said) + one_line(verdict.removeprefix(word))


def _item(name: str, label: str, record: dict | None) -> tuple[str, ...]:
    if record is None:
        return (label, "not in this build", _coloured(verdict(None)), "–", "–", "–", "–", "–", "–", "–")
    link = f'<a href="../notebooks/{one_line(record["chapter"])}.html#{name}">{one_line(record["chapter"])}</a>'
    pairs = compared(record["numbers"], record["paper"])
    if not pairs:
        return (label, link, _coloured(verdict(record)), "–", _said(record["paper"]), "–", "–", "–", "–", _mark(record))
    columns = [pair[1] for pair in pairs], [pair[2] for pair in pairs], [pair[2] - pair[1] for pair in pairs]
    forms = _word, _word, _signed
    if len(pairs) > FEW:
        values = [form(float(sum(column) / len(pairs))) for form, column in zip(forms, columns)]
    else:
        values = [", ".join(f"{one_line(pair[0])} {form(value)}" for pair, value in zip(pairs, column))
                  for form, column in zip(forms, columns)]  # fmt: skip
    known = sum(pair[3] is not None for pair in pairs)
    within = f"{sum(map(_within, pairs))} of {known}" if known else "–"
    return (label, link, _coloured(verdict(record)), str(len(pairs)), *values, f"{relative(pairs):.2f}", within, _mark(record))


def _mark(record: dict) -> str:
    words = one_line(mark(record["source"], record["seed"], record.get("own", "")))
    return f'<span class="sq-mark sq-{one_line(record["source"][0])}">{words}</span> {one_line(record["profile"])}'


def _word(value) -> str:
    return "–" if value is None else f"{value:.3g}" if isinstance(value, float) else one_line(value)


def _signed(value: float) -> str:
    return f"{value:+d}" if isinstance(value, int) else f"{value:+.3g}"


def _said(value) -> str:
    return one_line(shorten(_words(value), 140, placeholder=" …"))


def _words(value) -> str:
    """A paper's value, which may be a dict of dicts, as plain words."""
    if isinstance(value, dict):
        return "; ".join(f"{name}{':' * isinstance(own, dict)} {_words(own)}" for name, own in value.items())
    if isinstance(value, list):
        return ", ".join(map(_words, value))
    return "–" if value is None else f"{value:.3g}" if isinstance(value, float) else str(value)


def _table(caption: str, columns, rows) -> str:
    head = "".join(f'<th scope="col">{one_line(column)}</th>' for column in columns)
    body = "".join(f'<tr><th scope="row">{row[0]}</th>{"".join(map(_cell, row[1:]))}</tr>' for row in rows)
    words = one_line(caption)
    return (f'<div class="sq-table sq-score" tabindex="0" role="region" aria-label="{words}"><table><caption>{words}</caption>'
            f"<thead><tr>{head}</tr></thead><tbody>{body}</tbody></table></div>\n")  # fmt: skip


def _cell(html: str) -> str:
    length = len(re.sub("<[^>]*>", "", html))
    return f"<td{' class=sq-words' if length > 40 else ' class=sq-text' if length > 16 else ''}>{html}</td>"
