"""Advice of a deployment beside its scores: a threshold out of reach, and what a retrain would learn from."""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass, replace

from drift.data.blocks import Reference, Table
from drift.detect.accuracy.block_tests import drop_p_value
from drift.errors import TrackingError
from drift.loop.advice.falls import ScoredFalls
from drift.loop.advice.retrain_outlook import by_hand_of, outlook_of
from drift.loop.advice.threshold_advice import ThresholdAdvice, threshold_advice
from drift.loop.events import Notice, Tell
from drift.loop.journal.journal import Journal
from drift.loop.journal.records import Deployment
from drift.loop.options import DeployOptions
from drift.loop.outlook import ByHand, Outlook
from drift.loop.releases.loading import References
from drift.loop.releases.promote import card_of
from drift.loop.retraining.manual_retrain import last_row_seen
from drift.policies.history import BlockRecord
from drift.tracking.registry import Registry

LEVEL = 0.01  # of the test


def worse_than_accepted(now: Reference, first: Reference, *, level: float = LEVEL) -> str:
    """A finding for people, where accuracy on one reference is lower than on another beyond chance; else empty.

    Args:
        now: of the version that took over.
        first: of the version that a deployment began with.
        level: of the exact test of two rates (see `drop_p_value`), in (0, 1).
    """
    right, accepted = round(now.accuracy * len(now)), round(first.accuracy * len(first))
    if drop_p_value(right, len(now), accepted, len(first)) >= level:
        return ""
    return (
        f"not as good as the first version was when it was accepted: {now.accuracy:.3f} of {len(now):,} rows right,"
        f" against {first.accuracy:.3f} of {len(first):,}"
    )


@dataclass(frozen=True)
class DeploymentAdvice:
    """Advice during and after one deployment.

    Attributes:
        deployment: as the log keeps it.
        options: of the deployment.
        table: that is scored.
        registry: of the model's versions.
        journal: the scoring log.
        references: of versions, by number.
        falls: of accuracy, in the blocks that were scored.
    """

    deployment: Deployment
    options: DeployOptions
    table: Table
    registry: Registry
    journal: Journal
    references: References
    falls: ScoredFalls

    def threshold(self, version: int) -> ThresholdAdvice | None:
        """Whether a version's threshold flags most blocks without drift."""
        if (threshold := self.options.threshold) is None:
            return None
        return threshold_advice(threshold, self.references(version).accuracy, self.options.block_size)

    def first_threshold(self, versions: Iterable[int]) -> ThresholdAdvice | None:
        """The advice for the first of these versions that has one."""
        return next((advice for version in versions if (advice := self.threshold(version)) is not None), None)

    def take_over(self, version: int, tell: Tell) -> None:
        """Warn of what a version that took over does not reach; the first one's threshold was checked before."""
        first = self.deployment.first_champion
        if version == first:
            return
        if advice := self.threshold(version):
            tell(Notice(f"version {version}: {advice.words}"))
        if finding := worse_than_accepted(self.references(version), self.references(first)):
            tell(Notice(f"version {version} is {finding}"))

    def outlook(self, record: BlockRecord, window_rows: int | None) -> Outlook | None:
        """What a retrain after a block would learn from; None while MLflow is away."""
        options, rows = self.options.retrain.on_window(window_rows), self.options.block_size
        with suppress(TrackingError):
            card = card_of(self.registry, self.registry.champion())
            fall = self.falls.last(self.registry.name, card, record.stop)
            outlook = outlook_of(card, record.stop, options, block_rows=rows, fall=fall)
            return replace(outlook, blocks_left=(len(self.table) - record.stop) // rows)
        return None

    def by_hand(self) -> ByHand | None:
        """What `drift retrain` would learn from now: rows that any deployment of this model scored, not this one's.

        None while MLflow is away.
        """
        options, rows, name = self.options.retrain, self.options.block_size, self.registry.name
        with suppress(TrackingError):
            card = card_of(self.registry, self.registry.champion())
            stop = last_row_seen(self.journal, name, card)
            return by_hand_of(card, stop, options, block_rows=rows, fall=self.falls.last(name, card, stop))
        return None
