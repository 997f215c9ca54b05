"""From executed notebooks and prose to the HTML book: a fresh source folder, one build, replaced only when whole."""

import json
import os
import re
import shutil
import stat
import subprocess
import sys
import sysconfig
from contextlib import suppress
from html import escape
from pathlib import Path

from sqbook.parameters import parameters, profile_names, profile_values, read_notebook, resolve
from sqbook.repository import configured, launch_note
from sqbook.site.figures import with_figures
from sqbook.site.links import check_links
from sqbook.site.notes import add_provenance
from sqbook.site.offline import check_offline
from sqbook.site.theme import finish
from sqlib.errors import SqError, in_words
from sqlib.paths import home, remove, replacing
from sqlib.show.provenance import origin, read_card
from sqlib.show.records import one_line, read_as, read_records

WORDS_A_MINUTE = 180
TEACHING = "<!-- chapters -->"  # in a page of prose: where the table of chapters comes, as measured
MATHJAX = ("tex-mml-chtml.js", "output/chtml/fonts", "input/tex/extensions", "ui", "a11y")
BUILD = "from jupyter_book.cli.main import main; main()"


def chapters() -> list[str]:
    """Names of the notebooks in _toc.yml, in their order; `SqError` for one that is not in notebooks/."""
    with in_words("_toc.yml cannot be read", "take it anew from the repository"):
        text = (home() / "_toc.yml").read_text(encoding="utf-8")
    names = re.findall(r"^[\s-]*file: *notebooks/([\w-]+)", text, flags=re.MULTILINE)
    for name in names:
        if not (home() / "notebooks" / f"{name}.ipynb").is_file():
            raise SqError(f"_toc.yml lists notebooks/{name}, but there is no such notebook")
    if not names:
        raise SqError(f"{home() / '_toc.yml'} lists no notebook: write `- file: notebooks/NAME`")
    return names


def build_book(run_folders: dict[str, Path]) -> Path:
    """Build the book from the runs of its notebooks ({name: run folder}) and return home()/_build/html.

    The site there is replaced only by a build without a warning or a broken link that fetches nothing from the network.
    Raises `SqError` with the build's complaints otherwise.
    """
    from filelock import FileLock

    build = home() / "_build"
    build.mkdir(parents=True, exist_ok=True)
    with FileLock(build / ".lock"):
        source = build / "book"
        assemble(source, run_folders)
        _sphinx(source)
        made = source / "_build" / "html"
        finish(made)
        check_offline(made)
        check_links(made)
        with replacing(build / "html") as aside:
            os.rename(made, aside)
    return build / "html"


def assemble(source: Path, run_folders: dict[str, Path]) -> None:
    """Fill the fresh folder `source` with what jupyter-book reads: prose, executed notebooks, MathJax, the generated pages."""
    from sqbook.scorecard import scorecard_page  # pandas: too slow to import for `sq --help`

    remove(source)
    shutil.copytree(home() / "book", source / "book", ignore=shutil.ignore_patterns("static", ".*"))
    shutil.copytree(home() / "book" / "static", source / "_static")
    shutil.copyfile(home() / "_toc.yml", source / "_toc.yml")
    with in_words(f"{home() / '_config.yml'} cannot be used", "take the project's own: git checkout _config.yml"):
        config = configured((home() / "_config.yml").read_text(encoding="utf-8"))
    (source / "_config.yml").write_text(config, encoding="utf-8")
    _copy_mathjax(source / "_extra" / "mathjax")
    (source / "book" / "rerun.md").write_text(rerun_page(list(run_folders)), encoding="utf-8")
    (source / "book" / "scorecard.md").write_text(scorecard_page(run_folders), encoding="utf-8")
    for page in (source / "book").rglob("*.md"):
        with in_words(f"{page.relative_to(source)} cannot be read", "write it in UTF-8"):
            text = page.read_text(encoding="utf-8")
        if TEACHING in text:
            text = text.replace(TEACHING, teaching_table(run_folders))
        page.write_text(with_figures(with_header(text, [reading(text)]), run_folders), encoding="utf-8")
    (source / "notebooks").mkdir()
    for name, folder in run_folders.items():
        card, csv = read_card(folder), sorted(folder.glob("tables/*.csv"))
        notebook = dress(read_notebook(folder / "executed.ipynb"), card)
        usual = resolve(name, card["profile"], {})[1]
        records = read_records(folder)
        add_provenance(notebook["cells"], card, records, {path.stem for path in csv}, usual)
        notebook["cells"] = mark_claims(notebook["cells"], [one for one in records if one.startswith("claim-")])
        (source / "_extra" / "records" / name).mkdir(parents=True)
        for path in csv:
            shutil.copyfile(path, source / "_extra" / "records" / name / path.name)
        (source / "notebooks" / f"{name}.ipynb").write_text(json.dumps(notebook, ensure_ascii=False), encoding="utf-8")


def dress(notebook: dict, card: dict) -> dict:
    """Return an executed notebook as the book shows it: the header line under its title, injected values folded."""
    text = "\n".join("".join(c["source"]) for c in notebook["cells"] if c["cell_type"] == "markdown")
    facts = [
        reading(text),
        f"time to run: {_duration(card['seconds_in_all'])} ({card['threads']} threads)",
        f"profile: {card['profile']}",
        f"data: {origin(card)}",
    ]
    title, *others = notebook["cells"]
    cells = [{**title, "source": with_header("".join(title["source"]), facts)}]
    for cell in others:
        tags = cell["metadata"].get("tags", [])
        if "injected-parameters" in tags:
            prompts = {"code_prompt_show": "Show the values of this run", "code_prompt_hide": "Hide them"}
            source = "# The values of this run\n" + "".join(cell["source"]).split("\n", 1)[-1]
            cell = {**cell, "source": source, "metadata": {"tags": [*tags, "hide-input"], "mystnb": prompts}}
        cells.append(cell)
    return {**notebook, "cells": cells}


def mark_claims(cells: list[dict], names: list[str]) -> list[dict]:
    """Return `cells` with a place to link to for each claim of `names` ("claim-C5", the id): before the first cell whose code
    holds "claim-C5" or "C5" in quotes; at the end, where none does.
    """
    marked = list(cells)
    for name in names:
        quoted = re.compile(rf"""["'](claim-)?{re.escape(name.removeprefix("claim-"))}["']""")
        codes = ["".join(cell["source"]) if cell["cell_type"] == "code" else "" for cell in marked]
        place = next((number for number, code in enumerate(codes) if quoted.search(code)), len(marked))
        source = f'<div id="{one_line(name)}"></div>'
        marked.insert(place, {"cell_type": "markdown", "id": name, "metadata": {}, "source": source})
    return marked


def with_header(text: str, facts: list[str]) -> str:
    """Return Markdown `text` with one line of `facts` under its title; unchanged where it has no title."""
    line = f'<p class="sq-meta">{" · ".join(map(one_line, facts))}</p>'
    return re.sub(r"^(\s*(?:\([\w-]+\)=\n)?# .*)$", rf"\1\n\n{line}\n", text, count=1, flags=re.MULTILINE)


def reading(text: str) -> str:
    """Return the time it takes to read Markdown `text`."""
    return f"time to read: {minutes(text)} min"


def minutes(text: str) -> int:
    """Minutes that it takes to read Markdown `text`."""
    words = len(re.findall(r"[^\W\d_]{2,}", re.sub(r"<[^>]*>", " ", text)))
    return max(1, round(words / WORDS_A_MINUTE))


def teaching_table(run_folders: dict[str, Path]) -> str:
    """Return an HTML table of what each chapter costs a class, measured on its run: {name: run folder}.

    The caption says what the runs' data, their networks and the Python environment take on disk, and what the packages came to
    when they were fetched for results/bench.
    """
    from sqbook.student import exercises  # nbconvert: too slow to import for `sq --help`

    columns = ("Chapter", "Minutes to read", "Time to run", "Memory (GB)", "Threads", "Profile", "Pictures (kB)", "Exercises")
    rows, read = [], set()
    for name, folder in run_folders.items():
        card, notebook = read_card(folder), read_notebook(folder / "executed.ipynb")
        text = "\n".join("".join(cell["source"]) for cell in notebook["cells"] if cell["cell_type"] == "markdown")
        size = round(_bytes(folder / "figures") / 1000)
        memory = f"{card['memory_mb'] / 1e3:.1f}" if "memory_mb" in card else "–"  # runs made before it was kept
        facts = (minutes(text), _duration(card["seconds_in_all"]), memory, card["threads"], card["profile"], size,
                 exercises(notebook))  # fmt: skip
        cells = "".join(f'<td class="sq-number">{one_line(fact)}</td>' for fact in facts)
        rows.append(f'<tr><th scope="row"><code>{one_line(name)}</code></th>{cells}</tr>')
        read.add(card["fingerprint"])
    used = {path.parents[1] for path in (home() / "data" / "twin").glob("*/frames-*/card.json") if _made_of(path, read)}
    taught = {path.parent for path in (home() / "data" / "models").glob("*/card.json") if _made_of(path, read)}
    data, networks, python = (_size(sum(map(_bytes, folders))) for folders in (used, taught, [Path(sys.prefix)]))
    caption = (f"What the chapters took when the runs of this build were made (data and networks that were there already took no "
               f"time). On this machine's disk: the simulated data that they read {data}; networks trained on "
               f"these data so far ({len(taught)}) {networks}; Python with all packages {python}{_fetched()}.")  # fmt: skip
    head = "".join(f'<th scope="col"{" class=sq-number" * (i > 0)}>{escape(c)}</th>' for i, c in enumerate(columns))
    return (
        f'<div class="sq-table" id="table-chapters" tabindex="0" role="region" aria-label="What the chapters take"><table>'
        f"<caption>{escape(caption)}</caption><thead><tr>{head}</tr></thead><tbody>{''.join(rows)}</tbody></table></div>"
    )


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


def rerun_page(notebooks: list[str]) -> str:
    """Return the how-to-rerun page: for each notebook its parameters, their values per profile, and the command."""
    profiles = profile_names()
    parts = [RERUN, launch_note()]
    for name in notebooks:
        known = parameters(home() / "notebooks" / f"{name}.ipynb")
        values = {profile: profile_values(profile, name, known) for profile in profiles}
        columns = ("Parameter", "What it is", "Type", "Default", *profiles)
        head = "".join(f'<th scope="col">{escape(column)}</th>' for column in columns)
        rows = "".join(
            f'<tr><th scope="row"><code>{p.name}</code></th><td class="sq-words">{escape(p.help)}</td>'
            f"<td>{escape(p.type)}</td><td>{_code(p.default)}</td>"
            + "".join(f"<td>{_code(values[q][p.name]) if p.name in values[q] else ''}</td>" for q in profiles)
            + "</tr>"
            for p in known
        )
        parts.append(
            f"## {name}\n\n```bash\nsq run {name}\nsq run {name} --profile {profiles[-1]} -p seed=7\n```\n\n"
            f'<div class="sq-table" tabindex="0" role="region" aria-label="Parameters of {one_line(name)}"><table>'
            f"<caption>Parameters of {one_line(name)}; a profile's column is empty where it leaves the default</caption>"
            f"<thead><tr>{head}</tr></thead><tbody>{rows}</tbody></table></div>\n"
        )
    return "\n".join(parts)


RERUN = """# How to rerun

Every chapter is a notebook with one cell of parameters. `sq run` executes it with other values, keeps the result under
a key of the notebook's code, its parameters and the library, and finds it again when nothing changed. The tables below
are made from the parameter cells, so they cannot be out of date.

```bash
sq params 01_dataset          # what can be set
sq run 01_dataset -p seed=7   # one chapter with another value
sq runs                       # what has been run
sq run 00_holography 01_dataset --workers 2   # two chapters side by side, each in one thread
sq compare 01_dataset KEY     # two runs beside each other: parameters, numbers, and a page with both figures
sq sweep 03_contrastive -p rate=.02,.05 -p seed=1..5 --workers 2   # a grid of runs, summed up at its end
sq book --profile smoke       # the whole book at the smallest size
```

A value on the command line goes before the profile's, and the profile's before the default. An unknown name or a wrong
type is refused before anything runs. To use the real frames instead of the simulated twin, give
`-p data=sunquakenet -p root=FOLDER`.
"""


def _code(value) -> str:
    return f"<code>{escape(json.dumps(value, ensure_ascii=False))}</code>"


def _duration(seconds: float) -> str:
    return f"{seconds:.0f} s" if seconds < 90 else f"{seconds / 60:.0f} min"


def _copy_mathjax(target: Path) -> None:
    """Copy the vendored MathJax (pip package sphinx-mathjax-offline) without the output forms that no page uses."""
    origin = Path(sysconfig.get_path("purelib"), "sphinx-mathjax-offline/static/mathjax")
    for name in MATHJAX:
        (target / name).parent.mkdir(parents=True, exist_ok=True)
        (shutil.copytree if (origin / name).is_dir() else shutil.copyfile)(origin / name, target / name)


def one_page() -> Path:
    """Build the sources of the last `build_book` as one page, and return its path; `SqError` likewise."""
    import yaml
    from filelock import FileLock

    source = home() / "_build" / "book"
    with FileLock(home() / "_build" / ".lock"):
        _sphinx(source, "singlehtml")
        root = yaml.safe_load((source / "_toc.yml").read_text(encoding="utf-8"))["root"]
        made = source / "_build" / "singlehtml"
        return (made / f"{root}.html").rename(made / "whole.html")  # Sphinx writes its addresses as seen from here


def _sphinx(source: Path, builder: str = "html") -> None:
    """Run jupyter-book in a process of its own; `SqError` with its complaints where there is any."""
    command = [sys.executable, "-c", BUILD, "build", str(source), "-W", "-n", "--keep-going", "--builder", builder]
    done = subprocess.run(command, cwd=source, capture_output=True, text=True, env={**os.environ, "NO_COLOR": "1"})
    lines = re.sub(r"\x1b\[[0-9;]*m", "", done.stdout + done.stderr).splitlines()
    bad = [line.strip() for line in lines if re.search(r"\b(WARNING|ERROR|CRITICAL)\b", line)]
    if done.returncode or bad or not (source / "_build" / builder / "index.html").is_file():
        shown = list(dict.fromkeys(bad))[:20] or lines[-15:]
        raise SqError("the book was not built:\n  " + "\n  ".join(shown).replace(f"{source}/", ""))
