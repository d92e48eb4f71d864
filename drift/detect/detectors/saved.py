"""Detectors on disk: a folder with `detector.json` and `reference.safetensors`. Nothing in it can run."""

from __future__ import annotations

import json
from dataclasses import fields
from pathlib import Path
from typing import Any

import numpy as np

from drift import __version__
from drift.data.blocks import Reference
from drift.detect.detectors import DETECTORS, FixedReference
from drift.errors import BlockError, DataError, StateError
from drift.system.disk import write_at_once

FORMAT = 1  # of the folder; readers refuse a newer one
CARD, TENSORS = "detector.json", "reference.safetensors"
ARRAYS = ("features", "labels", "probabilities")


def save_detector(detector: FixedReference, folder: Path | str) -> Path:
    """Write a detector with its options and its reference; what was there of another one is replaced.

    Raises:
        StateError: the folder cannot be written.
    """
    from safetensors.numpy import save

    folder = Path(folder)
    reference = detector.reference
    card = {
        "format": FORMAT,
        "drift": __version__,
        "detector": detector.name,
        "options": {option: getattr(detector, option) for option in _options(type(detector))},
        "feature_names": reference.feature_names,
        "classes": reference.classes,
    }
    try:
        folder.mkdir(parents=True, exist_ok=True)
        (folder / CARD).unlink(missing_ok=True)  # without a card, the folder is no detector
        write_at_once(folder / TENSORS, save({name: np.ascontiguousarray(getattr(reference, name)) for name in ARRAYS}))
        write_at_once(folder / CARD, json.dumps(card, indent=2).encode())
    except OSError as error:
        raise StateError(f"the detector cannot be written to {folder}: {error.strerror or error}") from error
    return folder


def load_detector(folder: Path | str) -> FixedReference:
    """Read what `save_detector` wrote.

    Raises:
        DataError: no such folder, a newer format, a detector or option that is not known here, or damaged files.
    """
    from safetensors import SafetensorError
    from safetensors.numpy import load_file

    folder = Path(folder)
    try:
        card: dict[str, Any] = json.loads((folder / CARD).read_text())
        version, name, options = int(card["format"]), str(card["detector"]), dict(card["options"])
        names, classes = tuple(card["feature_names"]), tuple(card["classes"])
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise DataError(
            f"expected a saved detector in {folder}, got none that can be read ({CARD}: {error!r})"
        ) from error
    if version > FORMAT:
        raise DataError(
            f"expected a detector of format {FORMAT} or less in {folder}, got {version}, written by drift"
            f" {card.get('drift')}: update this drift {__version__}"
        )
    if name not in DETECTORS:
        raise DataError(f"expected a detector among {', '.join(sorted(DETECTORS))} in {folder}, got {name!r}")
    unknown = sorted(set(options) - set(_options(DETECTORS[name])))
    if unknown:
        raise DataError(
            f"expected options {', '.join(_options(DETECTORS[name]))} in {folder}, got {', '.join(unknown)}"
        )
    try:
        arrays = load_file(folder / TENSORS)
        reference = Reference(arrays["features"], arrays["labels"], arrays["probabilities"], names, classes)
    except (OSError, SafetensorError, KeyError, BlockError) as error:
        raise DataError(f"expected the detector's reference in {folder / TENSORS}, got {error!r}") from error
    try:
        return DETECTORS[name](reference, **options)
    except (BlockError, TypeError, ValueError) as error:
        raise DataError(f"expected options that fit the detector in {folder / CARD}, got {options}: {error}") from error


def _options(detector: type[FixedReference]) -> list[str]:
    """Names of a detector's options, which is all but its reference."""
    return [option.name for option in fields(detector) if option.name != "reference"]
