"""How a run departs from the paper: its parameters beside the paper's settings, for the first table of a learning chapter."""

import pandas as pd

from sqlib.judge.published import table

WORDS = {
    "crop": lambda n: f"middle {n}×{n}" if n else "whole",
    "thin": lambda n: "all" if n == 1 else f"1 of {n}",
    "upsample": lambda n: str(n) if n else "until classes are equal",
    "joint": lambda on: "teaches the backbone too" if on else "watches only",
}


def departures(parameters: dict, part: str = "contrastive", leave=()) -> pd.DataFrame:
    """What the paper did and what this run does: setting, paper, here, same ("yes" or "no", or None where it does not say).

    part : of the printed settings (see `published.table`): contrastive, autoencoders or detector
    A row per parameter of a run that is among them, but for those to `leave` out.
    """

    def plain(value) -> str:
        if isinstance(value, list):
            return ", ".join(map(str, value)) or "none"
        return f"{value:g}" if isinstance(value, float) else str(value)

    rows, printed = [], table("settings")
    for name, setting, theirs in printed.loc[printed["part"] == part, ["parameter", "setting", "value"]].itertuples(index=False):
        if name in parameters and name not in leave:
            ours = WORDS.get(name, plain)(parameters[name])
            rows.append((setting, theirs, ours, None if "not" in theirs else "yes" if ours == theirs else "no"))
    return pd.DataFrame(rows, columns=["setting", "paper", "here", "same"])
