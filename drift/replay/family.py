"""The models that are replayed: the ensemble, fitted anew on each window."""

from __future__ import annotations

from drift.blocks import Predictor, Rows

FAMILY = "ensemble 1"  # raise the number when what is fitted changes: it is part of the cache's key


def fit_member_of_family(train: Rows, classes: int, seed: int) -> Predictor:
    """A fitted ensemble."""
    from drift.models.ensemble import fit_ensemble
    from drift.models.predict import LocalPredictor

    return LocalPredictor(fit_ensemble(train, seed=seed, classes=classes))
