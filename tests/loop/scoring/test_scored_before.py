"""Which rows were scored before is told from the blocks in the log, not from what deployments were to score."""

from __future__ import annotations

from pathlib import Path

import pytest

from drift.data.blocks import ScoredBlock
from drift.loop.journal.journal import Journal
from drift.loop.journal.records import Deployment, now
from drift.loop.options import DeployOptions
from drift.loop.scoring.rows import scored_before
from drift.policies.history import BlockRecord
from tests.fakes import SignPredictor, stream

TABLE = stream(1_000, drift_at=1_000)


@pytest.fixture
def journal(tmp_path: Path) -> Journal:
    return Journal(tmp_path / "log.db")


def deployment(journal: Journal, name: str, asked: range, *, blocks: int, model: str = "toy") -> None:
    """One that was to score `asked` in blocks of 10 rows, and was interrupted after some."""
    journal.begin(Deployment(name, model, "run", {}, 1, asked.start, asked.stop, "interrupted", 0, now()))
    for index in range(blocks):
        start = asked.start + 10 * index
        block = TABLE.block(index, range(start, start + 10))
        answer = SignPredictor(1).predict(block.features)
        scored = ScoredBlock(block, answer, 0.0)
        record = BlockRecord.of(scored, (), first_champion_correct=scored.correct, scored_at=now())
        journal.add_block(name, record, scored, scored.predictions)


def said(journal: Journal, rows: range) -> list[str]:
    options = DeployOptions(model_name="toy", block_size=10)
    text = scored_before(journal, options, rows, None, table_rows=1_000, server={})
    return [text] if text else []


def test_an_interrupted_deployment_has_scored_its_blocks_only(journal: Journal) -> None:
    deployment(journal, "first", range(100, 800), blocks=30)
    (line,) = said(journal, range(100, 120))
    assert line.startswith("rows 100 to 119 were scored before (deployment first); to go on after them: drift deploy")
    assert "--start_row 400" in line
    (line,) = said(journal, range(390, 420))
    assert line.startswith("rows 390 to 399 were scored before")
    assert said(journal, range(400, 420)) == []


def test_one_that_scored_nothing_is_not_named(journal: Journal) -> None:
    deployment(journal, "first", range(100, 800), blocks=0)
    deployment(journal, "other", range(100, 800), blocks=5, model="other")
    assert said(journal, range(100, 120)) == []


def test_rows_between_two_deployments_were_not_scored(journal: Journal) -> None:
    deployment(journal, "first", range(110, 800), blocks=2)
    deployment(journal, "second", range(120, 800), blocks=2)
    deployment(journal, "third", range(160, 800), blocks=1)
    (line,) = said(journal, range(100, 200))
    assert line.startswith("rows 110 to 139 and 160 to 169 were scored before (deployment third); to go on after them")
    assert "--start_row 170" in line
