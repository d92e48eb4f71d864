"""What the loop's events look like at a terminal."""

from __future__ import annotations

import pytest

from drift.loop.events import RetrainDeclined
from drift.terminal import Screen


def test_the_same_answer_to_every_flag_is_said_once(capsys: pytest.CaptureFixture[str]) -> None:
    screen = Screen()
    nobody = "no terminal to ask at"
    for block, by in ((3, nobody), (4, nobody), (5, "ada"), (6, nobody)):
        screen.tell(RetrainDeclined(block, by, "low"))
    assert [line.strip() for line in capsys.readouterr().out.splitlines()] == [
        "not retrained after block 3: no terminal to ask at; low",
        "not retrained after block 5: ada; low",
        "not retrained after block 6: no terminal to ask at; low",
    ]
