"""alibi-detect's MMDDrift on PyTorch; its licence (BSL 1.1) does not allow production use."""

from typing import Any

from timing import run


def call(what: str, x: Any, y: Any, permutations: int) -> object:
    """One test."""
    from alibi_detect.cd import MMDDrift

    return MMDDrift(x, backend="pytorch", n_permutations=permutations).predict(y)


if __name__ == "__main__":
    run(call)
