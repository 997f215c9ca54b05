r"""Helioseismic holography (Lindsey & Braun 2000, doi:10.1023/A:1005227200911; paper, Section 2.1).

:math:`H_\pm(\mathbf r,\omega)=\int_{\rm pupil} G_\pm(|\mathbf r-\mathbf r'|,\omega)\,\psi(\mathbf r',\omega)\,d^2r'`
and :math:`P(\mathbf r,t)=|H_+(\mathbf r,t)|^2`. On a plane that is a product in wavenumber, frequency by frequency.
Only the few frequencies of the band matter: matrix products in time reach and leave them, without a long FFT.

Sign: fields are synthesised with e^{+i omega t} (NumPy's convention), so a wave that left the focus tau ago carries
e^{-i omega tau}; the egression kernel undoes this with e^{+i omega tau}, the ingression kernel is its conjugate.
"""

import math
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import torch
from scipy.fft import next_fast_len

from sqlib.errors import SqError
from sqlib.sun.rays import Rays, solar_rays

ROWS = 32  # of the map, which are computed at once
LONGEST_GAP = 7  # frames; the paper interpolates gaps of less than eight (Section 2.2)


@dataclass(frozen=True)
class Holography:
    """How to look: cadence in s, pixel in Mm, band in mHz, pupil (inner and outer radius) in Mm."""

    cadence: float
    pixel: float
    band: tuple[float, float] = (5.0, 7.0)
    pupil: tuple[float, float] = (15.0, 45.0)


class Kernel(NamedTuple):
    """Egression kernel ready for cubes of one shape."""

    shape: tuple[int, int, int]  # frames, height, width that it was made for
    padded: tuple[int, int, int]  # the same with the room that keeps the circular products from wrapping round
    valid: tuple[int, int, int]  # frames, height, width of the result
    into: torch.Tensor  # (2, B, T) real: detrended frames to the real and imaginary parts of the B bins of the band
    omega: torch.Tensor  # (B,) float64, rad/s
    cadence: float
    green: torch.Tensor  # (B, Hp, Wp) complex64, in wavenumber


def check(shape: tuple[int, ...], look: Holography) -> None:
    """Raise `SqError` for a shape (T, H, W), cadence, pixel, band and pupil that do not fit together."""
    if len(shape) != 3 or min(shape) < 2:
        raise SqError(f"a Dopplergram cube has the shape (T, H, W), each at least 2; this one has {tuple(shape)}")
    for name, value in (("cadence (s)", look.cadence), ("pixel size (Mm)", look.pixel)):
        if not (math.isfinite(value) and value > 0):
            raise SqError(f"{name} must be a positive number, not {value}")
    (low, high), (inner, outer), nyquist = look.band, look.pupil, 500 / look.cadence
    if not 0 < low < high <= nyquist:
        raise SqError(f"band {low}–{high} mHz: 0 < low < high ≤ {nyquist:.3g} mHz, Nyquist of {look.cadence} s")
    if not 0 <= inner < outer:
        raise SqError(f"pupil {inner}–{outer} Mm: needs 0 ≤ inner < outer")
    field = min(shape[1:]) * look.pixel
    if not look.pixel <= outer <= field / 2:
        raise SqError(f"pupil of radius {outer} Mm: needs a pixel ({look.pixel:g} Mm) at least, and half the field "
                      f"({field / 2:.4g} Mm) at most; widen the cube or change the pupil")


def make_kernel(shape, look: Holography, rays: Rays | None = None, edges: str = "pad", device="cpu") -> Kernel:
    """Prepare the egression of cubes of one shape, once for many cubes.

    Parameters
    ----------
    shape : (T, H, W) of the Dopplergram cubes
    look : the settings
    rays : travel times; the Sun's when None
    edges : "pad" gives a result of the cube's own shape, with zeros where the pupil looks outside of the cube;
        "drop" leaves out the last frames and the rim that lack a part of the pupil (and needs no padding)
    device : where to compute

    The kernel is that of ray theory: the phase omega_0 tau_phase + (omega - omega_0) tau_group, omega_0 at mid-band,
    and the amplitude distance^(-3/2). (Rays of a polytrope have sin(theta) ~ distance^(-1/2) at a shallow source; what
    leaves evenly into all directions spreads as sin(theta) d(theta) / (distance d(distance)) ~ distance^-3 in energy.)
    Its energy is 1 at each frequency.
    Raises `SqError` as `check` and the `rays` do, for a band that holds no frequency of the cube, a cube too small or
    too short to "drop" its edges, and other `edges`.
    """
    check(shape, look)
    frames, height, width = shape
    rays = rays or solar_rays()
    inner, outer = look.pupil
    reach = math.ceil(outer / look.pixel)
    edge = np.linspace(max(inner, look.pixel), outer, 64)
    delay = math.ceil(float(np.max(rays.group(edge))) / look.cadence)
    if edges == "pad":
        padded = (frames + delay, next_fast_len(height + reach), next_fast_len(width + reach))
        valid = (frames, height, width)
    elif edges == "drop":
        padded = tuple(shape)
        valid = (frames - delay, height - 2 * reach, width - 2 * reach)
        if min(valid) < 1:
            need = f"{delay} frames after it and {reach} pixels each side"
            raise SqError(f"a cube of {tuple(shape)} holds no place and time with a whole pupil ({need})")
    else:
        raise SqError(f'edges must be "pad" or "drop", not {edges!r}')

    nu = np.fft.rfftfreq(padded[0], look.cadence) * 1e3  # mHz
    bins = np.flatnonzero((nu >= look.band[0]) & (nu <= look.band[1]))
    if not len(bins):
        raise SqError(f"no frequency of {frames} frames at {look.cadence} s lies in the band {look.band} mHz; take a "
                      "longer cube")
    omega = 2e-3 * math.pi * nu[bins]

    y, x = (np.fft.fftfreq(n, 1 / n) for n in padded[1:])  # pixels from the corner, on a periodic grid
    r = np.hypot(y[:, None], x) * look.pixel
    inside = (r >= max(inner, look.pixel / 2)) & (r <= outer)  # never the focus, where the amplitude has no bound
    distance = r[inside]
    tau_p, tau_g, middle = rays.phase(distance), rays.group(distance), omega.mean()
    phase = middle * (tau_p - tau_g) + omega[:, None] * tau_g
    amplitude = distance**-1.5 / np.sqrt(np.sum(distance**-3.0))
    green = torch.zeros((len(bins), *padded[1:]), dtype=torch.complex64)
    green[:, torch.from_numpy(inside)] = torch.from_numpy(amplitude * np.exp(1j * phase)).to(torch.complex64)

    time = np.arange(frames) * look.cadence
    line = np.stack([np.ones(frames), time - time.mean()])
    line /= np.linalg.norm(line, axis=1, keepdims=True)
    into = np.exp(-1j * omega[:, None] * time)
    into -= (into @ line.T) @ line  # mean and drift leave with the transform, at no cost
    into = torch.from_numpy(np.stack([into.real, into.imag])).to(device, torch.float32)
    green = torch.fft.fft2(green.to(device))
    return Kernel(tuple(shape), padded, valid, into, torch.from_numpy(omega), look.cadence, green)


def find_gaps(missing: np.ndarray) -> list[tuple[int, int]]:
    """Runs of frames that are `missing` (bool (T,)), as (first, last), both included."""
    edges = np.flatnonzero(np.diff(np.concatenate([[0], missing.astype(np.int8), [0]])))
    return [(int(a), int(b) - 1) for a, b in zip(edges[::2], edges[1::2])]


def check_gaps(missing: np.ndarray, what: str, advice: str, longest: int = LONGEST_GAP) -> list[tuple[int, int]]:
    """The gaps that `find_gaps` finds; `SqError` with their places where some have more than `longest` frames."""
    gaps = find_gaps(missing)
    if long := [f"frames {a}–{b}" for a, b in gaps if b - a + 1 > longest]:
        raise SqError(f"{int(missing.sum())} of {len(missing)} {what}; gaps of more than {longest} frames cannot be "
                      f"interpolated: {', '.join(long)}; {advice}")
    return gaps


def fill_gaps(doppler: torch.Tensor, longest: int = LONGEST_GAP) -> torch.Tensor:
    """Interpolate frames of (T, H, W) that are missing (no finite pixel, or all equal) linearly in time (Section 2.2).

    At the ends of a cube, where there is nothing to interpolate, the nearest frame is repeated. Raises `SqError` for a
    gap of more than `longest` frames, a cube of which all frames are missing, and single pixels that are not finite.
    """
    low, high = doppler.amin((1, 2)), doppler.amax((1, 2))  # NaN where any pixel is NaN
    missing = (~(torch.isfinite(low) & torch.isfinite(high) & (low < high))).cpu().numpy()
    for i in np.flatnonzero(missing):
        finite = torch.isfinite(doppler[i])
        if bool(finite.any()) and not bool(low[i] == high[i]):
            y, x = torch.nonzero(~finite)[0].tolist()
            place = f"{int((~finite).sum())} pixels of frame {i} are not finite, the first at (y, x) = ({y}, {x})"
            raise SqError(f"{place}; mask or repair them first")
    if missing.all():
        raise SqError("every frame of the cube is constant or empty: there is nothing to look at")
    check_gaps(missing, "frames are missing", "cut the cube there", longest)
    if not missing.any():
        return doppler
    filled, kept = doppler.clone(), np.flatnonzero(~missing)
    for i in np.flatnonzero(missing):
        after = np.searchsorted(kept, i)
        first, last = kept[max(after - 1, 0)], kept[min(after, len(kept) - 1)]
        torch.lerp(doppler[first], doppler[last], (i - first) / max(last - first, 1), out=filled[i])
    return filled


def focus_spectrum(doppler: torch.Tensor, kernel: Kernel, incoming: bool = False) -> tuple[torch.Tensor, torch.Tensor]:
    """H+ or H- in the band, (B, H', W') complex64, of Dopplergrams without gaps, and the times (T',) of frames, s."""
    frames, height, width = kernel.shape
    long, tall, wide = kernel.padded
    late, high, broad = kernel.valid
    wave = torch.zeros((len(kernel.omega), tall, wide), dtype=torch.complex64, device=doppler.device)
    movie = doppler.flatten(1)
    for part, matrix in zip(torch.view_as_real(wave).unbind(-1), kernel.into):
        part[:, :height, :width] = (matrix @ movie).view(-1, height, width)
    wave = torch.fft.fft2(wave)
    # G is even in space, so its conjugate in wavenumber is its conjugate in space: time runs the other way
    wave *= kernel.green.conj() if incoming else kernel.green
    wave = torch.fft.ifft2(wave)
    wave *= 2 / long  # 2: the band has no negative frequencies
    top, left = (height - high) // 2, (width - broad) // 2
    # the egression misses waves that come after the end of the cube, the ingression those from before its start
    first = long - late if incoming and late < frames else 0
    time = torch.arange(first, first + late, dtype=torch.float64, device=doppler.device) * kernel.cadence
    return wave[:, top : top + high, left : left + broad], time


def egression_power(doppler, look: Holography | Kernel, rays: Rays | None = None, *, edges: str = "pad", device=None,
                    incoming: bool = False) -> torch.Tensor:
    """Egression power P = |H+|^2 of a Dopplergram cube (ingression power |H-|^2 where `incoming`).

    Parameters
    ----------
    doppler : (T, H, W) array or tensor, m/s; frames without data are NaN or constant
    look : settings, or a kernel made by `make_kernel` (then `rays` and `edges` are the kernel's)
    rays, edges, device : as in `make_kernel`

    Returns a float32 tensor (T', H', W'), m^2/s^2. Raises `SqError` as `make_kernel` and `fill_gaps` do, and for a cube
    of another shape than the kernel's.

    |H+|^2 does not feel a shift of all frequencies, so the band is moved to surround zero: with bins ±j in pairs the
    way back to time is two real products of half the size, a few rows at once.
    """
    if not isinstance(doppler, torch.Tensor):
        doppler = torch.from_numpy(np.ascontiguousarray(doppler, dtype=np.float32))
    device, shape = device or doppler.device, tuple(doppler.shape)
    kernel = look if isinstance(look, Kernel) else make_kernel(shape, look, rays, edges, device)
    if shape != kernel.shape:
        raise SqError(f"this kernel is for cubes of shape {kernel.shape}, not {shape}")
    wave, time = focus_spectrum(fill_gaps(doppler.to(device, torch.float32)), kernel, incoming)
    bins, height, width = wave.shape
    half = bins // 2
    offset = (kernel.omega - kernel.omega.mean()).to(time.device)
    angle = time[:, None] * offset[bins - half :]
    turn = torch.cat([angle.cos(), angle.sin(), torch.ones(len(time), bins % 2, device=time.device)], 1).float()
    power = torch.empty((len(time), height, width), dtype=torch.float32, device=wave.device)
    for top in range(0, height, ROWS):
        part = wave[:, top : top + ROWS]
        below, above = part[:half].flip(0), part[bins - half :]
        # X_j e^{i a} + X_-j e^{-i a} = (X_j + X_-j) cos a + i (X_j - X_-j) sin a
        pairs = torch.cat([above + below, 1j * (above - below), part[half : bins - half]]).reshape(bins, -1)
        real, imaginary = turn @ pairs.real, turn @ pairs.imag
        power[:, top : top + ROWS] = real.square_().addcmul_(imaginary, imaginary).view(len(time), -1, width)
    return power
