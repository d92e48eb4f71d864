"""The network for tables: quantile ranks, a few dense layers, class probabilities. Small on purpose."""

from __future__ import annotations

from dataclasses import dataclass

import torch

from drift.models.quantiles import QuantileRanks


@dataclass(frozen=True)
class Shape:
    """What must be equal for one network's weights to fit another.

    Attributes:
        width: units in each hidden layer.
        depth: hidden layers.
        dropout: share of hidden units silenced in training, in [0, 1).
    """

    width: int
    depth: int
    dropout: float


class TableNet(torch.nn.Module):
    """(n, d) raw features to (n, classes) probabilities."""

    def __init__(self, ranks: QuantileRanks, shape: Shape, classes: int) -> None:
        super().__init__()
        self.ranks = ranks
        layers: list[torch.nn.Module] = []
        inputs = ranks.knots.shape[0]
        for _ in range(shape.depth):
            layers += [torch.nn.Linear(inputs, shape.width), torch.nn.ReLU(), torch.nn.Dropout(shape.dropout)]
            inputs = shape.width
        self.dense = torch.nn.Sequential(*layers, torch.nn.Linear(inputs, classes))

    def forward(self, features: torch.Tensor) -> torch.Tensor:
        """Probabilities; this is what is exported and served."""
        return torch.softmax(self.dense(self.ranks(features)), dim=1)
