"""Bands for the key numbers of the smoke chapters: derives bands.csv, to which test_bands.py holds the smoke book.

    sq sweep 03_contrastive --profile smoke -p seed=1..8   # runs a chapter for each seed; likewise the others
    python tests/bands.py 03_contrastive                   # derives its bands from all runs of it that are there

The smoke book has the seed 1265, which enters no band. Each band is derived in one of these ways, and says in which:

closed form   a count or a law that this file works out by itself; ± 1e-6 of it, for rounding, or as KEYS says
no draw       the same for all seeds, for nothing random enters; ± 0.1 %, for other processors round otherwise
n seeds       at least four runs: mean ± t s.d. √(1 + 1/n), which the next run leaves once in a thousand times if
              numbers of several seeds are normal (t of Student's distribution with n − 1 degrees of freedom)
n seeds, interval of the run
              fewer runs of a trained chapter: mean ± 4 s.d., the greater of that over the seeds and that of the run's
              own 95 % interval over events (its width / 3.92)
"""

import csv
import math
import sys
from pathlib import Path

import numpy as np
from scipy.optimize import brentq
from scipy.stats import t as student

from sqbook.compare import leaves
from sqbook.execute import runs
from sqlib.data import catalogue, paper_split
from sqlib.paths import replacing
from sqlib.show.records import read_records

CSV = Path(__file__).with_name("bands.csv")
COLUMNS = ("chapter", "record", "number", "low", "high", "derived")
FRAMES = 48  # of each cube in the smoke profile
LEAST = 4  # seeds from which on their spread is trusted by itself

EVENTS = [event for event in catalogue() if event.labelled]
POSITIVES = sum(len(event.positives) for event in EVENTS)


def tested(lost: int = 1) -> tuple[int, int]:
    """Positive and negative test samples of the event split; windows lose `lost` frames at either end of a cube."""
    asked = paper_split(catalogue())[1]
    positives = sum(len(event.positives) for event in asked)
    return positives, len(asked) * (FRAMES - 2 * lost) - positives


def never(positives: int, negatives: int) -> float:
    """Macro F1 of a detector that always says no."""
    return negatives / (2 * negatives + positives)


def drawn(share: float, count: int = 20_000) -> tuple[float, float]:
    """A share of `count` draws, and 4 s.d. of it (binomial)."""
    return share, 4 * math.sqrt(share * (1 - share) / count)


SEEDS, INTERVAL, NO_DRAW = "seeds", "interval", "no draw"
# chapter: (record, number, how); a number in place of `how` is a closed form, with its room if it is not rounding alone
KEYS = {
    "00_holography": [
        ("fig-speckle", "std_over_mean", SEEDS),
        ("fig-speckle", "quantile_999", SEEDS),
        ("fig-speckle", "exponential_999", math.log(1000)),
        ("fig-speckle", "half_width_s", SEEDS),
        ("fig-speckle", "law_half_width_s", (brentq(lambda s: np.sinc(2e-3 * s) ** 2 - 0.5, 100, 400), 0.5)),
        ("fig-focus", "fwhm_s", NO_DRAW),
        ("fig-focus", "frame_error", NO_DRAW),
        ("fig-shadow", "depth", SEEDS),
    ],
    "01_dataset": [
        ("fig-counts", "23.positives", sum(len(event.positives) for event in EVENTS if event.cycle == 23)),
        ("fig-counts", "24.positives", sum(len(event.positives) for event in EVENTS if event.cycle == 24)),
        ("fig-counts", "24.unlabelled", (len(catalogue()) - len(EVENTS)) * FRAMES),
        ("table-counts", "[2].negatives, here", len(EVENTS) * FRAMES - POSITIVES),
        ("table-leak", "[0].as they are", SEEDS),
        ("table-leak", "[3].as they are", SEEDS),
        ("fig-scaling", "scaled by frame.mean", SEEDS),
        ("table-statistics", "[0].twin", SEEDS),
    ],
    "02_autoencoders": [
        ("map-ae", "own_event_by_chance", 1 / len(paper_split(catalogue())[1])),
        ("fig18", "layers[1].weights", 8 * 3 * 3 + 8 + 8),  # 8 filters of 3 × 3, their offsets and their scales
        ("claim-C1", "value", INTERVAL),
        ("claim-C2", "value", INTERVAL),
        ("claim-C3", "value", INTERVAL),
        ("table-ae-tuned", "[0].AP", INTERVAL),
    ],
    "03_losses": [
        ("table-cl-overflow", "[1].exp(1/τ)", math.exp(50)),
        ("table-cl-example", "[0].difference", 0.0),
        ("claim-C4", "value", INTERVAL),
    ],
    "03_contrastive": [
        ("fig-cl-leak", "always no, by event", never(*tested())),
        ("table-cl-balance", "[0].positives", POSITIVES - tested()[0]),
        ("table-cl-balance", "[0].negatives", (len(EVENTS) - 11) * (FRAMES - 2) - (POSITIVES - tested()[0])),
        ("claim-C16", "value", INTERVAL),
        ("claim-C18", "value", INTERVAL),
    ],
    "04_augmentations": [
        ("fig-aug-square", "as the paper says.as it is", drawn(0.5)),
        ("fig-aug-square", "as the paper says.h-flip", drawn(0.5 * 0.2)),
        ("numbers-wraps", "wrapped pixels (%)", 0.0),
        ("fig-aug-square", "as the paper says.transpose", 0.0),
        ("claim-C9", "value", INTERVAL),
        ("claim-C12", "value", INTERVAL),
    ],
    "05_recurrence": [
        ("table-rec-looks", "[1].MDI: their correlation", float(np.sinc(2e-3 * 120) ** 2)),
        ("table-rec-looks", "[2].HMI: their correlation", float(np.sinc(2e-3 * 180) ** 2)),
        ("claim-C13", "value", INTERVAL),
        ("fig-rec-ap", "[5].difference", INTERVAL),
    ],
    "06_object_detection": [
        ("table-od-boxes", "[2].frames", POSITIVES),
        ("fig-od-found", "frames", 48 + 640),  # of cycle 23 those of three test events, of cycle 24 all
        ("claim-C20", "value", INTERVAL),
        ("table-od-methods", "[2].value", INTERVAL),
    ],
    "07_case_studies": [
        ("table-cases-sigma", "[0].3σ: P/P_avg", 4.0),  # mean and deviation of an exponential are 1
        ("table-cases-sigma", "[0].noise, above 3σ", math.exp(-4)),
        ("table-cases-sigma", "[1].3σ: P/P_avg", 1 + 3 / math.sqrt(3)),
        ("table-cases-aside", "[0].frames", tested(0)[0]),
        ("table-cases-agree", "[0].number", len(catalogue()) - len(EVENTS)),
        ("table-cases-way", "[0].test events", len(paper_split(catalogue())[1])),
    ],
    "08_pitfalls": [
        ("fig-pit-leak", "calendar, sample", SEEDS),
        ("fig-pit-leak", "calendar, event", never(*tested(0))),
        ("table-pit-imbalance", "[0].recall", 0.5),
        ("table-pit-imbalance", "[0].ap", tested(0)[0] / sum(tested(0))),
        ("table-pit-augment", "[0].source kept", 1.0),
        ("fig-pit-leak", "nearest pictures, sample", SEEDS),
    ],
}


def numbers(folder: Path) -> dict[tuple[str, str], float]:
    """Every number of a run by record and place."""
    found = {}
    for name, record in read_records(folder).items():
        for place, value in leaves(record["numbers"]).items():
            if isinstance(value, int | float) and not isinstance(value, bool):
                found[name, place] = value
    return found


def band(record: str, number: str, how, found: dict[int, dict]) -> tuple[float, float, str]:
    """Lowest and highest value of a number, and how they were derived; `found`: the numbers of the runs by seed."""
    if not isinstance(how, str):
        how, room = how if isinstance(how, tuple) else (how, 1e-6 * max(abs(how), 1))
        return how - room, how + room, "closed form"
    values = np.array([own[record, number] for own in found.values()], float)
    count, middle = len(values), values.mean()
    if how == NO_DRAW:
        if np.ptp(values) > 1e-3 * abs(middle):
            raise SystemExit(f"{record} {number} was to be the same for all seeds, and is {values}")
        room = 1e-3 * max(abs(middle), 1e-3)
        return middle - room, middle + room, f"no draw, {count} seeds alike"
    spread = float(values.std(ddof=1)) if count > 1 else 0.0
    if count >= LEAST:
        reach = student.ppf(0.9995, count - 1) * spread * math.sqrt(1 + 1 / count)
        return middle - reach, middle + reach, f"{count} seeds, mean ± {reach / (spread or 1):.1f} s.d."
    if how == SEEDS:
        raise SystemExit(f"{record} {number} has no interval of its own: {count} seeds are too few, it takes {LEAST}")
    stem, _, last = number.rpartition(".")
    ends = {(stem + "." if stem else "") + side + end for side in ("", f"{last}_") for end in ("low", "high")}
    widths = [max(own[record, end] for end in ends if (record, end) in own) -
              min(own[record, end] for end in ends if (record, end) in own) for own in found.values()]  # fmt: skip
    reach = 4 * max(spread, float(np.mean(widths)) / 3.92)
    return middle - reach, middle + reach, f"{count} seeds, interval of the run: mean ± 4 s.d."


def derive(chapter: str, found: dict[int, dict]) -> list[tuple]:
    """The rows of a chapter's bands."""
    rows = []
    for record, number, how in KEYS[chapter]:
        low, high, derived = band(record, number, how, found)
        rows.append((chapter, record, number, f"{low:.9g}", f"{high:.9g}", derived))
    return rows


def outside(rows: list[dict], found: dict[tuple[str, str], float]) -> list[str]:
    """What is wrong with the numbers of a run, by the `rows` of its chapter in bands.csv."""
    wrong = []
    for row in rows:
        value = found.get((row["record"], row["number"]))
        if value is None or not float(row["low"]) <= value <= float(row["high"]):
            wanted = f"{row['low']} to {row['high']} ({row['derived']})"
            wrong.append(f"{row['record']} {row['number']} is {value}, not {wanted}")
    return wrong


def read() -> dict[str, list[dict]]:
    """The rows of bands.csv by chapter."""
    with open(CSV, encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    chapters = dict.fromkeys(row["chapter"] for row in rows)
    return {chapter: [row for row in rows if row["chapter"] == chapter] for chapter in chapters}


def main(chapters: list[str]) -> None:
    """Derive the bands of `chapters` anew and write them beside those of the others."""
    known = read() if CSV.is_file() else {}
    every = {chapter: [tuple(row.values()) for row in rows] for chapter, rows in known.items()}
    for chapter in chapters or KEYS:
        folders = {card["seed"]: Path(card["folder"]) for card in runs() if card["seed"] != 1265
                   and (card["notebook"], card["profile"], card["data"]) == (chapter, "smoke", "twin")}
        if folders:
            every[chapter] = derive(chapter, {seed: numbers(folder) for seed, folder in sorted(folders.items())})
    with replacing(CSV) as aside, open(aside, "w", encoding="utf-8", newline="") as file:
        rows = [row for chapter in KEYS for row in every.get(chapter, [])]
        csv.writer(file, lineterminator="\n").writerows([COLUMNS, *rows])
    print(f"{sum(map(len, every.values()))} bands in {CSV}")


if __name__ == "__main__":
    main(sys.argv[1:])
