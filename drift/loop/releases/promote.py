"""Who serves: promotion and rollback, in the registry and in the server together, or in neither.

The registry's alias is the truth and the server follows it. The order is chosen so that a crash between any two steps
leaves something that the next change, or `reconcile`, mends without a person: write down the intent, load beside,
alias `previous`, server's default, alias `champion`, audit line. While a server runs, `watched_alias` notices an alias
that was moved outside of this process, and lets the server follow it.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, suppress
from dataclasses import asdict, dataclass
from typing import Any

from drift import next_steps
from drift.errors import ChampionChangedError, DriftError, TrackingError
from drift.loop.events import Notice, Promoted, RolledBack, Tell
from drift.loop.journal.journal import Journal
from drift.loop.journal.records import AuditLine
from drift.loop.journal.repairs import complete_trail
from drift.loop.project_dir import ProjectDir
from drift.loop.releases.loading import (
    LoadingService,
    archive_of,
    card_of,
    fetched,
    is_loaded,
    load_fetched,
)
from drift.system.person import person
from drift.tracking.registry import CHALLENGER, CHAMPION, PREVIOUS, Registry, Version
from drift.tracking.runs.release import Release

__all__ = ["Championship", "LoadingService", "card_of", "comparison_evidence", "person"]

CHANGE_SECONDS = 180.0  # to wait for another change of champion: loading takes seconds, a drain up to a minute
POLL_SECONDS = 20.0  # one request to registry and server each time
END_SECONDS = 10.0  # to wait for a look under way when the server is to end

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Championship:
    """Who serves one model: kept in agreement in the registry, on the server, and in the audit trail.

    One change at a time, in all processes of this folder; each begins by completing what a crash left undone.

    Attributes:
        registry: of the model.
        find_service: finds the server that follows, if one runs; called for every change: it may have come or gone.
        journal: with the audit trail.
        home: the project's folder.
        tell: hears of every step.
    """

    registry: Registry
    find_service: Callable[[], LoadingService | None]
    journal: Journal
    home: ProjectDir
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
            self._end_challenge()
            self._drop_leftovers(service)

    def decide(
        self, challenger: Version, champion: Version, better: bool, *, compared_with: int, **why: Any
    ) -> tuple[bool, str]:
        """Promote a challenger if it is better than the version that it was compared with, else refuse it.

        Args:
            challenger: registered.
            champion: the version that serves.
            better: whether it is to be promoted.
            compared_with: number of the version that it was compared with; if another one is champion by now, the
                challenger is refused.
            why: `by`, `reason` and `evidence`, as those of `promote`.

        Returns:
            Whether it was promoted, and why.
        """
        if better:
            try:
                self.promote(challenger, instead_of=compared_with, **why)
                return True, why["reason"]
            except ChampionChangedError as error:
                why |= {"reason": str(error)}
        self.refuse(challenger, champion, **why)
        return False, why["reason"]

    def refuse(
        self, challenger: Version, champion: Version, *, by: str, reason: str, evidence: Mapping[str, Any]
    ) -> None:
        """Write down that the champion stays."""
        if self.journal.last_champion(self.registry.name) is None:
            with self._changing():
                self._complete()
        self.registry.tag(challenger.number, verdict="refused")
        line = AuditLine("refuse", champion.number, champion.number, by, reason, dict(evidence))
        self.journal.audit(self.registry.name, line)

    def rollback(self, *, by: str, reason: str) -> RolledBack:
        """Put `previous` back as champion; what was champion becomes `previous`, so a second rollback undoes the first.

        The previous version is fetched and its digest checked before anything moves. A champion that was deleted from
        the registry needs not be there; then there is no `previous` afterwards.

        Raises:
            TrackingError: when there is no previous version.
            ArchiveError: when its files are gone or were changed.
            DriftError: as `promote`.
        """
        with self._changing():
            self._complete()
            old, back = self.registry.holder(CHAMPION), self.registry.holder(PREVIOUS)
            before = old.number if old else self.journal.last_champion(self.registry.name)
            if back is None or (old is not None and back.number == old.number):
                raise TrackingError(self._no_previous(old))
            service = self.find_service()
            served_by = f"server {service.inference_url} follows" if service else "no server of this model is running"
            line = AuditLine("rollback", before, back.number, by, reason, {"served_by": served_by})
            self._move(back, old, service, line)
            event = RolledBack(back.number, old.number if old else None, by, served_by)
            self.tell(event)
            self._drop_leftovers(service)
        return event

    def _no_previous(self, old: Version | None) -> str:
        """Why a rollback cannot be, and what is left to do."""
        name = self.registry.name
        if old is not None:
            return f"{name} has no previous version to go back to; version {old.number} stays champion"
        versions = ", ".join(str(version.number) for version in self.registry.versions())
        if not versions:
            return f"{name} has neither a champion nor a previous version in the registry; {self.registry.first_step()}"
        return (
            f"{name} has neither a champion nor a previous version in the registry; versions there: {versions};"
            f" give one the alias 'champion' in MLflow, or deploy a model:"
            f" {next_steps.deploy(next_steps.DEFAULT_EXPERIMENT, name)}"
        )

    def reconcile(self, *, seconds: float = CHANGE_SECONDS) -> Version:
        """Let the trail tell what the registry calls champion, and the server serve it, whatever a crash left.

        Args:
            seconds: to wait for another change of champion.
        """
        with self._changing(seconds):
            champion = self.registry.champion()
            moved_elsewhere = self._complete()
            if (service := self.find_service()) is not None:
                self._follow(champion, service, logged=moved_elsewhere)
                self._drop_leftovers(service)
        return champion

    def restore(self) -> Version:
        """`reconcile` for a server that started again; does not wait for a change that may wait for that server.

        Raises:
            StateError: the champion is being changed; the change puts the server right.
        """
        return self.reconcile(seconds=0)

    def follow(self) -> None:
        """Let the server follow an alias that was moved elsewhere, in MLflow's page or another folder.

        Costs one request to each of registry and server while both agree.

        Raises:
            TrackingError: there is no champion any more, or MLflow is away.
            DriftError: the champion cannot be served; the server goes on with what it has.
        """
        champion, service = self.registry.champion(), self.find_service()
        if service is not None and service.default_version not in (None, champion.number):
            self.reconcile()

    def _changing(self, seconds: float = CHANGE_SECONDS) -> AbstractContextManager[None]:
        doing = f"changing the champion of {self.registry.name}"
        return self.home.lock(f"champion-{self.registry.name}", doing=doing, seconds=seconds)

    def _move(self, new: Version, old: Version | None, service: LoadingService | None, line: AuditLine) -> None:
        """Fetch and check, switch, and write the line; the intent outlives a crash between the last two.

        What cannot be served never becomes champion, whether a server runs or not.
        """
        stays = f"version {old.number} stays champion" if old else "nothing was changed"
        release = fetched(self.registry, new, otherwise=stays)
        self.journal.intend(self.registry.name, line)
        try:
            self._switch(new, old, release, service)
        except BaseException:
            with suppress(DriftError):
                self.journal.forget_intent(self.registry.name)
            raise
        self.journal.audit(self.registry.name, line)
        self.journal.forget_intent(self.registry.name)

    def _follow(self, champion: Version, service: LoadingService, *, logged: bool) -> None:
        """Load the champion and let it answer; `logged` says that the trail has a line of this move."""
        if not is_loaded(self.registry, champion, service):
            previous = self.registry.holder(PREVIOUS)
            rollback = next_steps.rollback(self.registry.name)
            back = f"{rollback} puts version {previous.number} back" if previous else "deploy another one"
            load_fetched(self.registry, champion, fetched(self.registry, champion, otherwise=back), service)
        before = service.default_version
        if before == champion.number:
            return
        service.make_default(champion.number)
        if before is not None and before in service.loaded:
            if not logged:
                reason = "the server's default was not the registry's champion"
                repair = AuditLine("repair", before, champion.number, "drift", reason, {})
                self.journal.audit(self.registry.name, repair)
            self.tell(Notice(f"the server answers with champion version {champion.number} now (before: {before})"))

    def _complete(self) -> bool:
        """Write the audit line that is missing, if any, and say whether one was."""
        return complete_trail(self.registry, self.journal, self.tell)

    def _end_challenge(self) -> None:
        """No version is challenger any more; the promotion stands even if the alias cannot be removed now."""
        try:
            if self.registry.holder(CHALLENGER) is not None:
                self.registry.unpoint(CHALLENGER)
        except DriftError as error:
            self.tell(Notice(f"left for the next promotion to tidy up: {error}"))

    def _drop_leftovers(self, service: LoadingService | None) -> None:
        """Unload the versions that hold no alias, then delete archives that are neither loaded nor of such a version.

        Champion, previous and challenger stay, and so does whatever version answers. Archives are packed again by
        digest when they are needed. A change of champion stands even if nothing can be dropped now: the next one tries
        again.
        """
        if service is None:
            return
        try:
            holders = [self.registry.holder(alias) for alias in (CHAMPION, PREVIOUS, CHALLENGER)]
            keep = {version.number: archive_of(self.registry, version) for version in holders if version}
            for number in sorted(set(service.loaded) - set(keep) - {service.default_version}):
                service.retire(number)
            service.drop_archives(list(keep.values()))
        except (DriftError, OSError) as error:
            self.tell(Notice(f"left for the next change of champion to tidy up: {error}"))

    def _switch(self, new: Version, old: Version | None, release: Release, service: LoadingService | None) -> None:
        """Load, point, switch; an error or an interruption in any step undoes the steps before it."""
        registry = self.registry
        before = service.default_version if service else None
        if service is not None and not is_loaded(registry, new, service):
            load_fetched(registry, new, release, service)
        previous = registry.holder(PREVIOUS)
        try:
            if old is not None:
                registry.point(PREVIOUS, old.number)
            if service is not None:
                service.make_default(new.number)
            registry.point(CHAMPION, new.number)
            if old is None and previous is not None and previous.number == new.number:
                registry.unpoint(PREVIOUS)  # a champion that was deleted: a version is not its own predecessor
        except BaseException:
            with suppress(DriftError):  # the first error is the one to tell
                if old is not None:
                    registry.point(CHAMPION, old.number)
            with suppress(DriftError):
                if service is not None and before is not None:
                    service.make_default(before)
            with suppress(DriftError):
                if previous is not None:
                    registry.point(PREVIOUS, previous.number)
                elif old is not None:
                    registry.unpoint(PREVIOUS)
            raise


def comparison_evidence(test: Any) -> dict[str, Any]:
    """A paired test as plain values, for the audit trail and the report."""
    return asdict(test) | {"difference": test.difference}


@contextmanager
def watched_alias(championship: Championship) -> Iterator[None]:
    """While the body runs, look every 20 s, in a thread, whether the server still serves the registry's champion.

    A champion that cannot be served is reported once, and the server goes on with what it has; so is any other error.
    """
    ended = threading.Event()
    thread = threading.Thread(target=_watch, args=(championship, ended), name="alias watch", daemon=True)
    try:
        thread.start()
        yield
    finally:
        ended.set()
        if thread.is_alive():  # not if Ctrl-C came before it began
            thread.join(END_SECONDS)


def _watch(championship: Championship, ended: threading.Event) -> None:
    last_error = ""
    while not ended.wait(POLL_SECONDS):
        try:
            championship.follow()
            last_error = ""
        except Exception as error:  # of the registry's database, a full disk, a defect: the thread looks again
            logger.debug("the champion could not be followed", exc_info=error)
            text = _one_line(error)
            if text != last_error and not ended.is_set():
                with suppress(Exception):  # nobody reads it any more
                    championship.tell(Notice(f"the server goes on with the version it has: {text}"))
            last_error = text


def _one_line(error: Exception) -> str:
    words = " ".join(str(error).split())
    if isinstance(error, DriftError):
        return words
    return f"{type(error).__name__}: {words}" if words else type(error).__name__
