"""Preprocessing as the first layer of the network: it is fitted once, exported with it, and cannot be forgotten.

Each feature is mapped to its rank among the training rows, as a piecewise linear curve through quantiles. The result
is bounded whatever comes later: a feature that was constant in training gives 0 for ever (a scaler would divide by
nothing and blow up on the day the feature starts to vary), and a value beyond the training range gives the end point.
"""

from __future__ import annotations

import numpy as np
import torch

from drift.data.blocks import Floats

KNOTS = 65


class QuantileRanks(torch.nn.Module):
    """(n, d) raw features to (n, d) ranks in [-1, 1]."""

    knots: torch.Tensor  # (d, k) non-decreasing feature values
    ranks: torch.Tensor  # (d, k) their ranks in [-1, 1]

    def __init__(self, knots: torch.Tensor, ranks: torch.Tensor) -> None:
        super().__init__()
        self.register_buffer("knots", knots)
        self.register_buffer("ranks", ranks)

    def forward(self, features: torch.Tensor) -> torch.Tensor:
        """Interpolate between the knots on either side of each value."""
        values = features.T.contiguous()
        right = torch.searchsorted(self.knots, values).clamp(1, self.knots.shape[1] - 1)
        left = right - 1
        low, high = self.knots.gather(1, left), self.knots.gather(1, right)
        share = ((values - low) / (high - low).clamp_min(1e-30)).clamp(0.0, 1.0)
        return torch.lerp(self.ranks.gather(1, left), self.ranks.gather(1, right), share).T


def fit_quantile_ranks(features: Floats, *, knots: int = KNOTS) -> QuantileRanks:
    """Fit the curves to training rows.

    Tied quantiles (a value that many rows share) become one knot at their mean rank, so that curves stay functions;
    unused places at the end repeat the last knot.

    Args:
        features: (n, d) training rows, finite.
        knots: quantiles taken from each feature, 2 or more.
    """
    quantiles = np.ascontiguousarray(np.quantile(features, np.linspace(0.0, 1.0, knots), axis=0).T, np.float32)
    positions = np.linspace(-1.0, 1.0, knots)
    values = np.empty_like(quantiles)
    ranks = np.zeros_like(quantiles)
    for feature, row in enumerate(quantiles):
        distinct, where, counts = np.unique(row, return_inverse=True, return_counts=True)
        used = len(distinct)
        values[feature] = distinct[-1]
        values[feature, :used] = distinct
        if used > 1:
            means = np.bincount(where, weights=positions) / counts
            ranks[feature] = means[-1]
            ranks[feature, :used] = means
    return QuantileRanks(torch.from_numpy(values), torch.from_numpy(ranks))
