"""`make` on machines as they are: which Python it takes, what it makes of a .venv, which settings of users it heeds."""

import hashlib
import re
import shutil
import subprocess
import sys
import tomllib
import zipfile
from pathlib import Path

import pytest
import yaml

CHECKOUT = Path(__file__).resolve().parents[1]
VERSIONS = re.search(r'^VERSIONS="(.*?)"', (CHECKOUT / "setup.sh").read_text(), re.MULTILINE)[1].split()
HERE = "{}.{}".format(*sys.version_info)
# an interpreter that runs what it is given as one of another version or kind would, and makes no environment
PRETENDER = """#!/bin/sh
exec {real} -c '
import platform, sys, sysconfig
if sys.argv[1] == "-m":
    sys.exit("asked for " + " ".join(sys.argv[2:]))
sys.version_info = (*map(int, "{version}".split(".")), 0, "final", 0)
{kind}
_, _, code, *sys.argv[1:] = sys.argv
exec(code)' "$@"
"""
KINDS = {"lacks venv": 'sys.modules["ensurepip"] = None', "another build": 'sys.implementation.name = "pypy"',
         "does not run": "sys.exit(127)"}

pytestmark = pytest.mark.skipif(shutil.which("make") is None, reason="make is not installed")


@pytest.fixture
def place(tmp_path):
    """A checkout in a path with spaces, and a `bin` beside it that has the tools of any system, but no Python."""
    (tmp_path / "bin").mkdir()
    for tool in ("make", "sh", "sed", "grep", "cmp", "cp", "dirname", "tail"):
        (tmp_path / "bin" / tool).symlink_to(shutil.which(tool))
    checkout = tmp_path / "a checkout of mine"
    checkout.mkdir()
    for name in ("Makefile", "setup.sh", "pyproject.toml"):
        shutil.copyfile(CHECKOUT / name, checkout / name)
    (checkout / "requirements.lock").write_text("")
    return checkout


def pretend(place, name, version, kind=""):
    path = place.parent / "bin" / name
    path.write_text(PRETENDER.format(real=sys.executable, version=version, kind=KINDS.get(kind, "")))
    path.chmod(0o755)


def make(place, *words, **environment):
    return subprocess.run(["make", "-C", str(place), *words], capture_output=True, text=True,
                          env={"PATH": str(place.parent / "bin"), **environment})


@pytest.mark.parametrize("there, taken", [
    ({"python3": "3.11"}, "3.11 (python3)"),
    ({"python3": "3.14", "python3.12": "3.12"}, "3.12 (python3.12)"),
    ({"python3": "3.11", "python3.12": "3.12", "python3.13": "3.13"}, "3.13 (python3.13)"),
    ({"python3": "3.9", "python": "3.12"}, "3.12 (python)"),
    ({"python3.13": ("3.13", "does not run"), "python3.11": "3.11"}, "3.11 (python3.11)"),  # pyenv, of a version not on
    ({"python3.13": ("3.13", "lacks venv"), "python3": "3.12"}, "3.12 (python3)"),
    ({"python3.13": ("3.13", "another build"), "python3.12": "3.12"}, "3.12 (python3.12)"),
])
def test_make_takes_the_newest_python_that_will_do_and_says_which(place, there, taken):
    for name, what in there.items():
        pretend(place, name, *([what] if isinstance(what, str) else what))
    done = make(place, "book")
    assert f"Making the environment in .venv with Python {taken} ..." in done.stdout
    assert done.returncode != 0 and "asked for venv --clear --without-pip .venv" in done.stderr  # and stops there


def test_make_follows_the_python_that_it_is_given(place):
    for version in ("3.13", "3.12", "3.10"):
        pretend(place, f"python{version}", version)
    older = place.parent / "bin/python3.12"
    assert f"with Python 3.12 ({older})" in make(place, "test", f"PYTHON={older}").stdout
    assert "with Python 3.12 (python3.12)" in make(place, "test", PYTHON="python3.12").stdout
    assert "with Python 3.13 (python3.13)" in make(place, "test", "PYTHON=").stdout
    missing = make(place, "test", "PYTHON=/no/such/python")
    assert "This needs Python 3.13, 3.12 or 3.11, and /no/such/python is missing.\n" in missing.stdout
    refused = make(place, "test", "PYTHON=python3.10")
    assert refused.returncode != 0 and not (place / ".venv").exists()
    assert "This needs Python 3.13, 3.12 or 3.11, and python3.10 is Python 3.10.\n" in refused.stdout


@pytest.mark.parametrize("there, words", [
    ({}, "none was found."),
    ({"python3": "3.14", "python": "2.7"}, "none was found; python3 is Python 3.14; python is Python 2.7."),
    ({"python3": ("3.12", "lacks venv")},
     "none was found; python3 lacks venv (Debian, Ubuntu: sudo apt install python3.12-venv)."),
])
def test_where_no_python_will_do_the_message_says_how_to_get_one(place, there, words):
    for name, what in there.items():
        pretend(place, name, *([what] if isinstance(what, str) else what))
    done = make(place, "book")
    assert done.returncode != 0 and f"This needs Python 3.13, 3.12 or 3.11, and {words}" in done.stdout
    for way in ("apt install", "brew install", "conda create", "pyenv install", "make book PYTHON="):
        assert way in done.stdout
    assert not (place / ".venv").exists() and len(done.stderr.splitlines()) == 1  # make's own line


def project(place, version="1.0"):
    """A tiny project in `place` whose lock names one package, and the folder that an index would be; hashes and all."""
    index = place.parent / "index"
    index.mkdir(exist_ok=True)
    with zipfile.ZipFile(index / f"brick-{version}-py3-none-any.whl", "w") as wheel:
        wheel.writestr("brick.py", "")
        info = {"METADATA": f"Metadata-Version: 2.1\nName: brick\nVersion: {version}\n",
                "RECORD": f"brick.py,,\nbrick-{version}.dist-info/METADATA,,\nbrick-{version}.dist-info/RECORD,,\n",
                "WHEEL": "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n"}
        for name, text in info.items():
            wheel.writestr(f"brick-{version}.dist-info/{name}", text)
    digest = hashlib.sha256(Path(wheel.filename).read_bytes()).hexdigest()
    (place / "requirements.lock").write_text(f"brick=={version} \\\n    --hash=sha256:{digest}\n")
    (place / "pyproject.toml").write_text(PROJECT)
    (place / "wall.py").write_text(WALL)
    return index


PROJECT = '''
[build-system]
requires = []
build-backend = "wall"
backend-path = ["."]
[project]
name = "wall"
version = "1.0"
'''
WALL = '''
import pathlib, zipfile

def build_editable(folder, config_settings=None, metadata_directory=None):
    with zipfile.ZipFile(pathlib.Path(folder, "wall-1.0-py3-none-any.whl"), "w") as wheel:
        wheel.writestr("wall.pth", str(pathlib.Path.cwd()))
        for name, text in (("METADATA", "Metadata-Version: 2.1\\nName: wall\\nVersion: 1.0\\n"), ("RECORD", ""),
                           ("WHEEL", "Wheel-Version: 1.0\\nRoot-Is-Purelib: true\\nTag: py3-none-any\\n")):
            wheel.writestr("wall-1.0.dist-info/" + name, text)
    return "wall-1.0-py3-none-any.whl"
'''


def test_set_up_heeds_where_packages_come_from_and_nothing_that_sends_them_elsewhere(place):
    index, elsewhere = project(place), place.parent / "elsewhere"
    elsewhere.mkdir()
    (elsewhere / "zipfile.py").write_text("raise SystemExit('a module of somebody else')")
    (elsewhere / "wishes.txt").write_text("brick==2.0\n")
    conf = place.parent / "pip.conf"
    conf.write_text(f"[global]\nfind-links = {index}\nno-index = true\nuser = true\n"
                    f"[install]\ntarget = {elsewhere}\nprefix = {elsewhere}\n")
    own = {"PIP_CONFIG_FILE": conf, "PIP_USER": 1, "PIP_REQUIRE_VIRTUALENV": 1, "PIP_PREFIX": elsewhere,
           "PIP_TARGET": elsewhere, "PIP_ROOT": elsewhere, "PIP_REQUIRE_HASHES": 1, "PIP_DRY_RUN": 1,
           "PIP_CONSTRAINT": elsewhere / "wishes.txt", "PIP_PYTHON": elsewhere / "python", "PIP_PLATFORM": "win32",
           "PYTHONHOME": elsewhere, "PYTHONPATH": elsewhere, "PYTHONWARNINGS": "error", "PYTHONOPTIMIZE": 2,
           "VIRTUAL_ENV": elsewhere, "CONDA_PREFIX": elsewhere, "PYTHON": sys.executable, "HOME": elsewhere}
    done = make(place, "setup", **{name: str(value) for name, value in own.items()})
    assert done.returncode == 0, done.stdout + done.stderr
    assert f"\nPython {HERE} in .venv\n" in done.stdout
    ask = [place / ".venv/bin/python", "-c", "import brick, wall; print(brick.__file__, wall.__file__, sep='\\n')"]
    told = subprocess.run(ask, capture_output=True, text=True, cwd=place.parent).stdout.splitlines()
    assert told == [str(place / f".venv/lib/python{HERE}/site-packages/brick.py"), str(place / "wall.py")]
    assert sorted(path.name for path in elsewhere.iterdir()) == ["wishes.txt", "zipfile.py"]
    project(place, "2.0")
    assert make(place, "setup", PIP_CONFIG_FILE=str(conf)).returncode == 0  # another lock: its versions, once
    installed = (place / ".venv/lib" / f"python{HERE}" / "site-packages").glob("brick-*")
    assert [path.name for path in installed] == ["brick-2.0.dist-info"]
    again = make(place, "setup")  # needs neither a Python nor an index
    assert again.returncode == 0 and f"Python {HERE} in .venv\n" in again.stdout and "..." not in again.stdout


VENV = """#!/bin/sh
case "$2" in *"import pip"*) echo {version};; esac
"""


def bring(place, version, ours=True, folder=None):
    """What looks like an environment of this version in .venv, and where it is not broken, runs like one."""
    commands = place / ".venv/bin"
    commands.mkdir(parents=True)
    (commands / "pip").write_text(f"#!{folder or place}/.venv/bin/python\n")
    (commands / "python").write_text(VENV.format(version=version))
    (commands / "python").chmod(0o755)
    if ours:
        for name in ("requirements.lock", "pyproject.toml"):
            shutil.copyfile(place / name, place / ".venv" / name)
    return commands / "python"


def test_an_environment_that_will_do_is_kept(place):
    pretend(place, "python3.13", "3.13")
    bring(place, "3.12")
    assert "Python 3.12 in .venv\n" in make(place, "setup").stdout
    assert "Making" not in make(place, "setup", PYTHON="").stdout


@pytest.mark.parametrize("fault", ["another version", "another version is asked for", "its Python is gone", "moved",
                                   "cut off before it was whole"])
def test_an_environment_of_ours_that_will_not_do_is_made_anew_and_one_of_others_left_alone(place, fault):
    for version in VERSIONS:
        pretend(place, f"python{version}", version)
    words, why = [], "its Python or its pip does not run, or the folder was moved"
    version = {"another version": "3.14", "cut off before it was whole": ""}.get(fault, "3.11")
    python = bring(place, version, folder="/another/folder" if fault == "moved" else None)
    if fault == "its Python is gone":
        python.unlink()
        python.symlink_to(place / "no such interpreter")
    if fault.startswith("another version"):
        words, why = ["PYTHON=python3.12"] if "asked" in fault else [], f"it has Python {version}"
    done = make(place, "book", *words)
    assert f"The environment in .venv cannot be used: {why}. It is made anew." in done.stdout
    assert f"with Python {'3.12 (python3.12)' if words else '3.13 (python3.13)'} ..." in done.stdout
    (place / ".venv/requirements.lock").unlink()  # then it is not known to be ours
    done = make(place, "book", *words)
    assert done.returncode != 0 and f"was not made here, and it cannot be used: {why}." in done.stdout
    assert "mv .venv .venv-old" in done.stdout and "asked for venv" not in done.stderr and python.parent.is_dir()


def test_all_files_name_the_same_versions():
    project = tomllib.loads((CHECKOUT / "pyproject.toml").read_text())["project"]
    newest, oldest = VERSIONS[0], VERSIONS[-1]
    assert project["requires-python"] == f">={oldest},<3.{int(newest.split('.')[1]) + 1}"
    assert f"python={newest}" in yaml.safe_load((CHECKOUT / "environment.yml").read_text())["dependencies"]
    jobs = yaml.safe_load((CHECKOUT / ".github/workflows/book.yml").read_text())["jobs"]
    assert sorted(jobs["smoke"]["strategy"]["matrix"]["python"]) == sorted(VERSIONS)
    readme = (CHECKOUT / "README.md").read_text()
    assert "Python {2}, {1} or {0}".format(*VERSIONS) in readme


def test_the_makefile_is_read_by_gnu_make_3_81():
    """macOS has no newer one, and reads these wrongly without a word."""
    text = (CHECKOUT / "Makefile").read_text()
    newer = r"!=|::=|&:|\.ONESHELL|\.RECIPEPREFIX|\.SHELLFLAGS|\$\((?:file|guile|let|intcmp) |^(?:undefine|private) "
    assert not re.search(newer, text, re.MULTILINE)
