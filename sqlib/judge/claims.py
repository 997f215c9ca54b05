"""The paper's claims, each with rules that were fixed before they were tried, and what the data at hand say to it.

Every claim has a first rule. Where that does not test the claim, a second does, or the claim cannot be tested here;
where it does, a second rule may ask the same of more events (claims.csv).
"""

import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from scipy.stats import t

from sqlib.errors import SqError
from sqlib.judge.sentences import interval

DECIDED = ("reproduced", "contradicted", "undecided")
VERDICTS = (*DECIDED, "not possible", "not testable here")


@dataclass(frozen=True)
class Verdict:
    """A claim, a rule in words, what was found with its 95 % interval, the verdict, and a note on what limits it."""

    claim: str
    statement: str
    rule: str
    value: float | None
    low: float | None
    high: float | None
    verdict: str
    note: str = ""
    tests: str = "yes"  # does the first rule test the claim, or why not

    @property
    def number(self) -> str:
        """What was found, in words; "" where there is no number."""
        return number(self.value, self.low, self.high)

    def __str__(self) -> str:
        return f"{self.rule}: {self.number or 'no number'}: {self.verdict}." + f" {self.note}." * bool(self.note)


def number(value: float | None, low: float | None, high: float | None) -> str:
    """A quantity and its interval in words; "" where it is None."""
    return "" if value is None else interval(value, low, high, ".3f", without=" (no interval)")


def claims() -> pd.DataFrame:
    """The rules (claims.csv), indexed by claim: statement, `short`, the same in few words, and where in the paper;

    quantity, kind, bound : the first rule; kind "above" claims that the quantity lies above the bound, "within" that it
        lies between -bound and bound
    tests : does this rule test the claim? "yes", or why not
    second_quantity, second_kind, second_bound : the second rule; empty where there is none
    """
    found = pd.read_csv(Path(__file__).with_name("claims.csv"), sep=";").set_index("claim")
    return found.fillna({"second_quantity": "", "second_kind": ""})


def rule(claim: str, second: bool = False) -> str:
    """The first rule of a claim in words, or the second, "" where there is none."""
    one, which = claims().loc[claim], "second_" * second
    quantity, kind, bound = (one[which + part] for part in ("quantity", "kind", "bound"))
    return quantity and f"{quantity}: {'above ' if kind == 'above' else 'within ±'}{bound:g}"


def judge(claim: str, value: float | None = None, low: float | None = None, high: float | None = None, note: str = "",
          *, second: bool = False, seeds: int | None = None) -> Verdict:
    """Verdict on a claim by its first or its second rule, from a quantity and the 95 % interval of it.

    Reproduced where the whole interval lies on the claimed side of the bound, contradicted where the whole of it lies
    on the other, and undecided otherwise, also where an end is missing (NaN), and where `seeds`, the number of networks
    of each kind, is one. Without a quantity (None, NaN) it is not possible by the first rule, and not testable here by
    the second; `note` says why. `SqError` for a claim that has no second rule.
    """
    one, which = claims().loc[claim], "second_" * second
    if not one[which + "quantity"]:
        raise SqError(f"{claim} has no second rule: its first rule tests it (sqlib/judge/claims.csv)")
    bound = one[which + "bound"]
    least, most = (bound, math.inf) if one[which + "kind"] == "above" else (-bound, bound)
    numbers = [float(x) if x is not None and math.isfinite(x) else None for x in (value, low, high)]
    verdict, note = "undecided", "; ".join(filter(None, (note, "one seed" * (seeds == 1))))
    if numbers[0] is None:
        verdict = "not testable here" if second else "not possible"
    elif None not in numbers and seeds != 1:
        inside, outside = least < low and high < most, high < least or low > most
        verdict = "reproduced" if inside else "contradicted" if outside else "undecided"
    return Verdict(claim, one["statement"], rule(claim, second), *numbers, verdict, note, one["tests"])


def over_seeds(values) -> tuple[float, float, float]:
    """Mean of a quantity (S,) over seeds, and its 95 % interval by Student's t; infinite for fewer than two seeds."""
    values = np.asarray(values, dtype=float)
    mean = float(values.mean())
    if len(values) < 2:
        return mean, -math.inf, math.inf
    half = float(t.ppf(0.975, len(values) - 1) * values.std(ddof=1) / math.sqrt(len(values)))
    return mean, mean - half, mean + half


def every_seed(values, low, high) -> tuple[float, float, float]:
    """Mean of a quantity (S,) over seeds, and an interval that no seed falls out of.

    low, high : the ends of an interval of the mean, or those of each seed's own (S,); it is widened to the extremes of
        the values and of these. So a verdict by it holds for every seed. NaN where one of them is.
    """
    return float(np.mean(values)), float(np.min(np.append(values, low))), float(np.max(np.append(values, high)))


def judge_runs(claim: str, quantity: Callable[..., tuple[float, float, float]], runs: Iterable, note: str = "", *,
               second: bool = False) -> Verdict:
    """`judge` by a `quantity` (value and ends of its 95 % interval, NaN where there is none) of each of some runs, one
    a seed, so that the verdict holds for `every_seed`; without an interval where one run has none."""
    found = [quantity(run) for run in runs]
    return judge(claim, *every_seed(*np.transpose(found)), note, second=second, seeds=len(found))


def as_table(verdicts: list[tuple[Verdict, Verdict | None]]) -> pd.DataFrame:
    """First and second verdicts as a table for a page, a row a claim in the order of their numbers."""
    def words(one: Verdict | None) -> str | None:
        return one and ": ".join(filter(None, (one.verdict, one.number or one.note)))

    short = claims()["short"]
    return pd.DataFrame([{
        "claim": f"{first.claim}, {short[first.claim]}", "first rule": words(first),
        "does it test the claim?": first.tests, "second rule": words(second)}
        for first, second in sorted(verdicts, key=lambda pair: int(pair[0].claim[1:]))])
