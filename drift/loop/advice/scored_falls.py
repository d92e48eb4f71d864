"""The last fall of accuracy that the scoring log knows up to a row, over all deployments of a model's table."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace

from drift.data.blocks import Reference
from drift.errors import DriftError
from drift.loop.advice.accuracy_fall import last_fall
from drift.loop.card import Card
from drift.loop.journal.journal import Journal
from drift.loop.outlook import Fall
from drift.loop.retraining.manual_retrain import deployments_of
from drift.policies.history import BlockRecord


@dataclass
class ScoredFalls:
    """Dates falls for one deployment; the blocks of others are read once, and so are references.

    Attributes:
        journal: the scoring log.
        deployment: the one that is under way, whose blocks are read anew each time.
        reference_of: the reference of a version; one that raises `DriftError` dates no fall of that version.
    """

    journal: Journal
    deployment: str
    reference_of: Callable[[int], Reference]
    _blocks: dict[str, Sequence[BlockRecord]] = field(default_factory=dict)
    _references: dict[int, tuple[int, int] | None] = field(default_factory=dict)

    def last(self, model: str, card: Card, stop: int) -> Fall | None:
        """The last fall in the rows before `stop`; later ones are still to come for whoever asks.

        Args:
            model: name in the registry.
            card: of its champion, which tells the table.
            stop: one past the last row that counts.
        """
        deployments = [deployment.id for deployment in deployments_of(self.journal, model, card)]
        every = {deployment: self._blocks_of(deployment) for deployment in deployments}
        fall = last_fall([[block for block in blocks if block.stop <= stop] for blocks in every.values()], self._counts)
        if fall is None:
            return None
        dated_in = [
            deployment
            for deployment, blocks in every.items()
            if any((block.version, block.start) == (fall.version, fall.row) for block in blocks)
        ]
        return fall if dated_in[-1] == self.deployment else replace(fall, elsewhere=dated_in[-1])

    def _blocks_of(self, deployment: str) -> Sequence[BlockRecord]:
        if deployment == self.deployment:
            return self.journal.blocks(deployment)
        if deployment not in self._blocks:
            self._blocks[deployment] = self.journal.blocks(deployment)
        return self._blocks[deployment]

    def _counts(self, version: int) -> tuple[int, int] | None:
        if version not in self._references:
            self._references[version] = None  # deleted, or MLflow is away: not asked for again in this deployment
            with suppress(DriftError):
                reference = self.reference_of(version)
                self._references[version] = round(reference.accuracy * len(reference)), len(reference)
        return self._references[version]
