"""Who agrees to a retrain: nobody needs to, nobody can, or a person at a terminal."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum

from drift.loop.events import DriftFlagged


class RetrainMode(StrEnum):
    """`--retrain`: what to do when drift is flagged."""

    ASK = "ask"
    ALWAYS = "always"
    NEVER = "never"


class PromoteMode(StrEnum):
    """`--promote`: what to do with a trained challenger."""

    AUTO = "auto"  # promote when the paired test says better
    ASK = "ask"
    ALWAYS = "always"
    NEVER = "never"


class Reply(StrEnum):
    """A person's answer to the question."""

    YES = "y"
    NO = "n"  # and do not ask again in this deployment
    LATER = "l"  # ask again at the next flag


@dataclass(frozen=True)
class Consent:
    """An answer, and whose."""

    retrain: bool
    by: str
    reason: str


class Always:
    """Retrain without a question."""

    def __call__(self, flag: DriftFlagged) -> Consent:
        """Agree."""
        return Consent(True, "--retrain always", flag.reason)


class Never:
    """Mark blocks, retrain nothing."""

    def __call__(self, flag: DriftFlagged) -> Consent:
        """Decline."""
        return Consent(False, "--retrain never", flag.reason)


class NoTerminal:
    """Somebody should be asked, and nobody is there."""

    def __call__(self, flag: DriftFlagged) -> Consent:
        """Decline."""
        return Consent(False, "no terminal to ask at", flag.reason)


class AskPerson:
    """Put the question to a person until they say no."""

    def __init__(self, question: Callable[[DriftFlagged], Reply], *, person: str) -> None:
        self._question = question
        self._person = person
        self._refused = False

    def __call__(self, flag: DriftFlagged) -> Consent:
        """Ask, unless the answer was already no."""
        if self._refused:
            return Consent(False, self._person, "said no to an earlier block of this deployment")
        reply = self._question(flag)
        self._refused = reply is Reply.NO
        words = {Reply.YES: "yes", Reply.NO: "no", Reply.LATER: "not yet"}
        return Consent(reply is Reply.YES, self._person, f"answered {words[reply]} to: {flag.reason}")


def consent_for(
    mode: RetrainMode, question: Callable[[DriftFlagged], Reply] | None, person: str
) -> Callable[[DriftFlagged], Consent]:
    """Who is asked in which mode; `question` is None where there is no terminal."""
    if mode is RetrainMode.ALWAYS:
        return Always()
    if mode is RetrainMode.NEVER:
        return Never()
    return AskPerson(question, person=person) if question else NoTerminal()
