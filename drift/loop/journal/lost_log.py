"""A scoring log that is empty or missing beside a registry that has a champion: said, and what it means."""

from __future__ import annotations

from drift.errors import DriftError, StateError
from drift.loop.events import Notice, Tell
from drift.loop.journal.journal import Journal
from drift.loop.project_dir import ProjectDir
from drift.tracking.registry import CHAMPION, PREVIOUS, Registry


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
