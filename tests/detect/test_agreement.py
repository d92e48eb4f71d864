"""The numbers of other packages for the same samples, kernel and bandwidth.

Samples are those of `benchmarks/peers/agreement.py`: normal rows (20, 3), and (15, 3) with mean 0.5, in float64; the
kernel is exp(-|x - y|² / (2 h²)) with h = 1.3 where nothing else is said. Versions are those of the run that told them:
`python -m benchmarks.agreement` tells them again.
"""

from __future__ import annotations

from typing import Literal, TypeAlias

import numpy as np
import pytest

from drift.detect import mmd_test
from tests.detect import naive

N, M, BANDWIDTH = 20, 15, 1.3
Estimator: TypeAlias = Literal["unbiased", "biased"]


def samples() -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(0)
    return rng.normal(size=(N, 3)), rng.normal(0.5, size=(M, 3))


def ours(kernel: str = "gaussian", bandwidth: float = BANDWIDTH, estimator: Estimator = "unbiased") -> float:
    found = mmd_test(
        *samples(),
        kernel=kernel,
        bandwidth=bandwidth,
        scheme="rows",
        estimator=estimator,
        permutations=99,
    )
    return found.statistic


@pytest.mark.parametrize(
    ("peer", "call", "statistic"),
    [
        ("alibi-detect 0.13.0", "MMDDrift(x, sigma=[h]).score(y)[1]", 0.08775246689527916),
        ("CapyMOA 0.15.1", "MMD(sigma=h).compare(y).statistic", 0.08775246689527905),
        ("Frouros 0.9.0", "MMD(rbf_kernel, sigma=h).compare(y).distance", 0.08775246689527905),
    ],
)
def test_the_unbiased_statistic(peer: str, call: str, statistic: float) -> None:
    """MMD² of Gretton et al. (2012), eq. 3, with h as ours."""
    assert ours() == pytest.approx(statistic, abs=1e-12), (peer, call)


def test_torchdrift() -> None:
    """0.1.0.post1, `kernel_mmd(x, y, kernel=GaussianKernel(h))`: the unbiased denominators, the diagonal not left out.

    That adds 1 / (n - 1) + 1 / (m - 1), the same for every permutation, so its p-value is that of the unbiased MMD².
    """
    assert ours() + 1 / (N - 1) + 1 / (M - 1) == pytest.approx(0.2118126172712188, abs=1e-12)


def test_hyppo() -> None:
    """0.5.2, `MMD(bias=True, gamma=1 / (2 h²)).statistic(x, y)`: a distance correlation with the labels, rescaled.

    It is 2 n² m² / N⁴ √(n m / N · MMD² / |H K H|), with the biased MMD², the Frobenius norm of the centred kernel
    matrix and N = n + m: a rising function of MMD², and the norm is the same for every permutation, so its p-value is
    that of the biased MMD². With its default, `bias=False`, matrices are centred in another way that has no such form.
    """
    x, y = samples()
    z, total = np.vstack([x, y]), N + M
    centre = np.eye(total) - 1 / total
    norm = np.linalg.norm(centre @ naive.KERNELS["gaussian"](z, z, BANDWIDTH) @ centre)
    found = 2 * N**2 * M**2 / total**4 * np.sqrt(N * M / total * ours(estimator="biased") / norm)
    assert found == pytest.approx(0.04984248307357627, abs=1e-12)


@pytest.mark.parametrize(
    ("kernel", "bandwidth", "scale", "statistic"),
    [
        ("gaussian", 0.6479064530616757, np.sqrt(0.5), 0.04610554591476959),
        ("laplacian", 1.0603288309647547, 1.0, 0.049558304722892514),
    ],
)
def test_mmdagg(kernel: str, bandwidth: float, scale: float, statistic: float) -> None:
    """kerneltests 0.0.1, `two_sample(x, y, method="mmdagg")`, the fourth bandwidth of each kernel.

    The unbiased MMD²; its Gaussian is exp(-|x - y|² / h²), so its bandwidth is √2 of ours.
    """
    assert ours(kernel, bandwidth * scale) == pytest.approx(statistic, abs=1e-12)


@pytest.mark.parametrize(
    ("kernel", "bandwidth", "scale", "statistic"),
    [
        ("gaussian", 2.7226269990696688, 1.0, 6.987645014730168),
        ("laplacian", 4.134744746597206, np.sqrt(0.5), 14.621899673155394),
    ],
)
def test_mmd_fuse(kernel: str, bandwidth: float, scale: float, statistic: float) -> None:
    """kerneltests 0.0.1, `two_sample(x, y, method="mmdfuse")`, the fourth bandwidth of each kernel.

    The unbiased MMD² times (m (m - 1))^3/2 over the Frobenius norm of the kernel matrix without its diagonal, where m
    is the smaller sample; its Laplacian is exp(-√2 |x - y|₁ / h), so its bandwidth is √2 of ours.
    """
    z = np.vstack(samples())
    norm = np.linalg.norm(naive.KERNELS[kernel](z, z, bandwidth * scale) - np.eye(N + M))
    assert ours(kernel, bandwidth * scale) * (M * (M - 1)) ** 1.5 / norm == pytest.approx(statistic, abs=1e-9)
