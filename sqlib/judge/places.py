"""Where the locator that comes with sqlib sees a source in each of many frames: asked once, and kept."""

import numpy as np
import pandas as pd

from sqlib import answers, keys
from sqlib.data.frames import FrameSet
from sqlib.judge.cases import PLACE, look
from sqlib.learn import locator

CODE = keys.code_hash([__name__], ("sun", "data", "learn", "judge"))


def by_locator(frameset: FrameSet, rows: np.ndarray) -> pd.DataFrame:
    """`cases.look` of the locator at the frames `rows` (positions) of a frame set; some hundred frames a second.

    Kept (`sqlib.answers`); `SqError` as `look` raises.
    """
    def ask() -> np.ndarray:
        index = frameset.index.iloc[rows].reset_index(drop=True)
        return look(frameset.pixels[rows], index, locator.find_sources).to_numpy()

    key = answers.key_of("places", CODE, frameset, answers.hash_of(locator.WEIGHTS), rows=rows)
    return pd.DataFrame(answers.kept(key, ask), columns=PLACE)
