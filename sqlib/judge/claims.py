"""The paper's claims, each with a rule that was fixed before it was tried, and what the data at hand say to it."""

import math
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from scipy.stats import t

VERDICTS = ("reproduced", "contradicted", "undecided", "not possible")


@dataclass(frozen=True)
class Verdict:
    """A claim, its rule in words, what was found with its 95 % interval, the verdict, and a note on what limits it."""

    claim: str
    statement: str
    rule: str
    value: float | None
    low: float | None
    high: float | None
    verdict: str
    note: str = ""


def claims() -> pd.DataFrame:
    """The rules, indexed by claim: statement, quantity, kind, bound, where (claims.csv).

    kind "above" claims that the quantity lies above the bound, "within" that it lies between -bound and bound.
    """
    return pd.read_csv(Path(__file__).with_name("claims.csv"), sep=";").set_index("claim")


def judge(claim: str, value: float, low: float, high: float, note: str = "") -> Verdict:
    """Verdict on a claim from its quantity and the 95 % interval of it.

    Reproduced where the whole interval lies on the claimed side of the bound, contradicted where the whole of it lies
    on the other, and undecided otherwise, also where an end is missing (NaN); not possible where the quantity itself
    is, and `note` says why.
    """
    rule = claims().loc[claim]
    bound, above = rule["bound"], rule["kind"] == "above"
    least, most = (bound, math.inf) if above else (-bound, bound)
    numbers = [None if x is None or not math.isfinite(x) else float(x) for x in (value, low, high)]
    verdict = "not possible" if numbers[0] is None else "undecided"
    if None not in numbers:
        inside, outside = least < low and high < most, high < least or low > most
        verdict = "reproduced" if inside else "contradicted" if outside else "undecided"
    sought = f"above {bound:g}" if above else f"within ±{bound:g}"
    return Verdict(claim, rule["statement"], f"{rule['quantity']}: {sought}", *numbers, verdict, note)


def over_seeds(values) -> tuple[float, float, float]:
    """Mean of a quantity (S,) over seeds, and its 95 % interval by Student's t; infinite for fewer than two seeds."""
    values = np.asarray(values, dtype=float)
    mean = float(values.mean())
    if len(values) < 2:
        return mean, -math.inf, math.inf
    half = float(t.ppf(0.975, len(values) - 1) * values.std(ddof=1) / math.sqrt(len(values)))
    return mean, mean - half, mean + half


def as_table(verdicts: list[Verdict]) -> pd.DataFrame:
    """Verdicts as a table for a page, a row each."""
    rows = [{"claim": one.claim, "the paper says": one.statement, "rule": one.rule, "found": one.value,
             "95 % interval": None if None in (one.low, one.high) else f"{one.low:.2f} … {one.high:.2f}",
             "verdict": one.verdict, "note": one.note} for one in verdicts]
    return pd.DataFrame(rows)
