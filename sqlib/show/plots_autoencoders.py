"""Figures and tables of the chapter on autoencoders; each takes what was computed and draws or arranges it."""

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd

from sqlib.show import style
from sqlib.show.plots_contrastive import SCORES
from sqlib.show.plots_embedding import event_name
from sqlib.show.style import BLUE, GRAY, GREEN, VERMILION

MODELS = {"AE": (BLUE, "-", "o"), "VAE": (VERMILION, "--", "s"), "log-cosh VAE": (GREEN, "-.", "D"),
          "PCA": ("black", "-", "v"), "lowest frequencies": (GRAY, ":", "^")}
PARTS = {"input": GRAY, "encoder": BLUE, "latent": VERMILION, "decoder": GREEN}


def reconstructions(table: pd.DataFrame, frames: np.ndarray, copies: dict[str, np.ndarray], titles, boxes):
    """Figure 18: the layers of `layers` (left), frames (N, S, S) with each model's copies (right); boxes per frame."""
    fig = plt.figure(figsize=(7, 1.45 * len(frames)))
    left, right = fig.subfigures(1, 2, width_ratios=[2, 1 + len(copies)])
    low, high = np.quantile(frames, (0.002, 0.998), axis=(1, 2))[..., None, None]
    shown = [np.clip((part - low) / (high - low), 0, 1) for part in (frames, *copies.values())]
    shown[0] = style.stretched(shown[0], 1, levels=12)
    style.panels([part[row] for row in range(len(frames)) for part in shown],
                 ["frame", *copies] + [""] * len(frames) * len(shown), len(shown),
                 [own for own in boxes for _ in shown], titles, fig=right)
    ax = left.subplots()
    for place, row in enumerate(table.itertuples()):  # a bar for each layer, as long as the root of its side
        long = (row.side / table["side"].max()) ** 0.5
        ax.barh(-place, long, 0.62, left=-long / 2, color=PARTS[row.part])
        ax.text(0.58, -place, f"{row.channels}" + f" × {row.side}²" * (row.side > 1), va="center", fontsize=8.5)
    for part, own in table.groupby("part", sort=False):
        ax.text(-0.6, -own.index.to_numpy().mean(), part, rotation=90 if len(own) > 1 else 0, va="center", ha="right",
                fontsize=9, color=PARTS[part])
    ax.set(xlim=(-1.0, 1.25), ylim=(-len(table) + 0.4, 0.6), title="channels × pixels")
    ax.axis("off")
    return fig


def by_size(errors: pd.DataFrame, guides: dict[str, float]):
    """Errors (model, size, train, test) on held-out and on training frames by latent size; `guides`: levels, named."""
    fig = style.curves({"squared error / variance": style.series(errors, "model", "size", "test")}, ncols=5,
                       looks=MODELS, xlabel="numbers in the code", how={"ls": "-"}, across=guides, xscale="log")
    (ax,), sizes = fig.axes, sorted(errors["size"].unique())
    train = style.series(errors, "model", "size", "train")
    style.lines(ax, train, [MODELS[name] for name in train], {"ls": "--", "lw": 0.8, "mfc": "white", "label": ""})
    room = max(sizes[-1] / sizes[0], 2)  # on the right for the words of the guides
    ax.set(title="filled: held-out events; hollow: training events", ylim=(0, 1.05 * ax.get_ylim()[1]),
           xlim=(sizes[0] / room**0.08, sizes[-1] * room**0.4))
    style.ticks(ax, sizes)
    return fig


def survival(table: pd.DataFrame):
    """How high the annotated place ranks at other times and during the sunquake (left), and the difference (right):
    rows with picture, otherwise, during, difference, low, high (`reconstructions.during`)."""
    parts = {"rank among random places": {"other times": ("otherwise", "otherwise", "during"),
                                          "during the sunquake": ("during",)},
             "difference, 95 % interval": {"": ("difference", "low", "high")}}
    fig = style.rows(table, "picture", parts, [("", 0.5), ("", 0)])
    fig.axes[0].set_xlim(0, 1)
    return fig


def ordered(table: pd.DataFrame, most: int, least: int):
    """How well maps with `most` and with `least` neighbours keep the order of time: rows of `embeddings.rings`."""
    marks = {f"{least} neighbours": ("few", "few", "many"), f"{most} neighbours": ("many",),
             f"annotation moved, {most} neighbours": ("elsewhere",)}
    return style.rows(table.assign(event=table["event"].map(event_name)), "event",
                      {"rank correlation of distance in the map with distance in time": marks}, [("", 0)], xlim=(-1, 1))


def printed(fits: dict[str, np.ndarray], shares, caption: float):
    """Which shares of positives in a test set allow each printed column, and that of the table's `caption`."""
    fig, (ax,) = style.grid(1, 1, 3.4)
    style.guide(ax, x=100 * caption)
    for place, (name, fit) in enumerate(fits.items()):
        ink, _, marker = MODELS["AE" if name.endswith(", AE") else "log-cosh VAE"]
        ax.plot(100 * np.asarray(shares)[fit], np.full(fit.sum(), -place), marker, color=ink)
    ax.set_yticks(-np.arange(len(fits)), list(fits))
    ax.set(xscale="log", xlabel="positives in the test set (%)", xlim=(100 * min(shares), 100 * max(shares)),
           title=f"dotted: {100 * caption:.1f} %, as the caption of Table 6 says")
    ax.xaxis.set_major_formatter("{x:g}")
    return fig


def beside(paper: pd.DataFrame, ours: pd.DataFrame) -> pd.DataFrame:
    """Table 6: the printed rows, each followed by ours of the same classifier and model ("AE" or "log-cosh VAE")."""
    both = pd.concat([paper.assign(source="paper"), ours[ours["smote"] == "SMOTE"].assign(source="here")])
    order = {name: at for at, name in enumerate(paper["classifier"].unique())}
    both = both[both["classifier"].isin(order)].assign(at=lambda t: t["classifier"].map(order))
    both = both.sort_values(["at", "model", "source"], ascending=[True, True, False], kind="stable")
    return both[["classifier", "model", "source", *SCORES]].rename(
        columns={"model": "autoencoder", "source": "scores of", **SCORES})
