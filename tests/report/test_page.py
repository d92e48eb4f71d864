"""The report: complete, self-contained, and safe with names that are HTML."""

import re
from pathlib import Path

import numpy as np
import pytest

from drift.detect import Score
from drift.errors import StateError
from drift.loop.events import BlockRecord
from drift.loop.journal import Answers, AuditLine, DecisionRecord, Deployment
from drift.loop.summary import summary
from drift.report.page import ReportData, render, write_report

TEST = {
    "rows": 80, "champion_accuracy": 0.7, "challenger_accuracy": 0.8, "only_champion": 2, "only_challenger": 10,
    "p_value": 0.04, "low": 0.01, "high": 0.2, "level": 0.05, "difference": 0.1,
}  # fmt: skip


def data(*, promoted: bool = True, names: tuple[str, str] = ("no", "yes"), blocks: int = 6) -> ReportData:
    records = [
        BlockRecord(
            index=index, start=100 + 20 * index, stop=120 + 20 * index, first_time="2024-01-01T00:00:00",
            last_time="2024-01-02T00:00:00", version=2 if promoted and index > 2 else 1,
            correct=8 if index == 2 else 16,
            mean_confidence=0.8, seconds=0.004, flagged=index == 2,
            scores=(Score("accuracy", 0.8, 0.5, 0.01, "accepted 0.800"), Score("features", 0.2, 1e-9, 0.01, "x")),
            first_champion_correct=8 if index > 2 else 16, scored_at="2024-01-03T00:00:00+00:00",
        )
        for index in range(blocks)
    ]  # fmt: skip
    decision = DecisionRecord(
        2, True, "ada@host", "answered yes", {"chance": 0.01}, "promoted", 2, TEST, "2024-01-03T00:00"
    )
    rows = 20 * blocks
    return ReportData(
        deployment=Deployment("toy-1", "toy", "run", {}, 1, 100, 100 + rows, "done", blocks, "2024-01-03"),
        threshold=0.6,
        block_size=20,
        classes=names,
        accepted={1: 0.8, 2: 0.85},
        blocks=records,
        decisions=[decision] if promoted else [],
        answers=Answers(np.arange(rows) // 20, np.arange(rows) % 2, np.arange(rows) % 3 % 2, np.zeros(rows, np.int64)),
        trail=[AuditLine("promote", 1, 2, "ada@host", "better", {}, "2024-01-03T00:00:01", "toy")],
        data_name="toy.csv",
    )


def test_summary_counts_from_the_first_promotion_on() -> None:
    told = data()
    found = summary(told.blocks, told.decisions)
    assert (found.blocks, found.flagged, found.promotions, found.last_version) == (6, 1, 1, 2)
    assert found.accuracy == pytest.approx((5 * 16 + 8) / 120)
    assert found.accuracy_after == pytest.approx(0.8)
    assert found.accuracy_without == pytest.approx(0.4)
    assert found.lines()[1].endswith("accuracy 0.800; version 1 would have had 0.400")


def test_page_tells_who_decided_what_and_why() -> None:
    page = render(data())
    for expected in (
        "ada@host",
        "answered yes",
        "before: version 1, had it stayed",
        "after: as served",
        "version 2 promoted",
        "+0.100",
    ):
        assert expected in page


def test_page_without_drift_says_so() -> None:
    page = render(data(promoted=False))
    assert "nothing had to be decided" in page
    assert "Champion against challenger" not in page


def test_page_loads_nothing_from_elsewhere() -> None:
    page = render(data())
    assert not re.search(r"<(script|link|img|iframe)[^>]+(src|href)=[\"']?(https?:)?//", page)
    assert "default-src 'none'" in page


def test_names_cannot_break_out_of_the_page() -> None:
    evil = "<img src=x onerror=alert(1)>"
    page = render(data(names=(evil, "yes")))
    assert evil not in page
    assert "&lt;img src=x" in page


def test_one_block_is_enough() -> None:
    assert "toy: 1 block," in render(data(promoted=False, blocks=1))


def test_written_whole_or_not_at_all(tmp_path: Path) -> None:
    path = write_report(data(), tmp_path / "reports" / "r.html")
    assert path.read_text().rstrip().endswith("</html>")
    assert list(path.parent.iterdir()) == [path]
    (tmp_path / "file").write_text("")
    with pytest.raises(StateError, match="cannot be written"):
        write_report(data(), tmp_path / "file" / "r.html")
