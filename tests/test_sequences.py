"""The sliding window over embeddings: order, edges, gaps, and components that know nothing of the test rows."""

import os
import subprocess
import sys
import types
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from sqlib.errors import SqError
from sqlib.learn import sequences
from sqlib.learn.sequences import components, sliding_window


def index_of(**frames):
    """Index of events with the given frame numbers."""
    return pd.DataFrame([{"event": event, "frame": frame} for event, numbers in frames.items() for frame in numbers])


@pytest.fixture
def two_events(rng):
    """Index of two events, their frames shuffled into each other, and embeddings that are (event's number, frame)."""
    index = index_of(a=range(10, 16), b=range(12, 20)).sample(frac=1, random_state=3).reset_index(drop=True)
    return index, np.column_stack([index["event"] == "b", index["frame"]]).astype(np.float32)


@pytest.mark.parametrize("width", [1, 3, 5, 21])
def test_a_window_never_mixes_events_and_keeps_time_order(two_events, width):
    index, embeddings = two_events
    windows = sliding_window(embeddings, index, width).reshape(len(index), width, 2)
    assert (windows[:, :, 0] == embeddings[:, :1]).all()  # every neighbour bears its event's mark
    assert (np.diff(windows[:, :, 1], axis=1) >= 0).all()
    assert np.array_equal(windows[:, width // 2], embeddings)


def test_windows_are_those_of_a_slow_loop_with_the_nearest_frame_at_edges(two_events):
    index, embeddings = two_events
    windows = sliding_window(embeddings, index, 5)
    for i, (event, frame) in enumerate(zip(index["event"], index["frame"])):
        own = index[index["event"] == event]["frame"]
        expected = [np.clip(frame + offset, own.min(), own.max()) for offset in (-2, -1, 0, 1, 2)]
        assert windows[i].reshape(5, 2)[:, 1].tolist() == expected


def test_in_a_gap_the_nearest_frame_stands_in():
    index = index_of(a=[1, 2, 3, 9, 10])
    windows = sliding_window(index[["frame"]].to_numpy(), index, 5)
    assert windows[2].tolist() == [1, 2, 3, 3, 3]
    assert windows[3].tolist() == [9, 9, 9, 10, 10]


def test_bad_windows_are_refused(two_events):
    index, embeddings = two_events
    with pytest.raises(SqError, match="odd"):
        sliding_window(embeddings, index, 4)


def test_components_of_training_rows_do_not_know_the_test_rows(rng):
    vectors = rng.normal(size=(60, 5))
    train = rng.permutation(60)[:40]
    other = vectors.copy()
    test = np.setdiff1d(np.arange(60), train)
    other[test] = 100 * rng.normal(size=(20, 5)) + 7
    one, two = (components(rows, train, "pca", 2, 0) for rows in (vectors, other))
    assert np.array_equal(one[train], two[train])
    assert np.isfinite(one).all() and not np.allclose(one[test], two[test])


def test_umap_is_fitted_to_the_training_rows_in_the_mean_and_spread_of_these(rng, monkeypatch):
    given = {}

    class UMAP:
        def __init__(self, **settings):
            given["settings"] = settings

        def fit_transform(self, rows):
            given["fit"] = rows
            return rows[:, :2]

        def transform(self, rows):
            given["rest"] = rows
            return rows[:, :2] + 1000

    monkeypatch.setitem(sys.modules, "umap", types.SimpleNamespace(UMAP=UMAP))
    vectors, train, rest = rng.normal(size=(12, 3)), [9, 1, 4, 7, 2], [0, 3, 5, 6, 8, 10, 11]
    found = components(vectors, train, "umap", 2, seed=6)
    scaled = (vectors - vectors[train].mean(0)) / vectors[train].std(0)
    away = {name: np.linalg.norm(scaled[some][:, None] - scaled[train], axis=2)  # what UMAP is told of so few vectors
            for name, some in (("fit", train), ("rest", rest))}
    assert np.allclose(given["fit"], away["fit"]) and np.allclose(given["rest"], away["rest"])
    assert np.allclose(found[train], away["fit"][:, :2]) and np.allclose(found[rest], away["rest"][:, :2] + 1000)
    told = {"n_components": 2, "n_neighbors": 4, "n_epochs": 200, "random_state": 6, "n_jobs": 1}
    assert given["settings"] == told | {"metric": "precomputed"}
    monkeypatch.setattr(sequences, "ALL_PAIRS", 5)  # of many it takes the vectors themselves
    components(vectors, train, "umap", 2, seed=6)
    assert np.allclose(given["fit"], scaled[train]) and np.allclose(given["rest"], scaled[rest])
    assert given["settings"] == told | {"metric": "euclidean"}


def test_pca_components_are_the_closed_form_of_the_scaled_training_rows(rng):
    vectors, train = rng.normal(size=(50, 4)) @ rng.normal(size=(4, 4)), np.arange(30)
    scaled = (vectors - vectors[train].mean(0)) / vectors[train].std(0)
    axes = np.linalg.svd(scaled[train])[2][:2]
    found = components(vectors, train, "pca", 2, 0)
    assert np.allclose(np.abs(found), np.abs(scaled @ axes.T), atol=1e-4)


def test_components_that_cannot_be_had_are_refused(rng):
    with pytest.raises(SqError, match="ask for fewer"):
        components(rng.normal(size=(9, 3)), range(6), "pca", 4, 0)


def test_umap_leaves_torch_its_number_of_threads():
    code = (
        "import numpy as np, torch\n"
        "from sqlib.judge.embeddings import maps\n"
        "vectors = np.random.default_rng(0).normal(size=(60, 5))\n"
        "components(vectors, np.arange(60), 'umap', 2, 1)\n"
        "between = torch.get_num_threads()\n"
        "maps(vectors)\n"
        "print(between, torch.get_num_threads())\n"
    )
    code = f"from sqlib.learn.sequences import components\n{code}"
    # as for chapters that run side by side; Numba starts its threads once a process
    words = {**os.environ, "OMP_NUM_THREADS": "1"}
    done = subprocess.run([sys.executable, "-c", code], env=words, capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["1", "1"]


def test_what_numba_compiles_of_umap_is_kept_on_disk():
    from umap.umap_ import compute_membership_strengths, smooth_knn_dist

    sequences._keep_compiled.cache_clear()  # it may have met a stand-in for UMAP
    sequences._keep_compiled()
    for own in (smooth_knn_dist, compute_membership_strengths):
        assert Path(own.stats.cache_path).is_dir()
