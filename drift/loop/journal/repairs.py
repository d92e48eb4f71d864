"""What the scoring log lacks: a log that is empty or missing beside a registry with a champion, and lines of its trail.

Lines are missing after a crash, a move of the alias elsewhere, or the loss of a log. Used by `promote`.
"""

from __future__ import annotations

import contextlib
from collections.abc import Sequence
from itertools import takewhile

from drift.errors import DriftError, StateError, TrackingError
from drift.loop.events import Notice, Tell
from drift.loop.journal.journal import Journal
from drift.loop.journal.records import AuditLine
from drift.loop.project_dir import ProjectDir
from drift.tracking.registry import CHAMPION, PREVIOUS, Registry, Version


def lost_log(registry: Registry, journal: Journal) -> str:
    """One line if the registry has a champion or a previous one of which the audit trail knows none; else ''."""
    name = registry.name
    if journal.last_champion(name) is not None or journal.intended(name) is not None:
        return ""
    for alias in (CHAMPION, PREVIOUS):
        if (version := registry.holder(alias)) is not None:
            break
    else:
        return ""
    return (
        f"the scoring log {journal.path} is {log_state(journal, name)}, but the registry has version {version.number}"
        f" as {alias} of {name}: earlier blocks and the audit trail are not known here. Put a copy of the log back, or"
        " set DRIFT_HOME to the folder that holds it; without it, the champion is kept, a deployment begins after the"
        " champion's training rows, and the trail begins anew"
    )


def tell_lost_log(registry: Registry, journal: Journal, tell: Tell) -> None:
    """Warn of a lost log, in a command that goes on without it."""
    if lost := lost_log(registry, journal):
        tell(Notice(f"warning: {lost}"))


def require_log(registry: Registry, journal: Journal) -> None:
    """For a command that cannot go on without the log.

    Raises:
        StateError: the log is lost.
    """
    if lost := lost_log(registry, journal):
        raise StateError(f"no deployment can be resumed: {lost}")


def log_state(journal: Journal, model: str) -> str:
    """What a log is whose trail knows of no champion of `model`: empty, missing, or without a champion of it."""
    if not journal.path.exists():
        return "missing"
    if journal.trail() or journal.deployments():  # of other models
        return f"without a champion of {model}"
    return "empty"


def lost_log_of(model: str, home: ProjectDir) -> str:
    """`lost_log` where MLflow may not be there, or not be installed: then nothing is known of a champion."""
    try:
        from drift.tracking.connection.store import connect

        return lost_log(Registry(connect(read=True), model), Journal(home.log, read=True))
    except (DriftError, ImportError):
        return ""


def home_of(registry: Registry) -> ProjectDir:
    """The project's folder for a command that goes on with what is in it.

    Raises:
        StateError: it is not there; if the registry has a champion nevertheless, the message is that of `lost_log`.
    """
    home = ProjectDir(read=True)
    if not home.path.is_dir() and (lost := lost_log(registry, Journal(home.log, read=True))):
        raise StateError(lost)
    return ProjectDir(create=False)


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
