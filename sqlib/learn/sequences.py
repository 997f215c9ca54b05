"""Sequences put back after learning: a sliding window over embeddings, with PCA and UMAP components (Section 3.3)."""

import sys
import warnings
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from functools import cache

import numpy as np
import pandas as pd
import torch
from scipy.spatial.distance import cdist
from sklearn.decomposition import PCA
from sklearn.preprocessing import StandardScaler

from sqlib.errors import SqError

ALL_PAIRS = 4096  # vectors; of fewer, UMAP takes all distances


def sliding_window(embeddings: np.ndarray, index: pd.DataFrame, width: int) -> np.ndarray:
    """Each embedding between its neighbours in time: (M, D) -> (M, width * D), earliest first, in the order of `index`.

    `index` has the columns event and frame. A neighbour that is not there (before the first and after the last frame of
    an event, and in a gap) is replaced by the nearest frame of the same event; no other event is ever asked.
    Raises `SqError` for an even width.
    """
    if width < 1 or width % 2 == 0:
        raise SqError(f"width={width}: a frame stands in the middle of its window, so a width is odd: 1, 3, 5 …")
    offsets = np.arange(width) - width // 2
    rows = np.empty((len(index), width), np.int64)
    for places in index.groupby("event").indices.values():
        frames = index["frame"].to_numpy()[places]
        order = np.argsort(frames)
        nearest = pd.Index(frames[order]).get_indexer((frames[:, None] + offsets).ravel(), method="nearest")
        rows[places] = places[order][nearest].reshape(-1, width)
    return embeddings[rows].reshape(len(index), -1)


@contextmanager
def own_threads() -> Iterator[None]:
    """torch's number of threads is afterwards as before: Numba, on which UMAP stands, shares OpenMP with torch and
    raises it to all cores, and chapters that run side by side then wait for one another."""
    before = torch.get_num_threads()
    try:
        yield
    finally:
        torch.set_num_threads(before)


@own_threads()
def reduced(method: str, count: int, neighbours: int, seed: int, train: np.ndarray,
            others: np.ndarray | None = None) -> np.ndarray:
    """`count` components of vectors `train` (N, D), and after them of `others` (K, D), which are carried over by what
    was fitted to those: "pca", or "umap" (McInnes et al. 2018) with `neighbours`, at most N - 1."""
    with warnings.catch_warnings():
        # of a progress bar that is not shown; and a graph in several pieces is a finding, which shows in the map
        warnings.filterwarnings("ignore", message="IProgress")
        warnings.filterwarnings("ignore", module="umap|sklearn")
        if method == "pca":
            made = PCA(count, random_state=seed)
        else:
            import umap

            _keep_compiled()
            metric = "euclidean"
            if len(train) < ALL_PAIRS:  # UMAP would measure all distances itself, pair by pair in Python
                metric, others = "precomputed", None if others is None else cdist(others, train).astype(np.float32)
                train = cdist(train, train).astype(np.float32)
            # epochs as for large data; for small data UMAP takes 500, which draw the same map in 2.5 times as long
            made = umap.UMAP(n_components=count, n_neighbors=min(neighbours, len(train) - 1), n_epochs=200,
                             random_state=seed, n_jobs=1, metric=metric)
        found = made.fit_transform(train)
        return found if others is None else np.concatenate([found, made.transform(others)])


@cache
def _keep_compiled() -> None:
    """Have Numba keep on disk, beside UMAP, what it compiles of it: else each process compiles it anew, for 12 s."""
    from numba.core.dispatcher import Dispatcher

    with suppress(RuntimeError):  # where neither that folder nor the user's own can be written
        for name, module in list(sys.modules.items()):
            if name.partition(".")[0] in ("umap", "pynndescent"):
                for own in vars(module).values():
                    if isinstance(own, Dispatcher) and own.py_func.__module__ == name:
                        own.enable_caching()


def components(vectors: np.ndarray, train, method: str, count: int, seed: int, neighbours: int = 15) -> np.ndarray:
    """`count` components of each vector: (M, D) -> float32 (M, count), by "pca" or "umap".

    Scaling and components are fitted to the rows `train` (positions) alone; the other rows are carried over by what was
    fitted. UMAP places those together, so their components depend a little on one another, as those of training rows do
    not. `neighbours`: of UMAP. Costly: UMAP takes seconds for 2,000 rows of 64 numbers.
    Raises `SqError` for fewer training rows or dimensions than components.
    """
    vectors, train = np.asarray(vectors), np.asarray(train)
    if not 1 <= count <= min(len(train) - 2, vectors.shape[1]):  # UMAP's spectral start needs two rows more
        raise SqError(f"{count} components of {len(train)} training vectors of {vectors.shape[1]} numbers: "
                      "ask for fewer")
    scaled = StandardScaler().fit(vectors[train]).transform(vectors)
    others, found = np.setdiff1d(np.arange(len(vectors)), train), np.empty((len(vectors), count), np.float32)
    found[np.concatenate([train, others])] = reduced(
        method, count, neighbours, seed, scaled[train], scaled[others] if len(others) else None)
    return found
