"""Names in the registry for a model whose own name is taken by one of another table; for `drift base` and `deploy`."""

from __future__ import annotations

from contextlib import suppress
from itertools import chain

from drift import next_steps
from drift.errors import DriftError
from drift.loop.card import Card
from drift.loop.releases.loading import card_of
from drift.tracking.connection.store import Store
from drift.tracking.registry import CHAMPION, PREVIOUS, Registry, Version


def usable_name(store: Store, card: Card, *, default: bool) -> str:
    """The first name under which a model can be deployed: it is free, or its champion was made from the same table.

    Args:
        store: MLflow.
        card: of the model that is to be deployed.
        default: whether the default name is tried first, before those that are made from the name of the table.

    Raises:
        TrackingError: MLflow is away.
    """
    own = next_steps.model_names(card.source.path)
    names = chain([next_steps.DEFAULT_MODEL], own) if default else own
    return next(name for name in names if _is_usable(Registry(store, name), card))


def champion_of(store: Store, name: str) -> tuple[Version, Card] | None:
    """The version that serves under a name that `usable_name` gave, with its card; None where none does."""
    registry = Registry(store, name)
    version = registry.holder(CHAMPION)
    return None if version is None else (version, card_of(registry, version))


def served_as(registry: Registry, card: Card) -> str | None:
    """Another name under which a champion of the same table serves; None without one, or where this name has versions.

    A name that was mistyped would else begin another model beside the one that is meant.

    Args:
        registry: of the name that was given.
        card: of the model that is to be deployed.
    """
    if registry.versions():
        return None
    for name in registry.others():
        with suppress(DriftError):  # its card is damaged
            champion = champion_of(registry.store, name)
            if champion is not None and champion[1].of_same_table(card):
                return name
    return None


def _is_usable(registry: Registry, card: Card) -> bool:
    serving = registry.holder(CHAMPION) or registry.holder(PREVIOUS)
    if serving is None:
        return True
    try:
        return card_of(registry, serving).of_same_table(card)
    except DriftError:  # its card is damaged: nobody knows of which table it is
        return False
