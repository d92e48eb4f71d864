"""Accuracy without labels: one estimator in each file. To add one: its file here, and its import line below."""

from drift.detect.label_free.atc import ATC as ATC
from drift.detect.label_free.atc import ConfidenceScore as ConfidenceScore
from drift.detect.label_free.cbpe import CBPE as CBPE
from drift.detect.label_free.pape import PAPE as PAPE
from drift.detect.label_free.protocol import AccuracyEstimate as AccuracyEstimate
from drift.detect.label_free.protocol import FromReference as FromReference

ESTIMATORS: dict[str, type[FromReference]] = {
    str(estimator.name): estimator
    for estimator in list(vars().values())
    if isinstance(estimator, type) and hasattr(estimator, "fails_when") and hasattr(estimator, "name")
}
"""Every estimator of this folder by its name; each is made without arguments, and has options with defaults."""
