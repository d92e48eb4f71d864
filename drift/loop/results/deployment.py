"""What a deployment found, for `drift deploy` to print and to write as JSON, and for programs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from drift.detect import ThresholdForecast
from drift.errors import ExitCode
from drift.loop.advice.threshold_advice import ThresholdAdvice
from drift.loop.events import Ending
from drift.loop.journal.records import DecisionRecord, Deployment
from drift.loop.options import DeployOptions
from drift.loop.outlook import ByHand
from drift.loop.results.details import DeploymentDetails
from drift.loop.results.summary import Summary
from drift.policies.history import BlockRecord


@dataclass(frozen=True)
class DeployResult:
    """How a deployment ended.

    Attributes:
        deployment: as the log keeps it.
        options: that it had.
        blocks: every scored block, in order.
        decisions: what came of flagged blocks, of challengers, and of the question at the end.
        exit_code: of the command.
        report: the page; None if none was written.
        forecasts: made after each block, by its index.
        details: versions, features that moved, and what came of it.
        ending: what was or would have been asked at the end.
        by_hand: the retrain that is proposed now; None while MLflow is away.
        rows_left: of the table, after those that any deployment scored.
        threshold_advice: of the first version with most blocks flagged without drift.
    """

    deployment: Deployment
    options: DeployOptions
    blocks: list[BlockRecord]
    decisions: list[DecisionRecord]
    exit_code: ExitCode
    report: Path | None
    forecasts: Mapping[int, ThresholdForecast]
    details: DeploymentDetails
    ending: Ending | None = None
    by_hand: ByHand | None = None
    rows_left: int = 0
    threshold_advice: ThresholdAdvice | None = None

    def __str__(self) -> str:
        """The deployment in a few numbers."""
        return "\n".join(self.summary.lines())

    @property
    def summary(self) -> Summary:
        """The deployment in a few numbers."""
        return self.details.outcome.summary

    @property
    def records(self) -> list[dict[str, Any]]:
        """One for each block, as plain values."""
        return [
            {
                **vars(block),
                "accuracy": block.accuracy,
                "wrong": block.wrong,
                "forecast": self.forecasts[block.index].record,
            }
            for block in self.blocks
        ]

    @property
    def numbers(self) -> dict[str, Any]:
        """What the records of blocks do not have."""
        short = self.summary
        return {
            "deployment": self.deployment.id,
            "run_id": self.deployment.run_id,
            "accuracy": short.accuracy,
            "seen_rows": short.seen_rows,
            "flagged": short.flagged,
            "promotions": short.promotions,
            "changes_from_outside": short.outside,
            "decisions": [vars(decision) for decision in self.decisions],
            "lowest_accuracy": self.ending and self.ending.lowest.accuracy,
            "distance_from_threshold": self.ending and self.ending.distance,
            "threshold_advice": self.threshold_advice,
            "model_versions": list(self.details.versions),
            "moved_features": list(self.details.moved),
            **self.details.outcome.record,
            "report": self.report and str(self.report),
            "exit_code": int(self.exit_code),
        }
