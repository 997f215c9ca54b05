"""Figures that a page of prose borrows from a chapter: where it has a mark `<!-- figure 00_holography fig-event -->`."""

import re
from pathlib import Path

from sqbook.parameters import read_notebook

MARK = re.compile(r"<!-- figure ([\w-]+) ([\w-]+) -->")


def with_figures(text: str, run_folders: dict[str, Path]) -> str:
    """Return Markdown `text` with the pictures of the runs ({name: run folder}) in the place of its marks.

    A picture keeps its caption, which says where its data come from, and links to its chapter. No run of that chapter or no
    such picture in it: the mark goes without one.
    """
    return MARK.sub(lambda mark: _figure(run_folders.get(mark[1]), mark[1], mark[2]), text)


def _figure(folder: Path | None, chapter: str, name: str) -> str:
    wanted = re.compile(rf'<figure class="sq-figure" id="{re.escape(name)}">(.*?)</figcaption></figure>', re.DOTALL)
    cells = read_notebook(folder / "executed.ipynb")["cells"] if folder else []
    shown = ("".join(output.get("data", {}).get("text/html", "")) for cell in cells for output in cell.get("outputs", []))
    found = next(filter(None, map(wanted.search, shown)), None)
    link = f'<a href="../notebooks/{chapter}.html#{name}">Where it comes from</a>'
    return f'<figure class="sq-figure">{found[1]} {link}.</figcaption></figure>' if found else ""
