"""How far ELEC's known concept has moved: the one stream of which the truth about drift is known.

A label is UP exactly when the price is above its mean over the 48 rows before (data/README.md). That moving threshold
is the concept. A model learns the thresholds of its window; how many labels of a block they would turn is the drift.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from drift.data.blocks import Table

DAY = 48  # rows


def thresholds(table: Table) -> NDArray[np.float64]:
    """The threshold of each row, (n,): the mean price of the 48 rows before; of fewer at the beginning."""
    price = table.features[:, table.feature_names.index("nswprice")].astype(np.float64)
    sums = np.concatenate([[0.0], np.cumsum(price)])
    at = np.arange(len(price))
    first = np.maximum(0, at - DAY)
    return np.asarray((sums[at] - sums[first]) / np.maximum(1, at - first))


def displacement(table: Table, rows: range, learned: range) -> float:
    """Share of `rows` whose label the mean threshold of the rows `learned` from would turn, in [0, 1]."""
    threshold = thresholds(table)
    price = table.features[rows.start : rows.stop, table.feature_names.index("nswprice")]
    up = price > threshold[rows.start : rows.stop]
    return float((up != (price > threshold[learned.start : learned.stop].mean())).mean())


def has_concept(table: Table) -> bool:
    """Whether the table is ELEC, whose concept is known."""
    return table.name == "elec"
