"""How far rows lie from the reference, and which of its rows are nearest: for a person to decide, anomaly or not.

The anomaly score is an isolation forest's (Liu, Ting and Zhou 2008; scikit-learn's): how few random cuts set a row
apart. Its share says how many reference rows, of a half that the forest has not seen, are as strange.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from drift.system.quiet import not_autologged

if TYPE_CHECKING:
    import pandas as pd

MOST_ROWS = 4_000  # of the reference
MOST_CATEGORIES = 20  # of a feature; rarer ones together look like one that was never seen
IQR_OF_NORMAL = 1.349  # so that a scaled number has about the standard deviation 1
RADIUS = 0.95  # quantile of the distances of reference rows from their nearest
TREES = 100


@dataclass(frozen=True)
class Anomaly:
    """How strange a row is.

    Attributes:
        score: of the isolation forest, in (0, 1): about .5 is usual, near 1 strange.
        share: of reference rows that are as strange, (1 + count) / (1 + n).
    """

    score: float
    share: float


@dataclass(frozen=True)
class Near:
    """A reference row near another row.

    Attributes:
        position: of the row in the reference's sample.
        distance: in standard deviations of a feature, over all of them.
    """

    position: int
    distance: float


class Neighbourhood:
    """What usual rows are like, learned from a reference."""

    def __init__(self, features: pd.DataFrame, *, seed: int = 0) -> None:
        """Learn from rows; at most 4,000 of them, drawn.

        Args:
            features: numbers (float), or text; 2 rows or more.
            seed: of the draw and of the forest.
        """
        from sklearn.ensemble import IsolationForest
        from sklearn.neighbors import NearestNeighbors

        rng = np.random.default_rng(seed)
        self.positions = np.sort(rng.permutation(len(features))[:MOST_ROWS])
        self._scaling = [_Scaling.of(features[name]) for name in features]
        self._points = self._as_points(features.iloc[self.positions])
        half = rng.permutation(len(self._points))
        fitted, kept = half[: len(half) // 2], half[len(half) // 2 :]
        with not_autologged():
            self._forest = IsolationForest(n_estimators=TREES, random_state=seed).fit(self._points[fitted])
            self._index = NearestNeighbors().fit(self._points)
        self._usual = np.sort(-self._forest.score_samples(self._points[kept]))
        own = self._index.kneighbors(self._points, min(2, len(self._points)))[0][:, -1]
        self.radius = float(np.quantile(own, RADIUS))  # rows nearer than this are alike

    def anomalies(self, features: pd.DataFrame) -> list[Anomaly]:
        """How strange each row is."""
        scores = -self._forest.score_samples(self._as_points(features))
        above = len(self._usual) - np.searchsorted(self._usual, scores, "left")
        shares = (1 + above) / (1 + len(self._usual))
        return [Anomaly(float(score), float(share)) for score, share in zip(scores, shares, strict=True)]

    def nearest(self, features: pd.DataFrame, *, count: int = 3) -> list[tuple[Near, ...]]:
        """The nearest reference rows of each row, nearest first."""
        distances, places = self._index.kneighbors(self._as_points(features), min(count, len(self._points)))
        return [
            tuple(Near(int(self.positions[place]), float(distance)) for distance, place in zip(*pair, strict=True))
            for pair in zip(distances, places, strict=True)
        ]

    def alike(self, features: pd.DataFrame, others: pd.DataFrame) -> NDArray[np.bool_]:
        """Which rows are as near to which others as neighbours in the reference, (rows, others)."""
        from sklearn.metrics import pairwise_distances

        if not len(features) or not len(others):
            return np.zeros((len(features), len(others)), bool)
        apart = pairwise_distances(self._as_points(features), self._as_points(others))
        return np.asarray(apart <= self.radius)

    def _as_points(self, features: pd.DataFrame) -> NDArray[np.float64]:
        columns = [scaling.points(features[name]) for scaling, name in zip(self._scaling, features, strict=True)]
        return np.concatenate(columns, axis=1) if columns else np.zeros((len(features), 1))


@dataclass(frozen=True)
class _Scaling:
    """How a feature becomes coordinates: numbers by median and spread, categories so that two differ by about 1."""

    middle: float = 0.0
    spread: float = 1.0
    categories: tuple[Any, ...] | None = None

    @classmethod
    def of(cls, column: pd.Series) -> _Scaling:
        if column.dtype.kind != "f":
            return cls(categories=tuple(column.value_counts().index[:MOST_CATEGORIES]))
        values = column.to_numpy()[np.isfinite(column.to_numpy())]
        if not len(values):
            return cls()
        low, middle, high = np.quantile(values, [0.25, 0.5, 0.75])
        spread = (high - low) / IQR_OF_NORMAL or values.std() or 1.0
        return cls(float(middle), float(spread))

    def points(self, column: pd.Series) -> NDArray[np.float64]:
        """(n, coordinates); what is missing is in the middle, a category never seen is none of the others."""
        if self.categories is not None:
            points = [np.asarray(column == name, np.float64) / np.sqrt(2) for name in self.categories]
            return np.column_stack(points) if points else np.zeros((len(column), 1))
        values = (column.to_numpy() - self.middle) / self.spread
        return np.asarray(np.clip(np.nan_to_num(values, nan=0.0), -1e6, 1e6)[:, None])
