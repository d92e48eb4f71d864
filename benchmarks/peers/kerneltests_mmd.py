"""MMDAgg and MMD-FUSE as the package kerneltests has them in NumPy; both over ten bandwidths of each kernel."""

from typing import Any

from timing import run

KERNELS = {"gaussian": "gaussian", "20 kernels": "laplace_gaussian"}


def call(what: str, x: Any, y: Any, permutations: int) -> dict[str, float]:
    """One test; MMDAgg draws as many permutations again to find its level."""
    from kt import two_sample

    test, _, kernels = what.partition(", ")
    if test == "MMD-FUSE":
        found = two_sample(x, y, method="mmdfuse", number_permutations=permutations)
        return {"rejected": float(found.reject), "p_value": float(found.details["p_value"])}
    found = two_sample(x, y, method="mmdagg", kernel=KERNELS[kernels], B1=permutations, B2=permutations)
    return {"rejected": float(found.reject)}


if __name__ == "__main__":
    run(call, ("kerneltests", "numpy"))
