"""Ensembles of short and long windows as one model: steadier on a moving stream than one window of any length."""

from __future__ import annotations

import numpy as np
import torch

from drift.data.blocks import Floats, Rows
from drift.models.ensemble import Ensemble, EnsembleOptions, fit_ensemble
from drift.system.threads import one_thread

WINDOWS = (1_008, 2_016, 4_032)  # rows: 3, 6 and 12 weeks of half-hours; no single one has to be chosen
SMALLEST = 1e-6  # a probability below this counts as this much


class Blend(torch.nn.Module):
    """(n, d) raw features to (n, classes) probabilities: the mean of the parts' log-probabilities, made to sum to 1."""

    def __init__(self, parts: list[Ensemble]) -> None:
        super().__init__()
        self.parts = torch.nn.ModuleList(parts)

    def forward(self, features: torch.Tensor) -> torch.Tensor:
        """Probabilities; this is what can be exported and served."""
        logs = [part(features).clamp_min(SMALLEST).log() for part in self.parts]
        return torch.softmax(torch.stack(logs).mean(dim=0), dim=1)

    def predict(self, features: Floats) -> Floats:
        """Class probabilities (n, classes) of raw features (n, d)."""
        with one_thread(), torch.no_grad():
            answers: Floats = self(torch.from_numpy(np.ascontiguousarray(features, np.float32))).numpy()
        return answers


def fit_blend(
    train: Rows,
    *,
    windows: tuple[int, ...] = WINDOWS,
    members: int = 5,
    seed: int,
    classes: int = 2,
    options: EnsembleOptions | None = None,
    device: str = "cpu",
) -> Blend:
    """One ensemble on the newest rows of each window.

    Args:
        train: rows in time order, the newest last.
        windows: rows to look back; longer ones than there are rows are cut, and equal ones fitted once.
        members: networks in each ensemble.
        seed: of all draws; the same seed gives the same blend.
        classes: number of classes.
        options: how to fit each ensemble.
        device: where, as of `fit_ensemble`; the blend is on the CPU.

    Raises:
        TrainingError: as `fit_ensemble` does.
    """
    lengths = sorted({min(window, len(train)) for window in windows})
    newest = [Rows(train.features[len(train) - n :], train.labels[len(train) - n :]) for n in lengths]
    return Blend(
        [
            fit_ensemble(rows, members=members, seed=seed, classes=classes, options=options, device=device)
            for rows in newest
        ]
    )
