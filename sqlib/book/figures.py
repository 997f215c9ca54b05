"""Figures in the book's style: the style sheet, the mark of the data's source, PNGs small enough for a page."""

import io
from pathlib import Path

import numpy as np

from sqlib.errors import SqError

STYLE = Path(__file__).with_name("sqlib.mplstyle")
# colours that the colour-blind tell apart (Okabe and Ito), and a gray
BLUE, VERMILION, GREEN, PINK = "#0072B2", "#D55E00", "#009E73", "#CC79A7"
AMBER, SKY, GRAY = "#E69F00", "#56B4E9", "#777777"
LEVELS = 9  # of gray: speckle hardly compresses, and few levels leave room for sharper pixels in a PNG of the same size
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


def stretched(frame: np.ndarray, top: float | None = None, share: float = 0.995) -> np.ndarray:
    """A frame (..., H, W) as 0…1 in few steps, `top` (default its own quantile `share`) being white."""
    top = max(1.0, float(np.quantile(frame, share))) if top is None else top
    return np.floor(LEVELS * np.minimum(np.asarray(frame, float) / top, 1)) / LEVELS


def draw_boxes(ax, boxes, colour: str = AMBER, width: float = 1.5, **look) -> None:
    """Draw boxes (x0, y0, x1, y1) of a frame: they hold the pixels from x0 up to x1, and pixels are centred on whole numbers."""
    from matplotlib.patches import Rectangle

    for x0, y0, x1, y1 in boxes:
        ax.add_patch(Rectangle((x0 - 0.5, y0 - 0.5), x1 - x0, y1 - y0, fill=False, ec=colour, lw=width, **look))


def colour(values, cmap: str = "gray", vmin: float | None = None, vmax: float | None = None) -> np.ndarray:
    """Map `values` (..., H, W) through a colour map to uint8 (..., H, W, 3), for `chapter.movie`.

    `vmin` and `vmax` default to the extremes of `values`.
    """
    import matplotlib

    values = np.asarray(values, dtype=np.float32)
    low = float(values.min()) if vmin is None else vmin
    high = float(values.max()) if vmax is None else vmax
    if not np.isfinite([low, high]).all() or high <= low:
        raise SqError(f"colour needs finite values and vmin < vmax, not {low} and {high}")
    return matplotlib.colormaps[cmap]((values - low) / (high - low), bytes=True)[..., :3]
