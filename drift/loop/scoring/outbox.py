"""Forecasts after each block, and MLflow as a listener that may be away: blocks wait in the log until it has them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from time import monotonic

from drift.data.blocks import Reference
from drift.detect import ThresholdForecast
from drift.errors import TrackingError
from drift.loop.events import BlockScored, Event, Notice, Tell
from drift.loop.journal.journal import Journal
from drift.policies.history import BlockRecord
from drift.policies.threshold import forecast_after
from drift.tracking.runs.open_runs import LoggedMetric, Run

RETRY_SECONDS = 15.0  # between tries while MLflow is away


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


@dataclass
class Outbox:
    """Sends the metrics of scored blocks to a run, in order, each once.

    A point carries the time its block was scored, so that one sent again after a crash is the same point.

    Attributes:
        journal: the scoring log.
        deployment: its id.
        run: of the deployment.
        forecasts: after each block.
        sent: number of blocks that MLflow has.
        tell: hears of MLflow being away, and back.
    """

    journal: Journal
    deployment: str
    run: Run
    forecasts: Forecasts
    sent: int
    tell: Tell
    _not_before: float = 0.0
    _away: bool = False

    def __call__(self, event: Event) -> None:
        """Send after every block; while MLflow is away, only now and then."""
        if isinstance(event, BlockScored) and monotonic() >= self._not_before:
            try:
                self.flush()
            except TrackingError as error:
                if not self._away:
                    self.tell(Notice(f"{error}; blocks wait in the scoring log"))
                self._away = True
                self._not_before = monotonic() + RETRY_SECONDS

    def flush(self) -> None:
        """Send everything that waits; raises `TrackingError` if MLflow is away."""
        waiting = self.journal.blocks(self.deployment, first=self.sent)
        if waiting:
            forecasts = self._forecasts_of(waiting)
            self.run.metrics([point for record in waiting for point in block_metrics(record, forecasts[record.index])])
            self.sent += len(waiting)
            self.journal.set_tracked(self.deployment, self.sent)
        if self._away:
            self.tell(Notice("MLflow answers again and has every block"))
        self._away = False

    def _forecasts_of(self, records: list[BlockRecord]) -> Mapping[int, ThresholdForecast]:
        """Made already, except for blocks of an earlier process: those are made again from the log."""
        if all(record.index in self.forecasts.by_block for record in records):
            return self.forecasts.by_block
        return self.forecasts.of(self.journal.blocks(self.deployment))


def block_metrics(record: BlockRecord, forecast: ThresholdForecast | None = None) -> list[LoggedMetric]:
    """A block, and the forecast after it, as points with the block as step."""
    at = int(datetime.fromisoformat(record.scored_at).timestamp() * 1000)
    values = {
        "test_accuracy": record.accuracy,  # the specification's name of the indicator that the threshold is about
        "block/accuracy": record.accuracy,
        "block/accuracy_first_champion": record.first_champion_correct / record.rows,
        "block/wrong": record.wrong,
        "block/mean_confidence": record.mean_confidence,
        "block/version": record.version,
        "block/flagged": record.flagged,
        "block/seconds": record.seconds,
    }
    if forecast is not None:
        values |= {f"block/{name}": value for name, value in forecast.metrics.items()}
    for score in record.scores:
        if score.p_value is None:
            values[f"detector/{score.detector}"] = score.statistic
        else:
            values[f"detector/{score.detector}_p_value"] = score.p_value
    return [LoggedMetric(key, float(value), record.index, at) for key, value in values.items()]
