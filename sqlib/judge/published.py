"""The paper's printed numbers, to stand beside ours (Mercea et al. 2023, DOI 10.1007/s11207-022-02081-7).

As printed, slips included: `tests/test_published.py` names those that the printed numbers themselves betray.
"""

from pathlib import Path

import pandas as pd

from sqlib.errors import SqError

FOLDER = Path(__file__).with_name("printed")


def names() -> list[str]:
    """What `table` knows."""
    return sorted(path.stem for path in FOLDER.glob("*.csv"))


def table(name: str) -> pd.DataFrame:
    """One of the paper's tables, a row per printed outcome.

    table2, table4, table6 : classifier, smote ("None" or "SMOTE"), precision, recall, f1 (macro), accuracy, average; table6
        also model ("AE" or "log-cosh VAE")
    table3 : event (key of the catalogue), TP, FP, FN, GT
    table5 : metric, sc23, sc24 (percent)
    recurrence : Section 3.3's four scores of the sliding window
    samples : set, positives, negatives: the test sets of the captions, "balanced" (trained on after SMOTE and
        under-sampling, Section 4.1.1) and "all" (Section 2.3)
    settings : part, parameter (its name in the notebooks), setting (what it sets), value: of "contrastive" (Section 4.1; where it
        prints none, the authors' published code), "autoencoders" (Appendix A) and "detector" (their published code; where that
        says nothing, torchvision's default)

    Raises `SqError` for any other name.
    """
    if name not in names():
        raise SqError(f"no printed table {name!r}; there are: {', '.join(names())}")
    return pd.read_csv(FOLDER / f"{name}.csv", keep_default_na=False)
