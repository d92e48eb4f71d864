"""Images of a data set divided into roles: training, validation, reference, and pools for batches."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from drift.datasets.images import Images
from drift.errors import UsageError
from drift.images.perturbations.opencv import fitted
from drift.images.streams.evolution import NEVER_SEEN, ImagePool


@dataclass(frozen=True)
class ImageRoles:
    """Images in their roles.

    Attributes:
        train: to learn from.
        validation: to judge each epoch on.
        reference: on which the network is accepted.
        pool: of which batches are made.
        out_of_distribution: of new classes or of another data set.
    """

    train: Images
    validation: Images
    reference: ImagePool
    pool: ImagePool
    out_of_distribution: ImagePool | None

    @property
    def classes(self) -> tuple[str, ...]:
        """That the network knows."""
        return self.train.classes


def assign_roles(
    train: Images,
    test: Images,
    *,
    train_rows: int | None = None,
    reference_rows: int = 1_000,
    new_classes: Sequence[str] = (),
    other: Images | None = None,
    seed: int = 0,
) -> ImageRoles:
    """Divide images into their roles.

    Args:
        train: of a data set.
        test: of the same one; the reference and the batches come from it.
        train_rows: to learn from, drawn at random; all by default. A tenth of them, 2,000 at most, judge epochs.
        reference_rows: of the test images.
        new_classes: names of classes that the network is not shown; their test images are out of distribution.
        other: another data set's test images, out of distribution, too; they are brought to the shape of these.
        seed: of all draws.

    Raises:
        UsageError: a class that there is not, or too few images for the roles.
    """
    unknown = [name for name in new_classes if name not in train.classes]
    if unknown or len(set(new_classes)) > len(train.classes) - 2:
        raise UsageError(
            f"expected new classes among {', '.join(train.classes)}, and two left to learn;"
            f" got {', '.join(new_classes)}"
        )
    rng = np.random.default_rng(seed)
    foreign_images = []
    if new_classes:
        foreign = np.isin(np.asarray(test.classes)[test.labels], new_classes)
        foreign_images.append(test.pixels[foreign])
        train, test = _without(train, new_classes), _without(test, new_classes)
    if other is not None:
        height, width, channels = test.pixels.shape[1:]
        foreign_images.append(fitted(other.pixels, (height, width, channels)))
    chosen = rng.permutation(len(train))[: train_rows or len(train)]
    held = min(2_000, len(chosen) // 10)
    order = rng.permutation(len(test))
    if held < 10 or len(test) <= reference_rows:
        raise UsageError(
            f"expected 100 images or more to learn from and more than {reference_rows:,} to test with, got"
            f" {len(chosen):,} and {len(test):,}: take more images, or a smaller --reference_rows if there is one"
        )
    tested = ImagePool(test.pixels[order], test.labels[order])
    return ImageRoles(
        train.part(chosen[held:]),
        train.part(chosen[:held]),
        ImagePool(tested.pixels[:reference_rows], tested.labels[:reference_rows]),
        ImagePool(tested.pixels[reference_rows:], tested.labels[reference_rows:]),
        _pool_of(foreign_images, rng),
    )


def _without(images: Images, names: Sequence[str]) -> Images:
    """The images of the other classes, which keep their order."""
    kept = tuple(name for name in images.classes if name not in names)
    codes = np.array([kept.index(name) if name in kept else NEVER_SEEN for name in images.classes], np.int64)
    kept_images = images.part(np.flatnonzero(codes[images.labels] != NEVER_SEEN))
    return replace(kept_images, labels=codes[kept_images.labels], classes=kept)


def _pool_of(foreign_images: Sequence[np.ndarray], rng: np.random.Generator) -> ImagePool | None:
    """In an order drawn at random: the first ones of a folder would be of its first class."""
    if not foreign_images:
        return None
    pixels = rng.permutation(np.concatenate(list(foreign_images)))
    return ImagePool(pixels, np.full(len(pixels), NEVER_SEEN, np.int64))


def relabelled(text: str, classes: Sequence[str]) -> Mapping[int, int]:
    """The classes of a list such as "cat:dog,dog:cat", by code: what the first one is called from now on.

    Raises:
        UsageError: not such a list, or a class that there is not.
    """
    codes: dict[int, int] = {}
    for pair in (part.strip() for part in text.split(",") if part.strip()):
        old, colon, new = pair.partition(":")
        if not colon or old not in classes or new not in classes:
            raise UsageError(f"expected pairs OLD:NEW of the classes {', '.join(classes)}; got {pair!r}")
        codes[classes.index(old)] = classes.index(new)
    return codes
