"""Image networks in the one fitting loop: whole, or the head alone on features that are computed once."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Protocol, TypeAlias

import numpy as np
import torch

from drift.data.blocks import Integers
from drift.datasets.images.pixels import Pixels
from drift.errors import BlockError, UsageError
from drift.models.fit import Epoch, FitOptions, LabelledTensors, descend
from drift.models.images.cache import cached_features
from drift.models.images.model import ImageModel
from drift.system.devices import resolve_device
from drift.system.threads import all_threads, one_thread

RECIPES = {  # of a whole network
    "small": FitOptions(0.01, weight_decay=0.05, batch_size=128, max_epochs=10, seed=0, label_smoothing=0.1),
    "resnet18": FitOptions(0.001, weight_decay=0.05, batch_size=64, max_epochs=4, seed=0, label_smoothing=0.1),
    "efficientnet-lite0": FitOptions(
        0.001, weight_decay=0.05, batch_size=64, max_epochs=4, seed=0, label_smoothing=0.1
    ),
}
HEAD = FitOptions(0.01, weight_decay=0.05, batch_size=128, max_epochs=20, seed=0)
SMALLEST_BATCH = 8  # images that batch norm can judge by themselves

Augment: TypeAlias = Callable[[Pixels, int, int], Pixels]
"""Of a batch's images, the epoch and the batch's number in it (both from 1): as many images of the same size. Its draws
must come from these numbers, for a fit that was interrupted to come out as one that was not."""


class Labelled(Protocol):
    """Images and what they show."""

    @property
    def pixels(self) -> Pixels:
        """(n, height, width, channels)."""
        ...

    @property
    def labels(self) -> Integers:
        """(n,), codes of the model's classes."""
        ...


def recipe(network: str, *, seed: int, max_epochs: int | None = None) -> FitOptions:
    """How to fit a network whole, if nothing better is known.

    Raises:
        UsageError: no such network.
    """
    if network not in RECIPES:
        raise UsageError(f"expected a network among {', '.join(RECIPES)}, got {network!r}")
    known = RECIPES[network]
    return replace(known, seed=seed, max_epochs=max_epochs or known.max_epochs)


def fit_images(
    model: ImageModel,
    train: Labelled,
    validation: Labelled,
    options: FitOptions,
    *,
    keep_going: Callable[[Epoch], bool] = lambda epoch: True,
    augment: Augment | None = None,
    seconds: float | None = None,
    checkpoint: Path | None = None,
    device: str = "auto",
) -> list[Epoch]:
    """Fit all weights of a model's network in place, on all cores.

    Args:
        model: what learns.
        train: images to learn from.
        validation: images to judge each epoch on.
        options: learning rate, batches, epochs and the seed of all draws; see `recipe`.
        keep_going: called with each epoch, after a resumption also those before it; False ends the fit early.
        augment: changes each batch of images before it is learned from.
        seconds: time to fit in, see `descend`; None for all epochs, however long they take.
        checkpoint: a file that is written after each epoch, and that the same fit goes on from.
        device: where to compute, see `drift.system.devices.resolve_device`; the network is left there.

    Returns:
        The epochs, in order.

    Raises:
        BlockError: images or labels that do not fit the model.
        TrainingError: fewer than 8 images, or the loss is no longer a number.
        StateError: the checkpoint is another fit's, or cannot be read or written.
        UsageError: no such device.
    """
    net = model.net
    hook = None if augment is None else _on_tensors(augment)
    with all_threads():
        return descend(
            net,
            _samples(model, train),
            _samples(model, validation),
            options,
            keep_going=keep_going,
            augment=hook,
            seconds=seconds,
            checkpoint=checkpoint,
            device=resolve_device(device),
            judged_at_once=net.at_once,
            smallest_batch=SMALLEST_BATCH,
        )


def fit_head(
    model: ImageModel,
    train: Labelled,
    validation: Labelled,
    *,
    cache_folder: Path | str,
    options: FitOptions = HEAD,
    keep_going: Callable[[Epoch], bool] = lambda epoch: True,
    seconds: float | None = None,
    device: str = "auto",
) -> list[Epoch]:
    """Fit the last layer alone, in place: what a pretrained network needs least time for.

    Args:
        model: what learns.
        train: images to learn from.
        validation: images to judge each epoch on.
        cache_folder: where features are kept, see `cached_features`.
        options: as of `fit_images`.
        keep_going: called with each epoch; False ends the fit early.
        seconds: time to fit in, see `descend`; that of the features does not count.
        device: where to compute, as of `fit_images`.

    Returns:
        The epochs, in order; their seconds do not hold those of the features.

    Raises:
        BlockError: images or labels that do not fit the model.
        TrainingError: no images, or the loss is no longer a number.
        StateError: the folder cannot be written.
        UsageError: no such device.
    """
    device = resolve_device(device)
    model.net.to(device)
    with all_threads():
        learned, judged = (_features(model, images, cache_folder) for images in (train, validation))
    with one_thread():
        return descend(model.net.head, learned, judged, options, keep_going=keep_going, seconds=seconds, device=device)


def _features(model: ImageModel, images: Labelled, cache_folder: Path | str) -> LabelledTensors:
    labels = _samples(model, images).labels
    return LabelledTensors(torch.from_numpy(cached_features(model, images.pixels, cache_folder)), labels)


def _samples(model: ImageModel, images: Labelled) -> LabelledTensors:
    """Tensors of images whose labels fit a model."""
    pixels, labels = model.net.check(images.pixels), np.asarray(images.labels)
    if not len(pixels) or labels.shape != (len(pixels),) or labels.dtype.kind not in "iu":
        raise BlockError(
            f"expected 1 image or more and a whole number for each, got {len(pixels)} images and labels of"
            f" {labels.dtype}, {labels.shape}"
        )
    if labels.min() < 0 or labels.max() >= len(model.classes):
        raise BlockError(
            f"expected labels from 0 to {len(model.classes) - 1}, codes of the model's classes; got"
            f" {labels.min()} to {labels.max()}"
        )
    writable = np.require(pixels, requirements=["C", "W"])  # a copy only of what is read-only
    return LabelledTensors(torch.from_numpy(writable), torch.from_numpy(labels.astype(np.int64)))


def _on_tensors(augment: Augment) -> Callable[[torch.Tensor, int, int], torch.Tensor]:
    def changed(batch: torch.Tensor, epoch: int, number: int) -> torch.Tensor:
        pixels = augment(batch.numpy(), epoch, number)
        if pixels.shape != tuple(batch.shape) or pixels.dtype != np.uint8:
            raise BlockError(
                f"expected augmented images {tuple(batch.shape)} of uint8, got {pixels.shape} of {pixels.dtype}"
            )
        return torch.from_numpy(np.require(pixels, requirements=["C", "W"]))

    return changed
