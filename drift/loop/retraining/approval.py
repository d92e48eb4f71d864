"""Who agrees to a retrain: nobody needs to, nobody can, or a person at a terminal."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import StrEnum

from drift.loop.events import DriftFlagged, Ending
from drift.loop.journal.records import DecisionRecord
from drift.loop.options import RetrainMode

SAID_NO = "answered no to"
Flag = DriftFlagged | Ending  # what a question is about


class Reply(StrEnum):
    """A person's answer to the question."""

    YES = "y"
    WINDOW = "w"  # yes, on the window that was proposed
    NO = "n"  # and do not ask again in this deployment
    LATER = "l"  # ask again at the next flag


@dataclass(frozen=True)
class Approval:
    """An answer, and whose."""

    retrain: bool
    by: str
    reason: str
    window_rows: int | None = None  # newest rows to learn from; None leaves it to the options


class AlwaysRetrain:
    """Retrain without a question; after a fall of accuracy, on the rows since then, once there are enough of them."""

    def __call__(self, flag: Flag) -> Approval:
        """Agree, or wait for rows from after the fall."""
        outlook, by = flag.outlook, "--retrain always"
        if outlook is None or outlook.fall is None:
            return Approval(True, by, flag.reason)
        if (outlook.since_fall or outlook.few) and outlook.too_early:
            few = f"{outlook.fallen_rows:,} rows since accuracy fell are too few"
            few += f", enough after {outlook.wait_words}" if outlook.wait_words else ""
            return Approval(False, by, f"{flag.reason}; waits: {few}")
        if outlook.window_rows is None:
            return Approval(True, by, flag.reason)
        since = f"learns from {outlook.window_rows:,} rows, since accuracy fell at about row {outlook.fall.row}"
        return Approval(True, by, f"{flag.reason}; {since}", outlook.window_rows)


@dataclass(frozen=True)
class NeverRetrain:
    """Mark blocks, retrain nothing.

    Attributes:
        by: why nobody agrees.
    """

    by: str = "--retrain never"

    def __call__(self, flag: Flag) -> Approval:
        """Decline."""
        return Approval(False, self.by, flag.reason)


@dataclass
class AskPerson:
    """Put the question to a person until they say no.

    Attributes:
        question: asks.
        person: who is asked, such as `ada@host`.
        refused: whether the person said no, and is not to be asked again.
    """

    question: Callable[[Flag], Reply]
    person: str
    refused: bool = False

    def __call__(self, flag: Flag) -> Approval:
        """Ask, unless the answer was already no."""
        if self.refused:
            return Approval(False, self.person, "said no to an earlier block of this deployment")
        reply = self.question(flag)
        self.refused = reply is Reply.NO
        window = flag.outlook.window_rows if reply is Reply.WINDOW and flag.outlook else None
        words = {
            Reply.YES: "answered yes to",
            Reply.WINDOW: f"answered yes, on a window of {window} rows, to",
            Reply.NO: SAID_NO,
            Reply.LATER: "answered not yet to",
        }
        agreed = reply in (Reply.YES, Reply.WINDOW)
        return Approval(agreed, self.person, f"{words[reply]}: {flag.reason}", window)

    def recall(self, decisions: Sequence[DecisionRecord]) -> None:
        """Remember a no from before an interruption."""
        self.refused = self.refused or any(decision.reason.startswith(SAID_NO) for decision in decisions)


def consent_for(mode: RetrainMode, question: Callable[[Flag], Reply] | None, person: str) -> Callable[[Flag], Approval]:
    """Who is asked in which mode; `question` is None where there is no terminal."""
    if mode is RetrainMode.ALWAYS:
        return AlwaysRetrain()
    if mode is RetrainMode.NEVER:
        return NeverRetrain()
    return AskPerson(question, person=person) if question else NeverRetrain("no terminal to ask at")
