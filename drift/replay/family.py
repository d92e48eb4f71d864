"""The models that are replayed: ensembles on short and long windows, fitted anew at each retrain."""

from __future__ import annotations

from drift.blocks import Predictor, Rows

FAMILY = "blend 1"  # raise the number when what is fitted changes: it is part of the cache's key


def fit_member_of_family(train: Rows, classes: int, seed: int) -> Predictor:
    """A fitted blend."""
    from drift.models.blend import fit_blend
    from drift.models.predict import LocalPredictor

    return LocalPredictor(fit_blend(train, seed=seed, classes=classes))
