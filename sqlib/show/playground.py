"""A playground of augmentations: a frame beside what some alteration made of it, all computed beforehand."""

import numpy as np
import pandas as pd
import torch
from scipy import ndimage

from sqlib.data.frames import resize, to_bytes
from sqlib.errors import SqError
from sqlib.judge import sources
from sqlib.learn.lowpass import solarized_low_pass
from sqlib.learn.samples import Samples, gather
from sqlib.show import sprites
from sqlib.show.bundle import Player
from sqlib.show.plots_embedding import event_name
from sqlib.show.style import AMBER, panels

MIXING = "Time-Based Mixing"
KINDS = {"as it is": "nothing", "h-flip": "horizontal flip", "v-flip": "vertical flip", "90°": "turn by 90°",
         "180°": "turn by 180°", "270°": "turn by 270°", "erasing": "Random Erasing", "crop": "random crop",
         "shift": "shift", "gaussian_blur": "Gaussian blur", MIXING: MIXING}
RANDOM = ("erasing", "crop", "shift", "gaussian_blur")


def choose(samples: Samples, count: int = 5) -> tuple[torch.Tensor, torch.Tensor, pd.DataFrame]:
    """Samples of three frames for the playground: uint8 (B, 3, H, W), their sources' places (B, H, W), their facts (B
    rows).

    The frame of greatest contrast of each of `count` events, from the clearest event to a middling one, and, where
    there is one, a frame of the first event without a sunquake, with the place where that event's sunquake is at other
    times. `SqError` where no annotated frame has a box.
    """
    index, size = samples.index, samples.pixels.shape[1]
    rows = sources.annotated(samples)
    if not len(rows):
        raise SqError("the playground needs an annotated frame with a box, and its neighbours in time")
    bright = sources.contrast(samples.pixels[samples.rows[rows]], sources.masks(index.iloc[rows], size))
    ranked = index.iloc[rows].assign(bright=bright).sort_values("bright", ascending=False)
    best = ranked.drop_duplicates("event").index
    chosen = best[np.unique(np.linspace(0, (len(best) - 1) * 0.6, count).round().astype(int))].tolist()
    own = index[index["event"] == index["event"][chosen[0]]]
    quiet = own.index[own["label"] == 0][:1].tolist()
    facts = index.iloc[chosen + quiet].reset_index(drop=True)
    elsewhere = [{box for boxes in own["boxes"] for box in boxes}] * len(quiet)
    places = sources.masks(facts.assign(boxes=[*index["boxes"].iloc[chosen], *elsewhere]), size)
    return gather(samples, torch.tensor(chosen + quiet)), places, facts


def attempts(batch: torch.Tensor, inside: torch.Tensor, facts: pd.DataFrame, generator: torch.Generator,
             thresholds=(50, 30), draws: int = 3, side: int = 104) -> tuple[np.ndarray, pd.DataFrame]:
    """Alter samples uint8 (B, 3, H, W), with sources `inside` bool (B, H, W), in every way that the playground offers:
    those of `sqlib.learn`, on the samples as they are and after the Solarized Low-Pass of each of `thresholds`, with
    the same chance in the same draw.

    Returns pictures, uint8 (N, S, S, 3), S at most `side`, and a row for each, a frame's together: event, frame,
    sunquake (bool), threshold of the low-pass (0: none), then (a key of KINDS), draw, contrast before and after (NaN
    where no annotated pixel is left), left (how many of these are there and not painted over, of one before) and boxes,
    in pixels shown. White is the quantile .995 of the frame as it is (at least 100 with erased rectangles), 255 after a
    low-pass.
    """
    seeds = torch.randint(2**31, (draws,), generator=generator).tolist()
    before, size = sources.contrast(batch[:, 1], inside), min(side, batch.shape[-1])
    top = batch[:, 1].flatten(1).float().quantile(0.995, dim=1).clamp(min=1)
    passed = {0: batch} | {threshold: solarized_low_pass(batch, threshold) for threshold in thresholds}
    tried = [(threshold, kind, draw) for threshold in passed for kind in KINDS
             for draw in range(draws if kind in RANDOM else 1)]
    pictures, rows = [], []
    for threshold, kind, draw in tried:
        plain, mixing, erasing = passed[threshold], kind == MIXING, kind == "erasing"
        chance = torch.Generator().manual_seed(seeds[draw])
        done, place = (plain, inside) if mixing else sources.altered(kind, plain, inside, chance)
        kept = place & (done[:, 1] == plain[:, 1]) if erasing else place
        shown = done if mixing else done[:, 1:2].expand(-1, 3, -1, -1)
        white = torch.full_like(top, 255) if threshold else top.clamp(min=100 * erasing)
        small = resize(shown.reshape(-1, *shown.shape[2:]), size).reshape(-1, 3, size, size)
        pictures.append(to_bytes(small * (255 / white)[:, None, None, None]).transpose(0, 2, 3, 1))
        rows.append(facts[["event", "frame"]].assign(
            sunquake=facts["label"] == 1, threshold=threshold, then=kind, draw=draw, before=before,
            after=sources.contrast(done.float().mean(1) if mixing else done[:, 1], place),
            left=(kept.sum((1, 2)) / inside.sum((1, 2))).numpy(),
            boxes=[_boxes(one, size / batch.shape[-1]) for one in place.numpy()]))
    order = np.arange(len(tried) * len(batch)).reshape(len(tried), -1).T.ravel()
    return np.concatenate(pictures)[order], pd.concat(rows).iloc[order].reset_index(drop=True)


def _boxes(mask: np.ndarray, scale: float) -> list[list[float]]:
    """Boxes (x0, y0, x1, y1) of the connected patches of a mask (H, W), in pixels of a picture `scale` times larger."""
    found = ndimage.find_objects(ndimage.label(mask)[0])
    return [[round(scale * edge, 1) for edge in (x.start, y.start, x.stop, y.stop)] for y, x in found]


def sentence(row) -> str:
    """A row of `attempts` in words."""
    what = "source" if row.sunquake else "marked place, where a sunquake is at other times"
    if np.isnan(row.after):
        return f"Contrast of the {what}: {row.before:.1f} before, nothing after: it has been cut off."
    more = {"erasing": f"; {1 - row.left:.0%} of it is painted over.", MIXING: " (of the mean of the three frames)."}
    more |= dict.fromkeys(("shift", "crop", *list(KINDS)[1:6]), "; it has moved with the frame.")
    return f"Contrast of the {what}: {row.before:.1f} before, {row.after:.1f} after{more.get(row.then, '.')}"


def playground(pictures: np.ndarray, table: pd.DataFrame) -> Player:
    """Frames and what alterations made of them, of `attempts`, to choose from; as a still, the first frame's."""
    sheet, cols, rows = sprites.sheet(pictures, 450_000)
    frames, passes = table.drop_duplicates(["event", "frame"]), table["threshold"].unique()
    states = table[table["threshold"] == 0].groupby("then", sort=False)["draw"].nunique()
    facts = {"cols": cols, "rows": rows, "passes": len(passes), "states": states.tolist(),
             "boxes": table["boxes"].tolist(), "words": [sentence(row) for row in table.itertuples()]}
    named = [f"{event_name(row.event)}, frame {row.frame}" + ": no sunquake" * (not row.sunquake)
             for row in frames.itertuples()]
    choices = [("Frame", named),
               ("Solarized Low-Pass", [f"threshold {number}" if number else "none" for number in passes]),
               ("Then", [KINDS[kind] for kind in states.index])]
    shown = {"kind": "playground", "width": pictures.shape[2], "height": pictures.shape[1], "inks": [AMBER],
             "choices": choices, "chosen": [0, 1, 0], "facts": facts}

    first = table[: len(table) // len(frames)].query("draw == 0")
    first = first[(first["threshold"] == 0) | ((first["threshold"] == 50) & (first["then"] == "as it is"))]
    names = ["Solarized Low-Pass" if row.threshold else KINDS[row.then] for row in first.itertuples()]
    after = ["cut off" if np.isnan(value) else f"contrast {value:.1f}" for value in first["after"]]
    titles = [f"{name}\n{said}" for name, said in zip(["the frame", *names[1:]], after)]
    still = panels([pictures[i] / 255 for i in first.index], titles, 5, boxes=first["boxes"].tolist())
    return Player(shown, sheet, still, table.drop(columns="boxes"), {"pictures": len(pictures)})
