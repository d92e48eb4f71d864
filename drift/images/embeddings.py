"""Embeddings of images on a plane, from the distances that a detector uses."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import TypeAlias

import numpy as np
import torch
from numpy.typing import NDArray

from drift.data.blocks import Floats
from drift.detect.two_sample.kernel_matrix import bandwidth_grid, distance_sample, median_bandwidth
from drift.detect.two_sample.kernels import KERNELS, Gaussian, Kernel, KernelDistance, Laplacian
from drift.errors import BlockError, UsageError
from drift.system.extras import missing_package
from drift.system.quiet import not_autologged

NEIGHBOURS = 10  # of an image on Isomap's, UMAP's and PaCMAP's graph
FEWEST = 2 * NEIGHBOURS

Distances: TypeAlias = NDArray[np.float64]
"""(n, n), symmetric, 0 on the diagonal."""


def euclidean(rows: Floats) -> Distances:
    """Distances of rows (n, d)."""
    from scipy.spatial.distance import cdist

    return np.asarray(cdist(rows.astype(np.float64), rows.astype(np.float64)))


def kernel_distances(rows: Floats, kernel: str, *, seed: int = 0) -> Distances:
    """Distances of rows (n, d) in a kernel's own space, sqrt(2 - 2 k(x, y)): what its MMD is the distance of means in.

    Of "fused", in that of the mean over its kernels and bandwidths; of others, with the median bandwidth.
    """
    tensor = torch.from_numpy(np.ascontiguousarray(rows, np.float64))
    rng = np.random.default_rng(seed)
    kernels: list[Kernel] = [Gaussian(), Laplacian()] if kernel == "fused" else [KERNELS[kernel]]
    values: list[NDArray[np.float64]] = []
    for each in kernels:
        sample = distance_sample(tensor, each.metric, rng)
        bandwidths = bandwidth_grid(each, sample) if kernel == "fused" else [median_bandwidth(sample)]
        values += [_kernel_values(rows, each, bandwidth) for bandwidth in bandwidths]
    distances: Distances = np.sqrt(np.maximum(0, 2 - 2 * np.mean(values, axis=0)))
    np.fill_diagonal(distances, 0)
    return distances


def _kernel_values(rows: Floats, kernel: Kernel, bandwidth: float) -> NDArray[np.float64]:
    from scipy.spatial.distance import cdist

    exact = rows.astype(np.float64)
    in_blocks = kernel.metric is KernelDistance.CITY_BLOCK
    distances = cdist(exact, exact, "cityblock") if in_blocks else cdist(exact, exact, "sqeuclidean")
    scaled = torch.from_numpy(distances) * kernel.factor(bandwidth)
    kernel.apply(scaled)
    return np.asarray(scaled.numpy())


def embed(distances: Distances, method: str = "isomap", *, seed: int = 0) -> NDArray[np.float64]:
    """Points on a plane, (n, 2), whose distances are like those given, near ones above all.

    Raises:
        UsageError: no such method.
        MissingPackageError: one whose package is not installed.
        BlockError: fewer than 20 points.
    """
    if method not in EMBEDDINGS:
        raise UsageError(f"expected an embedding among {', '.join(EMBEDDINGS)}; got {method!r}")
    if len(distances) < FEWEST:
        raise BlockError(f"expected {FEWEST} points or more to embed, got {len(distances)}")
    with warnings.catch_warnings(), not_autologged():
        warnings.simplefilter("ignore")  # graphs in several parts are joined, which the methods say each time
        return np.asarray(EMBEDDINGS[method](distances, seed), np.float64)


def _isomap(distances: Distances, seed: int) -> NDArray[np.float64]:
    from sklearn.manifold import Isomap

    return np.asarray(Isomap(n_neighbors=NEIGHBOURS, metric="precomputed").fit_transform(distances))


def _pca(distances: Distances, seed: int, dimensions: int = 2) -> NDArray[np.float64]:
    """Classical scaling (Torgerson 1952): principal components, of distances instead of coordinates."""
    squares = distances**2
    centred = -0.5 * (squares - squares.mean(axis=0) - squares.mean(axis=1)[:, None] + squares.mean())
    values, vectors = np.linalg.eigh(centred)
    largest = values.argsort()[::-1][:dimensions]
    return np.asarray(vectors[:, largest] * np.sqrt(np.maximum(values[largest], 0)))


def _tsne(distances: Distances, seed: int) -> NDArray[np.float64]:
    from sklearn.manifold import TSNE

    perplexity = min(30.0, (len(distances) - 1) / 3)
    embedding = TSNE(metric="precomputed", init="random", perplexity=perplexity, random_state=seed)
    return np.asarray(embedding.fit_transform(distances))


def _umap(distances: Distances, seed: int) -> NDArray[np.float64]:
    try:
        from umap import UMAP
    except ImportError as error:
        raise missing_package(error, module="umap", instead="take --embedding isomap") from error
    return np.asarray(UMAP(metric="precomputed", n_neighbors=NEIGHBOURS, random_state=seed).fit_transform(distances))


def _pacmap(distances: Distances, seed: int) -> NDArray[np.float64]:
    try:
        from pacmap import PaCMAP
    except ImportError as error:
        raise missing_package(error, module="pacmap", instead="take --embedding isomap") from error
    coordinates = _pca(distances, seed, dimensions=min(50, len(distances) - 1))  # it takes no distances
    return np.asarray(PaCMAP(n_neighbors=NEIGHBOURS, random_state=seed).fit_transform(coordinates))


EMBEDDINGS: dict[str, Callable[[Distances, int], NDArray[np.float64]]] = {
    "isomap": _isomap,
    "pca": _pca,
    "tsne": _tsne,
    "umap": _umap,
    "pacmap": _pacmap,
}
