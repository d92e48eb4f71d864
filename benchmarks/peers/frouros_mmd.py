"""Frouros' MMD with its permutation test, in one process."""

from typing import Any

from timing import run


def call(what: str, x: Any, y: Any, permutations: int) -> object:
    """One test."""
    from frouros.callbacks import PermutationTestDistanceBased
    from frouros.detectors.data_drift import MMD

    test = PermutationTestDistanceBased(num_permutations=permutations, random_state=0, num_jobs=1, name="p")
    detector = MMD(callbacks=[test])
    detector.fit(X=x)
    return detector.compare(X=y)


if __name__ == "__main__":
    run(call)
