"""hyppo's MMD, on one worker."""

from typing import Any

from timing import run


def call(what: str, x: Any, y: Any, permutations: int) -> object:
    """One test."""
    from hyppo.ksample import MMD

    return MMD(compute_kernel="gaussian").test(x, y, reps=permutations, workers=1, auto=False)


if __name__ == "__main__":
    run(call)
