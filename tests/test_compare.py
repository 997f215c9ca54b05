"""Two runs side by side, and a chapter over a grid of parameters."""

import json

import pandas as pd
import pytest
from browser import chromium, opened
from tinybook import make_home, write_notebook

from sqbook import execute
from sqbook import parameters as params
from sqbook.cli import main
from sqbook.compare import compare, find_run, grid, leaves, sweep, write_page
from sqbook.execute import publish, run_notebook
from sqlib.errors import SqError


@pytest.fixture(scope="module")
def pair(tmp_path_factory):
    """A home with two runs of a chapter, whose level and seed differ."""
    with pytest.MonkeyPatch.context() as patch:
        home = tmp_path_factory.mktemp("home")
        patch.setenv("SQ_HOME", str(home))
        make_home(home)
        first = run_notebook("01_second", {"level": 2.0}, "smoke", progress=False)
        second = run_notebook("01_second", {"level": 5.0}, "smoke", progress=False)
        yield home, first.name, second.name


def test_nested_numbers_become_one_level():
    assert leaves({"a": 1, "rows": [{"x": 2.5}, {"x": None}]}) == {"a": 1, "rows[0].x": 2.5, "rows[1].x": None}


def test_comparison_names_what_was_given_and_what_came_out(pair, capsys):
    _, first, second = pair
    assert main(["compare", first, second, "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["parameters"] == {"level": [2.0, 5.0]}
    a, b = found["numbers"]["fig01.mean"]
    assert b / a == pytest.approx(2.5)  # the same noise, at 2.5 times the level
    assert found["same"] > 0  # such as the frames' numbers
    assert main(["compare", first, second]) == 0
    out = capsys.readouterr().out
    assert "level: 2 -> 5" in out and f"({b - a:+.4g})" in out and out.strip().endswith(".html")
    found = compare(find_run(first), find_run(first))  # beside itself
    assert not found["parameters"] and not found["numbers"] and not found["circumstances"]


def test_a_run_is_named_by_key_beginning_folder_or_notebook(pair):
    home, first, second = pair
    assert find_run(first)["key"] == find_run(str(home / "runs/01_second" / first))["key"] == first
    assert find_run("01_second")["key"] == second  # the latest
    length = next(n for n in range(1, 13) if first[:n] != second[:n])
    assert find_run(first[:length])["key"] == first
    with pytest.raises(SqError, match=r"no runs are called '01_secnd'; did you mean '01_second'.*sq runs"):
        find_run("01_secnd")
    with pytest.raises(SqError, match=f"2 runs are called ''.*{first}"):
        find_run("")


def test_page_shows_both_figures_and_fits_a_phone(pair):
    home, first, second = pair
    path = write_page(compare(find_run(first), find_run(second)))
    assert path == home / "runs" / "compare" / f"{first}-{second}.html"
    with chromium() as browser, opened(browser, path, viewport={"width": 390, "height": 800}) as (page, complaints):
        sizes = page.evaluate("[...document.images].map(i => [i.naturalWidth, i.alt.length])")
        assert len(sizes) == 4  # a figure and a movie of each
        assert all(width > 0 and words > 0 for width, words in sizes)
        assert page.evaluate("document.documentElement.scrollWidth") <= 390
        assert not complaints


@pytest.mark.parametrize(("texts", "points"), [
    (["level=1,2", "seed=1..3"], [{"level": a, "seed": s} for a in (1.0, 2.0) for s in (1, 2, 3)]),
    (["bins=[1,2],[3]"], [{"bins": [1, 2]}, {"bins": [3]}]),
])
def test_grid_is_every_combination_of_lists_ranges_and_lists_of_lists(pair, texts, points):
    assert grid(params.settable(params.notebook_path("01_second")), texts, "01_second") == points


@pytest.mark.parametrize(("texts", "words"), [
    (["level"], "must be float"), (["level="], "must be float"), (["level=1,,2"], "must be float"),
    (["seed=3..1"], "not 0"), (["levle=1,2"], "did you mean 'level'"), (["seed=1,two"], "must be int"),
    (["seed=1..600"], "from 1 to 500 runs, not 600"), (["level=1", "level=2"], "twice"), ([], "give -p"),
])
def test_a_grid_that_is_none_is_refused(pair, texts, words):
    with pytest.raises(SqError, match=words):
        grid(params.settable(params.notebook_path("01_second")), texts, "01_second")


def test_sweep_on_a_given_scheduler_isolates_what_fails_sums_up_the_rest_and_goes_on(pair, monkeypatch):
    from dask.distributed import LocalCluster

    home, *_ = pair
    code = "from sqlib.show import publish\nassert seed != 2, 'an unlucky seed'\npage = publish.begin('NAME')\n"
    code += "publish.claim(page, 'claim-C1', {'twice': 2 * seed, 'fixed': 7})\npublish.close(page)"
    write_notebook(home / "notebooks/03_swept.ipynb", code)
    points = [{"seed": seed} for seed in (1, 2, 3)]
    with LocalCluster(n_workers=1, threads_per_worker=1, dashboard_address="127.0.0.1:0") as cluster:
        table, folder = sweep("03_swept", points, "smoke", scheduler=cluster.scheduler_address)
        assert len(cluster.scheduler.workers) == 1
    assert list(table.columns) == ["seed", "run", "error", "claim-C1.twice"]  # `fixed` is the same in all runs
    assert table["seed"].tolist() == [1, 2, 3] and table["claim-C1.twice"].dropna().tolist() == [2, 6]
    assert [bool(run) for run in table["run"]] == [True, False, True] and "an unlucky seed" in table["error"][1]
    assert pd.read_csv(folder / "summary.csv")["seed"].tolist() == [1, 2, 3]
    assert [path.name for path in folder.iterdir()] == ["summary.csv"]
    monkeypatch.setattr(execute, "_execute", lambda *_: pytest.fail("a finished run was executed again"))
    again, same = sweep("03_swept", points[::2], "smoke")
    assert again["run"].tolist() == table["run"].tolist()[::2] and same != folder


def test_command_sweep_finds_runs_that_were_made_alone(pair, capsys):
    _, first, second = pair
    assert main(["sweep", "01_second", "-p", "level=2,5", "--profile", "smoke", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert [row["run"] for row in found["runs"]] == [first, second]


def test_published_records_stand_beside_a_new_run(pair, capsys):
    home, first, second = pair
    for _ in range(2):  # the second time replaces, and mixes nothing
        target = publish({"01_second": home / "runs/01_second" / first}, "smoke")
    assert [path.name for path in target.iterdir()] == ["01_second"]
    kept = sorted(path.name for path in (target / "01_second").iterdir())
    assert kept == ["card.json", "figures", "records", "tables"]
    assert main(["compare", str(target / "01_second"), second]) == 0
    text = capsys.readouterr().out
    assert f"a  {first}  01_second" in text and f"b  {second}" in text
