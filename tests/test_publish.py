"""What a chapter publishes: marked, described, recorded, small, and refused where it would mislead."""

import json
from dataclasses import asdict

import matplotlib
import numpy as np
import pandas as pd
import pytest
from PIL import Image
from published import caught, html_of

from sqlib.errors import SqError
from sqlib.judge.claims import judge
from sqlib.show import publish
from sqlib.show import style as figures
from sqlib.show.bundle import MIME
from sqlib.show.movie import player
from sqlib.show.records import compared, plain, read_records

matplotlib.use("agg")


@pytest.fixture
def shown(monkeypatch):
    """What the chapter has displayed: bundles, and the run card's HTML."""
    return caught(monkeypatch)


@pytest.fixture
def page(tmp_path, shown):
    return publish.begin("01_x", data="twin", seed=7, profile="smoke", out=str(tmp_path), size=32)


@pytest.fixture
def fig():
    import matplotlib.pyplot as plt

    fig, ax = plt.subplots()
    ax.plot([0, 1], [0, 1])
    return fig


WORDS = {"label": "Figure 1", "caption": "A <b> & c.", "alt": 'A "line".'}


def test_figure_is_shown_saved_and_recorded_with_its_origin(page, fig, shown, tmp_path):
    numbers = {"peak": np.float32(3.5), "frames": np.int64(2)}
    publish.figure(page, fig, "fig01", **WORDS, numbers=numbers, paper={"peak": 4.1}, series={"t": [1, 2], "p": [3, 4]})
    html = shown[0]["text/html"]
    assert 'alt="A &#34;line&#34;."' in html and 'src="data:image/png;base64,' in html
    assert "A &lt;b&gt; &amp; c." in html
    assert "SIMULATED (twin, seed 7)" in html
    assert (tmp_path / "tables/fig01.csv").read_text() == "t,p\n1,3\n2,4\n"
    record = read_records(tmp_path)["fig01"]
    assert shown[0][MIME] == {"record": {**record, "mark": "SIMULATED (twin, seed 7)"}}
    assert record["numbers"] == {"peak": 3.5, "frames": 2}
    assert record["paper"] == {"peak": 4.1}
    assert (record["simulated"], record["data"], record["profile"], record["seed"]) == (True, "twin", "smoke", 7)
    assert record["notebook"] == "01_x"


def test_mark_is_drawn_into_the_picture_itself(page, fig, tmp_path):
    publish.figure(page, fig, "fig01", **WORDS)
    picture = np.asarray(Image.open(tmp_path / "figures/fig01.png").convert("RGB")).astype(int)
    height, width = picture.shape[:2]
    corner = picture[int(0.95 * height):, int(0.7 * width):]
    brown = np.abs(corner - [0x8A, 0x3B, 0x00]).max(axis=-1) < 40
    assert brown.sum() > 50
    assert [text.get_text() for text in fig.texts] == ["SIMULATED (twin, seed 7)"]


@pytest.mark.parametrize(
    ("data", "source", "mark", "simulated"),
    [
        ("twin", None, "SIMULATED (twin, seed 7)", True),
        ("sunquakenet", None, "OBSERVED (real frames)", False),
        ("sunquakenet", "simulated", "SIMULATED (twin, seed 7)", True),
        ("twin", "published", "PUBLISHED (Mercea et al. 2023)", False),
        ("twin", "theory", "CALCULATED (no data)", False),
        ("twin", ("simulated", "published"), "SIMULATED (twin, seed 7) · PUBLISHED (Mercea et al. 2023)", True),
    ],
)
def test_mark_says_where_the_data_come_from(tmp_path, shown, data, source, mark, simulated):
    page = publish.begin("01_x", data=data, seed=7, profile="smoke", out=str(tmp_path))
    publish.table(page, pd.DataFrame({"a": [1]}), "table1", label="Table 1", caption="C.", source=source)
    assert f">{mark}</span>" in shown[0]["text/html"]
    assert read_records(tmp_path)["table1"]["simulated"] is simulated


def test_findings_are_markdown_without_empty_sentences_and_a_folders_name_is_no_markup(page, shown):
    publish.finding("Half of *them*.", "", "In <b> more.")
    publish.results("One & two.", "", "Three.")
    assert shown == ["**What we found.** Half of *them*. In &lt;b&gt; more.", "- One &amp; two.\n- Three."]


@pytest.mark.parametrize(("numbers", "words"), [
    ((0.5, 0.4, 0.61), "0.50 (0.40 … 0.61)"), ((0.5, np.nan, 0.6), "0.50"), ((0.5, -np.inf, np.inf), "0.50"),
    ((0.5, None, None), "0.50")])
def test_a_number_has_its_interval_where_there_is_one(numbers, words):
    assert publish.interval(*numbers) == words


def test_unknown_source_and_unknown_data_are_refused(page, fig):
    with pytest.raises(SqError, match=r"source: .*simulated.*, not 'real'"):
        publish.figure(page, fig, "fig01", **WORDS, source="real")
    with pytest.raises(SqError, match="data='moon' is unknown"):
        publish.begin("x", data="moon", seed=1, profile="smoke")


@pytest.mark.parametrize("what", ["label", "caption", "alt"])
def test_figure_without_words_is_refused(page, fig, what, tmp_path):
    with pytest.raises(SqError, match=f"{what}: String should have at least 1 character"):
        publish.figure(page, fig, "fig01", **{**WORDS, what: "  "})
    assert read_records(tmp_path) == {}


def test_table_has_caption_scopes_and_a_scrolling_frame_and_escapes_its_cells(page, shown, tmp_path):
    frame = pd.DataFrame({"event": ["<i>", "b"], "power": [1.23456, np.nan], "n": [1, 2]})
    publish.table(page, frame, "table1", label="Table 1", caption="Events.", formats={"power": ".2f"}, paper={"n": 3})
    html = shown[0]["text/html"]
    assert html.count('scope="col"') == 3
    assert html.count('scope="row"') == 2
    assert "<caption><strong>Table 1.</strong> Events." in html
    assert 'tabindex="0" role="region"' in html
    assert "&lt;i&gt;" in html
    assert ">1.23</td>" in html
    assert ">–</td>" in html
    rows = read_records(tmp_path)["table1"]["numbers"]
    assert rows[0] == {"event": "<i>", "power": 1.23456, "n": 1}
    assert rows[1]["power"] is None


def test_table_keeps_an_interval_and_an_error_on_one_line(page, shown):
    frame = pd.DataFrame({"event": ["a"], "interval": ["10 … 49"], "width": ["8.6 ± 3.5"],
                          "words": ["this … that"]})
    publish.table(page, frame, "table1", label="Table 1", caption="Sizes.")
    row = shown[0][MIME]["table"]["rows"][0]
    assert row == ["a", "10\u00a0…\u00a049", "8.6\u00a0±\u00a03.5", "this … that"]


def test_empty_table_is_refused(page):
    with pytest.raises(SqError, match="at least one row"):
        publish.table(page, pd.DataFrame({"a": []}), "table1", label="Table 1", caption="C.")


def test_name_is_published_once_in_a_run_and_replaced_by_hand(page, tmp_path, shown, monkeypatch):
    publish.claim(page, "claim-C1", {"auc": 0.5})
    with pytest.raises(SqError, match="'claim-C1' is published twice in 01_x"):
        publish.claim(page, "claim-C1", {"auc": 0.6})
    monkeypatch.setenv("SQ_HOME", str(tmp_path / "home"))
    hand = publish.begin("01_x", data="twin", seed=7, profile="smoke")
    publish.claim(hand, "claim-C1", {"auc": 0.5})
    publish.claim(hand, "claim-C1", {"auc": 0.6})
    assert read_records(tmp_path / "home/runs/01_x/interactive")["claim-C1"]["numbers"] == {"auc": 0.6}


def test_close_gives_every_record_the_fingerprint_and_shows_the_card(page, shown, tmp_path):
    publish.claim(page, "claim-C1", {"auc": 0.5})
    publish.close(page, fingerprint="abc")
    assert read_records(tmp_path)["claim-C1"]["fingerprint"] == "abc"
    card = json.loads((tmp_path / "card.json").read_text())
    assert card["fingerprint"] == "abc"
    assert card["parameters"] == {"data": "twin", "seed": 7, "profile": "smoke", "root": "", "size": 32}
    assert card["versions"]["numpy"] == np.__version__
    assert card["seconds"] >= 0
    assert shown[-1].startswith('<details class="sq-card"><summary>Run card</summary>')


def test_claim_has_a_place_in_the_book_and_shows_nothing(page, shown, tmp_path):
    publish.claim(page, "claim-C1", {"auc": 0.5}, paper=0.6)
    assert shown[0]["text/html"] == ""
    assert shown[0][MIME]["record"] == {**read_records(tmp_path)["claim-C1"], "mark": "SIMULATED (twin, seed 7)"}


def test_both_verdicts_on_a_claim_are_one_record_and_are_said_in_words(page, tmp_path, capsys):
    first, second = judge("C9", 0.1, 0.05, 0.15), judge("C9", second=True, note="the loss falls")
    assert publish.verdict(page, first, second, 0.2, seeds=[1, 2]) == (first, second)
    record = read_records(tmp_path)["claim-C9"]
    assert record["numbers"] == asdict(first) | {"second": asdict(second), "seeds": [1, 2]} and record["paper"] == 0.2
    assert record["numbers"]["tests"].startswith("in part: ")
    said = capsys.readouterr().out.splitlines()
    assert said[1].endswith("less without, mean over seeds: above 0: 0.100 (0.050 … 0.150): reproduced.")
    assert said[2].endswith("no number: not testable here. the loss falls.")
    publish.verdict(page, judge("C5", 0.1, 0.05, 0.15))
    assert read_records(tmp_path)["claim-C5"]["numbers"]["second"] is None


def test_what_is_declared_beside_the_paper_and_by_whom_it_was_made_go_to_the_record(page, fig, tmp_path):
    publish.figure(page, fig, "fig01", **WORDS, compare={"F1": (0.5, np.float32(0.25))},
                   made_by=[publish.pairs, "numpy.sum"])
    record = read_records(tmp_path)["fig01"]
    assert record["compare"] == {"F1": [[0.5, 0.25]]}
    assert record["made_by"] == ["sqlib.show.publish.pairs", "numpy.sum"]


def test_pairs_of_a_table_are_its_columns_of_paper_and_here():
    both = pd.DataFrame({"row": ["a", "b"], "P, paper": [1, None], "P, here": [2.0, 3.0], "GT, paper": 4,
                         "GT, here": 4})
    assert compared(publish.pairs(both)) == {"P": [[1.0, 2.0]], "GT": [[4, 4], [4, 4]]}
    counts = both.assign(**{"P, paper": pd.array([1, None], "Int64")})
    assert compared(publish.pairs(counts, ("P",))) == {"P": [[1, 2.0]]}


def test_an_interval_stays_with_its_pair_where_both_of_its_ends_are_numbers():
    given = {"a": [(1, 2, 0, 3), (1, 2, None, 3), (1, 2, -np.inf, 3), (np.nan, 2, 0, 3)], "b": (1, None)}
    assert compared(given) == {"a": [[1, 2, 0, 3], [1, 2], [1, 2]]}


@pytest.mark.parametrize("bad", [0.5, (1,), (1, 2, 3), (1, "two"), (True, 1), [1, 2], ({}, 1)])
def test_what_is_no_pair_of_numbers_is_refused(bad):
    with pytest.raises(SqError, match="'F1' holds"):
        compared({"F1": bad})


@pytest.mark.parametrize("value", [float("nan"), np.inf, np.array([1.0, np.nan]), {"a": [float("nan")]}])
def test_record_refuses_what_json_cannot_say(value):
    with pytest.raises(SqError, match="finite"):
        plain(value)


def test_record_refuses_an_object_and_a_bad_name(page):
    with pytest.raises(SqError, match=r"'claim-C1' is refused \(numbers\.a is a object"):
        publish.claim(page, "claim-C1", {"a": object()})
    with pytest.raises(SqError, match=r"record '\.\./x' is refused \(name: "):
        publish.claim(page, "../x", {})


def test_noisy_movie_stays_under_600_kilobytes_and_a_longer_one_is_refused(rng):
    frames = rng.integers(0, 255, size=(50, 128, 128)).astype(np.uint8)
    assert len(html_of(player(frames))) < 600_000
    with pytest.raises(SqError, match="show fewer or smaller frames"):
        player(frames, limit=100_000)


def test_movie_shows_the_mark_words_and_a_still(page, shown, tmp_path, rng):
    frames = rng.integers(0, 255, size=(9, 8, 8)).astype(np.uint8)
    publish.figure(page, player(frames, still=4, times=[f"t = {i} <s>" for i in range(9)]), "mov01", **WORDS)
    html = shown[0]["text/html"]
    assert "translate(-33.3" in html
    assert "SIMULATED (twin, seed 7)" in html
    assert "t = 4 &lt;s&gt;" in html
    assert '<input id="mov01-slider" type="range" min="0" max="8" step="1" value="4">' in html
    assert shown[0][MIME]["player"]["facts"]["words"][4] == "t = 4 <s>"
    record = read_records(tmp_path)["mov01"]
    assert record["file"] == "figures/mov01.webp" and (tmp_path / record["file"]).is_file()


@pytest.mark.parametrize("frames", [np.zeros((3, 8, 8)), np.zeros((8, 8), np.uint8), np.zeros((1, 8, 8), np.uint8)])
def test_movie_of_another_shape_or_type_is_refused(frames):
    with pytest.raises(SqError, match="a movie"):
        player(frames)


def test_colour_maps_the_range_to_the_ends_of_the_map():
    values = np.array([[0.0, 2.5, 5.0, 9.0]])
    np.testing.assert_array_equal(figures.colour(values, "gray", 0, 5)[0, :, 0], [0, 128, 255, 255])


def test_colours_of_the_style_differ_for_red_green_blind_readers():
    """Deuteranopia as by Machado et al. (2009): the first five colours stay apart."""
    figures.use_style()
    cycle = [matplotlib.colors.to_rgb(c) for c in matplotlib.rcParams["axes.prop_cycle"].by_key()["color"]][:5]
    machado = np.array([[0.367, 0.861, -0.228], [0.280, 0.673, 0.047], [-0.012, 0.043, 0.969]])
    seen = np.array([machado @ np.power(c, 2.2) for c in cycle]).clip(0, 1) ** (1 / 2.2)
    apart = [np.linalg.norm(a - b) for i, a in enumerate(seen) for b in seen[:i]]
    assert min(apart) > 0.15


@pytest.mark.parametrize(("source", "simulated"), [("observed", False), ("simulated", True)])
def test_a_readers_own_cubes_are_marked_by_the_name_of_their_folder(tmp_path, shown, source, simulated):
    cubes = {"x": {"start": "2030-01-01T00:00:00", "cadence": 45.0}}
    (tmp_path / "own.json").write_text(json.dumps({"name": "mine", "source": source, "cubes": cubes}))
    page = publish.begin("01_x", data="sunquakenet", seed=7, profile="smoke", out=str(tmp_path / "out"),
                         root=str(tmp_path))
    publish.table(page, pd.DataFrame({"row": ["a"], "x": [1]}), "table1", label="Table 1", caption="One.")
    publish.close(page)
    record = read_records(tmp_path / "out")["table1"]
    assert (record["source"], record["own"], record["simulated"]) == ([f"own-{source}"], "mine", simulated)
    assert f'<span class="sq-mark sq-own-{source}">{source.upper()} (mine)</span>' in shown[0]["text/html"]
    assert f"sunquakenet ({source.upper()} (mine))" in shown[-1]
