"""MMD-FUSE by its authors, on JAX, from a checkout; compiled before it is timed."""

from typing import Any

from timing import run


def call(what: str, x: Any, y: Any, permutations: int) -> dict[str, float]:
    """One test over ten bandwidths of two kernels."""
    from jax import random
    from mmdfuse import mmdfuse

    rejected, p_value = mmdfuse(x, y, random.PRNGKey(0), number_permutations=permutations, return_p_val=True)
    return {"rejected": float(rejected), "p_value": float(p_value)}


if __name__ == "__main__":
    run(call, ("jax", "jaxlib"), compiles=True)
