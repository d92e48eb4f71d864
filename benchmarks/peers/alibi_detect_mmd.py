"""alibi-detect's MMDDrift on PyTorch; its licence (BSL 1.1) does not allow production use."""

from typing import Any

from timing import run


def call(what: str, x: Any, y: Any, permutations: int) -> dict[str, float]:
    """One test."""
    from alibi_detect.cd import MMDDrift

    found = MMDDrift(x, backend="pytorch", n_permutations=permutations).predict(y)["data"]
    return {"statistic": float(found["distance"]), "p_value": float(found["p_val"])}


if __name__ == "__main__":
    run(call, ("alibi-detect", "torch"))
