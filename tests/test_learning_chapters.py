"""The learning chapters on real frames: a folder in SunquakeNet's layout, here filled by the twin without saying so."""

import pytest

from sqbook.execute import run_notebook
from sqbook.parameters import home
from sqlib.data import load_frames
from sqlib.data.export import export_frames
from sqlib.errors import SqError
from sqlib.show.records import read_records
from sqlib.sun.twin import TwinSettings

CHAPTERS = {
    "02_autoencoders": {"table6", "fig18", "fig19", "claim-C1", "claim-C2", "claim-C3"},
    "03_contrastive": {"table2", "table3", "table4", "fig02", *(f"fig{n:02}" for n in range(5, 12)),
                       *(f"claim-C{n}" for n in (4, 5, 6, 7, 8, 14, 15, 16, 17, 18))},
    "04_augmentations": {"fig03", "fig20", *(f"claim-C{n}" for n in (9, 10, 11, 12, 23))},
    "05_recurrence": {"fig04", "fig17", "claim-C13"},
    "06_object_detection": {"table5", "fig21", "claim-C19", "claim-C20"},
    "08_pitfalls": {"fig-pit-leak", "fig-pit-threshold", "table-pit-imbalance"},
    "07_case_studies": {"fig10-cases", "fig11-cases", *(f"fig{n}" for n in range(12, 17)), "claim-C21", "claim-C22"},
}
# on published frames these show something simulated, too: a detector that the twin taught, flares, a day of noise
SIMULATED = {"fig-od-losses", "fig13", "fig15", "fig16", "fig16-known"}
VERDICTS = {"reproduced", "contradicted", "undecided", "not possible"}


@pytest.fixture(scope="module")
def checkout(tmp_path_factory):
    """A home folder with this checkout's notebooks and a folder of frames that pass for published ones."""
    with pytest.MonkeyPatch.context() as patch:
        folder = tmp_path_factory.mktemp("home")
        for name in ("notebooks", "profiles"):
            (folder / name).symlink_to(home() / name)
        patch.setenv("SQ_HOME", str(folder))
        frameset = load_frames(
            "twin", settings=TwinSettings(size=128, frames=48), size=128, scaling="frame", progress=False
        )
        export_frames(frameset, folder / "published")
        (folder / "published" / "README.txt").unlink()
        yield folder


@pytest.mark.parametrize("chapter", CHAPTERS)
def test_a_learning_chapter_runs_on_published_frames_and_holds_its_records(checkout, chapter):
    folder = run_notebook(
        chapter, {"data": "sunquakenet", "root": str(checkout / "published")}, "smoke", progress=False
    )
    records = read_records(folder)
    assert CHAPTERS[chapter] <= set(records)
    for name, record in records.items():
        assert record["data"] == "sunquakenet"
        assert not record["simulated"] or name in SIMULATED, name
        if name.startswith("claim-"):
            assert record["numbers"]["verdict"] in VERDICTS
            assert record["numbers"]["rule"]


def test_a_folder_without_both_classes_is_refused_in_plain_words(real, checkout):
    with pytest.raises(SqError, match="no negative sample"):
        run_notebook("02_autoencoders", {"data": "sunquakenet", "root": str(real)}, "smoke", progress=False)
