"""Frouros' MMD with its permutation test, in one process; with the median distance as its bandwidth, not 1."""

from functools import partial
from typing import Any

import numpy as np
from timing import run


def call(what: str, x: Any, y: Any, permutations: int) -> dict[str, float]:
    """One test."""
    from frouros.callbacks import PermutationTestDistanceBased
    from frouros.detectors.data_drift import MMD
    from frouros.utils.kernels import rbf_kernel
    from scipy.spatial.distance import pdist

    sigma = float(np.median(pdist(x[:500])))
    test = PermutationTestDistanceBased(num_permutations=permutations, random_state=0, num_jobs=1, name="p")
    detector = MMD(kernel=partial(rbf_kernel, sigma=sigma), callbacks=[test])
    detector.fit(X=x)
    found, logs = detector.compare(X=y)
    return {"statistic": float(found.distance), "p_value": float(logs["p"]["p_value"])}


if __name__ == "__main__":
    run(call, ("frouros", "numpy"))
