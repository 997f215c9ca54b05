"""All benchmarks in turn, as one table with the machine's description, in results/bench/ (bench.json, bench.md).

    make bench                              # all; set-up downloads gigabytes
    make bench BENCH=--no-setup             # without set-up; about a dozen minutes on two quiet cores
    python benchmarks --only twin augment   # some; printed, not written
    python benchmarks --only gpu training --name h100   # and written, to h100.json and h100.md

Each file here has `rows()`: tuples of what was measured, its value, its unit, what ran beside it in the same go ("" for
nothing), and the ratio: for times and memory theirs over ours, for speeds ours over theirs, so above 1 ours is the
better one; for parts of the book a share of what stands beside it. A machine at work on something else measures that,
too: see the load.
"""

import argparse
import importlib
import json
import os
import platform
import sys
import time
import traceback
from datetime import datetime
from pathlib import Path

PLAN = ("setup", "twin", "holography", "augment", "training", "memory", "detection", "ingest", "gpu", "book")
OUT = Path(__file__).resolve().parents[1] / "results" / "bench"


def rows_of(name: str) -> list[tuple]:
    """The rows of the benchmark `name`."""
    return importlib.import_module(name).rows()


def machine() -> dict:
    """The run card: machine, load before the first benchmark, versions, commit and date."""
    import psutil
    import torch

    from sqlib.show.provenance import commit, versions

    info = Path("/proc/cpuinfo")
    lines = info.read_text().splitlines() if info.is_file() else []
    names = [line.split(":")[1].strip() for line in lines if "model name" in line]
    return {
        "processor": names[0] if names else platform.processor() or platform.machine(),
        "cores": os.cpu_count(),
        "memory": f"{psutil.virtual_memory().total / 1e9:.0f} GB",
        "GPU": torch.cuda.get_device_name() if torch.cuda.is_available() else "none",
        "threads": torch.get_num_threads(),
        "system": platform.system(),
        "load before": round(os.getloadavg()[0], 2),
        "date": datetime.now().astimezone().isoformat(timespec="seconds"),
        "commit": commit() or "not in a git checkout",
        "versions": versions(),
    }


def as_markdown(rows: list[tuple], card: dict) -> str:
    """The table and the card; for a value that is None its unit says why."""
    lines = ["| What | Value | Unit | Beside | Ratio |", "| --- | ---: | --- | --- | ---: |"]
    for what, value, unit, beside, ratio in rows:
        number = unit if value is None else f"{value:.3g}" if value < 100 else f"{value:,.0f}"
        cells = (what, number, "" if value is None else unit, beside, "" if ratio is None else f"{ratio:.2f}")
        lines.append("| " + " | ".join(cells) + " |")
    facts = [f"{name}: {value}" for name, value in card.items() if name != "versions"]
    versions = ", ".join(f"{name} {version}" for name, version in card["versions"].items())
    return "\n".join([*lines, "", *(f"- {fact}" for fact in facts), f"- versions: {versions}", ""])


def write(rows: list[tuple], card: dict, folder: Path, name: str = "bench") -> None:
    """Write NAME.json and NAME.md."""
    from sqlib.paths import replacing

    content = {"card": card, "rows": [dict(zip(("what", "value", "unit", "beside", "ratio"), row)) for row in rows]}
    with replacing(folder / f"{name}.json") as aside:
        aside.write_text(json.dumps(content, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    with replacing(folder / f"{name}.md") as aside:
        aside.write_text(as_markdown(rows, card), encoding="utf-8")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--no-setup", action="store_true", help="skip set-up, which downloads gigabytes")
    parser.add_argument("--only", nargs="+", choices=PLAN, help="run these, and write nothing without a --name")
    parser.add_argument("--name", help="what to call the files with the table (default: bench)")
    options = parser.parse_args()
    sys.path.insert(0, str(Path(__file__).resolve().parent))
    card, rows, failed, begun = machine(), [], [], time.perf_counter()
    plan = options.only or PLAN
    for number, name in enumerate(plan, 1):
        after = time.perf_counter() - begun
        print(f"== {number} of {len(plan)}: {name}, after {after:.0f} s", file=sys.stderr, flush=True)
        if name == "setup" and options.no_setup:
            rows.append(("set-up from nothing, packages fetched", None, "skipped", "", None))
            continue
        try:
            rows += rows_of(name)
        except (Exception, SystemExit):  # the others took minutes and are not lost
            traceback.print_exc()
            failed.append(name)
            rows.append((name, None, "failed", "", None))
    card |= {"load after": round(os.getloadavg()[0], 2), "seconds in all": round(time.perf_counter() - begun)}
    print("\n" + as_markdown(rows, card))
    if options.name or not options.only:
        write(rows, card, OUT, options.name or "bench")
        print(f"written to {OUT}")
    if failed:
        sys.exit(f"failed: {', '.join(failed)} (why is above)")


if __name__ == "__main__":
    main()
