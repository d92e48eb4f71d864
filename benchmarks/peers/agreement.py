"""The statistics of one peer for two small fixed samples, in float64; run by `python -m benchmarks.agreement`."""

import json
from collections.abc import Callable, Iterator
from importlib.metadata import version
from typing import Any

import numpy as np
from timing import options

N, M, FEATURES, BANDWIDTH, SHIFT = 20, 15, 3, 1.3, 0.5
Found = Iterator[dict[str, Any]]


def samples() -> tuple[Any, Any]:
    """Normal rows (20, 3), and (15, 3) with mean 0.5."""
    rng = np.random.default_rng(0)
    return rng.normal(size=(N, FEATURES)), rng.normal(SHIFT, size=(M, FEATURES))


def alibi_detect(x: Any, y: Any) -> Found:
    """`sigma` is h of exp(-|x - y|² / (2 h²))."""
    from alibi_detect.cd import MMDDrift

    detector = MMDDrift(x, backend="pytorch", sigma=np.asarray([BANDWIDTH]), n_permutations=20)
    yield {"call": "MMDDrift(x, sigma=[h]).score(y)[1]", "statistic": float(detector._detector.score(y)[1])}


def torchdrift(x: Any, y: Any) -> Found:
    """`lengthscale` is h."""
    import torch
    from torchdrift.detectors.mmd import GaussianKernel, kernel_mmd

    found = kernel_mmd(torch.as_tensor(x), torch.as_tensor(y), n_perm=None, kernel=GaussianKernel(BANDWIDTH))
    yield {"call": "kernel_mmd(x, y, kernel=GaussianKernel(h))", "statistic": float(found)}


def hyppo(x: Any, y: Any) -> Found:
    """`gamma` is 1 / (2 h²), of the labels' kernel, too."""
    from hyppo.ksample import MMD

    for bias in (True, False):
        found = MMD(bias=bias, gamma=1 / (2 * BANDWIDTH**2)).statistic(x, y)
        yield {"call": f"MMD(bias={bias}, gamma=1 / (2 h²)).statistic(x, y)", "statistic": float(found)}


def frouros(x: Any, y: Any) -> Found:
    """`sigma` is h."""
    from functools import partial

    from frouros.detectors.data_drift import MMD
    from frouros.utils.kernels import rbf_kernel

    detector = MMD(kernel=partial(rbf_kernel, sigma=BANDWIDTH))
    detector.fit(X=x)
    yield {
        "call": "MMD(rbf_kernel, sigma=h).compare(y).distance",
        "statistic": float(detector.compare(X=y)[0].distance),
    }


def capymoa(x: Any, y: Any) -> Found:
    """`sigma` is h."""
    from capymoa_mmd import find_java

    find_java()
    from capymoa.drift.detectors import MMD

    detector = MMD(window_size=len(y), sigma=BANDWIDTH)
    detector.fit(x)
    yield {"call": "MMD(sigma=h).compare(y).statistic", "statistic": float(detector.compare(y).statistic)}


def kerneltests(x: Any, y: Any) -> Found:
    """Bandwidths are its own; the first of each kernel is told with its statistic."""
    from kt import two_sample

    for method, draws in (("mmdagg", {"B1": 20, "B2": 20}), ("mmdfuse", {"number_permutations": 20})):
        found = two_sample(x, y, method=method, **draws).details
        for kernel in ("gaussian", "laplace"):
            at = found["kernel"].index(kernel) + 3
            one = {"kernel": kernel, "bandwidth": float(found["bandwidth"][at])}
            yield {"call": f"two_sample(x, y, {method}), {kernel}"} | one | {"statistic": float(found["mmd"][at])}


PEERS: dict[str, Callable[[Any, Any], Found]] = {
    "alibi-detect": alibi_detect,
    "torchdrift": torchdrift,
    "hyppo": hyppo,
    "frouros": frouros,
    "capymoa": capymoa,
    "kerneltests": kerneltests,
}

if __name__ == "__main__":
    peer = options()["peer"]
    print(json.dumps({"version": version(peer), "statistics": list(PEERS[peer](*samples()))}))
