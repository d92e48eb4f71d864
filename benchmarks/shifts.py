"""References and blocks of which the truth is known: ELEC, and simulated covariate shift and concept drift.

Used by `benchmarks.unlabelled` and by the tests of `drift.detect.label_free`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np
import torch
from numpy.typing import NDArray
from sklearn.linear_model import LogisticRegression

from drift.data.blocks import Answer, Block, Floats, Integers, Predictor, Reference, Rows, ScoredBlock, blocks
from drift.datasets.elec import load_elec
from drift.models.fit import FitOptions, fit
from drift.models.network import Shape, TableNet
from drift.models.predict import LocalPredictor
from drift.models.quantiles import fit_quantile_ranks

Case = tuple[Reference, ScoredBlock]
Array = NDArray[np.float64]
World = Callable[[Array], Array]  # features (n, 3) to the true P(y | x), (n, classes)

BLOCK_ROWS = 1_007
TRAIN_ROWS, REFERENCE_ROWS = 3 * BLOCK_ROWS, 2 * BLOCK_ROWS  # of ELEC, the first and those after them
PERIOD_ROWS = 12 * BLOCK_ROWS  # of ELEC that are split at random: a third each to train, as reference, and to draw from
SIMULATED = {"train": 2_000, "reference": 3_000, "block": 1_000}  # rows


def network(rows: Rows, seed: int) -> Predictor:
    """A small network, trained for 15 epochs on `rows`."""
    torch.manual_seed(seed)
    net = TableNet(fit_quantile_ranks(rows.features), Shape(width=32, depth=2, dropout=0.1), 2)
    fit(net, rows, rows, FitOptions(learning_rate=1e-2, weight_decay=1e-2, batch_size=256, max_epochs=15, seed=seed))
    return LocalPredictor(net.eval())


def scored(model: Predictor, features: Floats, labels: Integers) -> ScoredBlock:
    """Rows with the model's answer, as a block; the labels are there to count what was right."""
    block = Block(0, range(len(labels)), features, labels, None)
    return ScoredBlock(block, model.predict(features), 0.0)


def reference(model: Predictor, rows: Rows) -> Reference:
    """Rows with the model's answer, as a reference."""
    return Reference(rows.features, rows.labels, model.predict(rows.features).probabilities)


def elec_blocks(seed: int) -> Iterator[Case]:
    """A network trained on ELEC's first 3,021 rows, the next 2,014 as reference, and all 40 blocks after them."""
    table = load_elec()
    model = network(table.part(range(TRAIN_ROWS)), seed)
    start = TRAIN_ROWS + REFERENCE_ROWS
    accepted = reference(model, table.part(range(TRAIN_ROWS, start)))
    for block in blocks(table, range(start, len(table)), BLOCK_ROWS):
        yield accepted, ScoredBlock(block, model.predict(block.features), 0.0)


def elec_resampled(seed: int, *, slope: float = 3.0) -> Case:
    """1,007 rows of ELEC's first 12,084, drawn by their features alone, so that P(y | x) is that of the reference.

    A row's weight is exp(slope times its place along a random direction of the standardised features); none is drawn
    twice. Training, reference and block share no row, but neighbouring half-hours are alike.
    """
    rng, table = np.random.default_rng(seed), load_elec()
    train, kept, pool = np.array_split(rng.permutation(PERIOD_ROWS), 3)
    model = network(Rows(table.features[train], table.labels[train]), seed)
    values = table.features[pool].astype(np.float64)
    varying = values[:, values.std(axis=0) > 1e-9]
    direction = rng.normal(size=varying.shape[1])
    place = (varying - varying.mean(axis=0)) / varying.std(axis=0) @ (direction / np.linalg.norm(direction))
    weights = np.exp(slope * (place - place.max()))
    drawn = rng.choice(pool, BLOCK_ROWS, replace=False, p=weights / weights.sum())
    accepted = reference(model, Rows(table.features[kept], table.labels[kept]))
    return accepted, scored(model, table.features[drawn], table.labels[drawn])


def _binary(log_odds: Array) -> Array:
    yes = 1 / (1 + np.exp(-log_odds))
    return np.column_stack([1 - yes, yes])


def linear(x: Array) -> Array:
    """Two classes; the model fits, and is calibrated everywhere."""
    return _binary(1.5 * x[:, 0] + x[:, 1] - 0.3)


def uneven(x: Array) -> Array:
    """Two classes; the rule is noisy where x1 > 0, which the model does not see: calibrated on the whole alone."""
    return _binary(0.3 + 3 * x[:, 0] * np.where(x[:, 1] > 0, 0.2, 1.0))


def three(x: Array) -> Array:
    """Three classes, of which the second is rare; the model fits."""
    scores = np.exp(np.column_stack([1.5 * x[:, 0], x[:, 1] - 1.5, -x[:, 0] + x[:, 2]]))
    return np.asarray(scores / scores.sum(axis=1, keepdims=True))


def remapped(x: Array) -> Array:
    """Two classes, by `linear`'s rule with the first feature's part turned round: features as ever, other labels."""
    return linear(x * [-1, 1, 1])


def simulated(world: World, seed: int, *, shift: float = 0.0, later: World | None = None) -> Case:
    """Normal features, labels drawn from `world`, a logistic regression of them, and a block.

    Args:
        world: of the rows to train on (2,000) and of the reference (3,000).
        seed: of all draws.
        shift: of the block's features (1,000 rows), in standard deviations, each along (1, 1, 0) / √2.
        later: of the block's labels, if not `world`: concept drift.
    """
    rng = np.random.default_rng(seed)

    def draw(rows: int, moved: float, rule: World) -> Rows:
        x = rng.normal(size=(rows, 3)) + moved * np.asarray([1, 1, 0]) / np.sqrt(2)
        uniform = rng.random((rows, 1))
        labels = (uniform > rule(x).cumsum(axis=1)[:, :-1]).sum(axis=1)
        return Rows(x.astype(np.float32), labels.astype(np.int64))

    train = draw(SIMULATED["train"], 0.0, world)
    model = _Fitted(LogisticRegression().fit(train.features, train.labels))
    accepted = reference(model, draw(SIMULATED["reference"], 0.0, world))
    block = draw(SIMULATED["block"], shift, later or world)
    return accepted, scored(model, block.features, block.labels)


class _Fitted:
    """A fitted scikit-learn classifier as a predictor."""

    def __init__(self, model: LogisticRegression) -> None:
        self._model = model

    def predict(self, features: Floats) -> Answer:
        return Answer(self._model.predict_proba(features).astype(np.float32), 0)
