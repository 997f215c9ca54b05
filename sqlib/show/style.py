"""The vocabulary of the book's figures: looks, pictures, curves, rows of marks, legends; stamp, and small PNGs."""

import io
from itertools import chain, cycle
from pathlib import Path

import numpy as np

STYLE = Path(__file__).with_name("sqlib.mplstyle")
# colours that the colour-blind tell apart (Okabe and Ito 2008), grays, and the shade of annotated spans
BLUE, VERMILION, GREEN, PINK = "#0072B2", "#D55E00", "#009E73", "#CC79A7"
AMBER, SKY, GRAY, DARK, BAND = "#E69F00", "#56B4E9", "#777777", "#444444", "#f0e6c8"
LEVELS = 9  # of gray: speckle hardly compresses, and few levels leave room for sharper pixels in a PNG of the same size
# how lines are told apart: colour, line, marker
LOOKS = ((BLUE, "-", "o"), (VERMILION, "--", "s"), (GREEN, "-.", "^"), (PINK, ":", "D"), (GRAY, (0, (5, 1)), "v"),
         (SKY, (0, (3, 1, 1, 1)), "P"), (AMBER, (0, (1, 1)), "X"))
INK = {"simulated": "#8a3b00", "observed": "#00507a", "published": DARK, "theory": DARK, "everyday": DARK}
INK |= {f"own-{source}": INK[source] for source in ("simulated", "observed")}


def use_style() -> None:
    """Apply the book's style, and nothing of a user's, to figures made from now on (a notebook's first cell)."""
    import matplotlib.style

    matplotlib.rcdefaults()
    matplotlib.rcParams["timezone"] = "UTC"  # rcdefaults leaves it, and the backend, which draws nothing here
    matplotlib.style.use(STYLE)


def stamp(fig, text: str, colour: str = DARK) -> None:
    """Write `text` (where the data come from) into the lower right corner of `fig`, clear of the axes."""
    height = fig.get_figheight()
    strip = 0.2 / height  # a strip of 0.2 inch below the axes
    engine = fig.get_layout_engine()
    if engine is not None and "rect" in engine.get():
        engine.set(rect=(0, strip, 1, 1 - strip))
    fig.text(0.995, 0.05 / height, text, ha="right", va="bottom", fontsize=8, color=colour, gid="sq-stamp")


def png(fig, limit: int = 150_000) -> bytes:
    """`fig` as a PNG of at most `limit` bytes where that can be had: fewer colours first, then fewer pixels. A book
    page is 700 px wide: 200 dots an inch (1400 px at 7 inches) is sharp on a phone, 90 is the least drawn."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from PIL import Image

    canvas, size, drawn = FigureCanvasAgg(fig), 0, 1
    for dpi in (200, 160, 120, 90):
        if dpi > 90 and size * (dpi / drawn) ** 2 > 1.2 * limit:
            continue  # it would be too large, too
        fig.set_dpi(dpi)
        canvas.draw()
        image, small = Image.fromarray(np.asarray(canvas.buffer_rgba())).convert("RGB"), io.BytesIO()
        image.quantize(256, dither=Image.Dither.NONE).save(small, format="png", compress_level=7)  # 9: 5 times as long
        size, drawn = small.tell(), dpi
        if size <= limit:
            break
    return small.getvalue()


def stretched(frame: np.ndarray, top: float | None = None, share: float = 0.995, levels: int = LEVELS) -> np.ndarray:
    """A frame (..., H, W) as 0…1, `top` (default its own quantile `share`, at least 1) being white. Few `levels` keep
    pages small; speckle hides them, but in smooth pictures they would draw rims of their own."""
    top = max(1.0, float(np.quantile(frame, share))) if top is None else top
    return np.floor(levels * np.minimum(np.asarray(frame, float) / top, 1)) / levels


def colour(values, cmap: str, low: float, high: float) -> np.ndarray:
    """Map `values` (..., H, W), from `low` to `high`, through a colour map to uint8 (..., H, W, 3), for `movie.player`
    and `picture`."""
    import matplotlib

    return matplotlib.colormaps[cmap]((np.asarray(values, np.float32) - low) / (high - low), bytes=True)[..., :3]


def draw_boxes(ax, boxes, colour: str = AMBER, width: float = 1.5, room: float = 0, **look) -> None:
    """Draw boxes (x0, y0, x1, y1) of a frame, whose pixels are centred on whole numbers: those from x0 up to x1, and
    `room` more outside, lest the line cover what is in a narrow one."""
    from matplotlib.patches import Rectangle

    for x0, y0, x1, y1 in boxes:
        corner, sides = (x0 - 0.5 - room, y0 - 0.5 - room), (x1 - x0 + 2 * room, y1 - y0 + 2 * room)
        ax.add_patch(Rectangle(corner, *sides, fill=False, ec=colour, lw=width, **look))


def picture(ax, shown, title: str = "", boxes=(), size: float = 9, loc: str = "center", **look) -> None:
    """Show a picture of 0…1, gray (H, W) or coloured (H, W, 3), with boxes (`look`: `draw_boxes`), without axes; what
    is drawn on it afterwards does not widen the view."""
    if shown is not None:
        ax.imshow(shown, cmap="gray", vmin=0, vmax=1)
        ax.autoscale(False)
    ax.set(xticks=[], yticks=[])
    ax.spines[:].set_visible(False)
    ax.set_title(title, fontsize=size, loc=loc)
    draw_boxes(ax, boxes, **look)


def grid(count: int, columns: int, high: float, extra: float = 0.0, fig=None, **how):
    """A figure (or `fig`) and its `count` axes in so many columns, `high` inches a row and `extra` for all."""
    import matplotlib.pyplot as plt

    rows = -(-count // columns)
    fig = fig or plt.figure(figsize=(7, extra + rows * high))
    axes = fig.subplots(rows, columns, squeeze=False, **how).ravel()
    for ax in axes[count:]:
        ax.set_visible(False)
    return fig, axes[:count]


def panels(pictures, titles, columns: int, boxes=None, rows=(), high: float | None = None, fig=None, **look):
    """A figure (or in `fig`) of pictures side by side in so many columns, `high` inches a row, each with its title and
    its boxes; None leaves room. rows : words to the left of each row; look : see `picture`."""
    fig, axes = grid(len(pictures), columns, high or 7 / columns + 0.28, fig=fig)
    for ax, shown, title, own in zip(axes, pictures, titles, boxes or [()] * len(pictures)):
        picture(ax, shown, title, own, **{"size": 8 if columns > 3 else 9, **look})
    for ax, words in zip(axes[::columns], rows):
        ax.set_ylabel(words, fontsize=10)
    return fig


def series(table, by: str, x: str, *columns: str) -> dict:
    """The curves of a long table for `lines`: {value of `by`: (x, column, …)}, in the order of the table."""
    return {name: tuple(own[column] for column in (x, *columns)) for name, own in table.groupby(by, sort=False)}


def lines(ax, curves: dict, looks=LOOKS, how: dict | None = None, **axis) -> None:
    """Draw `curves`, each in a look of its own: {words: (x, y)}, (x, y, low, high) with that range shaded, or a Series.

    how : as for `Axes.plot`, before the look; axis : labels, limits and scales, as for `Axes.set`
    """
    for (words, own), (ink, style, marker) in zip(curves.items(), cycle(looks)):
        x, y, *span = own if isinstance(own, tuple) else (own.index, own)
        drawn = ax.plot(x, y, **{"color": ink, "ls": style, "marker": marker, "ms": 4, "label": words, **(how or {})})
        if span:
            ax.fill_between(x, *span, color=drawn[0].get_color(), alpha=0.15, lw=0)
    ax.set(**axis)


def curves(parts: dict[str, dict], xlabel: str, ylabel: str = "", *, columns: int = 0, high: float = 3.8, looks=LOOKS,
           how=None, marks=None, across=None, whole: bool = False, ncols: int = 2, share: str = "", each=(), **axis):
    """A figure of curves against `xlabel`: for each {label of the vertical axis: curves} a panel of `lines`.

    What has the same words looks the same in each, by turns or by {words: look}. With `ylabel`, which is for all
    panels, their words are titles.
    marks, across : {words: place}, vertical lines and horizontal ones in every panel (across: or a place for each, or
    None); columns, high (inches), share : of the panels, "x" or "xy"; whole : ticks at whole numbers only; ncols : of
    the legend above; each, axis : as for `Axes.set`, of each panel and of all
    """
    fig, axes = grid(len(parts), columns or len(parts), high, sharex="x" in share, sharey="y" in share)
    look = looks if isinstance(looks, dict) else dict(zip(dict.fromkeys(chain(*parts.values())), cycle(looks)))
    for at, (ax, (label, own)) in enumerate(zip(axes, parts.items())):
        lines(ax, own, [look[words] for words in own], how)
        for words, place in (marks or {}).items():
            guide(ax, words, x=place)
        for words, place in (across or {}).items():
            guide(ax, words, y=np.broadcast_to(place, len(parts))[at], ink="black", ls="--")
        # after the guides: an open limit leaves room for them
        ax.set(**({"title": label} if ylabel else {"xlabel": xlabel, "ylabel": label}) | axis)
        if whole:
            ax.xaxis.get_major_locator().set_params(integer=True, nbins=7, min_n_ticks=1)
        if share and not ax.get_subplotspec().is_last_row():
            ax.set_xlabel("")
    for ax, own in zip(axes, each):
        ax.set(**own)
    if ylabel:
        fig.supxlabel(xlabel)
        fig.supylabel(ylabel)
    return legend(fig, ncols)


def guide(ax, words: str = "", *, x: float | None = None, y: float | None = None, ink=GRAY, ls: str = ":") -> None:
    """A thin line through all of `ax` at `x`, with words at its top, or at `y`, with words at its right end."""
    if x is not None:
        ax.axvline(x, color=ink, lw=1, ls=ls, zorder=0)
        ax.text(x, 0.98, f" {words}", fontsize=9, va="top", color=DARK, transform=ax.get_xaxis_transform())
    if y is not None:
        ax.axhline(y, color=ink, lw=1, ls=ls, zorder=0)
        ax.text(0.99, y, words, fontsize=9, ha="right", va="bottom", color=DARK, transform=ax.get_yaxis_transform())


def shade(ax, spans, colour: str = BAND) -> None:
    """Shade `spans` (first, last) of the horizontal axis, as those that are annotated."""
    for span in spans:
        ax.axvspan(*span, color=colour, lw=0, zorder=0)


def rows(table, name: str, parts: dict[str, dict], levels=(), *, inks=BLUE, ncols: int = 3, **axis):
    """A figure of the rows of a table, called by its column `name`, from the top down: for each {label: marks} a panel.

    marks : {words: (column,)}, or {words: (column, low, high)} with a bar between; levels : words and place of the
    dashed line in each panel; inks : of what comes first in a panel, one or one a row; axis : as for `Axes.set`
    """
    places, inks = np.arange(len(table))[::-1], np.broadcast_to(inks, len(table))
    looks = ((inks, "o", {"s": 45}), ("black", "D", {"s": 45, "facecolors": "none"}), (VERMILION, "|", {"s": 130}))
    fig, axes = grid(len(parts), len(parts), 0.34 * len(table), 1.2, sharey=True)
    for ax, (xlabel, own), level in zip(axes, parts.items(), [*levels, *[("", None)] * len(parts)]):
        for (words, (column, *span)), (ink, marker, look) in zip(own.items(), looks):
            ax.scatter(table[column], places, marker=marker, color=ink, label=words, **look)
            if span:
                ax.hlines(places, table[span[0]], table[span[1]], color=ink, lw=2)
        guide(ax, level[0], x=level[1], ink="black", ls="--")
        ax.set(xlabel=xlabel, ylim=(-0.6, len(table)), **axis)
        ax.set_yticks(places, table[name])
    return legend(fig, ncols)


def ticks(ax, places, **look) -> None:
    """Ticks of a logarithmic horizontal axis at those of `places` that it shows, and nowhere else."""
    low, high = ax.get_xlim()
    shown = [place for place in places if low <= place <= high]
    ax.set_xticks(shown, [f"{place:,g}" for place in shown], **look)
    ax.minorticks_off()


def legend(fig, ncols: int = 2, entries: dict[str, dict] | None = None, **how):
    """The figure with a legend above, in place of one before, of what its axes label, each of the words once.

    entries : {words: look of a line or marker}, where no drawn line says it; how : as for `Figure.legend`
    """
    from matplotlib.lines import Line2D

    found = {words: Line2D([], [], **{"lw": 1.8, **look}) for words, look in (entries or {}).items()}
    if entries is None:
        for ax in fig.axes:
            found |= dict(zip(*ax.get_legend_handles_labels()[::-1]))
    for before in list(fig.legends):
        before.remove()
    if found:
        look = {"columnspacing": 1.2, "handletextpad": 0.5, **how}
        fig.legend(list(found.values()), list(found), loc="outside upper left", ncols=ncols, **look)
    return fig
