"""Perturbations by the names that people type."""

from __future__ import annotations

from pathlib import Path

from drift.errors import UsageError
from drift.images.perturbations import PERTURBATIONS, FromAlbumentations, Perturbation
from drift.images.perturbations.failing_loudly import FAILING_LOUDLY


def named_perturbation(text: str) -> Perturbation:
    """What a person means by a name of the registries, or by the path of a composition of Albumentations.

    Raises:
        UsageError: neither a known name nor a file that holds a composition.
    """
    if text in PERTURBATIONS:
        return PERTURBATIONS[text]()
    if text in FAILING_LOUDLY:
        return FAILING_LOUDLY[text]
    if Path(text).suffix.lower() in {".json", ".yaml", ".yml"}:
        return FromAlbumentations.load(Path(text))
    raise UsageError(
        f"expected one of {', '.join([*PERTURBATIONS, *FAILING_LOUDLY])}, none, or a composition of Albumentations"
        f" in a file that ends in .json, .yaml or .yml; got {text}"
    )
