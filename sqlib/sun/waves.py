r"""Waves of a model Sun: from sources at the surface to Dopplergrams, by a sum over modes, or skips, of a polytrope.

The p modes of a plane adiabatic polytrope have :math:`\omega_n^2 = g k (1 + 2n/m)`; a source of spectrum s(k, omega)
makes the surface move with :math:`\psi = s \sum_n [\omega_n^2 - (\omega - i\gamma)^2]^{-1}`. No rays, no travel times
and no pupil enter: holography has to find the source from physics that it does not share.

`skip_sum` is the same in another form for a surface that reflects little; its phases are those of plane waves that go
down and come up once, twice, …, at each wavenumber and frequency. With e^{+i omega t} synthesis the poles at
omega = ±omega_n + i gamma make the response causal.
"""

import math
from dataclasses import dataclass

import numpy as np
import torch

from sqlib.sun.rays import GRAVITY


@dataclass(frozen=True)
class Polytrope:
    """A model Sun. With index 1.82 its travel times from 15 to 45 Mm are those of Model S (phase) within 0.3 min."""

    index: float = 1.82
    modes: int = 9  # radial orders 1…modes; the f mode (0) carries no sound, higher orders skip over the whole field
    damping: float = 60.0  # gamma / 2 pi, microhertz: amplitudes fall as exp(-gamma t)
    reflection: float = 0.3  # of amplitude at the surface, above the acoustic cutoff (5.3 mHz); for `skip_sum`


def bins_of(frames: int, cadence: float, spectrum: tuple[float, float]) -> np.ndarray:
    """Indices (B,) of the rfft bins of `frames` frames at `cadence` s that lie in `spectrum` (mHz)."""
    nu = np.fft.rfftfreq(frames, cadence) * 1e3
    return np.flatnonzero((nu >= spectrum[0]) & (nu <= spectrum[1]))


def mode_sum(shape, cadence: float, pixel: float, spectrum: tuple[float, float], sun: Polytrope) -> torch.Tensor:
    """Green's function of the model Sun in wavenumber and frequency.

    Parameters
    ----------
    shape : (T, H, W) of the periodic box
    cadence, pixel : s, Mm
    spectrum : mHz, frequencies that are computed
    sun : the model

    Returns a tensor (B, H, W) complex64, scaled to unit mean square over the box and the band.
    """
    frames, height, width = shape
    omega = 2 * math.pi * bins_of(frames, cadence, spectrum) / (frames * cadence)
    ky, kx = (2 * math.pi * np.fft.fftfreq(n, pixel * 1e6) for n in (height, width))
    wavenumber, back = np.unique(np.round(np.hypot(ky[:, None], kx[None, :]), 16), return_inverse=True)
    green = np.zeros((len(omega), len(wavenumber)), dtype=complex)
    shifted = (omega - 2e-6j * math.pi * sun.damping)[:, None] ** 2
    for n in range(1, sun.modes + 1):
        green += 1 / (GRAVITY * 1e6 * wavenumber * (1 + 2 * n / sun.index) - shifted)
    green[:, wavenumber == 0] = 0
    green = torch.from_numpy(green.astype(np.complex64))[:, torch.from_numpy(back.ravel())].view(-1, height, width)
    return green / green.abs().square().mean().sqrt()


def skip_sum(shape, cadence: float, pixel: float, spectrum, reach, sun: Polytrope) -> torch.Tensor:
    r"""Green's function of waves that come up and hardly go down again: a sum over skips instead of modes.

    Poisson's formula turns the sum over all modes into one over skips, each with the phase
    :math:`\pi m (\omega^2 / g k - 1)`; here the surface reflects but the share `sun.reflection` of the amplitude at the
    end of each. The source's own place, which no wave has left yet (skip 0), is left out.

    shape, cadence, pixel, spectrum, sun : as for `mode_sum`, and so is the result
    reach : skip distances (from, to) in Mm that are kept; the rest fades over a tenth. The sources' spectrum is free
        in wavenumber: k^(1/2), which gives the speckle of real frames its size
    """
    frames, height, width = shape
    omega = 2 * math.pi * bins_of(frames, cadence, spectrum)[:, None] / (frames * cadence)
    ky, kx = (2 * math.pi * np.fft.fftfreq(n, pixel) for n in (height, width))
    wavenumber, back = np.unique(np.round(np.hypot(ky[:, None], kx[None, :]), 10), return_inverse=True)
    depth = omega**2 / (GRAVITY * np.maximum(wavenumber, 1e-9))  # omega^2 / g k
    once = np.exp(-1j * math.pi * sun.index * (depth - 1))
    distance = np.log(math.pi * sun.index * depth**2 * GRAVITY / omega**2)
    low, high = (10 * (distance - math.log(r)) for r in reach)
    green = depth**0.5 * once / (1 - sun.reflection * once) / ((1 + np.exp(-low)) * (1 + np.exp(high)))
    green[:, wavenumber == 0] = 0
    green = torch.from_numpy(green.astype(np.complex64))[:, torch.from_numpy(back.ravel())].view(-1, height, width)
    return green / green.abs().square().mean().sqrt()


def move(source: torch.Tensor, green: torch.Tensor, frames: int, cadence: float, spectrum) -> torch.Tensor:
    """What sources do to the surface: (T, H, W) float32 from their spectra, computed where these lie.

    Parameters
    ----------
    source : (B, H, W) complex64 spectra of the sources on the bins of `bins_of`
    green : (B, H, W) complex64 of `mode_sum`
    frames, cadence, spectrum : T, s, mHz, as for `mode_sum`
    """
    wave = torch.fft.fft2(source)
    wave *= green
    wave = torch.fft.ifft2(wave)
    omega = 2 * math.pi * bins_of(frames, cadence, spectrum) / (frames * cadence)
    turn = np.exp(1j * np.arange(frames)[:, None] * cadence * omega)
    to_time = torch.from_numpy(np.concatenate([turn.real, -turn.imag], axis=1)).to(source.device, torch.float32)
    parts = torch.cat([wave.real, wave.imag]).flatten(1)
    return (to_time @ parts).view(frames, *source.shape[1:])


def point_source(shape, cadence: float, pixel: float, frame: int, place, spectrum=(2.0, 8.0)) -> torch.Tensor:
    """Dopplergrams (T, H, W) float32, in arbitrary units, of one impulse at `frame` and `place` (y, x, px).

    shape, cadence, pixel, spectrum : as for `mode_sum`
    """
    frames, height, width = shape
    omega = 2 * math.pi * torch.from_numpy(bins_of(frames, cadence, spectrum)) / (frames * cadence)
    source = torch.zeros((len(omega), height, width), dtype=torch.complex64)
    source[:, place[0], place[1]] = torch.exp(-1j * omega * frame * cadence)
    return move(source, mode_sum(shape, cadence, pixel, spectrum, Polytrope()), frames, cadence, spectrum)


def white_sources(shape, cadence: float, pixel: float, generator, power=1.0, spectrum=(4.6, 7.4)) -> torch.Tensor:
    """The same, of random sources of relative `power` (a number or (H, W))."""
    frames, height, width = shape
    bins = len(bins_of(frames, cadence, spectrum))
    source = torch.view_as_complex(torch.randn((bins, height, width, 2), generator=generator))
    source *= torch.as_tensor(power, dtype=torch.float32).sqrt()
    return move(source, mode_sum(shape, cadence, pixel, spectrum, Polytrope()), frames, cadence, spectrum)


def time_distance(movie, place, pixel: float, step: float, farthest: float) -> tuple[np.ndarray, np.ndarray]:
    """Mean of a movie (T, H, W) over rings round `place` (y, x, px); `pixel`, `step` and `farthest` are in Mm.

    Returns distances (D,) in Mm, the middle of rings of width `step` up to `farthest`, and the means (T, D).
    """
    y, x = np.ogrid[: movie.shape[1], : movie.shape[2]]
    ring = (np.hypot(y - place[0], x - place[1]) * pixel / step).astype(int).ravel()
    count = int(farthest / step)
    inside = torch.from_numpy(ring < count)
    sums = torch.zeros(len(movie), count).index_add_(1, torch.from_numpy(ring)[inside], movie.flatten(1)[:, inside])
    return (np.arange(count) + 0.5) * step, (sums / np.maximum(np.bincount(ring, minlength=count)[:count], 1)).numpy()
