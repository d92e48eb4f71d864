"""The one fitting loop: AdamW with a one-cycle learning rate on tensors that stay in memory.

The rows are preprocessed once, shuffled whole once an epoch and cut into large batches; no row is touched by Python
code of its own, which is what makes it tens of times faster than a loop over small batches from a loader.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from time import monotonic

import numpy as np
import torch

from drift.blocks import Rows
from drift.errors import TrainingError
from drift.models.network import TableNet
from drift.threads import one_thread


@dataclass(frozen=True)
class FitOptions:
    """How to fit, apart from the network's shape."""

    learning_rate: float  # peak of the cycle
    weight_decay: float
    batch_size: int  # rows
    max_epochs: int
    seed: int


@dataclass(frozen=True)
class Epoch:
    """What one pass over the training rows gave."""

    number: int  # from 1
    train_loss: float  # mean cross-entropy in nats, dropout on
    val_loss: float  # mean cross-entropy in nats
    val_accuracy: float  # in [0, 1]
    seconds: float  # since fitting began


def _tensors(rows: Rows) -> tuple[torch.Tensor, torch.Tensor]:
    return torch.from_numpy(np.ascontiguousarray(rows.features)), torch.from_numpy(np.ascontiguousarray(rows.labels))


def fit(
    net: TableNet,
    train: Rows,
    validation: Rows,
    options: FitOptions,
    *,
    keep_going: Callable[[Epoch], bool] = lambda epoch: True,
) -> list[Epoch]:
    """Fit `net` in place.

    Args:
        net: its ranks are used as they are; its dense layers are trained.
        train: rows to learn from.
        validation: rows to judge each epoch on.
        options: learning rate, batches, epochs and the seed of shuffling and dropout.
        keep_going: told each epoch; False ends the fit early.

    Returns:
        The epochs, in order.

    Raises:
        TrainingError: when the loss is no longer a number.
    """
    began = monotonic()
    loss_of = torch.nn.functional.cross_entropy
    with torch.no_grad():
        features, labels = _tensors(train)
        inputs = net.ranks(features)
        val_features, val_labels = _tensors(validation)
        val_inputs = net.ranks(val_features)
    steps = options.max_epochs * -(-len(labels) // options.batch_size)
    optimizer = torch.optim.AdamW(
        net.dense.parameters(), lr=options.learning_rate, weight_decay=options.weight_decay, fused=True
    )
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, options.learning_rate, total_steps=max(steps, 2))
    epochs: list[Epoch] = []
    with one_thread(), torch.random.fork_rng(devices=[]):
        torch.manual_seed(options.seed)
        for number in range(1, options.max_epochs + 1):
            net.train()
            total = torch.zeros(())
            order = torch.randperm(len(labels))
            batches = zip(inputs[order].split(options.batch_size), labels[order].split(options.batch_size), strict=True)
            for batch, truth in batches:
                optimizer.zero_grad(set_to_none=True)
                loss = loss_of(net.dense(batch), truth)
                loss.backward()
                optimizer.step()
                schedule.step()
                total += loss.detach() * len(truth)
            net.eval()
            with torch.no_grad():
                logits = net.dense(val_inputs)
                val_loss = float(loss_of(logits, val_labels))
                val_accuracy = float((logits.argmax(dim=1) == val_labels).double().mean())
            train_loss = float(total) / len(labels)
            if not np.isfinite([train_loss, val_loss]).all():
                raise TrainingError(f"the loss is no longer a number after epoch {number} ({train_loss=}, {val_loss=})")
            epochs.append(Epoch(number, train_loss, val_loss, val_accuracy, monotonic() - began))
            if not keep_going(epochs[-1]):
                break
    return epochs
