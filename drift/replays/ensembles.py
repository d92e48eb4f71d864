"""The models that are replayed: ensembles on short and long windows, fitted anew at each retrain."""

from __future__ import annotations

from drift.data.blocks import Predictor, Rows

FAMILY = "blend 1"  # raise the number when what is fitted changes: it is part of the cache's key


def family_on(device: str) -> str:
    """The family's name in the cache's key: what was trained on a GPU differs in its last digits."""
    return FAMILY if device == "cpu" else f"{FAMILY} on {device}"


def fit_member_of_family(train: Rows, classes: int, seed: int, *, device: str = "cpu") -> Predictor:
    """A blend that was fitted on a device, and answers on the CPU."""
    from drift.models.blend import fit_blend
    from drift.models.predict import LocalPredictor

    return LocalPredictor(fit_blend(train, seed=seed, classes=classes, device=device))
