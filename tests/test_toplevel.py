"""The files at the top: the locked environment, and words for a machine that lacks what is needed."""

import re
import shutil
import subprocess
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
    for path in ("requirements.lock", "environment.yml", "Makefile", "pyproject.toml", "postBuild", ".ci/run"):
        assert not re.search(r"index-url|https?://(?!localhost)", (CHECKOUT / path).read_text()), path


def test_every_dependency_is_locked():
    locked = set(re.findall(r"^([A-Za-z0-9._-]+)==", (CHECKOUT / "requirements.lock").read_text(), flags=re.MULTILINE))
    project = tomllib.loads((CHECKOUT / "pyproject.toml").read_text())["project"]
    wanted = project["dependencies"] + [name for extra in project["optional-dependencies"].values() for name in extra]
    names = {re.match(r"[A-Za-z0-9._-]+", line)[0].lower() for line in wanted}
    assert names <= {name.lower() for name in locked}


def test_conda_installs_the_same_lock():
    content = yaml.safe_load((CHECKOUT / "environment.yml").read_text())
    assert {"pip": ["-r requirements.lock"]} in content["dependencies"]
    assert "python=3.11" in content["dependencies"]


def test_citation_names_the_paper_and_this_version():
    content = yaml.safe_load((CHECKOUT / "CITATION.cff").read_text())
    assert content["version"] == sqlib.__version__
    assert content["references"][0]["doi"] == "10.1007/s11207-022-02081-7"


def test_make_without_python_3_11_says_what_is_needed_and_makes_nothing(tmp_path):
    for name in ("Makefile", "requirements.lock", "pyproject.toml"):
        shutil.copyfile(CHECKOUT / name, tmp_path / name)
    done = _make(tmp_path, "book", "PYTHON=/no/such/python")
    assert done.returncode != 0
    assert "This needs Python 3.11, and /no/such/python is missing." in done.stdout
    assert "make book PYTHON=" in done.stdout
    assert not (tmp_path / ".venv").exists()


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
    long = {str(p.relative_to(CHECKOUT)): n for p in (CHECKOUT / "sqlib").rglob("*.py")
            if (n := len(p.read_text().splitlines())) > 300}  # fmt: skip
    assert long == {}


def test_page_to_cite_says_what_the_licence_and_the_citation_file_say():
    page = (CHECKOUT / "book/cite.md").read_text()
    assert (CHECKOUT / "LICENSE").read_text().strip() in page
    content = yaml.safe_load((CHECKOUT / "CITATION.cff").read_text())
    for reference in content["references"]:
        entry = next(entry for entry in re.findall(r"@\w+\{.*?\n\}", page, flags=re.DOTALL) if f"{{{reference['doi']}}}" in entry)
        names = " and ".join(f"{one['family-names']}, {one['given-names']}" for one in reference["authors"])
        for value in (names, reference["title"], str(reference["year"])):
            assert f"{{{value}}}" in entry
    assert f"version = {{{content['version']}}}" in page and f"{{{{{content['authors'][0]['name']}}}}}" in page
    assert content["title"] in page.replace("{Mercea}", "Mercea")
