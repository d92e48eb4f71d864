"""TorchDrift's KernelMMDDriftDetector."""

from typing import Any

from timing import run


def call(what: str, x: Any, y: Any, permutations: int) -> dict[str, float]:
    """One test."""
    import torch
    import torchdrift

    detector = torchdrift.detectors.KernelMMDDriftDetector(n_perm=permutations, return_p_value=True)
    detector.fit(torch.as_tensor(x))
    p_value = detector(torch.as_tensor(y))
    return {"p_value": float(p_value)}


if __name__ == "__main__":
    run(call, ("torchdrift", "torch"))
