"""Lines that the audit trail lacks: of a crash, of a move of the alias elsewhere, of a lost log. Used by `promote`."""

from __future__ import annotations

import contextlib
from collections.abc import Sequence
from itertools import takewhile

from drift.errors import TrackingError
from drift.loop.events import Notice, Tell
from drift.loop.journal.journal import Journal
from drift.loop.journal.lost_log import log_state
from drift.loop.journal.records import AuditLine
from drift.tracking.registry import CHAMPION, PREVIOUS, Registry, Version


def complete_trail(registry: Registry, journal: Journal, tell: Tell) -> bool:
    """Write the audit line that is missing where trail and registry differ about the champion.

    Args:
        registry: of the model.
        journal: holds the trail, and the line that a crash kept from being written.
        tell: hears of a line that was written.

    Returns:
        Whether a line was missing.
    """
    champion, name = registry.holder(CHAMPION), registry.name
    intent, logged = journal.intended(name), journal.last_champion(name)
    missing = champion is not None and logged != champion.number
    if champion is not None and missing:
        if intent is not None and intent.to_version == champion.number:
            journal.audit(name, intent)
        elif logged is None:
            begin_trail(registry, journal, champion)
        else:
            reason = "noticed: the alias was moved outside of this project, by hand in MLflow or from another folder"
            began = period_began(journal.trail(name), logged)
            journal.audit(name, AuditLine("repair", logged, champion.number, "drift", reason, {}))
            _keep_previous(registry, logged, champion, began)
        tell(Notice(f"version {champion.number} is champion in the registry; the audit trail now says so"))
    if intent is not None:
        journal.forget_intent(name)
    return missing


def begin_trail(registry: Registry, journal: Journal, champion: Version) -> None:
    """Write the first line of a trail that knows of no champion, although the registry has one."""
    state = log_state(journal, registry.name)
    reason = f"the trail begins anew: the scoring log was {state}; version {champion.number} was champion before"
    previous = registry.holder(PREVIOUS)
    evidence = {"previous": previous.number} if previous else {}
    journal.audit(registry.name, AuditLine("repair", None, champion.number, "drift", reason, evidence))


def period_began(trail: Sequence[AuditLine], champion: int) -> AuditLine | None:
    """The line that made `champion` champion last; None if the trail's last change made another one champion.

    Refusals change nothing, and neither does a line for a server that answered with another version.
    """
    changes = [line for line in trail if line.action != "refuse"]
    period = list(takewhile(lambda line: line.to_version == champion, reversed(changes)))
    return period[-1] if period else None


def began_anew(trail: Sequence[AuditLine]) -> AuditLine | None:
    """The first line of the trail if `begin_trail` wrote it; None for a trail that is complete."""
    return trail[0] if trail and trail[0].action == "repair" and trail[0].from_version is None else None


def _keep_previous(registry: Registry, displaced: int, champion: Version, began: AuditLine | None) -> None:
    """Let `previous` be what a move elsewhere displaced, unless that move set another one: rollback undoes it.

    Args:
        registry: of the model.
        displaced: version that was champion by the trail.
        champion: version that is champion now.
        began: line that made `displaced` champion; `previous` has been set by nobody since then if it is still the
            version that was displaced at that time.
    """
    previous = registry.holder(PREVIOUS)
    before = None if began is None else began.from_version or began.evidence.get("previous")
    if previous is None or previous.number in (champion.number, before):
        with contextlib.suppress(TrackingError):  # it may have been deleted
            registry.point(PREVIOUS, displaced)
