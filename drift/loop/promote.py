"""Who serves: promotion and rollback, in the registry and in the server together, or in neither.

The registry's alias is the truth and the server follows it. The order is chosen so that a crash between any two steps
leaves something that `reconcile` mends without a person: load beside, alias `previous`, server's default, alias
`champion`, audit.
"""

from __future__ import annotations

import contextlib
import getpass
import socket
import tempfile
from collections.abc import Mapping
from contextlib import AbstractContextManager
from dataclasses import asdict
from pathlib import Path
from typing import Any, Protocol

from drift.errors import ChampionChangedError, DriftError, TrackingError
from drift.loop.cards import Card
from drift.loop.events import Promoted, RolledBack, Said, Tell
from drift.loop.home import Home
from drift.loop.journal import Journal
from drift.loop.records import AuditLine
from drift.tracking.found import model_card
from drift.tracking.registry import CHALLENGER, CHAMPION, PREVIOUS, Registry, Version

CHANGE_SECONDS = 180.0  # to wait for another change of champion: loading takes seconds, a drain up to a minute


class Service(Protocol):
    """What promotion needs of a server."""

    @property
    def default_version(self) -> int | None:
        """The version that answers unversioned requests."""
        ...

    def load(self, archive: Path, version: int) -> None:
        """Load a version beside those that serve, and wait until it is ready."""
        ...

    def make_default(self, version: int) -> None:
        """Let a loaded version answer from now on."""
        ...

    def retire(self, version: int) -> None:
        """Unload a version once its last request is answered."""
        ...

    @property
    def loaded(self) -> set[int]:
        """Versions that the server has."""
        ...

    @property
    def store(self) -> Path:
        """Folder of archives that the server may load from."""
        ...


def person() -> str:
    """Who is running this process, for the audit trail."""
    try:
        user = getpass.getuser()
    except (KeyError, OSError):  # a container without a name for its user
        user = "unknown"
    return f"{user}@{socket.gethostname()}"


def load_version(registry: Registry, version: Version, service: Service) -> None:
    """Build a version's archive from the registry, by digest, and load it; does nothing if it is loaded."""
    from drift.serving.archive import build_archive

    if version.number in service.loaded:
        return
    with tempfile.TemporaryDirectory(prefix="drift-fetch-") as folder:
        model_file = registry.fetch(version, Path(folder))
        archive = build_archive(
            model_file,
            name=registry.name,
            version=version.number,
            card=card_of(registry, version).to_metadata(),
            digest=version.sha256,
            store=service.store,
        )
    service.load(archive, version.number)


def card_of(registry: Registry, version: Version) -> Card:
    """The card of a registered version."""
    return Card.from_metadata(model_card(registry.store, version.model_id))


def promote(
    version: Version,
    *,
    registry: Registry,
    service: Service | None,
    journal: Journal,
    home: Home,
    by: str,
    reason: str,
    evidence: Mapping[str, Any],
    tell: Tell,
    action: str = "promote",
    instead_of: int | None = None,
) -> None:
    """Make `version` the champion, in registry and server, and write the audit trail.

    Args:
        version: registered; its archive is built and loaded here.
        registry: whose alias moves.
        service: the server that follows; None when none runs.
        journal: takes the audit line, and the intent before it.
        home: whose lock keeps others from changing the champion meanwhile.
        by: who or what decided.
        reason: why, in words.
        evidence: why, in numbers.
        tell: hears of it.
        action: `promote`, or `deploy` for a first champion.
        instead_of: the champion that `version` was compared with.

    Raises:
        ChampionChangedError: when another version has become champion since the comparison.
        DriftError: when a step failed; then registry and server are as they were.
    """
    with _changing(registry, home):
        old = registry.holder(CHAMPION)
        if instead_of is not None and (old is None or old.number != instead_of):
            now_champion = f"version {old.number}" if old else "nobody"
            raise ChampionChangedError(f"compared with version {instead_of}, but {now_champion} is champion by now")
        line = AuditLine(action, old.number if old else None, version.number, by, reason, dict(evidence))
        journal.intend(registry.name, line)
        _switch(version, old, registry=registry, service=service)
        journal.audit(registry.name, line)
        journal.forget_intent(registry.name)
        tell(Promoted(version.number, old.number if old else None, by, reason))
        _tidy(registry, service, keep={version.number} | ({old.number} if old else set()), tell=tell)


def _changing(registry: Registry, home: Home) -> AbstractContextManager[None]:
    """One change of champion at a time, in all processes of this folder."""
    doing = f"changing the champion of {registry.name}"
    return home.lock(f"champion-{registry.name}", doing=doing, seconds=CHANGE_SECONDS)


def _tidy(registry: Registry, service: Service | None, *, keep: set[int], tell: Tell) -> None:
    """What is no longer needed goes; the promotion stands even if it cannot go now."""
    try:
        if registry.holder(CHALLENGER) is not None:
            registry.unpoint(CHALLENGER)
        if service is not None:
            for number in service.loaded - keep:
                service.retire(number)
    except DriftError as error:
        tell(Said(f"left for the next promotion to tidy up: {error}"))


def rollback(
    *,
    registry: Registry,
    service: Service | None,
    journal: Journal,
    home: Home,
    by: str,
    reason: str,
    tell: Tell,
    served_by: str,
) -> RolledBack:
    """Put `previous` back as champion; what was champion becomes `previous`, so a second rollback undoes the first."""
    with _changing(registry, home):
        old, back = registry.champion(), registry.holder(PREVIOUS)
        if back is None or back.number == old.number:
            raise TrackingError(
                f"{registry.name} has no previous version to go back to; version {old.number} stays champion"
            )
        _switch(back, old, registry=registry, service=service)
        journal.audit(
            registry.name,
            AuditLine("rollback", old.number, back.number, by, reason, {"served_by": served_by}),
        )
    event = RolledBack(back.number, old.number, by, served_by)
    tell(event)
    return event


def reconcile(*, registry: Registry, service: Service, journal: Journal, home: Home, tell: Tell) -> Version:
    """Let the server serve what the registry calls champion, and the trail tell it, whatever a crash left behind."""
    with _changing(registry, home):
        champion = registry.champion()
        load_version(registry, champion, service)
        before = service.default_version
        if before != champion.number:
            service.make_default(champion.number)
            if before is not None and before in service.loaded:
                reason = "the server's default was not the registry's champion"
                journal.audit(registry.name, AuditLine("repair", before, champion.number, "drift", reason, {}))
                tell(Said(f"server put back to champion version {champion.number} (it answered with {before})"))
        _complete(champion, registry=registry, journal=journal, tell=tell)
    return champion


def _complete(champion: Version, *, registry: Registry, journal: Journal, tell: Tell) -> None:
    """Write the audit line that a crash kept from being written."""
    intent = journal.intended(registry.name)
    told = journal.last_champion(registry.name)
    if told != champion.number:
        if intent is not None and intent.to_version == champion.number:
            journal.audit(registry.name, intent)
        else:
            reason = "the registry's champion was moved without a line here, by somebody's hand or another folder's"
            journal.audit(registry.name, AuditLine("repair", told, champion.number, "drift", reason, {}))
        tell(Said(f"version {champion.number} is champion in the registry; the audit trail now says so"))
    if intent is not None:
        journal.forget_intent(registry.name)


def _switch(new: Version, old: Version | None, *, registry: Registry, service: Service | None) -> None:
    """Load, point, switch; an error or an interruption in any step undoes the steps before it."""
    before = service.default_version if service else None
    if service is not None:
        load_version(registry, new, service)
    previous = registry.holder(PREVIOUS)
    try:
        if old is not None:
            registry.point(PREVIOUS, old.number)
        if service is not None:
            service.make_default(new.number)
        registry.point(CHAMPION, new.number)
    except BaseException:
        with contextlib.suppress(DriftError):  # the first error is the one to tell
            if old is not None:
                registry.point(CHAMPION, old.number)
        with contextlib.suppress(DriftError):
            if service is not None and before is not None:
                service.make_default(before)
        with contextlib.suppress(DriftError):
            if previous is not None:
                registry.point(PREVIOUS, previous.number)
            elif old is not None:
                registry.unpoint(PREVIOUS)
        raise


def comparison_evidence(test: Any) -> dict[str, Any]:
    """A paired test as plain values, for the audit trail and the report."""
    return asdict(test) | {"difference": test.difference}
