"""What a GPU does with the work that the other benchmarks give to a processor; one row where there is none.

    python benchmarks --only gpu training detection --name h100

Holography beside FFTs over all frequencies on the same card, and beside our own on the processor; views of a batch
beside the same on the processor; the trainer's step beside its network on the same views again; the paper's detector by
batches beside one frame at a time; the locator's search of a cube beside the same on the processor. Medians, and the
card has finished before a clock is read.
"""

from collections.abc import Callable

import torch
from torch.utils.benchmark import Timer


def seconds(call: Callable, least: float) -> float:
    """Median seconds of a call that is repeated for `least` seconds; the device has finished when the clock is read."""
    return Timer("call()", globals={"call": call}).blocked_autorange(min_run_time=least).median


def holography_rows(device: torch.device, frames: int, size: int, least: float) -> list[tuple]:
    """Egression power of one cube that lies on the card: ours, the plain way, and ours on the processor."""
    from holography import movie

    from sqlib.sun.holography import Holography, egression_power, make_kernel

    doppler, look = torch.from_numpy(movie(frames, size)), Holography(45.0, 1.09)
    here, there = make_kernel(doppler.shape, look), make_kernel(doppler.shape, look, device=device)
    on_card, (long, tall, wide) = doppler.to(device), there.padded
    first = round(float(there.omega[0]) * long * look.cadence / (2 * torch.pi))  # the first bin of the band
    green = torch.zeros((long, tall, wide), dtype=torch.complex64, device=device)
    green[first : first + len(there.green)] = there.green

    def plain() -> torch.Tensor:
        wave = torch.fft.ifftn(torch.fft.fftn(on_card, s=(long, tall, wide)) * green)
        return (2 * wave[:frames, :size, :size]).abs().square()

    ours = egression_power(on_card, there)
    if float((plain() - ours).abs().max()) > 1e-3 * float(ours.max()):
        raise SystemExit("the plain way and ours differ by more than rounding")
    found = {"FFTs over all frequencies on it": seconds(plain, least),
             "ours on the processor": seconds(lambda: egression_power(doppler, here), least)}
    mine = seconds(lambda: egression_power(on_card, there), least)
    what = f"holography on the GPU, {frames} × {size}²"
    return [(what, 1e3 * mine, "ms", name, value / mine) for name, value in found.items()]


def augmentation_rows(device: torch.device, count: int, size: int, least: float) -> list[tuple]:
    """A batch of views by the paper's augmentations, low-passed beforehand as the trainer does."""
    from augment import CHANNELS, frames

    from sqlib.learn import augment, lowpass
    from sqlib.learn.augment import Views
    from sqlib.learn.samples import Samples, gather

    views, every, speeds = Views(), torch.arange(count), []
    pixels = frames(count + CHANNELS - 1, size)
    pool = torch.cat([pixels, lowpass.solarized_low_pass(pixels, views.threshold, views.variant)])
    for where in (device, torch.device("cpu")):
        rows, labels = (every + CHANNELS // 2).to(where), torch.zeros_like(every)
        samples = Samples(pool.to(where), True, rows, labels, None, CHANNELS, "")
        which, draws = every.to(where), torch.Generator(where).manual_seed(1265)

        def views_of_batch(samples=samples, which=which, draws=draws) -> torch.Tensor:
            low = augment.chance(count, views.low_pass, draws)
            return augment.augment(gather(samples, which, low), views, draws)

        speeds.append(count / seconds(views_of_batch, least))
    ours, beside = speeds
    what = f"augmentation on the GPU, {count} of {CHANNELS} × {size}²"
    return [(what, ours, "views/s", "ours on the processor", ours / beside)]


def trainer_rows(device: torch.device, batch: int, size: int, least: float) -> list[tuple]:
    """A whole step of the trainer with the paper's network and augmentations, views drawn on the card."""
    from dataclasses import replace

    from training import OURS, our_step, speckle

    from sqlib.learn.samples import make_samples

    settings = replace(OURS, objective="supcon", loop=replace(OURS.loop, batch=batch))
    samples = make_samples(speckle(size, max(1024, 2 * batch)), 3, 0, settings.views, device)
    speeds = [2 * batch / seconds(our_step(samples, settings, loader=loader)[1], least) for loader in (True, False)]
    what = f"trainer's step on the GPU, ResNet-18, {size} px, batch {batch}"
    return [(what, speeds[0], "views/s", "its network on the same views again", speeds[0] / speeds[1])]


def detector_rows(device: torch.device, count: int, size: int, batches: tuple[int, ...]) -> list[tuple]:
    """The paper's detector (ResNet-50, frames enlarged to 800 pixels) over a cube, by batches and frame by frame."""
    from detection import cube, speeds

    from sqlib.learn.rcnn import Detector, make_detector

    torch.manual_seed(1265)
    net = make_detector(Detector("resnet50", "none")).to(device).eval()
    frames = cube(count, size)
    speeds(net, frames[: max(batches)], (1, *batches), 1, device)  # to warm up
    found = speeds(net, frames, (1, *batches), 1, device)
    what = f"Faster R-CNN, ResNet-50, on the GPU, {count} frames of {size}²"
    beside = "one frame at a time"
    return [(f"{what}, batch {batch}", found[batch], "frames/s", beside, found[batch] / found[1]) for batch in batches]


def search_rows(device: torch.device, count: int, size: int, least: float) -> list[tuple]:
    """The locator that comes with sqlib passed over a cube, from its frames to the odds of each place and time."""
    from detection import cube

    from sqlib.learn.event_search import WEIGHTS, scan
    from sqlib.learn.locator import load

    frames, places = cube(count, size), (device.type, "cpu")
    nets = {where: load(WEIGHTS, where) for where in places}
    on_card, here = (seconds(lambda where=where: scan(frames, nets[where], where), least) for where in places)
    what = f"locator's search on the GPU, {count} frames of {size}²"
    return [(what, 1e3 * on_card, "ms", "ours on the processor", here / on_card)]


def rows(device: str = "cuda", frames: int = 300, field: int = 340, batch: int = 256, size: int = 224, count: int = 256,
         side: int = 256, batches: tuple[int, ...] = (8, 32), least: float = 1.0) -> list[tuple]:
    """Rows of the table (see __main__)."""
    if device == "cuda" and not torch.cuda.is_available():
        return [("holography, augmentation, trainer, detector and locator on a GPU", None, "no GPU here", "", None)]
    where = torch.device(device)
    return [
        *holography_rows(where, frames, field, least), *augmentation_rows(where, batch, size, least),
        *trainer_rows(where, 2 * batch, size, least), *detector_rows(where, count, side, batches),
        *search_rows(where, count, side, least),
    ]
