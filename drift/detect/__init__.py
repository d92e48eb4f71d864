"""Statistics that detect drift, on arrays, and detectors made of them. Usable without the rest of the package.

- `two_sample`: rows of two samples as a whole (MMD, energy distance, a classifier), by `permutation`.
- `columns`: tests of one feature at a time, and corrections for their number.
- `profiles`: counts of cells that merge, and distances between them.
- `accuracy`: tests, change points and forecasts of the accuracy of blocks; two models on the same rows.
- `label_free`: estimates of accuracy without labels.
- `sequential`: e-values, confidence sequences and average run lengths; `streaming`: detectors that follow errors.
- `detectors`: one class for each test, with a reference; `explain`: which features, pairs and rows differ.
"""

from drift.detect.accuracy.block_tests import chance_of_at_most as chance_of_at_most
from drift.detect.accuracy.forecast import ThresholdForecast as ThresholdForecast
from drift.detect.accuracy.forecast import forecast_threshold as forecast_threshold
from drift.detect.accuracy.paired import PairedTest as PairedTest
from drift.detect.accuracy.paired import mcnemar_test as mcnemar_test
from drift.detect.columns.univariate import FeatureTest as FeatureTest
from drift.detect.columns.univariate import FeatureTests as FeatureTests
from drift.detect.columns.univariate import adjusted as adjusted
from drift.detect.columns.univariate import bbsds_test as bbsds_test
from drift.detect.columns.univariate import feature_tests as feature_tests
from drift.detect.detectors import DETECTORS as DETECTORS
from drift.detect.detectors import AccuracyDrop as AccuracyDrop
from drift.detect.detectors import ClassifierShift as ClassifierShift
from drift.detect.detectors import Detector as Detector
from drift.detect.detectors import DistanceShift as DistanceShift
from drift.detect.detectors import EnergyShift as EnergyShift
from drift.detect.detectors import FeatureShift as FeatureShift
from drift.detect.detectors import FixedReference as FixedReference
from drift.detect.detectors import JointShift as JointShift
from drift.detect.detectors import PredictionShift as PredictionShift
from drift.detect.detectors import Score as Score
from drift.detect.detectors import small_reference as small_reference
from drift.detect.detectors.saved import load_detector as load_detector
from drift.detect.detectors.saved import save_detector as save_detector
from drift.detect.explain import Explanation as Explanation
from drift.detect.explain import explain as explain
from drift.detect.label_free import ATC as ATC
from drift.detect.label_free import CBPE as CBPE
from drift.detect.label_free import ESTIMATORS as ESTIMATORS
from drift.detect.label_free import PAPE as PAPE
from drift.detect.label_free import AccuracyEstimate as AccuracyEstimate
from drift.detect.label_free.pape import DensityRatio as DensityRatio
from drift.detect.label_free.pape import density_ratio as density_ratio
from drift.detect.permutation.tests import PermutationTest as PermutationTest
from drift.detect.profiles.binning import Binning as Binning
from drift.detect.profiles.binning import learn_binning as learn_binning
from drift.detect.profiles.comparison import Distance as Distance
from drift.detect.profiles.comparison import FeatureDistances as FeatureDistances
from drift.detect.profiles.comparison import compare_profiles as compare_profiles
from drift.detect.profiles.profiles import Profile as Profile
from drift.detect.profiles.profiles import merge as merge
from drift.detect.profiles.profiles import profile as profile
from drift.detect.sequential.feature_evidence import FeatureEvidence as FeatureEvidence
from drift.detect.streaming import STREAMING as STREAMING
from drift.detect.streaming import Adwin as Adwin
from drift.detect.streaming import Ddm as Ddm
from drift.detect.streaming import Eddm as Eddm
from drift.detect.streaming import ErrorDetector as ErrorDetector
from drift.detect.streaming import Fhddm as Fhddm
from drift.detect.streaming import Harm as Harm
from drift.detect.streaming import HddmA as HddmA
from drift.detect.streaming import HddmW as HddmW
from drift.detect.streaming import Kswin as Kswin
from drift.detect.streaming import PageHinkley as PageHinkley
from drift.detect.two_sample.classifier import ClassifierTest as ClassifierTest
from drift.detect.two_sample.classifier import classifier_test as classifier_test
from drift.detect.two_sample.energy import energy_test as energy_test
from drift.detect.two_sample.mmd import MMDTest as MMDTest
from drift.detect.two_sample.mmd import mmd_test as mmd_test
from drift.detect.two_sample.random_features import FeaturesTest as FeaturesTest
from drift.detect.two_sample.random_features import FourierSketch as FourierSketch
from drift.detect.two_sample.random_features import mmd_features_test as mmd_features_test
