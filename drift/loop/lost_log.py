"""A scoring log that is empty or missing beside a registry that has a champion: said, and what it means."""

from __future__ import annotations

from drift.errors import DriftError, StateError
from drift.loop.home import Home
from drift.loop.journal import Journal
from drift.tracking.registry import Registry


def lost_log(registry: Registry, journal: Journal) -> str:
    """One line if the registry has a champion of which the audit trail holds nothing; else an empty text."""
    champion = registry.holder("champion")
    if champion is None or journal.trail(registry.name):
        return ""
    state = "empty" if journal.path.exists() else "missing"
    return (
        f"the scoring log {journal.path} is {state}, but the registry has version {champion.number} as champion of"
        f" {registry.name}: earlier blocks and the audit trail are not known here. Put a copy of the log back, or set"
        " DRIFT_HOME to the folder that holds it; without it, the champion is kept, a deployment begins after the"
        " champion's training rows, and the trail begins anew"
    )


def lost_log_of(model: str, home: Home) -> str:
    """`lost_log` where MLflow may not be there, or not be installed: then nothing is known of a champion."""
    try:
        from drift.tracking.store import connect

        return lost_log(Registry(connect(read=True), model), Journal(home.log, read=True))
    except (DriftError, ImportError):
        return ""


def home_of(registry: Registry) -> Home:
    """The project's folder for a command that goes on with what is in it.

    Raises:
        StateError: it is not there; if the registry has a champion nevertheless, the message is that of `lost_log`.
    """
    home = Home(read=True)
    if not home.path.is_dir() and (lost := lost_log(registry, Journal(home.log, read=True))):
        raise StateError(lost)
    return Home(create=False)
