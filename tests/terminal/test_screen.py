"""What the loop's events look like at a terminal."""

from __future__ import annotations

import re

import pytest

from drift.loop.events import DriftFlagged, Ending, RetrainDeclined
from drift.loop.outlook import Fall, Outlook
from drift.loop.retraining.approval import Flag, Reply
from drift.policies.history import BlockRecord
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


@pytest.mark.parametrize(
    ("at_block", "flagged", "wait", "window", "since_fall", "letter"),
    [
        (True, True, 3, None, True, "l"),
        (True, True, 30, 400, True, "l"),  # few rows since the fall
        (False, True, 30, 400, True, ""),
        (True, True, 0, 600, True, "w"),
        (True, True, 0, 600, False, ""),
        (True, True, 0, None, False, ""),
        (False, True, 3, None, True, ""),
        (False, True, 0, 600, True, "w"),
        (False, False, 0, 600, True, "n"),
    ],
)
def test_enter_alone_gives_what_is_proposed(
    at_block: bool, flagged: bool, wait: int, window: int | None, since_fall: bool, letter: str
) -> None:
    fall = Fall(1, 400, 20, 0.9, 0.4) if since_fall else None
    outlook = Outlook(1_000, wait_blocks=wait, window_rows=window, fall=fall, since_fall=since_fall)
    assert proposed(outlook, at_block=at_block, flagged=flagged) == letter
    assert proposed(None, at_block=at_block, flagged=flagged) == ("" if flagged else "n")


def proposed(outlook: Outlook | None, *, at_block: bool, flagged: bool) -> str:
    """The letter that the question names for Enter; empty if it names none."""
    record = BlockRecord(0, 0, 20, None, None, 1, 9, 0.9, 0.1, flagged, (), 9, "2024-01-01")
    evidence = dict.fromkeys(
        ("recent_blocks", "recent_accuracy", "recent_rows", "recent_chance", "chance", "accepted_accuracy"), 0.5
    )
    flag: Flag = Ending(record, record, 0.6, int(flagged), evidence, outlook)
    if at_block:
        flag = DriftFlagged(record, "low", evidence, outlook=outlook)
    screen, prompts = Screen(), list[str]()

    def answer(prompt: object, **options: object) -> str:
        prompts.append(str(prompt))
        return "y"

    screen.console.input = answer  # type: ignore[method-assign, assignment]
    assert screen.question(flag) is Reply.YES
    match = re.search(r"\(Enter: (.)\): $", prompts[0])
    return match[1] if match else ""
