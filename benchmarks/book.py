"""The whole book: from nothing, again when nothing has changed, and again with one parameter of one chapter changed.

    python benchmarks/book.py [--profile smoke]
"""

import argparse
import json
import os
import re
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from shutil import copytree

CHECKOUT = Path(__file__).resolve().parents[1]
CHANGED = ("01_dataset", "events", 40)  # chapter, parameter, and a value that no profile has


def lay_out(home: Path) -> None:
    """Fill the folder `home` with links to this checkout, and profiles that can be changed."""
    for name in ("notebooks", "book", "_config.yml", "_toc.yml"):
        (home / name).symlink_to(CHECKOUT / name)
    copytree(CHECKOUT / "profiles", home / "profiles")


def make(home: Path, profile: str) -> tuple[float, float]:
    """Seconds of `sq book` in `home`, and those of them that the pages took, once all chapters were there."""
    command = [sys.executable, "-m", "sqbook.cli", "book", "--profile", profile]
    start, begun = time.perf_counter(), None
    environment = {**os.environ, "SQ_HOME": str(home)}
    with subprocess.Popen(command, env=environment, stderr=subprocess.PIPE, text=True) as process:
        for line in process.stderr:
            print(line, end="", file=sys.stderr, flush=True)
            begun = time.perf_counter() if "building the pages" in line else begun
    if process.returncode:
        raise SystemExit(f"sq book ended with {process.returncode}")
    end = time.perf_counter()
    return end - start, end - begun


def change(home: Path, profile: str) -> None:
    """Give one parameter of one chapter another value in the profile."""
    import yaml

    path, (chapter, name, value) = home / "profiles" / f"{profile}.yml", CHANGED
    content = yaml.safe_load(path.read_text())
    content["notebooks"] = {**(content["notebooks"] or {})}
    content["notebooks"][chapter] = {**(content["notebooks"].get(chapter) or {}), name: value}
    path.write_text(yaml.safe_dump(content))


def measure(profile: str, home: Path, make=make) -> dict[str, float]:
    """Seconds and bytes of the book in the laid-out folder `home`; `make` as above.

    cold, warm, changed; the pages' part of each (cold_pages, ...); own, what the changed chapter took by its run card;
    count and heaviest of the pages. Stops where the changed parameter let any other chapter run again.
    """
    found, cards = {}, {}
    for name in ("cold", "warm", "changed"):
        if name == "changed":
            change(home, profile)
        found[name], found[f"{name}_pages"] = make(home, profile)
        paths = (home / "runs").glob("*/*/card.json")
        new = {path: json.loads(path.read_text()) for path in paths if path not in cards}
        cards |= new
    if [path.parts[-3] for path in new] != [CHANGED[0]]:
        again = [path.parts[-3] for path in new]
        raise SystemExit(f"one parameter of {CHANGED[0]} was changed, and these ran again: {again}")
    pages = [weight(path) for path in (home / "_build" / "html").glob("**/*.html")]
    return found | {"own": next(iter(new.values()))["seconds_in_all"], "count": len(pages), "heaviest": max(pages)}


def weight(page: Path) -> int:
    """Bytes of a page and of the styles, scripts and pictures that it asks for at once, without lazy pictures."""
    from bs4 import BeautifulSoup

    text = BeautifulSoup(page.read_bytes(), "html.parser")
    asked = [link.get("href", "") for link in text.select("link[rel~=stylesheet]")]
    asked += [one.get("src", "") for one in text.select("script[src], img[src]") if one.get("loading") != "lazy"]
    files = {(page.parent / name.split("?")[0]).resolve() for name in asked if name and ":" not in name}
    return page.stat().st_size + sum(path.stat().st_size for path in files if path.is_file())


def beyond(found: dict[str, float]) -> float:
    """What a changed parameter costs beside its chapter's own time, as a share of the cold book."""
    return (found["changed"] - found["own"]) / found["cold"]


def rows(profile: str = "smoke", measure=measure) -> list[tuple]:
    """Rows of the table (see __main__)."""
    with tempfile.TemporaryDirectory() as folder:
        lay_out(Path(folder))
        found = measure(profile, Path(folder))
    chapter, name, _ = CHANGED
    what, changed = f"book, {profile}", f"book, {profile}, {name} of {chapter} changed"
    warm, pages = found["warm"], found["warm_pages"]
    return [
        (f"{what}, cold (data, networks, chapters, pages)", found["cold"], "s", "", None),
        (f"{what}, warm, nothing changed", warm, "s", "cold", warm / found["cold"]),
        (f"{what}, warm: its pages, built afresh", pages, "s", "all of it", pages / warm),
        (changed, found["changed"], "s", "cold", found["changed"] / found["cold"]),
        (f"{changed}: the chapter itself", found["own"], "s", "all of it", found["own"] / found["changed"]),
        (f"{changed}: beyond the chapter", 100 * beyond(found), "% of cold", "at most 10 %", beyond(found) / 0.1),
        (f"heaviest of {found['count']:.0f} pages, and what it loads at once", found["heaviest"] / 1e6, "MB", "", None),
    ]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--profile", default="smoke")
    print(f"{os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}")
    for what, value, unit, beside, ratio in rows(parser.parse_args().profile):
        print(f"{re.sub(' +', ' ', what):72}{value:9.2f} {unit:10}" + (f"{ratio:6.2f} of {beside}" if beside else ""))


if __name__ == "__main__":
    main()
