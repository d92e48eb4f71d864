"""Forecasts of the threshold for the blocks of a deployment or a replay; used by the loop, policies and reports."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from drift.blocks import Reference
from drift.detect import ThresholdForecast, forecast_threshold
from drift.loop.events import BlockRecord


def forecast_after(
    blocks: Sequence[BlockRecord], threshold: float, *, reference: tuple[int, int] | None
) -> ThresholdForecast:
    """Forecast from the blocks of the serving version, up to and including the last one.

    Blocks of earlier versions say nothing about how this one ages, so the series begins anew with every version.

    Args:
        blocks: scored blocks in order, one or more.
        threshold: accuracy in [0, 1].
        reference: right answers and rows of the serving version's reference, an observation before its first block;
            None if it has none.
    """
    own = serving_blocks(blocks)
    return forecast_threshold(
        [block.correct for block in own], [block.rows for block in own], threshold, reference=reference
    )


def serving_blocks(blocks: Sequence[BlockRecord]) -> list[BlockRecord]:
    """The newest blocks in a row that one version answered, oldest first."""
    start = len(blocks)
    while start and blocks[start - 1].version == blocks[-1].version:
        start -= 1
    return list(blocks[start:])


@dataclass
class Forecasts:
    """The forecast after each block of a deployment, made from the scoring log alone.

    The same blocks give the same forecasts, so that a resumed deployment, its report and MLflow have the same numbers.

    Attributes:
        threshold: accuracy in [0, 1].
        reference_of: the reference of a version.
        made: the forecasts made so far, by the index of the block after which they were made.
    """

    threshold: float
    reference_of: Callable[[int], Reference]
    made: dict[int, ThresholdForecast] = field(default_factory=dict)

    def after(self, blocks: Sequence[BlockRecord]) -> ThresholdForecast:
        """The forecast after the last of `blocks`, which are all blocks of the deployment so far."""
        last = blocks[-1]
        if last.index not in self.made:
            reference = self.reference_of(last.version)
            right = round(reference.accuracy * len(reference))
            self.made[last.index] = forecast_after(blocks, self.threshold, reference=(right, len(reference)))
        return self.made[last.index]

    def of(self, blocks: Sequence[BlockRecord]) -> dict[int, ThresholdForecast]:
        """The forecast after each of `blocks`, by index."""
        return {block.index: self.after(blocks[: at + 1]) for at, block in enumerate(blocks)}
