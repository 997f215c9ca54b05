"""Figures of the case studies; each takes what was computed and returns a matplotlib figure."""

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.patches import Circle

from sqlib.show import style as figures
from sqlib.show.plots_embedding import BAND, event_name
from sqlib.show.style import AMBER, BLUE, GRAY, GREEN, SKY, VERMILION, bare, dots, draw_boxes, guide, key, lines, stretched

VIOLET = "#6a3d9a"
LOOKS = ((VIOLET, "-", ""), (BLUE, "--", ""), (GREEN, "-.", ""), (VERMILION, ":", ""))


def strip(frames, low, numbers, places: pd.DataFrame, spots: pd.DataFrame, boxes=()):
    """Figures 12 and 14: frames (N, H, W) with the detector's box, and below each its Solarized Low-Pass with its spot.

    places : a row a frame with x0, y0, x1, y1; spots : a row a frame with x and y; boxes : annotated ones, where there are
    """
    columns = 4
    rows = -(-len(frames) // columns)
    fig, axes = plt.subplots(2 * rows, columns, figsize=(7, 0.35 + 2 * 1.82 * rows), squeeze=False)
    for ax in axes.ravel():
        bare(ax)
    for i, number in enumerate(numbers):
        upper, lower = axes[2 * (i // columns), i % columns], axes[2 * (i // columns) + 1, i % columns]
        figures.picture(upper, stretched(frames[i], share=0.998), f"frame {number}", boxes, size=10, loc="left", width=1.2)
        figures.picture(lower, np.round(low[i] / 16) * 16, vmax=255)
        draw_boxes(upper, [places.loc[places.index[i], ["x0", "y0", "x1", "y1"]]], SKY, 1.6)
        spot = spots.iloc[i]
        lower.add_patch(Circle((spot["x"] - 0.5, spot["y"] - 0.5), 0.05 * low.shape[1], fill=False, ec=VERMILION, lw=1.6))
    entries = {"detector's box": SKY, "brightest spot of the Solarized Low-Pass": VERMILION}
    entries |= {"annotated box": AMBER} if boxes else {}
    key(fig, {words: {"color": ink} for words, ink in entries.items()})
    return fig


def timeline(index: pd.DataFrame, curves: dict[str, np.ndarray], spells: dict[str, pd.DataFrame], windows: dict[str, tuple]):
    """Who says when: values 0…1 (M,) per frame and voice, an event a panel; bars where a voice says yes for long enough.

    spells : per voice a table of event, first, last; windows : per event the first and last frame that are looked at
    """
    events = list(dict.fromkeys(index["event"]))
    fig, panels = plt.subplots(len(events), 1, figsize=(7, 0.9 + 1.75 * len(events)), squeeze=False)
    frames = index["frame"].to_numpy()
    for ax, event in zip(panels[:, 0], events):
        own = np.flatnonzero((index["event"] == event).to_numpy())
        own = own[frames[own].argsort()]
        if event in windows:
            ax.axvspan(windows[event][0] - 0.5, windows[event][1] + 0.5, color=BAND, lw=0, zorder=0)
        for place, ((name, values), (ink, style, _)) in enumerate(zip(curves.items(), LOOKS)):
            ax.plot(frames[own], np.asarray(values)[own], style, color=ink, lw=1.1, label=name)
            said = spells.get(name)
            for run in () if said is None else said[said["event"] == event].itertuples():
                ax.plot([run.first - 0.4, run.last + 0.4], [1.1 + 0.12 * place] * 2, color=ink, lw=4, solid_capstyle="butt")
        ax.set(ylim=(-0.03, 1.15 + 0.12 * len(curves)), yticks=[0, 0.5, 1], ylabel="rank")
        ax.set_title(event_name(event), fontsize=10)
    panels[-1, 0].set_xlabel("frame number")
    fig.legend(*panels[0, 0].get_legend_handles_labels(), loc="outside upper left", ncols=3)
    return fig


def light(ratio: np.ndarray, place: tuple, radii, minutes, curves: dict, levels: dict[str, float], run, day):
    """Figure 16: a map of P/P_avg with the kernels, light curves with levels, and the same place among a day of noise.

    ratio : (H, W); place : x, y; minutes : (T,); curves : {words: (T,)}, the smallest kernel first; levels : {words: P/P_avg};
    run : first and last minute above 3 σ, or None; day : minutes (D,), noise (D,), minutes at which the cube begins, levels that
        noise exceeds once a day at the place, and once in the cube anywhere
    """
    fig = plt.figure(figsize=(7, 8.6))
    head, middle, last = fig.subfigures(3, 1, height_ratios=[1.15, 1.1, 0.85])
    left, right = head.subplots(1, 2, width_ratios=[1, 1])
    x, y = place
    image = left.imshow(np.minimum(ratio, np.quantile(ratio, 0.9995)), cmap="cividis")
    half = min(18, *(side / 2 for side in ratio.shape))
    draw_boxes(left, [(x - half, y - half, x + half, y + half)], "white", 1.2)
    low = [max(0, int(v - half)) for v in (x, y)]
    high = [min(side, int(v + half)) for v, side in zip((x, y), ratio.shape[::-1])]
    part = ratio[low[1] : high[1], low[0] : high[0]]
    right.imshow(part, cmap="cividis", vmin=image.norm.vmin, vmax=image.norm.vmax,
                 extent=(low[0] - 0.5, high[0] - 0.5, high[1] - 0.5, low[1] - 0.5))  # fmt: skip
    for radius, (ink, style, _) in zip(radii, LOOKS):
        right.add_patch(Circle((x - 0.5, y - 0.5), radius, fill=False, ec="white", lw=2.6))
        right.add_patch(Circle((x - 0.5, y - 0.5), radius, fill=False, ec=ink, lw=1.5, ls=style))
    for ax, words in ((left, "at the time of its maximum"), (right, "the kernels")):
        ax.set_title(words, fontsize=10)
        ax.set(xlabel="x (px)", ylabel="y (px)")
    head.colorbar(image, ax=[left, right], label="P / P_avg", shrink=0.9)

    ax = middle.subplots()
    lines(ax, {words: (minutes, values) for words, values in curves.items()}, LOOKS, lw=1.5)
    for words, level in levels.items():
        ax.axhline(level, color=GRAY, lw=0.9, ls=":")
        ax.text(1.0, level, f" {words}", fontsize=9, va="center", color="#444444", transform=ax.get_yaxis_transform())
    if run is not None:
        ax.plot(run, [levels[next(iter(levels))]] * 2, color="#c00000", lw=3.5, solid_capstyle="butt")
    ax.set(xlabel="time from the start of the cube (min)", ylabel="P / P_avg", ylim=(0, None), xlim=(minutes[0], minutes[-1]))
    ax.legend(loc="upper left", fontsize=9)

    ax = last.subplots()
    when, values, start, level, anywhere = day
    ax.plot(when / 60, values, color=GRAY, lw=0.5, label="noise alone, simulated")
    first = next(iter(curves.values()))
    ax.axvspan(start / 60, (start + minutes[-1]) / 60, color="#dcecf6", lw=0, zorder=0)
    ax.plot((start + np.asarray(minutes)) / 60, first, color=VIOLET, lw=1, label="the smallest kernel")
    ax.axhline(level, color=VERMILION, lw=1.2, ls="--", label="noise exceeds it once a day")
    ax.axhline(anywhere, color=VERMILION, lw=1.2, ls="-.", label="… once in the cube, anywhere in the frame")
    ax.set(xlabel="time (h)", ylabel="P / P_avg", xlim=(0, 24), ylim=(0, None))
    ax.legend(loc="upper right", fontsize=9, ncols=2)
    ax.margins(y=0.25)
    ax.set_ylim(0, 1.5 * max(np.max(values), np.max(first), level, anywhere))
    return fig


def corona(maps: list, outline, mark=None, contours=None):
    """Figures 13 and 15: cut-outs of AIA (sunpy maps) with the detected box, RHESSI's contours and the true place.

    outline : SkyCoord of the corners of the box, or None; mark : SkyCoord of a planted source; contours : sunpy map
    """
    import astropy.units as u

    columns = 2 if len(maps) > 1 else 1
    rows = -(-len(maps) // columns)
    fig = plt.figure(figsize=(7, 0.5 + 3.25 * rows))
    for number, one in enumerate(maps, 1):
        ax = fig.add_subplot(rows, columns, number, projection=one)
        floor, ceiling = (max(1.0, float(np.quantile(one.data, share))) for share in (0.1, 0.999))
        levels = np.round(24 * np.clip(np.log(np.maximum(one.data, floor) / floor) / max(np.log(ceiling / floor), 1e-9), 0, 1)) / 24
        ax.imshow(levels, cmap="gray", origin="lower", aspect="equal")
        limits = ax.get_xlim(), ax.get_ylim()
        if contours is not None:
            contours.draw_contours([30, 50, 70, 90] * u.percent, axes=ax, colors="#00a000", linewidths=1.0)
        if outline is not None:
            ax.plot_coord(outline[[0, 1, 2, 3, 0]], color="#00e5ff", lw=1.8)
        if mark is not None:
            ax.plot_coord(mark, "+", color=VERMILION, ms=13, mew=2.2)
        ax.set(xlim=limits[0], ylim=limits[1])
        wave = f"{one.wavelength.value:.0f} Å  " if one.wavelength is not None else ""
        ax.set_title(f"{wave}{one.date.datetime:%H:%M:%S}", fontsize=10)
        outer = number > (rows - 1) * columns, number % columns == 1 or columns == 1
        for axis, words, on in zip(ax.coords, ("x (arcsec)", "y (arcsec)"), outer):
            axis.set_format_unit(u.arcsec)
            axis.set_major_formatter("s")
            axis.set_ticks(number=3)
            axis.set_axislabel(words if on else " ")
    there = {"detected box": outline, "6–12 keV": contours, "true source": mark}
    looks = {"detected box": {"color": "#00a5b8"}, "6–12 keV": {"color": "#00a000"},
             "true source": {"color": VERMILION, "ls": "", "marker": "+", "ms": 11, "mew": 2}}  # fmt: skip
    if shown := {words: looks[words] for words, what in there.items() if what is not None}:
        key(fig, shown)
    return fig


def offsets(angle: np.ndarray, curves: dict[str, np.ndarray], points: dict[str, tuple[float, float]], band: tuple[float, float]):
    """Shift (arcsec) by height of what stands above a place, against its angle from disk centre; the paper's mismatch as a band."""
    fig, ax = plt.subplots(figsize=(7, 3.8))
    lines(ax, {words: (angle, values) for words, values in curves.items()}, LOOKS)
    ax.axhspan(*band, color=BAND, lw=0, zorder=0)
    ax.text(1, band[1] - 0.3, "the paper's mismatch, 30 December 2011", fontsize=9, va="top")
    for words, (x, y) in points.items():
        ax.plot(x, y, "o", color="black", ms=7)
        left = x > 45
        ax.annotate(words, (x, y), (-8 if left else 8, 10), textcoords="offset points", ha="right" if left else "left", fontsize=9,
                    bbox={"fc": "white", "ec": "none", "pad": 1})  # fmt: skip
    ax.set(xlabel="angle from disk centre (degrees)", ylabel="shift (arcsec)", xlim=(0, 90), ylim=(0, 18))
    fig.legend(loc="outside upper left", ncols=3, title="height above the photosphere", title_fontsize=9)
    return fig


def looked(frames, maps: dict[str, np.ndarray], boxes, places, titles):
    """Frames (R, H, W) and what a model looks at in them, {method: (R, H, W)}, with true boxes and the detector's places (R, 2)."""
    fig, axes = plt.subplots(len(frames), 1 + len(maps), figsize=(7, 0.4 + 2.25 * len(frames)), squeeze=False)
    for row, (frame, own, place, title) in enumerate(zip(frames, boxes, places, titles)):
        pictures = [(stretched(frame, share=0.998), "gray", 1.0)]
        pictures += [(np.maximum(one[row], 0), "cividis", None) for one in maps.values()]
        for ax, (picture, cmap, top) in zip(axes[row], pictures):
            top = top or max(float(picture.max()), 1e-12)
            ax.imshow(np.round(24 * picture / top), cmap=cmap, vmin=0, vmax=24)
            draw_boxes(ax, own, width=1.6)
            ax.plot(place[0] - 0.5, place[1] - 0.5, "x", color=SKY, ms=9, mew=2)
            ax.set(xlim=(-0.5, frame.shape[1] - 0.5), ylim=(frame.shape[0] - 0.5, -0.5))
            bare(ax)
        for ax, words in zip(axes[row], (title, *maps)):
            ax.set_title(words, fontsize=9)
    key(fig, {"true box": {"color": AMBER}, "detector's place": {"color": SKY, "ls": "", "marker": "x", "ms": 9, "mew": 2}})
    return fig


def attention(table: pd.DataFrame):
    """Does the model look at the sunquake? Per row (label) `excess` and `points` with intervals (…_low, …_high); dashed: chance."""
    columns = (
        ("excess", "evidence in the box\nover its share of the area", 1.0),
        ("points", "share of frames whose\npeak is in the box", None),
    )
    fig, axes = plt.subplots(1, len(columns), figsize=(7, 1.5 + 0.42 * len(table)), sharey=True)
    inks = [GRAY if "untrained" in label else BLUE for label in table["label"]]
    for ax, (name, words, chance) in zip(axes, columns):
        dots(ax, table["label"], table[name], table[f"{name}_low"], table[f"{name}_high"], inks)
        guide(ax, x=table["luck"].mean() if chance is None else chance, ink="black", ls="--")
        ax.set_xlabel(words, fontsize=10)
        ax.set_xlim(0, None)
    return fig
