"""What a challenger was made with, so that a model that was refused is not trained and tested a second time."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING

from drift.errors import DriftError, TrainingError
from drift.loop.options import PromoteMode

if TYPE_CHECKING:
    from drift.loop.releases.promote import Championship
    from drift.tracking.registry import Version

UNJUDGED = ("--promote never", "no terminal to ask at")  # who refuses whatever the comparison says


class RepeatedError(TrainingError):
    """A challenger would be the one that was refused before."""


@dataclass(frozen=True)
class Recipe:
    """What decides, together with the parameters that a search chooses, which network a challenger is.

    Attributes:
        champion: version that it is compared with; a warm start begins with its weights.
        fit_rows: half open; the final fit is on them.
        held_out_rows: half open.
        max_epochs: of each trial.
        seed: of the search and the fits.
        device: where networks are trained.
        warm_start: whether weights are those of the champion at first.
        total_trials: of the search; another number may choose the same parameters.
    """

    champion: int
    fit_rows: tuple[int, int]
    held_out_rows: tuple[int, int]
    max_epochs: int
    seed: int
    device: str
    warm_start: bool
    total_trials: int


@dataclass(frozen=True)
class Refused:
    """A challenger that was compared and refused, or the champion, which a challenger is not to be a copy of.

    Attributes:
        version: its number.
        recipe: what it was made with.
        parameters: that its search chose.
    """

    version: int
    recipe: Recipe
    parameters: Mapping[str, float | int]

    @property
    def state(self) -> str:
        """What became of it, in words."""
        return "serves" if self.version == self.recipe.champion else "was refused"

    def to_tag(self) -> str:
        """For the version's tag `drift.recipe`."""
        return json.dumps(asdict(self.recipe) | {"parameters": dict(self.parameters)})

    @classmethod
    def from_tag(cls, version: int, text: str) -> Refused:
        """What `to_tag` wrote."""
        values = json.loads(text)
        parameters = values.pop("parameters")
        rows = {name: tuple(values[name]) for name in ("fit_rows", "held_out_rows")}
        return cls(version, Recipe(**values | rows), parameters)


def refused_before(championship: Championship, mode: PromoteMode, champion: Version) -> list[Refused]:
    """The challengers of a champion that the comparison, or a person who saw it, refused, and the champion itself.

    None where `--promote` decides without a comparison: `always` may be meant for the very model that was refused.
    Versions that are gone, or were made before their recipes were kept, are left out.

    Args:
        championship: whose audit trail names the refused versions.
        mode: how the next challenge decides.
        champion: the version to beat.
    """
    if mode not in (PromoteMode.AUTO, PromoteMode.ASK):
        return []
    registry, refused = championship.registry, list[Refused]()
    with suppress(ValueError, TypeError, KeyError):
        itself = Refused.from_tag(champion.number, champion.tags["drift.recipe"])
        if not itself.recipe.warm_start:  # its weights would be others when they began with its own
            refused.append(replace(itself, recipe=replace(itself.recipe, champion=champion.number)))
    for line in championship.journal.trail(registry.name):
        if line.action != "refuse" or line.from_version != champion.number or line.by in UNJUDGED:
            continue
        with suppress(DriftError, ValueError, TypeError, KeyError):
            version = registry.get(int(line.evidence["challenger"]))
            refused.append(Refused.from_tag(version.number, version.tags["drift.recipe"]))
    return refused


def require_new_search(recipe: Recipe, refused: Sequence[Refused]) -> None:
    """A search that was made before chooses the same parameters again.

    Raises:
        RepeatedError: its challenger was refused.
    """
    for earlier in refused:
        if earlier.recipe == recipe:
            raise RepeatedError(
                f"version {earlier.version} was trained on these rows with these options and this seed, and"
                f" {earlier.state}: not trained again"
            )


def same_model(recipe: Recipe, parameters: Mapping[str, float | int], refused: Sequence[Refused]) -> Refused | None:
    """The refused version, or the champion, that is the same network as one with these parameters; None without any.

    Args:
        recipe: of the challenger.
        parameters: that its search chose.
        refused: challengers of the same champion.
    """
    for earlier in refused:
        if replace(earlier.recipe, total_trials=recipe.total_trials) == recipe and earlier.parameters == parameters:
            return earlier
    return None
