"""Figures of the chapter on the number of sunquakes; each takes tables and returns a matplotlib figure."""

import pandas as pd

from sqlib.show import style

WORDS = {"relative": "fifteen frames, relative levels", "gray": "three gray frames, as in the paper"}
INKS = dict(zip(WORDS.values(), style.LOOKS))
FRAMES = {"learned": "sources that all networks learned from", "others": "others of the same kind"}
BASES = (style.GRAY, ":"), (style.PINK, "-."), (style.GREEN, "--"), ("black", (0, (6, 2))), ("black", (0, (1, 1)))
ROOM = 0.055  # between the words of two baselines, as a share of the axis


def against_number(table: pd.DataFrame, value: str, ylabel: str, baselines: dict[str, float], here: int = 0):
    """A measure against the number of sources learned from, for each input.

    table : rows with sources, levels, `value`, its interval over events (low, high) and extremes over seeds (least,
        most); baselines : {words: value}, horizontal lines, each in the look of its place; here : number of sources
        that is marked, if it is among those drawn
    """
    table, counts = table.replace({"levels": WORDS}), sorted(table["sources"].unique())
    span = max(counts[-1] / counts[0], 2)
    fig = style.curves({ylabel: style.series(table, "levels", "sources", value, "low", "high")},
                       "sunquakes learned from", high=4.8, looks=INKS, how={"ms": 6}, xscale="log", ylim=(0, 1),
                       marks={f"the paper's {here}": here} if counts[0] <= here <= counts[-1] else {},
                       xlim=(counts[0] / span**0.08, counts[-1] * span**0.8))  # words have the right
    (ax,) = fig.axes
    for words, own in table.groupby("levels"):
        ax.vlines(own["sources"], own["least"], own["most"], color=INKS[words][0], lw=4, alpha=0.55)
    style.ticks(ax, counts)
    place = -1.0
    for (words, level), (ink, dashes) in sorted(zip(baselines.items(), BASES), key=lambda one: one[0][1]):
        ax.axhline(level, color=ink, ls=dashes, lw=1.3, zorder=0)
        place = max(level + 0.012, place + ROOM)
        ax.text(0.995, place, f"{words} {level:.2f}", ha="right", fontsize=10, color=style.DARK,
                transform=ax.get_yaxis_transform(), bbox={"fc": "white", "ec": "none", "pad": 0.3})
    return fig


def memorised(table: pd.DataFrame, share: dict[str, float]):
    """Average precision on frames that every network has learned from (`learned`) and on others (`others`), each with
    extremes over seeds, against the number of sources learned from; a panel per input.

    table : rows with sources, levels, frames ("learned", "others"), ap, least, most; share : of positives, by frames
    """
    parts = {WORDS[levels]: style.series(own.replace({"frames": FRAMES}), "frames", "sources", "ap", "least", "most")
             for levels, own in table.groupby("levels", sort=False)}
    looks = dict(zip(FRAMES.values(), style.LOOKS[1::-1]))
    fig = style.curves(parts, "sunquakes learned from", "average precision", high=3.4, looks=looks, share="y",
                       xscale="log", ylim=(0, 1.02))
    for ax in fig.axes:
        style.ticks(ax, sorted(table["sources"].unique()), rotation=45)
        for frames, words in FRAMES.items():
            ax.axhline(share[frames], color=looks[words][0], lw=1, ls=":")
    return fig


def by_contrast(classes: pd.DataFrame, sources: pd.DataFrame, shortfall: tuple[str, str]):
    """Where a network falls short of an ideal observer, by the contrast of the source.

    classes : rows with method, contrast (middle of a class), ap, low, high; sources : of `trials.by_source`, of which
        the difference of the methods `shortfall` (network, observer) is drawn, source by source
    """
    methods, less = style.series(classes, "method", "contrast", "ap", "low", "high"), sources.assign(
        less=sources[shortfall[0]] - sources[shortfall[1]])
    looks = dict(zip(methods, style.LOOKS)) | {"MDI": (style.SKY, "", "P"), "HMI": (style.AMBER, "", "X")}
    fig = style.curves({"AP within its event": methods,
                        "AP, network less observer": style.series(less, "instrument", "contrast", "less")},
                       "peak over surroundings", looks=looks, how={"ms": 5}, ncols=3, across={"": (None, 0)},
                       xscale="log", each=[{"ylim": (0, 1.02)}])
    for ax in fig.axes:
        style.ticks(ax, (2, 3, 5, 7, 10, 15, 20, 30, 50))
    return fig
