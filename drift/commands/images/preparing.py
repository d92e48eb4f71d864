"""What the laboratory's commands begin with: images in their roles, and a network that has learnt from some."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from drift.commands.images.options import require_choice
from drift.system.devices import ComputeOptions
from drift.system.options import MORE, Option

if TYPE_CHECKING:
    from drift.datasets.images import Images
    from drift.images.experiments import CachedNetwork, Tell
    from drift.images.setup import ImageRoles

QUICK_ROWS = 10_000
QUICK_EPOCHS = 4
REFERENCE_ROWS = 1_000


@dataclass(frozen=True)
class NetworkOptions:
    """What a network learns from, and how long; `quick` fills in what was not given."""

    network: Annotated[
        str,
        Option(
            "small (a convolutional network, trained here), resnet18, or efficientnet-lite0; the last two begin with"
            " what they learnt on ImageNet."
        ),
    ] = "small"
    weights: Annotated[
        Path | None, Option("ResNet-18's ImageNet weights as torchvision publishes them. Default: fetched.", MORE)
    ] = None
    train_rows: Annotated[
        int | None,
        Option(
            "Images to learn from, of which a tenth judges epochs. Default: all; 10,000 with --quick.", MORE, min=100
        ),
    ] = None
    max_epochs: Annotated[
        int | None, Option("Passes over them. Default: 10 (augment: 20); 4 with --quick.", MORE, min=1)
    ] = None
    quick: Annotated[bool, Option("Fewer images to learn from, minutes instead of tens.")] = False

    def require_known(self) -> None:
        """Raise `UsageError` for a network that there is not, or that takes no weights."""
        from drift.images.experiments import check_weights
        from drift.models.images import NETWORKS

        require_choice("network", self.network, NETWORKS)
        check_weights(self.network, self.weights)

    def roles(
        self,
        images: tuple[Images, Images],
        *,
        seed: int,
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
            seed=seed,
        )

    def trained(
        self, parts: ImageRoles, tell: Tell, compute: ComputeOptions, *, epochs: int = 10, **options: Any
    ) -> CachedNetwork:
        """The network, trained or taken from the cache.

        Args:
            parts: images in their roles.
            tell: is called after every epoch.
            compute: seed and device.
            epochs: where neither an option nor `quick` says how many.
            options: others of `drift.images.experiments.train_network`.
        """
        from drift.images.experiments import train_network

        return train_network(
            self.network,
            parts.train,
            parts.validation,
            max_epochs=self.max_epochs or (QUICK_EPOCHS if self.quick else epochs),
            seed=compute.seed,
            device=compute.device,
            weights=self.weights,
            tell=tell,
            **options,
        )


def images_of(name: str, tell: Tell) -> tuple[Images, Images]:
    """Training and test images, fetched if need be; says which files of a folder were left out."""
    from drift.images.experiments import images_of as both

    train, test = both(name, tell=tell)
    for line in (*train.left_out, *test.left_out):
        print(f"left out: {line}", file=sys.stderr)
    return train, test
