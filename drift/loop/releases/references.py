"""References of the versions that a deployment serves, fetched once each; used by the loop, forecasts and reports."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from drift.data.blocks import Reference
from drift.loop.releases.promote import card_of
from drift.tracking.registry import Registry
from drift.tracking.runs.lookup import load_reference, read_reference


@dataclass
class References:
    """References by version.

    Attributes:
        registry: of the model's versions.
        folder: where files are put, which may be deleted later: what was fetched stays in memory.
    """

    registry: Registry
    folder: Path
    _fetched: dict[int, Reference] = field(default_factory=dict)
    _seen: dict[int, int] = field(default_factory=dict)

    def __call__(self, version: int) -> Reference:
        """The reference of a version."""
        if version not in self._fetched:
            self._fetched[version] = self._fetch(version)
        return self._fetched[version]

    def seen(self, version: int) -> int:
        """One past the last row that had a part in a version."""
        if version not in self._seen:
            self._seen[version] = card_of(self.registry, self.registry.get(version)).seen
        return self._seen[version]

    def _fetch(self, version: int) -> Reference:
        registered = self.registry.get(version)
        if self.registry.trust is not None:
            release = self.registry.release(registered)
            return read_reference(release.reference_file, f"version {version} of {self.registry.name}")
        folder = self.folder / str(version)
        folder.mkdir(exist_ok=True)
        return load_reference(self.registry.store, registered.run_id, folder, model_id=registered.model_id)
