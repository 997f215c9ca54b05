"""Two tiny notebooks and a home folder around them: what the book's machinery is tested with."""

import re
from pathlib import Path
from shutil import copytree

import nbformat
import yaml
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook

CHECKOUT = Path(__file__).parents[1]
TITLES = {"00_first": "The first chapter", "01_second": "The second chapter"}

PARAMETERS = """\
data: str = "twin"  # data source: twin (simulated) or sunquakenet (real frames)
root: str = ""  # folder of SunquakeNet, where data is sunquakenet
seed: int = 1265  # random seed
profile: str = "laptop"  # size of the run
out: str = ""  # folder for records and figures; set by sq run
settings: list[str] = []  # shared settings that differ from the profile's
level: float = 1.0  # mean of the noise
bins: list[int] = [8, 16]  # numbers of bins
"""

NEEDS = {"settings": ["data.size"]}
CODE = """\
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd

from sqlib.show import publish, style as figures
from sqlib.show.movie import player

page = publish.begin("NAME")
size = page.settings.size
noise = level * np.random.default_rng(seed).exponential(size=(12, size, size))
fig, ax = plt.subplots()
ax.hist(noise.ravel(), bins=bins[0])
ax.set(xlabel="power / mean", ylabel="pixels")
publish.figure(page, fig, "fig01", label="Figure 1", caption="Speckle of <one> source & noise.",
               alt="A histogram that falls off exponentially.", numbers={"mean": noise.mean()}, paper={"mean": 1.0},
               compare={"mean": (1.0, noise.mean())}, made_by=[plt.hist],
               headlines={"f1_shuffled": (noise.mean() / level, 0.5, 1.5, "mean <power> & interval")})
rows = pd.DataFrame({"frame": [0, 1], "mean": noise.mean((1, 2))[:2]})
publish.table(page, rows, "table1", label="Table 1", caption="Means of two frames.", formats={"mean": ".2f"})
publish.figure(page, player(figures.colour(noise, "gray", 0, 5)), "mov01", label="Movie 1", caption="Noise.",
               alt="Noise.")
publish.claim(page, "claim-C1", {"above": bool(noise.mean() > 0.5)})
publish.close(page, fingerprint="f" * 64)
"""


def write_notebook(path: Path, code: str = CODE, parameters: str = PARAMETERS, title: str = "A chapter",
                   needs: dict = NEEDS) -> Path:
    """Write a notebook with a title, a parameter cell, a formula, one cell of `code`, and its `needs` as metadata."""
    cells = [
        new_markdown_cell(f"# {title}\n\nSpeckle has the law $p(P) = e^{{-P}}$; see the {{term}}`pupil`."),
        new_code_cell(parameters, metadata={"tags": ["parameters"]}),
        new_markdown_cell("## The noise\n\n$$ H_+ = \\int G_+ \\psi \\, d^2 r' $$"),
        new_code_cell(code.replace("NAME", path.stem)),
    ]
    kernel = {"display_name": "Python 3", "language": "python", "name": "python3"}
    path.parent.mkdir(parents=True, exist_ok=True)
    nbformat.write(new_notebook(cells=cells, metadata={"kernelspec": kernel, "sq": needs}), path)
    return path


def make_home(folder: Path) -> Path:
    """Fill `folder` with two notebooks and a profile, and return it."""
    for name, title in TITLES.items():
        write_notebook(folder / "notebooks" / f"{name}.ipynb", title=title)
    (folder / "profiles").mkdir()
    profile = {"data": {"size": 32}, "notebooks": {"01_second": {"level": 2}}}
    (folder / "profiles" / "smoke.yml").write_text(yaml.safe_dump(profile))
    (folder / "profiles" / "laptop.yml").write_text(yaml.safe_dump({"data": {"size": 64}}))
    return folder


AFTER = {  # of each chapter: links to places of which each chapter has one, and to one that only the second has
    "00_first": "<b id='spot'>Go</b> to [it](01_second.ipynb), [there](#far-place) and <a href='#spot'>its spot</a>.",
    "01_second": "(far-place)=\n## A place\n\n<b id='spot'>See</b> <a href='#spot'>the spot here</a>, "
                 "<a href='00_first.html#spot'>the other</a>, <a href='../records/00_first/fig01.csv'>the numbers</a>, "
                 "and {cite:t}`mercea2023`.",
}


def add_links(folder: Path) -> Path:
    """Put `AFTER` at the end of the chapters in `folder`, fold their code, and add a cell that is folded whole."""
    for name, text in AFTER.items():
        notebook = nbformat.read(folder / "notebooks" / f"{name}.ipynb", as_version=4)
        notebook.cells[3].metadata["tags"] = ["hide-input"]
        notebook.cells += [new_markdown_cell(text), new_code_cell("print(6 * 7)", metadata={"tags": ["hide-cell"]})]
        nbformat.write(notebook, folder / "notebooks" / f"{name}.ipynb")
    return folder


def add_prose(folder: Path) -> Path:
    """Put the book's own prose and configuration into `folder`, its links to chapters turned to the tiny ones.

    In a book each record has a name of its own, and so has each headline: those of the second chapter are fig02,
    table2, mov02, claim-C2, and the autoencoder's.
    """
    other = CODE.replace("f1_shuffled", "autoencoder_over_pca")
    for name, number in (("fig0", 2), ("table", 2), ("mov0", 2), ("claim-C", 2)):
        other = other.replace(f'"{name}1"', f'"{name}{number}"')
    write_notebook(folder / "notebooks" / "01_second.ipynb", other, title=TITLES["01_second"])
    copytree(CHECKOUT / "book", folder / "book")
    for page in (folder / "book").glob("*.md"):
        text = page.read_text()
        text = text.replace("notebooks/00_holography", "notebooks/00_first")
        text = text.replace("{published} 00_holography fig-event", "{published} 00_first fig01")
        page.write_text(re.sub(r"notebooks/(0[1-9]|[1-9]\d|p\d)_\w+", "notebooks/01_second", text))
    (folder / "_config.yml").write_text((CHECKOUT / "_config.yml").read_text())
    toc = yaml.safe_load((CHECKOUT / "_toc.yml").read_text())
    pages = [one for part in toc["parts"] for one in part["chapters"] if one["file"].startswith("book/")]
    toc["parts"] = [{"chapters": [{"file": f"notebooks/{name}"} for name in TITLES]}, {"chapters": pages}]
    (folder / "_toc.yml").write_text(yaml.safe_dump(toc))
    return folder
