"""Pages and tables that the build makes: what each chapter costs a class, and how to rerun it."""

import json
import os
import re
import stat
import sys
from contextlib import suppress
from functools import cache
from pathlib import Path

from sqbook.parameters import described, load_profile, needs, parameters, profile_values, read_notebook
from sqbook.repository import repository
from sqlib import profiles
from sqlib.paths import home
from sqlib.show.provenance import origin, read_card
from sqlib.show.records import read_as

WORDS_A_MINUTE = 180


@cache
def _environment():
    from jinja2 import Environment, PackageLoader, select_autoescape

    made = Environment(loader=PackageLoader("sqbook.site"), autoescape=select_autoescape(["html"]), trim_blocks=True,
                       lstrip_blocks=True)
    made.filters["word"] = lambda one: "–" if one is None else f"{one:.4g}" if isinstance(one, float) else str(one)
    return made


def render(template: str, **facts) -> str:
    """A template of `sqbook/site/templates`, filled; HTML (not Markdown) with every word escaped."""
    return _environment().get_template(template).render(**facts)


def minutes(text: str) -> int:
    """Minutes that it takes to read Markdown `text`."""
    words = len(re.findall(r"[^\W\d_]{2,}", re.sub(r"<[^>]*>", " ", text)))
    return max(1, round(words / WORDS_A_MINUTE))


def prose(notebook: dict) -> str:
    """The Markdown of a notebook."""
    return "\n".join("".join(cell["source"]) for cell in notebook["cells"] if cell["cell_type"] == "markdown")


def facts_of(notebook: dict, card: dict) -> list[str]:
    """What stands under a chapter's title: how long it takes to read and to run, its profile and data."""
    return [f"time to read: {minutes(prose(notebook))} min",
            f"time to run: {_duration(card['seconds_in_all'])} ({card['threads']} threads)",
            f"profile: {card['profile']}", f"data: {origin(card)}"]


def table(label: str, caption: str, columns, rows, classes=()) -> dict:
    """A table for the directive `published`.

    A cell is a text, or a dict with `text` and where it matters `look` (class of the cell), `class` (of the text;
    "code" for code), `to` (an address) and `folded` (what the text unfolds to), or a list of such.
    """
    return {"label": label, "caption": caption, "columns": list(columns), "rows": rows, "classes": list(classes)}


def chapters_table(run_folders: dict[str, Path]) -> dict:
    """What each chapter costs a class, measured on its run: {name: run folder}.

    The caption says what the runs' data, their networks and the Python environment take on disk, and what the packages
    came to when they were fetched for results/bench.
    """
    from sqbook.student import exercises  # loads nbformat

    columns = ("Minutes to read", "Time to run", "Memory (GB)", "Threads", "Profile", "Pictures (kB)", "Exercises")
    rows, read = [], set()
    for name, folder in run_folders.items():
        card, notebook = read_card(folder), read_notebook(folder / "executed.ipynb")
        memory = f"{card['memory_mb'] / 1e3:.1f}" if "memory_mb" in card else "–"  # runs made before it was kept
        facts = (minutes(prose(notebook)), _duration(card["seconds_in_all"]), memory, card["threads"], card["profile"],
                 round(_bytes(folder / "figures") / 1000), exercises(notebook))
        rows.append([_code(name), *(_number(fact) for fact in facts)])
        read.add(card["fingerprint"])
    used = {path.parents[1] for path in (home() / "data" / "twin").glob("*/frames-*/card.json") if _made_of(path, read)}
    taught = {path.parent for path in (home() / "data" / "models").glob("*/card.json") if _made_of(path, read)}
    data, networks, python = (_size(sum(map(_bytes, folders))) for folders in (used, taught, [Path(sys.prefix)]))
    caption = ("What the chapters took when the runs of this build were made (data and networks that were there "
               f"already took no time). On this machine's disk: the simulated data that they read {data}; networks "
               f"trained on these data so far ({len(taught)}) {networks}; Python with all packages "
               f"{python}{_fetched()}.")
    return table("What the chapters take", caption, ["Chapter", *map(_number, columns)], rows)


def rerun_page(chapters: list[str]) -> tuple[str, dict[str, dict]]:
    """The page on how to rerun, and its tables: parameters of each chapter, then the shared settings, per profile."""
    names, tables, known, blocks = profiles.names(), {}, repository(), {}
    for name in chapters:
        path = home() / "notebooks" / f"{name}.ipynb"
        values = {profile: profile_values(profile, name) for profile in names}
        tables[f"parameters-{name}"] = _parameters_table(f"Parameters of {name}", parameters(path), values)
        blocks[name] = needs(path).settings
    loaded = {profile: load_profile(profile) for profile in names}
    for block, model in profiles.BLOCKS.items():
        values = {profile: content[block] for profile, content in loaded.items()}
        tables[f"settings-{block}"] = _parameters_table(f"Shared settings, {block}", model, values)
    page = render("rerun.md", blocks=blocks, settings=list(profiles.BLOCKS), profile=names[-1], repository=known,
                  name=known[0].rsplit("/", 1)[-1] if known else "")
    return page, tables


def _parameters_table(label: str, model, values: dict[str, dict]) -> dict:
    rows = [[_code(p["name"]), {"text": p["help"], "look": "sq-words"}, p["type"], _literal(p["default"]),
             *(_literal(own[p["name"]]) if p["name"] in own else "" for own in values.values())]
            for p in described(model)]
    caption = f"{label}; a profile's column is empty where it leaves the default"
    return table(label, caption, ("Parameter", "What it is", "Type", "Default", *values), rows)


def _number(value) -> dict:
    return {"text": str(value), "look": "sq-number"}


def _code(text: str) -> dict:
    return {"text": text, "class": "code"}


def _literal(value) -> dict:
    return _code(json.dumps(value, ensure_ascii=False))


def _duration(seconds: float) -> str:
    return f"{seconds:.0f} s" if seconds < 90 else f"{seconds / 60:.0f} min"


def _fetched() -> str:
    """Words on what set-up downloaded when it was last benchmarked; "" where that is not known."""
    bench = home() / "results" / "bench" / "bench.json"
    if not bench.is_file():
        return ""
    found = {row["what"]: row["value"] for row in read_as({"rows": list}, bench, "a table of benchmarks")["rows"]}
    size = found.get("set-up: fetched")
    return f", of which set-up downloads {_size(round(1e9 * size))}, packed" if size else ""


def _made_of(card: Path, fingerprints: set[str]) -> bool:
    return read_as({"fingerprint": str}, card, "a card")["fingerprint"] in fingerprints


def _bytes(folder: Path) -> int:
    """Bytes of the files in `folder`; a link, and what goes away meanwhile, counts nothing."""
    total = 0
    for top, _, names in os.walk(folder):
        for name in names:
            with suppress(OSError):
                status = os.lstat(f"{top}/{name}")
                total += status.st_size if stat.S_ISREG(status.st_mode) else 0
    return total


def _size(count: int) -> str:
    return f"{count / 1e9:.1f} GB" if count >= 1e9 else f"{count / 1e6:.0f} MB"
