"""Batches of images that move away from what a network was trained on: each kind of drift is one ingredient."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import Protocol, TypeAlias

import numpy as np

from drift.data.blocks import Integers
from drift.datasets.images.pixels import Pixels
from drift.errors import BlockError, UsageError

Perturb: TypeAlias = Callable[[Pixels, float, int], Pixels]
"""Of images, a severity in [0, 1] and a seed: the images, perturbed."""

NEVER_SEEN = -1  # the label of an image of a class that the network does not know: no answer is right


@dataclass(frozen=True, eq=False)
class ImagePool:
    """Images that batches are drawn from.

    Attributes:
        pixels: (n, height, width, channels).
        labels: (n,), codes of the network's classes, or `NEVER_SEEN`.
    """

    pixels: Pixels
    labels: Integers

    def __len__(self) -> int:
        return len(self.labels)


@dataclass(frozen=True, eq=False)
class ImageBatch:
    """Images that came together.

    Attributes:
        index: from 0.
        severity: in [0, 1], of the ramp.
        pixels: (n, height, width, channels).
        labels: (n,).
        out_of_distribution: images of new classes or of another data set.
    """

    index: int
    severity: float
    pixels: Pixels
    labels: Integers
    out_of_distribution: int


@dataclass(frozen=True)
class Evolution:
    """What changes from batch to batch; at severity 0 a batch is like what the network was trained on.

    Attributes:
        pool: images of the kind that the network knows, none of which it was trained on.
        severities: of the batches, each in [0, 1].
        batch_size: images.
        perturb: changes the images: covariate shift.
        out_of_distribution: images of new classes or of another data set; their share of a batch is severity times
            `most_strange`: data evolution.
        most_strange: share of a batch at severity 1, in (0, 1].
        relabelled: what a class is called from now on, in a share of a batch's images of it that is the severity:
            concept drift.
        seed: of all draws; the same seed gives the same batches.
    """

    pool: ImagePool
    severities: tuple[float, ...]
    batch_size: int
    perturb: Perturb | None = None
    out_of_distribution: ImagePool | None = None
    most_strange: float = 0.5
    relabelled: Mapping[int, int] = field(default_factory=dict)
    seed: int = 0

    def __post_init__(self) -> None:
        needed = self.batch_size * len(self.severities)
        if self.batch_size < 2:
            raise UsageError(
                f"expected batches of 2 images or more, got {self.batch_size}: one image has no distribution"
            )
        if needed > len(self.pool):
            raise BlockError(
                f"expected {needed:,} images for {len(self.severities)} batches of {self.batch_size}, got"
                f" {len(self.pool):,}: ask for fewer batches, or smaller ones"
            )
        other = self.out_of_distribution
        if other is not None and other.pixels.shape[1:] != self.pool.pixels.shape[1:]:
            raise BlockError(
                f"expected images of shape {self.pool.pixels.shape[1:]} to mix in, got {other.pixels.shape[1:]}"
            )

    def __len__(self) -> int:
        return len(self.severities)

    def batches(self) -> Iterator[ImageBatch]:
        """All of them, in order."""
        return map(self.batch, range(len(self)))

    def batch(self, index: int) -> ImageBatch:
        """The batch of that index; each image of the pool is in one batch at most."""
        severity = self.severities[index]
        order = np.random.default_rng(self.seed).permutation(len(self.pool))
        rows = order[index * self.batch_size : (index + 1) * self.batch_size]
        pixels, labels = self.pool.pixels[rows], self.pool.labels[rows]
        rng = np.random.default_rng((self.seed, index))
        strange = 0
        if (other := self.out_of_distribution) is not None:
            strange = round(severity * self.most_strange * self.batch_size)
            drawn = rng.choice(len(other), strange, replace=strange > len(other))
            places = rng.choice(self.batch_size, strange, replace=False)
            pixels, labels = pixels.copy(), labels.copy()
            pixels[places], labels[places] = other.pixels[drawn], other.labels[drawn]
        if self.relabelled:
            turned = rng.random(len(labels)) < severity
            names = np.array([self.relabelled.get(int(label), int(label)) for label in labels], np.int64)
            labels = np.where(turned, names, labels)
        if self.perturb is not None and severity > 0:
            pixels = self.perturb(pixels, severity, int(rng.integers(2**31)))
        return ImageBatch(index, severity, pixels, labels, strange)


class Ramp(Protocol):
    """Severity of every batch of a stream. All ramps take the same options, and ignore those that they do not know."""

    def __call__(
        self, index: int, batches: int, *, start: float = 0.5, severity: float = 1.0, period: int = 5
    ) -> float:
        """Severity in [0, 1] of one batch.

        Args:
            index: of the batch, from 0.
            batches: how many there are.
            start: share of the batches, in [0, 1], that come before the drift; with 1 there is none.
            severity: in [0, 1], when it is strongest.
            period: batches, 1 or more, for which a drift that recurs stays, and for which it stays away.

        Raises:
            UsageError: a value out of its range.
        """
        ...


def _severity(
    ramp: str, index: int, batches: int, *, start: float = 0.5, severity: float = 1.0, period: int = 5
) -> float:
    """Severity of a batch under one of `RAMPS`; arguments as those of `Ramp`."""
    if not 0 <= index < batches:
        raise UsageError(f"expected a batch from 0 to {batches - 1}, got {index}")
    if not 0 <= start <= 1:
        raise UsageError(f"expected a drift that starts after a share of the batches from 0 to 1, got {start}")
    if not 0 <= severity <= 1:
        raise UsageError(f"expected a severity from 0 (nothing) to 1 (strongest), got {severity}")
    if period < 1:
        raise UsageError(f"expected a period of 1 batch or more, got {period}")
    since = index - round(start * batches)
    if ramp == "clean" or since < 0 or (ramp == "recurring" and since // period % 2):
        return 0.0
    return severity * (since + 1) / (since + batches - index) if ramp == "gradual" else severity


RAMPS: dict[str, Ramp] = {name: partial(_severity, name) for name in ("clean", "sudden", "gradual", "recurring")}
"""Every ramp by its name.

- clean: no drift, which is what false alarms are counted on.
- sudden: nothing, and from the start on all of it.
- gradual: from the start on a little more with every batch, and all of it at the last.
- recurring: from the start on `period` batches of all of it, as many of nothing, and again.
"""
