"""Figures of the data-set chapter; each takes what was computed and returns a matplotlib figure."""

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd

from sqlib.data.catalogue import catalogue
from sqlib.data.frames import FrameSet
from sqlib.show.style import BLUE, GRAY, GREEN, PINK, VERMILION, bare, guide, lines, picture, stretched

COLOURS = {23: BLUE, 24: VERMILION}
NAMES = {23: "cycle 23 (MDI)", 24: "cycle 24 (HMI)"}


def examples(frameset: FrameSet, negatives: list[int], positives: list[int]):
    """Frames at the given positions in two rows, each stretched to its own contrast, with the annotated boxes."""
    names = {event.key: event for event in catalogue()}
    fig, axes = plt.subplots(2, 3, figsize=(7, 5.3), gridspec_kw={"wspace": 0.04})
    for row, word, places in zip(axes, ("negative", "positive"), (negatives, positives)):
        for ax in row:
            bare(ax)
        row[0].set_ylabel(word, fontsize=12)
        if not places:
            row[1].text(0.5, 0.5, f"no {word} frame\nin this folder", ha="center", va="center", transform=row[1].transAxes)
        for ax, place in zip(row, places):
            facts = frameset.index.iloc[place]
            event = names.get(facts["event"])
            title = f"{event.name if event else facts['event']}\nframe {facts['frame']}"
            picture(ax, stretched(np.asarray(frameset.pixels[place])), title, facts["boxes"], size=10, width=1.8)
    return fig


def counts(facts: dict):
    """Positives and negatives per cycle, and annotated frames per event, of `info(frameset)`."""
    fig, (left, right) = plt.subplots(1, 2, figsize=(7, 3.9), width_ratios=[1, 2.1])
    for place, (cycle, own) in enumerate(facts["cycles"].items()):
        heights, inks = [own["negatives"], own["positives"]], ["#bbbbbb", COLOURS[int(cycle)]]
        bars = left.bar([place - 0.2, place + 0.2], heights, 0.38, color=inks)
        left.bar_label(bars, labels=[f"{own[kind]:,}" for kind in ("negatives", "positives")], fontsize=9, padding=2)
    left.set_xticks(range(len(facts["cycles"])), [NAMES[int(cycle)].replace(" (", "\n(") for cycle in facts["cycles"]])
    left.set(ylabel="frames", title="gray: negative")
    left.margins(y=0.1)
    left.yaxis.set_major_formatter("{x:,.0f}")
    events = [one for one in facts["per_event"] if one["labelled"]]
    for cycle in COLOURS:
        own = [(i, one["positives"]) for i, one in enumerate(events) if one["cycle"] == cycle and one["positives"]]
        if own:
            right.bar(*zip(*own), 0.8, color=COLOURS[cycle], label=NAMES[cycle])
    right.set(xlabel="labelled event, in the order of time", ylabel="positive frames", xlim=(-1, max(3, len(events))))
    right.set_ylim(0, 1.22 * max([one["positives"] for one in events] + [1]))
    if any(one["positives"] for one in events):
        right.legend(loc="upper right", ncols=2, columnspacing=1, handlelength=1)
    return fig


def gaps(found, delays: tuple[float, float]):
    """Error and mean of egression power round a gap (`survey.gap_errors`); `delays`: travel times (min) over the pupil's radii."""
    fig, axes = plt.subplots(2, 1, figsize=(7, 5.2), sharex=True)
    for ax, values, label in zip(axes, (found.errors, found.means), ("error / fluctuations of P", "mean P / mean without gap")):
        ax.axvspan(-delays[1], -delays[0], color="#f0e6c8", lw=0)
        guide(ax, x=0)
        lines(ax, {f"{length} frames": (found.minutes, value) for length, value in values.items()}, marker="")
        ax.set(ylabel=label, ylim=(0, None))
    top = 1.3 * axes[0].get_ylim()[1]
    axes[0].set_ylim(0, top)
    axes[0].text(-sum(delays) / 2, 0.97 * top, "travel time\nto the pupil", ha="center", va="top", fontsize=9)
    axes[0].text(0.4, 0.97 * top, "gap", va="top", fontsize=9)
    axes[0].legend(title="missing", loc="upper left")
    axes[1].set_xlabel("time of the egression-power frame after the gap (min)")
    return fig


def scaling(kinds: dict[str, pd.DataFrame], event: str, name: str, intervals):
    """Greatest pixel of each frame under each scaling, and the mean of one event's frames, from `survey.levels`."""
    fig, (left, right) = plt.subplots(1, 2, figsize=(7, 3.8))
    for (kind, table), colour in zip(kinds.items(), (GREEN, PINK)):
        left.hist(table["greatest"], bins=np.arange(0, 265, 8), color=colour, alpha=0.75, label=kind)
        own = table[table["event"] == event].sort_values("frame")
        right.plot(own["frame"], own["mean"], "o" if len(own) < 24 else "-", color=colour, label=kind)
    left.set(xlabel="greatest pixel of a frame (0–255)", ylabel="frames", yscale="log")
    left.legend(loc="upper left")
    for first, last in intervals:
        right.axvspan(first - 0.5, last + 0.5, color="#eeeeee", lw=0, zorder=0)
    right.set(xlabel="frame number", ylabel="mean pixel of a frame (0–255)", title=name, ylim=(0, None))
    return fig


def statistics(found: dict[int, dict], reference: pd.DataFrame):
    """Value distribution, spatial and temporal autocorrelation per cycle (`survey.curves`), laws and published spreads."""
    fig, axes = plt.subplots(3, 1, figsize=(7, 8.6))
    for cycle, own in found.items():
        style = {"color": COLOURS[cycle], "label": NAMES[cycle], "ls": "-" if cycle == 23 else "--"}
        shown = own["survival"] > 0
        axes[0].semilogy(own["level"][shown], own["survival"][shown], **style)
        axes[1].plot(own["pixels"], own["space"], marker="o" if cycle == 23 else "s", **style)
        if np.isfinite(own["time"]).sum() > 3:
            axes[2].plot(own["seconds"], own["time"], marker="o" if cycle == 23 else "s", ms=4, **style)
    for ax, quantity, places in ((axes[1], "spatial ACF at {} px", (1,)), (axes[2], "temporal ACF at {} s", (180, 360))):
        for place in places:
            rows = reference[reference["quantity"] == quantity.format(place)]
            for row in rows.itertuples():
                beside = place + (row.cycle - 23.5) * (0.16 if place == 1 else 12)
                ax.errorbar(beside, row.middle, [[row.middle - row.low], [row.high - row.middle]], color=COLOURS[row.cycle],
                            capsize=4, lw=1.4, fmt="D", ms=4, mfc="white")  # fmt: skip
    level, lag = np.linspace(0, 9, 50), np.linspace(0, 600, 200)
    axes[0].plot(level, np.exp(-level), color="black", lw=1, label="exponential law")
    axes[2].plot(lag, np.sinc(2e-3 * lag) ** 2, color="black", lw=1, label="sinc²(Δν τ), Δν = 2 mHz")
    axes[0].set(xlabel="P / local mean", ylabel="share of pixels above", ylim=(5e-5, 1.5))
    axes[1].set(xlabel="distance (pixels)", ylabel="autocorrelation of P")
    axes[2].set(xlabel="time lag τ (s)", ylabel="autocorrelation of P", xlim=(0, 610))
    for ax in axes:
        if ax.get_legend_handles_labels()[1]:
            ax.legend(loc="upper right")
    return fig


def pixel_scale(pixels: np.ndarray, expected: dict[str, np.ndarray], marks: dict[str, float], reference: pd.DataFrame):
    """Expected correlation of neighbouring pixels against pixel size, with the sizes in question and the observed spreads."""
    fig, ax = plt.subplots(figsize=(7, 4.2))
    rows = reference[reference["quantity"] == "spatial ACF at 1 px"]
    for row in rows.itertuples():
        ax.axhspan(row.low, row.high, color=COLOURS[row.cycle], alpha=0.18, lw=0)
        ax.axhline(row.middle, color=COLOURS[row.cycle], lw=1, ls=":")
        ax.text(0.6, row.middle, f"real frames, {NAMES[row.cycle]}", va="bottom", fontsize=9, color=COLOURS[row.cycle])
    lines(ax, {name: (pixels, values) for name, values in expected.items()}, color="black", marker="")
    for name, value in marks.items():
        ax.axvline(value, color=GRAY, lw=1)
        ax.text(value, 0.015, f" {name}", rotation=90, ha="right", va="bottom", fontsize=10, color="#444444")
    ax.set(xlabel="pixel size (Mm)", ylabel="correlation of neighbouring pixels", ylim=(0, 1), xlim=(pixels[0], pixels[-1]))
    ax.legend(loc="upper right")
    return fig
