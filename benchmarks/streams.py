"""Streams of losses whose law is known, many at a time: what alarms and delays are measured on."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

Losses: TypeAlias = NDArray[np.float64]
Draw: TypeAlias = Callable[[np.random.Generator, int, int], Losses]
"""Of a generator, a number of streams and a number of blocks: losses, (streams, blocks, rows), as they go on."""


@dataclass(frozen=True)
class Law:
    """A stationary law whose conditional mean obeys the null."""

    name: str
    risk: float  # mean loss
    begin: Callable[[], Draw]  # a fresh source; it may carry on from one call to the next


def independent(risk: float, rows: int) -> Law:
    """Rows that are wrong independently of each other."""

    def draw(rng: np.random.Generator, streams: int, blocks: int) -> Losses:
        return np.asarray(rng.random((streams, blocks, rows)) < risk, np.float64)

    return Law(f"Bernoulli {risk:g}", risk, lambda: draw)


def shuffled(pool: Losses, name: str) -> Law:
    """Blocks of a real stream, (n, rows), drawn at random: rows of a block hang together as they really do."""

    def draw(rng: np.random.Generator, streams: int, blocks: int) -> Losses:
        return pool[rng.integers(len(pool), size=(streams, blocks))]

    return Law(name, float(pool.mean()), lambda: draw)


def moving(risk: float, rows: int, *, reach: float = 0.5) -> Law:
    """Conditional means on a path of their own below `risk`: errors of neighbouring blocks are correlated."""

    def begin() -> Draw:
        state: list[NDArray[np.float64]] = []

        def draw(rng: np.random.Generator, streams: int, blocks: int) -> Losses:
            if not state or len(state[0]) != streams:
                state[:] = [rng.random(streams)]
            found = np.empty((streams, blocks, rows))
            for block in range(blocks):
                state[0] = np.abs((state[0] + rng.normal(0, 0.15, streams) + 1) % 2 - 1)  # reflected at 0 and 1
                found[:, block] = rng.random((streams, rows)) < (risk * (1 - reach * state[0]))[:, None]
            return found

        return draw

    return Law(f"moving below {risk:g}", risk, begin)


def runs(risk: float, rows: int, *, correlation: float = 0.5) -> Law:
    """Errors in runs within a block: each row repeats the one before it with probability `correlation`.

    Every block begins anew, so that its conditional mean is `risk` while those of its rows are not.
    """

    def draw(rng: np.random.Generator, streams: int, blocks: int) -> Losses:
        fresh = rng.random((streams, blocks, rows)) < risk
        keep = rng.random((streams, blocks, rows)) < correlation
        keep[..., 0] = False
        source = np.maximum.accumulate(np.where(keep, 0, np.arange(rows)), axis=-1)
        return np.asarray(np.take_along_axis(fresh, source, axis=-1), np.float64)

    return Law(f"runs, {risk:g}", risk, lambda: draw)
