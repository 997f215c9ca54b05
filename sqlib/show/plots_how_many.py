"""Figures of the chapter on the number of sunquakes; each takes tables and returns a matplotlib figure."""

import pandas as pd
from matplotlib.ticker import NullLocator

from sqlib.show import style

INKS = {"relative": style.LOOKS[0], "gray": style.LOOKS[1]}
WORDS = {"relative": "fifteen frames, relative levels", "gray": "three gray frames, as in the paper"}
BASES = (style.GRAY, ":"), (style.PINK, "-."), (style.GREEN, "--"), ("black", (0, (6, 2))), ("black", (0, (1, 1)))
ROOM = 0.055  # between the words of two baselines, as a share of the axis


def against_number(table: pd.DataFrame, value: str, ylabel: str, baselines: dict[str, float], here: int = 0):
    """A measure against the number of sources learned from, for each input.

    table : rows with sources, levels, `value`, its interval over events (low, high) and extremes over seeds (least,
        most); baselines : {words: value}, horizontal lines, each in the look of its place; here : number of sources
        that is marked, if it is among those drawn
    """
    counts = sorted(table["sources"].unique())
    span = max(counts[-1] / counts[0], 2)
    fig, (ax,) = style.grid(1, 1, 4.8)
    for levels, own in table.groupby("levels", sort=False):
        curve = tuple(own[name].to_numpy() for name in ("sources", value, "low", "high"))
        style.lines(ax, {WORDS[levels]: curve}, [INKS[levels]], {"ms": 6})
        ax.vlines(own["sources"], own["least"], own["most"], color=INKS[levels][0], lw=4, alpha=0.55)
    ax.set(xscale="log", xlabel="sunquakes learned from", ylabel=ylabel, ylim=(0, 1),
           xlim=(counts[0] / span**0.08, counts[-1] * span**0.8))  # words have the right
    at_counts(ax, counts)
    place = -1.0
    for (words, level), (ink, dashes) in sorted(zip(baselines.items(), BASES), key=lambda one: one[0][1]):
        ax.axhline(level, color=ink, ls=dashes, lw=1.3, zorder=0)
        place = max(level + 0.012, place + ROOM)
        ax.text(0.995, place, f"{words} {level:.2f}", ha="right", fontsize=10, color=style.DARK,
                transform=ax.get_yaxis_transform(), bbox={"fc": "white", "ec": "none", "pad": 0.3})
    if counts[0] <= here <= counts[-1]:
        style.guide(ax, f"the paper's {here}", x=here)
    style.legend(fig, 2)
    return fig


def at_counts(ax, counts, **look) -> None:
    """Ticks of a logarithmic axis at these numbers, and nowhere else."""
    ax.set_xticks(counts, counts, **look)
    ax.xaxis.set_minor_locator(NullLocator())


def memorised(table: pd.DataFrame, share: dict[str, float]):
    """Average precision on frames that every network has learned from (`learned`) and on others (`others`), each with
    extremes over seeds, against the number of sources learned from; a panel per input.

    table : rows with sources, levels, frames ("learned", "others"), ap, least, most; share : of positives, by frames
    """
    fig, axes = style.grid(table["levels"].nunique(), 2, 3.4, sharey=True)
    looks = {"learned": (style.VERMILION, "--", "s"), "others": (style.BLUE, "-", "o")}
    words = {"learned": "sources that all networks learned from", "others": "others of the same kind"}
    for ax, (levels, own) in zip(axes, table.groupby("levels", sort=False)):
        for frames, part in own.groupby("frames", sort=False):
            curve = tuple(part[name].to_numpy() for name in ("sources", "ap", "least", "most"))
            style.lines(ax, {words[frames]: curve}, [looks[frames]])
            ax.axhline(share[frames], color=looks[frames][0], lw=1, ls=":")
        ax.set(title=WORDS[levels], xscale="log", ylim=(0, 1.02), xlabel="sunquakes learned from")
        at_counts(ax, sorted(own["sources"].unique()), rotation=45)
    axes[0].set_ylabel("average precision")
    style.legend(fig, 2)
    return fig


def by_contrast(classes: pd.DataFrame, sources: pd.DataFrame, shortfall: tuple[str, str]):
    """Where a network falls short of an ideal observer, by the contrast of the source.

    classes : rows with method, contrast (middle of a class), ap, low, high; sources : of `trials.by_source`, of which
        the difference of the methods `shortfall` (network, observer) is drawn, source by source
    """
    fig, (left, right) = style.grid(2, 2, 4.0)
    style.lines(left, style.series(classes, "method", "contrast", "ap", "low", "high"), how={"ms": 5})
    left.set(xlabel="peak over surroundings", ylabel="AP within its event", xscale="log", ylim=(0, 1.02))
    looks = {"MDI": (style.SKY, "P"), "HMI": (style.AMBER, "X")}
    for instrument, own in sources.groupby("instrument"):
        ink, marker = looks[instrument]
        right.plot(own["contrast"], own[shortfall[0]] - own[shortfall[1]], marker, color=ink, ms=6, mec="none",
                   alpha=0.8, label=instrument)
    right.axhline(0, color="black", lw=1)
    right.set(xlabel="peak over surroundings", ylabel="AP, network less observer", xscale="log")
    for ax in (left, right):
        low, high = ax.get_xlim()
        at_counts(ax, [tick for tick in (2, 3, 5, 7, 10, 15, 20, 30, 50) if low <= tick <= high])
    style.legend(fig, 3)
    return fig
