"""Buttons to the repository, Binder and Colab: only where the repository is named, and only to files that exist."""

import re
from types import SimpleNamespace

import pytest
import yaml
from conftest import REPOSITORY as URL
from tinybook import CHECKOUT, TITLES

from sqbook.site.extension import configure
from sqbook.site.pages import repository, rerun_page
from sqlib.errors import SqError

LINK = re.compile(r'href="(https://(?:github\.com|mybinder\.org|colab\.research\.google\.com)/[^"]*)"')


@pytest.fixture
def named(monkeypatch):
    monkeypatch.setenv("SQ_REPOSITORY", URL)
    monkeypatch.delenv("SQ_BRANCH", raising=False)


@pytest.mark.parametrize(("url", "branch"), [
    *((url, "main") for url in ("http://github.com/a/b", "https://github.com/a", "https://github.com/a/b/c",
                                f"{URL}.git", "a/b", "https://github.com/a/b\n", "https://github.com/-a/b",
                                "https://github.com/a/..", 'https://github.com/a/b"', "https://gitlab.com/a/b")),
    *((URL, branch) for branch in ("a b", "-x", "a..b", "a//b", "a/", 'a"', "a?b")),
])
def test_other_addresses_and_branches_are_refused(monkeypatch, url, branch):
    monkeypatch.setenv("SQ_REPOSITORY", url)
    monkeypatch.setenv("SQ_BRANCH", branch)
    with pytest.raises(SqError, match=r"is not https://github\.com/OWNER/NAME, or"):
        repository()


def test_branch_is_main_unless_named(named, monkeypatch):
    assert repository() == (URL, "main")
    monkeypatch.setenv("SQ_BRANCH", "feature/one")
    assert repository() == (URL, "feature/one")
    page = rerun_page([])
    assert f"--branch feature/one {URL}.git" in page and "%cd sun.quakes" in page


def test_without_a_repository_the_configuration_stays_and_shows_no_button(monkeypatch):
    monkeypatch.delenv("SQ_REPOSITORY", raising=False)
    options = SimpleNamespace(templates_path=[], html_theme_options={"launch_buttons": {"thebe": False}})
    configure(None, options)
    assert options.html_theme_options == {"launch_buttons": {"thebe": False}}
    assert "Without installing anything" not in rerun_page([])
    config = yaml.safe_load((CHECKOUT / "_config.yml").read_text())
    assert not any(config["html"][f"use_{which}_button"] for which in ("edit_page", "repository", "issues"))
    assert config["launch_buttons"] == {"thebe": False}


def test_every_button_names_a_file_of_the_repository(tiny_book):
    home, site, seen = tiny_book, tiny_book / "_build/html", set()
    for page in [*site.glob("notebooks/*.html"), *site.glob("book/*.html")]:
        name = page.relative_to(site).with_suffix("").as_posix()
        links = [link for link in LINK.findall(page.read_text()) if "issues/new" not in link]
        kinds = {"binder": f"https://mybinder.org/v2/gh/some-one/sun.quakes/main?urlpath=lab/tree/{name}.ipynb",
                 "colab": f"https://colab.research.google.com/github/some-one/sun.quakes/blob/main/{name}.ipynb",
                 "edit": f"{URL}/edit/main/{name}"}
        for kind, start in kinds.items():
            for link in (link for link in links if link.startswith(start)):
                assert (home / re.split(r"lab/tree/|/blob/main/|/edit/main/", link)[1]).is_file(), link
                seen.add((kind, name))
                links.remove(link)
        assert set(links) <= {URL, f"{URL}.git"}, name
    expected = {(kind, f"notebooks/{name}") for kind in ("binder", "colab", "edit") for name in TITLES}
    prose = {("edit", f"book/{path.stem}") for path in (home / "book").glob("*.md")}
    assert seen == expected | prose
    assert {name for kind, name in seen if kind == "edit"}.isdisjoint({"book/rerun", "book/scorecard"})
    assert "Without installing anything" in (site / "book/rerun.html").read_text()


def test_binder_finds_its_environment():
    for name in ("environment.yml", "postBuild", "requirements.lock"):
        assert (CHECKOUT / name).is_file()
    assert (CHECKOUT / "postBuild").stat().st_mode & 0o100


def test_workflow_names_its_own_repository():
    steps = yaml.safe_load((CHECKOUT / ".github/workflows/book.yml").read_text())["jobs"]["build"]["steps"]
    (environment,) = [step["env"] for step in steps if "make book" in step.get("run", "")]
    assert environment["SQ_REPOSITORY"] == "${{ github.server_url }}/${{ github.repository }}"
    assert environment["SQ_BRANCH"] == "${{ github.ref_name }}"
