"""Figures of the chapter on recurrence; each takes what was computed and returns a matplotlib figure."""

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import torch

from sqlib.data.catalogue import INSTRUMENTS
from sqlib.judge.duration import correlation
from sqlib.show import style
from sqlib.show.style import BLUE, DARK, GRAY, GREEN, LEVELS, LOOKS, VERMILION, curves

INKS = {"MDI": (BLUE, "o"), "HMI": (VERMILION, "s")}


def lifetimes(measured: dict, courses: pd.DataFrame):
    """How long power lasts: its autocorrelation in time (top), sunquakes and speckles about their peak (bottom).

    measured : {instrument: (seconds, values)}, beside the band's law and how far windows of frames reach
    courses : of `duration.courses`
    """
    fig, (top, bottom) = style.grid(2, 1, 3.8)
    lag = np.linspace(0, 720, 300)
    style.lines(top, {"sinc²(2 mHz · τ)": (lag, correlation(lag))}, how={"color": "black", "marker": ""})
    style.lines(top, {f"frames of {name}": own for name, own in measured.items()},
                [(INKS[name][0], "", INKS[name][1]) for name in measured], {"mfc": "white", "ms": 5})
    for height, (name, (cadence, _)) in zip((-0.1, -0.23), INSTRUMENTS.items()):
        ink, reach = INKS[name][0], cadence * np.arange(2, 12, 2)
        top.plot([0, reach[-1]], [height] * 2, color=ink, lw=1)
        for window, end in zip(range(3, 13, 2), reach):
            top.text(end, height, str(window), ha="center", va="center", fontsize=9, color="white",
                     bbox={"boxstyle": "circle,pad=0.25", "fc": ink, "ec": "none"})
        top.text(reach[-1] + 22, height, f"{name}, {cadence:g} s", va="center", fontsize=9, color=ink)
    top.plot([500, 500], [0, 1], color=GRAY, lw=1, ls=":")
    top.text(505, 0.6, "Eq. 1: 500 s", fontsize=9, color=DARK)
    top.set(xlabel="time lag τ; first to last frame of a window (s)", ylabel="autocorrelation of power",
            xlim=(0, 720), ylim=(-0.32, 1.05))
    kinds = {}
    for kind, own in courses.groupby("kind"):
        low, middle, high = own.groupby("seconds")["value"].quantile([0.1, 0.5, 0.9]).unstack().T.to_numpy()
        kinds[f"{kind}s: median of {own['event'].nunique()} events"] = (np.unique(own["seconds"]), middle, low, high)
    style.lines(bottom, kinds, ((GRAY, "--", ""), (GREEN, "-", "")), xlabel="time from the peak (s)",
                ylabel="power over its peak", ylim=(0, 1.45))
    top.legend(loc="upper right")
    if kinds:
        bottom.legend(loc="upper right", title="shaded: 10–90 % of them", title_fontsize=9)
    else:
        bottom.text(0.5, 0.5, "no boxes in these data", ha="center", transform=bottom.transAxes)
    return fig


@torch.no_grad()
def responses(net, frames: torch.Tensor) -> list[np.ndarray]:
    """A network's answer to one sample (1, window, H, W): the last (C, h, w) of each size, and the encoding (E,)."""
    found = {}
    hooks = [child.register_forward_hook(lambda _, __, out: found.update({out.shape[-2:]: out[0].float().cpu()}))
             for child in net.trunk]
    code = net.encode(frames.float())[0]
    for hook in hooks:
        hook.remove()
    return [each.numpy() for each in found.values()] + [code.float().cpu().numpy()]


def through_network(frames: np.ndarray, numbers, made: list[np.ndarray], boxes=()):
    """Figure 4: frames (window, H, W), their `numbers` and `boxes`, and a network's `responses`, first to last."""
    first, *layers, code = made
    shapes = [" × ".join(map(str, layer.shape)) for layer in (frames, first, *layers)]
    shown, titles = list(style.stretched(frames)), [f"channel {i}: frame {n}" for i, n in enumerate(numbers, 1)]
    if len(frames) == 3:
        shown, titles = [*shown, style.stretched(frames).transpose(1, 2, 0)], [*titles, "as red, green, blue"]
    best = first[np.argsort(-first.std((1, 2)))[:8]]
    high = max(side for side in range(1, len(code) + 1) if len(code) % side == 0 and side**2 <= len(code))
    fig = plt.figure(figsize=(7, 8.2))
    upper, middle, lower = fig.subfigures(3, 1, height_ratios=[1.2, 1.75, 1.15])
    style.panels(shown, titles, len(shown), [boxes] * len(frames) + [()], fig=upper, size=10)
    style.panels([_map(response) for response in best], [""] * 8, 4, fig=middle)
    style.panels([*(_map(layer.mean(0)) for layer in layers), _map(code.reshape(high, -1))],
                 [*shapes[2:], f"{len(code)} numbers"], len(layers) + 1, fig=lower, size=10)
    some = ", 8 of them shown" if len(first) > 8 else ""
    for part, words in ((upper, f"1. Time-Based Mixing: {shapes[0]}"), (middle, f"2. First layer: {shapes[1]}{some}"),
                        (lower, "3. Further layers (a mean over maps each), pooled into the encoding")):
        part.suptitle(words, fontsize=11, x=0.01, ha="left")
    return fig


def _map(values: np.ndarray) -> np.ndarray:
    low, high = np.quantile(values, [0.005, 0.995])
    return style.colour(np.round(np.clip((values - low) / max(high - low, 1e-9), 0, 1) * LEVELS), "cividis", 0, LEVELS)


def rule(runs: dict[str, pd.DataFrame], chosen: dict[str, tuple[int, int]], events: int):
    """The most events found with so many false runs (`duration.exchange`), by detector; marks: at one threshold."""
    most = {name: own.groupby("false")["events"].max().cummax() for name, own in runs.items()}
    fig = curves({"test events found": most}, "false runs in all test events", across={"": events}, whole=True,
                 how={"marker": "", "drawstyle": "steps-post"}, high=4.8, xlim=(-0.3, None), ylim=(0, events + 0.5))
    for name, (ink, _, marker) in zip(runs, LOOKS):
        if name in chosen:
            fig.axes[0].plot(*chosen[name][::-1], marker, color=ink, ms=9, mec="black")
    return fig
