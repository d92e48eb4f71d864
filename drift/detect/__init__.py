"""What notices: statistics on arrays, and thin detectors over them. Usable without the rest of the project."""

from drift.detect.accuracy import AccuracyDrop, chance_of_at_most
from drift.detect.paired import PairedTest, mcnemar_test
from drift.detect.protocol import Detector, Score
from drift.detect.shift import FeatureShift, PredictionShift

__all__ = [
    "AccuracyDrop",
    "Detector",
    "FeatureShift",
    "PairedTest",
    "PredictionShift",
    "Score",
    "chance_of_at_most",
    "mcnemar_test",
]
