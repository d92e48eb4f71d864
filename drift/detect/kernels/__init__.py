"""Kernels: how alike two rows are. To add one: its file here, and its import line below."""

from drift.detect.kernels.gaussian import Gaussian as Gaussian
from drift.detect.kernels.inverse_multiquadric import InverseMultiquadric as InverseMultiquadric
from drift.detect.kernels.laplacian import Laplacian as Laplacian
from drift.detect.kernels.protocol import Kernel as Kernel
from drift.detect.kernels.protocol import Metric as Metric
from drift.detect.kernels.rational_quadratic import RationalQuadratic as RationalQuadratic

KERNELS: dict[str, Kernel] = {
    str(found.name): found()  # type: ignore[attr-defined]
    for found in list(vars().values())
    if isinstance(found, type) and hasattr(found, "shrink")
}
"""Every kernel of this folder by its name, as the command line and `kernel="..."` call it."""
