"""Several small networks trained together as one batched network: quick enough to fit at every block of a stream.

Few passes and strong weight decay: rows of a moving stream disagree with each other, and a network that learns them by
heart is wrong sooner. A blend of a short and a long window (`drift.models.blend`) is steadier than either.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import torch

from drift.data.blocks import Floats, Rows
from drift.errors import TrainingError
from drift.models.quantiles import QuantileRanks, fit_quantile_ranks
from drift.system.devices import resolve_device
from drift.system.threads import one_thread

CHUNK = 2_048  # rows answered at a time: their hidden units stay in the core's cache


@dataclass(frozen=True)
class EnsembleOptions:
    """How to fit.

    Attributes:
        width: units in each hidden layer.
        depth: hidden layers, 1 or more.
        dropout: share of hidden units silenced, in [0, 1), to the nearest 256th.
        learning_rate: peak of the cycle.
        weight_decay: of AdamW's step.
        batch_size: rows.
        epochs: passes over the rows,.
        max_steps: but no more batches than these.
    """

    width: int = 32
    depth: int = 2
    dropout: float = 0.2
    learning_rate: float = 1e-2
    weight_decay: float = 1.0
    batch_size: int = 256
    epochs: int = 10
    max_steps: int = 400


class Ensemble(torch.nn.Module):
    """(n, d) raw features to (n, classes) probabilities, the mean of the members'."""

    def __init__(self, ranks: QuantileRanks, layers: list[torch.Tensor]) -> None:
        """`layers`: weights (members, inputs, outputs) and biases (members, 1, outputs), in turn."""
        super().__init__()
        self.ranks = ranks
        self.layers = torch.nn.ParameterList(torch.nn.Parameter(layer.detach(), False) for layer in layers)

    def forward(self, features: torch.Tensor) -> torch.Tensor:
        """Probabilities; this is what can be exported and served."""
        hidden = self.ranks(features).unsqueeze(0).expand(self.layers[0].shape[0], -1, -1)
        for at in range(0, len(self.layers) - 2, 2):
            hidden = torch.baddbmm(self.layers[at + 1], hidden, self.layers[at]).relu()
        return torch.softmax(torch.baddbmm(self.layers[-1], hidden, self.layers[-2]), dim=2).mean(dim=0)

    def predict(self, features: Floats) -> Floats:
        """Class probabilities (n, classes) of raw features (n, d)."""
        rows = torch.from_numpy(np.ascontiguousarray(features, np.float32))
        with one_thread(), torch.no_grad():
            answers: Floats = torch.cat([self(part) for part in rows.split(CHUNK)]).numpy()
        return answers


def fit_ensemble(
    train: Rows,
    *,
    members: int = 5,
    seed: int,
    classes: int = 2,
    options: EnsembleOptions | None = None,
    device: str = "cpu",
) -> Ensemble:
    """Fit `members` networks that differ in their first weights, the order of rows and the units dropped.

    Each member draws from a generator of its own, so it comes out as if it had been trained alone.

    Args:
        train: rows to learn from, 1 or more.
        members: networks in the ensemble.
        seed: of all draws; the same seed gives the same ensemble.
        classes: number of classes.
        options: how to fit.
        device: where the members are trained, see `drift.system.devices.resolve_device`; draws are made on the CPU,
            so that they are the same everywhere.

    Returns:
        An ensemble on the CPU.

    Raises:
        TrainingError: when there are no rows, or the weights are no longer numbers.
        UsageError: no such device.
    """
    device = resolve_device(device)
    if not len(train):
        raise TrainingError("expected rows to learn from, got none")
    options = options or EnsembleOptions()
    ranks = fit_quantile_ranks(train.features)
    draws = [torch.Generator().manual_seed(seed * 1_000 + member) for member in range(members)]
    layers = _first_layers([train.features.shape[1], *[options.width] * options.depth, classes], draws)
    layers = [layer.to(device).requires_grad_() for layer in layers]
    with one_thread():
        with torch.no_grad():
            inputs = ranks(torch.from_numpy(np.ascontiguousarray(train.features, np.float32))).to(device)
        labels = torch.from_numpy(np.ascontiguousarray(train.labels)).to(device)
        _descend(layers, inputs, labels, draws, options, device)
    layers = [layer.detach().cpu() for layer in layers]
    if not all(bool(layer.isfinite().all()) for layer in layers):
        raise TrainingError(f"the weights are no longer numbers after fitting {len(train)} rows with {options}")
    ensemble = Ensemble(ranks, layers)
    ensemble.eval()
    return ensemble


def _descend(
    layers: list[torch.Tensor],
    inputs: torch.Tensor,
    labels: torch.Tensor,
    draws: list[torch.Generator],
    options: EnsembleOptions,
    device: str,
) -> None:
    """AdamW with a one-cycle learning rate on all members at once; `inputs` are (n, d) ranks, `labels` (n,)."""
    batches = -(-len(labels) // options.batch_size)
    steps = min(batches * options.epochs, options.max_steps)
    rate = options.learning_rate
    optimizer = torch.optim.AdamW(layers, lr=rate, weight_decay=options.weight_decay, fused=True)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, rate, total_steps=max(steps, 2))
    order = torch.empty(0)
    for step in range(steps):
        if step % batches == 0:
            order = torch.stack([torch.randperm(len(labels), generator=draw) for draw in draws])
        picked = order[:, step % batches * options.batch_size :][:, : options.batch_size]
        picked = picked.to(device)  # (members, rows)
        hidden = inputs[picked]
        for at in range(0, len(layers) - 2, 2):
            kept = _kept(picked.shape[1], draws, options).to(device)
            hidden = torch.baddbmm(layers[at + 1], hidden, layers[at]).relu() * kept
        logits = torch.baddbmm(layers[-1], hidden, layers[-2]).flatten(0, 1)
        optimizer.zero_grad(set_to_none=True)
        loss = torch.nn.functional.cross_entropy(logits, labels[picked].flatten(), reduction="sum")
        (loss / picked.shape[1]).backward()
        optimizer.step()
        schedule.step()


def _first_layers(sizes: list[int], draws: list[torch.Generator]) -> list[torch.Tensor]:
    """Weights and biases, uniform within one over the root of their inputs."""
    layers = []
    for inputs, outputs in pairwise(sizes):
        for rows in (inputs, 1):
            drawn = torch.stack([torch.rand(rows, outputs, generator=draw) for draw in draws])
            layers.append((2 * drawn - 1) / inputs**0.5)
    return layers


def _kept(rows: int, draws: list[torch.Generator], options: EnsembleOptions) -> torch.Tensor:
    """Dropout's factors (members, rows, width), from one random byte a unit: a float each takes eight times as long."""
    dropped = round(options.dropout * 256)
    words = -(-rows * options.width // 8)
    drawn = torch.stack([torch.empty(words, dtype=torch.int64).random_(-(2**63), None, generator=d) for d in draws])
    kept = drawn.view(torch.uint8)[:, : rows * options.width].view(-1, rows, options.width) >= dropped
    return kept.float() * (256 / (256 - dropped))
