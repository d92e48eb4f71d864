"""A version between the registry and a server: fetched, checked by its digest, packed and loaded; and its reference.

Used by `promote`, and by the loop, forecasts and reports.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from drift.data.blocks import Reference
from drift.errors import ArchiveError, TrackingError
from drift.loop.card import Card
from drift.serving.torchserve.archive import archive_name, build_archive
from drift.tracking.registry import Registry, Version
from drift.tracking.runs.lookup import model_card, read_reference
from drift.tracking.runs.release import Release


class VersionService(Protocol):
    """A server of several versions of a model, of which one answers."""

    @property
    def store(self) -> Path:
        """Folder of archives that the server may load from."""
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


class LoadingService(VersionService, Protocol):
    """What promotion needs of a server."""

    @property
    def default_version(self) -> int | None:
        """The version that answers unversioned requests."""
        ...

    def drop_archives(self, keep: Collection[str]) -> None:
        """Delete archives of the model that are neither loaded nor to be kept, by file name."""
        ...

    @property
    def loaded(self) -> Mapping[int, str]:
        """Versions that the server can answer with, and the names of their archives."""
        ...

    @property
    def inference_url(self) -> str:
        """Where it answers."""
        ...


def fetched(registry: Registry, version: Version, *, otherwise: str = "") -> Release:
    """Download what serving `version` takes, and check whether it is trusted and can be loaded safely.

    Args:
        registry: of the model.
        version: the version to fetch.
        otherwise: what is to be said after the reason if it cannot be had.

    Raises:
        ArchiveError: the registry's file is not the one that was logged, cannot be had any more, or could run code.
        UntrustedError: nobody here knows where the release comes from.
        DataError: its card is damaged.
    """
    from drift.models.predict import require_program

    try:
        release = registry.release(version)
        require_program(release.model_file)
    except (TrackingError, ArchiveError) as error:
        reason = f"version {version.number} of {registry.name} cannot be served: {error}"
        raise type(error)(f"{reason}; {otherwise}" if otherwise else reason) from error
    Card.from_metadata(release.card)
    return release


def load_fetched(registry: Registry, version: Version, release: Release, service: LoadingService) -> None:
    """Pack a fetched version into the server's store and load it.

    Raises:
        ServingError: the server has a version of that number from another archive, or the version does not come up.
    """
    card = Card.from_metadata(release.card)
    archive = build_archive(
        release.model_file,
        name=registry.name,
        version=version.number,
        card=card.to_metadata() | {"time": card.time_name},
        digest=version.sha256,
        store=service.store,
    )
    service.load(archive, version.number)


def is_loaded(registry: Registry, version: Version, service: LoadingService) -> bool:
    """Whether the server can answer with this very version, by number and digest."""
    return service.loaded.get(version.number) == archive_of(registry, version)


def archive_of(registry: Registry, version: Version) -> str:
    """The file name of a version's archive."""
    return archive_name(registry.name, version.number, version.sha256)


def card_of(registry: Registry, version: Version) -> Card:
    """The card of a registered version: of its trusted release, where the registry asks for trust."""
    if registry.trust is None:
        return Card.from_metadata(model_card(registry.store, version.model_id))
    return Card.from_metadata(registry.release(version).card)


@dataclass
class References:
    """References by version, which stay in memory.

    Attributes:
        registry: of the model's versions.
    """

    registry: Registry
    _fetched: dict[int, Reference] = field(default_factory=dict)
    _seen: dict[int, int] = field(default_factory=dict)

    def __call__(self, version: int) -> Reference:
        """The reference of a version."""
        if version not in self._fetched:
            release = self.registry.release(self.registry.get(version))
            words = f"version {version} of {self.registry.name}"
            self._fetched[version] = read_reference(release.reference_file, words)
        return self._fetched[version]

    def seen(self, version: int) -> int:
        """One past the last row that had a part in a version."""
        if version not in self._seen:
            self._seen[version] = card_of(self.registry, self.registry.get(version)).seen
        return self._seen[version]
