"""Metrics of classification: one declaration each. To add one: its file here, and its import line below."""

from drift.metrics.classification.accuracy import ACCURACY as ACCURACY
from drift.metrics.classification.accuracy import BALANCED_ACCURACY as BALANCED_ACCURACY
from drift.metrics.classification.accuracy import F1 as F1
from drift.metrics.classification.accuracy import PRECISION as PRECISION
from drift.metrics.classification.accuracy import RECALL as RECALL
from drift.metrics.classification.counts import ClassificationMetric
from drift.metrics.classification.probability_scores import BRIER as BRIER
from drift.metrics.classification.probability_scores import CALIBRATION_ERROR as CALIBRATION_ERROR
from drift.metrics.classification.probability_scores import LOG_LOSS as LOG_LOSS
from drift.metrics.classification.roc_auc import ROC_AUC as ROC_AUC
from drift.metrics.protocol import declared

CLASSIFICATION: dict[str, ClassificationMetric] = declared(vars())
"""Every metric of this folder by its name, in the order of a page."""
