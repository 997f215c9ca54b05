"""Table 5's measures: cases worked out by hand."""

import numpy as np
import pandas as pd
import pytest

from sqlib.judge import detection as d
from sqlib.judge.published import table

BOX = (10.0, 10.0, 20.0, 20.0)
HMI, MDI = "2011_09_07_22_32_00", "1996_07_09_09_01_00"


def truth(count=10, event=HMI, cycle=24, boxes=(BOX,), first=5):
    frames = range(first, first + count)
    return pd.DataFrame({"event": event, "cycle": cycle, "frame": frames, "boxes": [boxes] * count})


def asked(*boxes, scores=None):
    """Best boxes, one a frame; None where there is none."""
    rows = [(i, *box, 1.0 if scores is None else scores[i]) for i, box in enumerate(boxes) if box is not None]
    return pd.DataFrame(rows, columns=["position", "x0", "y0", "x1", "y1", "score"])


def at(x, y, side=4.0):
    return (x - side / 2, y - side / 2, x + side / 2, y + side / 2)


def test_iou_by_hand():
    # a quarter of the box: 25 of 100; half of it beside as much of nothing: 50 of 150; apart; without any area
    cases = [(10, 10, 15, 15), (15, 10, 25, 20), (30, 30, 40, 40), (12, 12, 12, 12), BOX]
    assert d.iou([BOX], cases)[0] == pytest.approx([0.25, 1 / 3, 0, 0, 1])
    assert d.iou([(5, 5, 5, 5)], [(5, 5, 5, 5)])[0, 0] == 0


def test_a_box_beside_the_truth_by_hand():
    # the centre (24, 18) is 4 px right of the box, and (9, 3) from its centre (15, 15)
    found = d.compare(truth(4), asked(at(24, 18), at(15, 15), None, (10, 10, 20, 30)))
    assert found["outside"].tolist() == pytest.approx([4, 0, np.inf, 0])
    assert found["pixels"].tolist()[:2] == pytest.approx([np.hypot(9, 3), 0])
    assert found["Mm"][0] == pytest.approx(1.09 * np.hypot(9, 3))
    assert found["iou"].tolist() == pytest.approx([0, 0.16, 0, 0.5])
    assert found["inside"].tolist() == [False, True, False, False]
    assert found["ratio"].tolist()[1::2] == pytest.approx([0.16, 2])
    assert found[["pixels", "score"]].iloc[2].isna().all()
    # frames at half of the cube's resolution: a pixel is twice as large
    assert d.compare(truth(1), asked(at(24, 18)), scale=2)["Mm"][0] == pytest.approx(2 * 1.09 * np.hypot(9, 3))


def test_of_two_annotated_sources_the_nearer_one_counts():
    found = d.compare(truth(2, boxes=(BOX, (40.0, 40.0, 44.0, 44.0))), asked(at(42, 42), at(14, 15)))
    assert found["pixels"].tolist() == pytest.approx([0, 1])
    assert found["iou"].tolist() == pytest.approx([1, 0.16])
    assert d.correct(found).all()


def test_a_low_iou_can_be_a_correct_signature_and_the_definitions_part():
    # within the annotation but a twenty-fifth of it; 1 px off its edge; touching; nowhere
    found = d.compare(truth(4), asked(at(15, 15, 2), at(21, 15), at(22.5, 15, 6), at(50, 50)))
    said = [d.correct(found, name).tolist() for name in d.DEFINITIONS]  # centre, 2 px off, touch, IoU of 0.2 and of 0.5
    assert said == [[True] + [False] * 3, [True] * 2 + [False] * 2, [True] * 3 + [False], [False] * 4, [False] * 4]


def test_the_longest_row_of_frames_at_one_place():
    inside, out = at(15, 15), at(40, 40)
    boxes = [inside, inside, inside, out, inside, inside, None, inside, at(19, 15), at(19, 19)]
    found = d.compare(truth(10), asked(*boxes))
    assert d.longest(found, d.correct(found)) == 3  # 0-2, 4-5, then 7-9 with steps of 4 px each
    assert d.longest(found, d.correct(found), spot=3.9) == 3
    assert d.longest(found.iloc[3:], d.correct(found).iloc[3:], spot=3.9) == 2
    jump = d.compare(truth(2), asked(at(11, 15), at(19, 15)))  # both inside, 8 px apart
    assert d.correct(jump).all()
    assert d.longest(jump, d.correct(jump)) == 1
    gap = found.iloc[[0, 2]]  # frames 5 and 7: the one between was never asked about
    assert d.longest(gap, [True, True]) == 1
    assert d.longest(found, [False] * 10) == 0


def test_table_5_by_hand_from_two_events_of_a_cycle():
    # event A: 10 frames, 6 of them right and a quarter of the truth; B: 4 frames, all right and equal to it
    frames = pd.concat([truth(10), truth(4, event="2011_09_26_05_06_00")], ignore_index=True)
    found = d.compare(frames, asked(*[(10, 10, 15, 15)] * 6, *[at(50, 50)] * 4, *[BOX] * 4))
    events = d.by_event(found)
    assert events["IoU"].tolist() == pytest.approx([0.15, 1])
    assert events["correct-signature coverage"].tolist() == pytest.approx([0.6, 1])
    value = d.table5(events, seed=0, draws=50).set_index("metric")["value"]
    assert value["IoU"] == pytest.approx(0.575)  # the mean of events, not of frames (0.393)
    assert value["correct-signature coverage"] == pytest.approx(0.8)
    assert value[[f"minimum duration {n}" for n in (1, 4, 6, 8)]].tolist() == [1, 1, 0.5, 0]
    assert value["boxes inside the truth"] == pytest.approx(0.8)


def test_table_5_has_the_printed_rows_for_each_cycle_with_an_interval_about_the_mean():
    rng = np.random.default_rng(0)
    frames = pd.concat([truth(12, event=f"e{n}", cycle=23 + n % 2) for n in range(6)], ignore_index=True)
    found = d.compare(frames, asked(*[at(*rng.uniform(10, 26, 2), 8) for _ in range(len(frames))]))
    ours = d.table5(d.by_event(found), seed=1, draws=200)
    assert (ours["low"] < ours["high"]).all()  # also where no event, or every one, has it
    for _, own in ours.groupby("cycle"):
        assert own["metric"].tolist() == table("table5")["metric"].tolist()
        assert (own["low"] <= own["value"]).all() and (own["value"] <= own["high"]).all()
        assert (own["events"] == 3).all()


def test_the_printed_shares_of_events_betray_how_many_events_were_tested():
    printed = table("table5").set_index("metric").filter(like="minimum", axis=0)

    def fits(count, shares):  # cut off, not rounded
        return all(any(0 <= 100 * k / count - share < 0.1 for k in range(count + 1)) for share in shares)

    assert [next(n for n in range(1, 60) if fits(n, printed[cycle])) for cycle in ("sc23", "sc24")] == [4, 33]


def test_the_localisation_error_is_a_median_over_frames_in_pixels_and_megametres():
    table = pd.concat([truth(3), truth(2, event=MDI, cycle=23)], ignore_index=True)
    found = d.compare(table, asked(at(16, 15), at(17, 15), None, at(18, 15), at(19, 15)))
    table = d.errors(found, seed=0, draws=100).set_index("unit")
    assert table.loc["pixels", "median"] == pytest.approx(2.5)  # of 1, 2, 3, 4
    assert table.loc["Mm", "median"] == pytest.approx((2 * 1.09 + 3 * 1.45) / 2)
    assert (table["frames"] == 4).all()
    assert table.loc["pixels", "low"] < 2.5 < table.loc["pixels", "high"]
    none = d.errors(d.compare(truth(2), asked(None, None)), seed=0)
    assert none["median"].isna().all()


def test_coco_average_precision_by_hand():
    """Two frames; the surer box is right, the other apart from the truth: precision 1 up to recall 1/2, then 0."""
    table = truth(2)
    ap = d.coco_ap(table, asked(BOX, at(50, 50), scores=(0.9, 0.4)), thresholds=(0.1, 0.5))
    half = 51 / 101  # COCO reads the curve at 101 recalls, 51 of them from 0 to 0.5
    assert ap == pytest.approx({"AP": half, "AP at 0.1": half, "AP at 0.5": half}, abs=1e-6)
    # IoU 0.64: right at thresholds 0.50, 0.55, 0.60 of the ten
    ap = d.coco_ap(table, asked(at(15, 15, 8), at(15, 15, 8)), thresholds=(0.1, 0.75))
    assert ap == pytest.approx({"AP": 0.3, "AP at 0.1": 1.0, "AP at 0.75": 0.0}, abs=1e-6)
    assert d.coco_ap(table, asked(None, None), thresholds=())["AP"] == 0


def test_what_learns_nothing_puts_its_box_about_the_brightest_place(rng):
    frames = np.full((2, 64, 64), 10, np.uint8)
    frames[0, 20, 30] = 255  # one hot pixel
    frames[0, 40:44, 50:54] = 60  # a source
    frames[1, 5, 60] = 99
    box = d.brightest(frames, side=6)
    assert box[["x0", "y0", "x1", "y1"]].iloc[0].tolist() == [27.5, 17.5, 33.5, 23.5]
    assert box["score"].tolist() == [255, 99]
    clump = d.stands_out(frames[:1], sigma=2.0)
    assert abs(clump["x0"][0] + 6 - 52) <= 1 and abs(clump["y0"][0] + 6 - 42) <= 1


def test_one_box_for_an_event_is_where_the_scores_add_up():
    boxes = asked(at(10, 10), at(50, 50), at(11, 10), at(12, 10), at(30, 30), scores=(0.5, 0.9, 0.4, 0.3, 0.2))
    fused = d.fuse(boxes, ["a", "a", "a", "a", "b"])
    assert fused["position"].tolist() == [0, 1]
    x = (0.5 * 10 + 0.4 * 11 + 0.3 * 12) / 1.2
    assert (fused["x0"][0] + fused["x1"][0]) / 2 == pytest.approx(x)
    assert fused["score"].tolist() == pytest.approx([1.2 / 4, 0.2])
    empty = d.fuse(boxes.iloc[:0], ["a"])
    assert len(empty) == 0
