"""Figures in the book's style: the style sheet, the mark of the data's source, PNGs small enough for a page."""

import io
from itertools import cycle
from pathlib import Path

import numpy as np

from sqlib.errors import SqError

STYLE = Path(__file__).with_name("sqlib.mplstyle")
# colours that the colour-blind tell apart (Okabe and Ito), and a gray
BLUE, VERMILION, GREEN, PINK = "#0072B2", "#D55E00", "#009E73", "#CC79A7"
AMBER, SKY, GRAY = "#E69F00", "#56B4E9", "#777777"
LEVELS = 9  # of gray: speckle hardly compresses, and few levels leave room for sharper pixels in a PNG of the same size
# how lines are told apart: colour, line, marker
LOOKS = ((BLUE, "-", "o"), (VERMILION, "--", "s"), (GREEN, "-.", "^"), (PINK, ":", "D"), (GRAY, (0, (5, 1)), "v"),
         (SKY, (0, (3, 1, 1, 1)), "P"), (AMBER, (0, (1, 1)), "X"))  # fmt: skip
INK = {"simulated": "#8a3b00", "observed": "#00507a", "published": "#444444", "theory": "#444444", "everyday": "#444444"}
INK |= {f"own-{source}": INK[source] for source in ("simulated", "observed")}


def use_style() -> None:
    """Apply the book's style to the figures made from now on in this process (a notebook's first cell)."""
    import matplotlib.style

    matplotlib.style.use(STYLE)


def stamp(fig, text: str, colour: str = "#444444") -> None:
    """Write `text` (where the data come from) into the lower right corner of `fig`, clear of the axes."""
    height = fig.get_figheight()
    strip = 0.2 / height  # a strip of 0.2 inch below the axes
    engine = fig.get_layout_engine()
    if engine is not None and "rect" in engine.get():
        engine.set(rect=(0, strip, 1, 1 - strip))
    fig.text(0.995, 0.05 / height, text, ha="right", va="bottom", fontsize=8, color=colour, gid="sq-stamp")


def png(fig, limit: int = 150_000) -> bytes:
    """Return `fig` as a PNG of at most `limit` bytes where that can be had: fewer colours first, then fewer pixels.

    A book page is 700 px wide: 200 dots an inch (1400 px at 7 inches) is sharp on a phone, 90 is the least drawn.
    """
    from PIL import Image

    data = b""
    for dpi in (200, 160, 120, 90):
        buffer = io.BytesIO()
        fig.savefig(buffer, format="png", dpi=dpi)
        image = Image.open(buffer).convert("RGB").quantize(256, dither=Image.Dither.NONE)
        small = io.BytesIO()
        image.save(small, format="png", optimize=True)
        data = min(buffer.getvalue(), small.getvalue(), key=len)
        if len(data) <= limit:
            break
    return data


def stretched(frame: np.ndarray, top: float | None = None, share: float = 0.995, levels: int = LEVELS) -> np.ndarray:
    """A frame (..., H, W) as 0…1, `top` (default its own quantile `share`) being white.

    In few `levels`, which keep pages small and which speckle hides; in smooth pictures they would draw rims of their own.
    """
    top = max(1.0, float(np.quantile(frame, share))) if top is None else top
    return np.floor(levels * np.minimum(np.asarray(frame, float) / top, 1)) / levels


def draw_boxes(ax, boxes, colour: str = AMBER, width: float = 1.5, room: float = 0, **look) -> None:
    """Draw boxes (x0, y0, x1, y1) of a frame: they hold the pixels from x0 up to x1, and pixels are centred on whole numbers.

    room : so many pixels outside of them, lest the line cover what is in a narrow one
    """
    from matplotlib.patches import Rectangle

    for x0, y0, x1, y1 in boxes:
        corner, sides = (x0 - 0.5 - room, y0 - 0.5 - room), (x1 - x0 + 2 * room, y1 - y0 + 2 * room)
        ax.add_patch(Rectangle(corner, *sides, fill=False, ec=colour, lw=width, **look))


def bare(ax) -> None:
    """Take ticks and frame from `ax`."""
    ax.set(xticks=[], yticks=[])
    ax.spines[:].set_visible(False)


def picture(ax, shown, title: str = "", boxes=(), size: float = 9, loc: str = "center", vmax: float = 1, **look) -> None:
    """Show a picture on `ax`, gray (H, W) from 0 (black) to `vmax` or coloured (H, W, 3), with boxes (`look`: `draw_boxes`)."""
    ax.imshow(shown, cmap="gray", vmin=0, vmax=vmax)
    bare(ax)
    ax.set_title(title, fontsize=size, loc=loc)
    draw_boxes(ax, boxes, **look)


def panels(pictures, titles, columns: int, boxes=None, rows=(), room: float = 0):
    """A figure of pictures, (H, W) or (H, W, 3) of 0…1, side by side in so many columns, each with its title and its boxes.

    rows : words to the left of each row; room : see `draw_boxes`
    """
    import matplotlib.pyplot as plt

    lines = -(-len(pictures) // columns)
    fig, axes = plt.subplots(lines, columns, figsize=(7, lines * (7 / columns + 0.28)), squeeze=False)
    for ax, shown, title, own in zip(axes.flat, pictures, titles, boxes or [()] * len(pictures)):
        picture(ax, shown, title, own, size=8 if columns > 3 else 9, room=room)
    for ax in axes.flat[len(pictures) :]:
        ax.set_visible(False)
    for ax, words in zip(axes[:, 0], rows):
        ax.set_ylabel(words, fontsize=10)
    return fig


def lines(ax, curves: dict, looks=LOOKS, **how) -> None:
    """Draw `curves`, {words: (x, y)}, each in a look of its own; `how` as for `Axes.plot`, before the look."""
    for (words, pair), (ink, style, marker) in zip(curves.items(), cycle(looks)):
        ax.plot(*pair, **{"color": ink, "ls": style, "marker": marker, "ms": 4, "label": words, **how})


def guide(ax, words: str = "", *, x: float | None = None, y: float | None = None, ink: str = GRAY, ls: str = ":") -> None:
    """A thin line through all of `ax` at `x`, with words at its top, or at `y`, with words at its right end."""
    if x is not None:
        ax.axvline(x, color=ink, lw=1, ls=ls, zorder=0)
        ax.text(x, 0.98, f" {words}", fontsize=9, va="top", color="#444444", transform=ax.get_xaxis_transform())
    if y is not None:
        ax.axhline(y, color=ink, lw=1, ls=ls, zorder=0)
        ax.text(0.99, y, words, fontsize=9, ha="right", va="bottom", color="#444444", transform=ax.get_yaxis_transform())


def dots(ax, names, values, low, high, inks=BLUE, marker: str = "o", lift: float = 0.0, label: str | None = None) -> None:
    """A row each from the top down: its name, a mark at its value, and a bar from `low` to `high`.

    inks : a colour, or one a row; lift : how far above the middle of its row a mark stands (rows are 1 apart)
    """
    places, inks = np.arange(len(names))[::-1], np.broadcast_to(inks, len(names))
    for ink in dict.fromkeys(inks):
        own = inks == ink
        ax.hlines(places[own] + lift, np.asarray(low)[own], np.asarray(high)[own], color=ink, lw=2)
        ax.plot(np.asarray(values)[own], places[own] + lift, marker, color=ink, ms=7, label=label)
    ax.set_yticks(places, names)
    ax.set_ylim(-0.6, len(names) - 0.4)


def whole_numbers(ax) -> None:
    """Ticks at whole numbers alone: of epochs, frames, events."""
    ax.xaxis.get_major_locator().set_params(integer=True)


def key(fig, entries: dict[str, dict], ncols: int = 3) -> None:
    """A legend above the figure, {words: look of a line or marker}, where no drawn line says it."""
    from matplotlib.lines import Line2D

    handles = [Line2D([], [], **{"lw": 1.8, **look}) for look in entries.values()]
    fig.legend(handles, list(entries), loc="outside upper left", ncols=ncols)


def colour(values, cmap: str = "gray", vmin: float | None = None, vmax: float | None = None) -> np.ndarray:
    """Map `values` (..., H, W) through a colour map to uint8 (..., H, W, 3), for `publish.movie`.

    `vmin` and `vmax` default to the extremes of `values`; `SqError` where they are not finite, or do not rise.
    """
    import matplotlib

    values = np.asarray(values, dtype=np.float32)
    low = float(values.min()) if vmin is None else vmin
    high = float(values.max()) if vmax is None else vmax
    if not np.isfinite([low, high]).all() or high <= low:
        raise SqError(f"colour needs finite values and vmin < vmax, not {low} and {high}")
    return matplotlib.colormaps[cmap]((values - low) / (high - low), bytes=True)[..., :3]
