"""The scoring log keeps every block once, and the audit trail for ever."""

import os
import sqlite3
from contextlib import closing
from pathlib import Path

import numpy as np
import pytest

from drift.data.blocks import Answer, Block, ScoredBlock
from drift.detect import Score
from drift.errors import StateError
from drift.loop.journal.journal import Journal
from drift.loop.journal.records import AuditLine, DecisionRecord, Deployment, now
from drift.policies.history import BlockRecord

DEPLOYMENT = Deployment("d", "toy", "run", {"source": {"path": None}}, 1, 10, 14, "running", 0, "2024-01-01")

FIRST = np.asarray([0, 1])  # what the first champion would have said


def record(index: int = 0) -> tuple[BlockRecord, ScoredBlock]:
    times = np.datetime64("2024-01-01T00:00:00") + np.arange(2) * np.timedelta64(1, "h")
    rows = range(10 + 2 * index, 12 + 2 * index)
    block = Block(index, rows, np.zeros((2, 1), np.float32), np.asarray([0, 1]), times)
    scored = ScoredBlock(block, Answer(np.asarray([[0.8, 0.2], [0.7, 0.3]], np.float32), 3), 0.01)
    score = Score("accuracy", 0.5, 0.2, 0.01, "accepted 0.700")
    made = BlockRecord(index, rows.start, rows.stop, "t0", "t1", 3, 1, 0.75, 0.01, True, (score,), 2, now())
    return made, scored


@pytest.fixture
def journal(tmp_path: Path) -> Journal:
    made = Journal(tmp_path / "log.db")
    made.begin(DEPLOYMENT)
    return made


def test_what_goes_in_comes_out(journal: Journal) -> None:
    made, scored = record()
    journal.add_block("d", made, scored, FIRST)
    assert journal.blocks("d") == [made]
    answers = journal.answers("d")
    assert [answers.blocks.tolist(), answers.labels.tolist()] == [[0, 0], [0, 1]]
    assert [answers.predictions.tolist(), answers.first_champion.tolist()] == [[0, 0], [0, 1]]
    assert journal.deployments("toy") == [DEPLOYMENT]
    decision = DecisionRecord(0, True, "ada", "why", {"chance": 0.1}, "promoted", 4, {"difference": 0.1}, now())
    journal.add_decision("d", decision)
    assert journal.decisions("d") == [decision]


def test_a_block_is_never_in_it_twice_nor_by_half(journal: Journal) -> None:
    made, scored = record()
    journal.add_block("d", made, scored, FIRST)
    with pytest.raises(StateError, match="block 0 is already in the scoring log"):
        journal.add_block("d", made, scored, FIRST)
    other, _ = record(1)
    with pytest.raises(StateError):  # the rows of block 0 again, under another index: the whole insert is undone
        journal.add_block("d", other, scored, FIRST)
    assert [block.index for block in journal.blocks("d")] == [0]
    assert len(journal.answers("d").labels) == 2


def test_the_audit_trail_cannot_be_changed(journal: Journal, tmp_path: Path) -> None:
    journal.audit("toy", AuditLine("promote", 1, 2, "ada", "better", {"p": 0.01}))
    journal.audit("other", AuditLine("deploy", None, 1, "ada", "first", {}))
    with sqlite3.connect(tmp_path / "log.db") as connection:
        for statement in (
            "UPDATE audit SET by = 'eve'",
            "DELETE FROM audit",
            "INSERT OR REPLACE INTO audit"
            " SELECT id, at, model, action, from_version, to_version, 'eve', reason, evidence FROM audit",
        ):
            with pytest.raises(sqlite3.IntegrityError, match="append-only"):
                connection.execute(statement)
    (line,) = journal.trail("toy")
    assert (line.by, line.evidence, line.model) == ("ada", {"p": 0.01}, "toy")
    assert len(journal.trail()) == 2


def test_state_and_outbox_position(journal: Journal) -> None:
    journal.set_state("d", "done")
    journal.set_tracked("d", 2)
    (found,) = journal.deployments()
    assert (found.state, found.tracked) == ("done", 2)


def test_a_file_that_is_no_log_is_one_clear_line(tmp_path: Path) -> None:
    (tmp_path / "log.db").write_bytes(b"not a database, but long enough to look like one" * 100)
    with pytest.raises(StateError, match="cannot take opening it: file is not a database"):
        Journal(tmp_path / "log.db")


def test_two_processes_may_write(journal: Journal, tmp_path: Path) -> None:
    other = Journal(tmp_path / "log.db")
    made, scored = record()
    journal.add_block("d", made, scored, FIRST)
    other.add_decision("d", DecisionRecord(0, False, "ada", "why", {}, "declined"))
    assert journal.decisions("d")[0].outcome == "declined"


def test_a_line_of_the_trail_tells_the_user_id_of_its_process(tmp_path: Path) -> None:
    """The name is what the environment says, which everybody can set."""
    journal = Journal(tmp_path / "log.db")
    journal.audit("m", AuditLine("deploy", None, 1, "ada", "first", {"p": 0.5}))
    (line,) = journal.trail("m")
    assert line.uid == os.getuid()
    assert journal.changed_line() is None


@pytest.mark.parametrize("change", ["UPDATE audit SET reason = 'other' WHERE id = 2", "DELETE FROM audit WHERE id = 2"])
def test_a_changed_trail_is_told(tmp_path: Path, change: str) -> None:
    journal = Journal(tmp_path / "log.db")
    for version in range(1, 5):
        journal.audit("m" if version % 2 else "n", AuditLine("promote", version - 1, version, "ada", "better", {}))
    assert journal.changed_line() is None
    journal.close()
    with closing(sqlite3.connect(tmp_path / "log.db")) as connection, connection:
        for verb in ("update", "delete"):
            connection.execute(f"DROP TRIGGER audit_no_{verb}")
        connection.execute(change)
    changed = Journal(tmp_path / "log.db").changed_line()
    assert changed is not None
    assert changed.to_version == (2 if change.startswith("UPDATE") else 3)


def test_a_trail_of_the_version_before_goes_on(tmp_path: Path) -> None:
    """Without user ids and digests in its old lines."""
    Journal(tmp_path / "log.db").close()
    with closing(sqlite3.connect(tmp_path / "log.db")) as connection, connection:
        connection.execute("DROP TABLE audit_proofs")
        connection.execute(
            "INSERT INTO audit (at, model, action, to_version, by, reason, evidence)"
            " VALUES ('2026-01-01', 'm', 'deploy', 1, 'ada', 'first', '{}')"
        )
    (old,) = Journal(tmp_path / "log.db", read=True).trail("m")
    assert old.uid is None
    assert Journal(tmp_path / "log.db", read=True).changed_line() is None
    journal = Journal(tmp_path / "log.db")
    journal.audit("m", AuditLine("promote", 1, 2, "ada", "better", {}))
    assert [line.uid for line in journal.trail("m")] == [None, os.getuid()]
    assert journal.changed_line() is None
