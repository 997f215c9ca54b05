"""The paper's printed numbers and settings, to stand beside ours (Mercea et al. 2023, DOI 10.1007/s11207-022-02081-7).

As printed, slips included: `tests/test_published.py` names those that the printed numbers themselves betray.
"""

from pathlib import Path

import pandas as pd

FOLDER = Path(__file__).with_name("printed")
WORDS = {
    "crop": lambda n: f"middle {n}×{n}" if n else "whole",
    "thin": lambda n: "all" if n == 1 else f"1 of {n}",
    "upsample": lambda n: str(n) if n else "until classes are equal",
    "joint": lambda on: "teaches the backbone too" if on else "watches only",
}


def table(name: str) -> pd.DataFrame:
    """One of the paper's tables, a row per printed outcome.

    table2, table4, table6 : classifier, smote ("None" or "SMOTE"), precision, recall, f1 (macro), accuracy, average;
        table6 also model ("AE" or "log-cosh VAE")
    table3 : event (key of the catalogue), TP, FP, FN, GT
    table5 : metric, sc23, sc24 (percent)
    recurrence : Section 3.3's four scores of the sliding window
    samples : set, positives, negatives: the test sets of the captions, "balanced" (trained on after SMOTE and
        under-sampling, Section 4.1.1) and "all" (Section 2.3)
    settings : part, parameter (its name in the notebooks), setting (what it sets), value: of "contrastive" (Section
        4.1; where it prints none, the authors' published code), "autoencoders" (Appendix A) and "detector" (their
        published code; where that says nothing, torchvision's default)
    slips : where, printed, evidence, read (what this book reads instead); chapter 01 computes what stands in braces
    """
    return pd.read_csv(FOLDER / f"{name}.csv", keep_default_na=False)


def departures(parameters: dict, part: str = "contrastive", leave=()) -> pd.DataFrame:
    """How a run departs from the paper: setting, paper, here, same ("yes" or "no"; None where the paper does not say).

    part : of the printed settings: contrastive, autoencoders or detector
    A row for each of the run's `parameters` that is among them, without those to `leave` out.
    """

    def plain(value) -> str:
        if isinstance(value, list):
            return ", ".join(map(str, value)) or "none"
        return f"{value:g}" if isinstance(value, float) else str(value)

    rows, printed = [], table("settings")
    for row in printed[printed["part"] == part].itertuples():
        if row.parameter in parameters and row.parameter not in leave:
            ours = WORDS.get(row.parameter, plain)(parameters[row.parameter])
            same = None if "not" in row.value else "yes" if ours == row.value else "no"
            rows.append((row.setting, row.value, ours, same))
    return pd.DataFrame(rows, columns=["setting", "paper", "here", "same"])
