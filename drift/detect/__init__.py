"""What notices: statistics on arrays, and thin detectors over them. Usable without the rest of the project."""

from drift.detect.accuracy import chance_of_at_most
from drift.detect.columns.univariate import FeatureTest, FeatureTests, adjusted, bbsds_test, feature_tests
from drift.detect.detectors import (
    DETECTORS,
    AccuracyDrop,
    ClassifierShift,
    Detector,
    DistanceShift,
    EnergyShift,
    FeatureShift,
    FixedReference,
    JointShift,
    PredictionShift,
    Score,
    small_reference,
)
from drift.detect.detectors.saved import load_detector, save_detector
from drift.detect.explain import Explanation, explain
from drift.detect.forecast import ThresholdForecast, forecast_threshold
from drift.detect.label_free import ATC, CBPE, ESTIMATORS, PAPE, AccuracyEstimate, AccuracyEstimator
from drift.detect.label_free.density_ratio import DensityRatio, density_ratio
from drift.detect.paired import PairedTest, mcnemar_test
from drift.detect.permutation.tests import PermutationTest
from drift.detect.profiles.binning import Binning, learn_binning
from drift.detect.profiles.comparison import Distance, FeatureDistances, compare_profiles
from drift.detect.profiles.profiles import Profile, merge, profile
from drift.detect.sequential.feature_evidence import FeatureEvidence
from drift.detect.streaming import (
    STREAMING,
    Adwin,
    Ddm,
    Eddm,
    ErrorDetector,
    Fhddm,
    Harm,
    HddmA,
    HddmW,
    Kswin,
    PageHinkley,
)
from drift.detect.two_sample.classifier import ClassifierTest, classifier_test
from drift.detect.two_sample.energy import energy_test
from drift.detect.two_sample.mmd import MMDTest, mmd_test
from drift.detect.two_sample.random_features import FeaturesTest, FourierSketch, mmd_features_test

__all__ = [
    "ATC",
    "CBPE",
    "DETECTORS",
    "ESTIMATORS",
    "PAPE",
    "STREAMING",
    "AccuracyDrop",
    "AccuracyEstimate",
    "AccuracyEstimator",
    "Adwin",
    "Binning",
    "ClassifierShift",
    "ClassifierTest",
    "Ddm",
    "DensityRatio",
    "Detector",
    "Distance",
    "DistanceShift",
    "Eddm",
    "EnergyShift",
    "ErrorDetector",
    "Explanation",
    "FeatureDistances",
    "FeatureEvidence",
    "FeatureShift",
    "FeatureTest",
    "FeatureTests",
    "FeaturesTest",
    "Fhddm",
    "FixedReference",
    "FourierSketch",
    "Harm",
    "HddmA",
    "HddmW",
    "JointShift",
    "Kswin",
    "MMDTest",
    "PageHinkley",
    "PairedTest",
    "PermutationTest",
    "PredictionShift",
    "Profile",
    "Score",
    "ThresholdForecast",
    "adjusted",
    "bbsds_test",
    "chance_of_at_most",
    "classifier_test",
    "compare_profiles",
    "density_ratio",
    "energy_test",
    "explain",
    "feature_tests",
    "forecast_threshold",
    "learn_binning",
    "load_detector",
    "mcnemar_test",
    "merge",
    "mmd_features_test",
    "mmd_test",
    "profile",
    "save_detector",
    "small_reference",
]
