"""Who serves: promotion and rollback, in the registry and in the server together, or in neither.

The registry's alias is the truth and the server follows it. The order is chosen so that a crash between any two steps
leaves something that the next change, or `reconcile`, mends without a person: write down the intent, load beside,
alias `previous`, server's default, alias `champion`, audit line.
"""

from __future__ import annotations

import contextlib
import getpass
import socket
import tempfile
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from dataclasses import asdict, dataclass
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
    def loaded(self) -> Mapping[int, str]:
        """Versions that the server can answer with, and the names of their archives."""
        ...

    @property
    def inference_url(self) -> str:
        """Where it answers."""
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
    """Build a version's archive from the registry, by digest, and load it; does nothing if that archive is loaded.

    Raises:
        ArchiveError: the server has a version of that number from another archive, or the registry's file was changed.
    """
    from drift.serving.archive import archive_name, build_archive

    if service.loaded.get(version.number) == archive_name(registry.name, version.number, version.sha256):
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


@dataclass(frozen=True)
class Championship:
    """Who serves one model: kept in agreement in the registry, on the server, and in the audit trail.

    One change at a time, in all processes of this folder; each begins by completing what a crash left undone.
    """

    registry: Registry
    find_service: Callable[[], Service | None]  # asked anew for every change: a server may have come or gone
    journal: Journal
    home: Home
    tell: Tell

    def promote(
        self,
        version: Version,
        *,
        by: str,
        reason: str,
        evidence: Mapping[str, Any],
        action: str = "promote",
        instead_of: int | None = None,
    ) -> None:
        """Make `version` the champion, in registry and server, and write the audit trail.

        Args:
            version: registered; its archive is built and loaded here.
            by: who or what decided.
            reason: why, in words.
            evidence: why, in numbers.
            action: `promote`, or `deploy` for a first champion.
            instead_of: the champion that `version` was compared with.

        Raises:
            ChampionChangedError: when another version has become champion since the comparison.
            DriftError: when a step failed. Before the champion moved, registry and server are as they were; if only the
                audit line could not be written, the next change writes it.
        """
        with self._changing():
            self._complete()
            service, old = self.find_service(), self.registry.holder(CHAMPION)
            if instead_of is not None and (old is None or old.number != instead_of):
                now_champion = f"version {old.number}" if old else "nobody"
                raise ChampionChangedError(f"compared with version {instead_of}, but {now_champion} is champion by now")
            before = old.number if old else None
            self._move(version, old, service, AuditLine(action, before, version.number, by, reason, dict(evidence)))
            self.tell(Promoted(version.number, before, by, reason))
            self._tidy(service, keep={version.number} | ({old.number} if old else set()))

    def refuse(
        self, challenger: Version, champion: Version, *, by: str, reason: str, evidence: Mapping[str, Any]
    ) -> None:
        """Write down that the champion stays."""
        self.registry.tag(challenger.number, verdict="refused")
        line = AuditLine("refuse", champion.number, champion.number, by, reason, dict(evidence))
        self.journal.audit(self.registry.name, line)

    def rollback(self, *, by: str, reason: str) -> RolledBack:
        """Put `previous` back as champion; what was champion becomes `previous`, so a second rollback undoes the first.

        Raises:
            TrackingError: when there is no previous version.
            DriftError: as `promote`.
        """
        with self._changing():
            self._complete()
            service, old, back = self.find_service(), self.registry.champion(), self.registry.holder(PREVIOUS)
            if back is None or back.number == old.number:
                raise TrackingError(
                    f"{self.registry.name} has no previous version to go back to; version {old.number} stays champion"
                )
            served_by = f"server {service.inference_url} follows" if service else "no server of this model is running"
            line = AuditLine("rollback", old.number, back.number, by, reason, {"served_by": served_by})
            self._move(back, old, service, line)
        event = RolledBack(back.number, old.number, by, served_by)
        self.tell(event)
        return event

    def reconcile(self) -> Version:
        """Let the server serve what the registry calls champion, and the trail tell it, whatever a crash left."""
        with self._changing():
            champion = self.registry.champion()
            if (service := self.find_service()) is not None:
                self._follow(champion, service)
            self._complete()
        return champion

    def _changing(self) -> AbstractContextManager[None]:
        doing = f"changing the champion of {self.registry.name}"
        return self.home.lock(f"champion-{self.registry.name}", doing=doing, seconds=CHANGE_SECONDS)

    def _move(self, new: Version, old: Version | None, service: Service | None, line: AuditLine) -> None:
        """Switch, and write the line; the intent outlives a crash between the two."""
        self.journal.intend(self.registry.name, line)
        try:
            _switch(new, old, registry=self.registry, service=service)
        except BaseException:
            with contextlib.suppress(DriftError):
                self.journal.forget_intent(self.registry.name)
            raise
        self.journal.audit(self.registry.name, line)
        self.journal.forget_intent(self.registry.name)

    def _follow(self, champion: Version, service: Service) -> None:
        load_version(self.registry, champion, service)
        before = service.default_version
        if before == champion.number:
            return
        service.make_default(champion.number)
        if before is not None and before in service.loaded:
            reason = "the server's default was not the registry's champion"
            repair = AuditLine("repair", before, champion.number, "drift", reason, {})
            self.journal.audit(self.registry.name, repair)
            self.tell(Said(f"server put back to champion version {champion.number} (it answered with {before})"))

    def _complete(self) -> None:
        """Write the audit line that a crash kept from being written."""
        champion, name = self.registry.holder(CHAMPION), self.registry.name
        intent, told = self.journal.intended(name), self.journal.last_champion(name)
        if champion is not None and told != champion.number:
            if intent is not None and intent.to_version == champion.number:
                self.journal.audit(name, intent)
            else:
                reason = "the registry's champion was moved without a line here, by somebody's hand or another folder's"
                self.journal.audit(name, AuditLine("repair", told, champion.number, "drift", reason, {}))
            self.tell(Said(f"version {champion.number} is champion in the registry; the audit trail now says so"))
        if intent is not None:
            self.journal.forget_intent(name)

    def _tidy(self, service: Service | None, *, keep: set[int]) -> None:
        """What is no longer needed goes; the promotion stands even if it cannot go now."""
        try:
            if self.registry.holder(CHALLENGER) is not None:
                self.registry.unpoint(CHALLENGER)
            if service is not None:
                for number in set(service.loaded) - keep:
                    service.retire(number)
        except DriftError as error:
            self.tell(Said(f"left for the next promotion to tidy up: {error}"))


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
