"""The files at the top: the locked environment, and words for a machine that lacks what is needed."""

import ast
import json
import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
import yaml

import sqlib

CHECKOUT = Path(__file__).resolve().parents[1]


def _make(folder, *words):
    if shutil.which("make") is None:
        pytest.skip("make is not installed")
    return subprocess.run(["make", "-C", str(folder), *words], capture_output=True, text=True)


def test_every_locked_package_has_a_version_and_hashes_and_no_registry_is_named():
    text = (CHECKOUT / "requirements.lock").read_text()
    entries = re.split(r"\n(?=[A-Za-z0-9])", re.sub(r"^\s*#.*\n", "", text, flags=re.MULTILINE).strip())
    assert len(entries) > 50
    for entry in entries:
        assert re.match(r"[A-Za-z0-9._-]+(\[[a-z,]+\])?==\S+", entry), entry[:80]
        assert "--hash=sha256:" in entry, entry[:80]
    for path in ("requirements.lock", "environment.yml", "Makefile", "setup.sh", "pyproject.toml", "postBuild",
                 ".ci/run"):
        assert not re.search(r"index-url|https?://(?!localhost)", (CHECKOUT / path).read_text()), path


def test_every_dependency_is_locked():
    locked = set(re.findall(r"^([A-Za-z0-9._-]+)==", (CHECKOUT / "requirements.lock").read_text(), flags=re.MULTILINE))
    project = tomllib.loads((CHECKOUT / "pyproject.toml").read_text())["project"]
    wanted = project["dependencies"] + [name for extra in project["optional-dependencies"].values() for name in extra]
    names = {re.match(r"[A-Za-z0-9._-]+", line)[0].lower() for line in wanted}
    assert names <= {name.lower() for name in locked}


def test_conda_installs_the_same_lock():
    content = yaml.safe_load((CHECKOUT / "environment.yml").read_text())
    assert {"pip": ["-r requirements.lock"]} in content["dependencies"]  # its Python: see test_setup


def test_citation_names_the_paper_and_this_version():
    content = yaml.safe_load((CHECKOUT / "CITATION.cff").read_text())
    assert content["version"] == sqlib.__version__
    assert content["references"][0]["doi"] == "10.1007/s11207-022-02081-7"


def test_make_by_itself_lists_the_targets():
    words = _make(CHECKOUT, "help").stdout
    for target in ("book", "pdf", "test", "data", "lab", "serve", "bench", "lock", "clean"):
        assert f"make {target} " in words


def test_ci_ends_with_the_test_runners_own_line(tmp_path):
    (tmp_path / ".ci").mkdir()
    shutil.copy(CHECKOUT / ".ci/run", tmp_path / ".ci/run")
    line = "========= 1 failed, 2 passed in 0.12s ========="
    (tmp_path / "Makefile").write_text(f'test:\n\t@echo "{line}"; exit 1\n')
    done = subprocess.run([str(tmp_path / ".ci/run")], capture_output=True, text=True, env={"PATH": "/usr/bin:/bin"})
    assert done.returncode != 0
    assert done.stdout.splitlines()[-1] == line


def test_files_stay_short():
    lines = {str(path): len(text.splitlines()) for path, text in _sources("sqlib") + _sources("sqbook")}
    assert {path: count for path, count in lines.items() if count > 300} == {}


FLOORS = ("sun", "data", "learn", "judge", "show")
TRACKED = subprocess.run(["git", "ls-files"], cwd=CHECKOUT, capture_output=True, text=True).stdout.splitlines()


def _sources(folder="sqlib"):
    return [(path, path.read_text()) for path in sorted((CHECKOUT / folder).rglob("*.py"))]


def _modules(tree):
    """Names of all modules that a parsed file imports, wherever in it."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield from (f"{'.' * node.level}{node.module or ''}.{alias.name}" for alias in node.names)


def upward(text: str, floor: str) -> list[str]:
    """What a file of `floor` ("" for the top of sqlib) imports from a floor above its own, or by a relative name."""
    allowed = FLOORS[: FLOORS.index(floor) + 1] if floor else ()
    names = [(name, name.split(".")) for name in _modules(ast.parse(text))]
    return [name for name, parts in names if parts[0] in ("", "sqbook")
            or (parts[0] == "sqlib" and parts[1:] and parts[1] in FLOORS and parts[1] not in allowed)]


def test_ruff_finds_nothing_in_the_package_the_notebooks_and_the_tests():
    """It also reads a notebook's cells in their order: a name that only a later cell makes is undefined."""
    done = subprocess.run([sys.executable, "-m", "ruff", "check", CHECKOUT], capture_output=True, text=True)
    assert done.returncode == 0, done.stdout


def test_imports_go_only_downward_between_the_floors():
    assert upward("from sqlib.judge import metrics\nimport sqlib.sun.rays", "learn") == ["sqlib.judge.metrics"]
    assert upward("def f():\n    from .x import y\n    from sqlib import data", "sun") == [".x.y", "sqlib.data"]
    assert upward("import sqbook.cli", "show") == ["sqbook.cli"]
    found = {}
    for path, text in _sources():
        parts = path.relative_to(CHECKOUT / "sqlib").parts
        found[str(path)] = upward(text, parts[0] if len(parts) > 1 else "")
    assert {path: names for path, names in found.items() if names} == {}


def test_no_notebook_imports_what_makes_the_book():
    for path in (CHECKOUT / "notebooks").glob("*.ipynb"):
        assert not re.search(r"(?:from|import) sqbook", path.read_text(encoding="utf-8")), path.name


def undescribed(text: str) -> list[str]:
    """Public functions, classes and methods without a docstring; `forward` of a network is described by its class."""
    tree, kinds = ast.parse(text), (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)
    classes = [one for one in tree.body if isinstance(one, ast.ClassDef) and not one.name.startswith("_")]
    methods = [node for one in classes for node in one.body]
    public = [node for node in tree.body + methods if isinstance(node, kinds) and not node.name.startswith("_")]
    return [node.name for node in public if node.name != "forward" and not ast.get_docstring(node)]


def test_every_public_function_has_a_docstring():
    assert undescribed("def f(): pass\ndef _g(): pass\nclass A:\n    '''A.'''\n    def h(self): pass") == ["f", "h"]
    found = {str(path): names for path, text in _sources() + _sources("sqbook") if (names := undescribed(text))}
    assert found == {}


# what no file may hold, and a line that shows that the pattern finds it
FORBIDDEN = {
    "a path of one machine": (r"(?<![\w.~/}-])/(?:home|root|Users|work|mnt|srv)/\w", "open('/home/me/x')"),
    "a registry": (r"index-url|https?://[^\s\"')>]*(?:/simple\b|/packages/|registry)", "https://x.org/simple"),
    "an unsafe loader": (r"\b(?:pickle|joblib|dill)\.(?:load|dump)|allow_pickle=True|torch\.(?:load|save)\(",
                         "torch.load(x)"),
    "a remote asset": (r"""<(?:script|img|link|iframe|source)\b[^>]*(?:src|href)=["']?(?:https?:)?//"""
                       r"""|@import ["']|url\(["']?(?:https?:)?//|!\[[^\]]*\]\(https?:""",
                       '<script src="https://x.org/a.js">'),
}
# a test that refuses pickles or remote pages must write one; one hands tensors between its processes, one hides a path
SPARED = {f"tests/test_{name}.py"
          for name in ("checks", "distributed", "foreign_cubes", "frames", "misuse", "notes", "toplevel")}


@pytest.mark.parametrize("what", FORBIDDEN)
def test_no_file_holds(what):
    pattern, example = FORBIDDEN[what]
    assert re.search(pattern, example)
    if not TRACKED:
        pytest.skip("not a git checkout")
    texts = {name: (CHECKOUT / name).read_text(errors="replace") for name in TRACKED
             if name not in SPARED and name != "requirements.lock" and (CHECKOUT / name).suffix in
             (".py", ".md", ".ipynb", ".yml", ".css", ".toml", ".csv", ".json", ".mplstyle", ".cff", ".bib", ".sh", "")}
    found = {name: match[0] for name, text in texts.items() if (match := re.search(pattern, text))}
    assert found == {}


def test_no_pickle_no_data_and_no_output_is_tracked():
    if not TRACKED:
        pytest.skip("not a git checkout")
    found = [name for name in TRACKED if re.search(r"\.(pkl|pickle|pt|pth|npy|npz|fits|joblib)$", name)]
    # what was answered about simulated frames is plain numbers, and is read as such
    answer = re.compile(r"results/(weights/\w+/margin-cube|answers/[a-z]+_\w+)\.npy")
    assert [name for name in found if not answer.fullmatch(name)] == []
    for name in TRACKED:
        if name.endswith(".ipynb"):
            cells = json.loads((CHECKOUT / name).read_text())["cells"]
            assert [c for c in cells if c["cell_type"] == "code" and (c["outputs"] or c["execution_count"])] == [], name


def test_page_to_cite_says_what_the_licence_and_the_citation_file_say():
    page = (CHECKOUT / "book/cite.md").read_text()
    assert (CHECKOUT / "LICENSE").read_text().strip() in page
    content = yaml.safe_load((CHECKOUT / "CITATION.cff").read_text())
    for reference in content["references"]:
        entries = re.findall(r"@\w+\{.*?\n\}", page, flags=re.DOTALL)
        entry = next(entry for entry in entries if f"{{{reference['doi']}}}" in entry)
        names = " and ".join(f"{one['family-names']}, {one['given-names']}" for one in reference["authors"])
        for value in (names, reference["title"], str(reference["year"])):
            assert f"{{{value}}}" in entry
    assert f"version = {{{content['version']}}}" in page and f"{{{{{content['authors'][0]['name']}}}}}" in page
    assert content["title"] in page.replace("{Mercea}", "Mercea")
