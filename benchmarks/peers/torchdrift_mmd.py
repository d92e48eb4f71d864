"""TorchDrift's KernelMMDDriftDetector."""

from typing import Any

from timing import run


def call(what: str, x: Any, y: Any, permutations: int) -> object:
    """One test."""
    import torch
    import torchdrift

    detector = torchdrift.detectors.KernelMMDDriftDetector(n_perm=permutations, return_p_value=True)
    detector.fit(torch.as_tensor(x))
    return detector(torch.as_tensor(y))


if __name__ == "__main__":
    run(call)
