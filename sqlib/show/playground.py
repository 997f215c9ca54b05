"""A playground of augmentations: a frame beside what some alteration made of it, all computed beforehand.

The player is templates/playground.html and players/viewer.js: offline, by keyboard, a still without scripts.
"""

from dataclasses import dataclass

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
from sqlib.show.plots_embedding import event_name
from sqlib.show.style import AMBER

MIXING = "Time-Based Mixing"
KINDS = {"as it is": "nothing", "h-flip": "horizontal flip", "v-flip": "vertical flip", "90°": "turn by 90°",
         "180°": "turn by 180°", "270°": "turn by 270°", "erasing": "Random Erasing", "crop": "random crop",
         "shift": "shift", "gaussian_blur": "Gaussian blur", MIXING: MIXING}
RANDOM = ("erasing", "crop", "shift", "gaussian_blur")


@dataclass(frozen=True, eq=False)
class Attempts:
    """What alterations made of frames: for each frame, each low-pass, each kind and each draw a picture, a row, and
    boxes.

    `pictures`: uint8 (N, S, S, 3), as they are shown. `table`: a row each with event, frame, sunquake (bool), threshold
    of the low-pass (0: none), then (a key of KINDS), draw, contrast before and after (NaN where no annotated pixel is
    left), and left: how many annotated pixels are there and not painted over, of one before. `boxes` (N): of these, in
    pixels shown.
    """

    pictures: np.ndarray
    table: pd.DataFrame
    boxes: list


def choose(samples: Samples, count: int = 5) -> tuple[torch.Tensor, torch.Tensor, pd.DataFrame]:
    """Samples of three frames for the playground: uint8 (B, 3, H, W), their sources' places (B, H, W), their facts (B
    rows).

    The frame of greatest contrast of each of `count` events, from the clearest event to a middling one, and, where
    there is one, a frame of the first event without a sunquake, with the place where that event's sunquake is at other
    times. `SqError` where no annotated frame has a box.
    """
    index, size = samples.index, samples.pool.shape[-1]
    rows = np.flatnonzero((index["label"] == 1).to_numpy())
    rows = rows[[bool(sources.inside_of(index["boxes"][row], size).any()) for row in rows]]
    if not len(rows):
        raise SqError("the playground needs an annotated frame with a box, and its neighbours in time")
    bright = sources.contrast(samples.pool[samples.rows[rows]], sources.masks(index.iloc[rows], size))
    ranked = index["event"].iloc[rows].to_frame().assign(bright=bright).sort_values("bright", ascending=False)
    best = ranked.drop_duplicates("event").index
    chosen = best[np.unique(np.linspace(0, (len(best) - 1) * 0.6, count).round().astype(int))].tolist()
    places = list(sources.masks(index.iloc[chosen], size))
    own = index[index["event"] == index["event"][chosen[0]]]
    for quiet in own.index[own["label"] == 0][:1]:
        chosen.append(quiet)
        places.append(sources.inside_of({box for boxes in own["boxes"] for box in boxes}, size))
    return gather(samples, torch.tensor(chosen)), torch.stack(places), index.iloc[chosen].reset_index(drop=True)


def attempts(batch: torch.Tensor, inside: torch.Tensor, facts: pd.DataFrame, generator: torch.Generator,
             thresholds=(50, 30), draws: int = 3, side: int = 104) -> Attempts:
    """Alter samples uint8 (B, 3, H, W), with sources `inside` bool (B, H, W), in every way that the playground offers.

    The alterations are those of `sqlib.learn`, upon the samples as they are and after the Solarized Low-Pass of each of
    `thresholds`. The same draw means the same chance after each of them. Pictures have at most `side` pixels a side;
    white is the quantile .995 of the frame as it is (at least 100 with erased rectangles), and 255 after a low-pass.
    """
    seeds = torch.randint(2**31, (draws,), generator=generator).tolist()
    before, size = sources.contrast(batch[:, 1], inside), min(side, batch.shape[-1])
    top = batch[:, 1].flatten(1).float().quantile(0.995, dim=1).clamp(min=1)
    parts = []
    for threshold in (0, *thresholds):
        plain = solarized_low_pass(batch, threshold) if threshold else batch
        for kind in KINDS:
            for draw, seed in enumerate(seeds if kind in RANDOM else seeds[:1]):
                done, place = plain, inside
                if kind != MIXING:
                    done, place = sources.altered(kind, plain, inside, torch.Generator().manual_seed(seed))
                values = done.float().mean(1) if kind == MIXING else done[:, 1]
                kept = place & (done[:, 1] == plain[:, 1]) if kind == "erasing" else place
                white = torch.full_like(top, 255) if threshold else top.clamp(min=100 if kind == "erasing" else 1)
                shown = done if kind == MIXING else done[:, 1:2].expand(-1, 3, -1, -1)
                small = resize(shown.reshape(-1, *shown.shape[2:]), size).reshape(-1, 3, size, size)
                pictures = to_bytes(small * (255 / white)[:, None, None, None]).transpose(0, 2, 3, 1)
                rows = facts[["event", "frame"]].assign(
                    sunquake=facts["label"] == 1, threshold=threshold, then=kind, draw=draw, before=before,
                    after=sources.contrast(values, place), left=(kept.sum((1, 2)) / inside.sum((1, 2))).numpy())
                parts.append((pictures, rows, [_boxes(one, size / batch.shape[-1]) for one in place.numpy()]))
    order = np.arange(len(parts) * len(batch)).reshape(len(parts), len(batch)).T.ravel()  # a frame's stand together
    pictures, rows, boxes = zip(*parts)
    table = pd.concat(rows, ignore_index=True).iloc[order].reset_index(drop=True)
    flat = [own for part in boxes for own in part]
    return Attempts(np.concatenate(pictures)[order], table, [flat[i] for i in order])


def _boxes(mask: np.ndarray, scale: float) -> list[list[float]]:
    """Boxes (x0, y0, x1, y1) of the connected patches of a mask (H, W), in pixels of a picture `scale` times larger."""
    found = ndimage.find_objects(ndimage.label(mask)[0])
    return [[round(scale * edge, 1) for edge in (x.start, y.start, x.stop, y.stop)] for y, x in found]


def sentence(row) -> str:
    """A row of the table of `Attempts` in words."""
    what = "source" if row.sunquake else "marked place, where a sunquake is at other times"
    told = f"Contrast of the {what}: {row.before:.1f} before, "
    if np.isnan(row.after):
        return told + "nothing after: it has been cut off."
    told += f"{row.after:.1f} after"
    if row.then == "erasing":
        return f"{told}; {1 - row.left:.0%} of it is painted over."
    if row.then == MIXING:
        return told + " (of the mean of the three frames)."
    return told + ("; it has moved with the frame." if row.then in ("shift", "crop", *list(KINDS)[1:6]) else ".")


def playground(tried: Attempts, limit: int = 450_000) -> tuple[dict, bytes]:
    """Return what the playground's template shows, and its sprite sheet, at most `limit` bytes."""
    data, cols, rows = sprites.sheet(tried.pictures, limit, worst=10)
    table, (height, width) = tried.table, tried.pictures.shape[1:3]
    frames = table[["event", "frame", "sunquake"]].drop_duplicates()
    states = table[(table["threshold"] == 0)].groupby("then", sort=False)["draw"].nunique()
    passes = table["threshold"].unique()
    facts = {"cols": cols, "rows": rows, "passes": len(passes), "states": states.tolist(), "boxes": tried.boxes,
             "words": [sentence(row) for row in table.itertuples()]}
    named = [f"{event_name(row.event)}, frame {row.frame}" + ": no sunquake" * (not row.sunquake)
             for row in frames.itertuples()]
    choices = [("Frame", named),
               ("Solarized Low-Pass", [f"threshold {number}" if number else "none" for number in passes]),
               ("Then", [KINDS[kind] for kind in states.index])]
    player = {"kind": "playground", "width": width, "height": height, "inks": [AMBER], "choices": choices,
              "chosen": [0, 1, 0], "facts": facts}
    return player, data


def still(tried: Attempts):
    """The first frame and what each alteration by itself made of it, as a figure."""
    from sqlib.show.plots_augmentations import panels

    table = tried.table
    own = (table["event"] == table["event"][0]) & (table["frame"] == table["frame"][0]) & (table["draw"] == 0)
    rows = table[own & ((table["threshold"] == 0) | ((table["threshold"] == 50) & (table["then"] == "as it is")))]
    pictures = [tried.pictures[i] / 255 for i in rows.index]
    titles = ["Solarized Low-Pass" if row.threshold else KINDS[row.then] for row in rows.itertuples()]
    after = ["cut off" if np.isnan(value) else f"contrast {value:.1f}" for value in rows["after"]]
    titles = [f"{title}\n{words}" for title, words in zip(["the frame", *titles[1:]], after)]
    return panels(pictures, titles, 5, boxes=[tried.boxes[i] for i in rows.index])
