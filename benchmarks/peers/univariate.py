"""Kolmogorov-Smirnov tests of every feature: ours, and SciPy's in a loop."""

from importlib import import_module
from typing import Any

import numpy as np
from scipy.stats import ks_2samp

from benchmarks.peers.timing import run_columns


def call(what: str, x: Any, y: Any) -> dict[str, float]:
    """One of them; how many features have a p-value of at most .05 by itself."""
    if what == "ours":
        found = import_module("drift.detect").feature_tests(x, y, test="ks", correction="holm")
        p_values = np.asarray([one.p_value for one in found.features])
    else:
        p_values = np.asarray([ks_2samp(x[:, at], y[:, at]).pvalue for at in range(x.shape[1])])
    return {"least_p_value": float(p_values.min()), "below_level": float((p_values <= 0.05).sum())}


if __name__ == "__main__":
    run_columns(call, ("scipy", "numpy"))
