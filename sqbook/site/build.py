"""From executed notebooks and prose to the HTML book: a fresh source folder, one build, replaced only when whole."""

import json
import os
import re
import shutil
import sys
import sysconfig
from contextlib import redirect_stderr, redirect_stdout
from multiprocessing import get_context
from pathlib import Path

from sqbook.parameters import read_notebook, resolve
from sqbook.site.api import add_notes, api_page, python_cells, python_of, used
from sqbook.site.checks import check_links, check_offline, read_pages
from sqbook.site.pages import chapters_page, costs, headlines_page, minutes, rerun_page, with_facts
from sqlib.errors import SqError, in_words
from sqlib.paths import alone, home, remove, replacing
from sqlib.show.bundle import VIEWER
from sqlib.show.provenance import read_card
from sqlib.show.records import read_records

VENDORED = Path(sysconfig.get_path("purelib"), "sphinx-mathjax-offline/static/mathjax")
MATHJAX = ("tex-mml-chtml.js", "output/chtml/fonts", "input/tex/extensions", "ui", "a11y")  # what pages use of it


def chapters() -> list[str]:
    """Names of the notebooks in _toc.yml, in their order; `SqError` for one that is not in notebooks/."""
    with in_words("_toc.yml cannot be read", "take it anew from the repository"):
        text = (home() / "_toc.yml").read_text(encoding="utf-8")
    names = re.findall(r"^[\s-]*file: *notebooks/([\w-]+)", text, flags=re.MULTILINE)
    absent = [name for name in names if not (home() / "notebooks" / f"{name}.ipynb").is_file()]
    if absent or not names:
        raise SqError(f"{home() / '_toc.yml'} lists notebooks that are not there: {', '.join(absent) or 'none at all'}")
    return names


def build_book(run_folders: dict[str, Path]) -> Path:
    """Build the book from the runs of its notebooks ({name: run folder}) and return home()/_build/html.

    The site there is replaced only by a build without a warning or a broken link that fetches nothing from the network.
    Raises `SqError` with the build's complaints otherwise.
    """
    build = home() / "_build"
    with alone(build, told=False):
        source = build / "book"
        assemble(source, run_folders)
        _sphinx(source)
        made = source / "_build" / "html"
        pages = read_pages(made)
        check_offline(made, pages)
        check_links(made, pages)
        with replacing(build / "html") as aside:
            os.rename(made, aside)
    return build / "html"


def assemble(source: Path, run_folders: dict[str, Path]) -> None:
    """Fill the fresh folder `source` with prose, executed notebooks, MathJax, and the pages and tables made."""
    from sqbook.scorecard import conclusions_page, scorecard_page  # pandas: too slow to import for `sq --help`

    remove(source)
    shutil.copytree(home() / "book", source / "book", ignore=shutil.ignore_patterns("static", ".*"))
    shutil.copytree(home() / "book" / "static", source / "_static")
    shutil.copyfile(VIEWER, source / "_static" / VIEWER.name)
    for name in ("_toc.yml", "_config.yml"):
        with in_words(f"{home() / name} cannot be used", f"take the project's own: git checkout {name}"):
            shutil.copyfile(home() / name, source / name)
    for name in MATHJAX:
        target = source / "_extra" / "mathjax" / name
        target.parent.mkdir(parents=True, exist_ok=True)
        (shutil.copytree if (VENDORED / name).is_dir() else shutil.copyfile)(VENDORED / name, target)
    pages = {"rerun": rerun_page(list(run_folders)), "scorecard": scorecard_page(run_folders),
             "what_to_believe": conclusions_page(run_folders),
             "headlines": headlines_page(run_folders), "chapters": chapters_page(run_folders)}  # parts of pages
    for name, text in pages.items():
        (source / "book" / f"{name}.md").write_text(text, encoding="utf-8")
    python = []
    for page in (source / "book").rglob("*.md"):
        with in_words(f"{page.relative_to(source)} cannot be read", "write it in UTF-8"):
            text = page.read_text(encoding="utf-8")
        page.write_text(with_facts(text, read=minutes(text)), encoding="utf-8")
        python.append(python_of(text))
    (source / "notebooks").mkdir()
    python += [python_cells(read_notebook(folder / "executed.ipynb")) for folder in run_folders.values()]
    entries = {name for cells in python for names in used(cells) for name in names}
    (source / "book" / "api.md").write_text(api_page(entries), encoding="utf-8")
    for name, folder in run_folders.items():
        _add_chapter(source, name, folder, entries)


def _add_chapter(source: Path, name: str, folder: Path, entries: set[str]) -> None:
    """Put the run of a chapter into the book's source; `entries`: names on the page of functions.

    Its notebook with facts under its title and a note on each figure; its files for the extension; its tables and
    players' pictures as they are.
    """
    card, notebook, records = read_card(folder), read_notebook(folder / "executed.ipynb"), read_records(folder)
    tables, players = sorted(folder.glob("tables/*.csv")), [*folder.glob("players/*.webp")]
    usual = resolve(name, card["profile"], {})[1]
    add_notes(notebook["cells"], card, records, {path.stem for path in tables}, usual, entries)
    first = notebook["cells"][0]
    first["source"] = with_facts("".join(first["source"]), **costs(folder))
    for cell in notebook["cells"]:
        tags = cell["metadata"].get("tags", [])
        if "parameters" in tags:
            prompts = {f"code_prompt_{word}": f"{word.title()} the parameters" for word in ("show", "hide")}
            cell["metadata"] |= {"tags": [*tags, "hide-input"], "mystnb": prompts}
        elif "injected-parameters" in tags:
            tags.append("remove-cell")  # the run card on the page lists the values of this run
    shutil.copytree(folder, source / "_published" / name, ignore=shutil.ignore_patterns("*.ipynb"))
    stills = [folder / "figures" / f"{path.stem}.png" for path in players]
    for kind, paths in {"records": tables, "players": [*folder.glob("figures/*.webp"), *players, *stills]}.items():
        (source / "_extra" / kind / name).mkdir(parents=True)
        for path in paths:
            shutil.copy(path, source / "_extra" / kind / name)
    (source / "notebooks" / f"{name}.ipynb").write_text(json.dumps(notebook, ensure_ascii=False), encoding="utf-8")


def one_page() -> Path:
    """Build the sources of the last `build_book` as one page, and return its path; `SqError` likewise."""
    import yaml

    source = home() / "_build" / "book"
    with alone(source.parent, told=False):
        _sphinx(source, "singlehtml")
        root = yaml.safe_load((source / "_toc.yml").read_text(encoding="utf-8"))["root"]
        made = source / "_build" / "singlehtml"
        return (made / f"{root}.html").rename(made / "whole.html")  # Sphinx writes its addresses as seen from here


def _sphinx(source: Path, builder: str = "html") -> None:
    """Run jupyter-book in a process of its own; `SqError` with its complaints where there is any.

    On Linux it is forked: this process has imported sqlib, torch and all, to list its functions, and Sphinx need not.
    """
    command = ["build", str(source), "-W", "-n", "--keep-going", "--builder", builder]
    log = source / f"{builder}.log"
    log.write_text("it did not start")
    child = get_context("fork" if sys.platform == "linux" else "spawn").Process(
        target=_jupyter_book, args=(command, log))
    child.start()
    try:
        child.join()
    finally:
        child.kill()
    said = log.read_text(encoding="utf-8", errors="replace")
    lines = re.sub(r"\x1b\[[0-9;]*m", "", said).splitlines()
    wrong = re.compile(r"\b(WARNING|ERROR|CRITICAL)\b|^\s*[\w.]*(Error|Exception)\b")
    bad = [line.strip() for line in lines if wrong.search(line)]
    if child.exitcode or bad or not (source / "_build" / builder / "index.html").is_file():
        shown = list(dict.fromkeys(bad))[:20] or lines[-15:]
        raise SqError("the book was not built:\n  " + "\n  ".join(shown).replace(f"{source}/", ""))


def _jupyter_book(command: list[str], log: Path) -> None:
    os.chdir(log.parent)
    os.environ["NO_COLOR"] = "1"
    from jupyter_book.cli.main import main

    with log.open("w", encoding="utf-8", buffering=1) as file, redirect_stdout(file), redirect_stderr(file):
        for stream in (1, 2):
            os.dup2(file.fileno(), stream)
        main(command)  # it exits, with a status
