"""Alarms beside the truth on ELEC, the one stream of which it is known: which were false, and how late the others came.

A label is UP exactly when the price is above its mean over the 48 rows before (data/README.md). That moving threshold
is the concept. A model learns the thresholds of its window; how many labels of a block they would turn is the drift.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from drift.data.blocks import Table
from drift.replays.play import PolicyRun, Stream

TOLERATED = 0.05  # share of labels that may turn before one speaks of drift
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


@dataclass(frozen=True)
class KnownDrift:
    """Of one replay.

    Attributes:
        displacements: by block: share of labels turned since the serving version's window.
        false_alarms: at blocks whose displacement was within what is tolerated.
        delays: blocks from the first one beyond it to the alarm, of each version that was alarmed on.
        missed: versions that left the tolerance and were never alarmed on.
    """

    displacements: tuple[float, ...]
    false_alarms: int
    delays: tuple[int, ...]
    missed: int


def known_drift(stream: Stream, played: PolicyRun) -> KnownDrift | None:
    """What a policy's alarms were worth; None where the concept is not known.

    A version leaves the tolerance when the displacement exceeds that of its first block by more than `TOLERATED`.
    """
    if not has_concept(stream.table):
        return None
    windows = [range(stream.start), *(retrain.rows for retrain in played.retrains)]
    moved = [
        displacement(stream.table, range(block.start, block.stop), windows[block.version - 1])
        for block in played.blocks
    ]
    false_alarms, missed, delays = 0, 0, []
    for version in range(1, len(windows) + 1):
        own = [block for block in played.blocks if block.version == version]
        if not own:
            continue
        bound = moved[own[0].index] + TOLERATED
        left = next((block.index for block in own if moved[block.index] > bound), None)
        alarms = [block.index for block in own if block.flagged]
        false_alarms += sum(moved[alarm] <= bound for alarm in alarms)
        after = [alarm for alarm in alarms if left is not None and alarm >= left]
        if left is not None and after:
            delays.append(after[0] - left)
        elif left is not None:
            missed += 1
    return KnownDrift(tuple(moved), false_alarms, tuple(delays), missed)
