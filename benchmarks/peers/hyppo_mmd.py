"""hyppo's MMD, on one worker."""

from typing import Any

from timing import run


def call(what: str, x: Any, y: Any, permutations: int) -> dict[str, float]:
    """One test."""
    from hyppo.ksample import MMD

    found = MMD(compute_kernel="gaussian").test(x, y, reps=permutations, workers=1, auto=False)
    return {"statistic": float(found[0]), "p_value": float(found[1])}


if __name__ == "__main__":
    run(call, ("hyppo", "numpy"))
