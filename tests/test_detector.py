"""The detector: boxes made fit, events divided, frames and boxes turned together, training kept and gone on with."""

from dataclasses import replace
from functools import partial

import numpy as np
import pandas as pd
import pytest
import torch

from sqlib.data import catalogue
from sqlib.data.frames import FrameSet, make_frameset, make_index
from sqlib.errors import SqError
from sqlib.judge import detection
from sqlib.learn import boxes, detector, rcnn, recipes, trained
from sqlib.learn.models import trunk
from sqlib.learn.rcnn import Detector
from sqlib.learn.settings import Model
from sqlib.learn.trained import Unfinished

SIZE = 64
SMALL = Detector("resnet6", "none", width=4, enlarge=1.0, anchors=(6.0, 12.0), gray="local", epochs=2, batch=4,
                 optimizer="adam", rate=3e-3, schedule="cosine", proposals=50, sampled=16, least=0.01)


def frames_with(events: int, each: int = 4, cycle: int = 23, side: int = 8, seed: int = 0) -> FrameSet:
    """Faint noise, and in each event a bright square at a place of its own, annotated."""
    rng, pixels, rows = np.random.default_rng(seed), [], []
    own = [event for event in catalogue() if event.cycle == cycle and event.labelled][:events]
    for event in own:
        x, y = rng.integers(4, SIZE - side - 4, 2)
        for frame in range(each):
            picture = rng.exponential(12, (SIZE, SIZE)).clip(0, 80)
            picture[y : y + side, x : x + side] = 200
            pixels.append(picture.astype(np.uint8))
            box = (float(x), float(y), float(x + side), float(y + side))
            rows.append((event.key, cycle, frame, np.datetime64(event.time, "ms"), 1, (box,)))
    index = make_index(pd.DataFrame(rows, columns=["event", "cycle", "frame", "time", "label", "boxes"]))
    return make_frameset(np.stack(pixels), index, "twin", "cube")


def with_boxes(frameset: FrameSet, changed: dict) -> FrameSet:
    own = [changed.get(i, before) for i, before in enumerate(frameset.index["boxes"])]
    return make_frameset(frameset.pixels, frameset.index.assign(boxes=own), "twin", "cube")


def test_boxes_are_cut_at_the_edge_and_dropped_without_area():
    given = [(-3, 5, 10, 70), (5, 5, 5, 9), (70, 70, 80, 80), (64, 0, 70, 5), (1, 2, 3, 4)]
    assert boxes.clean(given, SIZE) == ((0, 5, 10, 64), (1, 2, 3, 4))


@pytest.mark.parametrize("box", [(10, 0, 5, 5), (0, 9, 5, 5), (0, 0, np.nan, 5), (1, 2, 3)])
def test_boxes_with_swapped_corners_or_without_numbers_are_refused(box):
    with pytest.raises(SqError, match="is none"):
        boxes.clean([box], SIZE)


def test_what_was_cut_and_dropped_is_counted_and_double_sources_are_kept():
    double = ((1.0, 2.0, 9.0, 9.0), (20.0, 20.0, 30.0, 31.0))
    frameset = with_boxes(frames_with(3), {0: double, 1: ((-5.0, 0.0, 6.0, 8.0),), 2: ((90.0, 0.0, 99.0, 9.0),), 3: ()})
    table, counts = boxes.annotated(frameset)
    assert counts == {"frames": 10, "boxes": 11, "clipped": 1, "dropped": 1, "without": 2}
    assert table["boxes"].iloc[0] == double
    assert table["place"].tolist() == [0, 1, *range(4, 12)]


def test_no_event_is_trained_on_and_tested_and_cycle_24_tests_a_detector_of_cycle_23():
    both = [frames_with(10), frames_with(10, cycle=24)]
    pixels = np.concatenate([one.pixels for one in both])
    frameset = make_frameset(pixels, pd.concat([one.index for one in both], ignore_index=True), "twin", "cube")
    table, _ = boxes.annotated(frameset)
    for train_on, expected in (("sc23", [8, 0, 2, 10]), ("all", [8, 8, 2, 2])):
        own, held = boxes.parts(table, train_on)
        assert not set(own["event"]) & set(held["event"])
        assert [
            part.loc[part["cycle"] == cycle, "event"].nunique() for part in (own, held) for cycle in (23, 24)
        ] == expected


def test_frames_without_annotation_cannot_teach():
    with pytest.raises(SqError, match="region tables"):
        boxes.parts(boxes.annotated(with_boxes(frames_with(2), dict.fromkeys(range(8), ())))[0])


@pytest.mark.parametrize("which", range(8))
def test_a_frame_and_its_boxes_turn_together(which):
    frame = torch.zeros(SIZE, SIZE)
    frame[5:15, 30:37] = 1
    turned, own = boxes.flipped(frame, torch.tensor([[30.0, 5, 37, 15]]), which)
    x0, y0, x1, y1 = own[0].int().tolist()
    assert turned[y0:y1, x0:x1].sum() == turned.sum() == 70


def test_a_part_of_a_frame_holds_the_middle_of_a_box_and_what_is_in_it(rng):
    frame, own = torch.zeros(SIZE, SIZE), torch.tensor([[30.0, 5, 40, 15], [2.0, 55, 8, 61]])
    for x0, y0, x1, y1 in own.int().tolist():
        frame[y0:y1, x0:x1] = 1
    for _ in range(50):
        part, kept = boxes.cropped(frame, own, 24, rng)
        assert part.shape == (24, 24) and len(kept) >= 1
        inside = torch.zeros_like(part)
        for x0, y0, x1, y1 in kept.int().tolist():
            inside[y0:y1, x0:x1] = 1
        assert (part[inside > 0] == 1).all()
        assert ((part > 0) & (inside == 0)).sum() < 25  # less than a quarter of a box, no longer listed
    assert boxes.cropped(frame, own, 0, rng)[0] is frame


def test_local_gray_levels_depend_neither_on_the_scale_nor_but_for_the_first_on_the_surroundings(rng):
    frames = torch.from_numpy(rng.integers(1, 100, (2, SIZE, SIZE)).astype(np.uint8))
    torch.testing.assert_close(rcnn.seen(2 * frames, "local"), rcnn.seen(frames, "local"))
    ramp = torch.linspace(1, 4, SIZE)
    made = rcnn.seen(torch.from_numpy(rng.exponential(10, (1, SIZE, SIZE))).float() * ramp, "local")[0]
    relative, local, _ = (float(one[:, -16:-8].mean() / one[:, 8:16].mean()) for one in made)
    assert relative == pytest.approx((3.43 / 1.57) ** 0.5, abs=0.12)  # the ramp at the middles of both strips
    assert local == pytest.approx(1, abs=0.12)
    assert made.mean((1, 2)).tolist() == pytest.approx([0.45] * 3, abs=0.06)  # ImageNet's mean


def test_a_detector_finds_bright_squares_in_events_that_it_never_saw(sq_home):
    frameset = frames_with(12, each=5)
    run = detector.train(replace(SMALL, epochs=10), frameset, progress=False)
    table = boxes.annotated(frameset)[0]
    own, held = boxes.parts(table)
    assert run.card["events"] == sorted(set(own["event"]))
    asked = detector.detect(run, frameset.pixels[held["place"].to_numpy()])
    found = detection.compare(held, detector.best(asked))
    assert detection.correct(found).mean() > 0.9
    assert found["pixels"].median() < 2
    assert run.history["loss"].iloc[-1] < 0.5 * run.history["loss"].iloc[0]


def test_a_run_is_found_again_and_one_that_was_cut_off_ends_with_the_same_weights(sq_home, monkeypatch):
    frameset, train = frames_with(5, each=2), partial(detector.train, SMALL, progress=False)
    whole = train(frameset)
    assert trained.is_complete(detector.run_key(SMALL, frameset.fingerprint))
    monkeypatch.setattr(trained, "fit", None)
    assert train(frameset).key == whole.key  # it would fail if it trained again
    monkeypatch.undo()
    expected = detector.load_net(whole, "cpu").state_dict()
    monkeypatch.setenv("SQ_HOME", str(sq_home / "other"))
    with pytest.raises(Unfinished, match="1 of 2 epochs"):
        train(frameset, seconds=0)
    again = train(frameset)
    assert again.history["epoch"].tolist() == [1, 2]
    assert whole.history["loss"].tolist() == again.history["loss"].tolist()
    for name, tensor in detector.load_net(again, "cpu").state_dict().items():
        assert torch.equal(tensor, expected[name]), name


def test_data_and_settings_have_keys_of_their_own():
    settings = SMALL, replace(SMALL, seed=2), replace(SMALL, patch=8)
    assert len({detector.run_key(one, data) for one in settings for data in "ab"}) == 6


def test_detections_do_not_depend_on_the_batch_and_stand_in_order(rng):
    torch.manual_seed(0)
    net = rcnn.make_detector(replace(SMALL, least=0.0)).eval()
    frames = rng.integers(0, 255, (5, SIZE, SIZE)).astype(np.uint8)
    one, four = (detector.detect(net, frames, batch=batch, device="cpu") for batch in (1, 4))
    pd.testing.assert_frame_equal(one, four, rtol=1e-3, atol=1e-2)
    assert one["position"].is_monotonic_increasing
    assert (one.groupby("position")["score"].diff().dropna() <= 0).all()
    top = detector.best(one.sample(frac=1, random_state=0))
    assert top["position"].tolist() == list(range(5))
    assert (top.set_index("position")["score"] == one.groupby("position")["score"].max()).all()
    assert len(detector.detect(net, frames[:0])) == 0


@pytest.mark.parametrize("frames", [np.zeros((2, 8, 9), np.uint8), np.zeros((8, 8), np.uint8), np.zeros((2, 8, 8))])
def test_frames_of_another_shape_or_type_are_refused(frames):
    with pytest.raises(SqError, match="uint8"):
        detector.detect(rcnn.make_detector(SMALL), frames)


@pytest.mark.parametrize(("wrong", "words"), [
    ({"backbone": "vgg"}, "backbone='vgg': .*'resnet50'"), ({"weights": "coco"}, "no coco weights for resnet6"),
    ({"anchors": (5.0,)}, "2 levels"), ({"anchors": (5.0, -1.0)}, "greater than 0"), ({"train_on": "sc22"}, "train_on"),
])
def test_settings_that_cannot_be_trained_with_are_refused(wrong, words):
    with pytest.raises(SqError, match=words):
        replace(SMALL, **wrong)


def test_the_authors_settings_make_torchvisions_network_with_two_classes():
    net = rcnn.make_detector(Detector(), learned=False)
    count = sum(p.numel() for p in net.parameters())
    assert count == pytest.approx(41.3e6, rel=0.01)  # torchvision's fasterrcnn_resnet50_fpn with two classes
    assert net.roi_heads.box_predictor.cls_score.out_features == 2
    frames = rcnn.looked_at(net, torch.zeros(1, 3, 256, 256))
    assert net.transform(frames)[0].tensors.shape[-2:] == (800, 800)


def test_weights_that_cannot_be_had_are_named_with_what_does_without(monkeypatch):
    def offline(*_, **__):
        raise OSError("no network")

    monkeypatch.setattr("torch.hub.load_state_dict_from_url", offline)
    for module in ("torchvision._internally_replaced_utils", "torchvision.models._api"):
        monkeypatch.setattr(f"{module}.load_state_dict_from_url", offline)
    for weights in ("coco", "imagenet"):
        with pytest.raises(SqError, match=r"weights='none' .*-p weights=none"):
            rcnn.make_detector(Detector(weights=weights))


def test_a_damaged_file_of_weights_learned_elsewhere_is_named_with_the_cure(monkeypatch):
    def cut_off(*_, **__):
        raise RuntimeError("PytorchStreamReader failed reading zip archive: failed finding central directory\nmore")

    monkeypatch.setattr("torchvision.models._api.load_state_dict_from_url", cut_off)
    for call in (lambda: rcnn.make_detector(Detector()), lambda: trunk(Model("resnet18", weights="imagenet"), 3)):
        with pytest.raises(SqError, match=r"damaged, or arrived so .*central directory.; delete them"):
            call()


def test_the_plan_of_the_chapter_trains_on_both_cycles_only_where_both_have_boxes_and_on_the_twin_beside_real_frames():
    from sqbook.parameters import resolve

    _, values = resolve("06_object_detection", "smoke", {})
    plan = partial(recipes.plan, "06_object_detection", frameset=frames_with(3))
    assert list(plan(values)) == [recipes.PAPER]
    real = plan({**values, "data": "sunquakenet"})
    assert {name: one.data for name, one in real.items()} == {recipes.PAPER: "own", recipes.TWIN: "twin"}
    assert real[recipes.TWIN].train_on == "all"
    _, values = resolve("06_object_detection", "paper", {"weights": "none"})
    paper = plan(values)[recipes.PAPER]
    assert paper == Detector(weights="none", anchors=paper.anchors)
    with pytest.raises(SqError, match=r"lacks a parameter.*rate"):
        plan({name: v for name, v in values.items() if name != "rate"})
