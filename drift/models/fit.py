"""The one fitting loop, of tables and images: AdamW with a one-cycle learning rate on tensors that stay in memory.

What the loop is given is preprocessed, or is preprocessed by the module a batch at a time; it is shuffled once an epoch
and cut into large batches; no row is touched by Python code of its own, which is what makes it tens of times faster
than a loop over small batches from a loader.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from time import monotonic
from typing import TypeAlias

import numpy as np
import torch

from drift.data.blocks import Rows
from drift.errors import TrainingError, UsageError
from drift.models.checkpoint import Checkpoint
from drift.models.digests import digest
from drift.models.network import TableNet
from drift.system.devices import resolve_device
from drift.system.threads import one_thread

Augment: TypeAlias = Callable[[torch.Tensor, int, int], torch.Tensor]
"""Of a batch's inputs, the epoch and the batch's number in it (both from 1): the inputs to learn from instead."""


@dataclass(frozen=True)
class FitOptions:
    """How to fit, apart from the network's shape.

    Attributes:
        learning_rate: peak of the cycle.
        weight_decay: of AdamW's step.
        batch_size: rows.
        max_epochs: passes over the training rows, 1 or more.
        seed: of the order of rows and of dropout.
        label_smoothing: share of each label that is spread over all classes, in [0, 1).
    """

    learning_rate: float
    weight_decay: float
    batch_size: int
    max_epochs: int
    seed: int
    label_smoothing: float = 0.0


@dataclass(frozen=True)
class Epoch:
    """What one pass over the training rows gave.

    Attributes:
        number: from 1.
        train_loss: mean cross-entropy in nats, dropout on.
        val_loss: mean cross-entropy in nats.
        val_accuracy: in [0, 1].
        seconds: since fitting began.
    """

    number: int
    train_loss: float
    val_loss: float
    val_accuracy: float
    seconds: float


@dataclass(frozen=True, eq=False)
class LabelledTensors:
    """What a module is fitted to.

    Attributes:
        inputs: (n, ...).
        labels: (n,) int64 class codes.
    """

    inputs: torch.Tensor
    labels: torch.Tensor

    def __len__(self) -> int:
        return len(self.labels)


def fit(
    net: TableNet,
    train: Rows,
    validation: Rows,
    options: FitOptions,
    *,
    keep_going: Callable[[Epoch], bool] = lambda epoch: True,
    device: str = "cpu",
) -> list[Epoch]:
    """Fit `net` in place.

    Args:
        net: on the CPU, and left there; its ranks are used as they are, its dense layers are trained.
        train: rows to learn from.
        validation: rows to judge each epoch on.
        options: learning rate, batches, epochs and the seed of shuffling and dropout.
        keep_going: called with each epoch; False ends the fit early.
        device: where the dense layers are trained, see `drift.system.devices.resolve_device`.

    Returns:
        The epochs, in order.

    Raises:
        TrainingError: when the loss is no longer a number.
        UsageError: no such device.
    """
    device = resolve_device(device)
    with torch.no_grad():
        known, judged = (
            LabelledTensors(net.ranks(features), labels) for features, labels in map(_tensors, (train, validation))
        )
    with one_thread():
        epochs = descend(net.dense, known, judged, options, keep_going=keep_going, device=device)
    net.cpu()
    net.eval()
    return epochs


def descend(
    module: torch.nn.Module,
    train: LabelledTensors,
    validation: LabelledTensors,
    options: FitOptions,
    *,
    keep_going: Callable[[Epoch], bool] = lambda epoch: True,
    augment: Augment | None = None,
    seconds: float | None = None,
    checkpoint: Path | None = None,
    device: str = "cpu",
    judged_at_once: int | None = None,
    smallest_batch: int = 1,
) -> list[Epoch]:
    """Fit a module that maps inputs to logits (n, classes), in place; those of its parameters that need a gradient.

    Args:
        module: left on `device`, ready to answer.
        train: what to learn from.
        validation: what to judge each epoch on.
        options: learning rate, batches, epochs and the seed of shuffling and dropout.
        keep_going: called with each epoch, after a resumption also those before it; False ends the fit early.
        augment: changes each batch's inputs before it is learned from.
        seconds: no more than these, give or take a batch and the last look at `validation`. The cycle then runs with
            the clock where that is ahead of the batches, so that it ends at its low rate; and with it what comes out
            depends on the machine.
        checkpoint: a file that is written after each epoch, and that the same fit goes on from.
        device: where to compute.
        judged_at_once: rows of `validation` answered at a time; None for all.
        smallest_batch: a smaller one at an epoch's end is left out (batch norm cannot judge one row by itself).

    Returns:
        The epochs, in order; when time ran out, the last one is a part of one.

    Raises:
        TrainingError: there are fewer rows than `smallest_batch`, or the loss is no longer a number.
        StateError: the checkpoint is another fit's, or cannot be read or written.
        UsageError: no seconds.
    """
    if seconds is not None and not seconds > 0:
        raise UsageError(f"expected more than 0 seconds to fit in, got {seconds}")
    loss_of = torch.nn.functional.cross_entropy
    rest = len(train) % options.batch_size
    left_out = rest if rest < smallest_batch else 0
    learned = len(train) - left_out
    if not learned:
        raise TrainingError(f"expected {smallest_batch} rows or more to learn from, got {len(train)}")
    steps = options.max_epochs * -(-learned // options.batch_size)
    settings = f"{options} {'augmented' if augment else ''}"
    data = train.inputs, train.labels, validation.inputs, validation.labels
    of = digest(settings, module.state_dict(), *data) if checkpoint else ""
    module.to(device)
    trained = [parameter for parameter in module.parameters() if parameter.requires_grad]
    optimizer = torch.optim.AdamW(trained, lr=options.learning_rate, weight_decay=options.weight_decay, fused=True)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, options.learning_rate, total_steps=max(steps, 2))
    saved = Checkpoint(checkpoint, of, module, optimizer, schedule) if checkpoint else None
    with torch.random.fork_rng(devices=[device] if device.startswith("cuda") else []):
        torch.manual_seed(options.seed)
        epochs = [Epoch(**known) for known in saved.resume()] if saved else []  # type: ignore[arg-type]
        began = monotonic() - (epochs[-1].seconds if epochs else 0.0)
        done = schedule.last_epoch
        going = all(keep_going(epoch) for epoch in epochs)
        while going and len(epochs) < options.max_epochs and done < steps:
            number = len(epochs) + 1
            module.train()
            total, seen = torch.zeros(()).to(device), 0
            for batch, picked in enumerate(torch.randperm(len(train))[:learned].split(options.batch_size), start=1):
                inputs, truth = train.inputs[picked], train.labels[picked].to(device)
                if augment:
                    inputs = augment(inputs, number, batch)
                optimizer.zero_grad(set_to_none=True)
                loss = loss_of(module(inputs.to(device)), truth, label_smoothing=options.label_smoothing)
                loss.backward()
                optimizer.step()
                done += 1
                if seconds is not None:
                    done = max(done, int(steps * (monotonic() - began) / seconds))
                    schedule.last_epoch = min(done, steps) - 1
                schedule.step()
                total += loss.detach() * len(truth)
                seen += len(truth)
                if done >= steps:
                    break
            epochs.append(_judged(module, validation, number, float(total) / seen, began, device, judged_at_once))
            if saved:
                saved.write([asdict(epoch) for epoch in epochs])
            going = keep_going(epochs[-1])
    module.eval()
    return epochs


def _judged(
    module: torch.nn.Module,
    validation: LabelledTensors,
    number: int,
    train_loss: float,
    began: float,
    device: str,
    at_once: int | None,
) -> Epoch:
    """What an epoch gave; TrainingError when it is no number."""
    module.eval()
    with torch.no_grad():
        parts = validation.inputs.split(at_once or max(len(validation), 1))
        logits, labels = torch.cat([module(part.to(device)) for part in parts]), validation.labels.to(device)
        val_loss = float(torch.nn.functional.cross_entropy(logits, labels))
        val_accuracy = float((logits.argmax(dim=1) == labels).cpu().double().mean())
    if not np.isfinite([train_loss, val_loss]).all():
        raise TrainingError(f"the loss is no longer a number after epoch {number} ({train_loss=}, {val_loss=})")
    return Epoch(number, train_loss, val_loss, val_accuracy, monotonic() - began)


def _tensors(rows: Rows) -> tuple[torch.Tensor, torch.Tensor]:
    return torch.from_numpy(np.ascontiguousarray(rows.features)), torch.from_numpy(np.ascontiguousarray(rows.labels))
