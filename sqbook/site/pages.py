"""Pages that the build makes: the headlines, what each chapter costs a class, and how to rerun it."""

import os
import re
from pathlib import Path

from sqbook.durations import latest_card
from sqbook.parameters import described, needs, parameters, profile_values, read_notebook
from sqlib import profiles
from sqlib.errors import SqError
from sqlib.paths import home
from sqlib.show.bundle import environment
from sqlib.show.provenance import origin, read_card
from sqlib.show.records import MARKS, read_records

WORDS_A_MINUTE = 180
CLASS = "workshop"  # the profile that a class runs
GITHUB = re.compile(r"https://github\.com/[A-Za-z0-9](?:-?[A-Za-z0-9])*/(?!\.+$)(?!.*\.git$)[\w.-]+", re.ASCII)
BRANCH = re.compile(r"(?!.*\.\.)\w[\w.-]*(?:/\w[\w.-]*)*", re.ASCII)


def render(template: str, **facts) -> str:
    """A template of `sqbook/site/templates`, filled; HTML (not Markdown) with every word escaped."""
    made = environment("sqbook.site")
    made.filters["word"] = lambda one: "–" if one is None else f"{one:.4g}" if isinstance(one, float) else str(one)
    made.policies["json.dumps_kwargs"] = {"ensure_ascii": False}  # lists to be read: with a space after each comma
    return made.get_template(template).render(**facts)


def minutes(text: str) -> int:
    """Minutes that it takes to read Markdown `text`."""
    words = len(re.findall(r"[^\W\d_]{2,}", re.sub(r"<[^>]*>", " ", text)))
    return max(1, round(words / WORDS_A_MINUTE))


def with_facts(text: str, **facts) -> str:
    """Markdown with a line of facts under its title: time to read, and of a chapter what its run was (see `costs`)."""
    return re.sub("^# .*", lambda title: f"{title[0]}\n\n{render('facts.html', **facts)}", text, count=1, flags=re.M)


def costs(folder: Path) -> dict:
    """What a chapter costs a class, as its run (its folder) tells: time to read and to run, its data, its exercises."""
    from sqbook.student import exercises  # loads nbformat

    card, notebook = read_card(folder), read_notebook(folder / "executed.ipynb")
    prose = "\n".join("".join(cell["source"]) for cell in notebook["cells"] if cell["cell_type"] == "markdown")
    return {**card, "read": minutes(prose), "run": duration(card["seconds_in_all"]), "origin": origin(card),
            "exercises": exercises(notebook)}


def duration(seconds: float) -> str:
    """Seconds in words, or minutes where they are many."""
    return f"{seconds:.0f} s" if seconds < 90 else f"{seconds / 60:.0f} min"


def published(run_folders: dict[str, Path]) -> dict[str, dict]:
    """The records of a build ({chapter: run folder}) by name, which in a book each record has for itself."""
    return {name: record for folder in run_folders.values() for name, record in read_records(folder).items()}


def headlines(run_folders: dict[str, Path]) -> dict[str, dict]:
    """The numbers that the book is quoted for, as the runs of a build ({chapter: run folder}) declare them.

    By name value, low, high (None where there is no interval), what, and the whole record. `SqError` for a name that
    two records declare.
    """
    found = {}
    for record in published(run_folders).values():
        for name, said in record.get("headlines", {}).items():
            if name in found:
                both = " and ".join(f"{one['notebook']}/{one['name']}" for one in (found[name]["record"], record))
                raise SqError(f"the headline {name!r} is declared by {both}: give one of them another name")
            found[name] = dict(zip(("value", "low", "high", "what"), said)) | {"record": record}
    return found


def headlines_page(run_folders: dict[str, Path]) -> str:
    """Markdown for the landing page: a sentence for each headline that the runs of this build declare; "" for none."""
    marks = {word: words.partition(" (")[0] for word, words in MARKS.items()}
    return render("headlines.md", found=headlines(run_folders), marks=marks)


def chapters_page(run_folders: dict[str, Path]) -> str:
    """Markdown for the instructors' page: what each chapter costs a class, measured on its run, and at `CLASS`."""
    rows = {name: costs(folder) for name, folder in run_folders.items()}
    cards = {name: latest_card(name, CLASS) for name in rows}
    return render("chapters.md", chapters=rows, profile=CLASS, duration=duration,
                  others={name: card for name, card in cards.items() if card and rows[name]["profile"] != CLASS})


def repository() -> tuple[str, str] | None:
    """The address of the book's repository ($SQ_REPOSITORY) and the branch ($SQ_BRANCH, "main"); None without it.

    Raises `SqError` for an address that is not https://github.com/OWNER/NAME, as Binder and Colab open no other.
    """
    url, branch = os.environ.get("SQ_REPOSITORY", ""), os.environ.get("SQ_BRANCH") or "main"
    if url and not (GITHUB.fullmatch(url) and BRANCH.fullmatch(branch)):
        raise SqError(f"SQ_REPOSITORY={url!r} is not https://github.com/OWNER/NAME, or SQ_BRANCH={branch!r} is not the "
                      "name of a branch; unset them for a book without buttons to it")
    return (url, branch) if url else None


def rerun_page(chapters: list[str]) -> str:
    """The page on how to rerun: parameters of each chapter, then the shared settings, with their values per profile."""
    names, known = profiles.names(), repository()
    paths = {name: home() / "notebooks" / f"{name}.ipynb" for name in chapters}
    own = {name: {"parameters": described(parameters(path)), "blocks": needs(path).settings,
                  "values": [profile_values(profile, name) for profile in names]} for name, path in paths.items()}
    loaded = [profiles.load(profile) for profile in names]
    settings = {block: {"parameters": described(model), "values": [content[block] for content in loaded]}
                for block, model in profiles.BLOCKS.items()}
    return render("rerun.md", chapters=own, settings=settings, profiles=names, repository=known)
