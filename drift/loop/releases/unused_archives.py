"""Versions and archives that a server needs no longer: unloaded and deleted after each change. Used by `promote`."""

from __future__ import annotations

from drift.errors import DriftError
from drift.loop.events import Notice, Tell
from drift.loop.releases.loading import LoadingService, archive_of
from drift.tracking.registry import CHALLENGER, CHAMPION, PREVIOUS, Registry


def drop_leftovers(registry: Registry, service: LoadingService, tell: Tell) -> None:
    """Unload the versions that hold no alias, then delete archives that are neither loaded nor of such a version.

    Champion, previous and challenger stay, and so does whatever version answers. Archives are packed again by digest
    when they are needed. A change of champion stands even if nothing can be dropped now: the next one tries again.

    Args:
        registry: of the model.
        service: the server that has followed the change.
        tell: hears of what could not be dropped.
    """
    try:
        holders = [registry.holder(alias) for alias in (CHAMPION, PREVIOUS, CHALLENGER)]
        keep = {version.number: archive_of(registry, version) for version in holders if version}
        for number in sorted(set(service.loaded) - set(keep) - {service.default_version}):
            service.retire(number)
        service.drop_archives(list(keep.values()))
    except (DriftError, OSError) as error:
        tell(Notice(f"left for the next change of champion to tidy up: {error}"))
