"""What the laboratory's commands share: options, images in their roles, a trained network, and the pages' places."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from os import getpid
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from drift.errors import UsageError
from drift.loop.options import Experiment
from drift.system.devices import ComputeOptions
from drift.system.options import MORE, Option

if TYPE_CHECKING:
    from drift.datasets.images import Images
    from drift.images.experiments import CachedNetwork, Tell
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


@dataclass(frozen=True)
class OutputOptions:
    """Where an experiment's results go."""

    experiment: Experiment = "drift-images"
    html: Annotated[Path | None, Option("Where the page goes. Default: reports/.", MORE)] = None

    def page(self, what: str) -> Path:
        """The page of an experiment; several may begin in one second."""
        from drift.loop.project_dir import ProjectDir

        default = ProjectDir().new_report(f"images-{what}")
        return self.html or default.with_stem(f"{default.stem}-{getpid()}")


def required_perturbation(name: str, to_do: str) -> Perturb:
    """A perturbation that an experiment cannot do without.

    Raises:
        UsageError: none, or no such perturbation.
    """
    from drift.images.experiments import perturb_by

    changes = perturb_by(name)
    if changes is None:
        raise UsageError(f"expected a --perturbation to {to_do}, got none")
    return changes


def require_choice(option: str, value: str, choices: Any) -> None:
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

    def require_known(self) -> None:
        """Raise `UsageError` for a network that there is not, or that takes no weights."""
        from drift.images.experiments import check_weights
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
