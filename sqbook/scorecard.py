"""The scorecard and the closing page: every claim, table and figure of the paper, with its value and ours."""

from decimal import Decimal
from pathlib import Path
from typing import Any

from sqbook.site.pages import headlines, published, render
from sqlib.errors import in_words
from sqlib.judge.claims import DECIDED, VERDICTS, claims, number, rule
from sqlib.show.records import mark

PRINTED = {"Table": tuple(f"table{n}" for n in range(1, 7)), "Figure": tuple(f"fig{n:02}" for n in range(1, 22))}
SLIPS = ("01_dataset", "02_autoencoders", "03_losses")  # chapters that audit printed numbers
SHOWN = ("reproduced", "approximated", "contradicted", "shown", "not comparable", "not possible")  # of tables, figures
NEAR = 0.1  # mean of the relative differences up to which numbers are approximated
FEW = 4  # numbers that a row shows one by one; of more it shows the means


def scorecard_page(run_folders: dict[str, Path]) -> str:
    """Markdown of the scorecard from the runs of a build ({chapter: run folder}).

    `SqError` for a record that is none.
    """
    found = published(run_folders)
    with in_words("the records of this build cannot be judged", "run the notebooks again"):
        judged = claimed(found)
        words = [one["verdict"] for one in judged.values()]
        counts = {"total": len(words), "judged": sum(word in DECIDED for word in words),
                  "counts": _counts(words, DECIDED), "beyond": sum(word in VERDICTS[len(DECIDED):] for word in words)}
        tried = sorted({one["record"]["notebook"] for one in judged.values() if one["record"]})
        shown = {word: f".sq-{word.replace(' ', '-')}" for word in VERDICTS}
        shown |= {f"chapter {chapter[:2]}": f"[href*='/{chapter[:2]}_']" for chapter in tried}
        parts = {}
        for kind, names in PRINTED.items():
            rows = [{"label": f"{kind} {place}"} | _item(found.get(name)) for place, name in enumerate(names, 1)]
            parts[kind] = {"rows": rows, "made": sum(bool(row["record"]) for row in rows),
                           "counts": _counts([row["verdict"][0] for row in rows], SHOWN)}
        return render("scorecard.md", rows=judged, claims=counts, shown=shown, near=f"{NEAR:g}", few=FEW, parts=parts,
                      audits=[chapter for chapter in SLIPS if chapter in run_folders], number=number, words=_words,
                      slips=found.get("table-slips", {}).get("numbers"), quoted=headlines(run_folders),
                      mark=lambda one: mark(one["source"], one["seed"], one.get("own", "")))


def conclusions_page(run_folders: dict[str, Path]) -> str:
    """Markdown of the closing page, what to believe of each claim, from the same runs; `SqError` for no records."""
    found = published(run_folders)
    with in_words("the records of this build cannot be judged", "run the notebooks again"):
        judged = claimed(found)
    simulated = any(record["simulated"] for name, record in found.items() if name.startswith("claim-"))
    return render("what_to_believe.md", claims=judged, records=found, simulated=simulated, chapters=list(run_folders),
                  share=headlines(run_folders).get("ap_share_of_ideal"))


def claimed(records: dict[str, dict]) -> dict[str, dict]:
    """Each claim of the paper by name: its row of `claims()`, its rules, its record (None: not tried), and what that
    says by the rule that tests the claim (`verdict` None: it says nothing).

    That is the second rule where it has a verdict, or where the first does not test the claim.
    """
    found = {}
    for name, one in claims().iterrows():
        record, rules = records.get(f"claim-{name}"), [rule(name), rule(name, True)]
        first = record["numbers"] if record else {}
        second = first.get("second") or {}
        later = second.get("verdict") in DECIDED or one["tests"] != "yes"
        own = second if later else first
        found[name] = {**one, "record": record, "rules": rules, "rule": rules[later], "verdict": own.get("verdict"),
                       "note": own.get("note", ""), "number": number(*map(own.get, ("value", "low", "high")))}
    return found


def compared(record: dict) -> list[tuple]:
    """What a record declares: a list of (name, paper, here, low, high), ends of an interval or None."""
    declared = [(name, *pair) for name, pairs in record["compare"].items() for pair in pairs]
    return [row if len(row) == 5 else (*row, None, None) for row in declared]


def verdict(record: dict | None) -> tuple[str, str]:
    """Verdict on a table or figure by the rule in templates/scorecard.md, from its record (None: there is none), and
    what is to be said of it."""
    if record is None:
        return "not possible", ": not made in this build"
    pairs = compared(record)
    if not pairs and record["paper"]:
        return "not comparable", ": what the paper prints and what is found here are not of the same things"
    if not pairs:
        printed = record["source"] == ["published"]
        own = "the numbers are the paper's own" if printed else "no printed number to compare with"
        return "shown", f": {own}{', and the data are simulated' * record['simulated']}"
    finest = {}
    for name, paper, *_ in pairs:
        finest[name] = max(finest.get(name, 0), -Decimal(repr(paper)).as_tuple().exponent)
    met = [_within(pair) or abs(pair[2] - pair[1]) <= 0.5 * 10.0 ** -finest[pair[0]] + 1e-12 for pair in pairs]
    word = "reproduced" if all(met) else "approximated" if relative(pairs) <= NEAR else "contradicted"
    return word, ", on simulated data" * record["simulated"]


def relative(pairs: list[tuple]) -> float:
    """Mean of the differences of `compared` pairs (at least one), each as a share of the greater of its two numbers."""
    return sum(abs(here - paper) / (max(abs(here), abs(paper)) or 1) for _, paper, here, *_ in pairs) / len(pairs)


def _item(record: dict | None) -> dict[str, Any]:
    """What the row of a table or figure says, from its record."""
    pairs = compared(record) if record else []
    sides = [(name, paper, here) for name, paper, here, *_ in pairs]
    if len(pairs) > FEW:
        sides = [("", *(sum(column) / len(pairs) for column in list(zip(*sides))[1:]))]
    return {"record": record, "verdict": verdict(record), "compared": len(pairs), "sides": sides,
            "relative": relative(pairs) if pairs else None, "within": sum(map(_within, pairs)),
            "known": sum(pair[3] is not None for pair in pairs)}


def _within(pair: tuple) -> bool:
    return pair[3] is not None and pair[3] <= pair[1] <= pair[4]


def _counts(words: list[str], known) -> str:
    return ", ".join(f"{words.count(one)} {one}" for one in known)


def _words(value) -> str:
    """A value of a record, which may be a dict of dicts, as plain words."""
    if isinstance(value, dict):
        return "; ".join(f"{name}{':' * isinstance(own, dict)} {_words(own)}" for name, own in value.items())
    if isinstance(value, list):
        return ", ".join(map(_words, value))
    return "–" if value is None else f"{value:.3g}" if isinstance(value, float) else " ".join(str(value).split())
