import os
import struct
import zlib
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from sqlib.data.build import info, load_frames
from sqlib.data.export import export_frames
from sqlib.data.frames import frames_from_cube, make_frameset
from sqlib.data.sunquakenet import COLUMNS, fetch, load_sunquakenet, read_regions
from sqlib.errors import SqError

POSITIVE = "C23_pos/poz/img_poz_2001_04_06_19_13_00_21.png"  # annotated from 21 to 36
NEGATIVE = "C23_pos/neg/img_poz_2001_04_06_19_13_00_20.png"
ROW = "06.04.2001 19:13 ,21,36,,,,,,,,,1,8,9,12,20.5,,,,,a remark, with \n"


def picture(path, rng, shape=(32, 32), mode="L", **options):
    """Write noise as a picture."""
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(rng.integers(0, 256, shape, dtype=np.uint8)).convert(mode).save(path, **options)


@pytest.fixture
def net(tmp_path, rng):
    """Function that adds a gray picture to a SunquakeNet of 32 x 32 pixels and returns its root."""

    def add(*names, **options):
        for name in names:
            picture(tmp_path / "net" / name, rng, **options)
        return tmp_path / "net"

    return add


def table(root, rows, name="data_c23.csv", columns=COLUMNS):
    (root / name).write_text(",".join([*columns, "Obs"]) + "\n" + rows, encoding="utf-8")
    return root / name


def test_folders_give_labels_and_names_give_event_frame_and_time(net):
    frames, report = load_sunquakenet(net(POSITIVE, NEGATIVE))
    assert frames.index["label"].tolist() == [0, 1] and frames.index["frame"].tolist() == [20, 21]
    assert set(frames.index["event"]) == {"2001_04_06_19_13_00"} and set(frames.index["cycle"]) == {23}
    assert frames.index["time"][1] == pd.Timestamp("2001-04-06 19:13")
    assert (frames.source, frames.scaling, frames.pixels.shape) == ("sunquakenet", "published", (2, 32, 32))
    assert not any(report[kind] for kind in ("label_disagreements", "strange_files", "duplicates", "unknown_events"))


def test_any_depth_suffix_and_gray_or_rgb_are_read_and_what_is_hidden_is_not(net):
    root = net("a/b/" + POSITIVE, mode="RGB")
    net("c/" + NEGATIVE.replace(".png", ".PNG"), "C24_pos/neg/img_poz_2011_02_15_01_44_00_3.JPEG")
    net("C24_pos/poz/img_poz_2011_02_15_01_44_00_100.jpg", mode="RGB")
    net(f".C23_pos.0f1e2d3c/poz/{POSITIVE.rsplit('/', 1)[1]}")  # as a killed removal leaves it
    frames, _ = load_sunquakenet(root)
    assert frames.index["label"].tolist() == [0, 1, 0, 1]
    assert np.array_equal(frames.pixels[1], np.asarray(Image.open(root / "a/b" / POSITIVE))[..., 0])


def test_events_without_annotation_have_no_label(net):
    frames, report = load_sunquakenet(net("C24_TEST_pos/poz/img_poz_2011_12_30_03_03_00_15.png"))
    assert frames.index["label"].tolist() == [-1] and not report["label_disagreements"]


def test_upsampled_copies_are_counted_and_left_out(net):
    root = net(POSITIVE, *(POSITIVE.replace(".png", f"_T{i}.png") for i in range(5)))
    table(root, ROW)
    frames, report = load_sunquakenet(root)
    assert len(frames.index) == 1 and report["upsampled"] == 5 and len(frames.index["boxes"][0]) == 1
    assert np.array_equal(frames.pixels[0], np.asarray(Image.open(root / POSITIVE)))


def test_labels_that_table_1_contradicts_are_listed_and_kept(net):
    wrong = "C23_pos/neg/img_poz_2001_04_06_19_13_00_30.png"
    frames, report = load_sunquakenet(net(POSITIVE, wrong))
    assert report["label_disagreements"] == ((wrong, 0, 1),)
    assert frames.index["label"].tolist() == [1, 0]


def test_what_is_odd_is_reported(net):
    copy, strange = POSITIVE.replace(".png", ".jpg"), "C23_pos/poz/quake.png"
    outside = "img_poz_2001_04_06_19_13_00_9.png"
    unknown, impossible = (f"C24_pos/neg/img_poz_{day}_01_01_00_7.png" for day in ("2010_06_07", "2010_13_41"))
    frames, report = load_sunquakenet(net(POSITIVE, copy, strange, outside, unknown, impossible))
    assert report["duplicates"] == (POSITIVE,) and len(frames.index) == 2  # .jpg comes before .png
    assert set(report["strange_files"]) == {strange, outside, impossible}
    assert report["unknown_events"] == ("2010_06_07_01_01_00",)
    assert frames.index.loc[frames.index["event"] == "2010_06_07_01_01_00", "label"].tolist() == [0]


def test_regions_become_boxes_of_their_frames(net):
    root = net(POSITIVE, NEGATIVE)
    table(root, ROW + "\n" + "," * 20 + "\n")
    assert read_regions(root / "data_c23.csv")["boxes"].iloc[0] == ((8.0, 9.0, 12.0, 20.5),)
    frames, report = load_sunquakenet(root)
    assert frames.index["boxes"].tolist() == [(), ((8.0, 9.0, 12.0, 20.5),)]
    assert report["tables"] == ("data_c23.csv",) and not report["region_disagreements"] and not report["boxes_outside"]
    assert load_sunquakenet(root, size=16)[0].index["boxes"][1] == ((4.0, 4.5, 6.0, 10.25),)
    assert load_sunquakenet(root, size=16)[0].pixels.shape == (2, 16, 16)


def test_a_table_of_no_regions_gives_no_boxes(net):
    table(net(POSITIVE), "")
    frames, report = load_sunquakenet(table(net(POSITIVE), ROW, "data_c24.csv").parent)
    assert report["tables"] == ("data_c23.csv", "data_c24.csv") and len(frames.index["boxes"][0]) == 1
    table(net(POSITIVE), "", "data_c24.csv")
    assert load_sunquakenet(net(POSITIVE))[0].index["boxes"].tolist() == [()]


def test_boxes_outside_the_frame_are_clipped_or_dropped_and_reported(net):
    root = net(POSITIVE)
    table(root, "06.04.2001 19:13,21,36,,,,,,,,,2,-4,9,12,20,40,1,50,8,\n")
    frames, report = load_sunquakenet(root)
    assert frames.index["boxes"][0] == ((0.0, 9.0, 12.0, 20.0),)
    clipped, dropped = ((-4.0, 9.0, 12.0, 20.0), "clipped"), ((40.0, 1.0, 50.0, 8.0), "dropped")
    assert report["boxes_outside"] == (("2001_04_06_19_13_00", *clipped), ("2001_04_06_19_13_00", *dropped))


def test_intervals_and_events_that_table_1_does_not_list_are_reported(net):
    root = net(POSITIVE)
    table(root, ROW.replace("21,36", "20,36") + ROW.replace("2001", "2002"))
    report = load_sunquakenet(root)[1]
    assert report["region_disagreements"] == (("2001_04_06_19_13_00", (20, 36)),)
    assert report["unknown_events"] == ("2002_04_06_19_13_00",)


@pytest.mark.parametrize(("old", "new", "told"), [
    ("06.04.2001 19:13 ", "2001-04-06 19:13", "Time: '2001-04-06 19:13': .* not match format '%d.%m.%Y"),
    ("06.04.2001 19:13 ", "04/06/2001 19:13", "Time: '04/06/2001 19:13'.* mean 2001-06-04 or 2001-04-06"),
    ("06.04.2001 19:13 ", "36987.8", "Time: '36987.8'.* a spreadsheet counts days so"),
    ("21,36", "36,21", "FS, FE: 36 to 21 is no interval"),
    ("36,,,,", "36,10,5,11,5,4,0,3,5", "b1_x0…b1_y1: .* is no box"),  # decimal commas that shift the columns
])
def test_wrong_rows_are_refused_with_file_line_and_column(net, old, new, told):
    path = table(net(POSITIVE), ROW + ROW.replace(old, new))
    with pytest.raises(SqError, match=f"line 3, column {told}") as error:
        load_sunquakenet(path.parent)
    assert str(path) in str(error.value)


@pytest.mark.parametrize("suffix", [".jpg", ".png"])
def test_a_truncated_picture_and_what_is_none_are_refused_by_name(net, suffix):
    path = net(NEGATIVE, POSITIVE.replace(".png", suffix)) / POSITIVE.replace(".png", suffix)
    for content in (path.read_bytes()[: path.stat().st_size // 2], b"", b"GIF89a", b"\x89PNG\r\n\x1a\n"):
        path.write_bytes(content)
        with pytest.raises(SqError, match=f"{path.name} is truncated or no JPEG or PNG"):
            load_sunquakenet(path.parents[2])


@pytest.mark.parametrize("side", [5000, 60000])
def test_huge_pictures_are_refused_unopened(net, side):
    """A few bytes that claim to be a picture of many megapixels: a decompression bomb."""
    path = net(POSITIVE) / POSITIVE
    head = b"IHDR" + struct.pack(">II", side, side)
    png = path.read_bytes()
    rest = png[24:29]  # depth, colour, compression, filter, interlace
    path.write_bytes(png[:12] + head + rest + struct.pack(">I", zlib.crc32(head + rest)) + png[33:])
    with pytest.raises(SqError, match=r"a frame has 256×256|decompression bomb"):
        load_sunquakenet(path.parents[2])


def test_frames_of_several_sizes_are_refused(net):
    root = net(POSITIVE)
    net(NEGATIVE, shape=(24, 32))
    with pytest.raises(SqError, match=r"32×24 pixels, others 32×32|32×32 pixels, others 32×24"):
        load_sunquakenet(root)


def test_absent_and_empty_folders_tell_the_layout(tmp_path):
    for root in (tmp_path / "absent", tmp_path):
        with pytest.raises(SqError, match="expected <set>/poz/img_poz_"):
            load_sunquakenet(root)


def test_links_that_lead_out_are_refused_and_links_within_are_not(net, tmp_path):
    root = net(POSITIVE)
    (root / NEGATIVE).parent.mkdir()
    (root / NEGATIVE).symlink_to(root / POSITIVE)
    assert len(load_sunquakenet(root)[0].index) == 2
    (tmp_path / "secret.png").write_bytes((root / POSITIVE).read_bytes())
    (root / NEGATIVE).unlink()
    (root / NEGATIVE).symlink_to(tmp_path / "secret.png")
    with pytest.raises(SqError, match="leads out"):
        load_sunquakenet(root)
    (root / NEGATIVE).unlink()
    (root / "more").symlink_to(tmp_path)
    with pytest.raises(SqError, match="leads out"):
        load_sunquakenet(root)


def test_fetching_without_a_network_says_what_to_do(monkeypatch):
    import kagglehub

    def fail(handle):
        raise ConnectionError("no route to host")

    monkeypatch.setattr(kagglehub, "dataset_download", fail)
    with pytest.raises(SqError, match=r"no route to host.*root="):
        fetch()


@pytest.fixture
def twin(cube, rng):
    """Frames of three simulated events: one box, two boxes that overlap in time, no annotation."""
    power = rng.exponential(size=(40, 32, 32)).astype(np.float32)
    boxes = (((90, 108), ((3.0, 4.0, 9.25, 8.0),)), ((105, 114), ((1 / 3, 20.0, 6.0, 31.5),)))
    others = [{}, {"event": "2011_12_30_03_03_00", "boxes": ()},
              {"event": "2014_02_02_06_24_00", "first_frame": 82, "boxes": boxes}]
    parts = [frames_from_cube(replace(cube, power=power, **other), size=32) for other in others]
    index = pd.concat([part.index for part in parts], ignore_index=True)
    return make_frameset(np.concatenate([part.pixels for part in parts]), index, "twin", "cube")


def test_what_is_exported_loads_back(twin, tmp_path):
    root = export_frames(twin, tmp_path / "out")
    folders, files = ["C23_pos", "C24_TEST_pos", "C24_pos"], ["README.txt", "data_c23.csv", "data_c24.csv"]
    assert sorted(path.name for path in root.iterdir()) == folders + files
    back, report = load_sunquakenet(root)
    assert np.array_equal(back.pixels, twin.pixels) and back.source == "twin"
    columns = ["event", "cycle", "frame", "label", "boxes"]
    pd.testing.assert_frame_equal(back.index[columns], twin.index[columns])
    odd = ("label_disagreements", "region_disagreements", "boxes_outside", "strange_files")
    assert not any(report[kind] for kind in odd)
    assert read_regions(root / "data_c24.csv")["boxes"].iloc[0] == ((3.0, 4.0, 9.25, 8.0),)


def test_an_export_of_simulated_frames_says_so(twin, tmp_path):
    assert "SIMULATED" in (export_frames(twin, tmp_path / "out") / "README.txt").read_text()
    with pytest.raises(SqError, match="simulated frames"):  # else a chapter would mark them as observed
        load_frames("sunquakenet", root=tmp_path / "out", progress=False)
    real = replace(twin, source="sunquakenet")
    assert load_sunquakenet(export_frames(real, tmp_path / "again"))[0].source == "sunquakenet"
    assert "SIMULATED" not in (export_frames(real, tmp_path / "real") / "README.txt").read_text()
    assert len(list((tmp_path / "real").rglob("*.png"))) == len(twin.index)


def test_an_export_never_writes_into_a_folder_in_use(twin, tmp_path):
    (tmp_path / "mine").write_text("precious")
    for root in (tmp_path, tmp_path / "mine"):
        with pytest.raises(SqError, match="not empty"):
            export_frames(twin, root)
    assert (tmp_path / "mine").read_text() == "precious" and len(list(tmp_path.iterdir())) == 1


def test_an_export_to_a_full_disk_leaves_nothing(twin, tmp_path, monkeypatch):
    def full(*_, **__):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Image.Image, "save", full)
    with pytest.raises(SqError, match="No space left"):
        export_frames(twin, tmp_path / "out")
    assert os.listdir(tmp_path) == []


def test_the_real_sample_loads_as_its_readme_says(real):
    frames, report = load_sunquakenet(real)
    assert frames.pixels.shape == (280, 256, 256)
    odd = ("label_disagreements", "region_disagreements", "unknown_events", "strange_files")
    assert not any(report[kind] for kind in odd)
    assert [event for event, _, _ in report["boxes_outside"]] == ["2000_11_24_04_54_00", "2002_07_15_19_52_00"]
    facts = info(frames)
    assert (facts["positives"], facts["negatives"], facts["unlabelled"]) == (115, 157, 8)
    assert facts["cycles"]["23"]["positives"] == 115 and facts["source"] == "sunquakenet"
    assert abs(frames.pixels.mean() - 19) < 3
    assert np.median(frames.pixels.max((1, 2))) > 240  # scaled to their own maximum


def test_the_real_sample_survives_an_export(real, tmp_path):
    frames, _ = load_sunquakenet(real)
    back, _ = load_sunquakenet(export_frames(frames, tmp_path / "out"))
    assert back.fingerprint == frames.fingerprint
