"""Figures that read embeddings; each takes what `sqlib.judge.embeddings` computed and returns a matplotlib figure."""

from itertools import cycle

import numpy as np
import pandas as pd

from sqlib.data.catalogue import catalogue
from sqlib.errors import SqError
from sqlib.judge.embeddings import remoteness
from sqlib.show.style import AMBER, BLUE, GRAY, GREEN, PINK, VERMILION, curves, grid, legend, shade

PALE = "#999999"  # of the common classes, drawn smaller, as crosses are
# What a frame can be, in the order of drawing (the rare ones on top): colour, marker, words
CLASSES = {
    "TN": (PALE, "o", "true negative"),
    "not predicted": (GRAY, "x", "no annotation, not predicted"),
    "no sunquake": (PALE, "o", "no sunquake"),
    "unlabelled": ("#000000", "x", "no annotation"),
    "FN": (BLUE, "s", "false negative"),
    "FP": (VERMILION, "^", "false positive"),
    "TP": (GREEN, "D", "true positive"),
    "predicted": (PINK, "v", "no annotation, predicted"),
    "sunquake": (GREEN, "D", "sunquake"),
}
SPARE = ((BLUE, "o"), (VERMILION, "^"), (GREEN, "s"), (PINK, "D"), (AMBER, "v"), ("#000000", "x"))


def outcomes(labels, predictions) -> np.ndarray:
    """TP, FP, FN or TN per frame (M,); "predicted" or "not predicted" where the label is -1."""
    names = np.array([["not predicted", "predicted"], ["TN", "FP"], ["FN", "TP"]])
    return names[np.asarray(labels) + 1, np.asarray(predictions).astype(bool).astype(int)]


def classes(status) -> dict[str, tuple[str, str, str]]:
    """Colour, marker and words of each class in `status` (M,), in the order of drawing.

    The keys of `CLASSES` look the same in every figure; others ("MDI", "HMI") take those of `SPARE` by turns.
    """
    present = set(map(str, np.unique(status)))
    looks = CLASSES | {name: (*look, name) for name, look in zip(sorted(present - set(CLASSES)), cycle(SPARE))}
    return {name: look for name, look in looks.items() if name in present}


def event_name(key: str) -> str:
    """The event as Table 1 prints it; an event that is not in it goes by its key."""
    return next((event.name for event in catalogue() if event.key == key), key)


def _marks(ax, x, y, status, size: float) -> None:
    """A mark a frame at x, y (M,), in the look of its class, counted in the legend above."""
    for name, (ink, marker, words) in classes(status).items():
        own, plain = np.asarray(status) == name, ink == PALE or marker == "x"
        look = {"s": size / 2, "linewidths": 0.8} if plain else {"s": size, "edgecolors": "white", "linewidths": 0.3}
        ax.scatter(x[own], y[own], c=ink, marker=marker, label=f"{words} ({own.sum():,})", **look)


def clusters(points, status):
    """A map of embeddings (M, 2), one mark a frame, colour and marker by its class (Figs. 5, 8 and 10)."""
    fig, (ax,) = grid(1, 1, 5.4)
    _marks(ax, *np.transpose(points), status, 30 if len(points) < 1500 else 22)
    ax.set(xlabel="UMAP 1", ylabel="UMAP 2", xticks=[], yticks=[])  # distances count in a map, places do not
    ax.set_aspect("equal", adjustable="datalim")
    return legend(fig, reverse=True, markerscale=1.3)


def along(index: pd.DataFrame, values: dict[str, np.ndarray], status, event: str):
    """Values per frame (M,) of one event against the frame number, a panel each, annotated intervals shaded.

    values : {axis label: values}, such as distances of consecutive embeddings (Figs. 6, 9 and 11) or means (Fig. 7)
    event : key of the event; `SqError` where the index has no frame of it
    """
    columns = {"status": np.asarray(status)} | {words: np.asarray(one, float) for words, one in values.items()}
    table = index[["event", "frame", "label"]].assign(**columns)
    own = table[table["event"] == event].sort_values("frame")
    if own.empty:
        raise SqError(f"no frame of event {event} in the index")
    fig = curves({words: {"": (own["frame"], own[words])} for words in values}, "frame number", columns=1, share="x",
                 high=1.9 + 1.9 / len(values), looks=[(GRAY, "-", "")], how={"lw": 0.8})
    inside = own["label"] == 1
    runs = own["frame"][inside].groupby((~inside).cumsum()[inside])
    for ax, words in zip(fig.axes, values):
        shade(ax, zip(runs.min() - 0.5, runs.max() + 0.5))  # half a frame beyond the outer ones
        _marks(ax, own["frame"], own[words], own["status"], 24)
    fig.axes[0].set_title(event_name(event) + ("; shaded: annotated frames" if inside.any() else ", not annotated"))
    return legend(fig, reverse=True, markerscale=1.3)


def rings(maps: dict[int, np.ndarray], index: pd.DataFrame):
    """Maps (M, 2) of one event by number of neighbours, side by side, colour by frames from the sunquake (Fig. 19);
    `SqError` where no frame of the event is annotated."""
    inside = index["label"].to_numpy() == 1
    if not inside.any():
        raise SqError(f"event {index['event'].iloc[0]} has no annotated frame to measure from")
    away = remoteness(index["frame"].to_numpy(), inside)
    order = np.argsort(-away, kind="stable")  # the sunquake's own frames are drawn last
    fig, axes = grid(len(maps), len(maps), 3, 0.6)
    for ax, (neighbours, points) in zip(axes, maps.items()):
        x, y = np.asarray(points)[order].T
        image = ax.scatter(x, y, 20, away[order], cmap="viridis_r")
        rim = away[order] == 0
        ax.scatter(x[rim], y[rim], 42, facecolors="none", edgecolors="black", linewidths=0.8)
        ax.set(xlabel="UMAP 1", ylabel="UMAP 2", xticks=[], yticks=[], title=f"{neighbours} neighbours")
        ax.set_aspect("equal", adjustable="datalim")
    fig.colorbar(image, ax=axes.tolist(), label="frames from the sunquake", shrink=0.85)
    return fig
