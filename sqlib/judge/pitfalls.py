"""Five ways to fool oneself, as experiments without a network: leak, imbalance, metric, threshold, augmentation."""

from collections.abc import Callable

import numpy as np
import pandas as pd
import torch
from torch.nn.functional import avg_pool2d, normalize

from sqlib.data.frames import FrameSet
from sqlib.errors import SqError
from sqlib.judge import detection, metrics, sources
from sqlib.learn.samples import Samples

LEVELS = 100  # thresholds that are tried
DOT = 3.0  # px, side of the dot that stands for the middle of a source
Change = Callable[[torch.Tensor, torch.Generator], torch.Tensor]


def blocks(samples: Samples, block: int = 4) -> np.ndarray:
    """float32 (M, K): averages of blocks of `block` px a side of each sample's middle frame, over the frame's mean;
    `SqError` for a block that does not fit the frames."""
    if not 1 <= block <= samples.pixels.shape[-1]:
        raise SqError(f"block={block} does not fit frames of {samples.pixels.shape[-1]} pixels: take 1 up to that")
    parts = [avg_pool2d(part.float()[:, None], block)[:, 0] for part in samples.pixels[samples.rows].cpu().split(512)]
    means = torch.cat(parts).flatten(1)
    return (means / means.mean(1, keepdim=True).clamp(min=1e-6)).numpy()


def calendar(index: pd.DataFrame, train, test) -> pd.DataFrame:
    """What the training row of the event that is nearest in time (of two the earlier) says of each of `test`.

    train, test : positions (R,) and (T,) in `index`. A row for each of `test`: `label`, int64, 0 where the event has no
    row in `train`, and `away`, float64, the frames between the two, infinite where there is none.
    """
    asked = index.iloc[test][["event", "frame"]].assign(row=range(len(test))).sort_values("frame")
    known = index.iloc[train][["event", "frame", "label"]].assign(at=lambda rows: rows["frame"]).sort_values("frame")
    said = pd.merge_asof(asked, known, on="frame", by="event", direction="nearest").set_index("row").sort_index()
    away = (said["frame"] - said["at"]).abs().fillna(np.inf)
    return pd.DataFrame({"label": said["label"].fillna(0).astype(np.int64), "away": away})


def likest(samples: Samples, train, test) -> np.ndarray:
    """int64 (T,): for each of `test` (T,) the one of `train` (R,) whose pixels correlate most with its own;
    positions."""

    def directions(rows: torch.Tensor) -> torch.Tensor:
        flat = samples.pixels[samples.rows[rows]].flatten(1).float()
        return normalize(flat - flat.mean(1, keepdim=True))

    train, test = (torch.as_tensor(rows, device=samples.device) for rows in (train, test))
    known = directions(train).T
    return train[torch.cat([(directions(some) @ known).argmax(1) for some in test.split(256)])].cpu().numpy()


def inflation(shuffled: tuple, whole: tuple, seed: int, draws: int = 500) -> dict[str, tuple[float, float, float]]:
    """Claim C15: what a network's classifiers score on shuffled frames and, divided by events, on whole ones.

    shuffled, whole : of the test frames of each split labels (T,), what the classifiers say (T, K), what `calendar`
        says (T,), and events (T,)
    Greatest macro F1 with its 95 % interval over events: `shuffled`, `whole`, and `calendar`, its own on shuffled
    frames; `rise`, shuffled less whole; `beyond`, shuffled less the middle between whole and calendar.
    """
    sides = [(y, np.column_stack([said, copied, np.full(len(y), side)]), np.array([f"{side} {key}" for key in events]))
             for side, (y, said, copied, events) in enumerate((whole, shuffled))]

    def best(y, values, columns=slice(None, -2), side=1):
        own = values[:, -1] == side
        return float(metrics.of_columns(y[own], values[own, columns])["F1"].max())

    ways = {"shuffled": best, "whole": lambda y, values: best(y, values, side=0),
            "calendar": lambda y, values: best(y, values, slice(-2, -1))}
    found = {name: metrics.with_interval(*sides[name != "whole"], way, seed, draws) for name, way in ways.items()}
    ways["rise"] = lambda y, values: best(y, values) - ways["whole"](y, values)
    ways["beyond"] = lambda y, values: best(y, values) - (ways["whole"](y, values) + ways["calendar"](y, values)) / 2
    both = [np.concatenate(part) for part in zip(*sides[::-1])]
    return found | {name: metrics.with_interval(*both, ways[name], seed, draws) for name in ("rise", "beyond")}


def reading(labels, decision, limit: float, events, seed: int, draws: int) -> dict[str, float]:
    """`metrics.scores` of "yes above `limit`", yes (how often), and f1_low, f1_high, ap_low, ap_high: 95 % by event.

    `labels` (0 and 1), `decision`, `events`: (M,). Errors as for `metrics.scores` and `metrics.interval`.
    """
    labels, decision = np.asarray(labels), np.asarray(decision, float)
    yes = (decision > limit).astype(int)
    found = {"yes": int(yes.sum()), **metrics.scores(labels, yes, decision)}
    for name, values, statistic in (("f1", yes, lambda y, v: metrics.scores(y, v)["f1"]),
                                    ("ap", decision, metrics.average_precision)):
        found[f"{name}_low"], found[f"{name}_high"] = metrics.interval(labels, values, events, statistic, seed, draws)
    return found


def beside(table: pd.DataFrame, boxes: pd.DataFrame, side: float, scale: float = 1.0) -> dict[str, float]:
    """Measures (see `detection.compare`) of `boxes` redrawn with `side` px about their middles: means over frames."""
    x, y = (boxes[["x0", "y0"]].to_numpy(float) + boxes[["x1", "y1"]].to_numpy(float)).T / 2
    boxes = boxes.assign(x0=x - side / 2, y0=y - side / 2, x1=x + side / 2, y1=y + side / 2)
    found = detection.compare(table, boxes, scale)
    return {"IoU": found["iou"].mean(), "centre within the truth": detection.correct(found).mean(),
            "whole box within the truth": found["inside"].mean(), "boxes touch": (found["iou"] > 0).mean(),
            "centre within 5 px": (found["pixels"] <= 5).mean()}


def optimism(decision, labels, events, held: int, splits: int, rng: np.random.Generator) -> pd.DataFrame:
    """Macro F1 on `held` test events drawn at random, with the best threshold for the others and for themselves.

    decision, labels (0 and 1), events : (M,). A row per split: honest (threshold of the training events), tuned (of the
    test events themselves), optimism, their difference. `LEVELS` quantiles of the decision are tried; a split without
    both classes on both sides is left out. Raises `SqError` for too few events, and where no split is left.
    """
    decision, labels = np.asarray(decision, float), np.asarray(labels)
    names, which = np.unique(np.asarray(events), return_inverse=True)
    if not 1 <= held < len(names) or splits < 1:
        raise SqError(f"{held} of {len(names)} events held out, {splits} splits: keep an event, ask for more")
    yes = decision[:, None] > np.quantile(decision, np.linspace(0, 1, LEVELS + 2)[1:-1])
    counts = np.zeros((2, len(names), LEVELS + 1))  # yes at each level, and how many there are, by class and event
    for label in (0, 1):
        np.add.at(counts[label], which[labels == label], np.c_[yes, np.ones(len(yes))][labels == label])
    tests = rng.permuted(np.tile(np.arange(len(names)) < held, (splits, 1)), axis=1)
    sides = [np.einsum("se,cek->csk", side.astype(float), counts) for side in (~tests, tests)]
    whole = np.all([side[..., -1] > 0 for side in sides], axis=(0, 1))
    if not whole.any():
        raise SqError("no split has both classes on both sides: add events with annotated frames")
    kept = [(side[:, whole, :-1], side[:, whole, -1:]) for side in sides]
    every = [metrics.macro(*(x.ravel() for x in (tp, fp, p - tp, n - fp))) for (fp, tp), (n, p) in kept]
    train, test = (scores["F1"].to_numpy().reshape(-1, LEVELS) for scores in every)
    honest, tuned = test[np.arange(len(test)), train.argmax(1)], test.max(1)
    return pd.DataFrame({"honest": honest, "tuned": tuned, "optimism": tuned - honest})


def marks(boxes, size: int) -> torch.Tensor:
    """uint8 (P, 2, size, size), 255 or 0: the pixels of the boxes of P frames, and dots of `DOT` px amid them."""
    half = np.array([-DOT, -DOT, DOT, DOT]) / 2
    dots = [[np.tile(np.reshape(box, (2, 2)).mean(0), 2) + half for box in own] for own in boxes]
    kinds = [torch.stack([sources.inside_of(own, size) for own in kind]) for kind in (boxes, dots)]
    return torch.stack(kinds, 1).to(torch.uint8) * 255


def changed(frames: torch.Tensor, marked: torch.Tensor, change: Change,
            seed: int) -> tuple[torch.Tensor, torch.Tensor, np.ndarray]:
    """After `change`: frames uint8 (P, S, S), their annotated pixels (bool), and whether a box's middle is left (P,).

    `change` is given the frame as the first of three channels, (B, 3, H, W), and its `marks` as the others. What moves
    or covers the frame does it to them too; a filter leaves them as they are.
    """
    generator = torch.Generator().manual_seed(seed)
    new = torch.cat([change(part, generator) for part in torch.cat([frames[:, None], marked], 1).split(64)])
    return new[:, 0], new[:, 1] > 127, (new[:, 2] > 127).flatten(1).any(1).numpy()


def example(frame: torch.Tensor, marked: torch.Tensor, change: Change, seed: int, tries: int = 100) -> tuple:
    """The first of some random views of a frame (1, S, S) that has lost the centre of its box, else the first that
    differs from the frame, else the last: `changed`, of one frame."""
    other = None
    for n in range(tries):
        new, inside, kept = changed(frame, marked, change, seed + n)
        if not kept[0]:
            return new[0], inside[0], False
        if other is None and not torch.equal(new, frame):
            other = new[0], inside[0], True
    return other or (new[0], inside[0], True)


def survives(frameset: FrameSet, positives, changes: dict[str, Change], views: int, seed: int) -> pd.DataFrame:
    """What `changes`, as for `changed`, leave of annotated sources: a row each, mean of `views`.

    views with a label: how many samples would be called positive; source kept: share whose box keeps its middle;
    brightest: share whose brightest pixel is in the box; told apart: mean over events of the share of pairs in which
    the source has more contrast than the same place of a quiet frame (`sources.told_apart`), a source that is gone
    having none.
    """
    places = np.r_[positives, sources.controls(frameset, positives)[0]]
    table, labels = frameset.index.iloc[places], np.arange(len(places)) < len(positives)
    frames = torch.from_numpy(np.ascontiguousarray(frameset.pixels[places]))
    near = table[labels].groupby("event")["boxes"].agg(lambda own: tuple({box for boxes in own for box in boxes}))
    boxes = [own if yes else near[event] for own, event, yes in zip(table["boxes"], table["event"], labels)]
    marked, rows = marks(boxes, frames.shape[-1]), []
    for name, change in changes.items():
        found = []
        for view in range(views):
            new, inside, left = changed(frames, marked, change, seed + view)
            contrast = np.nan_to_num(sources.contrast(new, inside))
            told = sources.told_apart(contrast, labels, table["event"].to_numpy()).mean()
            found.append((left[labels].mean(), sources.brightest(new, inside)[labels].mean(), told))
        rows.append((name, views * len(positives), *np.mean(found, 0)))
    return pd.DataFrame(rows, columns=["augmentation", "views with a label", "source kept", "brightest", "told apart"])


def restarted(index: pd.DataFrame, rng: np.random.Generator) -> pd.DataFrame:
    """An index as if each event's cube had begun at random, 0 to 256 frames earlier: only its numbers change."""
    earlier = {event: int(rng.integers(257)) for event in index["event"].unique()}
    return index.assign(frame=index["frame"] + index["event"].map(earlier))


def upsampled(pictures: np.ndarray, labels, times: int, before: bool, rng: np.random.Generator) -> pd.DataFrame:
    """Section 4.1's second bias: positives multiplied by turns, `before` the pictures are divided or only afterwards.

    pictures : (M, B, B), such as block averages, of frames too far apart to share speckle; `labels` (M,) of 0 and 1
    times : how often, in different ones of the eight symmetries (1 … 8), each positive is there
    A fifth of the pictures are drawn for the test. A row for each of them: label, decision, copied (whether training
    has the same frame in another turn). The decision is that of who knows every training picture and all its turns: the
    greatest correlation with a positive less that with a negative. To multiply after the division adds nothing to what
    it knows. Raises `SqError` where the training pictures lack a class.
    """
    labels = np.asarray(labels)
    ways = [np.rot90(side, turn, (1, 2)) for side in (pictures, pictures[:, :, ::-1]) for turn in range(4)]
    flat = np.stack(ways, 1).reshape(len(pictures), 8, -1).astype(np.float32)
    flat -= flat.mean(2, keepdims=True)
    flat /= np.maximum(np.linalg.norm(flat, axis=2, keepdims=True), 1e-9)
    count = np.where((labels == 1) & before, times, 1)
    which = np.repeat(np.arange(len(labels)), count)
    way = np.concatenate([rng.permutation(8)[:n] for n in count])
    tests = rng.random(len(which)) < 0.2
    known, asked = which[~tests], which[tests]
    yes, no = (flat[known[labels[known] == kind], way[~tests][labels[known] == kind]] for kind in (1, 0))
    if not len(yes) or not len(no):
        raise SqError("the training pictures lack a class: give more pictures, or test on fewer")
    best = [np.concatenate([(flat[part] @ own.T).max((1, 2)) for part in np.array_split(asked, -(-len(asked) // 64))])
            for own in (yes, no)]
    return pd.DataFrame({"label": labels[asked], "decision": best[0] - best[1], "copied": np.isin(asked, known)})
