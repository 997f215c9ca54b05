"""Folders of frames as people have them: copies, strays, versions, turned pictures; each told, and nothing changed."""

import json
import os

import numpy as np
import pytest
from PIL import Image, ImageOps
from test_sunquakenet import NEGATIVE, POSITIVE, ROW, picture, table

from sqbook.cli import main
from sqlib.data import load_frames
from sqlib.data.sunquakenet import left_out, load_sunquakenet
from sqlib.errors import SqError
from sqlib.paths import files_of

BOX = (8.0, 9.0, 12.0, 20.5)  # that of ROW
OTHER = ROW.replace("8,9,12,20.5", "1,2,3,4")
STRAYS = ["._a.png", ".DS_Store", "Thumbs.db", "ehthumbs.db", "desktop.ini", "Desktop.ini", "~$data_c23.csv",
          ".#data_c23.csv", "data_c23.csv~", "data_c23.csv.bak", "x.png.part", "x.png.crdownload", "x.tmp", "Icon\r"]


@pytest.fixture
def root(tmp_path, rng):
    """A SunquakeNet of two frames, one with a box."""
    for name in (POSITIVE, NEGATIVE):
        picture(tmp_path / "net" / name, rng)
    table(tmp_path / "net", ROW)
    return tmp_path / "net"


def contents(folder):
    return {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def read(root):
    """Frames and report, after a look that nothing was changed."""
    before = contents(root)
    found = load_sunquakenet(root, progress=False)
    assert contents(root) == before
    return found


def positive(frames):
    return frames.index.set_index("frame").loc[21, "boxes"]


COPIES = ["data_c23 (1).csv", "data_c23_old.csv", "data_c23 - Copy.csv", "DATA_C23 2.CSV"]
NO_TABLES = ["Copy of data_c23.csv", "Kopie von data_c23.csv", "data_c23.xlsx", "data_c23.csv.txt"]
AT, LATER = "data_c23.csv, line 2", ROW.replace("06.04.2001 19:13", "10.04.2001 05:01")


@pytest.mark.parametrize(("name", "rows", "field", "told", "boxes"), [
    *((name, OTHER, "tables_left_out", (name,), (BOX,)) for name in NO_TABLES),
    *((name, OTHER + LATER, "regions_left_out", (f"{name}, line 2", "not as in data_c23.csv"), (BOX,))
      for name in COPIES),
    ("backup/data_c23.csv", ROW + LATER, "regions_left_out", (f"backup/{AT}", f"as in {AT}"), (BOX,)),
    ("backup/data_c23.csv", OTHER + LATER, "regions_left_out", (f"backup/{AT}", "not as in data_c23.csv"), (BOX,)),
    ("data_c23.csv", ROW + ROW + ROW.replace("21,36", "20,36"), "regions_left_out",
     ("data_c23.csv, line 3", f"as in {AT}"), (BOX,)),
    ("data_c23.csv", ROW.replace("06.04.2001", "04.06.2001"), "swapped_dates",
     (AT, "2001_06_04_19_13_00", "2001_04_06_19_13_00"), ()),
    ("data_c23.csv", ROW.replace(",1,8,9,12,20.5", ",2,8,9,12,20.5"), "box_counts", (AT, "2", 1), (BOX,)),
    ("data_c23.csv", "06.04.2001 19:13,21,36,10\n", "box_counts", (AT, "", 0), ()),  # cut off
])
def test_what_is_odd_in_region_tables_is_told_and_no_frame_has_a_box_twice(root, name, rows, field, told, boxes):
    (root / name).parent.mkdir(exist_ok=True)
    table(root, rows, name)
    frames, report = read(root)
    [found] = report[field]
    assert found[: len(told)] == told and positive(frames) == boxes and "data_c23.csv" in report["tables"]
    assert [line.partition(": 1, the first ")[2] for line in left_out(report)] == [": ".join(map(str, found))]


def test_a_copy_alone_is_read_and_named(root):
    (root / "data_c23.csv").rename(root / "data_c23 (1).csv")
    frames, report = read(root)
    assert positive(frames) == (BOX,) and report["tables"] == ("data_c23 (1).csv",)


@pytest.mark.parametrize("inside", ["kagglehub", "kagglehub/versions", ""])
def test_of_kagglehubs_versions_the_newest_is_read_and_named(root, tmp_path, rng, inside):
    versions = tmp_path / "kagglehub/versions"
    versions.mkdir(parents=True)
    root.rename(versions / "10")
    for number in ("1", "9"):
        picture(versions / number / POSITIVE, rng)
        table(versions / number, OTHER)
    frames, report = read(tmp_path / inside)
    older = [f"{versions.relative_to(tmp_path / inside).as_posix()}/{number}".removeprefix("./") for number in "19"]
    assert positive(frames) == (BOX,) and list(report["older_versions"]) == older and not report["duplicates"]
    assert all("10/" in name for name in report["tables"])
    assert load_sunquakenet(versions / "9", progress=False)[1]["older_versions"] == ()


def test_a_version_whose_download_was_cut_off_is_not_taken(root, tmp_path, rng):
    (tmp_path / "kagglehub/versions").mkdir(parents=True)
    root.rename(tmp_path / "kagglehub/versions/1")
    (tmp_path / "kagglehub/1.complete").touch()
    picture(tmp_path / "kagglehub/versions/2" / POSITIVE, rng)
    assert read(tmp_path / "kagglehub")[1]["older_versions"] == ("versions/2",)


@pytest.mark.parametrize("name", STRAYS)
def test_strays_of_systems_editors_and_browsers_are_skipped_and_told(root, name):
    for place in ("", "C23_pos/poz/"):
        (root / place / name).write_bytes(b"\0\5\x16\7 no picture and no table")
    frames, report = read(root)
    assert len(frames.index) == 2 and report["strays"] == tuple(sorted([f"C23_pos/poz/{name}", name]))
    assert not report["strange_files"] and not report["tables_left_out"]


def test_the_folder_that_macos_adds_to_archives_is_skipped(root, rng):
    picture(root / "__MACOSX" / POSITIVE, rng)
    assert read(root)[1]["strays"] == ("__MACOSX",)


@pytest.mark.parametrize("name", [os.fsdecode(b"Kopie f\xfcr M.png"), "Ma\u0308rz.png", "a\nb.png", "-rf.png"])
def test_a_name_in_any_letters_is_told_and_survives_an_ascii_output(root, name, capsys):
    picture(root / "C23_pos/poz/x.png", np.random.default_rng(1))
    (root / "C23_pos/poz/x.png").rename(root / "C23_pos/poz" / name)
    assert read(root)[1]["strange_files"] == (f"C23_pos/poz/{name}",)
    assert main(["data", "info", "--data", "sunquakenet", "--root", str(root), "--json"]) == 0
    printed = capsys.readouterr().out
    assert printed.isascii() and json.loads(printed)["report"]["strange_files"] == [f"C23_pos/poz/{name}"]


@pytest.mark.parametrize("name", ["img_poz_2001_04_06_19_13_00_21 (1).png", "img_poz_2001_04_06_19_13_00_21.jpg (1)",
                                  "Copy of img_poz_2001_04_06_19_13_00_21.png", "img_poz_2001_04_06_19_13_00_21.tif"])
def test_a_copy_of_a_picture_is_told_and_left_out(root, name):
    (root / "C23_pos/poz" / name).write_bytes((root / POSITIVE).read_bytes())
    frames, report = read(root)
    assert len(frames.index) == 2 and report["strange_files"] == (f"C23_pos/poz/{name}",)


@pytest.mark.parametrize("suffix", ["jpg", "png"])
@pytest.mark.parametrize("orientation", range(1, 9))
def test_a_picture_with_an_exif_orientation_is_seen_as_viewers_show_it(root, orientation, suffix):
    upright = np.zeros((32, 32), np.uint8)
    upright[:8, :16] = 200  # at the top left, wider than high
    stored = {1: upright, 2: upright[:, ::-1], 3: upright[::-1, ::-1], 4: upright[::-1], 5: upright.T,
              6: np.rot90(upright), 7: np.rot90(upright, 2).T, 8: np.rot90(upright, -1)}[orientation]
    exif = Image.Exif()
    exif[0x0112] = orientation
    (root / POSITIVE).unlink()
    path = (root / POSITIVE).with_suffix(f".{suffix}")
    Image.fromarray(np.ascontiguousarray(stored)).save(path, exif=exif)
    frames, report = read(root)
    assert np.abs(frames.pixels[1].astype(int) - upright).max() < 20
    assert report["turned"] == (path.relative_to(root).as_posix(),) * (orientation > 1)


def test_pictures_of_which_viewers_show_different_things_are_refused(root):
    gray = Image.fromarray(np.full((32, 32), 90, np.uint8))
    clear = gray.convert("LA")
    clear.putpixel((3, 4), (90, 0))
    palette = gray.convert("P")
    kinds = [("transparent", lambda path: clear.save(path)),
             ("transparent", lambda path: palette.save(path, transparency=90)),
             ("holds 2 pictures", lambda path: gray.save(path, save_all=True, append_images=[gray.rotate(90)])),
             ("mode CMYK", lambda path: gray.convert("CMYK").save(path, "JPEG")),
             ("mode I;16", lambda path: Image.fromarray(np.zeros((32, 32), np.uint16)).save(path)),
             ("no JPEG or PNG", lambda path: gray.save(path, "GIF")),
             ("no JPEG or PNG", lambda path: gray.save(path, "TIFF"))]
    for told, write in kinds:
        write(root / POSITIVE)
        with pytest.raises(SqError, match=f"{POSITIVE} .*{told}"):
            read(root)


@pytest.mark.parametrize("mode", ["1", "P", "RGB", "RGBA", "LA"])
def test_opaque_pictures_of_any_mode_and_of_the_other_suffix_are_read(root, mode):
    shown = np.where(np.arange(32) % 2, 255, 0).astype(np.uint8) * np.ones((32, 1), np.uint8)
    (root / POSITIVE).unlink()
    Image.fromarray(shown).convert(mode).save((root / POSITIVE).with_suffix(".JPEG"), "PNG")
    assert np.array_equal(read(root)[0].pixels[1], shown)


def test_pictures_in_colour_are_read_by_their_luminance_and_told(root):
    gray = Image.fromarray(np.tile(np.arange(0, 256, 8, dtype=np.uint8), (32, 1)))
    (root / POSITIVE).unlink()
    for shown, told in ((gray.convert("RGB"), ()), (ImageOps.colorize(gray, "navy", "yellow", "red"), ("jpg",))):
        shown.save((root / POSITIVE).with_suffix(".jpg"), quality=60)
        assert [name.rsplit(".", 1)[1] for name in read(root)[1]["coloured"]] == [*told]


def test_a_chapter_and_the_command_say_what_was_left_out(root, capsys):
    table(root, OTHER, "Copy of data_c23.csv")
    load_frames("sunquakenet", root, 16, progress=False)
    assert f"{root}: tables not read: 1, the first Copy of data_c23.csv: not named" in capsys.readouterr().err
    assert main(["data", "info", "--data", "sunquakenet", "--root", str(root)]) == 0
    assert "tables left out       1, the first: " in capsys.readouterr().out


def test_files_are_listed_apart_from_strays_in_a_folder_or_below_it(root):
    (root / ".git").mkdir()
    (root / ".git/x.png").touch()
    (root / "more").symlink_to(root / "C23_pos")
    names = [[path.relative_to(root).as_posix() for path in part] for part in files_of(root, deep=False)]
    assert names == [["data_c23.csv", "more"], [".git"]]
    assert [path.name for path in files_of(root)[0]][:1] == [NEGATIVE.rsplit("/", 1)[1]]
