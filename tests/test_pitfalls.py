"""The pitfalls laboratory: each experiment shows the mistake that it is about, and what it counts is counted right."""


import numpy as np
import pandas as pd
import pytest
import torch
from sklearn.metrics import f1_score
from sklearn.neighbors import KNeighborsRegressor

from sqlib.data.frames import make_frameset, make_index
from sqlib.errors import SqError
from sqlib.judge import metrics, pitfalls
from sqlib.learn.augment import draw_symmetry, erase, turn
from sqlib.learn.samples import make_samples


def movies(rng, events=6, frames=20, size=16, bright=60):
    """Frames of a few events; frames 5 to 9 of each are positive and have a bright pixel in a box of 4 px at (6, 6)."""
    pixels = rng.integers(0, 50, (events, frames, size, size)).astype(np.uint8)
    label = np.isin(np.arange(frames), range(5, 10))
    pixels[:, label, 8, 8] = 50 + bright
    rows = [{"event": f"e{e}", "cycle": 24, "frame": n, "time": np.datetime64("2012-01-01"), "label": int(label[n]),
             "boxes": ((6.0, 6.0, 10.0, 10.0),) if label[n] else ()} for e in range(events) for n in range(frames)]
    return make_frameset(pixels.reshape(-1, size, size), make_index(rows), "twin", "cube")


def turned(part, generator):
    return turn(part, draw_symmetry(len(part), "dihedral", generator))


def test_blocks_are_averages_over_the_mean_of_the_frame(rng):
    frameset = movies(rng)
    found = pitfalls.blocks(make_samples(frameset, 1), 4)
    frame = frameset.pixels[3].astype(float)
    by_hand = [frame[y : y + 4, x : x + 4].mean() / frame.mean() for y in range(0, 16, 4) for x in range(0, 16, 4)]
    assert np.allclose(found[3], by_hand, rtol=1e-5)
    with pytest.raises(SqError, match="block=17 does not fit frames of 16"):
        pitfalls.blocks(make_samples(frameset, 1), 17)


def test_the_calendar_copies_the_nearest_frame_of_the_same_event_and_says_no_without_one():
    index = pd.DataFrame({"event": list("aaaabbc"), "frame": [0, 5, 6, 9, 5, 6, 5], "label": [0, 1, 0, 1, 0, 1, 1]})
    train, test = np.array([0, 1, 3, 4]), np.array([6, 2, 5])
    said = pitfalls.calendar(index, train, test)
    assert said["label"].tolist() == [0, 1, 0]  # c: none; a 6: like a 5; b 6: like b 5
    assert said["away"].tolist() == [np.inf, 1, 1]
    near = index.iloc[:3].assign(frame=[4, 5, 6], label=[1, 0, 0])
    assert pitfalls.calendar(near, np.array([2, 0]), np.array([1]))["label"].tolist() == [1]  # of two the earlier


def test_the_likest_sample_is_that_whose_pixels_correlate_most(rng):
    samples = make_samples(movies(rng), 1)
    train, test = np.arange(0, len(samples), 3), np.arange(1, len(samples), 3)
    flat = samples.pixels[samples.rows].flatten(1).numpy()
    by_hand = np.corrcoef(flat[test], flat[train])[: len(test), len(test) :].argmax(1)
    assert np.array_equal(pitfalls.likest(samples, train, test), train[by_hand])


def test_a_reading_of_neighbours_is_good_on_shuffled_frames_and_not_on_new_events(rng):
    events, steps = np.repeat(np.arange(12), 40), np.tile(np.arange(40), 12)
    labels = ((steps // 10) % 4 == 1).astype(int)
    level = rng.normal(size=(12, 1, 5)) * 30  # of an event; within it frames drift, each event in its own direction
    codes = (level + steps.reshape(12, 40, 1) * rng.normal(size=(12, 1, 5))).reshape(-1, 5)
    shuffled = rng.permutation(480)
    scores = {}
    for name, test in {"sample": np.isin(np.arange(480), shuffled[:96]), "event": events < 3}.items():
        decision = KNeighborsRegressor(5, weights="distance").fit(codes[~test], labels[~test]).predict(codes[test])
        scores[name] = pitfalls.reading(labels[test], decision, 0.5, events[test], 0, 20)
    assert scores["sample"]["f1"] > 0.9 > 0.7 > scores["event"]["f1"]
    assert scores["sample"]["f1_low"] <= scores["sample"]["f1"] <= scores["sample"]["f1_high"]


def test_scores_that_a_shuffle_hands_out_are_told_from_those_on_whole_events(rng):
    labels, events = np.tile([1, 0, 0, 0], 50), np.repeat([f"e{n}" for n in range(10)], 20)
    wrong = rng.random(200) < 0.1
    looked_up, blind = np.where(wrong, 1 - labels, labels), np.zeros((200, 2), int)
    shuffled = labels, np.c_[looked_up, blind], labels, events
    found = pitfalls.inflation(shuffled, (labels, np.c_[blind, blind[:, 0]], 0 * labels, events), 1, 100)
    best, least = f1_score(labels, looked_up, average="macro"), f1_score(labels, blind[:, 0], average="macro")
    assert found["shuffled"][0] == pytest.approx(best) and found["whole"][0] == pytest.approx(least)
    assert found["calendar"] == (1, 1, 1)
    assert found["rise"][0] == pytest.approx(best - least) and 0 < found["rise"][1] < best - least < found["rise"][2]
    assert found["beyond"][0] == pytest.approx(best - (1 + least) / 2)


def test_the_side_of_a_box_changes_iou_and_not_the_place():
    table = pd.DataFrame({"event": ["2012_05_08_13_02_00"], "cycle": [24], "frame": [3],
                          "boxes": [((10.0, 10.0, 24.0, 24.0),)]})
    points = pd.DataFrame({"position": [0], "x0": [16.0], "y0": [16.0], "x1": [18.0], "y1": [18.0], "score": [1.0]})
    small, equal, large = (pitfalls.beside(table, points, side) for side in (4, 14, 28))
    assert small["IoU"] == pytest.approx(16 / 196) and equal["IoU"] == 1 and large["IoU"] == pytest.approx(1 / 4)
    assert small["centre within 5 px"] == large["centre within 5 px"] == 1
    assert (small["whole box within the truth"], large["whole box within the truth"]) == (1, 0)


def best_by_hand(decision, labels, events, test, levels):
    """Honest and tuned macro F1 of one split by scikit-learn."""
    cuts = np.quantile(decision, np.linspace(0, 1, levels + 2)[1:-1])
    inside = np.isin(events, test)
    f1 = np.array([[f1_score(labels[own], decision[own] > cut, average="macro", zero_division=0) for cut in cuts]
                   for own in (~inside, inside)])
    return f1[1, f1[0].argmax()], f1[1].max()


def test_optimism_is_what_a_slow_loop_over_all_splits_of_three_events_finds(rng):
    events, labels = np.repeat([5, 7, 9], 30), np.tile([0, 0, 1], 30)
    decision = rng.normal(size=90) + 0.5 * labels
    found = pitfalls.optimism(decision, labels, events, 1, 60, np.random.default_rng(0))
    slow = {tuple(np.round(best_by_hand(decision, labels, events, [e], pitfalls.LEVELS), 9)) for e in (5, 7, 9)}
    assert {tuple(row) for row in found[["honest", "tuned"]].round(9).to_numpy()} == slow
    assert (found["optimism"] >= 0).all() and np.allclose(found["optimism"], found["tuned"] - found["honest"])


def test_a_threshold_tuned_on_few_events_flatters_even_random_numbers_and_less_so_on_many(rng):
    events, labels = np.repeat(np.arange(40), 25), np.tile([1] + [0] * 4, 200)
    decision = rng.normal(size=1000)
    few, many = (pitfalls.optimism(decision, labels, events, n, 200, rng)["optimism"].mean() for n in (1, 20))
    assert few > 0.05 and few > 2 * many


def test_splits_that_cannot_be_drawn_and_those_without_both_classes_are_refused(rng):
    decision, labels, events = np.arange(6.0), np.tile([0, 1], 3), np.repeat([1, 2, 3], 2)
    for held, splits in ((0, 5), (3, 5), (1, 0)):
        with pytest.raises(SqError, match="events held out"):
            pitfalls.optimism(decision, labels, events, held, splits, rng)
    with pytest.raises(SqError, match="no split has both classes"):
        pitfalls.optimism(decision, [0, 1, 0, 0, 0, 0], events, 1, 5, rng)


def test_a_box_that_is_covered_or_cut_away_is_gone_and_one_that_is_turned_is_not():
    frames, box = torch.zeros(1, 16, 16, dtype=torch.uint8), [((10.0, 1.0, 14.0, 5.0),)]
    frames[0, 2, 12] = 200
    marked = pitfalls.marks(box, 16)
    assert marked[0, 0].nonzero().amin(0).tolist() == [1, 10] and (marked[0, 0] > 0).sum() == 16
    assert (marked[0, 1] > 0).sum() == 9 and marked[0, 1, 1:4, 10:13].min() == 255
    corner = torch.tensor([[[0, 8, 8, 16]]])
    other = torch.tensor([[[8, 0, 16, 8]]])
    _, inside, left = pitfalls.changed(frames, marked, lambda part, g: erase(part.clone(), corner), 0)
    assert not left[0] and not inside.any()
    _, inside, left = pitfalls.changed(frames, marked, lambda part, g: erase(part.clone(), other), 0)
    assert left[0] and inside.sum() == 16
    for seed in range(10):
        new, inside, left = pitfalls.changed(frames, marked, turned, seed)
        assert left[0] and inside[0][new[0] == 200].all()
    _, _, left = pitfalls.changed(frames, marked, lambda part, g: part[..., 8:, :8], 0)
    assert not left[0]


def test_what_survives_is_counted_per_augmentation(rng):
    frameset = movies(rng)
    positives = np.flatnonzero(frameset.index["label"] == 1)
    changes = {"none": lambda part, g: part, "black": lambda part, g: torch.zeros_like(part),
               "filter": lambda part, g: torch.cat([torch.zeros_like(part[:, :1]), part[:, 1:]], 1)}
    found = pitfalls.survives(frameset, positives, changes, 2, 0).set_index("augmentation")
    assert (found["views with a label"] == 60).all()
    assert found.loc["none", ["source kept", "brightest", "told apart"]].tolist() == [1, 1, 1]
    assert found.loc["black", "source kept"] == 0 and found.loc["filter", "source kept"] == 1
    assert found.loc["filter", "told apart"] == 0.5  # nothing to see, in either


def test_the_view_that_is_shown_has_lost_the_source_if_any_has_and_else_differs_from_the_frame():
    frame = torch.arange(256, dtype=torch.uint8).reshape(1, 16, 16)
    marked = pitfalls.marks([((4.0, 4.0, 10.0, 10.0),)], 16)

    def sometimes(part, generator):  # black in one view of ten
        return torch.zeros_like(part) if torch.rand(1, generator=generator) < 0.1 else part

    shown, inside, kept = pitfalls.example(frame, marked, sometimes, 0)
    assert not kept and not inside.any() and not shown.any()
    shown, inside, kept = pitfalls.example(frame, marked, turned, 0)
    assert kept and inside.sum() == 36 and not torch.equal(shown, frame[0])
    shown, _, kept = pitfalls.example(frame, marked, lambda part, g: part, 0, tries=2)
    assert kept and torch.equal(shown, frame[0])


def test_cubes_that_begin_at_random_times_keep_all_but_their_numbers(rng):
    index = movies(rng).index
    found = pitfalls.restarted(index, rng)
    by = (found["frame"] - index["frame"]).groupby(index["event"]).agg(["min", "max"])
    assert (by["min"] == by["max"]).all() and by["min"].nunique() > 1 and by["min"].between(0, 256).all()
    assert found.drop(columns="frame").equals(index.drop(columns="frame"))


def test_turned_copies_hand_out_the_answer_only_where_they_are_made_before_the_split(rng):
    """Noise has nothing to learn: what is recognised is the copy."""
    pictures, labels = rng.normal(size=(400, 6, 6)), np.arange(400) % 10 == 0
    leaky = pitfalls.upsampled(pictures, labels, 8, True, rng)
    honest = pitfalls.upsampled(pictures, labels, 8, False, rng)
    copies, others = leaky[leaky["copied"]], leaky[leaky["label"] == 0]
    assert len(copies) == (leaky["label"] == 1).sum() > 40  # with eight of each, one is nearly always left to learn
    assert copies["decision"].min() > others["decision"].max()
    assert not honest["copied"].any()
    assert metrics.average_precision(leaky["label"], leaky["decision"]) == 1
    assert metrics.average_precision(honest["label"], honest["decision"]) < 0.4
    twice = pitfalls.upsampled(np.repeat(pictures, 5, 0), np.repeat(labels, 5), 2, True, rng)
    assert twice.loc[twice["label"] == 1, "copied"].mean() == pytest.approx(0.8, abs=0.12)


def test_pictures_of_one_class_are_refused(rng):
    with pytest.raises(SqError, match="lack a class"):
        pitfalls.upsampled(rng.normal(size=(20, 4, 4)), [0] * 20, 2, True, rng)
