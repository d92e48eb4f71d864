"""Lines that the audit trail lacks: of a crash, of a move of the alias elsewhere, of a lost log. Used by `promote`."""

from __future__ import annotations

import contextlib

from drift.errors import TrackingError
from drift.loop.events import Said, Tell
from drift.loop.journal import Journal
from drift.loop.lost_log import log_state
from drift.loop.records import AuditLine
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
            journal.audit(name, AuditLine("repair", logged, champion.number, "drift", reason, {}))
            _keep_previous(registry, logged, champion)
        tell(Said(f"version {champion.number} is champion in the registry; the audit trail now says so"))
    if intent is not None:
        journal.forget_intent(name)
    return missing


def begin_trail(registry: Registry, journal: Journal, champion: Version) -> None:
    """Write the first line of a trail that knows of no champion, although the registry has one."""
    state = log_state(journal, registry.name)
    reason = f"the trail begins anew: the scoring log was {state}; version {champion.number} was champion before"
    journal.audit(registry.name, AuditLine("repair", None, champion.number, "drift", reason, {}))


def began_anew(trail: list[AuditLine]) -> AuditLine | None:
    """The first line of the trail if `begin_trail` wrote it; None for a trail that is complete."""
    return trail[0] if trail and trail[0].action == "repair" and trail[0].from_version is None else None


def _keep_previous(registry: Registry, displaced: int, champion: Version) -> None:
    """Let `previous` be what a move elsewhere displaced, unless that move set another one: rollback undoes it."""
    previous = registry.holder(PREVIOUS)
    if previous is None or previous.number == champion.number:
        with contextlib.suppress(TrackingError):  # it may have been deleted
            registry.point(PREVIOUS, displaced)
