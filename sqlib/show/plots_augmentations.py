"""Figures of the chapter on augmentations; each takes what was computed and returns a matplotlib figure."""

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd

from sqlib.show import style
from sqlib.show.style import BLUE, GRAY, GREEN, VERMILION, panels

ROOM = 4  # pixels between a box of these pictures and the annotation


def steps(frame: np.ndarray, low: np.ndarray, done: np.ndarray, threshold: int, boxes):
    """The Solarized Low-Pass: a frame, its spectrum with the square that is kept, what is left, solarized."""
    fig, (first, waves, second, gray, curve, last) = style.grid(6, 3, 2.5)
    for ax, pixels, title in ((first, style.stretched(frame), "frame (stretched)"),
                              (second, style.stretched(low, levels=255), "low-passed (stretched)"),
                              (last, style.stretched(done, 255, levels=255), "solarized (0–255)")):
        style.picture(ax, pixels, title, boxes, size=10, room=ROOM)
    amplitude = np.fft.fftshift(np.abs(np.fft.fft2(frame - frame.mean())))
    decades = np.clip(np.log10(np.maximum(amplitude, 1) / amplitude.max()) / 3 + 1, 0, 1)
    edge, kept = len(frame) / 2, threshold // 2
    waves.imshow(style.stretched(decades, 1), cmap="gray", extent=(-edge - 0.5, edge - 0.5, edge - 0.5, -edge - 0.5))
    style.draw_boxes(waves, [(-kept, -kept, kept + 1, kept + 1)], VERMILION)
    waves.set(xlabel="waves a frame", title="amplitude of its waves")
    for pixels, ink, words in ((frame, GRAY, "frame"), (low, GREEN, "low-passed")):
        gray.hist(np.clip(pixels, 0, 255).ravel(), np.arange(0, 261, 5), histtype="step", color=ink, label=words)
    style.guide(gray, x=threshold, ink=VERMILION, ls="-")
    gray.set(yscale="log", xlabel="gray level", ylabel="pixels")
    gray.legend(fontsize=8)
    level = np.arange(256)
    curve.plot(level, np.where(level < threshold, level, 255 - level), ".", color=BLUE, ms=2)
    curve.set(xlabel="gray level before", ylabel="after", xlim=(0, 255), ylim=(0, 255), title="solarizing")
    return fig


def before_after(before: np.ndarray, after: np.ndarray, white, titles: list[str], boxes: list, words: str):
    """Frames (n, H, W) with their `titles` and `boxes` above what an augmentation, in `words`, made of them; there
    `white`, one for all or (n,), is the gray level of white, above a frame's own quantile."""
    below = [style.stretched(frame, top, levels=255) for frame, top in zip(after, np.broadcast_to(white, len(after)))]
    return panels([*map(style.stretched, before), *below], [*titles, *[""] * len(titles)], len(titles), 2 * boxes,
                  rows=("frame", words), room=ROOM)


def gallery(made: dict[str, np.ndarray], left: dict[str, tuple]):
    """One frame (H, W) after each alteration by name, with the share of the sources' contrast that is `left`."""
    shown = [style.stretched(frame, 255 if frame.mean() > 100 else None) for frame in made.values()]
    titles = [name.replace("_", " ").replace("auto augment", "policy")
              + (f": {100 * left[name][0]:.0f} %" if name in left else "") for name in made]
    return panels(shown, titles, 4)


def square(pictures: dict[str, np.ndarray], found: pd.DataFrame):
    """A picture in the eight symmetries of the square, over how often each is drawn (columns of `found`)."""
    fig = plt.figure(figsize=(7, 4.6))
    top, bottom = fig.subfigures(2, 1, height_ratios=[1, 2.2])
    panels(list(pictures.values()), [name.replace("other ", "other\n") for name in pictures], len(pictures), fig=top)
    ax = bottom.subplots()
    (100 * found).rename(lambda name: name.replace("other ", "other\n")).plot.bar(
        ax=ax, color=[GREEN, VERMILION, GRAY], width=0.8, ec="white", rot=0, fontsize=9, ylabel="share of samples (%)")
    for bar in ax.containers[1]:
        bar.set_hatch("//")
    ax.legend()  # without it the hatch is not told
    return fig


def ablation(found: pd.DataFrame, scores: pd.DataFrame, beside: str, chance: float):
    """Fall of the loss, average precision, and its difference from the method `beside`, a row a variant.

    found : of `trials.on_both`; scores : a row a run with variant, share (of the attainable fall of the loss) and AP,
    drawn as rings
    """
    fall = 100 * scores.groupby("variant")["share"].mean()
    words = "mean over seeds, 95 % interval over events"
    fig = style.rows(found.assign(fall=fall.reindex(found["method"]).to_numpy()), "method", {
        "attainable fall of\nthe loss (%)": {words: ("fall",)}, "AP on trial events": {words: ("ap", "low", "high")},
        "AP, less that of\n" + beside: {words: ("difference", "difference_low", "difference_high")}},
        [("", 0), ("", chance), ("", 0)])
    places = len(found) - 1 - pd.Index(found["method"]).get_indexer(scores["variant"])
    for ax, values in zip(fig.axes, (100 * scores["share"], scores["AP"])):
        ax.plot(values, places, "o", mfc="none", color=GRAY, label="a seed")
    return style.legend(fig)


def everyday(runs: dict[str, pd.DataFrame]):
    """Loss over its chance level, and macro F1, of training on everyday pictures: a line a seed, a look a way.

    runs : of each way its numbers by epoch, with columns (share, seed) and (f1, seed)
    """
    return style.curves({"loss / chance level": {way: own["share"] for way, own in runs.items()},
                         "macro F1 on test pictures": {way: own["f1"] for way, own in runs.items()}}, "epoch",
                        looks=((GRAY, "-", "o"), (BLUE, "--", "s"), (VERMILION, ":", "^")), whole=True,
                        across={"": (1, None)})
