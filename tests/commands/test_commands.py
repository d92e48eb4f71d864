"""What commands share: the file of numbers they leave, and who is there to be asked."""

from __future__ import annotations

import json
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

from drift.commands.options import write_json
from drift.errors import StateError
from drift.terminal import has_terminal


@dataclass(frozen=True)
class Record:
    name: str
    value: float


def test_the_file_of_numbers_is_plain_json(tmp_path: Path) -> None:
    path = tmp_path / "numbers.json"
    write_json(path, {"seed": 3}, [{"inner": Record("x", float("nan"))}, {"rows": (1, 2)}], exit_code=0)
    text = path.read_text()
    assert "NaN" not in text
    told = json.loads(text)
    assert told["options"] == {"seed": 3}
    assert told["records"] == [{"inner": {"name": "x", "value": None}}, {"rows": [1, 2]}]
    assert {"drift", "torch", "mlflow"} <= set(told["versions"])


def test_a_file_that_cannot_be_written_is_an_error_of_ours(tmp_path: Path) -> None:
    with pytest.raises(StateError, match="cannot be written"):
        write_json(tmp_path / "missing" / "numbers.json", {}, [])


@pytest.mark.parametrize(
    ("reads", "shows", "expected"), [(True, True, True), (True, False, False), (False, True, False)]
)
def test_a_question_needs_somebody_who_sees_it(
    reads: bool, shows: bool, expected: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "stdin", Stream(reads))
    monkeypatch.setattr(sys, "stdout", Stream(shows))
    assert has_terminal() is expected


@dataclass(frozen=True)
class Stream:
    terminal: bool

    def isatty(self) -> bool:
        return self.terminal

    def write(self, text: str) -> int:
        return len(text)

    def flush(self) -> None:
        """Nothing is kept."""


@pytest.mark.parametrize(("said", "expected"), [(None, "PASSIVE"), ("ACTIVE", "ACTIVE")])
def test_threads_that_wait_sleep_unless_the_operator_says_otherwise(
    said: str | None, expected: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    import os

    from drift import __main__, cli

    monkeypatch.setenv("OMP_WAIT_POLICY", said or "")
    if said is None:
        monkeypatch.delenv("OMP_WAIT_POLICY")
    seen: list[str | None] = []
    monkeypatch.setattr(cli, "run", lambda command: seen.append(os.environ.get("OMP_WAIT_POLICY")))
    __main__.main()
    assert seen == [expected]
