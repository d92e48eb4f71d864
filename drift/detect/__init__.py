"""What notices: statistics on arrays, and thin detectors over them. Usable without the rest of the project."""

from drift.detect.accuracy import AccuracyDrop, chance_of_at_most
from drift.detect.binning import Binning, learn_binning
from drift.detect.classifier import ClassifierTest, classifier_test
from drift.detect.compare import Distance, FeatureDistances, compare_profiles
from drift.detect.energy import energy_test
from drift.detect.explain import Explanation, explain
from drift.detect.fourier import FeaturesTest, FourierSketch, mmd_features_test
from drift.detect.mmd import MMDTest, mmd_test
from drift.detect.paired import PairedTest, mcnemar_test
from drift.detect.permuted import PermutationTest
from drift.detect.profiles import Profile, merge, profile
from drift.detect.protocol import Detector, Score
from drift.detect.shift import FeatureShift, PredictionShift
from drift.detect.univariate import FeatureTest, FeatureTests, adjusted, bbsds_test, feature_tests

__all__ = [
    "AccuracyDrop",
    "Binning",
    "ClassifierTest",
    "Detector",
    "Distance",
    "Explanation",
    "FeatureDistances",
    "FeatureShift",
    "FeatureTest",
    "FeatureTests",
    "FeaturesTest",
    "FourierSketch",
    "MMDTest",
    "PairedTest",
    "PermutationTest",
    "PredictionShift",
    "Profile",
    "Score",
    "adjusted",
    "bbsds_test",
    "chance_of_at_most",
    "classifier_test",
    "compare_profiles",
    "energy_test",
    "explain",
    "feature_tests",
    "learn_binning",
    "mcnemar_test",
    "merge",
    "mmd_features_test",
    "mmd_test",
    "profile",
]
