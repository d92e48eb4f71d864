"""Metrics of regression: one declaration each. To add one: its file here, and its import line below."""

from drift.metrics.protocol import declared
from drift.metrics.regression.errors import BIAS as BIAS
from drift.metrics.regression.errors import LARGE_ERRORS as LARGE_ERRORS
from drift.metrics.regression.errors import MAE as MAE
from drift.metrics.regression.errors import RMSE as RMSE
from drift.metrics.regression.sums import RegressionMetric

REGRESSION: dict[str, RegressionMetric] = declared(vars())
"""Every metric of this folder by its name, in the order of a page."""
