"""What MLflow gets of a scored block."""

from drift.loop.journal.records import now
from drift.loop.scoring.outbox import block_metrics
from drift.policies.history import BlockRecord


def record(**changes: object) -> BlockRecord:
    values: dict[str, object] = {
        "index": 7, "start": 140, "stop": 160, "first_time": None, "last_time": None, "version": 2, "correct": 13,
        "mean_confidence": 0.8, "seconds": 0.01, "flagged": False, "scores": (), "first_champion_correct": 12,
        "scored_at": now(),
    }  # fmt: skip
    return BlockRecord(**values | changes)  # type: ignore[arg-type]


def test_test_accuracy_is_logged_for_each_block() -> None:
    points = {point.key: (point.value, point.step) for point in block_metrics(record())}
    assert points["test_accuracy"] == (13 / 20, 7)
    assert points["block/accuracy"] == points["test_accuracy"]
