"""Headlines: the numbers that the book is quoted for, as the records of a build declare them."""

from pathlib import Path

from sqbook.site.pages import render
from sqlib.errors import SqError
from sqlib.show.records import MARKS, read_records


def headlines(run_folders: dict[str, Path]) -> dict[str, dict]:
    """What the runs of a build ({chapter: run folder}) declare: by name value, low, high, what, and the whole record.

    low, high : None where there is no interval. `SqError` for a name that two records declare.
    """
    found = {}
    for folder in run_folders.values():
        for record in read_records(folder).values():
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
