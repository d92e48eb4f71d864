"""Where challengers are watched in the shadow of a deployment: they are fetched, caught up, and promoted or refused."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from drift.data.blocks import Answer, Reference, ScoredBlock, Table
from drift.detect.sequential.paired_test import TestState
from drift.errors import ChampionChangedError
from drift.loop.events import Notice
from drift.loop.journal.records import DecisionRecord
from drift.loop.options import DeployOptions
from drift.loop.releases.promote import Championship
from drift.loop.scoring.score import Progress
from drift.loop.scoring.shadow import Shadow, shadow_of
from drift.models.predict import LocalPredictor
from drift.policies.history import BlockRecord


@dataclass(frozen=True)
class ShadowTrial:
    """Of one deployment."""

    deployment: str
    table: Table
    championship: Championship
    reference_of: Callable[[int], Reference]  # by version
    options: DeployOptions

    def begin(self, decision: DecisionRecord, progress: Progress) -> Shadow:
        """The challenger of a decision, caught up with the blocks that were scored since."""
        registry = self.championship.registry
        version = registry.get(decision.challenger or 0)
        shadow = shadow_of(
            version.number,
            self._predictor(version.number),
            self._predictor(progress.blocks[-1].version),
            self.reference_of(version.number),
            level=self.options.retrain.level,
        )
        since = [block for block in progress.blocks if block.index > decision.block]
        answers = self.championship.journal.answers(self.deployment) if since else None
        for block in since:
            assert answers is not None  # noqa: S101  # read above
            served = answers.predictions[answers.blocks == block.index]
            answer = Answer(np.eye(len(self.table.classes), dtype=np.float32)[served], block.version)
            shadow.observe(ScoredBlock(self.table.block(block.index, range(block.start, block.stop)), answer, 0.0))
        return shadow

    def _predictor(self, number: int) -> LocalPredictor:
        registry = self.championship.registry
        return LocalPredictor.from_file(registry.release(registry.get(number)).model_file, version=number)

    def end(self, shadow: Shadow, record: BlockRecord) -> DecisionRecord:
        """Promote or refuse; what had been done before a crash is only written down."""
        championship, by, reason = self.championship, "--shadow", shadow.words
        challenger, champion = championship.registry.get(shadow.version), championship.registry.champion()
        evidence = {
            "deployment": self.deployment,
            "block": record.index,
            "challenger": challenger.number,
            "comparison": dict(shadow.comparison),
        }
        better = shadow.paired_test.verdict is TestState.BETTER
        if better and champion.number != challenger.number:
            try:
                championship.promote(challenger, by=by, reason=reason, evidence=evidence, instead_of=record.version)
            except ChampionChangedError as error:
                better, reason = False, str(error)
        if not better:
            championship.refuse(challenger, champion, by=by, reason=reason, evidence=evidence)
            championship.tell(Notice(f"version {challenger.number} stays challenger: {reason}"))
        return DecisionRecord(
            block=record.index,
            retrain=True,
            by=by,
            reason=reason,
            evidence={},
            outcome="promoted" if better else "refused",
            challenger=challenger.number,
            comparison=shadow.comparison,
        )
