"""What notices: statistics on arrays, and thin detectors over them. Usable without the rest of the project."""

from drift.detect.accuracy import AccuracyDrop, chance_of_at_most
from drift.detect.classifier import ClassifierTest, classifier_test
from drift.detect.energy import energy_test
from drift.detect.fourier import FeaturesTest, FourierSketch, mmd_features_test
from drift.detect.mmd import MMDTest, mmd_test
from drift.detect.paired import PairedTest, mcnemar_test
from drift.detect.permuted import PermutationTest
from drift.detect.protocol import Detector, Score
from drift.detect.shift import FeatureShift, PredictionShift
from drift.detect.univariate import FeatureTest, FeatureTests, adjusted, bbsds_test, feature_tests

__all__ = [
    "AccuracyDrop",
    "ClassifierTest",
    "Detector",
    "FeatureShift",
    "FeatureTest",
    "FeatureTests",
    "FeaturesTest",
    "FourierSketch",
    "MMDTest",
    "PairedTest",
    "PermutationTest",
    "PredictionShift",
    "Score",
    "adjusted",
    "bbsds_test",
    "chance_of_at_most",
    "classifier_test",
    "energy_test",
    "feature_tests",
    "mcnemar_test",
    "mmd_features_test",
    "mmd_test",
]
