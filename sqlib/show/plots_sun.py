"""Drawings of the primer on the Sun, to scale; each takes numbers and returns a matplotlib figure."""

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.patches import Circle

from sqlib.show import style
from sqlib.sun import rays
from sqlib.sun.scene import SOLAR_RADIUS
from sqlib.sun.waves import Polytrope

DARKENING = 0.6  # of the limb, linear, in visible light: 1 - u (1 - cos θ)
CORONA, CHROMOSPHERE, INTERIOR, FLARE = "#eef3f8", "#f3b49f", "#fbe3b0", "#b00020"
FACE = "#fffaf0"  # behind words that stand on a picture


def circle(longitude: float, latitude: float, radius: float, count: int = 181) -> np.ndarray:
    """A circle on the Sun as seen from Earth: (2, count), x to the west and y to the north, in solar radii; NaN behind
    the limb. Its middle's longitude and latitude, and its radius as an angle at the Sun's centre, are in degrees."""
    lon, lat, size = np.radians([longitude, latitude, radius])
    angle = np.linspace(0, 2 * np.pi, count)
    middle = np.array([np.cos(lat) * np.sin(lon), np.sin(lat), np.cos(lat) * np.cos(lon)])
    west = np.array([np.cos(lon), 0, -np.sin(lon)])
    north = np.cross(middle, west)
    points = (np.cos(size) * middle[:, None] + np.sin(size) * (np.cos(angle) * west[:, None] +
                                                               np.sin(angle) * north[:, None]))
    return np.where(points[2] >= 0, points[:2], np.nan)


def disc(longitudes, radius: float = 6.0):
    """The Sun's disc with equal circles on its equator, at some `longitudes` (degrees), and how narrow each looks."""
    fig, (left, right) = style.grid(2, 2, 3.7)
    y, x = np.mgrid[1.08:-1.08:400j, -1.08:1.08:400j]
    mu = np.sqrt(np.clip(1 - x**2 - y**2, 0, None))
    light = np.where(np.hypot(x, y) < 1, 1 - DARKENING * (1 - mu), np.nan)
    for lon, lat, size in ((-28, 17, 4.5), (-38, 19, 3.0)):
        edge = circle(lon, lat, size)
        middle, wide, high = np.nanmean(edge, 1), np.ptp(edge[0]) / 2, np.ptp(edge[1]) / 2
        light *= 1 - 0.75 * np.exp(-(((x - middle[0]) / wide) ** 2 + ((y - middle[1]) / high) ** 2) ** 2)
    left.imshow(light, cmap="YlOrBr_r", vmin=0, vmax=1.15, extent=(-1.08, 1.08, -1.08, 1.08))
    for longitude in longitudes:
        left.plot(*circle(longitude, 0, radius), color=style.BLUE, lw=1.8)
    for words, at, place in (("active region", (-0.45, 0.29), (-0.62, 0.63)), ("limb", (0.77, 0.64), (0.74, 0.93)),
                             ("equal circles", (0.5, -0.12), (-0.05, -0.5))):
        left.annotate(words, at, place, fontsize=10, bbox={"fc": FACE, "ec": "none", "pad": 1.5},
                      arrowprops={"arrowstyle": "-", "color": "black"})
    left.set(xticks=[], yticks=[], title="what is seen: the photosphere")
    left.spines[:].set_visible(False)
    angle = np.linspace(0, 89, 179)
    right.plot(angle, np.cos(np.radians(angle)), color=style.GRAY)
    right.plot(longitudes, np.cos(np.radians(longitudes)), "o", color=style.BLUE, ms=7, ls="")
    for one in longitudes:
        right.annotate(f"{np.cos(np.radians(one)):.2f}", (one, np.cos(np.radians(one))), (6, 4), fontsize=10,
                       textcoords="offset points")
    right.set(xlabel="angle from the disc's centre (°)", ylabel="width seen / true width", xlim=(-4, 96),
              ylim=(0, 1.12), title="foreshortening: the cosine")
    right.set_xticks(range(0, 91, 15))
    return fig


def cut(distances, index: float):
    """A vertical cut to scale: a flare's loop above the surface, and rays of sound in a polytrope of this index below
    it to these `distances` (Mm)."""
    fig, (ax,) = style.grid(1, 1, 3.9)
    low, high, left, right = -25, 26, -53, 66
    for bottom, top, ink in ((2, high, CORONA), (0, 2, CHROMOSPHERE), (low, 0, INTERIOR)):
        ax.axhspan(bottom, top, color=ink, lw=0, zorder=0)
    ax.axhline(0, color="black", lw=2.2)
    angle = np.linspace(0, np.pi, 100)
    for size in (0.86, 1.0):
        ax.plot(-10 + 10 * size * np.cos(angle), 20 * size * np.sin(angle), color=style.GRAY, lw=1.4)
    ax.plot(-10, 21.5, marker="*", ms=20, color=FLARE)
    for share in (0.42, 0.24, 0.08):
        begin, end = (np.array([-10 + 10 * np.cos(a), 20 * np.sin(a)]) for a in (np.pi * share, np.pi * (share - 0.07)))
        ax.annotate("", end, begin, arrowprops={"arrowstyle": "-|>", "color": FLARE, "lw": 2.2})
    for distance in distances:
        ray = ray_to(distance, index)
        x, z = ray.path
        ax.plot(np.r_[x, ray.distance - x[::-1]], -np.r_[z, z[::-1]], color=style.BLUE, lw=1.5)
        ax.annotate(f"{ray.time / 60:.0f} min", (distance, 0), (0, 9), textcoords="offset points", ha="center",
                    fontsize=10, color=style.BLUE)
        ax.plot(distance, 0, "^", color=style.BLUE, ms=7)
    for words, at, place in (("a flare: magnetic\nenergy is released", (-9, 22), (6, 20)),
                             ("particles run down\nthe loop and hit", (-0.6, 6), (5, 10))):
        ax.annotate(words, at, place, fontsize=10, color=FLARE, va="center",
                    arrowprops={"arrowstyle": "-", "color": FLARE})
    for words, y in (("corona: 1 to 2 million K", 12), ("chromosphere: 2 Mm", 4.4),
                     ("photosphere: 5,800 K", -3.2), ("convection zone:\n200 Mm deep", -11)):
        ax.text(left + 0.7, y, words, fontsize=10, va="center")
    ax.text(33, -22, "sound, bent back by the rising temperature", fontsize=10, color=style.BLUE, ha="center")
    ax.set(xlim=(left, right), ylim=(low, high), aspect="equal", xlabel="distance from the place that is hit (Mm)",
           ylabel="height (Mm)")
    return fig


def ray_to(distance: float, index: float) -> rays.Ray:
    """The ray of a polytrope that comes up again after `distance` Mm: it has v = √(g Δ / π m)."""
    return rays.trace_ray(rays.polytrope_sound_speed(index), np.sqrt(rays.GRAVITY * distance / (np.pi * index)))


def doppler(velocity: float, wavelength: float, width: float, picture: np.ndarray, pixel: float):
    """A spectral line at rest and shifted by ±`velocity` (m/s), of this wavelength and full width at half maximum
    (Å), and a Dopplergram (H, W) in arbitrary units, with pixels in Mm."""
    fig, (left, right) = style.grid(2, 2, 3.5)
    offset, shift = np.linspace(-0.2, 0.2, 400), velocity / 299_792_458 * wavelength
    for words, by, (ink, line, _) in (("rising", -shift, style.LOOKS[0]), ("at rest", 0, ("black", ":", "")),
                                      ("sinking", shift, style.LOOKS[1])):
        dark = 1 - 0.6 * np.exp(-4 * np.log(2) * ((offset - by) / width) ** 2)
        left.plot(1000 * offset, dark, color=ink, ls=line, label=words)
    left.set(xlabel=f"wavelength − {wavelength:,.0f} Å (mÅ)", ylabel="light", ylim=(0.3, 1.05),
             title=f"a line at ±{velocity / 1000:g} km/s")
    reach = 3 * picture.std()
    side = picture.shape[0] * pixel
    shown = right.imshow(-picture, cmap="RdBu_r", vmin=-reach, vmax=reach, extent=(0, side, 0, side))
    right.set(xlabel="Mm", ylabel="Mm", title="a Dopplergram")
    bar = fig.colorbar(shown, ax=right, ticks=[-reach, 0, reach])
    bar.ax.set_yticklabels(["rising", "0", "sinking"])
    return style.legend(fig, 3)


def modes(spectrum: np.ndarray, degree: np.ndarray, frequency: np.ndarray, band):
    """Power (F, L) of waves against their degree and frequency (mHz), with the polytrope's modes over the right half,
    and the `band` (mHz) that holography looks at."""
    fig, (ax,) = style.grid(1, 1, 4.0)
    level = np.log10(spectrum / np.median(spectrum))
    ax.pcolormesh(degree, frequency, level, cmap="Greys", vmin=0, vmax=np.quantile(level, 0.995), shading="nearest",
                  rasterized=True)
    sun, fine = Polytrope(), np.linspace(degree.mean(), degree[-1], 100)
    for n in range(1, 7):
        nu = np.sqrt(rays.GRAVITY * fine / SOLAR_RADIUS * (1 + 2 * n / sun.index)) / (2 * np.pi) * 1e3
        ax.plot(fine, nu, "--", color=style.VERMILION, lw=1.2, label="the formula" if n == 1 else None)
        if nu[0] < frequency[-1] - 0.2:
            ax.text(fine[0] - 8, nu[0], f"n = {n}", fontsize=9, ha="right", va="center", color=style.VERMILION,
                    bbox={"fc": "white", "ec": "none", "pad": 0.6})
    ax.axhspan(*band, color=style.SKY, alpha=0.2, lw=0, label="what holography looks at")
    ax.axhline(1000 / 300, color=style.GREEN, lw=1.4, ls="-.", label="five minutes")
    ax.set(xlabel="degree ℓ: wavelengths round the Sun", ylabel="frequency (mHz)", xlim=(degree[0], degree[-1]),
           ylim=(frequency[0], frequency[-1]))
    return style.legend(fig, 3)


def holography(index: float, pupil, minute: float, motion: np.ndarray, power: np.ndarray, pixel: float):
    """Holography in one picture: rays to the `pupil` (Mm) in a polytrope of this index, and `motion` and `power` (H,
    W), with pixels in Mm: the surface `minute` min after a blow in the middle, and the power at the blow."""
    fig = plt.figure(figsize=(7, 5.6))
    above, left, right = fig.subplot_mosaic([["above", "above"], ["left", "right"]], height_ratios=[1, 1.9]).values()
    inner, outer = pupil
    for side in (-1, 1):
        for distance in np.linspace(inner, outer, 5):
            x, z = ray_to(distance, index).path
            above.plot(side * np.r_[x, distance - x[::-1]], -np.r_[z, z[::-1]], color=style.BLUE, lw=1)
        above.plot([side * inner, side * outer], [0, 0], color=style.AMBER, lw=6, solid_capstyle="butt")
    above.plot(0, 0, "*", ms=16, color=FLARE)
    above.text(0, 2, "the blow", ha="center", fontsize=10, color=FLARE)
    for side in (-1, 1):
        above.text(side * (inner + outer) / 2, 2, "pupil", ha="center", fontsize=10, color="#8a5a00")
    above.set(xlim=(-60, 60), ylim=(-17, 7), ylabel="height (Mm)", xlabel="Mm",
              title="waves leave one point and come up all round it")
    half = motion.shape[0] / 2 * pixel
    look = {"extent": (-half, half, -half, half), "origin": "lower"}
    reach = 3 * motion.std()
    left.imshow(motion, cmap="RdBu_r", vmin=-reach, vmax=reach, **look)
    for radius in pupil:
        left.add_patch(Circle((0, 0), radius, fill=False, ec=style.AMBER, lw=2))
    left.set(title=f"velocity, {minute:.0f} min after the blow", xlabel="Mm", ylabel="Mm")
    right.imshow(power / power.max(), cmap="gray", vmin=0, vmax=1, **look)
    right.set(title="egression power: the blow itself", xlabel="Mm", xlim=(-30, 30), ylim=(-30, 30))
    return fig


def egression_map(frame: np.ndarray, active: np.ndarray | None, boxes, bright):
    """A frame (H, W) of egression power: the outline of the `active` region (bool (H, W)), a sunquake's boxes, and a
    `bright` pixel (y, x) of speckle."""
    fig, (ax,) = style.grid(1, 1, 4.6)
    style.picture(ax, style.stretched(frame), boxes=boxes, room=1)
    size = frame.shape[0]
    if active is not None:
        ax.contour(active, [0.5], colors=style.SKY, linewidths=1.6)
        y, x = np.argwhere(active)[-1]  # its lowest pixel
        _named(ax, "shadow of the active region", (x, y), (0.04 * size, 0.95 * size), style.SKY)
    for x0, y0, _, y1 in boxes[:1]:
        _named(ax, "sunquake", (x0, (y0 + y1) / 2), (0.04 * size, 0.07 * size), style.AMBER)
    _named(ax, "speckle", bright[::-1], (0.72 * size, 0.07 * size), style.GREEN)
    ax.plot(bright[1], bright[0], "o", ms=14, mfc="none", mec=style.GREEN, mew=2)
    return fig


def _named(ax, words: str, at, place, ink: str) -> None:
    ax.annotate(words, at, place, fontsize=10, color="black", va="center", arrowprops={"arrowstyle": "-", "color": ink},
                bbox={"fc": FACE, "ec": ink, "pad": 2})
