"""Readings of embeddings against closed forms: jumps, shifts, groups and rings that were put there, and noise."""

import warnings
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
from scipy.spatial.distance import cosine, euclidean
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
from sklearn.metrics import roc_auc_score
from sklearn.model_selection import StratifiedKFold, cross_val_score

from sqlib.errors import SqError
from sqlib.judge import embeddings as read


def make_index(events=4, frames=40, inside=range(15, 22)):
    rows = [(f"e{e}", 23 + e % 2, f, int(f in inside)) for e in range(events) for f in range(frames)]
    return pd.DataFrame(rows, columns=["event", "cycle", "frame", "label"])


@pytest.mark.parametrize(("metric", "pair"), [("cosine", cosine), ("euclidean", euclidean)])
def test_distance_is_to_the_frame_before_of_the_same_event(metric, pair, rng):
    index, vectors = make_index(3, 6), rng.normal(size=(18, 5))
    found = read.consecutive(vectors, index, metric)
    for i, row in index.iterrows():
        expected = np.nan if row["frame"] == 0 else pair(vectors[i - 1], vectors[i])
        np.testing.assert_allclose(found["distance"][i], expected, rtol=1e-12)


def test_cosine_distance_keeps_its_digits_for_nearly_parallel_vectors_and_takes_a_vector_of_zeros():
    index = make_index(1, 4)
    angle = 1e-7
    vectors = np.array([[1, 0], [np.cos(angle), np.sin(angle)], [-1, 0], [0, 0]], np.float64)
    distance = read.consecutive(vectors, index)["distance"].to_numpy()
    np.testing.assert_allclose(distance[1], angle**2 / 2, rtol=1e-6)
    np.testing.assert_allclose(distance[2], 2, rtol=1e-6)
    assert np.isfinite(distance[3])


def _jumps(index, rng, size):
    """Embeddings that walk randomly through each event and jump by `size` where the annotation begins and ends."""
    steps = rng.normal(size=(len(index), 8))
    inside = index["label"].to_numpy()
    steps[np.r_[False, inside[1:] != inside[:-1]]] *= size
    return np.cumsum(steps, axis=0)


def test_distances_peak_where_the_embeddings_jump_at_onset_and_end(rng):
    index = make_index()
    found = read.edge_peaks(read.consecutive(_jumps(index, rng, 50), index, "euclidean"), index)
    assert list(found["event"]) == ["e0", "e1", "e2", "e3"]
    np.testing.assert_allclose(found["edges"], (37.5 / 39 + 38.5 / 39) / 2)  # the two highest of 39 distances


def test_edges_without_a_jump_stand_at_chance(rng):
    index = make_index(events=400)
    found = read.edge_peaks(read.consecutive(_jumps(index, rng, 1), index, "euclidean"), index)
    assert abs(found["edges"].mean() - 0.5) < 3 * np.sqrt(1 / 12 / 800)


def test_distance_across_a_gap_and_an_event_without_annotation_do_not_enter(rng):
    index, vectors = make_index(2), _jumps(make_index(2), rng, 1)
    index.loc[index["event"] == "e1", "label"] = -1
    kept = index["frame"] != 14  # the frame before the first annotated one
    index, vectors = index[kept].reset_index(drop=True), vectors[kept]
    distances = read.consecutive(vectors, index)
    found = read.edge_peaks(distances, index)
    assert list(found["event"]) == ["e0"]
    own = distances[(distances["event"] == "e0") & (distances["step"] == 1)].set_index("frame")["distance"]
    assert found["edges"][0] == pytest.approx(((own < own[22]).sum() + 0.5) / len(own))  # of the end alone


def test_mean_shift_is_in_deviations_of_the_other_frames(rng):
    index = make_index(3, 60)
    chosen = ((index["frame"] == 15) | (index["frame"] == 21)).to_numpy() & (index["event"] != "e2").to_numpy()
    vectors = rng.normal(size=(180, 4))
    level = np.tile(np.r_[np.ones(30), -np.ones(30)], 3)  # the others' means: deviation 1 about 0
    vectors += (np.where(chosen, -3.0, level) - vectors.mean(axis=1))[:, None]
    found = read.mean_shift(vectors, index, chosen)
    assert list(found["event"]) == ["e0", "e1"]
    assert list(found["chosen"]) == [2, 2]
    others = level[:60][~chosen[:60]]
    np.testing.assert_allclose(found["shift"], (-3 - others.mean()) / others.std())
    assert read.mean_shift(np.ones((180, 4)), index, chosen).empty


def test_a_shift_of_the_annotated_frames_ranks_highest_and_noise_ranks_anywhere(rng):
    index = make_index(200, 60)
    vectors = rng.normal(size=(len(index), 4))
    noise = read.shift_ranks(vectors, index)["rank"]
    assert abs(noise.mean() - 0.5) < 0.08 and len(noise) == 200
    for way in (-2.0, 2.0):  # by size: the sign does not count
        found = read.shift_ranks(vectors + way * index[["label"]].to_numpy(), index)["rank"]
        assert found.min() > 0.9
    assert read.shift_ranks(vectors[:60], index[:60].assign(label=index["frame"] < 40)).empty


def test_the_lower_rank_of_edges_asks_both_distances(rng):
    index, inside = make_index(8, 60), make_index(8, 60)["label"].to_numpy() == 1
    vectors = 1 + 0.1 * rng.normal(size=(480, 4))
    longer = np.where(inside[:, None], 3.0, 1.0) * vectors  # farther out, in the same direction as seen from 0
    assert read.edge_peaks(read.consecutive(longer, index, "euclidean"), index)["edges"].min() > 0.9
    cosine_only = read.edge_peaks(read.consecutive(longer, index), index).set_index("event")["edges"]
    assert cosine_only.mean() < 0.7
    found = read.lower_edges(longer, index).set_index("event")["edges"]
    centred = read.edge_peaks(read.consecutive(longer - longer.mean(0), index), index).set_index("event")["edges"]
    euclid = read.edge_peaks(read.consecutive(longer, index, "euclidean"), index).set_index("event")["edges"]
    assert found.to_dict() == np.minimum(centred, euclid).to_dict()


def auc(table):
    return roc_auc_score(table["group"], table["score"])


def test_groups_that_differ_are_told_apart_and_equal_ones_are_not(rng):
    index = make_index(20, 10)
    vectors = rng.normal(size=(200, 16))
    mixed = read.separability(vectors, index["cycle"], index["event"], seed=1)
    vectors[:, 3] += 6 * (index["cycle"] == 24)
    apart, again = (read.separability(vectors, index["cycle"], index["event"], seed=1) for _ in range(2))
    assert apart.equals(again)
    assert auc(apart) > 0.99 and abs(auc(mixed) - 0.5) < 0.15
    assert ((apart["score"] > 0) == apart["group"]).mean() > 0.95


def test_what_marks_an_event_does_not_tell_groups_of_events_apart(rng):
    """Each event has a place of its own: a shuffled split would learn the groups by heart, a split by event cannot."""
    index = make_index(20, 20)
    vectors = 5 * rng.normal(size=(20, 32))[index["event"].str[1:].astype(int)] + rng.normal(size=(400, 32))
    cv = StratifiedKFold(5, shuffle=True, random_state=1)
    shuffled = cross_val_score(LinearDiscriminantAnalysis(), vectors, index["cycle"], cv=cv, scoring="roc_auc").mean()
    assert shuffled > 0.99
    assert auc(read.separability(vectors, index["cycle"], index["event"], seed=1)) < 0.8


def test_one_group_or_a_group_of_one_event_is_refused(rng):
    index, vectors = make_index(3, 4), rng.normal(size=(12, 4))
    for groups in (np.zeros(12), index["event"] == "e0", index["event"]):
        with pytest.raises(SqError, match="two groups of two events"):
            read.separability(vectors, groups, index["event"], seed=1)


def test_concentric_rings_are_found_and_a_thread_or_a_shuffle_is_not(rng):
    index = make_index(1, 200, range(90, 110))
    away = read.remoteness(index["frame"].to_numpy(), index["label"].to_numpy() == 1)
    angle = rng.uniform(0, 2 * np.pi, 200)
    rings = np.c_[np.cos(angle), np.sin(angle)] * (away + 1)[:, None] + 5
    found = read.ring(rings, index).iloc[0]
    assert found["rho"] > 0.97
    assert found["grows"] == 1
    assert found["elsewhere"] < 0.5
    thread = np.c_[np.arange(200.0), 3 * np.sin(np.arange(200) / 9)]
    found = read.ring(thread, index).iloc[0]
    assert found["rho"] > 0.9  # the order of time alone gives this, wherever the annotation stands, …
    assert found["elsewhere"] > 0.9
    assert found["grows"] <= 4 / 12  # … and the directions tell it from a ring
    mixed = [read.ring(rng.permutation(rings), index).iloc[0] for _ in range(20)]
    assert abs(mixed[0]["rho"]) < 0.25
    assert np.mean([one["grows"] for one in mixed]) == pytest.approx(0.5, abs=0.15)


def test_rings_are_means_over_maps_of_each_event_with_the_most_and_the_fewest_neighbours(rng, sq_home, monkeypatch):
    index = pd.concat([make_index(1, 40), make_index(1, 8, range(2, 4)).assign(event="short"),
                       make_index(1, 40, ()).assign(event="quiet")], ignore_index=True)
    vectors = rng.normal(size=(len(index), 6)).astype(np.float32)
    monkeypatch.setattr(read.encoders, "encodings", lambda run, samples, rows: vectors[rows])
    monkeypatch.setattr(read, "DRAWN", 2)
    samples = SimpleNamespace(index=index, pixels=np.zeros((1, 8, 8)), origin="made")
    run, rows = SimpleNamespace(key="network"), np.arange(3, len(index))
    found = read.rings(run, samples, rows, [5, 30], seed=3)
    drawn = [[read.ring(read.maps(vectors[3:40], count, seed), index[3:40].reset_index(drop=True)).iloc[0]
              for count in (30, 5)] for seed in (3, 4)]
    assert found["event"].tolist() == ["e0"]
    for name, which, what in (("many", 0, "rho"), ("few", 1, "rho"), ("elsewhere", 0, "elsewhere"),
                              ("grows_many", 0, "grows"), ("grows_few", 1, "grows")):
        assert found[name][0] == pytest.approx(np.mean([maps[which][what] for maps in drawn]))
    monkeypatch.setattr(read, "maps", None)  # asked again, no map is drawn
    pd.testing.assert_frame_equal(read.rings(run, samples, rows, [5, 30], seed=3), found)


def test_maps_are_planes_the_same_for_the_same_seed_and_silent(rng):
    vectors = rng.normal(size=(30, 6))
    vectors[15:, 0] += 40
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        first = read.maps(vectors, neighbours=250, seed=2)
    assert first.shape == (30, 2)
    np.testing.assert_array_equal(first, read.maps(vectors, neighbours=250, seed=2))
    groups = np.repeat([0, 1], 15)
    split = np.linalg.norm(first[groups == 0].mean(axis=0) - first[groups == 1].mean(axis=0))
    assert split > first[groups == 0].std()


def test_bad_embeddings_are_refused(rng):
    index, vectors = make_index(1, 6), rng.normal(size=(6, 3))
    for bad in (vectors[:5], vectors[0], np.where(vectors == vectors[2, 1], np.nan, vectors)):
        with pytest.raises(SqError, match="embeddings are finite"):
            read.consecutive(bad, index)
    for rows, neighbours in ((4, 5), (6, 1)):
        with pytest.raises(SqError, match="5 frames and 2 neighbours"):
            read.maps(vectors[:rows], neighbours)
