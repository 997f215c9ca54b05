"""Parts of sentences that a run's own numbers fill, so that what it says it found is true of any run."""

import math
from collections.abc import Sequence


def interval(value, low=None, high=None, form: str = ".2f", unit: str = "", without: str = "") -> str:
    """A number with its 95 % interval, "0.98 (0.97 … 0.99)"; `without`: what follows where an end is not finite."""
    known = all(end is not None and math.isfinite(end) for end in (low, high))
    return f"{value:{form}}{unit}" + (f" ({low:{form}} … {high:{form}}{unit})" if known else without)


def percent(value: float, low: float = math.nan, high: float = math.nan, form: str = ".0f") -> str:
    """A share (0…1) in percent, with its 95 % interval where there is one, "13 % (10 … 17 %)"."""
    return interval(100 * value, 100 * low, 100 * high, form, " %") if math.isfinite(value) else "not defined here"


def sided(low: float, high: float, above: str, below: str, neither: str, bound: float = 0) -> str:
    """The words for an interval that lies above the bound, for one below, and for one that does neither (or is NaN)."""
    return above if low > bound else below if high < bound else neither


def changed(found: Sequence[float], above: str, below: str, neither: str, form: str = "+.3f") -> str:
    """`sided` by a difference and its interval, both of which follow: "raises it (+0.05, +0.01 … +0.09)"."""
    value, low, high = found
    ends = f", {low:{form}} … {high:{form}}" if math.isfinite(low + high) else ""
    return f"{sided(low, high, above, below, neither)} ({value:{form}}{ends})"


def listed(words: Sequence[str]) -> str:
    """Words as a sentence lists them: "a", "a and b", "a, b and c"; "" for none."""
    *first, last = words or [""]
    return f"{', '.join(first)} and {last}" if first else last
