"""The simulated twin of SunquakeNet: sources, waves, Dopplergrams, and the same holography as for the real Sun.

Stochastic sources everywhere (weaker inside the active region) and impulsive clumps at the annotated intervals shake a
polytrope (`waves`); an instrument looks at it (blur, noise, gaps, foreshortening); `holography` makes egression power.
"""

import math
from dataclasses import asdict, dataclass
from functools import lru_cache
from typing import NamedTuple

import numpy as np
import torch
from scipy.fft import next_fast_len

from sqlib.errors import SqError
from sqlib.sun.holography import Holography, Kernel, egression_power, focus_spectrum, make_kernel
from sqlib.sun.rays import polytrope_rays
from sqlib.sun.scene import Quake, Scene, draw_scene, generator_of
from sqlib.sun.waves import Polytrope, bins_of, move, skip_sum

EDITION = 2  # of the physics: raise it where a change alters what is simulated, and train what comes with the book anew
SPECTRUM = (4.6, 7.4)  # mHz; a little more than the band that holography will look at
SKIPS = (10.0, 70.0)  # Mm; a little more than the pupil will look at
PATCH = 40  # pixels a side: room for a sunquake's clump and its image
SLOPE = 4.1  # of egression power with frequency; gives the speckle of real frames its lifetime
WAVE_RMS = 60.0  # m/s in that spectrum, where the Sun is quiet


@dataclass(frozen=True)
class TwinSettings:
    """Size of the twin: cubes of (frames, size, size); fewer frames are a window round the annotated interval."""

    size: int = 256
    frames: int = 256
    seed: int = 1265
    limb: bool = True  # foreshortening away from disk centre


@dataclass(frozen=True)
class Instrument:
    """Blur (sigma, pixels at disk centre) and noise (m/s in a pixel and frame) of a Doppler instrument."""

    blur: float
    noise: float


INSTRUMENTS = {"MDI": Instrument(1.12, 12.0), "HMI": Instrument(0.25, 8.0)}


class TwinCube(NamedTuple):
    """Egression power of one simulated event; see `simulate`."""

    power: np.ndarray  # float32 (T, H, W)
    first_frame: int  # number of its first frame
    boxes: tuple  # per annotated interval ((first, last), ((x0, y0, x1, y1),)) in pixels of the cube
    truth: dict  # what the scene was made of


class Model(NamedTuple):
    """What the events of one instrument share."""

    green: torch.Tensor  # (B, n, n), the blur of the instrument included
    kernel: Kernel
    rim: int  # pixels of the box outside of the Dopplergrams
    frames: int  # Dopplergrams
    omega: torch.Tensor  # (B,) rad/s
    quiet: float  # mean egression power of the quiet Sun
    spread: torch.Tensor  # (B', PATCH, PATCH): egression of a unit impulse round its place, on the bins of the band
    band: slice  # the bins of `omega` that the kernel looks at


def facts_of(settings) -> dict:
    """Settings of a twin (a dataclass) as keys hash them."""
    return asdict(settings) | {"random_start": False}  # once a setting: what comes with the book is kept under it


def check_settings(settings: TwinSettings) -> None:
    """Raise `SqError` for sizes that hold no region or no interval, and for a seed out of range."""
    for name, low, high in (("size", 64, 1024), ("frames", 40, 256), ("seed", 0, 2**63 - 1)):
        value = getattr(settings, name)
        if isinstance(value, bool) or not isinstance(value, int) or not low <= value <= high:
            raise SqError(f"twin: {name} must be a whole number from {low} to {high}, not {value!r}")
    if not isinstance(settings.limb, bool):
        raise SqError(f"twin: limb must be true or false, not {settings.limb!r}")


@lru_cache(maxsize=2)
def model(size: int, frames: int, cadence: float, pixel: float, blur: float) -> Model:
    """Green's function and kernel for cubes of one size and instrument; kept, as many events share them.

    `size` and `blur` (sigma) are in pixels, `cadence` in s, `pixel` in Mm.
    """
    look, sun = Holography(cadence, pixel), Polytrope()
    rays = polytrope_rays(sun.index)
    reach = math.ceil(look.pupil[1] / pixel)
    seen = size + 2 * reach  # Dopplergrams: every pixel of the cube has its whole pupil
    box = next_fast_len(seen + 16)
    box += box % 2
    rim, total = (box - seen) // 2, max(frames, 96) + math.ceil(float(rays.group(look.pupil[1])) / cadence)
    kernel = make_kernel((total, seen, seen), look, rays, edges="drop")
    bins = bins_of(total, cadence, SPECTRUM)
    omega = 2 * math.pi * torch.from_numpy(bins) / (total * cadence)
    # unit sources in every pixel and bin give the quiet Sun's motion
    green = skip_sum((total, box, box), cadence, pixel, SPECTRUM, SKIPS, sun)
    green *= blurring(box, blur, 0.0)
    green *= WAVE_RMS / float(green.abs().square().mean((1, 2)).sum() / 2) ** 0.5
    impulse = torch.zeros((len(bins), box, box), dtype=torch.complex64)
    impulse[:, box // 2, box // 2] = 1
    moved = move(impulse, green, total, cadence, SPECTRUM)[:, rim : rim + seen, rim : rim + seen]
    spread, _ = focus_spectrum(moved, kernel)
    # the spectrum of the sources is free: it is set so that the quiet Sun's egression power falls as nu^-SLOPE
    start = int(np.searchsorted(bins, bins_of(total, cadence, look.band)[0]))
    band = slice(start, start + len(spread))
    weight = (omega[band] ** -SLOPE / spread.abs().square().sum((1, 2))).sqrt().float()
    weight /= weight.mean()
    spread *= weight[:, None, None]
    green *= torch.cat([weight[:1].expand(start), weight, weight[-1:].expand(len(bins) - band.stop)])[:, None, None]
    # such sources have random phases, so their powers add: one impulse, summed over place and time, has the quiet mean
    quiet = float(spread.abs().square().sum())
    low = (spread.shape[1] - PATCH) // 2 + (box // 2 - rim) - seen // 2
    patch = spread[:, low : low + PATCH, low : low + PATCH]
    return Model(green, kernel, rim, total, omega, quiet, patch.clone(), band)


def blurring(n: int, blur: float, longitude: float) -> torch.Tensor:
    """Transfer function (n, n) of a Gaussian blur of `blur` px; at `longitude` degrees a pixel covers more."""
    k = 2 * math.pi * np.fft.fftfreq(n)
    wide = blur / math.cos(math.radians(longitude))
    return torch.from_numpy(np.exp(-0.5 * ((blur * k[:, None]) ** 2 + (wide * k[None, :]) ** 2))).float()


def clump(quake: Quake, parts: Model, cadence: float) -> torch.Tensor:
    """Spectra (B, PATCH, PATCH) of a sunquake's grains; they peak in the middle at time 0 with strength times quiet."""
    y, x = torch.meshgrid(*[torch.arange(PATCH, dtype=torch.float32) - PATCH // 2] * 2, indexing="ij")
    (fwhm, angle), grains = quake.stretch, torch.from_numpy(quake.grains).float()
    v = y - (quake.y - round(quake.y) + grains[:, 0])[:, None, None]
    u = x - (quake.x - round(quake.x) + grains[:, 1])[:, None, None]
    along, across = u * math.cos(angle) + v * math.sin(angle), v * math.cos(angle) - u * math.sin(angle)
    point = 1 / 2.355  # sigma of a grain one pixel wide (FWHM); the core is longer
    long = torch.tensor([fwhm / 2.355, *[point] * (len(grains) - 1)])[:, None, None]
    place = torch.exp(-0.5 * (along / long) ** 2 - 0.5 * (across / point) ** 2)
    place *= (grains[:, 3] / place.sum((1, 2)))[:, None, None]
    turn = torch.exp(-1j * parts.omega[:, None] * grains[:, 2]).to(torch.complex64)
    source = torch.einsum("bg,gyx->byx", turn, place.to(torch.complex64))
    spread = torch.fft.fft2(torch.fft.ifftshift(parts.spread, (1, 2)))
    focus = torch.fft.ifft2(torch.fft.fft2(source[parts.band]) * spread)
    when = torch.arange(-10, 11) * cadence
    turn = torch.exp(1j * when[:, None] * parts.omega[parts.band]).to(torch.complex64)
    seen = torch.einsum("tb,byx->tyx", turn, focus).abs().square()
    # the grains interfere, so the peak lies where it will: it is moved to the quake's own place and time
    t, y, x = (int(i) for i in np.unravel_index(int(seen.argmax()), seen.shape))
    source = source.roll((PATCH // 2 - y, PATCH // 2 - x), (1, 2))
    source *= torch.exp(1j * parts.omega * when[t])[:, None, None].to(torch.complex64)
    return source * math.sqrt(quake.strength * parts.quiet / float(seen.max()))


def first_frame(event, frames: int) -> int:
    """Number of the first of so many frames: a window of a cube's 256, round the annotated intervals if it has some."""
    spans = event.intervals
    middle = sum(spans[0][:1] + spans[-1][1:]) // 2 if spans else 128
    return int(np.clip(middle - frames // 2, 0, 256 - frames))


class Observation(NamedTuple):
    """Simulated Dopplergrams and what went into them."""

    doppler: torch.Tensor  # (T, H, W) m/s in `SPECTRUM`: more than the cube by the pupil and its travel time
    model: Model
    scene: Scene
    first_frame: int


def dopplergrams(event, settings: TwinSettings, draw=None) -> Observation:
    """Simulate the Dopplergrams of one event; arguments and errors as for `simulate`."""
    check_settings(settings)
    if event.instrument not in INSTRUMENTS:
        raise SqError(f"twin: {event.key}: no instrument {event.instrument!r}; there are {', '.join(INSTRUMENTS)}")
    instrument = INSTRUMENTS[event.instrument]
    first = first_frame(event, settings.frames)
    parts = model(settings.size, settings.frames, event.cadence, event.pixel, instrument.blur)
    bins, box, _ = parts.green.shape
    rim = (box - settings.size) // 2
    scene = (draw or draw_scene)(event, settings.size, rim, first, settings.frames, settings.seed, settings.limb)
    seed = int(generator_of(settings.seed, f"{event.key} waves").integers(2**62))
    generator = torch.Generator().manual_seed(seed)
    source = torch.view_as_complex(torch.randn((bins, box, box, 2), generator=generator))
    source *= torch.from_numpy(np.sqrt(scene.emission / 2)).float()
    for quake in scene.quakes:
        delay = torch.exp(-1j * parts.omega * (quake.time - first) * event.cadence).to(torch.complex64)
        top, left = (round(place) + rim - PATCH // 2 for place in (quake.y, quake.x))
        source[:, top : top + PATCH, left : left + PATCH] += delay[:, None, None] * clump(quake, parts, event.cadence)
    stretched = blurring(box, instrument.blur, scene.longitude) / blurring(box, instrument.blur, 0.0)
    moved = move(source, parts.green * stretched, parts.frames, event.cadence, SPECTRUM)
    seen = slice(parts.rim, box - parts.rim)
    moved = moved[:, seen, seen]
    moved *= torch.from_numpy(scene.gain[seen, seen].copy()).float()
    moved += torch.empty_like(moved).normal_(0, instrument.noise, generator=generator)
    for start, length in scene.gaps:
        moved[start - first : start - first + length] = torch.nan
    return Observation(moved, parts, scene, first)


def simulate(event, settings: TwinSettings, draw=None) -> TwinCube:
    """Simulate one event, from sources to egression power.

    Parameters
    ----------
    event : anything with key, instrument ("MDI" or "HMI"), cadence (s), pixel (Mm), intervals ((first, last), …)
    settings : size and seed of the twin
    draw : what draws the event's `Scene`, with the arguments of `draw_scene` (None: `draw_scene` itself)

    The cube has power in units of the quiet Sun's mean, and is the same for the same arguments. Raises `SqError` for
    settings out of range or an unknown instrument.
    """
    doppler, parts, scene, first = dopplergrams(event, settings, draw)
    power = egression_power(doppler, parts.kernel)[: settings.frames].div_(parts.quiet).numpy()
    boxes = tuple((quake.interval, (quake.box,)) for quake in scene.quakes)
    told = ("interval", "level", "strength", "y", "x", "time")
    quakes = [{name: getattr(quake, name) for name in told} for quake in scene.quakes]
    truth = {name: getattr(scene, name) for name in ("shape", "depth", "longitude", "gaps")} | {"quakes": quakes}
    return TwinCube(power, first, boxes, truth)
