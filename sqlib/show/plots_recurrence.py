"""Figures of the chapter on recurrence; each takes what was computed and returns a matplotlib figure."""

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import torch

from sqlib.data.catalogue import INSTRUMENTS
from sqlib.judge.duration import correlation
from sqlib.show.style import BLUE, GRAY, GREEN, LEVELS, LOOKS, VERMILION, bare, guide, lines, picture, stretched, whole_numbers

INKS = {"MDI": BLUE, "HMI": VERMILION}


def lifetimes(measured: dict, courses: pd.DataFrame):
    """Top: autocorrelation of egression power in time, of the band and measured per instrument {name: (seconds, values)}, and how
    far windows of frames reach. Bottom: mean `duration.courses` of sunquakes and of speckles."""
    fig, (top, bottom) = plt.subplots(2, 1, figsize=(7, 7.6))
    lag = np.linspace(0, 720, 300)
    top.plot(lag, correlation(lag), color="black", label="sinc²(2 mHz · τ)")
    for name, (seconds, values) in measured.items():
        top.plot(seconds, values, "o" if name == "MDI" else "s", color=INKS[name], mfc="white", label=f"frames of {name}")
    for row, (name, (cadence, _)) in enumerate(INSTRUMENTS.items()):
        height = -0.1 - 0.13 * row
        reach = cadence * np.arange(2, 12, 2)
        top.plot([0, reach[-1]], [height] * 2, color=INKS[name], lw=1)
        for window, end in zip(range(3, 13, 2), reach):
            top.text(end, height, str(window), ha="center", va="center", fontsize=9, color="white",
                     bbox={"boxstyle": "circle,pad=0.25", "fc": INKS[name], "ec": "none"})  # fmt: skip
        top.text(reach[-1] + 22, height, f"{name}, {cadence:g} s", va="center", fontsize=9, color=INKS[name])
    top.plot([500, 500], [0, 1], color=GRAY, lw=1, ls=":")
    top.text(505, 0.6, "Eq. 1: 500 s", fontsize=9, color="#444444")
    top.set(xlabel="time lag τ; first to last frame of a window (s)", ylabel="autocorrelation of power")
    top.set(xlim=(0, 720), ylim=(-0.32, 1.05))
    top.legend(loc="upper right")
    _lines(bottom, courses)
    return fig


def _lines(ax, courses: pd.DataFrame) -> None:
    for (kind, own), (colour, style) in zip(courses.groupby("kind"), ((GRAY, "--"), (GREEN, "-"))):
        spread = own.groupby("seconds")["value"].quantile([0.1, 0.5, 0.9]).unstack()
        label = f"{kind}s: median of {own['event'].nunique()} events"
        ax.fill_between(spread.index, spread[0.1], spread[0.9], color=colour, alpha=0.15, lw=0)
        ax.plot(spread.index, spread[0.5], style, color=colour, label=label)
    if courses.empty:
        ax.text(0.5, 0.5, "no boxes in these data", ha="center", transform=ax.transAxes)
    else:
        ax.legend(loc="upper right", title="shaded: 10–90 % of them", title_fontsize=9)
    ax.set(xlabel="time from the peak (s)", ylabel="power over its peak", ylim=(0, 1.45))


@torch.no_grad()
def responses(net, frames: torch.Tensor) -> list[np.ndarray]:
    """What a network makes of one sample (1, window, H, W): the last (C, h, w) of each size in its trunk, and the encoding (E,)."""
    found, hooks = {}, []
    for child in net.trunk:
        hooks.append(child.register_forward_hook(lambda _, __, out: found.update({tuple(out.shape[-2:]): out[0].float().cpu()})))
    code = net.encode(frames.float())[0]
    for hook in hooks:
        hook.remove()
    return [each.numpy() for each in found.values()] + [code.float().cpu().numpy()]


def through_network(frames: np.ndarray, numbers, made: list[np.ndarray], boxes=()):
    """Figure 4: frames (window, H, W), their `numbers` and `boxes`, and a network's `responses`, first layer to encoding."""
    *layers, code = made
    fig = plt.figure(figsize=(7, 8.2))
    upper, middle, lower = fig.subfigures(3, 1, height_ratios=[1.2, 1.75, 1.15])
    count = len(frames)
    axes = upper.subplots(1, count + (count == 3))
    shown = stretched(frames)
    for place, (ax, frame) in enumerate(zip(axes, shown)):
        picture(ax, frame, f"channel {place + 1}: frame {numbers[place]}", boxes, size=10)
    if count == 3:
        picture(axes[-1], shown.transpose(1, 2, 0), "as red, green, blue", size=10)
    upper.suptitle(f"1. Time-Based Mixing: {count} × {frames.shape[1]} × {frames.shape[2]}", fontsize=11, x=0.01, ha="left")
    first, most = layers[0], 8
    middle.suptitle(f"2. First layer: {_shape(first)}" + (f", {most} of them shown" if len(first) > most else ""),
                    fontsize=11, x=0.01, ha="left")  # fmt: skip
    grid = middle.subplots(2, 4).ravel()
    for ax, response in zip(grid, first[np.argsort(-first.std((1, 2)))[:most]]):
        _map(ax, response)
    names = [_shape(layer) for layer in layers[1:]]
    lower.suptitle("3. Further layers (a mean over maps each), pooled into the encoding", fontsize=11, x=0.01, ha="left")
    row = lower.subplots(1, len(names) + 1)
    for ax, layer, name in zip(np.atleast_1d(row), layers[1:], names):
        _map(ax, layer.mean(0))
        ax.set_title(name, fontsize=10, loc="center")
    side = int(np.ceil(np.sqrt(len(code))))
    square = np.full(side * side, np.nan)
    square[: len(code)] = code
    np.atleast_1d(row)[-1].imshow(square.reshape(side, side), cmap="cividis")
    np.atleast_1d(row)[-1].set_title(f"{len(code)} numbers", fontsize=10, loc="center")
    for ax in fig.axes:
        bare(ax)
    for ax in grid[len(first) :]:
        ax.set_visible(False)
    return fig


def _shape(layer: np.ndarray) -> str:
    return " × ".join(map(str, layer.shape))


def _map(ax, values: np.ndarray) -> None:
    low, high = np.quantile(values, [0.005, 0.995])
    ax.imshow(np.round(np.clip((values - low) / max(high - low, 1e-9), 0, 1) * LEVELS), cmap="cividis")


def against(curves: dict[str, pd.Series], xlabel: str, ylabel: str, marks: dict[str, float], across: dict[str, float]):
    """Values against what they depend on (index of each series), with vertical `marks` and lines `across`, both in words."""
    fig, ax = plt.subplots(figsize=(7, 4.6))
    lines(ax, {name: (values.index, values) for name, values in curves.items()}, ms=6)
    for words, x in marks.items():
        guide(ax, words, x=x)
    for words, y in across.items():
        guide(ax, words, y=y, ink="black", ls="--")
    ax.set(xlabel=xlabel, ylabel=ylabel)
    ax.margins(y=0.1)
    whole_numbers(ax)
    fig.legend(loc="outside upper left", ncols=2)
    return fig


def rule(curves: dict[str, pd.DataFrame], chosen: dict[str, tuple[int, int]], events: int):
    """The most events found with at most so many false runs (`duration.exchange`), a line per detector, and at one threshold."""
    fig, ax = plt.subplots(figsize=(7, 4.8))
    for (name, curve), (colour, style, marker) in zip(curves.items(), LOOKS):
        most = curve.groupby("false")["events"].max().cummax()
        ax.step(most.index, most, ls=style, where="post", color=colour, label=name)
        if name in chosen:
            ax.plot(*chosen[name][::-1], marker, color=colour, ms=9, mec="black")
    guide(ax, y=events)
    ax.set(xlabel="false runs in all test events", ylabel="test events found", ylim=(0, events + 0.5))
    ax.set_xlim(-0.3, None)
    whole_numbers(ax)
    fig.legend(loc="outside upper left", ncols=2)
    return fig
