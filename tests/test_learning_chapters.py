"""The learning chapters on real frames: a folder in SunquakeNet's layout, here filled by the twin without saying so."""

import pytest

from sqbook.execute import run_notebook
from sqbook.parameters import home
from sqlib.data import load_frames
from sqlib.data.export import export_frames
from sqlib.errors import SqError
from sqlib.judge.claims import VERDICTS
from sqlib.show.records import read_records
from sqlib.sun.twin import TwinSettings

# the chapters that show published frames and simulated ones side by side; the smoke book runs all of them on the twin
CHAPTERS = {
    "06_object_detection": {"table5", "fig21", "claim-C19", "claim-C20"},
    "07_case_studies": {"table-cases-when", "fig12", "fig14", "fig16", "claim-C21", "claim-C22"},  # 13, 15: no images
    "09_how_many": {f"fig-many-{one}" for one in ("ap", "found", "gap", "rest")},
}
SIZES = {"size": 64, "frames": 40, "resolution": 64}
# on published frames these show something simulated, too: a detector that the twin taught, a day of noise
SIMULATED = {"fig-od-losses", "fig16", "fig16-known"}
SIMULATED |= CHAPTERS["09_how_many"]  # all of this chapter
SIMULATED |= {f"table-many-{one}" for one in ("setup", "gains", "usual", "few")}


@pytest.fixture(scope="module")
def checkout(tmp_path_factory):
    """A home folder with this checkout's notebooks and a folder of frames that pass for published ones."""
    with pytest.MonkeyPatch.context() as patch:
        folder = tmp_path_factory.mktemp("home")
        for name in ("notebooks", "profiles"):
            (folder / name).symlink_to(home() / name)
        patch.setenv("SQ_HOME", str(folder))
        frameset = load_frames(
            "twin", settings=TwinSettings(size=64, frames=40), size=64, scaling="frame", progress=False
        )
        export_frames(frameset, folder / "published")
        (folder / "published" / "README.txt").unlink()
        yield folder


@pytest.mark.parametrize("chapter", CHAPTERS)
def test_a_learning_chapter_runs_on_published_frames_and_holds_its_records(checkout, chapter):
    changes = {"data": "sunquakenet", "root": str(checkout / "published"), **SIZES}
    quick = {"epochs": 1, "patch": 0, "proposals": 20, "draws": 20}
    changes |= {"06": quick, "07": {"crop": 64}, "09": {"crop": 64}}.get(chapter[:2], {"crop": 32})
    folder = run_notebook(chapter, changes, "smoke", progress=False)
    records = read_records(folder)
    assert CHAPTERS[chapter] <= set(records)
    for name, record in records.items():
        assert record["data"] == "sunquakenet"
        assert not record["simulated"] or name in SIMULATED, name
        assert record["simulated"] or not chapter.startswith("09"), name
        if name.startswith("claim-"):
            assert record["numbers"]["verdict"] in VERDICTS
            assert record["numbers"]["rule"]


def test_a_folder_without_both_classes_is_refused_in_plain_words(real, checkout):
    with pytest.raises(SqError, match="no negative sample"):
        run_notebook("02_autoencoders", {"data": "sunquakenet", "root": str(real)}, "smoke", progress=False)
