"""Figures of the case studies; each takes what was computed and returns a matplotlib figure."""

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.patches import Circle

from sqlib.judge.lightcurves import Light
from sqlib.show import style
from sqlib.show.plots_embedding import event_name
from sqlib.show.style import AMBER, BLUE, GRAY, GREEN, SKY, VERMILION

VIOLET, RED = "#6a3d9a", "#c00000"
ALT = {
    "when": "A panel for each event with jagged curves between zero and one; bars above them mark runs of positive "
            "frames, and a band the candidate.",
    "strip": "Rows of noisy gray frames with a small box each; below each a smoother version with a circle, often at "
             "another place.",
    "movie": "A noisy gray frame with a darker region; a small box at one place, and lines round the picture at times.",
    "light": "Two maps with a small marked place; below, light curves with a peak and two dotted levels; at the bottom "
             "a day of noise in gray with the cube's own curve in its middle.",
    "corona": "Small pictures of the solar atmosphere at successive times, brightening and fading, with a box and "
              "contours near the middle.",
    "attention": "Dots with intervals for two methods and four cases, on two scales, with a dashed line for chance.",
    "looked": "Rows of three pictures: a noisy frame with a box and a cross, a coarse map with a bright patch, and "
              "a finer one.",
}
LOOKS = ((VIOLET, "-", ""), (BLUE, "--", ""), (GREEN, "-.", ""), (VERMILION, ":", ""))


def strip(frames, low, numbers, places: pd.DataFrame, spots: pd.DataFrame):
    """Figures 12 and 14: frames (N, H, W) with the detector's box, and below each its Solarized Low-Pass with its spot:
    places, a row a frame with x0, y0, x1, y1, and spots, with x and y."""
    rows = -(-len(frames) // 4)
    fig, axes = style.grid(8 * rows, 4, 1.82, 0.35, subplot_kw={"xticks": [], "yticks": [], "frame_on": False})
    upper, lower = axes.reshape(rows, 2, 4).swapaxes(0, 1).reshape(2, -1)
    found, spot = places[["x0", "y0", "x1", "y1"]].to_numpy(), spots[["x", "y"]].to_numpy() - 0.5
    for i, (ax, below, number) in enumerate(zip(upper, lower, numbers)):
        bright = style.stretched(frames[i], share=0.985)
        style.picture(ax, bright, f"frame {number}", [found[i]], 10, "left", colour=SKY, width=1.6)
        style.picture(below, np.round(low[i] / 16) / 16)
        below.add_patch(Circle(spot[i], 0.05 * low.shape[1], fill=False, ec=VERMILION, lw=1.6))
    return style.legend(fig, 3, {"detector's box": {"color": SKY},
                                 "brightest spot of the Solarized Low-Pass": {"color": VERMILION}})


def timeline(index: pd.DataFrame, ranks: dict[str, np.ndarray], spells: dict[str, pd.DataFrame], windows: dict):
    """When each model sees what: values 0…1 (M,) per frame and model, a panel an event; bars where it says yes:
    `spells`, per model a table of event, first, last; shaded: `windows`, per event the first and last frame that are
    looked at."""
    table = index[["event", "frame"]].assign(**{name: np.asarray(values) for name, values in ranks.items()})
    events = {event: own.sort_values("frame") for event, own in table.groupby("event", sort=False)}
    parts = {event_name(event): {name: (own["frame"], own[name]) for name in ranks} for event, own in events.items()}
    fig = style.curves(parts, "frame number", "rank", columns=1, high=1.95, looks=LOOKS, how={"lw": 1.1}, ncols=3,
                       ylim=(-0.03, 1.15 + 0.12 * len(ranks)), yticks=[0, 0.5, 1])
    for ax, event in zip(fig.axes, events):
        style.shade(ax, [np.add(windows[event], (-0.5, 0.5))] if event in windows else [])
        for place, (name, (ink, *_)) in enumerate(zip(ranks, LOOKS)):
            if name in spells:
                said = spells[name][spells[name]["event"] == event]
                ax.hlines([1.1 + 0.12 * place] * len(said), said["first"] - 0.4, said["last"] + 0.4, color=ink, lw=4)
    return fig


def light(found: Light, power: np.ndarray, place: tuple, minutes, cadence: float, noise: np.ndarray, level: float):
    """Figure 16: a map of P/P_avg with the kernels, light curves with levels, and the same place among a day of noise.

    found : of `lightcurves.measure` for this power (T, H, W) and place (x, y); minutes : (T,); cadence : s
    noise : (D,), a longer light curve, in whose middle the cube is drawn; level : what noise exceeds once a day there
    """
    fig, axes = plt.subplot_mosaic("mn;cc;dd", figsize=(7, 8.6), height_ratios=[1.15, 1.1, 0.85])
    radii, kernels = list(found.curves), {f"radius {r:g} px": curve for r, curve in found.curves.items()}
    levels = {f"{k}σ ar": 1 + k * found.sigma[0] for k in (3, 5)}
    average, anywhere = power.mean(0), found.facts["anywhere in the frame"]
    ratio = power[found.curves[radii[0]].argmax()] / np.maximum(average, 0.02 * average.mean())
    (x, y), (high, wide) = place, ratio.shape
    half, shown = min(18, high / 2, wide / 2), np.minimum(ratio, np.quantile(ratio, 0.9995))
    for ax, words in ((axes["m"], "at the time of its maximum"), (axes["n"], "the kernels")):
        image = ax.imshow(shown, cmap="cividis")
        ax.set(xlabel="x (px)", ylabel="y (px)", title=words)
    style.draw_boxes(axes["m"], [(x - half, y - half, x + half, y + half)], "white", 1.2)
    ax.set(xlim=np.clip([x - half, x + half], 0, wide) - 0.5, ylim=np.clip([y + half, y - half], 0, high) - 0.5)
    for radius, (ink, dashes, _) in zip(radii, LOOKS):
        for look in ({"ec": "white", "lw": 2.6}, {"ec": ink, "lw": 1.5, "ls": dashes}):
            ax.add_patch(Circle((x - 0.5, y - 0.5), radius, fill=False, **look))
    fig.colorbar(image, ax=[axes["m"], ax], label="P / P_avg", shrink=0.9)

    ax, first = axes["c"], next(iter(kernels.values()))
    for words, height in levels.items():  # before the lines: the axis reaches up to the highest level too
        style.guide(ax, words, y=height)
    style.lines(ax, {words: (minutes, own) for words, own in kernels.items()}, LOOKS, {"lw": 1.5}, ylabel="P / P_avg",
                xlabel="time from the start of the cube (min)", xlim=(minutes[0], minutes[-1]), ylim=(0, None))
    if len(found.run):
        ends = minutes[found.run[0]], minutes[found.run[-1]] + cadence / 60
        ax.plot(ends, [levels["3σ ar"]] * 2, color=RED, lw=3.5, solid_capstyle="butt")
    ax.legend(loc="lower left", bbox_to_anchor=(0, 1), fontsize=9, ncols=3)

    ax, when = axes["d"], np.arange(len(noise)) * cadence / 60
    start = (len(noise) * cadence / 60 - minutes[-1]) / 2
    style.shade(ax, [(start / 60, (start + minutes[-1]) / 60)], "#dcecf6")
    style.lines(ax, {"noise, simulated": (when / 60, noise),
                     "the smallest kernel": ((start + np.asarray(minutes)) / 60, first),
                     "noise exceeds it once a day": ((0, 24), (level, level)),
                     "… once in the cube, anywhere in the frame": ((0, 24), (anywhere, anywhere))},
                ((GRAY, "-", ""), (VIOLET, "-", ""), (VERMILION, "--", ""), (VERMILION, "-.", "")), {"lw": 0.8},
                xlabel="time (h)", ylabel="P / P_avg", xlim=(0, 24),
                ylim=(0, 1.05 * max(*noise, *first, level, anywhere)))
    ax.legend(loc="lower left", bbox_to_anchor=(0, 1), fontsize=9, ncols=2)
    return fig


def corona(maps: list, outline, mark=None, contours=None):
    """Figures 13 and 15: cut-outs of AIA (sunpy maps) with the detected box, RHESSI's contours and the true place.

    outline : SkyCoord of the corners of the box, or None; mark : SkyCoord of a planted source; contours : sunpy map
    """
    import astropy.units as u

    columns = 1 + (len(maps) > 1)
    rows, words = -(-len(maps) // columns), {}
    fig = plt.figure(figsize=(7, 0.5 + 3.25 * rows))
    for number, one in enumerate(maps, 1):
        ax = fig.add_subplot(rows, columns, number, projection=one)
        floor, ceiling = np.maximum(np.nanquantile(one.data, (0.1, 0.999)), 1)
        bright = np.log(np.maximum(one.data, floor) / floor) / max(np.log(ceiling / floor), 1e-9)
        ax.imshow(np.round(24 * np.clip(bright, 0, 1)), cmap="gray", origin="lower", aspect="equal")
        ax.autoscale(False)
        if outline is not None:
            words["detector's box"] = {"color": "#00a5b8"}
            ax.plot_coord(outline[[0, 1, 2, 3, 0]], color="#00e5ff", lw=1.8)
        if contours is not None:
            words["6–12 keV"] = {"color": "#00a000"}
            contours.draw_contours([30, 50, 70, 90] * u.percent, axes=ax, colors="#00a000", linewidths=1.0)
        if mark is not None:
            words["annotated source"] = {"color": VERMILION, "ls": "", "marker": "+", "ms": 11, "mew": 2}
            ax.plot_coord(mark, **words["annotated source"])
        wave = f"{one.wavelength.value:.0f} Å  " if one.wavelength is not None else ""
        ax.set_title(f"{wave}{one.date.strftime('%H:%M:%S')}")
        outer = number > len(maps) - columns, number % columns == 1 % columns
        for axis, label, on in zip(ax.coords, ("x (arcsec)", "y (arcsec)"), outer):
            axis.set_format_unit(u.arcsec)
            axis.set_major_formatter("s")
            axis.set_ticks(number=3)
            axis.set_axislabel(label if on else " ")
    return style.legend(fig, 3, words)


def looked(frames, maps: dict[str, np.ndarray], boxes, places, titles,
           words: tuple[str, str] = ("annotated box", "detector's place")):
    """Frames (R, H, W) and what a model looks at in them, {method: (R, H, W)}, true boxes and found places (R, 2), with
    the `words` that the legend has for these."""
    pictures = []
    for frame, *seen in zip(frames, *maps.values()):
        gray = [np.round(24 * np.maximum(one, 0) / max(one.max(), 1e-12)) for one in seen]
        pictures += [style.stretched(frame, share=0.998), *(style.colour(one, "cividis", 0, 24) for one in gray)]
    count = 1 + len(maps)
    fig = style.panels(pictures, [one for title in titles for one in (title, *maps)], count,
                       [own for own in boxes for _ in range(count)], high=2.35, size=9, loc="left", width=1.6)
    for ax, place in zip(fig.axes, np.repeat(places, count, axis=0)):
        ax.plot(*(place - 0.5), "x", color=SKY, ms=9, mew=2)
    return style.legend(fig, 2, {words[0]: {"color": AMBER},
                                 words[1]: {"color": SKY, "ls": "", "marker": "x", "ms": 9, "mew": 2}})
