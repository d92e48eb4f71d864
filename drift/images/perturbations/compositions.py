"""Compositions of Albumentations as perturbations: any, from a file too, and the one of the CIFAR-10 assignment.

The only module that imports albumentations, which happens when the first composition is made: that takes seconds.
"""

from __future__ import annotations

import copy
import os
import random
import warnings
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any, ClassVar

import numpy as np

from drift.datasets.images.pixels import Pixels
from drift.errors import UsageError
from drift.images.perturbations.protocol import Seeded

SEEDS = 1 << 32


def library() -> Any:
    """Albumentations; without the variable, its import would look for a newer version over the network."""
    os.environ["NO_ALBUMENTATIONS_UPDATE"] = "1"
    import albumentations

    return albumentations


@dataclass(frozen=True, eq=False)
class FromAlbumentations(Seeded):
    """Any transform or composition of Albumentations that keeps an image's size.

    Severity is the share of the images that it is applied to: each image has its own place in [0, 1), and is changed,
    as the composition says, at severities above it. So what is changed at a low severity is changed in the same way
    at a higher one, and at 1 the composition does what its own probabilities leave to it. The given composition is
    copied, its own seed left out of account.
    """

    composition: Any = field(repr=False)  # albumentations.Compose, or a transform
    called: str = "albumentations"

    @property
    def name(self) -> str:
        """What it is called."""
        return self.called

    def __post_init__(self) -> None:
        albumentations = library()
        if not isinstance(self.composition, albumentations.BaseCompose | albumentations.BasicTransform):
            raise UsageError(
                f"expected a transform or composition of albumentations, got {type(self.composition).__name__}"
            )
        copied = copy.deepcopy(self.composition)
        whole = copied if isinstance(copied, albumentations.Compose) else albumentations.Compose([copied])
        object.__setattr__(self, "composition", whole)

    @classmethod
    def load(cls, path: Path) -> FromAlbumentations:
        """The composition that `albumentations.save` wrote, by the name of the file.

        Args:
            path: JSON, or YAML if it ends in .yaml or .yml.

        Raises:
            UsageError: no such file, or not a composition that the installed version can make.
        """
        albumentations = library()
        words = "YAML" if path.suffix.lower() in {".yaml", ".yml"} else "JSON"
        try:
            with warnings.catch_warnings():  # a misspelt option would only be warned of, and the default taken
                warnings.filterwarnings("error", message=".*not valid for transform")
                return cls(albumentations.load(path, data_format=words.lower()), path.stem)
        except OSError as error:
            raise UsageError(f"expected a composition in {path}: {error.strerror}") from error
        except Exception as error:  # KeyError, TypeError, pydantic's and two parsers' own: whatever the text leads to
            raise UsageError(
                f"expected {path} to hold a composition as albumentations.save writes it, in {words}:"
                f" {type(error).__name__}, {_in_one_line(error)}"
            ) from error

    def perturbed(self, pixels: Pixels, severity: float, rng: np.random.Generator) -> Pixels:
        """See `Seeded`.

        Raises:
            UsageError: the composition does not take such images, or gives others than it took.
        """
        composition = copy.deepcopy(self.composition)  # its generators are set for every image
        places, seeds = rng.integers(0, SEEDS, size=(len(pixels), 2), dtype=np.uint64).T.tolist()
        changed = pixels.copy()
        for at, (place, seed) in enumerate(zip(places, seeds, strict=True)):
            if place < severity * SEEDS:
                composition.set_random_state(np.random.default_rng(seed), random.Random(seed))
                changed[at] = self._applied(composition, pixels[at])
        return changed

    def _applied(self, composition: Any, image: Pixels) -> Pixels:
        try:
            result = composition(image=image.copy())["image"]
        except Exception as error:  # every transform has its own way to refuse
            raise UsageError(
                f"expected {self.name} to take images of shape {image.shape}:"
                f" {type(error).__name__}, {_in_one_line(error)}"
            ) from error
        if getattr(result, "dtype", None) != np.uint8 or result.shape not in {image.shape, image.shape[:2]}:
            raise UsageError(
                f"expected {self.name} to give images of shape {image.shape} and uint8, as it took; got"
                f" {tuple(result.shape)} and {result.dtype}: leave resizing and scaling to the model"
            )
        return np.asarray(result, dtype=np.uint8).reshape(image.shape)


@dataclass(frozen=True)
class Cifar10Augmentation(Seeded):
    """The augmentation of the CIFAR-10 assignment, for training batches and for test sets; of 8 x 8 pixels at least.

    Turned by up to 5 degrees to either side (black beyond the edge), mirrored with probability 1/2, two holes of 8 x 8
    pixels, then brightness 1.5 and contrast 0.9 in either order. These are factors, as torchvision's `ColorJitter`
    has them: every value times 1.5, and distances from the image's mean grey times 0.9; both held to 255.

    Severity is the share of the images that it is applied to (`FromAlbumentations`): 1 perturbs a whole test set, and
    0.5 leaves half of the images of a training batch as they were. Give every batch another seed.
    """

    name: ClassVar[str] = "cifar10_augmentation"

    def perturbed(self, pixels: Pixels, severity: float, rng: np.random.Generator) -> Pixels:
        """See `Seeded`."""
        return _cifar10().perturbed(pixels, severity, rng)


@cache
def _cifar10() -> FromAlbumentations:
    a = library()
    return FromAlbumentations(
        a.Compose(
            [
                a.Rotate(limit=(-5, 5), p=1),
                a.HorizontalFlip(p=0.5),
                a.CoarseDropout(num_holes_range=(2, 2), hole_height_range=(8, 8), hole_width_range=(8, 8), fill=0, p=1),
                a.ColorJitter(brightness=(1.5, 1.5), contrast=(0.9, 0.9), saturation=(1, 1), hue=(0, 0), p=1),
            ]
        ),
        Cifar10Augmentation.name,
    )


def _in_one_line(error: Exception) -> str:
    said = " ".join(str(error).split()) or "no reason given"
    return said if len(said) <= 200 else f"{said[:199]}…"
