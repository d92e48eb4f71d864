"""Experiments with images: make drift, measure it, show it, train it away.

perturbations    what is done to images            streams       batches that drift, and a network that meets them
detection        spaces and detectors              results       pictures, tables, MLflow, TensorBoard
setup            images in their roles             experiments   networks that are trained once and kept
augment          training with augmentation        embeddings    images on a plane
rows             batches as rows for the monitor
"""

from __future__ import annotations

from pathlib import Path

from drift.errors import UsageError
from drift.images.detection.failing_loudly import FAILING_LOUDLY as FAILING_LOUDLY
from drift.images.perturbations import PERTURBATIONS as PERTURBATIONS
from drift.images.perturbations import FromAlbumentations as FromAlbumentations
from drift.images.perturbations import Perturbation as Perturbation
from drift.images.streams.evolution import RAMPS as RAMPS
from drift.images.streams.evolution import Ramp as Ramp


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
