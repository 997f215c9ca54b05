"""What users set for other programs: charts, kernels, slides and the card's commit do not depend on it."""

import json
import os
import subprocess
import sys
from pathlib import Path

import matplotlib
import matplotlib.pyplot as plt
import pytest
from entries import a_run
from tinybook import CHECKOUT, write_notebook

import sqlib
from sqbook.user_settings import use_defaults
from sqlib.show import provenance, style

SEEN = """\
import json, os, random, sys
import matplotlib.pyplot, numpy, traitlets
from pathlib import Path
import my_own
from sqlib.show import style
style.use_style()
look = matplotlib.rcParams
facts = {"python": sys.executable, "usetex": look["text.usetex"], "size": look["font.size"], "backend": look["backend"],
         "started": "STARTED" in globals(), "random": random.__file__,
         "my_own": my_own.__file__, "home": os.environ["HOME"], "warned": sys.warnoptions}
matplotlib.pyplot.figure()
Path(out, "facts.json").write_text(json.dumps(facts))
"""
FAILS = "STARTED = True\nprint('hello')\nraise RuntimeError('of the user')\n"


def write(path: Path, text: str | bytes) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return path


@pytest.fixture
def wild(tmp_path) -> dict[str, str]:
    """The environment of a user who has set up everything otherwise, and each thing broken."""
    user = tmp_path / "user"
    kernel = {"argv": ["/bin/false", "{connection_file}"], "display_name": "x", "language": "julia",
              "metadata": {"kernel_provisioner": {"provisioner_name": "nowhere"}}}
    for jupyter in (user / ".local/share/jupyter", user / "jupyter"):
        write(jupyter / "kernels/python3/kernel.json", json.dumps(kernel))
        for name in ("reveal", "base"):
            write(jupyter / f"nbconvert/templates/{name}/conf.json", "{broken")
    for name in ("jupyter_config", "jupyter_nbconvert_config"):
        write(user / f".jupyter/{name}.py", FAILS)
    write(user / ".ipython/profile_default/startup/00.py", FAILS)
    write(user / ".ipython/profile_default/ipython_kernel_config.py", "c.IPKernelApp.exec_lines = ['STARTED = 1']")
    write(user / ".config/matplotlib/matplotlibrc", b"text.usetex: True\nbackend: TkAgg\nfont.size: 40\n# f\xfcr\n")
    for name in ("numpy", "random", "traitlets", "click", "tempfile"):
        write(user / f"modules/{name}.py", FAILS)
    write(user / "modules/my_own.py", "")
    return {"HOME": str(user), "JUPYTER_PATH": str(user / "jupyter"), "IPYTHONDIR": str(user / ".ipython"),
            "JUPYTER_DATA_DIR": str(user / "jupyter"), "JUPYTER_RUNTIME_DIR": "/dev/null/x", "MPLBACKEND": "nonsense",
            "MPLCONFIGDIR": "/dev/null/x", "XDG_CACHE_HOME": "/dev/null/x", "TMPDIR": "/dev/null/x",
            "PYTHONPATH": f"{user / 'modules'}{os.pathsep}{CHECKOUT}", "PYTHONSTARTUP": str(user / ".jupyter/x.py"),
            "PYTHONWARNINGS": "error", "PYTHONIOENCODING": "ascii:strict", "LC_ALL": "C", "COLUMNS": "1", "LINES": "x",
            "TERM": "dumb", "NO_COLOR": "1", "OMP_NUM_THREADS": "abc", "CUDA_VISIBLE_DEVICES": "none"}


def sq(environment: dict[str, str], *words: str) -> str:
    own = {name: value for name, value in os.environ.items() if name not in environment}
    done = subprocess.run([sys.executable, "-m", "sqbook.cli", *words], capture_output=True, text=True,
                          env=own | environment, timeout=120)
    assert done.returncode == 0, done.stderr[-3000:]
    return done.stdout.strip()


def test_kernel_has_none_of_the_users_startup_kernelspecs_modules_backend_and_warnings(home, wild):
    write_notebook(home / "notebooks/02_seen.ipynb", SEEN)
    before = {path: path.read_bytes() for path in Path(wild["HOME"]).rglob("*") if path.is_file()}
    folder = Path(sq(wild, "run", "02_seen", "--profile", "smoke"))
    facts = json.loads((folder / "facts.json").read_text())
    assert (facts["python"], facts["usetex"], facts["size"]) == (sys.executable, False, 11)
    assert "inline" in facts["backend"] and not facts["started"] and facts["warned"] == []
    assert facts["random"] == __import__("random").__file__
    assert facts["my_own"] == f"{wild['HOME']}/modules/my_own.py"  # found after all others: it shadows none
    cells = json.loads((folder / "executed.ipynb").read_text())["cells"]
    assert [output for cell in cells for output in cell.get("outputs", []) if output.get("name") == "stderr"] == []
    after = {path: path.read_bytes() for path in Path(wild["HOME"]).rglob("*") if path.is_file()}
    assert {path: after[path] for path in before} == before
    assert {path.name for path in folder.parent.iterdir()} == {".held", folder.name}


def test_home_that_cannot_be_written_to_is_replaced_and_one_that_can_is_kept(tmp_path, monkeypatch):
    for place in ({"HOME": "/dev/null/x"}, {"HOME": "/dev/null/x", "XDG_CONFIG_HOME": "/dev/null/y"}):
        monkeypatch.setattr(os, "environ", {**place, "SQ_HOME": str(tmp_path / "home")})
        use_defaults()
        assert os.environ["HOME"] == str(tmp_path / "home/runs/.home") and "XDG_CONFIG_HOME" not in os.environ
    kept = {"HOME": str(tmp_path), "XDG_CONFIG_HOME": str(tmp_path), "PATH": "x", "SQ_HOME": "/y"}
    monkeypatch.setattr(os, "environ", dict(kept))
    use_defaults()
    assert kept.items() <= os.environ.items()


def test_slides_have_the_books_template_whatever_the_user_has(sq_home, wild):
    folder = a_run("executed.ipynb")(sq_home).parent
    code = f"from sqbook.user_settings import use_defaults\nuse_defaults()\nfrom sqbook.slides import write_slides\n" \
           f"from pathlib import Path\nprint(write_slides(Path({str(folder)!r})))"
    own = {name: value for name, value in os.environ.items() if name not in wild}
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=own | wild, timeout=120)
    assert done.stdout.strip() == str(sq_home / "runs/slides/00_first.html"), done.stderr[-3000:]
    assert "reveal" in Path(done.stdout.strip()).read_text()


def test_charts_begin_with_matplotlibs_defaults():
    with matplotlib.rc_context():
        style.use_style()
        expected = dict(matplotlib.rcParams)
        plt.style.use("dark_background")
        users = {"text.usetex": True, "font.size": 40, "lines.linewidth": 9, "axes.formatter.use_locale": True,
                 "savefig.transparent": True, "image.origin": "lower", "timezone": "Asia/Tokyo"}
        matplotlib.rcParams.update(users)
        style.use_style()
        assert dict(matplotlib.rcParams) == expected
        assert matplotlib.rcParams["savefig.transparent"] is matplotlib.rcParamsDefault["savefig.transparent"]


@pytest.fixture
def checkout(tmp_path, monkeypatch):
    """A checkout of sqlib with one commit, within another repository."""
    for name in [name for name in os.environ if name.startswith("GIT_")]:
        monkeypatch.delenv(name)
    inner = tmp_path / "outer/checkout"
    for folder in (inner.parent, inner):
        write(folder / "sqlib/__init__.py", "")
        git = ["git", "-C", str(folder), "-c", "user.name=a", "-c", "user.email=a@b.c"]
        for words in (["init", "-q"], ["add", "sqlib"], ["commit", "-q", "-m", f"of {folder.name}"]):
            subprocess.run([*git, *words], check=True, capture_output=True)
    monkeypatch.setattr(sqlib, "__file__", str(inner / "sqlib/__init__.py"))
    return inner


def head(folder: Path) -> str:
    done = subprocess.run(["git", "-C", str(folder), "rev-parse", "--short=12", "HEAD"], capture_output=True, text=True)
    return done.stdout.strip()


def test_commit_is_this_checkouts_whatever_git_is_told_by_its_environment(checkout, monkeypatch):
    own = head(checkout)
    assert own and own != head(checkout.parent)
    assert provenance.commit() == own
    told = {"GIT_DIR": f"{checkout.parent}/.git", "GIT_WORK_TREE": str(checkout.parent), "LC_ALL": "de_DE.UTF-8",
            "GIT_INDEX_FILE": "/nowhere", "GIT_CEILING_DIRECTORIES": str(checkout)}
    for name, value in told.items():
        monkeypatch.setenv(name, value)  # as in a hook
        assert provenance.commit() == own, name
    write(checkout / "sqlib/__init__.py", "x = 1\n")
    assert provenance.commit() == f"{own}+dirty"


def test_commit_of_a_repository_around_is_not_taken(checkout):
    (checkout / ".git").rename(checkout / "kept")
    assert provenance.commit() == ""


def test_commit_that_git_refuses_to_tell_is_said_to_be_refused_and_why(checkout, monkeypatch):
    write(checkout / ".git/config", "[core\n")
    assert provenance.commit().startswith("unknown: git refused: bad config line 1 in file")
    assert str(checkout) not in provenance.commit()
    monkeypatch.setenv("PATH", "/nowhere")
    assert provenance.commit() == "unknown: there is no git on this machine"


@pytest.mark.skipif(os.geteuid() != 0, reason="only root may give a folder to another owner")
def test_commit_in_a_checkout_of_another_owner_is_refused_and_said_so(checkout):
    for path in (checkout, checkout / ".git"):
        os.chown(path, 12345, 12345)
    assert provenance.commit().startswith("unknown: git refused: detected dubious ownership")
