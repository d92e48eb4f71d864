"""What the laboratory's commands begin with: images in their roles, and a network that has learnt from some."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from drift.errors import UsageError

if TYPE_CHECKING:
    from drift.datasets.images import Images
    from drift.images.experiments import CachedNetwork, Tell
    from drift.images.setup import ImageRoles

QUICK_ROWS = 10_000
QUICK_EPOCHS = 4
REFERENCE_ROWS = 1_000


@dataclass(frozen=True)
class Lesson:
    """What a network learns from, and how long; `quick` fills in what was not asked for."""

    network: str
    weights: Path | None
    train_rows: int | None
    max_epochs: int | None
    quick: bool
    seed: int
    device: str = "auto"  # see `drift.system.devices.resolve_device`

    def __post_init__(self) -> None:
        from drift.images.experiments import check_weights
        from drift.models.images import NETWORKS

        if self.network not in NETWORKS:
            raise UsageError(f"expected --network {', '.join(NETWORKS)}; got {self.network!r}")
        check_weights(self.network, self.weights)

    def parts(
        self,
        images: tuple[Images, Images],
        *,
        reference_rows: int | None = None,
        new_classes: Sequence[str] = (),
        other: Images | None = None,
    ) -> ImageRoles:
        """Training and test images in their roles; see `drift.images.setup.assign_roles`."""
        from drift.images.setup import assign_roles

        return assign_roles(
            *images,
            train_rows=self.train_rows or (QUICK_ROWS if self.quick else None),
            reference_rows=reference_rows or min(REFERENCE_ROWS, len(images[1]) // 3),
            new_classes=new_classes,
            other=other,
            seed=self.seed,
        )

    def learn(self, parts: ImageRoles, tell: Tell, *, epochs: int = 10, **options: Any) -> CachedNetwork:
        """The network, trained or taken from the cache.

        Args:
            parts: images in their roles.
            tell: is called after every epoch.
            epochs: where neither an option nor `quick` says how many.
            options: further ones of `drift.images.experiments.train_network`.
        """
        from drift.images.experiments import train_network

        most = self.max_epochs or (QUICK_EPOCHS if self.quick else epochs)
        own: dict[str, Any] = {"max_epochs": most, "seed": self.seed, "device": self.device, "weights": self.weights}
        return train_network(self.network, parts.train, parts.validation, tell=tell, **own, **options)


def images_of(name: str, tell: Tell) -> tuple[Images, Images]:
    """Training and test images, fetched if need be; says which files of a folder were left out."""
    from drift.images.experiments import images_of as both

    train, test = both(name, tell=tell)
    for line in (*train.left_out, *test.left_out):
        print(f"left out: {line}", file=sys.stderr)
    return train, test
