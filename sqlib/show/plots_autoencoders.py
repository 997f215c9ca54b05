"""Figures and tables of the chapter on autoencoders; each takes what was computed and draws or arranges it."""

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.ticker import MaxNLocator

from sqlib.judge.reconstructions import LOSSES
from sqlib.show.style import BLUE, GRAY, GREEN, PINK, VERMILION, dots, guide, lines, picture

MODELS = {"AE": (BLUE, "o", "-"), "VAE": (VERMILION, "s", "--"), "log-cosh VAE": (GREEN, "D", "-.")}
LEVELS = 12  # speckle hardly compresses: few gray levels leave room for sharper pixels in a PNG of the same size
FOUR = {"precision": "P", "recall": "R", "f1": "F1", "accuracy": "acc.", "average": "mean"}


def reconstructions(table: pd.DataFrame, frames: np.ndarray, copies: dict[str, np.ndarray], titles, boxes):
    """Figure 18: the layers of `layers` (left), frames (N, S, S) with their copies by each model (right); boxes per frame."""
    fig, axes = plt.subplots(
        len(frames), 2 + len(copies), figsize=(7, 1.45 * len(frames)), width_ratios=[2] + [1] * (1 + len(copies))
    )
    grid = axes[0, 0].get_gridspec()
    for ax in axes[:, 0]:
        ax.remove()
    _architecture(fig.add_subplot(grid[:, 0]), table)
    for row, (own, title, inside) in enumerate(zip(axes[:, 1:], titles, boxes)):
        low, high = np.quantile(frames[row], (0.002, 0.998))
        for ax, (name, part) in zip(own, {"frame": frames, **copies}.items()):
            shown = np.clip((part[row] - low) / (high - low), 0, 1)
            shown = np.floor(LEVELS * shown) / LEVELS if name == "frame" else shown
            picture(ax, shown, "" if row else name, inside)
        own[0].set_ylabel(title, fontsize=8)
    return fig


def _architecture(ax, table: pd.DataFrame) -> None:
    """A bar for each layer, as long as the root of its side, the numbers beside it."""
    inks = {"input": GRAY, "encoder": BLUE, "latent": VERMILION, "decoder": GREEN}
    for place, row in enumerate(table.itertuples()):
        long = (row.side / table["side"].max()) ** 0.5
        ax.barh(-place, long, 0.62, left=-long / 2, color=inks[row.part])
        words = f"{row.channels}" if row.side == 1 else f"{row.channels} × {row.side}²"
        ax.text(0.58, -place, words, va="center", fontsize=8.5)
    for part, own in table.groupby("part", sort=False):
        ax.text(-0.6, -own.index.to_numpy().mean(), part, rotation=90 if len(own) > 1 else 0, va="center", ha="right",
                fontsize=9, color=inks[part])  # fmt: skip
    ax.set(xlim=(-1.0, 1.25), ylim=(-len(table) + 0.4, 0.6))
    ax.set_title("channels × pixels", fontsize=9, loc="center")
    ax.axis("off")


def by_size(errors: pd.DataFrame, yardsticks: pd.DataFrame):
    """Error on held-out and on training frames against latent size: `errors` (model, size, train, test) beside PCA."""
    fig, ax = plt.subplots()
    mean, pca = yardsticks[yardsticks["size"] == 0].iloc[0], yardsticks[yardsticks["size"] > 0]
    ax.axhline(mean["test"], color=GRAY, ls=":", label="mean frame")
    ax.plot(pca["size"], pca["test"], color="black", marker="v", label="PCA")
    ax.plot(pca["size"], pca["train"], color="black", marker="v", mfc="white", lw=0.8, ls="--")
    for model, own in errors.groupby("model", sort=False):
        ink, marker, _ = MODELS[model]
        line = {"color": ink, "marker": marker}
        ax.plot(own["size"], own["test"], label=model, ls="-" if len(own) > 1 else "", **line)
        ax.plot(own["size"], own["train"], mfc="white", lw=0.8, ls="--" if len(own) > 1 else "", **line)
    ax.set_xscale("log", base=2)
    ax.set_xticks(pca["size"], [f"{size:,}" for size in pca["size"]])
    ax.minorticks_off()
    ax.set(xlabel="latent size, or number of components", ylabel="squared error / variance")
    ax.margins(x=0.12)
    ax.set_ylim(0, 1.05 * ax.get_ylim()[1])
    fig.legend(loc="outside upper left", ncols=5, columnspacing=1.2, handletextpad=0.5)
    ax.set_title("filled: held-out events; hollow: training events", fontsize=10)
    return fig


def losses(borne: pd.DataFrame):
    """The losses against the error (left), and the share of each that the brightest pixels bear (right)."""
    fig, (left, right) = plt.subplots(1, 2, figsize=(7, 3.6))
    error = np.linspace(-5, 5, 201)
    for (name, loss), (ink, style) in zip(LOSSES.items(), ((BLUE, "-"), (GREEN, "-."), (PINK, "--"))):
        left.plot(error, loss(error), style, color=ink, label={"square": "½ x²", "log-cosh": "log cosh x", "absolute": "|x|"}[name])
        right.plot(100 * borne["share"], 100 * borne[name], style, color=ink)
    left.set(xlabel="error x (deviations of gray levels)", ylabel="loss", ylim=(0, 6))
    left.legend(loc="upper center")
    right.set(xscale="log", xlabel="brightest pixels (%)", ylabel="their share of the loss (%)", ylim=(0, 102))
    right.xaxis.set_major_formatter("{x:g}")
    return fig


def training(curves: pd.DataFrame):
    """Loss per epoch as a share of that of a constant picture: `curves` (run, epoch, share)."""
    fig, ax = plt.subplots(figsize=(7, 3.8))
    guide(ax, "constant gray", y=1)
    lines(ax, {run: (own["epoch"], own["share"]) for run, own in curves.groupby("run", sort=False)})
    ax.set(xlabel="epoch", ylabel="loss / loss of a constant", xlim=(0.5, curves["epoch"].max() + 0.5))
    ax.xaxis.set_major_locator(MaxNLocator(8, integer=True))
    fig.legend(loc="outside right center")
    return fig


def dimensions(found: dict[str, pd.DataFrame], least: float):
    """Divergence from the prior (left) and variance of the mean (right) per latent dimension, greatest first."""
    fig, axes = plt.subplots(1, 2, figsize=(7, 3.6))
    for ax, column, words in zip(axes, ("divergence", "variance"), ("divergence (nats)", "variance over frames of the mean")):
        for name, table in found.items():
            ink, _, style = MODELS[name]
            values = np.maximum(np.sort(table[column])[::-1], 1e-9)
            ax.plot(np.arange(1, len(values) + 1), values, style, color=ink, label=name)
        ax.set(yscale="log", xscale="log", xlabel="latent dimension, by rank", ylabel=words)
        low, high = np.log10(ax.get_ylim())
        ax.set_ylim(10 ** np.floor(low), 10 ** np.ceil(high))  # whole decades, so that there are ticks with numbers
        ax.xaxis.set_major_formatter("{x:g}")
    guide(axes[1], "above: used", y=least)
    axes[0].legend(loc="lower left")
    return fig


def standing(table: pd.DataFrame):
    """Rank of the annotated place among random ones during the sunquake and at other times, and the difference."""
    fig, (left, right) = plt.subplots(1, 2, figsize=(7, 3.2), sharey=True)
    place = np.arange(len(table))[::-1]
    guide(left, x=0.5)
    left.hlines(place, table["otherwise"], table["during"], color=GRAY, lw=1)
    left.plot(table["otherwise"], place, "o", mfc="white", color=BLUE, label="other times")
    left.plot(table["during"], place, "D", color=VERMILION, label="during the sunquake")
    left.set(xlim=(0, 1), xlabel="rank among random places")
    fig.legend(loc="outside upper left", ncols=2)
    guide(right, x=0)
    dots(right, table["picture"], table["difference"], table["low"], table["high"], "black", "s")
    right.set(xlabel="difference (95 %)")
    return fig


def rings(table: pd.DataFrame, names: tuple[str, str]):
    """Rank correlation of the distance in the map with that in time per event (event, many, few, elsewhere)."""
    fig, ax = plt.subplots(figsize=(7, 0.9 + 0.3 * len(table)))
    place = -np.arange(len(table))
    guide(ax, x=0)
    ax.hlines(place, table["few"], table["many"], color=GRAY, lw=1)
    ax.plot(table["elsewhere"], place, "|", color="black", ms=12, label=f"annotation moved, {names[0]} neighbours")
    for name, words, look in (("few", names[1], "o"), ("many", names[0], "D")):
        ax.plot(table[name], place, look, color=VERMILION if name == "many" else BLUE, label=f"{words} neighbours")
    ax.set_yticks(place, table["event"], fontsize=9)
    ax.set(xlim=(-1, 1), ylim=(-len(table) + 0.4, 0.6), xlabel="rank correlation of distance in the map with distance in time")
    fig.legend(loc="outside upper left", ncols=3, columnspacing=1.2, handletextpad=0.4)
    return fig


def printed(fits: dict[str, np.ndarray], shares, caption: float):
    """Which shares of positives in a test set allow each printed column; `caption`: the share that the table's caption gives."""
    fig, ax = plt.subplots(figsize=(7, 3.4))
    guide(ax, x=100 * caption)
    for place, (name, fit) in enumerate(fits.items()):
        ink, marker, _ = MODELS["AE" if name.endswith(", AE") else "log-cosh VAE"]
        ax.plot(100 * np.asarray(shares)[fit], np.full(fit.sum(), -place), marker, color=ink)
    ax.set_yticks(-np.arange(len(fits)), list(fits))
    ax.set(xscale="log", xlabel="positives in the test set (%)", xlim=(100 * min(shares), 100 * max(shares)))
    ax.xaxis.set_major_formatter("{x:g}")
    ax.set_title(f"dotted: {100 * caption:.1f} %, as the caption says", fontsize=10)
    return fig


def beside(paper: pd.DataFrame, ours: pd.DataFrame) -> pd.DataFrame:
    """Table 6: the printed rows, each followed by ours of the same classifier and model ("AE" or "log-cosh VAE")."""
    both = pd.concat([paper.assign(source="paper"), ours[ours["smote"] == "SMOTE"].assign(source="here")])
    order = {name: at for at, name in enumerate(paper["classifier"].unique())}
    both = both[both["classifier"].isin(order)].assign(at=lambda t: t["classifier"].map(order))
    both = both.sort_values(["at", "model", "source"], ascending=[True, True, False], kind="stable")
    return both[["classifier", "model", "source", *FOUR]].rename(columns={"model": "autoencoder", "source": "scores of", **FOUR})
