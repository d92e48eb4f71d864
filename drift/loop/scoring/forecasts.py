"""Forecasts of the threshold for the blocks of a deployment; used by the loop and its report."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from drift.data.blocks import Reference
from drift.detect import ThresholdForecast
from drift.policies.forecast import forecast_after
from drift.policies.history import BlockRecord


@dataclass
class Forecasts:
    """The forecast after each block of a deployment, made from the scoring log alone.

    The same blocks give the same forecasts, so that a resumed deployment, its report and MLflow have the same numbers.

    Attributes:
        threshold: accuracy in [0, 1].
        reference_of: the reference of a version.
        by_block: the forecasts made so far, by the index of the block after which they were made.
    """

    threshold: float
    reference_of: Callable[[int], Reference]
    by_block: dict[int, ThresholdForecast] = field(default_factory=dict)

    def after(self, blocks: Sequence[BlockRecord]) -> ThresholdForecast:
        """The forecast after the last of `blocks`, which are all blocks of the deployment so far."""
        last = blocks[-1]
        if last.index not in self.by_block:
            reference = self.reference_of(last.version)
            right = round(reference.accuracy * len(reference))
            self.by_block[last.index] = forecast_after(blocks, self.threshold, reference=(right, len(reference)))
        return self.by_block[last.index]

    def of(self, blocks: Sequence[BlockRecord]) -> dict[int, ThresholdForecast]:
        """The forecast after each of `blocks`, by index."""
        return {block.index: self.after(blocks[: at + 1]) for at, block in enumerate(blocks)}
