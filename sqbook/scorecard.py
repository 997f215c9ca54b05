"""The scorecard: every claim, table and figure of the paper, with its value and ours, from the records of a build."""

import re
from decimal import Decimal
from pathlib import Path
from textwrap import shorten

import pandas as pd

from sqbook.headlines import headlines
from sqbook.site.pages import render, table
from sqlib.errors import in_words
from sqlib.judge.claims import DECIDED, VERDICTS, claims, number, rule
from sqlib.show.records import mark, read_records

TABLES = tuple(f"table{n}" for n in range(1, 7))
FIGURES = tuple(f"fig{n:02}" for n in range(1, 22))
SLIPS = ("01_dataset", "02_autoencoders", "03_losses")  # chapters that audit printed numbers
SHOWN = ("reproduced", "approximated", "contradicted", "shown", "not comparable", "not possible")  # of tables, figures
NEAR = 0.1  # mean of the relative differences up to which numbers are approximated
FEW = 4  # numbers that a row shows one by one; of more it shows the means
CLAIMED = ("the paper says", "first rule", "does it test the claim?", "second rule", "paper", "data")
ENDS = ("value", "low", "high")
ITEM = ("chapter", "verdict", "numbers compared", "paper (or mean)", "here (or mean)", "here less paper (or mean)",
        "mean relative difference", "paper within our 95 % interval", "data")
QUOTED = ("number", "here", "95 % interval", "where", "data")


def scorecard_page(run_folders: dict[str, Path]) -> tuple[str, dict[str, dict]]:
    """Markdown of the scorecard from the runs of a build ({chapter: run folder}), and its tables by their names.

    `SqError` for a record that is none.
    """
    found = {name: record | {"chapter": chapter} for chapter, folder in run_folders.items()
             for name, record in read_records(folder).items()}
    tables, parts, rules = {}, [], claims()

    def add(name: str, caption: str, columns, rows: list[list], *classes: str) -> None:
        tables[f"scorecard-{name}"] = table(caption, caption, columns, rows, ["sq-score", *classes])

    folders = ", ".join(map(str, run_folders.values()))
    with in_words(f"the records in {folders} cannot be judged", "run the notebooks again"):
        rows = [_claim(name, rules.loc[name], found.get(f"claim-{name}")) for name in rules.index]
        add("claims", "Claims of the paper", CLAIMED, rows, "sq-claims")
        words = [decisive(rules["tests"][name], found.get(f"claim-{name}"))[0].get("verdict") for name in rules.index]
        judged = {"total": len(rules), "judged": sum(word in DECIDED for word in words),
                  "counts": _counts(words, DECIDED), "beyond": sum(word in VERDICTS[len(DECIDED):] for word in words)}
        tried = sorted({found[f"claim-{name}"]["chapter"] for name in rules.index if f"claim-{name}" in found})
        shown = {word: f".sq-{word.replace(' ', '-')}" for word in VERDICTS} | {
            f"chapter {chapter[:2]}": f"[href*='/{chapter[:2]}_']" for chapter in tried}
        for title, names, word in (("Tables", TABLES, "Table"), ("Figures", FIGURES, "Figure")):
            own = {name: found.get(name) for name in names}
            rows = [_item(f"{word} {int(re.sub('[a-z]', '', name))}", record) for name, record in own.items()]
            caption = f"{title} of the paper; of more than {FEW} numbers the means"
            add(title.lower(), caption, (word.lower(), *ITEM), rows)
            words = [re.split("[:,]", verdict(record))[0] for record in own.values()]
            parts.append({"title": title, "table": f"scorecard-{title.lower()}", "counts": _counts(words, SHOWN),
                          "made": sum(map(bool, own.values())), "total": len(names)})
        if slips := found.get("table-slips", {}).get("numbers"):
            cells = [[_words(row.get(name)) for name in slips[0]] for row in slips]
            add("slips", "Slips of the printed text", slips[0], cells)
        if quoted := headlines(run_folders):
            rows = [[one["what"], _words(one["value"]), _ends(one["low"], one["high"]),
                     {"text": one["record"]["label"], "to": _place(one["record"])}, _mark(one["record"])]
                    for one in quoted.values()]
            add("headlines", "What the book is quoted for", QUOTED, rows)
    audits = [chapter for chapter in SLIPS if chapter in run_folders]
    page = render("scorecard.md", claims=judged, shown=shown, near=f"{NEAR:g}", parts=parts, audits=audits,
                  slips=bool(slips), quoted=bool(quoted))
    return page, tables


def decisive(tests: str, record: dict | None) -> tuple[dict, bool]:
    """What the record of a claim says by a rule that tests it (an empty dict where no such rule was tried), and whether
    that is the second rule: it is where this has a verdict, or the first rule does not test the claim (`tests`)."""
    first, second = _both(record)
    later = (second or {}).get("verdict") in DECIDED or tests != "yes"
    return (second or {}) if later else first, later


def compared(record: dict) -> list[tuple]:
    """What a record declares: a list of (name, paper, here, low, high), ends of an interval or None."""
    declared = [(name, *pair) for name, pairs in record["compare"].items() for pair in pairs]
    return [row if len(row) == 5 else (*row, None, None) for row in declared]


def verdict(record: dict | None) -> str:
    """Verdict on a table or figure by the rule in templates/scorecard.md, from its record (None: there is none)."""
    if record is None:
        return "not possible: not made in this build"
    pairs = compared(record)
    if not pairs and record["paper"]:
        return "not comparable: what the paper prints and what is found here are not of the same things"
    if not pairs:
        printed = record["source"] == ["published"]
        own = "the numbers are the paper's own" if printed else "no printed number to compare with"
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


def _ends(low, high) -> str:
    return "–" if None in (low, high) else f"{low:.2f} … {high:.2f}"


def _counts(words: list[str], known) -> str:
    return ", ".join(f"{words.count(one)} {one}" for one in known)


def _both(record: dict | None) -> tuple[dict, dict | None]:
    """What a claim's record says by the first and by the second rule; records made before second rules have none."""
    own = record["numbers"] if record else {}
    return own, own.get("second")


def _claim(name: str, one: pd.Series, record: dict | None) -> list:
    rules = [f"{which} rule: {words}." for which, second in (("First", False), ("Second", True))
             if (words := rule(name, second))]
    head = [f"{name}: {one['statement']}", {"text": "Rules", "folded": " ".join(rules)}]
    first, second = (_judged(own, record) for own in _both(record))
    if record is None:
        return [head, "not tried in this build", one["tests"], "–", "–", "–"]
    return [head, first, one["tests"], second, _said(record["paper"]), _mark(record)]


def _judged(own: dict | None, record: dict) -> list | str:
    """A verdict that leads to its cell, and the number behind it, or why there is none."""
    if not own or "verdict" not in own:
        return "–"
    words = number(*map(own.get, ENDS)).replace(" … ", "\u00a0…\u00a0") or own.get("note", "")
    return [*_coloured(own["verdict"], _place(record)), {"text": f" {words}", "class": "sq-found"}]


def _item(label: str, record: dict | None) -> list:
    if record is None:
        return [label, "not in this build", _coloured(verdict(None)), *["–"] * (len(ITEM) - 2)]
    pairs, known = compared(record), 0
    cells = ["–", _said(record["paper"]), "–", "–", "–"]
    if pairs:
        columns = ((_words, [pair[1] for pair in pairs]), (_words, [pair[2] for pair in pairs]),
                   (_signed, [pair[2] - pair[1] for pair in pairs]))
        if len(pairs) > FEW:
            values = [form(float(sum(column) / len(pairs))) for form, column in columns]
        else:
            values = [", ".join(f"{pair[0]} {form(value)}" for pair, value in zip(pairs, column))
                      for form, column in columns]
        known = sum(pair[3] is not None for pair in pairs)
        cells = [str(len(pairs)), *values, f"{relative(pairs):.2f}"]
    within = f"{sum(map(_within, pairs))} of {known}" if known else "–"
    link = {"text": record["chapter"], "to": _place(record)}
    return [label, link, _coloured(verdict(record)), *cells, within, _mark(record)]


def _place(record: dict) -> str:
    return f"../notebooks/{record['notebook']}.html#{record['name']}"


def _coloured(verdict: str, to: str = "") -> list:
    """A verdict whose first word has a sign and a colour, which the page's style chooses; what follows it is plain."""
    word = next((one for one in sorted({*VERDICTS, *SHOWN}, key=len, reverse=True) if verdict.startswith(one)), "")
    known = {"text": word or verdict, "class": f"sq-verdict sq-{word.replace(' ', '-')}" * bool(word), "to": to}
    return [known, verdict.removeprefix(word) * bool(word)]


def _mark(record: dict) -> list:
    words = mark(record["source"], record["seed"], record.get("own", ""))
    return [{"text": words, "class": f"sq-mark sq-{record['source'][0]}"}, f" {record['profile']}"]


def _signed(value: float) -> str:
    return f"{value:+d}" if isinstance(value, int) else f"{value:+.3g}"


def _said(value) -> str:
    return shorten(_words(value), 140, placeholder=" …")


def _words(value) -> str:
    """A value of a record, which may be a dict of dicts, as plain words."""
    if isinstance(value, dict):
        return "; ".join(f"{name}{':' * isinstance(own, dict)} {_words(own)}" for name, own in value.items())
    if isinstance(value, list):
        return ", ".join(map(_words, value))
    return "–" if value is None else f"{value:.3g}" if isinstance(value, float) else str(value)
