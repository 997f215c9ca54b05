"""Figures of the data-set chapter; each takes what was computed and returns a matplotlib figure."""

import numpy as np
import pandas as pd

from sqlib.data.frames import FrameSet
from sqlib.judge.metrics import middle
from sqlib.judge.sentences import interval
from sqlib.show import style
from sqlib.show.plots_embedding import event_name
from sqlib.show.style import BLUE, GREEN, PINK, VERMILION

LOOKS = {23: (BLUE, "-", "o"), 24: (VERMILION, "--", "s")}
NAMES = {23: "cycle 23 (MDI)", 24: "cycle 24 (HMI)"}
ALT = {  # what each figure of the chapter shows, for a reader who cannot see it
    "fig01": "Six noisy gray frames, each with a darker region near its middle amid bright speckle. In positive "
             "frames an orange box encloses a small spot, hardly brighter than others.",
    "mov-event": "A noisy gray frame with a darker region: speckle everywhere, and in some frames a bright spot that "
                 "stays where it is.",
    "fig-counts": "Left: bars of the negative frames of each cycle beside bars of the positive ones. Right: bars of "
                  "the positive frames per event, between about nine and thirty-five.",
    "fig-gaps": "Top: three humps of error, all some fifteen to thirty-five minutes before the gap, higher for "
                "longer gaps. Bottom: at the same times the mean power dips, for seven missing frames to about one "
                "half.",
    "fig-scaling": "Left: histogram of frame maxima. Scaled by frame, or published, they lie near 255; scaled by cube "
                   "they spread over lower values. Right: mean gray level against frame number; where frames are "
                   "scaled one by one it falls while a source is bright.",
    "fig-statistics": "Top: straight falling lines on a logarithmic scale. Middle: correlation falls to nearly zero "
                      "within two pixels, lower at one pixel for cycle 23. Bottom: correlation falls to one half near "
                      "220 seconds and is small near 500.",
    "fig-guess": "Pairs of gray frames of speckle, A and B, each with a darker region; the answers unfold below them.",
    "fig-scale": "A curve falls from 0.9 at 0.45 megametres a pixel to 0.1 at 1.7. At the pixel of 200 arcseconds "
                 "over 256 it is near 0.8, far above both measured bands; at 1.5 arcseconds it meets the band of "
                 "HMI, at 2 arcseconds that of MDI.",
}


def short(number: float) -> str:
    """A measurement for a table's cell: three significant digits, and no digits after the point from 100 on."""
    return f"{number:.0f}" if number >= 100 else f"{number:.3g}"


def unit(word: str) -> str:
    """A unit for a table's cell; a pure number has none."""
    return {"1": "", "px2": "px²"}.get(word, word)


def in_words(events: dict[int, list[dict]], quantity: str, form: str, seed: int, unit: str = "") -> str:
    """Means of a quantity over the events of each cycle (`measurements.by_event`) with their intervals; "" for none."""
    known = {cycle: pd.Series([one.get(quantity) for one in own], dtype=float).dropna()
             for cycle, own in events.items()}
    return " and ".join(f"{interval(*middle(values, None, seed), form)}{unit} in cycle {cycle}"
                        for cycle, values in known.items() if len(values))


def examples(frameset: FrameSet, negatives: list[int], positives: list[int]):
    """Frames at the given positions in two rows, each stretched to its own contrast, with the annotated boxes."""
    shown, empty = [], (None, "", ())
    for word, places in (("negative", negatives), ("positive", positives)):
        facts = zip(places, frameset.index.iloc[places].itertuples())
        own = [(style.stretched(np.asarray(frameset.pixels[place])), f"{event_name(row.event)}\nframe {row.frame}",
                row.boxes) for place, row in facts]
        shown += [*(own or [empty, (None, f"no {word} frame\nin this folder", ())]), empty, empty, empty][:3]
    pictures, titles, boxes = zip(*shown)
    return style.panels(pictures, titles, 3, boxes, ("negative", "positive"), high=2.65, size=10, width=1.8)


def counts(facts: dict):
    """Positives and negatives per cycle, and annotated frames per event, of `info(frameset)`."""
    fig, (left, right) = style.grid(2, 2, 3.9, width_ratios=[1, 2.1])
    cycles = {NAMES[int(cycle)].replace(" (", "\n("): own for cycle, own in facts["cycles"].items()}
    pd.DataFrame(cycles).T.rename(columns={"negatives": "negative", "positives": "positive"})[["negative", "positive"]]\
        .plot.bar(ax=left, rot=0, width=0.8, color=["#bbbbbb", GREEN], legend=False, ylabel="frames")
    for drawn in left.containers:
        left.bar_label(drawn, fmt="{:,.0f}", fontsize=9, padding=2)
    left.set_ymargin(0.1)
    left.yaxis.set_major_formatter("{x:,.0f}")
    events = pd.DataFrame([one for one in facts["per_event"] if one["labelled"]], columns=["cycle", "positives"])
    for cycle, own in events[events["positives"] > 0].groupby("cycle"):
        right.bar(own.index, own["positives"], 0.8, color=LOOKS[cycle][0], label=f"positive, {NAMES[cycle]}")
    right.set(xlabel="labelled event, in the order of time", ylabel="positive frames", xlim=(-1, max(3, len(events))),
              ylim=(0, 1.05 * max([*events["positives"], 1])))
    return style.legend(fig, 2, handlelength=1)


def gaps(found, delays: tuple[float, float]):
    """Error and mean of egression power round a gap (`measurements.gap_errors`); delays : travel times (min) over the
    pupil."""
    parts = {"error / fluctuations of P": found.errors, "mean P / mean without gap": found.means}
    fig = style.curves({words: {f"{length} frames missing": (found.minutes, own) for length, own in values.items()}
                        for words, values in parts.items()}, "time of the egression-power frame after the gap (min)",
                       columns=1, high=2.7, share="x", marks={"": 0}, ncols=3, how={"marker": ""}, ylim=(0, None))
    for ax in fig.axes:
        style.shade(ax, [(-delays[1], -delays[0])])
    style.guide(fig.axes[0], "gap", x=0)
    return fig


def scaling(kinds: dict[str, pd.DataFrame], event: str, name: str, intervals):
    """Greatest pixel of each frame under each scaling, and the mean of one event's frames (`measurements.levels`)."""
    fig, (left, right) = style.grid(2, 2, 3.8)
    for (kind, table), ink in zip(kinds.items(), (GREEN, PINK)):
        left.hist(table["greatest"], bins=np.arange(0, 265, 8), color=ink, alpha=0.75, label=kind)
        own = table[table["event"] == event].sort_values("frame")
        right.plot(own["frame"], own["mean"], "o" if len(own) < 24 else "-", color=ink)
    left.set(xlabel="greatest pixel of a frame (0–255)", ylabel="frames", yscale="log")
    style.shade(right, [(first - 0.5, last + 0.5) for first, last in intervals])
    right.set(xlabel="frame number", ylabel="mean pixel of a frame (0–255)", title=name, ylim=(0, None))
    return style.legend(fig)


def statistics(found: dict[int, dict], reference: pd.DataFrame):
    """Values, and autocorrelation in space and time, per cycle (`measurements.curves`), with laws and real spreads."""
    level, lag = np.linspace(0, 9, 50), np.linspace(0, 600, 200)
    parts = (("level", "survival", {"exponential law": (level, np.exp(-level))},
              {"xlabel": "P / local mean", "ylabel": "share of pixels above", "yscale": "log", "ylim": (5e-5, 1.5)}),
             ("pixels", "space", {}, {"xlabel": "distance (pixels)", "ylabel": "autocorrelation of P"}),
             ("seconds", "time", {"sinc²(Δν τ), Δν = 2 mHz": (lag, np.sinc(2e-3 * lag) ** 2)},
              {"xlabel": "time lag τ (s)", "ylabel": "autocorrelation of P", "xlim": (0, 610)}))
    fig, axes = style.grid(3, 1, 2.87)
    for ax, (x, y, law, axis) in zip(axes, parts):
        how = {"marker": ""} if y == "survival" else {}
        for cycle, own in found.items():
            shown = np.where(own[y] > 0, own[y], np.nan) if how else own[y]  # a logarithmic axis has no place for 0
            if np.isfinite(shown).sum() > 3:
                style.lines(ax, {NAMES[cycle]: (own[x], shown)}, [LOOKS[cycle]], how)
        style.lines(ax, law, how={"color": "black", "lw": 1, "marker": ""}, **axis)
        if ax.lines:
            ax.legend(loc="upper right")
    places = {"spatial ACF at 1 px": (axes[1], 1, 0.16), "temporal ACF at 180 s": (axes[2], 180, 12),
              "temporal ACF at 360 s": (axes[2], 360, 12)}
    for row in reference[reference["quantity"].isin(places)].itertuples():
        ax, place, apart = places[row.quantity]
        ax.errorbar(place + (row.cycle - 23.5) * apart, row.middle, [[row.middle - row.low], [row.high - row.middle]],
                    color=LOOKS[row.cycle][0], capsize=4, lw=1.4, fmt="D", ms=4, mfc="white")
    return fig


def pixel_scale(pixels: np.ndarray, expected: dict[str, np.ndarray], marks: dict[str, float], reference: pd.DataFrame):
    """Expected correlation of neighbouring pixels against their size, the sizes in question and observed spreads."""
    shown = {name: (pixels, values) for name, values in expected.items()}
    fig = style.curves({"correlation of neighbouring pixels": shown}, "pixel size (Mm)", high=4.2,
                       how={"color": "black", "marker": ""}, marks=marks, ylim=(0, 1), xlim=pixels[[0, -1]])
    (ax,) = fig.axes
    for row in reference[reference["quantity"] == "spatial ACF at 1 px"].itertuples():
        ink = LOOKS[row.cycle][0]
        ax.axhspan(row.low, row.high, color=ink, alpha=0.18, lw=0)
        ax.axhline(row.middle, color=ink, lw=1, ls=":")
        ax.text(0.6, row.middle, f"real frames, {NAMES[row.cycle]}", va="bottom", fontsize=9, color=ink)
    return fig
