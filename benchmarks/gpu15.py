"""One network of the paper's size, trained as far as a quarter of an hour of one large GPU goes.

    python benchmarks/gpu15.py [--minutes 9 --out results/gpu15]

ResNet-18 by supervised contrast on whole frames of 224², as profiles/gpu15.yml has it; the same run as by
`sq train 04_augmentations --profile gpu15`. What is not done in time goes on by the same command: its exit status is 2
till then. First it says how fast a step is; at the end weights, history and run card are copied to the folder.
"""

import argparse
import shutil
import sys
import time
from pathlib import Path

import torch
from gpu import trainer_rows
from sklearn.metrics import average_precision_score

from sqbook.parameters import resolve
from sqlib.errors import SqError
from sqlib.learn import encoders, recipes
from sqlib.learn.chapters import frames_of
from sqlib.learn.samples import split
from sqlib.learn.train import device_of
from sqlib.learn.trained import Unfinished

OUT = Path(__file__).resolve().parents[1] / "results" / "gpu15"
FILES = ("weights.safetensors", "history.csv", "card.json")


def train(minutes: float, out: Path, device: str) -> None:
    """Train for so long, and once it is done copy `FILES` to `out`; raises `SqError` as `encoders.train` does."""
    begun, (_, values) = time.monotonic(), resolve("04_augmentations", "gpu15", {})
    frames = frames_of(values)
    [settings] = recipes.plan("04_augmentations", values, frames).values()
    [(what, speed, unit, _, ratio)] = trainer_rows(device_of(device), settings.loop.batch, values["resolution"], 2.0)
    print(f"{what}: {speed:,.0f} {unit}; drawing the views takes {max(0, 1 - ratio):.0%} of a step", flush=True)
    left = 60 * minutes - (time.monotonic() - begun)
    run = encoders.train(settings, frames, device=device, seconds=max(0, left))
    out.mkdir(parents=True, exist_ok=True)
    for name in FILES:
        shutil.copyfile(run.folder / name, out / name)
    samples = encoders.samples_for(settings, frames, device)
    _, test = split(samples, settings.split, settings.seed, settings.cycles)
    truth, margin = samples.index["label"].iloc[test] == 1, encoders.embed(run, samples, "margin")[test]
    card, losses = run.card, run.history["loss"].round(3).tolist()
    print(f"{card['epochs']} epochs, {card['seconds']:.0f} s, {card['views_per_s']:,.0f} views/s, {card['precision']}, "
          f"{card['device']}: loss {losses[0]} → {losses[-1]}, average precision on the paper's test events "
          f"{average_precision_score(truth, margin):.3f}\n{', '.join(FILES)} are in {out}")


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--minutes", type=float, default=9, help="stop after so many; the same command goes on")
    parser.add_argument("--out", type=Path, default=OUT, help="folder for weights, history and run card")
    parser.add_argument("--device", choices=("auto", "cpu"), default="auto", help="auto: a GPU, or nothing is done")
    options = parser.parse_args(arguments)
    if options.device == "auto" and not torch.cuda.is_available():
        sys.exit("gpu15: there is no GPU here, and nothing was done; --device cpu trains on the processor, for days")
    try:
        train(options.minutes, options.out, options.device)
    except SqError as error:
        print(f"gpu15: {error}", file=sys.stderr)
        sys.exit(2 if isinstance(error, Unfinished) else 1)


if __name__ == "__main__":
    main()
