"""Without a terminal, a command that works is never silent for long."""

from __future__ import annotations

import io
import re
import threading

import pytest
from rich.console import Console

from drift.terminal.progress import ProgressLines, counting, progress_bar, progress_lines


class Clock:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


def progress_to_text(clock: Clock) -> tuple[ProgressLines, io.StringIO]:
    lines, out = ProgressLines("drift replay", seconds=8, clock=clock), io.StringIO()
    lines.line_written(out)
    return lines, out


def test_a_line_has_percentage_and_time_left(clock: Clock) -> None:
    lines, out = progress_to_text(clock)
    lines.step("policies", 0, 40)
    clock.now = 5
    lines.step("policies", 10, 40)
    assert not lines.write_if_due()
    clock.now = 8
    assert lines.write_if_due()
    assert out.getvalue() == "progress: policies 25% (10 of 40), about 13 s left\n"


def test_one_long_step_is_told_of_without_a_report(clock: Clock) -> None:
    lines, out = progress_to_text(clock)
    for clock.now in range(1, 31):
        lines.write_if_due()
    assert out.getvalue().splitlines() == [f"progress: drift replay, {at} s so far" for at in (8, 16, 24)]


def test_time_left_begins_anew_with_each_step(clock: Clock) -> None:
    lines, out = progress_to_text(clock)
    lines.step("training", 1, 2)
    clock.now = 100
    lines.step("batches", 0, 20)
    clock.now = 104
    lines.write_if_due()
    assert out.getvalue() == "progress: batches 0% (0 of 20), time left not known yet (4 s so far)\n"


def test_nothing_is_written_beside_a_bar_or_after_the_end(clock: Clock) -> None:
    lines, out = progress_to_text(clock)
    with lines.muted():
        clock.now = 100
        assert not lines.write_if_due()
    clock.now = 105
    assert not lines.write_if_due()
    clock.now = 109
    assert lines.write_if_due()
    assert len(out.getvalue().splitlines()) == 1


def test_a_command_leaves_no_thread(capsys: pytest.CaptureFixture[str]) -> None:
    before = threading.active_count()
    with progress_lines("drift compare"), counting() as tell:
        assert threading.active_count() == before + 1
        tell("columns", 1, 2)
    assert threading.active_count() == before
    captured = capsys.readouterr()
    assert (captured.out, captured.err) == ("", "")


@pytest.mark.parametrize(("total", "expected"), [(None, "6720 "), (10_000, "6720/10000 ")])
def test_a_bar_names_a_total_only_where_it_is_known(total: float | None, expected: str) -> None:
    console = Console(file=io.StringIO(), force_terminal=True, width=80, legacy_windows=False)
    progress = progress_bar(console)
    progress.add_task("19 batches", total=total, completed=6_720)
    console.print(progress.get_renderable())
    written = console.file.getvalue()  # type: ignore[attr-defined]
    assert expected in re.sub(r"\x1b\[[0-9;]*m", "", written)
    assert "/0" not in written
