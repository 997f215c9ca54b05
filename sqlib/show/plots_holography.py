"""Figures of the holography chapter; each takes what was computed and returns a matplotlib figure."""

import matplotlib.patheffects as effects
import numpy as np

from sqlib.show import style
from sqlib.show.style import BLUE, GREEN, PINK, VERMILION

MAP = {"cmap": "gray", "origin": "lower"}


def travel_times(paths, times: dict, pupil):
    """Rays in depth, and travel times against distance.

    paths : (2, P) each, distance and depth (Mm); times : {words: (distances in Mm, minutes)}, closed form, traced rays,
    and the Sun's phase and group time; pupil : its radii (Mm)
    """
    fig, (left, right) = style.grid(2, 2, 3.9)
    for path in paths:
        left.plot(*path)
    left.invert_yaxis()
    left.set(xlabel="distance along the surface (Mm)", ylabel="depth (Mm)", title="rays")
    looks = ((BLUE, "-", ""), (VERMILION, "", "o"), (GREEN, "--", ""), (PINK, ":", ""))
    style.lines(right, times, looks, xlabel="skip distance Δ (Mm)", ylabel="travel time τ (min)", xlim=(0, 80),
                ylim=(0, 48), title="travel times; shaded: the pupil")
    style.shade(right, [pupil])
    return style.legend(fig)


def time_distance(distances, minutes, velocity, bounces: dict):
    """A time–distance diagram: velocity (T, D) at `distances` (Mm) and `minutes`, and closed forms of some bounces:
    {words: (minutes (D,), (Mm, min) where the words stand)}."""
    fig, (ax,) = style.grid(1, 1, 4)
    mesh = ax.pcolormesh(distances, minutes, velocity, cmap="RdBu_r", vmin=-3, vmax=3, shading="nearest",
                         rasterized=True)
    halo = [effects.withStroke(linewidth=3, foreground="white"), effects.Normal()]  # dark ridges would hide the line
    for words, (expected, place) in bounces.items():
        ax.plot(distances, expected, "k--", lw=1.2, path_effects=halo)
        ax.text(*place, words, fontsize=11, bbox={"fc": "white", "ec": "none", "pad": 2})
    ax.set(xlabel="distance from the source (Mm)", ylabel="time after the impulse (min)",
           ylim=(0, min(80, minutes.max())), xlim=(0, distances.max()))
    fig.colorbar(mesh, label="velocity (scaled at each distance)")
    return fig


def focus(views: dict, pixel: float, minutes, course):
    """Maps of egression power {title: (H, W)} round the source, 1 being the greatest, and its course in time."""
    fig, axes = style.grid(len(views) + 1, len(views) + 1, 2.6, width_ratios=[1] * len(views) + [1.5])
    for ax, (title, view) in zip(axes, views.items()):
        half = pixel * len(view) / 2
        ax.imshow(view, vmin=0, vmax=1, extent=[-half, half] * 2, **MAP)
        ax.set(title=title, xlabel="Mm")
        ax.tick_params(labelleft=ax is axes[0])
    axes[-1].plot(minutes, course)
    style.guide(axes[-1], "half", y=0.5)
    axes[-1].set(xlim=(-20, 20), xlabel="minutes after the impulse", title="power at the focus")
    return fig


def speckle(level, density, seconds, courses: dict, law):
    """Density of P over its local mean at `level`, with the exponential law; autocorrelation at `seconds`, with `law`,
    of `courses` {words: (L,)}, none where the frames do not tell."""
    density = {"frames": (level, np.maximum(density, 1e-6)), "law": (level, np.exp(-level))}
    shown = {words: (seconds, course) for words, course in courses.items()} | {"law": (seconds, law)}
    each = ({"yscale": "log", "ylim": (2e-4, 2), "xlabel": "P / local mean", "title": "brightness; law: exp(−P)"},
            {"ylim": (-0.05, 1.05), "xlabel": "time lag t (s)", "title": "lifetime; law: sinc²(2 mHz · t)"})
    return style.curves({"probability density": density, "autocorrelation": shown}, "", high=3.5, how={"lw": 2.2},
                        looks=((BLUE, "-", ""), (VERMILION, "--", "")), each=each)


def shadow(power, pixel: float, distances, course, sources):
    """Mean egression power (H, W) over weakened sources, and its course and that of `sources` with distance (Mm)."""
    fig, (left, right) = style.grid(2, 2, 3.4, width_ratios=[1, 1.3])
    half = pixel * len(power) / 2
    left.imshow(power, vmin=0, vmax=1.5, extent=[-half, half] * 2, **MAP)
    left.set(xlabel="Mm", ylabel="Mm", title="mean egression power")
    style.lines(right, {"egression power": (distances, course), "sources": (distances, sources)},
                ((BLUE, "-", ""), (VERMILION, "--", "")), {"drawstyle": "default"}, ylim=(0, 1.3),
                xlabel="distance from the middle (Mm)", ylabel="relative to the quiet Sun")
    return style.legend(fig)


def event(doppler, power, early, box, corner, side: int, minutes: float):
    """One simulated event: velocity (m/s) and egression power (H, W) at the source's peak; power there and before.

    corner : (x, y) of the close view of `side` pixels; minutes : how long before `early` (H, W) was
    """
    x, y = corner
    near = (slice(y, y + side), slice(x, x + side))
    moved = tuple(value - shift for value, shift in zip(box, (x, y, x, y)))
    pictures = [style.colour(doppler, "RdBu_r", -150, 150), *(style.stretched(one, 8) for one in
                                                              (power, power[near], early[near]))]
    titles = ("velocity, ±150 m/s", "egression power at the peak", f"the same, {side} × {side} pixels",
              f"{minutes:.0f} min before")
    fig = style.panels(pictures, titles, 2, [(), (box,), (moved,), (moved,)], high=3.6, size=10, room=1)
    style.draw_boxes(fig.axes[0], [box], "black", 2, room=1)  # amber would be lost among red and blue
    return fig
