"""Stand-ins for speed: a predictor, a server and a registry in memory. Tests of the real ones stand beside them."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from drift.data.blocks import Answer, Floats, Reference, Table
from drift.errors import ServingError, TrackingError
from drift.loop.events import Event
from drift.tracking.registry import Version


def stream(rows: int, *, drift_at: int, seed: int = 0) -> Table:
    """Rows whose label is the sign of the first feature, and from `drift_at` on of the second."""
    rng = np.random.default_rng(seed)
    features = rng.normal(size=(rows, 2)).astype(np.float32)
    deciding = np.where(np.arange(rows) < drift_at, features[:, 0], features[:, 1])
    times = np.datetime64("2024-01-01T00:00:00") + np.arange(rows) * np.timedelta64(1, "h")
    return Table("toy", ("x", "y"), features, (deciding > 0).astype(np.int64), ("no", "yes"), times)


@dataclass
class SignPredictor:
    """Says yes when one feature is positive; version 1 looks at the first, version 2 at the second."""

    version: int = 1

    def predict(self, features: Floats) -> Answer:
        """Nine to one for its own rule."""
        yes = np.where(features[:, self.version - 1] > 0, 0.9, 0.1)
        return Answer(np.column_stack([1 - yes, yes]).astype(np.float32), self.version)

    def reference(self, table: Table, rows: range) -> Reference:
        """Its reference on `rows`."""
        part = table.part(rows)
        probabilities = self.predict(part.features).probabilities
        return Reference(part.features, part.labels, probabilities, table.feature_names, table.classes)


@dataclass
class FakeService:
    """A server in memory; `broken` names versions that do not come up."""

    store: Path = Path("/nowhere")
    loaded: dict[int, str] = field(default_factory=dict)
    default_version: int | None = None
    broken: set[int] = field(default_factory=set)
    inference_url: str = "http://127.0.0.1:1"
    kept: set[str] = field(default_factory=set)  # archives that were to stay when others were deleted

    def load(self, archive: Path, version: int) -> None:
        """Load, unless broken."""
        if version in self.broken:
            raise ServingError(f"version {version} does not come up")
        self.loaded[version] = archive.name
        self.default_version = self.default_version or version

    def make_default(self, version: int) -> None:
        """Switch, if loaded."""
        if version not in self.loaded:
            raise ServingError(f"version {version} is not loaded")
        self.default_version = version

    def retire(self, version: int) -> None:
        """Unload."""
        self.loaded.pop(version, None)

    def drop_archives(self, keep: Collection[str]) -> None:
        """Remember what is to stay."""
        self.kept = set(keep)

    def predict(self, features: Floats) -> Answer:
        """By the default version's rule."""
        assert self.default_version is not None
        return SignPredictor(self.default_version).predict(features)


@dataclass
class FakeRegistry:
    """Aliases in memory; `fails` names aliases that cannot be moved."""

    name: str = "toy"
    aliases: dict[str, int] = field(default_factory=dict)
    fails: set[str] = field(default_factory=set)
    tags: dict[int, dict[str, object]] = field(default_factory=dict)
    deleted: set[int] = field(default_factory=set)  # versions that are not there any more
    without_digest: set[int] = field(default_factory=set)  # versions that another program logged

    def versions(self) -> list[Version]:
        """Those that an alias points at, and are there."""
        return [self.get(number) for number in sorted({*self.aliases.values()} - self.deleted)]

    def first_step(self) -> str:
        """What gives this model its first champion."""
        return "deploy a model first: drift deploy"

    def get(self, number: int) -> Version:
        """A version."""
        digest = "" if number in self.without_digest else "0" * 64
        return Version(number, f"run{number}", f"m{number}", digest, {})

    def holder(self, alias: str) -> Version | None:
        """Who holds an alias."""
        number = self.aliases.get(alias)
        return None if number is None or number in self.deleted else self.get(number)

    def champion(self) -> Version:
        """Who serves."""
        found = self.holder("champion")
        if found is None:
            raise TrackingError("no champion")
        return found

    def point(self, alias: str, number: int) -> None:
        """Move, unless it fails."""
        if alias in self.fails or number in self.deleted:
            raise TrackingError(f"alias {alias} cannot be moved")
        self.aliases[alias] = number

    def unpoint(self, alias: str) -> None:
        """Take away."""
        self.aliases.pop(alias, None)

    def tag(self, number: int, **values: object) -> None:
        """Remember."""
        self.tags.setdefault(number, {}).update(values)


@dataclass
class Listener:
    """Keeps every event."""

    events: list[Event] = field(default_factory=list)

    def __call__(self, event: Event) -> None:
        self.events.append(event)

    def names(self) -> list[str]:
        """The kinds of events, in order."""
        return [type(event).__name__ for event in self.events]

    def deeds(self) -> list[str]:
        """The same without what is only said."""
        return [name for name in self.names() if name != "Notice"]
