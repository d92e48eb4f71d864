"""MMDAgg by its authors, on NumPy, from a checkout."""

from typing import Any

from timing import run

KERNELS = {"gaussian": "gaussian", "20 kernels": "laplace_gaussian"}


def call(what: str, x: Any, y: Any, permutations: int) -> dict[str, float]:
    """One test over ten bandwidths; it draws as many permutations again to find its level."""
    from mmdagg.np import mmdagg

    return {"rejected": float(mmdagg(x, y, kernel=KERNELS[what], B1=permutations, B2=permutations))}


if __name__ == "__main__":
    run(call, ("numpy", "scipy"))
