"""What the experiments with images share: options, images in their roles, a trained network."""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from drift.errors import UsageError
from drift.system.devices import ComputeOptions
from drift.system.options import MORE, Option

if TYPE_CHECKING:
    from drift.datasets.images import Images
    from drift.images.networks import CachedNetwork, Tell
    from drift.images.setup import ImageRoles
    from drift.images.streams.evolution import Perturb

QUICK_ROWS = 10_000
QUICK_EPOCHS = 4
REFERENCE_ROWS = 1_000

DataSet = Annotated[
    str, Option("mnist, fashion-mnist, cifar-10 (fetched once), or a folder with a subfolder of images for each class.")
]
PerturbationName = Annotated[
    str,
    Option(
        "What changes the images: gaussian_blur, gaussian_noise, shot_noise, impulse_noise, rotation, shift, zoom,"
        ' brightness, contrast, pixelation, occlusion, cifar10_augmentation, a shift of "Failing Loudly" such as'
        " medium_image_shift, a composition of Albumentations in a JSON or YAML file, or none."
    ),
]
ReferenceRows = Annotated[
    int | None,
    Option(
        "Test images on which the network is accepted, and that others are compared with. Default: 1,000, or a third of"
        " the test images if there are fewer than 3,000.",
        MORE,
        min=20,
    ),
]


def required_perturbation(name: str, to_do: str) -> Perturb:
    """A perturbation that an experiment cannot do without.

    Raises:
        UsageError: none, or no such perturbation.
    """
    from drift.images.networks import perturb_by

    changes = perturb_by(name)
    if changes is None:
        raise UsageError(f"expected a --perturbation to {to_do}, got none")
    return changes


def require_choice(option: str, value: str, choices: Collection[str]) -> None:
    """Raise `UsageError` for a value that is none of the choices."""
    if value not in choices:
        raise UsageError(f"expected --{option} {', '.join(choices)}; got {value!r}")


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

    def check(self) -> None:
        """Raise `UsageError` for a network that there is not, or that takes no weights."""
        from drift.images.networks import check_weights
        from drift.models.images import NETWORKS

        require_choice("network", self.network, NETWORKS)
        check_weights(self.network, self.weights)

    def roles(self, images: tuple[Images, Images], *, reference_rows: int | None = None, **options: Any) -> ImageRoles:
        """Training and test images in their roles; see `drift.images.setup.assign_roles`, which takes the `options`."""
        from drift.images.setup import assign_roles

        return assign_roles(
            *images,
            train_rows=self.train_rows or (QUICK_ROWS if self.quick else None),
            reference_rows=reference_rows or min(REFERENCE_ROWS, len(images[1]) // 3),
            **options,
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
            options: others of `drift.images.networks.train_network`.
        """
        from drift.images.networks import train_network

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


def images_of(name: str, tell: Tell, notice: Callable[[str], None]) -> tuple[Images, Images]:
    """Training and test images, fetched if need be.

    Args:
        name: of a data set, or a folder.
        tell: is called with how far a download is.
        notice: is called with every file that was left out, and why.

    Raises:
        DataError: no such images, or none that can be had.
    """
    from drift.images import networks

    train, test = networks.images_of(name, tell=tell)
    for line in (*train.left_out, *test.left_out):
        notice(f"left out: {line}")
    return train, test
