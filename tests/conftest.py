"""Fixtures that several test files share."""

import atexit
import os
import subprocess
import sys
from contextlib import suppress
from datetime import datetime
from pathlib import Path

import numpy as np
import pytest
from filelock import FileLock

if os.environ.get("PYTEST_XDIST_WORKER"):  # each worker has a core of its own: more threads would wait for each other
    os.environ["OMP_NUM_THREADS"] = "1"  # before anything imports torch; processes that a test starts have it too
    atexit.register(os._exit, 0)  # registered first, run last: a process with torch needs seconds to take itself apart

from sqbook.pdf import find_chromium
from sqbook.user_settings import use_defaults
from sqlib.data.cubes import Cube
from sqlib.errors import SqError
from sqlib.memory import keep_freed

keep_freed()  # as `sq` and notebooks do
use_defaults()

CHECKOUT = Path(__file__).resolve().parents[1]
REAL = CHECKOUT.parent / "shared" / "real"


@pytest.fixture
def rng():
    return np.random.default_rng(1265)


@pytest.fixture(scope="module")
def browser():
    """One Chromium for all tests of a file; they are skipped where there is none."""
    from browser import chromium

    with chromium() as started:
        yield started


@pytest.fixture
def sq_home(tmp_path, monkeypatch):
    """An empty SQ_HOME."""
    monkeypatch.setenv("SQ_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("IPYTHONDIR", "")  # what a command sets here is gone with its folder
    return tmp_path / "home"


@pytest.fixture
def home(sq_home):
    """An SQ_HOME with two tiny notebooks and two profiles."""
    from tinybook import make_home

    return make_home(sq_home)


@pytest.fixture
def cube(rng):
    """A simulated cube of 06 April 2001 (frames 10 to 49 of it, annotated from 21 to 36), 24 rows by 32 columns."""
    return Cube(
        rng.exponential(size=(40, 24, 32)).astype(np.float32),
        event="2001_04_06_19_13_00",
        instrument="MDI",
        cadence=60.0,
        pixel=1.45,
        start=datetime(2001, 4, 6, 18, 52),
        first_frame=10,
        boxes=(((21, 36), ((2.0, 4.5, 10.0, 12.0), (16.0, 3.0, 20.0, 6.0))),),
        truth={"sources": [{"x": 6.25, "y": 8.0, "strength": 3.5}]},
    )


@pytest.fixture
def real():
    """The real sample in SunquakeNet's layout, which lies beside a developer's checkout and not in it."""
    if not REAL.is_dir():
        pytest.skip(f"no real sample: {REAL} is absent")
    return REAL


def pytest_xdist_auto_num_workers():
    """One worker more than there are cores, unless a number is set: many tests wait for a kernel or a browser."""
    return None if os.environ.get("PYTEST_XDIST_AUTO_NUM_WORKERS") else (os.cpu_count() or 1) + 1


TOGETHER = {"test_sequences.py": "test_embeddings.py",
            **{f"test_{name}.py": "tiny" for name in ("api", "book", "pdf", "repository")}}
"""Files whose tests share what takes long to make."""
FIRST = ("test_bands.py", "test_twin.py", "test_learning_chapters.py", "test_book.py", "test_api.py", "test_pdf.py",
         "test_repository.py", "test_own_cubes.py", "test_kills.py", "test_compare.py")
"""The smoke book is begun first, then what takes longest."""
PAGES = "test_pages.py"
"""Its tests come last, when the book is there, and all workers share them."""


def pytest_xdist_make_scheduler(config, log):
    """The tests of a file go to one worker, which makes once what they share; those of `PAGES` each by itself.

    `--dist loadgroup` is for that, but xdist 3.8 no longer hears of its marks with pytest 9.2.
    """
    from xdist.scheduler import LoadScopeScheduling

    class Together(LoadScopeScheduling):
        def _split_scope(self, nodeid: str) -> str:
            name = nodeid.partition("::")[0].rpartition("/")[2]
            return nodeid if name == PAGES else TOGETHER.get(name, name)

    return Together(config, log)


def pytest_collection_modifyitems(items):
    def late(item) -> int:
        name = item.path.name
        if name == PAGES:
            return len(FIRST) + 1 + ("browser" not in item.fixturenames)  # what is quick at the very end
        return FIRST.index(name) if name in FIRST else len(FIRST)

    items.sort(key=late)


def once(tmp_path_factory, name: str, make) -> Path:
    """The folder `name` that `make(folder)` fills once for all of xdist's workers; the others wait for the first."""
    shared = tmp_path_factory.getbasetemp()
    folder = (shared.parent if os.environ.get("PYTEST_XDIST_WORKER") else shared) / name
    with FileLock(f"{folder}.lock"):
        if not (folder / "made").is_file():
            folder.mkdir(exist_ok=True)
            make(folder)
            (folder / "made").touch()
    return folder


@pytest.fixture(scope="session")
def smoke_book(tmp_path_factory):
    """A home folder with this checkout's notebooks, and the book that `sq book --profile smoke` makes of them."""

    def make(home: Path) -> None:
        for name in ("notebooks", "profiles", "book", "_config.yml", "_toc.yml"):
            (home / name).symlink_to(CHECKOUT / name)
        command = [sys.executable, "-m", "sqbook.cli", "book", "--profile", "smoke"]
        nowhere = dict.fromkeys(("http_proxy", "https_proxy", "HTTP_PROXY", "HTTPS_PROXY"), "http://127.0.0.1:9")
        environment = {**os.environ, **nowhere, "SQ_HOME": str(home)}
        environment.pop("OMP_NUM_THREADS", None)
        done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=1200)
        assert done.returncode == 0, done.stderr[-4000:]

    return once(tmp_path_factory, "smoke", make)


REPOSITORY = "https://github.com/some-one/sun.quakes"


@pytest.fixture(scope="session")
def tiny_book(tmp_path_factory):
    """A home folder with two tiny chapters, the book that the command makes of them, for `REPOSITORY`, and where there
    is a Chromium its PDF."""
    from tinybook import add_links, add_prose, make_home

    def make(home: Path) -> None:
        add_links(add_prose(make_home(home)))
        command = [sys.executable, "-m", "sqbook.cli", "book", "--profile", "smoke", "--workers", "1"]
        with suppress(SqError):
            command += ["--pdf"] * bool(find_chromium())
        environment = {**os.environ, "SQ_HOME": str(home), "SQ_REPOSITORY": REPOSITORY}
        done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=300)
        assert done.returncode == 0, done.stderr
        assert done.stdout.split()[0] == str(home / "_build" / "html" / "index.html")

    return once(tmp_path_factory, "tiny", make)


def run_of(home: Path, name: str) -> Path:
    """The folder of the only run of a notebook in `home`."""
    return next(path.parent for path in (home / "runs" / name).glob("*/card.json"))
