"""Figures that read embeddings; each takes what `sqlib.judge.embeddings` computed and returns a matplotlib figure."""

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd

from sqlib.data.catalogue import catalogue
from sqlib.errors import SqError
from sqlib.judge.embeddings import remoteness
from sqlib.show.style import AMBER, BLUE, GRAY, GREEN, PINK, VERMILION, dots, draw_boxes, guide

PALE = "#999999"  # of the common classes, drawn smaller, as crosses are
# What a frame can be, in the order of drawing (the rare ones on top): colour (Okabe and Ito 2008), marker, words
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
BAND = "#f0e6c8"


def outcomes(labels, predictions) -> np.ndarray:
    """TP, FP, FN or TN per frame (M,); "predicted" or "not predicted" where the label is -1."""
    names = np.array([["not predicted", "predicted"], ["TN", "FP"], ["FN", "TP"]])
    return names[np.asarray(labels) + 1, np.asarray(predictions).astype(bool).astype(int)]


def classes(status) -> dict[str, tuple[str, str, str]]:
    """Colour, marker and words of each class in `status` (M,), in the order of drawing.

    The keys of `CLASSES` look the same in every figure; others ("MDI", "HMI") take what is spare, in sorted order.
    `SqError` where there are more of them than markers.
    """
    present = set(map(str, np.unique(status)))
    known = {name: look for name, look in CLASSES.items() if name in present}
    others, spare = sorted(present - set(known)), [s for s in SPARE if s not in [look[:2] for look in known.values()]]
    if len(others) > len(spare):
        raise SqError(f"{len(others)} classes, of which {', '.join(others[:9])}: {len(spare)} can be told apart by marker")
    return known | {name: (*look, name) for name, look in zip(others, spare)}


def event_name(key: str) -> str:
    """The event as Table 1 prints it; an event that is not in it goes by its key."""
    return next((event.name for event in catalogue() if event.key == key), key)


def _marks(ax, x, y, status, looks, size: float) -> None:
    for name, (colour, marker, words) in looks.items():
        own = np.asarray(status) == name
        plain = colour == PALE or marker == "x"
        look = {"s": size / 2, "linewidths": 0.8} if plain else {"s": size, "edgecolors": "white", "linewidths": 0.3}
        ax.scatter(x[own], y[own], c=colour, marker=marker, label=f"{words} ({own.sum():,})", **look)


def _legend(fig, ax, count: int) -> None:
    handles, words = ax.get_legend_handles_labels()
    fig.legend(handles[::-1], words[::-1], loc="outside upper left", ncols=2 if count > 1 else 1, markerscale=1.3,
               columnspacing=1.2, handletextpad=0.3)  # fmt: skip


def clusters(points, status, axes: tuple[str, str] = ("UMAP 1", "UMAP 2")):
    """A map of embeddings (M, 2), one mark a frame, colour and marker by its class (Figs. 5, 8 and 10)."""
    points, looks = np.asarray(points), classes(status)
    fig, ax = plt.subplots(figsize=(7, 5.4))
    _marks(ax, *points.T, status, looks, 30 if len(points) < 1500 else 22)
    ax.set(xlabel=axes[0], ylabel=axes[1], xticks=[], yticks=[])
    ax.set_aspect("equal", adjustable="datalim")
    _legend(fig, ax, len(looks))
    return fig


def along(index: pd.DataFrame, values: dict[str, np.ndarray], status, event: str):
    """Values per frame (M,) of one event against the frame number, a panel each, annotated intervals as bands.

    values : {axis label: values}, such as distances of consecutive embeddings (Figs. 6, 9 and 11) or moments (Fig. 7)
    event : key of the event; `SqError` where the index has no frame of it
    """
    own = np.flatnonzero((index["event"] == event).to_numpy())
    if not len(own):
        raise SqError(f"no frame of event {event} in the index")
    own = own[index["frame"].to_numpy()[own].argsort()]
    frames, status, looks = index["frame"].to_numpy()[own], np.asarray(status)[own], classes(np.asarray(status)[own])
    fig, panels = plt.subplots(len(values), 1, figsize=(7, 1.9 + 1.9 * len(values)), sharex=True, squeeze=False)
    for ax, (words, one) in zip(panels[:, 0], values.items()):
        for span in _annotated(frames, index["label"].to_numpy()[own]):
            ax.axvspan(*span, color=BAND, lw=0, zorder=0)
        one = np.asarray(one, float)[own]
        ax.plot(frames, one, color="#777777", lw=0.8)
        _marks(ax, frames, one, status, looks, 24)
        ax.set_ylabel(words)
    shaded = "; shaded: annotated frames" if (index["label"].to_numpy()[own] == 1).any() else ", not annotated"
    panels[0, 0].set_title(event_name(event) + shaded, fontsize=10)
    panels[-1, 0].set(xlabel="frame number")
    _legend(fig, panels[0, 0], len(looks))
    return fig


def _annotated(frames, labels) -> list[tuple[float, float]]:
    """Where each run of annotated frames begins and ends on the frame axis, half a frame beyond the outer ones."""
    edges = np.flatnonzero(np.diff(np.r_[0, labels == 1, 0]))
    return [(first - 0.5, last + 0.5) for first, last in zip(frames[edges[::2]], frames[edges[1::2] - 1])]


def similarities(matrix, index: pd.DataFrame, event: str):
    """Cosine similarity of one event's embeddings (M, M), frames in the order of time, the annotated interval framed."""
    labels, frames = index["label"].to_numpy(), index["frame"].to_numpy()
    extent = (frames[0] - 0.5, frames[-1] + 0.5, frames[-1] + 0.5, frames[0] - 0.5)
    fig, ax = plt.subplots(figsize=(6, 5))
    image = ax.imshow(matrix, extent=extent, vmax=1)
    for first, last in _annotated(frames, labels):
        for colour, width in (("white", 3), (VERMILION, 1.6)):
            draw_boxes(ax, [np.array([first, first, last, last]) + 0.5], colour, width)
    ax.set(xlabel="frame number", ylabel="frame number", title=event_name(event))
    fig.colorbar(image, ax=ax, label="cosine similarity", shrink=0.9)
    return fig


def rings(maps: dict[int, np.ndarray], index: pd.DataFrame):
    """Maps (M, 2) by number of neighbours, a row of panels per event, colour by frames from the sunquake (Fig. 19).

    `SqError` for an event without an annotated frame.
    """
    events = list(dict.fromkeys(index["event"]))
    fig, panels = plt.subplots(len(events), len(maps), figsize=(7, 0.6 + 3 * len(events)), squeeze=False)
    for row, event in zip(panels, events):
        own = np.flatnonzero((index["event"] == event).to_numpy())
        frames, inside = index["frame"].to_numpy()[own], index["label"].to_numpy()[own] == 1
        if not inside.any():
            raise SqError(f"event {event} has no annotated frame to measure from")
        away = remoteness(frames, inside)
        order = np.argsort(-away, kind="stable")  # the sunquake's own frames are drawn last
        for ax, (neighbours, points) in zip(row, maps.items()):
            x, y = np.asarray(points)[own][order].T
            image = ax.scatter(x, y, c=away[order], cmap="viridis_r", s=20, edgecolors="none")
            ax.scatter(x[away[order] == 0], y[away[order] == 0], s=42, facecolors="none", edgecolors="black", linewidths=0.8)
            ax.set(xticks=[], yticks=[], xlabel="UMAP 1", ylabel="UMAP 2", title=f"{neighbours} neighbours")
            ax.set_aspect("equal", adjustable="datalim")
        if len(events) > 1:
            row[0].set_title(f"{event_name(event)}\n{next(iter(maps))} neighbours")
        fig.colorbar(image, ax=row.tolist(), label="frames from the sunquake", shrink=0.85)
    return fig


def precisions(table: pd.DataFrame, prevalence: float):
    """Average precision (columns: names first, ap, low, high, and `group` where there are several) with its interval over
    events, and what knowing nothing gives."""
    groups = table["group"] if "group" in table else pd.Series("", table.index)
    inks = dict(zip(dict.fromkeys(groups), (BLUE, VERMILION, GREEN, PINK, GRAY)))
    fig, ax = plt.subplots(figsize=(7, 1 + 0.35 * len(table)))
    dots(ax, table.iloc[:, 0], table["ap"], table["low"], table["high"], [inks[group] for group in groups])
    guide(ax, "share of positives", x=prevalence, ink="black", ls="--")
    ax.set(xlabel="average precision on the test events, 95 % interval over events", xlim=(0, None), ylim=(-0.6, len(table) + 0.1))
    return fig
