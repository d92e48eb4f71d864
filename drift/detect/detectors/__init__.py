"""Detectors: one file each. To add one: its file here, and its import line below."""

from drift.detect.detectors.accuracy_drop import AccuracyDrop as AccuracyDrop
from drift.detect.detectors.classifier_shift import ClassifierShift as ClassifierShift
from drift.detect.detectors.distance_shift import DistanceShift as DistanceShift
from drift.detect.detectors.energy_shift import EnergyShift as EnergyShift
from drift.detect.detectors.feature_shift import FeatureShift as FeatureShift
from drift.detect.detectors.joint_shift import JointShift as JointShift
from drift.detect.detectors.prediction_shift import PredictionShift as PredictionShift
from drift.detect.detectors.protocol import Detector as Detector
from drift.detect.detectors.protocol import FixedReference as FixedReference
from drift.detect.detectors.protocol import Score as Score
from drift.detect.detectors.protocol import small_reference as small_reference

DETECTORS: dict[str, type[FixedReference]] = {
    str(detector.name): detector
    for detector in list(vars().values())
    if isinstance(detector, type) and hasattr(detector, "score") and hasattr(detector, "name")
}
"""Every detector of this folder by its name; each is made from a reference alone, and has options with defaults."""
