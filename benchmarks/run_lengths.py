"""Blocks to the first alarm: of many streams at once for ours, one by one for detectors that judge rows."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np
from numpy.typing import NDArray

from benchmarks.streams import Law
from drift.detect.sequential.dependence import measure_dependence
from drift.detect.sequential.evidence import Form, after, alternatives, log_bets, nothing
from drift.detect.streaming import ErrorDetector

REFERENCE_BLOCKS = 60
CHUNK = 20  # blocks drawn at once


def ours(
    law: Law,
    promised: float,
    *,
    streams: int,
    rows: int,
    most: int,
    seed: int,
    tolerated_loss: float = 0.0,
    form: Form = "shiryaev-roberts",
    changed: Law | None = None,
    change: int = 0,
) -> NDArray[np.float64]:
    """Blocks to the first alarm of `Harm`, (streams,); `most` if there is none until then.

    Args:
        law: of the streams; each measures dependence on a reference of its own, with the law's risk accepted.
        promised: blocks.
        streams: at once.
        rows: of a block.
        most: blocks.
        seed: of the streams.
        tolerated_loss: on top of the law's risk.
        form: of the evidence.
        changed: the law from block `change` on.
        change: blocks before it.
    """
    rng, draw = np.random.default_rng(seed), law.begin()
    reference = draw(rng, streams, REFERENCE_BLOCKS).reshape(streams, -1)
    effective = np.array([measure_dependence(losses, rows).effective_rows for losses in reference])
    risk = law.risk + tolerated_loss
    against = alternatives(risk)
    evidence, found = nothing(len(against), (streams,), form=form), np.full(streams, float(most))
    for block, means in enumerate(_means(law, changed, change, rng, streams, most)):
        evidence = after(evidence, log_bets(means, risk, against, effective))
        found = np.where((evidence.log_value >= np.log(promised)) & (found == most), block + 1, found)
        if (found < most).all():
            break
    return found


def _means(
    law: Law, changed: Law | None, change: int, rng: np.random.Generator, streams: int, most: int
) -> Iterator[NDArray[np.float64]]:
    """Mean losses of each stream, block by block."""
    for part in _parts(law, changed, change, rng, streams, most):
        yield from np.moveaxis(part.mean(axis=2), 1, 0)


def _parts(
    law: Law, changed: Law | None, change: int, rng: np.random.Generator, streams: int, most: int
) -> Iterator[NDArray[np.float64]]:
    """Losses (streams, some blocks, rows), in turn."""
    stretches = [(law, most)] if changed is None else [(law, change), (changed, most - change)]
    for now, blocks in stretches:
        draw = now.begin()
        for begin in range(0, blocks, CHUNK):
            yield draw(rng, streams, min(CHUNK, blocks - begin))


def by_row(
    made: Callable[[], ErrorDetector],
    law: Law,
    *,
    streams: int,
    rows: int,
    most: int,
    seed: int,
    changed: Law | None = None,
    change: int = 0,
) -> NDArray[np.float64]:
    """Blocks to the first alarm of a detector that judges rows, (streams,); after `change`, if there is one.

    Args:
        made: makes the detector.
        law: of the streams.
        streams: one by one.
        rows: of a block.
        most: blocks.
        seed: of the streams.
        changed: the law from block `change` on.
        change: blocks before it.
    """
    found = np.full(streams, float(most))
    for stream in range(streams):
        parts = _parts(law, changed, change, np.random.default_rng((seed, stream)), 1, most)
        losses = (int(loss) for part in parts for loss in part.ravel().tolist())
        first = next(made().alarms(losses, block_size=rows), None)
        if first is not None:
            found[stream] = first // rows + 1
    return found
