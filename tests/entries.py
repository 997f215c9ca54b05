"""Every place where sqlib reads a file that somebody else may have written: how a good one is made, and how it is read.

`ENTRIES` gives for each a function that writes a good input into an empty SQ_HOME and returns the file that a test then
spoils, and a function that reads that file as a user has it read.
"""

import json
from contextlib import suppress
from dataclasses import asdict
from datetime import datetime
from pathlib import Path

import nbformat
import numpy as np
import pytest
import torch
from astropy.io import fits
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output
from PIL import Image
from sunpy.data.test import get_test_filepath
from test_ingest import HMI, NOON, write_record
from test_train import SMALL, small_frames
from tinybook import make_home, write_notebook

from sqbook import compare, slides, student
from sqbook import execute as runs
from sqbook import parameters as params
from sqbook.scorecard import scorecard_page
from sqbook.site import build as pages
from sqbook.site.api import add_notes
from sqbook.site.pages import costs
from sqlib.data import corona, cubes, own_cubes, sunquakenet
from sqlib.learn import checkpoint, encoders, locator, trained
from sqlib.learn.encoders import make_net
from sqlib.learn.settings import Settings
from sqlib.paths import remove
from sqlib.show import records
from sqlib.show.provenance import read_card
from sqlib.sun import ingest
from sqlib.sun.ingest.track import make_jobs

FRAME = "net/C23_pos/poz/img_poz_2001_04_06_19_13_00_21"
ROW = "06.04.2001 19:13,21,36,10,14.75,4,11.5,,,,,1,8,9,12,20.5,,,,,a remark\n"
KEY = "0123456789ab"
CARD = {
    "notebook": "00_first", "data": "twin", "profile": "smoke", "seed": 1, "parameters": {"seed": 1, "size": 32},
    "fingerprint": "f", "seconds": 1.0, "seconds_in_all": 2.0, "made": "2026-01-01T12:00:00+00:00", "device": "CPU",
    "threads": 2, "key": KEY, "versions": {"python": "3.11"}, "commit": "c",
}
TOC = "format: jb-book\nroot: book/intro\nchapters:\n  - file: notebooks/00_first\n  - file: notebooks/01_second\n"


def text(name: str, content: str):
    """A maker of the text file `name`."""

    def make(home: Path) -> Path:
        (home / name).parent.mkdir(parents=True, exist_ok=True)
        (home / name).write_text(content, encoding="utf-8")
        return home / name

    return make


def a_cube(home: Path) -> Path:
    power = np.random.default_rng(1).exponential(size=(6, 8, 8)).astype(np.float32)
    facts = ("2001_04_06_19_13_00", "MDI", 60.0, 1.45, datetime(2001, 4, 6, 18, 52))
    boxes = (((2, 4), ((1.0, 2.0, 3.0, 4.5),)),)
    cubes.write_cube(cubes.Cube(power, *facts, boxes=boxes, truth={"a": 1}), home / "cube.fits")
    return home / "cube.fits"


def a_folder(name: str):
    """A maker of a reader's own cubes, one for NumPy, one in FITS, with their tables, that spoils the file `name`."""

    def make(home: Path) -> Path:
        one, two = np.random.default_rng(1).exponential(size=(2, 4, 8, 8)).astype(np.float32)
        (home / "mine").mkdir()
        np.save(home / "mine/one.npy", one)
        fits.writeto(home / "mine/two.fits", two)
        rows = "one.npy,2003-06-01T12:00:00,60,1.45,yes,observed\ntwo.fits,2014-06-02T12:00:30,45,0.36,no,observed\n"
        text("mine/cubes.csv", f"# a remark\n{','.join(own_cubes.CubeRow.model_fields)}\n{rows}")(home)
        head = ",".join(own_cubes.RegionRow.model_fields)
        text("mine/regions.csv", f"{head}\none.npy,1,2,2,1.5,6,5\none.npy,3,3,,,,\n")(home)
        return home / "mine" / name

    return make


def own_frames(home: Path) -> Path:
    a_folder("cubes.csv")(home)
    return own_cubes.import_cubes(home / "mine", 16, progress=False) / "own.json"


def read_own(path: Path):
    remove(own_cubes.import_cubes(path.parent, 16, progress=False))  # what lies there stays as it was


def a_record(home: Path) -> Path:
    (home / "records").mkdir()
    return write_record(home / "records/one.fits", NOON)


def read_record(path: Path):
    patch = ingest.Patch(16, 1.09, "interp")
    if found := ingest.whole_records(path.parent):
        [job] = make_jobs(found, ingest.target_at(NOON, 0.0, 0.0), patch)
        ingest.project(job, patch, HMI)


def a_summary(home: Path) -> Path:
    return text("SRS.txt", Path(get_test_filepath("SRS/20150101SRS.txt")).read_text(encoding="ascii"))(home)


def read_summary(path: Path):
    day = datetime(2015, 1, 1)
    return ingest.target_region(12251, day, lambda asked: path if asked == day else None)


def an_image(home: Path) -> Path:
    rng = np.random.default_rng(1)
    where = corona.place(corona.patch((64, 64), NOON, 30.0, 0.0, 1.1), 32, 32)
    (home / "maps").mkdir()
    corona.simulated(304, where, NOON, 5.0, rng, half=40.0).save(home / "maps/a.fits")
    return home / "maps/a.fits"


def a_picture(suffix: str):
    def make(home: Path) -> Path:
        path = home / (FRAME + suffix)
        path.parent.mkdir(parents=True)
        Image.fromarray(np.random.default_rng(1).integers(0, 256, (16, 16), dtype=np.uint8)).save(path)
        return path

    return make


def read_picture(path: Path):
    return sunquakenet.load_sunquakenet(path.parents[2], progress=False)


def a_notebook(home: Path) -> Path:
    return write_notebook(make_home(home) / "notebooks/00_first.ipynb")


def a_profile(home: Path) -> Path:
    return make_home(home) / "profiles/smoke.yml"


def a_run(name: str):
    """A maker of a run of 00_first, as `sq run` leaves it, that spoils its file `name`."""

    def make(home: Path) -> Path:
        make_home(home)
        folder = home / "runs/00_first" / KEY
        (folder / "figures").mkdir(parents=True)
        for aside in (f"compare/{KEY}-{KEY}.html", "slides/00_first.html"):
            text(f"runs/{aside}", "")(home)
        Image.new("L", (4, 4)).save(folder / "figures/fig01.png")
        records.write_json(folder / "card.json", CARD)
        about = {"card": CARD, "folder": folder, "source": "simulated", "replace": False}
        words = {"caption": "c", "alt": "a", "file": "figures/fig01.png"}
        records.record("fig01", {"a": [1, 2.5]}, label="Figure 1", kind="figure", **words, **about)
        judged = {"verdict": "reproduced", "value": 1.0, "low": 0.5, "high": 1.5}
        rows = [{"R, paper": 0.5, "R, here": 0.25}, {"printed": 3, "value": 3.0, "low": 2.0, "high": 4.0}]
        for name_of, numbers in (("claim-C1", judged), ("table2", rows), ("table-slips", rows)):
            kind = name_of[:5]
            records.record(name_of, numbers, 1.0, label="L", kind=kind, **about)
        shown = new_output("display_data", {"text/html": '<figure class="sq-figure" id="fig01">'})
        cells = [new_markdown_cell("# Title\n\nWords."), new_code_cell("1 + 1", outputs=[shown])]
        nbformat.write(new_notebook(cells=cells), folder / "executed.ipynb")
        return folder / name

    return make


def read_run(path: Path):
    """What is made of a run's card and records: the list of runs, a comparison, the scorecard."""
    folder = path if path.name == KEY else next(parent for parent in path.parents if parent.name == KEY)
    card = {**read_card(folder), "folder": str(folder)}
    runs.runs()
    found = compare.compare(card, card)
    compare.as_text(found)
    compare.write_page(found)
    scorecard_page({"00_first": folder})


def read_executed(path: Path):
    slides.write_slides(path.parent)
    notebook = params.read_notebook(path)
    costs(path.parent)
    add_notes(notebook["cells"], CARD, records.read_records(path.parent), set(), {}, set())


def a_training(name: str):
    """A maker of a trained network, as a run leaves it, that spoils its file `name`."""

    def make(home: Path) -> Path:
        folder = trained.run_folder(KEY)
        checkpoint.save(folder / "weights.safetensors", {"net": make_net(SMALL, 16).state_dict()}, {"key": KEY})
        card = {"key": KEY, "settings": asdict(SMALL), "fingerprint": "f"}
        (folder / "card.json").write_text(json.dumps(card), encoding="utf-8")
        (folder / "history.csv").write_text("epoch,loss\n1,2.0\n2,1.5\n", encoding="utf-8")
        return folder / name

    return make


def read_weights(path: Path):
    return encoders.load_net(trained.load(KEY, Settings), 16, "cpu")


def a_locator(home: Path) -> Path:
    nothing = {name: torch.zeros_like(weight) for name, weight in locator.Locator().state_dict().items()}
    checkpoint.save(home / "locator.safetensors", {"net": nothing}, {})
    return home / "locator.safetensors"


def an_embedding(home: Path) -> Path:
    a_training("weights.safetensors")(home)
    encoders.embed(trained.load(KEY, Settings), _samples())
    return next(home.glob("data/answers/encoding_*/answer.npy"))


def read_embedding(path: Path):
    return encoders.embed(trained.load(KEY, Settings), _samples())


def _samples():
    return encoders.samples_for(SMALL, small_frames(events=2, frames=3), "cpu")


def a_checkpoint(home: Path) -> Path:
    """A run that was cut off after its first epoch."""
    frameset = small_frames(events=10, frames=6)
    folder = trained.run_folder(encoders.run_key(SMALL, frameset.fingerprint))
    with pytest.raises(trained.Unfinished):
        encoders.train(SMALL, frameset, progress=False, device="cpu", seconds=0)
    return folder / "checkpoint.safetensors"


def read_checkpoint(path: Path):
    with suppress(trained.Unfinished):
        encoders.train(SMALL, small_frames(events=10, frames=6), progress=False, device="cpu", seconds=0)


def a_student(home: Path) -> Path:
    a_toc(home)
    return student.write_student(home / "class")[0]


def a_solved(home: Path) -> Path:
    path = write_notebook(make_home(home) / "notebooks/00_first.ipynb", "x = 1\nassert x == 1")
    content = json.loads(path.read_text())
    content["cells"][-1]["metadata"]["tags"] = ["solution"]
    path.write_text(json.dumps(content, indent=1))
    text("_toc.yml", TOC)(home)
    return path


def a_toc(home: Path) -> Path:
    make_home(home)
    return text("_toc.yml", TOC)(home)


ENTRIES = {
    "cube": (a_cube, cubes.read_cube),
    "own cubes, table": (a_folder("cubes.csv"), read_own),
    "own cubes, regions": (a_folder("regions.csv"), read_own),
    "own cube, NumPy": (a_folder("one.npy"), read_own),
    "own cube, FITS": (a_folder("two.fits"), read_own),
    "own frames, card": (own_frames, lambda path: sunquakenet.load_sunquakenet(path.parent, progress=False)),
    "record of HMI": (a_record, read_record),
    "region summary": (a_summary, read_summary),
    "coronal image": (an_image, lambda path: corona.read_maps(path.parent)),
    "frame, PNG": (a_picture(".png"), read_picture),
    "frame, JPEG": (a_picture(".jpg"), read_picture),
    "region table": (text("data_c23.csv", f"{','.join(sunquakenet.COLUMNS)},Obs\n{ROW}"), sunquakenet.read_regions),
    "notebook": (a_notebook, lambda path: params.resolve(path, "laptop", {})),
    "profile": (a_profile, lambda path: params.resolve("01_second", "smoke", {})),
    "contents": (a_toc, lambda path: pages.chapters()),
    "run card": (a_run("card.json"), read_run),
    "record of a figure": (a_run("records/fig01.json"), read_run),
    "record of a claim": (a_run("records/claim-C1.json"), read_run),
    "record of a table": (a_run("records/table2.json"), read_run),
    "record of the slips": (a_run("records/table-slips.json"), read_run),
    "executed notebook": (a_run("executed.ipynb"), read_executed),
    "weights": (a_training("weights.safetensors"), read_weights),
    "card of a training": (a_training("card.json"), read_weights),
    "history of a training": (a_training("history.csv"), read_weights),
    "embedding": (an_embedding, read_embedding),
    "checkpoint": (a_checkpoint, read_checkpoint),
    "locator": (a_locator, locator.load),
    "student notebook": (a_student, lambda path: student.check_student(path.parent)),
    "solved notebook": (a_solved, lambda path: student.student_texts()),
}
"""Name of an entry: how a good input is made in an SQ_HOME, and how it is read."""
